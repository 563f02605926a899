"""Speed of the TrueNorth chip: neuron updates per second of processor time, dense, sparse and stochastic.

    python benchmarks/truenorth_updates.py [--cores 64] [--ticks 1000] [--json]

64 cores of 256 neurons, half-full crossbars, spikes to random axons of random cores with random delays; every neuron
with its own weights, thresholds and reset mode. A constant drive (the leak) makes each neuron fire in a given part of
the ticks, as the other neurons' weights are as often negative. The compiled loop is compared with NumPy on the same
chip (fewer ticks).
"""

from __future__ import annotations

import argparse
import json
import math
import time
from typing import Any

import numpy as np

from golden.machines.run import MachineInputs
from golden.machines.truenorth import TrueNorthMachine


def chip(cores: int, activity: float, rng: np.random.Generator, *, stochastic: bool) -> TrueNorthMachine:
    """Neurons that fire in about ``activity`` of the ticks."""
    size, width = 256, math.isqrt(cores)
    drive = 5
    values: dict[str, Any] = {
        "weights": rng.integers(-2, 3, (cores, size, 4)),
        "leak": np.full((cores, size), drive),
        "threshold": np.rint(drive / activity * rng.uniform(0.8, 1.25, (cores, size))),
        "floor": rng.integers(0, 500, (cores, size)),
        "reset_mode": rng.integers(0, 2, (cores, size)),
        "saturating": rng.integers(0, 2, (cores, size)),
    }
    if stochastic:
        values["stochastic_weights"] = rng.integers(0, 2, (cores, size, 4))
        values["stochastic_leak"] = rng.integers(0, 2, (cores, size))
        values["leak"] = np.where(values["stochastic_leak"], 255, drive)
        values["random_bits"] = rng.integers(0, 4, (cores, size))
    here = np.arange(cores)[:, None]
    to_x, to_y = rng.integers(0, width, (cores, size)), rng.integers(0, cores // width, (cores, size))
    axon, t = rng.integers(0, size, (cores, size)), rng.integers(0, 15, (cores, size))
    return TrueNorthMachine(
        width,
        cores // width,
        values,
        rng.random((cores, size, size)) < 0.5,
        rng.integers(0, 4, (cores, size)),
        np.stack((to_x - here % width, to_y - here // width, axon, t), axis=-1),
        rng.integers(1, 2**32, cores),
        np.arange(cores * size),
    )


def measure(machine: TrueNorthMachine, ticks: int) -> dict[str, float]:
    """Updates and synaptic events a second of the compiled loop, and how many times NumPy's."""

    def run(ticks: int) -> MachineInputs:
        return MachineInputs(ticks, machine.size, 0, np.empty((0, 2)))

    machine.run(run(1))  # compiles
    start = time.process_time()
    record = machine.run(run(ticks))
    spent = time.process_time() - start
    start = time.process_time()
    machine.run_numpy(run(20))
    slow = (time.process_time() - start) / 20
    arrived = len(record.spikes) - record.counters["merged"]
    return {
        "spikes a neuron and tick": len(record.spikes) / machine.size / ticks,
        "updates/s": machine.size * ticks / spent,
        "synaptic events/s": arrived * machine.neurons / 2 / spent,
        "us a tick and core": 1e6 * spent / ticks / machine.cores,
        "ns a synaptic event": 1e9 * spent / max(arrived * machine.neurons / 2, 1),
        "times NumPy": slow * ticks / spent,
    }


def main() -> None:
    """Measure and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cores", type=int, default=64)
    parser.add_argument("--ticks", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = []
    for stochastic in (False, True):
        for activity in (0.3, 0.1, 0.03, 0.01, 0.003, 0.001):
            machine = chip(options.cores, activity, np.random.default_rng(1), stochastic=stochastic)
            rows.append({"stochastic": stochastic, **measure(machine, options.ticks)})
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        print("  ".join(f"{key} {value if isinstance(value, bool) else f'{value:,.4g}'}" for key, value in row.items()))


if __name__ == "__main__":
    main()
