"""A memory that the pipeline works with during a tick, and the host between ticks."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Shape, ShapeLike, Value
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out


class Bank(wiring.Component):
    """``depth`` rows of ``shape``, one port to read and one to write, in block RAM.

    address, enable     read: ``data`` follows a clock later and stays while enable is low
    data                what was read, as bits; ``view`` gives it its shape
    write, write_address, write_data   the pipeline's writes
    host                the host has the ports in this clock: it reads ``host_address``, and with host_write writes
                        ``host_data`` there

    No address is read and written in one clock and then used, so that a block RAM need not order the two.
    """

    def __init__(self, shape: ShapeLike, depth: int) -> None:
        self.shape = Shape.cast(shape)
        bits = max(1, (depth - 1).bit_length())
        # A power of two: an address of another memory's row reads something, and nothing is out of bounds.
        self.memory = memory.Memory(shape=shape, depth=1 << bits, init=[], attrs={"no_rw_check": 1})
        width = self.shape.width
        super().__init__(
            {
                "address": In(bits),
                "enable": In(1, init=1),
                "data": Out(width),
                "write": In(1),
                "write_address": In(bits),
                "write_data": In(width),
                "host": In(1),
                "host_address": In(bits),
                "host_write": In(1),
                "host_data": In(width),
            }
        )

    @property
    def view(self) -> Value:
        """What was read, in the shape of the memory."""
        shape = self.memory.shape
        return shape(self.data) if hasattr(shape, "members") else Value.cast(self.data)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.memory = self.memory
        read = self.memory.read_port()
        write = self.memory.write_port()
        m.d.comb += [
            read.en.eq(self.enable | self.host),
            read.addr.eq(Mux(self.host, self.host_address, self.address)),
            self.data.eq(read.data),
            write.en.eq(self.write | (self.host & self.host_write)),
            write.addr.eq(Mux(self.host, self.host_address, self.write_address)),
            Value.cast(write.data).eq(Mux(self.host, self.host_data, self.write_data)),
        ]
        return m
