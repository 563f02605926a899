"""Forward Euler's advisor against Euler loops in plain Python numbers, exact rational ones where rounding matters."""

from __future__ import annotations

import math
import random
import re
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from golden.errors import SpecError
from golden.neurons.lif import LIFNeuron
from golden.propagator import stability
from golden.theory import euler
from golden.theory.neuron import Neuron

NEURON = Neuron(tau=20e-3, V_th=20e-3, V_reset=10e-3, t_ref=2e-3)
FROM_ZERO = Neuron(tau=20e-3, V_th=20e-3, V_reset=0.0, t_ref=2e-3)


def loop(q: float, mu: float, reset: float, threshold: float, most: int = 200_000) -> tuple[float, float]:
    """(steps from the reset to the threshold, or inf; the largest potential that was met), by Euler steps."""
    v = top = reset
    for n in range(1, most + 1):
        v += q * (mu - v)
        top = max(top, v)
        if v >= threshold:
            return n, top
        if abs(v - mu) < 1e-15:
            break
    return math.inf, top


def test_intervals_are_those_of_a_loop() -> None:
    rng = random.Random(1)
    firing = 0
    for _ in range(400):
        q = rng.choice([rng.uniform(0.002, 1), rng.uniform(1, 2)])
        reset = rng.uniform(-30e-3, 19e-3)
        mu = rng.uniform(-50e-3, 60e-3)
        neuron = Neuron(tau=20e-3, V_th=20e-3, V_reset=reset)
        wanted, _ = loop(q, mu, reset, 20e-3)
        assert float(euler.interval_steps(neuron, mu, q * 20e-3)) == wanted
        firing += math.isfinite(wanted)
    assert 100 < firing < 350  # both kinds were there


def test_an_interval_of_a_whole_quotient_is_not_a_step_late() -> None:
    """q = 1/2 halves the distance: from 0 with mu = 32, the potential after n steps is 32 - 2^(5-n), exactly."""
    for n in range(1, 40):
        mu, threshold = Fraction(32), 32 - Fraction(32, 2**n)
        v, steps = Fraction(0), 0
        while v < threshold:
            v, steps = v + (mu - v) / 2, steps + 1
        assert steps == n
        neuron = Neuron(tau=1.0, V_th=float(threshold), V_reset=0.0)
        assert float(euler.interval_steps(neuron, 32.0, 0.5)) == n


def test_a_diverging_neuron_fires_whatever_the_input() -> None:
    """q > 2: no input is the smallest that fires, those below the reset do as well; only the reset itself rests."""
    assert euler.advise(NEURON, 2.1 * 20e-3).rheobase == -math.inf
    for mu in (-5e-3, 9.9e-3, 10.1e-3):
        assert math.isfinite(loop(2.1, mu, 10e-3, 20e-3)[0])
    assert math.isinf(loop(2.1, 10e-3, 10e-3, 20e-3)[0])
    # At q = 2 it alternates between the reset and 2 mu - V_reset.
    assert euler.advise(NEURON, 40e-3).rheobase == pytest.approx(15e-3)
    assert math.isinf(loop(2.0, 14.9e-3, 10e-3, 20e-3, most=1000)[0])
    assert loop(2.0, 15.1e-3, 10e-3, 20e-3)[0] == 1


@pytest.mark.parametrize("q", [0.3, 0.999, 1.0, 1.001, 1.9, 2.0, 2.2])
def test_the_verdict_is_the_propagators(q: float) -> None:
    cell = LIFNeuron(C_m=2e-10, g_L=1e-8, E_L=0.0, V_th=20e-3, V_reset=10e-3).broadcast(1)
    assert euler.advise(NEURON, q * 20e-3).verdict == stability(cell, q * 20e-3, "euler").verdict


def test_one_and_two_are_exact_where_decimals_are_not() -> None:
    """0.3 / (0.1 x 3) is 0.9999999999999998: meant is 1."""
    neuron = Neuron(tau=0.1 * 3, V_th=1.0, V_reset=0.0)
    assert 0.3 / neuron.tau != 1
    one, two = euler.advise(neuron, 0.3), euler.advise(neuron, 0.6)
    assert (one.q, one.verdict, one.factor, one.tau_eff) == (1.0, "monotone", 0.0, 0.0)
    assert (two.q, two.verdict, two.factor, two.tau_eff) == (2.0, "neutral", -1.0, math.inf)
    # Ringing at 1.5 halves the distance a step: dt / ln 2.
    assert euler.advise(neuron, 0.45).tau_eff == pytest.approx(0.45 / math.log(2), rel=1e-12)
    # And a step of 1e-10 tau is not none: tau_eff = tau (1 - q/2 - ...).
    assert euler.advise(neuron, 0.3e-10).tau_eff == pytest.approx(0.3, rel=1e-9)


def test_relaxation_in_rational_numbers() -> None:
    v, mu = Fraction(1, 7), Fraction(3, 5)
    for q in (Fraction(1, 4), Fraction(1), Fraction(7, 4), Fraction(5, 2)):
        x = v
        for n in range(12):
            assert float(euler.relaxation(1 / 7, 0.6, float(q), n)) == pytest.approx(float(x), rel=1e-12)
            x += q * (mu - x)


def test_a_divergence_ends_at_infinity_and_rest_stays() -> None:
    assert euler.relaxation(0.0, 1.0, 3.0, [5000, 5001]).tolist() == [-math.inf, math.inf]
    assert euler.relaxation(1.0, 1.0, 3.0, 5000) == 1.0


def test_rates_count_whole_steps_of_interval_and_refractory_time() -> None:
    # q = 0.25, mu = 30 mV from 10: 15, 18.75, 21.56 mV: three steps, and 2 ms are 0.4 of a step of 5 ms: none.
    assert float(euler.rate(NEURON, 30e-3, 5e-3)) == pytest.approx(1 / 15e-3)
    # dt = 1 ms: 2 steps of t_ref.
    steps, _ = loop(0.05, 30e-3, 10e-3, 20e-3)
    assert euler.rate(NEURON, [30e-3, 19e-3], 1e-3).tolist() == pytest.approx([1e3 / (steps + 2), 0.0])


def test_the_largest_step_holds_for_random_neurons() -> None:
    """Every smaller step is within the error; some step not much larger is not."""
    rng, generous = random.Random(2), 0
    for _ in range(40):
        span, tau = rng.uniform(1e-3, 50e-3), 10 ** rng.uniform(-6, -1)
        t_ref = rng.choice([0.0, rng.uniform(0, 3) * tau])
        neuron = Neuron(tau=tau, V_th=span, V_reset=0.0, t_ref=t_ref)
        mu, error = span * (1 + 10 ** rng.uniform(-3, 1)), 10 ** rng.uniform(-3, -0.3)
        exact = 1 / (t_ref + tau * math.log(mu / (mu - span)))
        largest = euler.largest_step(neuron, mu, error)
        assert 0 < largest <= tau

        def off(dt: float, mu: float = mu, span: float = span, tau: float = tau, held: float = t_ref) -> float:
            return 1 / ((loop(dt / tau, mu, 0.0, span)[0] + round(held / dt)) * dt)

        for x in (1.0, 0.99, rng.random(), rng.random()):
            assert abs(off(x * largest) / exact - 1) <= error * (1 + 1e-9)
        beyond = [x * largest for x in np.linspace(1.05, 6, 40) if x * largest < 1.9 * tau]
        generous += any(abs(off(dt) / exact - 1) > error for dt in beyond) or largest == tau
    assert generous >= 36  # not needlessly small


def test_the_largest_step_for_the_smallest_errors() -> None:
    """To first order, in dt: the grid is late by up to 1.5, early by 0.5 with t_ref; tau_eff early by rise / 2 tau."""
    late_ones = 0
    for mu, error in ((30e-3, 1e-9), (30e-3, 1e-13), (20.1e-3, 1e-9)):
        rise = 20e-3 * math.log((mu - 10e-3) / (mu - 20e-3))
        late = (1.5 - rise / 20e-3 / 2) / (2e-3 + rise)
        early = (0.5 + rise / 20e-3 / 2) / (2e-3 + rise)
        assert euler.largest_step(NEURON, mu, error) == pytest.approx(error / max(late, early), rel=1e-6)
        late_ones += late > early
    assert late_ones == 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: euler.advise(NEURON, -1e-3), "Time step dt must be positive, not -0.001 s"),
        (lambda: euler.advise(NEURON, math.inf), "Input dt must be finite, not inf s"),
        (lambda: euler.advise(NEURON, "1 ms"), "Input dt must be a number or an array of numbers, not '1 ms'"),  # type: ignore[arg-type]  # the mistake
        (lambda: euler.interval_steps(NEURON, 25e-3, 40e-3), "Forward Euler's dt must be below twice tau, not 2 tau"),
        (lambda: euler.interval_steps(NEURON, math.nan, 1e-3), "Input mu must be finite, not nan V"),
        (lambda: euler.rate(NEURON, 25e-3, 0.0), "Time step dt must be positive, not 0 s"),
        (lambda: euler.rate(NEURON, 25e-3, 1.0), "Forward Euler's dt must be below twice tau, not 50 tau"),
        (lambda: euler.relaxation(0, 1, 1.5, 0.5), "Input number of steps must be whole and zero or positive, not 0.5"),
        (lambda: euler.relaxation(0, 1, 1.0, -1), "Input number of steps must be whole and zero or positive, not -1"),
        (lambda: euler.relaxation(0, 1, 0.0, 1), "Input q must be positive, not 0"),
        (lambda: euler.relaxation(0, 1, math.nan, 1), "Input q must be finite, not nan dt/tau"),
        (
            lambda: euler.relaxation([0, 1], 1, 0.5, [1, 2, 3]),
            "Input start, mu and number of steps must be of shapes that broadcast, not (2,), () and (3,)",
        ),
        (lambda: euler.largest_step(NEURON, 19e-3, 0.01), "Input mu must be above threshold (0.02 V), not 0.019 V"),
        (lambda: euler.largest_step(NEURON, 25e-3, 0.0), "Rate error must be above 0 and below 1, not 0"),
        (
            lambda: euler.largest_step(NEURON, [25e-3, 26e-3], 0.1),  # type: ignore[arg-type]  # the mistake
            "Input mu must be one number, not an array of shape (2,)",
        ),
    ],
)  # fmt: skip
def test_euler_mistakes(call: Any, message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        call()


@pytest.mark.parametrize(
    ("q", "verdict"),
    [(0.2, "monotone"), (1.0, "monotone"), (1.5, "ringing"), (2.0, "neutral"), (2.1, "divergent")],
)
def test_what_a_step_does(q: float, verdict: str) -> None:
    advice = euler.advise(FROM_ZERO, q * 20e-3)
    assert advice.verdict == verdict
    v, trace = 0.0, [0.0]
    for _ in range(12):
        v += q * (10e-3 - v)
        trace.append(v)
    assert euler.relaxation(0.0, 10e-3, q, np.arange(13)) == pytest.approx(trace, abs=1e-12 * 2.1**12)
    if q not in (1.0, 2.0):
        # The distance is multiplied by exp(-dt / tau_eff) a step, but for its sign.
        assert abs(trace[5] - 10e-3) == pytest.approx(10e-3 * math.exp(-5 * q * 20e-3 / advice.tau_eff), rel=1e-9)


def stepped(mu: float, q: float, most: int = 100_000) -> float:
    """Steps from 0 to 20 mV by repeated Euler steps."""
    v = 0.0
    for n in range(1, most):
        v += q * (mu - v)
        if v >= 20e-3:
            return n
        if abs(v - mu) < 1e-12:
            break
    return math.inf


@pytest.mark.parametrize("q", [0.003, 0.05, 0.31, 0.97, 1.0, 1.4, 1.95])
def test_intervals_of_the_euler_neuron(q: float) -> None:
    mus = [10.4e-3, 14.4e-3, 19.9e-3, 20.01e-3, 21e-3, 27e-3, 60e-3, 0.5]
    assert euler.interval_steps(FROM_ZERO, mus, q * 20e-3).tolist() == [stepped(mu, q) for mu in mus]


def test_the_rheobase_of_a_ringing_neuron() -> None:
    for q in (0.5, 1.0, 1.25, 1.8):
        rheobase = euler.advise(FROM_ZERO, q * 20e-3).rheobase
        assert math.isinf(stepped(rheobase * (1 - 1e-9), q))
        assert math.isfinite(stepped(rheobase * (1 + 1e-6), q))


@pytest.mark.parametrize("t_ref", [0.0, 2e-3])
@pytest.mark.parametrize(("mu", "error"), [(21e-3, 0.01), (25e-3, 0.001), (60e-3, 0.05)])
def test_up_to_the_largest_step_the_rate_is_as_good_as_wanted(t_ref: float, mu: float, error: float) -> None:
    neuron = Neuron(tau=20e-3, V_th=20e-3, V_reset=0.0, t_ref=t_ref)
    exact = 1 / (t_ref + 20e-3 * math.log(mu / (mu - 20e-3)))
    largest = euler.largest_step(neuron, mu, error)
    for dt in largest * np.linspace(0.02, 1.0, 60):
        assert abs(float(euler.rate(neuron, mu, dt)) / exact - 1) <= error * (1 + 1e-9)
    # And not needlessly small: a few times that is too much somewhere.
    worst = max(abs(float(euler.rate(neuron, mu, dt)) / exact - 1) for dt in largest * np.linspace(1, 4, 80))
    assert worst > error
