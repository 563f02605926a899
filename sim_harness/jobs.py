"""Independent jobs that wait for external programs, a few at a time."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from golden.errors import SimulationError, SpecError
from sim_harness import toolchain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Item = TypeVar("Item")
Result = TypeVar("Result")


def run_all(
    work: Callable[[Item], Result], items: Sequence[Item], jobs: int, progress: Callable[[float], None] | None = None
) -> list[Result]:
    """``work`` of every item, in order, in so many threads; ``progress`` is called with the fraction done.

    Threads, for work that is done in other programs: Ctrl-C reaches those as well, and what has not begun never does.
    """
    if jobs < 1:
        raise SpecError.rule("Number of jobs", "at least 1", jobs)
    done = 0

    def one(item: Item) -> Result:
        nonlocal done
        result = work(item)
        done += 1
        if progress is not None:
            progress(done / len(items))
        return result

    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(one, items))


def run_tool(
    command: Sequence[str], work: Path, environment: Mapping[str, str] | None = None, accepted: Sequence[int] = (0,)
) -> str:
    """Output of a program run in folder ``work``: YoWASP's see only what lies below.

    Raises SimulationError with its first error line for an exit code that is not ``accepted``.
    """
    env = toolchain.environment(environment or {})
    done = subprocess.run(command, cwd=work, env=env, capture_output=True, text=True, check=False)
    if done.returncode not in accepted:
        lines = [line for line in (done.stderr + done.stdout).splitlines() if "ERROR" in line] or ["no message"]
        raise SimulationError(f"{Path(command[0]).name} must finish, not fail: {lines[0].strip()}")
    return done.stdout
