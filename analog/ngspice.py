"""ngspice in worker processes: started when needed, fed one deck at a time, replaced when they crash, hang or tire."""

from __future__ import annotations

import atexit
import functools
import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING

from analog.worker import Answer, Job
from golden.errors import SimulationError, SpecError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

#: Decks after which a worker is replaced: the library keeps a little memory of every one.
DECKS_PER_WORKER = 300


@dataclass(frozen=True)
class NgspiceSetup:
    """Where ngspice is; who calls finds it.

    library   path of the shared library
    env       environment variables the workers need besides the caller's
    timeout   [s] after which a deck is given up and its worker killed
    """

    library: str
    env: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 300.0

    def __post_init__(self) -> None:
        if not self.timeout > 0:
            raise SpecError.rule("ngspice timeout", "positive", f"{self.timeout:g} s")

    def environment(self) -> dict[str, str]:
        """The workers' environment: this library, one thread, this process's import path."""
        path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
        fixed = {"NGSPICE_LIBRARY_PATH": self.library, "OMP_THREAD_LIMIT": "1", "PYTHONPATH": path}
        return {**os.environ, **fixed, **self.env}

    def key(self) -> tuple[str, tuple[tuple[str, str], ...], float]:
        """Equal for equal set-ups; hashable."""
        return self.library, tuple(sorted(self.env.items())), self.timeout


class _Worker:
    """One child process and the deck it works on."""

    def __init__(self, setup: NgspiceSetup) -> None:
        ours, theirs = socket.socketpair()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the worker
        command = [sys.executable, "-m", "analog.worker", str(theirs.fileno())]
        self._process = subprocess.Popen(
            command,
            env=setup.environment(),
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.DEVNULL,
            stdout=self._log,  # ngspice prints now and then; the answer goes through the socket
            stderr=self._log,
        )
        theirs.close()
        self.connection = Connection(ours.detach())
        self.version = ""
        self.task: int | None = None
        self.deadline = time.monotonic() + setup.timeout
        self.decks = 0

    def give(self, task: int, job: Job, timeout: float) -> None:
        self.task, self.deadline = task, time.monotonic() + timeout
        self.decks += 1
        self.connection.send(job)

    def last_words(self) -> str:
        """The last line the process wrote, for an error message."""
        self._process.wait(timeout=5)
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").split("\n")
        text = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return f"exit code {self._process.returncode}" + (f", {text}" if text else "")

    def close(self) -> None:
        self.connection.close()
        self._process.kill()
        self._process.wait()
        self._log.close()


class Pool:
    """Workers kept from one call to the next; every answer depends on its deck alone."""

    def __init__(self, setup: NgspiceSetup, processes: int) -> None:
        if processes < 1:
            raise SpecError.rule("Analog processes", "at least 1", processes)
        self._setup = setup
        self._processes = processes
        self._workers: list[_Worker] = []
        self.version = ""

    def run(
        self,
        jobs: Sequence[Job],
        consume: Callable[[int, Answer], None],
        progress: Callable[[float], None] | None = None,
    ) -> None:
        """Call ``consume(index, answer)`` once for every job, as the answers come in (in any order).

        A job whose worker crashes or exceeds the time-out is answered with an error; no other job is touched.
        Raises SimulationError when a worker does not even start.
        """
        waiting = iter(range(len(jobs)))
        done = 0
        try:
            while len(self._workers) < min(self._processes, len(jobs)):
                self._workers.append(_Worker(self._setup))
            for worker in self._workers:
                self._feed(worker, waiting, jobs)
            while done < len(jobs):
                for worker in self._ready():
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

    def close(self) -> None:
        """End all workers."""
        while self._workers:
            self._workers.pop().close()

    def _feed(self, worker: _Worker, waiting: Iterator[int], jobs: Sequence[Job]) -> None:
        if not worker.version or worker.task is not None:
            return
        task = next(waiting, None)
        if task is not None:
            worker.give(task, jobs[task], self._setup.timeout)

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
                crashed = f"ngspice must finish within {self._setup.timeout:g} s, not run on"
            elif worker.version:
                answer: Answer = worker.connection.recv()
                return answer
            else:
                worker.version = self.version = worker.connection.recv()
                return None
        crashed = crashed or f"ngspice worker died ({worker.last_words()})"
        if not worker.version:
            raise SimulationError(f"ngspice must start from {self._setup.library}, not fail: {crashed}")
        return Answer(error=crashed, spent=True)

    def _replace(self, worker: _Worker) -> _Worker:
        worker.close()
        fresh = _Worker(self._setup)
        self._workers[self._workers.index(worker)] = fresh
        return fresh


def pool(setup: NgspiceSetup, processes: int | None) -> Pool:
    """The pool for this set-up and number of processes (default: one per CPU)."""
    return _pool(setup.key(), os.cpu_count() or 1 if processes is None else processes)


@functools.lru_cache(maxsize=4)
def _pool(key: tuple[str, tuple[tuple[str, str], ...], float], processes: int) -> Pool:
    library, env, timeout = key
    made = Pool(NgspiceSetup(library, dict(env), timeout), processes)
    atexit.register(made.close)
    return made
