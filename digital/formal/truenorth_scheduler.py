"""What the scheduler of a TrueNorth core promises: no arriving spike is lost, and none is invented.

    schedule  of one axon and one slot, chosen by the solver and so standing for all: the axon is active in the tick
              that reads the slot if and only if a spike for both was accepted, or the host set the bit, since the slot
              was last read; also where arrivals, copy and clearing coincide. ``merged`` tells when a spike met another,
              ``conflict`` when one came with t = 15, which sets nothing

``environment`` is what the core around it keeps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from amaranth.asserts import AnyConst
from amaranth.hdl import Assert, Assume, Cat, Cover, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from digital.formal.watch import implies, look_up
from digital.truenorth.scheduler import SLOT_BITS
from golden.machines.truenorth import FIELDS, LARGEST_DELAY

if TYPE_CHECKING:
    from digital.truenorth.scheduler import Scheduler

#: Clocks of the induction: an arrival's row is read, then written.
DEPTH = 3


class SchedulerSpec(wiring.Component):
    """``scheduler``, the claim about it, and by choice the lemmas for its induction. Its inputs are the solver's."""

    def __init__(self, scheduler: Scheduler, *, lemmas: bool = True) -> None:
        members = scheduler.signature.members.items()
        super().__init__({name: member for name, member in members if member.flow is In})
        self.scheduler, self.lemmas = scheduler, lemmas

    def elaborate(self, platform: object) -> Module:
        m = Module()
        scheduler, config = self.scheduler, self.scheduler.config
        m.submodules.scheduler = scheduler
        for name, member in scheduler.signature.members.items():
            if member.flow is In:
                m.d.comb += getattr(scheduler, name).eq(getattr(self, name))
        shift = (config.word - 1).bit_length()
        chosen = Signal(SLOT_BITS + FIELDS["axon"][0].width)
        m.d.comb += chosen.eq(AnyConst(len(chosen)))
        self.slot, self.axon = chosen[:SLOT_BITS], chosen[SLOT_BITS:]
        self.word, self.bit = self.axon[shift:], self.axon[:shift]
        m.d.comb += Assume(self.axon < config.axons)
        self.my_row = Signal.like(scheduler.row, name="my_row")
        m.d.comb += self.my_row.eq(Cat(self.word[: config.word_bits], self.slot))
        self.environment(m)
        self.nothing_lost(m)
        return m

    def environment(self, m: Module) -> None:
        """What the scheduler may rely on: ticks, host and clearing one at a time, and none while an arrival is set."""
        scheduler = self.scheduler
        others = (scheduler.begin, scheduler.host, scheduler.clear)
        idle = ~(scheduler.copying | scheduler.pending)
        m.d.comb += [
            Assume(implies(Cat(*others).any() | scheduler.set_now, idle)),
            *(Assume(~(a & b)) for k, a in enumerate(others) for b in others[k + 1 :]),
            Assume(~(scheduler.set_now & (scheduler.begin | scheduler.arrive_valid))),
        ]

    def nothing_lost(self, m: Module) -> None:
        scheduler, config = self.scheduler, self.scheduler.config
        t_bits = FIELDS["t"][0].width
        t, axon = self.arrive_packet[:t_bits], self.arrive_packet[t_bits:]
        taken = self.arrive_valid & scheduler.arrive_ready
        lands = Signal(SLOT_BITS)
        m.d.comb += lands.eq(scheduler.now + 1 + t)
        mine = taken & (t <= LARGEST_DELAY) & (lands == self.slot) & (axon == self.axon)
        ours = self.row == self.my_row
        upcoming = Signal(SLOT_BITS)
        m.d.comb += upcoming.eq(scheduler.now + 1)
        reads_mine = scheduler.begin & (upcoming == self.slot)

        # due: the axon is to be active when the slot is read; want: what the tick that reads it must find.
        due, want = Signal(reset_less=True), Signal(reset_less=True)
        known, begun = Signal(), Signal()
        with m.If(scheduler.clear & ours):
            m.d.sync += [due.eq(0), known.eq(1)]
        with m.Elif(scheduler.host & scheduler.host_write & ours):
            m.d.sync += due.eq(scheduler.host_data.bit_select(self.bit, 1))
        with m.Elif(reads_mine):
            m.d.sync += [want.eq(due), due.eq(0), begun.eq(known)]
        with m.Elif(mine):
            m.d.sync += due.eq(1)
        with m.If((scheduler.begin & ~reads_mine) | scheduler.set_now):
            m.d.sync += begun.eq(0)

        active = look_up(m, scheduler.bits, self.word).bit_select(self.bit, 1)
        any_active = scheduler.active_words.bit_select(self.word, 1)
        found = begun & ~scheduler.copying
        m.d.comb += [
            Assert(implies(found, active == want), "schedule: active as it was due"),
            Assert(implies(found & want, any_active), "schedule: its word is active"),
            Assert(scheduler.conflict == (taken & (t > LARGEST_DELAY)), "schedule: conflict"),
            Assert(implies(scheduler.begin | scheduler.copies | scheduler.copied, ~taken), "schedule: arrivals wait"),
        ]

        stored = look_up(m, scheduler.slots, self.my_row).bit_select(self.bit, 1)
        here = (scheduler.arrival_row == self.my_row) & (scheduler.arrival_bit == self.bit)
        coming = (scheduler.reading | scheduler.setting) & here
        met, expected = Signal(), Signal()
        m.d.sync += [met.eq(scheduler.setting & here & known), expected.eq(stored)]
        m.d.comb += Assert(implies(met, scheduler.merged == expected), "schedule: merged")
        m.d.comb += [
            Cover(self.arrive_valid & scheduler.copies & (lands == self.slot) & (axon == self.axon), "while copying"),
            Cover(found & want, "active"),
            Cover(met & expected, "merged"),
            Cover(taken & scheduler.keeping, "arrival right behind the copy"),
        ]
        if not self.lemmas:
            return

        # The bit in memory is the one that is due, but for an arrival on its way, and a slot that is not cleared yet.
        word = self.word[: config.word_bits] if config.word_bits else 0
        ahead = scheduler.copies & (scheduler.copy_word <= word)
        leaving = ahead | (scheduler.copied & (scheduler.copied_word == word))
        uncleared = begun & leaving
        kept = scheduler.keeping & (scheduler.kept_word == word)
        data = scheduler.data.bit_select(self.bit, 1)
        row_here = scheduler.arrival_row == self.my_row
        m.d.comb += [
            Assert(implies(known & uncleared, (stored == want) & ~due), "lemma: not cleared yet"),
            Assert(implies(known & ~uncleared & ~coming, stored == due), "lemma: as it is due"),
            Assert(implies(known & coming, due), "lemma: on its way"),
            Assert(implies(known & scheduler.setting & row_here, data == stored), "lemma: read before it is written"),
            Assert(implies(begun & scheduler.copied & (scheduler.copied_word == word), data == want), "lemma: copied"),
            Assert(implies(begun & kept, scheduler.kept.bit_select(self.bit, 1) == want), "lemma: kept"),
            Assert(implies(begun & ~leaving & ~kept, active == want), "lemma: in the active bits"),
            Assert(implies(begun & ~leaving & ~kept & want, any_active), "lemma: in the active words"),
            Assert(implies(begun, known & (scheduler.now == self.slot)), "lemma: the slot's own tick"),
            Assert(
                implies(known & scheduler.copying & (scheduler.now == self.slot), begun), "lemma: the tick is followed"
            ),
            Assert(implies(begun, ~coming), "lemma: nobody arrives in the slot that is read"),
            Assert(
                implies(scheduler.copying, ~scheduler.reading & ~scheduler.setting | scheduler.keeping), "lemma: alone"
            ),
            Assert(
                implies(scheduler.copies | scheduler.copied, ~(scheduler.reading | scheduler.setting)), "lemma: alone"
            ),
            Assert(~(scheduler.reading & scheduler.setting), "lemma: one arrival at a time"),
            Assert(implies(scheduler.copies, scheduler.copy_word < config.words), "lemma: words"),
            Assert(
                implies(scheduler.copied & scheduler.copies, scheduler.copied_word + 1 == scheduler.copy_word),
                "lemma: word after word",
            ),
            Assert(
                implies(scheduler.copied & ~scheduler.copies, scheduler.copied_word == config.words - 1),
                "lemma: the last word",
            ),
            Assert(
                implies(scheduler.keeping & scheduler.copied, scheduler.kept_word + 1 == scheduler.copied_word),
                "lemma: word after word",
            ),
            Assert(implies(scheduler.copies & (scheduler.copy_word != 0), scheduler.copied), "lemma: no word left out"),
            Assert(
                implies(scheduler.copied & (scheduler.copied_word != 0), scheduler.keeping), "lemma: no word left out"
            ),
            Assert(implies(scheduler.copies & (scheduler.copy_word == 0), ~scheduler.copied), "lemma: from the first"),
            Assert(
                implies(scheduler.copied & (scheduler.copied_word == 0), ~scheduler.keeping), "lemma: from the first"
            ),
            Assert(
                implies(scheduler.keeping & ~scheduler.copied, scheduler.kept_word == config.words - 1),
                "lemma: the last word",
            ),
        ]
