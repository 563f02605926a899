"""The pool of ngspice workers: where they work, what they measure, and that nothing they do hurts another's result."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from analog import NgspiceSetup, ngspice
from analog.ngspice import Pool
from analog.worker import Answer, Job
from golden.errors import SimulationError, SpecError
from sim_harness import toolchain

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("ngspice")]

#: One pole of 1 us, a step of 1 V.
TINY = "* one pole\nV1 in 0 1\nR1 in out 1k\nC1 out 0 1n ic=0\n.tran 1u {end} uic\n.end\n"
GOOD = TINY.format(end="10u")
#: BSIM4 finds ``noff`` too small.
DOUBTFUL = """* one transistor
V1 d 0 1
M1 d d 0 0 n w=1u l=1u
.model n nmos level=54 version=4.5 paramchk=1 noff=0.05
.op
.end
"""
#: A million steps of 1 ns take seconds, a thousand million of them for ever.
ENDLESS = TINY.format(end="1000").replace(".tran 1u", ".tran 1n")


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    made = Pool(toolchain.ngspice_setup(), 2)
    yield made
    made.close()


def run(pool: Pool, *jobs: Job) -> list[Answer]:
    found: dict[int, Answer] = {}
    pool.run(jobs, found.__setitem__)
    return [found[index] for index in range(len(jobs))]


def value_at(waves: Mapping[str, np.ndarray]) -> tuple[float, int]:
    """The end value, and the process that measures it."""
    return float(waves["out"][-1]), os.getpid()


def place(waves: Mapping[str, np.ndarray]) -> tuple[str, list[str]]:
    """Where the worker works, and the files there."""
    return str(Path.cwd()), sorted(path.name for path in Path.cwd().iterdir())


def divide(waves: Mapping[str, np.ndarray]) -> float:
    return 1 / int(waves["time"][0])


def refuse(waves: Mapping[str, np.ndarray]) -> float:
    raise SimulationError("Output must rise,\n not fall")


def lock(waves: Mapping[str, np.ndarray]) -> object:
    return threading.Lock()


def end(waves: Mapping[str, np.ndarray]) -> None:
    os._exit(7)


@dataclass(frozen=True)
class Crossing:
    """A measure with a parameter: when [s] the output passes ``level`` [V]."""

    level: float

    def __call__(self, waves: Mapping[str, np.ndarray]) -> float:
        return float(np.interp(self.level, waves["out"], waves["time"]))


# --- measures ------------------------------------------------------------------------------------------------


def test_measures_run_in_the_worker_and_only_their_values_travel(pool: Pool) -> None:
    first, second, third = run(
        pool, Job(GOOD, ("out",), value_at), Job(GOOD, ("out",), Crossing(0.5)), Job(GOOD, ("out",))
    )
    end_value, process = first.value
    assert end_value == pytest.approx(1 - np.exp(-10), rel=1e-2)
    assert process != os.getpid()
    # Half of the step after tau ln 2; ngspice's own options are good for a few per cent of it.
    assert second.value == pytest.approx(1e-6 * np.log(2), rel=0.05)
    assert first.waves == second.waves == {}
    assert third.value is None
    assert third.waves["out"][-1] == end_value


@pytest.mark.parametrize(
    ("measure", "error"),
    [
        (divide, "Job measure must return a value, not raise ZeroDivisionError: division by zero"),
        (refuse, "Output must rise, not fall"),
        (lock, "Job measure must return what can be pickled, not lock"),
    ],
)
def test_errors_in_a_measure_are_one_line_and_the_worker_goes_on(
    measure: Callable[[Mapping[str, np.ndarray]], object], error: str, pool: Pool
) -> None:
    before, failed, after = run(
        pool, Job(GOOD, ("out",), value_at), Job(GOOD, ("out",), measure), Job(GOOD, ("out",), value_at)
    )
    assert failed.error == error
    assert (failed.value, failed.waves) == (None, {})
    assert before.value[0] == after.value[0]


def test_a_measure_that_another_process_cannot_import_is_an_error() -> None:
    def local(waves: object) -> None: ...

    with pytest.raises(SpecError, match=r"^Job measure must be a function of a module, or an instance of a class of "):
        Job(GOOD, ("out",), local).packed()


# --- crashes and time-outs -----------------------------------------------------------------------------------


def test_a_worker_that_dies_loses_no_other_result(pool: Pool) -> None:
    """Twelve decks on two workers, the fifth ends its worker; so do idle workers between two runs."""
    levels = np.linspace(0.1, 0.8, 12)
    jobs = [Job(GOOD, ("out",), Crossing(float(level))) for level in levels]
    wanted = run(pool, *jobs)
    found = run(pool, *jobs[:4], Job(GOOD, ("out",), end), *jobs[5:])
    assert found[4].error == "ngspice worker died (exit code 7)"
    assert [answer.error for answer in found if answer is not found[4]] == [""] * 11
    assert all(a.value == b.value for a, b in zip(found, wanted, strict=True) if a is not found[4])
    for worker in pool._workers:
        worker.kill()
        worker._process.wait()
    assert [answer.value for answer in run(pool, *jobs)] == [answer.value for answer in wanted]


def test_a_runaway_deck_is_killed_at_its_own_timeout(pool: Pool) -> None:
    """The set-up allows 300 s; the job 0.5 s.  Its worker is killed, another goes on; the other decks are not late."""
    (before,) = run(pool, Job(GOOD, ("out",), value_at))
    pids = {worker._process.pid for worker in pool._workers}
    began = time.monotonic()
    decks = [Job(ENDLESS, ("out",), timeout=0.5), *[Job(GOOD, ("out",), value_at)] * 6]
    endless, *others = run(pool, *decks)
    assert time.monotonic() - began < 10
    assert endless.error == "ngspice must finish within 0.5 s, not run on"
    assert [answer.value[0] for answer in others] == [before.value[0]] * 6
    now = {worker._process.pid for worker in pool._workers}
    assert len(pids - now) == 1
    assert not Path(f"/proc/{(pids - now).pop()}").exists()
    # The same deck, cut to what can be done, is in time: it is its length that was refused.
    (short,) = run(pool, Job(ENDLESS.replace("1n 1000", "1n 10u"), ("out",), value_at, timeout=30.0))
    assert short.error == ""


@pytest.mark.parametrize("timeout", [0.0, -1.0, float("nan")])
def test_refuses_times_that_are_none(timeout: float) -> None:
    with pytest.raises(SpecError, match=r"^Job timeout must be positive, not "):
        Job(GOOD, ("out",), timeout=timeout)
    with pytest.raises(SpecError, match=r"^ngspice timeout must be positive, not "):
        NgspiceSetup("libngspice.so", timeout=timeout)


def test_an_interrupted_pool_starts_afresh(pool: Pool) -> None:
    def interrupt(index: int, answer: Answer) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pool.run([Job(GOOD, ("out",)), Job(ENDLESS, ("out",))], interrupt)
    assert pool._workers == []
    (after,) = run(pool, Job(GOOD, ("out",), value_at))
    assert after.error == ""


def test_workers_are_replaced_after_so_many_decks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ngspice, "DECKS_PER_WORKER", 3)
    alone = Pool(toolchain.ngspice_setup(), 1)
    found = run(alone, *[Job(GOOD, ("out",), value_at)] * 7)
    alone.close()
    processes = [answer.value[1] for answer in found]
    assert [processes.index(process) for process in processes] == [0, 0, 0, 3, 3, 3, 6]
    assert len({answer.value[0] for answer in found}) == 1


# --- the directory -------------------------------------------------------------------------------------------


def test_workers_leave_nothing_where_the_user_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """BSIM4 notes doubtful parameters in the working directory: the worker's own, gone when the worker is."""
    monkeypatch.chdir(tmp_path)
    alone = Pool(toolchain.ngspice_setup(), 1)
    found = run(alone, Job(DOUBTFUL, ("i(v1)",)), Job(GOOD, ("out",), place))
    where, files = found[1].value
    assert files == [".spiceinit", "bsim4v5.out"]
    (again,) = run(alone, Job(GOOD, ("out",), end))
    assert again.error
    assert not Path(where).exists()
    (other,) = run(alone, Job(GOOD, ("out",), place))
    alone.close()
    assert other.value[0] != where
    assert not Path(other.value[0]).exists()
    assert list(tmp_path.iterdir()) == []


def test_the_users_spiceinit_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It warms a diode by 73 K; a worker has an empty one, which ngspice prefers to the home directory's too."""
    diode = "* diode\nV1 in 0 1\nR1 in out 1k\nD1 out 0 d\n.model d d is=1e-15\n.op\n.end\n"
    (tmp_path / ".spiceinit").write_text("* the user's\noption temp=100\n")
    monkeypatch.chdir(tmp_path)
    alone = Pool(toolchain.ngspice_setup(), 1)
    found, where = run(alone, Job(diode, ("out",)), Job(GOOD, ("out",), place))
    assert (Path(where.value[0]) / ".spiceinit").read_bytes() == b""
    alone.close()
    script = f"from analog.worker import Job, Library; print(*Library().run(Job({diode!r}, ('out',))).waves['out'])"
    command, environment = [sys.executable, "-c", script], toolchain.ngspice_setup().environment()
    read = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    # 1 V = V + 1 kOhm 1 fA (exp(V / 25.85 mV) - 1) at ngspice's 27 C.
    assert found.waves["out"] == pytest.approx(0.6848, abs=2e-4)
    assert float(read.stdout.split()[-1]) < 0.6


def test_a_killed_user_leaves_neither_workers_nor_directories(tmp_path: Path) -> None:
    script = f"""
        import time
        from analog.ngspice import Pool
        from analog.worker import Job
        from sim_harness import toolchain

        pool = Pool(toolchain.ngspice_setup(), 2)
        pool.start()
        worker = pool._workers[0]
        print(worker._process.pid, worker._directory.path, flush=True)
        pool.run([Job({ENDLESS!r}, ("out",))], print)
    """
    user = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert user.stdout is not None
    with user.stdout:
        worker, directory = user.stdout.readline().split()
    assert Path(directory).is_dir()
    user.kill()
    user.wait()
    until = time.monotonic() + 5
    while time.monotonic() < until and (Path(directory).exists() or alive(int(worker))):
        time.sleep(0.01)
    assert not Path(directory).exists()
    assert not alive(int(worker))
    assert list(tmp_path.iterdir()) == []


def alive(pid: int) -> bool:
    """Whether the process runs; one that is dead and not yet collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_relative_paths_of_the_user_hold_in_the_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = toolchain.ngspice_library()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lib.so").symlink_to(library)
    setup = replace(toolchain.ngspice_setup(), library="./lib.so")
    assert setup.environment()["NGSPICE_LIBRARY_PATH"] == str(tmp_path / "lib.so")
    assert NgspiceSetup("libngspice.so.0").environment()["NGSPICE_LIBRARY_PATH"] == "libngspice.so.0"
    monkeypatch.setattr(sys, "path", ["", "here", *sys.path])
    assert setup.environment()["PYTHONPATH"].split(os.pathsep)[:2] == [str(tmp_path), str(tmp_path / "here")]
    alone = Pool(setup, 1)
    (found,) = run(alone, Job(GOOD, ("out",)))
    alone.close()
    assert found.error == ""
