"""Decks on a Dask cluster: a scheduler and two workers on this machine, one of which dies midway."""

from __future__ import annotations

import contextlib
import ctypes.util
import json
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from analog import NgspiceSetup, cluster
from analog.bench import gather
from analog.cluster import ClusterPool, local_setup, next_batch
from analog.ngspice import Pool, pool
from analog.results import Results
from analog.worker import Answer, Job
from golden.errors import MissingToolError, SimulationError, SpecError
from sim_harness import toolchain

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("cluster")]

#: One pole of so many ns, a step of 1 V; two thousand time steps, tens of milliseconds.
DECK = "* one pole\nV1 in 0 1\nR1 in out {ohm}\nC1 out 0 1n ic=0\n.tran 4n 8u 0 4n uic\n.end\n"
DECKS = [DECK.format(ohm=500 + 50 * index) for index in range(20)]
ENDLESS = DECK.format(ohm=1000).replace(" 8u", " 1000")


def start(*arguments: str) -> subprocess.Popen[bytes]:
    """A process of Dask, with the import path of this one."""
    return subprocess.Popen(
        [sys.executable, "-m", "dask", *arguments, "--no-dashboard"],
        env=toolchain.ngspice_setup().environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@dataclass
class Cluster:
    """A scheduler and its workers, of one thread each, that nobody restarts."""

    folder: Path

    def __post_init__(self) -> None:
        file = self.folder / "scheduler.json"
        self.scheduler = start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file))
        until = time.monotonic() + 20
        self.address = ""
        while not self.address and time.monotonic() < until:
            with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
                self.address = json.loads(file.read_text())["address"]
            time.sleep(0.02)
        self.workers: list[subprocess.Popen[bytes]] = []

    def add(self) -> subprocess.Popen[bytes]:
        place = ("--local-directory", str(self.folder))
        self.workers.append(start("worker", self.address, "--no-nanny", "--nthreads", "1", *place))
        return self.workers[-1]

    @property
    def setup(self) -> NgspiceSetup:
        return replace(toolchain.ngspice_setup(), cluster=self.address)

    def close(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("dask"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def remote(machines: Cluster) -> Iterator[ClusterPool]:
    machines.add()
    machines.add()
    made = ClusterPool(machines.setup)
    made._client.wait_for_workers(2, timeout=30)
    yield made
    made.close()


def run(pool: Pool, *jobs: Job) -> list[Answer]:
    found: dict[int, Answer] = {}
    pool.run(jobs, found.__setitem__)
    assert len(found) == len(jobs)
    return [found[index] for index in range(len(jobs))]


def content(waves: Mapping[str, np.ndarray]) -> tuple[bytes, bytes, int]:
    """All bits of the waveforms, and the process whose child measures them."""
    return waves["time"].tobytes(), waves["out"].tobytes(), os.getppid()


def end(waves: Mapping[str, np.ndarray]) -> None:
    os._exit(7)


def divide(waves: Mapping[str, np.ndarray]) -> float:
    return 1 / int(waves["time"][0])


def test_a_cluster_without_workers_is_given_up(machines: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first test of these machines."""
    monkeypatch.setattr(cluster, "PATIENCE", 0.3)
    monkeypatch.setattr(cluster, "LOOK", 0.1)
    lonely = ClusterPool(machines.setup)
    for ask in (lonely.start, lambda: run(lonely, Job(DECKS[0], ("out",)))):
        with pytest.raises(SimulationError, match=r"^Cluster tcp://127\S+ must have a worker, not none for 0\.3 s$"):
            ask()
    lonely.close()


def test_a_worker_that_dies_midway_loses_nothing(machines: Cluster, remote: ClusterPool) -> None:
    """Twenty decks on two workers, one killed after five answers: the same bits as on this machine's processes."""
    jobs = [Job(deck, ("out",), content) for deck in DECKS]
    local = Pool(toolchain.ngspice_setup(), 2)
    wanted = [answer.value[:2] for answer in run(local, *jobs)]
    (whole,) = run(local, Job(DECKS[0], ("out",)))
    local.close()
    assert len(set(wanted)) == 20
    run(remote, *jobs[:4])  # both have started ngspice
    found: dict[int, Answer] = {}
    shares: list[int] = []
    progress: list[float] = []
    victim = machines.workers[0]

    def consume(index: int, answer: Answer) -> None:
        assert index not in found
        found[index] = answer
        shares.append(answer.value[2])
        if len(found) == 5:
            assert victim.poll() is None
            victim.kill()

    remote.run(jobs, consume, progress.append)
    assert [found[index].value[:2] for index in range(20)] == wanted
    assert progress == pytest.approx(np.arange(1, 21) / 20)
    assert remote.version == local.version
    # The victim had a part, and died of it: what it had begun went to the other, a batch it had finished may come late.
    assert victim.wait() < 0
    assert set(shares) == {worker.pid for worker in machines.workers}
    assert set(shares[10:]) == {machines.workers[1].pid}
    # Waveforms travel as well as values.
    (answer,) = run(remote, Job(DECKS[0], ("out",)))
    assert {name: wave.tobytes() for name, wave in answer.waves.items()} == {
        name: wave.tobytes() for name, wave in whole.waves.items()
    }
    # One bit of the deck more is another result.
    (other,) = run(remote, Job(DECKS[0].replace("500", "500.00001"), ("out",), content))
    assert other.value[1] != wanted[0][1]


def test_a_worker_that_joins_gets_its_share(machines: Cluster, remote: ClusterPool) -> None:
    joined = machines.add()
    remote._client.wait_for_workers(2, timeout=30)
    shares = {answer.value[2] for answer in run(remote, *[Job(deck, ("out",), content) for deck in DECKS[:8]])}
    assert joined.pid in shares


def test_errors_are_those_of_one_machine(remote: ClusterPool) -> None:
    crash, raised, late, broken, good = run(
        remote,
        Job(DECKS[0], ("out",), end),
        Job(DECKS[0], ("out",), divide),
        Job(ENDLESS, ("out",), timeout=0.3),
        Job(DECKS[0].replace("C1", "X1 out nothing\nC1"), ("out",)),
        Job(DECKS[0], ("out",), content),
    )
    assert crash.error == "ngspice worker died (exit code 7)"
    assert raised.error == "Job measure must return a value, not raise ZeroDivisionError: division by zero"
    assert late.error == "ngspice must finish within 0.3 s, not run on"
    assert "unknown subckt" in broken.error
    assert good.error == ""


def test_an_interrupt_stops_what_runs(remote: ClusterPool) -> None:
    def interrupt(index: int, answer: Answer) -> None:
        raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        remote.run([Job(DECKS[0], ("out",)), *[Job(ENDLESS, ("out",))] * 3], interrupt)
    # Those endless decks would keep both workers busy for 300 s.
    assert [answer.error for answer in run(remote, *[Job(deck, ("out",)) for deck in DECKS[:4]])] == [""] * 4
    assert time.monotonic() - began < 10


def test_a_store_does_not_ask_where_its_values_are_from(remote: ClusterPool, tmp_path: Path) -> None:
    jobs = [Job(deck, ("out",), content) for deck in DECKS[:3]]
    local = Pool(toolchain.ngspice_setup(), 1)
    with Results(tmp_path / "results") as store:
        near = gather(local, jobs[:2], store=store)
        far = gather(remote, jobs, store=store)
        assert len(store) == 3
    local.close()
    assert far[:2] == near
    assert far[2][2] != os.getpid()


def test_versions_of_ngspice_must_be_the_same(remote: ClusterPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "version", "1")
    with pytest.raises(SimulationError, match=r"^Cluster workers must all have ngspice 1, not \d+$"):
        run(remote, Job(DECKS[0], ("out",)))


def test_a_wrong_address_is_one_line(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(cluster, "CONNECT", 0.3)
    setup = replace(toolchain.ngspice_setup(), cluster="tcp://127.0.0.1:9")
    rule = r"^Cluster must be the address of a Dask scheduler that answers within 0\.3 s, not tcp://127\.0\.0\.1:9$"
    for _ in range(2):
        with pytest.raises(SpecError, match=rule):
            pool(setup, None)
    assert capfd.readouterr() == ("", "")
    for wrong in ("127.0.0.1:8786", "tcp://host", "http://host:80", ""):
        with pytest.raises(SpecError, match=r"^Cluster must be an address like tcp://host:8786, not "):
            replace(setup, cluster=wrong)


def test_names_the_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingToolError, match=r"not missing; install it with: pip install 'axonhillock\[cluster\]'$"):
        pool(replace(toolchain.ngspice_setup(), cluster="tcp://127.0.0.1:9"), None)


def test_each_machine_finds_its_own_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    here, there = tmp_path / "here.so", NgspiceSetup("/there/libngspice.so", cluster="tcp://host:8786")
    monkeypatch.setenv("NGSPICE_LIBRARY_PATH", str(here))
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: f"lib{name}.so.7")
    assert local_setup(there) == replace(there, library="libngspice.so.7", cluster=None)
    here.touch()
    assert local_setup(there).library == str(here)
    (tmp_path / "same.so").touch()
    assert local_setup(replace(there, library=str(tmp_path / "same.so"))).library == str(tmp_path / "same.so")


@pytest.mark.parametrize(
    ("jobs", "size", "slots", "seconds", "wanted"),
    [
        (100, 1_000, 1, 0.25, 1),  # a quarter of a second each, or unknown: one by one
        (100, 1_000, 1, 0.05, 5),
        (100, 1_000, 1, 0.0001, 32),  # BATCH
        (100, 1_000_000, 1, 0.0001, 4),  # BATCH_BYTES
        (100, 9_000_000, 1, 0.0001, 1),
        (100, 1_000, 10, 0.0001, 5),  # two batches for each of ten slots
        (3, 1_000, 4, 0.0001, 1),
        (100, 1_000, 1, 0.0, 32),
    ],
)
def test_batches_are_of_a_quarter_of_a_second(jobs: int, size: int, slots: int, seconds: float, wanted: int) -> None:
    waiting = deque(range(7, 7 + jobs))
    assert next_batch(waiting, [size] * (7 + jobs), slots, seconds) == list(range(7, 7 + wanted))
    assert list(waiting) == list(range(7 + wanted, 7 + jobs))


def test_a_scheduler_that_goes_away_is_one_line(
    machines: Cluster, remote: ClusterPool, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last test of these machines."""

    def strike(index: int, answer: Answer) -> None:
        machines.scheduler.kill()

    monkeypatch.setattr(cluster, "CONNECT", 0.3)
    with pytest.raises(SimulationError, match=r"^Cluster scheduler at tcp://127\S+ must stay, not go away while decks"):
        remote.run([Job(DECKS[0], ("out",)), *[Job(ENDLESS, ("out",))] * 3], strike)
    with pytest.raises(SpecError, match=r"^Cluster must be the address of a Dask scheduler that answers within 0\.3 s"):
        run(remote, Job(DECKS[0], ("out",)))
    assert capfd.readouterr() == ("", "")
