"""Speed of noisy LIF neurons without synapses, ours and NEST's, in neuron updates per second of processor time.

    python benchmarks/noisy_lif.py [--neurons 1000 10000 100000] [--nest-python PYTHON] [--json]

White noise on the membrane, dt = 0.1 ms, one core. NEST (pip install axonhillock[peers]) simulates the same neuron with
a noise_generator whose current is constant over a step, which is the same law on the grid. Rates are compared before a
ratio is printed. Building, compiling and the first 102.4 ms, in which the rate settles, are not timed on either side.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from typing import Any

import numpy as np
from nest_peer import Stopwatch, rate_error, run_nest, verdict

from golden.network import Network
from golden.neurons.lif import LIFNeuron
from golden.noise import WhiteNoise
from golden.stepped import simulate
from golden.stepping import CHUNK
from golden.stimulus import constant

DT = 1e-4
#: Brunel's neuron, at rest at 15 mV, with a noise of 5 mV: 9.5 Hz in continuous time (Siegert).
NEURON = LIFNeuron.from_tau(tau_m=20e-3, R=1e8, E_L=15e-3, V_th=20e-3, V_reset=10e-3, t_ref=2e-3)
SIGMA = 5e-3


def ours(neurons: int, chunks: int, seed: int) -> dict[str, Any]:
    """Updates per second over ``chunks`` of 1024 steps after the first, and the rate over the same time."""
    steps = (chunks + 1) * CHUNK + 1
    watch = Stopwatch()
    trace = simulate(
        Network(NEURON, neurons), constant(neurons, steps * DT, 0.0), DT,
        noise=WhiteNoise(SIGMA, seed), loop="compiled", progress=watch,
    )  # fmt: skip
    begin, duration = CHUNK * DT, chunks * CHUNK * DT
    parts, _ = np.histogram(trace.spikes[:, 0], np.linspace(begin, begin + duration, 11))
    return {
        "updates/s": neurons * chunks * CHUNK / watch.seconds,
        "rate [Hz]": int(parts.sum()) / neurons / duration,
        "error [Hz]": rate_error(parts.tolist(), neurons, duration),
    }


def nest_case(neurons: int, chunks: int, seed: int) -> dict[str, Any]:
    """The same neuron in NEST's units; its current noise gives the same kick per step."""
    leak = math.exp(-DT / 20e-3)
    kick = SIGMA * math.sqrt((1 - leak**2) / 2)
    return {
        "kind": "noisy", "neurons": neurons, "seed": seed,
        "warm": CHUNK * DT * 1e3, "duration": chunks * CHUNK * DT * 1e3,
        "std": kick / (1e8 * (1 - leak)) * 1e12,
        "parameters": {
            "tau_m": 20.0, "C_m": 200.0, "E_L": 15.0, "V_m": 15.0, "V_th": 20.0, "V_reset": 10.0, "t_ref": 2.0,
        },
    }  # fmt: skip


def measure(neurons: int, repeats: int, nest_python: str) -> dict[str, Any]:
    """One row of the table: the fastest of ``repeats`` runs on either side."""
    ours(1, 1, 0)  # compiled, or read from the cache
    runs = [ours(neurons, max(4, 200_000_000 // (neurons * CHUNK)), seed) for seed in range(1, repeats + 1)]
    peers = [
        run_nest(nest_python, nest_case(neurons, max(1, 20_000_000 // (neurons * CHUNK)), seed))
        for seed in range(1, repeats + 1)
    ]
    best = max(runs, key=lambda run: run["updates/s"])
    found = [peer for peer in peers if peer is not None]
    fastest = max(found, key=lambda peer: peer["updates/s"]) if found else None
    return {"neurons": neurons, **best, **verdict(best, fastest, "updates/s")}


def main() -> None:
    """Measure all sizes and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--neurons", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--nest-python", default=sys.executable, help="the interpreter in which NEST is installed")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = [measure(neurons, options.repeats, options.nest_python) for neurons in options.neurons]
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        print("  ".join(f"{key} {value if isinstance(value, str) else f'{value:,.6g}'}" for key, value in row.items()))


if __name__ == "__main__":
    main()
