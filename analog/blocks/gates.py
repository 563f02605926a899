"""Logic gates of a few transistors, in any technology."""

from __future__ import annotations

from dataclasses import dataclass

from analog.technology import Mosfet, Process

UM = 1e-6


@dataclass(frozen=True)
class Inverter:
    """A CMOS inverter.

    Equation    output = not input
    Ports       input, output; vdd and ground are rails
    Parameters  W_n, W_p, L [m]; L None: the technology's shortest
    Devices     <name>n, <name>p
    """

    process: Process
    name: str
    input: str
    output: str
    W_n: float = 0.42 * UM
    W_p: float = 0.84 * UM
    L: float | None = None

    def cards(self) -> tuple[str, ...]:
        """Two transistors."""
        L = self.process.made.minimum_length if self.L is None else self.L
        return (
            *Mosfet(self.process, f"{self.name}n", self.output, self.input, "0", "0", "n", self.W_n, L).cards(),
            *Mosfet(self.process, f"{self.name}p", self.output, self.input, "vdd", "vdd", "p", self.W_p, L).cards(),
        )


@dataclass(frozen=True)
class Nand:
    """A CMOS NAND gate of two inputs.

    Equation    output = not (a and b)
    Ports       a (upper n-channel transistor), b (lower), output; vdd and ground are rails
    Parameters  W_n, W_p, L [m]; L None: the technology's shortest; L_b: length of b's pair, None: as L
    Devices     <name>an, <name>bn (between output and ground), <name>ap, <name>bp; inner node <name>x
    """

    process: Process
    name: str
    a: str
    b: str
    output: str
    W_n: float = 0.42 * UM
    W_p: float = 0.42 * UM
    L: float | None = None
    L_b: float | None = None

    def cards(self) -> tuple[str, ...]:
        """Four transistors."""
        process, name, out, foot = self.process, self.name, self.output, f"{self.name}x"
        L = process.made.minimum_length if self.L is None else self.L
        L_b = L if self.L_b is None else self.L_b
        devices = (
            Mosfet(process, f"{name}an", out, self.a, foot, "0", "n", self.W_n, L),
            Mosfet(process, f"{name}bn", foot, self.b, "0", "0", "n", self.W_n, L_b),
            Mosfet(process, f"{name}ap", out, self.a, "vdd", "vdd", "p", self.W_p, L),
            Mosfet(process, f"{name}bp", out, self.b, "vdd", "vdd", "p", self.W_p, L_b),
        )
        return tuple(card for device in devices for card in device.cards())
