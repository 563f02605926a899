"""ngspice in worker processes: started when needed, fed one deck at a time, replaced when they crash, hang or tire.

    setup = NgspiceSetup(library)                       # or NgspiceSetup(library, cluster="tcp://host:8786")
    pool(setup, processes=None).run([Job(deck, ("mem",)), ...], consume)

Every answer depends on its deck alone: the same bytes whatever the number of processes, the order, and what other
decks do.  A deck that crashes its worker or exceeds its time-out is answered with an error; the worker is replaced, and
no other answer is lost.  Workers end with the process that started them, even when that is killed.  With the address of
a cluster, the same decks run there (`analog.cluster`), with the same answers; what is to be kept across interruptions
goes through `analog.results`.
"""

from __future__ import annotations

import atexit
import functools
import os
import pickle
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from analog.worker import Answer, Job
from golden.errors import SimulationError, SpecError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

#: Decks after which a worker is replaced: ngspice keeps 0.6 to 0.9 kB of every one, whatever its size.
DECKS_PER_WORKER = 300

#: Times in a row that a worker may fail to start, once one has.
STARTS = 3

SetupKey: TypeAlias = tuple[str, tuple[tuple[str, str], ...], float, "str | None"]


@dataclass(frozen=True)
class NgspiceSetup:
    """Where ngspice is; who calls finds it.

    library   path of the shared library
    env       environment variables the workers need besides the caller's
    timeout   [s] after which a deck is given up and its worker killed, unless its job says otherwise
    cluster   address of a Dask scheduler, "tcp://host:port"; None for processes of this machine
    """

    library: str
    env: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 300.0
    cluster: str | None = None

    def __post_init__(self) -> None:
        if not self.timeout > 0:
            raise SpecError.rule("ngspice timeout", "positive", f"{self.timeout:g} s")
        if self.cluster is not None and not re.fullmatch(r"(tcp|tls|ws|wss)://\S+:\d+", self.cluster):
            raise SpecError.rule("Cluster", "an address like tcp://host:8786", self.cluster)

    def environment(self) -> dict[str, str]:
        """The workers' environment: this library, one thread, this process's import path, whatever their directory."""
        path = os.pathsep.join(str(Path.cwd() / entry) for entry in sys.path)
        library = str(Path.cwd() / self.library) if os.sep in self.library else self.library
        fixed = {"NGSPICE_LIBRARY_PATH": library, "OMP_THREAD_LIMIT": "1", "PYTHONPATH": path}
        return {**os.environ, **fixed, **self.env}

    def key(self) -> SetupKey:
        """Equal for equal set-ups; hashable."""
        return self.library, tuple(sorted(self.env.items())), self.timeout, self.cluster


class _Directory:
    """An empty directory for one worker, which goes when its user is done, or dead: somebody else waits for that."""

    def __init__(self) -> None:
        self._made = tempfile.TemporaryDirectory(prefix="hillock-ngspice-", ignore_cleanup_errors=True)
        self.path = Path(self._made.name)
        # ngspice then does not read the user's own, which would change results (ngbehavior, number of threads).
        (self.path / ".spiceinit").touch()
        ended, self.held = os.pipe()
        self._remover = subprocess.Popen(
            ["/bin/sh", "-c", 'read -r _; rm -rf -- "$1"', "sh", str(self.path)],
            stdin=ended,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # out of reach of Ctrl-C
        )
        os.close(ended)

    def close(self) -> None:
        os.close(self.held)
        self._remover.kill()
        self._remover.wait()
        self._made.cleanup()


class _Worker:
    """One child process and the deck it works on."""

    def __init__(self, setup: NgspiceSetup) -> None:
        ours, theirs = socket.socketpair()
        lifeline, self._lifeline = os.pipe()  # closes with this process, however that ends
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the worker
        self._directory = _Directory()
        # Not with -m: what is pickled there must have the classes that are known here.
        main = "from analog.worker import main; main()"
        command = [sys.executable, "-c", main, str(theirs.fileno()), str(lifeline)]
        self._process = subprocess.Popen(
            command,
            env=setup.environment(),
            cwd=self._directory.path,  # where BSIM4 writes what it thinks of a deck
            pass_fds=(theirs.fileno(), lifeline, self._directory.held),
            stdin=subprocess.DEVNULL,
            stdout=self._log,  # ngspice prints now and then; the answer goes through the socket
            stderr=self._log,
        )
        theirs.close()
        os.close(lifeline)
        self.connection = Connection(ours.detach())
        self.version = ""
        self.task: int | None = None
        self.timeout = setup.timeout
        self.deadline = time.monotonic() + self.timeout
        self.decks = 0

    def give(self, task: int, message: bytes, timeout: float) -> bool:
        """Send a packed job; False when the process is dead and the job still to do."""
        if self._process.poll() is not None:
            return False
        try:
            self.connection.send_bytes(message)
        except (BrokenPipeError, ConnectionResetError):
            return False
        self.task, self.timeout, self.deadline = task, timeout, time.monotonic() + timeout
        self.decks += 1
        return True

    def last_words(self) -> str:
        """The last line the process wrote, for an error message."""
        self._process.wait(timeout=5)
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").split("\n")
        text = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return f"exit code {self._process.returncode}" + (f", {text}" if text else "")

    def kill(self) -> None:
        self._process.kill()

    def close(self) -> None:
        self.connection.close()
        os.close(self._lifeline)
        self._process.kill()
        self._process.wait()
        self._log.close()
        self._directory.close()


class Pool:
    """Workers kept from one call to the next; every answer depends on its deck alone."""

    def __init__(self, setup: NgspiceSetup, processes: int) -> None:
        if processes < 1:
            raise SpecError.rule("Analog processes", "at least 1", processes)
        self._setup = setup
        self._processes = processes
        self._workers: list[_Worker] = []
        self._failed_starts = 0
        self._stopped = False
        self.version = ""

    def start(self) -> str:
        """ngspice's version, as in ``version`` after any run; starts a worker if none has told it yet."""
        try:
            while not self.version:
                if not self._workers:
                    self._workers.append(_Worker(self._setup))
                for worker in self._ready():
                    self._receive(worker)
        except BaseException:
            self.close()
            raise
        return self.version

    def run(
        self,
        jobs: Sequence[Job],
        consume: Callable[[int, Answer], None],
        progress: Callable[[float], None] | None = None,
    ) -> None:
        """Call ``consume(index, answer)`` once for every job, as the answers come in (in any order).

        A job whose worker crashes or exceeds the time-out is answered with an error; no other job is touched.
        Raises SimulationError when a worker does not even start, SpecError for a measure that cannot be sent to one.
        """
        waiting = deque(range(len(jobs)))
        done = 0
        try:
            while len(self._workers) < min(self._processes, len(jobs)):
                self._workers.append(_Worker(self._setup))
            for worker in list(self._workers):
                self._feed(worker, waiting, jobs)
            while done < len(jobs):
                ready = self._ready()
                if self._stopped:
                    raise SimulationError("Pool must go on to give answers, not be stopped")
                for worker in ready:
                    task, answer = worker.task, self._receive(worker)
                    if answer is not None:
                        worker.task = None
                        if answer.spent or worker.decks >= DECKS_PER_WORKER:
                            worker = self._replace(worker)
                    self._feed(worker, waiting, jobs)
                    if task is None or answer is None:  # a new worker has introduced itself
                        continue
                    consume(task, answer)
                    done += 1
                    if progress is not None:
                        progress(done / len(jobs))
        except BaseException:
            # Interrupted: the workers still have somebody's decks; start afresh next time.
            self.close()
            raise

    def stop(self) -> None:
        """End the run under way, and every one to come, with a SimulationError.

        The one method that another thread may call.
        """
        self._stopped = True
        for worker in list(self._workers):
            worker.kill()

    def close(self) -> None:
        """End all workers."""
        while self._workers:
            self._workers.pop().close()

    def _feed(self, worker: _Worker, waiting: deque[int], jobs: Sequence[Job]) -> None:
        if not worker.version or worker.task is not None or not waiting:
            return
        job = jobs[waiting[0]]
        if worker.give(waiting[0], job.packed(), self._setup.timeout if job.timeout is None else job.timeout):
            waiting.popleft()
        else:
            # It died while it had nothing to do: that costs nobody an answer.
            self._replace(worker)

    def _ready(self) -> list[_Worker]:
        """Workers that have something to say or whose time is up; waits for the first."""
        busy = [worker for worker in self._workers if worker.task is not None or not worker.version]
        until = min(worker.deadline for worker in busy) - time.monotonic()
        talking = wait([worker.connection for worker in busy], max(0.0, until))
        now = time.monotonic()
        return [worker for worker in busy if worker.connection in talking or worker.deadline <= now]

    def _receive(self, worker: _Worker) -> Answer | None:
        """The worker's answer; None when it only says hello.  A dead or late worker's answer is an error."""
        crashed = ""
        with suppress(EOFError, ConnectionResetError):
            if not worker.connection.poll():
                crashed = f"ngspice must finish within {worker.timeout:g} s, not run on"
            elif worker.version:
                answer: Answer = pickle.loads(worker.connection.recv_bytes())  # noqa: S301 - from our child
                return answer
            else:
                worker.version = self.version = worker.connection.recv()
                self._failed_starts = 0
                return None
        crashed = crashed or f"ngspice worker died ({worker.last_words()})"
        if worker.version:
            return Answer(error=crashed, spent=True)
        self._failed_starts += 1
        if not self.version or self._failed_starts == STARTS:
            raise SimulationError(f"ngspice must start from {self._setup.library}, not fail: {crashed}")
        self._replace(worker)
        return None

    def _replace(self, worker: _Worker) -> _Worker:
        worker.close()
        fresh = _Worker(self._setup)
        self._workers[self._workers.index(worker)] = fresh
        return fresh


def pool(setup: NgspiceSetup, processes: int | None) -> Pool:
    """The pool for this set-up and number of processes (default: one per CPU); a cluster has its own number.

    Raises, for a cluster, MissingToolError when the package ``distributed`` is not installed, and SpecError when no
    scheduler answers at the address.
    """
    return _pool(setup.key(), os.cpu_count() or 1 if processes is None else processes)


@functools.lru_cache(maxsize=4)
def _pool(key: SetupKey, processes: int) -> Pool:
    library, env, timeout, cluster = key
    setup = NgspiceSetup(library, dict(env), timeout, cluster)
    if cluster is None:
        made = Pool(setup, processes)
    else:
        # Imported here: few need it, and it takes half a second.
        from analog.cluster import ClusterPool

        made = ClusterPool(setup)
    atexit.register(made.close)
    return made
