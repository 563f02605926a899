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
from scipy import sparse
from scipy.sparse.linalg import spsolve

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
    assert float(integrated.rate(NEURON, mu, sigma)) == pytest.approx(
        closed_form.rate(NEURON, mu, sigma), rel=1e-12, abs=0
    )


def test_the_closed_form_is_that_of_the_contract() -> None:
    """chi = (sqrt2 r0 / sigma) / (1 + i w tau) [Psi'(xt) - Psi'(xr)] / [Psi(xt) - e^(-i w t_ref) Psi(xr)]."""
    r, mu, sigma, w = 24.5800107325, 20e-3, 4e-3, 2 * math.pi * 30.0
    with mpmath.workdps(30):
        z = mpmath.mpc(-0.5, w * 20e-3)
        top, bottom = 0.0, -2.5 * math.sqrt(2)

        def psi(x: Any) -> Any:
            return mpmath.exp(x * x / 4) * mpmath.pcfu(z, -x)

        late = mpmath.exp(mpmath.mpc(0, -w * 2e-3))
        front = math.sqrt(2) * r / sigma / mpmath.mpc(1, w * 20e-3)
        change = mpmath.diff(psi, top) - mpmath.diff(psi, bottom)
        expected = front * change / (psi(top) - late * psi(bottom))
        without = front * change / (psi(top) - psi(bottom))
        transform = complex(late * psi(bottom) / psi(top))
    found = closed_form.response_mu(NEURON, mu, sigma, 30.0)
    assert found == pytest.approx(complex(expected), rel=1e-9, abs=0)
    # Control: the factor is no matter of a last digit.
    assert abs(found / complex(without) - 1) > 0.02
    assert closed_form.interval_transform(NEURON, mu, sigma, 30.0) == pytest.approx(transform, rel=1e-12, abs=0)
    noise = r * (1 - abs(transform) ** 2) / abs(1 - transform) ** 2
    assert closed_form.spectrum(NEURON, mu, sigma, 30.0) == pytest.approx(noise, rel=1e-10, abs=0)


@pytest.mark.parametrize(("mu", "sigma"), POINTS)
def test_slow_changes_are_the_rates_slopes(mu: float, sigma: float) -> None:
    """chi(0) = dPhi/dmu = sqrt(pi) tau r0^2 / sigma (erfcx(-yt) - erfcx(-yr)), and likewise dPhi/dsigma, in mpmath."""
    with mpmath.workdps(40):
        top, bottom = ((mpmath.mpf(v) - mu) / sigma for v in (20e-3, 10e-3))
        ends = [mpmath.exp(y * y) * mpmath.erfc(-y) for y in (top, bottom)]
        front = mpmath.sqrt(mpmath.pi) * 20e-3 * mpmath.mpf(closed_form.rate(NEURON, mu, sigma)) ** 2 / sigma
        to_mu, to_sigma = front * (ends[0] - ends[1]), front * (top * ends[0] - bottom * ends[1])
    assert complex(integrated.response_mu(NEURON, mu, sigma, 0.0)) == pytest.approx(complex(to_mu), rel=1e-11, abs=0)
    assert complex(integrated.response_sigma(NEURON, mu, sigma, 0.0)) == pytest.approx(
        complex(to_sigma), rel=1e-11, abs=0
    )
    # And the limit is reached: the phase goes to 0 with the frequency.
    slow = complex(integrated.response_mu(NEURON, mu, sigma, 1e-7))
    assert abs(slow / complex(to_mu) - 1) < 1e-6


@pytest.mark.parametrize(("mu", "sigma", "coefficient"), [(15e-3, 5e-3, 0.81475721), (20e-3, 4e-3, 0.53081891)])
def test_the_spectrum_at_zero_is_the_contracts(mu: float, sigma: float, coefficient: float) -> None:
    """S(0+) = r0 CV^2, which it is up to frequencies of the order of r0 / 100 and not beyond."""
    r = {15e-3: RATE, 20e-3: 24.5800107325}[mu]
    assert float(integrated.spectrum(NEURON, mu, sigma, 0.0)) == pytest.approx(r * coefficient**2, rel=2e-8, abs=0)
    assert float(integrated.spectrum(NEURON, mu, sigma, 1e-4)) == pytest.approx(r * coefficient**2, rel=2e-8, abs=0)
    assert abs(float(integrated.spectrum(NEURON, mu, sigma, 30.0)) / (r * coefficient**2) - 1) > 0.05


def test_the_contracts_slope_is_chi_at_zero() -> None:
    assert complex(integrated.response_mu(NEURON, 15e-3, 5e-3, 0.0)).real == pytest.approx(SLOPE, rel=2e-7, abs=0)


def test_high_frequencies() -> None:
    """chi -> r0 sqrt2 / (sigma sqrt(i w tau)); to the noise 2 r0 / sigma; S -> r0."""
    errors = []
    for f in (1e4, 1e5, 1e6):
        limit = RATE * math.sqrt(2) / (5e-3 * np.sqrt(2j * math.pi * f * 20e-3))
        errors.append(abs(complex(integrated.response_mu(NEURON, 15e-3, 5e-3, f)) / limit - 1))
    assert errors[-1] < 3e-3
    assert errors[0] / errors[1] == pytest.approx(math.sqrt(10), rel=0.05, abs=0)  # the next order is 1 / sqrt(w)
    errors = [
        abs(complex(integrated.response_sigma(NEURON, 15e-3, 5e-3, f)) / (2 * RATE / 5e-3) - 1) for f in (1e4, 1e5, 1e6)
    ]
    assert errors[-1] < 6e-3
    assert errors[0] / errors[1] == pytest.approx(math.sqrt(10), rel=0.05, abs=0)
    assert errors[1] / errors[2] == pytest.approx(math.sqrt(10), rel=0.02, abs=0)
    assert integrated.spectrum(NEURON, 15e-3, 5e-3, [1e4, 1e6]) == pytest.approx([RATE, RATE], rel=1e-9, abs=0)


def by_finite_volumes(neuron: Neuron, mu: float, sigma: float, f: float, cells: int) -> tuple[complex, complex]:
    """chi to mean and noise by the Fokker-Planck equation of one frequency on a grid: a sparse linear system.

    dp/dt = -dJ/dV + r(t - t_ref) delta(V - V_reset),  J = (mu - V)/tau p - sigma^2/(2 tau) dp/dV,  r = J(V_th):
    what crosses the threshold is entered at the reset with the phase of its delay, and no formula is used.
    """
    tau, h = neuron.tau, neuron.span / cells
    below = math.ceil(7 * sigma / h)
    n = cells + below
    faces = neuron.V_th - h * np.arange(n, -1, -1)  # the reset is the face after ``below`` cells
    drift, diffusion = (mu - faces) / tau, sigma**2 / (2 * tau)
    # Flux through each face from the cell before and after it; none at the lower end, p = 0 at the threshold.
    before, after = drift / 2 + diffusion / h, drift / 2 - diffusion / h
    flux = sparse.lil_matrix((n + 1, n))
    inner = np.arange(1, n)
    flux[inner, inner - 1], flux[inner, inner] = before[inner], after[inner]
    # Second order at the threshold: slope of the parabola through 0 and two cells.
    flux[n, n - 1], flux[n, n - 2] = 3 * diffusion / h, -diffusion / h / 3
    flux = flux.tocsr()
    change = sparse.diags([-np.ones(n), np.ones(n)], [0, 1], shape=(n, n + 1)) / h  # of J over each cell
    entry = sparse.csr_matrix((np.full(2, 0.5 / h), ([below - 1, below], [0, 0])), shape=(n, 1))
    w = 2j * math.pi * f

    def operator(s: complex) -> Any:
        return s * sparse.identity(n) + change @ flux - math.e ** (-s * neuron.t_ref) * entry @ flux[n]

    # Steady state: mass of 1 with what is refractory, in place of one of its dependent equations.
    steady = operator(0.0).tolil()
    steady[0] = h + neuron.t_ref * flux[n].toarray()[0]
    p = spsolve(steady.tocsc(), np.eye(n)[0])
    there = np.append(np.insert((p[1:] + p[:-1]) / 2, 0, 0.0), 0.0)  # p at the faces
    rise = np.append(np.insert((p[1:] - p[:-1]) / h, 0, 0.0), -(9 * p[-1] - p[-2]) / (3 * h))
    answers = []
    for drive in (there / tau, -sigma / tau * rise):
        source = -(change @ drive) + entry.toarray()[:, 0] * drive[n] * np.exp(-w * neuron.t_ref)
        q = spsolve(operator(w).tocsc(), source.astype(complex))
        answers.append(complex((flux[n] @ q)[0] + drive[n]))
    return answers[0], answers[1]


@pytest.mark.parametrize(
    ("t_ref", "mu", "sigma", "f"),
    [(10e-3, 22e-3, 2e-3, 20.0), (10e-3, 15e-3, 5e-3, 10.0), (2e-3, 30e-3, 2e-3, 75.0), (0.0, 20e-3, 4e-3, 30.0)],
)
def test_the_refractory_factor_is_what_a_delayed_entry_gives(t_ref: float, mu: float, sigma: float, f: float) -> None:
    """Finite volumes converge to the responses with the factor, to second order, and not to those without it."""
    neuron = replace(NEURON, t_ref=t_ref)
    grids = [by_finite_volumes(neuron, mu, sigma, f, cells) for cells in (400, 800)]
    g = complex(integrated.interval_transform(neuron, mu, sigma, f))
    for way, coarse, fine in zip((integrated.response_mu, integrated.response_sigma), *grids, strict=True):
        exact = complex(way(neuron, mu, sigma, f))
        errors = [abs(found / exact - 1) for found in (coarse, fine)]
        assert errors[0] / errors[1] == pytest.approx(4, rel=0.15, abs=0)
        assert errors[1] < 1e-3
        assert abs((4 * fine - coarse) / 3 / exact - 1) < 2e-5
        dropped = exact * (1 - g) / (1 - g * np.exp(2j * math.pi * f * t_ref))
        assert t_ref == 0 or abs(dropped / exact - 1) > 0.02


def test_the_refractory_factor_is_what_a_simulation_has() -> None:
    """t_ref 10 ms, 20 Hz: without exp(-i w t_ref) in the denominator chi is 43 % another."""
    neuron, mu, sigma, f, eps = replace(NEURON, t_ref=10e-3), 22e-3, 2e-3, 20.0, 0.3e-3
    groups = 16
    found = np.array([_simulated(200, 6.0, 2.5e-4, mu, sigma, f, eps, seed) for seed in range(groups)])
    measured, error = found.mean(), found.std(ddof=1) / math.sqrt(groups)
    chi = complex(integrated.response_mu(neuron, mu, sigma, f))
    g = complex(integrated.interval_transform(neuron, mu, sigma, f))
    dropped = chi * (1 - g) / (1 - g * np.exp(2j * math.pi * f * 10e-3))
    assert error < 0.04 * abs(chi)
    assert abs(measured - chi) < 3 * error
    assert abs(measured - dropped) > 5 * error


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
    assert optimal_noise(unit, 0.8, 0.1, "snr") == pytest.approx(0.008048, rel=1e-4, abs=0)
    assert optimal_noise(unit, 0.8, 0.1, "power") == pytest.approx(0.014054, rel=1e-4, abs=0)
    scaled = Neuron(tau=20e-3, V_th=15e-3, V_reset=-5e-3)
    assert optimal_noise(scaled, 11e-3, 5.0, "snr") == pytest.approx(0.008048 * 20e-3**2, rel=1e-4, abs=0)
    sigma = math.sqrt(2 * 0.008048)
    chi = closed_form.response_mu(unit, 0.8, sigma, 0.1)
    assert float(power_amplification(unit, 0.8, sigma, 0.1)) == pytest.approx(abs(chi) ** 2, rel=1e-10, abs=0)
    snr = 0.02**2 / 4 * abs(chi) ** 2 / closed_form.spectrum(unit, 0.8, sigma, 0.1)
    assert float(signal_to_noise(unit, 0.8, sigma, 0.1, 0.02)) == pytest.approx(snr, rel=1e-10, abs=0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: integrated.response_mu(NEURON, 15e-3, 0.0, 1.0), "Input sigma must be positive, not 0 V"),
        (lambda: integrated.response_mu(NEURON, 15e-3, 5e-3, math.nan), "Input frequency must be finite, not nan Hz"),
        (lambda: integrated.response_mu(NEURON, math.inf, 5e-3, 1.0), "Input mu must be finite, not inf V"),
        (
            lambda: integrated.response_mu(NEURON, np.zeros(2), np.ones(3), 1.0),
            "Input mu and sigma must be of shapes that broadcast, not (2,) and (3,)",
        ),
        (
            lambda: integrated.response_mu(NEURON, 15e-3, 5e-3, "fast"),
            "Input frequency must be a number or an array of numbers, not 'fast'",
        ),
        (lambda: integrated.response_sigma(NEURON, 15e-3, -1.0, 1.0), "Input sigma must be positive, not -1 V"),
        (
            lambda: integrated.response_sigma(NEURON, 15e-3, 5e-3, [1.0, -2.0]),
            "Input frequency must be zero or positive, not -2 Hz",
        ),
        (
            lambda: integrated.response_sigma(NEURON, np.zeros(2), 1e-3, np.ones(3)),
            "Input and frequency must be of shapes that broadcast, not (2,) and (3,)",
        ),
        (lambda: integrated.spectrum(NEURON, 15e-3, 0.0, 1.0), "Input sigma must be positive, not 0 V"),
        (lambda: integrated.spectrum(NEURON, 15e-3, 5e-3, -1.0), "Input frequency must be zero or positive, not -1 Hz"),
        (lambda: integrated.interval_transform(NEURON, 15e-3, 0.0, 1.0), "Input sigma must be positive, not 0 V"),
        (
            lambda: integrated.interval_transform(NEURON, 15e-3, 5e-3, -1.0),
            "Input frequency must be zero or positive, not -1 Hz",
        ),
        (lambda: integrated.rate(NEURON, 15e-3, 0.0), "Input sigma must be positive, not 0 V"),
        (
            lambda: integrated.rate(NEURON, 15e-3, 1e-9),
            "Input sigma must be large enough for a march (else the neuron is noise-free), not 1e-09 V",
        ),
        (lambda: closed_form.response_mu(NEURON, 15e-3, -1e-3, 1.0), "Input sigma must be positive, not -0.001 V"),
        (lambda: closed_form.response_sigma(NEURON, 15e-3, 0.0, 1.0), "Input sigma must be positive, not 0 V"),
        (lambda: closed_form.spectrum(NEURON, math.nan, 5e-3, 1.0), "Input mu must be finite, not nan V"),
        (
            lambda: closed_form.interval_transform(NEURON, 15e-3, 5e-3, -1.0),
            "Input frequency must be zero or positive, not -1 Hz",
        ),
        (lambda: closed_form.rate(NEURON, 15e-3, 0.0), "Input sigma must be positive, not 0 V"),
        (lambda: optimal_noise(NEURON, 15e-3, 1.0, "loud"), "Measure must be snr or power, not 'loud'"),  # type: ignore[arg-type]
        (lambda: optimal_noise(NEURON, 21e-3, 1.0, "snr"), "Signal must be below threshold (0.02 V) without noise"),
        (lambda: check_subthreshold(NEURON, 19e-3, 1.0, 2e-3), "Signal must be below threshold (0.02 V) without noise"),
        (
            lambda: closed_form.spectrum(NEURON, 15e-3, 5e-3, 0.0),
            "Frequency of a closed form must be positive (at 0 it is the rate's slope), not 0 Hz",
        ),
        (
            lambda: closed_form.response_mu(NEURON, 15e-3, 5e-3, [1.0, 2.0]),  # type: ignore[arg-type]
            "Input frequency must be one number, not an array of shape (2,)",
        ),
        (lambda: closed_form.rate(NEURON, [15e-3], 5e-3), "Input mu must be one number, not an array"),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_mistakes(call: Any, message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}"):
        call()
