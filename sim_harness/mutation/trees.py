"""A copy of the checkout in which one mutant at a time is tested; the checkout itself is never changed."""

from __future__ import annotations

import compileall
import json
import os
import py_compile
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from golden.errors import SimulationError, SpecError
from sim_harness import toolchain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sim_harness.mutation.machines import Machine

#: What the tests read of a checkout.
FOLDERS = ("golden", "analog", "digital", "mapping", "sim_harness", "tests", "docs", "examples")
FILES = ("pyproject.toml", "README.md")
#: A mutant may take so many times as long as the unchanged step, and at least so many seconds.
PATIENCE, LEAST_SECONDS = 10, 20
#: What pytest answers where everything passed, and where something failed or could not be imported.
_PASSED, _FAILED = 0, (1, 2)
#: Assertions as they stand: pytest would rewrite them, and Hypothesis, in every run.
_PYTEST = ("-x", "-q", "-n", "0", "-p", "no:cacheprovider", "--tb=no", "--assert=plain")


@dataclass(frozen=True)
class Verdict:
    """Who noticed a mutant (a test, "time-out", or nobody: None), and after how many seconds."""

    killed_by: str | None
    seconds: float


class Tree:
    """The copy of one job, in ``folder``, with caches of its own. SpecError where ``root`` is no checkout."""

    def __init__(self, root: Path, folder: Path, machine: Machine) -> None:
        if not all((root / path).exists() for path in (*machine.sources, *machine.test_files, *FILES)):
            raise SpecError.rule("Folder", "a checkout of Hillock with its tests", root.resolve())
        self.machine, self.path, self.home = machine, folder / "tree", folder / "home"
        self.limits: list[float] | None = None
        self.home.mkdir(parents=True)
        for name in FOLDERS:
            shutil.copytree(root / name, self.path / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in FILES:
            shutil.copy(root / name, self.path / name)
        # Compiled once, valid for these bytes only: two mutants of the same second and length are not the same.
        mode = py_compile.PycInvalidationMode.CHECKED_HASH
        compileall.compile_dir(self.path, quiet=2, invalidation_mode=mode)
        env = toolchain.single_thread_env() | {
            "PYTHONPATH": str(self.path),
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": str(self.home),
            "XDG_CACHE_HOME": str(self.home / "cache"),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(Path(__file__).with_name("warm.py")), *machine.imports],
            cwd=self.path,
            env=os.environ | env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def read(self, file: str) -> str:
        """A source of the copy, unchanged."""
        return (self.path / file).read_text(encoding="utf-8")

    def check(self) -> None:
        """The controls; SimulationError unless the tests pass on the unchanged step and fail on an empty one.

        They would not fail if they imported the step from elsewhere than this copy.
        """
        limits = []
        for arguments in self.machine.tests:
            start = time.monotonic()
            if (killer := self._run(arguments, None)) is not None:
                raise SimulationError(f"tests of {self.machine.name} must pass on the unchanged step, unlike {killer}")
            limits.append(max(LEAST_SECONDS, PATIENCE * (time.monotonic() - start)))
        self.limits = limits
        for file in self.machine.sources:
            if self.verdict(file, "").killed_by is None:
                raise SimulationError(f"tests of {self.machine.name} must fail without {file}, and pass")

    def verdict(self, file: str, source: str) -> Verdict:
        """Run the tests with ``source`` in place of a file, until one of them fails."""
        assert self.limits is not None  # check() comes first
        original, start, killer = self.read(file), time.monotonic(), None
        (self.path / file).write_text(source, encoding="utf-8")
        try:
            for arguments, limit in zip(self.machine.tests, self.limits, strict=True):
                if (killer := self._run(arguments, limit)) is not None:
                    break
        finally:
            (self.path / file).write_text(original, encoding="utf-8")
            shutil.rmtree(self.home / "cache", ignore_errors=True)  # kernels of this mutant
        return Verdict(killer, round(time.monotonic() - start, 2))

    def close(self) -> None:
        """End the process that runs the tests."""
        with self._process:  # closes its input, at which it ends
            pass

    def _run(self, arguments: Sequence[str], limit: float | None) -> str | None:
        """The first test that fails, "time-out", or None where all pass."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([[*_PYTEST, *arguments], limit]), file=self._process.stdin, flush=True)
        if not (answer := self._process.stdout.readline()):
            raise SimulationError("pytest must be started, and is not: see above")
        code, output = json.loads(answer)
        if code == _PASSED:
            return None
        if code == -signal.SIGALRM:
            return "time-out"
        if code not in _FAILED:
            last = output.strip().splitlines()[-1:] or ["no message"]
            raise SimulationError(f"pytest {' '.join(arguments)} must run, not end with {last[0]}")
        found = re.search(r"^(?:FAILED|ERROR) (\S+)", output, re.MULTILINE)
        return found[1] if found else "pytest"
