"""Mean field: Brunel's network, the contract's inhibitory loop, roots of delay equations, finite-size fluctuations."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import lambertw

from golden.errors import SpecError
from golden.theory import loop
from golden.theory.loop import Synapse, coefficient_of_variation, critical, cutoff, static_range, unstable_modes
from golden.theory.mean_field import MeanField, balanced, inhibitory, poisson_input
from golden.theory.neuron import Neuron
from golden.theory.wilson_cowan import integrate

NEURON = Neuron(tau=20e-3, V_th=20e-3, V_reset=10e-3, t_ref=2e-3)
MU, SIGMA, K = 15e-3, 5e-3, 1000
#: The contract's kernel.
SYNAPSE = Synapse(delay=1.5e-3, tau_s=2e-3)
#: Contract: rate [Hz], slope [Hz/V] of the working point.
RATE, SLOPE = 9.46079980576, 2907.291


def test_brunels_network_has_the_published_rate() -> None:
    """N = 12,500: C_E = 1000, C_I = 250, J 0.1 mV, g 5, eta 2, V_reset 0; contract: 32.033 Hz, NEST 31.95 to 32.02."""
    neuron = replace(NEURON, V_reset=0.0)
    # External spikes at eta theta / (J C_E tau): mu = eta theta = 40 mV, sigma^2 = J eta theta = 4 mV^2.
    network = MeanField(
        [neuron, neuron], [[1000, 250]] * 2, [[1e-4, -5e-4]] * 2, [40e-3] * 2, [2e-3] * 2
    )  # fmt: skip
    point = network.solve()
    assert point.rates == pytest.approx([32.033, 32.033], abs=1e-3)
    assert point.mu == pytest.approx([40e-3 + 20e-3 * 32.033 * (0.1 - 0.125)] * 2, rel=1e-4)


def test_the_inhibitory_network_is_at_its_working_point() -> None:
    for gain in (2.0, 5.0, 11.0):
        network = inhibitory(gain, NEURON, MU, SIGMA, K)
        weight = -gain / (K * 20e-3 * SLOPE)
        assert np.asarray(network.weights).item() == pytest.approx(weight, rel=1e-6)
        # Contract: mu_ext = 15 + K J tau r0, sigma_ext^2 = 25 - K J^2 tau r0 (J the weight's size).
        assert np.asarray(network.mu_ext).item() == pytest.approx(MU - K * weight * 20e-3 * RATE, rel=1e-6)
        assert np.asarray(network.sigma_ext).item() ** 2 == pytest.approx(
            SIGMA**2 - K * weight**2 * 20e-3 * RATE, rel=1e-6
        )
        point = network.solve([3.0])
        assert point.rates == pytest.approx([RATE], rel=1e-9)
        assert point.mu == pytest.approx([MU], rel=1e-9)


def test_poisson_inputs_are_brunels_external_ones() -> None:
    """eta theta = 40 mV and J eta theta = 4 mV^2, by external spikes at eta theta / (J C_E tau) = 20 Hz."""
    mu, sigma = poisson_input(replace(NEURON, V_reset=0.0), 1000, 0.1e-3, 20.0)
    assert mu == pytest.approx(40e-3, rel=1e-12)
    assert sigma == pytest.approx(2e-3, rel=1e-12)
    inhibiting = poisson_input(NEURON, 1000, -0.1e-3, 20.0)
    assert inhibiting == pytest.approx((-mu, sigma), rel=1e-12)


def test_a_network_that_runs_away_has_no_rate() -> None:
    """Without a refractory time and K J > V_th - V_reset every spike makes more than one."""
    message = "^Network must have a self-consistent rate near the start, not none within 1e-10$"
    for start in (None, [30.0]):
        with pytest.raises(SpecError, match=message):
            MeanField([replace(NEURON, t_ref=0.0)], [[1000.0]], [[1e-3]], [25e-3], [2e-3]).solve(start)
    # The refractory time, 2 ms, stops it at all but 500 Hz.
    rate = MeanField([NEURON], [[1000.0]], [[1e-3]], [25e-3], [2e-3]).solve().rates[0]
    assert rate == pytest.approx(1 / (2e-3 + 20e-3 * math.log1p(10 / (5 + 20 * rate))), rel=2e-3)


def test_populations_that_are_all_but_silent_are_no_obstacle() -> None:
    """An active one silences two others, by hand: their tails are Siegert's at what the active one makes."""
    degrees, weights = np.full((3, 3), 500.0), np.tile([-0.4e-3, 0.1e-3, 0.1e-3], (3, 1))
    network = MeanField([NEURON] * 3, degrees, weights, [200e-3, 30e-3, 20e-3], [2e-3, 1e-3, 1e-3])
    point = network.solve()
    assert point.rates[0] > 1
    assert point.rates[1:].max() < 1e-6
    alone = MeanField([NEURON], [[500.0]], [[-0.4e-3]], [200e-3], [2e-3]).solve([20.0])
    assert point.rates[0] == pytest.approx(alone.rates[0], rel=1e-8)
    for k in range(3):
        assert siegert(float(point.mu[k]), float(point.sigma[k])) == pytest.approx(point.rates[k], rel=1e-6)


def test_an_excitatory_network_has_several_states() -> None:
    """Enough recurrent excitation: silent and active; the start decides."""
    network = MeanField([NEURON], [[200.0]], [[0.15e-3]], [11e-3], [2e-3])
    low, high = network.solve([1e-4]).rates[0], network.solve([150.0]).rates[0]
    assert low < 1
    assert high > 50
    # Followed from silence, excitation alone settles at the lowest state.
    assert network.solve().rates[0] == pytest.approx(low, rel=1e-6)
    for rate in (low, high):
        mu, sigma = network.inputs([rate])
        assert siegert(mu[0], sigma[0]) == pytest.approx(rate, rel=1e-8)


def siegert(mu: float, sigma: float) -> float:
    from mpmath import erfc, exp, mpf, pi, quad, sqrt

    low, high = (mpf(10e-3) - mu) / sigma, (mpf(20e-3) - mu) / sigma
    return float(
        1 / (mpf("2e-3") + mpf("20e-3") * sqrt(pi) * quad(lambda s: exp(s * s) * erfc(-s), [low, high - 1, high]))
    )


@pytest.mark.parametrize(
    ("response", "gain", "frequency"), [("static", 2.77, 206), ("lif", 7.81, 135), ("wilson-cowan", 16.48, 88)]
)
def test_critical_gains_of_the_contract(response: Any, gain: float, frequency: float) -> None:
    found = critical(NEURON, MU, SIGMA, SYNAPSE, response)
    assert found.gain == pytest.approx(gain, abs=0.006)
    assert found.frequency == pytest.approx(frequency, abs=0.5)
    below, above = (
        unstable_modes(inhibitory(g, NEURON, MU, SIGMA, K).solve([RATE]), SYNAPSE, response)
        for g in (found.gain * 0.99, found.gain * 1.01)
    )
    assert (below, above) == (0, 2)


def test_a_loop_with_a_delay_alone_has_lambert_s_roots() -> None:
    """Static response, tau_s only: lambda tau_s + 1 + G exp(-lambda d) = 0, roots by Lambert's W."""
    synapse = Synapse(delay=3e-3, tau_s=5e-3)
    for gain in (1.5, 2.5, 4.0, 9.0, 20.0):
        z = -gain * synapse.delay / synapse.tau_s * math.exp(synapse.delay / synapse.tau_s)
        roots = [lambertw(z, k) / synapse.delay - 1 / synapse.tau_s for k in range(-40, 41)]
        growing = sum(1 for root in roots if root.real > 0)
        point = inhibitory(gain, NEURON, MU, SIGMA, 20_000).solve([RATE])
        assert unstable_modes(point, synapse, "static") == growing
    # tan(w d) = -w tau_s at the border.
    w = brentq(lambda w: math.sin(w * 3e-3) + w * 5e-3 * math.cos(w * 3e-3), math.pi / 6e-3 + 1, math.pi / 3e-3)
    found = critical(NEURON, MU, SIGMA, synapse, "static")
    assert found.frequency == pytest.approx(w / 2 / math.pi, rel=1e-9)
    assert found.gain == pytest.approx(math.hypot(1, w * 5e-3), rel=1e-9)


def test_excitation_and_inhibition_count_by_their_sum_where_all_hear_the_same() -> None:
    point = balanced((6.0, -11.0), (500, 500), NEURON, MU, SIGMA).solve([RATE, RATE])
    assert [unstable_modes(point, SYNAPSE, r) for r in loop.RESPONSES] == [0, 2, 0]
    runaway = balanced((3.0, -1.0), (500, 500), NEURON, MU, SIGMA).solve([RATE, RATE])
    assert unstable_modes(runaway, SYNAPSE, "static") == 1  # positive feedback of 2: one real root


def test_where_a_static_gain_is_good() -> None:
    """Contract: 10 % deviation at 2.5 Hz, -3 dB at 21 Hz."""
    assert static_range(NEURON, MU, SIGMA) == pytest.approx(2.5, abs=0.1)
    assert cutoff(NEURON, MU, SIGMA) == pytest.approx(21, abs=0.5)


def test_finite_size_fluctuations() -> None:
    """Contract: CV sqrt(N) = 17.07 at G = 5 (bins of half a millisecond); without a loop that of renewal processes."""
    point = inhibitory(5.0, NEURON, MU, SIGMA, K).solve([RATE])
    cvs = [coefficient_of_variation(point, [n], SYNAPSE, 0.5e-3)[0] * math.sqrt(n) for n in (2500, 10_000)]
    assert cvs[0] == pytest.approx(17.07, rel=5e-3)
    assert cvs[1] == pytest.approx(cvs[0], rel=1e-9)
    free = inhibitory(1e-6, NEURON, MU, SIGMA, K).solve([RATE])
    # Fewer than a spike in a bin: nearly independent, 1 / sqrt(r bin).
    bin_width = 0.5e-3
    assert coefficient_of_variation(free, [1], SYNAPSE, bin_width)[0] == pytest.approx(
        1 / math.sqrt(RATE * bin_width), rel=0.01
    )
    # Long bins see CV^2 of the intervals, 0.81475721^2, in place of 1.
    assert coefficient_of_variation(free, [1], SYNAPSE, 20.0)[0] == pytest.approx(
        0.81475721 / math.sqrt(RATE * 20.0), rel=0.01
    )


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


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: MeanField([], [], [], [], []), "Network must be of at least one population, not of none"),
        (
            lambda: MeanField([NEURON], [[1.0, 2.0]], [[1.0]], [0.0], [0.0]),
            "Network degrees must be of shape (1, 1), not of shape (1, 2)",
        ),
        (
            lambda: MeanField([NEURON], [[-1.0]], [[1.0]], [0.0], [0.0]),
            "Network degrees must be zero or positive, not -1",
        ),
        (
            lambda: MeanField([3], [[1.0]], [[1.0]], [0.0], [0.0]),  # type: ignore[list-item]
            "Network neurons must be of golden.theory.neuron.Neuron each, not 3",
        ),
        (
            lambda: inhibitory(2.0, NEURON, MU, SIGMA, K).solve([-1.0]),
            "Start must be zero or positive, not -1 Hz",
        ),
        (lambda: balanced((-1.0,), (10,), NEURON, MU, 0.0), "Working point sigma must be positive, not 0 V"),
        (lambda: balanced((-1.0,), (10,), NEURON, -1.0, 1e-3), "Working point must be one where the rate changes"),
        (lambda: poisson_input(NEURON, -1, 1e-3, 5.0), "Poisson input's degree must be zero or positive, not -1"),
        (lambda: inhibitory(0.0, NEURON, MU, SIGMA, K), "Loop gain must be positive, not 0"),
        (lambda: balanced((1.0,), (1, 2), NEURON, MU, SIGMA), "Gains and degrees must be of one length, not 1 and 2"),
        (lambda: balanced((-1.0,), (0,), NEURON, MU, SIGMA), "In-degree must be at least 1, not 0"),
        (lambda: inhibitory(50.0, NEURON, MU, SIGMA, 10), "Noise of the network alone must be at most sigma (0.005 V)"),
        (lambda: Synapse(-1.0, 0.0), "Synapse delay must be zero or positive, not -1 s"),
        (lambda: critical(NEURON, MU, SIGMA, Synapse(0.0, 2e-3), "static"), "Loop must be one with a delay"),
        (
            lambda: critical(NEURON, MU, SIGMA, SYNAPSE, "magic"),  # type: ignore[arg-type]
            "Response must be one of lif, static, wilson-cowan, not 'magic'",
        ),
        (
            lambda: coefficient_of_variation(inhibitory(11.0, NEURON, MU, SIGMA, K).solve([RATE]), [10], SYNAPSE, 1e-3),
            "Network must be stable, not one that oscillates by itself",
        ),
        (
            lambda: integrate(inhibitory(2.0, NEURON, MU, SIGMA, K).solve([RATE]), SYNAPSE, 1.0, 4e-4),
            "Synapse delay must be a whole number of steps of 0.0004 s, not 0.0015 s",
        ),
        (
            lambda: integrate(
                inhibitory(2.0, NEURON, MU, SIGMA, K).solve([RATE]), SYNAPSE, 1.0, 1e-4,
                response="lif",  # type: ignore[arg-type]
            ),
            "Response must be static or wilson-cowan, not 'lif'",
        ),
        (
            lambda: inhibitory(2.0, NEURON, MU, SIGMA, K).solve([1.0, 2.0]),
            "Start must be of shape (1,), not of shape (2,)",
        ),
    ],
)  # fmt: skip
def test_mistakes(call: Any, message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}"):
        call()
