"""Loihi's synaptic weights: from the mantissa that a user gives to the integer that a spike adds.

A weight has a mantissa of 8 bits and a sign, of which ``bits`` are kept, and an exponent of -8 to 7 that a whole list
of synapses shares. The sign is in the mantissa (``mixed``: two's complement of 9 bits, which costs one bit of
precision) or in the format (``excitatory``, ``inhibitory``: the mantissa is a magnitude). Truncation drops the low
8 - bits + (1 if mixed) bits. What a spike adds to the synaptic sum a, and how each model gets there:

    loihi              floor of the mantissa; times 2^exponent, floor, before the sum               (this project's)
    lava-0.10          mantissa clipped to its range, then floor; the sum of the mantissas times 2^exponent, floor
    nengo-loihi-1.1    to nearest (ties to even) and clipped; once more where the exponent drops further bits
    brian2-loihi-0.5   mantissa toward zero; times 2^exponent, floor, clipped to +-(2^15 - 1)

``floor`` is that of the stored mantissa: of a magnitude in the inhibitory format, whose -255 would else need a ninth
bit. A mantissa of which nothing is left is 0; only in Lava a negative one of mixed sign becomes -512.

Sources: Davies et al., IEEE Micro 38 (2018); lava-nc 0.10 utils/weightutils.py and proc/dense/models.py;
nengo-loihi 1.1 builder/discretize.py; brian2-loihi 0.5 loihi_synapses.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from golden.errors import SpecError
from golden.neurons.loihi import Compat
from golden.polymorphic import Int, saturate, select

Sign: TypeAlias = Literal["mixed", "excitatory", "inhibitory"]

#: Bits of a mantissa besides its sign.
MANTISSA_BITS = 8
EXPONENTS = range(-8, 8)
#: Bits of a stored weight, exponent included and sign included.
STORED_BITS = 16
_LARGEST = (1 << MANTISSA_BITS) - 1


@dataclass(frozen=True)
class WeightFormat:
    """What all weights of a list of synapses share.

    bits      of the mantissa that are kept, 0 to 8 (nengo-loihi knows no 7, as the chip)
    sign      mixed, excitatory or inhibitory
    exponent  of 2, -8 to 7
    compat    whose rules are followed
    """

    bits: int = MANTISSA_BITS
    sign: Sign = "mixed"
    exponent: int = 0
    compat: Compat = "loihi"

    def __post_init__(self) -> None:
        if self.compat not in get_args(Compat):
            raise SpecError.rule("Loihi model", f"one of {', '.join(get_args(Compat))}", repr(self.compat))
        if self.sign not in get_args(Sign):
            raise SpecError.rule("Sign of weights", f"one of {', '.join(get_args(Sign))}", repr(self.sign))
        if not 0 <= self.bits <= MANTISSA_BITS:
            raise SpecError.rule("Weight bits", f"within 0 to {MANTISSA_BITS}", self.bits)
        if self.compat == "nengo-loihi-1.1" and self.bits == MANTISSA_BITS - 1:
            raise SpecError.rule("Weight bits", "0 to 6 or 8 in nengo-loihi-1.1", self.bits)
        if self.exponent not in EXPONENTS:
            raise SpecError.rule("Weight exponent", f"within {EXPONENTS[0]} to {EXPONENTS[-1]}", self.exponent)

    @property
    def dropped(self) -> int:
        """Low bits of the mantissa that truncation drops; the others are a multiple of 2^dropped."""
        return MANTISSA_BITS - self.bits + (self.sign == "mixed")

    @property
    def limits(self) -> tuple[int, int]:
        """Smallest and largest mantissa that may be given."""
        match self.sign, self.compat:
            case "mixed", "brian2-loihi-0.5":
                return -_LARGEST - 1, _LARGEST - 1
            case "mixed", "nengo-loihi-1.1":
                return -_LARGEST, _LARGEST
            case "mixed", _:
                return -_LARGEST - 1, _LARGEST
            case "inhibitory", "brian2-loihi-0.5":
                return -_LARGEST - 1, 0
            case "inhibitory", _:
                return -_LARGEST, 0
        return 0, _LARGEST

    @property
    def sum_exponent(self) -> int:
        """The exponent that is left for the sum (``scaled``): Lava's; elsewhere it is in the stored weight."""
        return self.exponent if self.compat == "lava-0.10" else 0

    def stored(self, mantissa: Int) -> Int:
        """What one spike adds to the synaptic sum.

        Mantissas beyond ``limits`` are clipped as the model does it; "loihi" and "brian2-loihi-0.5" refuse them with
        SpecError.
        """
        low, high = self.limits
        if self.compat in ("loihi", "brian2-loihi-0.5"):
            _refuse(mantissa, low, high, self.sign)
        match self.compat:
            case "lava-0.10":
                return self._cut(saturate(mantissa, low, high))
            case "nengo-loihi-1.1":
                return self._rounded(mantissa)
            case "brian2-loihi-0.5":
                magnitude = select(mantissa < 0, -mantissa, mantissa) >> self.dropped << self.dropped
                weight = scaled(select(mantissa < 0, -magnitude, magnitude), self.exponent)
                end = (1 << (STORED_BITS - 1)) - 1
                return saturate(weight, -end, end)
        if self.dropped > MANTISSA_BITS:
            return mantissa & 0
        return scaled(self._cut(mantissa), self.exponent)

    def _cut(self, mantissa: Int) -> Int:
        """The mantissa without its dropped bits, floor of what is stored."""
        if self.sign == "inhibitory":
            return -(-mantissa >> self.dropped << self.dropped)
        return mantissa >> self.dropped << self.dropped

    def _rounded(self, mantissa: Int) -> Int:
        """nengo-loihi's two roundings, in units of the dropped bits."""
        if self.dropped > MANTISSA_BITS:
            return mantissa & 0
        end = (1 << (MANTISSA_BITS - self.dropped)) - 1
        kept = saturate(half_even(mantissa, self.dropped), -end, end)
        shift = self.dropped + self.exponent
        if shift < 0:
            kept = saturate(half_even(kept, -shift) << -shift, -end, end)
        return scaled(kept, shift)


def scaled(x: Int, exponent: int) -> Int:
    """x 2^exponent, rounded down."""
    return x << exponent if exponent > 0 else x >> -exponent


def half_even(x: Int, bits: int) -> Int:
    """x / 2^bits to the nearest integer, of two equally near ones the even one."""
    floor = x >> bits
    rest, unit = (x - (floor << bits)) << 1, 1 << bits
    return floor + select(rest > unit, 1, select(rest == unit, floor & 1, 0))


def _refuse(mantissa: Any, low: int, high: int, sign: Sign) -> None:
    values = np.asarray(mantissa)
    if (wrong := (values < low) | (values > high)).any():
        raise SpecError.rule(f"Weight mantissa ({sign})", f"within {low} to {high}", values[wrong].flat[0])
