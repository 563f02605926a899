"""A foundry's technology: BSIM4 transistors from its model files, MIM capacitors, and how much they spread."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analog.netlist import number
from analog.technology.mismatch import pelgrom

if TYPE_CHECKING:
    from analog.technology.library import Library
    from analog.technology.process import Mosfet

CORNERS = ("tt", "ff", "ss", "sf", "fs")


@dataclass(frozen=True)
class Spread:
    """Pelgrom slopes of one kind of transistor: sigma = slope / sqrt((W + dW) (L + dL)).

    V_th      [V m]: threshold voltage
    mobility  [m]: relative change of the mobility
    dW, dL    [m]
    """

    V_th: float
    mobility: float = 0.0
    dW: float = 0.0
    dL: float = 0.0


@dataclass(frozen=True)
class Foundry:
    """Everything that differs between two foundries' transistors.

    supply, supply_range   [V]: nominal, and the range the devices are made for
    celsius_range          temperatures of the models
    minimum_length, minimum_width   [m] of a transistor
    diffusion              [m]: length of a contacted source or drain, which sets the junctions' areas
    window                 [V]: where a neuron's potentials are when the user gives no window of his own
    spread                 by kind, "n" or "p"
    library                the models by corner
    capacitor_spread       [m]: relative mismatch of a MIM capacitor is capacitor_spread / sqrt(area)
    capacitor_density      [F/m^2] of a MIM capacitor, which gives that area
    """

    name: str
    title: str
    package: str
    supply: float
    supply_range: tuple[float, float]
    celsius_range: tuple[float, float]
    minimum_length: float
    minimum_width: float
    diffusion: float
    window: tuple[float, float]
    spread: Callable[[str], Spread]
    library: Callable[[str], Library]
    capacitor_spread: float = 5e-9
    capacitor_density: float = 2e-3
    corners: tuple[str, ...] = CORNERS

    def mosfet(self, device: Mosfet) -> tuple[str, ...]:
        """The transistor's card, with its mismatch as ``delvto`` and ``mulu0``.

        The substrate network (rbodymod) is off: five nodes a transistor for an effect above 1 GHz.
        """
        process, W, L = device.process, device.W, device.L
        model = self.library(process.corner).find(device.kind, W, L)
        junction = f"ad={number(W * self.diffusion)} as={number(W * self.diffusion)}"
        edge = f"pd={number(2 * (W + self.diffusion))} ps={number(2 * (W + self.diffusion))}"
        shift = ""
        if process.mismatch is not None:
            spread = self.spread(device.kind)
            # Each of ``multiple`` parallel fingers has its own threshold; their mean spreads by 1/sqrt(multiple).
            area = W + spread.dW, device.multiple * (L + spread.dL)
            volts = pelgrom(spread.V_th, *area) * process.deviate(device.name, "V_th")
            shift = f" delvto={number(volts)}"
            if spread.mobility:
                factor = 1 - pelgrom(spread.mobility, *area) * process.deviate(device.name, "mobility")
                shift += f" mulu0={number(factor)}"
        nodes = f"{device.drain} {device.gate} {device.source} {device.bulk}"
        fingers = "" if device.multiple == 1 else f" m={device.multiple}"
        size = f"w={number(W)} l={number(L)}"
        return (f"M{device.name} {nodes} {model.name} {size} {junction} {edge} rbodymod=0{fingers}{shift}",)

    def capacitor_sigma(self, capacitance: float) -> float:
        """Relative standard deviation of a MIM capacitor [F] beside an equal one."""
        return self.capacitor_spread / math.sqrt(capacitance / self.capacitor_density)

    def models(self, corner: str, names: tuple[str, ...]) -> tuple[str, ...]:
        """Model cards for the models called ``names``."""
        return self.library(corner).cards(names)
