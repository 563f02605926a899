"""Speed of Brunel's network, ours and NEST's, in synaptic events per second of processor time.

    python benchmarks/brunel.py [--chunks 8] [--nest-python PYTHON] [--json]

Brunel, J. Comput. Neurosci. 8 (2000), model A: 10,000 excitatory and 2,500 inhibitory neurons, 1,000 and 250 synapses
from them to each, jumps of 0.1 mV and g = 5 times that, delay 1.5 ms, external spikes at twice the rate that takes the
mean to threshold: asynchronous irregular. Every synapse has a weight and a delay of its own in memory. An event is a
spike through one recurrent synapse; external spikes are not counted. One core, dt = 0.1 ms.

Rates are compared before a ratio is printed. Building, compiling and the first 102.4 ms are not timed on either side.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

import numpy as np
from nest_peer import Stopwatch, rate_error, run_nest, verdict

from golden.network import Network, Population, Projection
from golden.neurons.lif import LIFNeuron
from golden.noise import PoissonNoise
from golden.stepped import simulate
from golden.stepping import CHUNK
from golden.stimulus import constant
from golden.synapses import Synapses, fixed_in_degree

DT = 1e-4
EXCITATORY, INHIBITORY = 10_000, 2_500
IN_DEGREES = 1_000, 250
JUMP, G, DELAY = 1e-4, 5.0, 1.5e-3
#: External spikes per second of each neuron: twice V_th / (J tau).
DRIVE = 2 * 20e-3 / (JUMP * 20e-3)
NEURON = LIFNeuron.from_tau(tau_m=20e-3, R=1e8, E_L=0.0, V_th=20e-3, V_reset=10e-3, t_ref=2e-3)
CHARGE = JUMP * float(NEURON.C_m)


def network(seed: int) -> Network:
    """Both populations and their four projections; weights and delays as columns, one value for each synapse."""
    sizes = {"excitatory": EXCITATORY, "inhibitory": INHIBITORY}
    weights = {"excitatory": CHARGE, "inhibitory": -G * CHARGE}
    projections = []
    for (source, count), degree in zip(sizes.items(), IN_DEGREES, strict=True):
        for target, size in sizes.items():
            seed += 1
            drawn = fixed_in_degree(count, size, degree, weights[source], DELAY, seed)
            own = Synapses(drawn.pre, drawn.post, np.array(drawn.weight), np.array(drawn.delay))
            projections.append(Projection(source, target, own))
    return Network.of([Population(name, size, NEURON) for name, size in sizes.items()], projections)


def ours(chunks: int, seed: int) -> dict[str, Any]:
    """Events per second over ``chunks`` of 1024 steps after the first, and the rate over the same time."""
    start = time.process_time()
    brunel = network(100 * seed)
    watch, size = Stopwatch(), brunel.size
    drive = PoissonNoise(DRIVE, CHARGE, seed)
    trace = simulate(
        brunel, constant(size, ((chunks + 1) * CHUNK + 1) * DT, 0.0), DT, noise=drive, loop="compiled", progress=watch
    )
    begin, duration = CHUNK * DT, chunks * CHUNK * DT
    parts, _ = np.histogram(trace.spikes[:, 0], np.linspace(begin, begin + duration, 11))
    return {
        "synaptic events/s": int(parts.sum()) * sum(IN_DEGREES) / watch.seconds,
        "seconds per second": watch.seconds / duration,
        "build [s]": watch.times[0] - start,
        "rate [Hz]": int(parts.sum()) / size / duration,
        "error [Hz]": rate_error(parts.tolist(), size, duration),
    }


def nest_case(chunks: int, seed: int) -> dict[str, Any]:
    """The same network in NEST's units."""
    return {
        "kind": "brunel", "seed": seed, "warm": CHUNK * DT * 1e3, "duration": chunks * CHUNK * DT * 1e3,
        "excitatory": EXCITATORY, "inhibitory": INHIBITORY, "in_degrees": IN_DEGREES,
        "jump": JUMP * 1e3, "g": G, "delay": DELAY * 1e3, "drive": DRIVE,
        "parameters": {
            "tau_m": 20.0, "C_m": 200.0, "E_L": 0.0, "V_m": 0.0, "V_th": 20.0, "V_reset": 10.0, "t_ref": 2.0,
        },
    }  # fmt: skip


def main() -> None:
    """Measure both and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chunks", type=int, default=8, help="of 102.4 ms of biological time each")
    parser.add_argument("--nest-python", default=sys.executable, help="the interpreter in which NEST is installed")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    run = ours(options.chunks, 1)
    row = run | verdict(run, run_nest(options.nest_python, nest_case(options.chunks, 1)), "synaptic events/s")
    if options.json:
        print(json.dumps(row, indent=2))
        return
    for key, value in row.items():
        print(f"{key:32} {value if isinstance(value, str) else f'{value:,.6g}'}")


if __name__ == "__main__":
    main()
