"""SpiNNaker in software: neuron updates per second in every arithmetic, memory of a synapse, time to build a network.

    python benchmarks/spinnaker_updates.py [--neurons 10000] [--synapses 10000000] [--ticks 2000] [--json]

The speed is that of the difference between a long and a short run, in processor time, without start-up and compilation.
Neurons are driven around threshold, and receive input spikes through their synapses in the run that is called ``with
synapses``. NumPy runs the same machine in the same process; both give the same spikes, which is checked.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from golden import synapses
from golden.machines.run import MachineInputs
from golden.network import Network
from golden.neurons.lif import LIFNeuron
from golden.neurons.spinnaker import ARITHMETICS
from mapping.spinnaker import place

if TYPE_CHECKING:
    from golden.machines.spinnaker import SpiNNakerMachine
    from mapping.placed import Placed

DT = 1e-3
NEURON = LIFNeuron.from_tau(tau_m=0.02, R=40e6, E_L=-0.065, V_th=-0.05, V_reset=-0.065, t_ref=0.002, tau_syn=0.005)


def _inputs(size: int, ticks: int, sources: int = 0) -> MachineInputs:
    """Currents of 0.3 to 0.6 nA, threshold is at 0.375 nA; every source fires in a tick in 100."""
    rng = np.random.default_rng(1)
    neurons = np.arange(size)
    currents = np.column_stack((0 * neurons, neurons, rng.integers(9830, 19660, size)))
    spikes = np.argwhere(rng.random((ticks, sources)) < 0.01) if sources else np.empty((0, 2), dtype=np.int64)
    return MachineInputs(ticks, size, sources, spikes, currents)


def _seconds(machine: SpiNNakerMachine, inputs: MachineInputs, how: str) -> tuple[float, Any]:
    start = time.process_time()
    record = getattr(machine, how)(inputs)
    return time.process_time() - start, record


def _rate(machine: SpiNNakerMachine, ticks: int, how: str, sources: int = 0) -> float:
    """Neuron updates a second; the best of three."""
    short, long = (_inputs(machine.neurons.size, n, sources) for n in (max(2, ticks // 10), ticks))
    _seconds(machine, short, how)  # compiles
    spent = min(_seconds(machine, long, how)[0] - _seconds(machine, short, how)[0] for _ in range(3))
    return machine.neurons.size * (long.ticks - short.ticks) / spent


def updates(neurons: int, ticks: int) -> list[dict[str, Any]]:
    """Every arithmetic, compiled and in NumPy."""
    rows = []
    for arithmetic in ARITHMETICS:
        machine: Any = place(Network(NEURON, neurons), DT, arithmetic=arithmetic).image.machine
        few = _inputs(neurons, 50)
        assert np.array_equal(machine.run(few).spikes, machine.run_numpy(few).spikes)
        compiled = _rate(machine, ticks, "run")
        by_numpy = _rate(machine, max(20, ticks // 40), "run_numpy")
        rows.append({"arithmetic": arithmetic, "updates/s": compiled, "NumPy": by_numpy, "ratio": compiled / by_numpy})
    return rows


def build(neurons: int, count: int) -> tuple[dict[str, Any], Placed]:
    """A random network of so many synapses: seconds of placing it, bytes of a synapse."""
    table = synapses.fixed_in_degree(neurons, neurons, max(1, count // neurons), 1e-11, DT, 1)
    rng = np.random.default_rng(2)
    weights, delays = rng.normal(0, 2e-11, len(table)), rng.integers(1, 16, len(table)) * DT
    network = Network(NEURON, neurons, 0, synapses.sparse(table.pre, table.post, weights, delays))
    few = Network(NEURON, 300, 0, synapses.random(300, 300, 0.1, weights[:1][0], DT, 1))
    place(few, DT, rounding="nearest")  # compiles
    start = time.process_time()
    placed = place(network, DT, rounding="nearest")
    spent = time.process_time() - start
    placement = placed.placement
    row = {"neurons": neurons, "synapses": placement.synapses, "build [s]": spent, "cores": placement.cores}
    row |= {"bytes/synapse": placement.synapse_bytes / placement.synapses, "grid": placement.grid}
    return row | {"routing entries": placement.usage[2].to_dict()["largest"]}, placed


def main() -> None:
    """Measure and print tables, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--neurons", type=int, default=10_000)
    parser.add_argument("--synapses", type=int, default=10_000_000)
    parser.add_argument("--ticks", type=int, default=2_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    results: dict[str, list[dict[str, Any]]] = {"updates": updates(options.neurons, options.ticks)}
    row, placed = build(options.neurons, options.synapses)
    machine: Any = placed.image.machine
    few = _inputs(options.neurons, max(20, options.ticks // 20))
    spent, record = _seconds(machine, few, "run")
    events = record.counters["synaptic events"]
    results["build"] = [row]
    results["with synapses"] = [{"events": events, "seconds": spent, "events/s": events / spent if events else 0.0}]
    results["scaling"] = []
    for size in (1_000, 10_000, 100_000, 1_000_000):
        alone: Any = place(Network(NEURON, size), DT).image.machine
        rate = _rate(alone, max(20, options.ticks * options.neurons // (4 * size)), "run")
        results["scaling"].append({"neurons": size, "updates/s": rate})
    if options.json:
        print(json.dumps(results, indent=2))
        return
    for title, rows in results.items():
        print(title)
        for line in rows:
            shown = (
                f"{key} {value:,.3g}" if isinstance(value, float) else f"{key} {value}" for key, value in line.items()
            )
            print("  " + "  ".join(shown))


if __name__ == "__main__":
    main()
