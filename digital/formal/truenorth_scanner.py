"""What the scanner of a TrueNorth core promises: every synaptic event of a tick, once, in order, and no other.

    scan  of one neuron and one axon, chosen by the solver and so standing for all: in every scan the neurons are
          issued 0, 1, ... N - 1, each with one first and one last issue; between those, the event is issued once where
          there is a synapse and the axon is active, and not at all otherwise; after it come greater axons only, over
          the issues and over the lanes of one; the axon types that go along are those in memory. The map of a row has
          the bits of the words that are not 0

``environment`` is what the core around it keeps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from amaranth.asserts import AnyConst
from amaranth.hdl import Assert, Assume, Cat, Const, Cover, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from digital.formal.watch import implies, look_up
from digital.truenorth.scanner import lowest
from golden.machines.truenorth import FIELDS

if TYPE_CHECKING:
    from digital.truenorth.scanner import Scanner

#: Clocks of the induction.
DEPTH = 2


class ScannerSpec(wiring.Component):
    """``scanner``, the claim about it, and by choice the lemmas for its induction. Its inputs are the solver's.

    The scheduler's active bits are a model: those of the chosen axon's word stay as they are at the start of a scan;
    what other words read is anything. ``start_active`` and ``start_words`` are taken at the start.
    """

    def __init__(self, scanner: Scanner, *, lemmas: bool = True) -> None:
        config = scanner.config
        members = scanner.signature.members.items()
        own = {
            "start_active": In(config.word),
            "start_words": In(config.words),
            "other_active": In(config.word),
        }
        super().__init__(
            {name: member for name, member in members if member.flow is In and not name.startswith("active")} | own
        )
        self.scanner, self.lemmas = scanner, lemmas

    def elaborate(self, platform: object) -> Module:
        m = Module()
        scanner, config = self.scanner, self.scanner.config
        m.submodules.scanner = scanner
        for name in self.signature.members:
            if name in scanner.signature.members:
                m.d.comb += getattr(scanner, name).eq(getattr(self, name))
        shift = (config.word - 1).bit_length()
        chosen = Signal(config.row_bits + FIELDS["axon"][0].width)
        m.d.comb += chosen.eq(AnyConst(len(chosen)))
        self.neuron, self.axon = chosen[: config.row_bits], chosen[config.row_bits :]
        self.word, self.bit = self.axon[shift:], self.axon[:shift]
        m.d.comb += Assume((self.axon < config.axons) & (self.neuron < config.neurons))
        self.environment(m)
        self.every_event_once(m)
        return m

    def environment(self, m: Module) -> None:
        """What the scanner may rely on: a scan at a time, the host in between, active bits that stay."""
        scanner, config = self.scanner, self.scanner.config
        accessed = Signal(reset_less=True)
        m.d.sync += accessed.eq(scanner.host)
        host_word = scanner.host_row[: config.word_bits]
        m.d.comb += [
            Assume(implies(scanner.start, ~scanner.scanning & ~scanner.host)),
            Assume(implies(scanner.host, ~scanner.scanning & ~accessed)),
            Assume(scanner.host_row < config.neurons << config.word_bits),
            Assume(implies(Const(config.word_bits > 0), host_word < config.words)),
        ]
        self.active, self.words, given = Signal(config.word), Signal(config.words), Signal(config.word)
        with m.If(scanner.start):
            m.d.sync += [self.active.eq(self.start_active), self.words.eq(self.start_words)]
        with m.If(scanner.enable):
            m.d.sync += given.eq(Mux(scanner.word == self.word, self.active, self.other_active))
        m.d.comb += [scanner.active.eq(given), scanner.active_words.eq(self.words)]
        some = self.start_active.bit_select(self.bit, 1)
        m.d.comb += Assume(implies(some, self.start_words.bit_select(self.word, 1)))
        if self.lemmas:
            here = self.active.bit_select(self.bit, 1)
            m.d.comb += Assert(implies(here, self.words.bit_select(self.word, 1)), "lemma: an active word")

    def every_event_once(self, m: Module) -> None:
        scanner, config, n, w, b = self.scanner, self.scanner.config, self.neuron, self.word, self.bit
        synapses = look_up(m, scanner.crossbar.memory, Cat(w[: config.word_bits], n))
        mapped = look_up(m, scanner.map.memory, n).bit_select(w, 1)
        low = look_up(m, scanner.types_low.memory, w).bit_select(b, 1)
        high = look_up(m, scanner.types_high.memory, w).bit_select(b, 1)
        should = synapses.bit_select(b, 1) & self.active.bit_select(b, 1)

        # ---- rows: every one, in order, with one first and one last issue --------------------------------------------
        row, opened = Signal(range(config.neurons + 1), init=config.neurons), Signal()
        with m.If(scanner.start):
            m.d.sync += [row.eq(0), opened.eq(0)]
        with m.If(scanner.issue):
            m.d.sync += [opened.eq(~scanner.last), row.eq(row + scanner.last)]
        m.d.comb += [
            Assert(implies(scanner.issue, (scanner.row == row) & (scanner.first == ~opened)), "scan: rows in order"),
            Assert(implies(~scanner.scanning, (row == config.neurons) & ~opened), "scan: every row"),
        ]

        # ---- words behind the stages that do not keep their number ---------------------------------------------------
        read_word, pending_word = Signal.like(scanner.word, name="read_word"), Signal.like(scanner.word, name="p_word")
        take = ~scanner.waiting | (scanner.issue & self.exhausted())
        visit_on = ~scanner.read | take
        with m.If(visit_on):
            m.d.sync += read_word.eq(scanner.word)
        with m.If(take):
            m.d.sync += pending_word.eq(read_word)

        # ---- the event -----------------------------------------------------------------------------------------------
        lanes, rest = [], scanner.pending
        for k in range(config.lanes):
            lane = Signal(config.word, name=f"expected_lane_{k}")
            m.d.comb += lane.eq(lowest(rest))
            lanes.append(lane)
            rest = rest & ~lane
        mine = scanner.issue & (scanner.waiting_row == n)
        in_word = mine & (pending_word == w)
        taken = in_word & Cat(lane.bit_select(b, 1) for lane in lanes).any()
        seen, delivered, beyond = Signal(), Signal(), Signal()
        above = Signal(config.word)
        m.d.comb += above.eq(~((Const(2, config.word + 1) << b) - 1)[: config.word])
        greater = (
            mine
            & Cat(lane.any() for lane in lanes).any()
            & ((pending_word > w) | ((pending_word == w) & Cat((lane & above).any() for lane in lanes).any()))
        )
        reads = scanner.visiting & visit_on & (scanner.visit_row == n) & scanner.visit.any() & (scanner.word == w)
        with m.If(scanner.start):
            m.d.sync += [seen.eq(0), delivered.eq(0), beyond.eq(0)]
        with m.Else():
            m.d.sync += [seen.eq(seen | reads), delivered.eq(delivered | taken), beyond.eq(beyond | greater)]
        m.d.comb += [
            Assert(implies(taken, should & ~delivered), "scan: once, and only where it should be"),
            Assert(implies(mine & scanner.last, (delivered | taken) == should), "scan: in its row"),
            Assert(implies(taken, ~beyond), "scan: ascending axons"),
        ]
        issued, was_taken = Signal(), Signal()
        m.d.sync += [issued.eq(scanner.issue), was_taken.eq(taken)]
        outputs = [getattr(scanner, f"lane_{k}") for k in range(config.lanes)]
        for k, (output, expected) in enumerate(zip(outputs, lanes, strict=True)):
            before = Signal(config.word, name=f"before_{k}")
            m.d.sync += before.eq(expected)
            m.d.comb += Assert(implies(issued, output == before), "scan: lanes")
            if k:
                ordered = (outputs[k - 1] < output) & outputs[k - 1].any()
                m.d.comb += Assert(implies(issued & output.any(), ordered), "scan: ascending lanes")
        types = (scanner.low.bit_select(b, 1) == low) & (scanner.high.bit_select(b, 1) == high)
        m.d.comb += Assert(implies(was_taken, types), "scan: types")
        fresh = scanner.mapping & (scanner.map_row == n) & (scanner.map_word == w)
        m.d.comb += Assert(implies(~fresh, mapped == synapses.any()), "scan: map")
        m.d.comb += [
            Cover(taken & (row == 1), "an event of the second row"),
            Cover(mine & scanner.last & ~should & (row == 1), "a row without it"),
            Cover(taken & beyond.any() | (taken & (w == 1)), "an event of the second word"),
            Cover(scanner.waiting & ~scanner.go & scanner.read, "held up"),
        ]
        if self.lemmas:
            self.half_way(
                m, row, opened, read_word, pending_word, seen, delivered, beyond, should, mapped, low, high, fresh
            )

    def exhausted(self) -> Value:
        """Nothing of the pending word is left after this issue."""
        rest = self.scanner.pending
        for _ in range(self.scanner.config.lanes):
            rest = rest & (rest - 1)[: len(rest)]
        return rest == 0

    def half_way(
        self,
        m: Module,
        row: Signal,
        opened: Signal,
        read_word: Signal,
        pending_word: Signal,
        seen: Signal,
        delivered: Signal,
        beyond: Signal,
        should: Value,
        mapped: Value,
        low: Value,
        high: Value,
        fresh: Value,
    ) -> None:
        """Lemmas: which row and which word each stage holds, and where the event is."""
        s, n, w, b, config = self.scanner, self.neuron, self.word, self.bit, self.scanner.config
        due = mapped & self.words.bit_select(w, 1)
        # Rows of the stages, counted from the one that is issued.
        waiting_ends, read_ends = s.waiting & s.pending_last, s.read & s.read_last
        read_row = Signal(range(config.neurons + 5))
        visit_row, mapped_row, fetch_row = (
            Signal.like(read_row, name=f"due_{k}") for k in ("visit", "mapped", "fetch")
        )
        m.d.comb += [
            read_row.eq(row + waiting_ends),
            visit_row.eq(read_row + read_ends),
            mapped_row.eq(visit_row + s.visiting),
            fetch_row.eq(mapped_row + s.mapped),
        ]
        in_visit = s.visiting & (s.visit_row == n)
        in_read = s.read & (s.read_row == n) & (read_word == w) & ~s.nothing
        in_pending = s.waiting & (s.waiting_row == n) & (pending_word == w)
        pending = s.pending.bit_select(b, 1)
        to_come = in_visit & s.visit.bit_select(w, 1)
        ahead = in_read | (in_pending & pending)
        lemmas = {
            "rows": implies(s.waiting, s.waiting_row == row)
            & implies(s.read, s.read_row == read_row)
            & implies(s.visiting, s.visit_row == visit_row)
            & implies(s.mapped, s.mapped_row == mapped_row)
            & implies(s.fetching, s.fetch_row == fetch_row)
            & implies(~s.fetching, (fetch_row == config.neurons) & (s.fetch_row == 0))
            & (row <= config.neurons)
            & (fetch_row + s.fetching <= config.neurons),
            "first": implies(s.waiting, s.pending_first == ~opened)
            & implies(s.read, s.read_first == Mux(s.waiting, s.pending_last, ~opened))
            & implies(s.visiting, s.visit_first == Mux(s.read, s.read_last, Mux(s.waiting, s.pending_last, ~opened))),
            "more to come": implies(s.waiting & ~s.pending_last, s.read | s.visiting)
            & implies(s.read & ~s.read_last, s.visiting)
            & implies(opened & ~s.waiting, s.read | s.visiting)
            & implies(s.visiting & ~s.visit_first, s.visit.any())
            & implies(s.read & s.nothing, s.read_last & s.read_first),
            "map in the stage": implies(s.mapped & (s.mapped_row == n), s.map.data.bit_select(w, 1) == mapped),
            "map before it is written": implies(s.mapping & (s.map_row == n), s.map.data.bit_select(w, 1) == mapped)
            | fresh,
            "host": implies(s.mapping, ~s.mapped & ~s.visiting & ~s.read & ~s.waiting),
            "word to visit": implies(in_visit, s.visit.bit_select(w, 1) == (due & ~seen)),
            "not before its row": implies((visit_row <= n) & ~in_visit, ~seen),
            "not after its row": implies(s.scanning & (visit_row > n), seen | ~due),
            "word read": implies(
                in_read,
                (s.crossbar.data.bit_select(b, 1) & s.active.bit_select(b, 1) == should)
                & (s.types_low.data.bit_select(b, 1) == low)
                & (s.types_high.data.bit_select(b, 1) == high),
            ),
            "word pending": implies(in_pending & pending, should & ~delivered)
            & implies(in_pending & pending, s.pending_low.bit_select(b, 1) == low)
            & implies(in_pending & pending, s.pending_high.bit_select(b, 1) == high),
            "event": implies(s.scanning & seen & should & ~delivered, ahead)
            & implies(s.scanning & delivered, should & seen & ~ahead)
            & implies(in_read, seen & ~delivered & ~(in_pending & pending)),
            "after its row": implies(s.scanning & (row > n), delivered == should),
            "lower words first": implies(
                to_come,
                ~beyond
                & implies(s.read & (s.read_row == n) & ~s.nothing, read_word < w)
                & implies(s.waiting & (s.waiting_row == n), (pending_word < w) | (s.pending == 0)),
            ),
            "lower words before": implies(
                in_read, ~beyond & implies(s.waiting & (s.waiting_row == n), (pending_word < w) | (s.pending == 0))
            ),
            "lower bits first": implies(in_pending & pending, ~beyond),
            "not beyond before": implies((row < n) | ((row == n) & ~s.waiting & ~opened), ~beyond & ~delivered),
        }
        m.d.comb += [Assert(truth, f"lemma: {text}") for text, truth in lemmas.items()]
