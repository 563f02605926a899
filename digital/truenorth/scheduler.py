"""The scheduler of a TrueNorth core: 16 slots of one bit an axon, and the bits of the slot that is being worked on.

A spike that arrives with field t is active in tick now + 1 + t. The tick after ``now`` begins with ``begin``: the slot
is copied, word by word, to the active bits that the scanner reads, and cleared behind. Arrivals wait meanwhile, and
for the two clocks in which another one is set; none is lost. t = 15 would be the slot that is read in this very tick:
it cannot be kept, and raises ``conflict``.
"""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from digital.truenorth.config import ARRIVAL_BITS, HOST_BITS, CoreConfig
from golden.machines.truenorth import FIELDS, LARGEST_DELAY, SLOTS

SLOT_BITS = (SLOTS - 1).bit_length()


class Scheduler(wiring.Component):
    """Slots of ``config.axons`` bits.

    arrive_*      spikes: t in the lowest bits, the axon above; taken in one clock of three at most
    begin         start of a tick, while idle; ``copying`` until all active bits are there
    active_words  which words of the active bits have any
    word, enable  read ``active``, as the output of a block RAM
    pending       an accepted arrival is not in its slot yet: no tick may begin
    host_*        the host reads and writes slots; only while idle
    clear         write 0 to the row ``clear_row``
    conflict, merged  pulses: an arrival that cannot be kept; one that met another
    """

    def __init__(self, config: CoreConfig) -> None:
        self.config = config
        rows = SLOTS << config.word_bits
        word_bits = max(1, config.word_bits)
        super().__init__(
            {
                "arrive_valid": In(1),
                "arrive_ready": Out(1),
                "arrive_packet": In(ARRIVAL_BITS),
                "begin": In(1),
                "copying": Out(1),
                "pending": Out(1),
                "active_words": Out(config.words),
                "word": In(word_bits),
                "enable": In(1),
                "active": Out(config.word),
                "now": Out(SLOT_BITS, init=SLOTS - 1),
                "set_now": In(1),
                "clear": In(1),
                "row": In(range(rows)),
                "host": In(1),
                "host_write": In(1),
                "host_data": In(HOST_BITS),
                "data": Out(config.word),
                "conflict": Out(1),
                "merged": Out(1),
            }
        )
        self.slots = memory.Memory(shape=config.word, depth=rows, init=[], attrs={"no_rw_check": 1})
        self.bits = memory.Memory(shape=config.word, depth=1 << word_bits, init=[])
        #: An arrival on its way: its row of the slots is read, then written with one more bit.
        self.reading = Signal()
        self.setting = Signal()
        self.arrival_row = Signal(range(rows), reset_less=True)
        self.arrival_bit = Signal(range(config.word), reset_less=True)
        #: The copy: the word that is read now, the one that was read a clock ago, the one that is kept.
        self.copies = Signal()
        self.copy_word = Signal(word_bits)
        self.copied = Signal()
        self.copied_word = Signal(word_bits, reset_less=True)
        #: The word itself, and its number, a clock later still.
        self.keeping = Signal()
        self.kept_word = Signal(word_bits, reset_less=True)
        self.kept = Signal(config.word, reset_less=True)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.submodules.slots = self.slots
        m.submodules.bits = self.bits
        read = self.slots.read_port()
        write = self.slots.write_port()
        active = self.bits.read_port()
        keep = self.bits.write_port()

        def row(slot: Signal, word: Signal) -> Cat:
            return Cat(word[: config.word_bits], slot)

        # ---- an arrival, to slot now + 1 + t: its row is read in the next clock and written in the one after ---------
        t_bits = FIELDS["t"][0].width
        t, axon = self.arrive_packet[:t_bits], self.arrive_packet[t_bits:]
        shift = (config.word - 1).bit_length()
        slot = Signal(SLOT_BITS)
        taken = Signal()
        m.d.comb += [
            slot.eq(self.now + 1 + t),
            self.arrive_ready.eq(~(self.begin | self.copies | self.copied | self.reading | self.clear | self.host)),
            taken.eq(self.arrive_valid & self.arrive_ready),
            self.conflict.eq(taken & (t > LARGEST_DELAY)),
            self.pending.eq(self.reading | self.setting),
        ]
        m.d.sync += [self.reading.eq(taken & ~self.conflict), self.setting.eq(self.reading)]
        with m.If(taken):
            m.d.sync += [self.arrival_row.eq(row(slot, axon[shift:])), self.arrival_bit.eq(axon[:shift])]
        bit = Const(1, config.word) << self.arrival_bit
        m.d.sync += self.merged.eq(self.setting & (read.data & bit).any())

        # ---- a tick begins: copy and clear ---------------------------------------------------------------------------
        with m.If(self.begin):
            m.d.sync += [self.now.eq(self.now + 1), self.copies.eq(1), self.copy_word.eq(0)]
        with m.If(self.set_now):
            m.d.sync += self.now.eq(self.host_data)
        with m.If(self.copies):
            m.d.sync += self.copy_word.eq(self.copy_word + 1)
            with m.If(self.copy_word == config.words - 1):
                m.d.sync += self.copies.eq(0)
        m.d.sync += [self.copied.eq(self.copies), self.copied_word.eq(self.copy_word)]
        m.d.sync += [self.keeping.eq(self.copied), self.kept_word.eq(self.copied_word), self.kept.eq(read.data)]
        m.d.comb += self.copying.eq(self.copies | self.copied | self.keeping)
        m.d.comb += [keep.en.eq(self.keeping), keep.addr.eq(self.kept_word), keep.data.eq(self.kept)]
        for word in range(config.words):
            with m.If(self.keeping & (self.kept_word == word)):
                m.d.sync += self.active_words[word].eq(self.kept.any())

        # ---- the ports of the memories -------------------------------------------------------------------------------
        m.d.comb += [
            read.en.eq(1),
            read.addr.eq(Mux(self.host, self.row, Mux(self.copies, row(self.now, self.copy_word), self.arrival_row))),
            self.data.eq(read.data),
            active.en.eq(self.enable),
            active.addr.eq(self.word),
            self.active.eq(active.data),
        ]
        with m.If(self.clear | self.host):
            m.d.comb += [
                write.en.eq(self.clear | self.host_write),
                write.addr.eq(self.row),
                write.data.eq(Mux(self.clear, 0, self.host_data)),
            ]
        with m.Elif(self.copied):
            m.d.comb += [write.en.eq(1), write.addr.eq(row(self.now, self.copied_word)), write.data.eq(0)]
        with m.Else():
            m.d.comb += [
                write.en.eq(self.setting),
                write.addr.eq(self.arrival_row),
                write.data.eq(read.data | bit),
            ]
        return m
