"""TrueNorth chips in Icarus and Verilator, through the same cocotb bench as the LIF core."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from golden.errors import SimulationError
from golden.trace import recorded_neurons
from sim_harness.rtl.truenorth import shell
from sim_harness.rtl.truenorth.records import ChipRecord, ChipRecorder, Played

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from golden.fixed import IntArray
    from golden.machines.run import MachineInputs, Progress
    from sim_harness.rtl.cocotb_engine import CocotbEngine
    from sim_harness.rtl.truenorth.design import ChipDesign


@dataclass(frozen=True)
class ChipCocotb:
    """A chip in one of the simulators that cocotb drives."""

    simulator: CocotbEngine

    def versions(self) -> dict[str, str]:
        """Versions of the tools, by name."""
        return self.simulator.versions()

    def run(
        self,
        design: ChipDesign,
        inputs: MachineInputs,
        *,
        record: ArrayLike = (),
        progress: Progress | None = None,
    ) -> ChipRecord:
        """Reset the chip, load it, play ``inputs``; state ``v`` of the ``record`` neurons after every tick."""
        recorder = ChipRecorder(design, inputs, recorded_neurons(record, design.machine.size))
        commands = shell.commands(design, design.commands(inputs))
        for ticks, retired, left in self.simulator.play(shell.bench(design), commands, inputs.ticks, progress):
            recorder.add(self._played(design, ticks, retired, len(left)))
        if progress is not None:
            progress(1.0)
        return recorder.finish()

    def _played(self, design: ChipDesign, ticks: int, retired: IntArray, left: int) -> Played:
        """One batch; SimulationError if a core has not updated every neuron once a tick, in ascending order."""
        cores, neurons = design.machine.cores, design.machine.neurons
        order = np.lexsort((retired[:, 1], retired[:, 0]))  # stable: within a core as they came
        rows = retired[order]
        if len(rows) != ticks * cores * neurons or (rows[:, 2] != np.tile(np.arange(neurons), ticks * cores)).any():
            raise SimulationError(
                f"Cores in {self.simulator.title} must update every neuron once a tick, ascending, not otherwise"
            )
        v, spiked = (rows[:, column].reshape(ticks, cores * neurons) for column in (3, 4))
        return Played(v, spiked, np.zeros(ticks, dtype=np.int64), left)
