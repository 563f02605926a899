"""The steps of golden.theory.fokker_planck in compiled code: three diagonals, solved by elimination."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from golden.compiled import compilable, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from golden.neurons.lif import FloatArray


def bernoulli(x: FloatArray) -> FloatArray:
    """x / (exp(x) - 1), 1 at 0."""
    safe = np.where(x == 0, 1.0, x)
    with np.errstate(over="ignore"):
        result: FloatArray = np.where(x == 0, 1.0, safe / np.expm1(safe))
    return result


@kernel
def advance(
    p: FloatArray, left: FloatArray, first: int, last: int, dt: float, tau: float, mu: FloatArray, sigma: FloatArray,
    damped: NDArray[np.bool_], width: float, top: float, reset: int, late: int, part: float,
) -> None:  # fmt: skip
    """Steps ``first`` to ``last`` - 1 of density ``p``; left[late + 1 + k] gets what leaves in step k.

    What enters in step k left ``late`` + ``part`` steps before; with late = 0 in the same step.
    """
    lower, diagonal, upper = np.empty(p.size), np.empty(p.size), np.empty(p.size)
    scratch, right, answer = np.empty(p.size), np.empty(p.size), np.empty(p.size)
    for k in range(first, last):
        out = _rates(lower, diagonal, upper, mu[k], sigma[k] * sigma[k] / (2 * tau), tau, width, top)
        enters = (1 - part) * left[k + 1] + part * left[k] if late > 0 else 0.0
        if damped[k]:
            gone = _step(
                p, dt / 2, 1.0, lower, diagonal, upper, out, enters / 2, width, reset, late, scratch, right, answer
            )
            gone += _step(
                p, dt / 2, 1.0, lower, diagonal, upper, out, enters / 2, width, reset, late, scratch, right, answer
            )
        else:
            gone = _step(p, dt, 0.5, lower, diagonal, upper, out, enters, width, reset, late, scratch, right, answer)
        left[late + 1 + k] = gone


def _rates(
    lower: FloatArray,
    diagonal: FloatArray,
    upper: FloatArray,
    mu: float,
    d: float,
    tau: float,
    width: float,
    top: float,
) -> float:
    """Fill the generator's three diagonals [1/s]; returns the rate at which the last cell is absorbed."""
    n = diagonal.size
    scale = d / (width * width)
    for i in range(n):
        lower[i] = diagonal[i] = upper[i] = 0.0
    for i in range(n - 1):
        face = top - width * (n - 1 - i)
        z = (mu - face) / tau * width / d
        up, down = scale * _bernoulli(-z), scale * _bernoulli(z)
        diagonal[i] -= up
        lower[i + 1] += up
        diagonal[i + 1] -= down
        upper[i] += down
    half = width / 2
    edge = (mu - (top - half / 2)) / tau * half / d
    out = d / half / width * _bernoulli(-edge)
    diagonal[n - 1] -= out
    return out


def _bernoulli(x: float) -> float:
    if abs(x) < 1e-10:
        return 1.0 - x / 2
    return x / math.expm1(x) if x < 700.0 else 0.0


def _step(
    p: FloatArray, dt: float, theta: float, lower: FloatArray, diagonal: FloatArray, upper: FloatArray, out: float,
    enters: float, width: float, reset: int, late: int, scratch: FloatArray, right: FloatArray, answer: FloatArray,
) -> float:  # fmt: skip
    """One theta step in place; returns the mass that leaves in it."""
    n = p.size
    explicit, implicit = (1 - theta) * dt, theta * dt
    before = p[n - 1]
    for i in range(n):
        flow = diagonal[i] * p[i]
        if i > 0:
            flow += lower[i] * p[i - 1]
        if i < n - 1:
            flow += upper[i] * p[i + 1]
        right[i] = p[i] + explicit * flow
    right[reset] += enters / width
    if late == 0:
        right[reset] += explicit * out * before
    _solve(p, right, implicit, lower, diagonal, upper, scratch)
    if late == 0:
        # What leaves enters again: one more matrix entry, by Sherman and Morrison.
        for i in range(n):
            right[i] = 0.0
        right[reset] = implicit * out
        _solve(answer, right, implicit, lower, diagonal, upper, scratch)
        gain = p[n - 1] / (1 - answer[n - 1])
        for i in range(n):
            p[i] += gain * answer[i]
    return float((explicit * before + implicit * p[n - 1]) * out * width)


def _solve(
    x: FloatArray, right: FloatArray, dt: float, lower: FloatArray, diagonal: FloatArray, upper: FloatArray,
    scratch: FloatArray,
) -> None:  # fmt: skip
    """(1 - dt A) x = right, A of three diagonals; diagonally dominant by columns, so elimination needs no pivot."""
    n = x.size
    pivot = 1 - dt * diagonal[0]
    x[0] = right[0] / pivot
    for i in range(1, n):
        scratch[i] = -dt * upper[i - 1] / pivot
        pivot = 1 - dt * diagonal[i] + dt * lower[i] * scratch[i]
        x[i] = (right[i] + dt * lower[i] * x[i - 1]) / pivot
    for i in range(n - 2, -1, -1):
        x[i] -= scratch[i + 1] * x[i + 1]


compilable(_rates, _bernoulli, _step, _solve)
