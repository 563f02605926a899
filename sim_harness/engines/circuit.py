"""The analog circuit in ngspice as an engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import analog
from golden.grid import sample_times
from sim_harness import toolchain

if TYPE_CHECKING:
    from analog import AnalogSettings, NgspiceSetup
    from golden.network import Network
    from golden.stimulus import Stimulus
    from golden.trace import Trace
    from sim_harness.engines import Progress
    from sim_harness.experiment import Experiment


@dataclass(frozen=True)
class NgspiceEngine:
    """One deck per neuron in worker processes; the ``record`` neurons' potentials every ``interval`` [s]."""

    record: tuple[int, ...]
    interval: float
    settings: AnalogSettings
    setup: NgspiceSetup
    name: str = "ngspice"

    @classmethod
    def of(cls, experiment: Experiment) -> NgspiceEngine:
        """Set up as the experiment asks; MissingToolError without ngspice."""
        return cls(experiment.record, experiment.dt, experiment.analog, toolchain.ngspice_setup())

    def __call__(self, network: Network, stimulus: Stimulus, progress: Progress | None = None) -> Trace:
        """Run; see analog.simulate."""
        return analog.simulate(
            network,
            stimulus,
            self.settings,
            record=self.record,
            samples=sample_times(stimulus.duration, self.interval),
            setup=self.setup,
            progress=progress,
        )
