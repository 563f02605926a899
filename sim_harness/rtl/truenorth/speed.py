"""How long a tick takes: a core under a typical load, in CXXRTL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from golden.machines.run import MachineInputs
from golden.machines.truenorth import TrueNorthMachine
from golden.neurons.truenorth import PARAMETERS
from sim_harness.rtl.truenorth.cxxrtl import ChipCxxrtl
from sim_harness.rtl.truenorth.design import ChipDesign

if TYPE_CHECKING:
    from digital.truenorth.config import CoreConfig


def load(
    columns: int, rows: int, axons: int, neurons: int, ticks: int, activity: float = 0.1, density: float = 0.5
) -> tuple[TrueNorthMachine, MachineInputs]:
    """Cores with ``density`` of the synapses there, and each axon active in ``activity`` of the ticks, at random."""
    rng = np.random.default_rng(1)
    cores = columns * rows
    values = {
        name: np.full((cores, neurons, 4) if limits.count > 1 else (cores, neurons), limits.default)
        for name, limits in PARAMETERS.items()
    }
    values["weights"] = rng.integers(-5, 6, (cores, neurons, 4))
    values["threshold"][:] = 100
    core, axon = np.divmod(np.arange(cores * axons), axons)
    machine = TrueNorthMachine(
        columns,
        rows,
        values,
        rng.random((cores, axons, neurons)) < density,
        rng.integers(0, 4, (cores, axons)),
        np.full((cores, neurons, 4), [0, 0, 0, -1]),
        np.arange(1, cores + 1),
        np.arange(cores * neurons),
        np.column_stack((np.arange(core.size), core, axon, np.zeros_like(core))),
        core.size,
    )
    at = np.flatnonzero(rng.random(ticks * core.size) < activity)
    return machine, MachineInputs(ticks, machine.size, core.size, np.column_stack(np.divmod(at, core.size)))


def clocks_per_tick(config: CoreConfig, ticks: int = 200) -> float:
    """Mean clocks that a core is busy in a tick, arrivals included, under the load of ``load``."""
    machine, inputs = load(1, 1, config.axons, config.neurons, ticks)
    record = ChipCxxrtl().run(ChipDesign(machine, config.lanes, config.word), inputs)
    return float(record.clocks.mean())
