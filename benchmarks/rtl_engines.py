"""Speed of the RTL simulators: neuron updates per second of processor time, start-up and build apart.

    python benchmarks/rtl_engines.py [--neurons 256] [--ticks 400] [--json]

Two runs of different length on one build: their difference is the speed, what remains is the start-up. Processor time
of all processes, not elapsed time, so that other work on the machine does not count.
"""

from __future__ import annotations

import argparse
import json
import resource
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from golden import integer
from golden.integer import TickInputs
from golden.neurons.lif_fixed import FixedLIF, LIFFormat
from sim_harness.rtl import BACK_ENDS, RtlDesign, back_end, first_divergence

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim_harness.rtl import RtlRecord


def _case(neurons: int, ticks: int) -> tuple[FixedLIF, TickInputs]:
    """The default core with exponential synapses; 16 new currents and 16 input spikes a tick."""
    values = {"decay": 64_000, "syn_decay": 55_000, "v_th": 2_000, "v_reset": 0, "t_ref": 3}
    lif = FixedLIF(LIFFormat(synapse="exponential"), neurons, {k: np.array(v) for k, v in values.items()})
    rng = np.random.default_rng(1)
    at = np.repeat(np.arange(ticks), 16)
    tables = [np.column_stack((at, rng.integers(0, neurons, at.size), rng.integers(-200, 400, at.size))) for _ in "ce"]
    return lif, TickInputs(ticks, neurons, *tables)


def _processor_time() -> float:
    """Seconds that this process and its finished children have used."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _timed(run: Callable[[], RtlRecord]) -> tuple[float, RtlRecord]:
    start = _processor_time()
    record = run()
    return _processor_time() - start, record


def measure(engine: str, neurons: int, ticks: int) -> dict[str, float | str]:
    """Seconds and updates a second of one engine; asserts that what it computes is right."""
    simulator = back_end(engine)
    stimuli = {length: _case(neurons, length) for length in (1, max(2, ticks // 10), ticks)}
    design = RtlDesign(stimuli[1][0])
    seconds = []
    for lif, inputs in stimuli.values():
        spent, record = _timed(partial(simulator.run, design, inputs))
        assert first_divergence(integer.run(lif, inputs), record, lif, inputs) is None
        seconds.append(spent)
    first, short, long = seconds
    rate = neurons * (ticks - max(2, ticks // 10)) / (long - short)
    return {
        "engine": engine,
        "first run [s]": first,
        "start-up [s]": max(0.0, long - neurons * ticks / rate),
        "updates/s": rate,
        "updates/s with start-up": neurons * ticks / long,
    }


def main() -> None:
    """Measure all engines and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--neurons", type=int, default=256)
    parser.add_argument("--ticks", type=int, default=400)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    # The fast engine needs a longer run to be measured at all, the slow one a shorter.
    length = {"cxxrtl": 20, "amaranth": 0.25}
    rows = [
        measure(name, options.neurons, max(20, int(options.ticks * length.get(name, 1)))) for name in sorted(BACK_ENDS)
    ]
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        print("  ".join(f"{key} {value if isinstance(value, str) else f'{value:,.2f}'}" for key, value in row.items()))


if __name__ == "__main__":
    main()
