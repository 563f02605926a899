"""Stationary firing rates: the f-I curve, Siegert's formula with all its tails, and its derivatives.

    1 / r = t_ref + tau sqrt(pi) Int_yr^yt erfcx(-s) ds,   y = (V - mu) / sigma

Sources: Siegert, Phys. Rev. 81 (1951); Ricciardi, Diffusion Processes (1977); Brunel, J. Comput. Neurosci. 8 (2000).

Valid for |mu| up to 1e150 and sigma from 0 to 1e150.  Relative errors of rates are below 1e-12, of their derivatives
below 1e-11, of logarithms of rates (which are there when the rate itself is below 1e-308) below 1e-13.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from golden.theory.neuron import inputs
from golden.theory.passage import ROOT_PI, Passage, is_noisy

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from golden.neurons.lif import FloatArray
    from golden.theory.neuron import Neuron


def rheobase(neuron: Neuron) -> float:
    """mu [V] that is just not enough to fire without noise: V_th."""
    return neuron.V_th


def noise_free_rate(neuron: Neuron, mu: ArrayLike) -> FloatArray:
    """Rate [Hz] without noise, 1 / (t_ref + tau ln((mu - V_reset) / (mu - V_th))); 0 at and below rheobase."""
    m, _ = inputs(mu, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        interval = neuron.t_ref + neuron.tau * np.log1p(neuron.span / (m - neuron.V_th))
        return np.where(m > neuron.V_th, 1 / interval, 0.0)


def rate(neuron: Neuron, mu: ArrayLike, sigma: ArrayLike) -> FloatArray:
    """Stationary rate [Hz] of the neuron with input (mu, sigma) [V]; 0 where it is below the smallest float64."""
    m, s = inputs(mu, sigma)
    result = noise_free_rate(neuron, m)
    noisy = is_noisy(neuron, m, s)
    passage = Passage.of(neuron, m[noisy], s[noisy])
    result[noisy] = passage.damped(neuron) * np.exp(-passage.exponent)
    return result


def log_rate(neuron: Neuron, mu: ArrayLike, sigma: ArrayLike) -> FloatArray:
    """Natural logarithm of the rate [Hz]: finite however rare spikes are; -inf only without noise."""
    m, s = inputs(mu, sigma)
    with np.errstate(divide="ignore"):
        result: FloatArray = np.array(np.log(noise_free_rate(neuron, m)))
    noisy = is_noisy(neuron, m, s)
    passage = Passage.of(neuron, m[noisy], s[noisy])
    result[noisy] = np.log(passage.damped(neuron)) - passage.exponent
    return result


def rate_slope_mu(neuron: Neuron, mu: ArrayLike, sigma: ArrayLike) -> FloatArray:
    """d rate / d mu [Hz/V]: the susceptibility to a slow change of the mean input.

    Without noise it is the f-I curve's slope; at rheobase, where that has none, nan.
    """
    m, s = inputs(mu, sigma)
    with np.errstate(divide="ignore", invalid="ignore"):
        steep = noise_free_rate(neuron, m) ** 2 * neuron.tau * neuron.span
        result = np.where(m > neuron.V_th, steep / ((m - neuron.V_th) * (m - neuron.V_reset)), 0.0)
    result[m == neuron.V_th] = np.nan
    noisy = is_noisy(neuron, m, s)
    passage = Passage.of(neuron, m[noisy], s[noisy])
    result[noisy] = _slope(neuron, passage, passage.change_of_erfcx()) / s[noisy]
    return result


def rate_slope_sigma(neuron: Neuron, mu: ArrayLike, sigma: ArrayLike) -> FloatArray:
    """d rate / d sigma [Hz/V]: the susceptibility to a slow change of the noise; 0 without noise."""
    m, s = inputs(mu, sigma)
    result = np.zeros(m.shape)
    noisy = is_noisy(neuron, m, s)
    passage = Passage.of(neuron, m[noisy], s[noisy])
    result[noisy] = _slope(neuron, passage, passage.change_of_moment()) / s[noisy]
    return result


def _slope(neuron: Neuron, passage: Passage, change: FloatArray) -> FloatArray:
    """rate^2 tau sqrt(pi) x change of the integral [Hz], the exponential of the one in the other."""
    return neuron.tau * ROOT_PI * passage.damped(neuron) ** 2 * np.exp(-passage.exponent) * change
