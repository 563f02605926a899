"""The leak of a differential pair, as a behavioural source: linear near its resting potential, constant beyond."""

from __future__ import annotations

from dataclasses import dataclass

from analog.netlist import not_negative, number, positive


@dataclass(frozen=True)
class SaturatingLeak:
    """An operational transconductance amplifier (OTA) connected as a follower.

    Equation    I = current tanh((V(rest) + offset - V(node)) / width) + output (V(rest) + offset - V(node)), into node
                (Mead 1989, Analog VLSI and Neural Systems, chapter 5: width = 2 n U_T)
    Ports       node, rest
    Parameters  current [A] > 0, width [V] > 0, output [S] >= 0: conductance of the output, offset [V]
    """

    current: float
    width: float
    output: float = 0.0
    offset: float = 0.0
    node: str = "mem"
    rest: str = "rest"

    def __post_init__(self) -> None:
        positive("Leak current", self.current, "A")
        positive("Leak width", self.width, "V")
        not_negative("Leak output conductance", self.output, "S")

    def cards(self) -> tuple[str, ...]:
        """One source."""
        below = f"(V({self.rest},{self.node})+{number(self.offset)})"
        linear = f"+{number(self.output)}*{below}" if self.output else ""
        return (f"Bleak 0 {self.node} I={number(self.current)}*tanh({below}*{number(1 / self.width)}){linear}",)
