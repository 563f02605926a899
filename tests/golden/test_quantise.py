"""From SI units to integers: formulas, brute-force thresholds and dead bands, and everything that is refused."""

from __future__ import annotations

import itertools
import json
import math
import re
from typing import Any

import numpy as np
import pytest

from golden.errors import QuantisationError, SpecError
from golden.fixed import Format
from golden.integer import run
from golden.network import Network
from golden.neurons.lif import LIFNeuron
from golden.neurons.lif_fixed import LIFFormat
from golden.quantise import QuantisedLIF, Rounded, quantise
from golden.stepped import simulate
from golden.stimulus import constant, from_array, poisson

BASE: dict[str, Any] = {
    "C_m": 200e-12, "g_L": 10e-9, "E_L": -0.070, "V_th": -0.050, "V_reset": -0.065, "t_ref": 2e-3,
}  # fmt: skip
DT = 1e-3
LEAK = math.exp(-DT / 20e-3)
RHEOBASE = 200e-12


def make(
    fmt: LIFFormat | None = None, *, size: int = 1, dt: float = DT, neuron: Any = (), **options: Any
) -> QuantisedLIF:
    options = {"rounding": "nearest"} | options
    return quantise(Network(LIFNeuron(**BASE | dict(neuron)), size), dt, fmt or LIFFormat(), **options)


def report(machine: QuantisedLIF) -> dict[str, tuple[str, list[float], list[float]]]:
    return {row.name: (row.unit, row.wanted.tolist(), row.got.tolist()) for row in machine.report}


def plain_leak(fmt: LIFFormat, v: int, decay: int) -> int:
    """The leak with integer division only."""
    number, divisor = (v, 2**decay) if fmt.leak == "shift" else (v * decay, 2**fmt.decay_bits)
    if fmt.leak_rounding == "nearest":
        quotient = (2 * number + divisor) // (2 * divisor)
    elif fmt.leak_rounding == "floor":
        quotient = number // divisor
    else:
        quotient = abs(number) // divisor * (1 if number >= 0 else -1)
    return v - quotient if fmt.leak == "shift" else quotient


# -- parameters and report


def test_integers_and_report_of_the_multiplying_machine() -> None:
    fmt = LIFFormat(synapse="exponential")
    machine = make(fmt, neuron={"tau_syn": 5e-3})
    decay, syn = round(LEAK * 65536), round(math.exp(-0.2) * 65536)
    assert {k: int(v) for k, v in machine.lif.values.items()} == {
        "decay": decay, "syn_decay": syn, "v_th": 20 * 256, "v_reset": 5 * 256, "t_ref": 2,
    }  # fmt: skip
    rows = report(machine)
    assert rows["tau_m"] == ("s", [pytest.approx(20e-3)], [pytest.approx(-DT / math.log(decay / 65536), rel=1e-13)])
    assert rows["tau_syn"] == ("s", [5e-3], [pytest.approx(-DT / math.log(syn / 65536), rel=1e-13)])
    assert rows["V_th - E_L"] == ("V", [pytest.approx(20e-3)], [pytest.approx(20e-3)])
    assert rows["V_reset - E_L"] == ("V", [pytest.approx(5e-3)], [pytest.approx(5e-3)])
    assert rows["t_ref"] == ("s", [2e-3], [2e-3])
    assert rows["rheobase"][:2] == ("A", [pytest.approx(RHEOBASE)])
    assert machine.lsb == 1e-3 / 256
    assert machine.reach == (pytest.approx(-0.128), pytest.approx(0.128 - 1e-3 / 256))
    assert machine.current_lsb.tolist() == [pytest.approx(1e-3 / 256 / (100e6 * (1 - LEAK)), rel=1e-13)]
    (rheobase,) = rows["rheobase"][2]
    assert rheobase == pytest.approx(float(machine.rheobase_drive[0] * machine.current_lsb[0]), rel=1e-13)


def test_forward_euler_reports_its_own_time_constant() -> None:
    machine = make(scheme="euler", neuron={"C_m": 206e-12})
    decay = round((1 - DT / 20.6e-3) * 65536)
    assert int(machine.lif.values["decay"]) == decay
    assert report(machine)["tau_m"][2] == [pytest.approx(DT / (1 - decay / 65536), rel=1e-13)]
    assert machine.current_lsb.tolist() == [pytest.approx(1e-3 / 256 / (DT / 206e-12), rel=1e-13)]


@pytest.mark.parametrize("shift", [1, 4, 9])
def test_the_shift_leak_reports_its_time_constant(shift: int) -> None:
    """tau_m is a third more than the one that shifting by ``shift`` has; nearest still picks it."""
    tau = -DT / math.log1p(-(2.0**-shift))
    machine = make(LIFFormat(leak="shift"), neuron={"C_m": 10e-9 * tau * 1.3})
    assert int(machine.lif.values["decay"]) == shift
    assert report(machine)["tau_m"] == ("s", [pytest.approx(1.3 * tau)], [pytest.approx(tau, rel=1e-12)])
    exact = make(LIFFormat(leak="shift"), neuron={"C_m": 10e-9 * tau}, rounding="error")
    assert int(exact.lif.values["decay"]) == shift


def test_the_theory_notes_example() -> None:
    """s16.15, dt = 0.01 ms, tau = 20 ms: tau_eff is off by 2.4 % (Hopkins et al. 2020, as cited in the contract)."""
    machine = make(LIFFormat(v=Format(32, 15), decay_bits=15), dt=1e-5)
    (row,) = (row for row in machine.report if row.name == "tau_m")
    assert row.relative_error == pytest.approx(0.024, abs=5e-4)


@pytest.mark.parametrize(
    ("rounding", "v_th", "v_reset"), [("nearest", 161, -39), ("floor", 160, -39), ("toward_zero", 160, -38)]
)
def test_potentials_are_rounded_relative_to_rest(rounding: str, v_th: int, v_reset: int) -> None:
    """20.1 mV and -4.85 mV in eighths of a millivolt: 160.8 and -38.8."""
    fmt = LIFFormat(v=Format(16, 3))
    machine = make(fmt, neuron={"V_th": -0.0499, "V_reset": -0.07485}, rounding=rounding)
    assert int(machine.lif.values["v_th"]) == v_th
    assert int(machine.lif.values["v_reset"]) == v_reset
    (row,) = (row for row in machine.report if row.name == "V_th - E_L")
    assert row.relative_error == pytest.approx(abs(v_th * 0.125e-3 - 20.1e-3) / 20.1e-3, rel=1e-6)


def test_decimal_times_are_whole_ticks() -> None:
    machine = make(neuron={"t_ref": 3e-4}, dt=1e-4, rounding="floor")
    assert int(machine.lif.values["t_ref"]) == 3


def test_the_unit_sets_the_last_bit() -> None:
    machine = make(unit=0.2e-3)
    assert int(machine.lif.values["v_th"]) == 100 * 256
    assert machine.lsb == 0.2e-3 / 256
    assert machine.reach[0] == pytest.approx(-0.0256)


def test_own_and_shared_parameters() -> None:
    machine = make(size=3, neuron={"V_th": [-0.05, -0.04, -0.05], "E_L": [-0.07, -0.07, -0.075], "t_ref": [1e-3] * 3})
    shapes = {name: value.shape for name, value in machine.lif.values.items()}
    assert shapes == {"decay": (), "v_th": (3,), "v_reset": (3,), "t_ref": ()}
    assert machine.lif.values["v_th"].tolist() == [5120, 7680, 6400]
    assert machine.lif.values["v_reset"].tolist() == [1280, 1280, 2560]
    rows = report(machine)
    np.testing.assert_allclose(rows["V_th - E_L"][2], [0.02, 0.03, 0.025])
    np.testing.assert_allclose(machine.volts(np.array([[256, -512]]), [2, 0]), [[-0.074, -0.072]])
    assert machine.dead_band.shape == (3, 2)


def test_the_effective_neuron() -> None:
    n = {"tau_syn": 5e-3, "t_ref": 2.4e-3, "V_th": -0.0501}
    machine = make(LIFFormat(v=Format(12, 2), decay_bits=8, synapse="exponential"), size=2, neuron=n)
    effective = effective_of(machine)
    decay, syn = round(LEAK * 256) / 256, round(math.exp(-0.2) * 256) / 256
    np.testing.assert_allclose(effective.tau_m, -DT / math.log(decay))
    np.testing.assert_allclose(effective.tau_syn, -DT / math.log(syn))
    np.testing.assert_allclose(effective.V_th, -0.070 + 80 * 0.25e-3)
    np.testing.assert_allclose(effective.V_reset, -0.065)
    np.testing.assert_allclose(effective.t_ref, 2e-3)
    np.testing.assert_allclose(effective.g_L, 10e-9 * (1 - decay) / (1 - LEAK))  # R (1 - LEAK) is the inputs' gain
    subtracting = effective_of(make(LIFFormat(reset="subtract", refractory_bits=0), neuron={"t_ref": 0.0}))
    np.testing.assert_allclose([subtracting.V_reset, subtracting.t_ref], [[-0.070], [0.0]])


def effective_of(machine: QuantisedLIF) -> LIFNeuron:
    effective = machine.effective()
    assert effective is not None
    return effective


@pytest.mark.parametrize("scheme", ["exponential", "euler"])
@pytest.mark.parametrize("kind", ["multiply", "shift"])
def test_the_effective_neuron_is_what_fires(scheme: Any, kind: Any) -> None:
    """Fine potentials and a coarse decay: the float model of the effective neuron fires in the very same ticks."""
    fmt = LIFFormat(v=Format(32, 22), decay_bits=7, leak=kind, leak_rounding="nearest")
    machine = make(fmt, size=3, scheme=scheme, neuron={"t_ref": 2.4e-3, "C_m": 230e-12})
    stimulus = constant(3, 0.5, [250e-12, 313e-12, 777e-12])
    record = run(machine.lif, machine.inputs(stimulus))

    def ticks(neuron: LIFNeuron) -> list[list[int]]:
        spikes = simulate(Network(neuron, 3), stimulus, DT, scheme=scheme).spikes
        return np.rint(spikes / [DT, 1] - [1, 0]).astype(int).tolist()

    assert len(record.spikes) > 50
    assert ticks(effective_of(machine)) == record.spikes.tolist() != ticks(machine.network.neurons)


def test_integers_that_are_no_neuron() -> None:
    """A decay of 0 has no time constant; 20.4 and 19.6 mV are one millivolt."""
    assert make(neuron={"C_m": 1e-13}).effective() is None
    assert make(LIFFormat(v=Format(12, 0)), neuron={"V_th": -0.0496, "V_reset": -0.0504}).effective() is None


def test_the_worst_row_is_one_neuron() -> None:
    """The largest absolute error of three is not the largest relative one, which is what wanted and got show."""
    wanted, got = np.array([1.0, 100.0, 0.0]), np.array([1.5, 110.0, 0.0])
    row = Rounded("x", "V", wanted, got, np.array([3, 220, 0]))
    assert (row.worst, row.relative_error) == (0, 0.5)
    assert row.to_dict() == {
        "name": "x", "unit": "V", "index": 0, "wanted": 1.0, "got": 1.5, "relative_error": 0.5, "integer": 3,
        "integers": [0, 220],
    }  # fmt: skip
    missed = Rounded("x", "V", np.array([0.0, 0.0, 1.0]), np.array([0.1, -0.2, 9.0]))
    assert missed.to_dict() == {
        "name": "x", "unit": "V", "index": 1, "wanted": 0.0, "got": -0.2, "relative_error": None,
    }  # fmt: skip


def test_report_rows_find_the_worst_neuron() -> None:
    machine = make(LIFFormat(v=Format(16, 0)), size=3, neuron={"V_th": [-0.05, -0.0496, -0.0501]})
    (row,) = (row for row in machine.report if row.name == "V_th - E_L")
    assert row.worst == 1
    assert row.relative_error == pytest.approx(0.4 / 20.4, rel=1e-6)
    (silent,) = (row for row in machine.report if row.name == "t_ref")
    assert silent.relative_error == 0.0
    at_rest = make(LIFFormat(v=Format(16, 0)), neuron={"V_reset": -0.0696, "E_L": -0.07})
    (row,) = (row for row in at_rest.report if row.name == "V_reset - E_L")
    assert row.relative_error == pytest.approx(1.0, rel=1e-9)


# -- rheobase and dead band by brute force

STRUCTURES = list(itertools.product(["multiply", "shift"], ["floor", "nearest", "toward_zero"], [">=", ">"]))


def ever_fires(fmt: LIFFormat, decay: int, v_th: int, drive: int) -> bool:
    """Run one neuron from 0 until it fires or its potential repeats."""
    v, top, seen = 0, 2 ** (fmt.v.width - 1) - 1, set()
    while v not in seen:
        seen.add(v)
        v = max(-top - 1, min(top, plain_leak(fmt, v, decay) + drive))
        if v > v_th or (v == v_th and fmt.comparison == ">="):
            return True
    return False


@pytest.mark.parametrize(("kind", "rounding", "comparison"), STRUCTURES)
@pytest.mark.parametrize(("width", "frac"), [(8, 0), (10, 4), (16, 8)])
def test_the_rheobase_drive_fires_and_one_less_does_not(
    kind: Any, rounding: Any, comparison: Any, width: int, frac: int
) -> None:
    fmt = LIFFormat(v=Format(width, frac), leak=kind, leak_rounding=rounding, comparison=comparison, decay_bits=9)
    thresholds = [-0.07 + mv * 1e-3 for mv in (1.0, 7.0, 20.0, 31.0)]
    capacitances = [200e-12, 37e-12, 1500e-12, 8e-12]
    machine = make(fmt, size=4, neuron={"V_th": thresholds, "C_m": capacitances, "V_reset": -0.07})
    drives = machine.rheobase_drive.tolist()
    for k, drive in enumerate(drives):
        p = machine.lif.parameters_of(k)
        assert ever_fires(fmt, p.decay, p.v_th, drive)
        assert not ever_fires(fmt, p.decay, p.v_th, drive - 1)
    assert len(set(drives)) > 1


@pytest.mark.parametrize(("kind", "rounding", "_"), STRUCTURES[::2])
@pytest.mark.parametrize("factor", [0.0, 0.03, 0.5, 0.9, 0.99, 0.998])
def test_the_dead_band_is_where_nothing_leaks(kind: Any, rounding: Any, _: str, factor: float) -> None:
    """Every potential of a 9-bit format is tried."""
    fmt = LIFFormat(v=Format(9, 1), leak=kind, leak_rounding=rounding, decay_bits=9)
    tau = -DT / math.log(factor or 1e-3)
    machine = make(fmt, neuron={"C_m": 10e-9 * tau, "V_reset": -0.07})
    decay = int(machine.lif.values["decay"])
    stuck = [v for v in range(-256, 256) if plain_leak(fmt, v, decay) == v]
    assert stuck == list(range(stuck[0], stuck[-1] + 1))
    np.testing.assert_allclose(machine.dead_band, [[stuck[0] * 0.5e-3, stuck[-1] * 0.5e-3]], rtol=1e-12)


@pytest.mark.parametrize(
    ("kind", "rounding", "low", "high"),
    [
        ("multiply", "floor", -128, 0), ("multiply", "nearest", -64, 64), ("multiply", "toward_zero", 0, 0),
        ("shift", "floor", 0, 127), ("shift", "nearest", -64, 63), ("shift", "toward_zero", -127, 127),
    ],
)  # fmt: skip
def test_the_table_of_dead_bands(kind: Any, rounding: Any, low: int, high: int) -> None:
    """docs/fixed_point.md: tau_m 12.8 ms at 0.1 ms, so 1/(1 - decay) = 128.5 and k = 7."""
    fmt = LIFFormat(v=Format(18, 12), leak=kind, leak_rounding=rounding)
    machine = make(fmt, dt=1e-4, neuron={"C_m": 128e-12})
    decay = int(machine.lif.values["decay"])
    stuck = [v for v in range(-300, 300) if plain_leak(fmt, v, decay) == v]
    assert (stuck[0], stuck[-1], len(stuck)) == (low, high, high - low + 1)
    np.testing.assert_allclose(machine.dead_band / machine.lsb, [[low, high]], rtol=1e-12)
    # The table's mean of the rounding, per tick, outside the dead band and against the exact leak.
    factor = 1 - 2.0**-decay if kind == "shift" else decay * 2.0**-fmt.decay_bits
    pull = {sign: np.mean([plain_leak(fmt, v, decay) - factor * v for v in sign * SPAN]) for sign in (-1, 1)}
    half = {"floor": (-0.5, -0.5), "nearest": (0, 0), "toward_zero": (0.5, -0.5)}[rounding]
    direction = 1 if kind == "multiply" else -1
    assert (pull[-1], pull[1]) == pytest.approx([direction * x for x in half], abs=0.02)


SPAN = np.arange(1000, 1000 + 128 * 256)


def test_the_dead_band_of_nearest_rounding_is_the_contracts() -> None:
    """Half a last bit over 1 - alpha, within one last bit."""
    machine = make(LIFFormat(v=Format(24, 8), leak_rounding="nearest"))
    assert machine.dead_band[0] / machine.lsb == pytest.approx([-0.5 / (1 - LEAK), 0.5 / (1 - LEAK)], abs=1)


# -- refusals


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"rounding": "error"},
            (
                "tau_m at dt 0.001 s as integer decay must be an integer "
                f"(nearest 62340; allow it with a rounding), not {LEAK * 65536:.9g}"
            ),
        ),
        (
            {"neuron": {"t_ref": 2.5e-3}, "rounding": "error", "fmt": LIFFormat(leak="shift"), "dt": None},
            "t_ref at dt 0.001 s as integer t_ref must be an integer (nearest 2; allow it with a rounding), not 2.5",
        ),
        (
            {"neuron": {"V_th": 0.06}},
            "V_th - E_L as integer v_th must be within 0 to 32767 (format 16.8, unit 0.001 V), not 33280",
        ),
        (
            {"neuron": {"V_reset": -0.2}},
            "V_reset - E_L as integer v_reset must be within -32768 to 32767 (format 16.8, unit 0.001 V), not -33280",
        ),
        (
            {"neuron": {"t_ref": 0.256}},
            "t_ref at dt 0.001 s as integer t_ref must be within 0 to 255 (format 16.8, unit 0.001 V), not 256",
        ),
        (
            {"dt": 1e-7},
            (
                "tau_m at dt 1e-07 s as integer decay must be within 0 to 65535 "
                "(format 16.8, unit 0.001 V), not 65535.6723"
            ),
        ),
        (
            {"neuron": {"V_th": -0.069999, "V_reset": -0.071}},
            "V_th - E_L in format 16.8 must be at least 3.90625e-06 V, not rounded to 0",
        ),
        ({"fmt": LIFFormat(refractory_bits=0)}, "Refractory bits must be at least 1 for a refractory time, not 0"),
        (
            {"fmt": LIFFormat(comparison=">"), "neuron": {"V_th": -0.07 + 32767e-3 / 256}},
            "V_th - E_L in format 16.8 for comparison > must be below the rail (0.127996 V), not on it",
        ),
        (
            {"fmt": LIFFormat(input_width=6)},
            "V_th must be within reach of the largest input of 6 bits (31 a tick), not -0.05 V, which needs 251",
        ),
        ({"unit": 0.0}, "Unit of the potential must be positive, not 0 V"),
        ({"unit": math.nan}, "Unit of the potential must be positive, not nan V"),
        ({"dt": 0.0}, "Time step dt must be positive, not 0 s"),
        ({"scheme": "euler", "dt": 0.02}, "Forward Euler's dt must be below tau_m for a fixed-point leak, not 0.02 s"),
        (
            {"fmt": LIFFormat(synapse="exponential")},
            "Neuron tau_syn must be given for an exponential synapse, not missing",
        ),
        (
            {"fmt": LIFFormat(synapse="delta"), "neuron": {"tau_syn": 1e-3}},
            "Synapse must be exponential for a neuron with tau_syn, not 'delta'",
        ),
        (
            {"neuron": {"C_m": 1e-15}},
            "Time step dt must be short enough for exp(-dt/tau_m) > 0 at tau_m 1e-07 s, not 0.001 s",
        ),
        ({"seed": -1}, "Seed must be at least 0, not -1"),
        ({"rounding": "stochastic"}, "Stochastic rounding must be given a seed, not none"),
        ({"rounding": "up"}, "Rounding must be one of error, nearest, floor, toward_zero, stochastic, not 'up'"),
    ],
)
def test_what_the_integers_cannot_hold_is_refused(options: dict[str, Any], message: str) -> None:
    if options.get("dt", 0) is None:  # a time constant that the shift has exactly
        options = options | {"dt": DT, "neuron": options["neuron"] | {"C_m": -10e-9 * DT / math.log1p(-1 / 16)}}
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        make(**options)


def test_a_threshold_on_the_rail_can_be_reached_with_equality() -> None:
    machine = make(neuron={"V_th": -0.07 + 32767e-3 / 256})
    fmt, p = machine.lif.format, machine.lif.parameters_of(0)
    assert p.v_th == 32767
    assert ever_fires(fmt, p.decay, p.v_th, int(machine.rheobase_drive[0]))


# -- inputs


def test_inputs_by_hand() -> None:
    """C_m = 1 F, g_L = 1/2 S, dt = 1 s under forward Euler: gain 1 V/A; 1 V is 16 integers."""
    neuron = LIFNeuron(C_m=1.0, g_L=0.5, E_L=1.0, V_th=5.0, V_reset=1.0)
    fmt = LIFFormat(v=Format(12, 4), synapse="delta")
    machine = quantise(Network(neuron, 2), 1.0, fmt, unit=1.0, scheme="euler")
    currents = [[0.0, 2.5], [3.0, 2.5], [0.25, 0.0]]
    spikes = [(0.5, 1, 4.0), (3.0, 0, 1.0), (3.0, 0, -2.0), (4.5, 1, 1.0)]
    inputs = machine.inputs(from_array(5.0, [0.0, 1.0, 2.5], currents, spikes))
    # Step 2 holds both pieces for half its time: 1.625 A and 1.25 A; a charge of 1 C is 1/2 V after one leak.
    # The last spike's grid point is the end of the run.
    assert (inputs.ticks, inputs.size) == (5, 2)
    assert inputs.currents.tolist() == [
        [0, 1, 40], [1, 0, 48], [2, 0, 26], [2, 1, 20], [3, 0, 4], [3, 1, 0],
    ]  # fmt: skip
    assert inputs.events.tolist() == [[1, 1, 32], [3, 0, 8], [3, 0, -16]]


def test_the_rounding_of_inputs_is_reported() -> None:
    """The machine above, rounding to nearest: 16 integers a volt, 1 V for 1 A and 1/2 V for 1 C."""
    neuron = LIFNeuron(C_m=1.0, g_L=0.5, E_L=1.0, V_th=5.0, V_reset=1.0)
    fmt = LIFFormat(v=Format(12, 4), synapse="delta")
    machine = quantise(Network(neuron, 2), 1.0, fmt, unit=1.0, scheme="euler", rounding="nearest")
    stimulus = from_array(5.0, [0.0, 2.0], [[3.0, 0.1], [0.0, -1.0]], [(0.5, 1, 4.0), (3.0, 0, -2.3)])
    currents, weights = machine.input_report(stimulus)
    assert currents.integers is not None
    assert currents.integers.tolist() == [48, 2, 0, -16]
    assert weights.to_dict() == {
        "name": "input weight", "unit": "C", "index": 1, "wanted": -2.3, "got": -2.25, "integer": -18,
        "relative_error": pytest.approx(0.05 / 2.3), "integers": [-18, 32],
    }  # fmt: skip
    assert currents.to_dict() == {
        "name": "input current", "unit": "A", "index": 1, "wanted": 0.1, "got": 0.125, "integer": 2,
        "relative_error": pytest.approx(0.25), "integers": [-16, 48],
    }  # fmt: skip
    assert machine.inputs(stimulus).events[:, 2].tolist() == weights.integers.tolist()  # type: ignore[union-attr]
    assert not machine.input_report(constant(2, 5.0, 0.0))
    with pytest.raises(SpecError, match=r"^Stimulus must be for 2 neurons, not for 1$"):
        machine.input_report(constant(1, 5.0, 0.0))


def test_the_report_as_plain_values() -> None:
    fmt = LIFFormat(v=Format(24, 12), synapse="exponential")
    machine = make(fmt, size=2, neuron={"tau_syn": 5e-3, "V_th": [-0.05, -0.04]})
    stimulus = from_array(0.01, [0.0], [[0.0, 3e-10]], [(0.0, 0, 1e-9)])
    table = json.loads(json.dumps(machine.to_dict(stimulus), allow_nan=False))
    assert table == machine.to_dict(stimulus)
    assert [row["name"] for row in table["parameters"]] == [row.name for row in machine.report]
    assert [(row["name"], row["unit"]) for row in table["inputs"]] == [("input current", "A"), ("input weight", "A")]
    assert all(row["relative_error"] < 1e-2 for row in table["inputs"])
    assert LIFNeuron.from_dict(table["effective"]).broadcast(2) == machine.effective()
    assert table["effective"]["V_th"] == pytest.approx([-0.05, -0.04])
    assert isinstance(table["effective"]["C_m"], float)
    assert (table["dt"], table["unit"], table["last_bit"]) == (DT, 1e-3, machine.lsb)
    assert machine.to_dict()["inputs"] == []
    assert make(neuron={"C_m": 1e-13}).to_dict()["effective"] is None


def test_exponential_weights_use_the_gain_of_the_synapse() -> None:
    machine = make(LIFFormat(v=Format(24, 12), synapse="exponential"), neuron={"tau_syn": 5e-3})
    inputs = machine.inputs(from_array(0.01, [0.0], [[0.0]], [(0.0, 0, 1e-9)]))
    volts = 1e-9 / 200e-12 * (math.exp(-0.2) - LEAK) / (1 / 20e-3 - 1 / 5e-3)
    assert inputs.events.tolist() == [[0, 0, math.floor(volts / (1e-3 / 4096) + 0.5)]]
    assert inputs.currents.tolist() == []


def input_of(machine: QuantisedLIF, *args: Any) -> None:
    machine.inputs(from_array(*args))


ERROR = LIFNeuron(C_m=1.0, g_L=0.5, E_L=0.0, V_th=5.0, V_reset=0.0)


@pytest.mark.parametrize(
    ("stimulus", "message"),
    [
        (
            (5.0, [0.0], [[0.3]]),
            "Input current in last bits a tick must be an integer (nearest 5; allow it with a rounding), not 4.8",
        ),
        (
            (5.0, [0.0], [[0.0]], [(0.0, 0, 0.3)]),
            "Input weight in last bits a tick must be an integer (nearest 2; allow it with a rounding), not 2.4",
        ),
        (
            (5.0, [0.0], [[128.0]]),
            "Input current in last bits of format 12.4 a tick must be within -2048 to 2047, not 2048",
        ),
        (
            (5.0, [0.0], [[0.0]], [(0.0, 0, -257.0)]),
            "Input weight in last bits of format 12.4 a tick must be within -2048 to 2047, not -2056",
        ),
        ((5.0, [0.0], [[0.0, 0.0]]), "Stimulus must be for 1 neurons, not for 2"),
        ((0.5, [0.0], [[0.0]]), "Time step dt must be at most the duration (0.5 s), not 1 s"),
    ],
)
def test_inputs_that_do_not_fit(stimulus: Any, message: str) -> None:
    fmt = LIFFormat(v=Format(12, 4), synapse="delta")
    machine = quantise(Network(ERROR), 1.0, fmt, unit=1.0, scheme="euler")
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        input_of(machine, *stimulus)


def test_input_spikes_need_a_synapse() -> None:
    with pytest.raises(SpecError, match=r"^Synapse must be delta or exponential for input spikes, not 'none'$"):
        input_of(make(), 0.1, [0.0], [[0.0]], [(0.0, 0, 1e-12)])


def test_inputs_that_round_to_nothing_are_refused() -> None:
    message = (
        "Input current must be at least half a last bit of format 16.8 a tick, not rounded to 0 everywhere (dt 0.001 s)"
    )
    with pytest.raises(QuantisationError, match=f"^{re.escape(message)}$"):
        make().inputs(constant(1, 0.1, 1e-14))
    message = message.replace("current", "weight")
    with pytest.raises(QuantisationError, match=f"^{re.escape(message)}$"):
        input_of(make(LIFFormat(synapse="delta")), 0.1, [0.0], [[0.0]], [(0.0, 0, 1e-18)])
    assert not make().inputs(constant(1, 0.1, 0.0)).currents.size


def test_a_network_that_rounding_would_silence_is_refused() -> None:
    """Coarse format, current 1 % above rheobase: the leak of the integers needs more than the current gives."""
    fmt = LIFFormat(v=Format(8, 0), leak_rounding="floor")
    machine = make(fmt, size=2)
    current = 1.01 * RHEOBASE
    drive = math.floor(current * 100e6 * (1 - LEAK) / 1e-3 + 0.5)
    decay = int(machine.lif.values["decay"])
    assert not ever_fires(fmt, decay, 20, drive)
    needed = int(machine.rheobase_drive[0]) * 1e-3 / (100e6 * (1 - LEAK))
    message = (
        f"Input current in format 8.0 at dt 0.001 s must be at least {needed:.4g} A to fire, "
        f"not {current:.4g} A (the network would be silent)"
    )
    with pytest.raises(QuantisationError, match=f"^{re.escape(message)}$"):
        machine.inputs(constant(2, 0.1, [current, 0.0]))
    # Below rheobase silence is right; with one neuron that fires the network is not dead.
    assert machine.inputs(constant(2, 0.1, 0.9 * RHEOBASE)).currents.size
    assert machine.inputs(constant(2, 0.1, [current, 3 * RHEOBASE])).currents.size


# -- stochastic rounding


def test_stochastic_rounding_is_seeded_and_unbiased() -> None:
    options: dict[str, Any] = {"size": 4000, "rounding": "stochastic", "neuron": {"V_th": -0.0499}}
    fmt = LIFFormat(v=Format(12, 2))  # 20.1 mV are 80.4 quarters
    first, again, other = (make(fmt, seed=seed, **options).lif.values["v_th"] for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()
    assert set(first.tolist()) == {80, 81}
    assert abs(first.mean() - 80.4) < 5 * math.sqrt(0.24 / 4000)


def test_stochastic_inputs_are_seeded() -> None:
    neuron = LIFNeuron(C_m=1.0, g_L=0.5, E_L=0.0, V_th=5.0, V_reset=0.0)

    def inputs(seed: int) -> list[Any]:
        machine = quantise(
            Network(neuron, 50),
            1.0,
            LIFFormat(v=Format(12, 4)),
            unit=1.0,
            scheme="euler",
            rounding="stochastic",
            seed=seed,
        )
        return machine.inputs(constant(50, 5.0, 3.03)).currents.tolist()  # 48.48

    assert inputs(3) == inputs(3)
    assert inputs(3) != inputs(4)
    assert {value for _, _, value in inputs(3)} == {48, 49}


# -- the whole path


@pytest.mark.parametrize("scheme", ["exponential", "euler"])
def test_a_wide_format_is_the_stepped_float_model(scheme: Any) -> None:
    """With 20 fraction bits and 24-bit factors only quantisation is between the two, and it is bounded.

    Per tick v errs by half a last bit for the leak's rounding and one for each input, and by half of 2**-24 of v for
    the factor; i by half a last bit for each weight, and likewise.  Geometric sums over the leaks bound both.
    """
    network = Network(LIFNeuron(**BASE | {"tau_syn": 5e-3}), 3)
    stimulus = poisson(3, 0.5, 300.0, [300e-12, 400e-12, 500e-12], seed=2, bias=50e-12)
    fmt = LIFFormat(v=Format(32, 20), decay_bits=24, leak_rounding="nearest", synapse="exponential")
    machine = quantise(network, 1e-4, fmt, rounding="nearest", scheme=scheme)
    record = run(machine.lif, machine.inputs(stimulus))
    trace = simulate(network, stimulus, 1e-4, scheme=scheme, record=[0, 1, 2])
    ticks = np.rint(trace.spikes[:, 0] / 1e-4 - 1).astype(int)
    assert len(ticks) > 30
    assert record.spikes.tolist() == np.column_stack((ticks, trace.spikes[:, 1].astype(int))).tolist()
    factor, largest_i = 2.0**-25, np.abs(record.i).max()
    i_error = (0.5 + 3 * 0.5 + factor * largest_i) / (1e-4 / 5e-3) * 1.02
    v_error = (0.5 + 0.5 + i_error + factor * 25 * 2**20) / (1e-4 / 20e-3) * 1.01
    difference = np.abs(machine.volts(record.v, record.recorded) - trace.states["v"]).max() / machine.lsb
    assert 0 < difference < v_error
    assert v_error * machine.lsb < 0.03e-3  # a bound that would say something
