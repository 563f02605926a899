"""How far a circuit's spikes may be from the exact model's, derived from the solver and the comparator.

Notation: h the longest time step, n = shortest tau / h (``steps_per_tau``), eps = 1/(3 n^2), s the slope dV/dt at a
crossing, T the time from the release of the reset to the crossing, r the release, RC the comparator's pole, k its gain.

**Integration.**  Gear's second-order formula at t_n satisfies the membrane equation up to
V''' h_n (h_n + h_{n-1}) / 6, at most V''' h^2 / 3 whatever the steps (interpolation error of the quadratic through
three points).  For an exponential approach V''' = V'/tau^2, so the solver integrates a membrane whose rate is off by
at most eps.  The potential at the crossing is then off by at most

    e_V = eps [ T s + sum_j (t_j - r) |dI_j|/C e^{-(t-t_j)/tau} + sum_i (3 tau_syn + T_i) |w_i|/C e^{-(t-t_i)/tau'} ]

with steps dI_j of the current and synaptic spikes w_i (T_i = min(T, t - t_i), tau' = max(tau_m, tau_syn)).  A charge Q
counts as a step of Q/tau.  The first step after a corner of the input is of first order and at most a tenth of the
way to the next corner: it adds tau/(200 n^2) of time, 2 % of a current edge's half-length times dI_j/C, and 5 % of what
leaks away while a staircase's edge passes (its charge is exact).  A spike that falls on an edge may wait for its end.

**Comparator and pulse.**  The reset acts when a time step *sees* the comparator's edge.  ngspice accepts a step when
(2/9)(q'''/6) h^3 <= trtol reltol q on the pole's charge q; for the edge of the comparator q'''/q is at most 2 (k s)^3,
for its decay 1/RC^3.  With the doubling that ngspice allows from step to step,

    h_edge <= 2 (27 trtol reltol)^(1/3) (RC + 1/(k s))

The pole delays an edge by RC (slow) to RC ln 2 (fast); RC is taken off the pulse, so (1 - ln 2) RC may be missing.
The switch comparator instead closes within 50 mV / gain, and its one-shot with the same margin on its ramp.  The
membrane leaves the reset R_on C ahead.  The crossing itself is interpolated within that step: h_edge^2 / (8 tau).

**Accumulation.**  A reset that ends d late moves the next spike by p d, p = |s_0| e^{-T/tau} / s with s_0 the slope at
the release: exactly 1 under constant current.  So

    interval_k = e_V/s + p dead_{k-1} + |p - 1| spike_{k-1},        spike_k = e_V/s + p (spike_{k-1} + dead_{k-1})
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from analog.blocks.comparator import SwitchComparator, TanhComparator
from analog.mapping import (
    CURRENT_EDGE,
    RESET_SPEED,
    SYNAPSE_EDGE,
    HardwareLIF,
)
from golden import exact
from golden.errors import SpecError
from golden.membrane import Membrane
from golden.network import Network
from golden.stimulus import Stimulus

if TYPE_CHECKING:
    from analog.settings import AnalogSettings, SolverOptions
    from golden.neurons.lif import FloatArray, LIFNeuron


#: Comparator poles by which a reset may be late when the membrane hardly passes the threshold: the pole then settles
#: barely above half, and is e^-10 of the way from there.
STALL = 10


@dataclass(frozen=True, eq=False)
class TimingTolerance:
    """Bounds on the differences from the exact model, in biological seconds; one array per neuron.

    times      the exact spike times
    spikes     bound on each spike's time
    intervals  bound on each interval: from the start to the first spike, then from spike to spike
    """

    times: tuple[FloatArray, ...]
    spikes: tuple[FloatArray, ...]
    intervals: tuple[FloatArray, ...]

    def relative(self, neuron: int) -> FloatArray:
        """Bound on each interval as a fraction of the interval."""
        return self.intervals[neuron] / np.diff(self.times[neuron], prepend=0.0)


def timing_tolerance(network: Network, stimulus: Stimulus, settings: AnalogSettings) -> TimingTolerance:
    """Bounds for every spike of the exact model of ``network``; the derivation is this module's docstring.

    They hold spike by spike as long as both machines fire the same spikes; one that grazes the threshold has slope 0
    and an infinite bound.  Raises SpecError when a neuron does not fit the hardware, or with ngspice's default
    options, for which nothing can be derived.
    """
    if stimulus.size != network.size:
        raise SpecError.rule("Stimulus", f"for {network.size} neurons", f"for {stimulus.size}")
    trace = exact.simulate(network, stimulus)
    neurons = network.neurons
    times, spikes, intervals = [], [], []
    for index in range(network.size):
        fired = trace.spike_times(index)
        model = ErrorModel.of(neurons[index], stimulus, settings, index)
        of_spikes, of_intervals = model.bounds(fired)
        times.append(fired)
        spikes.append(of_spikes)
        intervals.append(of_intervals)
    return TimingTolerance(tuple(times), tuple(spikes), tuple(intervals))


@dataclass(frozen=True, eq=False)
class ErrorModel:
    """The circuit's errors for one neuron and its input, in biological units; see the module's docstring."""

    neuron: LIFNeuron
    hardware: HardwareLIF
    solver: SolverOptions
    step_times: FloatArray
    step_currents: FloatArray
    spikes: FloatArray
    duration: float

    @classmethod
    def of(cls, neuron: LIFNeuron, stimulus: Stimulus, settings: AnalogSettings, index: int) -> ErrorModel:
        """For a single neuron (plain numbers) with input ``index``."""
        if settings.solver is None:
            raise SpecError.rule("Timing tolerance", "asked for with solver options", "with ngspice's own")
        hardware = HardwareLIF.of(neuron, settings, index)
        currents = stimulus.currents[:, index]
        spikes = stimulus.spikes_of(index)
        return cls(neuron, hardware, settings.solver, stimulus.times, currents, spikes, stimulus.duration)

    @property
    def eps(self) -> float:
        """Largest relative error of a decay rate."""
        return 1 / (3 * self.solver.steps_per_tau**2)

    @property
    def edge(self) -> float:
        """Longest time step on an edge, as a fraction of the edge's own time constant."""
        return 2 * math.cbrt(27 * self.solver.trtol * self.solver.reltol)

    @property
    def slack(self) -> float:
        """How far [V, hardware] the membrane may pass the threshold before the comparator is seen to switch."""
        if self.hardware.variant == "xspice":
            return self.edge / TanhComparator.gain
        return SwitchComparator.OVERSHOOT / SwitchComparator.gain

    def pulse(self, slopes: FloatArray) -> FloatArray:
        """Bounds on the errors of the refractory pulses [hardware s] that crossings of ``slopes`` [hardware V/s] start.

        One edge's step each for the rise and the fall of the comparator, and what its pole may lack; in the circuit
        without XSPICE the switch's margin on the timer's ramp, of half a supply (0.25 V at least), is added.
        """
        tau = self.hardware.pole.tau
        with np.errstate(divide="ignore"):
            seen: FloatArray = self.slack / np.maximum(slopes, 0.0)
        if self.hardware.variant == "xspice":
            return seen + (2 * self.edge + 1 - math.log(2)) * tau
        ramp = SwitchComparator.OVERSHOOT / SwitchComparator.gain / 0.25
        return seen + 2 * self.edge * tau + ramp * self.hardware.t_ref

    def dead(self, slope: float) -> float:
        """Bound on the error of the dead time [s] after a crossing of ``slope`` [V/s]: pulse and reset switch."""
        a, h = self.hardware.acceleration, self.hardware
        pulse = float(self.pulse(np.array([slope * a * h.volts_per_volt]))[0])
        return (pulse + RESET_SPEED * h.tau_m) * a

    def current(self, time: float) -> float:
        """Input and synaptic current [A] at ``time`` [s], after whatever happens then."""
        total = float(self.step_currents[np.searchsorted(self.step_times, time, side="right") - 1])
        if self.neuron.tau_syn is not None:
            past = self.spikes[self.spikes[:, 0] <= time]
            total += float((past[:, 1] * np.exp((past[:, 0] - time) / self.neuron.tau_syn)).sum())
        return total

    def slope(self, time: float, potential: float) -> float:
        """dV/dt [V/s] at ``time`` at a given potential [V]."""
        n = self.neuron
        return float((self.current(time) - n.g_L * (potential - n.E_L)) / n.C_m)

    @property
    def event_slack(self) -> float:
        """By how much [hardware s] an XSPICE event may be early when an input edge is about (see DigitalOneShot)."""
        return 2 * self.hardware.input_edge if self.hardware.variant == "xspice" else 0.0

    def bounds(self, fired: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Bounds [s] on every spike's time and on every interval, for the exact spike times ``fired``."""
        n, a = self.neuron, self.hardware.acceleration
        edge = self.hardware.input_edge * a
        spikes, intervals = np.empty(fired.size), np.empty(fired.size)
        late = dead = release = 0.0
        start = float(n.E_L)
        for k, time in enumerate(fired.tolist()):
            slope, kicked = self.slope(time, float(n.V_th)), self._kicks_at(time)
            rise = self._rise(release, start, time, late + dead) if k else 0.0
            if n.tau_syn is None and self.spikes.size:
                spikes[k] = self._charged(release, time, slope, start, late + dead, rise)
                intervals[k] = spikes[k] + late
            else:
                local = self._error(release, time, slope, 0.0) / slope if slope > 0 else math.inf
                carried = rise / slope if slope > 0 else math.inf
                local += self._reading(release, time, slope)
                intervals[k] = local + (carried * dead + abs(carried - 1) * late if k else 0.0)
                spikes[k] = local + (carried * (late + dead) if k else 0.0)
                # The circuit may miss what the exact model just made, or have made before what that just missed.
                missed = n.tau_syn is None and (
                    self._approach(release, start, time)[0] + self._error(release, time, slope, 0.0) >= 0
                )
                if missed or self._falls_within(time, float(spikes[k])):
                    spikes[k] = intervals[k] = math.inf
            late = float(spikes[k])
            release, start = time + float(n.t_ref), float(n.V_reset)
            dead = self.dead(math.inf if kicked else slope) + self._stall(time, slope)
            if (np.abs(self.spikes[:, 0] - release) < 2 * edge).any():
                dead += self.event_slack * a
        return spikes, intervals

    def _rise(self, release: float, start: float, time: float, shift: float) -> float:
        """What a shift of the release is worth at the crossing [V/s], where the release may move by ``shift`` [s]."""
        tau = float(self.neuron.tau_m)
        about = shift + CURRENT_EDGE * tau
        slopes = [abs(self.slope(moment, start)) for moment in (release - about, release, release + about)]
        return max(slopes) * math.exp(-max(time - release, 0.0) / tau)

    def _kicks_at(self, time: float) -> bool:
        """Whether a charge arrives just when the neuron fires."""
        return self.neuron.tau_syn is None and bool((self.spikes[:, 0] == time).any())

    def _stall(self, time: float, slope: float) -> float:
        """By how much [s] the reset may be late because the membrane may not rise on after crossing; mostly 0.

        So it is after a charge, when the current falls soon, and where the curve is about to turn: its top is
        s^2 / (2 |V''|) above the threshold, and the comparator needs about 3 of its 1/k.
        """
        n, h = self.neuron, self.hardware
        late = STALL * h.pole.tau * h.acceleration
        needed = 3 / TanhComparator.gain / h.volts_per_volt
        soon = late + (needed / slope if slope > 0 else math.inf)
        curvature = abs(slope) / float(n.tau_m)
        if n.tau_syn is not None:
            synaptic = self.current(time) - float(
                self.step_currents[np.searchsorted(self.step_times, time, side="right") - 1]
            )
            curvature += abs(synaptic) / (float(n.C_m) * float(n.tau_syn))
        turns = slope**2 < 2 * curvature * needed
        return late if turns or self._kicks_at(time) or self._falls_within(time, soon) else 0.0

    def _falls_within(self, time: float, span: float) -> bool:
        """Whether the current steps down within ``span`` [s] after ``time``, counted from the start of the edge."""
        falls = self.step_times[1:][np.diff(self.step_currents) < 0]
        span += CURRENT_EDGE * float(self.neuron.tau_m)
        return bool(((falls > time) & (falls <= time + span)).any())

    def _error(self, release: float, time: float, slope: float, doubt: float) -> float:
        """Bound [V] on the error of the potential at ``time``: e_V of the module's docstring.

        Charges within ``doubt`` [s] of the release may be lost or counted.
        """
        n, eps = self.neuron, self.eps
        tau, C = float(n.tau_m), float(n.C_m)
        length = max(time - release, 0.0)
        volts = eps * length * abs(slope)
        steps = (self.step_times > release) & (self.step_times <= time)
        jumps = np.abs(np.diff(self.step_currents, prepend=self.step_currents[0]))[steps] / C
        since = time - self.step_times[steps]
        volts += float(((eps * (length - since) + 0.02 * CURRENT_EDGE * tau) * jumps * np.exp(-since / tau)).sum())
        past = self.spikes[self.spikes[:, 0] <= time]
        since, weights = time - past[:, 0], np.abs(past[:, 1]) / C
        edge = self.hardware.input_edge * self.hardware.acceleration
        if n.tau_syn is None:
            heard, lost = since < length + doubt, since > length - doubt
            error = (eps * (length - since).clip(0) / tau + 0.05 * edge / tau + lost) * weights
            return volts + float((error * np.exp(-since / tau))[heard].sum())
        tau_syn = float(n.tau_syn)
        shape = 3 * eps + SYNAPSE_EDGE**2 / 24 + 0.05 * SYNAPSE_EDGE
        error = (shape * tau_syn + eps * np.minimum(since, length)) * np.exp(-since / max(tau, tau_syn))
        return volts + float(((error + (since < edge) * edge / 8) * weights).sum())

    def _reading(self, release: float, time: float, slope: float) -> float:
        """Bound [s] on what is lost at the ends of an interval: first-order step, interpolation, a current's edge."""
        n, a = self.neuron, self.hardware.acceleration
        tau = float(n.tau_m)
        step = float(self.pulse(np.array([slope * a * self.hardware.volts_per_volt]))[0]) * a
        since = time - self.step_times[(self.step_times > release) & (self.step_times <= time)]
        edge = CURRENT_EDGE * tau if (since < CURRENT_EDGE * tau).any() else 0.0
        return tau / (200 * self.solver.steps_per_tau**2) + step**2 / (8 * tau) + edge

    def _charged(self, release: float, time: float, slope: float, start: float, shift: float, rise: float) -> float:
        """Bound [s] on the time of a spike of a neuron that gets charges, whose release may be off by ``shift`` [s].

        A charge that lifts the exact neuron over the threshold by more than all errors together fires the circuit
        within its edge.  Where that is not so, or an earlier charge came as close, nothing can be said.
        """
        n, a, edge = self.neuron, self.hardware.acceleration, self.hardware.charge_edge * self.hardware.acceleration
        span = float(n.V_th) - min(float(n.E_L), float(n.V_reset))
        decayed = span * math.exp(-max(time - release, 0.0) / float(n.tau_m))
        volts = self._error(release, time, slope, edge + shift)
        if shift > 0:
            volts += min(rise * shift, decayed)
        closest, before, after = self._approach(release, start, time)
        if closest + volts >= 0:
            return math.inf
        if not self._kicks_at(time):
            return volts / slope + self._reading(release, time, slope) + edge if slope > 0 else math.inf
        needed = 3 / TanhComparator.gain / self.hardware.volts_per_volt
        needed += abs(slope) * STALL * self.hardware.pole.tau * a
        if after <= volts + needed:
            return math.inf
        early = volts / slope if before + volts >= 0 and slope > 0 else 0.0
        return math.inf if before + volts >= 0 and slope <= 0 else edge + early

    def _approach(self, release: float, start: float, time: float) -> tuple[float, float, float]:
        """Potentials [V] from threshold of the exact neuron that leaves ``release`` [s] at ``start`` [V].

        The highest one before ``time`` (just after a charge or just before a fall of the current, else -inf), and
        those before and after the charges at ``time``.
        """
        n = self.neuron
        membrane = Membrane.of(n)
        kicks = self.spikes[(self.spikes[:, 0] >= release) & (self.spikes[:, 0] <= time)]
        steps = self.step_times[(self.step_times > release) & (self.step_times < time)]
        u, now, closest, before = start - float(n.V_th), release, -math.inf, 0.0
        for moment in sorted({*kicks[:, 0].tolist(), *steps.tolist(), time}):
            before = membrane.u(moment - now, u, membrane.u_rest + membrane.resistance * self.current(now), 0.0)
            u = before + float(kicks[kicks[:, 0] == moment, 1].sum()) / membrane.capacitance
            charged = bool((kicks[:, 0] == moment).any())
            if moment < time and (charged or self._falls_within(now, moment - now)):
                closest = max(closest, before, u)
            now = moment
        return closest, before, u

    def count_band(self) -> tuple[int, int]:
        """Fewest and most spikes the circuit may fire.

        The exact model with its threshold and refractory time shifted by all that the circuit may be off, up for the
        fewest, down for the most; charges that arrive about the end of a reset count as one spike either way.
        """
        n, h = self.neuron, self.hardware
        synaptic = 0.0
        if n.tau_syn is not None and self.spikes.size:
            synaptic = max(abs(self.current(t)) for t in self.spikes[:, 0].tolist()) + float(
                np.abs(self.step_currents).max()
            )
        span = float(n.V_th) - min(float(n.E_L), float(n.V_reset))
        reach = span + float(n.R) * (float(np.abs(self.step_currents).max()) + synaptic)
        volts = self.eps * (reach + 3 * float(n.R) * synaptic) + 0.05 * SYNAPSE_EDGE * float(n.R) * synaptic
        volts += self.slack / h.volts_per_volt
        shift = self.dead(math.inf)
        doubtful = 0
        stimulus = Stimulus(
            self.duration,
            self.step_times,
            self.step_currents[:, None],
            np.insert(self.spikes, 1, 0.0, axis=1) if self.spikes.size else np.empty((0, 3)),
        )
        if n.tau_syn is None and self.spikes.size:
            width = h.charge_edge * h.acceleration
            shift += width
            fired = exact.simulate(Network(n), stimulus).spike_times(0)
            gaps = np.abs(self.spikes[:, 0][:, None] - (fired + float(n.t_ref))[None, :])
            doubtful = int((gaps < width).any(axis=1).sum())
        counts = []
        for sign in (1, -1):
            shifted = replace(n, V_th=float(n.V_th) + sign * volts, t_ref=max(0.0, float(n.t_ref) + sign * shift))
            counts.append(len(exact.simulate(Network(shifted), stimulus).spikes))
        return counts[0] - doubtful, counts[1] + doubtful
