"""A comparator's first stage: an amplifier with finite gain, bandwidth and offset, cleared during the reset."""

from __future__ import annotations

from dataclasses import dataclass

from analog.netlist import not_negative, number, positive


@dataclass(frozen=True)
class Amplifier:
    """One gain stage that amplifies what is above the threshold.

    Equation    tau dV(out)/dt = gain max(V(node) - V(threshold) - offset, 0) - V(out),
                and V(out) = 0 while V(gate) is high
    Ports       node, threshold, out, gate (of the switch that clears it)
    Parameters  gain > 0 [V/V], tau > 0 [s], offset [V], level > 0 [V] of the gate, capacitance > 0 [F]
    Limits      no slew limit: V(out) may exceed the supply on the way
    """

    gain: float
    tau: float
    level: float
    offset: float = 0.0
    capacitance: float = 10e-15
    node: str = "mem"
    threshold: str = "thr"
    out: str = "amp"
    gate: str = "rst"

    #: How much faster than its own time constant the stage is cleared.
    CLEARING = 1e4

    def __post_init__(self) -> None:
        positive("Amplifier gain", self.gain, "V/V")
        positive("Amplifier tau", self.tau, "s")
        positive("Amplifier level", self.level, "V")
        not_negative("Amplifier capacitance", self.capacitance, "F")

    def cards(self) -> tuple[str, ...]:
        """A rectified source, its pole, and the switch that clears it."""
        out, resistance = self.out, self.tau / self.capacitance
        above = f"V({self.node},{self.threshold})-{number(self.offset)}"
        return (
            f"B{out} {out}_in 0 V={number(self.gain)}*max({above},0)",
            f"R{out} {out}_in {out} {number(resistance)}",
            f"C{out} {out} 0 {number(self.capacitance)} ic=0",
            f"S{out} {out} 0 {self.gate} 0 {out}_clear",
            f".model {out}_clear SW(vt={number(self.level)} vh=0 ron={number(resistance / self.CLEARING)} roff=1e15)",
        )
