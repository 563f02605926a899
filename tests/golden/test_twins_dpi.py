"""Twins of the DPI circuits and the pulsed mirror against closed forms: partial fractions, linear filters, sums."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from golden.errors import SpecError
from golden.twins.dpi import FREE, DpiTwin
from golden.twins.dpi_synapse import DpiSynapseTwin
from golden.twins.fit import fit
from golden.twins.pulsed_mirror import PulsedMirrorTwin, nonlinearity
from golden.twins.samples import fit_samples

U_T = 0.025
#: In weak inversion everywhere: specific currents far above all others.  V_reset is 16 U_T: the leak is constant.
WEAK = DpiTwin(
    C_m=2e-12,
    I_tau=5e-9,
    V_thr=0.6,
    t_ref=1e-6,
    V_spike=0.95,
    n=1.4,
    I_spec=1e4,
    V_T=0.6 - 1.4 * U_T * float(np.log(2.5e-9 / 1e4)),  # I_th = 2.5 nA
    I_pair=1e4,
    V_reset=0.4,
    U_T=U_T,
)
SYNAPSE = DpiSynapseTwin(C=1e-12, I_tau=4e-9, I_th=1e-9, I_w=1e-6, u_th=0.5, n=1.5, n_pair=1.5, U_T=U_T)


def partial_fractions(current: float, twin: DpiTwin) -> float:
    """The interval in weak inversion, by the roots of the current-mode equation.

    With m = I_mem: C n U_T dm/dt (I_th + m) / m = p(m) = a m^2 + (a I_th - I_tau) m + (I - I_tau) I_th, so the time is
    C n U_T times the integral of (I_th + m) / (m p(m)): a sum of logarithms.
    """
    gain, scale = twin.gain_current, twin.n * twin.U_T
    low, high = (float(twin.membrane_current(V)) for V in (twin.V_reset, twin.V_spike))
    a = twin.feedback
    quadratic = np.array([a, a * gain - twin.I_tau, (current - twin.I_tau) * gain])
    poles = np.array([0.0, *np.roots(quadratic)], dtype=complex)
    residues = [(gain + r) / (a * np.prod([r - q for q in poles if q != r])) for r in poles]
    # The poles are complex conjugates or outside the range: the logarithm of the ratio has no cut on the way.
    total = sum(c * (np.log(high - r) - np.log(low - r)) for c, r in zip(residues, poles, strict=True))
    return twin.t_ref + twin.C_m * scale * float(total.real)


@pytest.mark.parametrize("feedback", [0.5, 1.0, 3.0])
def test_periods_are_those_of_the_closed_form(feedback: float) -> None:
    twin = replace(WEAK, feedback=feedback)
    currents = twin.rheobase * np.array([1.01, 1.1, 1.5, 3.0, 10.0, 40.0])
    expected = [partial_fractions(float(current), twin) for current in currents]
    np.testing.assert_allclose(twin.periods(currents), expected, rtol=2e-5)
    # A changed parameter does not pass.
    for name in ("C_m", "I_tau", "V_thr", "n"):
        changed = replace(twin, **{name: 1.01 * getattr(twin, name)})
        assert abs(changed.periods(currents) / expected - 1).max() > 1e-3


def test_the_rheobase_is_where_the_fixed_points_vanish() -> None:
    for feedback in (0.5, 1.0, 3.0):
        twin = replace(WEAK, feedback=feedback)
        below, above = twin.periods(twin.rheobase * np.array([0.99, 1.01]))
        assert below == np.inf
        assert np.isfinite(above)
    # I_th = 2.5 nA, I_tau = 5 nA: (7.5 nA)^2 / 10 nA.
    assert WEAK.rheobase == pytest.approx(5.625e-9, rel=1e-6)
    # Where feedback I_th exceeds the leak, the leak alone decides.
    assert replace(WEAK, feedback=3.0).rheobase == 5e-9


def test_membrane_current_and_pair_leave_weak_inversion_as_ekv_transistors_do() -> None:
    twin = replace(WEAK, I_spec=1e-6, V_T=0.5, V_thr=0.4, skew=1.4 / 1.5, I_pair=1e-6)
    # EKV at the threshold: ln(2)^2 of the specific current; strong inversion: the square law ((V - V_T) / (2 n U_T))^2.
    assert float(twin.membrane_current(0.5)) == pytest.approx(np.log(2) ** 2 * 1e-6)
    assert float(twin.membrane_current(1.5)) == pytest.approx((1.0 / (2 * 1.4 * U_T)) ** 2 * 1e-6, rel=1e-6)

    # An EKV pair of slope 1.5: dV = 1.5 U_T (g(i1) - g(i2)), g(i) = 2 (sqrt(i) + ln(1 - e^(-sqrt(i)))).
    def gate(i: float) -> float:
        return 2 * (np.sqrt(i) + np.log(-np.expm1(-np.sqrt(i))))

    for total in (1e-9, 1e-7, 1e-6):
        share = 0.45
        dV = 1.5 * U_T * (gate((1 - share) * total / 1e-6) - gate(share * total / 1e-6))
        leak = 5e-9 * (1 - np.exp(-(0.4 + dV) / U_T))
        kept = float(twin.net_current(0.4 + dV, total)) + leak - float(twin.membrane_current(0.4 + dV))
        assert kept / total == pytest.approx(share, abs=2e-4)


def test_a_fit_finds_the_parameters_again() -> None:
    truth = replace(WEAK, C_m=2.1e-12, I_tau=4.7e-9, V_thr=WEAK.V_thr + 3e-3, t_ref=1.4e-6, skew=0.9)
    currents = np.geomspace(9e-9, 2.5e-7, 7)
    found = fit(WEAK, FREE, currents, truth.periods(currents))
    assert found.largest < 1e-6
    for name in FREE:
        assert getattr(found.twin, name) == pytest.approx(getattr(truth, name), rel=1e-4)


def test_decay_is_exponential_with_the_time_constant() -> None:
    times = np.linspace(0, 5 * SYNAPSE.tau, 11)
    start = 0.5 + 1.5 * U_T * np.log(20.0)  # 20 I_th
    current = SYNAPSE.currents([], [], times, u_0=start)
    assert SYNAPSE.tau == pytest.approx(1e-12 * 1.5 * 0.025 / 4e-9)
    # Down to 0.13 I_th, u is still 18 U_T above the supply's: the leak's transistor is saturated to e^-18.
    np.testing.assert_allclose(current, 20e-9 * np.exp(-times / SYNAPSE.tau), rtol=1e-6)


def test_far_above_the_gain_current_it_is_the_linear_filter() -> None:
    twin = replace(SYNAPSE, I_th=1e-12, u_th=0.5 - 1.5 * U_T * np.log(1e3), I_w=1e-3)
    starts = np.array([2e-6, 3e-6, 9e-6, 20e-6])
    ends = starts + 0.1e-6
    times = np.linspace(0, 40e-6, 81)
    start = 1e-9
    u_0 = twin.u_th + 1.5 * U_T * np.log(start / 1e-12)
    tau, steady = twin.tau, 1e-3 * twin.gain
    expected = start * np.exp(-times / tau)
    for on, off in zip(starts, ends, strict=True):
        rise = 1 - np.exp(-np.clip(times - on, 0, off - on) / tau)
        expected += steady * rise * np.exp(-np.clip(times - off, 0, None) / tau)
    # I_th / I_syn of 1e-3 at most is what the linear filter leaves out, of each pulse's increment.
    np.testing.assert_allclose(twin.currents(starts, ends, times, u_0), expected, rtol=2e-3)
    off_tau = replace(twin, C=1.05 * twin.C).currents(starts, ends, times, u_0)
    assert abs(off_tau / expected - 1).max() > 0.02


def test_from_silence_a_pulse_first_charges_the_capacitor() -> None:
    """u rises at (I_w - I_tau (1 - e^(-u/U_T))) / C until the pair diverts the current, near u_th."""
    end = 0.3e-6
    u = SYNAPSE.potentials([0.0], [end], [end])
    # The leak rises from nothing to I_tau within a few U_T, and the pair diverts e^(-0.2 V / (1.5 U_T)) = 0.5 % at the
    # end, a mean of 1.5 U_T / 0.3 V of that: 0.996 to 1 of I_w, less 0.06 %.
    assert 0.9953 * end * 1e-6 / 1e-12 < u[0] < 1e-6 * end / 1e-12
    assert SYNAPSE.potentials([], [], [1e-3])[0] == 0


def test_samples_come_back_in_the_order_they_were_asked_for() -> None:
    rng = np.random.default_rng(5)
    starts, ends = np.array([1e-6, 4e-6]), np.array([2e-6, 5e-6])
    times = rng.uniform(0, 2e-5, 50)
    mixed, ordered = (SYNAPSE.currents(starts, ends, at) for at in (times, np.sort(times)))
    np.testing.assert_array_equal(np.sort(mixed[np.argsort(times)]), np.sort(ordered))
    np.testing.assert_array_equal(mixed[np.argsort(times)], ordered)
    # A pulse lasts longer by t_extra; two that touch are one.
    longer = replace(SYNAPSE, t_extra=2.5e-6)
    np.testing.assert_allclose(
        longer.potentials(starts, ends, times), SYNAPSE.potentials([1e-6], [7.5e-6], times), rtol=1e-6
    )


def test_the_slope_bends_with_the_current() -> None:
    twin = replace(SYNAPSE, bend=0.2)
    x = np.log(np.array([0.1, 1.0, 10.0, 100.0]))
    u = 0.5 + U_T * (1.5 * x + 0.1 * x**2)
    np.testing.assert_allclose(twin.output(u), 1e-9 * np.exp(x), rtol=1e-9)
    # Below, where the slope would fall under half, a straight line goes on: monotone down to nothing.
    low = twin.output(np.linspace(0, 0.5, 200))
    assert (np.diff(low) > 0).all()
    assert low[0] < 1e-15
    np.testing.assert_allclose(replace(SYNAPSE, bend=1e-9).output(u), SYNAPSE.output(u), rtol=1e-6)


def test_the_mirrors_charge_and_its_fit() -> None:
    assert float(PulsedMirrorTwin(8e-9).charge(63, 1e-6)) == pytest.approx(504e-15)
    truth = PulsedMirrorTwin(8.2e-9, 0.9e-15, 1e-4)
    codes, widths = np.meshgrid([1, 20, 63], [1e-7, 1e-6])
    found = fit_samples(
        PulsedMirrorTwin(8e-9),
        {"I_lsb": 1e-10, "q_leg": 1e-16, "bow": 1e-4},
        lambda twin: twin.charge(codes, widths).ravel(),
        truth.charge(codes, widths).ravel(),
        truth.charge(codes, widths).ravel(),
    )
    assert found.largest < 1e-9
    assert found.twin.I_lsb == pytest.approx(8.2e-9, rel=1e-6)
    assert found.twin.q_leg == pytest.approx(0.9e-15, rel=1e-6)
    with pytest.raises(SpecError, match=r"^Samples to fit must be at least 1, not 0$"):
        fit_samples(truth, {"bow": 1.0}, lambda twin: np.empty(0), [], 1.0)
    with pytest.raises(SpecError, match=r"^Samples to fit must be finite"):
        fit_samples(truth, {"bow": 1.0}, lambda twin: np.zeros(1), [np.nan], 1.0)


def test_nonlinearity_by_the_end_points() -> None:
    dnl, inl = nonlinearity([0.0, 1.0, 2.5, 3.0, 4.0])
    np.testing.assert_allclose(dnl, [0, 0.5, -0.5, 0])
    np.testing.assert_allclose(inl, [0, 0, 0.5, 0, 0])
    dnl, inl = nonlinearity(7.0 + 3.0 * np.arange(64))
    assert abs(dnl).max() < 1e-12
    assert abs(inl).max() < 1e-12
    with pytest.raises(SpecError, match=r"^Charges of a weight must be those of all codes, with different ends"):
        nonlinearity([1.0])


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(SpecError, match=r"^DPI twin C_m must be positive and finite, not 0$"):
        replace(WEAK, C_m=0.0)
    with pytest.raises(SpecError, match=r"^DPI twin t_ref must be finite, not nan$"):
        replace(WEAK, t_ref=float("nan"))
    with pytest.raises(SpecError, match=r"^DPI twin V_reset must be from 0 to below V_spike \(0.95 V\), not 1 V$"):
        replace(WEAK, V_reset=1.0)
    with pytest.raises(SpecError, match=r"^DPI synapse twin I_w must be positive and finite, not -1$"):
        replace(SYNAPSE, I_w=-1.0)
    with pytest.raises(SpecError, match=r"^DPI synapse twin bend must be not negative, not -1$"):
        replace(SYNAPSE, bend=-1.0)
    with pytest.raises(SpecError, match=r"^Pulses must be ascending, without overlap, an end for each start, not 2 s"):
        SYNAPSE.currents([0.0, 1e-6], [2e-6, 3e-6], [0.0])
    with pytest.raises(SpecError, match=r"^Pulsed mirror twin I_lsb must be positive and finite, not 0 A$"):
        PulsedMirrorTwin(0.0)
    with pytest.raises(SpecError, match=r"^Pulsed mirror twin bow must be finite, not inf$"):
        PulsedMirrorTwin(1e-9, bow=float("inf"))
