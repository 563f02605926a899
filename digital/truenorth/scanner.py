"""The scanner of a TrueNorth core: which synapses of which neuron have an event in this tick, in order.

Rows (neurons) ascending; of a row only the words that have a synapse and an active axon are read, one a clock, and of
each word the events leave from the lowest axon up, ``lanes`` of them in a clock:

    fetch    the row's map: which of its words have a synapse at all
    visit    one word after another of map & active words: crossbar, active bits and axon types are read
    take     synapses & active are the pending events
    issue    the lowest of them, as one-hot words; the last issue of a row is marked, and a row without events has one

So a row costs a clock for each word visited and one for each ``lanes`` events of a word beyond the first, at least one.
Every stage waits for the next; the last one waits for ``go``.
"""

from __future__ import annotations

from functools import reduce
from operator import or_

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from digital.truenorth.bank import Bank
from digital.truenorth.config import HOST_BITS, CoreConfig


def lowest(bits: Value) -> Value:
    """The lowest bit that is set, alone."""
    return (bits & (~bits + 1))[: len(bits)]


def at_least(bits: Value, most: int) -> list[Value]:
    """Whether at least 1, 2, ... ``most`` of the bits are set: a tree, faster than taking them away one by one."""
    if len(bits) == 1:
        return [bits]
    half = len(bits) // 2
    lower, upper = at_least(bits[:half], most), at_least(bits[half:], most)

    def both(k: int) -> list[Value]:
        """Ways in which the halves make up k + 1."""
        alone = [side[k] for side in (lower, upper) if k < len(side)]
        pairs = [lower[i] & upper[k - 1 - i] for i in range(k) if i < len(lower) and k - 1 - i < len(upper)]
        return alone + pairs

    return [reduce(or_, both(k)) for k in range(min(most, len(bits)))]


class Scanner(wiring.Component):
    """Reads the crossbar against the active bits.

    start, scanning     scan all rows; until the last issue
    active_words, word, enable, active   the scheduler's active bits, read as a block RAM
    go                  an issue may be made in this clock
    issue, row, first, last   an issue leaves in this clock: of which row, the row's first and last one
    lane_k, low, high   a clock later: the event of lane k as a one-hot word (0: none), and the word's axon types
    host_*              the host has an access in this clock, and writes the memory whose bit is set; only while idle
    <memory>_data       what it read, a clock later
    """

    def __init__(self, config: CoreConfig) -> None:
        self.config = config
        words, word = config.words, config.word
        rows = config.neurons << config.word_bits
        word_bits = max(1, config.word_bits)
        super().__init__(
            {
                "start": In(1),
                "scanning": Out(1),
                "active_words": In(words),
                "word": Out(word_bits),
                "enable": Out(1),
                "active": In(word),
                "go": In(1),
                "issue": Out(1),
                "row": Out(config.row_bits),
                "first": Out(1),
                "last": Out(1),
                **{f"lane_{k}": Out(word) for k in range(config.lanes)},
                "low": Out(word),
                "high": Out(word),
                "host": In(1),
                "host_row": In(range(rows)),
                "host_crossbar": In(1),
                "host_types_low": In(1),
                "host_types_high": In(1),
                "host_data": In(HOST_BITS),
                "crossbar_data": Out(word),
                "types_low_data": Out(word),
                "types_high_data": Out(word),
            }
        )
        self.map = Bank(words, config.neurons)
        self.crossbar = Bank(word, rows)
        self.types_low = Bank(word, words)
        self.types_high = Bank(word, words)

        #: The host has written a word of the crossbar: its bit of the row's map follows, whatever is reset.
        self.mapping = Signal(reset_less=True)
        self.map_row = Signal(config.row_bits, reset_less=True)
        self.map_word = Signal(word_bits, reset_less=True)
        self.map_some = Signal(reset_less=True)
        self.fetching = Signal()
        self.fetch_row = Signal(config.row_bits)
        #: The map of a row is there.
        self.mapped = Signal()
        self.mapped_row = Signal(config.row_bits, reset_less=True)
        #: The words of a row that are still to be read.
        self.visiting = Signal()
        self.visit_row = Signal(config.row_bits, reset_less=True)
        self.visit = Signal(words, reset_less=True)
        self.visit_first = Signal(reset_less=True)
        #: A word is there; ``nothing``: of a row that has none to visit.
        self.read = Signal()
        self.read_row = Signal(config.row_bits, reset_less=True)
        self.read_first = Signal(reset_less=True)
        self.read_last = Signal(reset_less=True)
        self.nothing = Signal(reset_less=True)
        #: Events of a word that are still to be issued.
        self.waiting = Signal()
        self.waiting_row = Signal(config.row_bits, reset_less=True)
        self.pending = Signal(word, reset_less=True)
        self.pending_first = Signal(reset_less=True)
        self.pending_last = Signal(reset_less=True)
        self.pending_low = Signal(word, reset_less=True)
        self.pending_high = Signal(word, reset_less=True)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        for name in ("map", "crossbar", "types_low", "types_high"):
            m.submodules[name] = getattr(self, name)

        # ---- issue: the lowest pending events ------------------------------------------------------------------------
        lanes, rest = [], self.pending
        for k in range(config.lanes):
            lane = Signal(config.word, name=f"lowest_{k}")
            m.d.comb += lane.eq(lowest(rest))
            lanes.append(lane)
            rest = rest & ~lane
        exhausted = Signal()
        m.d.comb += [
            exhausted.eq(~at_least(self.pending, config.lanes + 1)[config.lanes]),
            self.issue.eq(self.waiting & self.go),
            self.row.eq(self.waiting_row),
            self.first.eq(self.pending_first),
            self.last.eq(self.pending_last & exhausted),
        ]
        m.d.sync += [getattr(self, f"lane_{k}").eq(lane) for k, lane in enumerate(lanes)]
        m.d.sync += [self.low.eq(self.pending_low), self.high.eq(self.pending_high)]

        # ---- who moves on --------------------------------------------------------------------------------------------
        take, visit_on, map_on = Signal(), Signal(), Signal()
        only, onehot = Signal(), Signal(config.words)
        m.d.comb += [
            onehot.eq(lowest(self.visit)),
            only.eq(~(self.visit & ~onehot).any()),
            take.eq(~self.waiting | (self.issue & exhausted)),
            visit_on.eq(~self.read | take),
            map_on.eq(~self.visiting | (visit_on & only)),
        ]

        # ---- take ----------------------------------------------------------------------------------------------------
        with m.If(self.issue):
            m.d.sync += [self.pending.eq(rest), self.pending_first.eq(0)]
        with m.If(take):
            m.d.sync += [
                self.waiting.eq(self.read),
                self.waiting_row.eq(self.read_row),
                self.pending.eq(Mux(self.nothing, 0, self.crossbar.data & self.active)),
                self.pending_first.eq(self.read_first),
                self.pending_last.eq(self.read_last),
                self.pending_low.eq(self.types_low.data),
                self.pending_high.eq(self.types_high.data),
            ]

        # ---- visit: the number of the word from its one-hot bit ------------------------------------------------------
        number = [
            reduce(or_, [onehot[w] for w in range(config.words) if w >> bit & 1], Const(0, 1))
            for bit in range(config.word_bits)
        ]
        m.d.comb += [
            self.word.eq(Cat(*number)),
            self.enable.eq(visit_on),
            self.crossbar.enable.eq(visit_on),
            self.crossbar.address.eq(Cat(*number, self.visit_row)),
        ]
        for bank in (self.types_low, self.types_high):
            m.d.comb += [bank.enable.eq(visit_on), bank.address.eq(self.word)]
        with m.If(visit_on):
            m.d.sync += [
                self.read.eq(self.visiting),
                self.read_row.eq(self.visit_row),
                self.read_first.eq(self.visit_first),
                self.read_last.eq(only),
                self.nothing.eq(~self.visit.any()),
                self.visit.eq(self.visit & ~onehot),
                self.visit_first.eq(0),
            ]

        # ---- fetch ---------------------------------------------------------------------------------------------------
        with m.If(map_on):
            m.d.sync += [
                self.visiting.eq(self.mapped),
                self.visit_row.eq(self.mapped_row),
                self.visit.eq(self.map.data & self.active_words),
                self.visit_first.eq(1),
            ]
        fetch = Signal()
        m.d.comb += [
            fetch.eq(map_on | ~self.mapped),
            self.map.enable.eq(fetch),
            self.map.address.eq(self.fetch_row),
            self.scanning.eq(self.fetching | self.mapped | self.visiting | self.read | self.waiting),
        ]
        with m.If(fetch):
            m.d.sync += [self.mapped.eq(self.fetching), self.mapped_row.eq(self.fetch_row)]
            with m.If(self.fetching):
                m.d.sync += self.fetch_row.eq(self.fetch_row + 1)
                with m.If(self.fetch_row == config.neurons - 1):
                    m.d.sync += [self.fetching.eq(0), self.fetch_row.eq(0)]
        with m.If(self.start):
            m.d.sync += self.fetching.eq(1)

        self.host_port(m)
        return m

    def host_port(self, m: Module) -> None:
        """Crossbar and types are banks; a written word changes its bit of the row's map, which is read first."""
        config = self.config
        neuron = self.host_row[config.word_bits :]
        for name in ("crossbar", "types_low", "types_high"):
            bank = getattr(self, name)
            m.d.comb += [
                bank.host.eq(self.host),
                bank.host_address.eq(self.host_row),
                bank.host_write.eq(getattr(self, f"host_{name}")),
                bank.host_data.eq(self.host_data),
                getattr(self, f"{name}_data").eq(bank.data),
            ]
        m.d.sync += [
            self.mapping.eq(self.host & self.host_crossbar),
            self.map_row.eq(neuron),
            self.map_word.eq(self.host_row[: config.word_bits]),
            self.map_some.eq(self.host_data[: config.word].any()),
        ]
        mask = Const(1, config.words) << self.map_word
        m.d.comb += [
            self.map.host.eq(self.host),
            self.map.host_address.eq(neuron),
            self.map.write.eq(self.mapping),
            self.map.write_address.eq(self.map_row),
            self.map.write_data.eq(Mux(self.map_some, self.map.data | mask, self.map.data & ~mask)),
        ]
