"""TrueNorth, Loihi and SpiNNaker as engines: place the network, load the image, run the golden machine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from golden.errors import SpecError
from golden.network import with_sources
from golden.trace import Header, Trace, versions
from mapping import loihi, spinnaker, truenorth

if TYPE_CHECKING:
    from collections.abc import Mapping

    from golden.fixed import Rounding
    from golden.network import Network
    from golden.stimulus import Stimulus
    from mapping.placed import Image, Placed
    from sim_harness.engines import Progress
    from sim_harness.experiment import Experiment


@dataclass(frozen=True)
class MachineEngine:
    """A golden machine at ticks of ``dt`` [s]; ``options`` are those of its placement."""

    name: str
    record: tuple[int, ...]
    dt: float
    options: Mapping[str, Any]
    seed: int = 0

    @classmethod
    def of(cls, name: str, experiment: Experiment) -> MachineEngine:
        """Set up as the experiment asks."""
        return cls(name, experiment.record, experiment.dt, experiment.machines.get(name, {}), experiment.seed)

    def __call__(self, network: Network, stimulus: Stimulus, progress: Progress | None = None) -> Trace:
        """Place and run."""
        wider, spikes = with_sources(network, stimulus)
        placed = place(self.name, wider, spikes, self.dt, self.options, self.seed)
        rounding: Rounding = self.options.get("rounding", "error")
        trace = run_image(placed.image, spikes, record=self.record, rounding=rounding, progress=progress)
        return replace(trace, header=replace(trace.header, network=network.hash(), stimulus=stimulus.hash()))


def place(
    name: str, network: Network, stimulus: Stimulus, dt: float, options: Mapping[str, Any], seed: int = 0
) -> Placed:
    """``network`` on the machine called ``name``; TrueNorth takes the constant currents of ``stimulus`` with it."""
    match name:
        case "truenorth":
            if (stimulus.currents != stimulus.currents[0]).any():
                raise SpecError.rule("Input current of TrueNorth", "constant in time", "a stimulus that changes")
            return truenorth.place(network, dt, currents=stimulus.currents[0], seed=seed, **options)
        case "loihi":
            return loihi.place(network, dt, seed=seed, **options)
        case "spinnaker":
            return spinnaker.place(network, dt, seed=seed, **options)
    raise SpecError.rule("Machine", "one of truenorth, loihi, spinnaker", repr(name))


def run_image(
    image: Image,
    stimulus: Stimulus,
    *,
    record: tuple[int, ...] = (),
    rounding: Rounding = "nearest",
    progress: Progress | None = None,
) -> Trace:
    """Run a machine that is loaded with ``image``; states in volts and in the integers they are."""
    inputs = image.inputs(stimulus, "error" if rounding == "error" else "nearest")
    result = image.machine.run(inputs, record=record, progress=progress)
    states: dict[str, Any] = {"v": image.volts(result.states["v"], result.recorded)}
    states |= {f"{name}_int": values for name, values in result.states.items()}
    header = Header(
        engine=image.machine.name,
        network=image.network,
        stimulus=stimulus.hash(),
        size=image.size,
        duration=stimulus.duration,
        dt=image.dt,
        seed=stimulus.seed,
        versions=versions("numba"),
        settings={"counters": dict(result.counters)},
    )
    spikes = (result.spikes + np.array([1, 0])) * np.array([image.dt, 1.0])
    units = dict.fromkeys(states, "lsb") | {"v": "V"}
    return Trace(header, spikes, result.recorded, image.dt * np.arange(1.0, inputs.ticks + 1), states, units)
