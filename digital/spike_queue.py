"""A first-in first-out queue for spikes, with one block of memory and a registered output.

Not ``amaranth.lib.fifo``: a proof about single spikes has to see the content, which the library hides.
"""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out


class SpikeQueue(wiring.Component):
    """Queue of up to ``depth`` neuron indices of ``width`` bits; ``depth`` is a power of two.

    push, push_neuron     write; there is no ready: the owner pushes only while fewer than ``depth`` spikes are inside
    valid, ready, neuron  read stream

    A spike pushed into an empty queue is valid two cycles later; throughput is one spike per clock.
    """

    def __init__(self, width: int, depth: int) -> None:
        super().__init__(
            {
                "push": In(1),
                "push_neuron": In(width),
                "valid": Out(1),
                "ready": In(1),
                "neuron": Out(width),
            }
        )
        self.depth = depth
        self.memory = memory.Memory(shape=width, depth=depth, init=[])
        #: Slots [head, head + level) of the memory wait behind the output register.
        self.level = Signal(range(depth + 1))
        self.head = Signal(range(depth))
        self.tail = Signal(range(depth))
        #: The oldest of them moves to the output register.
        self.load = Signal()

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.memory = self.memory
        # One a line: Amaranth takes the names of signals from the assignment, of pairs only in some Pythons.
        write = self.memory.write_port()
        read = self.memory.read_port()

        load = self.load
        m.d.comb += [
            write.en.eq(self.push),
            write.addr.eq(self.tail),
            write.data.eq(self.push_neuron),
            load.eq((self.level != 0) & (~self.valid | self.ready)),
            read.en.eq(load),
            read.addr.eq(self.head),
            self.neuron.eq(read.data),  # the memory's own output register: keeps its value while not enabled
        ]
        m.d.sync += [
            self.tail.eq(self.tail + self.push),
            self.head.eq(self.head + load),
            self.level.eq(self.level + self.push - load),
            self.valid.eq(Mux(self.ready, load, load | self.valid)),
        ]
        return m
