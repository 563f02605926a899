"""Integer parameters of a machine's neurons: one table says what there is, what it may be and what it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from golden.errors import SpecError
from golden.fixed import IntArray, as_integers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Parameter:
    """A parameter: smallest, largest and default value, what it does, its symbol, and how many a neuron has."""

    low: int
    high: int
    default: int
    meaning: str
    symbol: str = ""
    count: int = 1


def checked(
    machine: str, parameters: Mapping[str, Parameter], size: int, values: Mapping[str, ArrayLike]
) -> dict[str, IntArray]:
    """The values as int64 of shape (size,), or (size, count); those left out get their defaults.

    A value may be given once for all neurons or for each. Raises SpecError for one that is unknown, no whole number, of
    another shape or outside its range, and for a size below 1.
    """
    if size < 1:
        raise SpecError.rule("Population size", "at least 1", size)
    if unknown := values.keys() - parameters.keys():
        raise SpecError.rule(f"{machine} parameter", f"one of {', '.join(parameters)}", repr(min(unknown)))
    result = {}
    for name, limits in parameters.items():
        array = as_integers(f"Parameter {name}", values.get(name, limits.default))
        one = (limits.count,) if limits.count > 1 else ()
        if array.shape not in ((), one, (size, *one)):
            shapes = f"of shape {one} or {(size, *one)}"
            raise SpecError.rule(f"Parameter {name}", shapes, f"of shape {array.shape}")
        if (wrong := (array < limits.low) | (array > limits.high)).any():
            raise SpecError.rule(f"Parameter {name}", f"within {limits.low} to {limits.high}", array[wrong][0])
        result[name] = np.broadcast_to(array, (size, *one))
    return result
