"""The steps of golden.theory.fokker_planck in compiled code: three diagonals, factored when the input changes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from golden.compiled import compilable, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from golden.neurons.lif import FloatArray


def bernoulli(x: float) -> float:
    """x / (exp(x) - 1), 1 at 0; bernoulli(-x) = x + bernoulli(x)."""
    if abs(x) < 1e-10:
        return 1.0 - x / 2
    return x / math.expm1(x) if x < 700.0 else 0.0


def absorption(mu: float, d: float, tau: float, width: float, top: float) -> float:
    """Rate [1/s] at which the last cell is absorbed at ``top``, half a cell from its centre; ``d`` [V^2/s]."""
    half = width / 2
    edge = (mu - (top - half / 2)) / tau * half / d
    return d / half / width * bernoulli(-edge)


@kernel
def advance(
    p: FloatArray, left: FloatArray, first: int, last: int, dt: float, tau: float, mu: FloatArray, sigma: FloatArray,
    damped: NDArray[np.bool_], width: float, top: float, reset: int, late: int, part: float,
) -> None:  # fmt: skip
    """Steps ``first`` to ``last`` - 1 of density ``p``; left[late + 1 + k] gets what leaves in step k.

    What enters in step k left ``late`` + ``part`` steps before; with late = 0 in the same step.
    """
    n = p.size
    lower, diagonal, upper = np.empty(n), np.empty(n), np.empty(n)
    ratio, inverse, again = np.empty(n), np.empty(n), np.empty(n)
    half = dt / 2  # of Crank and Nicolson's step as of a damped one: both solve with the same matrix
    out = 0.0
    for k in range(first, last):
        if k == first or mu[k] != mu[k - 1] or sigma[k] != sigma[k - 1]:
            out = _rates(lower, diagonal, upper, mu[k], sigma[k] * sigma[k] / (2 * tau), tau, width, top)
            _factor(half, lower, diagonal, upper, ratio, inverse)
            if late == 0:
                # What leaves enters again: one more matrix entry, by Sherman and Morrison.
                again[:] = 0.0
                again[reset] = half * out
                _solve(again, half, lower, ratio, inverse)
                again /= 1 - again[n - 1]
        enters = ((1 - part) * left[k + 1] + part * left[k]) / width if late > 0 else 0.0
        gone = 0.0
        if damped[k]:
            for _ in range(2):
                p[reset] += enters / 2
                gone += _implicit(p, half, lower, ratio, inverse, again, late)
        else:
            gone = p[n - 1]
            _explicit(p, half, lower, diagonal, upper)
            p[reset] += enters
            if late == 0:
                p[reset] += half * out * gone
            gone += _implicit(p, half, lower, ratio, inverse, again, late)
        left[late + 1 + k] = gone * half * out * width


def _rates(
    lower: FloatArray, diagonal: FloatArray, upper: FloatArray, mu: float, d: float, tau: float, width: float,
    top: float,
) -> float:  # fmt: skip
    """Fill the generator's three diagonals [1/s]; returns the rate at which the last cell is absorbed."""
    n = diagonal.size
    scale, steep = d / (width * width), width / (tau * d)
    diagonal[:] = 0.0
    lower[0] = upper[n - 1] = 0.0
    for i in range(n - 1):
        z = (mu - (top - width * (n - 1 - i))) * steep
        small = bernoulli(abs(z))
        large = small + abs(z)
        up, down = (scale * large, scale * small) if z > 0 else (scale * small, scale * large)
        diagonal[i] -= up
        lower[i + 1] = up
        diagonal[i + 1] -= down
        upper[i] = down
    out = absorption(mu, d, tau, width, top)
    diagonal[n - 1] -= out
    return out


def _explicit(p: FloatArray, dt: float, lower: FloatArray, diagonal: FloatArray, upper: FloatArray) -> None:
    """p += dt A p, A of three diagonals."""
    n, below = p.size, 0.0
    for i in range(n):
        here = p[i]
        flow = lower[i] * below + diagonal[i] * here
        if i < n - 1:
            flow += upper[i] * p[i + 1]
        p[i] = here + dt * flow
        below = here


def _implicit(
    p: FloatArray, dt: float, lower: FloatArray, ratio: FloatArray, inverse: FloatArray, again: FloatArray, late: int
) -> float:
    """The implicit half of a step, in place; returns the last cell's density after it."""
    _solve(p, dt, lower, ratio, inverse)
    if late == 0:
        gain = p[p.size - 1]
        for i in range(p.size):
            p[i] += gain * again[i]
    return float(p[p.size - 1])


def _factor(
    dt: float, lower: FloatArray, diagonal: FloatArray, upper: FloatArray, ratio: FloatArray, inverse: FloatArray
) -> None:
    """Pivots of 1 - dt A for _solve; diagonally dominant by columns, so elimination needs no exchange of rows."""
    inverse[0] = 1 / (1 - dt * diagonal[0])
    for i in range(1, diagonal.size):
        ratio[i] = -dt * upper[i - 1] * inverse[i - 1]
        inverse[i] = 1 / (1 - dt * diagonal[i] + dt * lower[i] * ratio[i])


def _solve(x: FloatArray, dt: float, lower: FloatArray, ratio: FloatArray, inverse: FloatArray) -> None:
    """(1 - dt A) x = what x was."""
    n = x.size
    x[0] *= inverse[0]
    for i in range(1, n):
        x[i] = (x[i] + dt * lower[i] * x[i - 1]) * inverse[i]
    for i in range(n - 2, -1, -1):
        x[i] -= ratio[i + 1] * x[i + 1]


compilable(bernoulli, absorption, _rates, _explicit, _implicit, _factor, _solve)
