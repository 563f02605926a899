"""What a whole TrueNorth core promises beyond its blocks: it keeps their environments, and every spike leaves.

    tick    the core keeps what scheduler, scanner and pipeline rely on (``environment`` of their specifications); in a
            tick every neuron is committed once, in ascending order, before busy falls
    spikes  a spike of one neuron, chosen by the solver and so standing for all, leaves once before busy falls, as the
            packet in its memory, spikes in ascending order of the neurons; nothing else leaves, and nothing of a neuron
            whose packet has t = 15

That the scanner issues all rows in order is its own claim (``digital.formal.truenorth_scanner``), and assumed here:
what it does in a clock follows from the clocks before, in which the core has kept its environment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from amaranth.asserts import AnyConst
from amaranth.hdl import Assert, Assume, Cat, Cover, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from digital.formal.watch import implies, look_up, total
from digital.truenorth.config import NOWHERE
from golden.machines.truenorth import FIELDS

if TYPE_CHECKING:
    from digital.truenorth.core import TrueNorthCore

TickClaim = Literal["tick", "spikes"]
#: Clocks of the induction.
DEPTH = 2


class TickSpec(wiring.Component):
    """``core`` (with retire port), one of the claims, and by choice the lemmas for its induction."""

    def __init__(self, core: TrueNorthCore, claim: TickClaim, *, lemmas: bool = True) -> None:
        super().__init__({name: member for name, member in core.signature.members.items() if member.flow is In})
        self.core, self.claim, self.lemmas = core, claim, lemmas

    def elaborate(self, platform: object) -> Module:
        m = Module()
        core, config = self.core, self.core.config
        m.submodules.core = core
        for name, member in core.signature.members.items():
            if member.flow is In:
                m.d.comb += getattr(core, name).eq(getattr(self, name))
        slot_bits = len(core.queue.head)
        chosen = Signal(config.row_bits + slot_bits)
        m.d.comb += chosen.eq(AnyConst(len(chosen)))
        self.neuron, self.slot = chosen[: config.row_bits], chosen[config.row_bits :]
        m.d.comb += Assume(self.neuron < config.neurons)
        self.scanned(m)
        self.committed(m)
        if self.claim == "tick":
            self.environments(m)
        else:
            self.spikes_leave(m)
        return m

    def lemma(self, truth: Value, text: str) -> list[Assert]:
        """An assertion that the induction needs and nobody is promised."""
        return [Assert(truth, f"lemma: {text}")] if self.lemmas else []

    def scanned(self, m: Module) -> None:
        """The scanner's claim about rows."""
        scanner, neurons = self.core.scanner, self.core.config.neurons
        self.row, self.opened = Signal(range(neurons + 1), init=neurons), Signal()
        with m.If(scanner.start):
            m.d.sync += [self.row.eq(0), self.opened.eq(0)]
        with m.If(scanner.issue):
            m.d.sync += [self.opened.eq(~scanner.last), self.row.eq(self.row + scanner.last)]
        m.d.comb += [
            Assume(implies(scanner.issue, (scanner.row == self.row) & (scanner.first == ~self.opened))),
            Assume(implies(scanner.issue, self.row < neurons)),
            Assume(implies(~scanner.scanning, (self.row == neurons) & ~self.opened)),
            Assume(implies(scanner.issue, scanner.scanning)),
        ]

    def committed(self, m: Module) -> None:
        """Lemmas of both claims: what is in the pipeline are rows of this tick, in order, against credits."""
        core, config = self.core, self.core.config
        pipeline, queue, scanner = core.pipeline, core.queue, core.scanner
        stages = range(1, config.latency + 1)
        lasts = {k: pipeline.valids[k] & pipeline.lasts[k] for k in stages}
        self.in_flight = total([lasts[k] for k in stages])
        self.retired = Signal(range(config.neurons + 1), init=config.neurons)
        with m.If(scanner.start):
            m.d.sync += self.retired.eq(0)
        with m.If(pipeline.commit):
            m.d.sync += self.retired.eq(self.retired + 1)
        m.d.comb += [
            *self.lemma(
                core.credits + self.in_flight + queue.level + queue.valid + core.addressed == config.credits, "credits"
            ),
            *self.lemma(implies(core.running & ~core.started, self.retired + self.in_flight == self.row), "in flight"),
            *self.lemma(implies(~core.running | core.started, ~scanner.scanning & (self.in_flight == 0)), "idle"),
            *self.lemma(implies(~core.running | core.started, ~Cat(pipeline.valids).any()), "empty pipeline"),
            *self.lemma(implies(~core.running | core.started, self.retired == config.neurons), "all done"),
            *self.lemma(implies(~core.running | core.started, core.credits == config.credits), "all credits"),
            *self.lemma(implies(~core.running | core.started, ~core.send_valid), "all sent"),
            *self.lemma(implies(core.started, core.running), "started"),
            *self.lemma(implies(core.clearing, ~core.running), "clearing alone"),
            *self.lemma(core.clear_row < config.clear_cycles, "rows to clear"),
        ]
        for k in stages:
            behind = total([lasts[j] for j in stages if j < k]) if k > 1 else 0
            right = pipeline.rows[k] + behind + 1 == self.row
            m.d.comb += self.lemma(implies(lasts[k], right), f"row in stage {k}")
            part = pipeline.valids[k] & ~pipeline.lasts[k]
            m.d.comb += self.lemma(implies(part, pipeline.rows[k] + behind == self.row), f"part of a row in stage {k}")
            more = self.opened if k == 1 else self.opened | Cat(lasts[j] for j in stages if j < k).any()
            m.d.comb += self.lemma(implies(part, more), f"the rest of a row behind stage {k}")

    def environments(self, m: Module) -> None:
        """What the blocks rely on, word for word."""
        core, config = self.core, self.core.config
        scheduler, scanner, pipeline = core.scheduler, core.scanner, core.pipeline
        others = (scheduler.begin, scheduler.host, scheduler.clear)
        idle = ~(scheduler.copying | scheduler.pending)
        accessed = Signal(reset_less=True)
        m.d.sync += accessed.eq(scanner.host)
        in_flight = Cat(
            v & (r == self.neuron) for v, r in zip(pipeline.valids[1:], pipeline.rows[1:], strict=True)
        ).any()
        quiet = ~(Cat(pipeline.valids).any() | self.opened)
        m.d.comb += [
            Assert(implies(Cat(*others).any() | scheduler.set_now, idle), "tick: scheduler alone"),
            *(Assert(~(a & b), "tick: one at a time") for k, a in enumerate(others) for b in others[k + 1 :]),
            Assert(implies(scanner.start, ~scanner.scanning & ~scanner.host), "tick: one scan at a time"),
            Assert(implies(scanner.host, ~scanner.scanning & ~accessed), "tick: host between scans"),
            Assert(implies(scanner.scanning, ~scheduler.copying), "tick: active bits stay"),
            Assert(
                implies(scanner.issue & scanner.first & (scanner.row == self.neuron), ~in_flight),
                "tick: one update of a neuron at a time",
            ),
            Assert(implies(pipeline.host | pipeline.clear | pipeline.set_random, quiet), "tick: host between rows"),
            Assert(implies(pipeline.commit, pipeline.commit_row == self.retired), "tick: ascending"),
            Assert(implies(~core.busy, self.retired == config.neurons), "tick: every neuron"),
            Assert(
                implies(scheduler.clear, scheduler.row == core.clear_row[: len(scheduler.row)]),
                "tick: clears every row",
            ),
            *self.lemma(implies(scheduler.copying, core.started), "copy at the start"),
            *self.lemma(accessed == core.accessed, "access"),
            *self.lemma(implies(core.accessed, ~core.running | core.started), "no access in a tick"),
            Cover(~core.busy & (scheduler.now == 1), "two ticks"),
            Cover(core.send_valid & ~core.send_ready & (self.retired == config.neurons), "held up"),
        ]

    def spikes_leave(self, m: Module) -> None:
        """As in the LIF core: a slot of the queue, chosen by the solver, stands for all."""
        core, queue, pipeline, neuron = self.core, self.core.queue, self.core.pipeline, self.neuron
        bits = len(queue.head)
        from_slot = Signal()
        with m.If(queue.load):
            m.d.sync += from_slot.eq(queue.head == self.slot)
        packet = look_up(m, core.destinations.memory, neuron)
        t_bits = FIELDS["t"][0].width
        somewhere = packet[:t_bits] != NOWHERE
        # Whose spike is where: addressed holds the destination of ``addressed_neuron``, send that of ``sent_neuron``.
        addressed_neuron, sent_neuron = Signal.like(queue.neuron, name="whose"), Signal.like(queue.neuron, name="sent")
        send = ~core.send_valid | core.send_ready
        take = ~core.addressed | send
        # They came out of the chosen slot; those that did not, another choice of the solver speaks about.
        address_mine, sent_mine = Signal(), Signal()
        with m.If(take):
            m.d.sync += [addressed_neuron.eq(queue.neuron), address_mine.eq(from_slot)]
        with m.If(send):
            m.d.sync += [sent_neuron.eq(addressed_neuron), sent_mine.eq(address_mine)]
        at_address, at_send = core.addressed & address_mine, core.send_valid & sent_mine
        at_queue = queue.valid & from_slot
        fired = pipeline.commit & pipeline.commit_spike & (pipeline.commit_row == neuron)
        waits, ready, addressed, offered = (
            Signal(name=name) for name in ("waits", "at_output", "at_address", "offered")
        )
        place = Signal.like(queue.head, name="place")
        moves = waits & queue.load & (queue.head == place)
        taken = ready & take
        leaves = addressed & send
        sent = offered & core.send_ready
        m.d.sync += [
            waits.eq(fired | (waits & ~moves)),
            ready.eq(moves | (ready & ~take)),
            addressed.eq(taken | (addressed & ~send)),
            offered.eq((leaves & somewhere) | (offered & ~core.send_ready)),
        ]
        with m.If(fired):
            m.d.sync += place.eq(queue.tail)
        pending = waits | ready | addressed | offered
        mine = at_send & (sent_neuron == neuron)
        m.d.comb += [
            Assert(implies(offered, core.send_valid & (core.send_packet == packet)), "spikes: all that fired leave"),
            Assert(implies(mine, offered), "spikes: none leaves that did not fire"),
            Assert(implies(at_send & core.send_ready & pending, sent_neuron <= neuron), "spikes: ascending"),
            Assert(implies(~core.busy, ~pending & ~core.send_valid), "spikes: none is left"),
            Assert(implies(fired, ~pending), "spikes: one a tick"),
            Cover(sent, "a spike leaves"),
        ]
        row = look_up(m, queue.memory, self.slot)
        age_of_slot, age_of_place = (self.slot - queue.head)[:bits], (place - queue.head)[:bits]
        used = age_of_slot < queue.level
        stages = Cat(waits, ready, addressed, offered)
        address = core.destinations.data
        m.d.comb += [
            *self.lemma((stages & (stages - 1)[:4]) == 0, "one place"),
            *self.lemma(implies(pending, core.running & (neuron < self.retired)), "pending"),
            *self.lemma(implies(waits, age_of_place < queue.level), "in the queue"),
            *self.lemma(implies(waits, look_up(m, queue.memory, place) == neuron), "in the queue"),
            *self.lemma(implies(used & (row == neuron), waits & (place == self.slot)), "no other in the queue"),
            *self.lemma(implies(at_queue & (queue.neuron == neuron), ready), "no other at the output"),
            *self.lemma(implies(ready, queue.valid & (queue.neuron == neuron)), "at the output"),
            *self.lemma(
                implies(addressed, core.addressed & (addressed_neuron == neuron) & (address == packet)),
                "at the address",
            ),
            *self.lemma(implies(at_address & (addressed_neuron == neuron), addressed), "address"),
            *self.lemma(implies(offered, sent_neuron == neuron), "offered"),
            *self.lemma(implies(used & waits & (age_of_slot < age_of_place), row < neuron), "first in"),
            *self.lemma(implies(at_queue & waits, queue.neuron < neuron), "first out"),
            *self.lemma(implies(at_address & (waits | ready), addressed_neuron < neuron), "before it"),
            *self.lemma(implies(at_send & (waits | ready | addressed), sent_neuron < neuron), "before it"),
            *self.lemma(implies(used, row < self.retired), "committed"),
            *self.lemma(implies(at_queue, queue.neuron < self.retired), "committed"),
            *self.lemma(implies(at_address, addressed_neuron < self.retired), "committed"),
            *self.lemma(implies(at_send, sent_neuron < self.retired), "committed"),
            *self.lemma(queue.tail == (queue.head + queue.level)[:bits], "queue"),
            *self.lemma(implies(core.accessed, ~core.running | core.started), "no access in a tick"),
            *self.lemma(implies(pipeline.commit, pipeline.commit_row == self.retired), "ascending"),
        ]
