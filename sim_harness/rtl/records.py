"""From what a core retired and what left it as spikes to a checked record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from golden.errors import SimulationError
from golden.integer import IntegerRecord, Progress, TickInputs

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from golden.fixed import IntArray
    from sim_harness.rtl.design import RtlDesign

STATE = ("v", "i", "r")


@dataclass(frozen=True)
class Fault:
    """An output of the core that contradicts another one: the first by tick and neuron."""

    tick: int
    neuron: int
    text: str


@dataclass(frozen=True, eq=False)
class RtlRecord(IntegerRecord):
    """States as retired and spikes as they left the core.

    fault  the first contradiction between the retire port and what was written, retired before, or sent as a spike
    """

    fault: Fault | None = None


class Recorder:
    """Takes whole ticks of raw output, in order, and checks the protocol.

    A tick that has not retired every neuron once, in ascending order, and a spike of a neuron that does not exist are
    SimulationErrors: they cannot be compared.
    A retired record that contradicts something else becomes the ``fault`` of the record.
    """

    def __init__(
        self,
        engine: str,
        design: RtlDesign,
        inputs: TickInputs,
        record: ArrayLike | None = None,
        progress: Progress | None = None,
    ) -> None:
        size = design.lif.size
        self._engine, self._design, self._inputs, self._progress = engine, design, inputs, progress
        every = np.arange(size) if record is None else np.asarray(record, dtype=np.int64)
        self._recorded = every if design.has_retire else every[:0]
        self._history = np.zeros((3, inputs.ticks, self._recorded.size), dtype=np.int64)
        self._spikes: list[IntArray] = []
        self._columns = {name: 1 + k for k, (name, _) in enumerate(design.retired)}
        self._state = {name: np.zeros(size, dtype=np.int64) for name in STATE}
        self._current = np.zeros(size, dtype=np.int64)
        self._current_slices, self._event_slices = inputs.current_slices, inputs.event_slices
        self._fault: Fault | None = None
        self._tick = 0

    def add(self, ticks: int, retired: IntArray, spikes: IntArray) -> None:
        """The next ``ticks`` ticks: rows (tick, fields as in ``design.retired``) and rows (tick, neuron) of spikes.

        No tick at all is possible: a long row of host writes.
        """
        first, self._tick = self._tick, self._tick + ticks
        strangers = spikes[spikes[:, 1] >= self._design.lif.size]
        if len(strangers):
            tick, neuron = strangers[0].tolist()
            raise SimulationError(
                f"Spikes sent by {self._engine} must be of neurons 0 to {self._design.lif.size - 1}, "
                f"not {neuron} in tick {tick}"
            )
        self._spikes.append(spikes)
        if self._design.has_retire and (ticks or len(retired)):
            size = self._design.lif.size
            grid = np.mgrid[first : self._tick, :size].reshape(2, -1).T
            if retired.shape[0] != len(grid) or (retired[:, :2] != grid).any():
                shared = min(len(grid), len(retired))
                wrong = np.flatnonzero((retired[:shared, :2] != grid[:shared]).any(axis=1))
                tick = min(first + (wrong[0] if wrong.size else shared) // size, max(first, self._tick - 1))
                raise SimulationError(
                    f"Retired updates of {self._engine} must be neurons 0 to {size - 1} in order in every tick, "
                    f"not {(retired[:, 0] == tick).sum()} updates in tick {tick}"
                )
            fields = {name: retired[:, k].reshape(ticks, size) for name, k in self._columns.items()}
            for row, name in zip(self._history, STATE, strict=True):
                if f"retire_{name}" in fields:
                    row[first : self._tick] = fields[f"retire_{name}"][:, self._recorded]
            if self._fault is None:
                self._fault = self._check(first, fields, spikes)
        if self._progress is not None:
            self._progress(self._tick / self._inputs.ticks)

    def finish(self) -> RtlRecord:
        """The record of the run; SimulationError when ticks are missing."""
        if self._tick != self._inputs.ticks:
            raise SimulationError(
                f"Ticks run by {self._engine} must be all {self._inputs.ticks}, not {self._tick} of them"
            )
        v, i, r = self._history
        spikes = np.concatenate([np.empty((0, 2), dtype=np.int64), *self._spikes])
        return RtlRecord(v, i, r, self._recorded, spikes, self._fault)

    def _check(self, first: int, fields: dict[str, IntArray], spikes: IntArray) -> Fault | None:
        """Compare the witnesses of one chunk; what is expected of a field that the core does not have is not asked."""
        ticks, size = fields["retire_neuron"].shape
        lif = self._design.lif
        received = np.zeros((ticks, size), dtype=bool)
        current = np.empty((ticks, size), dtype=np.int64)
        for k in range(ticks):
            rows = self._inputs.currents[self._current_slices[first + k]]
            for _, neuron, value in rows.tolist():
                self._current[neuron] = value
            current[k] = self._current
            received[k, self._inputs.events[self._event_slices[first + k], 1]] = True
        sent = np.zeros((ticks, size), dtype=bool)
        sent[spikes[:, 0] - first, spikes[:, 1]] = True

        expected: dict[str, IntArray] = {"current": current, "spike": sent.astype(np.int64)}
        expected |= {name: np.broadcast_to(value, (ticks, size)) for name, value in lif.values.items()}
        for name in STATE:
            if f"retire_{name}0" in fields:
                after = fields[f"retire_{name}"]
                expected[f"{name}0"] = np.vstack((self._state[name], after[:-1]))
                self._state[name] = after[-1]
        faults = []
        for name, value in expected.items():
            wrong = fields[f"retire_{name}"] != value
            if name == "i0":  # has received: the sum is checked through what comes of it
                wrong &= ~received
            if wrong.any():
                tick, neuron = np.argwhere(wrong)[0].tolist()
                got, right = int(fields[f"retire_{name}"][tick, neuron]), int(value[tick, neuron])
                text = f"retire_{name} is {got}, but {_other_witness(name)} {right}"
                faults.append(Fault(first + tick, neuron, text))
        return min(faults, key=lambda fault: (fault.tick, fault.neuron), default=None)


def _other_witness(name: str) -> str:
    match name:
        case "spike":
            return "the number of spikes sent is"
        case "v0" | "i0" | "r0":
            return f"the {name[0]} retired the tick before is"
        case _:
            return "the value written is"
