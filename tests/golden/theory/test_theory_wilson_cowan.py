"""Rate models in time: frequencies at onset, decay of a delay equation, order, states that they run to, mistakes."""

from __future__ import annotations

import math
import re
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy.optimize import brentq

from golden.errors import SpecError
from golden.theory import wilson_cowan
from golden.theory.loop import Synapse
from golden.theory.mean_field import WorkingPoint, balanced, inhibitory
from golden.theory.neuron import Neuron
from golden.theory.wilson_cowan import integrate

NEURON = Neuron(tau=20e-3, V_th=20e-3, V_reset=10e-3, t_ref=2e-3)
MU, SIGMA, K = 15e-3, 5e-3, 1000
SYNAPSE = Synapse(delay=1.5e-3, tau_s=2e-3)
#: Contract: rate [Hz] of the working point.
RATE = 9.46079980576


def inhibited(gain: float) -> WorkingPoint:
    return inhibitory(gain, NEURON, MU, SIGMA, K).solve([RATE])


def excited(gain: float) -> WorkingPoint:
    return balanced((gain,), (K,), NEURON, MU, SIGMA).solve([RATE])


@pytest.mark.parametrize(("response", "gain", "frequency"), [("static", 2.9, 206), ("wilson-cowan", 17.0, 88)])
def test_oscillations_begin_at_the_contracts_frequency(response: Any, gain: float, frequency: float) -> None:
    activity = integrate(inhibited(gain), SYNAPSE, 1.2, 1e-4, response=response)
    tail = activity.rates[-10_000:, 0] - activity.rates[-10_000:, 0].mean()
    crossings = activity.times[-10_000:][1:][(tail[1:] >= 0) & (tail[:-1] < 0)]
    assert 1 / np.diff(crossings).mean() == pytest.approx(frequency, rel=0.01)


def slowest_root(gain: float) -> complex:
    """(1 + x tau)(1 + x tau_s) + G exp(-x d) = 0, by Newton from outside."""
    return complex(
        mpmath.findroot(
            lambda x: (1 + x * 20e-3) * (1 + x * 2e-3) + gain * mpmath.exp(-x * 1.5e-3),
            mpmath.mpc(-50, 2 * math.pi * 75),
        )
    )


def test_a_small_kick_decays_as_the_equations_slowest_root() -> None:
    root = slowest_root(12.0)
    activity = integrate(inhibited(12.0), SYNAPSE, 0.2, 2.5e-5, kick=1e-4)
    off, t = activity.rates[:, 0] - RATE, activity.times
    peaks = np.flatnonzero((off[1:-1] > off[:-2]) & (off[1:-1] >= off[2:])) + 1
    peaks = peaks[t[peaks] > 0.02]
    assert len(peaks) > 5
    decay, _ = np.polyfit(t[peaks], np.log(off[peaks]), 1)
    assert decay == pytest.approx(root.real, rel=0.01)
    assert 2 * math.pi / np.diff(t[peaks]).mean() == pytest.approx(root.imag, rel=0.005)
    # A gain of 11 has another.
    assert abs(decay / slowest_root(11.0).real - 1) > 0.05


@pytest.mark.parametrize(("response", "gain"), [("static", 2.5), ("wilson-cowan", 12.0)])
def test_steps_are_of_second_order(response: Any, gain: float) -> None:
    ends = [
        integrate(inhibited(gain), SYNAPSE, 0.03, 7.5e-5 / 2**k, response=response, kick=0.2).rates[-1, 0]
        for k in range(4)
    ]
    errors = np.diff(ends)
    assert errors[:-1] / errors[1:] == pytest.approx([4, 4], rel=0.03)


def siegert(mu: float, sigma: float) -> float:
    """mpmath's, of erfcx(-s) where it decays."""
    low, high = (10e-3 - mu) / sigma, (20e-3 - mu) / sigma
    integral = mpmath.quad(lambda s: mpmath.exp(s * s) * mpmath.erfc(-s), [low, (low + high) / 2, high])
    return float(1 / (2e-3 + 20e-3 * mpmath.sqrt(mpmath.pi) * integral))


def high_state(point: WorkingPoint, *, varying: bool) -> float:
    """The active fixed point by bisection of mpmath's Siegert rate."""
    network = point.network
    mu_ext, drive = float(np.asarray(network.mu_ext)[0]), float(network.drive[0, 0])
    jump, own = float(np.asarray(network.weights)[0, 0]), float(np.asarray(network.sigma_ext)[0])

    def off(r: float) -> float:
        return siegert(mu_ext + drive * r, math.sqrt(own**2 + drive * jump * r) if varying else SIGMA) - r

    with mpmath.workdps(40):
        return float(brentq(off, 100.0, 499.9, xtol=1e-9))


@pytest.mark.parametrize("varying", [False, True])
def test_excitation_runs_to_the_active_state(varying: bool) -> None:
    """Its mean input lies 80 sigma beyond the working point, where the table does not reach."""
    point = excited(3.0)
    wanted = high_state(point, varying=varying)
    activity = integrate(point, SYNAPSE, 0.25, 5e-4, response="static", kick=0.05, varying_noise=varying)
    assert wanted > 300
    assert activity.rates[-1, 0] == pytest.approx(wanted, rel=1e-6)
    # Noise that grows with the rate is told from noise that does not.
    assert abs(activity.rates[-1, 0] / high_state(point, varying=not varying) - 1) > 1e-5


def test_the_table_alone_ends_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """np.interp keeps its last value beyond the table: what the exact rates there are for."""
    point = excited(3.0)
    table = wilson_cowan._tabulated(point, 0)
    monkeypatch.setattr(wilson_cowan, "_REACH", math.inf)
    monkeypatch.setattr(wilson_cowan, "_tabulated", lambda *_: table)
    activity = integrate(point, SYNAPSE, 0.25, 5e-4, response="static", kick=0.05)
    assert activity.rates[-1, 0] < 0.9 * high_state(point, varying=False)


def test_noise_is_seeded_and_shrinks_with_size() -> None:
    def run(size: int, seed: int) -> Any:
        return integrate(inhibited(2.0), SYNAPSE, 0.5, 1e-4, sizes=[size], seed=seed, kick=0.0).rates[1000:, 0]

    first, again, other, large = run(1000, 1), run(1000, 1), run(1000, 2), run(4000, 1)
    assert (first == again).all()
    assert (first != other).any()
    assert first.std() / large.std() == pytest.approx(2, rel=0.05)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sizes": [10, 20]}, "Sizes must be 1 numbers of neurons, not [10, 20]"),
        ({"sizes": [0]}, "Sizes must be 1 numbers of neurons, not [0]"),
        ({"sizes": [math.nan]}, "Input sizes must be finite, not nan"),
        ({"kick": math.nan}, "Kick must be finite and at least -1, not nan"),
        ({"kick": -2.0}, "Kick must be finite and at least -1, not -2"),
    ],
)
def test_mistakes_of_rate_models(options: Any, message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}"):
        integrate(inhibited(2.0), SYNAPSE, 0.01, 1e-4, **options)


@pytest.mark.parametrize(
    ("response", "gain", "grows"),
    [("static", 2.7, False), ("static", 2.85, True), ("wilson-cowan", 16.0, False), ("wilson-cowan", 17.0, True)],
)
def test_rate_models_in_time_oscillate_where_the_loop_says(response: Any, gain: float, grows: bool) -> None:
    point = inhibitory(gain, NEURON, MU, SIGMA, K).solve([RATE])
    activity = integrate(point, SYNAPSE, 1.5, 1e-4, response=response)
    off = np.abs(activity.rates[:, 0] - RATE)
    early, late = off[2000:4000].max(), off[-2000:].max()
    assert (late > early) == grows


def test_the_static_model_at_g_5_oscillates_at_195_hertz() -> None:
    point = inhibitory(5.0, NEURON, MU, SIGMA, K).solve([RATE])
    activity = integrate(point, SYNAPSE, 2.5, 1e-4, response="static")
    tail = activity.rates[-20_000:, 0]
    power = np.abs(np.fft.rfft((tail - tail.mean()) * np.hanning(tail.size)))
    assert np.argmax(power) / 2.0 == pytest.approx(195, abs=2)


def test_noise_of_finite_size_has_the_loops_spectrum() -> None:
    """Wilson and Cowan's loop at G = 5 with white noise r / N: the variance in bins as linear theory has it."""
    point = inhibitory(5.0, NEURON, MU, SIGMA, K).solve([RATE])
    activity = integrate(point, SYNAPSE, 40.0, 1e-4, sizes=[10_000], seed=3, kick=0.0)
    # Its own rate without the noise of its spikes: r = A (drive), through 1 + G A s.
    f = np.linspace(0.05, 1000, 20_000)
    a = 1 / (1 + 2j * np.pi * f * 20e-3)
    s = np.exp(-2j * np.pi * f * 1.5e-3) / (1 + 2j * np.pi * f * 2e-3)
    total = RATE / 10_000 / np.abs(1 + 5 * a * s) ** 2
    binned = activity.rates[1000:, 0].reshape(-1, 50).mean(axis=1)
    wanted = 2 * np.trapezoid(total * np.sinc(f * 5e-3) ** 2, f)
    assert binned.var() == pytest.approx(wanted, rel=0.06)  # 8000 bins: 1.6 % one sigma, correlated
