"""Threshold comparators: a tanh amplifier, and a pair of switches for circuits without XSPICE."""

from __future__ import annotations

from dataclasses import dataclass, field

from analog.blocks.pole import Pole
from analog.netlist import number, positive


@dataclass(frozen=True)
class TanhComparator:
    """An amplifier that saturates at the rails.

    Equation    V(cmp) = supply/2 (1 + tanh(gain (V(node) - V(threshold)))), then the pole to V(out)
    Ports       node, threshold, cmp (before the pole), out (after it)
    Parameters  supply [V] > 0, gain [1/V] > 0
    Limits      the output takes from ln 2 to 1 pole time constants to cross half supply: fast inputs the former
    """

    supply: float
    gain: float = 5000.0
    pole: Pole = field(default_factory=Pole)
    node: str = "mem"
    threshold: str = "thr"
    cmp: str = "cmp"
    out: str = "det"

    def __post_init__(self) -> None:
        positive("Comparator supply", self.supply, "V")
        positive("Comparator gain", self.gain, "1/V")

    def cards(self) -> tuple[str, ...]:
        """A behavioural source and the pole."""
        half, difference = number(self.supply / 2), f"V({self.node})-V({self.threshold})"
        return (
            f"B{self.cmp} {self.cmp} 0 V={half}*(1+tanh({number(self.gain)}*({difference})))",
            *self.pole.between(self.cmp, self.out),
        )


@dataclass(frozen=True)
class SwitchComparator:
    """Two switches that pull the output to the supply or to ground, behind a preamplifier; no XSPICE needed.

    Equation    V(cmp) = supply where V(node) > V(threshold), else 0; then the pole to V(out)
    Ports       node, threshold, cmp (before the pole), out (after it), vdd
    Parameters  gain > 0 of the preamplifier
    Limits      ngspice lets a switch's control voltage pass the threshold by 50 mV in one step: the gain makes that
                50 mV / gain at the input.  There is no hysteresis in the switches, because within its band ngspice 39
                keeps the state of a rejected time step and switches early; what follows must not need it (see
                `AnalogOneShot`: timer and gate pole are the memory)
    """

    gain: float = 1000.0
    pole: Pole = field(default_factory=Pole)
    node: str = "mem"
    threshold: str = "thr"
    cmp: str = "cmp"
    out: str = "det"

    #: [V] by which ngspice allows a switch's control voltage to pass the threshold within one step (swtrunc.c).
    OVERSHOOT = 0.05

    def __post_init__(self) -> None:
        positive("Comparator gain", self.gain, "V/V")

    def cards(self) -> tuple[str, ...]:
        """Preamplifier, two complementary switches, pole."""
        c = self.cmp
        return (
            f"E{c} {c}_pre 0 {self.node} {self.threshold} {number(self.gain)}",
            f"S{c}_up vdd {c} {c}_pre 0 {c}_sw",
            # The pull-down sees the inverted voltage, so it opens exactly where the pull-up closes.
            f"S{c}_dn {c} 0 0 {c}_pre {c}_sw",
            f".model {c}_sw SW(vt=0 vh=0 ron=1 roff=1e9)",
            *self.pole.between(c, self.out),
        )
