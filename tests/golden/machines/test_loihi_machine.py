"""Loihi cores: ints = NumPy = compiled = a simulation written here from the contract; vectors and edges by hand."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any, get_args

import numpy as np
import pytest

from golden.errors import SpecError
from golden.machines.loihi import COUNTERS, LoihiMachine
from golden.machines.run import MachineInputs, MachineRecord
from golden.neurons.loihi import Compat, LoihiCompartments

#: On one worker: the kernels are compiled once.
pytestmark = pytest.mark.xdist_group("loihi")
COMPATS = get_args(Compat)
END = 2**23
NONE = np.empty((0, 2), dtype=np.int64)


def machine(
    values: dict[str, Any],
    synapses: Any = (),
    *,
    size: int = 1,
    sources: int = 1,
    compat: Compat = "loihi",
    cores: Any = None,
    exponent: int = 0,
) -> LoihiMachine:
    """Rows (presynaptic, postsynaptic, delay, stored weight) on one core, unless told otherwise."""
    compartments = LoihiCompartments(size, {name: np.asarray(value) for name, value in values.items()}, compat)
    columns = np.asarray(synapses, dtype=np.int64).reshape(-1, 4).T
    table = (columns[0], columns[1], columns[2], columns[3])
    return LoihiMachine.connected(compartments, sources, cores or [0, size], table, exponent)


def inputs(of: LoihiMachine, ticks: int, spikes: Any = (), currents: Any = ()) -> MachineInputs:
    spikes, currents = (np.asarray(t, dtype=np.int64).reshape(-1, w) for t, w in ((spikes, 2), (currents, 3)))
    return MachineInputs(ticks, of.size, of.sources, spikes, currents)


def equal(one: MachineRecord, other: MachineRecord) -> bool:
    return (
        np.array_equal(one.spikes, other.spikes)
        and np.array_equal(one.recorded, other.recorded)
        and one.states.keys() == other.states.keys()
        and all(np.array_equal(one.states[name], other.states[name]) for name in one.states)
        and one.counters == other.counters
    )


def run(of: LoihiMachine, given: MachineInputs) -> MachineRecord:
    """The record of the three loops, which must be one; states of all neurons."""
    record = np.arange(of.size)
    compiled = of.run(given, record=record)
    assert equal(compiled, of.run_numpy(given, record=record))
    assert equal(compiled, of.run_scalar(given, record=record))
    return compiled


# --- a simulation from the contract, event by event -------------------------------------------------------------------


def two(x: int, bits: int) -> int:
    return (x + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)


def lessened(x: int, d: int) -> int:
    return (1 if x >= 0 else -1) * (abs(x) * (4096 - d) // 4096)


def simulated(
    values: list[dict[str, int]],
    synapses: np.ndarray[Any, Any],
    compat: str,
    exponent: int,
    given: MachineInputs,
) -> tuple[list[tuple[int, int]], np.ndarray[Any, Any], list[int]]:
    """Spikes, (ticks, N, 3) of u, v and held steps left, and the three counts."""
    size = len(values)
    outgoing = defaultdict(list)
    for pre, post, delay, weight in synapses.tolist():
        outgoing[pre].append((post, delay, weight))
    arriving: dict[tuple[int, int], int] = defaultdict(int)
    emissions = defaultdict(list)
    for tick, source in given.spikes.tolist():
        emissions[tick].append(size + source)
    u, v, free_from = [0] * size, [0] * size, [0] * size
    bias = [p["bias_mant"] for p in values]
    spikes, states, counts = [], [], [0, 0, 0]
    for tick in range(given.ticks):
        for when, neuron, value in given.currents.tolist():
            if when == tick:
                bias[neuron] = value
        for pre in emissions.pop(tick, []):
            for post, delay, weight in outgoing[pre]:
                arriving[tick + delay, post] += weight
        for k, p in enumerate(values):
            a = arriving.pop((tick, k), 0)
            q = (a * 2**exponent if exponent >= 0 else a // 2**-exponent) * 64
            held_q = two(q, 22) if compat in ("loihi", "nengo-loihi-1.1") else q
            full = lessened(u[k], p["du"] + 1) + held_q
            u[k] = full
            if compat in ("loihi", "nengo-loihi-1.1"):
                u[k] = two(full, 24)
            elif compat == "lava-0.10":
                u[k] = full - 2 * END if full > END else full + 2 * END if full <= -END else full
            drive = u[k] + bias[k] * 2 ** p["bias_exp"]
            held_drive = two(drive, 24) if compat == "nengo-loihi-1.1" else drive
            x = lessened(v[k], p["dv"]) + held_drive
            low, high = (p["vmin"], p["vmax"]) if compat == "nengo-loihi-1.1" else (1 - END, END - 1)
            y = x if compat == "brian2-loihi-0.5" else min(max(x, low), high)
            counts[0] += q != held_q
            counts[1] += u[k] != full or drive != held_drive
            counts[2] += x != y and tick >= free_from[k]
            v[k] = y if tick >= free_from[k] else 0
            if v[k] > p["vth"] * 64:
                v[k], free_from[k] = 0, tick + p["refractory"]
                spikes.append((tick, k))
                emissions[tick + 1].append(k)
        states.append([(u[k], v[k], max(free_from[k] - tick - 1, 0)) for k in range(size)])
    return spikes, np.array(states), counts


def random_network(compat: Compat, seed: int) -> tuple[LoihiMachine, list[dict[str, int]], Any, int]:
    """Five cores; weights and biases of all sizes, so that registers overflow; thresholds from low to never."""
    rng = np.random.default_rng(seed)
    size, sources, count = 120, 6, 1500
    near = seed % 2 == 0  # half of them within 24 bits most of the time
    values = {
        "du": rng.choice([0, 5, 500, 2000, 4095], size),
        "dv": rng.choice([0, 1, 100, 2000, 4095], size),
        "vth": rng.choice([0, 1, 40, 1000, 40_000, 131_071], size),
        "bias_mant": rng.integers(-4096, 4096, size) // (256 if near else 1),
        "bias_exp": rng.integers(0, 8, size),
        "refractory": np.ones(size, dtype=int) if compat == "lava-0.10" else rng.choice([1, 2, 3, 40, 63], size),
        "vmin": -rng.choice([0, 1000, END - 1], size),
        "vmax": rng.choice([500, 2**15 - 1, END - 1], size),
    }
    scale = rng.choice([2**5, 2**9] if near else [2**9, 2**15], count)
    weight = np.clip((rng.uniform(-1, 1, count) * scale).astype(int), -(2**15), 2**15 - 1)
    delay = rng.choice([0, 1, 2, 30, 61, 62], count)
    table = np.column_stack((rng.integers(0, size + sources, count), rng.integers(0, size, count), delay, weight))
    table[:100, 1] = table[0, 1]  # one with a large fan-in
    exponent = int(rng.integers(-8, 8)) if compat == "lava-0.10" else 0
    made = machine(
        values, table, size=size, sources=sources, compat=compat, cores=[0, 1, 50, 51, 90, size], exponent=exponent
    )
    return made, [{name: int(v[k]) for name, v in values.items()} for k in range(size)], table, exponent


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("compat", COMPATS)
def test_random_networks_are_what_the_contract_says(compat: Compat, seed: int) -> None:
    made, values, table, exponent = random_network(compat, seed)
    rng, ticks = np.random.default_rng(100 + seed), 150
    when = [np.sort(rng.integers(0, ticks, n)) for n in (200, 100)]
    given = inputs(
        made,
        ticks,
        np.column_stack((when[0], rng.integers(0, made.sources, 200))),
        np.column_stack((when[1], rng.integers(0, made.size, 100), rng.integers(-4096, 4096, 100))),
    )
    record = run(made, given)
    spikes, states, counts = simulated(values, table, compat, exponent, given)
    assert record.spikes.tolist() == [list(spike) for spike in spikes]
    for k, name in enumerate(("u", "v", "r")):
        assert np.array_equal(record.states[name], states[..., k])
    assert list(record.counters.values()) == counts
    assert len(spikes) > 500
    if compat in ("loihi", "nengo-loihi-1.1") and seed % 2:
        assert min(counts) > 10  # the edges were reached


@pytest.mark.parametrize("compat", COMPATS)
def test_five_million_steps_compiled_are_those_in_numpy(compat: Compat) -> None:
    """1.3 million for each model; together with the ints above, the three loops are one."""
    rng, size, ticks = np.random.default_rng(7), 1024, 1300
    values = {
        "du": rng.integers(0, 4096, size),
        "dv": rng.integers(0, 4096, size),
        "vth": rng.choice([10, 1000, 131_071], size),
        "bias_exp": rng.integers(0, 8, size),
        "refractory": 1 if compat == "lava-0.10" else rng.integers(1, 64, size),
        "vmin": -rng.integers(0, END, size),
        "vmax": rng.integers(0, END, size),
    }
    count = 30 * size
    weight = (rng.uniform(-1, 1, count) * 2.0 ** rng.integers(4, 16, count)).astype(int)
    table = np.column_stack(
        (rng.integers(0, size, count), rng.integers(0, size, count), rng.integers(0, 63, count), weight)
    )
    made = machine(values, table, size=size, sources=0, compat=compat, cores=[0, 600, size])
    at = np.sort(rng.integers(0, ticks, 4000))
    given = inputs(made, ticks, (), np.column_stack((at, rng.integers(0, size, 4000), rng.integers(-4096, 4096, 4000))))
    everyone = np.arange(size)
    compiled, arrays = made.run(given, record=everyone), made.run_numpy(given, record=everyone)
    assert equal(compiled, arrays)
    assert len(compiled.spikes) > 10_000


@pytest.mark.parametrize("column", [1, 2, 3])
def test_a_network_with_one_wrong_synapse_is_another(column: int) -> None:
    """The comparison above sees a single target, delay or weight that is off by one."""
    made, values, table, _ = random_network("loihi", 0)
    wrong = table.copy()
    place = np.flatnonzero((table[:, 0] >= made.size) & (table[:, 1] < 100) & (table[:, 2] < 62))[0]
    wrong[place, column] += 1
    named = {name: [p[name] for p in values] for name in values[0]}
    other = machine(named, wrong, size=made.size, sources=made.sources, cores=made.cores.tolist())
    given = inputs(made, 100, [(3, source) for source in range(made.sources)])
    everyone = np.arange(made.size)
    assert not equal(made.run(given, record=everyone), other.run(given, record=everyone))


# --- vectors of the contract, through the whole machine -----------------------------------------------------------


@pytest.mark.parametrize("compat", COMPATS)
def test_one_impulse(compat: Compat) -> None:
    """lava-nc 0.10, tests/lava/proc/lif/test_models.py, test_bitacc_pm_impulse_du; the contract's v for dv = 1."""
    made = machine({"du": 2047, "dv": 1, "vth": 1000}, [(1, 0, 0, 128)], compat=compat)
    record = run(made, inputs(made, 8, [(0, 0)]))
    assert record.states["u"].ravel().tolist() == [8192, 4096, 2048, 1024, 512, 256, 128, 64]
    assert record.states["v"].ravel().tolist() == [8192, 12286, 14331, 15351, 15859, 16111, 16235, 16295]


def test_one_impulse_without_current_decay_in_lava() -> None:
    """The same file, test_bitacc_pm_impulse_dv: du 0 (which is 1 of 4096), dv 2048; the contract shows its v too."""
    made = machine({"du": 0, "dv": 2048, "vth": 256}, [(1, 0, 0, 128)], compat="lava-0.10")
    record = run(made, inputs(made, 8, [(0, 0)]))
    assert record.states["v"].ravel().tolist() == [8192, 12286, 14331, 15351, 15859, 16111, 16235, 16295]


@pytest.mark.parametrize("compat", COMPATS)
def test_bias_driven_in_lava(compat: Compat) -> None:
    """The same file, test_bitacc_pm_no_decay: bias 2 x 2^6, threshold 8 x 64: every fifth step, the first at 4."""
    made = machine({"du": 0, "dv": 0, "vth": 8, "bias_mant": 2, "bias_exp": 6}, size=10, sources=0, compat=compat)
    spikes = run(made, inputs(made, 10)).spikes
    assert spikes.tolist() == [[tick, k] for tick in (4, 9) for k in range(10)]


def test_example_of_brian2_loihi() -> None:
    """README of brian2-loihi 0.5: two spikes of weight 124, here at steps 2 and 4 in place of 12 and 14."""
    values = {"du": 1023, "dv": 1024, "vth": 400, "refractory": 2}
    made = machine(values, [(1, 0, 0, 124)], compat="brian2-loihi-0.5")
    record = run(made, inputs(made, 10, [(2, 0), (4, 0)]))
    assert record.states["u"].ravel().tolist()[:8] == [0, 0, 7936, 5952, 12400, 9300, 6975, 5231]
    assert record.states["v"].ravel().tolist() == [0, 0, 7936, 11904, 21328, 25296, 0, 0, 3923, 5884]
    assert record.spikes.tolist() == [[6, 0]]


# --- time, by hand ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delay", [0, 1, 17, 62])
def test_a_spike_takes_one_step_and_the_delay(delay: int) -> None:
    """Source at tick 3 and delay 0: neuron 0 fires in tick 3, emits at 4, and reaches neuron 1 at 4 + delay."""
    table = [(2, 0, 0, 100), (0, 1, delay, 5)]
    made = machine({"vth": [10, 1000]}, table, size=2, cores=[0, 1, 2])
    record = run(made, inputs(made, 80, [(3, 0)]))
    assert record.spikes.tolist() == [[3, 0]]
    arrived = np.flatnonzero(record.states["u"][:, 1])
    assert arrived.tolist() == [4 + delay]
    assert record.states["u"][4 + delay, 1] == 5 * 64


def test_a_source_acts_delay_ticks_later_and_twice_if_it_fires_twice() -> None:
    made = machine({"vth": 1000}, [(1, 0, 62, 3), (1, 0, 0, 4), (1, 0, 0, 4)])
    u = run(made, inputs(made, 80, [(5, 0), (5, 0)])).states["u"][:, 0]
    assert {tick: int(u[tick]) for tick in np.flatnonzero(u)} == {5: 2 * 8 * 64, 67: 2 * 3 * 64}


@pytest.mark.parametrize("refractory", range(1, 64))
def test_every_refractory_time(refractory: int) -> None:
    made = machine({"vth": 1, "bias_mant": 100, "refractory": refractory}, sources=0)
    spikes = made.run(inputs(made, 200)).spikes[:, 0]
    assert spikes.tolist() == list(range(0, 200, refractory))


def test_the_bias_holds_until_a_current_replaces_it() -> None:
    made = machine({"bias_mant": 3, "bias_exp": 1, "dv": 4095, "vth": 1000}, sources=0)
    v = run(made, inputs(made, 6, (), [(2, 0, -5), (4, 0, 4), (4, 0, 0)])).states["v"][:, 0]
    assert v.tolist() == [6, 6, -10, -10, 0, 0]


# --- edges, by hand -----------------------------------------------------------------------------------------------


def test_the_threshold_must_be_passed() -> None:
    made = machine({"vth": 10, "dv": 4095}, sources=0)
    given = inputs(made, 3, (), [(0, 0, 640), (1, 0, 641)])
    assert run(made, given).spikes.tolist() == [[1, 0], [2, 0]]


@pytest.mark.parametrize(
    ("compat", "u", "counts"),
    [
        ("loihi", [-(2**21), 2**21 - 128, 0, 0], [2, 0, 0]),
        ("nengo-loihi-1.1", [-(2**21), 2**21 - 128, 0, 0], [2, 0, 0]),
        ("lava-0.10", [2**21, -(2**21) - 128, 0, 0], [0, 0, 0]),
        ("brian2-loihi-0.5", [2**21, -(2**21) - 128, 0, 0], [0, 0, 0]),
    ],
)
def test_the_sum_wraps_and_not_the_weights(compat: Compat, u: list[int], counts: list[int]) -> None:
    """2^15 and -2^15 - 2 from two synapses each; the weights themselves are in range."""
    table = [(1, 0, 0, 2**14), (1, 0, 0, 2**14), (2, 0, 0, -(2**14) - 1), (2, 0, 0, -(2**14) - 1)]
    made = machine({"vth": 131_071, "dv": 4095}, table, sources=2, compat=compat)
    record = run(made, inputs(made, 4, [(0, 0), (1, 1)]))
    assert record.states["u"][:, 0].tolist() == u
    assert [record.counters[name] for name in COUNTERS] == counts


@pytest.mark.parametrize(
    ("compat", "after", "wrapped"),
    [
        ("loihi", -END, 1),
        ("nengo-loihi-1.1", -END, 1),
        ("lava-0.10", END, 0),
        ("brian2-loihi-0.5", END, 0),
    ],
)
def test_a_current_of_two_to_the_23(compat: Compat, after: int, wrapped: int) -> None:
    """A current that loses 1/4096 a step, refilled to +2^23 exactly."""
    weights, held = [], 0
    while held < END:
        held = held * 4095 // 4096
        weights.append(min((END - held) // 64, 2**15 - 1))
        if held + weights[-1] * 64 < END <= held + 2**15 * 64 - 64 and (END - held) % 64:
            weights[-1] -= 1000  # another remainder next time
        held += weights[-1] * 64
    table = [(1 + k, 0, 0, w) for k, w in enumerate(weights)]
    made = machine({"du": 0, "vth": 131_071, "dv": 4095}, table, sources=len(weights), compat=compat)
    record = run(made, inputs(made, len(weights), [(k, k) for k in range(len(weights))]))
    assert record.states["u"][-1, 0] == after
    assert record.counters["overflows of the current"] == wrapped


@pytest.mark.parametrize(
    ("compat", "v"), [("loihi", 1 - END), ("lava-0.10", 1 - END), ("brian2-loihi-0.5", -20 * 524_288)]
)
def test_where_the_voltage_ends(compat: Compat, v: int) -> None:
    made = machine({"bias_mant": -4096, "bias_exp": 7}, sources=0, compat=compat)
    record = run(made, inputs(made, 20))
    assert record.states["v"][-1, 0] == v
    assert record.counters["limited voltages"] == (0 if compat == "brian2-loihi-0.5" else 5)


def test_voltages_that_are_held_are_not_limited() -> None:
    """Refractory after the first step, with a bias that would saturate if v were free."""
    made = machine({"bias_mant": 4095, "bias_exp": 7, "vth": 1, "refractory": 63}, sources=0)
    assert run(made, inputs(made, 60)).counters["limited voltages"] == 0


@pytest.mark.parametrize(("exponent", "u"), [(-1, 2 * 64), (-3, 0), (0, 5 * 64), (3, 40 * 64)])
def test_lava_scales_the_sum(exponent: int, u: int) -> None:
    made = machine({}, [(1, 0, 0, 3), (1, 0, 0, 2)], compat="lava-0.10", exponent=exponent)
    assert run(made, inputs(made, 1, [(0, 0)])).states["u"][0, 0] == u


# --- memory ---------------------------------------------------------------------------------------------------------


def test_the_memory_is_one_list_for_each_source_and_core() -> None:
    table = [(3, 0, 1, -1), (0, 2, 0, 7), (0, 1, 62, -(2**15)), (3, 1, 2, 5), (0, 0, 3, 9)]
    made = machine({}, table, size=3, sources=1, cores=[0, 2, 3])
    assert made.lists.of.tolist() == [2, 0, 0, 1]
    assert made.lists.core.tolist() == made.row_core.tolist() == [0, 1, 0]
    assert made.lists.bounds.tolist() == [0, 2, 3, 5]
    words = [(w >> 22, w >> 16 & 63, (w & 0xFFFF) - (w & 0x8000) * 2) for w in made.words.tolist()]
    assert words == [(0, 3, 9), (1, 62, -(2**15)), (0, 0, 7), (0, 1, -1), (1, 2, 5)]
    assert made.largest_delay == 62


def test_a_list_goes_on_over_rows_and_rows_over_cores() -> None:
    """600 synapses of one list are three rows; core 300 is two steps away; both are one input axon."""
    table = [(0, 0, 0, k) for k in range(600)] + [(0, 300, 0, 1), (1, 300, 0, 2)]
    made = machine({}, table, size=301, cores=range(302))
    assert made.row_length.tolist() == [255, 255, 90, 0, 1, 0, 1]
    assert made.row_step.tolist() == [0, 0, 0, 255, 45, 255, 45]
    assert made.lists.of.tolist()[:3] == [2, 1, 0]
    assert made.lists.core.tolist() == [0, 300, 300]
    assert made.lists.bounds.tolist() == [0, 600, 601, 602]


def test_four_bytes_a_synapse_and_two_a_row() -> None:
    rng, size, count = np.random.default_rng(0), 2048, 400_000
    table = np.column_stack(
        (rng.integers(0, size, count), rng.integers(0, size, count), *np.ones((2, count), dtype=int))
    )
    made = machine({}, table, size=size, sources=0, cores=[0, 1024, 2048])
    assert made.memory == 4 * count + 2 * made.row_core.size + 8 * (size + 1)
    assert made.memory < 4.2 * count


def test_the_memories_survive_a_round_trip() -> None:
    made, *_ = random_network("nengo-loihi-1.1", 1)
    again = LoihiMachine.from_arrays(made.arrays())
    given = inputs(made, 50, [(0, 0), (3, 2)])
    assert again.compat == made.compat
    assert again.arrays().keys() == made.arrays().keys()
    assert all(np.array_equal(array, again.arrays()[name]) for name, array in made.arrays().items())
    assert equal(again.run(given, record=[1, 5]), made.run(given, record=[1, 5]))


def test_progress_is_reported_and_changes_nothing() -> None:
    made, *_ = random_network("loihi", 0)
    given, seen = inputs(made, 100), []
    assert equal(made.run(given, progress=seen.append), made.run(given))
    assert seen[-1] == 1


def test_a_run_in_pieces_is_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    made, *_ = random_network("loihi", 1)
    given, seen = inputs(made, 100), []
    whole = made.run(given, record=[3])
    monkeypatch.setattr("golden.machines.loihi_kernel._CHUNK", 7 * made.size)
    assert equal(made.run(given, record=[3], progress=seen.append), whole)
    assert len(seen) == 15


# --- what does not fit ----------------------------------------------------------------------------------------------


def changed(**arrays: Any) -> Any:
    made = machine({}, [(2, 0, 1, -1), (0, 1, 0, 7)], size=2, cores=[0, 1, 2])
    return lambda: LoihiMachine.from_arrays(made.arrays() | {k: np.asarray(v) for k, v in arrays.items()})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: machine({}, size=1025), "Compartments of a core must be at most 1024, not 1025"),
        (lambda: machine({}, cores=[0, 2]), "First compartments of cores must be within 0 to 1, not 2"),
        (
            lambda: machine({}, size=2, cores=[0, 0, 2]),
            "First compartments of cores must be ascending from 0 to 2, not ",
        ),
        (lambda: machine({}, [(2, 0, 0, 1)]), "Presynaptic indices must be within 0 to 1, not 2"),
        (lambda: machine({}, [(0, 1, 0, 1)]), "Postsynaptic indices must be within 0 to 0, not 1"),
        (lambda: machine({}, [(0, 0, 63, 1)]), "Delays of synapses must be within 0 to 62, not 63"),
        (lambda: machine({}, [(0, 0, 0, 2**15)]), "Stored weights must be within -32768 to 32767, not 32768"),
        (lambda: machine({}, exponent=1), "Exponent of the sum must be 0 in loihi, where weights contain it, not 1"),
        (
            lambda: machine({}, compat="lava-0.10", exponent=-9),
            "Exponent of the sum must be within -8 to 7, not -9",
        ),
        (lambda: machine({}, sources=-1), "Number of sources must be at least 0, not -1"),
        (
            changed(words=np.array([1 << 22, 0], dtype=np.uint32)),
            "Compartment of a synapse must be within its core, not 1",
        ),
        (
            changed(words=np.array([63 << 16, 0], dtype=np.uint32)),
            "Delay of a synapse must be within 0 to 62 ticks, not 63",
        ),
        (changed(words=np.array([0, 0])), "Memory words must be flat and of type uint32, not int64 of shape (2,)"),
        (
            changed(row_step=np.array([[1, 0]], dtype=np.uint8)),
            "Memory row_step must be flat and of type uint8, not uint8 of shape (1, 2)",
        ),
        (
            changed(row_length=np.array([1, 2], dtype=np.uint8)),
            "Memory row_length must be 2 rows of 2 words, not others",
        ),
        (changed(row_length=np.array([2], dtype=np.uint8)), "Memory row_length must be 2 rows of 2 words, not others"),
        (changed(row_step=np.array([2, 0], dtype=np.uint8)), "Core of a row must be within 0 to 1, not 2"),
        (changed(fan=[0, 1, 1]), "Rows of axons, with their end, must be 4 in number, not 3"),
        (changed(fan=[0, 1, 1, 3]), "Rows of axons must be within 0 to 2, not 3"),
        (changed(fan=[1, 1, 1, 2]), "Rows of axons must be ascending from 0 to 2, not [1 1 1 2]"),
        (changed(value_vth=[-1, 0]), "Parameter vth must be within 0 to 131071, not -1"),
        (changed(compat="lava"), "Loihi model must be one of "),
        (changed(numbers=[1, 2]), "Numbers of Loihi must be size, sources and exponent, not [1 2]"),
        (lambda: LoihiMachine.from_arrays({}), "Memories of Loihi must be given with compat, not without"),
    ],
)
def test_memories_that_do_not_fit(make: Any, message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}"):
        make()


def test_columns_of_different_lengths() -> None:
    columns = (np.array([0]), np.array([0, 0]), np.array([0]), np.array([0]))
    with pytest.raises(SpecError, match=r"^Columns of synapses must be of one length, not several$"):
        LoihiMachine.connected(LoihiCompartments(1, {}), 0, [0, 1], columns)


@pytest.mark.parametrize(
    ("size", "sources", "value", "message"),
    [
        (2, 1, 0, "Inputs must be for 1 neurons and 1 sources, not for 2 and 1"),
        (1, 2, 0, "Inputs must be for 1 neurons and 1 sources, not for 1 and 2"),
        (1, 1, 4096, "Input current as bias mantissa must be within -4096 to 4095, not 4096"),
        (1, 1, -4097, "Input current as bias mantissa must be within -4096 to 4095, not -4097"),
    ],
)
def test_inputs_that_do_not_fit(size: int, sources: int, value: int, message: str) -> None:
    given = MachineInputs(1, size, sources, NONE, np.array([(0, 0, value)]))
    for loop in ("run", "run_numpy", "run_scalar"):
        with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
            getattr(machine({}), loop)(given)
