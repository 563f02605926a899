"""``hillock fpga-report``: cost and clock of the cores on FPGAs, against the committed baselines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from digital.designs import ALL
from sim_harness.cli.common import Json, engine_progress, out, print_json, table, write_text
from sim_harness.fpga import BASELINES, DEVICES, SEEDS, measure, page, save_baselines


def fpga_report(
    design: Annotated[str, typer.Option(help=f"Designs, separated by commas, or all: {', '.join(ALL)}.")] = "all",
    update: Annotated[
        bool, typer.Option("--update", help="Make the figures the new baselines, and docs/fpga.md.")
    ] = False,
    root: Annotated[Path, typer.Option(help="Checkout of Hillock, with its baselines.")] = Path(),
    json: Json = False,
) -> None:
    """Place and route the committed cores; exit 1 where one is more than 10 % worse than its baseline.

    Clock: lowest of three seeds. LUT4: of the core alone; an ECP5 carry cell counts as two, a distributed RAM as four.
    """
    names = list(ALL) if design == "all" else [name.strip() for name in design.split(",")]
    with engine_progress() as progress:
        report = measure(names, root, lambda fraction: progress("place and route", fraction), update=update)
    if update:
        save_baselines(root / BASELINES, report)
        write_text(root / "docs/fpga.md", page(root / BASELINES))
    if json:
        print_json(report.to_dict())
    else:
        rows = table("design", "device", "clock", "LUT4", "FF", "block RAM", "DSP", "ticks/s")
        for name, devices in report.figures.items():
            for device, f in devices.items():
                numbers = (str(f.lut4), str(f.ff), str(f.bram), str(f.dsp), f"{f.ticks:,}" if f.ticks else "-")
                rows.add_row(name, DEVICES[device].title, f"{f.clock:.1f} MHz", *numbers)
        out.print(rows)
        out.print(
            f"clock: lowest of {len(SEEDS)} seeds; tools: {', '.join(f'{k} {v}' for k, v in report.tools.items())}"
        )
        for name in () if update else report.unmatched:
            out.print(f"[bold yellow]no baseline[/]: {name}")
        for line in report.regressions:
            out.print(f"[bold red]worse than its baseline[/]: {line}")
    if report.regressions and not update:
        raise typer.Exit(1)
