"""Random operating points of the SKY130 neuron: every run completes, passes its checks, and is where its twin says.

    python benchmarks/analog_reliability.py                     40 points (about three minutes)
    python benchmarks/analog_reliability.py --points 8          a few
    python benchmarks/analog_reliability.py --default-options   ngspice's own options instead: seen to fail

Each point is a neuron drawn at random (time constant, potentials, refractory period, corner, temperature, supply,
mismatch) and three constant currents that its twin was not fitted on.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from analog.fitting import fitted, measure
from analog.neurons.ota import OtaNeuron
from analog.ngspice import pool
from analog.settings import SolverOptions
from analog.technology import Process
from golden.errors import SimulationError
from golden.twins.fit import errors
from sim_harness import toolchain

#: ngspice's own: what `.options` leaves alone.
DEFAULTS = SolverOptions(method="trap", chgtol=1e-14, trtol=7.0, reltol=1e-3, abstol=1e-12)


@dataclass(frozen=True)
class UnderDefaults:
    """A circuit with ngspice's own options."""

    circuit: Any
    solver: SolverOptions = DEFAULTS

    def __getattr__(self, name: str) -> Any:
        return getattr(self.circuit, name)


def neuron(rng: np.random.Generator, number: int) -> OtaNeuron:
    """A random neuron: all that a user may set, over the technology's range."""
    process = Process(
        "sky130",
        corner=str(rng.choice(["tt", "ff", "ss", "sf", "fs"])),
        celsius=float(rng.uniform(-20, 85)),
        supply=float(rng.uniform(1.7, 1.9)),
        mismatch=number,
    )
    reset = float(rng.uniform(0.4, 0.6))
    threshold = reset + float(rng.uniform(0.2, 0.5))
    return OtaNeuron(
        process,
        I_leak=float(np.exp(rng.uniform(np.log(2e-9), np.log(100e-9)))),
        V_reset=reset,
        V_th=threshold,
        V_leak=reset + float(rng.uniform(0.1, 0.6)) * (threshold - reset),
        I_ref=float(np.exp(rng.uniform(np.log(10e-9), np.log(400e-9)))),
        I_cmp=float(rng.uniform(0.5e-6, 1.5e-6)),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--default-options", action="store_true")
    arguments = parser.parse_args()
    workers, rng = pool(toolchain.ngspice_setup(), None), np.random.default_rng(arguments.seed)
    began, worst, failed, silent = time.perf_counter(), [], 0, 0
    for number in range(1, arguments.points + 1):
        circuit: Any = neuron(rng, number)
        low, high = circuit.drives
        held = np.exp(rng.uniform(np.log(low), np.log(high), 3))
        try:
            twin = fitted(workers, circuit).twin
            probe = UnderDefaults(circuit) if arguments.default_options else circuit
            seen = measure(workers, probe, held, 1.2 * twin.periods(held))
        except SimulationError as error:
            failed += 1
            print(f"point {number}: {error}")
            continue
        silent += int((~np.isfinite(seen.periods)).sum())
        fires = np.isfinite(seen.periods)
        worst.append(float(np.abs(errors(twin, held[fires], seen.periods[fires])).max(initial=0.0)))
    found = np.array(worst)
    seconds = time.perf_counter() - began
    print(f"{arguments.points} points: {failed} did not complete, {silent} runs silent ({seconds:.0f} s)")
    print(f"twin off by {100 * found.max():.3f} % at most, {100 * np.sqrt(np.mean(found**2)):.3f} % rms;")
    print(f"{int((found > 3e-3).sum())} points beyond 0.3 %, {int((found > 1e-2).sum())} beyond 1 %")


if __name__ == "__main__":
    main()
