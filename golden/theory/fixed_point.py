"""Fixed-point advisor: what rounding does to a LIF neuron, and how many bits a wanted rate needs.

In each step a distance x, in last bits, becomes round(alpha x), with alpha a rounded fraction.  Two machines differ in
what x is: ``potential`` rounds alpha V and adds the input (golden.neurons.lif_fixed), ``distance`` rounds alpha times
the distance from the input (SpiNNaker).  Rounding to nearest leaves |x| <= 1 / (2 (1 - alpha)) where it is, a dead
band.  Rounding down takes half a bit a step on average, which adds up to as much, and a whole one where it comes to
rest.  Stochastic rounding is right on average (Hopkins, Mikaitis, Lester and Furber, Phil. Trans. R. Soc. A 378, 2020).

Valid for q = dt / tau well below 1, intervals of many steps, and potentials that rise from E_L or above.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

from golden.errors import SpecError
from golden.theory.rate import noise_free_rate

if TYPE_CHECKING:
    from golden.theory.neuron import Neuron

Rounding = Literal["nearest", "floor", "toward_zero", "stochastic"]
Form = Literal["potential", "distance"]
#: Most bits behind the point that are considered.
_MOST_BITS = 48


@dataclass(frozen=True)
class Advice:
    """What a format does.

    alpha           the factor as it is stored; ``tau_eff`` [s] is its time constant
    lsb             last bit of the potential [V]
    dead_band       largest distance [V] that rounding leaves where it is; 0 without one
    bias            by how much [V] rounding shifts the mean input, on average
    rheobase_shift  by how much [V] the smallest input that fires differs from V_th
    """

    alpha: float
    tau_eff: float
    lsb: float
    dead_band: float
    bias: float
    rheobase_shift: float


def advise(
    neuron: Neuron,
    dt: float,
    *,
    unit: float,
    fraction: int,
    decay_bits: int,
    rounding: Rounding,
    form: Form = "potential",
) -> Advice:
    """A potential of ``fraction`` bits behind the point of ``unit`` [V], a factor of ``decay_bits`` bits.

    s16.15 in mV: unit=1e-3, fraction=15, decay_bits=15, form="distance".  SpecError for a factor that rounds to 0 or 1.
    """
    if rounding not in get_args(Rounding):
        raise SpecError.rule("Rounding", f"one of {', '.join(get_args(Rounding))}", repr(rounding))
    if form not in get_args(Form):
        raise SpecError.rule("Form", f"one of {', '.join(get_args(Form))}", repr(form))
    for name, bits in (("Fraction bits", fraction), ("Decay bits", decay_bits)):
        if not 1 <= bits <= _MOST_BITS:
            raise SpecError.rule(name, f"within 1 to {_MOST_BITS}", bits)
    if not (math.isfinite(unit) and unit > 0):
        raise SpecError.rule("Unit", "positive", f"{unit:g} V")
    if not (math.isfinite(dt) and dt > 0):
        raise SpecError.rule("Time step dt", "positive", f"{dt:g} s")
    steps = round(math.exp(-dt / neuron.tau) * 2**decay_bits)
    if not 0 < steps < 2**decay_bits:
        raise SpecError.rule("Decay factor", f"above 0 and below 1 in {decay_bits} bits", f"{steps / 2**decay_bits:g}")
    alpha, lsb = steps / 2**decay_bits, unit * 2.0**-fraction
    adds_up = lsb / (1 - alpha)
    band = adds_up / 2 if rounding == "nearest" else 0.0
    down = rounding in ("floor", "toward_zero")
    # Half a bit a step is lost: of the potential, or of the distance still to go.
    bias = 0.0 if not down else adds_up / 2 if form == "distance" else -adds_up / 2
    # From below it comes to rest where rounding undoes a step; a distance that is rounded down reaches 0.
    shift = band if rounding == "nearest" else adds_up if down and form == "potential" else 0.0
    return Advice(alpha, -dt / math.log(alpha), lsb, band, bias, shift)


def rate_error(neuron: Neuron, mu: float, advice: Advice) -> float:
    """Largest relative error of the rate at ``mu`` [V] by time constant, bias and dead band; inf where it is silent.

    SpecError for mu at or below threshold.
    """
    exact = float(noise_free_rate(neuron, mu))
    if exact == 0:
        raise SpecError.rule("Input mu", f"above threshold ({neuron.V_th:g} V)", f"{mu:g} V")
    if mu - advice.rheobase_shift <= neuron.V_th:
        return math.inf
    rounded = replace(neuron, tau=advice.tau_eff)
    inputs = (mu - advice.rheobase_shift, mu + (advice.bias or advice.dead_band))
    return max(abs(float(noise_free_rate(rounded, m)) / exact - 1) for m in inputs)


def least_bits(
    neuron: Neuron, mu: float, dt: float, error: float, *, unit: float, rounding: Rounding, form: Form = "potential"
) -> int:
    """Fewest bits behind the point, of potential and factor alike, whose ``rate_error`` at ``mu`` is within ``error``.

    Every longer word is as good or better from there on.  SpecError when 48 bits are not enough.
    """
    if not 0 < error < 1:
        raise SpecError.rule("Rate error", "above 0 and below 1", f"{error:g}")
    least = None
    for bits in range(_MOST_BITS, 0, -1):
        try:
            advice = advise(neuron, dt, unit=unit, fraction=bits, decay_bits=bits, rounding=rounding, form=form)
        except SpecError as problem:
            if "Decay factor" not in str(problem):
                raise
            break
        if rate_error(neuron, mu, advice) > error:
            break
        least = bits
    if least is None:
        raise SpecError.rule("Rate error", f"one that {_MOST_BITS} bits can keep", f"{error:g}")
    return least
