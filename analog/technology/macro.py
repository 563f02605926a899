"""The macro technology: every transistor a behavioural source, after the charge-based EKV model.

    I = I_spec (F((V_P - V_S) / U_T) - F((V_P - V_D) / U_T)) (1 + |V_DS| length_modulation / L)
    F(u) = ln^2(1 + e^(u/2)),     V_P = (V_G - V_T0) / n,     I_spec = 2 n k' U_T^2 W / L

with voltages from the bulk (Enz, Krummenacher and Vittoz 1995, equations 4 and 26).  It holds from weak to strong
inversion, has finite gain (length modulation), bandwidth (gate and junction capacitances) and offset (mismatch), and
needs no foundry's files.  Its numbers are those of a generic 1.8 V process.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analog.netlist import number
from analog.technology.foundry import CORNERS, Spread
from analog.technology.mismatch import pelgrom

if TYPE_CHECKING:
    from analog.technology.process import Mosfet

#: V_T0 [V] and k' [A/V^2] of the two kinds; slow and fast are one standard step of both.
THRESHOLD = {"n": 0.5, "p": 0.55}
GAIN = {"n": 240e-6, "p": 60e-6}
CORNER_STEP = (0.03, 0.08)
_SPEED = {"tt": (0, 0), "ff": (1, 1), "ss": (-1, -1), "sf": (-1, 1), "fs": (1, -1)}


@dataclass(frozen=True)
class Macro:
    """Generic transistors as behavioural sources; parameters as in `analog.technology.foundry.Foundry`.

    slope               n, dimensionless
    length_modulation   [m/V]
    oxide, overlap, junction   gate capacitance [F/m^2], gate to source or drain [F/m], and junction [F/m^2]
    """

    name: str = "macro"
    title: str = "behavioural transistors (EKV), 1.8 V"
    package: str = ""
    supply: float = 1.8
    supply_range: tuple[float, float] = (1.2, 2.0)
    celsius_range: tuple[float, float] = (-40.0, 125.0)
    minimum_length: float = 0.15e-6
    minimum_width: float = 0.42e-6
    diffusion: float = 0.29e-6
    window: tuple[float, float] = (0.4, 1.2)
    slope: float = 1.4
    length_modulation: float = 0.03e-6
    oxide: float = 8e-3
    overlap: float = 0.25e-9
    junction: float = 1.3e-3
    capacitor_spread: float = 5e-9
    capacitor_density: float = 2e-3
    corners: tuple[str, ...] = CORNERS

    def spread(self, kind: str) -> Spread:
        """Pelgrom slopes: those of a 4 nm gate oxide."""
        return Spread(V_th={"n": 3.5e-9, "p": 5.5e-9}[kind], mobility=1e-8)

    def mosfet(self, device: Mosfet) -> tuple[str, ...]:
        """A current source from drain to source and four capacitors."""
        process, kind, name = device.process, device.kind, device.name
        W, L = device.W * device.multiple, device.L
        speed = _SPEED[process.corner][kind == "p"]
        # Thresholds fall by 1 mV/K, mobility with T^-1.5.
        threshold = THRESHOLD[kind] - CORNER_STEP[0] * speed - 1e-3 * (process.celsius - 27)
        beta = GAIN[kind] * W / L * (1 + CORNER_STEP[1] * speed) * (process.kelvin / 300.15) ** -1.5
        if process.mismatch is not None:
            spread = self.spread(kind)
            threshold += pelgrom(spread.V_th, W, L) * process.deviate(name, "V_th")
            beta *= 1 - pelgrom(spread.mobility, W, L) * process.deviate(name, "mobility")
        thermal = process.thermal_voltage
        d, g, s, b = device.drain, device.gate, device.source, device.bulk
        if kind == "p":  # the mirror image: all voltages from the bulk downwards
            gate, source, drain = (_between(b, node) for node in (g, s, d))
        else:
            gate, source, drain = (_between(node, b) for node in (g, s, d))
        pinch = f"({gate}-{number(threshold)})*{number(1 / (2 * self.slope * thermal))}"
        half = number(1 / (2 * thermal))
        # exp overflows no earlier than at 35 V; min keeps Newton's far excursions from getting there.
        forward, reverse = (f"ln(1+exp(min({pinch}-({v})*{half},80)))^2" for v in (source, drain))
        spec = 2 * self.slope * beta * thermal**2
        gain = f"(1+{number(self.length_modulation / L)}*abs({drain}-{source}))"
        a, z = (d, s) if kind == "n" else (s, d)
        channel, edge = self.oxide * W * L / 3, self.overlap * W
        junction = self.junction * W * self.diffusion
        return (
            f"B{name} {a} {z} I={number(spec)}*({forward}-{reverse})*{gain}",
            f"C{name}s {g} {s} {number(channel + edge)}",
            f"C{name}d {g} {d} {number(edge)}",
            f"C{name}b {d} {b} {number(junction)}",
            f"C{name}j {s} {b} {number(junction)}",
        )

    def capacitor_sigma(self, capacitance: float) -> float:
        """Relative standard deviation of a capacitor [F] beside an equal one."""
        return self.capacitor_spread / math.sqrt(capacitance / self.capacitor_density)

    def models(self, corner: str, names: tuple[str, ...]) -> tuple[str, ...]:
        """None: the sources hold their numbers themselves."""
        return ()


def _between(high: str, low: str) -> str:
    return "0" if high == low else f"V({high},{low})"


MACRO = Macro()
