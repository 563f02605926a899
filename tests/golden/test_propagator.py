"""One time step as numbers: against the integral of the differential equation, and the stability verdicts."""

from __future__ import annotations

import math
import re
from typing import Any

import mpmath
import numpy as np
import pytest

from golden.errors import SpecError
from golden.neurons.lif import LIFNeuron
from golden.propagator import Propagator, Scheme, stability

BASE: dict[str, Any] = {"C_m": 200e-12, "g_L": 10e-9, "E_L": -0.070, "V_th": -0.050, "V_reset": -0.065}
TAU = 20e-3


def population(**changes: Any) -> LIFNeuron:
    return LIFNeuron(**(BASE | changes)).broadcast(1)


@pytest.mark.parametrize("q", [1e-6, 0.005, 0.5, 3.0])
@pytest.mark.parametrize("ratio", [0.2, 1 - 1e-9, 1.0, 1 + 1e-12, 5.0])
def test_exponential_euler_is_the_solution_over_one_step(q: float, ratio: float) -> None:
    """gain_syn is the convolution of both exponentials, here integrated numerically with 30 digits."""
    dt, tau_syn = q * TAU, ratio * TAU
    p = Propagator.of(population(tau_syn=tau_syn), dt)
    with mpmath.workdps(30):
        C, tau = mpmath.mpf(200e-12), mpmath.mpf(200e-12) / mpmath.mpf(10e-9)
        leak = mpmath.exp(-dt / tau)
        gain = mpmath.quad(lambda s: mpmath.exp(-(dt - s) / tau) / C, [0, dt])
        gain_syn = mpmath.quad(lambda s: mpmath.exp(-(dt - s) / tau - s / tau_syn) / C, [0, dt])
        assert p.leak[0] == pytest.approx(float(leak), rel=1e-14)
        assert p.gain[0] == pytest.approx(float(gain), rel=1e-13)
        assert p.gain_syn[0] == pytest.approx(float(gain_syn), rel=1e-13)
        assert p.leak_syn[0] == pytest.approx(float(mpmath.exp(-mpmath.mpf(dt) / tau_syn)), rel=1e-14)


def test_forward_euler_is_first_order() -> None:
    p = Propagator.of(population(tau_syn=4e-3), 1e-3, "euler")
    assert p.leak[0] == pytest.approx(1 - 1 / 20, rel=1e-14)
    assert p.gain[0] == p.gain_syn[0] == pytest.approx(1e-3 / 200e-12, rel=1e-14)
    assert p.leak_syn[0] == pytest.approx(0.75, rel=1e-14)


@pytest.mark.parametrize(("scheme", "leak"), [("exponential", math.exp(-0.05)), ("euler", 0.95)])
def test_a_charge_acts_once_and_then_leaks(scheme: Scheme, leak: float) -> None:
    p = Propagator.of(population(), 1e-3, scheme)
    assert p.gain_syn[0] == pytest.approx(leak / 200e-12, rel=1e-13)
    assert p.leak_syn[0] == 0.0


def test_every_neuron_has_its_own_step() -> None:
    p = Propagator.of(LIFNeuron(**BASE | {"C_m": [2e-10, 4e-10]}).broadcast(2), 1e-3)
    np.testing.assert_allclose(p.leak, np.exp([-0.05, -0.025]), rtol=1e-14)


@pytest.mark.parametrize(
    ("dt", "scheme", "message"),
    [
        (0.0, "euler", "Time step dt must be positive, not 0 s"),
        (-1e-3, "exponential", "Time step dt must be positive, not -0.001 s"),
        (math.nan, "exponential", "Time step dt must be positive, not nan s"),
        (math.inf, "euler", "Time step dt must be positive, not inf s"),
        (1e-3, "heun", "Scheme must be one of exponential, euler, not 'heun'"),
    ],
)
def test_a_step_that_is_none(dt: float, scheme: Scheme, message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        Propagator.of(population(), dt, scheme)


@pytest.mark.parametrize(
    ("q", "verdict"),
    [
        (0.01, "monotone"),
        (1.0, "monotone"),
        (1.001, "ringing"),
        (1.999, "ringing"),
        (2.0, "neutral"),
        (2.001, "divergent"),
        (100.0, "divergent"),
    ],
)
def test_verdict_of_forward_euler(q: float, verdict: str) -> None:
    found = stability(population(), q * TAU, "euler")
    assert found.verdict == verdict
    assert found.q == pytest.approx(q, rel=1e-12)
    assert stability(population(), q * TAU, "exponential").verdict == "monotone"


@pytest.mark.parametrize("tau", [3e-3, 10e-3 / 3, 13e-3, 15e-3, 23e-3])
def test_the_edges_hold_for_decimal_time_constants(tau: float) -> None:
    """C/g is not exactly tau in binary: q = 1 and q = 2 are still what the user wrote."""
    n = LIFNeuron.from_tau(tau_m=tau, R=90e6, E_L=0.0, V_th=1.0, V_reset=0.0)
    assert stability(n, tau, "euler").verdict == "monotone"
    assert stability(n, 2 * tau, "euler").verdict == "neutral"


def test_the_fastest_time_constant_decides() -> None:
    assert stability(population(tau_syn=1e-3), 2.5e-3, "euler").verdict == "divergent"
    mixed = LIFNeuron(**BASE | {"C_m": [2e-10, 1e-11]})  # 20 ms and 1 ms
    found = stability(mixed, 1.5e-3, "euler")
    assert found.verdict == "ringing"
    assert str(found) == "euler: dt/tau = 1.5, ringing"
