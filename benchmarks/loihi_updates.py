"""Compartment updates per second of recurrently connected Loihi compartments, and the cost of building them.

One core of 1024 compartments, 10 % connected, driven to about 1 % of them firing in a tick; the compiled loop, synapses
included, beside the NumPy loop and the plain ints on the same network in the same run, whose records must be equal.
Then 10^7 synapses: the synapse memory from a table, and a network in SI units placed on cores. Processor time.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from golden import synapses
from golden.machines.loihi import LoihiMachine
from golden.machines.run import MachineInputs
from golden.network import Network
from golden.neurons.lif import LIFNeuron
from golden.neurons.loihi import LoihiCompartments
from mapping.loihi import place

if TYPE_CHECKING:
    from collections.abc import Callable

    from golden.machines.run import MachineRecord


def recurrent(size: int, fan_out: int, compat: Any) -> tuple[LoihiMachine, np.ndarray[Any, Any]]:
    """The machine and its bias currents: rows (tick, neuron, mantissa)."""
    rng, count = np.random.default_rng(1), size * fan_out
    values = {"du": 819, "dv": 200, "vth": 300, "bias_exp": 6}
    compartments = LoihiCompartments(size, {name: np.asarray(value) for name, value in values.items()}, compat)
    table = (
        np.repeat(np.arange(size), fan_out),
        rng.integers(0, size, count),
        rng.integers(0, 63, count),
        rng.integers(-80, 20, count),
    )
    cores = np.append(np.arange(0, size, 1024), size)
    bias = np.column_stack((np.zeros(size), np.arange(size), rng.integers(60, 120, size))).astype(np.int64)
    return LoihiMachine.connected(compartments, 0, cores, table), bias


def _timed(job: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = job()
    return time.process_time() - start, result


def updates(size: int, fan_out: int, ticks: int, compat: Any) -> dict[str, float | str]:
    """Rates of the three loops on one network; asserts that they agree."""
    machine, bias = recurrent(size, fan_out, compat)

    def given(count: int) -> MachineInputs:
        return MachineInputs(count, size, 0, np.empty((0, 2), dtype=np.int64), bias)

    machine.run(given(1))  # compiled, or read from the cache
    few, fewest = max(1, ticks // 40), max(1, ticks // 800)
    compiled, record = min((_timed(lambda: machine.run(given(ticks))) for _ in range(3)), key=lambda timed: timed[0])
    arrays, of_arrays = _timed(lambda: machine.run_numpy(given(few)))
    ints, of_ints = _timed(lambda: machine.run_scalar(given(fewest)))
    _check(record, of_arrays, few)
    _check(record, of_ints, fewest)
    return {
        "compat": compat,
        "updates/s": size * ticks / compiled,
        "synaptic events/update": len(record.spikes) * fan_out / (size * ticks),
        "fired in a tick": len(record.spikes) / (size * ticks),
        "to NumPy": (arrays / few) / (compiled / ticks),
        "to ints": (ints / fewest) / (compiled / ticks),
    }


def _check(whole: MachineRecord, part: MachineRecord, ticks: int) -> None:
    assert np.array_equal(whole.spikes[whole.spikes[:, 0] < ticks], part.spikes)


def builds(size: int, count: int) -> dict[str, float]:
    """Seconds for ``count`` synapses among ``size`` neurons, and bytes of memory for each."""
    rng = np.random.default_rng(2)
    pre, post = (rng.integers(0, size, count, dtype=np.int32) for _ in range(2))
    delay = rng.integers(0, 63, count)
    table = (pre, post, delay, rng.integers(-255, 256, count))
    compartments = LoihiCompartments(size, {})
    cores = np.append(np.arange(0, size, 1024), size)
    LoihiMachine.connected(compartments, 0, cores, tuple(column[:100] for column in table))
    memory, machine = _timed(lambda: LoihiMachine.connected(compartments, 0, cores, table))
    neuron = LIFNeuron.from_tau(tau_m=0.02, R=1e7, E_L=-0.065, V_th=-0.05, V_reset=-0.065, t_ref=0.002, tau_syn=0.005)
    wires = synapses.sparse(pre, post, rng.uniform(0, 1e-10, count), 1e-3 * np.maximum(delay, 1))
    few = synapses.sparse(pre[:100], post[:100], wires.weight[:100], wires.delay[:100])
    place(Network(neuron, size, 0, few), 1e-3, rounding="nearest")
    whole, placed = _timed(lambda: place(Network(neuron, size, 0, wires), 1e-3, rounding="nearest"))
    return {
        "neurons": size,
        "synapses": count,
        "synapse memory [s]": memory,
        "bytes/synapse": machine.memory / count,
        "placed on cores [s]": whole,
        "cores": placed.placement.cores,
        "bytes/synapse on these cores": placed.image.machine.memory / count,  # type: ignore[attr-defined]
    }


def scaling(neurons: int, ticks: int) -> dict[str, float]:
    """Updates a second of N compartments with 16 synapses each."""
    machine, bias = recurrent(neurons, 16, "loihi")
    given = MachineInputs(ticks, neurons, 0, np.empty((0, 2), dtype=np.int64), bias)
    seconds, record = _timed(lambda: machine.run(given))
    return {
        "neurons": neurons,
        "updates/s": neurons * ticks / seconds,
        "synaptic events/update": 16 * len(record.spikes) / (neurons * ticks),
    }


def main() -> None:
    """Measure, and print tables or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--neurons", type=int, default=1024)
    parser.add_argument("--fan-out", type=int, default=102)
    parser.add_argument("--ticks", type=int, default=8000)
    parser.add_argument("--synapses", type=int, default=10_000_000)
    parser.add_argument("--largest", type=int, default=1_000_000, help="compartments of the largest machine")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    compats = ("loihi", "lava-0.10", "nengo-loihi-1.1", "brian2-loihi-0.5")
    results = {
        "updates": [updates(options.neurons, options.fan_out, options.ticks, compat) for compat in compats],
        "builds": [builds(size, options.synapses) for size in (2_000, 4_000, 10_000)],
        "scaling": [
            scaling(size, max(50, 4_000_000 // size))
            for size in (1_000, 10_000, 100_000, 1_000_000)
            if size <= options.largest
        ],
    }
    if options.json:
        print(json.dumps(results, indent=2))
        return
    for rows in results.values():
        for row in rows:
            print("  ".join(f"{k} {v if isinstance(v, str) else f'{v:,.4g}'}" for k, v in row.items()))


if __name__ == "__main__":
    main()
