"""Exact, event-driven dynamics: no time step, spike times to the last bits of a double.

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
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from golden.errors import SpecError
from golden.trace import Header, Trace, recorded_neurons, versions

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

    from golden.network import Network
    from golden.neurons.lif import FloatArray, LIFNeuron
    from golden.stimulus import Stimulus


#: Most spikes of one neuron: a minute's work, and far more than a current in the right unit makes.
MOST_SPIKES = 10_000_000


def simulate(
    network: Network,
    stimulus: Stimulus,
    *,
    record: ArrayLike = (),
    samples: ArrayLike = (),
    progress: Callable[[float], None] | None = None,
) -> Trace:
    """Run ``network`` from rest (V = E_L, no synaptic current) and return its exact spikes.

    ``record``   neurons whose state is kept at the times ``samples`` [s]: ``v`` [V], and ``i_syn`` [A] with
                 tau_syn. A sample at an instant of a spike shows the state after it.

    Raises SpecError for input that makes a neuron fire more than ``MOST_SPIKES`` times.
    """
    if stimulus.size != network.size:
        raise SpecError.rule("Stimulus", f"for {network.size} neurons", f"for {stimulus.size}")
    neurons = network.neurons
    recorded = recorded_neurons(record, network.size)
    times = np.asarray(samples, dtype=np.float64)
    if times.size and not (times[0] >= 0 and (np.diff(times) >= 0).all() and times[-1] <= stimulus.duration):
        raise SpecError.rule(
            "Sample times",
            f"ascending within 0 to {stimulus.duration:g} s",
            np.array2string(times, threshold=5),
        )
    columns = {int(neuron): column for column, neuron in enumerate(recorded)}
    states = {"v": np.empty((times.size, recorded.size)), "i_syn": np.empty((times.size, recorded.size))}
    rows = []
    for index in range(network.size):
        pieces = _pieces(stimulus, index)
        membrane = Membrane.of(neurons[index])
        column = columns.get(index)
        sampled = times if column is not None else np.empty(0)
        fired, v, i_syn = _run(index, membrane, pieces, stimulus.duration, sampled)
        rows += [(time, index) for time in fired]
        if column is not None:
            states["v"][:, column] = v + membrane.v_th
            states["i_syn"][:, column] = i_syn
        if progress is not None:
            progress((index + 1) / network.size)
    if network.neuron.tau_syn is None:
        del states["i_syn"]
    header = Header(
        engine="exact",
        network=network.hash(),
        stimulus=stimulus.hash(),
        size=network.size,
        duration=stimulus.duration,
        seed=stimulus.seed,
        versions=versions(),
    )
    return Trace(header, np.array(rows).reshape(-1, 2), recorded, times, states, {"v": "V", "i_syn": "A"})


class Event(NamedTuple):
    """What happens to one neuron: from ``time`` on the current is ``current``, and ``weight`` arrives."""

    time: float
    current: float
    weight: float


def _pieces(stimulus: Stimulus, neuron: int) -> list[Event]:
    """The neuron's events in order of time; the current in force is repeated at every input spike."""
    currents = stimulus.currents[:, neuron]
    steps = [(float(t), 0, float(c)) for t, c in zip(stimulus.times, currents, strict=True)]
    arrivals = [(float(t), 1, float(w)) for t, w in stimulus.spikes_of(neuron)]
    current, events = 0.0, []
    for time, is_spike, value in sorted(steps + arrivals, key=lambda item: item[:2]):
        if is_spike:
            events.append(Event(time, current, value))
        else:
            current = value
            events.append(Event(time, current, 0.0))
    return events


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


def _run(
    neuron: int, m: Membrane, events: list[Event], duration: float, samples: FloatArray
) -> tuple[list[float], FloatArray, FloatArray]:
    """Spike times of one neuron, and u and i_syn at ``samples``; ``neuron`` names it in errors."""
    fired: list[float] = []
    u, i_syn, free_at = m.u_rest, 0.0, 0.0
    u_samples, i_samples = np.empty(samples.size), np.empty(samples.size)
    for event, following in zip(events, [*events[1:], None], strict=True):
        now, end = event.time, duration if following is None else following.time
        if m.tau_syn is not None:
            i_syn += event.weight
        elif now >= free_at:
            u += event.weight / m.capacitance
        u_inf = m.resistance * (event.current - m.rheobase)  # exactly 0 at rheobase
        if now >= free_at and u >= 0:
            fired.append(now)
            u, free_at = m.u_reset, now + m.t_ref
        if len(fired) + m.least_spikes(u, u_inf, i_syn, end - max(now, min(free_at, end))) > MOST_SPIKES:
            raise _endless(neuron)
        while now < end:
            held = now < free_at
            stop, spike = min(free_at, end) if held else end, False
            if not held:
                time = m.crossing(u, u_inf, i_syn, end - now)
                if time is not None:
                    stop, spike = min(now + time, end), True
            length = stop - now
            for index in range(*np.searchsorted(samples, (now, stop))):
                since = float(samples[index]) - now
                u_samples[index] = u if held else m.u(since, u, u_inf, i_syn)
                i_samples[index] = m.i_syn(since, i_syn)
            u = m.u_reset if spike else u if held else m.u(length, u, u_inf, i_syn)
            i_syn, now = m.i_syn(length, i_syn), stop
            if spike:
                fired.append(now)
                free_at = now + m.t_ref
                if len(fired) > MOST_SPIKES:
                    raise _endless(neuron)
    at_end = samples >= duration
    u_samples[at_end], i_samples[at_end] = u, i_syn
    return fired, u_samples, i_samples


def _endless(neuron: int) -> SpecError:
    rule = f"weak enough for at most {MOST_SPIKES:g} spikes"
    return SpecError.rule(f"Input of neuron {neuron}", rule, "one that makes more (currents are in A)")
