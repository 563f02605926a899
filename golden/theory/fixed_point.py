"""Fixed-point advisor: what rounding does to a LIF neuron, and how many bits a wanted rate needs.

In each step a distance x, in last bits, becomes round(alpha x), with alpha a rounded fraction.  Two machines differ in
what x is: ``potential`` rounds alpha V and adds the input (golden.neurons.lif_fixed), ``distance`` rounds alpha times
the distance from the input (SpiNNaker).  Rounding to nearest leaves |x| <= 1 / (2 (1 - alpha)) where it is, a dead
band.  Rounding down takes half a bit a step on average, which adds up to as much, and a whole one where it comes to
rest.  Stochastic rounding is right on average, with a noise of at most half a bit a step, and none where the product is
whole (Hopkins, Mikaitis, Lester and Furber, Phil. Trans. R. Soc. A 378, 2020).

The potential's machine adds its input as whole last bits a step, so mean inputs are rounded to lsb / (1 - alpha); and
with ``ideal`` scaling, where that step is made by the unrounded 1 - exp(-dt / tau) (golden.quantise), it meets a leak
of alpha: every mean input comes out by (1 - exp(-dt / tau)) / (1 - alpha) too large.

Potentials are relative to E_L for the potential's machine, to 0 for the other.  Valid for potentials that rise from E_L
or above to a threshold above it and compare by >=, and words that do not overflow.  The grid of time is not counted:
it adds up to a step to an interval.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Required, TypedDict, Unpack, get_args

from golden.errors import SpecError
from golden.fixed import Format, as_integers
from golden.theory.neuron import number
from golden.theory.rate import noise_free_rate, rate

if TYPE_CHECKING:
    from golden.theory.neuron import Neuron

Rounding = Literal["nearest", "floor", "toward_zero", "stochastic"]
Form = Literal["potential", "distance"]
Scaling = Literal["ideal", "stored"]


class Machine(TypedDict, total=False):
    """What the arithmetic of a machine is, but for its widths; see ``advise``."""

    unit: Required[float]
    rounding: Required[Rounding]
    form: Form
    scaling: Scaling


#: Most bits behind the point that are considered.
_MOST_BITS = 48


@dataclass(frozen=True)
class Advice:
    """What a format does.

    alpha           the factor as it is stored; ``tau_eff`` [s] is its time constant
    lsb             last bit of the potential [V]
    dead_band       largest distance [V] that rounding leaves where it is, to either side; 0 without one
    bias            by how much [V] rounding shifts the mean input, on average
    rheobase_shift  by how much [V] the smallest input that fires differs from V_th, but for the input's own rounding
    gain            mean input that the leak meets, over the one that was meant
    input_step      [V] between one mean input that the leak can meet and the next
    shifts          between which rounding shifts the mean input [V] in every single step (stochastic: on average)
    noise           largest sigma [V] of stochastic rounding; 0 for the others
    """

    alpha: float
    tau_eff: float
    lsb: float
    dead_band: float
    bias: float
    rheobase_shift: float
    gain: float
    input_step: float
    shifts: tuple[float, float]
    noise: float

    def mean_input(self, mu: float) -> float:
        """The mean input [V] that the leak meets where ``mu`` [V] is meant: scaled, and rounded to nearest."""
        return math.floor(number("mu", mu, "V") * self.gain / self.input_step + 0.5) * self.input_step

    def potential(self, volts: float) -> float:
        """A threshold or reset potential [V] as it is stored: to the nearest last bit."""
        return math.floor(number("potential", volts, "V") / self.lsb + 0.5) * self.lsb


def advise(
    neuron: Neuron,
    dt: float,
    *,
    unit: float,
    fraction: int,
    decay_bits: int,
    rounding: Rounding,
    form: Form = "potential",
    scaling: Scaling = "ideal",
) -> Advice:
    """A potential of ``fraction`` bits behind the point of ``unit`` [V], a factor of ``decay_bits`` bits.

    s16.15 in mV: unit=1e-3, fraction=15, decay_bits=15, form="distance" (which has no scaling of inputs).  SpecError
    for a factor that rounds to 0 or 1, and for a potential's machine with V_th at or below E_L.
    """
    _one_of("Rounding", rounding, Rounding)
    _one_of("Form", form, Form)
    _one_of("Scaling", scaling, Scaling)
    for name, bits in (("Fraction bits", fraction), ("Decay bits", decay_bits)):
        if not 1 <= int(as_integers(name, bits)) <= _MOST_BITS:
            raise SpecError.rule(name, f"within 1 to {_MOST_BITS}", bits)
    for thing, name, value, of in (("Unit", "unit", unit, "V"), ("Time step dt", "dt", dt, "s")):
        if number(name, value, of) <= 0:
            raise SpecError.rule(thing, "positive", f"{value:g} {of}")
    if form == "potential" and neuron.V_th <= 0:
        raise SpecError.rule("V_th of a potential's machine", "above E_L, which is its 0", f"{neuron.V_th:g} V")
    steps = round(math.exp(-dt / neuron.tau) * 2**decay_bits)
    if not 0 < steps < 2**decay_bits:
        raise SpecError.rule("Decay factor", f"above 0 and below 1 in {decay_bits} bits", f"{steps / 2**decay_bits:g}")
    alpha, lsb = steps / 2**decay_bits, unit * 2.0**-fraction
    adds_up = lsb / (1 - alpha)
    down = rounding in ("floor", "toward_zero")
    shifts = {"nearest": (-adds_up / 2, adds_up / 2), "stochastic": (0.0, 0.0)}.get(
        rounding, (0.0, adds_up) if form == "distance" else (-adds_up, 0.0)
    )
    # From below it comes to rest where rounding undoes a step; a distance that is rounded down reaches 0.
    rest = abs(shifts[0])
    gain = -math.expm1(-dt / neuron.tau) / (1 - alpha) if form == "potential" and scaling == "ideal" else 1.0
    return Advice(
        alpha=alpha,
        tau_eff=-dt / math.log(alpha),
        lsb=lsb,
        # What is rounded down rests where it is negative, unless it is rounded to 0.
        dead_band={"nearest": adds_up / 2, "floor": adds_up}.get(rounding, 0.0),
        bias=sum(shifts) / 2,
        rheobase_shift=(neuron.V_th + rest) / gain - neuron.V_th if gain != 1 else rest,
        gain=gain,
        input_step=adds_up if form == "potential" else lsb,
        shifts=shifts,
        # The variance of a step is p (1 - p) lsb^2; sigma^2 is twice the free variance.
        noise=0.0 if down or rounding == "nearest" else lsb / math.sqrt(2 * (1 - alpha) * (1 + alpha)),
    )


def rate_error(neuron: Neuron, mu: float, advice: Advice) -> float:
    """Largest relative error of the rate at ``mu`` [V]; inf where it may be silent.

    Of time constant, rounded products, and rounded input, threshold and reset; not of the grid of time.  A bound, but
    for stochastic rounding, where it is that of the average, between no noise and the largest.  SpecError for mu at or
    below threshold.
    """
    mean = number("mu", mu, "V")
    exact = float(noise_free_rate(neuron, mean))
    if exact == 0:
        raise SpecError.rule("Input mu", f"above threshold ({neuron.V_th:g} V)", f"{mean:g} V")
    threshold, reset = advice.potential(neuron.V_th), advice.potential(neuron.V_reset)
    met = advice.mean_input(mean)
    if threshold <= reset or (met + advice.shifts[0] <= threshold and not advice.noise):
        return math.inf
    stored = replace(neuron, tau=advice.tau_eff, V_th=threshold, V_reset=reset)
    rates = [float(noise_free_rate(stored, met + shift)) for shift in advice.shifts]
    if advice.noise:
        rates.append(float(rate(stored, met, advice.noise)))
    return max(abs(r / exact - 1) for r in rates)


def least_bits(
    neuron: Neuron,
    mu: float,
    dt: float,
    error: float,
    **machine: Unpack[Machine],
) -> int:
    """Fewest bits behind the point, of potential and factor alike, whose ``rate_error`` at ``mu`` is within ``error``.

    Every longer word up to 48 bits keeps it too.  SpecError when those are not enough.
    """
    wanted = number("rate error", error, "of the rate")
    if not 0 < wanted < 1:
        raise SpecError.rule("Rate error", "above 0 and below 1", f"{wanted:g}")
    least = None
    for bits in range(_MOST_BITS, 0, -1):
        if least is not None and not 0 < round(math.exp(-dt / neuron.tau) * 2**bits) < 2**bits:
            break
        advice = advise(neuron, dt, fraction=bits, decay_bits=bits, **machine)
        if rate_error(neuron, mu, advice) > wanted:
            break
        least = bits
    if least is None:
        raise SpecError.rule("Rate error", f"one that {_MOST_BITS} bits can keep", f"{wanted:g}")
    return least


def least_format(
    neuron: Neuron,
    mu: float,
    dt: float,
    error: float,
    **machine: Unpack[Machine],
) -> Format:
    """The shortest word, as WIDTH.FRACTION: ``least_bits``, a sign, and the integer bits of what it has to hold.

    That is V_th and V_reset; for the distance's machine mu and its distance from V_reset too.  SpecError when it takes
    more than the 32 bits of a Format.
    """
    fraction, unit = least_bits(neuron, mu, dt, error, **machine), machine["unit"]
    held = [neuron.V_th, neuron.V_reset] + ([mu, mu - neuron.V_reset] if machine.get("form") == "distance" else [])
    # The largest is 2^integer - 2^-fraction; 0.x may have no integer bit at all.
    largest = max(math.floor(abs(x) / unit * 2.0**fraction + 0.5) for x in held)
    return Format(1 + max(largest.bit_length(), 1), fraction)


def advise_format(
    neuron: Neuron,
    dt: float,
    fmt: Format | str,
    *,
    decay_bits: int,
    **machine: Unpack[Machine],
) -> Advice:
    """``advise`` for a signed format such as "16.8"; QuantisationError where it cannot hold V_th or V_reset."""
    word = Format.parse(fmt) if isinstance(fmt, str) else fmt
    if not word.signed:
        raise SpecError.rule("Format of v", "signed", word)
    advice, unit = advise(neuron, dt, fraction=word.frac, decay_bits=decay_bits, **machine), machine["unit"]
    for name in ("V_th", "V_reset"):
        word.quantise(getattr(neuron, name) / unit, "nearest", thing=f"{name} in units of {unit:g} V")
    return advice


def _one_of(name: str, value: str, allowed: object) -> None:
    choices = get_args(allowed)
    if value not in choices:
        raise SpecError.rule(name, f"one of {', '.join(choices)}", repr(value))
