"""Fixed-point operations in the form that a pipeline stage of an FPGA can afford.

Each equals an expression of ``golden.polymorphic``; the proofs of the cores that use them say so for every value.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from amaranth.hdl import Cat, Const, Mux, Value

Rounding = Literal["floor", "nearest", "toward_zero"]


class Sum(NamedTuple):
    """A rounded result of which the last addition, floor + carry, is left to the next stage's adder."""

    floor: Value
    carry: Value


def clip(value: Value, width: int) -> Value:
    """``value`` saturated to ``width`` bits two's complement, decided by the bits above alone (no comparator)."""
    if len(value) <= width:
        return value
    sign, upper = value[-1], value[width - 1 :]
    fits = upper.all() | ~upper.any()
    rail = Cat((~sign).replicate(width - 1), sign)
    return Mux(fits, value[:width], rail).as_signed()


def split_factor(value: Value, factor: Value) -> tuple[Value, Value]:
    """value * factor as (low product, high addend): low + high * 2**(len(factor) - 1).

    Without its highest bit, an unsigned 16-bit factor fits the signed 16-bit operand of one iCE40 DSP block.
    """
    return value * factor[:-1], Mux(factor[-1], value, 0)


def round_half(doubled: Value, below: Value, negative: Value, rounding: Rounding) -> Sum:
    """doubled / 2, rounded; ``below`` tells whether a remainder was dropped from ``doubled``, ``negative`` its sign."""
    match rounding:
        case "floor":
            carry: Value = Const(0, 1)
        case "nearest":
            carry = doubled[0]
        case "toward_zero":
            carry = negative & (doubled[0] | below)
    return Sum(doubled >> 1, carry)


def round_shift(value: Value, bits: Value, rounding: Rounding) -> Sum:
    """value / 2**bits, rounded, for a run-time shift: one barrel shifter."""
    match rounding:
        case "floor":
            return Sum(value >> bits, Const(0, 1))
        case "nearest":  # one more fraction bit comes along: the last one dropped
            doubled = Cat(Const(0, 1), value).as_signed() >> bits
            return Sum(doubled >> 1, doubled[0])
        case "toward_zero":  # for v < 0: ceil(v / 2**n) = floor((v - 1) / 2**n) + 1
            negative = value[-1]
            return Sum((value - negative) >> bits, negative)
