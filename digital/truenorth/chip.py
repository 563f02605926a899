"""A TrueNorth chip: a grid of cores on a mesh of routers, one tick for all of them.

A tick is over when every core has updated its neurons and every packet has arrived or left the grid (``busy`` falls):
so results depend on no router's timing, and the golden chip (``golden.machines.truenorth``) is matched exactly.
Packets leave at the edges and come in there, with the hops counted as if the grid went on: grids tile to larger ones,
whose tick is over when no chip is busy.
"""

from __future__ import annotations

from functools import reduce
from operator import or_

from amaranth.hdl import Cat, ClockSignal, Instance, Module, ResetSignal, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from digital import emit
from digital.truenorth.config import HOST_BITS, CoreConfig
from digital.truenorth.mesh import Mesh
from golden.errors import SpecError

#: Name of the chip's Verilog module.
CHIP = "truenorth_chip"
#: Most cores in a direction: a packet's dx and dy reach that far.
MAX_GRID = 256


def check_grid(columns: int, rows: int) -> None:
    """SpecError for a grid that packets cannot cross."""
    for name, value in (("Columns", columns), ("Rows", rows)):
        if not 1 <= value <= MAX_GRID:
            raise SpecError.rule(f"{name} of a TrueNorth chip", f"1 to {MAX_GRID}", value)


class TrueNorthChip(wiring.Component):
    """``columns`` x ``rows`` cores (see ``check_grid``) of ``config``.

    Core c lies at column c % columns, row c // columns; row 0 is in the south.

    host_*, answer_*   as of a core, with ``host_core`` for which
    tick, busy         with busy low: the next tick begins in every core
    overrun            a tick was asked for while busy; until a ``status`` is written. conflict: that of any core
    west_in_r, ...     the edges of the mesh, streams of packets in and out
    retire_c_*         the retire port of core c, where ``config.retire``

    The cores are instances of one module, so that synthesis has to do it once.
    """

    def __init__(self, columns: int, rows: int, config: CoreConfig) -> None:
        self.columns, self.rows, self.config = columns, rows, config
        self.cores = columns * rows
        self.mesh = Mesh(columns, rows)
        self.edges = {
            name: member for name, member in self.mesh.signature.members.items() if "_in_" in name or "_out_" in name
        }
        super().__init__(
            {
                "host_valid": In(1),
                "host_ready": Out(1),
                "host_write": In(1),
                "host_core": In(range(max(2, self.cores))),
                "host_address": In(config.address_bits),
                "host_data": In(HOST_BITS),
                "answer_valid": Out(1),
                "answer_data": Out(HOST_BITS),
                "tick": In(1),
                "busy": Out(1),
                "overrun": Out(1),
                "conflict": Out(1),
                **self.edges,
                **{
                    f"retire_{core}_{name.removeprefix('retire_')}": member
                    for core in range(self.cores)
                    for name, member in config.ports.items()
                    if name.startswith("retire_")
                },
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, mesh = self.config, self.mesh
        m.submodules.mesh = mesh
        for name, member in self.edges.items():
            mine, inner = getattr(self, name), getattr(mesh, name)
            m.d.comb += inner.eq(mine) if member.flow is In else mine.eq(inner)

        begin = Signal()
        m.d.comb += begin.eq(self.tick & ~self.busy)
        outputs: dict[str, list[Signal]] = {}
        for core in range(self.cores):
            chosen = self.host_core == core
            given = {
                "host_valid": self.host_valid & chosen,
                "host_write": self.host_write,
                "host_address": self.host_address,
                "host_data": self.host_data,
                "tick": begin,
                "send_ready": getattr(mesh, f"core_{core}_send_ready"),
                "arrive_valid": getattr(mesh, f"core_{core}_arrive_valid"),
                "arrive_packet": getattr(mesh, f"core_{core}_arrive_packet"),
            }
            taken = {}
            for name, member in config.ports.items():
                if member.flow is Out:
                    taken[name] = Signal(member.shape, name=f"core_{core}_{name}")
                    outputs.setdefault(name, []).append(taken[name])
            m.submodules[f"core_{core}"] = Instance(
                config.module,
                i_clk=ClockSignal(),
                i_rst=ResetSignal(),
                **{f"i_{name}": value for name, value in given.items()},
                **{f"o_{name}": value for name, value in taken.items()},
            )
            m.d.comb += [
                getattr(mesh, f"core_{core}_send_valid").eq(taken["send_valid"]),
                getattr(mesh, f"core_{core}_send_packet").eq(taken["send_packet"]),
                getattr(mesh, f"core_{core}_arrive_ready").eq(taken["arrive_ready"]),
            ]
            for name, value in taken.items():
                if name.startswith("retire_"):
                    m.d.comb += getattr(self, f"retire_{core}_{name.removeprefix('retire_')}").eq(value)

        any_of = {name: Cat(*outputs[name]).any() for name in ("busy", "conflict", "answer_valid")}
        chosen_ready = Cat(ready & (self.host_core == core) for core, ready in enumerate(outputs["host_ready"])).any()
        m.d.comb += [
            self.busy.eq(any_of["busy"] | ~mesh.empty),
            self.conflict.eq(any_of["conflict"]),
            self.host_ready.eq(chosen_ready),
            self.answer_valid.eq(any_of["answer_valid"]),
            self.answer_data.eq(
                reduce(
                    or_,
                    [
                        data & valid.replicate(HOST_BITS)
                        for data, valid in zip(outputs["answer_data"], outputs["answer_valid"], strict=True)
                    ],
                )
            ),
        ]
        status = self.host_address[config.index_bits :] == config.regions["status"].number
        with m.If(self.host_valid & self.host_ready & self.host_write & status):
            m.d.sync += self.overrun.eq(0)
        with m.Elif(self.tick & self.busy):
            m.d.sync += self.overrun.eq(1)
        return m

    def verilog(self) -> str:
        """The chip as Verilog, module ``truenorth_chip``, with the module of its cores before it."""
        header = [f"TrueNorth chip: {self.columns} x {self.rows} cores on a mesh of routers."]
        return f"{self.config.verilog()}\n{emit.convert(self, CHIP, header)}"
