"""How much memory an ngspice worker gains by decks, and what replacing it after so many of them makes of that.

    python benchmarks/analog_memory.py [--runs 1000] [--json]

The same deck again and again in one worker: resident memory after each run, against that after the 20th.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np

from analog import AnalogSettings, ngspice
from analog.bench import constant, transient
from analog.neurons.ota import OtaNeuron
from analog.ngspice import DECKS_PER_WORKER, Pool
from analog.simulation import build
from analog.technology import Process
from analog.worker import Answer, Job, resident
from golden import stimulus
from golden.errors import SimulationError
from golden.network import Network
from golden.neurons.lif import LIFNeuron
from sim_harness import toolchain

if TYPE_CHECKING:
    from analog.netlist import Netlist

#: Runs before the first look: libraries, caches and the allocator's own store fill up.
WARM_UP = 20
#: [MB] by which 1,000 runs may grow.
LIMIT = 5.0


@dataclass(frozen=True)
class Result:
    """Resident memory [MB] after the warm-up, and the most that it grew by afterwards; [ms] of CPU a run.

    per_worker   decks after which a worker is replaced; None for never
    """

    deck: str
    runs: int
    per_worker: int | None
    resident: float
    growth: float
    cpu_ms: float


def decks() -> dict[str, Netlist]:
    """A neuron of each kind that fires a few times."""
    neuron = LIFNeuron.from_tau(tau_m=15e-3, R=1e8, E_L=-65e-3, V_th=-50e-3, V_reset=-70e-3, t_ref=2e-3)
    drive = stimulus.constant(1, 0.05, 2 * float(neuron.rheobase))
    made = {}
    for variant in ("xspice", "xspice_free"):
        (circuit,) = build(Network(neuron), drive, AnalogSettings(variant=variant))
        made[f"ideal, {variant}"] = circuit.netlist
    for technology in ("sky130", "gf180"):
        made[technology] = transient(OtaNeuron(Process(technology)), (constant(2e-7),), 5e-6)
    return made


def measure(
    name: str,
    netlist: Netlist,
    runs: int,
    per_worker: int | None,
    look: Callable[[Mapping[str, Any]], int] = resident,
) -> Result:
    """Run ``netlist`` in one worker; ``look`` gives [bytes] of the process that it is called in."""
    sizes, seconds = np.zeros(runs), 0.0

    def consume(index: int, answer: Answer) -> None:
        nonlocal seconds
        if answer.error:
            raise SimulationError(f"Run {index}: {answer.error}")
        sizes[index] = answer.value / 1e6
        seconds += answer.seconds

    with mock.patch.object(ngspice, "DECKS_PER_WORKER", runs + 1 if per_worker is None else per_worker):
        pool = Pool(toolchain.ngspice_setup(), 1)
        try:
            pool.run([Job(netlist.text(), netlist.saved, look)] * runs, consume)
        finally:
            pool.close()
    after = sizes[WARM_UP:]
    return Result(name, runs, per_worker, float(after[0]), float(after.max() - after[0]), 1e3 * seconds / runs)


def main() -> int:
    """Print the table; exit code 1 when a row grows by more than 5 MB for 1,000 runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000, help="runs per row (default 1000)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    rows = [
        measure(name, netlist, arguments.runs, per_worker)
        for name, netlist in decks().items()
        for per_worker in (None, DECKS_PER_WORKER)
    ]
    if arguments.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        print(
            f"{'deck':20} {'runs':>6} {'worker replaced':>16} {'resident MB':>12} {'growth MB':>10} {'CPU ms/run':>11}"
        )
        for row in rows:
            replaced = "never" if row.per_worker is None else f"after {row.per_worker}"
            print(
                f"{row.deck:20} {row.runs:6} {replaced:>16} {row.resident:12.1f} {row.growth:10.2f} {row.cpu_ms:11.2f}"
            )
    return int(any(row.growth > LIMIT * max(1.0, row.runs / 1000) for row in rows))


if __name__ == "__main__":
    sys.exit(main())
