"""A router of a TrueNorth mesh: five ports, x before y, and no packet lost.

A packet (``golden.machines.truenorth``) goes east while dx > 0, west while dx < 0, then north while dy > 0, south while
dy < 0; the field counts down towards 0 with every hop, and with dx = dy = 0 the packet is delivered to the local port.

Streams: a packet passes in a clock with valid and ready. Valid stays, and the packet the same, until it is taken; every
ready and every valid is a function of registers, so that no path leads through a router within a clock. A packet that
is alone waits one clock in a router; each output passes one a clock.

No deadlock: along the way of a packet come first the queue of the port where it entered, then queues of x links, each
further on in its direction, then queues of y links. A packet waits for a later one only, and the last ones wait for
nobody but a sink. ``digital.formal.truenorth_mesh`` proves it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import reduce
from itertools import combinations
from operator import or_

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.machines.truenorth import FIELDS

#: Port -> hop, east and north, of a packet that leaves there.
PORTS: Mapping[str, tuple[int, int]] = {
    "local": (0, 0),
    "east": (1, 0),
    "west": (-1, 0),
    "north": (0, 1),
    "south": (0, -1),
}
OPPOSITE: Mapping[str, str] = {"east": "west", "west": "east", "north": "south", "south": "north"}
#: Bits of dx and of dy; bits of what is delivered, axon and t.
REACH, PAYLOAD = FIELDS["dx"][0].width, FIELDS["dy"][1]


class PacketQueue(wiring.Component):
    """Two places for packets of ``width`` bits, in registers; its valid and ready are registers too.

    push_*  stream in; valid, ready, packet: stream out, one clock later
    """

    def __init__(self, width: int) -> None:
        super().__init__(
            {
                "push_valid": In(1),
                "push_ready": Out(1, init=1),
                "push_packet": In(width),
                "valid": Out(1),
                "ready": In(1),
                "packet": Out(width),
            }
        )
        #: The packet behind the first one, where there are two.
        self.full = Signal()
        self.second = Signal(width, reset_less=True)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        stays, push = Signal(), Signal()
        m.d.comb += [
            self.push_ready.eq(~self.full),
            push.eq(self.push_valid & ~self.full),
            stays.eq(self.valid & ~self.ready),
        ]
        m.d.sync += [self.valid.eq(stays | self.full | push), self.full.eq(stays & (self.full | push))]
        with m.If(~stays):
            m.d.sync += self.packet.eq(Mux(self.full, self.second, self.push_packet))
        with m.If(~self.full):
            m.d.sync += self.second.eq(self.push_packet)
        return m


class Arbiter(wiring.Component):
    """Grants one of ``inputs`` that ask: of those the one that was served the longest time ago, until it is taken.

    So nobody waits for more than one packet of each of the others, and what is granted stays granted.
    """

    def __init__(self, inputs: int) -> None:
        super().__init__({"asks": In(inputs), "taken": In(1), "grant": Out(inputs)})
        self.inputs = inputs
        #: (i, j), i < j -> i goes before j. An order of all of them: every change moves one to the front or the back.
        self.before = {(i, j): Signal(name=f"before_{i}_{j}", init=1) for i, j in combinations(range(inputs), 2)}

    def goes_before(self, i: int, j: int) -> Value:
        """Whether input i is granted where i and j ask."""
        return self.before[i, j] if i < j else ~self.before[j, i]

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for i in range(self.inputs):
            beaten = Cat(self.asks[j] & self.goes_before(j, i) for j in range(self.inputs) if j != i)
            m.d.comb += self.grant[i].eq(self.asks[i] & ~beaten.any())
        for (i, j), before in self.before.items():
            with m.If(self.grant[i]):
                m.d.sync += before.eq(~self.taken)
            with m.Elif(self.grant[j]):
                m.d.sync += before.eq(self.taken)
        return m


class Router(wiring.Component):
    """Ports local, east, west, north and south: ``east_in_*`` come from the east, ``east_out_*`` go there.

    Packets are dx, dy and payload, from the highest bit: ``reach`` + ``reach`` + ``payload`` bits; ``local_out`` has
    the payload alone. ``empty``: no packet is inside.

    Inputs in ``free`` (local always is) take every packet. The others take what a router like this sends: dx >= 0 from
    the west, dx <= 0 from the east; dx = 0 and dy >= 0 from the south, dy <= 0 from the north. They have no way to the
    outputs, and no registers for the bits, that such a packet cannot need.
    """

    def __init__(self, free: Collection[str] = (), *, reach: int = REACH, payload: int = PAYLOAD) -> None:
        self.free = {"local", *free}
        self.reach, self.payload = reach, payload
        self.width = 2 * reach + payload
        ports: dict[str, wiring.Member] = {}
        for name in PORTS:
            ports |= {f"{name}_in_valid": In(1), f"{name}_in_ready": Out(1), f"{name}_in_packet": In(self.width)}
            out = payload if name == "local" else self.width
            ports |= {f"{name}_out_valid": Out(1), f"{name}_out_ready": In(1), f"{name}_out_packet": Out(out)}
        super().__init__({**ports, "empty": Out(1)})
        self.queues = {name: PacketQueue(self.width if name in self.free else self.needed(name)) for name in PORTS}
        #: Output -> the inputs that may ask for it, in the order of its arbiter.
        self.askers = {out: [name for name in PORTS if out in self.directions(name)] for out in PORTS}
        self.arbiters = {out: Arbiter(len(names)) for out, names in self.askers.items()}

    def needed(self, port: str) -> int:
        """Lowest bits of a packet that say all about it on a link at this port: what is known there is not stored.

        To the west, dx is -255 to 0, and 0 exactly where its lower 8 bits are 0.
        """
        return {0: self.payload, 1: self.width - 1, 2: self.payload + self.reach - 1}[_axis(port)]

    def directions(self, name: str) -> dict[str, Value]:
        """Output -> whether the packet that is first in the queue of an input goes there."""
        queue, payload, reach = self.queues[name].packet, self.payload, self.reach
        free, axis = name in self.free, _axis(name)

        def along(field: Value, *, of_link: bool) -> tuple[Value | None, Value | None]:
            """Whether the field is positive, negative; None: never. That of a link has one sign, and no sign bit."""
            if not of_link:
                return field.any() & ~field[-1], field[-1]
            forward = sum(PORTS[OPPOSITE[name]]) > 0
            return (field.any(), None) if forward else (None, field.any())

        x, y = queue[payload + reach :], queue[payload : payload + reach]
        east, west = (None, None) if not free and axis == 2 else along(x, of_link=not free)
        north, south = along(y, of_link=not free and axis == 2)
        turns, here = ~x.any(), ~Cat(x, y).any()
        ways = {"local": here, "east": east, "west": west}
        ways |= {out: None if way is None else turns & way for out, way in (("north", north), ("south", south))}
        return {out: way for out, way in ways.items() if way is not None}

    def elaborate(self, platform: object) -> Module:
        m = Module()
        asks: dict[tuple[str, str], Value] = {}
        for name, queue in self.queues.items():
            m.submodules[f"{name}_queue"] = queue
            m.d.comb += [
                queue.push_valid.eq(getattr(self, f"{name}_in_valid")),
                queue.push_packet.eq(getattr(self, f"{name}_in_packet")[: len(queue.packet)]),
                getattr(self, f"{name}_in_ready").eq(queue.push_ready),
            ]
            for out, way in self.directions(name).items():
                asks[name, out] = queue.valid & way
        m.d.comb += self.empty.eq(~Cat(queue.valid for queue in self.queues.values()).any())

        taken: dict[str, list[Value]] = {name: [] for name in PORTS}
        for out, names in self.askers.items():
            arbiter = m.submodules[f"{out}_arbiter"] = self.arbiters[out]
            ready = getattr(self, f"{out}_out_ready")
            chosen = Signal(self.needed(out), name=f"{out}_chosen")
            m.d.comb += [
                arbiter.asks.eq(Cat(asks[name, out] for name in names)),
                arbiter.taken.eq(ready),
                getattr(self, f"{out}_out_valid").eq(arbiter.asks.any()),
                chosen.eq(
                    reduce(
                        or_,
                        [
                            self.queues[name].packet[: len(chosen)] & grant.replicate(len(chosen))
                            for name, grant in zip(names, arbiter.grant, strict=True)
                        ],
                    )
                ),
                getattr(self, f"{out}_out_packet").eq(self.after_hop(out, chosen)),
            ]
            for name, grant in zip(names, arbiter.grant, strict=True):
                taken[name].append(grant & ready)
        for name, queue in self.queues.items():
            m.d.comb += queue.ready.eq(Cat(taken[name]).any())
        return m

    def after_hop(self, out: str, packet: Value) -> Value:
        """The whole packet that leaves, from the bits needed."""
        if out == "local":
            return packet
        below = self.payload + (self.reach if _axis(out) == 1 else 0)
        forward = sum(PORTS[out]) > 0
        field = (packet[below:] + (-1 if forward else 1))[: self.reach - 1]
        sign = Const(0, 1) if forward else field.any()
        return Cat(packet[:below], field, sign)  # dx of a packet along y is 0: the assignment extends it


def _axis(port: str) -> int:
    """0: local, 1: x, 2: y."""
    dx, dy = PORTS[port]
    return 1 if dx else 2 if dy else 0
