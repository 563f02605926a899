"""The mesh of a TrueNorth chip: a grid of routers, with streams to the cores and over the edges."""

from __future__ import annotations

from amaranth.hdl import Cat, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from digital.truenorth.router import OPPOSITE, PAYLOAD, PORTS, REACH, Router


class Mesh(wiring.Component):
    """``columns`` x ``rows`` routers; that of core c lies at column c % columns, row c // columns, row 0 in the south.

    core_{c}_send_*    packets from core c: valid, ready, packet (dx, dy and payload: axon and t)
    core_{c}_arrive_*  what arrives for core c: valid, ready, packet (the payload)
    west_in_{r}_*, west_out_{r}_*, east_...    packets over the edges of row r; south_..., north_...: of column c
    empty              no packet is in the mesh

    A packet that leaves the grid has the hop over the edge counted: where outputs of one mesh are inputs of the next,
    packets go as in one larger mesh. Inputs at the edges take every packet, as those of cores do: dx and dy count from
    the router at the edge. One that comes from the west with dx < 0 turns around, one from the south with dx /= 0 turns
    into its row; from there on it goes x before y. That makes no deadlock, not in tiled meshes either: over an edge
    leave only packets that go straight on in the next mesh, so that in the queue of an edge nobody waits who came from
    another mesh and turns from y to x, or around.
    """

    def __init__(self, columns: int, rows: int, *, reach: int = REACH, payload: int = PAYLOAD) -> None:
        self.columns, self.rows = columns, rows
        width = 2 * reach + payload
        #: Router's port -> the ports of the mesh that it is connected to, where there is no other router.
        self.outer: dict[tuple[int, str, str], str] = {}
        self.routers: list[Router] = []
        ports: dict[str, wiring.Member] = {}
        for core in range(columns * rows):
            edges = [name for name in OPPOSITE if self.neighbour(core, name) is None]
            self.routers.append(Router(edges, reach=reach, payload=payload))
            self.outer |= {
                (core, "local", "in"): f"core_{core}_send",
                (core, "local", "out"): f"core_{core}_arrive",
            }
            for name in edges:
                line = core // columns if PORTS[name][0] else core % columns
                self.outer |= {(core, name, way): f"{name}_{way}_{line}" for way in ("in", "out")}
        for (_, name, way), prefix in self.outer.items():
            flow, back = (In, Out) if way == "in" else (Out, In)
            bits = payload if (name, way) == ("local", "out") else width
            ports |= {f"{prefix}_valid": flow(1), f"{prefix}_ready": back(1), f"{prefix}_packet": flow(bits)}
        super().__init__({**ports, "empty": Out(1)})

    def neighbour(self, core: int, port: str) -> int | None:
        """The core whose router is connected to a port of that of ``core``; None: a core, or the edge."""
        x, y = core % self.columns + PORTS[port][0], core // self.columns + PORTS[port][1]
        inside = port != "local" and 0 <= x < self.columns and 0 <= y < self.rows
        return y * self.columns + x if inside else None

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for core, router in enumerate(self.routers):
            m.submodules[f"router_{core}"] = router
            for name in PORTS:
                other = self.neighbour(core, name)
                if other is not None:
                    # What the other router sends this way.
                    source, prefix = self.routers[other], f"{OPPOSITE[name]}_out"
                    _connect(m, source, prefix, router, f"{name}_in")
        for (core, name, way), prefix in self.outer.items():
            router = self.routers[core]
            if way == "in":
                _connect(m, self, prefix, router, f"{name}_in")
            else:
                _connect(m, router, f"{name}_out", self, prefix)
        m.d.comb += self.empty.eq(Cat(router.empty for router in self.routers).all())
        return m


def _connect(m: Module, source: wiring.Component, out: str, sink: wiring.Component, into: str) -> None:
    """A stream from the ports ``out`` of one component to the ports ``into`` of another."""
    m.d.comb += [
        getattr(sink, f"{into}_valid").eq(getattr(source, f"{out}_valid")),
        getattr(sink, f"{into}_packet").eq(getattr(source, f"{out}_packet")),
        getattr(source, f"{out}_ready").eq(getattr(sink, f"{into}_ready")),
    ]
