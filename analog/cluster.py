"""Decks on a Dask cluster: shipped in batches, run on each Dask worker in an ngspice child process of its own.

    dask scheduler                       # on one machine; prints its address, tcp://host:8786
    dask worker tcp://host:8786          # on every machine: this package, its extra "cluster", and ngspice installed

`ClusterPool` takes the place of `analog.ngspice.Pool`; `pool` makes it for a set-up with ``cluster="tcp://host:8786"``.
Answers are the same bytes as on one machine whichever worker gives them, as long as the machines' ngspice and C library
are the same; different versions of ngspice are refused.  A Dask worker that dies loses nothing: another gets its decks.
A deck never runs in a Dask worker's own process, so its crash or time-out is its own.

Batches are long at first and single decks at the end, so that the scheduler's millisecond a task does not count, and no
worker is left with much to do when the others are done.
"""

from __future__ import annotations

import atexit
import ctypes.util
import importlib
import os
import pickle
import queue
import threading
import time
import uuid
from collections import defaultdict
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analog.ngspice import NgspiceSetup, Pool, SetupKey
from analog.worker import Answer, Job, unreadable
from golden.errors import HillockError, MissingToolError, SimulationError, SpecError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

#: [s] that a scheduler may take to answer.
CONNECT = 5.0
#: [s] that a cluster may be without any worker, at the beginning or midway, before its decks are given up.
PATIENCE = 30.0
#: [s] between looks at whether there are workers, while nothing comes in.
LOOK = 1.0
#: Decks, and [bytes] of them, in a batch at most.
BATCH, BATCH_BYTES = 32, 4_000_000


class ClusterPool(Pool):
    """The workers of a Dask scheduler; the same contract as a pool of this machine's processes."""

    def __init__(self, setup: NgspiceSetup) -> None:
        """Raises MissingToolError without the package ``distributed``, SpecError when no scheduler answers."""
        super().__init__(setup, 1)
        self._client: Any = None
        #: When there was a worker last.
        self._manned = 0.0
        self._connect()

    def start(self) -> str:
        """ngspice's version on the cluster."""
        if not self.version:
            client, run = self._connect(), uuid.uuid4().hex
            self._slots()
            self.version, _ = self._result(client.submit(run_batch, run, self._setup, [], key=run, pure=False))
        return self.version

    def run(
        self,
        jobs: Sequence[Job],
        consume: Callable[[int, Answer], None],
        progress: Callable[[float], None] | None = None,
    ) -> None:
        """As `Pool.run`; interrupted, it stops the decks under way.

        Raises SimulationError when ngspice does not start on a worker, when its versions differ, when the scheduler
        goes away, or when there has been no worker for half a minute.
        """
        if not jobs:
            return
        parcels = [job.packed() for job in jobs]
        client, run = self._connect(), uuid.uuid4().hex
        finished: queue.SimpleQueue[Any] = queue.SimpleQueue()
        tasks: dict[str, tuple[Any, list[int]]] = {}
        done = 0

        def submit(batch: list[int]) -> None:
            key = f"hillock-{run}-{batch[0]}-{len(batch)}"
            future = client.submit(run_batch, run, self._setup, [parcels[i] for i in batch], key=key, pure=False)
            tasks[key] = future, batch
            future.add_done_callback(finished.put)

        try:
            for batch in batches([len(parcel) for parcel in parcels], self._slots()):
                submit(batch)
            while tasks:
                try:
                    key = finished.get(timeout=LOOK).key
                except queue.Empty:
                    self._look()
                    continue
                future, batch = tasks[key]
                try:
                    version, answers = self._result(future)
                except _LethalError as error:
                    if len(batch) > 1:  # alone, each shows whether it is to blame
                        del tasks[key]
                        for index in batch:
                            submit([index])
                        continue
                    version, answers = "", [Answer(error=str(error))]
                del tasks[key], future
                self._same(version)
                for index, answer in zip(batch, answers, strict=True):
                    consume(index, answer)
                    done += 1
                    if progress is not None:
                        progress(done / len(jobs))
        except BaseException:
            self._call_off(run, [future for future, _ in tasks.values()])
            raise

    def close(self) -> None:
        """Leave the cluster; the next run connects again."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _connect(self) -> Any:
        if self._client is None or self._client.status == "closed":
            assert self._setup.cluster is not None
            self._client = connect(self._setup.cluster)
        return self._client

    def _slots(self) -> int:
        """Decks that the cluster runs at a time; waits for the first worker."""
        client = self._connect()
        with suppress(TimeoutError):
            client.wait_for_workers(1, timeout=PATIENCE)
        slots = sum(client.nthreads().values())
        if not slots:
            raise SimulationError(f"Cluster {self._setup.cluster} must have a worker, not none for {PATIENCE:g} s")
        self._manned = time.monotonic()
        return int(slots)

    def _look(self) -> None:
        """Give up on a cluster that has been without workers for too long."""
        if self._client.scheduler_info()["workers"]:
            self._manned = time.monotonic()
        elif time.monotonic() - self._manned > PATIENCE:
            raise SimulationError(f"Cluster {self._setup.cluster} must have a worker, not none for {PATIENCE:g} s")

    def _result(self, future: Any) -> tuple[str, list[Answer]]:
        """Of a task; waits when its worker died after it had finished, and it runs once more elsewhere."""
        while True:
            try:
                result: tuple[str, list[Answer]] = future.result(timeout=LOOK)
            except TimeoutError:
                self._look()
            except HillockError:
                raise
            except Exception as error:
                name = type(error).__name__
                if name == "KilledWorker":
                    raise _LethalError("Cluster workers must survive this deck, not die of it again") from error
                if name == "FutureCancelledError":
                    self.close()
                    raise SimulationError(
                        f"Cluster scheduler at {self._setup.cluster} must stay, not go away while decks run"
                    ) from error
                text = " ".join(str(error).split())
                raise SimulationError(f"Cluster workers must run decks, not fail with {name}: {text}") from error
            else:
                return result

    def _same(self, version: str) -> None:
        if version and self.version and version != self.version:
            raise SimulationError(f"Cluster workers must all have ngspice {self.version}, not {version}")
        self.version = self.version or version

    def _call_off(self, run: str, futures: list[Any]) -> None:
        if self._client is None:
            return
        with suppress(OSError, TimeoutError):
            self._client.cancel(futures, force=True)
            self._client.run(call_off, run, on_error="ignore")


class _LethalError(Exception):
    """A task whose workers died, one after the other."""


def connect(address: str) -> Any:
    """A Dask client of the scheduler at ``address``."""
    try:
        distributed = importlib.import_module("distributed")
    except ModuleNotFoundError:
        raise MissingToolError(
            "distributed must be installed for runs on a cluster, not missing; "
            "install it with: pip install 'axonhillock[cluster]'"
        ) from None
    try:
        return distributed.Client(address, timeout=CONNECT, set_as_default=False, name="hillock")
    except (OSError, TimeoutError, ValueError):
        raise SpecError.rule(
            "Cluster", f"the address of a Dask scheduler that answers within {CONNECT:g} s", address
        ) from None


def batches(sizes: Sequence[int], slots: int) -> list[list[int]]:
    """Indices of jobs of so many bytes each, in batches for a cluster that runs ``slots`` at a time."""
    made: list[list[int]] = []
    index = 0
    while index < len(sizes):
        fair = -(-(len(sizes) - index) // (4 * slots))
        batch, volume = [index], sizes[index]
        while len(batch) < min(fair, BATCH) and volume + sizes[batch[-1] + 1] <= BATCH_BYTES:
            batch.append(batch[-1] + 1)
            volume += sizes[batch[-1]]
        made.append(batch)
        index = batch[-1] + 1
    return made


# --- on a Dask worker ---------------------------------------------------------------------------------------

_lock = threading.Lock()
#: Pools of one process each: those with nothing to do, by set-up, and those at work, by run.
_idle: defaultdict[SetupKey, list[Pool]] = defaultdict(list)
_at_work: defaultdict[str, list[Pool]] = defaultdict(list)
_called_off: set[str] = set()


def run_batch(run: str, setup: NgspiceSetup, parcels: list[bytes]) -> tuple[str, list[Answer]]:
    """ngspice's version and the answers to packed jobs, in an ngspice process that this Dask worker keeps."""
    answers: dict[int, Answer] = {}
    jobs: dict[int, Job] = {}
    for index, parcel in enumerate(parcels):
        try:
            jobs[index] = pickle.loads(parcel)  # noqa: S301 - from the client
        except Exception as error:  # noqa: BLE001 - whatever importing somebody's module raises
            answers[index] = unreadable(error)
    places = list(jobs)

    def keep(task: int, answer: Answer) -> None:
        if run in _called_off:
            raise SimulationError("Cluster run must go on to give answers, not be called off")
        answers[places[task]] = answer

    with _borrowed(run, local_setup(setup)) as pool:
        version = pool.start()
        pool.run(list(jobs.values()), keep)
    return version, [answers[index] for index in range(len(parcels))]


def call_off(run: str) -> None:
    """Stop a run's decks on this worker, in their midst."""
    with _lock:
        _called_off.add(run)
        for pool in _at_work.get(run, []):
            pool.interrupt()


def local_setup(setup: NgspiceSetup) -> NgspiceSetup:
    """The set-up on this machine, where the ngspice library may be elsewhere."""
    places = (setup.library, os.environ.get("NGSPICE_LIBRARY_PATH", ""), ctypes.util.find_library("ngspice"))
    found = next((place for place in places[:2] if place and Path(place).is_file()), places[2] or setup.library)
    return replace(setup, library=found, cluster=None)


@contextmanager
def _borrowed(run: str, setup: NgspiceSetup) -> Iterator[Pool]:
    key = setup.key()
    with _lock:
        pool = _idle[key].pop() if _idle[key] else None
        if pool is None:
            pool = Pool(setup, 1)
            atexit.register(pool.close)
        _at_work[run].append(pool)
    try:
        yield pool
    finally:
        with _lock:
            _at_work[run].remove(pool)
            if not _at_work[run]:
                del _at_work[run]
            _idle[key].append(pool)
