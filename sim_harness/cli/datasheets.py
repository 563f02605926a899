"""``hillock datasheets``: measure the analog circuits and write their data sheets and schematics."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from analog.ngspice import pool
from analog.results import KeptPool, Results
from sim_harness import toolchain
from sim_harness.cli.common import Json, engine_progress, out, print_json


def datasheets(
    only: Annotated[str, typer.Option(help="Circuits, separated by commas; default all.")] = "",
    technology: Annotated[str, typer.Option(help="sky130, gf180 or macro.")] = "sky130",
    quick: Annotated[bool, typer.Option("--quick", help="Few points and samples.")] = False,
    root: Annotated[Path, typer.Option(help="Checkout of Hillock.")] = Path(),
    resume: Annotated[Path | None, typer.Option(help="File that keeps what is done; a second run goes on.")] = None,
    processes: Annotated[int | None, typer.Option(help="ngspice processes, default one per CPU.")] = None,
    cluster: Annotated[str | None, typer.Option(help="A Dask scheduler, tcp://host:8786, instead.")] = None,
    json: Json = False,
) -> int:
    """Measure f-I curve, energy, time constants, corners and mismatch; exit 1 where a twin exceeds its bound."""
    from sim_harness.datasheets import generate

    names = [name.strip() for name in only.split(",") if name.strip()]
    workers = pool(replace(toolchain.ngspice_setup(), cluster=cluster), processes)
    keep: Any = nullcontext() if resume is None else Results(resume)
    with keep as store, engine_progress() as progress:
        kept = workers if store is None else KeptPool(workers, store)
        written, sheets = generate(root, kept, names, technology=technology, quick=quick, progress=progress)
    if json:
        print_json(
            {
                "written": [str(path) for path in written],
                "twins": {
                    (
                        sheet.entry.name
                        if sheet.process.technology == technology
                        else f"{sheet.entry.name}/{sheet.process.technology}"
                    ): {"largest_error": sheet.largest, "within": sheet.within}
                    for sheet in sheets
                },
            }
        )
    else:
        for path in written:
            out.print(f"written: {escape(str(path))}")
    return 0 if all(sheet.within for sheet in sheets) else 1
