"""What every test shares: one thread a process, and properties that draw the same examples everywhere."""

from __future__ import annotations

import os

from hypothesis import settings

from sim_harness.toolchain import single_thread_env

# Before NumPy or ngspice start their thread pools: pytest itself runs one process a core.
os.environ.update(single_thread_env())

# No deadline: the first call of a simulator compiles it. Derandomised: what fails here fails everywhere.
settings.register_profile("hillock", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("hillock")
