"""Inter-spike intervals and the stationary density: contract, closed forms, limits, and two ways to the same number."""

from __future__ import annotations

import math
import re
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy.integrate import quad

from golden.errors import SpecError
from golden.theory import intervals
from golden.theory.density import stationary_density
from golden.theory.intervals import cv, interval_density, interval_survival
from golden.theory.neuron import Neuron
from golden.theory.threshold_integration import spectrum

NEURON = Neuron(tau=20e-3, V_th=20e-3, V_reset=10e-3, t_ref=2e-3)
#: Contract, Hz.
RATE = 9.46079980576


def test_the_contracts_coefficients_of_variation() -> None:
    assert float(cv(NEURON, 15e-3, 5e-3)) == pytest.approx(0.81475721, abs=6e-9)
    assert float(cv(NEURON, 20e-3, 4e-3)) == pytest.approx(0.53081891, abs=6e-9)


@pytest.mark.parametrize(
    ("mu", "sigma"),
    [
        (15e-3, 5e-3),
        (25e-3, 0.5e-3),
        (12e-3, 2e-3),
        (0.0, 10e-3),
        (-0.1, 20e-3),
        (0.2, 1e-3),
        (15e-3, 1.0),
        (60e-3, 8e-3),
    ],
)
def test_cv_is_the_spectrums_at_zero(mu: float, sigma: float) -> None:
    """S(0+) = r0 CV^2: Brunel's double integral against threshold integration, which share nothing."""
    rate = 1 / float(mean_interval(mu, sigma))
    assert float(spectrum(NEURON, mu, sigma, 0.0)) == pytest.approx(rate * float(cv(NEURON, mu, sigma)) ** 2, rel=1e-10)


def mean_interval(mu: float, sigma: float) -> Any:
    """Siegert's integral in mpmath."""
    with mpmath.workdps(30):
        low, high = ((mpmath.mpf(v) - mu) / sigma for v in (10e-3, 20e-3))
        points = [low, *(p for p in (high - mpmath.mpf(k) / (2 * abs(high) + 1) for k in (30, 8, 2)) if p > low), high]

        def f(x: Any) -> Any:
            return mpmath.exp(x * x) * mpmath.erfc(-x)

        return mpmath.mpf("2e-3") + mpmath.mpf("20e-3") * mpmath.sqrt(mpmath.pi) * mpmath.quad(f, points)


def test_limits_of_the_cv() -> None:
    # Far below threshold spikes are a Poisson process.
    assert float(cv(NEURON, 5e-3, 2e-3)) == pytest.approx(1.0, abs=1e-6)
    # Weak noise: var(T) = sigma^2 tau / 2 x ((mu - V_th)^-2 - (mu - V_reset)^-2), by linearisation at the crossing.
    mu, sigma = 30e-3, 1e-5
    interval = 2e-3 + 20e-3 * math.log(2)
    slope = (mu - 20e-3) / 20e-3
    variance = sigma**2 / 2 * (1 - math.exp(-2 * math.log(2))) / slope**2
    assert float(cv(NEURON, mu, sigma)) == pytest.approx(math.sqrt(variance) / interval, rel=1e-4)
    assert float(cv(NEURON, mu, 0.0)) == 0.0
    assert math.isnan(cv(NEURON, 15e-3, 0.0))


def closed_density(t: np.ndarray, sigma: float) -> np.ndarray:
    """First passage of Ornstein and Uhlenbeck's process from V_reset to its own mean, V_th = mu (Wang & Uhlenbeck)."""
    x, u = 10e-3 / sigma, (t - 2e-3) / 20e-3
    result = np.zeros(t.shape)
    free = u > 0
    spread = -np.expm1(-2 * u[free])
    result[free] = (
        2 / math.sqrt(math.pi) * x * np.exp(-u[free]) / spread**1.5 * np.exp(-(x**2) * (1 / spread - 1)) / 20e-3
    )
    return result


@pytest.mark.parametrize("sigma", [2e-3, 2.5e-3, 4e-3, 8e-3])
@pytest.mark.parametrize("regular", [0.0, 0.9])
def test_the_density_to_its_own_mean_is_closed(sigma: float, regular: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways of inverting the transform, wherever the switch is."""
    monkeypatch.setattr(intervals, "_REGULAR", regular)
    t = np.linspace(0, 0.4, 400)
    found = interval_density(NEURON, 20e-3, sigma, t)
    assert np.abs(found - closed_density(t, sigma)).max() * 20e-3 < 1e-9
    survival = interval_survival(NEURON, 20e-3, sigma, t)
    # Its integral is known too: erf(x e^-u / sqrt(1 - e^-2u)).
    u = np.maximum(t - 2e-3, 1e-12) / 20e-3
    exact = np.array([math.erf(10e-3 / sigma * math.exp(-v) / math.sqrt(-math.expm1(-2 * v))) for v in u])
    assert np.abs(survival - exact).max() < 1e-9


@pytest.mark.parametrize(("mu", "sigma"), [(15e-3, 5e-3), (12e-3, 3e-3), (30e-3, 2e-3), (25e-3, 0.5e-3), (0.2, 1e-3)])
def test_moments_of_the_density(mu: float, sigma: float) -> None:
    mean = float(mean_interval(mu, sigma))
    spread = float(cv(NEURON, mu, sigma)) * mean
    fine = np.linspace(0, 1, 20_001)
    t = (mean + 14 * spread) * fine if spread < 0.3 * mean else 40 * mean * fine**2
    density = interval_density(NEURON, mu, sigma, t)
    assert (density[t <= 2e-3] == 0).all()
    assert np.trapezoid(density, t) == pytest.approx(1, abs=1e-6)
    assert np.trapezoid(density * t, t) == pytest.approx(mean, rel=1e-5)
    assert np.trapezoid(density * (t - mean) ** 2, t) == pytest.approx(spread**2, rel=1e-4)
    assert np.trapezoid(interval_survival(NEURON, mu, sigma, t), t) == pytest.approx(mean, rel=1e-5)


@pytest.mark.parametrize(
    ("mu", "sigma"), [(15e-3, 5e-3), (20e-3, 4e-3), (0.0, 10e-3), (0.1, 1e-3), (-0.05, 12e-3), (15e-3, 1.0)]
)
def test_the_stationary_density(mu: float, sigma: float) -> None:
    """Integral 1 - r0 t_ref; and the current that it carries is r0 above the reset and none below."""
    rate = 1 / float(mean_interval(mu, sigma))
    low = min(10e-3, mu) - 8 * sigma
    mass = quad(
        lambda v: float(stationary_density(NEURON, mu, sigma, v)), low, 20e-3, points=[10e-3], epsabs=1e-13, limit=500
    )[0]
    assert mass == pytest.approx(1 - rate * 2e-3, rel=1e-9)
    for v, wanted in ((16e-3, rate), (11e-3, rate), (9e-3, 0.0)):
        h = min(1e-6, sigma / 1e3)
        below, here, above = stationary_density(NEURON, mu, sigma, [v - h, v, v + h])
        drift, diffusion = (mu - v) / 20e-3 * here, sigma**2 / 2 / 20e-3 * (above - below) / 2 / h
        assert drift - diffusion == pytest.approx(wanted, abs=2e-5 * (abs(drift) + abs(diffusion) + rate))
    assert stationary_density(NEURON, mu, sigma, [20e-3, 25e-3]).tolist() == [0, 0]
    # Linear to the threshold: p' = -2 tau r0 / sigma^2.
    h = sigma / 1e4
    steep = float(stationary_density(NEURON, mu, sigma, 20e-3 - h)) / h
    assert steep == pytest.approx(2 * 20e-3 * rate / sigma**2, rel=1e-3 + 3 * h * abs(mu - 20e-3) / sigma**2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cv(NEURON, 15e-3, -1.0), "Input sigma must be zero or positive, not -1 V"),
        (lambda: interval_density(NEURON, 15e-3, 0.0, 0.1), "Input sigma must be positive, not 0 V"),
        (lambda: interval_density(NEURON, np.zeros(2), 1e-3, 0.1), "Input mu and sigma must be one number each"),  # type: ignore[arg-type]
        (lambda: interval_survival(NEURON, 15e-3, 5e-3, math.nan), "Input time must be finite, not nan s"),
        (lambda: stationary_density(NEURON, 15e-3, 0.0, 0.1), "Input sigma must be positive, not 0 V"),
        (
            lambda: stationary_density(NEURON, np.zeros(2), 1.0, np.zeros(3)),
            "Input and v must be of shapes that broadcast, not (2,) and (3,)",
        ),
        (lambda: stationary_density(NEURON, 15e-3, 1e-200, 0.01), "Input sigma must be large enough to spread a"),
    ],
)  # fmt: skip
def test_mistakes(call: Any, message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}"):
        call()
