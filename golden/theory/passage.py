"""The integral behind Siegert's rate, without overflow and without cancellation.

    Int_yr^yt erfcx(-s) ds = exp(max(yt, 0)^2) K(yt, yr),   y = (V - mu) / sigma

It is split where it would cancel: above threshold (yt <= 0) the integrand is smooth on the scale of s itself; below it
erfcx(-s) = 2 exp(s^2) - erfcx(s) leaves Dawson's function; and where yr and yt are close, quadrature does it directly.
So K and its derivatives are good to some last bits of a float64 for every yt and yr up to 1e100.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import dawsn, erfc, erfcx

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from golden.neurons.lif import FloatArray
    from golden.theory.neuron import Neuron

ROOT_PI = math.sqrt(math.pi)
#: From here on six terms of erfcx's asymptotic series are exact to the last bit of a float64.
_FAR = 50.0
#: From here on seventeen terms are.
_MIDDLE = 8.0
#: Beyond this |y| a squared y is near the largest float64: there the noise is none.
_NOISE_FREE = 1e100
#: yt^2 - yr^2 from which on two of Dawson's functions do not cancel.
_STEEP = 30.0


@dataclass(frozen=True, eq=False)
class Passage:
    """yt and yt - yr of every (mu, sigma), arrays of one shape."""

    top: FloatArray
    width: FloatArray

    @classmethod
    def of(cls, neuron: Neuron, mu: FloatArray, sigma: FloatArray) -> Passage:
        """Those of a neuron; sigma > 0."""
        return cls((neuron.V_th - mu) / sigma, neuron.span / sigma)

    @property
    def bottom(self) -> FloatArray:
        """yr."""
        return self.top - self.width

    @property
    def exponent(self) -> FloatArray:
        """max(yt, 0)^2."""
        return np.maximum(self.top, 0.0) ** 2

    @cached_property
    def scaled(self) -> FloatArray:
        """K."""
        top, width, bottom = self.top, self.width, self.bottom
        result = np.empty(top.shape)
        above = top <= 0
        result[above] = integral_of_erfcx(-top[above], width[above])
        across = (bottom < 0) & (top > 0)
        yt, yr = top[across], bottom[across]
        low, high = np.minimum(yt, -yr), np.maximum(yt, -yr)
        result[across] = 2 * dawsn(yt) + np.exp(-(yt**2)) * np.sign(-yr - yt) * integral_of_erfcx(low, high - low)
        drop = width * (top + bottom)  # yt^2 - yr^2
        steep = (bottom >= 0) & (drop > _STEEP)
        yt, yr = top[steep], bottom[steep]
        rest = np.exp(-(yt**2)) * integral_of_erfcx(yr, width[steep])
        result[steep] = 2 * dawsn(yt) - 2 * np.exp(-drop[steep]) * dawsn(yr) - rest
        gentle = (bottom >= 0) & (drop <= _STEEP)
        x, w = gauss(64)
        down = width[gentle, None] * x  # yt - s
        values = np.exp(-down * (2 * top[gentle, None] - down)) * erfc(down - top[gentle, None])
        result[gentle] = width[gentle] * (values @ w)
        return result

    def damped(self, neuron: Neuron) -> FloatArray:
        """The neuron's rate x exp(exponent) [Hz]: a number of float64's range however rare spikes are."""
        return 1 / (neuron.t_ref * np.exp(-self.exponent) + neuron.tau * ROOT_PI * self.scaled)

    def change_of_erfcx(self) -> FloatArray:
        """exp(-exponent) (erfcx(-yt) - erfcx(-yr)) = dK / dmu x sigma, up to the scale."""
        return self._change(0)

    def change_of_moment(self) -> FloatArray:
        """exp(-exponent) (yt erfcx(-yt) - yr erfcx(-yr))."""
        return self._change(1)

    def _change(self, power: int) -> FloatArray:
        top, width, bottom = self.top, self.width, self.bottom
        result = self._scaled(power, np.zeros(()), top, width) - self._scaled(power, width, top, width)
        drop = width * (top + bottom)
        close = (width < np.maximum(1.0, -top)) & ((drop < 1) | (top <= 0))
        x, w = gauss(40)
        down = width[close, None] * x
        result[close] = width[close] * (self._slope(power, down, top[close, None]) @ w)
        return result

    def _scaled(self, power: int, down: FloatArray, top: FloatArray, width: FloatArray) -> FloatArray:
        """exp(-exponent) s^power erfcx(-s) at s = top - down; up to a constant where top <= 0."""
        s = top - down
        grown = np.exp(-np.where(s > 0, down * (top + s), 0.0)) * erfc(-np.maximum(s, 0.0)) * s**power
        shrunk = np.exp(-(np.maximum(top, 0.0) ** 2))
        value = erfcx(np.maximum(-s, 0.0))
        if power:
            value = np.where(top > 0, s * value, -_moment(np.maximum(-s, 0.0)))
        result: FloatArray = np.where(s > 0, grown, shrunk * value)
        return result

    def _slope(self, power: int, down: FloatArray, top: FloatArray) -> FloatArray:
        """Its derivative in s, exp(-exponent) d(s^power erfcx(-s)) / ds."""
        s = top - down
        scale = np.exp(-(np.maximum(top, 0.0) ** 2))
        value = np.exp(-np.where(s > 0, down * (top + s), 0.0)) * erfc(-np.maximum(s, 0.0))
        slope = 2 * s * value + scale * 2 / ROOT_PI
        behind = np.maximum(-s, 0.0)
        if power:
            ahead, other = value + s * slope, _moment_slope(behind)
        else:
            ahead, other = slope, -_erfcx_slope(behind)
        result: FloatArray = np.where(s > 0, ahead, scale * other)
        return result


def is_noisy(neuron: Neuron, mu: FloatArray, sigma: FloatArray) -> NDArray[np.bool_]:
    """Where sigma is large enough to be told from none."""
    largest = np.maximum(np.abs(neuron.V_th - mu), np.abs(neuron.V_reset - mu))
    noisy: NDArray[np.bool_] = sigma * _NOISE_FREE > np.maximum(largest, neuron.span)
    return noisy


def integral_of_erfcx(start: FloatArray, width: FloatArray) -> FloatArray:
    """Int erfcx from start >= 0 over width >= 0, to 1e-14 of itself however short, long or far.

    Gauss and Legendre in asinh(s), on whose scale erfcx is smooth, up to _FAR; the asymptotic series beyond it.
    """
    near = np.minimum(width, np.maximum(_FAR - start, 0.0))
    x8, w8 = gauss(8)
    end = start + near
    short = near * ((1 / np.hypot(1, start[..., None] + near[..., None] * x8)) @ w8)
    spread = np.where(near < 0.1, short, np.arcsinh(end) - np.arcsinh(start))
    x, w = gauss(48)
    s = np.sinh(np.arcsinh(start)[..., None] + spread[..., None] * x)
    result: FloatArray = spread * ((erfcx(s) * np.hypot(1, s)) @ w)
    base = np.maximum(start, _FAR)
    ratio = np.log1p((width - near) / base)
    tail, term, shrinking = ratio.copy(), 1.0, np.ones(ratio.shape)
    for k in range(1, 7):
        # erfcx(s) ~ sum_k (-1)^k (2k - 1)!! / (2 s^2)^k / (s sqrt(pi))
        term *= -(2 * k - 1) / 2
        shrinking = shrinking / base / base
        tail += term * -np.expm1(-2 * k * ratio) / (2 * k) * shrinking
    return result + tail / ROOT_PI


def growth(low: FloatArray, high: FloatArray, exponent: FloatArray) -> FloatArray:
    """exp(-exponent) Int_low^high exp(x^2) dx for arrays of one shape, low <= high; exponent >= the larger square.

    By Dawson's function, and by quadrature where two of them would cancel.
    """
    ends = [np.exp(np.minimum(x**2 - exponent, 0.0)) * dawsn(x) for x in (low, high)]
    result: FloatArray = ends[1] - ends[0]
    close = np.abs(high**2 - low**2) < 2.0
    x, w = gauss(24)
    a, span = low[close, None], (high - low)[close]
    result[close] = span * (np.exp((a + span[:, None] * x) ** 2 - exponent[close, None]) @ w)
    return result


def _erfcx_slope(x: FloatArray) -> FloatArray:
    """d erfcx / dx for x >= 0."""
    return 2 * _moment(x)


def _moment(x: FloatArray) -> FloatArray:
    """x erfcx(x) - 1 / sqrt(pi) for x >= 0, by its asymptotic series where it would cancel."""
    return np.where(x < _MIDDLE, x * erfcx(x) - 1 / ROOT_PI, _series(x)[0])


def _moment_slope(x: FloatArray) -> FloatArray:
    """d(x erfcx) / dx for x >= 0, likewise."""
    return np.where(x < _MIDDLE, erfcx(x) + 2 * x * (x * erfcx(x) - 1 / ROOT_PI), _series(x)[1])


def _series(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """sqrt(pi) x erfcx(x) - 1 ~ sum_k (-1)^k (2k - 1)!! / (2 x^2)^k, over sqrt(pi), and its derivative."""
    x = np.maximum(x, _MIDDLE)
    value, slope, term = np.zeros(x.shape), np.zeros(x.shape), np.ones(x.shape)
    for k in range(1, 18):
        term = term * -(2 * k - 1) / (2 * x**2)
        value += term
        slope += term * -2 * k / x
    return value / ROOT_PI, slope / ROOT_PI


@cache
def gauss(n: int) -> tuple[FloatArray, FloatArray]:
    """Nodes and weights of Gauss and Legendre on 0 to 1."""
    x, w = np.polynomial.legendre.leggauss(n)
    return (x + 1) / 2, w / 2
