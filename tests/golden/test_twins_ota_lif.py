"""The OTA twin against closed forms: the LIF neuron, the constant leak, and quadrature by another method."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad

from golden.errors import SpecError
from golden.twins.ota_lif import Drive, OtaLifTwin

TWIN = OtaLifTwin(
    C=2e-12, I_leak=1e-8, V_leak=0.6, V_th=1.0, V_0=0.4, t_ref=2e-6, n=1.45, g_out=3e-10, v_x=3e-3, tau_x=2e-7
)
#: The linear limit: a swing of 4 mV is a twentieth of 2 n U_T, where tanh is within 4e-4 of straight.
LINEAR = replace(TWIN, V_leak=0.6, V_th=0.602, V_0=0.598, v_x=0.0, tau_x=0.0, g_out=0.0, t_ref=1e-6)


def test_small_swings_are_the_lif_neuron() -> None:
    g = LINEAR.I_leak / (2 * LINEAR.n * LINEAR.U_T)
    tau = LINEAR.C / g
    assert LINEAR.tau_m == pytest.approx(tau)
    for ratio in (1.5, 3.0, 20.0):
        V_inf = LINEAR.V_leak + ratio * 0.002
        closed = tau * math.log((V_inf - LINEAR.V_0) / (V_inf - LINEAR.V_th)) + LINEAR.t_ref
        assert LINEAR.periods([g * ratio * 0.002])[0] == pytest.approx(closed, rel=2e-3)


def test_far_from_v_leak_the_leak_is_a_constant_current() -> None:
    # tanh(x) differs from 1 by less than 1e-6 above 7.3 widths: 0.55 V.
    far = replace(TWIN, V_leak=0.2, V_th=1.4, V_0=0.75, g_out=0.0, v_x=0.0, tau_x=0.0)
    current = np.array([1.5e-8, 1e-7])
    assert far.periods(current) == pytest.approx(far.C * 0.65 / (current - far.I_leak) + far.t_ref, rel=1e-5)


def test_periods_against_adaptive_quadrature() -> None:
    for current in (1.02 * TWIN.rheobase, 3e-8, 1e-6):

        def slowness(V: float, current: float = current) -> float:
            above = V - TWIN.V_leak
            leak = TWIN.I_leak * math.tanh(above / (2 * TWIN.n * TWIN.U_T)) + TWIN.g_out * above
            return TWIN.C / (current - leak)

        rise = quad(slowness, TWIN.V_0, TWIN.V_th, points=[TWIN.V_leak], epsrel=1e-12)[0]
        found = TWIN.periods([current])[0] - TWIN.delay([(current - TWIN.rheobase) / TWIN.C])[0] - TWIN.t_ref
        assert found == pytest.approx(rise, rel=1e-8)


def test_below_rheobase_it_never_fires() -> None:
    above, below = TWIN.periods([1.0001 * TWIN.rheobase, 0.9999 * TWIN.rheobase])
    assert math.isfinite(above)
    assert below == math.inf
    spikes, volts = TWIN.simulate(Drive.constant(0.99 * TWIN.rheobase), 5e-3, np.array([5e-3]))
    assert spikes.size == 0
    assert volts[0] < TWIN.V_th


def test_the_comparators_delay() -> None:
    # Slow ramps: v_x / s + tau_x; fast ones: sqrt(2 tau_x v_x / s); both limits of s (t - tau (1 - e^-t/tau)) = v_x.
    assert TWIN.delay([100.0])[0] == pytest.approx(TWIN.v_x / 100 + TWIN.tau_x, rel=1e-6)
    fast = 1e9
    assert TWIN.delay([fast])[0] == pytest.approx(math.sqrt(2 * TWIN.tau_x * TWIN.v_x / fast), rel=5e-3)
    t = TWIN.delay([2e4])[0]
    assert 2e4 * (t + TWIN.tau_x * math.expm1(-t / TWIN.tau_x)) == pytest.approx(TWIN.v_x, rel=1e-10)
    assert replace(TWIN, tau_x=0.0).delay([2e4])[0] == pytest.approx(1.5e-7)
    assert replace(TWIN, v_x=0.0).delay([2e4])[0] == 0


@pytest.mark.parametrize("twin", [TWIN, replace(TWIN, tau_x=0.0), replace(TWIN, v_x=0.0, tau_x=0.0)])
def test_simulation_and_periods_agree(twin: OtaLifTwin) -> None:
    # Two methods: Runge-Kutta with secants, and quadrature with the ramp's closed form.
    for current in (1.1 * twin.rheobase, 5e-8, 5e-7, 5e-6):
        period = twin.periods([current])[0]
        spikes, _ = twin.simulate(Drive.constant(current), 6 * period, start=twin.V_0)
        # The first without a refractory period before it.
        assert spikes.size == 6
        assert spikes[0] == pytest.approx(period - twin.t_ref, rel=1e-5)
        # The ramp that the delay sees is straight in the closed form only: v_x of the way to the knee.
        assert np.diff(spikes) == pytest.approx(period, rel=1e-5)


def test_a_wrong_leak_is_seen() -> None:
    period = TWIN.periods([5e-8])[0]
    assert abs(replace(TWIN, I_leak=1.05e-8).periods([5e-8])[0] / period - 1) > 5e-3


def test_a_synaptic_current_lifts_the_membrane_by_its_charge() -> None:
    quiet = replace(TWIN, I_leak=1e-13, g_out=0.0)
    weights, tau = np.array([1e-8]), 1e-6
    drive = Drive(np.zeros(1), np.zeros(1), np.array([1e-6]), np.zeros(1), weights, tau)
    _, volts = quiet.simulate(drive, 3e-5, np.array([0.9e-6, 2e-6, 3e-5]))
    # Charge weight tau (1 - e^(-t / tau)) on C, next to no leak.
    assert volts[0] == pytest.approx(quiet.V_leak, abs=1e-9)
    assert volts[1] - quiet.V_leak == pytest.approx(5e-3 * -math.expm1(-1.0), rel=1e-4)
    assert volts[2] - quiet.V_leak == pytest.approx(5e-3, rel=1e-4)


def test_jumps_in_the_refractory_period_are_lost() -> None:
    current = 5e-8
    period = TWIN.periods([current])[0]
    base, _ = TWIN.simulate(Drive.constant(current), 2.5 * period, start=TWIN.V_0)
    for late, lost in ((0.5 * TWIN.t_ref, True), (2 * TWIN.t_ref, False)):
        drive = Drive(np.zeros(1), np.array([current]), base[:1] + late, np.array([0.05]), np.zeros(1))
        spikes, _ = TWIN.simulate(drive, 2.5 * period, start=TWIN.V_0)
        assert bool(abs(spikes[1] - base[1]) < 1e-12) is lost


def test_a_ramp_is_integrated_exactly() -> None:
    quiet = replace(TWIN, I_leak=1e-14, g_out=0.0)
    drive = Drive(np.array([0.0, 1e-5]), np.array([0.0, 1e-7]))
    _, volts = quiet.simulate(drive, 1.1e-5, np.array([1e-6]))
    # C dV = half of 1e-8 A for 1 us.
    assert volts[0] - quiet.V_leak == pytest.approx(5e-9 * 1e-6 / quiet.C, rel=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"C": 0.0}, "OTA twin C must be positive, not 0"),
        ({"v_x": -1.0}, "OTA twin v_x must be not negative, not -1"),
        ({"V_0": 1.2}, r"OTA twin V_th must be above V_0 \(1.2 V\), not 1 V"),
        ({"n": math.nan}, "OTA twin n must be finite, not nan"),
    ],
)
def test_refused(change: dict[str, float], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        replace(TWIN, **change)


def test_drives_are_checked() -> None:
    with pytest.raises(SpecError, match="Drive corners must be from 0 on"):
        Drive(np.ones(1), np.ones(1))
    with pytest.raises(SpecError, match="Drive events must be with a jump and a weight each"):
        Drive(np.zeros(1), np.zeros(1), np.ones(2), np.ones(1), np.ones(2))
