"""Responses and spectra: threshold integration against closed forms in mpmath, limits, and a simulation."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import mpmath
import numba
import numpy as np
import pytest

from golden.errors import SpecError
from golden.theory import closed_form
from golden.theory import threshold_integration as integrated
from golden.theory.neuron import Neuron
from golden.theory.resonance import (
    check_subthreshold,
    optimal_noise,
    power_amplification,
    signal_to_noise,
)

NEURON = Neuron(tau=20e-3, V_th=20e-3, V_reset=10e-3, t_ref=2e-3)
POINTS = [(15e-3, 5e-3), (20e-3, 4e-3), (25e-3, 0.5e-3), (12e-3, 2e-3), (30e-3, 2e-3), (0.0, 10e-3)]
#: Contract, Hz and Hz/V, of the first.
RATE, SLOPE = 9.46079980576, 2907.291


@pytest.mark.parametrize(("mu", "sigma"), POINTS)
def test_both_ways_agree_up_to_a_kilohertz(mu: float, sigma: float) -> None:
    """The issue asks for 1e-8."""
    for f in (0.01, 1.0, 30.0, 1000.0):
        for name in ("response_mu", "response_sigma", "spectrum"):
            closed, ours = (getattr(way, name)(NEURON, mu, sigma, f) for way in (closed_form, integrated))
            assert abs(complex(ours) / complex(closed) - 1) < 1e-11, name
        transforms = (way.interval_transform(NEURON, mu, sigma, f) for way in (closed_form, integrated))
        assert abs(complex(next(transforms)) - complex(next(transforms))) < 1e-13
    assert float(integrated.rate(NEURON, mu, sigma)) == pytest.approx(closed_form.rate(NEURON, mu, sigma), rel=1e-12)


def test_the_closed_form_is_that_of_the_contract() -> None:
    """chi = (sqrt2 r0 / sigma) / (1 + i w tau) [Psi'(xt) - Psi'(xr)] / [Psi(xt) - e^(-i w t_ref) Psi(xr)]."""
    mpmath.mp.dps = 30
    mu, sigma, w = 15e-3, 5e-3, 2 * math.pi * 40.0
    z = mpmath.mpc(-0.5, w * 20e-3)
    top, bottom = math.sqrt(2), -math.sqrt(2)

    def psi(order: Any, x: float) -> Any:
        return mpmath.exp(x * x / 4) * mpmath.pcfu(order, -x)

    def derivative(x: float) -> Any:
        return mpmath.diff(lambda y: psi(z, y), x)

    late = mpmath.exp(mpmath.mpc(0, -w * 2e-3))
    front = math.sqrt(2) * RATE / sigma / mpmath.mpc(1, w * 20e-3)
    expected = front * (derivative(top) - derivative(bottom)) / (psi(z, top) - late * psi(z, bottom))
    assert closed_form.response_mu(NEURON, mu, sigma, 40.0) == pytest.approx(complex(expected), rel=1e-9)


@pytest.mark.parametrize(("mu", "sigma"), POINTS)
def test_slow_changes_are_the_rates_slopes(mu: float, sigma: float) -> None:
    """chi(0) = dPhi/dmu, and for the noise dPhi/dsigma: differences of Siegert's rate in mpmath."""
    h = sigma * 1e-6
    to_mu, to_sigma = (
        (closed_form.rate(NEURON, mu + a, sigma + b) - closed_form.rate(NEURON, mu - a, sigma - b)) / (2 * h)
        for a, b in ((h, 0), (0, h))
    )
    assert complex(integrated.response_mu(NEURON, mu, sigma, 0.0)) == pytest.approx(to_mu, rel=1e-7)
    assert complex(integrated.response_sigma(NEURON, mu, sigma, 0.0)) == pytest.approx(to_sigma, rel=1e-6)


def test_the_contracts_slope_is_chi_at_zero() -> None:
    assert complex(integrated.response_mu(NEURON, 15e-3, 5e-3, 0.0)).real == pytest.approx(SLOPE, rel=2e-7)


def test_high_frequencies() -> None:
    """chi -> r0 sqrt2 / (sigma sqrt(i w tau)); to the noise 2 r0 / sigma; S -> r0."""
    errors = []
    for f in (1e4, 1e5, 1e6):
        limit = RATE * math.sqrt(2) / (5e-3 * np.sqrt(2j * math.pi * f * 20e-3))
        errors.append(abs(complex(integrated.response_mu(NEURON, 15e-3, 5e-3, f)) / limit - 1))
    assert errors[-1] < 3e-3
    assert errors[0] / errors[1] == pytest.approx(math.sqrt(10), rel=0.05)  # the next order is 1 / sqrt(w)
    assert complex(integrated.response_sigma(NEURON, 15e-3, 5e-3, 1e6)) == pytest.approx(2 * RATE / 5e-3, rel=6e-3)
    assert integrated.spectrum(NEURON, 15e-3, 5e-3, [1e4, 1e6]) == pytest.approx([RATE, RATE], rel=1e-9)


def test_the_refractory_factor_is_what_a_simulation_has() -> None:
    """t_ref 10 ms, 20 Hz: without exp(-i w t_ref) in the denominator chi is 43 % another."""
    neuron, mu, sigma, f, eps = replace(NEURON, t_ref=10e-3), 22e-3, 2e-3, 20.0, 0.3e-3
    groups, found = 16, []
    for seed in range(groups):
        found.append(_simulated(500, 6.0, 2.5e-4, mu, sigma, f, eps, seed))
    measured, error = np.mean(found), np.std(found, ddof=1) / math.sqrt(groups)
    chi = complex(integrated.response_mu(neuron, mu, sigma, f))
    g = complex(integrated.interval_transform(neuron, mu, sigma, f))
    dropped = chi * (1 - g) / (1 - g * np.exp(2j * math.pi * f * 10e-3))
    assert abs(measured - chi) < 4 * error
    assert abs(measured - dropped) > 10 * error
    assert error < 0.03 * abs(chi)


@numba.njit
def _simulated(
    neurons: int, seconds: float, dt: float, mu: float, sigma: float, f: float, eps: float, seed: int
) -> complex:
    """chi from spikes: exact steps of the membrane, the threshold lowered as for a watched one, t_ref 10 ms."""
    np.random.seed(seed)  # noqa: NPY002  numba's own generator
    tau, held = 20e-3, round(10e-3 / dt)
    leak, kick = math.exp(-dt / tau), sigma * math.sqrt(-math.expm1(-2 * dt / tau) / 2)
    threshold = 20e-3 - 0.5825971579 * sigma * math.sqrt(dt / tau)
    steps, warm = round((seconds + 1.0) / dt), round(1.0 / dt)
    total = 0j
    for _ in range(neurons):
        v, left = 10e-3, 0
        for k in range(steps):
            if left > 0:
                left -= 1
                continue
            target = mu + eps * math.cos(2 * math.pi * f * (k + 0.5) * dt)
            v = target + leak * (v - target) + kick * np.random.randn()  # noqa: NPY002  likewise
            if v >= threshold:
                v, left = 10e-3, held
                if k >= warm:
                    total += np.exp(-2j * math.pi * f * (k + 0.5) * dt)
    return 2 * total / (neurons * seconds) / eps


def test_arrays_are_many_numbers() -> None:
    mu, sigma, f = np.array([[15e-3], [25e-3]]), np.array([[5e-3], [2e-3]]), np.array([0.0, 10.0, 100.0])
    table = integrated.response_mu(NEURON, mu, sigma, f)
    assert table.shape == (2, 3)
    assert table[1, 2] == complex(integrated.response_mu(NEURON, 25e-3, 2e-3, 100.0))


def test_stochastic_resonance_of_the_contracts_set() -> None:
    """tau 1, V_th 1, V_reset 0, mu 0.8, f 0.1: D*_SNR = 0.008048 and D*_SPA = 0.014054."""
    unit = Neuron(tau=1.0, V_th=1.0, V_reset=0.0)
    assert optimal_noise(unit, 0.8, 0.1, "snr") == pytest.approx(0.008048, rel=1e-4)
    assert optimal_noise(unit, 0.8, 0.1, "power") == pytest.approx(0.014054, rel=1e-4)
    scaled = Neuron(tau=20e-3, V_th=15e-3, V_reset=-5e-3)
    assert optimal_noise(scaled, 11e-3, 5.0, "snr") == pytest.approx(0.008048 * 20e-3**2, rel=1e-4)
    sigma = math.sqrt(2 * 0.008048)
    chi = closed_form.response_mu(unit, 0.8, sigma, 0.1)
    assert float(power_amplification(unit, 0.8, sigma, 0.1)) == pytest.approx(abs(chi) ** 2, rel=1e-10)
    snr = 0.02**2 / 4 * abs(chi) ** 2 / closed_form.spectrum(unit, 0.8, sigma, 0.1)
    assert float(signal_to_noise(unit, 0.8, sigma, 0.1, 0.02)) == pytest.approx(snr, rel=1e-10)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: integrated.response_mu(NEURON, 15e-3, 0.0, 1.0), "Input sigma must be positive, not 0 V"),
        (lambda: integrated.spectrum(NEURON, 15e-3, 5e-3, -1.0), "Input frequency must be zero or positive, not -1 Hz"),
        (
            lambda: integrated.response_sigma(NEURON, np.zeros(2), 1e-3, np.ones(3)),
            "Input and frequency must be of shapes that broadcast, not (2,) and (3,)",
        ),
        (lambda: integrated.rate(NEURON, 15e-3, 1e-9), "Input sigma must be large enough for a march"),
        (lambda: closed_form.response_mu(NEURON, 15e-3, -1e-3, 1.0), "Input sigma must be positive, not -0.001 V"),
        (lambda: optimal_noise(NEURON, 15e-3, 1.0, "loud"), "Measure must be snr or power, not 'loud'"),  # type: ignore[arg-type]
        (lambda: optimal_noise(NEURON, 21e-3, 1.0, "snr"), "Signal must be below threshold (0.02 V) without noise"),
        (lambda: check_subthreshold(NEURON, 19e-3, 1.0, 2e-3), "Signal must be below threshold (0.02 V) without noise"),
    ],
)  # fmt: skip
def test_mistakes(call: Any, message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}"):
        call()
