"""The membrane between two events, in closed form: where it is, where it turns, when it reaches the threshold.

Between events (input spikes, steps of the current, the end of a refractory time) the membrane is a sum of two
exponentials and a constant.  Its derivative changes sign at most once, at a time known in closed form, so on
each side the first threshold crossing is bracketed exactly and found by a safeguarded Newton iteration.  No
excursion above threshold can be missed.

With c = 1/tau_m - 1/tau_syn, u = V - V_th, and I_syn = I_0 at the start of the piece:

    u(t) = u_inf + (u_0 - u_inf) e^{-t/tau_m} + R I_0 k(t),      k(t) = (1/tau_m) e^{-t/tau_m} (e^{c t} - 1)/c

written so that tau_syn = tau_m is no special case.  Source: Brette, Neural Computation 18 (2006) for the
event-driven scheme; the bracketing by the one extremum is ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from golden.neurons.lif import FloatArray, LIFNeuron


@dataclass(frozen=True)
class Membrane:
    """One neuron's constants; potentials are relative to threshold (u = V - V_th) to keep the last bits."""

    tau: float
    resistance: float
    rheobase: float
    capacitance: float
    u_rest: float
    u_reset: float
    v_th: float
    t_ref: float
    tau_syn: float | None

    @classmethod
    def of(cls, neuron: LIFNeuron) -> Membrane:
        """Constants of a single neuron (plain numbers in every field)."""
        v_th = float(neuron.V_th)
        return cls(
            tau=float(neuron.tau_m),
            resistance=float(neuron.R),
            rheobase=float(neuron.rheobase),
            capacitance=float(neuron.C_m),
            u_rest=float(neuron.E_L) - v_th,
            u_reset=float(neuron.V_reset) - v_th,
            v_th=v_th,
            t_ref=float(neuron.t_ref),
            tau_syn=None if neuron.tau_syn is None else float(neuron.tau_syn),
        )

    @property
    def c(self) -> float:
        """1/tau_m - 1/tau_syn, 0 where they are equal or there is no synapse."""
        return 0.0 if self.tau_syn is None else (self.tau_syn - self.tau) / (self.tau * self.tau_syn)

    def kernel(self, t: float) -> float:
        """k(t): response of u, in units of R I_0, to a synaptic current that starts at I_0."""
        if self.tau_syn is None:
            return 0.0
        x = self.c * t
        if abs(x) < 1.0:
            growth = math.expm1(x) / x if x else 1.0
            return t / self.tau * math.exp(-t / self.tau) * growth
        return (math.exp(-t / self.tau_syn) - math.exp(-t / self.tau)) / (self.c * self.tau)

    def u(self, t: float, u_0: float, u_inf: float, i_0: float) -> float:
        """u at time t after the start of a piece."""
        fall = math.exp(-t / self.tau)
        return u_0 * fall - u_inf * math.expm1(-t / self.tau) + self.resistance * i_0 * self.kernel(t)

    def slope(self, t: float, u: float, u_inf: float, i_0: float) -> float:
        """du/dt where the potential is u."""
        synaptic = self.resistance * self.i_syn(t, i_0)
        return (u_inf - u + synaptic) / self.tau

    def i_syn(self, t: float, i_0: float) -> float:
        """Synaptic current at time t after the start of a piece."""
        return 0.0 if self.tau_syn is None else i_0 * math.exp(-t / self.tau_syn)

    def extremum(self, u_0: float, u_inf: float, i_0: float) -> float:
        """The one time t > 0 at which du/dt = 0; inf if there is none."""
        synaptic = self.resistance * i_0
        if self.tau_syn is None or synaptic == 0:
            return math.inf
        y = (u_inf - u_0 + synaptic) * self.tau_syn / synaptic
        x = self.c * y
        if x <= -1.0:
            return math.inf
        time = math.log1p(x) / self.c if self.c else y
        return time if time > 0 else math.inf

    def crossing(self, u_0: float, u_inf: float, i_0: float, length: float) -> float | None:
        """First time in (0, length] at which u reaches 0, from u_0 < 0; None if it does not."""
        if i_0 == 0:
            if u_inf <= 0:
                return None
            time = self.tau * math.log1p(-u_0 / u_inf)
            return time if time <= length else None
        # e^{t/tau} du/dt is monotone and falls for i_0 > 0: u rises to a maximum; for i_0 < 0, from a minimum.
        turn, slope = self.extremum(u_0, u_inf, i_0), self.slope(0.0, u_0, u_inf, i_0)
        low, high = (0.0, min(turn, length)) if slope > 0 or (slope == 0 and i_0 < 0) else (turn, length)
        if low >= length or self.u(high, u_0, u_inf, i_0) < 0:
            return None
        return self._root(low, high, u_0, u_inf, i_0)

    def least_spikes(self, u_0: float, u_inf: float, i_0: float, length: float) -> float:
        """A bound from below on the spikes of a piece, from u_0 < 0, by a constant current below what there is."""
        spans = [(length, u_inf + self.resistance * min(i_0, 0.0))]
        if self.tau_syn is not None and i_0 > 0:  # at least half of it is there for ln 2 tau_syn
            spans.append((min(length, self.tau_syn * math.log(2)), u_inf + self.resistance * i_0 / 2))
        most = 0.0
        for span, drive in spans:
            if drive > 0:
                rest = span - self.tau * math.log1p(-u_0 / drive)
                period = self.t_ref + self.tau * math.log1p(-self.u_reset / drive)
                most = max(most, rest / period if period else math.inf)
        return most

    def _root(self, low: float, high: float, u_0: float, u_inf: float, i_0: float) -> float:
        """Newton's method kept inside the bracket [low, high] on which u rises through 0."""
        t = high
        for _ in range(200):
            u = self.u(t, u_0, u_inf, i_0)
            low, high = (low, t) if u >= 0 else (t, high)
            slope = self.slope(t, u, u_inf, i_0)
            step = u / slope if slope > 0 else math.inf
            if abs(step) <= 1e-16 * self.tau:
                break
            t -= step
            if not low < t < high:
                t = 0.5 * (low + high)
                if t in (low, high):
                    return high
        return t


class Cell:
    """One neuron in time: its state at ``now``, moved from event to event by whoever knows the events.

    u, i_syn   V - V_th [V] and synaptic current [A] at ``now``
    current    [A], set by the caller; constant until it sets another
    free_at    end of the refractory time [s]
    fired      spike times [s]
    """

    def __init__(self, membrane: Membrane, samples: FloatArray) -> None:
        """At rest at time 0; the states at the times ``samples`` [s] are kept in ``u_samples`` and ``i_samples``."""
        self.membrane, self.samples = membrane, samples
        self.now, self.free_at, self.current = 0.0, 0.0, 0.0
        self.u, self.i_syn = membrane.u_rest, 0.0
        self.fired: list[float] = []
        self.u_samples, self.i_samples = np.empty(samples.size), np.empty(samples.size)

    @property
    def u_inf(self) -> float:
        """What u tends to under the current; exactly 0 at rheobase."""
        return self.membrane.resistance * (self.current - self.membrane.rheobase)

    def arrive(self, weight: float) -> None:
        """Take an input spike; a charge in the refractory time is lost."""
        if self.membrane.tau_syn is not None:
            self.i_syn += weight
        elif self.now >= self.free_at:
            self.u += weight / self.membrane.capacitance

    @property
    def due(self) -> bool:
        """Whether it fires at once."""
        return self.u >= 0 and self.now >= self.free_at

    def next_spike(self, end: float) -> float | None:
        """Time of the first spike in [now, end] if nothing happens until then; None if there is none."""
        if self.due:
            return self.now
        start, i_syn = self.now, self.i_syn
        if start < self.free_at:
            if self.free_at >= end:
                return None
            start, i_syn = self.free_at, self.membrane.i_syn(self.free_at - self.now, self.i_syn)
        time = self.membrane.crossing(self.u, self.u_inf, i_syn, end - start)
        return None if time is None else min(start + time, end)

    def least_spikes(self, end: float) -> float:
        """A bound from below on the spikes until ``end`` if nothing happens until then and none is due."""
        start = max(self.now, min(self.free_at, end))
        return self.membrane.least_spikes(self.u, self.u_inf, self.i_syn, end - start)

    def advance(self, until: float) -> None:
        """Move on to ``until``, before which the neuron does not fire."""
        if self.now < self.free_at:
            self._move(min(self.free_at, until), held=True)
        if self.now < until:
            self._move(until, held=False)

    def fire(self) -> None:
        """Fire now."""
        self.fired.append(self.now)
        self.u, self.free_at = self.membrane.u_reset, self.now + self.membrane.t_ref

    def finish(self) -> None:
        """Show the state now at the samples that are left."""
        left = self.samples >= self.now
        self.u_samples[left], self.i_samples[left] = self.u, self.i_syn

    def _move(self, stop: float, *, held: bool) -> None:
        """Through a piece in which the membrane is held, or free."""
        m, u_inf = self.membrane, self.u_inf
        for index in range(*np.searchsorted(self.samples, (self.now, stop))) if self.samples.size else ():
            since = float(self.samples[index]) - self.now
            self.u_samples[index] = self.u if held else m.u(since, self.u, u_inf, self.i_syn)
            self.i_samples[index] = m.i_syn(since, self.i_syn)
        length = stop - self.now
        self.u = self.u if held else m.u(length, self.u, u_inf, self.i_syn)
        self.i_syn, self.now = m.i_syn(length, self.i_syn), stop
