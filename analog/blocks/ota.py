"""An operational transconductance amplifier (OTA) of five transistors, in any technology."""

from __future__ import annotations

from dataclasses import dataclass

from analog.blocks.current_bias import CurrentBias
from analog.netlist import Block, positive
from analog.technology import Mosfet, Process

UM = 1e-6

#: W and L [m] of a pair's transistors, of its load's, and of tails.
PAIR = 4 * UM, 1 * UM
LOAD = 1 * UM, 2 * UM
TAIL = 2 * UM, 2 * UM

#: [F] at the gates of a load's mirror, for nominal twins.
C_LOAD = 25e-15


@dataclass(frozen=True)
class TailBias:
    """The bias of an OTA's tail: a current as the gate voltage of a diode-connected transistor.

    Ports       <name>, the line that `Ota` takes as ``tail``
    Parameters  current [A] > 0
    Devices     <name>
    """

    process: Process
    name: str
    current: float

    def __post_init__(self) -> None:
        positive(f"Tail bias {self.name}", self.current, "A")

    def cards(self) -> tuple[str, ...]:
        """A current source and a transistor."""
        source = CurrentBias(self.name, "vdd", self.name, self.current)
        device = Mosfet(self.process, self.name, self.name, self.name, "0", "0", "n", *TAIL)
        return (*source.cards(), *device.cards())


@dataclass(frozen=True)
class Ota:
    """A differential pair with a mirror as its load, and a current into ``out``.

    Equation    I = I_b tanh((V(plus) - V(minus)) / w), w = 2 n U_T in weak inversion (Mead 1989, Analog VLSI and Neural
                Systems, chapter 5), and more where a pair's transistor is not (`golden.twins.synaptic_line.width`)
    Ports       plus, minus, out; tail: gate line of a `TailBias` that carries I_b; inner nodes <name>x (the sources),
                <name>y (the mirror's gates)
    Devices     <name>1 (plus) and <name>2 (minus): the pair, <name>3 and <name>4: the mirror, <name>t: the tail
    Limits      inputs a gate voltage and some 0.1 V above ground; out above the pair's sources and below the supply by
                as much.  Out at another potential than <name>y adds a current: its output conductance is that of
                transistors 1 um (pair) and 2 um (mirror) long
    """

    process: Process
    name: str
    plus: str
    minus: str
    out: str
    tail: str

    def blocks(self) -> tuple[Block, ...]:
        """Five transistors."""
        process, name = self.process, self.name
        sources, load = f"{name}x", f"{name}y"
        return (
            Mosfet(process, f"{name}t", sources, self.tail, "0", "0", "n", *TAIL),
            Mosfet(process, f"{name}1", load, self.plus, sources, "0", "n", *PAIR),
            Mosfet(process, f"{name}2", self.out, self.minus, sources, "0", "n", *PAIR),
            Mosfet(process, f"{name}3", load, load, "vdd", "vdd", "p", *LOAD),
            Mosfet(process, f"{name}4", self.out, load, "vdd", "vdd", "p", *LOAD),
        )

    def cards(self) -> tuple[str, ...]:
        """All cards of `blocks`."""
        return tuple(card for block in self.blocks() for card in block.cards())
