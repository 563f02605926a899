"""The integer machine: runs the fixed-point update over ticks with NumPy and records every state.

This is the trace that every digital engine must reproduce bit for bit.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from golden.errors import SpecError
from golden.fixed import as_integers
from golden.neurons.lif_fixed import FixedLIF, Parameters, State, receive, step
from golden.trace import recorded_neurons

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from golden.fixed import IntArray

#: Called now and then with the fraction done, 0..1.
Progress = Callable[[float], None]


@dataclass(frozen=True, eq=False)
class TickInputs:
    """What reaches ``size`` neurons during ``ticks`` ticks, in integers of the input format.

    currents  int64 (K, 3): rows (tick, neuron, value): from that tick on, the neuron's current is value; it
              is 0 before the first row.  Ticks ascend.
    events    int64 (E, 3): rows (tick, neuron, weight): an input spike, received before that tick's update,
              in the order of the rows.  Ticks ascend.
    """

    ticks: int
    size: int
    currents: IntArray
    events: IntArray

    def __post_init__(self) -> None:
        if self.ticks < 1:
            raise SpecError.rule("Number of ticks", "at least 1", self.ticks)
        for name in ("currents", "events"):
            table = as_integers(f"Entry of {name}", getattr(self, name)).reshape(-1, 3)
            if (np.diff(table[:, 0]) < 0).any():
                raise SpecError.rule(f"Ticks of {name}", "ascending", "out of order")
            for column, limit, what in ((0, self.ticks, "Ticks"), (1, self.size, "Neurons")):
                if table.size and not (table[:, column].min() >= 0 and table[:, column].max() < limit):
                    raise SpecError.rule(
                        f"{what} of {name}",
                        f"within 0 to {limit - 1}",
                        f"{table[:, column].min()} to {table[:, column].max()}",
                    )
            object.__setattr__(self, name, table)

    @property
    def current_slices(self) -> list[slice]:
        """For each tick the rows of ``currents`` that belong to it."""
        return _slices(self.currents, self.ticks)

    @property
    def event_slices(self) -> list[slice]:
        """For each tick the rows of ``events`` that belong to it."""
        return _slices(self.events, self.ticks)


def _slices(table: IntArray, ticks: int) -> list[slice]:
    edges = np.searchsorted(table[:, 0], np.arange(ticks + 1)).tolist()
    return [slice(a, b) for a, b in itertools.pairwise(edges)]


@dataclass(frozen=True, eq=False)
class IntegerRecord:
    """States after every tick, and every spike.

    v, i, r   int64 (ticks, M): state of the M recorded neurons after each tick
    recorded  int64 (M,): their indices
    spikes    int64 (S, 2): rows (tick, neuron), ascending
    """

    v: IntArray
    i: IntArray
    r: IntArray
    recorded: IntArray
    spikes: IntArray

    @property
    def updates(self) -> int:
        """Number of neuron updates whose states are recorded."""
        return int(self.v.size)


def run(
    lif: FixedLIF, inputs: TickInputs, *, record: ArrayLike | None = None, progress: Progress | None = None
) -> IntegerRecord:
    """Run ``lif`` from rest (v = i = r = 0) under ``inputs``; ``record`` picks neurons (default: all)."""
    if inputs.size != lif.size:
        raise SpecError.rule("Inputs", f"for {lif.size} neurons", f"for {inputs.size}")
    _check_range("Current", inputs.currents[:, 2], lif)
    _check_range("Weight", inputs.events[:, 2], lif)
    if inputs.events.size and lif.format.synapse == "none":
        raise SpecError.rule("Synapse", "delta or exponential for input spikes", repr(lif.format.synapse))
    fmt, n = lif.format, lif.size
    recorded = np.arange(n) if record is None else recorded_neurons(record, n)
    parameters = Parameters(**{k: np.broadcast_to(value, n) for k, value in lif.values.items()})
    state = State(*(np.zeros(n, dtype=np.int64) for _ in range(3)))
    current = np.zeros(n, dtype=np.int64)
    history = np.empty((3, inputs.ticks, recorded.size), dtype=np.int64)
    spikes = []
    for tick, (now_currents, now_events) in enumerate(zip(inputs.current_slices, inputs.event_slices, strict=True)):
        for _, neuron, value in inputs.currents[now_currents].tolist():
            current[neuron] = value
        if now_events.stop > now_events.start:
            i = state.i.copy()
            for _, neuron, weight in inputs.events[now_events].tolist():
                i[neuron] = receive(fmt, int(i[neuron]), weight)
            state = state._replace(i=i)
        state, spike = step(fmt, parameters, state, current)
        for row, values in zip(history, state, strict=True):
            row[tick] = values[recorded]
        fired = np.flatnonzero(spike)
        if fired.size:
            spikes.append(np.column_stack((np.full(fired.size, tick), fired)))
        if progress is not None and tick % 256 == 0:
            progress(tick / inputs.ticks)
    table = np.concatenate(spikes) if spikes else np.empty((0, 2), dtype=np.int64)
    v, i, r = history
    return IntegerRecord(v, i, r, recorded, table)


def _check_range(thing: str, values: IntArray, lif: FixedLIF) -> None:
    limits = lif.format.input
    wrong = (values < limits.min) | (values > limits.max)
    if wrong.any():
        raise SpecError.rule(thing, f"within {limits.min} to {limits.max}", int(values[wrong][0]))
