"""Noise: the law of the numbers to the fourth moment and five sigma, independence, the same bits compiled, errors."""

from __future__ import annotations

import hashlib
import math
import re
from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

from golden.compiled import kernel
from golden.errors import SpecError
from golden.network import Network
from golden.neurons.lif import LIFNeuron
from golden.noise import PoissonNoise, WhiteNoise, count_tile, counts, normal_pair, normal_tile, normals
from golden.propagator import Propagator
from golden.stepped import simulate
from golden.stimulus import constant
from golden.threefry import TILE, draw, draw_tile, key

NEURON = LIFNeuron.from_tau(tau_m=20e-3, R=1e8, E_L=0.0, V_th=20e-3, V_reset=10e-3)


@pytest.fixture(scope="module")
def sample() -> Any:
    """(400 steps, 25,600 neurons): ten million normal numbers."""
    return np.stack([normals(100 * TILE, step, key(12, 1)) for step in range(400)]).astype(np.float64)


def test_against_box_and_muller_in_double_precision() -> None:
    """The same words through logarithm, sine and cosine of the library."""
    a, b = (draw(400, step, key(5, 1)).ravel() for step in (0, 1))
    a[:4], b[:4] = [0, 1, 2**32 - 1, 2**31], [0, 2**32 - 1, 2**31, 2**30]
    radius = np.sqrt(-2 * np.log(((a >> 1) + 1.0) / 2**31))
    angle = ((b << 2).view(np.int32) / 2**31 + 1) * np.pi / 4  # within the first quarter
    signs = 1 - 2.0 * (b >> 31), 1 - 2.0 * (b >> 30 & 1)
    first, second = normal_pair(a, b)
    assert first.dtype == second.dtype == np.float32
    # cos(x - pi/4) + sin = sqrt2 sin x, so the first number is the sine.
    small = radius < 1e-2  # there the float32 of a uniform number near 1 is coarse
    for number, expected in ((first, signs[0] * np.sin(angle)), (second, signs[1] * np.cos(angle))):
        np.testing.assert_allclose(number[~small], (radius * expected)[~small], rtol=0, atol=3e-6)
        np.testing.assert_allclose(number[small], (radius * expected)[small], rtol=0, atol=5e-4)
    assert abs(float(first[0])) + abs(float(second[0])) > 6.5
    assert np.isfinite(first).all()


def test_moments_to_the_fourth(sample: Any) -> None:
    """Standard errors of mean, variance, third and fourth moment: 1, 2, 15 and 96 over n, under a root."""
    for power, expected, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        moment = float((sample**power).mean())
        assert moment == pytest.approx(expected, abs=4 * math.sqrt(variance / sample.size))


def test_kolmogorov_and_smirnov(sample: Any) -> None:
    part = sample[:40].ravel()
    assert stats.kstest(part, "norm").pvalue > 1e-3
    assert stats.kstest(part * 1.01, "norm").pvalue < 1e-3  # the test sees one per cent


def test_tails_to_five_sigma(sample: Any) -> None:
    """Counts beyond 1 to 5 sigma are Poisson counts of the right mean, on both sides."""
    for side in (1, -1):
        for sigma in (1, 2, 3, 4, 4.5, 5):
            expected = sample.size * stats.norm.sf(sigma)
            found = int((side * sample > sigma).sum())
            assert stats.poisson.cdf(found, expected) > 1e-5
            assert stats.poisson.sf(found - 1, expected) > 1e-5
    assert (np.abs(sample) > 5).sum() > 0


def test_no_correlation_over_lanes_and_steps(sample: Any) -> None:
    """Products, and products of squares, of neighbours in the tile, partners of a pair, tiles and steps."""
    tiles = sample.reshape(400, 100, TILE)
    pairs = [(tiles[..., lag:], tiles[..., :-lag]) for lag in (1, 2, 8, 16, 64, 128, 192)]
    pairs += [(tiles[:, lag:], tiles[:, :-lag]) for lag in (1, 3)] + [(tiles[lag:], tiles[:-lag]) for lag in (1, 2, 7)]
    for a, b in pairs:
        assert abs((a * b).mean()) < 4.5 / math.sqrt(a.size)
        assert abs(((a * a - 1) * (b * b - 1)).mean()) < 4.5 * 2 / math.sqrt(a.size)
    assert abs((tiles[0] * tiles[0]).mean()) > 0.9


@kernel
def compiled_normals(tile: int, step: int, words_key: Any) -> Any:
    words, result = np.empty(TILE, dtype=np.uint32), np.empty(TILE, dtype=np.float32)
    draw_tile(words, tile, step, words_key)
    normal_tile(words, result)
    return result


@kernel
def compiled_counts(tile: int, step: int, words_key: Any, thresholds: Any) -> Any:
    words, result = np.empty(TILE, dtype=np.uint32), np.empty(TILE, dtype=np.float32)
    draw_tile(words, tile, step, words_key)
    count_tile(words, thresholds, result)
    return result


def test_compiled_numbers_are_those_of_numpy_to_the_bit() -> None:
    noise = PoissonNoise(20e3, 1.0, 9)
    thresholds = noise.thresholds(1e-4)
    for step in range(300):
        white = normals(4 * TILE, step, key(9, 1)).reshape(4, TILE)
        poisson = counts(4 * TILE, step, noise.key, thresholds).reshape(4, TILE)
        for tile in range(4):
            compiled = compiled_normals(tile, step, key(9, 1))
            np.testing.assert_array_equal(compiled.view(np.uint32), white[tile].view(np.uint32))
            np.testing.assert_array_equal(compiled_counts(tile, step, noise.key, thresholds), poisson[tile])


def test_the_bits_are_the_same_on_every_machine() -> None:
    """Written down once: another processor, compiler or version of NumPy must give them as well."""
    numbers = normals(1000, 123_456_789_012, key(2024, 1)).astype("<f4")
    expected = "82b13005eb987a5dfb770274d03a3aa2c928a5feb09c81e844bb91bedaa1bac5"
    assert hashlib.sha256(numbers.tobytes()).hexdigest() == expected


def test_a_neurons_numbers_do_not_depend_on_how_many_there_are() -> None:
    np.testing.assert_array_equal(normals(1000, 3, key(1, 1))[:10], normals(10, 3, key(1, 1)))
    assert not np.array_equal(normals(10, 3, key(1, 1)), normals(10, 4, key(1, 1)))


@pytest.mark.parametrize("mean", [0.003, 0.7, 2.0, 40.0])
def test_counts_have_the_poisson_law(mean: float) -> None:
    """Chi-square of all counts with at least ten expected, and the mean."""
    noise = PoissonNoise(mean / 1e-4, 1.0, 3)
    drawn = np.concatenate([counts(100 * TILE, step, noise.key, noise.thresholds(1e-4)) for step in range(20)])
    observed = np.bincount(drawn)
    expected = drawn.size * stats.poisson.pmf(np.arange(observed.size), mean)
    many = expected >= 10
    statistic = float(((observed - expected)[many] ** 2 / expected[many]).sum())
    assert stats.chi2.sf(statistic, int(many.sum())) > 1e-4
    assert drawn.mean() == pytest.approx(mean, abs=4 * math.sqrt(mean / drawn.size))


def test_thresholds_invert_the_distribution_function() -> None:
    """Words just below and at each threshold, against scipy.stats; a mean of 0 has none."""
    thresholds = PoissonNoise(20e3, 1.0, 0).thresholds(1e-4)
    cumulative = stats.poisson.cdf(np.arange(thresholds.size), 2.0)
    np.testing.assert_allclose(thresholds / 2**32, cumulative, atol=2**-32)
    assert 1 - cumulative[-1] < 2**-30
    assert PoissonNoise(0.0, 1.0, 0).thresholds(1e-4).size == 0


def test_the_kick_is_exact_for_the_step() -> None:
    """Two steps of dt/2 make one of dt: kick(dt)^2 = kick(dt/2)^2 (1 + leak(dt/2)^2); sigma^2/2 in the long run."""
    noise, n = WhiteNoise(4e-3, 1), NEURON.broadcast(1)
    kicks = {dt: float(noise.kick(n, Propagator.of(n, dt), "exponential")[0]) for dt in (1e-3, 5e-4, 10.0)}
    assert kicks[1e-3] ** 2 == pytest.approx(kicks[5e-4] ** 2 * (1 + math.exp(-5e-4 / 20e-3) ** 2), rel=1e-12)
    assert kicks[10.0] == pytest.approx(4e-3 / math.sqrt(2), rel=1e-12)
    assert float(noise.kick(n, Propagator.of(n, 1e-3, "euler"), "euler")[0]) == pytest.approx(4e-3 * math.sqrt(0.05))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: WhiteNoise(-1e-3, 1), "White noise sigma must be finite and not negative, not -0.001 V"),
        (
            lambda: WhiteNoise(np.array([1e-3, np.nan]), 1),
            "White noise sigma must be finite and not negative, not nan V",
        ),
        (lambda: WhiteNoise(1e-3, -1), "Seed must be within 0 to 2**64 - 1, not -1"),
        (lambda: PoissonNoise(-1.0, 1.0, 1), "Poisson noise rate must be finite and not negative, not -1 Hz"),
        (lambda: PoissonNoise(1.0, math.inf, 1), "Poisson noise weight must be finite, not inf"),
        (lambda: PoissonNoise(1.0, 1.0, 2**64), "Seed must be within 0 to 2**64 - 1, not 18446744073709551616"),
        (
            lambda: PoissonNoise(2e7, 1.0, 1).thresholds(1e-4),
            "Poisson noise rate must be at most 1000 spikes a step, not 2000",
        ),
    ],
)
def test_what_is_no_noise(build: Any, message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        build()


def siegert(mu: float, sigma: float, n: LIFNeuron) -> float:
    """The stationary rate, the integral as it is written (theory.md: 9.46079980576 Hz for 15 and 5 mV)."""
    low, high = ((float(v) - mu) / sigma for v in (n.V_reset, n.V_th))
    integral = quad(lambda s: math.exp(s * s) * (1 + math.erf(s)), low, high, epsrel=1e-10)[0]
    return float(1 / (n.t_ref + n.tau_m * math.sqrt(math.pi) * integral))


@pytest.mark.parametrize(("mu", "sigma"), [(15e-3, 5e-3), (20e-3, 4e-3), (12e-3, 6e-3)])
@pytest.mark.parametrize(("dt", "bound", "without"), [(1e-3, 0.01, 0.10), (5e-4, 0.004, 0.07)])
def test_a_lowered_threshold_makes_the_rate_that_of_continuous_time(
    mu: float, sigma: float, dt: float, bound: float, without: float
) -> None:
    n, size, seconds = LIFNeuron.from_tau(tau_m=20e-3, R=1e8, E_L=0.0, V_th=20e-3, V_reset=10e-3, t_ref=2e-3), 20_000, 4
    assert siegert(15e-3, 5e-3, n) == pytest.approx(9.46079980576, rel=1e-10)
    errors = []
    for shift in (True, False):
        trace = simulate(
            Network(n, size),
            constant(size, 0.2 + seconds, mu / 1e8),
            dt,
            noise=WhiteNoise(sigma, 3),
            threshold_shift=shift,
        )
        spikes = int((trace.spikes[:, 0] > 0.2).sum())
        errors.append(spikes / size / seconds / siegert(mu, sigma, n) - 1)
        assert trace.header.settings.get("threshold_shift") == (
            [pytest.approx(0.5825971579 * sigma * math.sqrt(dt / 20e-3))] if shift else None
        )
    # The counts' own standard error is 0.12 % at most.
    assert abs(errors[0]) < bound
    assert errors[1] < -without


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "Threshold shift must be used with white noise, not without"),
        (
            {"noise": PoissonNoise(1.0, 1e-12, 1)},
            "Threshold shift must be used with white noise, not with Poisson noise",
        ),
        (
            {"noise": WhiteNoise(1e-3, 1), "reset": "subtract"},
            "Threshold shift must be used with a reset to a value, not with reset 'subtract'",
        ),
        ({"noise": WhiteNoise(1.0, 1)}, "Threshold shift must be below V_th - V_reset (0.01 V), not 0.0411958 V"),
    ],
)
def test_where_a_threshold_cannot_be_lowered(settings: dict[str, Any], message: str) -> None:
    n = LIFNeuron.from_tau(tau_m=20e-3, R=1e8, E_L=0.0, V_th=20e-3, V_reset=10e-3)
    with pytest.raises(SpecError, match=f"^{re.escape(message)}"):
        simulate(Network(n, 1), constant(1, 1.0, 0.0), 1e-4, threshold_shift=True, **settings)
