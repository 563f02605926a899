"""``hillock study``: one study, one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from sim_harness import toolchain
from sim_harness.cli.common import Json, engine_progress, out, print_json, table
from sim_harness.engines import parse_names
from studies.page import write_page
from studies.study import STUDIES, Run, document, find

_NAMES = "; ".join(f"{name}: {study.title}" for name, study in STUDIES.items())


def study(
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"{_NAMES}.")],
    quick: Annotated[bool, typer.Option("--quick", help="Smaller and coarser, under a minute.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 1,
    on: Annotated[str | None, typer.Option(help="Machines, separated by commas (default: all of the study).")] = None,
    report: Annotated[Path | None, typer.Option(help="Folder of the page (default: build/studies/NAME).")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Compute everything again.")] = False,
    json: Json = False,
) -> int:
    """Run a study of the LIF neuron: theory, simulation and emulated machines side by side, and a page with figures.

    Numbers that took long are kept; the exit code is 1 when a finding does not hold.
    """
    module = find(name).load()
    machines = None if on is None else tuple(parse_names(on))
    store = toolchain.cache_dir() / "studies.results"
    with engine_progress() as progress, Run(name, quick, seed, machines, progress, store, fresh) as run:
        outcome = module.compute(run)
    page = write_page(report or Path("build/studies") / name, run, outcome)
    if json:
        print_json(document(run, outcome) | {"page": str(page)})
        return 0 if outcome.holds else 1
    rows = table("claim", "found", "held against", "")
    for item in outcome.findings:
        verdict = "reported" if item.holds is None else "holds" if item.holds else "[bold red]FAILS[/]"
        rows.add_row(escape(item.claim), escape(item.found), escape(item.expected), verdict)
    out.print(rows)
    out.print(f"\n{module.ANSWER if outcome.holds else 'Not everything holds.'}")
    out.print(f"written: {escape(str(page))}")
    return 0 if outcome.holds else 1
