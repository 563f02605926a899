"""Input spikes as digital pulses: a voltage source that is high for a set time after each spike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analog.blocks.current_input import piecewise_linear
from analog.netlist import not_negative, positive
from golden.errors import SpecError

if TYPE_CHECKING:
    from golden.neurons.lif import FloatArray


@dataclass(frozen=True, eq=False)
class PulseInput:
    """An ideal voltage source from ``node`` to ground: one pulse a spike.

    Equation    V(node) passes the middle of ``low`` and ``high`` at every spike and again ``width`` later, on straight
                edges of length ``edge``; so a pulse's area is width (high - low) exactly
    Ports       node
    Parameters  times [s] of the spikes, ascending (equal ones are one), any number; width > edge > 0 [s];
                high and low [V] >= 0, different: ``low`` above ``high`` makes an active-low input
    Limits      pulses closer than an edge merge to one that ends with the last (a digital line knows no more);
                what lies before time 0 is cut off; ngspice scans the points from the first at every step: a thousand
                cost little, ten thousand do not
    """

    node: str
    times: FloatArray
    width: float
    high: float
    edge: float = 1e-9
    low: float = 0.0

    def __post_init__(self) -> None:
        thing = f"Pulse input {self.node}"
        for name, volts in (("high", self.high), ("low", self.low)):
            not_negative(f"{thing} {name}", volts, "V")
        if self.high == self.low:
            raise SpecError.rule(f"{thing} high", "different from low", f"{self.high:g} V")
        positive(f"{thing} edge", self.edge, "s")
        if not self.width > self.edge:
            raise SpecError.rule(f"{thing} width", f"longer than its edge ({self.edge:g} s)", f"{self.width:g} s")
        if self.times.ndim != 1 or not np.isfinite(self.times).all() or (np.diff(self.times) < 0).any():
            raise SpecError.rule(f"{thing} times", "finite and ascending", np.array2string(self.times, threshold=5))

    def intervals(self) -> tuple[FloatArray, FloatArray]:
        """Starts and ends [s] of the pulses, at half height, after merging; those that end before 0 are left out."""
        starts, ends = self.times, self.times + self.width
        apart = starts[1:] - ends[:-1] > self.edge
        first, last = np.append(True, apart)[: starts.size], np.append(apart, True)[: starts.size]
        starts, ends = starts[first], ends[last]
        seen = ends + self.edge / 2 > 0
        return starts[seen], ends[seen]

    def points(self) -> tuple[FloatArray, FloatArray]:
        """Corners of the waveform: times [s], ascending from 0, and volts."""
        starts, ends = self.intervals()
        half = self.edge / 2
        corners = np.column_stack((starts - half, starts + half, ends - half, ends + half)).ravel()
        levels = np.tile([self.low, self.high, self.high, self.low], starts.size)
        later = corners > 0
        first = np.interp(0.0, corners, levels) if corners.size else self.low
        return np.append(0.0, corners[later]), np.append(first, levels[later])

    def cards(self) -> tuple[str, ...]:
        """One voltage source; without pulses, a constant one."""
        return piecewise_linear(f"V{self.node} {self.node} 0", *self.points())
