"""The digital core, or a user's own Verilog, in an RTL simulator as an engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim_harness.compare import CONTRADICTION
from sim_harness.engines.software import quantise_for, to_trace
from sim_harness.rtl import RtlBackEnd, RtlDesign, RtlRecord, back_end

if TYPE_CHECKING:
    from golden.network import Network
    from golden.stimulus import Stimulus
    from golden.trace import Trace
    from sim_harness.engines import Progress, Verilog
    from sim_harness.experiment import Experiment, FixedSettings


@dataclass(frozen=True)
class RtlEngine:
    """A core in one simulator; every neuron's state is recorded through the retire port."""

    name: str
    simulator: RtlBackEnd
    dt: float
    fixed: FixedSettings
    seed: int = 0
    verilog: Verilog | None = None

    @classmethod
    def of(cls, name: str, experiment: Experiment, verilog: Verilog | None) -> RtlEngine:
        """Set up as the experiment asks; MissingToolError without the simulator."""
        return cls(name, back_end(name), experiment.dt, experiment.fixed, experiment.seed, verilog)

    def __call__(self, network: Network, stimulus: Stimulus, progress: Progress | None = None) -> Trace:
        """Quantise, build (or take from the cache) and run."""
        machine = quantise_for(network, self.dt, self.fixed, self.seed)
        own = self.verilog
        design = RtlDesign(machine.lif) if own is None else RtlDesign(machine.lif, own.text, own.name)
        record = self.simulator.run(design, machine.inputs(stimulus), progress=progress)
        found = contradiction(record)
        settings = {} if found is None else {CONTRADICTION: found}
        return to_trace(self.name, machine, stimulus, record, self.simulator.versions(), **settings)


def contradiction(record: RtlRecord) -> str | None:
    """Where the core's outputs first contradict each other or the order of the spike stream, in words."""
    if (fault := record.fault) is not None:
        return f"tick {fault.tick}, neuron {fault.neuron}: {fault.text}"
    ticks, neurons = record.spikes.T
    wrong = np.flatnonzero((np.diff(ticks) == 0) & (np.diff(neurons) <= 0))
    if wrong.size:
        tick, neuron = record.spikes[wrong[0] + 1].tolist()
        return f"tick {tick}, neuron {neuron}: spikes of one tick must be in ascending order, each once"
    return None
