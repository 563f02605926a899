"""The mesh of routers in Amaranth's simulator against the golden packet's hops: every packet is accounted for."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from digital import emit
from digital.truenorth import router as routers
from digital.truenorth.mesh import Mesh
from digital.truenorth.router import OPPOSITE, PAYLOAD, PORTS, REACH, Router
from golden.machines.truenorth import FIELDS, Packet

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: Stream -> the words that pass, each with its clock.
Passed = dict[str, list[tuple[int, int]]]


@dataclass
class Flow:
    """What passed the outputs of a component: stream -> (clock, word)."""

    outputs: Passed
    inputs: Passed
    empty_at_end: bool

    def words(self, stream: str) -> list[int]:
        return [word for _, word in self.outputs[stream]]


def simulate(
    component: wiring.Component,
    sent: Mapping[str, Sequence[int]],
    *,
    clocks: int,
    seed: int = 0,
    offer: float = 1.0,
    take: float = 1.0,
    stalled: Iterable[str] = (),
) -> Flow:
    """Send words into the streams of ``sent``; sources offer and sinks take with these probabilities per clock.

    Sinks in ``stalled`` never take. Checks that what a component offers stays until it is taken.
    """
    names = [name.removesuffix("_valid") for name in component.signature.members if name.endswith("_valid")]
    outputs = [name for name in names if component.signature.members[f"{name}_valid"].flow is Out]
    inputs = [name for name in names if name not in outputs]
    flow = Flow(defaultdict(list), defaultdict(list), False)
    rng, stalled = random.Random(seed), set(stalled)
    waiting = {name: list(sent.get(name, ())) for name in inputs}
    assert not sent.keys() - waiting.keys()

    async def bench(ctx: Any) -> None:
        held: dict[str, int] = {}
        offered: dict[str, int] = {}
        for clock in range(clocks):
            for name in inputs:
                if name not in offered and waiting[name] and rng.random() < offer:
                    offered[name] = waiting[name].pop(0)
                ctx.set(getattr(component, f"{name}_valid"), name in offered)
                # Anything while nothing is offered.
                ctx.set(getattr(component, f"{name}_packet"), offered.get(name, rng.getrandbits(30)))
            ready = {name: name not in stalled and rng.random() < take for name in outputs}
            for name, value in ready.items():
                ctx.set(getattr(component, f"{name}_ready"), value)
            for name in inputs:
                if name in offered and ctx.get(getattr(component, f"{name}_ready")):
                    flow.inputs[name].append((clock, offered.pop(name)))
            for name in outputs:
                valid, word = (
                    ctx.get(getattr(component, f"{name}_valid")),
                    ctx.get(getattr(component, f"{name}_packet")),
                )
                assert name not in held or (valid and word == held[name]), f"{name} at {clock} must wait"
                held.pop(name, None)
                if valid and ready[name]:
                    flow.outputs[name].append((clock, word))
                elif valid:
                    held[name] = word
            await ctx.tick()
        assert not offered
        assert not any(waiting.values())
        flow.empty_at_end = bool(ctx.get(component.empty))

    simulator = Simulator(component)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
    return flow


def arrival(packet: Packet) -> int:
    """What a core gets of a packet."""
    return packet.pack() & ((1 << PAYLOAD) - 1)


def exit_of(packet: Packet, x: int, y: int, columns: int, rows: int) -> tuple[str, int]:
    """The stream by which a packet at router (x, y) leaves a mesh, and its word there; hop by hop."""
    while True:
        east, north, packet = packet.hop()
        if (east, north) == (0, 0):
            return f"core_{y * columns + x}_arrive", arrival(packet)
        x, y = x + east, y + north
        if not 0 <= x < columns:
            return f"{'east' if east > 0 else 'west'}_out_{y}", packet.pack()
        if not 0 <= y < rows:
            return f"{'north' if north > 0 else 'south'}_out_{x}", packet.pack()


def entries(columns: int, rows: int) -> dict[str, tuple[int, int]]:
    """Input stream of a mesh -> column and row of its router."""
    cores = {f"core_{y * columns + x}_send": (x, y) for y in range(rows) for x in range(columns)}
    sides = {f"west_in_{y}": (0, y) for y in range(rows)} | {f"east_in_{y}": (columns - 1, y) for y in range(rows)}
    ends = {f"south_in_{x}": (x, 0) for x in range(columns)} | {f"north_in_{x}": (x, rows - 1) for x in range(columns)}
    return cores | sides | ends


def random_traffic(rng: random.Random, streams: Iterable[str], count: int, reach: int) -> dict[str, list[int]]:
    """Packets that go a little beyond the grid, some to the ends of the fields; no two are equal but by chance."""

    def hops() -> int:
        return rng.choice([0, rng.randint(-reach, reach), rng.randint(-reach, reach), rng.choice([-256, 255, 1, -1])])

    return {
        name: [Packet(hops(), hops(), rng.randrange(256), rng.randrange(16)).pack() for _ in range(count)]
        for name in streams
    }


def expected(sent: Mapping[str, Sequence[int]], columns: int, rows: int) -> dict[str, list[list[int]]]:
    """Output stream -> for each input stream the words that arrive from there, in order."""
    places, result = entries(columns, rows), defaultdict(list)
    for source, words in sent.items():
        by_exit: dict[str, list[int]] = defaultdict(list)
        for word in words:
            stream, left = exit_of(Packet.unpack(word), *places[source], columns, rows)
            by_exit[stream].append(left)
        for stream, list_of_words in by_exit.items():
            result[stream].append(list_of_words)
    return result


def interleaves(words: Sequence[int], parts: Sequence[Sequence[int]]) -> bool:
    """Whether ``words`` are the parts, each in its order, shuffled into each other."""
    # All states of reading that fit so far: how much of each part has been seen.
    states = {(0,) * len(parts)}
    for word in words:
        states = {
            (*state[:k], state[k] + 1, *state[k + 1 :])
            for state in states
            for k, part in enumerate(parts)
            if state[k] < len(part) and part[state[k]] == word
        }
    return tuple(len(part) for part in parts) in states


@pytest.mark.parametrize(("offer", "take"), [(1.0, 1.0), (0.5, 0.3), (1.0, 0.2)])
def test_every_packet_of_random_traffic_arrives_where_the_golden_hops_lead(offer: float, take: float) -> None:
    columns, rows = 4, 3
    sent = random_traffic(random.Random(5), entries(columns, rows), 8, 4)
    flow = simulate(Mesh(columns, rows), sent, clocks=int(120 / take), seed=1, offer=offer, take=take)
    right = expected(sent, columns, rows)
    assert flow.outputs.keys() == right.keys()
    for stream, parts in right.items():
        assert interleaves(flow.words(stream), parts), stream
    assert flow.empty_at_end
    assert sum(map(len, flow.outputs.values())) == 8 * len(sent) == 208


def test_a_lost_a_doubled_and_a_swapped_packet_would_be_seen() -> None:
    parts = [[1, 2, 3], [7, 2]]
    assert interleaves([7, 1, 2, 2, 3], parts)
    for wrong in ([7, 1, 2, 3], [7, 1, 2, 2, 3, 3], [2, 1, 7, 2, 3], [7, 1, 2, 3, 4]):
        assert not interleaves(wrong, parts)


class Tiled(wiring.Component):  # type: ignore[misc]
    """Two meshes of 2 x 2 side by side, with the ports of one of 4 x 2."""

    def __init__(self) -> None:
        self.meshes = [Mesh(2, 2), Mesh(2, 2)]
        #: Stream -> the mesh that has it, and its name there.
        self.inner: dict[str, tuple[Mesh, str]] = {}
        for mesh, offset, side in zip(self.meshes, (0, 2), ("west", "east"), strict=True):
            for x, y in ((x, y) for y in range(2) for x in range(2)):
                for way in ("send", "arrive"):
                    self.inner[f"core_{y * 4 + x + offset}_{way}"] = mesh, f"core_{y * 2 + x}_{way}"
            for way in ("in", "out"):
                self.inner |= {f"{side}_{way}_{y}": (mesh, f"{side}_{way}_{y}") for y in range(2)}
                for end in ("south", "north"):
                    self.inner |= {f"{end}_{way}_{x + offset}": (mesh, f"{end}_{way}_{x}") for x in range(2)}
        ports = {
            f"{name}_{signal}": mesh.signature.members[f"{its}_{signal}"]
            for name, (mesh, its) in self.inner.items()
            for signal in ("valid", "ready", "packet")
        }
        super().__init__({**ports, "empty": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        west, east = self.meshes
        m.submodules.west, m.submodules.east = west, east
        for y in range(2):
            for a, out, b, into in ((west, "east_out", east, "west_in"), (east, "west_out", west, "east_in")):
                for signal in ("valid", "packet"):
                    m.d.comb += getattr(b, f"{into}_{y}_{signal}").eq(getattr(a, f"{out}_{y}_{signal}"))
                m.d.comb += getattr(a, f"{out}_{y}_ready").eq(getattr(b, f"{into}_{y}_ready"))
        for name, (mesh, inner) in self.inner.items():
            for signal in ("valid", "ready", "packet"):
                mine, its = getattr(self, f"{name}_{signal}"), getattr(mesh, f"{inner}_{signal}")
                outward = self.signature.members[f"{name}_{signal}"].flow is Out
                m.d.comb += mine.eq(its) if outward else its.eq(mine)
        m.d.comb += self.empty.eq(west.empty & east.empty)
        return m


def test_two_tiled_meshes_are_one_larger_mesh() -> None:
    """Every packet arrives at the same core or edge with the same word, and in the same order for each source."""
    sent = random_traffic(random.Random(8), entries(4, 2), 6, 4)
    right = expected(sent, 4, 2)
    for top in (Mesh(4, 2), Tiled()):
        flow = simulate(top, sent, clocks=250, seed=3, offer=0.7, take=0.5)
        assert flow.empty_at_end
        assert flow.outputs.keys() == right.keys()
        for stream, parts in right.items():
            assert interleaves(flow.words(stream), parts)


def test_a_packet_alone_takes_a_clock_a_router_and_keeps_its_payload() -> None:
    packet = Packet(3, -2, 0xA5, 9)
    flow = simulate(Mesh(4, 3), {"core_8_send": [packet.pack()]}, clocks=12)  # from (0, 2) to (3, 0)
    assert dict(flow.outputs) == {"core_3_arrive": [(6, 0xA5 << 4 | 9)]}


def test_an_output_passes_a_packet_a_clock() -> None:
    """Through the whole row, and turning: neither queues nor arbiters cost a clock."""
    words = [Packet(3, 1, axon, 0).pack() for axon in range(20)]
    flow = simulate(Mesh(4, 2), {"core_0_send": words}, clocks=40)
    clocks = [clock for clock, _ in flow.outputs["core_7_arrive"]]
    assert clocks == list(range(5, 25))
    assert [word >> 4 for word in flow.words("core_7_arrive")] == list(range(20))


def test_routers_take_the_layout_of_the_golden_packet() -> None:
    assert {name: (fmt.width, bit) for name, (fmt, bit) in FIELDS.items()} == {
        "dx": (9, 21),
        "dy": (9, 12),
        "axon": (8, 4),
        "t": (4, 0),
    }
    assert (REACH, PAYLOAD) == (9, 12)


def by_output(packets: Iterable[Packet]) -> dict[str, list[int]]:
    """Output of a router -> what must leave there, in order."""
    result: dict[str, list[int]] = defaultdict(list)
    for packet in packets:
        east, north, left = packet.hop()
        (out,) = (name for name, hop in PORTS.items() if hop == (east, north))
        result[f"{out}_out"].append(arrival(left) if out == "local" else left.pack())
    return result


@pytest.mark.parametrize("entry", PORTS)
def test_a_free_input_takes_every_packet_x_before_y(entry: str) -> None:
    ends = (-256, -255, -128, -1, 0, 1, 128, 255)
    packets = [Packet(dx, dy, 0xC3, 5) for dx in ends for dy in ends]
    flow = simulate(Router(PORTS), {f"{entry}_in": [packet.pack() for packet in packets]}, clocks=len(packets) + 3)
    assert {name: flow.words(name) for name in flow.outputs} == by_output(packets)
    assert len(flow.outputs) == len(PORTS)


@pytest.mark.parametrize("entry", OPPOSITE)
def test_an_input_on_the_way_takes_what_a_router_sends(entry: str) -> None:
    """Straight on until the field is 0, then the other axis or the local port; the ends of the fields come through."""
    step = PORTS[OPPOSITE[entry]]
    if step[0]:
        packets = [Packet(step[0] * n, dy, 1, 2) for n in (0, 1, 127, 128, 254) for dy in (-256, -1, 0, 1, 255)]
        packets.append(Packet(min(step[0] * 255, 254), 7, 1, 2))
    else:
        packets = [Packet(0, step[1] * n, 1, 2) for n in (0, 1, 127, 128, 254)]
    flow = simulate(Router(), {f"{entry}_in": [packet.pack() for packet in packets]}, clocks=len(packets) + 3)
    assert {name: flow.words(name) for name in flow.outputs} == by_output(packets)


def test_back_pressure_holds_two_packets_an_input_and_loses_none() -> None:
    words = [Packet(2, 0, axon, 0).pack() for axon in range(2)]
    flow = simulate(Router(), {"local_in": words, "west_in": words}, clocks=10, stalled=["east_out"])
    assert not flow.outputs
    assert not flow.empty_at_end
    assert [clock for clock, _ in flow.inputs["local_in"]] == [0, 1]
    with pytest.raises(AssertionError):  # the third one waits outside
        simulate(Router(), {"local_in": words * 2}, clocks=10, stalled=["east_out"])


def test_no_path_leads_through_a_router_within_a_clock() -> None:
    """Whatever the inputs, the outputs of a clock are those of the registers."""
    router, rng = Router(PORTS), random.Random(4)
    members = router.signature.members.items()
    inputs = [(getattr(router, name), len(getattr(router, name))) for name, member in members if member.flow is In]
    outputs = [getattr(router, name) for name, member in members if member.flow is Out]
    seen = set()

    async def bench(ctx: Any) -> None:
        for _ in range(100):
            found = set()
            for _ in range(4):
                for signal, width in inputs:
                    ctx.set(signal, rng.getrandbits(width))
                found.add(tuple(ctx.get(signal) for signal in outputs))
            assert len(found) == 1
            seen.update(found)
            await ctx.tick()

    simulator = Simulator(router)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
    assert len(seen) > 50  # the registers have changed, where nothing was blocked


def test_a_blocked_output_does_not_stop_the_others() -> None:
    """But for what is queued behind it in the same input."""
    sent = {
        "west_in": [Packet(2, 0, 1, 0).pack()],
        "local_in": [Packet(0, 2, axon, 0).pack() for axon in range(5)],
        "north_in": [Packet(0, 0, axon, 0).pack() for axon in range(5)],
    }
    flow = simulate(Router(), sent, clocks=10, stalled=["east_out"])
    assert {name: len(words) for name, words in flow.outputs.items()} == {"north_out": 5, "local_out": 5}


@pytest.mark.parametrize("take", [1.0, 0.4])
def test_inputs_that_all_ask_are_served_in_turn(take: float) -> None:
    names = [name for name in PORTS if name != "local"]
    sent = {f"{name}_in": [Packet(0, 0, k, 0).pack()] * 10 for k, name in enumerate(names)}
    flow = simulate(Router(), sent, clocks=int(60 / take), take=take, seed=2)
    served = [word >> 4 for word in flow.words("local_out")]
    assert len(served) == 40
    # While all ask, any four in a row are all four.
    assert all(sorted(served[k : k + 4]) == [0, 1, 2, 3] for k in range(32))


def test_the_arbiter_without_memory_starves_somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control of the test above."""

    class Forgetful(routers.Arbiter):
        def goes_before(self, i: int, j: int) -> bool:
            return i < j

    monkeypatch.setattr(routers, "Arbiter", Forgetful)
    sent = {f"{name}_in": [Packet(0, 0, k, 0).pack()] * 10 for k, name in enumerate(PORTS)}
    flow = simulate(Router(), sent, clocks=60)
    served = [word >> 4 for word in flow.words("local_out")]
    assert served == sorted(served)


def test_the_verilog_has_flat_ports_in_one_clock() -> None:
    text = emit.convert(Mesh(2, 1), "mesh")
    top = text[text.index("module mesh(") :]
    for port in (
        "input core_1_send_valid;",
        "output core_1_send_ready;",
        "input [29:0] core_1_send_packet;",
        "output [11:0] core_0_arrive_packet;",
        "output [29:0] west_out_0_packet;",
        "input [29:0] north_in_1_packet;",
        "output empty;",
        "input clk;",
        "input rst;",
    ):
        assert port in top, port
    assert "east_in_1" not in text
    assert text == emit.convert(Mesh(2, 1), "mesh")
