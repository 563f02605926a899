"""From what the cores of a chip retired to a record that is compared with the golden chip's."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from golden.errors import SimulationError
from golden.machines.run import MachineRecord

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from golden.fixed import IntArray
    from golden.machines.run import MachineInputs, Progress
    from sim_harness.rtl.truenorth.design import ChipDesign

_NO_CLOCKS = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class ChipRecord(MachineRecord):
    """Potentials and spikes as retired; of the golden chip's counters ``left``, and ``merged`` where it is read.

    clocks       (ticks,): that the chip was busy, from the tick to the next one
    saturations  neuron updates in which the potential was stopped by a rail
    """

    clocks: IntArray = field(default_factory=lambda: _NO_CLOCKS)
    saturations: int = 0


class Played(NamedTuple):
    """Some ticks: potentials and spikes (ticks, places), clocks (ticks,), packets that left the grid."""

    v: NDArray[np.integer[Any]]
    spiked: NDArray[np.integer[Any]]
    clocks: IntArray
    left: int


class ChipRecorder:
    """Takes whole ticks, in order."""

    def __init__(
        self, design: ChipDesign, inputs: MachineInputs, recorded: IntArray, progress: Progress | None = None
    ) -> None:
        self._machine, self._ticks, self._progress = design.machine, inputs.ticks, progress
        self._recorded = recorded
        self._places = design.machine.outputs[recorded]
        self._v = np.empty((inputs.ticks, recorded.size), dtype=np.int64)
        self._clocks = np.zeros(inputs.ticks, dtype=np.int64)
        self._spikes: list[IntArray] = []
        self._tick = 0
        self.counters: Counter[str] = Counter()

    def add(self, played: Played) -> None:
        """The next ticks."""
        v, spiked, clocks, left = played
        first, self._tick = self._tick, self._tick + len(v)
        self._v[first : self._tick] = v[:, self._places]
        self._clocks[first : self._tick] = clocks
        self._spikes.append(np.argwhere(spiked) + np.array([first, 0]))
        self.counters["left"] += left
        if self._progress is not None:
            self._progress(self._tick / self._ticks)

    def finish(self) -> ChipRecord:
        """The record of the run; SimulationError when ticks are missing or a core has raised a flag."""
        if self._tick != self._ticks:
            raise SimulationError(f"Ticks of the chip must be all {self._ticks}, not {self._tick}")
        if self.counters["status"]:
            raise SimulationError("Flags of every core must be low after a run, not raised")
        spikes = np.concatenate([np.empty((0, 2), dtype=np.int64), *self._spikes])
        counters = {name: self.counters[name] for name in ("merged", "left") if name in self.counters}
        record = self._machine.network_record(spikes, self._recorded, self._v, counters)
        return ChipRecord(
            record.spikes,
            record.recorded,
            record.states,
            record.counters,
            self._clocks,
            self.counters["saturations"],
        )
