"""Stochastic resonance of the LIF neuron: how well a weak periodic signal passes, against the noise.

A signal eps cos(w t) in the mean input that is too weak to reach the threshold moves the rate by eps |chi(w)|.  Two
measures, whose optima differ:

    spectral power amplification   |chi|^2
    signal-to-noise ratio          (eps^2 / 4) |chi|^2 / S    of the spike train's line at w over its background S

D = sigma^2 / 2 [V^2] is the free membrane's variance.  Sources: Gammaitoni, Haenggi, Jung and Marchesoni, Rev. Mod.
Phys. 70 (1998); Lindner, Garcia-Ojalvo, Neiman and Schimansky-Geier, Phys. Rep. 392 (2004).  Linear response: for
signals that are small beside the distance to threshold and beside sigma.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.optimize import minimize_scalar

from golden.errors import SpecError
from golden.theory.neuron import finite
from golden.theory.threshold_integration import response_mu, spectrum

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from golden.neurons.lif import FloatArray
    from golden.theory.neuron import Neuron

Measure = Literal["snr", "power"]
#: sigma, in the distance from the mean input to the threshold, between which an optimum is looked for.
_RANGE = (0.15, 20.0)


def power_amplification(neuron: Neuron, mu: ArrayLike, sigma: ArrayLike, frequency: ArrayLike) -> FloatArray:
    """|chi|^2 [(Hz/V)^2] at the signal's frequency [Hz]."""
    chi = response_mu(neuron, mu, sigma, frequency)
    power: FloatArray = np.abs(chi) ** 2
    return power


def signal_to_noise(
    neuron: Neuron, mu: ArrayLike, sigma: ArrayLike, frequency: ArrayLike, eps: ArrayLike = 1.0
) -> FloatArray:
    """(eps^2 / 4) |chi|^2 / S [Hz]: power of the line over the background's density."""
    amplitude = finite("eps", eps, "V")
    ratio: FloatArray = amplitude**2 / 4 * power_amplification(neuron, mu, sigma, frequency)
    return ratio / spectrum(neuron, mu, sigma, frequency)


def check_subthreshold(neuron: Neuron, mu: float, frequency: float, eps: float) -> None:
    """SpecError for a signal that reaches the threshold without noise: mu + eps / sqrt(1 + (w tau)^2) >= V_th."""
    peak = mu + abs(eps) / np.hypot(1, 2 * np.pi * frequency * neuron.tau)
    if peak >= neuron.V_th:
        raise SpecError.rule("Signal", f"below threshold ({neuron.V_th:g} V) without noise", f"up to {peak:g} V")


def optimal_noise(neuron: Neuron, mu: float, frequency: float, measure: Measure) -> float:
    """D [V^2] at which the measure has its maximum, to 1e-7; SpecError where there is none (mu above threshold).

    With C and g the noise current's density for it is S1 = 4 g C D (golden.theory.circuit).
    """
    if measure not in ("snr", "power"):
        raise SpecError.rule("Measure", "snr or power", repr(measure))
    check_subthreshold(neuron, mu, frequency, 0.0)
    gap = neuron.V_th - mu
    function = signal_to_noise if measure == "snr" else power_amplification

    def loss(log_sigma: float) -> float:
        return -float(np.log(function(neuron, mu, np.exp(log_sigma), frequency)))

    coarse = np.log(gap) + np.linspace(np.log(_RANGE[0]), np.log(_RANGE[1]), 60)
    best = int(np.argmin([loss(x) for x in coarse]))
    if best in (0, coarse.size - 1):
        low, high = _RANGE
        rule = f"at one with a maximum for sigma within {low:g} to {high:g} (V_th - mu)"
        raise SpecError.rule("Working point", rule, f"mu = {mu:g} V")
    found = minimize_scalar(loss, bracket=tuple(coarse[best - 1 : best + 2]), method="brent", options={"xtol": 1e-9})
    return float(np.exp(2 * found.x) / 2)
