"""A synaptic line: a capacitor that synapses pull down, and an OTA that brings it back."""

from __future__ import annotations

from dataclasses import dataclass

from analog.blocks.bias import Bias
from analog.blocks.ota import Ota, TailBias
from analog.netlist import Block, positive
from analog.technology import Capacitor, Process


@dataclass(frozen=True)
class SynapticLine:
    """The line of one synaptic input, which all its synapses share.

    Equation    C_line dV/dt = I_tau tanh((V_line - V) / w) - (what synapses draw), w as for `analog.blocks.ota.Ota`;
                tau_syn = C_line w / I_tau near V_line
    Ports       <name>_line; <name>_rest holds V_line, a high-ohmic reference on a chip
    Parameters  C_line [F], I_tau [A] > 0; V_line [V], as for the inputs of an OTA
    Devices     <name>_rb, <name>_r1 ... <name>_r4, <name>_rt
    Limits      exponential within a third of w (25 mV) of V_line to 4 %; below, the return slows down to I_tau / C_line
    """

    process: Process
    name: str
    C_line: float
    I_tau: float
    V_line: float

    def __post_init__(self) -> None:
        for name, unit in (("C_line", "F"), ("I_tau", "A"), ("V_line", "V")):
            positive(f"Synaptic line {name}", getattr(self, name), unit)

    def blocks(self) -> tuple[Block, ...]:
        """The rest potential, the capacitor and six transistors."""
        name, line = self.name, f"{self.name}_line"
        return (
            Bias(f"{name}_rest", self.V_line),
            Capacitor(self.process, line, line, "0", self.C_line),
            TailBias(self.process, f"{name}_rb", self.I_tau),
            Ota(self.process, f"{name}_r", f"{name}_rest", line, line, f"{name}_rb"),
        )

    def cards(self) -> tuple[str, ...]:
        """All cards of `blocks`."""
        return tuple(card for block in self.blocks() for card in block.cards())
