"""Stored results: the same bits back, found by all they depend on, and a sweep that goes on where it was stopped."""

from __future__ import annotations

import functools
import importlib.util
import json
import math
import os
import signal
import sqlite3
import struct
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analog import results
from analog.bench import Observe, Observed, gather
from analog.ngspice import Pool
from analog.results import KeptPool, Results, key
from analog.worker import Answer, Job
from golden.errors import SimulationError, SpecError
from sim_harness import toolchain

#: One pole of 1 us, a step of 1 V.
GOOD = "* one pole\nV1 in 0 1\nR1 in out 1k\nC1 out 0 1n ic=0\n.tran 1u 10u uic\n.end\n"


@dataclass(frozen=True)
class Crossing:
    """When [s] the output passes ``level`` [V]."""

    level: float

    def __call__(self, waves: Mapping[str, np.ndarray]) -> np.ndarray:
        return np.array([np.interp(self.level, waves["out"], waves["time"])])


@dataclass(frozen=True)
class Nested:
    values: np.ndarray
    parts: tuple[Crossing, ...] = ()
    total: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "total", float(self.values.sum()))


def last(waves: Mapping[str, np.ndarray]) -> float:
    return float(waves["out"][-1])


def scaled(factor: Any, waves: Mapping[str, np.ndarray]) -> float:
    return float(factor) * float(waves["out"][-1])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Results]:
    with Results(tmp_path / "results") as made:
        yield made


def same(a: Any, b: Any) -> bool:
    """Equal in type and in every bit."""
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return struct.pack("d", a) == struct.pack("d", b) or (math.isnan(a) and math.isnan(b))
    if isinstance(a, np.ndarray | np.generic):
        return bool(a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes())
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return same(list(a.items()), list(b.items()))
    if hasattr(a, "__dataclass_fields__"):
        return same(vars(a), vars(b))
    return bool(a == b)


# --- values --------------------------------------------------------------------------------------------------

PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.complex_numbers()
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=12,
)


@given(VALUES)
def test_values_come_back_as_they_were(value: Any) -> None:
    assert same(results._decoded(json.loads(json.dumps(results._encoded(value, "Value")))), value)


@pytest.mark.parametrize(
    "value",
    [
        np.array([0.1, -0.0, np.inf, np.nan]),
        np.arange(6, dtype=np.int32).reshape(2, 3).T,
        np.array([1 + 2j, 3]),
        np.array(7, dtype=np.uint8),
        np.empty((0, 3)),
        np.float64(0.1),
        np.bool_(True),
        Nested(np.arange(3.0), (Crossing(0.1), Crossing(0.2))),
        {"kind": "array", "of": (1, [2.0, None])},
        Observed(np.arange(3.0), np.arange(2.0), np.arange(3.0), 1e-12, 1e-5, np.array([0.1, 0.9])),
    ],
    ids=lambda value: type(value).__name__,
)
def test_arrays_and_dataclasses_come_back_as_they_were(value: Any, store: Results) -> None:
    store["a"] = value
    assert same(store["a"], value)
    assert not same(store["a"], [value])


def test_values_that_cannot_be_kept_are_refused(store: Results) -> None:
    @dataclass
    class Local:
        a: int = 0

    rule = r"^Stored values must be numbers, text, NumPy arrays of numbers, .* and dataclasses of these, not "
    for value in ({1}, [object()], np.array([None]), np.ma.masked_array([1.0]), Local(), Crossing, print):
        with pytest.raises(SpecError, match=rule):
            store["a"] = value
    assert len(store) == 0


# --- the file ------------------------------------------------------------------------------------------------


def test_what_was_written_is_there_the_next_time(tmp_path: Path) -> None:
    path = tmp_path / "results"
    with Results(path) as first:
        first["a"], first["b"] = 1, 2
        first["a"] = 3
        with Results(path) as second:  # another process would see no other file
            assert second.read(["b", "none", "a"]) == {0: 2, 2: 3}
            second["c"] = 4
        assert first["c"] == 4
        assert len(first) == 3
    assert [found.name for found in tmp_path.iterdir()] == ["results"]
    with Results(path) as third:
        assert third["a"] == 3
        with pytest.raises(KeyError):
            third["none"]


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE results SET value = replace(value, '7', '8') WHERE key = 'a'",
        "UPDATE results SET value = substr(value, 1, 4) WHERE key = 'a'",
        "UPDATE results SET value = CAST(x'ff00' AS TEXT) WHERE key = 'a'",
        "UPDATE results SET digest = zeroblob(32) WHERE key = 'a'",
        "UPDATE results SET (value, digest) = (SELECT value, digest FROM results WHERE key = 'b') WHERE key = 'a'",
    ],
)
def test_a_damaged_value_counts_as_missing(damage: str, store: Results, tmp_path: Path) -> None:
    store["a"], store["b"] = 0.777, 0.5
    assert store["a"] == 0.777
    with sqlite3.connect(tmp_path / "results") as other:
        assert other.execute(damage).rowcount == 1
    other.close()
    assert store.read(["a", "b"]) == {1: 0.5}
    store["a"] = 0.777
    assert store["a"] == 0.777


@pytest.mark.parametrize("kind", ["text", "database", "newer"])
def test_other_files_are_refused_and_not_touched(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    if kind == "text":
        path.write_bytes(b"not a database\n" * 99)
    if kind == "newer":
        Results(path).close()
    for name, change in (("database", "CREATE TABLE results (a, b)"), ("newer", "PRAGMA user_version=99")):
        if kind == name:
            with sqlite3.connect(path) as other:
                other.execute(change)
            other.close()
    content = path.read_bytes()
    with pytest.raises(SpecError, match=r"^Results file must be (one of values, format 1|a database).*, not .*/file"):
        Results(path)
    assert path.read_bytes() == content


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    rule = r"^Results file must be a database that can be read and written, not .*nowhere/results \(unable to open"
    with pytest.raises(SpecError, match=rule):
        Results(tmp_path / "nowhere" / "results")


@pytest.mark.parametrize(
    ("module", "name"), [("this", "s"), ("subprocess", "Popen"), ("analog.worker", "Library"), ("nothing", "Nothing")]
)
def test_reading_imports_and_runs_nothing(module: str, name: str, store: Results, tmp_path: Path) -> None:
    """An entry that names a module not loaded, or a class that is no dataclass, is no value; its digest being right."""
    store["a"] = 1
    text = json.dumps({"kind": "dataclass", "module": module, "class": name, "of": {"args": ["true"]}})
    loaded = set(sys.modules)
    with sqlite3.connect(tmp_path / "results") as other:
        other.execute("UPDATE results SET digest=?, value=?", (results._digest("a", text.encode()), text))
    other.close()
    assert store.read(["a"]) == {}
    assert set(sys.modules) == loaded
    # The same with a dataclass that is known is a value.
    text = json.dumps({"kind": "dataclass", "module": __name__, "class": "Crossing", "of": {"level": 0.5}})
    with sqlite3.connect(tmp_path / "results") as other:
        other.execute("UPDATE results SET digest=?, value=?", (results._digest("a", text.encode()), text))
    other.close()
    assert store["a"] == Crossing(0.5)


# --- the key -------------------------------------------------------------------------------------------------

JOB = Job(GOOD, ("out",), Crossing(0.5))


@pytest.mark.parametrize(
    "other",
    [
        replace(JOB, deck=GOOD.replace("1k", "2k")),
        replace(JOB, nodes=("out", "in")),
        replace(JOB, measure=Crossing(0.5000000000000001)),
        replace(JOB, measure=Observe("out", 0.5)),
        replace(JOB, measure=last),
        replace(JOB, measure=None),
        replace(JOB, measure=functools.partial(scaled, 0.5)),
        replace(JOB, measure=functools.partial(scaled, 0.25)),
    ],
)
def test_the_key_is_of_all_that_the_value_depends_on(other: Job) -> None:
    assert key(other, "39") != key(JOB, "39")
    # And of nothing else: equal jobs, made again, share it, however long they may take.
    assert key(replace(other, timeout=3.0), "39") == key(other, "39")


def test_the_key_changes_with_versions_and_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert key(JOB, "39") != key(JOB, "44")
    known = key(JOB, "39")
    monkeypatch.setattr(results, "versions", lambda: {"axonhillock": "0.0.1", "numpy": "1.0"})
    results._surroundings.cache_clear()
    assert key(JOB, "39") != known
    monkeypatch.undo()
    results._surroundings.cache_clear()
    assert key(JOB, "39") == known
    # A file of a package, and its name, count.
    digests: list[str] = []
    for name, content in (("a.py", "x = 1\n"), ("a.py", "x = 2\n"), ("b.py", "x = 2\n")):
        folder = tmp_path / str(len(digests))
        (folder / "inner").mkdir(parents=True)
        (folder / "inner" / name).write_text(content)
        digests.append(results._package(folder))
    assert len(set(digests)) == 3
    # So does what a measure's own module says.
    found = []
    for body in ("1.0", "2.0"):
        file = tmp_path / f"measures{body[0]}.py"
        file.write_text(f"def level(waves):\n    return {body}\n")
        spec = importlib.util.spec_from_file_location("some_measures", file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, "some_measures", module)
        spec.loader.exec_module(module)
        results._source.cache_clear()
        found.append(key(replace(JOB, measure=module.level), "39"))
    results._source.cache_clear()
    assert found[0] != found[1]


def test_the_key_is_the_same_in_another_process() -> None:
    script = f"""
        from analog.bench import Observe
        from analog.results import key
        from analog.worker import Job
        print(key(Job({GOOD!r}, ("out",), Observe("out", 1.8)), "39"))
    """
    path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": path}
    command = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == key(Job(GOOD, ("out",), Observe("out", 1.8)), "39")


def test_measures_without_an_identity_are_refused() -> None:
    rule = r"^Stored measure must be a function of a module or an instance of a dataclass, not <bound method"
    with pytest.raises(SpecError, match=rule):
        key(replace(JOB, measure=Crossing(0.5).__call__), "39")
    with pytest.raises(SpecError, match=r"^Stored measure's arguments must be numbers, .*, not builtins\.object$"):
        key(replace(JOB, measure=functools.partial(scaled, object())), "39")


# --- sweeps --------------------------------------------------------------------------------------------------


class Counting(Pool):
    """A pool that counts the decks given to it; without ngspice, it answers with their lengths."""

    def __init__(self, ngspice: bool) -> None:
        super().__init__(toolchain.ngspice_setup() if ngspice else Job, 2)  # type: ignore[arg-type]
        self.ngspice, self.given, self.done = ngspice, 0, 0

    def start(self) -> str:
        return super().start() if self.ngspice else "39"

    def run(
        self,
        jobs: Sequence[Job],
        consume: Callable[[int, Answer], None],
        progress: Callable[[float], None] | None = None,
    ) -> None:
        def counted(index: int, answer: Answer) -> None:
            self.done += 1
            consume(index, answer)

        self.given += len(jobs)
        if self.ngspice:
            super().run(jobs, counted, progress)
            return
        for index, job in enumerate(jobs):
            bad = "bad" in job.deck
            counted(index, Answer(error="no such node") if bad else Answer(value=float(len(job.deck))))
            if progress is not None:
                progress((index + 1) / len(jobs))


def interrupt_at(part: float) -> Callable[[float], None]:
    def progress(done: float) -> None:
        if done >= part:
            raise KeyboardInterrupt

    return progress


def test_only_what_is_missing_runs(store: Results) -> None:
    jobs = [Job("x" * length, (), last) for length in range(10)]
    pool, seen = Counting(ngspice=False), list[float]()
    with pytest.raises(KeyboardInterrupt):
        gather(pool, jobs, interrupt_at(0.4), store=store)
    assert (pool.given, pool.done, len(store)) == (10, 4, 4)
    assert gather(pool, jobs, seen.append, store=store) == list(range(10))
    assert (pool.given, pool.done, len(store)) == (10 + 6, 10, 10)
    assert seen == pytest.approx([0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    # More jobs, in another order: two are new.  All known: one last report.
    more = [Job("y", (), last), *jobs[::-1], Job("yy", (), last)]
    assert gather(pool, more, store=store) == [1.0, *range(9, -1, -1), 2.0]
    assert pool.done == 12
    seen.clear()
    assert gather(pool, jobs, seen.append, store=store) == list(range(10))
    assert (pool.done, seen) == (12, [1.0])
    # Without the store, everything runs.
    assert gather(pool, jobs) == list(range(10))
    assert pool.done == 22


def test_failures_are_not_kept_and_cost_no_other_value(store: Results) -> None:
    jobs = [Job("x", (), last), Job("bad", (), last), Job("xxx", (), last)]
    pool = Counting(ngspice=False)
    for done in (3, 4):  # the failed one again
        with pytest.raises(SimulationError, match=r"^Circuit 1: no such node$"):
            gather(pool, jobs, store=store)
        assert (pool.done, len(store)) == (done, 2)
    assert gather(pool, [], store=store) == []


@pytest.mark.integration
@pytest.mark.xdist_group("ngspice")
def test_an_interrupted_sweep_goes_on_where_it_was(store: Results, tmp_path: Path) -> None:
    jobs = [Job(GOOD, ("out",), Crossing(float(level))) for level in np.linspace(0.05, 0.9, 20)]
    pool = Counting(ngspice=True)
    wanted = gather(pool, jobs)
    with pytest.raises(KeyboardInterrupt):
        gather(pool, jobs, interrupt_at(7 / 20), store=store)
    assert (pool.done, len(store)) == (20 + 7, 7)
    found = gather(pool, jobs, store=store)
    assert (pool.done, len(store)) == (20 + 20, 20)
    assert [value.tobytes() for value in found] == [value.tobytes() for value in wanted]
    # One is damaged: it, and nothing else, runs again.
    with sqlite3.connect(tmp_path / "results") as other:
        name = key(jobs[3], pool.version)
        assert other.execute("UPDATE results SET value = value || ' ' WHERE key = ?", (name,)).rowcount == 1
    other.close()
    found = gather(pool, jobs, store=store)
    assert pool.done == 20 + 20 + 1
    assert [value.tobytes() for value in found] == [value.tobytes() for value in wanted]
    pool.close()


@pytest.mark.integration
@pytest.mark.xdist_group("ngspice")
@pytest.mark.parametrize("blow", [signal.SIGINT, signal.SIGKILL])
def test_a_killed_sweep_keeps_what_it_reported(blow: signal.Signals, tmp_path: Path) -> None:
    """Ctrl-C, or the end of the process, after some reports; the next run has those, and the values are right."""
    script = f"""
        import sys
        from pathlib import Path
        from analog.bench import Observe, gather
        from analog.ngspice import Pool
        from analog.results import Results
        from analog.worker import Job
        from sim_harness import toolchain

        DECK = "* square\\nVm mem 0 pulse(0 1 1u 1n 1n 1u {{}}u)\\nVvdd vdd 0 1\\nR1 vdd 0 1k\\n.tran 5n 20u\\n.end\\n"
        jobs = [Job(DECK.format(p), ("mem", "i(vvdd)"), Observe("mem", 1.0)) for p in range(2, 42)]
        with Results(Path({str(tmp_path / "results")!r})) as store:
            before = len(store)
            report = lambda part: print(part, flush=True)
            found = gather(Pool(toolchain.ngspice_setup(), 1), jobs, report, store=store)
            print(before, *(one.spikes.size for one in found))
    """
    path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-c", textwrap.dedent(script)]
    sweep = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert sweep.stdout is not None
    first = [sweep.stdout.readline() for _ in range(5)]
    sweep.send_signal(blow)
    rest, complaint = sweep.communicate(timeout=20)
    assert ("KeyboardInterrupt" in complaint) == (blow == signal.SIGINT)
    reported = len(first) + len(rest.split())
    assert reported < 40
    again = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    *_, summary = again.stdout.splitlines()
    before, *counts = map(int, summary.split())
    assert before in (reported, reported + 1)  # the last one may have been written and not yet reported
    # A square wave from 1 us on, of so many microseconds, has a rise for each that begins within 20 us.
    assert counts == [math.ceil(19 / period) for period in range(2, 42)]


@pytest.mark.integration
def test_a_kept_pool_resumes_for_whoever_uses_it(store: Results) -> None:
    jobs = [Job(GOOD, ("out",), functools.partial(scaled, factor)) for factor in (1.0, 2.0, 3.0, 4.0)]
    kept = KeptPool(Pool(toolchain.ngspice_setup(), 1), store)
    answers: dict[int, Answer] = {}
    with pytest.raises(KeyboardInterrupt):
        kept.run(jobs, answers.__setitem__, interrupt_at(0.5))
    assert len(answers) == len(store) == 2
    again: dict[int, Answer] = {}
    fractions: list[float] = []
    kept.run(jobs, again.__setitem__, fractions.append)
    # Two were there: half is done before anything runs.
    assert fractions == [0.75, 1.0]
    assert len(store) == 4
    for index, answer in answers.items():
        assert again[index].value == answer.value
        assert again[index].seconds == answer.seconds
    assert [again[index].value / again[0].value for index in range(4)] == pytest.approx([1, 2, 3, 4])
    # Waveforms and failures are not kept.
    plain: dict[int, Answer] = {}
    kept.run([Job(GOOD, ("out",)), Job("* nothing\n.end\n", ("out",), last)], plain.__setitem__)
    assert plain[0].waves["out"].size > 5
    assert plain[1].error
    assert len(store) == 4
    kept.close()
