"""The advisors of time steps and of fixed point, against simulations in plain numbers and the contract's example."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

from golden.errors import SpecError
from golden.theory import euler, fixed_point
from golden.theory.neuron import Neuron

NEURON = Neuron(tau=20e-3, V_th=20e-3, V_reset=0.0, t_ref=2e-3)


@pytest.mark.parametrize(
    ("q", "verdict"),
    [(0.2, "monotone"), (1.0, "monotone"), (1.5, "ringing"), (2.0, "neutral"), (2.1, "divergent")],
)
def test_what_a_step_does(q: float, verdict: str) -> None:
    advice = euler.advise(NEURON, q * 20e-3)
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
    assert euler.interval_steps(NEURON, mus, q * 20e-3).tolist() == [stepped(mu, q) for mu in mus]


def test_the_rheobase_of_a_ringing_neuron() -> None:
    for q in (0.5, 1.0, 1.25, 1.8):
        rheobase = euler.advise(NEURON, q * 20e-3).rheobase
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


def test_the_contracts_s16_15() -> None:
    """dt = 0.01 ms, tau = 20 ms: tau_eff 2.4 % off, dead band LSB / (2 (1 - alpha)) = 1024 last bits."""
    advice = fixed_point.advise(
        NEURON, 1e-5, unit=1e-3, fraction=15, decay_bits=15, rounding="nearest", form="distance"
    )
    assert advice.alpha == 32752 / 32768
    assert advice.tau_eff == pytest.approx(20e-3 * 1.024, rel=1e-3)
    assert advice.dead_band == pytest.approx(1024 * 2**-15 * 1e-3)
    assert advice.rheobase_shift == advice.dead_band
    down = fixed_point.advise(NEURON, 1e-5, unit=1e-3, fraction=15, decay_bits=15, rounding="floor", form="distance")
    assert down.bias > 0  # too fast
    assert down.rheobase_shift == 0
    fair = fixed_point.advise(
        NEURON, 1e-5, unit=1e-3, fraction=15, decay_bits=15, rounding="stochastic", form="distance"
    )
    assert (fair.bias, fair.dead_band, fair.rheobase_shift) == (0, 0, 0)


def rounded(x: int, bits: int, rounding: str, rng: np.random.Generator) -> int:
    """x / 2^bits, in plain ints."""
    match rounding:
        case "nearest":
            return (x + (1 << (bits - 1))) >> bits
        case "floor":
            return x >> bits
        case "toward_zero":
            return x >> bits if x >= 0 else -(-x >> bits)
    return (x + int(rng.integers(0, 1 << bits))) >> bits


def fixed_interval(
    advice: Any, mu: float, fraction: int, bits: int, rounding: str, form: str, intervals: int = 8
) -> float:
    """Mean steps between spikes of a fixed-point neuron reset to 0, threshold 20 mV; inf if it comes to rest."""
    alpha = round(advice.alpha * 2**bits)
    threshold, target = round(20 * 2**fraction), round(mu * 1e3 * 2**fraction)
    drive = target - rounded(target * alpha, bits, "nearest", np.random.default_rng(0))
    exact_drive = target * ((1 << bits) - alpha) / (1 << bits)
    assert abs(drive - exact_drive) <= 0.5
    rng, v, steps, spikes = np.random.default_rng(1), 0, 0, 0
    while spikes < intervals:
        before = v
        if form == "distance":
            v = target - rounded(alpha * (target - v), bits, rounding, rng)
        else:
            v = rounded(alpha * v, bits, rounding, rng) + drive
        steps += 1
        if v >= threshold:
            spikes, v = spikes + 1, 0
        elif v == before and rounding != "stochastic":
            return math.inf
    return steps / spikes


@pytest.mark.parametrize("form", ["distance", "potential"])
@pytest.mark.parametrize("rounding", ["nearest", "floor", "toward_zero", "stochastic"])
def test_rates_are_within_what_is_advised(rounding: Any, form: Any) -> None:
    neuron, dt, bits, fraction = Neuron(tau=20e-3, V_th=20e-3, V_reset=0.0), 1e-4, 16, 10
    advice = fixed_point.advise(neuron, dt, unit=1e-3, fraction=fraction, decay_bits=bits, rounding=rounding, form=form)
    # For the potential's form an input is a whole number of last bits a step: choose those that are.
    alpha = round(advice.alpha * 2**bits)
    per_bit = 2**bits / (2**bits - alpha) / 2**fraction * 1e-3
    for k in (106, 110, 125, 160):
        mu = k * per_bit if form == "potential" else 20e-3 * k / 102.4
        if mu - advice.rheobase_shift <= 20.05e-3:
            continue
        exact = 1 / (20e-3 * math.log(mu / (mu - 20e-3)))
        found = 1 / (fixed_interval(advice, mu, fraction, bits, rounding, form) * dt)
        # Its own bound, and half a step of the grid (rates are read from whole steps).
        assert abs(found / exact - 1) <= fixed_point.rate_error(neuron, mu, advice) + dt * exact
        if rounding == "floor":
            # The bias has the right sign and size: nearer than without it, by far.
            biased = 1 / (20e-3 * math.log((mu + advice.bias) / (mu + advice.bias - 20e-3)))
            assert abs(found / biased - 1) < max(0.35 * abs(biased / exact - 1), 1.5 * dt * exact)


@pytest.mark.parametrize("form", ["distance", "potential"])
@pytest.mark.parametrize("rounding", ["nearest", "floor"])
def test_the_rheobase_is_where_it_is_advised(rounding: Any, form: Any) -> None:
    neuron, dt, bits, fraction = Neuron(tau=20e-3, V_th=20e-3, V_reset=0.0), 1e-4, 16, 12
    advice = fixed_point.advise(neuron, dt, unit=1e-3, fraction=fraction, decay_bits=bits, rounding=rounding, form=form)
    alpha = round(advice.alpha * 2**bits)
    step = 2**bits / (2**bits - alpha) / 2**fraction * 1e-3 if form == "potential" else 2.0**-fraction * 1e-3
    first = next(
        k for k in range(int(19e-3 / step), int(22e-3 / step))
        if math.isfinite(fixed_interval(advice, k * step, fraction, bits, rounding, form, intervals=1))
    )  # fmt: skip
    assert first * step == pytest.approx(20e-3 + advice.rheobase_shift, abs=1.01 * step)


@pytest.mark.parametrize("rounding", ["nearest", "floor", "stochastic"])
def test_the_least_word_length(rounding: Any) -> None:
    neuron = Neuron(tau=20e-3, V_th=20e-3, V_reset=0.0)
    settings: dict[str, Any] = {"unit": 1e-3, "rounding": rounding, "form": "distance"}
    bits = fixed_point.least_bits(neuron, 22e-3, 1e-4, 0.01, **settings)

    def error(b: int) -> float:
        advice = fixed_point.advise(neuron, 1e-4, fraction=b, decay_bits=b, **settings)
        return fixed_point.rate_error(neuron, 22e-3, advice)

    assert all(error(b) <= 0.01 for b in range(bits, 30))
    assert error(bits - 1) > 0.01
    assert fixed_point.least_bits(neuron, 22e-3, 1e-4, 0.001, **settings) > bits
    # The simulated neuron keeps what is promised, to the grid of time.
    advice = fixed_point.advise(neuron, 1e-4, fraction=bits, decay_bits=bits, **settings)
    found = 1 / (fixed_interval(advice, 22e-3, bits, bits, rounding, "distance") * 1e-4)
    exact = 1 / (20e-3 * math.log(11))
    assert abs(found / exact - 1) < 0.01 + 1e-4 * exact


def advised(**changed: Any) -> fixed_point.Advice:
    """The advice for s16.15 with something changed."""
    usual: dict[str, Any] = {"dt": 1e-4, "unit": 1e-3, "fraction": 15, "decay_bits": 15, "rounding": "nearest"}
    return fixed_point.advise(NEURON, **(usual | changed))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: euler.advise(NEURON, 0.0), "Time step dt must be positive, not 0 s"),
        (lambda: euler.interval_steps(NEURON, 25e-3, 50e-3), "Forward Euler's dt must be below twice tau, not 2.5 tau"),
        (lambda: euler.largest_step(NEURON, 20e-3, 0.01), "Input mu must be above threshold (0.02 V), not 0.02 V"),
        (lambda: euler.largest_step(NEURON, 25e-3, 1.5), "Rate error must be above 0 and below 1, not 1.5"),
        (lambda: advised(rounding="up"), "Rounding must be one of nearest, floor"),
        (lambda: advised(form="sum"), "Form must be one of potential, distance, not 'sum'"),
        (lambda: advised(fraction=0), "Fraction bits must be within 1 to 48, not 0"),
        (lambda: advised(dt=1e-9), "Decay factor must be above 0 and below 1 in 15 bits, not 1"),
        (lambda: advised(unit=0.0), "Unit must be positive, not 0 V"),
        (lambda: fixed_point.rate_error(NEURON, 1e-3, advised()), "Input mu must be above"),
        (
            lambda: fixed_point.least_bits(NEURON, 25e-3, 1e-4, 0.0, unit=1e-3, rounding="nearest"),
            "Rate error must be above 0 and below 1, not 0",
        ),
    ],
)  # fmt: skip
def test_mistakes(call: Any, message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}"):
        call()
