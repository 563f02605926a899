"""Networks placed on Loihi: integers by hand, limits, the choice of the scale, cores, agreement with float steps."""

from __future__ import annotations

import itertools
import math
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from golden import stimulus as stimuli
from golden import synapses as tables
from golden.errors import QuantisationError, SpecError
from golden.machines.loihi import COUNTERS, LoihiMachine
from golden.machines.run import MachineInputs
from golden.network import Network, Population, Projection, with_sources
from golden.neurons.lif import LIFNeuron
from golden.propagator import Propagator
from mapping.loihi import HEADROOM, place
from mapping.loihi_cores import Limits

if TYPE_CHECKING:
    from golden.neurons.loihi import Compat
    from mapping.placed import Placed

#: On one worker: the kernels are compiled once.
pytestmark = pytest.mark.xdist_group("loihi")
DT = 1e-3
#: dv = 256, du = 2047: both decays exact.
EXACT: dict[str, Any] = {
    "tau_m": -DT / math.log(15 / 16),
    "R": 1e8,
    "E_L": -0.07,
    "V_th": -0.05,
    "V_reset": -0.07,
    "t_ref": 3 * DT,
    "tau_syn": DT / math.log(2),
}
ROUNDED: dict[str, Any] = EXACT | {"tau_m": 0.02, "tau_syn": 0.005}


def neuron(**changes: Any) -> LIFNeuron:
    return LIFNeuron.from_tau(**(EXACT | changes))


def gain_syn(of: LIFNeuron) -> float:
    """Volts per ampere of a synaptic current."""
    return float(Propagator.of(of.broadcast(1), DT).gain_syn[0])


def loihi(placed: Placed) -> LoihiMachine:
    assert isinstance(placed.image.machine, LoihiMachine)
    return placed.image.machine


def row(placed: Placed, name: str) -> Any:
    return next(line for line in placed.rounding if line.name == name)


def inputs(machine: LoihiMachine, ticks: int, spikes: Any = (), currents: Any = ()) -> MachineInputs:
    spikes, currents = (np.asarray(t, dtype=np.int64).reshape(-1, w) for t, w in ((spikes, 2), (currents, 3)))
    return MachineInputs(ticks, machine.size, machine.sources, spikes, currents)


# --- by hand --------------------------------------------------------------------------------------------------------


def exact_network(scale: float = 2e-4, **changes: Any) -> Network:
    """Weights of 3, -2 and 5 units of ``scale`` from two sources; delays of 1 and 62 ticks."""
    one = neuron(**changes)
    unit = scale / gain_syn(one)
    wires = tables.sparse(
        np.array([2, 2, 3]), np.array([0, 1, 1]), np.array([4.0, -2.0, 5.0]) * unit, np.array([1, 62, 1]) * DT
    )
    return Network(one, 2, 2, wires)


def test_a_network_that_is_exact() -> None:
    placed = place(exact_network(), DT, scale=2e-4)
    machine = loihi(placed)
    p = machine.compartments.compartment(0)
    assert (p.dv, p.du, p.vth, p.refractory) == (256, 2047, 100, 4)
    assert row(placed, "weight").integers.tolist() == [4, -2, 5]
    assert row(placed, "delay").integers.tolist() == [1, 62, 1]
    assert all(line.relative_errors.max() < 1e-12 for line in placed.rounding if line.name != "rheobase")
    assert placed.image.lsb.tolist() == [2e-4 / 64] * 2
    assert placed.effective is not None
    for name in ("C_m", "g_L", "V_th", "V_reset", "t_ref", "tau_syn"):
        assert np.allclose(getattr(placed.effective, name), getattr(neuron(), name), rtol=1e-12, atol=0)


def test_charges_live_for_one_step() -> None:
    """Without tau_syn, a charge is a step of V; what is in v after it is leak w / C_m, as in the float step."""
    one = neuron(tau_syn=None)
    charge = 10 * 2e-4 / gain_syn(one)
    placed = place(Network(one, 1, 1, tables.sparse([1], [0], charge, DT)), DT, scale=2e-4)
    machine = loihi(placed)
    record = machine.run(inputs(machine, 4, [(0, 0)]), record=[0])
    assert machine.compartments.compartment(0).du == 4095
    assert record.states["v"][:, 0].tolist() == [0, 640, 600, 562]
    assert row(placed, "weight").unit == "C"


def test_a_source_of_both_signs_has_even_mantissas() -> None:
    """Source 2 reaches neurons with both signs: an odd mantissa is not there. Source 3 has one sign: it is."""
    network = exact_network()
    odd = tables.Synapses(
        network.synapses.pre, network.synapses.post, network.synapses.weight * [0.75, 1, 1], network.synapses.delay
    )
    with pytest.raises(QuantisationError, match=r"^Weight in steps of its Loihi format must be an integer"):
        place(Network(network.neuron, 2, 2, odd), DT, scale=2e-4)
    rounded = place(Network(network.neuron, 2, 2, odd), DT, scale=2e-4, rounding="nearest")
    assert row(rounded, "weight").integers.tolist() == [4, -2, 5]
    assert place(network, DT, scale=2e-4, num_weight_bits=7, rounding="floor").rounding[-2].integers.tolist() == [
        4,
        -4,
        4,
    ]


@pytest.mark.parametrize(
    ("rounding", "got"),
    [("nearest", [4, 12, -4]), ("floor", [3, 12, -5]), ("toward_zero", [3, 12, -4])],
)
def test_roundings(rounding: Any, got: list[int]) -> None:
    one = neuron()
    weights = np.array([3.6, 12.0, -4.4]) * 2e-4 / gain_syn(one)
    wires = tables.sparse(np.array([1, 1, 2]), np.array([0, 0, 0]), weights, 2.6 * DT)
    placed = place(Network(one, 1, 2, wires), DT, scale=2e-4, rounding=rounding)
    assert row(placed, "weight").integers.tolist() == got
    assert row(placed, "delay").integers.tolist() == [3 if rounding == "nearest" else 2] * 3


def test_stochastic_rounding_is_right_on_average_and_the_same_for_a_seed() -> None:
    one, count = neuron(), 4000
    wires = tables.sparse(np.ones(count, dtype=int), np.zeros(count, dtype=int), 3.3 * 2e-4 / gain_syn(one), DT)
    network = Network(one, 1, 1, wires)
    first, again = (row(place(network, DT, scale=2e-4, rounding="stochastic", seed=3), "weight").integers for _ in "ab")
    assert set(first.tolist()) == {3, 4}
    assert abs(first.mean() - 3.3) < 5 * 0.46 / math.sqrt(count)
    assert np.array_equal(first, again)


def test_a_weight_of_zero_has_no_sign() -> None:
    """Source 1 has an odd negative and a zero, source 2 an odd positive and a zero: no mantissa must be even."""
    one = neuron()
    weights = np.array([-3.0, 0.0, 5.0, 0.0]) * 2e-4 / gain_syn(one)
    wires = tables.sparse(np.array([1, 1, 2, 2]), np.zeros(4, dtype=int), weights, DT)
    assert row(place(Network(one, 1, 2, wires), DT, scale=2e-4), "weight").integers.tolist() == [-3, 0, 5, 0]


@pytest.mark.parametrize("dt", [1e-3, 1e-4, 3e-4])
def test_multiples_of_the_tick_are_not_rounded_down(dt: float) -> None:
    """Decimals are not exact in binary: k dt / dt may be below k."""
    ticks = np.arange(63)
    delay = np.append(1e-12, ticks[1:] * dt)
    wires = tables.sparse(np.ones(63, dtype=int), np.zeros(63, dtype=int), 1e-10, delay)
    for rounding in ("floor", "toward_zero"):
        line = row(place(Network(neuron(), 1, 1, wires), dt, rounding=rounding), "delay")  # type: ignore[arg-type]
        assert line.integers.tolist() == ticks.tolist()
        assert line.relative_errors.max() < 1e-9  # at once is no delay


@pytest.mark.parametrize(("units", "exponent"), [(255, 0), (256, 1), (510, 1), (32640, 7)])
def test_the_smallest_exponent_for_a_given_scale(units: int, exponent: int) -> None:
    one = neuron()
    wires = tables.sparse([1], [0], units * 2e-4 / gain_syn(one), DT)
    placed = place(Network(one, 1, 1, wires), DT, scale=2e-4)
    assert row(placed, "weight").integers.tolist() == [units]
    assert placed.placement.notes == (f"Weights have 8 bits and the exponent {exponent}",)


@pytest.mark.parametrize(
    ("tau_syn", "total", "sign", "told"),
    [  # q ends at 2^15 - 1; with du = 0, u ends at 31 units a tick
        (DT / math.log(2), 2**15 - 1, 1, False),
        (DT / math.log(2), 2**15, 1, True),
        (DT / math.log(2), 2**15, -1, True),
        (-DT / math.log(4095 / 4096), 31, 1, False),
        (-DT / math.log(4095 / 4096), 32, 1, True),
        (-DT / math.log(4095 / 4096), 32, -1, True),
    ],
)
def test_who_could_overflow(tau_syn: float, total: int, sign: int, told: bool) -> None:
    one = neuron(tau_syn=tau_syn)
    parts = [255] * (total // 255) + [total % 255]
    weights = sign * np.array(parts, dtype=float) * 2e-4 / gain_syn(one)
    wires = tables.sparse(2 + np.arange(len(parts)), np.zeros(len(parts), dtype=int), weights, DT)
    placed = place(Network(one, 2, len(parts), wires), DT, scale=2e-4)
    note = "1 of 2 neurons could overflow if all their synapses delivered in every tick"
    assert (note in placed.placement.notes) == told
    counters = flooded(placed, 50_000 if len(parts) == 1 else 100)
    assert (counters[COUNTERS[0]] + counters[COUNTERS[1]] > 0) <= told


@pytest.mark.parametrize("vth", [1, 131_071])
def test_thresholds_at_their_ends(vth: int) -> None:
    placed = place(Network(neuron(V_th=-0.07 + vth * 1e-6, tau_m=-DT / math.log(31 / 32)), 1), DT, scale=1e-6)
    assert row(placed, "V_th - E_L").integers.tolist() == [vth]


@pytest.mark.parametrize(("above", "fits"), [(0.4, True), (-0.4, True), (0.6, False), (-0.6, False)])
def test_a_reset_that_rounds_to_rest(above: float, fits: bool) -> None:
    network = Network(neuron(V_reset=-0.07 + above * 2e-4 / 64), 1)
    if fits:
        assert row(place(network, DT, scale=2e-4, rounding="nearest"), "V_reset - E_L").got.tolist() == [0]
    else:
        with pytest.raises(QuantisationError, match=r"^V_reset must be E_L on Loihi"):
            place(network, DT, scale=2e-4, rounding="nearest")


# --- what Loihi cannot hold ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ({"tau_m": 0.02}, {}, "tau_m at dt 0.001 s as Loihi's dv must be an integer (nearest 200; allow it"),
        ({"tau_syn": 0.005}, {}, "tau_syn at dt 0.001 s as Loihi's du must be an integer (nearest 741; allow it"),
        ({"t_ref": 0.0025}, {}, "t_ref at dt 0.001 s as Loihi's refractory must be an integer (nearest 4; allow it"),
        ({"V_th": -0.0501}, {}, "V_th - E_L as Loihi's vth must be an integer"),
        (
            {"tau_m": 10.0},
            {"rounding": "nearest"},
            "tau_m at dt 0.001 s as Loihi's dv must be within 1 to 4095, not 0.409",
        ),
        ({"tau_syn": 10.0}, {"rounding": "nearest"}, "tau_syn at dt 0.001 s as Loihi's du must be within 0 to 4095"),
        ({"t_ref": 0.063}, {}, "t_ref at dt 0.001 s as Loihi's refractory must be within 1 to 63, not 64"),
        ({}, {"compat": "lava-0.10"}, "t_ref at dt 0.001 s as Loihi's refractory must be within 1 to 1, not 4"),
        ({"V_reset": -0.06}, {}, "V_reset must be E_L on Loihi, whose compartments reset to 0, not 0.01 V above it"),
        (
            {},
            {"scale": 2e-4 / 2**13},
            "Weight on Loihi in units of the scale must be within -32512 to 32512 (mantissa and expo",
        ),
        ({"V_th": 30.0}, {}, "V_th - E_L as Loihi's vth must be within 1 to 131071, not 150350"),
        (
            {"V_th": -0.07 + 1e-6},
            {"rounding": "nearest"},
            "V_th - E_L as Loihi's vth must be within 1 to 131071, not 0.005",
        ),
        ({"V_th": 3.93}, {}, None),
        (
            {"tau_m": DT / math.log(2), "V_th": 3.93},
            {},
            "V_th must be within reach of Loihi's largest bias (524160 a tick)",
        ),
        ({}, {"scale": 0.0}, "Scale must be positive volts, one number or 2, not 0."),
        ({}, {"scale": -1.0}, "Scale must be positive volts, one number or 2, not -1."),
        ({}, {"scale": np.ones(3)}, "Scale must be positive volts, one number or 2, not [1. 1. 1.]"),
        ({}, {"num_weight_bits": 0}, "Weight bits must be at least 2 for these weights, not 0"),
        ({}, {"num_weight_bits": 1}, "Weight bits must be at least 2 for these weights, not 1"),
        (
            {},
            {"num_weight_bits": 7, "compat": "nengo-loihi-1.1"},
            "Weight bits must be 0 to 6 or 8 in nengo-loihi-1.1, not 7",
        ),
        ({}, {"compat": "lava"}, "Loihi model must be one of loihi, "),
        ({}, {"rounding": "stochastic"}, "Stochastic rounding must be given a seed, not none"),
    ],
)
def test_what_loihi_cannot_hold(changes: dict[str, Any], options: dict[str, Any], message: str | None) -> None:
    if message is None:  # just within the limit that the next line crosses
        place(exact_network(**changes), DT, scale=2e-4)
        return
    with pytest.raises(SpecError, match=f"^{re.escape(message)}"):
        place(exact_network(**changes), DT, **({"scale": 2e-4} | options))


def test_weights_without_bits() -> None:
    network = Network(neuron(), 1, 1, tables.sparse([1], [0], 1e-10, DT))
    with pytest.raises(SpecError, match=r"^Weight bits must be at least 1 for these weights, not 0$"):
        place(network, DT, num_weight_bits=0)


def test_a_delay_of_63_ticks() -> None:
    network = Network(neuron(), 1, 1, tables.sparse([1], [0], 1e-10, 63 * DT))
    message = r"^Synapse delay at dt 0.001 s on Loihi must be at most 62 ticks, not 63$"
    with pytest.raises(QuantisationError, match=message):
        place(network, DT, rounding="nearest")


def test_weights_that_all_vanish() -> None:
    with pytest.raises(QuantisationError, match=r"^Weights on Loihi must be at least half a unit, not rounded to 0"):
        place(exact_network(), DT, scale=2e-2, rounding="nearest")


# --- the choice of the scale --------------------------------------------------------------------------------------


def balanced(seed: int = 0, strength: float = 1e-10, size: int = 60) -> Network:
    """Two populations with weights of different size, and sources of both."""
    one, rng = LIFNeuron.from_tau(**ROUNDED), np.random.default_rng(seed)
    count = size // 3

    def random(sources: int, targets: int, low: float, high: float) -> Any:
        wires = tables.random(sources, targets, 0.2, 1.0, DT, int(rng.integers(99)))
        return tables.Synapses(
            wires.pre, wires.post, rng.uniform(low, high, len(wires)), rng.integers(1, 20, len(wires)) * DT
        )

    return Network.of(
        [Population("a", size, one), Population("b", count, one), Population("in", 20)],
        [
            Projection("in", "a", random(20, size, 0, 3 * strength)),
            Projection("in", "b", random(20, count, 0, 30 * strength)),
            Projection("a", "b", random(size, count, 0, strength)),
            Projection("b", "a", random(count, size, -2 * strength, 0)),
        ],
    )


@pytest.mark.parametrize("strength", [1e-12, 1e-11, 1e-10, 1e-9])
def test_weights_use_their_mantissa_and_thresholds_are_exact(strength: float) -> None:
    network = balanced(strength=strength)
    placed = place(network, DT, rounding="nearest")
    stored, vth = row(placed, "weight").integers, row(placed, "V_th - E_L")
    exponent = int(placed.placement.notes[0].split()[-1])
    assert vth.relative_error < 1e-12
    for begin, size in ((0, 60), (60, 20)):
        members = (network.synapses.post >= begin) & (network.synapses.post < begin + size)
        largest = int(np.abs(stored[members]).max())
        assert len(set(placed.image.lsb[begin : begin + size])) == 1
        height = vth.integers[begin]
        assert 253 << exponent <= largest <= 255 << exponent or height > 100_000 or exponent == 0
    assert (stored % (1 << exponent) == 0).all()
    assert placed.image.lsb[0] != placed.image.lsb[60]


@pytest.mark.parametrize("tau_syn", [0.002, 0.005, 0.05])
@pytest.mark.parametrize("strength", [1e-12, 1e-11, 1e-10, 3e-10])
def test_the_exponent_is_the_largest(strength: float, tau_syn: float) -> None:
    """Twice the integers would break one of the rules, in one of the populations at least."""
    network = balanced(strength=strength)
    neurons = LIFNeuron.from_tau(**ROUNDED | {"tau_syn": tau_syn})
    placed = place(Network(neurons, 80, 20, network.synapses, network.names), DT, rounding="nearest")
    values, stored = loihi(placed).compartments.values, row(placed, "weight").integers
    exponent = int(placed.placement.notes[0].split()[-1])
    sums = [np.bincount(network.synapses.post, np.maximum(sign * stored, 0), 80) for sign in (1, -1)]
    most = np.maximum(*sums)
    of_u = most * 64 * 4096 / (values["du"] + 1)
    drive = HEADROOM * 64 * values["vth"] * values["dv"] / 4096
    fullness = [most / 32767, of_u / (2**23 - 1), values["vth"] / 131_071, drive / (4095 * 128)]
    largest = max(float(part.max()) for part in fullness)
    assert exponent == 7 or largest > 0.49  # a scale that makes vth exact, and rounding, cost a little
    assert largest <= 1.01 or (exponent == 0 and len(placed.placement.notes) == 2)
    assert max(float(part.max()) for part in fullness[2:]) <= 1


def test_the_bias_has_the_smallest_exponent() -> None:
    heights = np.array([0.001, 0.003, 0.01, 0.03, 0.1, 0.2])
    placed = place(Network(LIFNeuron.from_tau(**ROUNDED | {"V_th": -0.07 + heights}), 6), DT, rounding="nearest")
    drive = [64 * v - 64 * v * (4096 - 200) // 4096 + 1 for v in row(placed, "V_th - E_L").integers.tolist()]
    expected = [min(e for e in range(8) if HEADROOM * d <= 4095 * 2**e or e == 7) for d in drive]
    assert loihi(placed).compartments.values["bias_exp"].tolist() == expected
    assert len(set(expected)) > 4
    assert len(set(placed.image.lsb)) == 1  # one population, one scale, whatever the thresholds


def test_neurons_of_no_population_have_a_scale_of_their_own() -> None:
    one = LIFNeuron.from_tau(**ROUNDED)
    wires = tables.sparse(np.array([3, 3, 3]), np.array([0, 1, 2]), np.array([1e-10, 2e-10, 5e-10]), DT)
    lsb = place(Network(one, 3, 1, wires, {"a": (0, 2)}), DT, rounding="nearest").image.lsb
    assert lsb[0] == lsb[1] != lsb[2]


def flooded(placed: Placed, ticks: int = 200) -> dict[str, int]:
    """Counters of a run in which all sources fire in every tick."""
    machine = loihi(placed)
    spikes = [(tick, source) for tick in range(ticks) for source in range(machine.sources)]
    return dict(machine.run(inputs(machine, ticks, spikes)).counters)


@pytest.mark.parametrize("strength", [1e-10, 3e-10])
def test_nothing_overflows_in_the_worst_case(strength: float) -> None:
    network = balanced(strength=strength)
    placed = place(network, DT, rounding="nearest")
    assert len(placed.placement.notes) == 1  # none of overflow
    counters = flooded(placed)
    assert counters[COUNTERS[0]] == counters[COUNTERS[1]] == 0
    # The same weights at a scale that is 3 times finer: the bound is not idle.
    finer = place(network, DT, rounding="nearest", scale=placed.image.lsb * 64 / 3)
    assert any("could overflow" in note for note in finer.placement.notes)
    assert flooded(finer)[COUNTERS[1]] > 0


def test_an_exponent_that_fits_in_reals_only_is_not_taken() -> None:
    """Weights of 510 and 300 times 107.2 in units of exponent 1: 32670 before they are rounded to 108, 32910 after."""
    one = LIFNeuron.from_tau(**ROUNDED | {"tau_syn": None})
    weights = np.append(510.0, np.full(300, 107.2)) * (0.02 / 10_200) / gain_syn(one)
    wires = tables.sparse(np.arange(301) + 1, np.zeros(301, dtype=int), weights, DT)
    placed = place(Network(one, 1, 301, wires), DT, rounding="nearest")
    assert placed.placement.notes == ("Weights have 8 bits and the exponent 0",)
    assert row(placed, "weight").integers.sum() == 255 + 300 * 54
    fewer = tables.sparse(wires.pre[:298], wires.post[:298], weights[:298], DT)
    assert "exponent 1" in place(Network(one, 1, 301, fewer), DT, rounding="nearest").placement.notes[0]


def test_where_the_worst_case_cannot_be_had_the_report_says_so() -> None:
    """500 synapses of the largest weight: 8 bits each are more than 15 bits together."""
    one = LIFNeuron.from_tau(**ROUNDED)
    network = Network(one, 2, 500, tables.sparse(np.arange(500) + 2, np.zeros(500, dtype=int), 1e-10, DT))
    placed = place(network, DT, rounding="nearest")
    assert placed.placement.notes == (
        "Weights have 8 bits and the exponent 0",
        "1 of 2 neurons could overflow if all their synapses delivered in every tick",
    )
    assert np.abs(row(placed, "weight").integers).max() >= 254
    assert flooded(placed)[COUNTERS[0]] > 0


@pytest.mark.parametrize("compat", ["loihi", "nengo-loihi-1.1", "brian2-loihi-0.5"])
def test_rheobase(compat: Compat) -> None:
    """The bias of the report fires, one less does not; several times as much still fits."""
    one = LIFNeuron.from_tau(**ROUNDED | {"V_th": np.array([-0.05, -0.069, 0.2]), "tau_m": np.array([0.01, 0.1, 0.02])})
    placed = place(Network(one, 3), DT, rounding="nearest", compat=compat)
    machine, line = loihi(placed), row(placed, "rheobase")
    for less, fires in ((0, True), (1, False)):
        currents = [(0, k, int(line.integers[k]) - less) for k in range(3)]
        spikes = machine.run(inputs(machine, 4000, (), currents)).spikes
        assert set(spikes[:, 1].tolist()) == ({0, 1, 2} if fires else set())
    assert line.relative_error < 0.03  # they share a scale: one of them has some 100 steps
    assert (HEADROOM * line.integers <= 4095 + HEADROOM).all()
    assert (HEADROOM * np.asarray(one.rheobase) / placed.image.current_lsb <= 4095 + HEADROOM).all()


# --- agreement with float steps -----------------------------------------------------------------------------------


def stepped(network: Network, current: Any, arrivals: Any, ticks: int) -> tuple[Any, Any]:
    """Spikes (tick, neuron) and potentials (ticks, N) above E_L, in floats."""
    p, neurons = Propagator.of(network.neurons, DT), network.neurons
    height = np.asarray(neurons.V_th) - np.asarray(neurons.E_L)
    hold = np.rint(np.asarray(neurons.t_ref) / DT)
    wires, due = network.synapses, defaultdict(lambda: np.zeros(network.size))
    delays = np.rint(wires.delay / DT).astype(int)
    v, i, left = np.zeros((3, network.size))
    spikes, trace, emitting = [], [], []
    for tick in range(ticks):
        for pre in emitting + [network.size + source for when, source in arrivals if when == tick]:
            for s in np.flatnonzero(wires.pre == pre):
                due[tick + delays[s]][wires.post[s]] += wires.weight[s]
        i = i + due.pop(tick, 0)
        x = np.where(left > 0, 0, p.leak * v + p.gain * current + p.gain_syn * i)
        fired = x > height
        v, left, i = np.where(fired, 0, x), np.where(fired, hold, np.maximum(left - 1, 0)), i * p.leak_syn
        emitting = np.flatnonzero(fired).tolist()
        spikes += [(tick, k) for k in emitting]
        trace.append(v)
    return spikes, np.array(trace)


def test_below_threshold_only_the_cut_bits_differ() -> None:
    """Exact parameters: decay cuts below 1 lsb of u and of v in a tick, which sum up to 1 / loss of each."""
    network = exact_network()
    placed = place(network, DT, scale=2e-4)
    machine, ticks = loihi(placed), 300
    arrivals = [(tick, tick % 2) for tick in range(0, ticks, 3)]
    integers = machine.run(inputs(machine, ticks, arrivals), record=[0, 1])
    spikes, trace = stepped(network, 0.0, arrivals, ticks)
    assert len(spikes) == len(integers.spikes) == 0
    difference = np.abs(integers.states["v"] * placed.image.lsb - trace) / placed.image.lsb
    assert difference.max() <= (1 + 1 / 0.5) / (256 / 4096)
    assert np.abs(trace).max() > 1000 * placed.image.lsb[0]


def test_a_network_fires_as_in_floats() -> None:
    """Exact weights and time constants; before chaos sets in, hardly a spike moves by more than a tick."""
    one, rng, ticks = neuron(), np.random.default_rng(5), 100
    unit = 2e-4 / gain_syn(one)
    wires = tables.random(40, 30, 0.2, 1.0, DT, 1)
    weight = np.where(wires.pre % 5 == 0, -1.0, 1.0) * rng.integers(2, 20, len(wires)) * unit
    delay = rng.integers(1, 30, len(wires)) * DT
    network = Network(one, 30, 10, tables.Synapses(wires.pre, wires.post, weight, delay))  # 30 neurons, 10 sources
    placed = place(network, DT, scale=2e-4 / 64)
    machine = loihi(placed)
    arrivals = [(tick, source) for tick in range(ticks) for source in range(10) if rng.random() < 0.05]
    bias = rng.integers(500, 3000, 30)
    current = bias * placed.image.current_lsb
    got = machine.run(inputs(machine, ticks, arrivals, [(0, k, b) for k, b in enumerate(bias.tolist())])).spikes
    spikes, _ = stepped(network, current, arrivals, ticks)
    assert len(spikes) > 200
    near = {(tick + d, k) for tick, k in spikes for d in (-1, 0, 1)}
    assert sum((tick, k) in near for tick, k in got.tolist()) >= 0.95 * len(got)
    assert abs(len(got) - len(spikes)) <= 0.03 * len(spikes)


def test_all_models_agree_where_nothing_overflows() -> None:
    """No refractory time, which Lava has not."""
    one = LIFNeuron.from_tau(**ROUNDED | {"t_ref": 0.0})
    base = balanced()
    network = Network(one, base.size, base.sources, base.synapses, base.names)
    records = []
    for compat in ("loihi", "lava-0.10", "nengo-loihi-1.1", "brian2-loihi-0.5"):
        machine = loihi(place(network, DT, rounding="nearest", compat=compat))
        spikes = [(tick, source) for tick in range(0, 200, 2) for source in range(20) if (tick + source) % 3 == 0]
        currents = [(0, k, 800) for k in range(machine.size)]
        records.append(machine.run(inputs(machine, 200, spikes, currents), record=np.arange(machine.size)))
    assert len(records[0].spikes) > 100
    for other in records[1:]:
        assert np.array_equal(records[0].spikes, other.spikes)
        assert np.array_equal(records[0].states["u"], other.states["u"])


def test_a_stimulus_in_volts_and_amperes_runs() -> None:
    """From the network file's units to spikes: weighted input spikes become sources, a step current a bias."""
    network = exact_network()
    stimulus = stimuli.constant(2, 0.05, np.array([0.0, 4e-10])) + stimuli.from_array(
        0.05, np.zeros(1), np.zeros((1, 2)), np.array([[0.0101, 0, 8 * 2e-4 / gain_syn(neuron())]])
    )
    wider, given = with_sources(network, stimulus)
    placed = place(wider, DT, scale=2e-4)
    machine = loihi(placed)
    record = machine.run(placed.image.inputs(given), record=[0])
    assert np.flatnonzero(record.states["u"])[0] == 11
    assert record.states["u"][11, 0] == 8 * 64
    assert set(record.spikes[:, 1].tolist()) == {1}
    assert np.isclose(placed.image.volts(record.states["v"], np.array([0]))[11, 0], -0.07 + 8 * 2e-4)


# --- cores ----------------------------------------------------------------------------------------------------------


def words(count: int, bits: int) -> int:
    """Bits of blocks of up to 64 entries, 10 in front of each, in words of 64."""
    return sum(math.ceil((min(64, count - k) * bits + 10) / 64) * 64 for k in range(0, count, 64))


def bytes_of(network: Network, first: int, last: int, weight_bits: int) -> int:
    """Synapse memory of a core with compartments ``first`` to ``last``, list by list."""
    wires, total = network.synapses, 0
    inside = (wires.post >= first) & (wires.post < last)
    for pre in np.unique(wires.pre[inside]):
        mine = inside & (wires.pre == pre)
        posts = wires.post[mine]
        delay_bits = int(np.rint(wires.delay[mine].max() / DT)).bit_length()
        sizes = [words(len(posts), weight_bits + delay_bits + 10)]
        if len(set(posts.tolist())) == len(posts):
            sizes.append(words(int(posts.max() - posts.min()) + 1, weight_bits + delay_bits))
        total += min(sizes) // 8
    return total


@pytest.mark.parametrize(
    ("limits", "binding"),
    [
        (Limits(compartments=17), "compartments"),
        (Limits(input_axons=40), "input axons"),
        (Limits(synapse_bytes=900), "synapse bytes"),
        (Limits(output_axons=60, compartments=30), "output axons"),
    ],
)
def test_cores_are_filled_to_their_limits(limits: Limits, binding: str) -> None:
    network = balanced()
    placed = place(network, DT, rounding="nearest", limits=limits)
    machine = loihi(placed)
    first, wires = machine.cores, network.synapses
    core_of = np.repeat(np.arange(first.size - 1), np.diff(first))
    usage = {use.thing: use for use in placed.placement.usage}
    assert all((use.used <= use.limit).all() for use in usage.values())
    assert placed.placement.cores == first.size - 1 > 2
    for core, (begin, end) in enumerate(itertools.pairwise(first)):
        inside = (wires.post >= begin) & (wires.post < end)
        out = (wires.pre >= begin) & (wires.pre < end)
        assert usage["compartments"].used[core] == end - begin
        assert usage["input axons"].used[core] == len(set(wires.pre[inside].tolist()))
        reached = set(zip(wires.pre[out].tolist(), core_of[wires.post[out]].tolist(), strict=True))
        assert usage["output axons"].used[core] == len(reached)
        assert usage["synapse bytes"].used[core] == bytes_of(network, begin, end, 8)
        if binding != "output axons" and end < network.size:  # one more would have been too many
            inside = (wires.post >= begin) & (wires.post <= end)
            assert (
                end + 1 - begin > limits.compartments
                or len(set(wires.pre[inside].tolist())) > limits.input_axons
                or bytes_of(network, begin, end + 1, 8) > limits.synapse_bytes
            )
    assert placed.placement.synapse_bytes == usage["synapse bytes"].used.sum()
    assert usage[binding].used.max() > 0.6 * usage[binding].limit
    whole = loihi(place(network, DT, rounding="nearest"))
    spikes = [(tick, source) for tick in range(0, 100, 2) for source in range(20)]
    assert whole.cores.tolist() == [0, network.size]
    assert np.array_equal(
        machine.run(inputs(machine, 100, spikes)).spikes, whole.run(inputs(whole, 100, spikes)).spikes
    )


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (Limits(input_axons=5), r"Input axons of neuron \d+ must be at most 5 on Loihi, not \d+$"),
        (Limits(synapse_bytes=16), r"Bytes of synapses of neuron \d+ must be at most 16 on Loihi, not \d+$"),
        (Limits(output_axons=3, compartments=1), r"Output axons of neuron \d+ must be at most 3 on Loihi, not \d+$"),
    ],
)
def test_one_neuron_that_is_too_much_for_a_core(limits: Limits, message: str) -> None:
    with pytest.raises(QuantisationError, match=f"^{message}"):
        place(balanced(), DT, rounding="nearest", limits=limits)


def test_the_limits_of_the_chip() -> None:
    """4097 sources of one neuron; 1025 neurons without synapses need two cores."""
    one = LIFNeuron.from_tau(**ROUNDED)
    assert place(Network(one, 1025), DT, rounding="nearest").placement.cores == 2
    for count in (4096, 4097):
        network = Network(one, 1, count, tables.sparse(1 + np.arange(count), np.zeros(count, dtype=int), 1e-10, DT))
        if count == 4096:
            assert place(network, DT, rounding="nearest").placement.cores == 1
        else:
            message = r"^Input axons of neuron 0 must be at most 4096 on Loihi, not 4097$"
            with pytest.raises(QuantisationError, match=message):
                place(network, DT, rounding="nearest")


@pytest.mark.parametrize(
    ("posts", "delay", "expected"),
    [
        ([0, 500, 1000], 0, 8),  # 3 x 18 + 10 bits
        ([0, 500, 1000], 5, 16),  # 3 x 21 + 10
        (list(range(100)), 0, 112),  # dense: 64 x 8 + 10 and 36 x 8 + 10
        ([7, 7], 0, 8),  # twice the same: sparse, 2 x 18 + 10
    ],
)
def test_bytes_of_a_list(posts: list[int], delay: int, expected: int) -> None:
    one = LIFNeuron.from_tau(**ROUNDED)
    wires = tables.sparse(np.full(len(posts), 1024), np.array(posts), 1e-10, max(delay * DT, 1e-12))
    assert place(Network(one, 1024, 1, wires), DT, rounding="nearest").placement.synapse_bytes == expected


def test_hops_on_the_mesh() -> None:
    """Core 0 at (0, 0); core 17 at (1, 1); core 16 at (0, 1)."""
    one = LIFNeuron.from_tau(**ROUNDED)
    wires = tables.sparse(np.array([0, 0, 17, 3]), np.array([17, 0, 16, 3]), 1e-10, DT)
    placed = place(Network(one, 18, 0, wires), DT, rounding="nearest", limits=Limits(compartments=1))
    assert sorted(placed.placement.hops.tolist()) == [1, 2]
    assert placed.placement.grid == "16 x 8 a chip, 1 of them"
    assert placed.placement.to_dict()["hops"] == {"mean": 1.5, "largest": 2}
