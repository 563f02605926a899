"""Biological neurons and hardware neurons: time by an acceleration factor, volts by an affine map, currents to match.

With a = acceleration, k = hardware volts per biological volt, C and g of the circuit and C_m, g_L of the neuron:

    t_hw = t / a,     V_hw = v_min + k (V - V_low),     g = C a / tau_m,     I_hw = k (g / g_L) I

so that both obey the same equation in their own time and volts.  A charge w (input spike of a neuron without
tau_syn) that lifts V by w / C_m becomes k (C / C_m) w.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

from analog.blocks.one_shot import EDGE, AnalogOneShot, DigitalOneShot
from analog.blocks.pole import Pole
from golden.errors import SpecError
from golden.membrane import Membrane

if TYPE_CHECKING:
    from analog.settings import AnalogSettings
    from golden.neurons.lif import FloatArray, LIFNeuron
    from golden.stimulus import Stimulus

#: R_on C of the reset switch as a fraction of tau_m: the interval's error by the switch is that fraction of tau_m.
RESET_SPEED = 1e-5
#: Leak of the open reset switch as a fraction of the leak conductance.
RESET_LEAK = 1e-8
#: The reset settles for that many R_on C at least: e^-15 = 3e-7 of the jump is left.
SETTLING = 15
#: A time constant is at least so many comparator poles.
POLES_PER_TAU = 10
#: Length of a staircase's edge into a synapse, as a fraction of tau_syn.
SYNAPSE_EDGE = 1e-3
#: Length of a staircase's edge into the membrane, as a fraction of tau_m.
CHARGE_EDGE = 1e-3
#: Half the length of an edge of the input current, as a fraction of tau_m.
CURRENT_EDGE = 2e-4
#: Fastest pole [s], and the pole as a fraction of tau_m where that is slower: ngspice cannot step over ten decades.
FASTEST_POLE = 100e-12
POLE_SPEED = 1e-5


@dataclass(frozen=True)
class HardwareLIF:
    """One neuron in the circuit's units, with the map back; build it with ``of``.

    C [F], g [S]                 membrane
    rest, threshold, reset [V]   potentials, from ground
    t_ref, tau_m, tau_syn [s]    hardware time; tau_syn None: input spikes are charges
    acceleration                 biological / hardware time
    volts_per_volt, v_min, low   the affine map: V_hw = v_min + volts_per_volt (V - low)
    amps_per_amp                 hardware / biological current
    pole                         bandwidth of the comparator and of the reset's gate
    variant                      circuit variant, which decides the shortest pulse
    """

    index: int
    C: float
    g: float
    rest: float
    threshold: float
    reset: float
    t_ref: float
    tau_syn: float | None
    acceleration: float
    volts_per_volt: float
    v_min: float
    low: float
    amps_per_amp: float
    variant: str
    pole: Pole

    @classmethod
    def of(cls, neuron: LIFNeuron, settings: AnalogSettings, index: int = 0) -> HardwareLIF:
        """Map a single neuron (plain numbers); ``index`` only names it in errors.

        Raises SpecError when a potential is outside the window, or a time is shorter than the circuit can make.
        """
        low = min(float(neuron.V_reset), float(neuron.E_L)) if settings.bio_min is None else settings.bio_min
        high = float(neuron.V_th) if settings.bio_max is None else settings.bio_max
        gain = (settings.v_max - settings.v_min) / (high - low)
        for name in ("E_L", "V_reset", "V_th"):
            volts = settings.v_min + gain * (float(getattr(neuron, name)) - low)
            # The map rounds; 1 nV is far above that and far below anything that matters.
            if not settings.v_min - 1e-9 <= volts <= settings.v_max + 1e-9:
                rule = f"within the hardware window {settings.v_min:g} to {settings.v_max:g} V"
                raise SpecError.rule(f"Neuron {name} (neuron {index})", rule, f"{volts:.4g} V")
        tau_m = float(neuron.tau_m) / settings.acceleration
        g = settings.capacitance / tau_m
        hardware = cls(
            index=index,
            C=settings.capacitance,
            g=g,
            rest=settings.v_min + gain * (float(neuron.E_L) - low),
            threshold=settings.v_min + gain * (float(neuron.V_th) - low),
            reset=settings.v_min + gain * (float(neuron.V_reset) - low),
            t_ref=float(neuron.t_ref) / settings.acceleration,
            tau_syn=None if neuron.tau_syn is None else float(neuron.tau_syn) / settings.acceleration,
            acceleration=settings.acceleration,
            volts_per_volt=gain,
            v_min=settings.v_min,
            low=low,
            amps_per_amp=gain * g / float(neuron.g_L),
            # A transistor circuit has no XSPICE parts, whatever the variant.
            variant=settings.variant if settings.tier in ("ideal", "macro") else "xspice_free",
            pole=Pole(resistance=max(FASTEST_POLE, POLE_SPEED * tau_m) / Pole.capacitance),
        )
        hardware._check_times()
        return hardware

    @property
    def tau_m(self) -> float:
        """Membrane time constant in hardware time [s]."""
        return self.C / self.g

    @property
    def shortest_tau(self) -> float:
        """The shorter of the membrane's and the synapse's time constant [s]."""
        return self.tau_m if self.tau_syn is None else min(self.tau_m, self.tau_syn)

    @property
    def pulse_overhead(self) -> float:
        """Part of the refractory pulse [s] that comparator and edges make; the one-shot's delay is the rest."""
        return self._one_shot.overhead(self.pole)

    @property
    def reaction(self) -> float:
        """Time [s] from a crossing to the start of the reset pulse."""
        return self._one_shot.reaction(self.pole)

    @property
    def _one_shot(self) -> type[DigitalOneShot] | type[AnalogOneShot]:
        return DigitalOneShot if self.variant == "xspice" else AnalogOneShot

    @property
    def on_resistance(self) -> float:
        """Resistance of the closed reset switch [ohm]."""
        return RESET_SPEED / self.g

    @property
    def shortest_pulse(self) -> float:
        """Shortest refractory time [s] the circuit can make: overhead, a buffer delay, and settling of the reset."""
        return self.pulse_overhead + 10 * EDGE + SETTLING * RESET_SPEED * self.tau_m

    @property
    def charge_edge(self) -> float:
        """Length of a charge's edge into the membrane [s]: no faster than ten comparator poles."""
        return max(CHARGE_EDGE * self.tau_m, 10 * self.pole.tau)

    @property
    def input_edge(self) -> float:
        """Length of the staircase's edges [s] that bring input spikes."""
        return self.charge_edge if self.tau_syn is None else SYNAPSE_EDGE * self.tau_syn

    @overload
    def volts(self, biological: float) -> float: ...
    @overload
    def volts(self, biological: FloatArray) -> FloatArray: ...
    def volts(self, biological: float | FloatArray) -> float | FloatArray:
        """Hardware potential [V] of a biological one."""
        return self.v_min + self.volts_per_volt * (biological - self.low)

    def biological_volts(self, hardware: FloatArray) -> FloatArray:
        """Biological potential [V] of a hardware one."""
        return self.low + (hardware - self.v_min) / self.volts_per_volt

    def _check_times(self) -> None:
        a, who = self.acceleration, f"(neuron {self.index})"
        for name, tau in (("tau_m", self.tau_m), ("tau_syn", self.tau_syn)):
            least = POLES_PER_TAU * self.pole.tau
            if tau is not None and tau < least:
                rule = f"at least {least * a:g} s at acceleration {a:g} ({POLES_PER_TAU} poles)"
                raise SpecError.rule(f"Neuron {name} {who}", rule, f"{tau * a:g} s")
        if self.t_ref < self.shortest_pulse:
            rule = f"at least {self.shortest_pulse * a:.4g} s at acceleration {a:g} (the shortest reset)"
            raise SpecError.rule(f"Neuron t_ref {who}", rule, f"{self.t_ref * a:g} s")


def check_input(neuron: LIFNeuron, hardware: HardwareLIF, stimulus: Stimulus, supply: float) -> None:
    """Refuse an input that drives the membrane below ground or kicks it above the supply, naming the limit.

    A steady potential above the supply is no error: the comparator fires long before.
    """
    lowest = hardware.volts(lowest_potential(neuron, stimulus, hardware.index))
    if lowest < 0:
        limit = hardware.low - hardware.v_min / hardware.volts_per_volt
        value = hardware.low + (lowest - hardware.v_min) / hardware.volts_per_volt
        rule = f"above {limit:.4g} V, which is ground in hardware"
        raise SpecError.rule(f"Membrane potential (neuron {hardware.index})", rule, f"driven down to {value:.4g} V")
    if hardware.tau_syn is not None:
        return
    charges = stimulus.spikes_of(hardware.index)[:, 1]
    if not charges.size:
        return
    if hardware.variant == "xspice":
        thing = f"Analog variant for input charges (neuron {hardware.index}, without tau_syn)"
        raise SpecError.rule(thing, "xspice_free, for ngspice loses XSPICE events on them", "xspice")
    highest = hardware.threshold + hardware.volts_per_volt * charges.max() / float(neuron.C_m)
    if highest > supply:
        limit = (supply - hardware.threshold) / hardware.volts_per_volt * float(neuron.C_m)
        rule = f"at most {limit:.4g} C (threshold to supply)"
        raise SpecError.rule(f"Input charge (neuron {hardware.index})", rule, f"{charges.max():.4g} C")
    if hardware.t_ref < hardware.charge_edge + hardware.shortest_pulse:
        least = (hardware.charge_edge + hardware.shortest_pulse) * hardware.acceleration
        rule = f"at least {least:.4g} s for input charges at acceleration {hardware.acceleration:g}"
        raise SpecError.rule(f"Neuron t_ref (neuron {hardware.index})", rule, f"{neuron.t_ref:g} s")


def lowest_potential(neuron: LIFNeuron, stimulus: Stimulus, index: int) -> float:
    """A bound from below on the biological potential [V] of a single neuron, by comparison.

    The neuron without threshold, at rest at the lower of E_L and V_reset and given only the inhibiting part of its
    input, is below the real one at all times, because the membrane equation keeps that order.
    """
    membrane = Membrane.of(neuron)
    u_rest = min(membrane.u_rest, membrane.u_reset)
    steps = [
        (float(t), 0, min(float(i), 0.0)) for t, i in zip(stimulus.times, stimulus.currents[:, index], strict=True)
    ]
    kicks = [(float(t), 1, min(float(w), 0.0)) for t, w in stimulus.spikes_of(index)]
    events = sorted(steps + kicks, key=lambda event: event[:2])
    u = lowest = u_rest
    current = i_syn = 0.0
    for (time, is_kick, value), end in zip(events, [*(e[0] for e in events[1:]), stimulus.duration], strict=True):
        if not is_kick:
            current = value
        elif membrane.tau_syn is None:
            u += value / membrane.capacitance
        else:
            i_syn += value
        u_inf, length = u_rest + membrane.resistance * current, end - time
        lowest = min(lowest, u)
        turn = membrane.extremum(u, u_inf, i_syn)
        if turn < length:
            lowest = min(lowest, membrane.u(turn, u, u_inf, i_syn))
        u, i_syn = membrane.u(length, u, u_inf, i_syn), membrane.i_syn(length, i_syn)
        lowest = min(lowest, u)
    if not math.isfinite(lowest):
        raise SpecError.rule(f"Membrane potential (neuron {index})", "finite", f"{lowest}")
    return lowest + membrane.v_th
