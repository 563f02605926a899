"""How fast a TrueNorth chip's Verilog runs in CXXRTL, and how that grows with its cores; clocks a tick by lanes.

    python benchmarks/truenorth_rtl.py                 1, 4 and 12 cores of 256 x 256, 200 ticks each
    python benchmarks/truenorth_rtl.py --ticks 50      faster

The load: 10 % of the axons active, half of the crossbar's synapses there.  Core clocks: clocks of the chip times cores.
Loading the memories is not in the times.  One process.
"""

from __future__ import annotations

import argparse
import time

from rich.console import Console
from rich.table import Table

from digital.truenorth.config import CoreConfig
from sim_harness.rtl.truenorth import ChipDesign, chip_back_end
from sim_harness.rtl.truenorth.speed import clocks_per_tick, load

GRIDS = ((1, 1), (2, 2), (4, 3))


def main() -> None:
    """Build, run, and print two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ticks", type=int, default=200)
    ticks = parser.parse_args().ticks
    console = Console()
    chip = chip_back_end("cxxrtl")
    table = Table("cores", "clocks a tick", "clocks a second", "core clocks a second", "of one core's", box=None)
    alone = 0.0
    for columns, rows in GRIDS:
        seconds, clocks = [], 0
        for length in (2, ticks + 2):  # the difference has no build and no loading in it
            machine, inputs = load(columns, rows, 256, 256, length)
            if length == 2:
                chip.run(ChipDesign(machine), load(columns, rows, 256, 256, 1)[1])
            began = time.perf_counter()
            record = chip.run(ChipDesign(machine), inputs)
            seconds.append(time.perf_counter() - began)
            clocks = int(record.clocks.sum()) - clocks
        speed = clocks / (seconds[1] - seconds[0])
        cores = columns * rows
        alone = alone or speed
        table.add_row(
            str(cores),
            f"{clocks / ticks:,.0f}",
            f"{speed:,.0f}",
            f"{cores * speed:,.0f}",
            f"{cores * speed / alone:.2f}",
        )
    console.print(table)
    lanes = Table("lanes", "clocks a tick", "to one lane's", box=None)
    one = 0.0
    for count in (1, 2, 4):
        clocks_of = clocks_per_tick(CoreConfig(lanes=count), ticks)
        one = one or clocks_of
        lanes.add_row(str(count), f"{clocks_of:,.0f}", f"{clocks_of / one:.2f}")
    console.print(lanes)


if __name__ == "__main__":
    main()
