"""A worker's memory after a hundred decks; `benchmarks/analog_memory.py` is the same over a thousand."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from analog.worker import resident

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("ngspice")]

#: [MB]: a tenth of a thousand runs' 5 MB would be 0.5; the allocator takes memory in pieces too large for that.
LIMIT = 1.0

HOARD: list[np.ndarray] = []


def hoard(waves: Mapping[str, np.ndarray]) -> int:
    """Forgets nothing: 20 kB a run."""
    HOARD.append(np.ones(2500))
    return resident()


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "analog_memory.py"
    spec = importlib.util.spec_from_file_location("analog_memory", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up by name.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("deck", ["ideal, xspice", "ideal, xspice_free", "sky130"])
def test_a_hundred_decks_leave_nothing_behind(deck: str, benchmark: ModuleType) -> None:
    netlist = benchmark.decks()[deck]
    if deck == "sky130":
        netlist = replace(netlist, duration=1e-7)  # its models are what is large
    found = benchmark.measure(deck, netlist, 100, None)
    assert found.growth < LIMIT
    assert 50 < found.resident < 300


def test_a_worker_that_forgets_nothing_is_seen(benchmark: ModuleType) -> None:
    netlist = replace(benchmark.decks()["ideal, xspice"], duration=1e-6)
    found = benchmark.measure("hoard", netlist, 100, None, hoard)
    # 79 runs after the first look.
    assert found.growth == pytest.approx(79 * 0.02, abs=0.3)
    assert found.growth > LIMIT
    # Replaced in time, it does not get there.
    assert benchmark.measure("hoard", netlist, 100, 25, hoard).growth < LIMIT
