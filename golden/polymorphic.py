"""The few operations that let one update rule be a reference, a fast simulator and a circuit.

A golden step is written over values that have ``+ - * & << >>`` and comparisons, plus the functions below.
On Python ints it is the reference; on NumPy int64 arrays it is the simulator; on Amaranth values (registered
by the digital package, so that golden does not depend on it) it becomes a circuit and the specification of a
proof. All three widen without loss: ints always, Amaranth expressions by construction, int64 because formats
are limited so that no intermediate result needs more than 63 bits.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

#: An int, an int64 array, or an Amaranth value.
Int: TypeAlias = Any

#: How a right shift treats the bits it drops.
ShiftRounding: TypeAlias = Literal["floor", "nearest", "toward_zero"]
SHIFT_ROUNDINGS: tuple[ShiftRounding, ...] = get_args(ShiftRounding)


@singledispatch
def select(condition: Any, if_true: Int, if_false: Int) -> Int:
    """``if_true`` where the condition holds, else ``if_false``; all three may be arrays or circuit values."""
    return if_true if condition else if_false


@select.register(np.ndarray)
@select.register(np.bool_)
def _select_array(condition: Any, if_true: Int, if_false: Int) -> Int:
    return np.where(condition, if_true, if_false)


def saturate(value: Int, low: int, high: int) -> Int:
    """``value`` limited to [low, high]."""
    return select(value > high, high, select(value < low, low, value))


def shift_right(value: Int, bits: Int, rounding: str = "floor") -> Int:
    """value / 2**bits as an integer.

    ``floor`` drops the bits (what a two's complement shifter does), ``nearest`` adds half first (ties
    upward), ``toward_zero`` shifts the magnitude.
    """
    match rounding:
        case "floor":
            return value >> bits
        case "nearest":
            return (value + ((1 << bits) >> 1)) >> bits
        case "toward_zero":
            return select(value < 0, -((-value) >> bits), value >> bits)
    raise ValueError(f"rounding must be one of {SHIFT_ROUNDINGS}, not {rounding!r}")
