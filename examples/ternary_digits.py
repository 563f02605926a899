"""Handwritten digits on TrueNorth: ternary weights, trained offline, one image a tick.

    python examples/ternary_digits.py                       the golden chip, whole test set
    python examples/ternary_digits.py --on cxxrtl           the chip's Verilog as well: the same answers
    python examples/ternary_digits.py --save digits.npz     the image, for hillock run and hillock verilog

Two cores. A pixel is two bits (at least 3, at least 9 of 16), each bit two axons, for weights +1 and -1. The first
core has 128 hidden neurons, each twice, so that each reaches an axon for +1 and one for -1 of the second core; there
each class has 25 neurons, whose thresholds rise, so that their spikes count how high the class scores. A neuron is
memoryless: its leak takes threshold - 1, it fires at 1, and its potential stops at 0. So a new image can be shown in
every tick, and its answer leaves the chip two ticks later.

Training: softmax regression on a hidden layer of steps with straight-through gradients (Bengio et al., arXiv:1308.3432)
and ternary weights (Li & Liu, arXiv:1605.04711); scikit-learn's 8 x 8 digits, half of them for the test.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from golden.errors import HillockError, SpecError
from golden.machines.run import MachineInputs
from golden.machines.truenorth import TrueNorthMachine
from golden.neurons.truenorth import PARAMETERS
from mapping import image as images
from mapping.placed import Image
from sim_harness.rtl.truenorth import BACK_ENDS, ChipDesign, chip_back_end

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from golden.machines.run import MachineRecord

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Run = Callable[[TrueNorthMachine, MachineInputs], MachineRecord]

#: Grey levels at which a pixel's bits are set; hidden neurons; classes, and neurons that vote for each.
LEVELS, HIDDEN, CLASSES, VOTERS = (3, 9), 128, 10, 25
#: Ticks from an image to its votes.
LATENCY = 1
_CORE = 256


@dataclass(frozen=True, eq=False)
class Task:
    """Images as bits (images, inputs) and their labels, for training and for the test."""

    train: Ints
    train_labels: Ints
    test: Ints
    test_labels: Ints


@dataclass(frozen=True, eq=False)
class Weights:
    """hidden = [inputs @ first >= thresholds], score = hidden @ second, votes = number of levels that score reaches."""

    first: Ints
    thresholds: Ints
    second: Ints
    levels: Ints

    def hidden(self, bits: Ints) -> Ints:
        """Which hidden neurons fire, (images, hidden)."""
        return np.asarray(bits @ self.first >= self.thresholds, dtype=np.int64)

    def votes(self, bits: Ints) -> Ints:
        """How many neurons of each class fire, (images, classes)."""
        scores = self.hidden(bits) @ self.second
        return np.asarray((scores[:, :, None] >= self.levels).sum(axis=2), dtype=np.int64)


def task() -> Task:
    """The digits as bits, split in halves."""
    digits = load_digits()
    bits = np.concatenate([digits.data >= level for level in LEVELS], axis=1).astype(np.int64)
    parts = train_test_split(bits, digits.target, test_size=0.5, random_state=0, stratify=digits.target)
    return Task(parts[0], parts[2], parts[1], parts[3])


def ternary(weights: Floats) -> Floats:
    """-1, 0 or 1: what is less than 0.7 of the mean magnitude is 0 (Li & Liu, eq. 5)."""
    return np.asarray(np.sign(weights) * (np.abs(weights) > 0.7 * np.abs(weights).mean()))


def train(data: Task, epochs: int = 150, seed: int = 0) -> Weights:
    """Train offline with Adam, batches of 64 and 5 % of the bits flipped; then the votes' levels, on the same half."""
    rng = np.random.default_rng(seed)
    inputs = data.train.shape[1]
    latent = [rng.normal(0, 0.3, (inputs, HIDDEN)), rng.normal(0, 0.3, (HIDDEN, CLASSES)), np.zeros(HIDDEN)]
    mean, square = ([np.zeros_like(x) for x in latent] for _ in range(2))
    scale, slope = 2 / np.sqrt(HIDDEN), np.sqrt(inputs) / 4
    step = 0
    for epoch in range(epochs):
        rate = 0.01 * 0.5 * (1 + np.cos(np.pi * epoch / epochs))
        order = rng.permutation(len(data.train))
        for begin in range(0, len(order), 64):
            chosen = order[begin : begin + 64]
            bits = data.train[chosen]
            bits = np.abs(bits - (rng.random(bits.shape) < 0.05))
            first, second = ternary(latent[0]), ternary(latent[1])
            above = bits @ first - np.round(latent[2])
            hidden = (above >= 0).astype(np.float64)
            score = scale * (hidden @ second)
            chance = np.exp(score - score.max(axis=1, keepdims=True))
            chance /= chance.sum(axis=1, keepdims=True)
            chance[np.arange(len(chosen)), data.train_labels[chosen]] -= 1
            error = scale * chance / len(chosen)
            # The step's derivative is 0; a triangle around it passes the gradient on.
            through = (error @ second.T) * np.maximum(0, 1 - np.abs(above + 0.5) / (3 * slope)) / slope
            step += 1
            for k, gradient in enumerate((bits.T @ through, hidden.T @ error, -through.sum(axis=0))):
                mean[k] = 0.9 * mean[k] + 0.1 * gradient
                square[k] = 0.999 * square[k] + 0.001 * gradient**2
                moved = mean[k] / (1 - 0.9**step) / (np.sqrt(square[k] / (1 - 0.999**step)) + 1e-8)
                latent[k] = latent[k] - rate * (3 if k == 2 else 1) * moved
            latent[:2] = [np.clip(x, -1, 1) for x in latent[:2]]
    whole = [np.asarray(x, dtype=np.int64) for x in (ternary(latent[0]), np.round(latent[2]), ternary(latent[1]))]
    candidates = [
        Weights(*whole, levels=lowest + spacing * np.arange(VOTERS)) for spacing in (1, 2) for lowest in range(-20, 15)
    ]
    return max(candidates, key=lambda w: float((w.votes(data.train).argmax(axis=1) == data.train_labels).mean()))


def chip(weights: Weights) -> TrueNorthMachine:
    """The network on 2 x 1 cores; source i is input bit i, and every neuron of the machine is recorded."""
    inputs = len(weights.first)
    values = {
        name: np.full((2, _CORE, 4) if limits.count > 1 else (2, _CORE), limits.default)
        for name, limits in PARAMETERS.items()
    }
    values["weights"][..., :2] = [1, -1]
    # Fires where the sum reaches the threshold: a leak of threshold - 1 first, then at least 1; below it V stops at 0.
    values["saturating"][:] = 1
    values["leak"][:] = -255
    values["leak"][0, : 2 * HIDDEN] = 1 - np.repeat(weights.thresholds, 2)
    values["leak"][1, : CLASSES * VOTERS] = 1 - np.tile(weights.levels, CLASSES)

    crossbar = np.zeros((2, _CORE, _CORE), dtype=np.bool_)
    first, second = np.repeat(weights.first, 2, axis=1), np.repeat(weights.second, VOTERS, axis=1)
    for core, table in enumerate((first, second)):
        for kind, sign in enumerate((1, -1)):
            crossbar[core, kind : 2 * len(table) : 2, : table.shape[1]] = table == sign

    destinations = np.full((2, _CORE, 4), [0, 0, 0, -1])
    destinations[0, :, :] = np.column_stack((np.ones(_CORE), np.zeros(_CORE), np.arange(_CORE), np.zeros(_CORE)))
    # Votes leave the chip in the east.
    voters = np.arange(CLASSES * VOTERS)
    destinations[1, voters] = np.column_stack((np.ones_like(voters), 0 * voters, voters, 0 * voters))
    source = np.repeat(np.arange(inputs), 2)
    return TrueNorthMachine(
        columns=2,
        rows=1,
        values=values,
        crossbar=crossbar,
        axon_types=np.tile(np.arange(_CORE) % 2, (2, 1)),
        destinations=destinations,
        seeds=np.array([1, 2]),
        outputs=np.arange(2 * _CORE),
        routes=np.column_stack((source, 0 * source, np.arange(2 * inputs), 0 * source)),
        sources=inputs,
    )


def shown(bits: Ints, machine: TrueNorthMachine) -> MachineInputs:
    """One image a tick; a tick more for the last one's votes."""
    ticks, sources = np.nonzero(bits)
    return MachineInputs(len(bits) + LATENCY, machine.size, machine.sources, np.column_stack((ticks, sources)))


def counted(record: MachineRecord, count: int) -> tuple[Ints, Ints]:
    """Hidden neurons that fired (images, hidden), and votes (images, classes), of ``count`` images."""
    fired = np.zeros((count + LATENCY, 2 * _CORE), dtype=np.int64)
    fired[record.spikes[:, 0], record.spikes[:, 1]] = 1
    voters = fired[LATENCY:, _CORE : _CORE + CLASSES * VOTERS]
    return fired[:count, 0 : 2 * HIDDEN : 2], voters.reshape(count, CLASSES, VOTERS).sum(axis=2)


def classify(run: Run, machine: TrueNorthMachine, bits: Ints) -> Ints:
    """The class with most votes for each image, the lowest of several."""
    return np.asarray(counted(run(machine, shown(bits, machine)), len(bits))[1].argmax(axis=1), dtype=np.int64)


def image(machine: TrueNorthMachine) -> Image:
    """The chip with scales: a tick is 1 ms, and a last bit of potential 1 V."""
    ones = np.ones(machine.size)
    names = {"hidden": (0, 2 * HIDDEN), "votes": (_CORE, CLASSES * VOTERS)}
    return Image(machine, "ternary digits", names, machine.size, machine.sources, 1e-3, 0 * ones, ones, ones)


def on_rtl(name: str, machine: TrueNorthMachine, inputs: MachineInputs) -> MachineRecord:
    """The chip's Verilog in an RTL simulator."""
    return chip_back_end(name).run(ChipDesign(machine), inputs)


def main(arguments: list[str] | None = None) -> int:
    """Train, place, run, compare; 1 where the machines' answers differ, 2 for a mistake."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--on", default="", help=f"RTL simulators beside the golden chip: {', '.join(BACK_ENDS)}")
    parser.add_argument("--images", type=int, help="images of the test set (default: all)")
    parser.add_argument("--save", metavar="FILE", help="write the chip's image (.npz)")
    options = parser.parse_args(arguments)
    try:
        return _compare(options)
    except HillockError as error:
        print(f"ternary_digits: error: {error}", file=sys.stderr)
        return 2


def _compare(options: Any) -> int:
    data = task()
    limit = len(data.test)
    count = limit if options.images is None else options.images
    if not 1 <= count <= limit:
        raise SpecError.rule("Option --images", f"1 to {limit}", count)
    names = [name.strip() for name in options.on.split(",") if name.strip()]
    runs: dict[str, Run] = {"golden chip": lambda machine, inputs: machine.run(inputs)}
    for name in names:
        chip_back_end(name)  # refuses a name, or a tool that is not there, before the work
        runs[name] = partial(on_rtl, name)
    console = Console()
    with console.status("training"):
        weights = train(data)
    machine, bits, labels = chip(weights), data.test[:count], data.test_labels[:count]
    if options.save:
        images.save(image(machine), options.save)
    expected = weights.votes(bits).argmax(axis=1)
    table = Table("on", "right", "answers other than the ternary network's", box=None)
    table.add_row("ternary network, NumPy", f"{np.mean(expected == labels):.1%}", "-")
    differ = 0
    for name, run in runs.items():
        with console.status(name):
            answers = classify(run, machine, bits)
        wrong = int((answers != expected).sum())
        differ += wrong
        table.add_row(name, f"{np.mean(answers == labels):.1%}", str(wrong))
    console.print(table)
    console.print(f"{count} images, one a tick, {int(machine.crossbar.sum()):,} synapses on 2 cores")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
