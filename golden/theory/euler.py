"""Forward Euler's advisor: what a time step does to a LIF neuron, and how large it may be.

    V' = V + q (mu - V),   q = dt / tau:   mu - V_n = (mu - V_0) (1 - q)^n

Monotone for q <= 1, at once at 1, ringing to 2, neutral there, divergent beyond.  A ringing neuron overshoots its input
to q mu in the first step from 0, and so fires below rheobase.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.optimize import brentq

from golden.errors import SpecError
from golden.neurons.lif import LIFNeuron
from golden.propagator import stability
from golden.theory.neuron import finite
from golden.theory.rate import noise_free_rate

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from golden.neurons.lif import FloatArray
    from golden.theory.neuron import Neuron


@dataclass(frozen=True)
class Advice:
    """A step of ``q`` = dt / tau.

    verdict   monotone, ringing, neutral or divergent (golden.propagator)
    factor    1 - q, of the distance from the input in a step
    tau_eff   -dt / ln|1 - q| [s], negative where it diverges, 0 at q = 1, inf at q = 2
    rheobase  smallest mean input [V] that fires from V_reset
    """

    q: float
    verdict: Literal["monotone", "ringing", "neutral", "divergent"]
    factor: float
    tau_eff: float
    rheobase: float


def advise(neuron: Neuron, dt: float) -> Advice:
    """What forward Euler makes of ``neuron`` at steps of ``dt`` [s]."""
    q = _step(neuron, dt)
    resting = min(neuron.V_reset, neuron.V_th - 1.0)
    cell = LIFNeuron.from_tau(tau_m=neuron.tau, R=1.0, E_L=resting, V_th=neuron.V_th, V_reset=neuron.V_reset)
    verdict = stability(cell.broadcast(1), dt, "euler").verdict
    factor = 1 - q
    size = abs(factor)
    tau_eff = 0.0 if size == 0 else math.inf if verdict == "neutral" else -dt / math.log(size)
    rheobase = neuron.V_th if q <= 1 else neuron.V_reset + neuron.span / q
    return Advice(q, verdict, factor, tau_eff, rheobase)


def relaxation(start: ArrayLike, mu: ArrayLike, q: float, steps: ArrayLike) -> FloatArray:
    """Potential [V] after so many steps from ``start`` [V] towards ``mu`` [V], without threshold."""
    n = finite("number of steps", steps, "")
    first, target = finite("start", start, "V"), finite("mu", mu, "V")
    potential: FloatArray = target + (first - target) * np.power(1 - q, n)
    return potential


def interval_steps(neuron: Neuron, mu: ArrayLike, dt: float) -> FloatArray:
    """Steps from V_reset to a threshold that is compared by >=, without t_ref; inf where it is never reached.

    Below q = 1: ceil(ln((mu - V_th) / (mu - V_reset)) / ln(1 - q)).  From q = 1 on the first step goes furthest.
    """
    q, m = _step(neuron, dt), finite("mu", mu, "V")
    if q >= 2:
        raise SpecError.rule("Forward Euler's dt", "below twice tau", f"{q:g} tau")
    if q >= 1:
        return np.where(neuron.V_reset + q * (m - neuron.V_reset) >= neuron.V_th, 1.0, np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        exact = -np.log1p(neuron.span / (m - neuron.V_th)) / math.log1p(-q)
    # A quotient of whole value may be a last bit above it.
    return np.where(m > neuron.V_th, np.maximum(np.ceil(exact * (1 - 1e-12)), 1), np.inf)


def rate(neuron: Neuron, mu: ArrayLike, dt: float) -> FloatArray:
    """Rate [Hz] of the Euler neuron, whose interval and t_ref are whole numbers of steps (t_ref to the nearest)."""
    held = round(neuron.t_ref / dt) if dt > 0 else 0
    result: FloatArray = 1 / ((interval_steps(neuron, mu, dt) + held) * dt)
    return result


def largest_step(neuron: Neuron, mu: float, error: float) -> float:
    """Largest dt [s] up to which the rate at ``mu`` [V] is within ``error`` (relative) of the exact one for certain.

    Euler's interval without the grid is tau_eff / tau of the exact one; the grid adds up to a step, and half of one to
    t_ref.  Lucky steps that are larger may be as good.  SpecError for mu at or below threshold.
    """
    if not 0 < error < 1:
        raise SpecError.rule("Rate error", "above 0 and below 1", f"{error:g}")
    exact = float(noise_free_rate(neuron, mu))
    if exact == 0:
        raise SpecError.rule("Input mu", f"above threshold ({neuron.V_th:g} V)", f"{mu:g} V")
    rise = 1 / exact - neuron.t_ref

    def worst(q: float) -> float:
        shorter = rise * (1 - q / -math.log1p(-q))
        grid = q * neuron.tau * (1.5 if neuron.t_ref else 1.0)
        early = shorter + (grid / 3 if neuron.t_ref else 0.0)
        late = max(grid - shorter, 0.0)
        return max(1 / (1 - min(early * exact, 0.999)) - 1, late * exact) - error

    if worst(1 - 1e-9) < 0:
        return neuron.tau
    return neuron.tau * float(brentq(worst, 1e-12, 1 - 1e-9, xtol=1e-14))


def _step(neuron: Neuron, dt: float) -> float:
    if not (math.isfinite(dt) and dt > 0):
        raise SpecError.rule("Time step dt", "positive", f"{dt:g} s")
    return dt / neuron.tau
