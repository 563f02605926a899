"""Forward Euler's advisor: what a time step does to a LIF neuron, and how large it may be.

    V' = V + q (mu - V),   q = dt / tau:   mu - V_n = (mu - V_0) (1 - q)^n

Monotone for q <= 1, at once at 1, ringing to 2, neutral there, divergent beyond.  A ringing neuron overshoots its input
to q mu in the first step from 0, and so fires below rheobase.

Valid for a constant input and a threshold compared by >=.  Closed forms are exact; a float64 loop follows them until
the distance that is left is some last bits of mu.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.optimize import brentq

from golden.errors import SpecError
from golden.fixed import snap
from golden.neurons.lif import LIFNeuron
from golden.propagator import stability
from golden.theory.neuron import finite, number
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
    rheobase  mean input [V] above which it fires from V_reset; -inf where it diverges: every input but V_reset fires
    """

    q: float
    verdict: Literal["monotone", "ringing", "neutral", "divergent"]
    factor: float
    tau_eff: float
    rheobase: float


def advise(neuron: Neuron, dt: float) -> Advice:
    """What forward Euler makes of ``neuron`` at steps of ``dt`` [s]; a q within 1e-9 of 1 or 2 is that."""
    q = _step(neuron, dt)
    resting = min(neuron.V_reset, neuron.V_th - 1.0)
    cell = LIFNeuron.from_tau(tau_m=neuron.tau, R=1.0, E_L=resting, V_th=neuron.V_th, V_reset=neuron.V_reset)
    verdict = stability(cell.broadcast(1), dt, "euler").verdict
    if q == 1:
        tau_eff = 0.0
    elif q == 2:
        tau_eff = math.inf
    else:
        tau_eff = -dt / (math.log1p(-q) if q < 1 else math.log(q - 1))
    rheobase = -math.inf if q > 2 else neuron.V_th if q <= 1 else neuron.V_reset + neuron.span / q
    return Advice(q, verdict, 1 - q, tau_eff, rheobase)


def relaxation(start: ArrayLike, mu: ArrayLike, q: float, steps: ArrayLike) -> FloatArray:
    """Potential [V] after so many steps from ``start`` [V] towards ``mu`` [V], without threshold.

    For every q > 0; beyond 2 it grows, to +-inf where float64 ends.  SpecError for steps that are no whole number >= 0.
    """
    ratio, n = number("q", q, "dt/tau"), finite("number of steps", steps, "steps")
    if ratio <= 0:
        raise SpecError.rule("Input q", "positive", f"{ratio:g}")
    if (bad := (n < 0) | (n != np.rint(n))).any():
        raise SpecError.rule("Input number of steps", "whole and zero or positive", f"{n[bad].flat[0]:g}")
    first, target = finite("start", start, "V"), finite("mu", mu, "V")
    try:
        first, target, n = np.broadcast_arrays(first, target, n)
    except ValueError:
        shapes = f"{first.shape}, {target.shape} and {n.shape}"
        raise SpecError.rule("Input start, mu and number of steps", "of shapes that broadcast", shapes) from None
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        potential: FloatArray = target + (first - target) * np.power(1 - ratio, n)
    return np.where(first == target, target, potential)  # not 0 x inf


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
    """Rate [Hz] of the Euler neuron, whose interval and t_ref are whole numbers of steps (t_ref to the nearest).

    For q < 2; 0 where it is silent.
    """
    steps = interval_steps(neuron, mu, dt)
    result: FloatArray = 1 / ((steps + round(neuron.t_ref / dt)) * dt)
    return result


def largest_step(neuron: Neuron, mu: float, error: float) -> float:
    """Largest dt [s] up to which the rate at ``mu`` [V] is within ``error`` (relative) of the exact one for certain.

    Euler's interval without the grid is q / -ln(1 - q) of the exact one; the grid adds up to a step, and half of one to
    t_ref.  Lucky steps that are larger may be as good.  At most tau.  SpecError for mu at or below threshold.
    """
    wanted, mean = number("rate error", error, "of the rate"), number("mu", mu, "V")
    if not 0 < wanted < 1:
        raise SpecError.rule("Rate error", "above 0 and below 1", f"{wanted:g}")
    exact = float(noise_free_rate(neuron, mean))
    if exact == 0:
        raise SpecError.rule("Input mu", f"above threshold ({neuron.V_th:g} V)", f"{mean:g} V")
    rise = 1 / exact - neuron.t_ref

    def worst(q: float) -> float:
        shorter = rise * _shortening(q)
        grid = q * neuron.tau * (1.5 if neuron.t_ref else 1.0)
        early = shorter + (grid / 3 if neuron.t_ref else 0.0)
        late = max(grid - shorter, 0.0)
        return max(1 / (1 - min(early * exact, 0.999)) - 1, late * exact) - wanted

    # Where every term is below the wanted error for sure.  From there to the first excess: they need not be monotone.
    low = wanted / (10 * (1 + neuron.tau * exact))
    for high in np.geomspace(low, 1 - 1e-9, 400)[1:]:
        if worst(high) > 0:
            return neuron.tau * float(brentq(worst, low, high, xtol=1e-12 * low))
        low = float(high)
    return neuron.tau


def _shortening(q: float) -> float:
    """1 - q / -ln(1 - q), by its series where that cancels."""
    return q / 2 + q**2 / 12 + q**3 / 24 if q < 1e-4 else 1 - q / -math.log1p(-q)


def _step(neuron: Neuron, dt: float) -> float:
    """q, 1 and 2 made exact; SpecError for a dt that is no positive number."""
    step = number("dt", dt, "s")
    if step <= 0:
        raise SpecError.rule("Time step dt", "positive", f"{step:g} s")
    q = step / neuron.tau
    return float(snap(q)) if q > 0.5 else q
