"""The pulsed current mirror: for as long as the pulse lasts, a weight's worth of current flows into the membrane.

The pulsed current-source synapse (Mead 1989; as in Bartolozzi and Indiveri 2007) with a 6-bit weight in binary legs:

    ref          takes I_lsb as gate voltage on the line bias
    m0 ... m5    legs of 1, 2, 4 ... 32 fingers of ref
    s0 ... s5    switches, with as many fingers, from the legs to the membrane: excitatory
    pk qk nk ok  for each bit a gate that closes its switch while pulse and weight bit are high (NAND: p and q
                 parallel p-channel, n above o)

The switches are on the drain side: at the sources they would leave a tail that dies as 1/t.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analog.blocks.bias import Bias
from analog.blocks.current_bias import CurrentBias
from analog.netlist import positive
from analog.technology import Capacitor, Mosfet, Process
from golden.errors import SpecError
from golden.twins.pulsed_mirror import BITS, PulsedMirrorTwin

if TYPE_CHECKING:
    from analog.netlist import Block

UM = 1e-6

#: [F] of the bias line, which a row of synapses shares (63 fingers of ref load it with some 100 fF each).
LINE = 50e-12


@dataclass(frozen=True)
class PulsedMirror:
    """The circuit: a `analog.synapses.Synapse` with a weight code.

    Ports       pulse, active high at the supply; mem, into which the current flows; vdd; ``<name>_w0`` ... are the
                weight bits, high for 1
    Parameters  weight 0 to 63, I_lsb [A]
    Equation    a pulse of width t_p makes dV = weight I_lsb t_p / C on a capacitor C (`PulsedMirrorTwin`)
    Limits      V(mem) up to 0.35 vdd for 1 % (then the switches, whose gates are at ground, no longer shield the legs);
                a finger's drain capacitance adds a charge, 1 to 3 fC, to every pulse: t_p I_lsb should be well above
    """

    process: Process = field(default_factory=Process)
    weight: int = 63
    I_lsb: float = 8e-9
    name: str = "syn"
    pulse: str = "pulse"
    mem: str = "mem"

    def __post_init__(self) -> None:
        positive("Pulsed mirror I_lsb", self.I_lsb, "A")
        if type(self.weight) is not int or not 0 <= self.weight < 2**BITS:
            raise SpecError.rule("Pulsed mirror weight", f"a whole number from 0 to {2**BITS - 1}", repr(self.weight))

    def blocks(self) -> tuple[Block, ...]:
        """Bias, weight bits and devices."""
        bias = f"{self.name}_bias"
        legs = tuple(block for bit in range(BITS) for block in (*self._gate(bit), *self._leg(bit, bias)))
        return (
            CurrentBias(bias, bias, "0", self.I_lsb),
            Capacitor(self.process, bias, bias, "vdd", LINE),
            self._p("ref", bias, bias, "vdd", 0.42, 6),
            *legs,
        )

    def twin(self) -> PulsedMirrorTwin:
        """The nominal twin: no injection, no curvature."""
        return PulsedMirrorTwin(I_lsb=self.I_lsb)

    def _gate(self, bit: int) -> tuple[Block, ...]:
        process, short = self.process, self.process.made.minimum_length / UM
        weight, out, foot = (f"{self.name}_{node}{bit}" for node in ("w", "g", "f"))
        return (
            Bias(weight, process.vdd if self.weight >> bit & 1 else 0.0),
            self._p(f"p{bit}", out, self.pulse, "vdd", 0.84, short),
            self._p(f"q{bit}", out, weight, "vdd", 0.84, short),
            self._n(f"n{bit}", out, self.pulse, foot, 0.84, short),
            self._n(f"o{bit}", foot, weight, "0", 0.84, short),
        )

    def _leg(self, bit: int, bias: str) -> tuple[Block, ...]:
        middle, gate = f"{self.name}_m{bit}", f"{self.name}_g{bit}"
        return (
            self._p(f"m{bit}", middle, bias, "vdd", 0.42, 6, 2**bit),
            self._p(f"s{bit}", self.mem, gate, middle, 0.42, 0.3, 2**bit),
        )

    def _n(self, name: str, drain: str, gate: str, source: str, W: float, L: float) -> Mosfet:
        return Mosfet(self.process, f"{self.name}_{name}", drain, gate, source, "0", "n", W * UM, L * UM)

    def _p(self, name: str, drain: str, gate: str, source: str, W: float, L: float, multiple: int = 1) -> Mosfet:
        full = f"{self.name}_{name}"
        return Mosfet(self.process, full, drain, gate, source, "vdd", "p", W * UM, L * UM, multiple)
