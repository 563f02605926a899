"""Programs run under supervision: output to a log file, a limit to silence, nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from golden.errors import SimulationError

#: Seconds between two looks at a running program.
_POLL = 0.05
#: Set when the main thread gives up: it alone hears Ctrl-C, and programs run in sessions of their own.
_interrupted = threading.Event()


def check_interrupt() -> None:
    """Raise KeyboardInterrupt in a thread of ``threads`` whose work has been given up."""
    if _interrupted.is_set():
        raise KeyboardInterrupt


@contextmanager
def threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """A pool of threads for machines; an exception in the block, such as Ctrl-C, ends their work as well."""
    with ThreadPoolExecutor(count) as pool:
        try:
            yield pool
        except BaseException:
            _interrupted.set()
            pool.shutdown(cancel_futures=True)
            raise
        finally:
            _interrupted.clear()


def run(
    command: Sequence[str],
    *,
    what: str,
    cwd: Path,
    log: Path,
    env: Mapping[str, str] | None = None,
    timeout: float,
    advance: Callable[[], object] | None = None,
) -> int:
    """Exit code of ``command``, whose output goes to ``log``.

    ``advance`` is called now and then and returns something that changes while the program gets on; when that (or the
    program, if there is none) has taken ``timeout`` seconds, the program and its children are killed and
    SimulationError is raised. Any exception on our side kills them too, and so does Ctrl-C (see ``threads``).
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    seen, since = None, time.monotonic()
    try:
        while True:
            try:
                return process.wait(_POLL)
            except subprocess.TimeoutExpired:
                check_interrupt()
                now = advance() if advance is not None else None
                if now != seen:
                    seen, since = now, time.monotonic()
                if time.monotonic() - since > timeout:
                    raise SimulationError(
                        f"{what} must get on within {timeout:g} s, not stand still; see {log}"
                    ) from None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
