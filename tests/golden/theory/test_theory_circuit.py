"""Circuit units: closed forms, the contract's kT/C example, and inverses that lead back."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

from golden.errors import SpecError
from golden.neurons.lif import LIFNeuron
from golden.theory.circuit import Circuit, swing_for_thermal_noise

#: 1 pF and 50 nS: 20 us, a thousand times faster than a neuron; a swing of 0.2 V.
CHIP = Circuit(C=1e-12, g=50e-9, E_L=0.6, V_th=0.8, V_reset=0.6, t_ref=2e-6)
#: k = 1.380649e-23 J/K exactly (SI 2019).
K = 1.380649e-23


def near(expected: Any, rel: float = 1e-12) -> Any:
    """Relatively: pytest's own absolute tolerance, 1e-12, is larger than a circuit's numbers."""
    return pytest.approx(expected, rel=rel, abs=0)


def test_closed_forms() -> None:
    assert CHIP.neuron.tau == near(20e-6)
    assert CHIP.rheobase == near(10e-9)
    assert float(CHIP.mu(10e-9)) == near(0.8)
    assert float(CHIP.current(0.8)) == near(10e-9)
    assert float(CHIP.sigma(1e-21)) == near(math.sqrt(1e-21 / (2 * 50e-9 * 1e-12)))
    assert CHIP.density(CHIP.sigma(np.array([0.0, 1e-22]))) == near([0.0, 1e-22])


def test_thermal_noise_is_k_t_over_c() -> None:
    assert CHIP.thermal_variance(300.0) == near(K * 300 / 1e-12, rel=1e-12)
    # 4 k T g through the leak's own bandwidth: the conductance drops out.
    assert float(CHIP.sigma(CHIP.thermal_density(300.0))) ** 2 / 2 == near(K * 300 / 1e-12, rel=1e-12)
    assert CHIP.thermal_sigma(300.0) == near(math.sqrt(2 * K * 300 / 1e-12), rel=1e-12)


def test_the_contracts_swing_of_thermal_noise() -> None:
    """Contract: kT/C alone would need a swing of 2.3 mV at 100 fF; D* in V^2 = 0.008048 swing^2."""
    assert swing_for_thermal_noise(0.008048, 100e-15) == near(2.3e-3, rel=0.02)
    at_08 = Circuit(C=1e-12, g=50e-9, E_L=0.6, V_th=0.8, V_reset=0.6)
    density = at_08.optimal_density(0.8 * at_08.rheobase, 0.1 / 20e-6, "snr")
    assert density / (4 * 50e-9 * 1e-12) == near(0.008048 * 0.2**2, rel=1e-4)


def test_variance_is_the_noise_through_the_membranes_low_pass() -> None:
    """Int_0^inf S1 / (g^2 + (2 pi f C)^2) df, by quadrature in f tau = tan(x) / (2 pi)."""
    s1, g, c = 3e-22, 50e-9, 1e-12
    x = (np.arange(20_000) + 0.5) / 20_000 * math.pi / 2
    f = np.tan(x) * g / (2 * math.pi * c)
    stretch = g / (2 * math.pi * c) / np.cos(x) ** 2 * (math.pi / 2 / 20_000)
    through = float(np.sum(s1 / (g**2 + (2 * math.pi * f * c) ** 2) * stretch))
    assert float(CHIP.variance(s1)) == near(through, rel=1e-9)
    assert float(CHIP.sigma(s1)) == near(math.sqrt(2 * through), rel=1e-9)


def test_a_dimensionless_noise_and_its_source() -> None:
    """D* = 0.008048 swing^2 is 0.008048 x 0.04 V^2 at a swing of 0.2 V; S1 = 4 g C D."""
    density = float(CHIP.density_of(0.008048))
    assert density == near(4 * 50e-9 * 1e-12 * 0.008048 * 0.04, rel=1e-12)
    assert CHIP.noise([density, 0.0]) == near([0.008048, 0.0], rel=1e-12)
    # The leak's own noise at this swing is far below: hence sources.
    assert float(CHIP.noise(CHIP.thermal_density(300.0))) == near(K * 300 / 1e-12 / 0.04, rel=1e-12)


@pytest.mark.parametrize("density", [0.0, 1e-300, 1e-52])
def test_a_bias_that_a_float64_does_not_tell_from_rheobase_is_refused(density: float) -> None:
    """At 1 mHz mu - V_th is V_swing exp(-5e7): no float64 is.  A noise below a potential's last bit is none."""
    with pytest.raises(SpecError, match=r"^Rate without noise must be at least 1765.56 Hz, not 0.001 Hz$"):
        CHIP.current_for(1e-3, density)
    with pytest.raises(SpecError, match=r"^Rate without noise must be at least 1765.56 Hz, not 1760 Hz$"):
        CHIP.current_for(1760.0, density)
    # Just above what is refused the current still means the rate: 28 tau between spikes.
    assert fired(CHIP.current_for(1770.0, density), 0.0) == near(1770.0, rel=1e-4)


def test_rates_near_their_ends() -> None:
    most = 1 / 2e-6
    for rate in (0.999 * most, (1 - 1e-9) * most):
        # Noise-free and far above threshold: the interval is t_ref + C V_swing / (I - I_rh / 2), to third order.
        rise = 1 / rate - 2e-6
        assert 1e-12 * 0.2 / (CHIP.current_for(rate) - 5e-9) == near(rise, rel=1e-4)
    # And where spikes are rare; noise of some last bits of a potential is met to those.
    for rate in (1e-30, 1e-12):
        assert fired(CHIP.current_for(rate, 1e-22), 1e-22) == near(rate, rel=1e-9)
    for density, tolerance in ((1e-42, 1e-3), (1e-48, 0.3)):
        assert fired(CHIP.current_for(1e3, density), density) == near(1e3, rel=tolerance)


@pytest.mark.parametrize(("rate", "density"), [(5e3, 0.0), (2e4, 0.0), (1e3, 1e-22), (5e4, 4e-21), (1e-3, 1e-22)])
def test_the_bias_for_a_rate_gives_it(rate: float, density: float) -> None:
    current = CHIP.current_for(rate, density)
    assert fired(current, density) == near(rate, rel=1e-9)


@pytest.mark.parametrize(("rate", "factor"), [(100.0, 0.7), (2e4, 0.7), (3e4, 1.02), (1e-3, 0.9)])
def test_the_noise_for_a_rate_gives_it(rate: float, factor: float) -> None:
    current = factor * CHIP.rheobase
    assert fired(current, CHIP.density_for(rate, current)) == near(rate, rel=1e-9)


def fired(current: float, density: float) -> float:
    """Siegert's rate by quadrature, the noise-free formula without noise."""
    from mpmath import erfc, exp, mp, mpf, pi, quad, sqrt

    mu, tau = 0.6 + current / 50e-9, 20e-6
    if density == 0:
        return 1 / (2e-6 + tau * math.log((mu - 0.6) / (mu - 0.8)))
    with mp.workdps(30):
        sigma = sqrt(mpf(density) / (2 * 50e-9 * 1e-12))
        low, high = (mpf("0.6") - mu) / sigma, (mpf("0.8") - mu) / sigma
        points = [
            low,
            *(high - k / (2 * abs(high) + 1) for k in (30, 8, 2) if high - k / (2 * abs(high) + 1) > low),
            high,
        ]
        return float(1 / (mpf("2e-6") + tau * sqrt(pi) * quad(lambda s: exp(s * s) * erfc(-s), points)))


def test_of_a_neuron() -> None:
    neuron = LIFNeuron(C_m=200e-12, g_L=10e-9, E_L=-65e-3, V_th=-50e-3, V_reset=-65e-3, t_ref=2e-3)
    circuit = Circuit.of(neuron)
    assert circuit.rheobase == near(float(neuron.rheobase))
    assert (circuit.neuron.tau, circuit.t_ref) == (near(20e-3), 2e-3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Circuit(C=0.0, g=1e-9, E_L=0.0, V_th=1.0, V_reset=0.0), "Neuron C_m must be positive, not 0 F"),
        (lambda: Circuit(C=1e-12, g=1e-9, E_L=0.0, V_th=-1.0, V_reset=-2.0), "Neuron V_th must be above E_L"),
        (lambda: CHIP.sigma(-1e-21), "Input noise density must be zero or positive, not -1e-21 A^2/Hz"),
        (lambda: CHIP.density(-1e-3), "Input sigma must be zero or positive, not -0.001 V"),
        (lambda: CHIP.thermal_variance(-1.0), "Temperature must be zero or positive, not -1 K"),
        (lambda: CHIP.current_for(6e5), "Rate must be above 0 and below 1 / t_ref (500000 Hz), not 600000 Hz"),
        (lambda: CHIP.current_for(0.0), "Rate must be above 0 and below 1 / t_ref"),
        (lambda: CHIP.density_for(100.0, 2 * CHIP.rheobase), "Rate must be above that without noise"),
        (lambda: swing_for_thermal_noise(0.0, 1e-13), "Input noise must be positive, not 0 swing^2"),
        (lambda: CHIP.mu(math.nan), "Input current must be finite, not nan A"),
        (lambda: CHIP.variance(-1.0), "Input noise density must be zero or positive, not -1 A^2/Hz"),
        (lambda: CHIP.density_of(-0.1), "Input noise must be zero or positive, not -0.1 swing^2"),
        (lambda: CHIP.thermal_density(math.inf), "Input temperature must be finite, not inf K"),
        (
            lambda: Circuit(C=np.ones(2), g=1e-9, E_L=0.0, V_th=1.0, V_reset=0.0),  # type: ignore[arg-type]  # the mistake
            "Circuit C must be one number, not an array of shape (2,)",
        ),
        (
            lambda: CHIP.current_for(np.array([1e3, 2e3])),  # type: ignore[arg-type]  # the mistake
            "Input rate must be one number, not an array of shape (2,)",
        ),
        (lambda: CHIP.current_for(1e3, -1e-22), "Input noise density must be zero or positive, not -1e-22 A^2/Hz"),
        (lambda: CHIP.density_for(math.nan, 1e-9), "Input rate must be finite, not nan Hz"),
        (lambda: CHIP.optimal_density(math.nan, 1e3, "snr"), "Input current must be finite, not nan A"),
        (lambda: CHIP.optimal_density(2e-8, 1e3, "snr"), "Signal must be below threshold (0.8 V) without noise"),
        (lambda: swing_for_thermal_noise(0.01, 0.0), "Input capacitance must be positive, not 0 F"),
    ],
)  # fmt: skip
def test_mistakes(call: Any, message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}"):
        call()
