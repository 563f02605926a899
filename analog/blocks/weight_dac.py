"""A 6-bit weight as a current: binary legs of one bias current, on while a pulse is high."""

from __future__ import annotations

from dataclasses import dataclass

from analog.blocks.bias import Bias
from analog.blocks.current_bias import CurrentBias
from analog.blocks.gates import Inverter
from analog.netlist import Block, positive
from analog.technology import Capacitor, Mosfet, Process
from golden.errors import SpecError

UM = 1e-6
BITS = 6

#: W and L [m] of the finger that carries one I_lsb.
FINGER = 0.42 * UM, 2 * UM

#: W [m] of the inverter's n-channel transistor, which carries all legs' current: 63 I_lsb.
FOOT = 8 * UM

#: [F] of the bias line, which an array of a thousand DACs shares (each loads it with some 0.15 pF): pulses must not
#: move it.
LINE = 200e-12

#: ngspice's own 1 pS across every junction of 63 fingers would draw 45 pA from a line, which real junctions do not.
GMIN = ".options gmin=1e-15"


@dataclass(frozen=True)
class WeightBias:
    """The global bias of weight DACs: I_lsb as the gate voltage of one finger.

    Equation    V(<name>) is the gate voltage at which a finger carries I_lsb
    Ports       <name>, the line that `WeightDac` takes as ``bias``
    Parameters  I_lsb [A] > 0
    Devices     <name>r
    """

    process: Process
    name: str
    I_lsb: float

    def __post_init__(self) -> None:
        positive("Weight bias I_lsb", self.I_lsb, "A")

    def cards(self) -> tuple[str, ...]:
        """A current source, a diode-connected transistor and the line's capacitance; GMIN for the whole deck."""
        name = self.name
        parts: tuple[Block, ...] = (
            CurrentBias(name, "vdd", name, self.I_lsb),
            Mosfet(self.process, f"{name}r", name, name, "0", "0", "n", *FINGER),
            Capacitor(self.process, name, name, "0", LINE),
        )
        return (*(card for part in parts for card in part.cards()), GMIN)


@dataclass(frozen=True)
class WeightDac:
    """Six legs of 1, 2, 4 ... 32 fingers from a synaptic line to a common foot, which the pulse pulls to ground.

    Between pulses the foot is at the supply: the legs are off at once, however their gates stand, and the nodes above
    them keep the line's potential, so that a pulse brings the line nothing but the legs' current.

    Equation    I = weight I_lsb out of the line while V(pulse) is high
    Ports       line, pulse (active high at the supply), bias (of a `WeightBias`); <name>w0 ... <name>w5 are the bits of
                the weight, high for 1; inner nodes <name>f (the foot), <name>d0 ... <name>d5
    Parameters  weight 0 to 63
    Devices     <name>m0 ... <name>m5 the legs' fingers, <name>b0 ... <name>b5 the bits' switches, <name>n and <name>p
                the inverter that drives the foot
    Limits      the line must stay some 0.2 V above ground.  The foot rises by the legs' current over <name>n's
                conductance: I_lsb up to some 100 nA
    """

    process: Process
    name: str
    line: str
    pulse: str
    bias: str
    weight: int

    def __post_init__(self) -> None:
        if type(self.weight) is not int or not 0 <= self.weight < 2**BITS:
            raise SpecError.rule("DAC weight", f"a whole number from 0 to {2**BITS - 1}", repr(self.weight))

    def blocks(self) -> tuple[Block, ...]:
        """The weight's bits and fourteen transistors."""
        foot, process = f"{self.name}f", self.process
        legs = tuple(block for bit in range(BITS) for block in self._leg(bit, foot))
        return (*legs, Inverter(process, self.name, self.pulse, foot, FOOT, 1 * UM))

    def cards(self) -> tuple[str, ...]:
        """All cards of `blocks`."""
        return tuple(card for block in self.blocks() for card in block.cards())

    def _leg(self, bit: int, foot: str) -> tuple[Block, ...]:
        drain, gate, process = f"{self.name}d{bit}", f"{self.name}w{bit}", self.process
        return (
            Bias(gate, process.vdd if self.weight >> bit & 1 else 0.0),
            Mosfet(process, f"{self.name}m{bit}", drain, self.bias, foot, "0", "n", *FINGER, 2**bit),
            Mosfet(
                process, f"{self.name}b{bit}", self.line, gate, drain, "0", "n", FINGER[0], process.made.minimum_length
            ),
        )
