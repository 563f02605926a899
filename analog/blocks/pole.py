"""A first-order low-pass: the finite bandwidth of a comparator output or of a switch's gate."""

from __future__ import annotations

import math
from dataclasses import dataclass

from analog.netlist import number, positive


@dataclass(frozen=True)
class Pole:
    """Resistor and capacitor; 100 kOhm and 1 fF unless told otherwise.

    Equation    tau dV(out)/dt = V(in) - V(out),      tau = resistance capacitance
    Parameters  resistance [ohm] > 0, capacitance [F] > 0

    It is there for the solver as much as for realism: ngspice controls its step by charges only, so an edge that
    charges nothing passes between two steps unseen.  The smaller the charge, the sooner ngspice's chgtol ends the short
    steps in the tail of an edge.
    """

    resistance: float = 100e3
    capacitance: float = 1e-15

    def __post_init__(self) -> None:
        positive("Pole resistance", self.resistance, "ohm")
        positive("Pole capacitance", self.capacitance, "F")

    @property
    def tau(self) -> float:
        """Time constant [s]."""
        return self.resistance * self.capacitance

    @property
    def half_time(self) -> float:
        """Time [s] from a full step at the input to half of it at the output."""
        return self.tau * math.log(2)

    def between(self, source: str, out: str) -> tuple[str, ...]:
        """Cards of the pole from node ``source`` to node ``out``, which starts at 0 V."""
        return (
            f"R{out} {source} {out} {number(self.resistance)}",
            f"C{out} {out} 0 {number(self.capacitance)} ic=0",
        )
