"""A process: one technology at one corner, temperature and supply, with or without mismatch; and its devices.

`Mosfet` and `Capacitor` are blocks like any other; what they are made of is the process's affair, so a circuit written
once runs in every technology.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol

from analog.netlist import number, positive
from analog.technology.gf180 import GF180
from analog.technology.macro import MACRO
from analog.technology.mismatch import deviate
from analog.technology.sky130 import SKY130
from golden.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from analog.netlist import Block

Kind = Literal["n", "p"]

#: Boltzmann's constant over the elementary charge [V/K] (exact since 2019).
THERMAL = 1.380649e-23 / 1.602176634e-19
BOLTZMANN = 1.380649e-23


class Technology(Protocol):
    """What a process asks of its technology; see `analog.technology.foundry.Foundry` for the meaning."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def package(self) -> str: ...
    @property
    def supply(self) -> float: ...
    @property
    def supply_range(self) -> tuple[float, float]: ...
    @property
    def celsius_range(self) -> tuple[float, float]: ...
    @property
    def minimum_length(self) -> float: ...
    @property
    def minimum_width(self) -> float: ...
    @property
    def window(self) -> tuple[float, float]: ...
    @property
    def corners(self) -> tuple[str, ...]: ...
    def mosfet(self, device: Mosfet) -> tuple[str, ...]: ...
    def capacitor_sigma(self, capacitance: float) -> float: ...
    def models(self, corner: str, names: tuple[str, ...]) -> tuple[str, ...]: ...


TECHNOLOGIES: dict[str, Technology] = {technology.name: technology for technology in (MACRO, SKY130, GF180)}


@dataclass(frozen=True)
class Process:
    """Where and how a circuit is made and used.

    technology  "macro", "sky130" or "gf180"
    corner      "tt", "ff", "ss", "sf" or "fs": n-channel, then p-channel; typical, fast, slow
    celsius     temperature [degree Celsius], within the models' range
    supply      [V]; None: the technology's nominal one
    mismatch    seed of the chip's devices; None: all devices are alike
    scope       which of several equal circuits on that chip this is, such as "neuron 12"

    Raises SpecError when a rule is broken.
    """

    technology: str = "sky130"
    corner: str = "tt"
    celsius: float = 27.0
    supply: float | None = None
    mismatch: int | None = None
    scope: str = ""

    def __post_init__(self) -> None:
        if self.technology not in TECHNOLOGIES:
            raise SpecError.rule("Technology", f"one of {', '.join(TECHNOLOGIES)}", repr(self.technology))
        made = self.made
        if self.corner not in made.corners:
            raise SpecError.rule("Process corner", f"one of {', '.join(made.corners)}", repr(self.corner))
        low, high = made.celsius_range
        if not low <= self.celsius <= high:
            rule = f"between {low:g} and {high:g} degrees Celsius for {made.name}"
            raise SpecError.rule("Temperature", rule, f"{self.celsius:g}")
        low, high = made.supply_range
        if not low <= self.vdd <= high:
            raise SpecError.rule("Supply", f"between {low:g} and {high:g} V for {made.name}", f"{self.vdd:g} V")
        if self.mismatch is not None and (isinstance(self.mismatch, bool) or not isinstance(self.mismatch, int)):
            raise SpecError.rule("Mismatch seed", "a whole number or none", repr(self.mismatch))

    @property
    def made(self) -> Technology:
        """The technology itself."""
        return TECHNOLOGIES[self.technology]

    @property
    def vdd(self) -> float:
        """The supply [V]."""
        return self.made.supply if self.supply is None else self.supply

    @property
    def kelvin(self) -> float:
        """The temperature [K]."""
        return self.celsius + 273.15

    @property
    def thermal_voltage(self) -> float:
        """U_T = k T / q [V]."""
        return THERMAL * self.kelvin

    def within(self, scope: str) -> Process:
        """The same process for one of several equal circuits, whose devices are its own."""
        return replace(self, scope=f"{self.scope}/{scope}" if self.scope else scope)

    def deviate(self, device: str, quantity: str) -> float:
        """A standard normal number that belongs to this chip's device; 0 without mismatch."""
        return 0.0 if self.mismatch is None else deviate(self.mismatch, self.scope, device, quantity)


@dataclass(frozen=True)
class Mosfet:
    """A MOS transistor.

    Ports       drain, gate, source, bulk
    Parameters  kind "n" or "p", W and L [m] of one finger, number of fingers ``multiple`` >= 1
    Limits      the technology's smallest and largest device
    """

    process: Process
    name: str
    drain: str
    gate: str
    source: str
    bulk: str
    kind: Kind
    W: float
    L: float
    multiple: int = 1

    def __post_init__(self) -> None:
        made = self.process.made
        for thing, value, least in (("W", self.W, made.minimum_width), ("L", self.L, made.minimum_length)):
            if not value >= least - 5e-10:
                rule = f"at least {least * 1e6:g} um in {made.name}"
                raise SpecError.rule(f"Transistor {self.name} {thing}", rule, f"{value * 1e6:g} um")
        if self.multiple < 1:
            raise SpecError.rule(f"Transistor {self.name} multiple", "at least 1", self.multiple)

    def cards(self) -> tuple[str, ...]:
        """The transistor's elements; foundry models are added by `models`."""
        return self.process.made.mosfet(self)


@dataclass(frozen=True)
class Capacitor:
    """A metal-insulator-metal capacitor between ``top`` and ``bottom``, with its mismatch.

    Parameters  capacitance [F] > 0; initial voltage [V] or None
    """

    process: Process
    name: str
    top: str
    bottom: str
    capacitance: float
    initial: float | None = None

    def __post_init__(self) -> None:
        positive(f"Capacitor {self.name}", self.capacitance, "F")

    @property
    def value(self) -> float:
        """Capacitance [F] of this chip's device."""
        sigma = self.process.made.capacitor_sigma(self.capacitance)
        return self.capacitance * (1 + sigma * self.process.deviate(self.name, "capacitance"))

    def cards(self) -> tuple[str, ...]:
        """One capacitor."""
        start = "" if self.initial is None else f" ic={number(self.initial)}"
        return (f"C{self.name} {self.top} {self.bottom} {number(self.value)}{start}",)


@dataclass(frozen=True)
class Models:
    """The foundry models that ``blocks`` use, and the temperature; one block beside them in the netlist."""

    process: Process
    blocks: tuple[Block, ...]

    def cards(self) -> tuple[str, ...]:
        """``.model`` cards, of the bins in use only, and ``.options temp``."""
        used = tuple(_model_of(card) for block in self.blocks for card in block.cards() if card.startswith("M"))
        temperature = f".options temp={number(self.process.celsius)}"
        return (*self.process.made.models(self.process.corner, used), temperature)


def with_models(process: Process, blocks: Iterable[Block]) -> tuple[Block, ...]:
    """``blocks`` followed by the models they use."""
    every = tuple(blocks)
    return (*every, Models(process, every))


def _model_of(card: str) -> str:
    return card.split()[5]
