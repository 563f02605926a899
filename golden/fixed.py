"""Fixed-point formats: what a register can hold, and how a real number gets into it.

Nothing is rounded or clipped unless asked for: the default rounding is ``error``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from golden.errors import QuantisationError, SpecError

IntArray: TypeAlias = NDArray[np.int64]
Rounding: TypeAlias = Literal["error", "nearest", "floor", "toward_zero", "stochastic"]
ROUNDINGS: tuple[str, ...] = get_args(Rounding)


@dataclass(frozen=True)
class Format:
    """A fixed-point format: ``width`` bits, ``frac`` of them behind the point, two's complement if signed.

    The value of the integer n is n * 2**-frac.  ``frac`` may exceed ``width`` (small numbers) and may be
    negative.
    """

    width: int
    frac: int = 0
    signed: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.width <= 32:
            raise SpecError.rule("Format width", "1 to 32 bits", self.width)
        if not -32 <= self.frac <= 48:
            raise SpecError.rule("Format fraction", "-32 to 48 bits", self.frac)

    @classmethod
    def parse(cls, text: str) -> Format:
        """``"16.8"`` is 16 bits in all, signed, 8 of them fraction bits; ``"u16.16"`` is unsigned."""
        match = re.fullmatch(r"([us]?)(\d+)\.(-?\d+)", text.strip())
        if match is None:
            raise SpecError.rule("Format", "WIDTH.FRACTION, such as 16.8 or u16.16", repr(text))
        return cls(int(match[2]), int(match[3]), signed=match[1] != "u")

    def __str__(self) -> str:
        return f"{'' if self.signed else 'u'}{self.width}.{self.frac}"

    @property
    def min(self) -> int:
        """Most negative integer."""
        return -(1 << (self.width - 1)) if self.signed else 0

    @property
    def max(self) -> int:
        """Most positive integer."""
        return (1 << (self.width - self.signed)) - 1

    @property
    def lsb(self) -> float:
        """Value of the last bit."""
        return 2.0**-self.frac

    def quantise(
        self,
        values: ArrayLike,
        rounding: Rounding = "error",
        *,
        thing: str = "Value",
        overflow: Literal["error", "saturate"] = "error",
        rng: np.random.Generator | None = None,
    ) -> IntArray:
        """Integers of this format nearest to the values in the sense of ``rounding``.

        Raises QuantisationError, naming ``thing``, when a value does not fit the range (unless ``overflow``
        is ``saturate``) or, for rounding ``error``, is not a multiple of the last bit. ``stochastic`` rounds
        up with a probability equal to the remainder and needs ``rng``.
        """
        integers = round_to_int(
            np.asarray(values, dtype=np.float64) * 2.0**self.frac,
            rounding,
            thing=f"{thing} in format {self}",
            unit=self.lsb,
            rng=rng,
        )
        if overflow == "error":
            wrong = (integers < self.min) | (integers > self.max)
            if wrong.any():
                value = np.asarray(values, dtype=np.float64)[wrong].flat[0]
                low, high = self.min * self.lsb, self.max * self.lsb
                raise QuantisationError.rule(f"{thing} in format {self}", f"within {low:g} to {high:g}", f"{value:g}")
        return np.clip(integers, self.min, self.max)


def snap(values: ArrayLike) -> NDArray[np.float64]:
    """Values, those that are an integer to 1e-9 made that integer: decimals are not exact in binary."""
    x = np.asarray(values, dtype=np.float64)
    exact = np.rint(x)
    return np.where(np.abs(x - exact) < 1e-9 * np.maximum(1, np.abs(exact)), exact, x)


def as_integers(thing: str, values: ArrayLike) -> IntArray:
    """The values as int64; SpecError, instead of cutting them, when one is not a whole number."""
    array = np.asarray(values)
    if array.size and array.dtype.kind not in "biuf":
        raise SpecError.rule(thing, "a whole number", repr(array.flat[0]))
    integers = array.astype(np.int64)
    if not np.array_equal(integers, array):
        raise SpecError.rule(thing, "a whole number", array[integers != array].flat[0])
    return integers


def round_to_int(
    values: ArrayLike,
    rounding: Rounding,
    *,
    thing: str = "Value",
    unit: float = 1.0,
    rng: np.random.Generator | None = None,
) -> IntArray:
    """Round reals to int64 by name (``nearest``: ties upward); ``unit`` only scales what a message shows."""
    x = np.asarray(values, dtype=np.float64)
    if not np.isfinite(x).all():
        raise QuantisationError.rule(thing, "finite", x[~np.isfinite(x)].flat[0] * unit)
    floor = np.floor(x)
    match rounding:
        case "error":
            result = np.rint(x)
            if (result != x).any():
                value, nearest = x[result != x].flat[0] * unit, result[result != x].flat[0] * unit
                grid = "an integer" if unit == 1 else f"a multiple of {unit:g}"
                raise QuantisationError.rule(
                    thing, f"{grid} (nearest {nearest:g}; allow it with a rounding)", f"{value:.9g}"
                )
        case "nearest":
            result = floor + (x - floor >= 0.5)  # floor(x + 0.5) is wrong where the sum itself is rounded
        case "floor":
            result = floor
        case "toward_zero":
            result = np.trunc(x)
        case "stochastic":
            if rng is None:
                raise SpecError.rule("Stochastic rounding", "given a seeded generator", "none")
            result = floor + (rng.random(x.shape) < x - floor)
        case _:
            raise SpecError.rule("Rounding", f"one of {', '.join(ROUNDINGS)}", repr(rounding))
    return np.clip(result, -(2.0**62), 2.0**62).astype(np.int64)
