"""Inter-spike intervals of a noisy LIF neuron: coefficient of variation, density, survival.

The intervals are independent (a renewal process), each t_ref and a first passage from V_reset to V_th.

    CV^2 = 2 pi (r0 tau)^2 Int_-inf^yt dz exp(-z^2) erfcx(-z)^2 Int_max(z, yr)^yt dx exp(x^2)

is Brunel's double integral (J. Comput. Neurosci. 8, 2000, appendix) with the order exchanged, so that the inner one is
Dawson's function.  The density is the inverse Laplace transform of the first passage's, by threshold integration at
complex frequencies: a Fourier sum where intervals are regular, and where they are not an integral over Weideman and
Trefethen's parabola (Math. Comput. 76, 2007), which gains a digit with every third node.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import erfc, erfcx

from golden.errors import SpecError
from golden.theory.neuron import finite, inputs
from golden.theory.passage import Passage, gauss, growth, is_noisy
from golden.theory.rate import rate
from golden.theory.threshold_integration import interval_transform, solve

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from golden.neurons.lif import FloatArray
    from golden.theory.neuron import Neuron

__all__ = ["cv", "interval_density", "interval_survival", "interval_transform"]

#: Panels halve towards the ends, so that layers down to 2^-40 of the range are resolved.
_PANELS = 40
#: Ratio of the longest to the shortest time that share a contour, and its nodes on either side of the axis.
_WINDOW, _NODES = 5.0, 36
#: Below this CV intervals are inverted by a Fourier sum, in chunks of so many frequencies.
_REGULAR, _CHUNK = 0.4, 256


def cv(neuron: Neuron, mu: ArrayLike, sigma: ArrayLike) -> FloatArray:
    """Coefficient of variation of the inter-spike intervals; 0 without noise above rheobase, nan below it.

    Relative error below 1e-10 for |V - mu| up to a thousand sigma.  Far below threshold, where a spike right after a
    reset is as rare as any other, spikes are a Poisson process and it is 1.
    """
    m, s = inputs(mu, sigma)
    result = np.where(m > neuron.V_th, 0.0, np.nan)
    noisy = is_noisy(neuron, m, s)
    passage = Passage.of(neuron, m, np.where(noisy, s, 1.0))
    # What is missing to 1 is of the order of exp(-yt^2), and above the mean of exp(yr^2 - yt^2).
    steep = (passage.bottom <= 0) | (passage.width * (passage.top + passage.bottom) > 60)
    rare = noisy & (passage.top > 30) & steep
    result[rare] = 1.0
    noisy = noisy & ~rare
    if noisy.any():
        result[noisy] = np.sqrt(_squared(neuron, Passage.of(neuron, m[noisy], s[noisy])))
    return result


def interval_density(neuron: Neuron, mu: float, sigma: float, t: ArrayLike) -> FloatArray:
    """Density [1/s] of the inter-spike intervals at times t [s]; 0 up to t_ref.  Absolute error below 1e-9 / tau.

    Needs sigma > 0; (V_th - V_reset) / sigma up to some hundreds.
    """
    return _inverse(neuron, mu, sigma, t, survival=False)


def interval_survival(neuron: Neuron, mu: float, sigma: float, t: ArrayLike) -> FloatArray:
    """Probability that an interval is longer than t [s]; 1 up to t_ref.  Absolute error below 1e-9."""
    return _inverse(neuron, mu, sigma, t, survival=True)


def _squared(neuron: Neuron, p: Passage) -> FloatArray:
    top, bottom = p.top[:, None], p.bottom[:, None]
    edge, weight = _panels()
    # Below the reset the inner integral is the same, and the outer one decays as exp(-z^2), or exp(yr^2 - yt^2).
    reach = np.where(bottom < 0, 42 / (np.hypot(bottom, 6.5) - bottom), np.maximum(bottom, 0) + 6.5)
    total = np.zeros(top.shape[0])
    for high, span in ((top, p.width[:, None]), (bottom, reach)):
        z = high - span * edge
        inner = np.maximum(z, bottom)
        squares = np.maximum(z**2, np.maximum(inner**2, top**2))
        # exp(-2 E) exp(-z^2) erfcx(-z)^2 Int exp(x^2), E = max(yt, 0)^2; for z > 0 erfcx(-z) = exp(z^2) erfc(-z).
        grown = growth(inner.ravel(), np.broadcast_to(top, z.shape).ravel(), squares.ravel()).reshape(z.shape)
        outer = np.where(z > 0, erfc(-np.maximum(z, 0)), erfcx(np.maximum(-z, 0))) ** 2
        power = squares + np.where(z > 0, z**2, -(z**2)) - 2 * p.exponent[:, None]
        total += span[:, 0] * ((outer * grown * np.exp(power)) @ weight)
    result: FloatArray = 2 * np.pi * (p.damped(neuron) * neuron.tau) ** 2 * total
    return result


def _panels() -> tuple[FloatArray, FloatArray]:
    """Nodes and weights on 0 to 1 in panels that halve towards 0, and a few towards 1."""
    edges = np.concatenate(([0.0], 2.0 ** np.arange(-_PANELS, -1), 1 - 2.0 ** np.arange(-1, -12, -1), [1.0]))
    x, w = gauss(16)
    widths = np.diff(edges)
    return (edges[:-1, None] + widths[:, None] * x).ravel(), (widths[:, None] * w).ravel()


def _inverse(neuron: Neuron, mu: float, sigma: float, t: ArrayLike, *, survival: bool) -> FloatArray:
    m, s = inputs(mu, sigma, noisy=True)
    if m.shape:
        raise SpecError.rule("Input mu and sigma", "one number each", f"of shape {m.shape}")
    times = finite("time", t, "s")
    free = replace(neuron, t_ref=0.0)
    flat = (times.ravel() - neuron.t_ref) / neuron.tau
    result = np.where(flat > 0, 0.0, 1.0 if survival else 0.0)
    left = flat > 0
    regular = cv(free, m, s) < _REGULAR
    while left.any():
        window = left if regular else left & (flat <= flat[left].min() * _WINDOW)
        invert = _line if regular else _contour
        result[window] = invert(free, m, s, flat[window], survival)
        left = left & ~window
    return (result if survival else result / neuron.tau).reshape(times.shape)


def _contour(neuron: Neuron, mu: FloatArray, sigma: FloatArray, t: FloatArray, survival: bool) -> FloatArray:
    """The inverse Laplace transform of the first passage at times t, in tau, that differ by _WINDOW at most."""
    root = np.sqrt(8 * _WINDOW + 1)
    step = root / _NODES
    size = np.pi / 4 * _NODES / root / t.max()
    u = (np.arange(_NODES) + 0.5) * step
    s = size * (1j * u + 1) ** 2
    weight = size * 2j * (1j * u + 1)
    shape = s.shape
    out = solve(neuron, np.broadcast_to(mu, shape), np.broadcast_to(sigma, shape), s)
    missing = s * out[:, 2] / (out[:, 0] + s * out[:, 1])  # 1 - transform
    value = missing / s if survival else 1 - missing
    terms = np.exp(np.outer(t, s)) * (value * weight)
    result: FloatArray = (step / np.pi * terms.sum(axis=1)).imag
    return result


def _line(neuron: Neuron, mu: FloatArray, sigma: FloatArray, t: FloatArray, survival: bool) -> FloatArray:
    """The same along the imaginary axis, where the transform of a narrow density is short: a Fourier sum.

    Times later than mean (1 + 40 CV), whose density is below 1e-20, get 0; the period keeps them away.
    """
    mean = float(1 / rate(neuron, mu, sigma)) / neuron.tau
    longest = mean * (1 + 40 * float(cv(neuron, mu, sigma)))
    period = longest + mean
    late, t = t > longest, np.minimum(t, longest)
    width = 2 * np.pi / period
    result = np.full(t.shape, (mean if survival else 1.0) / period)  # the term at 0 Hz
    for first in count(1, _CHUNK):
        w = width * np.arange(first, first + _CHUNK)
        out = solve(neuron, np.broadcast_to(mu, w.shape), np.broadcast_to(sigma, w.shape), 1j * w)
        transform = 1 - 1j * w * out[:, 2] / (out[:, 0] + 1j * w * out[:, 1])
        # The survival's transform (1 - g) / s falls off as 1 / s only; its integral over the period is known exactly.
        value = -transform / (1j * w) if survival else transform
        for rows in np.array_split(np.arange(t.size), t.size // 1000 + 1):
            result[rows] += 2 / period * (np.exp(1j * np.outer(t[rows], w)) @ value).real
        if abs(transform[-_CHUNK // 4 :]).max() < 1e-13:
            break
    # Sum of 1 / s over the period's frequencies: a ramp, (1/2 - t / period).
    return np.where(late, 0.0, result + (0.5 - t / period if survival else 0.0))
