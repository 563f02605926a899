"""What the waveforms say: spike times, reset pulses, samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from golden.neurons.lif import FloatArray


@dataclass(frozen=True, eq=False)
class Spikes:
    """Threshold crossings and the reset pulses they cause, in hardware time [s].

    times      (S,): the comparator's crossings, interpolated
    slopes     (S,): climb of the membrane [V/s] in the time step that holds each crossing
    starts     (S,) or shorter: the reset pulses' rises; ``ends``: their falls
    """

    times: FloatArray
    slopes: FloatArray
    starts: FloatArray
    ends: FloatArray


def read_spikes(waves: Mapping[str, FloatArray], threshold: float, supply: float) -> Spikes:
    """Spikes of one neuron from the nodes mem, cmp and rst.

    A spike is a rise of the comparator output (before its pole) through half the supply.  Within that time step the
    membrane is straight to second order, so the crossing is interpolated on it: where mem = threshold.
    """
    time, mem = waves["time"], waves["mem"]
    before = _rises(waves["cmp"] - supply / 2)
    step = time[before + 1] - time[before]
    climb = mem[before + 1] - mem[before]
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.clip((threshold - mem[before]) / climb, 0.0, 1.0)
    # A membrane that stands still while the comparator switches gives no direction to interpolate in.
    part = np.where(climb > 0, part, 1.0)
    level = waves["rst"] - supply / 2
    # An XSPICE event shown one time step early (see DigitalOneShot) opens the reset for 1 ps: too short to matter.
    lone = (level[1:-1] < 0) & (level[:-2] >= 0) & (level[2:] >= 0)
    level[1:-1][lone] = supply / 2
    return Spikes(time[before] + part * step, climb / step, _crossings(time, level), _crossings(time, -level))


def read_pulses(waves: Mapping[str, FloatArray], supply: float) -> Spikes:
    """Spikes of a neuron whose spike is the reset pulse itself: node rst through half the supply."""
    time, level = waves["time"], waves["rst"] - supply / 2
    starts, ends = _crossings(time, level), _crossings(time, -level)
    # Where the run begins within a pulse, its fall has no rise.
    return Spikes(starts, np.zeros(starts.size), starts, ends[ends > starts[:1].min(initial=np.inf)])


def sample(waves: Mapping[str, FloatArray], node: str, initial: float, times: FloatArray) -> FloatArray:
    """A node's voltage at ``times`` by linear interpolation; ``initial`` [V] at time 0, which ngspice leaves out."""
    volts: FloatArray = np.interp(times, np.append(0.0, waves["time"]), np.append(initial, waves[node]))
    return volts


def _rises(level: FloatArray) -> NDArray[np.intp]:
    return np.flatnonzero((level[:-1] < 0) & (level[1:] >= 0))


def _crossings(time: FloatArray, level: FloatArray) -> FloatArray:
    before = _rises(level)
    part = level[before] / (level[before] - level[before + 1])
    crossings: FloatArray = time[before] + part * (time[before + 1] - time[before])
    return crossings
