"""The march of threshold integration: from the threshold down, by Taylor series, for one complex frequency at a time.

In y = (V - mu) / sigma, times in tau, and s = i w tau, flux j and density q of one frequency obey, at x = yt - y,

    dq/dx = 2 y q + 2 j + source,    dj/dx = s q

with coefficients that are linear in x, so each cell's Taylor series has a three-term recurrence and is summed to the
last bit.  Every flux is s times a mass m (and the constant that leaves at the threshold), which is what is carried:
nothing is then 0 / 0 at s = 0.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from golden.compiled import compilable, kernel

if TYPE_CHECKING:
    from golden.fixed import IntArray
    from golden.neurons.lif import FloatArray
    from golden.theory.threshold_integration import ComplexArray

#: Terms of a cell's series, and the largest exponent in a cell: exp(2) in 30 terms is exact to 1e-21.
_TERMS = 30
_REACH = 2.0
#: Solutions are scaled down together beyond this size.
_LARGE = 1e150


@kernel
def march(
    top: FloatArray, bottom: FloatArray, refractory: FloatArray, s: ComplexArray, wanted: IntArray, out: ComplexArray
) -> None:
    """Solve for every (yt, yr, t_ref / tau, s); ``out`` (n, 5) gets, all in one arbitrary scale for each row:

    0  the flux at the threshold
    1  mass of the density with that flux and no re-injection
    2  the same with re-injection after the refractory time, which counts as mass
    3  mass of the answer to a change of the mean, d mu = sigma, with no flux at the threshold
    4  likewise to a change of the noise, d sigma = sigma

    Of 1, 3 and 4 only those ``wanted`` are computed; the others are 0.
    """
    asked = np.zeros(4, np.bool_)
    asked[1] = True
    for answer in wanted:
        asked[answer - 1] = True
    below = np.flatnonzero(asked)
    asked[:2] = True, False  # above the reset the first two are the same
    above = np.flatnonzero(asked)
    for k in range(top.size):
        _one(top[k], bottom[k], refractory[k], s[k], above, below, out[k])


def _one(
    top: float, bottom: float, refractory: float, s: complex, above: IntArray, below: IntArray, out: ComplexArray
) -> None:
    # Masses below the reset decay as exp(-y^2) below the lower of reset and mean: to 1e-18 of what they are there.
    low = -math.sqrt(min(bottom, 0.0) ** 2 + 42.0)
    state = np.zeros(9, np.complex128)  # density and mass: free, re-injected, mean, noise; last the stationary density
    unit = 1.0
    y = top
    rate = math.sqrt(2 * abs(s)) + 4.0
    while y > bottom:
        h = min(_REACH / (2 * abs(y) + rate), y - bottom)
        unit = _cell(y, h, s, unit, unit, above, state)
        y = y - h if h < y - bottom else bottom
    # What leaves at the threshold comes back here after t_ref: (1 - exp(-s t_ref)) / s of it is on the way.
    half = s * refractory / 2
    waiting = refractory * (np.exp(-half) * np.sinh(half) / half if half != 0 else 1.0)
    state[2], state[3] = state[0], state[1] + unit * waiting
    while y > low:
        h = min(_REACH / (2 * abs(y) + rate), y - low)
        unit = _cell(y, h, s, unit, 0.0, below, state)
        y = y - h if h < y - low else low
    out[0] = unit
    out[1:] = 0
    for j in below:
        out[1 + j] = state[2 * j + 1]


def _cell(
    y: float, h: float, s: complex, unit: float, stationary: float, active: IntArray, state: ComplexArray
) -> float:
    """Carry the ``active`` of ``state`` over a cell of width h below y; returns the unit of flux, scaled as they are.

    ``stationary`` is the flux of the stationary density: the unit above the reset, none below it.
    """
    density = state[8].real
    before, previous = 0.0, np.zeros(4, np.complex128)
    q = state[0:8:2].copy()
    m = state[1:8:2].copy()
    total_q, total_m, total = q.copy(), m.copy(), density
    power = 1.0
    for k in range(_TERMS):
        rising = (2 * y * density - 2 * before + (2 * stationary if k == 0 else 0.0)) / (k + 1)
        power *= h
        for j in active:
            # The first solution's flux is unit + s m everywhere, the second's s m below the reset.
            flux = s * m[j]
            if k == 0 and j == 0:
                flux += unit
            change = 2 * y * q[j] - 2 * previous[j] + 2 * flux
            if j == 2:
                change -= 2 * density
            elif j == 3:
                change -= 2 * (k + 1) * rising
            previous[j], m[j] = q[j], q[j] / (k + 1)
            q[j] = change / (k + 1)
            total_q[j] += q[j] * power
            total_m[j] += m[j] * power
        before, density = density, rising
        total += density * power
    size = abs(total)
    for j in active:
        size += abs(total_q[j])
    scale = 1 / _LARGE if size > _LARGE else 1.0
    state[0:8:2], state[1:8:2], state[8] = total_q * scale, total_m * scale, total * scale
    return unit * scale


compilable(_one, _cell)
