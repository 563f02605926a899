"""Inter-spike intervals: the contract's numbers, closed forms, limits, and two ways to the same number."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import mpmath
import numpy as np
import pytest

from golden.errors import SpecError
from golden.theory import intervals
from golden.theory.intervals import cv, interval_density, interval_survival
from golden.theory.neuron import Neuron
from golden.theory.rate import log_rate
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
    assert float(spectrum(NEURON, mu, sigma, 0.0)) == pytest.approx(
        rate * float(cv(NEURON, mu, sigma)) ** 2, rel=1e-10, abs=0
    )


def mean_interval(mu: float, sigma: float) -> Any:
    """Siegert's integral in mpmath."""
    with mpmath.workdps(30):
        low, high = ((mpmath.mpf(v) - mu) / sigma for v in (10e-3, 20e-3))
        points = [low, *(p for p in (high - mpmath.mpf(k) / (2 * abs(high) + 1) for k in (30, 8, 2)) if p > low), high]

        def f(x: Any) -> Any:
            return mpmath.exp(x * x) * mpmath.erfc(-x)

        return mpmath.mpf("2e-3") + mpmath.mpf("20e-3") * mpmath.sqrt(mpmath.pi) * mpmath.quad(f, points)


def logarithm(neuron: Neuron, mu: float, sigma: float, s: Any) -> Any:
    """ln E exp(-s T) = -s t_ref + ln (Psi(xr) / Psi(xt)), Psi = exp(x^2 / 4) U(s tau - 1/2, -x), for real s."""
    z = s * mpmath.mpf(neuron.tau) - mpmath.mpf(1) / 2
    bottom, top = (mpmath.sqrt(2) * (mpmath.mpf(v) - mu) / sigma for v in (neuron.V_reset, neuron.V_th))
    grown = (x * x / 4 + mpmath.log(mpmath.pcfu(z, -x)) for x in (bottom, top))
    return mpmath.re(next(grown) - next(grown) - s * neuron.t_ref)


@pytest.mark.parametrize(
    ("mu", "sigma"),
    [
        (15e-3, 5e-3),
        (20e-3, 4e-3),
        (25e-3, 0.5e-3),
        (12e-3, 2e-3),
        (0.0, 10e-3),
        (0.2, 1e-3),
        (19.99e-3, 1e-5),
        (30e-3, 1e-6),
        (15e-3, 1.0),
        (15e-3, 1e3),
        (-0.1, 20e-3),
        (5e-3, 2e-3),
    ],
)
def test_the_cv_is_that_of_the_laplace_transform(mu: float, sigma: float) -> None:
    """Mean and variance are derivatives of ln E exp(-s T) at 0: differences in mpmath, with digits to spare."""
    rough = float(np.exp(log_rate(NEURON, mu, sigma)))  # a step's size, nothing else
    with mpmath.workdps(60 + 2 * int(-min(math.log10(rough), 0.0))):
        step = mpmath.mpf(10) ** -12 * min(mpmath.mpf(rough), 1 / mpmath.mpf(20e-3))
        below, here, above = (logarithm(NEURON, mu, sigma, k * step) for k in (-1, 0, 1))
        mean, variance = (below - above) / (2 * step), (below - 2 * here + above) / step**2
        expected = mpmath.sqrt(variance) / mean
    assert float(cv(NEURON, mu, sigma)) == pytest.approx(float(expected), rel=1e-12, abs=0)


def test_the_double_integral_as_it_is_written_fails_where_ours_holds() -> None:
    """Control: exp(x^2) of its inner integral is no float64 from yt = 26.7 on."""
    with np.errstate(over="ignore"):
        assert np.isinf(np.exp(((20e-3 - 5e-3) / 0.4e-3) ** 2))
    assert float(cv(NEURON, 5e-3, 0.4e-3)) == pytest.approx(1, abs=1e-11)


def test_limits_of_the_cv() -> None:
    # Far below threshold spikes are a Poisson process.
    assert float(cv(NEURON, 5e-3, 2e-3)) == pytest.approx(1.0, abs=1e-13)
    for mu in (0.0, -0.1, -0.9):
        assert float(cv(NEURON, mu, 1e-3)) == pytest.approx(1.0, abs=1e-10)
    # Weak noise: var(T) = (sigma tau)^2 / 2 x ((mu - V_th)^-2 - (mu - V_reset)^-2), by linearisation at the crossing.
    mu, sigma = 30e-3, 1e-5
    interval = 2e-3 + 20e-3 * math.log(2)
    slope = (mu - 20e-3) / 20e-3
    variance = sigma**2 / 2 * (1 - math.exp(-2 * math.log(2))) / slope**2
    assert float(cv(NEURON, mu, sigma)) == pytest.approx(math.sqrt(variance) / interval, rel=1e-4, abs=0)
    # Corrections are of order sigma^2.
    errors = [float(cv(NEURON, mu, s)) / s * sigma / math.sqrt(variance) * interval - 1 for s in (1e-3, 1e-4)]
    assert errors[0] / errors[1] == pytest.approx(100, rel=0.05, abs=0)
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
    assert np.trapezoid(density * t, t) == pytest.approx(mean, rel=1e-5, abs=0)
    assert np.trapezoid(density * (t - mean) ** 2, t) == pytest.approx(spread**2, rel=1e-4, abs=0)
    assert np.trapezoid(interval_survival(NEURON, mu, sigma, t), t) == pytest.approx(mean, rel=1e-5, abs=0)


@pytest.mark.parametrize(("mu", "sigma"), [(20e-3, 4e-3), (60e-3, 8e-3), (22e-3, 4e-3), (25e-3, 3.5e-3)])
def test_both_ways_of_inversion_agree(mu: float, sigma: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Fourier sum and a parabola in the complex plane, on either side of the switch between them."""
    mean = float(mean_interval(mu, sigma))
    t, found = np.linspace(0, 5 * mean, 150), []
    for regular in (0.0, 9.0):
        monkeypatch.setattr(intervals, "_REGULAR", regular)
        found.append((interval_density(NEURON, mu, sigma, t), interval_survival(NEURON, mu, sigma, t)))
    assert np.abs(found[0][0] - found[1][0]).max() * 20e-3 < 1e-9
    assert np.abs(found[0][1] - found[1][1]).max() < 1e-9
    assert found[0][0].max() * 20e-3 > 0.1  # there is something to agree on


def test_regular_intervals_need_the_fourier_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control for the switch: at a CV of 0.15 the parabola has lost all but two digits, at 0.055 everything."""
    for mu, sigma, least in ((30e-3, 2e-3, 1e-3), (25e-3, 0.5e-3, 1e3)):
        mean = float(mean_interval(mu, sigma))
        t = mean * np.linspace(0.1, 1.3, 40)
        held = interval_density(NEURON, mu, sigma, t)
        monkeypatch.setattr(intervals, "_REGULAR", 0.0)
        lost = interval_density(NEURON, mu, sigma, t)
        monkeypatch.undo()
        assert np.abs(lost - held).max() * 20e-3 > least


def test_weak_noise_makes_intervals_gaussian() -> None:
    """Of the linearised crossing's spread; what deviates is of the order of the CV, here 0.052 and 0.026."""
    interval, deviations = 2e-3 + 20e-3 * math.log(30 / 20), []
    for sigma in (1e-3, 0.5e-3):
        # A variance sigma^2 / 2 (1 - exp(-2 T / tau)), exp(-T / tau) = 20 / 30, over the slope (mu - V_th) / tau.
        spread = sigma * math.sqrt((1 - (20 / 30) ** 2) / 2) / (20e-3 / 20e-3)
        z = np.linspace(-4, 4, 81)
        density = interval_density(NEURON, 40e-3, sigma, interval + spread * z) * spread
        survival = interval_survival(NEURON, 40e-3, sigma, interval + spread * z)
        tail = np.array([math.erfc(x / math.sqrt(2)) / 2 for x in z])
        off = (np.abs(density - np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)).max(), np.abs(survival - tail).max())
        assert max(off) < 0.5 * spread / interval
        deviations.append(off)
    assert np.divide(deviations[0], deviations[1]) == pytest.approx([2, 2], rel=0.1, abs=0)


def test_rare_spikes_are_a_poisson_process() -> None:
    """Density r0 exp(-r0 t) when a spike comes once in 1e20 tau."""
    mean = float(mean_interval(5e-3, 2e-3))
    t = np.array([0.01, 0.1, 1.0, 3.0]) * mean
    assert interval_density(NEURON, 5e-3, 2e-3, t) * mean == pytest.approx(np.exp(-t / mean), rel=1e-9, abs=0)
    assert interval_survival(NEURON, 5e-3, 2e-3, t) == pytest.approx(np.exp(-t / mean), rel=1e-9, abs=0)


def test_no_interval_is_shorter_than_the_refractory_time() -> None:
    t = np.array([[-1.0, 0.0], [1.999e-3, 2e-3]])
    assert interval_density(NEURON, 15e-3, 5e-3, t).tolist() == [[0, 0], [0, 0]]
    assert interval_survival(NEURON, 15e-3, 5e-3, t).tolist() == [[1, 1], [1, 1]]
    assert interval_density(NEURON, 15e-3, 5e-3, []).shape == (0,)
    # A longer refractory time shifts the density and does nothing else.
    longer, late = replace(NEURON, t_ref=7e-3), np.array([2.5e-3, 4e-3, 10e-3, 0.1])
    moved = interval_density(longer, 15e-3, 5e-3, late + 5e-3)
    assert np.abs(moved - interval_density(NEURON, 15e-3, 5e-3, late)).max() * 20e-3 < 1e-9
    assert moved.max() > 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cv(NEURON, 15e-3, -1.0), "Input sigma must be zero or positive, not -1 V"),
        (lambda: cv(NEURON, math.nan, 5e-3), "Input mu must be finite, not nan V"),
        (
            lambda: cv(NEURON, np.zeros(2), np.ones(3)),
            "Input mu and sigma must be of shapes that broadcast, not (2,) and (3,)",
        ),
        (lambda: interval_density(NEURON, 15e-3, 0.0, 0.1), "Input sigma must be positive, not 0 V"),
        (lambda: interval_density(NEURON, 15e-3, -1.0, 0.1), "Input sigma must be positive, not -1 V"),
        (
            lambda: interval_density(NEURON, np.zeros(2), 1e-3, 0.1),  # type: ignore[arg-type]
            "Input mu and sigma must be one number each, not of shape (2,)",
        ),
        (lambda: interval_density(NEURON, 15e-3, 5e-3, [0.1, math.inf]), "Input time must be finite, not inf s"),
        (lambda: interval_survival(NEURON, 15e-3, 5e-3, math.nan), "Input time must be finite, not nan s"),
        (lambda: interval_survival(NEURON, 15e-3, 0.0, 0.1), "Input sigma must be positive, not 0 V"),
        (
            lambda: interval_survival(NEURON, 15e-3, np.ones(1), 0.1),  # type: ignore[arg-type]
            "Input mu and sigma must be one number each, not of shape (1,)",
        ),
        (
            lambda: interval_survival(NEURON, 15e-3, 5e-3, "soon"),
            "Input time must be a number or an array of numbers, not 'soon'",
        ),
        (
            lambda: interval_density(NEURON, 30e-3, 1e-9, 0.1),
            "Input sigma must be large enough for a march (else the neuron is noise-free), not 1e-09 V",
        ),
    ],
)  # fmt: skip
def test_mistakes(call: Any, message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        call()


def test_far_below_threshold_spikes_are_a_poisson_process_however_weak_the_noise() -> None:
    """Wherever the reset is; but not where it is so near the threshold that a second spike follows at once."""
    for reset in (-20e-3, 10e-3, 16e-3):
        neuron = Neuron(tau=20e-3, V_th=20e-3, V_reset=reset, t_ref=2e-3)
        for sigma in (1.5e-4, 1e-6, 1e-8, 1e-12):
            assert float(cv(neuron, 15e-3, sigma)) == pytest.approx(1, abs=1e-12)
    assert float(cv(Neuron(tau=1.0, V_th=40.0, V_reset=39.999), 0.0, 1.0)) > 2
