"""What a command is given to run: an experiment file, a network or an image in an .npz; and its input."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from golden.errors import SpecError
from golden.files import read_npz
from golden.fixed import ROUNDINGS
from golden.network import Network
from golden.stimulus import constant
from sim_harness.engines import CHIP_ENGINES
from sim_harness.experiment import MACHINE_KEYS, Experiment
from sim_harness.network_file import read_input

if TYPE_CHECKING:
    from pathlib import Path

    from golden.trace import Trace
    from sim_harness.engines import Progress


def is_image(path: Path) -> bool:
    """Whether the file is the image of a placed network."""
    return path.suffix == ".npz" and "image" in read_npz(path, "Network")


def load_experiment(
    path: Path,
    *,
    neurons: int | None = None,
    duration: float | None = None,
    input: Path | None = None,
    dt: float | None = None,
    rounding: str | None = None,
) -> Experiment:
    """An experiment file, or a network (.npz) with no stimulus but its input; options replace what the file says."""
    if path.suffix == ".npz":
        if neurons is not None:
            raise SpecError.rule("Option --neurons", "left out for a network", neurons)
        network = Network.load(path)
        experiment = Experiment.of_network(network, constant(network.size, 1.0 if duration is None else duration, 0.0))
    else:
        experiment = Experiment.load(path, neurons=neurons, duration=duration)
    if input is not None:
        given = read_input(input, experiment.network.size, duration or experiment.stimulus.duration)
        experiment = replace(experiment, stimulus=given)
    if dt is not None:
        if not 0 < dt < float("inf"):
            raise SpecError.rule("Option --dt", "positive", f"{dt:g} s")
        experiment = replace(experiment, dt=dt)
    if rounding is not None:
        if rounding not in ROUNDINGS:
            raise SpecError.rule("Option --rounding", f"one of {', '.join(ROUNDINGS)}", repr(rounding))
        machines = {name: {**experiment.machines.get(name, {}), "rounding": rounding} for name in MACHINE_KEYS}
        fixed = replace(experiment.fixed, rounding=rounding)  # type: ignore[arg-type]  # one of ROUNDINGS
        experiment = replace(experiment, machines=machines, fixed=fixed)
    return experiment


def run_image_file(
    path: Path, on: str, input: Path | None, duration: float | None, record: bool, progress: Progress | None
) -> Trace:
    """Run an image on the machine that it is for; SpecError for another one."""
    from mapping import image as images
    from sim_harness.engines.machine import Chip, run_image
    from sim_harness.rtl.truenorth import chip_back_end

    image = images.load(path)
    able = [image.machine.name, *(CHIP_ENGINES if image.machine.name == "truenorth" else ())]
    if on not in able:
        raise SpecError.rule(f"Machine of image {path}", " or ".join(able), on)
    stimulus = (
        constant(image.size, 1.0 if duration is None else duration, 0.0)
        if input is None
        else read_input(input, image.size, duration)
    )
    recorded = tuple(range(image.size)) if record else ()
    chip = None if on == image.machine.name else Chip(chip_back_end(on))
    return run_image(image, stimulus, record=recorded, progress=progress, engine=on, on=chip)
