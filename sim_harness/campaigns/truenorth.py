"""Random TrueNorth chips: every parameter, mode and draw; small and extreme values, so that all edges are met."""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from golden.machines.run import MachineInputs
from golden.machines.truenorth import TrueNorthMachine
from golden.neurons.truenorth import PARAMETERS, POTENTIAL

if TYPE_CHECKING:
    from golden.machines.run import MachineRecord

NAME = "truenorth"
_COLUMNS, _ROWS, _SIZE, _TICKS, _SOURCES = 2, 2, 70, 40, 12
UPDATES = _COLUMNS * _ROWS * _SIZE * _TICKS // 2  # half of the places are the network's

_MODES = tuple(product(range(3), range(2)))
BINS = (
    *(f"fires, reset mode {gamma}, saturating {kappa}" for gamma, kappa in _MODES),
    *(f"leak, stochastic {c}, reversal {epsilon}, fires" for c, epsilon in product(range(2), range(2))),
    "random threshold, fires",
    "stochastic weights, fires",
    "no draw on the chip",
    "threshold met exactly (linear reset to 0)",
    "stopped at the floor",
    "at the upper rail",
    "at the lower end of the resets",
    "below the floor without a reset",
    "spikes merged",
    "spikes left the grid",
)


def make(number: int, rng: np.random.Generator) -> tuple[TrueNorthMachine, MachineInputs]:
    """A chip of four small cores with recurrent wiring beyond its edges, and input at one of two rates."""
    machine = chip(rng, stochastic=number % 3 > 0)
    at = np.flatnonzero(rng.random(_TICKS * _SOURCES) < rng.choice([0.02, 0.3]))
    return machine, MachineInputs(_TICKS, machine.size, _SOURCES, np.column_stack(np.divmod(at, _SOURCES)))


def chip(
    rng: np.random.Generator, *, stochastic: bool, columns: int = _COLUMNS, rows: int = _ROWS, size: int = _SIZE
) -> TrueNorthMachine:
    """A random chip; without ``stochastic`` nothing draws.

    A core has a temper: lively ones meet every mode, loaded ones the rails, quiet ones (few leak) the shortcuts.
    """
    cores = columns * rows
    temper = rng.integers(0, 3, cores)[:, None]

    def value(name: str) -> Any:
        limits = PARAMETERS[name]
        shape = (cores, size, 4) if limits.count > 1 else (cores, size)
        mood = temper[:, None] if limits.count > 1 else temper
        if name == "random_bits" and not stochastic:
            return np.zeros(shape, dtype=np.int64)
        if limits.high == 1:
            return rng.integers(0, 2, shape) * (stochastic or "stochastic" not in name)
        small = rng.integers(max(limits.low, -9), min(limits.high, 9), shape, endpoint=True)
        wide = rng.integers(limits.low, limits.high, shape, endpoint=True)
        picked = np.where(rng.random(shape) < 0.8, small, wide)
        match name:
            case "weights" | "leak":
                picked = np.where(mood == 1, np.where(rng.random(shape) < 0.9, limits.high, limits.low), picked)
            case "reset":
                picked = np.where(mood == 1, rng.choice([limits.low, limits.high], shape), picked)
            case "reset_mode":
                picked = np.where(mood == 1, 0, picked % 3)
        return np.where((mood == 2) & (rng.random(shape) < 0.7), 0, picked) if name == "leak" else picked

    here = np.arange(cores)[:, None]
    to_x, to_y = (rng.integers(-1, n + 1, (cores, size)) for n in (columns, rows))
    axon, t = rng.integers(0, size, (cores, size)), rng.integers(-1, 15, (cores, size))
    routes = (np.sort(rng.integers(0, _SOURCES, 60)), *(rng.integers(0, n, 60) for n in (cores, size, 20)))
    return TrueNorthMachine(
        columns,
        rows,
        {name: value(name) for name in PARAMETERS},
        rng.random((cores, size, size)) < rng.choice([0.05, 0.5]),
        rng.integers(0, 4, (cores, size)),
        np.stack((to_x - here % columns, to_y - here // columns, axon, t), axis=-1),
        rng.integers(1, 2**32, cores),
        rng.permutation(cores * size)[: cores * size // 2],
        np.column_stack(routes),
        _SOURCES,
    )


def hits(machine: TrueNorthMachine, inputs: MachineInputs, record: MachineRecord) -> Counter[str]:
    """What the run has met, from its record."""
    p = {name: value[machine.outputs] for name, value in machine.population.values.items()}
    v = record.states["v"]
    found: Counter[str] = Counter()
    fired = record.spikes[:, 1]
    for gamma, kappa in _MODES:
        chosen = (p["reset_mode"] == gamma) & (p["saturating"] == kappa)
        found[f"fires, reset mode {gamma}, saturating {kappa}"] = int(chosen[fired].sum())
    for c, epsilon in product(range(2), range(2)):
        chosen = (p["stochastic_leak"] == c) & (p["leak_reversal"] == epsilon) & (p["leak"] != 0)
        found[f"leak, stochastic {c}, reversal {epsilon}, fires"] = int(chosen[fired].sum())
    after = v[record.spikes[:, 0], fired]
    found["random threshold, fires"] = int(np.count_nonzero(p["random_bits"][fired]))
    found["stochastic weights, fires"] = int(p["stochastic_weights"][fired].any(axis=1).sum())
    draws = any(p[name].any() for name in ("random_bits", "stochastic_leak", "stochastic_weights"))
    found["no draw on the chip"] = int(not draws)
    found["threshold met exactly (linear reset to 0)"] = int(((p["reset_mode"][fired] == 1) & (after == 0)).sum())
    found["stopped at the floor"] = int(((v == -p["floor"]) & (p["saturating"] == 1) & (p["floor"] > 0)).sum())
    found["at the upper rail"] = int((v == POTENTIAL.max).sum())
    found["at the lower end of the resets"] = int((v == -POTENTIAL.max).sum())
    found["below the floor without a reset"] = int(((v < -p["floor"]) & (p["reset_mode"] == 2)).sum())
    found["spikes merged"], found["spikes left the grid"] = record.counters["merged"], record.counters["left"]
    return found
