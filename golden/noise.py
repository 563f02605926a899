"""Noise of a stepped neuron: white noise on the membrane, or spikes of a Poisson process, drawn anew for every step.

The numbers are made of random words (golden.threefry) by functions that are the same text in NumPy and in compiled
loops, and exact in the same bits: additions, products, quotients and roots of float32, each rounded once.

Two words make two normal numbers, after Box and Muller (Ann. Math. Stat. 29, 1958): a radius from the logarithm of the
first, an angle from 30 bits of the second within an eighth of the circle to either side of a diagonal, and two signs
from the other two bits. The smallest radius but zero and the largest are 2e-4 and 6.56; the series are good to 5e-7.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import pdtr

from golden.compiled import compilable
from golden.errors import SpecError
from golden.threefry import TILE, Key, Word, WordArray, draw, key

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from golden.fixed import IntArray
    from golden.neurons.lif import FloatArray, LIFNeuron, Value
    from golden.propagator import Propagator, Scheme

#: Most spikes of a Poisson process in a step, in the mean: beyond it a current does as well.
MOST_PER_STEP = 1000.0

#: Mean overshoot of a Gaussian random walk, in its step's standard deviation: -zeta(1/2) / sqrt(2 pi).
OVERSHOOT = 0.5825971579390107

_HALF = TILE // 2
_SIGN = 0x80000000
#: Bits of the float32 below sqrt(2)/2 x 2: mantissas are taken from sqrt(1/2) to sqrt(2).
_ROOT_HALF = 0x3F3504F3
_ONE, _TWO = np.float32(1), np.float32(2)
_LN2 = np.float32(math.log(2))
_EIGHTH = np.float32(math.pi / 4 / 2**31)
_L3, _L5, _L7, _L9 = (np.float32(1 / k) for k in (3, 5, 7, 9))
_S3, _S5, _S7 = (np.float32(s / math.factorial(k)) for s, k in ((-1, 3), (1, 5), (-1, 7)))
_C2, _C4, _C6, _C8 = (np.float32(s / math.factorial(k)) for s, k in ((-1, 2), (1, 4), (-1, 6), (1, 8)))


@dataclass(frozen=True, eq=False)
class WhiteNoise:
    """tau_m dV = (V_inf - V) dt + sigma sqrt(tau_m) dW, independent for every neuron.

    sigma  [V], one number or one for each neuron; the variance of the free membrane is sigma**2 / 2
    seed   within 0 to 2**64 - 1
    """

    sigma: Value
    seed: int

    def __post_init__(self) -> None:
        _check("White noise sigma", self.sigma, "V", signed=False)
        _check_seed(self.seed)

    @property
    def key(self) -> Key:
        """Key of its random words."""
        return key(self.seed, 1)

    def kick(self, neurons: LIFNeuron, p: Propagator, scheme: Scheme) -> FloatArray:
        """(N,) [V]: standard deviation of a step, exact for the exponential scheme; sigma sqrt(dt/tau) for Euler's."""
        q = p.dt / np.asarray(neurons.tau_m)
        kick: FloatArray = self.sigma * np.sqrt(-np.expm1(-2 * q) / 2 if scheme == "exponential" else q)
        return kick

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a header."""
        return {"kind": "white", "sigma": np.asarray(self.sigma).tolist(), "seed": self.seed}


def threshold_shift(sigma: Value, tau: Value, dt: float) -> FloatArray:
    """By how much [V] to lower a threshold that is looked at every ``dt``, to be reached as often as a watched one.

    -zeta(1/2) / sqrt(2 pi) = 0.5825971579 of a step's standard deviation sigma sqrt(dt / tau): the mean height by which
    a random walk jumps over a level (Siegmund, Adv. Appl. Prob. 11, 1979; Broadie, Glasserman and Kou, Math. Finance 7,
    1997).  To first order in sqrt(dt / tau): noise-driven rates are right within 1 % up to dt = tau / 20. For diffusive
    noise only.
    """
    shift: FloatArray = np.asarray(OVERSHOOT * np.asarray(sigma) * np.sqrt(dt / np.asarray(tau)))
    return shift


@dataclass(frozen=True, eq=False)
class PoissonNoise:
    """Input spikes of a Poisson process of its own for every neuron, counted by steps.

    rate    [Hz], of every neuron
    weight  as of input spikes (golden.stimulus); one number or one for each neuron
    seed    within 0 to 2**64 - 1
    """

    rate: float
    weight: Value
    seed: int

    def __post_init__(self) -> None:
        if not (math.isfinite(self.rate) and self.rate >= 0):
            raise SpecError.rule("Poisson noise rate", "finite and not negative", f"{self.rate:g} Hz")
        _check("Poisson noise weight", self.weight, "", signed=True)
        _check_seed(self.seed)

    @property
    def key(self) -> Key:
        """Key of its random words."""
        return key(self.seed, 2)

    def thresholds(self, dt: float) -> WordArray:
        """Ascending: a word means as many spikes in a step as there are thresholds up to it.

        That is inversion of the distribution function, to 2**-32; SpecError for more than ``MOST_PER_STEP`` a step.
        """
        mean = self.rate * dt
        if mean > MOST_PER_STEP:
            raise SpecError.rule("Poisson noise rate", f"at most {MOST_PER_STEP:g} spikes a step", f"{mean:g}")
        below = np.rint(pdtr(np.arange(mean + 20 * math.sqrt(mean) + 20), mean) * 2.0**32)
        thresholds: WordArray = below[below < 2**32].astype(np.uint32)
        return thresholds

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a header."""
        return {
            "kind": "poisson",
            "rate": float(self.rate),
            "weight": np.asarray(self.weight).tolist(),
            "seed": self.seed,
        }


def normal_pair(a: Word, b: Word) -> tuple[Any, Any]:
    """Two independent standard normal float32 from two words."""
    uniform = np.float32(np.int32(a >> 1)) + _ONE  # times 2**-31
    bits = np.float32(uniform).view(np.int32)
    exponent = np.int32((bits - _ROOT_HALF) >> 23)
    mantissa = np.int32(bits - (exponent << 23)).view(np.float32)
    s = (mantissa - _ONE) / (mantissa + _ONE)  # ln m = 2 artanh s
    s2 = s * s
    series = _ONE + s2 * (_L3 + s2 * (_L5 + s2 * (_L7 + s2 * _L9)))
    log = _TWO * s * series + np.float32(np.int32(exponent - 31)) * _LN2
    radius = np.sqrt(-log)  # of unit variance along the diagonals
    angle = np.float32(np.int32(b << 2)) * _EIGHTH
    t2 = angle * angle
    sine = angle * (_ONE + t2 * (_S3 + t2 * (_S5 + t2 * _S7)))
    cosine = _ONE + t2 * (_C2 + t2 * (_C4 + t2 * (_C6 + t2 * _C8)))
    return _signed(radius * (cosine + sine), b), _signed(radius * (cosine - sine), b << 1)


def _signed(x: Any, word: Word) -> Any:
    """x, with its sign turned where the highest bit of the word is set."""
    return np.int32(np.float32(x).view(np.int32) ^ np.int32(word & _SIGN)).view(np.float32)


def normal_tile(words: WordArray, normals: NDArray[np.float32]) -> None:
    """Normal numbers of a tile: the words of neurons k and k + TILE/2 make the numbers of both."""
    for k in range(_HALF):
        first, second = normal_pair(words[k], words[k + _HALF])
        normals[k] = first
        normals[k + _HALF] = second


def count_tile(words: WordArray, thresholds: WordArray, counts: NDArray[np.float32]) -> None:
    """Numbers of spikes of a tile."""
    for k in range(TILE):
        counts[k] = 0
    for threshold in thresholds:
        for k in range(TILE):
            counts[k] += np.float32(1) if words[k] >= threshold else np.float32(0)


compilable(normal_pair, _signed, normal_tile, count_tile, inline=True)


def normals(size: int, step: int, key: Key) -> NDArray[np.float32]:
    """(size,): the normal numbers of a step, by NumPy."""
    words = draw(-(-size // TILE), step, key)
    pairs = normal_pair(words[:, :_HALF], words[:, _HALF:])
    return np.concatenate(pairs, axis=1).ravel()[:size]


def counts(size: int, step: int, key: Key, thresholds: WordArray) -> IntArray:
    """(size,): the numbers of spikes of a step, by NumPy."""
    words = draw(-(-size // TILE), step, key).ravel()[:size]
    return np.searchsorted(thresholds, words, side="right")


def _check(thing: str, value: Value, unit: str, *, signed: bool) -> None:
    wrong = np.atleast_1d(~np.isfinite(value) | (not signed and np.less(value, 0)))
    if wrong.any():
        first = np.atleast_1d(value)[wrong][0]
        raise SpecError.rule(thing, "finite" if signed else "finite and not negative", f"{first:g} {unit}".strip())


def _check_seed(seed: int) -> None:
    if not 0 <= seed < 2**64:
        raise SpecError.rule("Seed", "within 0 to 2**64 - 1", seed)
