"""Noise as a current of given density: reproducible, whatever the simulator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analog.blocks.current_input import piecewise_linear
from analog.netlist import not_negative, positive
from golden.errors import SpecError

if TYPE_CHECKING:
    from golden.neurons.lif import FloatArray


@dataclass(frozen=True)
class NoiseCurrent:
    """White noise: normal values every ``step``, joined by straight lines (ngspice's own source has no seed in a deck).

    Equation    one-sided density S_I at frequencies well below 1 / step: values of variance S_I / (2 step)
    Ports       into node, from ground
    Parameters  density S_I [A^2/Hz] >= 0, step [s] > 0, duration [s] > 0, seed >= 0; for a resistor 4 k T / R
    Limits      bandwidth: the density falls as sinc(f step)^4, by 1 % at f = 0.055 / step; a step of a twentieth of the
                membrane's time constant keeps its variance within 0.1 %.  ngspice scans the points from the first at
                every time step: ten thousand cost as much as the circuit
    """

    density: float
    step: float
    duration: float
    seed: int
    node: str = "mem"
    name: str = "noise"

    def __post_init__(self) -> None:
        not_negative(f"Noise current {self.name} density", self.density, "A^2/Hz")
        positive(f"Noise current {self.name} step", self.step, "s")
        positive(f"Noise current {self.name} duration", self.duration, "s")
        if type(self.seed) is not int or self.seed < 0:
            raise SpecError.rule(f"Noise current {self.name} seed", "a whole number from 0", repr(self.seed))

    def points(self) -> tuple[FloatArray, FloatArray]:
        """Times [s] from 0 and currents [A]."""
        times = self.step * np.arange(int(np.ceil(self.duration / self.step)) + 1)
        deviates = np.random.default_rng(self.seed).standard_normal(times.size)
        currents: FloatArray = np.sqrt(self.density / (2 * self.step)) * deviates
        return np.asarray(times, dtype=np.float64), currents

    def cards(self) -> tuple[str, ...]:
        """One current source."""
        return piecewise_linear(f"I{self.name} 0 {self.node}", *self.points())
