"""Refractory one-shots: the comparator's edge becomes a reset pulse of a set length."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from analog.blocks.comparator import SwitchComparator
from analog.blocks.pole import Pole
from analog.netlist import number, positive

#: Delays and edges of the XSPICE bridges and of the buffer [s]: the shortest ngspice allows.
EDGE = 1e-12


@dataclass(frozen=True)
class DigitalOneShot:
    """XSPICE: analog-to-digital bridge, buffer with a long falling delay, digital-to-analog bridge.

    Equation    V(out) rises with V(detect) > supply/2 and falls ``delay`` after V(detect) < supply/2
    Ports       detect, out
    Parameters  delay [s] > 0, supply [V] > 0
    Limits      an event happens at the time step that first sees it, not between steps.  ngspice 39 shows events early
                or loses them when it rejects the step to them, as it does while a charge's edge lifts the membrane:
                not for neurons that get charges
    """

    delay: float
    supply: float
    detect: str = "det"
    out: str = "rst"

    def __post_init__(self) -> None:
        positive("One-shot delay", self.delay, "s")
        positive("One-shot supply", self.supply, "V")

    @classmethod
    def overhead(cls, pole: Pole) -> float:
        """From the crossing to the end of the pulse, less ``delay`` [s].

        The comparator is back as soon after the start of the reset as it was past half supply before; then the falls.
        """
        return cls.reaction(pole) + 3.5 * EDGE

    @staticmethod
    def reaction(pole: Pole) -> float:
        """From a slow crossing to the start of the pulse [s]: the comparator's pole, two events, half an edge."""
        return pole.tau + 2.5 * EDGE

    def cards(self) -> tuple[str, ...]:
        """Two bridges, the buffer, their models."""
        half, edge = number(self.supply / 2), number(EDGE)
        return (
            f"Aadc [{self.detect}] [{self.out}_in] adc",
            f".model adc adc_bridge(in_low={half} in_high={half} rise_delay={edge} fall_delay={edge})",
            f"Abuf {self.out}_in {self.out}_out buf",
            f".model buf d_buffer(rise_delay={edge} fall_delay={number(self.delay)})",
            f"Adac [{self.out}_out] [{self.out}] dac",
            f".model dac dac_bridge(out_low=0 out_high={number(self.supply)} out_undef=0 t_rise={edge} t_fall={edge})",
            # A load that changes nothing, but whose charge ngspice watches: its version 44 takes steps of some 0.1 ns
            # across the falling edge otherwise, and ends the reset that much late (39 stops at the edge by itself).
            f"R{self.out}watch {self.out} {self.out}_watch 1e7",
            f"C{self.out}watch {self.out}_watch 0 1e-17 ic=0",
        )


@dataclass(frozen=True)
class AnalogOneShot:
    """A capacitor filled at once and emptied by a constant current; the reset lasts while it is above half supply.

    Equation    C dV(timer)/dt = -current tanh((V(timer) - floor) / 20 mV), and + (supply - V(timer)) / R_on while
                V(detect) is high; current = C supply / (2 delay); V(out) follows V(timer) > supply/2 through a pole
    Ports       detect, out, vdd; timer is its own
    Parameters  delay [s] > 0, supply [V] > 0, capacitance [F] > 0
    Limits      the gate pole keeps the comparator high until the timer is full; without it the comparator races
                with its own reset
    """

    delay: float
    supply: float
    capacitance: float = 100e-15
    pole: Pole = field(default_factory=Pole)
    detect: str = "det"
    out: str = "rst"

    #: How much faster than the gate's pole the timer fills, and steepness [1/V] of the filling's smooth control.
    FILL_SPEED = 20.0
    #: Level of the empty timer, as a fraction of the supply: ngspice's tolerance is relative to the charge, so filling
    #: from nothing takes ten times the steps.
    FLOOR = 0.1
    STEEPNESS = 20.0

    def __post_init__(self) -> None:
        positive("One-shot delay", self.delay, "s")
        positive("One-shot supply", self.supply, "V")
        positive("One-shot capacitance", self.capacitance, "F")

    @classmethod
    def overhead(cls, pole: Pole) -> float:
        """From the crossing to the end of the pulse, less ``delay`` [s], for equal poles in comparator and gate.

        Comparator pole, filling to half, gate pole; the reset then turns the comparator off, whose pole has
        risen to x = 1 - e^(-2 ln 2 - fill/tau) by then and falls to half in tau ln(2 x): there emptying starts. After
        ``delay`` the gate pole falls.
        """
        reached = 1 - 0.25 * math.exp(-cls._fill(pole) / pole.tau)
        return cls.reaction(pole) + pole.tau * math.log(2 * reached) + pole.half_time

    @classmethod
    def reaction(cls, pole: Pole) -> float:
        """From the crossing to the start of the pulse [s]: comparator's pole, filling to half, gate pole."""
        return 2 * pole.half_time + cls._fill(pole)

    @classmethod
    def _fill(cls, pole: Pole) -> float:
        return pole.tau / cls.FILL_SPEED * math.log(2 * (1 - cls.FLOOR))

    def cards(self) -> tuple[str, ...]:
        """Timer capacitor with its two currents, level detector, gate pole."""
        half = self.supply / 2
        on_resistance = self.pole.tau / self.FILL_SPEED / self.capacitance
        current = self.capacitance * half / self.delay
        floor = number(self.FLOOR * self.supply)
        control = f"0.5*(1+tanh({number(self.STEEPNESS)}*(V({self.detect})-{number(half)})))"
        return (
            f"Ctimer timer 0 {number(self.capacitance)} ic={floor}",
            # Smooth control: a hard switch would step the charging current, and no time step is short enough for that.
            f"Bfill vdd timer I=V(vdd,timer)/{number(on_resistance)}*{control}",
            f"Btimer timer 0 I={number(current)}*tanh((V(timer)-{floor})/0.02)",
            f"Vhalf half 0 {number(half)}",
            *SwitchComparator(pole=self.pole, node="timer", threshold="half", cmp="gate", out=self.out).cards(),
        )
