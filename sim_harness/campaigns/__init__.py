"""Random networks on the golden machines: plain ints, NumPy and the compiled loop must be equal in every bit.

A machine's module makes cases (a machine, its inputs) from a generator and says what of interest a run has met; here
they are run all three ways and compared.
"""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

from golden.errors import SpecError
from sim_harness.campaigns import loihi, spinnaker, truenorth
from sim_harness.verify import prepare_worker

if TYPE_CHECKING:
    from golden.machines.run import MachineInputs, MachineRecord


Task = TypeVar("Task")
Result = TypeVar("Result")


class Tested(Protocol):
    """A machine that can be run three ways; ``record`` as in golden.machines."""

    def run(self, inputs: MachineInputs, *, record: Any) -> MachineRecord: ...
    def run_numpy(self, inputs: MachineInputs, *, record: Any) -> MachineRecord: ...
    def run_scalar(self, inputs: MachineInputs, *, record: Any) -> MachineRecord: ...


@dataclass(frozen=True)
class Campaign:
    """Cases of one machine.

    make  the case of a number, its neuron updates always ``updates``
    hits  what of ``bins`` the run of a case has met, and how often
    """

    make: Callable[[int, np.random.Generator], tuple[Tested, MachineInputs]]
    hits: Callable[[Any, MachineInputs, MachineRecord], Counter[str]]
    bins: tuple[str, ...]
    updates: int


CAMPAIGNS: Mapping[str, Campaign] = {
    module.NAME: Campaign(module.make, module.hits, module.BINS, module.UPDATES)
    for module in (truenorth, loihi, spinnaker)
}
#: The ways of a run, the reference first.
WAYS = ("scalar", "numpy", "compiled")


@dataclass
class Verdict:
    """What a machine's campaign found.

    differences  one line for each case and way that is not the reference
    coverage     how often each bin was met
    seconds      processor time of each way
    """

    machine: str
    seed: int
    cases: int = 0
    updates: int = 0
    spikes: int = 0
    differences: list[str] = field(default_factory=list)
    coverage: Counter[str] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)

    @property
    def missed(self) -> list[str]:
        """Bins that no case has met."""
        return [name for name in CAMPAIGNS[self.machine].bins if not self.coverage[name]]

    @property
    def agrees(self) -> bool:
        """Whether all is equal and everything of interest was met."""
        return not self.differences and not self.missed

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "machine": self.machine,
            "agrees": self.agrees,
            "seed": self.seed,
            "cases": self.cases,
            "updates": self.updates,
            "spikes": self.spikes,
            "differences": self.differences,
            "coverage": {name: self.coverage[name] for name in CAMPAIGNS[self.machine].bins},
            "missed": self.missed,
            "seconds": {way: round(self.seconds[way], 3) for way in WAYS},
        }


def verify_machine(
    machine: str,
    updates: int = 5_000_000,
    seed: int = 1,
    jobs: int = 2,
    progress: Callable[[float], None] | None = None,
) -> Verdict:
    """Run at least ``updates`` neuron updates of random networks on ``machine``, each three ways.

    The result does not depend on the number of processes, ``jobs``. SpecError for a machine that has no campaign.
    """
    if machine not in CAMPAIGNS:
        raise SpecError.rule("Machine", f"one of {', '.join(CAMPAIGNS)}", repr(machine))
    for thing, value in (("Number of updates", updates), ("Number of jobs", jobs)):
        if value < 1:
            raise SpecError.rule(thing, "at least 1", value)
    campaign, verdict = CAMPAIGNS[machine], Verdict(machine, seed)
    numbers = range(-(-updates // campaign.updates))
    with workers(jobs, _run) as run_all:
        for outcome in run_all([(machine, seed, number) for number in numbers]):
            verdict.cases += 1
            verdict.updates += campaign.updates
            verdict.spikes += outcome.spikes
            verdict.differences += outcome.differences
            verdict.coverage.update(outcome.hits)
            verdict.seconds.update(outcome.seconds)
            if progress is not None:
                progress(verdict.cases / len(numbers))
    return verdict


@dataclass(frozen=True)
class _Outcome:
    spikes: int
    differences: list[str]
    hits: Counter[str]
    seconds: dict[str, float]


def _run(task: tuple[str, int, int]) -> _Outcome:
    name, seed, number = task
    campaign = CAMPAIGNS[name]
    machine, inputs = campaign.make(number, np.random.default_rng([seed, number]))
    assert inputs.size * inputs.ticks == campaign.updates
    records, seconds = {}, {}
    for way, run in zip(WAYS, (machine.run_scalar, machine.run_numpy, machine.run), strict=True):
        start = time.process_time()
        records[way] = run(inputs, record=np.arange(inputs.size))
        seconds[way] = time.process_time() - start
    reference = records["scalar"]
    found = ((way, difference(reference, records[way])) for way in WAYS[1:])
    lines = [f"case {number}, {way}: {text}" for way, text in found if text is not None]
    return _Outcome(len(reference.spikes), lines, campaign.hits(machine, inputs, reference), seconds)


def difference(a: MachineRecord, b: MachineRecord) -> str | None:
    """Where two records of all neurons first differ, in words; None where they are equal in every bit."""
    for name, states in a.states.items():
        other = b.states[name]
        if states.dtype != other.dtype:
            return f"state {name} is {other.dtype}, not {states.dtype}"
        # Bits, not values: a nan of a wrong order of operations is equal to no nan, a -0 is not a 0.
        wrong = np.argwhere(_bits(states) != _bits(other))
        if wrong.size:
            tick, neuron = wrong[0].tolist()
            return f"tick {tick}, neuron {neuron}: {name} is {other[tick, neuron]}, not {states[tick, neuron]}"
    if not np.array_equal(a.spikes, b.spikes):
        return f"{len(b.spikes)} spikes, not the same {len(a.spikes)}"
    return None if a.counters == b.counters else f"counters are {b.counters}, not {a.counters}"


def _bits(states: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return states.view(f"u{states.dtype.itemsize}") if states.dtype.kind == "f" else states


@contextmanager
def workers(
    jobs: int, run: Callable[[Task], Result], chunk: int = 4
) -> Iterator[Callable[[Sequence[Task]], Iterator[Result]]]:
    """``run`` of tasks in so many processes, in order; handed out in chunks."""
    if jobs == 1:
        yield lambda tasks: map(run, tasks)
        return
    with multiprocessing.get_context("spawn").Pool(jobs, prepare_worker) as pool:
        yield lambda tasks: pool.imap(run, tasks, chunksize=chunk)
