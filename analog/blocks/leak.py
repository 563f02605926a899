"""The leak: a resistor to the resting potential."""

from __future__ import annotations

from dataclasses import dataclass

from analog.netlist import number, positive


@dataclass(frozen=True)
class Leak:
    """A linear conductance between the membrane and the potential it rests at.

    Equation    I = conductance (V(rest) - V(node)), into node
    Ports       node, rest
    Parameters  conductance [S] > 0
    """

    conductance: float
    node: str = "mem"
    rest: str = "rest"

    def __post_init__(self) -> None:
        positive("Leak conductance", self.conductance, "S")

    def cards(self) -> tuple[str, ...]:
        """One resistor."""
        return (f"Rleak {self.rest} {self.node} {number(1 / self.conductance)}",)
