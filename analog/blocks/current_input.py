"""The current input: a piecewise-linear current into the membrane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analog.netlist import number
from golden.errors import SpecError
from golden.neurons.lif import FloatArray

#: Points per line of a PWL source; ngspice joins lines that start with "+".
_PER_LINE = 6


@dataclass(frozen=True, eq=False)
class CurrentInput:
    """An ideal current source through the points (times, currents), constant after the last.

    Equation    I(t) by linear interpolation, from ground into node
    Ports       node
    Parameters  times [s] ascending from 0, currents [A] of the same length
    Limits      ngspice scans the points from the first at every step: a thousand cost little, ten thousand do not
    """

    times: FloatArray
    currents: FloatArray
    node: str = "mem"
    name: str = "in"

    def __post_init__(self) -> None:
        if self.times.shape != self.currents.shape or self.times.size == 0:
            raise SpecError.rule("Input current", "one value per time", f"{self.currents.size} for {self.times.size}")
        if self.times[0] != 0 or (np.diff(self.times) <= 0).any():
            raise SpecError.rule("Input current times", "ascending from 0", np.array2string(self.times, threshold=5))

    def cards(self) -> tuple[str, ...]:
        """One current source; a constant one is written as such."""
        head = f"I{self.name} 0 {self.node}"
        if (self.currents == self.currents[0]).all():
            return (f"{head} dc {number(self.currents[0])}",)
        points = [f"{number(t)} {number(i)}" for t, i in zip(self.times, self.currents, strict=True)]
        rows = [points[k : k + _PER_LINE] for k in range(0, len(points), _PER_LINE)]
        return (f"{head} pwl(", *(f"+ {' '.join(row)}" for row in rows), "+ )")
