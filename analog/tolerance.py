"""How far a circuit's spikes may be from the exact model's, derived from the solver and the comparator.

Notation: h the longest time step, n = shortest tau / h (``steps_per_tau``), eps = 1/(3 n^2), s the slope dV/dt at a
crossing, T the time from the release of the reset to the crossing, r the release, RC the comparator's pole, k its gain.

**Integration.**  Gear's second-order formula at t_n satisfies the membrane equation up to
V''' h_n (h_n + h_{n-1}) / 6, at most V''' h^2 / 3 whatever the steps (interpolation error of the quadratic through three
points).  For an exponential approach V''' = V'/tau^2, so the solver integrates a membrane whose rate is off by at
most eps.  The potential at the crossing is then off by at most

    e_V = eps [ T s + sum_j (t_j - r) |dI_j|/C e^{-(t-t_j)/tau} + sum_i (3 tau_syn + T_i) |w_i|/C e^{-(t-t_i)/tau'} ]

with steps dI_j of the current and synaptic spikes w_i (T_i = min(T, t - t_i), tau' = max(tau_m, tau_syn)).  The first
step after a corner of the input is of first order and at most a tenth of the way to the next corner: it adds
tau/(200 n^2) of time, 2 % of an edge's half-width times dI_j/C, and for packets at most the local error ngspice accepts,
2 reltol of the node.  The time is off by e_V / s.

**Comparator and pulse.**  The reset acts when a time step *sees* the comparator's edge.  ngspice accepts a step when
(2/9)(q'''/6) h^3 <= trtol reltol q on the pole's charge q; for the edge of the comparator q'''/q is at most 2 (k s)^3, for
its decay 1/RC^3.  With the doubling that ngspice allows from step to step,

    h_edge <= 2 (27 trtol reltol)^(1/3) (RC + 1/(k s))

The pole delays an edge by RC (slow) to RC ln 2 (fast); RC is taken off the pulse, so (1 - ln 2) RC may be missing.  The
switch comparator instead closes within 50 mV / gain, and its one-shot with the same margin on its ramp.  The
membrane leaves the reset R_on C ahead.

**Accumulation.**  A reset that ends d late moves the next spike by p d, p = |s_0| e^{-T/tau} / s with s_0 the slope at the
release: exactly 1 under constant current.  So

    interval_k = e_V/s + p dead_{k-1} + |p - 1| spike_{k-1},        spike_k = e_V/s + p (spike_{k-1} + dead_{k-1})
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from analog.blocks.comparator import SwitchComparator, TanhComparator
from analog.mapping import (
    MEMBRANE_PACKET,
    RESET_SPEED,
    SYNAPSE_PACKET,
    HardwareLIF,
)
from analog.settings import AnalogSettings, SolverOptions
from golden import exact
from golden.errors import SpecError
from golden.network import Network
from golden.neurons.lif import FloatArray, LIFNeuron
from golden.stimulus import Stimulus


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
        return 2 * (27 * self.solver.trtol * self.solver.reltol) ** (1 / 3)

    @property
    def slack(self) -> float:
        """How far [V, hardware] the membrane may pass the threshold before the comparator is seen to switch."""
        if self.hardware.variant == "xspice":
            return self.edge / TanhComparator.gain
        return SwitchComparator.OVERSHOOT / SwitchComparator.gain

    def pulse(self, slope: float | FloatArray) -> float | FloatArray:
        """Bound on the error of a refractory pulse [hardware s] that a crossing of ``slope`` [hardware V/s] starts."""
        tau = self.hardware.pole.tau
        with np.errstate(divide="ignore"):
            seen = self.slack / np.maximum(slope, 0.0)
        if self.hardware.variant == "xspice":
            return seen + (2 * self.edge + 1 - math.log(2)) * tau
        ramp = 2 * SwitchComparator.OVERSHOOT / SwitchComparator.gain  # of half a supply of 1 V, the steepest is less
        return seen + 2 * self.edge * tau + ramp * self.hardware.t_ref

    def dead(self, slope: float) -> float:
        """Bound on the error of the dead time [s] after a crossing of ``slope`` [V/s]: pulse and reset switch."""
        a, h = self.hardware.acceleration, self.hardware
        return float(self.pulse(slope * a * h.volts_per_volt)) * a + RESET_SPEED * h.tau_m * a

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

    def bounds(self, fired: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Bounds [s] on every spike's time and on every interval, for the exact spike times ``fired``."""
        n = self.neuron
        spikes, intervals = np.empty(fired.size), np.empty(fired.size)
        late = dead = 0.0
        release, tau = 0.0, float(n.tau_m)
        first = True
        for k, time in enumerate(fired.tolist()):
            length = max(time - release, 0.0)
            slope = self.slope(time, float(n.V_th))
            if slope <= 0 and n.tau_syn is None and self.spikes.size:
                slope = self._kick_slope(time)
            local = self._local(release, time, slope)
            carried = 0.0
            if not first:
                start = self.slope(release, float(n.V_reset))
                carried = abs(start) * math.exp(-length / tau) / slope if slope > 0 else math.inf
            intervals[k] = local + (carried * dead + abs(carried - 1) * late if not first else 0.0)
            late = spikes[k] = local + (carried * (late + dead) if not first else 0.0)
            dead = self.dead(slope)
            release, first = time + float(n.t_ref), False
        return spikes, intervals

    def _kick_slope(self, time: float) -> float:
        """dV/dt [V/s] while the charge packet passes that made the neuron fire at ``time``; 0 if none did."""
        near = self.spikes[self.spikes[:, 0] == time]
        width = 2 * self.hardware.packet * self.hardware.acceleration
        return float(near[:, 1].clip(0).sum() / self.neuron.C_m / width)

    def _local(self, release: float, time: float, slope: float) -> float:
        """Bound [s] on the error of a crossing, given the exact release before it: e_V / s and the packets' widths."""
        if slope <= 0:
            return math.inf
        n, eps, reltol = self.neuron, self.eps, self.solver.reltol
        tau, C = float(n.tau_m), float(n.C_m)
        length = max(time - release, 0.0)
        first_order = tau / (200 * self.solver.steps_per_tau**2)
        volts = eps * length * slope
        steps = (self.step_times > release) & (self.step_times <= time)
        jumps = np.abs(np.diff(self.step_currents, prepend=self.step_currents[0]))[steps] / C
        since = time - self.step_times[steps]
        edge = MEMBRANE_PACKET * tau
        volts += float(((eps * (length - since) + 0.02 * edge) * jumps * np.exp(-since / tau)).sum())
        extra = edge if (since < edge).any() else 0.0
        past = self.spikes[self.spikes[:, 0] <= time]
        since, weights = time - past[:, 0], np.abs(past[:, 1]) / C
        if n.tau_syn is None:
            width = 2 * self.hardware.packet * self.hardware.acceleration
            node = 2 * reltol * self.hardware.threshold / self.hardware.volts_per_volt
            heard = since < length + width
            cut = since > length - width  # the packet overlaps the release
            error = eps * (length - since).clip(0) / tau * weights + np.minimum(node, 0.01 * weights) + cut * weights
            # No packet, and then no error of one, at a spike that comes before it.
            volts += float((error * np.exp(-since / tau))[heard & (since > 0)].sum())
            extra += width if (since < width).any() else 0.0
        elif past.size:
            slow = max(tau, float(n.tau_syn))
            shape = 3 * eps + SYNAPSE_PACKET**2 / 12 + SYNAPSE_PACKET / 2000 + 2 * reltol
            error = (shape * float(n.tau_syn) + eps * np.minimum(since, length)) * np.exp(-since / slow)
            passing = (since < SYNAPSE_PACKET * float(n.tau_syn)) * (SYNAPSE_PACKET * float(n.tau_syn) / 6)
            volts += float(((error + passing) * weights).sum())
        return volts / slope + first_order + extra

    def count_band(self) -> tuple[int, int]:
        """Fewest and most spikes the circuit may fire.

        The exact model with its threshold and refractory time shifted by all that the circuit may be off, up for the
        fewest, down for the most; packets that overlap the end of a reset count as one spike either way.
        """
        n, h = self.neuron, self.hardware
        synaptic = 0.0
        if n.tau_syn is not None and self.spikes.size:
            synaptic = max(abs(self.current(t)) for t in self.spikes[:, 0].tolist()) + float(
                np.abs(self.step_currents).max()
            )
        span = float(n.V_th) - min(float(n.E_L), float(n.V_reset))
        reach = span + float(n.R) * (float(np.abs(self.step_currents).max()) + synaptic)
        volts = self.eps * (reach + 3 * float(n.R) * synaptic) + 2 * self.solver.reltol * float(n.R) * synaptic
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
            width = 2 * h.packet * h.acceleration
            shift += width
            volts += 2 * self.solver.reltol * h.threshold / h.volts_per_volt
            fired = exact.simulate(Network(n), stimulus).spike_times(0)
            gaps = np.abs(self.spikes[:, 0][:, None] - (fired + float(n.t_ref))[None, :])
            doubtful = int((gaps < width).any(axis=1).sum())
        counts = []
        for sign in (1, -1):
            shifted = replace(n, V_th=float(n.V_th) + sign * volts, t_ref=max(0.0, float(n.t_ref) + sign * shift))
            counts.append(len(exact.simulate(Network(shifted), stimulus).spikes))
        return counts[0] - doubtful, counts[1] + doubtful
