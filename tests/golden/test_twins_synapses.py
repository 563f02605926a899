"""Twins of the synapses on a line against closed forms, a general solver, and conservation of charge."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from golden.errors import SpecError
from golden.twins.bss2_synapse import Bss2SynapseTwin
from golden.twins.conductance_synapse import ConductanceSynapseTwin
from golden.twins.pulsed_mirror import nonlinearity
from golden.twins.samples import fit_samples
from golden.twins.synaptic_line import SynapticLineTwin, width

#: tau = 2 pF x 75 mV / 150 nA = 1 us; a weight of 63 with 8 ns is 20.16 mV.
LINE = SynapticLineTwin(C=2e-12, I_lsb=80e-9, I_tau=150e-9, w=0.075)
CURRENT = Bss2SynapseTwin(C=2e-12, I_lsb=80e-9, I_tau=150e-9, w=0.075, I_gm=100e-9, w_gm=0.075)
CONDUCTANCE = ConductanceSynapseTwin(
    C=2e-12, I_lsb=80e-9, I_tau=150e-9, w=0.075, I_gm=100e-9, w_in=0.1, w_out=0.08, E_rev=1.0
)
T_P = 8e-9
ONE = (np.array([1e-6]), np.array([1e-6 + T_P]))


def test_the_width_of_a_pair_is_that_of_two_ekv_transistors() -> None:
    """I = square ln^2(1 + e^(V / (2 n U_T))): the pair's slope by differences, from weak to strong inversion."""
    n, U_T, square = 1.4, 0.025865, 2e-6

    def gate(current: float) -> float:
        return 2 * n * U_T * float(np.log(np.expm1(np.sqrt(current / square))))

    for tail in (1e-10, 1e-7, 1e-5):
        step = 1e-4 * tail
        slope = 2 * step / (gate(tail / 2 + step) - gate(tail / 2 - step))
        # Half the slope: each transistor takes half of the pair's voltage, and both halves reach the output.
        assert width(tail, square, n, U_T) == pytest.approx(tail / slope, rel=1e-4)
    assert width(1e-15, square, n, U_T) == pytest.approx(2 * n * U_T, rel=1e-4)


def test_small_deflections_decay_exponentially() -> None:
    times = np.linspace(1e-6 + T_P, 6e-6, 11)
    assert LINE.tau == pytest.approx(1e-6)
    u = LINE.deflections(*ONE, [1], times)
    # u << w: (63 times smaller) 1 - (u / w)^2 / 3 is 1 - 6e-6; the pulse's own decay is t_p / 2.
    peak = 80e-9 * T_P / 2e-12
    np.testing.assert_allclose(u, peak * np.exp(-(times - 1e-6 - T_P / 2) / 1e-6), rtol=1e-4)
    assert (LINE.deflections(*ONE, [1], [0.0, 0.5e-6, 1e-6]) == 0).all()
    # Another capacitor or bias is another time constant.
    assert replace(LINE, C=2.2e-12).tau == pytest.approx(1.1e-6)
    assert replace(LINE, I_tau=165e-9).tau == pytest.approx(1e-6 / 1.1)


def test_the_sinh_decays_exponentially_whatever_its_size() -> None:
    times = np.linspace(0, 8e-6, 30)
    for start in (5e-3, 0.05, 0.3):
        u = LINE.deflections([], [], [], times, u_0=start)
        np.testing.assert_allclose(np.sinh(u / 0.075), np.sinh(start / 0.075) * np.exp(-times / 1e-6), rtol=1e-9)
        # Far from rest it falls by I_tau / C, 75 mV a microsecond.
        assert (np.diff(u) / np.diff(times)).min() >= -75e3


def random_pulses(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pulses of three synapses, of 5 to 300 ns, some at the same time, in no order."""
    rng = np.random.default_rng(seed)
    starts = rng.uniform(0.1e-6, 5e-6, 25)
    starts[3] = starts[4]
    return starts, starts + rng.uniform(5e-9, 300e-9, 25), rng.integers(0, 5, 25).astype(float)


def test_any_pulses_are_what_a_general_solver_finds() -> None:
    starts, ends, weights = random_pulses(1)
    times = np.sort(np.random.default_rng(2).uniform(0, 8e-6, 40))
    twin = replace(CURRENT, t_lag=40e-9, w_gm=0.06, u_0=3e-3, I_0=1e-9, g_out=5e-9, V_0=0.7, bow=1e-3)

    def slopes(t: float, state: np.ndarray) -> list[float]:
        on = (starts <= t) & (t < ends)
        current = float((weights * (1 + 1e-3 * weights) * 80e-9)[on].sum())
        u, late = state
        return [(current - 150e-9 * np.tanh(u / 0.075)) / 2e-12, (np.tanh((u + 3e-3) / 0.06) - late) / 40e-9]

    edges = np.unique(np.concatenate(([0.0, 8e-6], starts, ends)))
    state, found = np.array([0.0, np.tanh(0.05)]), []
    for low, high in pairwise(edges.tolist()):
        inside = times[(times >= low) & (times < high)]
        run = solve_ivp(
            slopes, (low, high * (1 - 1e-12)), state, rtol=1e-8, atol=1e-12, t_eval=[*inside, high * (1 - 1e-12)]
        )
        found.append(run.y[:, :-1])
        state = run.y[:, -1]
    u, late = np.concatenate(found, axis=1)
    expected = 100e-9 * (np.tanh((u + 3e-3) / 0.06) + late) / 2 + 1e-9 + 5e-9 * (0.7 - 0.65)
    order = np.random.default_rng(3).permutation(times.size)
    currents = twin.currents(starts, ends, weights, times[order], 0.65)
    # The pole takes tanh for straight within a step, here 20 ns of half its own time constant.
    np.testing.assert_allclose(currents, expected[order], atol=4e-4 * abs(expected).max())
    np.testing.assert_allclose(twin.deflections(starts, ends, weights, times), u, atol=2e-4 * u.max())
    # A weight more, somewhere, is no such match.
    more = weights + (np.arange(25) == 7)
    assert abs(twin.currents(starts, ends, more, times[order], 0.65) - expected[order]).max() > 1e-3 * expected.max()


@pytest.mark.parametrize("t_lag", [0.0, 30e-9])
def test_the_charge_of_an_event_does_not_depend_on_its_size_or_on_others(t_lag: float) -> None:
    """Equal pairs: weight I_lsb t_p I_gm / I_tau, on an empty line and in a burst, though the shapes saturate."""
    twin, times = replace(CURRENT, t_lag=t_lag), np.linspace(0, 25e-6, 100_001)
    lsb = 80e-9 * T_P * 100e-9 / 150e-9
    codes = np.arange(0, 64, 7)
    charges = [np.trapezoid(twin.currents(*ONE, [code], times, 0.0), times) for code in codes]
    np.testing.assert_allclose(charges, codes * lsb, rtol=2e-4)
    burst = 1e-6 + 0.1e-6 * np.arange(8)
    current = twin.currents(burst, burst + T_P, np.full(8, 63), times, 0.0)
    assert np.trapezoid(current, times) == pytest.approx(8 * 63 * lsb, rel=2e-4)
    assert current.max() < 0.75 * 8 * 63 * 80e-9 * T_P / 2e-12 / 0.075 * 100e-9  # saturated
    # With unequal pairs it does depend on the size: the integral of tanh(r x) / tanh(x) is r x - (r^3 - r) x^3 / 9.
    unequal = replace(twin, w_gm=0.05)
    one, full = (np.trapezoid(unequal.currents(*ONE, [code], times, 0.0), times) / code for code in (1, 63))
    assert full / one == pytest.approx(1 - (1.5**2 - 1) * (20.16 / 75) ** 2 / 9, abs=6e-4)


def test_the_shape_of_an_event_without_lag() -> None:
    """I_gm s / sqrt(1 + s^2) with s falling exponentially from sinh(u / w)."""
    times = np.linspace(1.1e-6, 6e-6, 20)
    s = np.sinh(63 * 80e-9 * T_P / 2e-12 / 0.075) * np.exp(-(times - 1e-6 - T_P / 2) / 1e-6)
    np.testing.assert_allclose(CURRENT.currents(*ONE, [63], times, 0.0), 100e-9 * s / np.sqrt(1 + s**2), rtol=1e-4)
    inhibits = replace(CURRENT, sign=-1.0)
    np.testing.assert_array_equal(inhibits.currents(*ONE, [63], times, 0.0), -CURRENT.currents(*ONE, [63], times, 0.0))


def test_weights_are_linear_but_for_their_bow() -> None:
    dnl, inl = nonlinearity(LINE.drawn(np.arange(64)))
    assert abs(dnl).max() < 1e-12
    assert abs(inl).max() < 1e-12
    # code (1 + b code) less the line through its ends is b code (code - 63), at most b 63^2 / 4 in units of 1 + 63 b.
    _, bent = nonlinearity(replace(LINE, bow=1e-3).drawn(np.arange(64)))
    assert abs(bent).max() == pytest.approx(1e-3 * 31 * 32 / 1.063, rel=1e-6)


def test_a_conductance_pulls_to_its_reversal_potential() -> None:
    times = np.linspace(1.2e-6, 5e-6, 12)
    u = CONDUCTANCE.deflections(*ONE, [20], times)
    g = CONDUCTANCE.conductance(u)
    np.testing.assert_allclose(g, 100e-9 / 0.08 * np.tanh(u / 0.1))
    for volts in (0.995, 1.0, 1.005):
        current = CONDUCTANCE.currents(*ONE, [20], times, volts)
        np.testing.assert_allclose(current, g * (1.0 - volts), rtol=2e-3, atol=1e-20)
    # 5 % less than linear at 0.39 w_out, and I_gm tanh(u / w_in) far away.
    near = CONDUCTANCE.currents(*ONE, [20], times, 1.0 - 0.39 * 0.08)
    np.testing.assert_allclose(near / (g * 0.39 * 0.08), np.tanh(0.39) / 0.39, rtol=1e-6)
    assert np.tanh(0.39) / 0.39 == pytest.approx(0.95, abs=0.003)
    far = CONDUCTANCE.currents(*ONE, [20], times, 0.3)
    np.testing.assert_allclose(far, 100e-9 * np.tanh(u / 0.1), rtol=1e-6)
    # A potential for each time.
    volts = np.linspace(0.9, 1.1, 12)
    expected = [float(CONDUCTANCE.currents(*ONE, [20], times[[k]], volts[k])[0]) for k in range(12)]
    np.testing.assert_allclose(CONDUCTANCE.currents(*ONE, [20], times, volts), expected)


def test_lags_shift_a_conductance_and_keep_its_charge() -> None:
    times = np.linspace(0, 25e-6, 100_001)
    at_once = CONDUCTANCE.currents(*ONE, [20], times, 0.5)
    late = replace(CONDUCTANCE, t_lag=50e-9).currents(*ONE, [20], times, 0.5)
    np.testing.assert_allclose(late[200:], at_once[:-200], atol=1e-13)
    behind = replace(CONDUCTANCE, t_load=50e-9).currents(*ONE, [20], times, 0.5)
    assert np.trapezoid(behind, times) == pytest.approx(np.trapezoid(at_once, times), rel=1e-4)
    mean = [np.trapezoid(current * times, times) / np.trapezoid(current, times) for current in (at_once, late, behind)]
    assert mean[1] - mean[0] == pytest.approx(50e-9, rel=1e-3)
    assert mean[2] - mean[0] == pytest.approx(50e-9, rel=1e-3)


@pytest.mark.parametrize("twin", [replace(CURRENT, t_lag=20e-9), replace(CONDUCTANCE, t_lag=10e-9, t_load=20e-9)])
def test_a_fit_finds_what_the_currents_tell(twin: Bss2SynapseTwin | ConductanceSynapseTwin) -> None:
    """Not each parameter (I_gm and a width trade until saturation shows), but the currents."""
    truth = replace(twin, I_lsb=84e-9, I_tau=140e-9, I_gm=93e-9, I_0=2e-9, g_out=4e-9, bow=2e-4, t_lag=1.3 * twin.t_lag)
    runs = [(np.array([1e-6]), 63, 0.7), (np.array([1e-6]), 8, 0.7), (1e-6 * np.array([1, 1.3, 1.6]), 48, 0.9)]
    times = np.linspace(0.5e-6, 6e-6, 60)

    def predict(model: Bss2SynapseTwin | ConductanceSynapseTwin) -> np.ndarray:
        return np.concatenate(
            [model.currents(starts, starts + T_P, np.full(starts.size, w), times, V) for starts, w, V in runs]
        )

    measured = predict(truth)
    assert abs(predict(twin) - measured).max() > 0.05 * measured.max()
    found = fit_samples(twin, twin.free, predict, measured, measured.max(), prior=1e-6)
    assert found.largest < 1e-4
    starts = 1e-6 * np.array([0.7, 2.0, 2.2, 4.0])
    other = [model.currents(starts, starts + T_P, [30, 12, 63, 5], times, 0.8) for model in (found.twin, truth)]
    np.testing.assert_allclose(other[0], other[1], atol=1e-3 * other[1].max())


def test_rules() -> None:
    with pytest.raises(SpecError, match=r"^Synapse twin w must be positive, not 0$"):
        replace(LINE, w=0.0)
    with pytest.raises(SpecError, match=r"^Synapse twin I_0 must be finite, not nan$"):
        replace(CURRENT, I_0=float("nan"))
    with pytest.raises(SpecError, match=r"^Synapse twin t_lag must be not negative, not -1e-09$"):
        replace(CURRENT, t_lag=-1e-9)
    with pytest.raises(SpecError, match=r"^Synapse twin sign must be 1 or -1, not 0.5$"):
        replace(CURRENT, sign=0.5)
    with pytest.raises(SpecError, match=r"^Pulses must be with an end after each start, and a weight, not 1 starts$"):
        LINE.deflections([1e-6], [0.9e-6], [1], [0.0])
    with pytest.raises(SpecError, match=r"^Times of a synapse twin must be in one row, from 0 on, not \[-1\.\]$"):
        LINE.deflections([1e-6], [2e-6], [1], [-1.0])
