"""The golden models as engines: exact events, float steps, fixed point."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from golden import exact, integer, stepped
from golden.grid import sample_times
from golden.quantise import QuantisedLIF, quantise
from golden.trace import Header, Trace, versions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from golden.integer import IntegerRecord
    from golden.network import Network
    from golden.stimulus import Stimulus
    from sim_harness.engines import Engine, Progress
    from sim_harness.experiment import Experiment, FixedSettings


def build(name: str, experiment: Experiment) -> Engine:
    """The golden engine called ``name``."""
    engines: dict[str, Engine] = {
        "exact": ExactEngine(experiment.record, experiment.dt),
        "stepped": SteppedEngine(experiment.record, experiment.dt, experiment.fixed),
        "euler": SteppedEngine(experiment.record, experiment.dt, replace(experiment.fixed, scheme="euler"), "euler"),
        "integer": IntegerEngine(experiment.dt, experiment.fixed, experiment.seed),
    }
    return engines[name]


@dataclass(frozen=True)
class ExactEngine:
    """Exact spike times; the potentials of the ``record`` neurons are sampled every ``interval`` [s]."""

    record: tuple[int, ...]
    interval: float
    name: str = "exact"

    def __call__(self, network: Network, stimulus: Stimulus, progress: Progress | None = None) -> Trace:
        """Run; see golden.exact.simulate."""
        samples = sample_times(stimulus.duration, self.interval)
        return exact.simulate(network, stimulus, record=self.record, samples=samples, progress=progress)


@dataclass(frozen=True)
class SteppedEngine:
    """Float steps of ``dt`` [s] with the threshold, reset and scheme of the digital machine."""

    record: tuple[int, ...]
    dt: float
    fixed: FixedSettings
    name: str = "stepped"

    def __call__(self, network: Network, stimulus: Stimulus, progress: Progress | None = None) -> Trace:
        """Run; see golden.stepped.simulate."""
        return stepped.simulate(
            network,
            stimulus,
            self.dt,
            scheme=self.fixed.scheme,
            comparison=self.fixed.format.comparison,
            reset=self.fixed.format.reset,
            record=self.record,
            progress=progress,
        )


@dataclass(frozen=True)
class IntegerEngine:
    """The fixed-point update on NumPy integers: the trace every digital engine must reproduce."""

    dt: float
    fixed: FixedSettings
    seed: int = 0
    name: str = "integer"

    def __call__(self, network: Network, stimulus: Stimulus, progress: Progress | None = None) -> Trace:
        """Quantise and run; see golden.integer.run."""
        machine = quantise_for(network, self.dt, self.fixed, self.seed)
        record = integer.run(machine.lif, machine.inputs(stimulus), progress=progress)
        return to_trace(self.name, machine, stimulus, record, {})


def quantise_for(network: Network, dt: float, fixed: FixedSettings, seed: int) -> QuantisedLIF:
    """The integers of ``network`` on the machine that ``fixed`` asks for."""
    return quantise(network, dt, fixed.format, unit=fixed.unit, rounding=fixed.rounding, scheme=fixed.scheme, seed=seed)


def to_trace(
    engine: str,
    machine: QuantisedLIF,
    stimulus: Stimulus,
    record: IntegerRecord,
    tools: dict[str, str],
    **settings: str,
) -> Trace:
    """An integer record as a trace: potentials in volts and all states as the integers they are."""
    dt = machine.dt
    states: dict[str, NDArray[Any]] = {
        "v": machine.volts(record.v, record.recorded),
        "v_int": record.v.astype(np.int32),
        "i_int": record.i.astype(np.int32),
        "r_int": record.r.astype(np.int32),
    }
    header = Header(
        engine=engine,
        network=machine.network.hash(),
        stimulus=stimulus.hash(),
        size=machine.network.size,
        duration=stimulus.duration,
        dt=dt,
        seed=stimulus.seed,
        versions=versions() | tools,
        settings=dict(machine.settings) | settings,
    )
    spikes = np.column_stack(((record.spikes[:, 0] + 1) * dt, record.spikes[:, 1]))
    return Trace(
        header,
        spikes,
        record.recorded,
        dt * np.arange(1, record.v.shape[0] + 1),
        states,
        {"v": "V", "v_int": "lsb", "i_int": "lsb", "r_int": "tick"},
    )
