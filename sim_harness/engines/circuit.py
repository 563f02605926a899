"""The analog circuit in ngspice as an engine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import analog
from analog import AnalogSettings
from golden.network import Network
from golden.stimulus import Stimulus
from golden.trace import Trace
from sim_harness import toolchain
from sim_harness.engines import Progress
from sim_harness.experiment import Experiment


@dataclass(frozen=True)
class NgspiceEngine:
    """One deck per neuron in worker processes; the ``record`` neurons' potentials every ``interval`` [s]."""

    record: tuple[int, ...]
    interval: float
    settings: AnalogSettings
    name: str = "ngspice"

    @classmethod
    def of(cls, experiment: Experiment) -> NgspiceEngine:
        """Set up as the experiment asks; MissingToolError without ngspice."""
        toolchain.require("ngspice", "libngspice")
        return cls(experiment.record, experiment.dt, experiment.analog)

    def __call__(self, network: Network, stimulus: Stimulus, progress: Progress | None = None) -> Trace:
        """Run; see analog.simulate."""
        samples = self.interval * np.arange(1, int(stimulus.duration / self.interval + 1e-6) + 1)
        return analog.simulate(
            network,
            stimulus,
            self.settings,
            record=self.record,
            samples=np.minimum(samples, stimulus.duration),
            progress=progress,
        )
