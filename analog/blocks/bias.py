"""Fixed voltages: the supply, and the potentials that set threshold, reset and rest."""

from __future__ import annotations

from dataclasses import dataclass

from analog.netlist import not_negative, number


@dataclass(frozen=True)
class Bias:
    """An ideal voltage source from ``node`` to ground.

    Equation   V(node) = voltage
    Ports      node
    Limits     voltage [V] >= 0: a chip with one supply has nothing below ground
    """

    node: str
    voltage: float

    def __post_init__(self) -> None:
        not_negative(f"Bias {self.node}", self.voltage, "V")

    def cards(self) -> tuple[str, ...]:
        """One voltage source."""
        return (f"V{self.node} {self.node} 0 {number(self.voltage)}",)
