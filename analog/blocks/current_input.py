"""Inputs of the membrane: a piecewise-linear current, and charges through a capacitor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analog.netlist import number, positive
from golden.errors import SpecError

if TYPE_CHECKING:
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
        _check_points("Input current", self.times, self.currents)

    def cards(self) -> tuple[str, ...]:
        """One current source; a constant one is written as such."""
        return piecewise_linear(f"I{self.name} 0 {self.node}", self.times, self.currents)


@dataclass(frozen=True, eq=False)
class ChargeInput:
    """A staircase voltage behind a capacitor: every rise dV is a charge capacitance dV into the node.

    Equation    I(t) = capacitance d(V(drive) - V(node))/dt, into node
    Ports       node; drive is its own (named after the block)
    Parameters  times [s] ascending from 0, volts [V] of the same length, capacitance [F] > 0, initial V(node) [V]
    Limits      the capacitor loads the node, whose own capacitor must be smaller by as much; the staircase is not
                bounded by the supply (ideal tier only)
    """

    times: FloatArray
    volts: FloatArray
    capacitance: float
    initial: float
    node: str = "mem"
    name: str = "kick"

    def __post_init__(self) -> None:
        positive("Coupling capacitance", self.capacitance, "F")
        _check_points("Input staircase", self.times, self.volts)

    def cards(self) -> tuple[str, ...]:
        """A voltage source and the capacitor."""
        return (
            *piecewise_linear(f"V{self.name} {self.name} 0", self.times, self.volts),
            f"C{self.name} {self.node} {self.name} {number(self.capacitance)} ic={number(self.initial)}",
        )


def piecewise_linear(head: str, times: FloatArray, values: FloatArray) -> tuple[str, ...]:
    """The cards of a source that begins with ``head``; a constant one is written as such."""
    if (values == values[0]).all():
        return (f"{head} dc {number(values[0])}",)
    points = [f"{number(t)} {number(x)}" for t, x in zip(times, values, strict=True)]
    rows = [points[k : k + _PER_LINE] for k in range(0, len(points), _PER_LINE)]
    return (f"{head} pwl(", *(f"+ {' '.join(row)}" for row in rows), "+ )")


def _check_points(thing: str, times: FloatArray, values: FloatArray) -> None:
    if times.shape != values.shape or times.size == 0:
        raise SpecError.rule(thing, "one value per time", f"{values.size} for {times.size}")
    if times[0] != 0 or (np.diff(times) <= 0).any():
        raise SpecError.rule(f"{thing} times", "ascending from 0", np.array2string(times, threshold=5))
