"""The stimulus as currents of the circuit: steps with short edges, and input spikes as triangular charge packets.

A triangular packet of half-width w into a node that decays with tau leaves behind exactly the exponential of a
sudden charge at its centre, when its charge is divided by

    E = 2 (cosh(w / tau) - 1) / (w / tau)^2

(the packet's mean of e^{u/tau}).  Only while it passes does the node differ.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from analog.mapping import MEMBRANE_PACKET, SYNAPSE_PACKET, HardwareLIF
from golden.neurons.lif import FloatArray
from golden.stimulus import Stimulus

#: Packets start on a grid of this fraction of their half-width, so that no two points of a source coincide nearly.
_GRID = 1000


@dataclass(frozen=True, eq=False)
class Points:
    """A piecewise-linear current: times [s] from 0, currents [A]."""

    times: FloatArray
    currents: FloatArray


@dataclass(frozen=True, eq=False)
class SynapticDrive:
    """Currents into the synapse's capacitor: ``points``; ``initial`` and ``scale`` in volts, see ``synaptic_drive``."""

    points: Points
    initial: float
    transconductance: float


def step_current(hardware: HardwareLIF, stimulus: Stimulus) -> Points:
    """The neuron's current in hardware units; every step is an edge centred on its time.

    An edge is MEMBRANE_PACKET tau_m to either side, or a quarter of the way to its neighbour: its charge is exact.
    """
    times = stimulus.times / hardware.acceleration
    currents = stimulus.currents[:, hardware.index] * hardware.amps_per_amp
    kept = np.concatenate(([True], np.diff(currents) != 0))
    times, currents = times[kept], currents[kept]
    if times.size == 1:
        return Points(times, currents)
    gaps = np.diff(times)
    room = np.minimum(gaps, np.append(gaps[1:], np.inf)) / 4
    half = np.minimum(room, MEMBRANE_PACKET * hardware.tau_m)
    edges = np.column_stack((times[1:] - half, times[1:] + half)).ravel()
    levels = np.column_stack((currents[:-1], currents[1:])).ravel()
    return Points(np.concatenate(([0.0], edges)), np.concatenate((currents[:1], levels)))


def packets(centres: FloatArray, charges: FloatArray, half_width: float) -> Points:
    """The sum of triangular currents of the given charges [C]; every centre [s] is at least ``half_width``."""
    grid = half_width / _GRID
    ticks = np.maximum(np.rint(centres / grid).astype(np.int64), _GRID)
    peaks = charges / half_width
    corners = np.concatenate((ticks - _GRID, ticks, ticks + _GRID))
    bends = np.concatenate((peaks, -2 * peaks, peaks)) / _GRID
    times, inverse = np.unique(corners, return_inverse=True)
    slopes = np.cumsum(np.bincount(inverse, bends))
    currents = np.concatenate(([0.0], np.cumsum(slopes[:-1] * np.diff(times))))
    # What the cumulated rounding leaves between packets is no current.
    currents[np.abs(currents) < 1e-12 * np.abs(peaks).max()] = 0.0
    if times[0] > 0:
        times, currents = np.concatenate(([0], times)), np.concatenate(([0.0], currents))
    return Points(times * grid, currents)


def packet_factor(half_width: float, tau: float) -> float:
    """E above, by its series: 1 + x^2/12 + x^4/360 + x^6/20160 for x = half_width / tau (exact to 1e-8 below 0.5)."""
    x = half_width / tau
    return 1 + x**2 / 12 + x**4 / 360 + x**6 / 20160


def charge_packets(hardware: HardwareLIF, stimulus: Stimulus, biological_capacitance: float) -> Points | None:
    """Input spikes of a neuron without tau_syn as currents into the membrane; None without input spikes.

    A packet starts at its spike, so that nothing happens before it, and ends 2 ``hardware.packet`` later with the
    potential that a sudden charge would have decayed to.
    """
    spikes = stimulus.spikes_of(hardware.index)
    if not spikes.size:
        return None
    jump = spikes[:, 1] / biological_capacitance * hardware.volts_per_volt
    width = hardware.packet
    late = math.exp(-width / hardware.tau_m) / packet_factor(width, hardware.tau_m)
    return packets(spikes[:, 0] / hardware.acceleration + width, jump * hardware.C * late, width)


def synaptic_drive(
    hardware: HardwareLIF, stimulus: Stimulus, swing: float, capacitance: float
) -> SynapticDrive | None:
    """Input spikes as charge packets into the synapse's capacitor; None without input spikes.

    The transconductance puts the largest synaptic current of the whole run at ``swing`` [V].  Spikes in the first
    half-width are part of the initial potential, scaled so that the exponential after them is exact.
    """
    spikes = stimulus.spikes_of(hardware.index)
    tau = hardware.tau_syn
    if tau is None or not spikes.size or not spikes[:, 1].any():
        return None
    times = spikes[:, 0] / hardware.acceleration
    currents = spikes[:, 1] * hardware.amps_per_amp
    current = largest = before = 0.0
    for time, weight in zip(times.tolist(), currents.tolist(), strict=True):
        current = current * math.exp((before - time) / tau) + weight
        largest, before = max(largest, abs(current)), time
    # Weights that cancel at the same instant leave no current at all; any scale serves then.
    transconductance = (largest or float(np.abs(currents).max())) / swing
    width = SYNAPSE_PACKET * tau
    early = times < width
    initial = float((currents[early] * np.exp(times[early] / tau)).sum()) / transconductance
    charges = currents[~early] * (capacitance / transconductance / packet_factor(width, tau))
    none = Points(np.zeros(1), np.zeros(1))
    points = packets(times[~early], charges, width) if charges.size else none
    return SynapticDrive(points, initial, transconductance)
