"""The axon-hillock circuit: a capacitive divider around an amplifier makes spikes of any input current.

Mead 1989 (Analog VLSI and Neural Systems, chapter 12).

    amplifier   two inverters, aan, aap and abn, abp, with node x between them; out is the spike.  The first is long:
                its input moves slowly, and both its transistors conduct meanwhile
    feedback    C_fb from out to mem: the spike lifts the membrane by V_dd C_fb / (C_m + C_fb), and its end lowers it
                again, so that neither edge hesitates
    reset       rs connects rm, a mirror of rb, to the membrane while out is high: it takes I_r off
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analog.blocks.bias import Bias
from analog.blocks.current_bias import CurrentBias
from analog.blocks.gates import Inverter
from analog.netlist import positive
from analog.settings import REGENERATIVE_SOLVER
from analog.technology import Capacitor, Mosfet, Process
from golden.twins.axon_hillock import AxonHillockTwin

if TYPE_CHECKING:
    from analog.netlist import Block
    from analog.settings import SolverOptions

UM = 1e-6


@dataclass(frozen=True)
class AxonHillock:
    """The circuit without its input: a `analog.bench.SpikingCircuit`.

    Ports       mem: takes the input current; out: the spike; vdd
    Parameters  C_m, C_fb [F]; I_r [A], the reset's current
    Equation    `golden.twins.axon_hillock.AxonHillockTwin`: between spikes C_fb V_dd / I, during one
                C_fb V_dd / (I_r - I)
    Limits      input below I_r, or the spike never ends; the membrane's jump V_dd C_fb / (C_m + C_fb) below the
                amplifier's threshold, about half the supply
    """

    process: Process = field(default_factory=Process)
    C_m: float = 1e-12
    C_fb: float = 300e-15
    I_r: float = 400e-9

    def __post_init__(self) -> None:
        for name, unit in (("C_m", "F"), ("C_fb", "F"), ("I_r", "A")):
            positive(f"Axon-hillock {name}", getattr(self, name), unit)

    @property
    def title(self) -> str:
        """The deck's first line."""
        return "axon-hillock neuron (Mead 1989)"

    @property
    def spike(self) -> str:
        """The node that rises at a spike."""
        return "out"

    @property
    def solver(self) -> SolverOptions:
        """Options that keep periods within 1e-4 of converged ones, in runs of 3.6 to 40 intervals."""
        return REGENERATIVE_SOLVER

    @property
    def initial(self) -> tuple[tuple[str, float], ...]:
        """Membrane a jump below the amplifier's threshold, as after a spike."""
        vdd = self.process.vdd
        start = max(vdd / 2 - vdd * self.C_fb / (self.C_m + self.C_fb), 0.0)
        return (("mem", start), ("x", vdd), ("out", 0.0))

    @property
    def drives(self) -> tuple[float, float]:
        """Lowest and highest input current [A] of a fit: far below the reset's."""
        return self.I_r / 250, self.I_r / 6

    def blocks(self) -> tuple[Block, ...]:
        """Supply, bias and devices."""
        process, short = self.process, self.process.made.minimum_length
        return (
            Bias("vdd", process.vdd),
            Capacitor(process, "m", "mem", "0", self.C_m),
            Capacitor(process, "fb", "mem", "out", self.C_fb),
            Inverter(process, "aa", "mem", "x", 0.42 * UM, 0.84 * UM, 2 * UM),
            Inverter(process, "ab", "x", "out", 0.84 * UM, 1.68 * UM),
            CurrentBias("rb", "vdd", "rb", self.I_r),
            Mosfet(process, "rb", "rb", "rb", "0", "0", "n", 2 * UM, 1 * UM),
            Mosfet(process, "rm", "rx", "rb", "0", "0", "n", 2 * UM, 1 * UM),
            Mosfet(process, "rs", "mem", "out", "rx", "0", "n", 0.84 * UM, short),
        )

    def twin(self) -> AxonHillockTwin:
        """The nominal twin: Mead's equations, no delays."""
        return AxonHillockTwin(C_fb=self.C_fb, V_dd=self.process.vdd, I_r=self.I_r)
