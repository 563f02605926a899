"""Random TrueNorth chips in RTL simulators, against the golden chip in plain ints: every update, spike and counter.

A shape is a grid of cores of one size, which is built once; a case of it is a random chip with random input, and
back-pressure at the edges.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from golden.errors import SpecError
from golden.machines.run import MachineInputs, MachineRecord
from golden.machines.truenorth import LARGEST_DELAY, TrueNorthMachine
from golden.machines.truenorth_reference import run_scalar
from sim_harness.campaigns import difference, workers
from sim_harness.campaigns.truenorth import chip
from sim_harness.campaigns.truenorth_updates import BINS as UPDATE_BINS
from sim_harness.campaigns.truenorth_updates import Watched
from sim_harness.rtl.truenorth import BACK_ENDS, ChipDesign, chip_back_end

BINS: tuple[str, ...] = (
    *UPDATE_BINS,
    *(f"a spike with delay t = {t}" for t in range(LARGEST_DELAY + 1)),
    *(f"a spike {way}" for way in ("east", "west", "north", "south", "to its own core", "around a corner")),
    "spikes merged",
    "spikes left the grid",
)


@dataclass(frozen=True)
class Shape:
    """Grid, neurons and axons of a core, lanes, crossbar word, ticks of a case."""

    columns: int
    rows: int
    size: int
    lanes: int
    word: int
    ticks: int

    @property
    def updates(self) -> int:
        """Neuron updates of a case."""
        return self.columns * self.rows * self.size * self.ticks

    def __str__(self) -> str:
        return f"{self.columns} x {self.rows} cores of {self.size}, {self.lanes} lanes, words of {self.word}"


#: What is simulated, and the share of all updates that it gets.
SHAPES: Mapping[Shape, float] = {
    Shape(1, 1, 64, 1, 16, 250): 0.3,
    Shape(1, 1, 64, 2, 32, 250): 0.15,
    Shape(1, 1, 64, 4, 16, 250): 0.15,
    Shape(1, 1, 256, 1, 32, 100): 0.2,
    Shape(4, 3, 24, 1, 8, 120): 0.2,
}


@dataclass
class Verdict:
    """What a campaign found: as sim_harness.campaigns.Verdict, per engine.

    updates      compared on each engine, differences of all: one line for each case and engine
    """

    engines: tuple[str, ...]
    seed: int
    cases: int = 0
    updates: int = 0
    spikes: int = 0
    saturations: int = 0
    differences: list[str] = field(default_factory=list)
    coverage: Counter[str] = field(default_factory=Counter)

    @property
    def missed(self) -> list[str]:
        """Bins that no case has met."""
        return [name for name in BINS if not self.coverage[name]]

    @property
    def agrees(self) -> bool:
        """Whether all is equal and everything planned was met."""
        return not self.differences and not self.missed

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "agrees": self.agrees,
            "engines": list(self.engines),
            "seed": self.seed,
            "cases": self.cases,
            "updates": self.updates,
            "spikes": self.spikes,
            "saturations": self.saturations,
            "differences": self.differences,
            "coverage": {name: self.coverage[name] for name in BINS},
            "missed": self.missed,
        }


def parse_engines(text: str) -> tuple[str, ...]:
    """Engines of a campaign from names with commas; SpecError for none or another."""
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names or [""]:
        if name not in BACK_ENDS:
            raise SpecError.rule("RTL engine", f"one of {', '.join(BACK_ENDS)}", repr(name))
    return names


def make(shape: Shape, seed: Sequence[int]) -> tuple[TrueNorthMachine, MachineInputs]:
    """The case of a seed: a random chip of which every neuron is recorded, and input at one of three rates."""
    rng = np.random.default_rng(seed)
    machine = chip(rng, stochastic=rng.random() < 0.75, columns=shape.columns, rows=shape.rows, size=shape.size)
    machine = replace(machine, outputs=np.arange(machine.cores * machine.neurons), bias=np.empty(0, dtype=np.int64))
    at = np.flatnonzero(rng.random(shape.ticks * machine.sources) < rng.choice([0.02, 0.3, 0.9]))
    spikes = np.column_stack(np.divmod(at, machine.sources))
    return machine, MachineInputs(shape.ticks, machine.size, machine.sources, spikes)


def verify_chips(
    updates: int = 2_000_000,
    engines: Sequence[str] = ("cxxrtl",),
    seed: int = 1,
    jobs: int = 2,
    progress: Callable[[float], None] | None = None,
) -> Verdict:
    """Run at least ``updates`` neuron updates of random chips on every engine and compare them with the golden chip.

    The result does not depend on ``jobs``, the number of processes.
    """
    if updates < 1:
        raise SpecError.rule("Number of updates", "at least 1", updates)
    cases = [
        (shape, index, number)
        for index, (shape, share) in enumerate(SHAPES.items())
        for number in range(max(1, -int(-updates * share // shape.updates)))
    ]
    verdict = Verdict(tuple(engines), seed)
    for shape in SHAPES:  # one build at a time, before the cases that share it
        machine, inputs = make(shape, (seed, 0))
        for name in engines:
            short = MachineInputs(1, inputs.size, inputs.sources, np.empty((0, 2), dtype=np.int64))
            chip_back_end(name).run(ChipDesign(machine, shape.lanes, shape.word), short)
    with workers(jobs, partial(_run, tuple(engines), seed), chunk=1) as run_all:
        for outcome in run_all(cases):
            verdict.cases += 1
            verdict.updates += outcome.updates
            verdict.spikes += outcome.spikes
            verdict.saturations += outcome.saturations
            verdict.differences += outcome.differences
            verdict.coverage.update(outcome.hits)
            if progress is not None:
                progress(verdict.cases / len(cases))
    return verdict


@dataclass(frozen=True)
class _Outcome:
    updates: int
    spikes: int
    saturations: int
    differences: list[str]
    hits: Counter[str]


def _run(engines: Sequence[str], seed: int, case: tuple[Shape, int, int]) -> _Outcome:
    shape, index, number = case
    machine, inputs = make(shape, (seed, index, number))
    watched, every = Watched(), np.arange(machine.size)
    golden = run_scalar(machine, inputs, every, watched)
    differences, saturations = [], 0
    for name in engines:
        back_end = chip_back_end(name, stall=(0, 64, 200)[number % 3], seed=1 + number)
        record = back_end.run(ChipDesign(machine, shape.lanes, shape.word), inputs, record=every)
        counters = {counter: golden.counters[counter] for counter in record.counters}
        text = difference(replace(golden, counters=counters), record)
        if text is not None:
            differences.append(f"{shape}, case {number}, {name}: {text}")
        saturations = max(saturations, record.saturations)
    return _Outcome(shape.updates, len(golden.spikes), saturations, differences, watched.hits + _ways(machine, golden))


def _ways(machine: TrueNorthMachine, record: MachineRecord) -> Counter[str]:
    """Which ways the spikes of a run went."""
    fired = machine.destinations.reshape(-1, 4)[record.spikes[:, 1]]
    dx, dy, _, t = fired[fired[:, 3] >= 0].T
    found = Counter({f"a spike with delay t = {k}": int((t == k).sum()) for k in range(LARGEST_DELAY + 1)})
    for way, there in {
        "east": dx > 0,
        "west": dx < 0,
        "north": dy > 0,
        "south": dy < 0,
        "to its own core": (dx == 0) & (dy == 0),
        "around a corner": (dx != 0) & (dy != 0),
    }.items():
        found[f"a spike {way}"] = int(there.sum())
    found["spikes merged"], found["spikes left the grid"] = record.counters["merged"], record.counters["left"]
    return found
