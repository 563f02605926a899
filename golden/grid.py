"""A stimulus on a grid of time steps: what reaches each neuron during each step.

A step of the current inside a time step is delivered as its mean over that step, so no charge is lost.  An
input spike acts at the first grid point at or after its time (causal); one inside the last step acts at the
end of the run, when nothing is left to see.  Both are part of the discretisation error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from golden.errors import SpecError

if TYPE_CHECKING:
    from golden.fixed import IntArray
    from golden.neurons.lif import FloatArray
    from golden.stimulus import Stimulus

#: Times closer than this to a grid point, in steps, are on it: decimal times are not exact in binary.
_ON_GRID = 1e-6


@dataclass(frozen=True, eq=False)
class GridStimulus:
    """``steps`` time steps of ``dt``.

    ticks     (K,) int64: steps at which the current changes, ascending from 0
    currents  (K, N) [A]: current from that step on
    spikes    (S, 3): rows (step, neuron, weight), steps ascending
    source_spikes  (E, 2) int64: rows (step, source), steps ascending; through a synapse with a delay of d steps it acts
               at step + d
    """

    dt: float
    steps: int
    ticks: IntArray
    currents: FloatArray
    spikes: FloatArray
    source_spikes: IntArray


def on_grid(stimulus: Stimulus, dt: float) -> GridStimulus:
    """Put a stimulus on the grid; the last step may reach beyond its duration."""
    _check_step(dt)
    if dt > stimulus.duration:
        raise SpecError.rule("Time step dt", f"at most the duration ({stimulus.duration:g} s)", f"{dt:g} s")
    steps = _ceil(np.array(stimulus.duration / dt))
    edges = stimulus.times / dt
    nearest = np.rint(edges)
    edges = np.where(np.abs(edges - nearest) < _ON_GRID, nearest, edges)
    changes = np.unique(np.concatenate((np.floor(edges), np.ceil(edges)))).astype(np.int64)
    changes = changes[changes < steps]
    bounds = np.append(edges, np.inf)
    rows = []
    for tick in changes:
        first = np.searchsorted(edges, tick, side="right") - 1
        last = np.searchsorted(edges, tick + 1, side="left") - 1
        overlap = np.minimum(bounds[first + 1 : last + 2], tick + 1) - np.maximum(edges[first : last + 1], tick)
        rows.append(stimulus.currents[first] if first == last else overlap @ stimulus.currents[first : last + 1])
    spikes = stimulus.spikes.copy()
    spikes[:, 0] = _ceil(spikes[:, 0] / dt)
    sources = stimulus.source_spikes
    emitted = np.column_stack((_ceil(sources[:, 0] / dt), sources[:, 1].astype(np.int64)))
    return GridStimulus(
        dt, int(steps), changes, np.array(rows), spikes[spikes[:, 0] < steps], emitted[emitted[:, 0] < steps]
    )


def sample_times(duration: float, dt: float) -> FloatArray:
    """The ends of the whole steps of ``dt`` in ``duration`` [s]: when a continuous machine's state is looked at."""
    _check_step(dt)
    ends = dt * np.arange(1.0, int(duration / dt + _ON_GRID) + 1)
    return np.minimum(ends, duration, dtype=np.float64)


def _check_step(dt: float) -> None:
    if not (np.isfinite(dt) and dt > 0):
        raise SpecError.rule("Time step dt", "positive", f"{dt:g} s")


def _ceil(x: FloatArray) -> IntArray:
    return np.ceil(x - _ON_GRID).astype(np.int64)
