"""The SpiNNaker machine: scalar = NumPy = compiled in every arithmetic; an independent simulation; memories; routes."""

from __future__ import annotations

import ctypes
import random
import re
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from golden.errors import SimulationError, SpecError
from golden.machines.multicast import Entry, deliver, routing_tables
from golden.machines.rows import cores_of, rows_of
from golden.machines.run import MachineInputs, MachineRecord
from golden.machines.spinnaker import SpiNNakerMachine
from golden.machines.spinnaker_layout import Layout, relays_of, widened
from golden.neurons.spinnaker import ARITHMETICS, PARAMETERS, Arithmetic, SpiNNakerNeurons, is_float

if TYPE_CHECKING:
    from golden.fixed import IntArray

ONE = 2**15
#: Neurons of a core in the small machines, at most.
SMALL = 16


class Synapse:
    """One synapse of the independent simulation."""

    def __init__(self, pre: int, post: int, weight: int, kind: int, delta: int) -> None:
        self.pre, self.post, self.weight, self.kind, self.delta = pre, post, weight, kind, delta


def parameters(rng: np.random.Generator, size: int, arithmetic: Arithmetic, edges: bool) -> SpiNNakerNeurons:
    """Neurons that fire now and then; with ``edges`` anything that the memories hold."""
    fraction, accum = 2.0**32, 2.0**15
    values: dict[str, Any] = {
        "R": rng.uniform(5, 60, size) * accum,
        "exp_TC": rng.uniform(0.3, 0.99, size) * accum,
        "V_rest": rng.uniform(-70, -60, size) * accum,
        "V_reset": rng.uniform(-75, -60, size) * accum,
        "V_thresh": rng.uniform(-58, -40, size) * accum,
        "I_offset": rng.uniform(-0.5, 0.5, size) * accum,
        "T_refract": rng.integers(0, 4, size),
    }
    values |= {f"init_{kind}": rng.uniform(0.5, 1, size) * fraction for kind in ("exc", "inh")}
    values |= {f"decay_{kind}": rng.uniform(0.2, 0.95, size) * fraction for kind in ("exc", "inh")}
    if is_float(arithmetic):
        units = {name: fraction if name[:4] in ("init", "deca") else accum for name in values}
        return SpiNNakerNeurons(
            size, {k: v if k == "T_refract" else v / units[k] for k, v in values.items()}, arithmetic
        )
    values = {name: value.astype(np.int64) for name, value in values.items()}
    if edges:
        for name, limits in PARAMETERS.items():
            ends = rng.choice([limits.low, limits.high, 0], size).clip(limits.low, limits.high)
            values[name] = np.where(rng.random(size) < 0.1, ends, values[name])
    return SpiNNakerNeurons(size, values, arithmetic)


def machine_of(
    neurons: SpiNNakerNeurons, first: list[int], sources: int, synapses: list[Synapse], shifts: IntArray, bits: int
) -> SpiNNakerMachine:
    """The memories for a list of synapses; a delay beyond the slots becomes a relay."""
    slots = 1 << (13 - bits)
    stages = np.array([(s.delta - 1) // slots for s in synapses], dtype=np.int64)
    pre = np.array([s.pre for s in synapses], dtype=np.int64)
    late = stages > 0
    relays = relays_of(stages[late], pre[late])
    number = {tuple(row): neurons.size + sources + k for k, row in enumerate(relays.tolist())}
    axon = [number[stage, p] if stage else p for stage, p in zip(stages.tolist(), pre.tolist(), strict=True)]
    words = [s.weight << 16 | s.delta % slots << (bits + 1) | s.kind << bits for s in synapses]
    memories = rows_of(
        np.array(axon, dtype=np.int32),
        np.array([s.post for s in synapses], dtype=np.int32),
        np.array(words, dtype=np.uint32),
        neurons.size + sources + len(relays),
        np.array(first),
    )
    layout = Layout(np.array(first), sources, relays)
    tables = routing_tables(layout.torus, layout.senders(memories[1], cores_of(*memories[1:3]), memories[3]))
    seeds = np.arange(1, len(first)) * 12345
    return SpiNNakerMachine(neurons, np.array(first), sources, bits, shifts, seeds, *memories, relays, tables)


def random_network(seed: int, arithmetic: Arithmetic = "s16.15", *, heavy: bool = False) -> Any:
    """A recurrent network on several cores with long delays, and its inputs; ``heavy`` weights saturate the buffers."""
    rng, pick = np.random.default_rng(seed), random.Random(seed)
    sizes = [pick.randint(1, SMALL) for _ in range(5)]
    first = [sum(sizes[:k]) for k in range(6)]
    size, sources, ticks = first[-1], 7, 60
    neurons = parameters(rng, size, arithmetic, edges=heavy)
    shifts = rng.integers(0, 17 if heavy else 3, (5, 2))
    largest = 0xFFFF if heavy else 15_000
    synapses = [
        Synapse(
            pick.randrange(size + sources),
            pick.randrange(size),
            pick.choice([0, largest, pick.randint(0, largest)]) if heavy else pick.randint(0, largest),
            pick.randrange(2),
            pick.choice([1, 31, 32, 33, 64, 65, 70]) if pick.random() < 0.2 else pick.randint(1, 12),
        )
        for _ in range(12 * size)
    ]
    machine = machine_of(neurons, first, sources, synapses, shifts, 8)
    spikes = np.column_stack((np.sort(rng.integers(0, ticks, 90)), rng.integers(0, sources, 90)))
    currents = np.column_stack(
        (np.sort(rng.integers(0, ticks, 30)), rng.integers(0, size, 30), rng.integers(-ONE, ONE, 30))
    )
    return machine, synapses, MachineInputs(ticks, size, sources, spikes, currents)


def assert_equal(one: MachineRecord, other: MachineRecord) -> None:
    assert np.array_equal(one.spikes, other.spikes)
    assert one.counters == other.counters
    assert one.states.keys() == other.states.keys() == {"v", "in_exc", "in_inh"}
    for name, states in one.states.items():
        assert states.dtype == other.states[name].dtype
        assert np.array_equal(states, other.states[name]), name


# --- three ways, one machine ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("heavy", [False, True])
@pytest.mark.parametrize("arithmetic", ARITHMETICS)
def test_scalar_numpy_and_compiled_are_equal(arithmetic: Arithmetic, heavy: bool) -> None:
    saturations = 0
    for seed in range(3):
        machine, _, inputs = random_network(seed, arithmetic, heavy=heavy)
        everyone = np.arange(machine.neurons.size)
        reference = machine.run_scalar(inputs, record=everyone)
        assert_equal(machine.run_numpy(inputs, record=everyone), reference)
        assert_equal(machine.run(inputs, record=everyone), reference)
        assert len(reference.spikes) > 30
        saturations += reference.counters["ring-buffer saturations"]
    assert (saturations > 100) is heavy


@pytest.mark.parametrize("arithmetic", ARITHMETICS)
def test_numpy_and_compiled_are_equal_for_long(arithmetic: Arithmetic) -> None:
    """A million neuron-steps in each arithmetic, in cores of 256; beyond what the first buffer of spikes holds."""
    size, ticks = 2_000, 500 if arithmetic != "s16.15-stochastic" else 100
    rng = np.random.default_rng(5)
    first = [*range(0, size, 256), size]
    neurons = parameters(rng, size, arithmetic, edges=True)
    pick = random.Random(5)
    synapses = [
        Synapse(pick.randrange(size), pick.randrange(size), pick.randint(0, 0xFFFF), pick.randrange(2), 1 + k % 40)
        for k in range(20_000)
    ]
    shifts = np.zeros((len(first) - 1, 2), dtype=np.int64)
    machine = machine_of(neurons, first, 0, synapses, shifts, 8)
    inputs = MachineInputs(ticks, size, 0, np.empty((0, 2)), np.array([[3, 5, 10 * ONE]]))
    seen: list[float] = []
    compiled = machine.run(inputs, record=[0, 5, size - 1], progress=seen.append)
    assert_equal(compiled, machine.run_numpy(inputs, record=[0, 5, size - 1]))
    assert len(compiled.spikes) > 4 * size
    assert seen == sorted(seen)
    assert seen[-1] == 1
    assert machine.slots == 32


def test_a_run_leaves_the_machine_as_it_was() -> None:
    machine, _, inputs = random_network(3, "s16.15-stochastic")
    assert_equal(machine.run(inputs, record=[0]), machine.run(inputs, record=[0]))


# --- an independent simulation ----------------------------------------------------------------------------------------


def s32(x: int) -> int:
    return ctypes.c_int32(x & 0xFFFFFFFF).value


def brute_force(machine: SpiNNakerMachine, synapses: list[Synapse], inputs: MachineInputs) -> MachineRecord:
    """No cores, rows, words or ring buffers: spikes that wait, and the contract's equations; s16.15 only."""
    size = machine.neurons.size
    neurons = [machine.neurons.neuron(n) for n in range(size)]
    core_of = np.repeat(np.arange(len(machine.first) - 1), np.diff(machine.first))
    outgoing: defaultdict[int, list[Synapse]] = defaultdict(list)
    for synapse in synapses:
        outgoing[synapse.pre].append(synapse)
    offsets = [p.I_offset for p in neurons]
    v, exc, inh, timer = [p.V_rest for p in neurons], [0] * size, [0] * size, [0] * size
    waiting: defaultdict[int, defaultdict[tuple[int, int], list[Any]]] = defaultdict(lambda: defaultdict(list))
    spikes, saturations, states = [], 0, []
    due: defaultdict[int, int] = defaultdict(int)
    emitting: list[int] = []
    for tick in range(inputs.ticks):
        emitting += sorted(size + int(s) for t, s in inputs.spikes if t == tick)
        for axon in emitting:
            for synapse in outgoing[axon]:
                late, delta = divmod(synapse.delta - 1, machine.slots)
                arrival = tick + late * machine.slots  # when the packet that carries it arrives
                entry = waiting[arrival + delta][synapse.post, synapse.kind]
                entry.append((arrival, late, axon, len(entry), synapse.weight))
                due[arrival] += 1
        for t, n, value in inputs.currents.tolist():
            if t == tick:
                offsets[n] = value
        emitting = []
        for n, p in enumerate(neurons):
            sums = []
            for kind in (0, 1):
                total = 0
                for *_, weight in sorted(waiting[tick][n, kind]):
                    total += weight
                    if total > 0xFFFF:
                        total, saturations = 0xFFFF, saturations + 1
                sums.append(s32(total << int(machine.shifts[core_of[n], kind])))
            exc[n] = s32(exc[n] + sums[0] * p.init_exc // 2**32)
            inh[n] = s32(inh[n] + sums[1] * p.init_inh // 2**32)
            if timer[n] > 0:
                timer[n] -= 1
            else:
                alpha = s32(s32(s32(exc[n] - inh[n] + offsets[n]) * p.R // ONE) + p.V_rest)
                v[n] = s32(alpha - s32(p.exp_TC * s32(alpha - v[n]) // ONE))
            if v[n] >= p.V_thresh:
                v[n], timer[n] = p.V_reset, p.T_refract
                spikes.append((tick, n))
                emitting.append(n)
            exc[n], inh[n] = exc[n] * p.decay_exc // 2**32, inh[n] * p.decay_inh // 2**32
        states.append((v.copy(), exc.copy(), inh.copy()))
    # Weights that are still waiting at the end have been added, and may have saturated: those of arrived packets.
    for t in (t for t in waiting if t >= inputs.ticks):
        for entry in waiting[t].values():
            total = 0
            for arrival, *_, weight in sorted(entry):
                if arrival < inputs.ticks:
                    total += weight
                    if total > 0xFFFF:
                        total, saturations = 0xFFFF, saturations + 1
    events = sum(count for t, count in due.items() if t < inputs.ticks)
    columns = dict(zip(("v", "in_exc", "in_inh"), np.array(states).transpose(1, 0, 2), strict=True))
    counters = {"ring-buffer saturations": saturations, "synaptic events": events}
    return MachineRecord(np.array(spikes), np.arange(size), columns, counters)


@pytest.mark.parametrize("heavy", [False, True])
@pytest.mark.parametrize("seed", range(10, 16))
def test_the_machine_is_the_network(seed: int, heavy: bool) -> None:
    machine, synapses, inputs = random_network(seed, heavy=heavy)
    assert_equal(machine.run(inputs, record=np.arange(machine.neurons.size)), brute_force(machine, synapses, inputs))


def test_long_delays_through_delay_cores() -> None:
    """Slots of 32 ticks in cores of 256: delays up to 9 times that, a source's among them."""
    size, deltas = 300, [1, 31, 32, 33, 64, 65, 100, 255, 256, 257, 288]
    values = {"V_thresh": np.where(np.arange(size) == 299, 3 * ONE, 1000 * ONE), "R": 10 * ONE, "exp_TC": 0}
    neurons = SpiNNakerNeurons(size, {name: np.asarray(value) for name, value in values.items()})
    synapses = [Synapse(pre, k, ONE, 0, delta) for k, delta in enumerate(deltas) for pre in (299, 300)]
    machine = machine_of(neurons, [0, 256, 300], 1, synapses, np.zeros((2, 2), np.int64), 8)
    assert machine.layout.delay_cores == 2
    machine.check_routes()
    inputs = MachineInputs(400, size, 1, np.array([[7, 0]]), np.array([[20, 299, ONE], [21, 299, 0]]))
    record = machine.run(inputs, record=np.arange(len(deltas)))
    assert record.spikes.tolist() == [[20, 299]]
    arrivals = [np.flatnonzero(v).tolist() for v in record.states["v"].T]
    # A source at 7 acts at 7 + (delta - 1), the neuron of tick 20 at 20 + delta.
    assert arrivals == [[6 + delta, 20 + delta] for delta in deltas]
    whole = brute_force(machine, synapses, inputs)
    few = {name: states[:, : len(deltas)] for name, states in whole.states.items()}
    assert_equal(record, replace(whole, states=few))


def test_currents_of_floating_point_are_the_same_integers() -> None:
    """The current of a machine in float64 is value / 2^15 nA."""
    values = {"R": 10.0, "exp_TC": 0.0, "V_thresh": 1e4}
    neurons = SpiNNakerNeurons(1, {k: np.asarray(v) for k, v in values.items()}, "float64")
    machine = machine_of(neurons, [0, 1], 0, [], np.zeros((1, 2), np.int64), 8)
    record = machine.run(MachineInputs(2, 1, 0, np.empty((0, 2)), np.array([[1, 0, 3 * ONE]])), record=[0])
    assert record.states["v"].tolist() == [[0.0], [30.0]]


# --- routes and memories ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def large() -> SpiNNakerMachine:
    """45 cores of neurons and one of sources, with delay cores, on four chips."""
    pick, size = random.Random(1), 45 * 16
    synapses = [
        Synapse(pick.randrange(size + 5), pick.randrange(size), 9, 0, pick.choice([1, 9, 600])) for _ in range(900)
    ]
    neurons = SpiNNakerNeurons(size, {})
    return machine_of(neurons, [*range(0, size + 1, 16)], 5, synapses, np.zeros((45, 2), np.int64), 4)


def test_the_tables_reach_the_cores_of_the_synapses(large: SpiNNakerMachine) -> None:
    large.check_routes()
    layout = large.layout
    assert layout.torus.width * layout.torus.height >= 4
    for axon in range(0, large.fan.size - 1, 7):
        block = next(b for b in reversed(layout.blocks) if b.first <= axon)
        reached = deliver(layout.torus, large.tables, layout.key(axon), layout.place(block.core)[0])
        rows = large.row_core[large.fan[axon] : large.fan[axon + 1]].tolist()
        assert {layout.place(layout.blocks[core].core) for core in rows} <= reached


def test_keys_ascend_with_axons_and_delay_cores_follow(large: SpiNNakerMachine) -> None:
    layout = large.layout
    keys = [layout.key(axon) for axon in range(large.fan.size - 1)]
    assert keys == sorted(set(keys))
    served = {b.core for b in layout.blocks[46:]}
    assert served == {b.core + 1 for b in layout.blocks[:46] if b.core + 1 in served}
    assert len({b.core for b in layout.blocks}) == layout.cores == 46 + layout.delay_cores


def test_rows_that_only_pass_over_cores_reach_none() -> None:
    """600 cores of one neuron: packets to the last of them pass over cores 255 and 510, in the rows but not there."""
    neurons = SpiNNakerNeurons(600, {})
    ends = [Synapse(0, 599, 1, 0, 1), Synapse(0, 3, 1, 0, 1)]
    machine = machine_of(neurons, [*range(601)], 0, ends, np.zeros((600, 2), np.int64), 8)
    assert machine.row_core.tolist() == [3, 258, 513, 599]
    machine.check_routes()
    layout = machine.layout
    reached = deliver(layout.torus, machine.tables, layout.key(0), layout.place(0)[0])
    assert reached == {layout.place(3), layout.place(599)}


def test_widened_packets_reach_what_their_chip_reaches() -> None:
    """Every sender of a chip to the union of their targets: fewer entries, nobody left out, and known to the check."""
    pick, size = random.Random(2), 64
    synapses = [Synapse(pick.randrange(size), pick.randrange(size), 9, 0, 1) for _ in range(150)]
    exact = machine_of(SpiNNakerNeurons(size, {}), [*range(size + 1)], 0, synapses, np.zeros((size, 2), np.int64), 8)
    layout = exact.layout
    senders = layout.senders(exact.fan, exact.row_core, exact.row_length)
    tables = routing_tables(layout.torus, widened(senders))
    wide = replace(exact, tables=tables, widened=True)
    wide.check_routes()
    assert {chip: len(table) for chip, table in tables.items()} == dict.fromkeys(tables, 4)
    assert max(map(len, exact.tables.values())) > 30
    for sender in senders:
        union = frozenset().union(*(other.targets for other in senders if other.chip == sender.chip))
        assert deliver(layout.torus, tables, sender.key, sender.chip) == union >= sender.targets
    with pytest.raises((SpecError, SimulationError)):
        replace(wide, widened=False).check_routes()
    with pytest.raises((SpecError, SimulationError)):
        replace(exact, widened=True).check_routes()
    assert SpiNNakerMachine.from_arrays(wide.arrays()).widened


def test_a_corrupt_table_is_found(large: SpiNNakerMachine) -> None:
    chip, table = next((chip, table) for chip, table in large.tables.items() if len(table) > 3)
    wrong = table[3]._replace(route=table[3].route ^ 1 << 7)
    broken = replace(large, tables={**large.tables, chip: [*table[:3], wrong, *table[4:]]})
    with pytest.raises((SpecError, SimulationError), match=r"routed to the cores of its synapses|twice|no route"):
        broken.check_routes()
    with pytest.raises((SpecError, SimulationError)):
        SpiNNakerMachine.from_arrays(broken.arrays())


@pytest.mark.parametrize("arithmetic", ["s16.15-stochastic", "float32"])
def test_memories_go_to_arrays_and_back(arithmetic: Arithmetic) -> None:
    machine, _, inputs = random_network(4, arithmetic)
    arrays = machine.arrays()
    again = SpiNNakerMachine.from_arrays(arrays)
    assert {k: (v.dtype, v.tolist()) for k, v in again.arrays().items()} == {
        k: (v.dtype, v.tolist()) for k, v in arrays.items()
    }
    assert_equal(again.run(inputs, record=[1]), machine.run(inputs, record=[1]))


@pytest.mark.parametrize("name", ["words", "neuron_R", "version", "tables", "size"])
def test_a_missing_memory_is_named(name: str) -> None:
    arrays = random_network(4)[0].arrays()
    del arrays[name]
    with pytest.raises(SpecError, match=f"^SpiNNaker image must be given with memory {name}, not without it$"):
        SpiNNakerMachine.from_arrays(arrays)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("first", lambda a: a[::-1], "Memory first must be ascending from 0 to "),
        ("index_bits", lambda a: a * 0 + 9, "Index bits must be 0 to 8, not 9"),
        ("index_bits", lambda a: a * 0 + 1, "Neurons of a core must be at most 2, not "),
        ("shifts", lambda a: a + 17, "Memory shifts must be within 0 to 16, not "),
        ("seeds", lambda a: a * 0, "Memory seeds must be within 1 to 4294967295, not 0 to 0"),
        ("words", lambda a: a.astype(np.int64), "Memory words must be flat, of uint32, not int64, "),
        ("words", lambda a: a[1:], "Memory row_length must be "),
        ("words", lambda a: a | 0xFF, "Index of a synapse word must be a neuron of its core, not past the last"),
        ("fan", lambda a: a[::-1], "Memory fan must be ascending from 0 to "),
        ("row_step", lambda a: a + np.uint8(5), "Core of a row must be below 5, not "),
        ("relays", lambda a: a[::-1], "Relays must be ascending by stage and axon, not out of order"),
        ("relays", lambda a: a * [0, 1], "Relays must be of stages 1 to 8 and axons below "),
        ("tables", lambda a: a + 2**24, "Routing entry must be 32-bit key and mask and a 24-bit route, not "),
        ("version", lambda a: np.array("later"), "SpiNNaker version must be 'sPyNNaker, October 2023', not 'later'"),
        ("neuron_exp_TC", lambda a: a + 2**16, "Parameter exp_TC must be within -32768 to 32768, not "),
    ],
)
def test_memories_that_do_not_fit_are_refused(name: str, change: Any, message: str) -> None:
    arrays = random_network(4)[0].arrays()
    with pytest.raises(SpecError, match=f"^{re.escape(message)}"):
        SpiNNakerMachine.from_arrays(arrays | {name: change(arrays[name])})


@pytest.mark.parametrize(
    ("more", "sources", "current", "message"),
    [
        (1, 7, 0, "Inputs must be for {0} neurons, not for {1}"),
        (0, 3, 0, "Inputs must be for 7 sources, not for 3"),
        (0, 7, 2**31, "Input current must be within the 32 bits of s16.15, not 2147483648"),
    ],
)
def test_inputs_of_another_machine_are_refused(more: int, sources: int, current: int, message: str) -> None:
    machine, _, _ = random_network(4)
    size = machine.neurons.size
    inputs = MachineInputs(1, size + more, sources, np.empty((0, 2)), np.array([[0, 0, current]]))
    with pytest.raises(SpecError, match=f"^{re.escape(message.format(size, size + 1))}$"):
        machine.run(inputs)


def test_entries_beyond_the_table_are_refused(large: SpiNNakerMachine) -> None:
    table = [Entry(k, 0xFFFFFFFF, 64) for k in range(1025)]
    with pytest.raises(SpecError, match=re.escape("Routing entries of chip (0, 0) must be at most 1024, not 1025")):
        replace(large, tables={(0, 0): table})


def test_long_rows_and_long_steps() -> None:
    """600 synapses of one axon on core 700: three rows, and two without words to get there; another on core 3."""
    first = np.arange(702)
    post = np.array([700] * 600 + [3], dtype=np.int32)
    words, fan, step, length = rows_of(np.zeros(601, np.int32), post, np.arange(601, dtype=np.uint32) << 16, 2, first)
    assert (words >> 16).tolist() == [600, *range(600)]
    assert fan.tolist() == [0, 6, 6]
    assert list(zip(step.tolist(), length.tolist(), strict=True)) == [
        *[(3, 1), (255, 0), (255, 0), (187, 255), (0, 255), (0, 90)]
    ]
    assert cores_of(fan, step).tolist() == [3, 258, 513, 700, 700, 700]


@pytest.mark.parametrize("seed", range(3))
def test_rows_are_the_synapses(seed: int) -> None:
    """Against sorting in Python, on machines of many cores."""
    rng = np.random.default_rng(seed)
    first = np.unique(np.append(rng.integers(1, 4000, 1500), [0, 4000]))
    axon, post = (rng.integers(0, end, 5000).astype(np.int32) for end in (40, 4000))
    core = np.searchsorted(first, post, side="right") - 1
    words, fan, step, length = rows_of(axon, post, np.arange(5000, dtype=np.uint32) << 8, 40, first)
    order = sorted(range(5000), key=lambda k: (axon[k], core[k], k))
    assert words.tolist() == [(k << 8) + int(post[k] - first[core[k]]) for k in order]
    row_axon = np.repeat(np.arange(40), np.diff(fan))
    assert np.repeat(row_axon, length).tolist() == [axon[k] for k in order]
    assert np.repeat(cores_of(fan, step), length).tolist() == [core[k] for k in order]
