"""What the mesh of a TrueNorth chip promises, as hardware that watches it: for all traffic, back-pressure and resets.

    once      a packet that a core or an edge sends is in one queue until it leaves, once, where the golden hops lead,
              as the golden packet after them; a router gives as many packets as it got; ``empty`` tells the truth
    order     of two packets from one source to one destination, the one sent first leaves first
    progress  no deadlock: while a packet is inside and the cores and edges take what is offered, some packet moves in
              every clock; over an edge goes only what the next mesh sends on without turning from y to x, or around
    wait      (one router) an input that asks for an output waits for one packet of each other input at most; what is
              offered is not taken back. So nobody is left waiting while others move
    blind     (one router) what a packet carries decides nothing: with the same hops and any other payloads, packets are
              offered and taken in the same clocks, with the same hops

``once`` and ``order`` follow witnesses. The solver chooses source, hops and content of two packets, and when they are
sent; tags of two bits, which the payload of the proof's mesh has beside its own, tell them from all other traffic,
which is arbitrary. As routers are ``blind``, the mesh does the same without the tags: the witnesses stand for every
packet.

Lemmas are not promised to anybody. They say where a witness may be: on its way, x before y, with the hops that are left
in its fields. They make the claims provable from any state by k-induction, and are proved along.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from itertools import combinations, pairwise
from operator import or_
from typing import TYPE_CHECKING, Any, Literal

from amaranth.asserts import AnyConst
from amaranth.hdl import Assert, Assume, Cat, Const, Cover, Module, Mux, Shape, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from digital.formal.bugs import planted
from digital.formal.watch import implies, total
from digital.truenorth import mesh as mesh_module
from digital.truenorth import router as router_module
from digital.truenorth.mesh import Mesh
from digital.truenorth.router import OPPOSITE, PAYLOAD, PORTS, REACH, Router

if TYPE_CHECKING:
    from digital.formal.question import Kind
    from digital.truenorth.router import Arbiter, PacketQueue

Claim = Literal["once", "order", "progress", "wait", "blind"]

#: Bits of a tag; the witnesses' tags, in the order in which they are sent.
TAG = 2
FIRST, SECOND = 1, 2


def any_of(bits: Iterable[Value]) -> Value:
    """Whether one of the bits is set."""
    return reduce(or_, bits, Const(0, 1))


def is_order(arbiter: Arbiter) -> Value:
    """Lemma: who goes before whom is an order; no three go before each other in a circle."""
    circles: list[Value] = []
    for i, j, k in combinations(range(arbiter.inputs), 3):
        before = Cat(arbiter.goes_before(a, b) for a, b in ((i, j), (j, k), (k, i)))
        circles += [before.all(), ~before.any()]
    return ~any_of(circles)


class Spec(wiring.Component):
    """A component, and what watches it; its inputs, and ``more``, are the solver's."""

    def __init__(
        self, watched: wiring.Component, *, lemmas: bool = True, more: Mapping[str, wiring.Member] | None = None
    ) -> None:
        members = watched.signature.members.items()
        super().__init__({name: member for name, member in members if member.flow is In} | dict(more or {}))
        self.watched, self.lemmas = watched, lemmas

    def watch(self) -> Module:
        """The module with the component in it."""
        m = Module()
        m.submodules.watched = self.watched
        for name, member in self.watched.signature.members.items():
            if member.flow is In:
                m.d.comb += getattr(self.watched, name).eq(getattr(self, name))
        return m

    def lemma(self, truth: Value, text: str) -> list[Assert]:
        """An assertion that the induction needs and nobody is promised."""
        return [Assert(truth, f"lemma: {text}")] if self.lemmas else []


class RouterSpec(Spec):
    """The claim ``wait`` about a router."""

    def elaborate(self, platform: object) -> Module:
        router: Router = self.watched
        m = self.watch()
        for out, arbiter in router.arbiters.items():
            valid, ready, packet = (getattr(router, f"{out}_out_{name}") for name in ("valid", "ready", "packet"))
            offered, before = Signal(name=f"{out}_offered"), Signal.like(packet, name=f"{out}_before")
            m.d.sync += [offered.eq(valid & ~ready), before.eq(packet)]
            m.d.comb += [
                Assert(implies(offered, valid & (packet == before)), "wait: what is offered stays"),
                self.lemma(is_order(arbiter), "an order"),
            ]
            for i, name in enumerate(router.askers[out]):
                others = arbiter.inputs - 1
                waited = Signal(range(others + 2), name=f"{out}_waited_{name}")
                served = arbiter.grant[i] & ready
                with m.If(~arbiter.asks[i] | served):
                    m.d.sync += waited.eq(0)
                with m.Elif(valid & ready & (waited <= others)):
                    m.d.sync += waited.eq(waited + 1)
                left = total([Const(0), *(arbiter.goes_before(j, i) for j in range(arbiter.inputs) if j != i)])
                m.d.comb += [
                    Assert(waited <= others, "wait: one packet of each other input at most"),
                    self.lemma(waited + left <= others, "fewer and fewer before it"),
                    Cover(served & (waited == others), f"wait: {name} to {out} after all the others"),
                ]
        return m


class TwinSpec(Spec):
    """The claim ``blind`` about a router, beside a twin whose packets differ in what they carry."""

    def __init__(self, router: Router, twin: Router, *, lemmas: bool = True) -> None:
        self.twin = twin
        payloads = {f"{name}_in_payload": In(router.payload) for name in PORTS}
        super().__init__(router, lemmas=lemmas, more=payloads)

    def elaborate(self, platform: object) -> Module:
        router, twin, payload = self.watched, self.twin, self.twin.payload
        m = self.watch()
        m.submodules.twin = twin
        for port, member in router.signature.members.items():
            mine, other = getattr(router, port), getattr(twin, port)
            if member.flow is In and port.endswith("_packet"):
                m.d.comb += other.eq(Cat(getattr(self, port.replace("packet", "payload")), mine[payload:]))
            elif member.flow is In:
                m.d.comb += other.eq(mine)
            elif port.endswith("_packet"):
                m.d.comb += Assert(mine[payload:] == other[payload:], "blind: the same hops")
            else:
                m.d.comb += Assert(mine == other, "blind: the same valid and ready")
        for name, queue in router.queues.items():
            same = twin.queues[name]
            pairs = [(queue.valid, same.valid), (queue.full, same.full)]
            pairs += [(queue.packet[payload:], same.packet[payload:]), (queue.second[payload:], same.second[payload:])]
            m.d.comb += [self.lemma(mine == other, "the same in the queues") for mine, other in pairs]
        for out, arbiter in router.arbiters.items():
            for pair, before in arbiter.before.items():
                m.d.comb += self.lemma(before == twin.arbiters[out].before[pair], "the same in the arbiters")
            m.d.comb += [self.lemma(is_order(arbiter), "an order")]
            valid, packet = getattr(router, f"{out}_out_valid"), getattr(router, f"{out}_out_packet")
            differs = packet[:payload] == ~getattr(twin, f"{out}_out_packet")[:payload]
            m.d.comb += Cover(valid & differs, f"blind: another payload to {out}")
        return m


class Witness:
    """A packet that the proof follows: sent, and left; column and row of its router in between."""

    def __init__(self, tag: int, mesh: Mesh) -> None:
        self.tag = tag
        self.sent = Signal(name=f"sent_{tag}")
        self.done = Signal(name=f"done_{tag}")
        self.x = Signal(range(mesh.columns), name=f"x_{tag}")
        self.y = Signal(range(mesh.rows), name=f"y_{tag}")
        self.inside = Signal(name=f"inside_{tag}")


class MeshSpec(Spec):
    """One of the claims about a mesh, the lowest two bits of whose payload are the tags."""

    def __init__(self, mesh: Mesh, claim: Claim, *, lemmas: bool = True) -> None:
        super().__init__(mesh, lemmas=lemmas)
        self.mesh, self.claim = mesh, claim
        router = mesh.routers[0]
        self.reach, self.payload = router.reach, router.payload

    def elaborate(self, platform: object) -> Module:
        m, mesh = self.watch(), self.mesh
        self.places = {core: (core % mesh.columns, core // mesh.columns) for core in range(len(mesh.routers))}
        self.queues: dict[tuple[int, str], PacketQueue] = {
            (core, name): queue for core, router in enumerate(mesh.routers) for name, queue in router.queues.items()
        }
        #: Router and output -> a packet passes.
        self.passes = {
            (core, out): getattr(router, f"{out}_out_valid") & getattr(router, f"{out}_out_ready")
            for core, router in enumerate(mesh.routers)
            for out in PORTS
        }
        for queue in self.queues.values():
            m.d.comb += self.lemma(implies(queue.full, queue.valid), "queue")
        for router in mesh.routers:
            m.d.comb += [self.lemma(is_order(arbiter), "an order") for arbiter in router.arbiters.values()]
        match self.claim:
            case "once":
                self.journey(m, FIRST)
                self.once(m)
            case "order":
                self.journey(m, FIRST, SECOND)
                self.in_order(m)
            case "progress":
                self.progress(m)
        return m

    # ---- the witnesses' journey, which the solver chooses ------------------------------------------------------------

    def journey(self, m: Module, *tags: int) -> None:
        """Source and destination, the way between them, and the witnesses on it."""
        mesh, reach = self.mesh, self.reach
        self.sources = {(core, name): port for (core, name, way), port in mesh.outer.items() if way == "in"}
        bits, data_bits = len(self.sources).bit_length(), self.payload - TAG
        # One AnyConst for all: Yosys makes one of two of the same width.
        chosen = Signal(bits + 2 * reach + len(tags) * data_bits)
        m.d.comb += chosen.eq(AnyConst(len(chosen)))
        source, fields, content = chosen[:bits], chosen[bits : bits + 2 * reach], chosen[bits + 2 * reach :]
        self.dx, self.dy = fields[:reach].as_signed(), fields[reach:].as_signed()
        self.is_source = {port: source == k for k, port in enumerate(self.sources)}
        m.d.comb += Assume(source < len(self.sources))

        def where(axis: int, name: str) -> Signal:
            signal = Signal(Shape(reach + 2, signed=True), name=name)
            m.d.comb += signal.eq(
                any_of(Mux(is_it, self.places[core][axis], 0) for (core, _), is_it in self.is_source.items())
            )
            return signal

        self.source_x, self.source_y = where(0, "source_x"), where(1, "source_y")
        target = {"x": self.source_x + self.dx, "y": self.source_y + self.dy}
        #: Hops to the east (north) that are left at a column (row), one beyond the edges included.
        self.left: dict[tuple[str, int], Signal] = {}
        for axis, count in (("x", mesh.columns), ("y", mesh.rows)):
            for place in range(-1, count + 1):
                signal = self.left[axis, place] = Signal(Shape(reach + 2, signed=True), name=f"left_{axis}_{place + 1}")
                m.d.comb += signal.eq(target[axis] - place)

        self.holds: dict[tuple[int, int, str], tuple[Value, Value]] = {}
        self.witnesses = [Witness(tag, mesh) for tag in tags]
        for k, witness in enumerate(self.witnesses):
            self.follow(m, witness, content[k * data_bits :][:data_bits])
        for before, after in pairwise(self.witnesses):
            for port in self.sources.values():
                m.d.comb += Assume(implies(self.tagged(port, after.tag), before.sent))

    def tagged(self, stream: str, tag: int) -> Value:
        """Whether a stream of the mesh offers the packet with a tag."""
        packet = getattr(self.mesh, f"{stream}_packet")
        return getattr(self.mesh, f"{stream}_valid") & (packet[:TAG] == tag)

    def golden_way(self, core: int) -> dict[str, Value]:
        """Output -> whether the golden hop from a router leads there (``golden.machines.truenorth.Packet.hop``)."""
        x, y = self.places[core]
        dx, dy = self.left["x", x], self.left["y", y]
        straight = dx == 0
        return {
            "local": straight & (dy == 0),
            "east": dx > 0,
            "west": dx < 0,
            "north": straight & (dy > 0),
            "south": straight & (dy < 0),
        }

    def may_wait(self, core: int, name: str) -> Value:
        """Whether the input of a router lies on the way, destination included."""
        x, y = self.places[core]
        dx, dy = self.left["x", x], self.left["y", y]
        came_x, came_y = x - self.source_x, y - self.source_y
        on_way = {
            "local": Const(0, 1),
            "west": (came_y == 0) & (came_x > 0) & (dx >= 0),
            "east": (came_y == 0) & (came_x < 0) & (dx <= 0),
            "south": (dx == 0) & (came_y > 0) & (dy >= 0),
            "north": (dx == 0) & (came_y < 0) & (dy <= 0),
        }[name]
        return on_way | self.is_source.get((core, name), Const(0, 1))

    def word(self, x: int, y: int, payload: Value) -> Value:
        """The packet with the hops that are left at (x, y)."""
        return Cat(payload, self.left["y", y][: self.reach], self.left["x", x][: self.reach])

    def follow(self, m: Module, witness: Witness, data: Value) -> None:
        """The witness from its source to where it leaves; what is asserted on the way."""
        mesh, tag = self.mesh, witness.tag
        payload = Cat(Const(tag, TAG), data)
        m.d.comb += witness.inside.eq(witness.sent & ~witness.done)
        here = {core: witness.inside & (witness.x == x) & (witness.y == y) for core, (x, y) in self.places.items()}
        for (core, name), port in self.sources.items():
            offered = self.tagged(port, tag)
            x, y = self.places[core]
            right = self.is_source[core, name] & (getattr(mesh, f"{port}_packet") == self.word(x, y, payload))
            m.d.comb += Assume(implies(offered, right & ~witness.sent))
            with m.If(offered & getattr(mesh, f"{port}_ready")):
                m.d.sync += [witness.sent.eq(1), witness.x.eq(x), witness.y.eq(y)]

        once = self.claim == "once"
        for (core, out), passes in self.passes.items():
            packet = getattr(mesh.routers[core], f"{out}_out_packet")
            passes = passes & (packet[:TAG] == tag)
            (x, y), (east, north) = self.places[core], PORTS[out]
            word = payload if out == "local" else self.word(x + east, y + north, payload)
            right = here[core] & self.golden_way(core)[out] & (packet == word)
            text = "leaves once, where the golden hops lead" if mesh.neighbour(core, out) is None else "on its way"
            if once:  # as a lemma it makes the proof of the order slower
                m.d.comb += Assert(implies(passes, right), f"once: {text}")
            with m.If(passes):
                if mesh.neighbour(core, out) is None:
                    m.d.sync += witness.done.eq(1)
                else:
                    m.d.sync += [witness.x.eq(x + east), witness.y.eq(y + north)]

        # Input of a router: whether the witness is first there, whether it is second.
        for (core, name), queue in self.queues.items():
            first = queue.valid & (queue.packet[:TAG] == tag)
            second = queue.full & (queue.second[:TAG] == tag)
            self.holds[tag, core, name] = (first, second)
            word = self.word(*self.places[core], payload)[: len(queue.packet)]
            place = here[core] & self.may_wait(core, name)
            for holds, packet in ((first, queue.packet), (second, queue.second)):
                m.d.comb += self.lemma(implies(holds, place & (packet == word)), "on its way")
            m.d.comb += self.lemma(~(first & second), "in one place")
        held = any_of(holds for (of, *_), pair in self.holds.items() if of == tag for holds in pair)
        not_lost = implies(witness.inside, held)
        m.d.comb += Assert(not_lost, "once: not lost") if once else self.lemma(not_lost, "not lost")
        m.d.comb += self.lemma(implies(witness.done, witness.sent), "sent before it leaves")

    # ---- the claims --------------------------------------------------------------------------------------------------

    def once(self, m: Module) -> None:
        """Beside the witnesses: the number of all packets, and ``empty``."""
        mesh = self.mesh
        numbers = []
        for core, router in enumerate(mesh.routers):
            for name, queue in router.queues.items():
                number = Signal(range(4), name=f"number_{core}_{name}")
                numbers.append(number)
                got = getattr(router, f"{name}_in_valid") & getattr(router, f"{name}_in_ready")
                m.d.sync += number.eq(number + got - (queue.valid & queue.ready))
                m.d.comb += Assert(number == queue.valid + queue.full, "once: a queue holds what it got")
            taken = total([queue.valid & queue.ready for queue in router.queues.values()])
            passes = total([self.passes[core, out] for out in PORTS])
            m.d.comb += Assert(taken == passes, "once: a packet out of a queue for each that passes")
        m.d.comb += Assert(mesh.empty == (Cat(numbers) == 0), "once: empty")

        (first,) = self.witnesses
        columns, rows = mesh.columns, mesh.rows
        leaves = {port: self.mesh_output(port) & first.inside for port in self.outputs()}
        far = self.is_source[0, "local"] & (self.dx == columns - 1) & (self.dy == rows - 1)
        waits = any_of(second for (tag, *_), (_, second) in self.holds.items() if tag == FIRST)
        m.d.comb += [
            Cover(leaves[f"core_{columns * rows - 1}_arrive"] & far, "once: to the far corner"),
            Cover(leaves["west_out_0"] & self.is_source[0, "west"], "once: turned around at the edge"),
            Cover(leaves["east_out_0"] & self.is_source[0, "south"], "once: turned from y to x at the edge"),
            Cover(leaves["north_out_0"] & (self.dy > rows), "once: to the next mesh"),
            Cover(waits & (mesh.routers[0].arbiters["east"].asks.all()), "once: behind another one"),
        ]

    def in_order(self, m: Module) -> None:
        """The second witness never passes the first."""
        first, second = self.witnesses
        m.d.comb += Assert(implies(second.done, first.done), "order: first sent, first out")
        both = first.inside & second.inside
        x_ahead, y_ahead = first.x - second.x, first.y - second.y
        ahead = (
            implies(self.dx >= 0, x_ahead >= 0)
            & implies(self.dx <= 0, x_ahead <= 0)
            & implies(self.dy >= 0, y_ahead >= 0)
            & implies(self.dy <= 0, y_ahead <= 0)
        )
        m.d.comb += [
            self.lemma(implies(both, ahead), "ahead"),
            self.lemma(implies(second.sent, first.sent), "sent in order"),
        ]
        one_queue = []
        for core, name in self.queues:
            a, b = self.holds[FIRST, core, name], self.holds[SECOND, core, name]
            m.d.comb += self.lemma(~(b[0] & a[1]), "ahead in a queue")
            one_queue.append(a[0] & b[1])
        m.d.comb += [
            Cover(any_of(one_queue) & (self.dx != 0) & (self.dy != 0), "order: one behind the other"),
            Cover(first.done & second.done & (self.dx > 0) & (self.dy > 0), "order: both have left"),
            Cover(both & (x_ahead != 0) & (y_ahead != 0), "order: one along y, the other along x"),
        ]

    def progress(self, m: Module) -> None:
        """Something moves; nothing is sent to another mesh that might stand in its own way there."""
        mesh = self.mesh
        taken = Cat(getattr(mesh, f"{port}_ready") for port in self.outputs()).all()
        moves = any_of(queue.valid & queue.ready for queue in self.queues.values())
        m.d.comb += Assert(implies(taken & ~mesh.empty, moves), "progress: a packet moves")
        for (_, name, way), port in mesh.outer.items():
            if way == "out" and name != "local":
                packet = getattr(mesh, f"{port}_packet")
                dx, dy = (
                    packet[self.payload + self.reach :].as_signed(),
                    packet[self.payload :][: self.reach].as_signed(),
                )
                right = {
                    "east": dx >= 0,
                    "west": dx <= 0,
                    "north": (dx == 0) & (dy >= 0),
                    "south": (dx == 0) & (dy <= 0),
                }
                m.d.comb += Assert(implies(getattr(mesh, f"{port}_valid"), right[name]), "progress: straight on")
        blocked = Cat(queue.valid & ~queue.ready for queue in mesh.routers[0].queues.values()).all()
        full = Cat(queue.full for queue in mesh.routers[0].queues.values()).all()
        m.d.comb += [
            Cover(blocked & full, "progress: a router full and blocked"),
            Cover(taken & full & Cat(self.passes[0, out] for out in PORTS).all(), "progress: everything moves"),
        ]

    def outputs(self) -> list[str]:
        """The streams out of the mesh."""
        return [port for (_, _, way), port in self.mesh.outer.items() if way == "out"]

    def mesh_output(self, port: str) -> Value:
        """Whether the first witness passes a stream out of the mesh."""
        return self.tagged(port, FIRST) & getattr(self.mesh, f"{port}_ready")


# ---- questions to the solver -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MeshBug:
    """Text ``right`` of class ``where`` becomes ``wrong``; ``claim`` must fail in one of ``clocks`` after power-up."""

    name: str
    claim: Claim
    where: str
    right: str
    wrong: str
    clocks: range = range(8)


_LAST_IN = """\
        with m.If(~stays | push):
            m.d.sync += self.packet.eq(Mux(self.full, self.second, self.push_packet))
        with m.If(~self.full):
            m.d.sync += self.second.eq(self.packet)
"""
_FIRST_IN = _LAST_IN.replace("~stays | push", "~stays").replace("second.eq(self.packet)", "second.eq(self.push_packet)")
_WAYS = 'ways = {"local": here, "east": east, "west": west}'
_Y_FIRST = """\
if free:
            north, south = y.any() & ~y[-1], y[-1]
            east, west, turns = ~y.any() & east, ~y.any() & west, Const(1)
        """
_ASKS = "asks[name, out] = queue.valid & way"

BUGS = (
    MeshBug("packet lost in a full queue", "once", "PacketQueue", "push_ready.eq(~self.full)", "push_ready.eq(1)"),
    MeshBug("packet sent twice", "once", "PacketQueue", "self.valid.eq(stays |", "self.valid.eq(self.valid |"),
    MeshBug("y before x", "once", "Router", _WAYS, _Y_FIRST + _WAYS),
    MeshBug("hop to the west not counted", "once", "Router", "-1 if forward else 1", "-1 if forward else 0"),
    MeshBug("two packets in one", "once", "Arbiter", "self.asks[i] & ~beaten.any()", "self.asks[i]"),
    MeshBug("no way around at the edge", "once", "Mesh", "Router(edges,", "Router((),"),
    MeshBug("a queue that empty forgets", "once", "Router", "self.queues.values()).any()", "[queue]).any()"),
    MeshBug("last in, first out", "order", "PacketQueue", _FIRST_IN, _LAST_IN),
    MeshBug("blocked packet dropped", "order", "PacketQueue", "stays.eq(self.valid & ~self.ready)", "stays.eq(0)"),
    MeshBug("order of three in a circle", "progress", "Arbiter", "init=1", "init=(i + j) % 2"),
    MeshBug(
        "two directions wait for each other",
        "progress",
        "Router",
        _ASKS,
        f"{_ASKS} & ~self.queues[OPPOSITE.get(name, name)].full",
    ),
    MeshBug("no way for t = 15", "blind", "Router", _ASKS, f"{_ASKS} & ~queue.packet[:4].all()"),
    MeshBug("hop wrong for odd t", "blind", "Router", "-1 if forward else 1", "-1 if forward else packet[0]"),
    MeshBug("arbiter forgets", "wait", "Arbiter", "self.before[i, j] if i < j else ~self.before[j, i]", "Const(i < j)"),
    MeshBug("served one stays in front", "wait", "Arbiter", "before.eq(~self.taken)", "before.eq(1)"),
    MeshBug("grant taken back", "wait", "Arbiter", "before.eq(~self.taken)", "before.eq(0)"),
)


def plant(bug: MeshBug) -> tuple[type[Mesh], type[Router]]:
    """Mesh and router with the bug in them."""
    if bug.where == "Mesh":
        return planted(bug, mesh_module, "Mesh"), Router
    router = planted(bug, router_module, "Router")
    # The mesh once more, of these routers: no text of its own is replaced.
    same = MeshBug(bug.name, bug.claim, "Mesh", "class Mesh(", "class Mesh(")
    return planted(same, mesh_module, "Mesh", {"Router": router}), router


@dataclass(frozen=True)
class MeshObligation:
    """A question (``digital.formal.question``) about a mesh, or about one router, all of whose inputs are ``free``."""

    kind: Kind
    name: str
    claim: Claim
    columns: int
    rows: int
    clocks: range
    reach: int = REACH
    payload: int = PAYLOAD
    free: tuple[str, ...] = tuple(OPPOSITE)
    bug: MeshBug | None = None

    def spec(self) -> Spec:
        """The circuit that the question is about."""
        mesh, router = plant(self.bug) if self.bug else (Mesh, Router)
        lemmas = self.kind == "proof"
        if self.claim == "wait":
            return RouterSpec(self.router(router), lemmas=lemmas)
        if self.claim == "blind":
            return TwinSpec(self.router(router), self.router(router), lemmas=lemmas)
        watched = mesh(self.columns, self.rows, reach=self.reach, payload=self.payload + TAG)
        return MeshSpec(watched, self.claim, lemmas=lemmas)

    def router(self, router: type[Router]) -> Router:
        """One router."""
        return router(self.free, reach=self.reach, payload=self.payload)

    @property
    def size(self) -> str:
        """Routers."""
        return f"{self.columns} x {self.rows} routers"

    def describe(self) -> dict[str, Any]:
        """The mesh in plain values."""
        return {"columns": self.columns, "rows": self.rows, "reach": self.reach, "payload": self.payload}

    def __str__(self) -> str:
        return f"{self.kind} {self.name}, {self.claim}"


def _question(kind: Kind, name: str, claim: Claim, n: int, clocks: range, bug: MeshBug | None = None) -> MeshObligation:
    """About an n x n mesh, or one router. ``order`` does not speak of content: there packets carry nothing but tags."""
    payload = 0 if claim == "order" else PAYLOAD
    return MeshObligation(kind, name, claim, n, n, clocks, payload=payload, bug=bug)


_MESH_CLAIMS: tuple[Claim, ...] = ("once", "order", "progress")
_ROUTER_CLAIMS: tuple[Claim, ...] = ("wait", "blind")
OBLIGATIONS = (
    *(_question("proof", f"mesh_{n}x{n}", claim, n, range(1)) for n in (2, 3) for claim in _MESH_CLAIMS),
    *(_question("proof", "router", claim, 1, range(1)) for claim in _ROUTER_CLAIMS),
    *(replace(_question("proof", "router_inside", claim, 1, range(1)), free=()) for claim in _ROUTER_CLAIMS),
    *(_question("cover", f"mesh_{n}x{n}", claim, n, range(10)) for n in (2, 3) for claim in _MESH_CLAIMS),
    *(_question("cover", "router", claim, 1, range(12)) for claim in _ROUTER_CLAIMS),
    *(
        _question("control", bug.name, bug.claim, 1 if bug.claim in _ROUTER_CLAIMS else 2, bug.clocks, bug)
        for bug in BUGS
    ),
)
