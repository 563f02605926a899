"""What every test shares: one thread a process, and properties that draw the same examples everywhere."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

from sim_harness.toolchain import single_thread_env

# Before NumPy or ngspice start their thread pools: pytest itself runs one process a core.
os.environ.update(single_thread_env())

# No deadline: the first call of a simulator compiles it. Derandomised: what fails here fails everywhere.
settings.register_profile("hillock", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("hillock")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a pytest-xdist that ignores groups: tests that share an expensive fixture would each make their own."""
    in_worker = "PYTEST_XDIST_WORKER" in os.environ
    for item in items:
        if in_worker and item.get_closest_marker("xdist_group") and "@" not in item.nodeid:
            raise pytest.UsageError(f"pytest-xdist must keep groups together, not ignore that of {item.nodeid}")
