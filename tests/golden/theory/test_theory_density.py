"""The stationary density: its formula in mpmath, its mass, the equation that it solves, and its limits."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import mpmath
import numpy as np
import pytest

from golden.errors import SpecError
from golden.theory.density import stationary_density
from golden.theory.neuron import Neuron

NEURON = Neuron(tau=20.0, V_th=20.0, V_reset=10.0, t_ref=2.0)  # ms and mV: rates in kHz
POINTS = [(15.0, 5.0), (20.0, 4.0), (25.0, 0.5), (0.0, 10.0), (100.0, 1.0), (-50.0, 12.0), (5.0, 0.4), (15.0, 1e3)]
EPS = float(np.finfo(float).eps)


def rate(mu: float, sigma: float, neuron: Neuron = NEURON) -> Any:
    """Siegert's integral in mpmath, as it is written."""
    with mpmath.workdps(40):
        top, bottom = ((mpmath.mpf(v) - mu) / sigma for v in (neuron.V_th, neuron.V_reset))
        layers = [top - mpmath.mpf(k) / (2 * abs(top) + 1) for k in (30, 10, 3, 1)]
        points = [bottom, *(p for p in layers if p > bottom), top]
        integral = mpmath.quad(lambda x: mpmath.exp(x * x) * mpmath.erfc(-x), points)
        return 1 / (mpmath.mpf(neuron.t_ref) + neuron.tau * mpmath.sqrt(mpmath.pi) * integral)


def written(mu: float, sigma: float, v: float, r: Any) -> Any:
    """(2 r0 tau / sigma) exp(-y^2) Int_max(y, yr)^yt exp(x^2) dx, the integral by erfi."""
    with mpmath.workdps(60):
        top, bottom, y = ((mpmath.mpf(a) - mu) / sigma for a in (NEURON.V_th, NEURON.V_reset, v))
        integral = mpmath.sqrt(mpmath.pi) / 2 * (mpmath.erfi(top) - mpmath.erfi(max(y, bottom)))
        return 2 * r * NEURON.tau / sigma * mpmath.exp(-y * y) * integral


@pytest.mark.parametrize(("mu", "sigma"), POINTS)
def test_the_formula_over_all_regimes(mu: float, sigma: float) -> None:
    """To what y = (v - mu) / sigma, rounded to a float64, leaves: close to threshold and far out it is amplified."""
    r, seen = rate(mu, sigma), 0
    for v in (19.999, 19.0, 15.0, 12.0, 10.001, 10.0, 9.999, 8.0, 5.0, -10.0):
        exact = written(mu, sigma, v, r)
        if exact < 1e-290:
            continue
        y, top = (v - mu) / sigma, (20.0 - mu) / sigma
        amplified = abs(y) / (top - y) + 2 * y * y if v < 10 else abs(y) / (top - y)
        error = abs(float(stationary_density(NEURON, mu, sigma, v) / exact) - 1)
        assert error < 2e-13 + 2 * EPS * amplified, v
        seen += 1
    assert seen >= 3


@pytest.mark.parametrize(("mu", "sigma"), [*POINTS, (20.0, 0.05), (19.0, 0.3)])
@pytest.mark.parametrize("t_ref", [0.0, 2.0, 50.0])
def test_what_is_missing_is_refractory(mu: float, sigma: float, t_ref: float) -> None:
    """Its integral is 1 - r0 t_ref, by Gauss and Legendre in panels that are fine at the threshold and the reset."""
    neuron = replace(NEURON, t_ref=t_ref)
    low = min(10.0, mu) - 9 * sigma
    ends = [low, *(x for x in (mu + sigma * np.arange(-8.0, 9.0)) if low < x < 20), 20.0, 10.0]
    ends += [a + s * 10.0 * 2.0**-k for k in range(1, 22) for a, s in ((20, -1), (10, 1), (10, -1))]
    edges = np.unique([x for x in ends if low <= x <= 20])
    x, w = np.polynomial.legendre.leggauss(24)
    half = np.diff(edges)[:, None] / 2
    v = edges[:-1, None] + half * (x + 1)
    mass = float((half * w * stationary_density(neuron, mu, sigma, v)).sum())
    assert mass == pytest.approx(float(1 - rate(mu, sigma, neuron) * t_ref), rel=1e-11, abs=0)


@pytest.mark.parametrize(("mu", "sigma"), [(15.0, 5.0), (20.0, 4.0), (25.0, 2.0), (0.0, 10.0), (15.0, 100.0)])
def test_it_carries_the_rate_from_the_reset_to_the_threshold(mu: float, sigma: float) -> None:
    """tau J = (mu - v) p - (sigma^2 / 2) dp/dv is tau r0 above the reset and 0 below it.

    dp/dv by the derivative of an interpolation in Chebyshev nodes, on either side of the kink.
    """
    r = float(rate(mu, sigma))
    for low, high, wanted in ((10.0, 20.0 - 1e-9, r), (max(10.0 - 2 * sigma, -40.0), 10.0, 0.0)):
        p = np.polynomial.Chebyshev.interpolate(lambda v: stationary_density(NEURON, mu, sigma, v), 60, [low, high])
        v = np.linspace(low, high, 41)[1:-1]
        drift, diffusion = (mu - v) * p(v), sigma**2 / 2 * p.deriv()(v)
        scale = np.abs(drift).max() + np.abs(diffusion).max()
        assert np.abs((drift - diffusion) - 20.0 * wanted).max() < 1e-10 * scale
        # Control: with the other side's flux it is no solution.
        assert np.abs((drift - diffusion) - 20.0 * (r - wanted)).min() > 1e-5 * scale


def test_it_ends_at_the_threshold() -> None:
    assert stationary_density(NEURON, 15.0, 5.0, [20.0, np.nextafter(20, 30), 25.0, 1e300]).tolist() == [0, 0, 0, 0]
    for mu, sigma in ((15.0, 5.0), (25.0, 0.5), (0.0, 10.0)):
        # p' = -2 tau r0 / sigma^2 there, and p'' = 2 (mu - V_th) p' / sigma^2.
        h = sigma**2 * 1e-5 / (abs(mu - 20) + sigma)
        steep = float(stationary_density(NEURON, mu, sigma, 20.0 - h)) / (20.0 - (20.0 - h))
        steep /= 1 - h * (mu - 20) / sigma**2
        assert steep == pytest.approx(2 * 20.0 * float(rate(mu, sigma)) / sigma**2, rel=1e-8, abs=0)


def test_limits() -> None:
    """Far from threshold the free membrane's Gaussian, variance sigma^2 / 2; without noise 1 / velocity."""
    for sigma in (0.1, 1e-3, 1e-8):
        y = np.array([-2.0, -0.5, 0.0, 1.5])
        v = 15.0 + sigma * y
        gaussian = np.exp(-(((v - 15.0) / sigma) ** 2)) / (sigma * math.sqrt(math.pi))
        assert stationary_density(NEURON, 15.0, sigma, v) == pytest.approx(gaussian, rel=1e-13, abs=0)
    v = np.array([11.0, 15.0, 19.0])
    interval = 2 + 20 * math.log(2)  # at mu 30
    passing = 20 / (30 - v) / interval
    errors = [np.abs(stationary_density(NEURON, 30.0, s, v) / passing - 1).max() for s in (1.0, 0.1, 0.01)]
    assert errors[0] / errors[1] == pytest.approx(100, rel=0.05, abs=0)  # corrections are of order sigma^2
    assert errors[2] < 1e-5


def test_the_formula_as_it_is_written_fails_where_ours_holds() -> None:
    """Control: exp(-y^2) Int exp(x^2) is 0 x inf in float64 from yt = 26.7 on."""
    mu, sigma, v = 5.0, 0.4, 5.1
    with np.errstate(over="ignore"):
        assert np.isinf(np.exp(((20.0 - mu) / sigma) ** 2))
    gaussian = math.exp(-(0.1**2) / 0.4**2) / (0.4 * math.sqrt(math.pi))
    assert float(stationary_density(NEURON, mu, sigma, v)) == pytest.approx(gaussian, rel=1e-13, abs=0)


def test_it_broadcasts_and_units_do_not_matter() -> None:
    mu, sigma, v = np.array([15.0, 20.0])[:, None], np.array([[5.0], [4.0]]), np.array([12.0, 18.0, 21.0])
    table = stationary_density(NEURON, mu, sigma, v)
    assert table.shape == (2, 3)
    assert table[1, 0] == float(stationary_density(NEURON, 20.0, 4.0, 12.0))
    si = Neuron(tau=20e-3, V_th=-50e-3, V_reset=-60e-3, t_ref=2e-3)
    moved = stationary_density(si, mu * 1e-3 - 70e-3, sigma * 1e-3, v * 1e-3 - 70e-3)
    assert moved == pytest.approx(1e3 * table, rel=1e-12, abs=0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: stationary_density(NEURON, 15.0, -1.0, 12.0), "Input sigma must be positive, not -1 V"),
        (lambda: stationary_density(NEURON, 15.0, 0.0, 12.0), "Input sigma must be positive, not 0 V"),
        (lambda: stationary_density(NEURON, math.nan, 5.0, 12.0), "Input mu must be finite, not nan V"),
        (lambda: stationary_density(NEURON, 15.0, math.inf, 12.0), "Input sigma must be finite, not inf V"),
        (lambda: stationary_density(NEURON, 15.0, 5.0, [12.0, math.inf]), "Input v must be finite, not inf V"),
        (
            lambda: stationary_density(NEURON, 15.0, 5.0, "here"),
            "Input v must be a number or an array of numbers, not 'here'",
        ),
        (
            lambda: stationary_density(NEURON, np.zeros(2), np.ones(3), 12.0),
            "Input mu and sigma must be of shapes that broadcast, not (2,) and (3,)",
        ),
        (
            lambda: stationary_density(NEURON, np.zeros(2), 1.0, np.zeros(3)),
            "Input and v must be of shapes that broadcast, not (2,) and (3,)",
        ),
        (
            lambda: stationary_density(NEURON, 15.0, 1e-200, 12.0),
            "Input sigma must be large enough to spread a density, not 1e-200 V",
        ),
    ],
)
def test_mistakes(call: Any, message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        call()
