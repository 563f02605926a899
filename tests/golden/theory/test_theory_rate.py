"""Siegert's rate with its tails, and its slopes: the contract's numbers, and mpmath with 40 digits on a wide grid."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import replace
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy.special import erfcx

from golden.errors import SpecError
from golden.neurons.lif import LIFNeuron
from golden.theory.neuron import Neuron
from golden.theory.rate import log_rate, noise_free_rate, rate, rate_slope_mu, rate_slope_sigma, rheobase

NEURON = Neuron(tau=20.0, V_th=20.0, V_reset=10.0, t_ref=2.0)  # ms and mV: rates in kHz


@pytest.mark.parametrize(
    ("neuron", "mu", "sigma", "hertz"),
    [
        (NEURON, 15.0, 5.0, 9.46079980576),
        (NEURON, 20.0, 4.0, 24.5800107325),
        (NEURON, 25.0, 0.5, 41.7917535359),
        # NEST's own test value.
        (Neuron(tau=10.0, V_th=15.0, V_reset=0.0, t_ref=2.0), 15.0, math.sqrt(1.5), 27.1095934379),
    ],
)
def test_the_contracts_rates(neuron: Neuron, mu: float, sigma: float, hertz: float) -> None:
    assert 1e3 * float(rate(neuron, mu, sigma)) == pytest.approx(hertz, rel=1e-10)
    assert float(log_rate(neuron, mu, sigma)) == pytest.approx(math.log(hertz / 1e3), rel=1e-10)


def test_the_contracts_slope() -> None:
    """2.907291 Hz/mV at mu 15 and sigma 5 mV."""
    assert 1e3 * float(rate_slope_mu(NEURON, 15.0, 5.0)) == pytest.approx(2.907291, rel=2e-7)


def reference(mu: float, sigma: float, neuron: Neuron = NEURON) -> tuple[Any, Any, Any]:
    """Rate and its slopes in mu and sigma, from the integral as it is written."""
    with mpmath.workdps(40):
        top, bottom = ((mpmath.mpf(v) - mu) / sigma for v in (neuron.V_th, neuron.V_reset))

        def f(x: Any) -> Any:
            if x > -20:
                return mpmath.exp(x * x) * mpmath.erfc(-x)
            return mpmath.hyperu(mpmath.mpf(1) / 2, mpmath.mpf(1) / 2, x * x) / mpmath.sqrt(mpmath.pi)

        points = [bottom]
        layers = [top - mpmath.mpf(k) / (2 * abs(top) + 1) for k in (30, 10, 3, 1, 0.3, 0.1)]
        for p in (*(-1000, -100, -30, -10, -3, 0, 3), *layers):
            if points[-1] < p < top:
                points.append(mpmath.mpf(p))
        interval = mpmath.mpf(neuron.t_ref) + neuron.tau * mpmath.sqrt(mpmath.pi) * mpmath.quad(f, [*points, top])
        slope = mpmath.sqrt(mpmath.pi) * neuron.tau / interval**2 / sigma
        return 1 / interval, slope * (f(top) - f(bottom)), slope * (top * f(top) - bottom * f(bottom))


@pytest.mark.parametrize("sigma", [1e-3, 0.05, 0.5, 5.0, 30.0, 1e3, 1e6])
def test_rates_and_slopes_over_all_regimes(sigma: float) -> None:
    """From twenty below the reset to a thousand above threshold; where a rate is no float64, its logarithm."""
    for mu in (-1000.0, -100.0, 5.0, 10.0, 15.0, 19.9, 20.0, 20.001, 25.0, 100.0, 1000.0):
        exact = reference(mu, sigma)
        assert float(log_rate(NEURON, mu, sigma)) == pytest.approx(float(mpmath.log(exact[0])), rel=1e-13)
        for function, value in zip((rate, rate_slope_mu, rate_slope_sigma), exact, strict=True):
            if abs(value) > 1e-290:
                assert float(function(NEURON, mu, sigma)) == pytest.approx(float(value), rel=1e-11), (mu, function)


def test_the_formula_as_it_is_written_fails_where_ours_holds() -> None:
    """Control: erfcx(-yt) overflows from yt = 26.6 on, which is a tame working point."""
    assert math.isinf(erfcx(-(20.0 - 6.0) / 0.5))
    value = float(log_rate(NEURON, 6.0, 0.5))
    assert value == pytest.approx(float(mpmath.log(reference(6.0, 0.5)[0])), rel=1e-13)


def test_without_noise_it_is_the_f_i_curve() -> None:
    mu = np.array([10.0, 20.0, 20.0 + 1e-9, 21.0, 30.0, 1e6])
    exact = [0, 0, *(1 / (2 + 20 * math.log((m - 10) / (m - 20))) for m in mu[2:])]
    assert noise_free_rate(NEURON, mu) == pytest.approx(exact, rel=1e-6)
    assert rate(NEURON, mu, 0.0) == pytest.approx(exact, rel=1e-6)
    assert rheobase(NEURON) == 20.0
    for m in (21.0, 30.0):
        steep = 20 * 10 / ((m - 10) * (m - 20)) / (2 + 20 * math.log((m - 10) / (m - 20))) ** 2
        assert float(rate_slope_mu(NEURON, m, 0.0)) == pytest.approx(steep, rel=1e-12)
        assert float(rate_slope_sigma(NEURON, m, 0.0)) == 0.0
    assert math.isnan(rate_slope_mu(NEURON, 20.0, 0.0))
    assert float(log_rate(NEURON, 15.0, 0.0)) == -math.inf


def test_it_goes_over_into_no_noise_without_a_step() -> None:
    """Above threshold the correction is of order sigma^2; at it the rate falls as 1 / ln(1 / sigma)."""
    free = float(noise_free_rate(NEURON, 25.0))
    corrections = [float(rate(NEURON, 25.0, s)) / free - 1 for s in (1.0, 0.1, 0.01)]
    assert corrections[0] / corrections[1] == pytest.approx(100, rel=0.2)
    assert corrections[1] / corrections[2] == pytest.approx(100, rel=0.01)
    for sigma in (1e-6, 1e-60, 1e-99, 1e-101, 1e-300, 5e-324):
        assert float(rate(NEURON, 25.0, sigma)) == pytest.approx(free, rel=1e-9)
    at_rheobase = [float(rate(NEURON, 20.0, s)) for s in (1e-3, 1e-10, 1e-30)]
    for sigma, value in zip((1e-3, 1e-10, 1e-30), at_rheobase, strict=True):
        # Int_0^W erfcx = (ln 2W + gamma / 2) / sqrt(pi) at large W.
        wanted = 1 / (2 + 20 * (math.log(20.0 / sigma) + np.euler_gamma / 2))
        assert value == pytest.approx(wanted, rel=1e-5)


def test_units_do_not_matter() -> None:
    si = Neuron(tau=20e-3, V_th=20e-3, V_reset=10e-3, t_ref=2e-3)
    assert float(rate(si, 15e-3, 5e-3)) == pytest.approx(9.46079980576, rel=1e-10)
    shifted = Neuron(tau=20e-3, V_th=-50e-3, V_reset=-60e-3, t_ref=2e-3)
    assert float(rate(shifted, -55e-3, 5e-3)) == pytest.approx(9.46079980576, rel=1e-10)


def test_it_broadcasts() -> None:
    mu, sigma = np.linspace(-30, 60, 25)[:, None], np.array([0.0, 0.3, 5.0])
    table = rate(NEURON, mu, sigma)
    assert table.shape == (25, 3)
    for i, j in itertools.product(range(0, 25, 6), range(3)):
        assert table[i, j] == pytest.approx(float(rate(NEURON, mu[i, 0], sigma[j])), rel=1e-13)
    assert (np.diff(table, axis=0) >= 0).all()


def test_of_a_neuron_with_units() -> None:
    neuron = LIFNeuron(C_m=200e-12, g_L=10e-9, E_L=-65e-3, V_th=-50e-3, V_reset=-65e-3, t_ref=2e-3)
    assert Neuron.of(neuron) == Neuron(tau=20e-3, V_th=-50e-3, V_reset=-65e-3, t_ref=2e-3)
    assert Neuron.of(neuron).span == pytest.approx(15e-3)


WITH_SYNAPSE = LIFNeuron(C_m=1.0, g_L=1.0, E_L=0.0, V_th=1.0, V_reset=0.0, tau_syn=1.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rate(NEURON, 15.0, -1.0), "Input sigma must be zero or positive, not -1 V"),
        (lambda: rate(NEURON, math.nan, 1.0), "Input mu must be finite, not nan V"),
        (lambda: log_rate(NEURON, 15.0, math.inf), "Input sigma must be finite, not inf V"),
        (
            lambda: rate(NEURON, np.zeros(2), np.ones(3)),
            "Input mu and sigma must be of shapes that broadcast, not (2,) and (3,)",
        ),
        (lambda: rate(NEURON, "much", 1.0), "Input mu must be a number or an array of numbers, not 'much'"),  # type: ignore[arg-type]
        (lambda: replace(NEURON, tau=0.0), "Neuron tau must be positive, not 0 s"),
        (lambda: replace(NEURON, t_ref=-1.0), "Neuron t_ref must be zero or positive, not -1 s"),
        (lambda: replace(NEURON, V_reset=20.0), "Neuron V_th must be above V_reset (20 V), not 20 V"),
        (lambda: replace(NEURON, V_th=math.inf), "Neuron V_th must be finite, not inf"),
        (lambda: replace(NEURON, tau=True), "Neuron tau must be a number, not True"),
        (
            lambda: Neuron.of(WITH_SYNAPSE),
            "Neuron of the theory must be without tau_syn (its input is white), not one with it",
        ),
        (
            lambda: Neuron.of(replace(WITH_SYNAPSE, tau_syn=None).broadcast(2)),
            "Neuron of the theory must be one neuron, not a population of 2",
        ),
    ],
)  # fmt: skip
def test_mistakes(call: Any, message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        call()
