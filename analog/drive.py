"""The stimulus as sources of the circuit: currents with short edges, and input spikes as a staircase voltage.

A staircase behind a capacitor delivers exactly its charge, whatever steps the solver takes; a current pulse does
not (the first step after its edge is of first order).  An edge of length W into a node that decays with tau leaves
behind the exponential of a sudden charge at its centre, when its height is divided by

    E = sinh(x) / x,      x = W / (2 tau)

(the edge's mean of e^{u/tau}).  Only while it passes does the node differ.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analog.mapping import CURRENT_EDGE, SYNAPSE_EDGE, HardwareLIF
from golden.twins.ota_lif import Drive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analog.events import EventLine
    from golden.neurons.lif import FloatArray, LIFNeuron
    from golden.stimulus import Stimulus
    from golden.twins.bss2_synapse import Bss2SynapseTwin

#: Points of a synaptic current in each time constant, and [s] by which an event's corners are set.
_PER_TAU, _CORNER, _PULSE = 24, 1e-10, 8e-9
#: Edges start on a grid of this fraction of their length, so that no two points of a source nearly coincide.
_GRID = 1000


@dataclass(frozen=True, eq=False)
class Points:
    """A piecewise-linear source: times [s] from 0, and its values [A or V]."""

    times: FloatArray
    values: FloatArray


@dataclass(frozen=True, eq=False)
class SynapticDrive:
    """Staircase [V] at the synapse's node, the node's initial voltage [V], the transconductance [S] that follows."""

    points: Points
    initial: float
    transconductance: float


def step_current(hardware: HardwareLIF, stimulus: Stimulus) -> Points:
    """The neuron's current in hardware units; every step is an edge centred on its time.

    An edge is CURRENT_EDGE tau_m to either side, or a quarter of the way to its neighbour: its charge is exact.
    """
    times = stimulus.times / hardware.acceleration
    currents = stimulus.currents[:, hardware.index] * hardware.amps_per_amp
    kept = np.concatenate(([True], np.diff(currents) != 0))
    times, currents = times[kept], currents[kept]
    if times.size == 1:
        return Points(times, currents)
    gaps = np.diff(times)
    room = np.minimum(gaps, np.append(gaps[1:], np.inf)) / 4
    half = np.minimum(room, CURRENT_EDGE * hardware.tau_m)
    edges = np.column_stack((times[1:] - half, times[1:] + half)).ravel()
    levels = np.column_stack((currents[:-1], currents[1:])).ravel()
    return Points(np.concatenate(([0.0], edges)), np.concatenate((currents[:1], levels)))


def staircase(starts: FloatArray, heights: FloatArray, edge: float) -> Points:
    """A voltage from 0 that rises by ``heights`` [V] in edges of length ``edge`` [s] from ``starts`` [s] >= 0 on."""
    grid = edge / _GRID
    ticks = np.rint(starts / grid).astype(np.int64)
    corners = np.concatenate((ticks, ticks + _GRID))
    times, inverse = np.unique(corners, return_inverse=True)
    slopes = np.cumsum(np.bincount(inverse, np.concatenate((heights, -heights)) / _GRID))
    values = np.concatenate(([0.0], np.cumsum(slopes[:-1] * np.diff(times))))
    seconds = times.astype(np.float64) * grid
    if times[0] > 0:
        seconds, values = np.concatenate(([0.0], seconds)), np.concatenate(([0.0], values))
    return Points(seconds, values)


def edge_factor(edge: float, tau: float) -> float:
    """E above."""
    x = edge / (2 * tau)
    return math.sinh(x) / x


def charge_drive(hardware: HardwareLIF, stimulus: Stimulus, biological_capacitance: float) -> Points | None:
    """Input spikes of a neuron without tau_syn as jumps [V] of the membrane; None without input spikes.

    An edge starts at its spike, so that nothing happens before it, and ends ``hardware.charge_edge`` later with the
    potential that a sudden charge would have decayed to.
    """
    spikes = stimulus.spikes_of(hardware.index)
    if not spikes.size:
        return None
    jumps = spikes[:, 1] / biological_capacitance * hardware.volts_per_volt
    edge, tau = hardware.charge_edge, hardware.tau_m
    late = math.exp(-edge / (2 * tau)) / edge_factor(edge, tau)
    return staircase(spikes[:, 0] / hardware.acceleration, jumps * late, edge)


def synaptic_drive(hardware: HardwareLIF, stimulus: Stimulus, swing: float) -> SynapticDrive | None:
    """Input spikes as jumps of the synapse's voltage; None without input spikes.

    The transconductance puts the largest synaptic current of the whole run at ``swing`` [V].  Edges are centred on
    their spikes, so the charge that reaches the membrane is right to second order in edge / tau_syn.  Spikes in the
    first half edge are part of the initial voltage, scaled so that the exponential after them is exact.
    """
    spikes = stimulus.spikes_of(hardware.index)
    tau = hardware.tau_syn
    if tau is None or not spikes[:, 1].any():
        return None
    times = spikes[:, 0] / hardware.acceleration
    currents = spikes[:, 1] * hardware.amps_per_amp
    current = largest = before = 0.0
    for time, weight in zip(times.tolist(), currents.tolist(), strict=True):
        current = current * math.exp((before - time) / tau) + weight
        largest, before = max(largest, abs(current)), time
    # Weights that cancel at the same instant leave no current at all; any scale serves then.
    transconductance = (largest or float(np.abs(currents).max())) / swing
    edge = SYNAPSE_EDGE * tau
    early = times < edge / 2
    initial = float((currents[early] * np.exp(times[early] / tau)).sum()) / transconductance
    heights = currents[~early] / (transconductance * edge_factor(edge, tau))
    points = Points(np.zeros(1), np.zeros(1))
    if heights.size:
        points = staircase(times[~early] - edge / 2, heights, edge)
    return SynapticDrive(points, initial, transconductance)


def drive_of(
    neuron: LIFNeuron,
    hardware: HardwareLIF,
    stimulus: Stimulus,
    lines: Sequence[tuple[EventLine, Bss2SynapseTwin]] | None = None,
    V: float | None = None,
) -> Drive:
    """All of a neuron's input for its golden twin, in hardware units.

    ``lines``  where synapse circuits bring the spikes: each with its golden twin, whose current is then part of the
               drive
    ``V``      [V] of the membrane, for their output conductance; None: half way from rest to threshold
    """
    points, spikes = step_current(hardware, stimulus), stimulus.spikes_of(hardware.index)
    events, none = spikes[:, 0] / hardware.acceleration, np.zeros(len(spikes))
    if lines is not None:
        middle = (hardware.rest + hardware.threshold) / 2 if V is None else V
        return _through_lines(points, lines, hardware, stimulus.duration / hardware.acceleration, middle)
    if hardware.tau_syn is None:
        jumps = spikes[:, 1] / float(neuron.C_m) * hardware.volts_per_volt
        return Drive(points.times, points.values, events, jumps, none)
    weights = spikes[:, 1] * hardware.amps_per_amp
    return Drive(points.times, points.values, events, none, weights, hardware.tau_syn)


def _through_lines(
    points: Points, lines: Sequence[tuple[EventLine, Bss2SynapseTwin]], hardware: HardwareLIF, end: float, V: float
) -> Drive:
    """The currents of all lines and of the stimulus as one piecewise-linear current."""
    assert hardware.tau_syn is not None
    edges = [line.times + offset for line, _ in lines for offset in (-_CORNER, 0.0, _PULSE, _PULSE + _CORNER)]
    grid = np.arange(0.0, end, hardware.tau_syn / _PER_TAU)
    times = np.unique(np.concatenate((points.times, grid, *edges)))
    times = times[(times >= 0) & (times < end)]
    current = np.interp(times, points.times, points.values)
    for line, twin in lines:
        current = current + line.current(twin, times, V)
    return Drive(times, current)
