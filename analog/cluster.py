"""Decks on a Dask cluster: shipped in batches, run on each Dask worker in an ngspice child process of its own.

    dask scheduler                       # on one machine; prints its address, tcp://host:8786
    dask worker tcp://host:8786          # on every machine: this package, its extra "cluster", and ngspice installed

`ClusterPool` takes the place of `analog.ngspice.Pool`; `pool` makes it for a set-up with ``cluster="tcp://host:8786"``.
Answers are the same bytes as on one machine whichever worker gives them, as long as the machines' ngspice and C library
are the same; different versions of ngspice are refused.  A Dask worker that dies loses nothing: another gets its decks.
A deck never runs in a Dask worker's own process, so its crash or time-out is its own.

Decks travel in batches of a quarter of a second's work, so that the scheduler's millisecond a task does not count, and
only two batches a worker are under way, so that every worker that joins gets its share.  An answer waits for the rest
of its batch; a batch that takes too long comes back unfinished.
"""

from __future__ import annotations

import atexit
import ctypes.util
import importlib
import logging
import os
import pickle
import queue
import socket
import threading
import time
import uuid
from collections import defaultdict, deque
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

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
#: Decks, [bytes] of them, and [s] that they are expected to take, in a batch at most.
BATCH, BATCH_BYTES, BATCH_SECONDS = 32, 4_000_000, 0.25
#: Batches under way for each deck that the cluster runs at a time: one that runs, one that waits for it.
AHEAD = 2


class ClusterPool(Pool):
    """The workers of a Dask scheduler; the same contract as a pool of this machine's processes."""

    def __init__(self, setup: NgspiceSetup) -> None:
        """Raises MissingToolError without the package ``distributed``, SpecError when no scheduler answers."""
        super().__init__(setup, 1)
        self._client: Any = None
        #: Decks that the cluster runs at a time, when that was looked up, and when there was a worker last.
        self._threads, self._looked, self._manned = 0, 0.0, 0.0
        self._connect()

    def start(self) -> str:
        """ngspice's version on the cluster."""
        if not self.version:
            client, run = self._connect(), uuid.uuid4().hex
            self.version = self._result(client.submit(run_batch, run, self._setup, [], key=run, pure=False)).version
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
        sizes = [len(parcel) for parcel in parcels]
        client, run = self._connect(), uuid.uuid4().hex
        finished: queue.SimpleQueue[Any] = queue.SimpleQueue()
        tasks: dict[str, tuple[Any, list[int]]] = {}
        waiting = deque(range(len(jobs)))
        done, seconds = 0, 0.0

        def submit(batch: list[int]) -> None:
            key = f"hillock-{uuid.uuid4().hex}"
            future = client.submit(run_batch, run, self._setup, [parcels[i] for i in batch], key=key, pure=False)
            tasks[key] = future, batch
            future.add_done_callback(finished.put)

        try:
            while done < len(jobs):
                slots = self._slots()
                while waiting and len(tasks) < AHEAD * slots:
                    submit(next_batch(waiting, sizes, slots, seconds / done if done else BATCH_SECONDS))
                try:
                    key = finished.get(timeout=LOOK).key
                except queue.Empty:
                    continue
                future, batch = tasks[key]
                try:
                    result = self._result(future)
                except _LethalError as error:
                    if len(batch) > 1:  # alone, each shows whether it is to blame
                        del tasks[key]
                        for index in batch:
                            submit([index])
                        continue
                    result = Batch("", [Answer(error=str(error))], 0.0)
                del tasks[key], future
                self._same(result.version)
                seconds += result.seconds
                waiting.extendleft(reversed(batch[len(result.answers) :]))
                for index, answer in zip(batch, result.answers, strict=False):
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
        self._looked, self._manned = 0.0, time.monotonic()
        return self._client

    def _slots(self) -> int:
        """Decks that the cluster runs at a time, looked up once a second; 0 while it is without workers."""
        now = time.monotonic()
        if now > self._looked + LOOK:
            try:
                self._threads = sum(self._client.nthreads().values())
            except (OSError, TimeoutError) as error:
                raise self._gone() from error
            self._looked = now
            if self._threads:
                self._manned = now
        if now > self._manned + PATIENCE:
            raise SimulationError(f"Cluster {self._setup.cluster} must have a worker, not none for {PATIENCE:g} s")
        return self._threads

    def _result(self, future: Any) -> Batch:
        """Of a task; waits when its worker died after it had finished, and it runs once more elsewhere."""
        while True:
            try:
                result: Batch = future.result(timeout=LOOK)
            except TimeoutError:
                self._slots()
            except HillockError:
                raise
            except Exception as error:
                name = type(error).__name__
                if name == "KilledWorker":
                    raise _LethalError("Cluster workers must survive this deck, not die of it again") from error
                if name == "FutureCancelledError":
                    raise self._gone() from error
                text = " ".join(str(error).split())
                raise SimulationError(f"Cluster workers must run decks, not fail with {name}: {text}") from error
            else:
                return result

    def _gone(self) -> SimulationError:
        """Leaves a cluster whose scheduler is no more; Dask would log a page of how its reconnecting ended."""
        log = logging.getLogger("distributed.client")
        before, log.disabled = log.disabled, True
        self.close()
        log.disabled = before
        return SimulationError(f"Cluster scheduler at {self._setup.cluster} must stay, not go away while decks run")

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


class Batch(NamedTuple):
    """What comes back: ngspice's version, answers to the first decks, if not all, and the seconds they took."""

    version: str
    answers: list[Answer]
    seconds: float


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


def next_batch(waiting: deque[int], sizes: Sequence[int], slots: int, seconds: float) -> list[int]:
    """The next of the jobs ``waiting``, of ``sizes`` [bytes], that take some ``seconds`` each; taken off."""
    fair = -(-len(waiting) // (AHEAD * slots))
    most = min(BATCH, fair, BATCH_SECONDS / max(seconds, 1e-6))
    batch = [waiting.popleft()]
    volume = sizes[batch[0]]
    while waiting and len(batch) + 1 <= most and volume + sizes[waiting[0]] <= BATCH_BYTES:
        volume += sizes[waiting[0]]
        batch.append(waiting.popleft())
    return batch


# --- on a Dask worker ---------------------------------------------------------------------------------------

_lock = threading.Lock()
#: Pools of one process each: those with nothing to do, by set-up, and those at work, by run.
_idle: defaultdict[SetupKey, list[Pool]] = defaultdict(list)
_at_work: defaultdict[str, list[Pool]] = defaultdict(list)
_called_off: set[str] = set()


def run_batch(run: str, setup: NgspiceSetup, parcels: list[bytes]) -> Batch:
    """Answers to packed jobs, in an ngspice process that this Dask worker keeps."""
    answers: list[Answer] = []
    with _borrowed(run, local_setup(setup)) as pool:
        try:
            version = pool.start()
        except SimulationError as error:
            raise SimulationError(f"{error} (on {socket.gethostname()})") from None
        began = time.monotonic()
        for parcel in parcels:
            if answers and time.monotonic() > began + 4 * BATCH_SECONDS:
                break
            answers.append(_answer(pool, parcel))
    return Batch(version, answers, time.monotonic() - began)


def _answer(pool: Pool, parcel: bytes) -> Answer:
    try:
        job: Job = pickle.loads(parcel)  # noqa: S301 - from the client
    except Exception as error:  # noqa: BLE001 - whatever importing somebody's module raises
        return unreadable(error)
    found: list[Answer] = []
    pool.run([job], lambda _, answer: found.append(answer))
    return found[0]


def call_off(run: str) -> None:
    """Stop a run's decks on this worker, in their midst; those that have not begun, too."""
    with _lock:
        _called_off.add(run)
        for pool in _at_work.get(run, []):
            pool.stop()


def local_setup(setup: NgspiceSetup) -> NgspiceSetup:
    """The set-up on this machine, where the ngspice library may be elsewhere."""
    places = (setup.library, os.environ.get("NGSPICE_LIBRARY_PATH", ""), ctypes.util.find_library("ngspice"))
    found = next((place for place in places[:2] if place and Path(place).is_file()), places[2] or setup.library)
    return replace(setup, library=found, cluster=None)


@contextmanager
def _borrowed(run: str, setup: NgspiceSetup) -> Iterator[Pool]:
    key = setup.key()
    with _lock:
        if run in _called_off:
            raise SimulationError("Cluster run must go on to give answers, not be called off")
        pool = _idle[key].pop() if _idle[key] else Pool(setup, 1)
        _at_work[run].append(pool)
    try:
        yield pool
    finally:
        with _lock:
            _at_work[run].remove(pool)
            if not _at_work[run]:
                del _at_work[run]
            if run not in _called_off:
                _idle[key].append(pool)


@atexit.register
def _end() -> None:
    for pools in (*_idle.values(), *_at_work.values()):
        for pool in pools:
            pool.close()
