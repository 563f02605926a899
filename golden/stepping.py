"""What a stepped run is made of, and its loop in NumPy: the reference of the compiled one (golden.stepped_kernel).

In step k, in this order: what arrives is summed up (through synapses, then noise spikes, then input spikes in the order
of their rows) and added to i; membranes that are not held move on; those at threshold fire and are reset; i decays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from golden.delivery import Delivery, deliver
from golden.noise import PoissonNoise, WhiteNoise, counts, normals

if TYPE_CHECKING:
    from golden.fixed import IntArray
    from golden.grid import GridStimulus
    from golden.neurons.lif import FloatArray

#: Called now and then with the fraction done, 0..1.
Progress = Callable[[float], None]
#: Steps from one report of the progress to the next.
CHUNK = 1024


class Cells(NamedTuple):
    """Constants of N neurons, each (N,); see golden.propagator.

    hold   int64: steps for which the membrane is held after a spike
    noise  standard deviation of a step's white noise [V], or the weight of a noise spike; 0 without
    """

    e_l: FloatArray
    leak: FloatArray
    gain: FloatArray
    gain_syn: FloatArray
    leak_syn: FloatArray
    v_th: FloatArray
    v_reset: FloatArray
    hold: IntArray
    noise: FloatArray


@dataclass(frozen=True, eq=False)
class Plan:
    """A stepped run: constants, input, synapses, noise, who is recorded, and two rules."""

    cells: Cells
    grid: GridStimulus
    delivery: Delivery
    noise: WhiteNoise | PoissonNoise | None
    recorded: IntArray
    strict: bool
    subtract: bool

    @property
    def size(self) -> int:
        """Number of neurons."""
        return self.cells.e_l.size


@dataclass(frozen=True, eq=False)
class Record:
    """Spikes as rows (step, neuron), ascending; v [V] and i after every step, (steps, recorded)."""

    spikes: IntArray
    v: FloatArray
    i: FloatArray


def run(plan: Plan, progress: Progress | None = None) -> Record:
    """The loop in NumPy."""
    c, grid, size = plan.cells, plan.grid, plan.size
    v, i, left = c.e_l.copy(), np.zeros(size), np.zeros(size, dtype=np.int64)
    ring = np.zeros((plan.delivery.slots, size))
    v_trace, i_trace = (np.empty((grid.steps, plan.recorded.size)) for _ in "vi")
    changes = dict(zip(grid.ticks.tolist(), grid.currents, strict=True))
    inputs, emissions = (starts(table, grid.steps) for table in (grid.spikes, grid.source_spikes))
    current, thresholds, fired = np.zeros(size), None, []
    if isinstance(plan.noise, PoissonNoise):
        thresholds = plan.noise.thresholds(grid.dt)
    with np.errstate(over="ignore", invalid="ignore"):
        for k in range(grid.steps):
            current = changes.get(k, current)
            deliver(plan.delivery, ring, k, size + grid.source_spikes[emissions[k] : emissions[k + 1], 1])
            arriving = ring[k % len(ring)]
            if plan.noise is not None and thresholds is not None:
                arriving += c.noise * counts(size, k, plan.noise.key, thresholds)
            batch = grid.spikes[inputs[k] : inputs[k + 1]]
            np.add.at(arriving, batch[:, 1].astype(np.int64), batch[:, 2])
            i += arriving
            arriving[:] = 0
            free = left == 0
            x = c.e_l + c.leak * (v - c.e_l) + c.gain * current + c.gain_syn * i
            if isinstance(plan.noise, WhiteNoise):
                x += c.noise * normals(size, k, plan.noise.key)
            spike = free & (x > c.v_th if plan.strict else x >= c.v_th)
            v = np.where(free, x, v)
            v = np.where(spike, v - (c.v_th - c.e_l) if plan.subtract else c.v_reset, v)
            left = np.where(spike, c.hold, np.maximum(left - 1, 0))
            i *= c.leak_syn
            v_trace[k], i_trace[k] = v[plan.recorded], i[plan.recorded]
            neurons = np.flatnonzero(spike)
            fired.append(np.column_stack((np.full(neurons.size, k), neurons)))
            deliver(plan.delivery, ring, k + 1, neurons)
            if progress is not None and k % CHUNK == 0:
                progress(k / grid.steps)
    return Record(np.concatenate(fired), v_trace, i_trace)


def starts(table: FloatArray | IntArray, steps: int) -> IntArray:
    """(steps + 1,): the first row of each step of a table whose first column is an ascending step."""
    return np.searchsorted(table[:, 0], np.arange(steps + 1))
