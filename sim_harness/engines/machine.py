"""TrueNorth, Loihi and SpiNNaker as engines: place the network, load the image, run it.

On the golden machine, or for TrueNorth on the chip's Verilog in an RTL simulator.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from golden.errors import SpecError
from golden.machines.truenorth import TrueNorthMachine
from golden.network import with_sources
from golden.trace import Header, Trace, versions
from mapping import loihi, spinnaker, truenorth
from sim_harness.rtl.truenorth import ChipDesign, chip_back_end

if TYPE_CHECKING:
    from collections.abc import Mapping

    from golden.fixed import Rounding
    from golden.machines.run import MachineInputs, MachineRecord
    from golden.network import Network
    from golden.stimulus import Stimulus
    from mapping.placed import Image, Machine, Placed
    from sim_harness.engines import Progress
    from sim_harness.experiment import Experiment
    from sim_harness.rtl.truenorth import ChipBackEnd


@dataclass(frozen=True)
class MachineEngine:
    """A ``machine`` at ticks of ``dt`` [s]; ``options`` are those of its placement, ``on`` is what runs the image."""

    name: str
    record: tuple[int, ...]
    dt: float
    options: Mapping[str, Any]
    seed: int = 0
    machine: str = ""
    on: Golden | Chip = field(default_factory=lambda: Golden())

    @classmethod
    def of(cls, name: str, experiment: Experiment) -> MachineEngine:
        """Set up as the experiment asks."""
        options = experiment.machines.get(name, {})
        return cls(name, experiment.record, experiment.dt, options, experiment.seed, name)

    @classmethod
    def chip(cls, name: str, experiment: Experiment) -> MachineEngine:
        """The chip that the network is placed on, in the RTL simulator ``name``; SpecError for one that takes none."""
        options = experiment.machines.get("truenorth", {})
        chip = Chip(chip_back_end(name))
        return cls(name, experiment.record, experiment.dt, options, experiment.seed, "truenorth", chip)

    def __call__(self, network: Network, stimulus: Stimulus, progress: Progress | None = None) -> Trace:
        """Place and run."""
        wider, spikes = with_sources(network, stimulus)
        placed = place(self.machine, wider, spikes, self.dt, self.options, self.seed)
        rounding: Rounding = self.options.get("rounding", "error")
        trace = run_image(
            placed.image,
            spikes,
            record=self.record,
            rounding=rounding,
            progress=progress,
            engine=self.name,
            on=self.on,
        )
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


@dataclass(frozen=True)
class Golden:
    """An image on the golden machine itself, in compiled code."""

    def versions(self) -> dict[str, str]:
        """Versions of what it takes."""
        return versions("numba")

    def run(
        self, machine: Machine, inputs: MachineInputs, *, record: tuple[int, ...], progress: Progress | None
    ) -> MachineRecord:
        """Run from rest."""
        return machine.run(inputs, record=record, progress=progress)


@dataclass(frozen=True)
class Chip:
    """An image on a TrueNorth chip's Verilog in an RTL simulator; SpecError for the image of another machine."""

    simulator: ChipBackEnd

    def versions(self) -> dict[str, str]:
        """Versions of what it takes."""
        return self.simulator.versions()

    def run(
        self, machine: Machine, inputs: MachineInputs, *, record: tuple[int, ...], progress: Progress | None
    ) -> MachineRecord:
        """Load, run from rest."""
        if not isinstance(machine, TrueNorthMachine):
            raise SpecError.rule("Machine of an RTL simulator", "truenorth", machine.name)
        return self.simulator.run(ChipDesign(machine), inputs, record=record, progress=progress)


def run_image(
    image: Image,
    stimulus: Stimulus,
    *,
    record: tuple[int, ...] = (),
    rounding: Rounding = "nearest",
    progress: Progress | None = None,
    engine: str | None = None,
    on: Golden | Chip | None = None,
) -> Trace:
    """Run a machine that is loaded with ``image``; states in volts and in the integers they are.

    ``on`` what, by default the golden machine; ``engine`` is what the trace calls it.
    """
    on = Golden() if on is None else on
    inputs = image.inputs(stimulus, "error" if rounding == "error" else "nearest")
    result = on.run(image.machine, inputs, record=record, progress=progress)
    states: dict[str, Any] = {"v": image.volts(result.states["v"], result.recorded)}
    states |= {f"{name}_int": values for name, values in result.states.items()}
    header = Header(
        engine=engine or image.machine.name,
        network=image.network,
        stimulus=stimulus.hash(),
        size=image.size,
        duration=stimulus.duration,
        dt=image.dt,
        seed=stimulus.seed,
        versions=on.versions(),
        settings={"counters": dict(result.counters)},
    )
    spikes = (result.spikes + np.array([1, 0])) * np.array([image.dt, 1.0])
    units = dict.fromkeys(states, "lsb") | {"v": "V"}
    return Trace(header, spikes, result.recorded, image.dt * np.arange(1.0, inputs.ticks + 1), states, units)
