"""Mean field: Brunel's network, the contract's inhibitory loop, roots of delay equations, finite-size fluctuations."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from golden.errors import SpecError
from golden.theory.loop import Synapse, coefficient_of_variation, critical
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
        assert siegert(float(point.mu[k]), float(point.sigma[k])) == pytest.approx(point.rates[k], rel=1e-6, abs=0)


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
