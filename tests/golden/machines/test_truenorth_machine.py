"""The TrueNorth chip: ints = NumPy = compiled loop on random chips; packets, mesh, scheduler and edges by hand."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from golden.errors import SpecError
from golden.machines import truenorth_kernel
from golden.machines.run import MachineInputs, MachineRecord
from golden.machines.truenorth import Packet, TrueNorthMachine
from golden.machines.truenorth_reference import Mesh
from golden.neurons.truenorth import POTENTIAL
from sim_harness.campaigns.truenorth import chip as chip_at_random

TOP = POTENTIAL.max


def chip(
    columns: int = 1, rows: int = 1, axons: int = 4, neurons: int = 4, routes: Any = (), sources: int = 0, **values: Any
) -> TrueNorthMachine:
    """A chip whose axons reach every neuron with type 0 and whose neurons send nowhere, but for what is given."""
    cores = columns * rows
    memories: dict[str, Any] = {
        "crossbar": np.ones((cores, axons, neurons), dtype=np.bool_),
        "axon_types": np.zeros((cores, axons)),
        "destinations": np.tile([0, 0, 0, -1], (cores, neurons, 1)),
        "seeds": np.arange(1, cores + 1),
        "outputs": np.arange(cores * neurons),
    }
    memories |= {name: values.pop(name) for name in list(values) if name in memories}
    spread = {
        name: np.broadcast_to(
            np.asarray(value), (cores, neurons, *np.shape(value)[-1:]) if name in WIDE else (cores, neurons)
        )
        for name, value in values.items()
    }
    table = np.array(routes, dtype=np.int64).reshape(-1, 4)
    return TrueNorthMachine(columns, rows, spread, **memories, routes=table, sources=sources)


WIDE = ("weights", "stochastic_weights")


def random_inputs(machine: TrueNorthMachine, ticks: int, rate: float, rng: np.random.Generator) -> MachineInputs:
    at = np.flatnonzero(rng.random(ticks * max(machine.sources, 1)) < rate)
    spikes = np.column_stack(np.divmod(at, max(machine.sources, 1)))
    return MachineInputs(ticks, machine.size, machine.sources, spikes if machine.sources else np.empty((0, 2)))


def same(a: MachineRecord, b: MachineRecord) -> bool:
    return (
        np.array_equal(a.spikes, b.spikes)
        and np.array_equal(a.recorded, b.recorded)
        and np.array_equal(a.states["v"], b.states["v"])
        and a.counters == b.counters
    )


@pytest.mark.parametrize("stochastic", [False, True])
@pytest.mark.parametrize("rate", [0.01, 0.3])
def test_ints_arrays_and_compiled_loop_agree(stochastic: bool, rate: float) -> None:
    rng, met = np.random.default_rng([stochastic, int(100 * rate)]), set()
    for case in range(6):
        machine = chip_at_random(rng, stochastic=stochastic)
        inputs = random_inputs(machine, 30, rate, rng)
        everything = np.arange(machine.size)
        expected = machine.run_scalar(inputs, record=everything)
        assert same(machine.run_numpy(inputs, record=everything), expected), case
        assert same(machine.run(inputs, record=everything), expected), case
        v = expected.states["v"]
        reached = {
            "top": v.max() == TOP,
            "bottom": v.min() == -TOP,  # a reset to it; an event then meets the rail
            "merged": expected.counters["merged"],
            "left": expected.counters["left"],
            "spikes": len(expected.spikes) > 100,
        }
        met |= {name for name, there in reached.items() if there}
    assert met == {"top", "bottom", "merged", "left", "spikes"}


def test_both_ways_of_a_core_and_their_change_agree() -> None:
    """Bursts of input between long silences: cores change between all neurons at once and the few that are due."""
    rng = np.random.default_rng(5)
    machine = chip_at_random(rng, stochastic=False, columns=1, rows=1)
    lively = replace(machine, values=machine.values | {"threshold": machine.values["threshold"] + 40})
    ticks = 400
    bursts = [(tick, source) for tick in range(0, ticks, 40) for source in range(12)]
    inputs = MachineInputs(ticks, lively.size, lively.sources, np.array(bursts))
    everything = np.arange(lively.size)
    assert same(lively.run(inputs, record=everything), lively.run_numpy(inputs, record=everything))


def test_a_broken_shortcut_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: weights counted for stochastic events too make another chip."""
    rng = np.random.default_rng(6)
    machine = chip_at_random(rng, stochastic=True)
    inputs = random_inputs(machine, 30, 0.3, rng)
    expected = machine.run_numpy(inputs)
    load = truenorth_kernel.load

    def careless(machine: TrueNorthMachine) -> Any:
        memories, state = load(machine)
        return memories._replace(counted=memories.parameters[0].T.copy()), state

    monkeypatch.setattr(truenorth_kernel, "load", careless)
    assert not same(machine.run(inputs), expected)


# --- timing, merging, order -----------------------------------------------------------------------------------------


def test_a_spike_arrives_t_plus_1_ticks_later() -> None:
    """A relay (one spike in, one spike out) to itself: the period is t + 1."""
    for t in (0, 1, 14):
        machine = chip(
            axons=1,
            neurons=1,
            weights=[1, 0, 0, 0],
            destinations=np.array([[[0, 0, 0, t]]]),
            routes=[(0, 0, 0, 0)],
            sources=1,
        )
        inputs = MachineInputs(40, 1, 1, np.array([[3, 0]]))
        expected = list(range(3, 40, t + 1))
        for record in (machine.run(inputs), machine.run_scalar(inputs), machine.run_numpy(inputs)):
            assert record.spikes[:, 0].tolist() == expected


def test_spikes_to_one_axon_and_tick_are_one() -> None:
    machine = chip(
        neurons=1, weights=[1, 0, 0, 0], threshold=9, routes=[(0, 0, 2, 1), (1, 0, 2, 0), (1, 0, 3, 0)], sources=2
    )
    inputs = MachineInputs(8, 1, 2, np.array([[1, 0], [2, 1]]))
    for record in (machine.run(inputs, record=[0]), machine.run_scalar(inputs, record=[0])):
        assert record.states["v"][:, 0].tolist() == [0, 0, 2, 2, 2, 2, 2, 2]
        assert record.counters == {"merged": 1, "left": 0}


def test_events_come_in_the_order_of_the_axons_at_the_rails() -> None:
    """At the rail +255 then -255 is not -255 then +255; the shortcut that adds them at once must not be taken."""
    types = np.array([[0, 1] * 8])
    up = chip(axons=16, neurons=1, axon_types=types, weights=[255, -255, 0, 0], leak=255,
              threshold=2**18 - 1, reset_mode=2, routes=[(0, 0, a, 0) for a in range(16)], sources=1)  # fmt: skip
    inputs = MachineInputs(3000, 1, 1, np.array([[2500, 0]]))
    for record in (up.run(inputs, record=[0]), up.run_scalar(inputs, record=[0])):
        v = record.states["v"][:, 0]
        assert v[2499] == TOP
        assert v[2500] == TOP - 255 + 255  # each +255 is lost at the rail, each -255 made good, the leak ends at it


def test_draws_are_made_neuron_after_neuron() -> None:
    """The second neuron's threshold uses the second state of the LFSR: computed here from its definition."""
    machine = chip(axons=1, neurons=2, threshold=1, random_bits=17, leak=1, seeds=np.array([1]))

    def step(state: int) -> int:
        return (state >> 1) ^ (0x80200003 if state & 1 else 0)

    state, expected = 1, []
    v = [0, 0]
    for now in range(200):
        for k in range(2):
            state = step(state)
            v[k] += 1
            if v[k] >= 1 + (state & 0x1FFFF):
                expected.append([now, k])
                v[k] = 0
    assert expected
    record = machine.run(MachineInputs(200, 2, 0, np.empty((0, 2))))
    assert record.spikes.tolist() == expected


# --- packets -------------------------------------------------------------------------------------------------------


def test_packets_are_30_bits_in_the_contracts_places() -> None:
    assert Packet(1, 2, 3, 4).pack() == 1 << 21 | 2 << 12 | 3 << 4 | 4
    assert Packet(-1, -256, 255, 14).pack() == 0x1FF << 21 | 0x100 << 12 | 255 << 4 | 14
    rng = np.random.default_rng(7)
    for dx, dy, axon, t in zip(
        *(rng.integers(low, high, 500) for low, high in ((-256, 256), (-256, 256), (0, 256), (0, 15))), strict=True
    ):
        packet = Packet(int(dx), int(dy), int(axon), int(t))
        assert packet.pack() < 2**30
        assert Packet.unpack(packet.pack()) == packet


@pytest.mark.parametrize(
    ("packet", "message"),
    [
        (Packet(256, 0, 0, 0), "Field dx of a packet must be within -256 to 255, not 256"),
        (Packet(0, -257, 0, 0), "Field dy of a packet must be within -256 to 255, not -257"),
        (Packet(0, 0, 256, 0), "Field axon of a packet must be within 0 to 255, not 256"),
        (Packet(0, 0, 0, 16), "Field t of a packet must be within 0 to 15, not 16"),
    ],
)
def test_what_does_not_fit_a_packet_is_refused(packet: Packet, message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        packet.pack()


def test_a_packet_goes_along_x_first() -> None:
    packet, way = Packet(2, -1, 9, 3), []
    while (packet.dx, packet.dy) != (0, 0):
        east, north, packet = packet.hop()
        way.append((east, north))
    assert way == [(1, 0), (1, 0), (0, -1)]
    assert packet == Packet(0, 0, 9, 3)
    assert packet.hop() == (0, 0, packet)


def test_no_spike_is_lost_on_the_mesh() -> None:
    """Each core of a 3 x 3 grid sends to all around it: a spike arrives once, or merges or leaves and is counted."""
    machine = chip(3, 3, axons=9, neurons=25, weights=[1, 0, 0, 0])
    destinations = machine.destinations.copy()
    for k in range(25):
        destinations[:, k] = (k % 5 - 2, k // 5 - 2, 0, k % 15)
    machine = replace(machine, destinations=destinations)
    mesh = Mesh(machine)
    for core in range(9):
        for k in range(25):
            mesh.send(core, k, 100)
    waiting = sum(len(slot) for core in mesh.slots for slot in core)
    assert waiting + mesh.merged + mesh.left == 9 * 25
    assert mesh.left == 9 * 25 - 9 * 9
    targets = machine.targets.reshape(9, 25, 3)
    for core in range(9):
        for k in range(25):
            to = (core % 3 + k % 5 - 2, core // 3 + k // 5 - 2)
            inside = 0 <= to[0] < 3 and 0 <= to[1] < 3
            assert targets[core, k, 0] == (to[1] * 3 + to[0] if inside else -1)


# --- what it refuses, and its file ---------------------------------------------------------------------------------


def test_memories_survive_a_round_trip() -> None:
    rng = np.random.default_rng(8)
    machine = chip_at_random(rng, stochastic=True)
    again = TrueNorthMachine.from_arrays(machine.arrays())
    inputs = random_inputs(machine, 20, 0.3, rng)
    assert same(again.run(inputs, record=[1]), machine.run(inputs, record=[1]))
    with pytest.raises(SpecError, match=r"^Memories of TrueNorth must be given with seeds, not without$"):
        TrueNorthMachine.from_arrays({k: v for k, v in machine.arrays().items() if k != "seeds"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seeds": np.array([0])}, "Seeds must be within 1 to 4294967295, not 0"),
        ({"axon_types": np.full((1, 4), 4)}, "Axon types must be within 0 to 3, not 4"),
        ({"destinations": np.full((1, 4, 4), 15)}, "Field axon of destinations must be within 0 to 3, not 15"),
        (
            {"destinations": np.tile([0, 0, 0, 15], (1, 4, 1))},
            "Field t of destinations must be within -1 to 14, not 15",
        ),
        ({"outputs": np.array([0, 0])}, "Outputs must be distinct places, not repeated"),
        ({"outputs": np.array([4])}, "Outputs must be within 0 to 3, not 4"),
        ({"routes": [(1, 0, 0, 0)], "sources": 1}, "Field source of routes must be within 0 to 0, not 1"),
        ({"routes": [(0, 0, 0, -1)], "sources": 1}, "Field delay of routes must be within 0 to 2147483647, not -1"),
        (
            {"crossbar": np.ones((1, 4, 4))},
            "Crossbar must be bool of shape (1, axons, neurons), not float64 of shape (1, 4, 4)",
        ),
        ({"threshold": -1}, "Parameter threshold must be within 0 to 262143, not -1"),
    ],
)
def test_memories_out_of_range_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        chip(**change)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (MachineInputs(1, 3, 0, np.empty((0, 2))), "Inputs must be for 4 neurons and 0 sources, not for 3 and 0"),
        (
            MachineInputs(1, 4, 0, np.empty((0, 2)), np.array([[0, 0, 1]])),
            "Input current of TrueNorth must be the constant one it was placed with, not another",
        ),
    ],
)
def test_inputs_that_it_cannot_take_are_refused(inputs: MachineInputs, message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        chip().run(inputs)
