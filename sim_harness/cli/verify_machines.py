"""``hillock verify-machines``: the golden machines against themselves, three ways."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from golden.errors import SpecError
from sim_harness.campaigns import CAMPAIGNS, WAYS, verify_machine
from sim_harness.cli.common import Json, engine_progress, out, print_json, table


def verify_machines(
    on: Annotated[str, typer.Option(help="Machines, separated by commas.")] = ",".join(CAMPAIGNS),
    updates: Annotated[int, typer.Option(help="Neuron updates on each machine, at least.")] = 5_000_000,
    seed: Annotated[int, typer.Option(help="Of all random choices.")] = 1,
    jobs: Annotated[int, typer.Option("--jobs", "-j", help="Processes.")] = 2,
    json: Json = False,
) -> None:
    """Run random networks in plain ints, with NumPy and compiled, and compare every state, spike and counter.

    Networks of every mode, driven over the ends of every register. Exit 1 on a difference, or when a case of interest
    never came up.
    """
    names = [name.strip() for name in on.split(",") if name.strip()]
    if not names or (unknown := [name for name in names if name not in CAMPAIGNS]):
        raise SpecError.rule("Machines", f"some of {', '.join(CAMPAIGNS)}", repr(unknown[0] if names else on))
    with engine_progress() as progress:
        verdicts = [verify_machine(name, updates, seed, jobs, partial(progress, name)) for name in names]
    if json:
        print_json([verdict.to_dict() for verdict in verdicts])
    else:
        rows = table("machine", "updates", "spikes", "cases", *(f"{way} [s]" for way in WAYS), "verdict")
        for verdict in verdicts:
            word = "[bold red]DIFFERS[/]" if verdict.differences else "[bold green]equal[/]"
            seconds = (f"{verdict.seconds[way]:.1f}" for way in WAYS)
            counts = (f"{n:,}" for n in (verdict.updates, verdict.spikes, verdict.cases))
            rows.add_row(verdict.machine, *counts, *seconds, word)
        out.print(rows)
        for verdict in verdicts:
            coverage = table(f"reached on {verdict.machine}", "times")
            for name in CAMPAIGNS[verdict.machine].bins:
                times = verdict.coverage[name]
                coverage.add_row(name, f"{times:,}" if times else "[bold red]never[/]")
            out.print(coverage)
            for line in verdict.differences[:10]:
                out.print(f"[bold]{verdict.machine}[/], {line}")
    if not all(verdict.agrees for verdict in verdicts):
        raise typer.Exit(1)
