"""The analog circuit in ngspice, and its golden twins, as engines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import analog
from analog.ngspice import pool
from analog.twins import run_twins
from golden.grid import sample_times
from sim_harness import toolchain

if TYPE_CHECKING:
    from typing import Self

    from analog import AnalogSettings, NgspiceSetup
    from golden.network import Network
    from golden.stimulus import Stimulus
    from golden.trace import Trace
    from sim_harness.engines import Progress
    from sim_harness.experiment import Experiment


@dataclass(frozen=True)
class CircuitEngine:
    """What both have: circuits as the ``settings`` ask, the ``record`` neurons' potentials every ``interval`` [s]."""

    record: tuple[int, ...]
    interval: float
    settings: AnalogSettings
    setup: NgspiceSetup

    @classmethod
    def of(cls, experiment: Experiment) -> Self:
        """Set up as the experiment asks; MissingToolError without ngspice, which the fits of twins need too."""
        return cls(experiment.record, experiment.dt, experiment.analog, toolchain.ngspice_setup())


@dataclass(frozen=True)
class NgspiceEngine(CircuitEngine):
    """One deck per neuron in worker processes."""

    name: str = "ngspice"

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


@dataclass(frozen=True)
class TwinEngine(CircuitEngine):
    """The golden twins of the circuits, fitted to transistor circuits on a few runs."""

    name: str = "twins"

    def __call__(self, network: Network, stimulus: Stimulus, progress: Progress | None = None) -> Trace:
        """Run; see analog.twins.run_twins."""
        return run_twins(
            network,
            stimulus,
            self.settings,
            workers=pool(self.setup, None),
            record=self.record,
            samples=sample_times(stimulus.duration, self.interval),
            progress=progress,
        ).trace
