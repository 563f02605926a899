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
from scipy.special import dawsn, erfcx

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
    assert 1e3 * float(rate(neuron, mu, sigma)) == pytest.approx(hertz, rel=1e-10, abs=0)
    assert float(log_rate(neuron, mu, sigma)) == pytest.approx(math.log(hertz / 1e3), rel=1e-10, abs=0)


def test_the_contracts_slope() -> None:
    """2.907291 Hz/mV at mu 15 and sigma 5 mV."""
    assert 1e3 * float(rate_slope_mu(NEURON, 15.0, 5.0)) == pytest.approx(2.907291, rel=2e-7, abs=0)


def asymptotic(x: Any) -> Any:
    """erfcx(x) = (1 - 1 / (2 x^2) + 3 / (2 x^2)^2 - ...) / (x sqrt(pi)); from 20 on 40 digits and more."""
    term, total = mpmath.mpf(1), mpmath.mpf(1)
    for k in range(1, 400):
        term *= -(2 * k - 1) / (2 * x * x)
        total += term
        if abs(term) < 1e-45:
            break
    return total / x / mpmath.sqrt(mpmath.pi)


def test_the_references_own_series() -> None:
    with mpmath.workdps(40):
        for x in (20, 33, 1000):
            exact = mpmath.hyperu(mpmath.mpf(1) / 2, mpmath.mpf(1) / 2, x * x) / mpmath.sqrt(mpmath.pi)
            assert abs(asymptotic(mpmath.mpf(x)) / exact - 1) < 1e-38


def reference(mu: float, sigma: float, neuron: Neuron = NEURON) -> tuple[Any, Any, Any]:
    """Rate and its slopes in mu and sigma, from the integral as it is written."""
    with mpmath.workdps(40):
        top, bottom = ((mpmath.mpf(v) - mu) / sigma for v in (neuron.V_th, neuron.V_reset))

        def f(x: Any) -> Any:
            return mpmath.exp(x * x) * mpmath.erfc(-x) if x > -20 else asymptotic(-x)

        points = [bottom]
        layers = [top - mpmath.mpf(k) / (2 * abs(top) + 1) for k in (30, 10, 3, 1, 0.3, 0.1)]
        for p in (*(-1000, -100, -30, -10, -3, 0, 3), *layers):
            if points[-1] < p < top:
                points.append(mpmath.mpf(p))
        integral = mpmath.quad(f, [*points, top], method="gauss-legendre")
        interval = mpmath.mpf(neuron.t_ref) + neuron.tau * mpmath.sqrt(mpmath.pi) * integral
        slope = mpmath.sqrt(mpmath.pi) * neuron.tau / interval**2 / sigma
        return 1 / interval, slope * (f(top) - f(bottom)), slope * (top * f(top) - bottom * f(bottom))


@pytest.mark.parametrize("sigma", [1e-3, 0.05, 0.5, 5.0, 30.0, 1e3, 1e6])
def test_rates_and_slopes_over_all_regimes(sigma: float) -> None:
    """From twenty below the reset to a thousand above threshold; where a rate is no float64, its logarithm."""
    for mu in (-1000.0, -100.0, 5.0, 10.0, 15.0, 19.9, 20.0, 20.001, 25.0, 100.0, 1000.0):
        exact = reference(mu, sigma)
        assert float(log_rate(NEURON, mu, sigma)) == pytest.approx(float(mpmath.log(exact[0])), rel=1e-13, abs=0)
        for function, value in zip((rate, rate_slope_mu, rate_slope_sigma), exact, strict=True):
            if abs(value) > 1e-290:
                assert float(function(NEURON, mu, sigma)) == pytest.approx(float(value), rel=1e-11, abs=0), (
                    mu,
                    function,
                )


def test_the_formula_as_it_is_written_fails_where_ours_holds() -> None:
    """Control: erfcx(-yt) overflows from yt = 26.6 on, which is a tame working point."""
    assert math.isinf(erfcx(-(20.0 - 6.0) / 0.5))
    value = float(log_rate(NEURON, 6.0, 0.5))
    assert value == pytest.approx(float(mpmath.log(reference(6.0, 0.5)[0])), rel=1e-13, abs=0)


def test_differences_as_they_are_written_cancel_where_ours_hold() -> None:
    """Control: erfcx(-yt) - erfcx(-yr), and two of Dawson's functions, where noise is large beside V_th - V_reset."""
    mu, sigma = -1000.0, 1e6
    top, bottom = (20.0 - mu) / sigma, (10.0 - mu) / sigma
    exact = float(reference(mu, sigma)[1])
    r = float(rate(NEURON, mu, sigma))
    direct = 20.0 * math.sqrt(math.pi) * r**2 / sigma * (erfcx(-top) - erfcx(-bottom))
    assert abs(direct / exact - 1) > 1e-13
    assert float(rate_slope_mu(NEURON, mu, sigma)) == pytest.approx(exact, rel=1e-14, abs=0)
    free, mu, sigma = replace(NEURON, t_ref=0.0), -5e8, 1e8
    top, bottom = (20.0 - mu) / sigma, (10.0 - mu) / sigma
    exact = float(reference(mu, sigma, free)[0])
    grown = dawsn(top) - math.exp(bottom**2 - top**2) * dawsn(bottom)  # exp(-yt^2) Int exp(x^2)
    direct = math.exp(-(top**2)) / (20.0 * math.sqrt(math.pi) * 2 * grown)  # Int erfcx, 1e-12 of it, is left out
    assert abs(direct / exact - 1) > 1e-10
    assert float(rate(free, mu, sigma)) == pytest.approx(exact, rel=1e-13, abs=0)


def test_without_noise_it_is_the_f_i_curve() -> None:
    mu = np.array([10.0, 20.0, np.nextafter(20, 30), 20.0 + 1e-9, 21.0, 30.0, 1e6, 1e100, 1e300])
    with mpmath.workdps(40):
        exact = [0.0, 0.0]
        exact += [float(1 / (2 + 20 * mpmath.log1p(10 / (mpmath.mpf(m) - 20)))) for m in mu[2:].tolist()]
    assert noise_free_rate(NEURON, mu) == pytest.approx(exact, rel=1e-15, abs=0)
    assert rate(NEURON, mu, 0.0) == pytest.approx(exact, rel=1e-15, abs=0)
    assert rheobase(NEURON) == 20.0
    for m in (21.0, 30.0):
        steep = 20 * 10 / ((m - 10) * (m - 20)) / (2 + 20 * math.log((m - 10) / (m - 20))) ** 2
        assert float(rate_slope_mu(NEURON, m, 0.0)) == pytest.approx(steep, rel=1e-12, abs=0)
        assert float(rate_slope_sigma(NEURON, m, 0.0)) == 0.0
    assert math.isnan(rate_slope_mu(NEURON, 20.0, 0.0))
    assert float(log_rate(NEURON, 15.0, 0.0)) == -math.inf


def test_it_goes_over_into_no_noise_without_a_step() -> None:
    """Above threshold the correction is of order sigma^2; at it the rate falls as 1 / ln(1 / sigma)."""
    free = float(noise_free_rate(NEURON, 25.0))
    corrections = [float(rate(NEURON, 25.0, s)) / free - 1 for s in (1.0, 0.1, 0.01)]
    assert corrections[0] / corrections[1] == pytest.approx(100, rel=0.2, abs=0)
    assert corrections[1] / corrections[2] == pytest.approx(100, rel=0.01, abs=0)
    for sigma in (1e-6, 1e-60, 1e-99, 1e-101, 1e-300, 5e-324):
        assert float(rate(NEURON, 25.0, sigma)) == pytest.approx(free, rel=1e-9, abs=0)
    at_rheobase = [float(rate(NEURON, 20.0, s)) for s in (1e-3, 1e-10, 1e-30)]
    for sigma, value in zip((1e-3, 1e-10, 1e-30), at_rheobase, strict=True):
        # Int_0^W erfcx = (ln 2W + gamma / 2) / sqrt(pi) at large W.
        wanted = 1 / (2 + 20 * (math.log(20.0 / sigma) + np.euler_gamma / 2))
        assert value == pytest.approx(wanted, rel=1e-5, abs=0)


@pytest.mark.parametrize("mu", [1e4, 1e6, 1e15, 1e80])
def test_a_strong_drive_leaves_the_refractory_time(mu: float) -> None:
    """Without t_ref the rate grows as mu / (tau (V_th - V_reset)); noise of any common size does nothing."""
    free = replace(NEURON, t_ref=0.0)
    for sigma in (0.0, 1e-3, 1.0):
        interval = 20.0 * math.log1p(10.0 / (mu - 20.0))
        assert float(rate(free, mu, sigma)) == pytest.approx(1 / interval, rel=2 * (sigma / mu) ** 2 + 1e-14, abs=0)
        assert float(rate(NEURON, mu, sigma)) == pytest.approx(
            1 / (2 + interval), rel=2 * (sigma / mu) ** 2 + 1e-14, abs=0
        )
        slope = 20.0 * 10.0 / ((mu - 10) * (mu - 20)) / interval**2
        assert float(rate_slope_mu(free, mu, sigma)) == pytest.approx(slope, rel=10 * (sigma / mu) ** 2 + 1e-13, abs=0)


@pytest.mark.parametrize("mu", [-1e4, -1e6, -1e15, -1e80])
def test_rare_spikes_are_escapes_over_a_cusp(mu: float) -> None:
    """ln r = -yt^2 + ln(yt / (tau sqrt(pi))) - 1 / (2 yt^2) + O(yt^-4) far below threshold."""
    for sigma in (0.5, 1.0, 30.0):
        top = (20.0 - mu) / sigma
        wanted = -(top**2) + math.log(top / (20.0 * math.sqrt(math.pi))) - 1 / (2 * top**2)
        assert float(log_rate(NEURON, mu, sigma)) == pytest.approx(wanted, rel=1e-14, abs=0)
        assert float(rate(NEURON, mu, sigma)) == 0.0


@pytest.mark.parametrize("sigma", [1e6, 1e20, 1e100, 1e150])
def test_huge_noise(sigma: float) -> None:
    """erfcx(0) = 1 is all that is left: 1 / r = tau sqrt(pi) (V_th - V_reset) / sigma; slopes r / sigma and r^2."""
    free = replace(NEURON, t_ref=0.0)
    wanted = sigma / (20.0 * math.sqrt(math.pi) * 10.0)
    rest = 50 / sigma + 1e-13
    assert float(rate(free, 15.0, sigma)) == pytest.approx(wanted, rel=rest, abs=0)
    assert float(rate_slope_sigma(free, 15.0, sigma)) == pytest.approx(wanted / sigma, rel=rest, abs=0)
    # d r / d mu = r^2 tau sqrt(pi) (erfcx(-yt) - erfcx(-yr)) / sigma, and erfcx' (0) = -2 / sqrt(pi).
    steep = wanted**2 * 20.0 * math.sqrt(math.pi) * 2 / math.sqrt(math.pi) * 10.0 / sigma / sigma
    assert float(rate_slope_mu(free, 15.0, sigma)) == pytest.approx(steep, rel=rest, abs=0)
    assert float(rate(NEURON, 15.0, sigma)) == pytest.approx(1 / (2 + 1 / wanted), rel=rest, abs=0)


def test_units_do_not_matter() -> None:
    si = Neuron(tau=20e-3, V_th=20e-3, V_reset=10e-3, t_ref=2e-3)
    assert float(rate(si, 15e-3, 5e-3)) == pytest.approx(9.46079980576, rel=1e-10, abs=0)
    shifted = Neuron(tau=20e-3, V_th=-50e-3, V_reset=-60e-3, t_ref=2e-3)
    assert float(rate(shifted, -55e-3, 5e-3)) == pytest.approx(9.46079980576, rel=1e-10, abs=0)


def test_it_broadcasts() -> None:
    mu, sigma = np.linspace(-30, 60, 25)[:, None], np.array([0.0, 0.3, 5.0])
    table = rate(NEURON, mu, sigma)
    assert table.shape == (25, 3)
    for i, j in itertools.product(range(0, 25, 6), range(3)):
        assert table[i, j] == pytest.approx(float(rate(NEURON, mu[i, 0], sigma[j])), rel=1e-13, abs=0)
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
        (lambda: log_rate(NEURON, 15.0, [1.0, -2.0]), "Input sigma must be zero or positive, not -2 V"),
        (lambda: rate_slope_mu(NEURON, 15.0, -1.0), "Input sigma must be zero or positive, not -1 V"),
        (lambda: rate_slope_mu(NEURON, [15.0, -math.inf], 1.0), "Input mu must be finite, not -inf V"),
        (lambda: rate_slope_sigma(NEURON, 15.0, -1.0), "Input sigma must be zero or positive, not -1 V"),
        (lambda: rate_slope_sigma(NEURON, 15.0, math.nan), "Input sigma must be finite, not nan V"),
        (lambda: noise_free_rate(NEURON, math.nan), "Input mu must be finite, not nan V"),
        (lambda: noise_free_rate(NEURON, None), "Input mu must be finite, not nan V"),  # type: ignore[arg-type]
        (
            lambda: rate(NEURON, np.zeros(2), np.ones(3)),
            "Input mu and sigma must be of shapes that broadcast, not (2,) and (3,)",
        ),
        (lambda: rate(NEURON, "much", 1.0), "Input mu must be a number or an array of numbers, not 'much'"),
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
