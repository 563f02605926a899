"""How the stepped engine scales: time per step and bytes, from 10^3 to 10^6 neurons.

    python benchmarks/scaling.py [--neurons 1000 10000 100000 1000000] [--degree 10] [--json]

Two networks of each size at dt = 0.1 ms on one core: neurons with white noise alone, and the same neurons with
``degree`` random synapses each, delays of 1 to 2 ms and weights drawn one by one. Processor time of the loop; bytes are
those of the arrays at their largest, of neurons without synapses, and of the rows of synapses as they are delivered.
"""

from __future__ import annotations

import argparse
import json
import time
import tracemalloc

import numpy as np
from nest_peer import Stopwatch

from golden.delivery import Delivery
from golden.network import Network
from golden.neurons.lif import LIFNeuron
from golden.noise import WhiteNoise
from golden.stepped import simulate
from golden.stepping import CHUNK
from golden.stimulus import constant
from golden.synapses import Synapses, fixed_in_degree

DT = 1e-4
NEURON = LIFNeuron.from_tau(tau_m=20e-3, R=1e8, E_L=15e-3, V_th=20e-3, V_reset=10e-3, t_ref=2e-3)
NOISE = WhiteNoise(5e-3, 1)


def connected(neurons: int, degree: int) -> Network:
    """Random synapses with weights and delays of their own."""
    drawn = fixed_in_degree(neurons, neurons, degree, 1.0, 1.0, 1)
    rng = np.random.default_rng(2)
    weight = rng.normal(0.0, 1e-4 * float(NEURON.C_m), len(drawn))
    return Network(NEURON, neurons, 0, Synapses(drawn.pre, drawn.post, weight, rng.uniform(1e-3, 2e-3, len(drawn))))


def per_step(network: Network, chunks: int) -> float:
    """Seconds of processor time a step, from the second chunk on."""
    watch = Stopwatch()
    stimulus = constant(network.size, ((chunks + 1) * CHUNK + 1) * DT, 0.0)
    simulate(network, stimulus, DT, noise=NOISE, loop="compiled", progress=watch)
    return watch.seconds / (chunks * CHUNK)


def peak_bytes(network: Network) -> int:
    """Largest sum of the arrays of a short run."""
    tracemalloc.start()
    simulate(network, constant(network.size, 2 * DT, 0.0), DT, noise=NOISE, loop="compiled")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def measure(neurons: int, degree: int) -> dict[str, float]:
    """One row of the table."""
    alone, chunks = Network(NEURON, neurons), max(1, 50_000_000 // (neurons * CHUNK))
    start = time.process_time()
    network = connected(neurons, degree)
    rows = Delivery.of(network.synapses, neurons, neurons, DT)
    build = time.process_time() - start
    step, with_synapses = per_step(alone, chunks), per_step(network, chunks)
    return {
        "neurons": neurons,
        "step [us]": step * 1e6,
        "a neuron [ns]": step / neurons * 1e9,
        "bytes a neuron": peak_bytes(alone) / neurons,
        "synapses": len(network.synapses),
        "build [s]": build,
        "step with synapses [us]": with_synapses * 1e6,
        "a neuron with synapses [ns]": with_synapses / neurons * 1e9,
        "bytes a synapse": rows.nbytes / len(network.synapses),
    }


def main() -> None:
    """Measure all sizes and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--neurons", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--degree", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    for network in (Network(NEURON, 1), connected(2, 1)):
        per_step(network, 1)  # compiled, or read from the cache
    rows = [measure(neurons, options.degree) for neurons in options.neurons]
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        print("  ".join(f"{key} {value:,.4g}" for key, value in row.items()))


if __name__ == "__main__":
    main()
