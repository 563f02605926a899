"""Random Loihi networks, of each model in turn: sums and states driven over their ends, thresholds met exactly."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, get_args

import numpy as np

from golden.machines.loihi import COUNTERS, LoihiMachine
from golden.machines.run import MachineInputs
from golden.neurons.loihi import PARAMETERS, Compat, LoihiCompartments

if TYPE_CHECKING:
    from golden.fixed import IntArray
    from golden.machines.run import MachineRecord

NAME = "loihi"
_SIZE, _TICKS, _SOURCES = 64, 100, 10
UPDATES = _SIZE * _TICKS
_COMPATS: tuple[Compat, ...] = get_args(Compat)
BINS = (
    *(f"{compat}: fires" for compat in _COMPATS),
    *(f"{compat}: threshold met exactly, not passed" for compat in _COMPATS),
    *(f"{compat}: {counter}" for compat in _COMPATS for counter in COUNTERS
      if compat != "brian2-loihi-0.5" and (compat, counter) != ("lava-0.10", COUNTERS[0])),
    "held after a spike",
    "a delay of 62",
    "a bias changed",
)  # fmt: skip


def make(number: int, rng: np.random.Generator) -> tuple[LoihiMachine, MachineInputs]:
    """64 recurrently connected compartments on three cores, half of them in everyday ranges, half at the ends."""
    compat = _COMPATS[number % len(_COMPATS)]
    extreme = rng.random(_SIZE) < 0.5

    def value(name: str) -> IntArray:
        limits = PARAMETERS[name]
        everyday = {
            "du": (500, 4095), "dv": (0, 800), "vth": (1, 300), "bias_mant": (-40, 90), "bias_exp": (0, 6),
            "refractory": (1, 6), "vmin": (-20_000, 0), "vmax": (0, limits.high),
        }[name]  # fmt: skip
        ends = rng.choice([limits.low, limits.high, int(rng.integers(limits.low, limits.high, endpoint=True))], _SIZE)
        picked: IntArray = np.where(extreme, ends, rng.integers(*everyday, _SIZE, endpoint=True))
        return np.ones_like(picked) if name == "refractory" and compat == "lava-0.10" else picked

    # Some only integrate a bias of one unit of their threshold: they meet it exactly on their way.
    steady = np.arange(_SIZE) % 8 == 0
    values = {name: value(name) for name in PARAMETERS}
    rails = {"vmin": PARAMETERS["vmin"].low, "vmax": PARAMETERS["vmax"].high}
    for name, given in {"du": 4095, "dv": 0, "bias_mant": 1, "bias_exp": 6, **rails}.items():
        values[name] = np.where(steady, given, values[name])
    values["vth"] = np.where(steady, rng.integers(2, 30, _SIZE), values["vth"])
    count = 12 * _SIZE
    post = rng.choice(np.flatnonzero(~steady), count)
    large = rng.random(count) < 0.1
    weight = np.where(large, rng.integers(-(2**15), 2**15, count), rng.integers(-40, 120, count))
    delay = np.where(rng.random(count) < 0.1, 62, rng.integers(0, 20, count))
    table = (rng.integers(0, _SIZE + _SOURCES, count), post, delay, weight)
    cores = [0, 20, 45, _SIZE]
    exponent = int(rng.integers(-3, 4)) if compat == "lava-0.10" else 0
    machine = LoihiMachine.connected(LoihiCompartments(_SIZE, values, compat), _SOURCES, cores, table, exponent)
    at = np.flatnonzero(rng.random(_TICKS * _SOURCES) < 0.15)
    others = np.flatnonzero(~steady)
    changes = (np.sort(rng.integers(0, _TICKS, 8)), rng.choice(others, 8), rng.integers(-4096, 4096, 8))
    inputs = MachineInputs(_TICKS, _SIZE, _SOURCES, np.column_stack(np.divmod(at, _SOURCES)), np.column_stack(changes))
    return machine, inputs


def hits(machine: LoihiMachine, inputs: MachineInputs, record: MachineRecord) -> Counter[str]:
    """What the run has met, from its record."""
    compat, values = machine.compartments.compat, machine.compartments.values
    found = Counter({f"{compat}: {name}": count for name, count in record.counters.items()})
    found[f"{compat}: fires"] = len(record.spikes)
    v = record.states["v"]
    found[f"{compat}: threshold met exactly, not passed"] = int((v == values["vth"] << 6).sum())
    found["held after a spike"] = int((values["refractory"][record.spikes[:, 1]] > 1).sum())
    found["a delay of 62"] = int((machine.words >> 10 & 63 == 62).any()) if len(record.spikes) else 0
    found["a bias changed"] = len(inputs.currents)
    return found
