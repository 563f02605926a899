"""Compiled loops: they call the golden functions themselves, and are never older than them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from golden.compiled import compilable, kernel, lowest_one, popcount
from golden.polymorphic import saturate, select

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parents[2]


def halved(x: Any) -> Any:
    """A golden function, as far as a compiled loop is concerned."""
    return select(x < 0, -((-x) >> 1), x >> 1)


compilable(halved)


@kernel
def _all(values: Any, result: Any) -> None:
    for k in range(values.size):
        result[k] = saturate(halved(values[k]), -3, 3)


@kernel
def _bits(words: Any, ones: Any, lowest: Any) -> None:
    for k in range(words.size):
        ones[k] = popcount(words[k])
        lowest[k] = lowest_one(words[k])


def test_a_loop_calls_the_function_that_python_calls() -> None:
    values, result = np.arange(-9, 10), np.empty(19, dtype=np.int64)
    _all(values, result)
    assert result.tolist() == [max(-3, min(3, int(x / 2))) for x in range(-9, 10)]
    assert halved(-5) == -2


def test_bits_of_words() -> None:
    words = np.array([1, 2**63, 2**64 - 1, 0b101000], dtype=np.uint64)
    ones, lowest = np.empty((2, 4), dtype=np.int64)
    _bits(words, ones, lowest)
    assert ones.tolist() == [int(word).bit_count() for word in words]
    assert lowest.tolist() == [(int(word) & -int(word)).bit_length() - 1 for word in words]


SCRIPT = """
import numpy as np
from golden.compiled import kernel, _folder
from golden.machines.loihi import LoihiMachine
from golden.machines.run import MachineInputs
from golden.neurons.loihi import LoihiCompartments
machine = LoihiMachine.connected(LoihiCompartments(1, {"bias_mant": np.array(3)}), 0, [0, 1], ([], [], [], []))
print(machine.run(MachineInputs(1, 1, 0, np.empty((0, 2))), record=[0]).states["v"][0, 0], _folder().name)
"""


def test_a_changed_step_is_never_answered_by_an_old_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same cache, the sources with and without a change: what comes out is the change."""
    shutil.copytree(ROOT / "golden", tmp_path / "golden", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setenv("HILLOCK_CACHE", str(tmp_path / "cache"))

    def run() -> list[str]:
        command = [sys.executable, "-c", SCRIPT]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120)
        return done.stdout.split()

    before = run()
    assert before[0] == "3"
    step = tmp_path / "golden" / "neurons" / "loihi.py"
    text = step.read_text(encoding="utf-8")
    assert "p.bias_mant << p.bias_exp" in text
    step.write_text(text.replace("p.bias_mant << p.bias_exp", "p.bias_mant + 4 << p.bias_exp"), encoding="utf-8")
    after = run()
    assert after[0] == "7"
    assert before[1] != after[1]
    assert {path.name for path in (tmp_path / "cache" / "kernels").iterdir()} == {before[1], after[1]}
