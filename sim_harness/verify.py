"""Constrained-random verification: every digital engine against the golden integer model and against each other."""

from __future__ import annotations

import multiprocessing
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any

from golden import integer
from golden.errors import SpecError
from sim_harness.rtl import BACK_ENDS, RtlDesign, RtlRecord, back_end, first_divergence
from sim_harness.rtl.campaign import BINS, Case, cases

if TYPE_CHECKING:
    from golden.integer import IntegerRecord

GOLDEN = "golden"
#: Engines of a campaign.
ENGINES = tuple(BACK_ENDS)


@dataclass
class Tally:
    """What two engines have been compared in, and in how much of it they differ."""

    updates: int = 0
    spikes: int = 0
    wrong_states: int = 0
    wrong_spikes: int = 0

    def add(self, a: IntegerRecord, b: IntegerRecord) -> None:
        """Count one case. A contradiction inside a record counts as a wrong state."""
        differs = (a.v != b.v) | (a.i != b.i) | (a.r != b.r)
        faults = sum(isinstance(record, RtlRecord) and record.fault is not None for record in (a, b))
        self.updates += differs.size
        self.spikes += len(a.spikes)
        self.wrong_states += int(differs.sum()) + faults
        self.wrong_spikes += _wrong_spikes(a, b)

    @property
    def agrees(self) -> bool:
        return self.wrong_states == self.wrong_spikes == 0


def _wrong_spikes(a: IntegerRecord, b: IntegerRecord) -> int:
    """Spikes that only one has, or, with the same spikes in another order, those out of place."""
    ours, theirs = (Counter(map(tuple, record.spikes.tolist())) for record in (a, b))
    return ((ours - theirs) + (theirs - ours)).total() or (
        int((a.spikes != b.spikes).any(axis=1).sum()) if len(a.spikes) == len(b.spikes) else 0
    )


@dataclass
class Verification:
    """Result of a campaign.

    pairs        (engine, engine) -> tally; the golden model is one of them
    seconds      run time of each engine, builds included
    divergences  of every case that differs from golden: engine, case, first divergence
    coverage     how often the cases reached each bin of ``campaign.BINS``
    """

    engines: tuple[str, ...]
    seed: int
    pairs: dict[tuple[str, str], Tally] = field(default_factory=dict)
    seconds: dict[str, float] = field(init=False)
    divergences: list[tuple[str, str, str]] = field(default_factory=list)
    coverage: Counter[str] = field(default_factory=Counter)
    cases: int = 0

    def __post_init__(self) -> None:
        self.seconds = dict.fromkeys(self.engines, 0.0)

    @property
    def missed(self) -> list[str]:
        """Bins that no case has reached: what has not been seen has not been verified."""
        return [name for name in BINS if not self.coverage[name]]

    @property
    def agrees(self) -> bool:
        """Whether all engines are equal everywhere and every bin was reached."""
        return all(tally.agrees for tally in self.pairs.values()) and not self.missed

    def add(self, case: Case, records: dict[str, RtlRecord]) -> None:
        """Compare the records of one case, each with golden and with each other."""
        everyone: dict[str, IntegerRecord] = {GOLDEN: integer.run(case.lif, case.inputs), **records}
        for pair in combinations(everyone, 2):
            self.pairs.setdefault(pair, Tally()).add(*(everyone[name] for name in pair))
        for name, record in records.items():
            divergence = first_divergence(everyone[GOLDEN], record, case.lif, case.inputs)
            if divergence is not None:
                self.divergences.append((name, str(case), str(divergence)))
        self.coverage.update(case.hits)
        self.cases += 1

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "agrees": self.agrees,
            "seed": self.seed,
            "cases": self.cases,
            "pairs": [{"a": a, "b": b, **vars(tally), "agrees": tally.agrees} for (a, b), tally in self.pairs.items()],
            "seconds": {name: round(self.seconds[name], 3) for name in self.engines},
            "divergences": [
                {"engine": engine, "case": case, "divergence": text} for engine, case, text in self.divergences
            ],
            "coverage": {name: self.coverage[name] for name in BINS},
            "missed": self.missed,
        }


def parse_engines(names: Iterable[str]) -> tuple[str, ...]:
    """The engines in the order in which they are best started; SpecError for an unknown name or none."""
    wanted = [name.strip() for name in names if name.strip()]
    for name in wanted or [""]:
        if name not in BACK_ENDS:
            raise SpecError.rule("RTL engine", f"one of {', '.join(BACK_ENDS)}", repr(name))
    return tuple(name for name in ENGINES if name in wanted)


def verify(
    updates: int = 1_000_000,
    engines: Sequence[str] = ENGINES,
    seed: int = 1,
    jobs: int = 2,
    progress: Callable[[float], None] | None = None,
) -> Verification:
    """Run a campaign of at least ``updates`` neuron updates on every engine.

    ``jobs`` processes share the work; the result does not depend on their number. ``progress`` is called with the
    fraction done.
    """
    chosen = parse_engines(engines)
    for name in chosen:
        back_end(name)  # a missing tool is an error now, not after minutes
    if jobs < 1:
        raise SpecError.rule("Number of jobs", "at least 1", jobs)
    todo = list(cases(updates, seed))
    return compare(todo, chosen, seed=seed, jobs=jobs, progress=progress)


def compare(
    todo: Sequence[Case],
    engines: Sequence[str],
    *,
    seed: int,
    jobs: int = 1,
    progress: Callable[[float], None] | None = None,
    verilog: str | None = None,
) -> Verification:
    """Run the cases and compare; ``verilog`` replaces the generated cores (all cases then are of its structure)."""
    result = Verification(tuple(engines), seed)
    tasks = [(engine, case, verilog) for engine in engines for case in todo]
    total, done = sum(case.updates for _, case, _ in tasks), 0
    by_number = {case.number: case for case in todo}
    records: dict[int, dict[str, RtlRecord]] = {case.number: {} for case in todo}
    with _workers(jobs) as run_all:
        for engine, number, record, seconds in run_all(tasks):
            records[number][engine] = record
            result.seconds[engine] += seconds
            done += by_number[number].updates
            if progress is not None:
                progress(done / total)
    for number, case in by_number.items():
        result.add(case, {engine: records[number][engine] for engine in engines})
    return result


_Task = tuple[str, Case, str | None]
_Outcome = tuple[str, int, RtlRecord, float]


def _run(task: _Task) -> _Outcome:
    engine, case, verilog = task
    start = time.perf_counter()
    simulator = back_end(engine, stall=case.stall, seed=1 + case.number)
    record = simulator.run(RtlDesign(case.lif, verilog), case.inputs)
    return engine, case.number, record, time.perf_counter() - start


@contextmanager
def _workers(jobs: int) -> Iterator[Callable[[Sequence[_Task]], Iterable[_Outcome]]]:
    """A map over tasks in so many processes; leaving it early stops them, and they their simulators."""
    if jobs == 1:
        yield lambda tasks: map(_run, tasks)
        return
    with multiprocessing.get_context("spawn").Pool(jobs, prepare_worker) as pool:
        yield lambda tasks: pool.imap_unordered(_run, tasks)


def prepare_worker() -> None:
    # Ctrl-C reaches the whole group: the parent answers, and ends its workers with SIGTERM, in a way that cleans up.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
