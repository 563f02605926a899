"""The membrane capacitor."""

from __future__ import annotations

from dataclasses import dataclass

from analog.netlist import not_negative, number, positive


@dataclass(frozen=True)
class MembraneCapacitor:
    """Integrates every current that flows into the membrane.

    Equation    capacitance dV(node)/dt = sum of the currents into node
    Ports       node (the other plate is at ground)
    Parameters  capacitance [F] > 0, initial potential [V] >= 0 at time 0
    """

    capacitance: float
    initial: float
    node: str = "mem"

    def __post_init__(self) -> None:
        positive("Membrane capacitance", self.capacitance, "F")
        not_negative("Initial membrane potential", self.initial, "V")

    def cards(self) -> tuple[str, ...]:
        """One capacitor with its initial potential."""
        return (f"Cmem {self.node} 0 {number(self.capacitance)} ic={number(self.initial)}",)
