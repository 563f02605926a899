"""Bias currents: ideal sources that stand for a parameter memory's outputs."""

from __future__ import annotations

from dataclasses import dataclass

from analog.netlist import number, positive


@dataclass(frozen=True)
class CurrentBias:
    """An ideal current source from node ``source`` to node ``sink``, into a diode-connected transistor.

    Equation    I = current
    Ports       source, sink: one of them is a rail, "vdd" (drawn from the supply, so in its power) or "0"
    Limits      current [A] > 0
    """

    name: str
    source: str
    sink: str
    current: float

    def __post_init__(self) -> None:
        positive(f"Bias current {self.name}", self.current, "A")

    def cards(self) -> tuple[str, ...]:
        """One current source."""
        return (f"I{self.name} {self.source} {self.sink} {number(self.current)}",)
