"""The reset switch: holds the membrane at the reset potential during the refractory pulse."""

from __future__ import annotations

from dataclasses import dataclass

from analog.netlist import number, positive
from golden.errors import SpecError


@dataclass(frozen=True)
class ResetSwitch:
    """A voltage-controlled switch between the membrane and the reset potential.

    Equation    I = (V(reset) - V(node)) / on_resistance while V(gate) > level, / off_resistance otherwise
    Ports       node, reset, gate
    Parameters  on_resistance, off_resistance [ohm], level [V], all > 0
    Limits      on_resistance < off_resistance.  The membrane settles with on_resistance x C, and starts its next
                interval that much ahead, because the input current flows through the switch: V = V(reset) + I R_on
    """

    on_resistance: float
    off_resistance: float
    level: float
    node: str = "mem"
    reset: str = "res"
    gate: str = "rst"

    def __post_init__(self) -> None:
        positive("Reset on-resistance", self.on_resistance, "ohm")
        positive("Reset level", self.level, "V")
        if not self.on_resistance < self.off_resistance:
            rule = f"above the on-resistance ({self.on_resistance:g} ohm)"
            raise SpecError.rule("Reset off-resistance", rule, f"{self.off_resistance:g} ohm")

    def cards(self) -> tuple[str, ...]:
        """One switch and its model."""
        resistances = f"ron={number(self.on_resistance)} roff={number(self.off_resistance)}"
        return (
            f"Sreset {self.node} {self.reset} {self.gate} 0 reset",
            f".model reset SW(vt={number(self.level)} vh=0 {resistances})",
        )
