"""``hillock tour``: the analog branch in small."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn

from sim_harness.cli.common import Json, err, out, print_json, table

SPEC, NETWORK = Path("examples/lif.toml"), Path("examples/feedforward.toml")


def tour(
    spec: Annotated[
        Path, typer.Argument(metavar="SPEC.toml", help="Experiment whose neurons go on every tier.")
    ] = SPEC,
    network: Annotated[Path, typer.Option(help="Network that runs on circuits.")] = NETWORK,
    json: Json = False,
) -> int:
    """One neuron on every tier, every circuit and its golden twin, a network, calibration, noise; under two minutes."""
    from sim_harness.tour import tour as walk

    began = time.perf_counter()
    columns = (SpinnerColumn(), TextColumn("{task.description}"))
    lines = []
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task("starting")
        for line in walk(spec, network, lambda text: progress.update(task, description=text)):
            lines.append(line)
    good = all(line.good for line in lines)
    if json:
        print_json({"good": good, "lines": [asdict(line) for line in lines]})
        return 0 if good else 1
    rows = table("", "on", "found", "")
    for number, line in enumerate(lines):
        part = line.part if number == 0 or lines[number - 1].part != line.part else ""
        rows.add_row(part, line.what, line.found, "" if line.good else "WRONG")
    out.print(rows)
    out.print(
        f"{len(lines)} checks in {time.perf_counter() - began:.0f} s: {'all as they must be' if good else 'WRONG'}."
    )
    return 0 if good else 1
