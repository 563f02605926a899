"""``hillock verify``: constrained-random comparison of the digital machines."""

from __future__ import annotations

from typing import Annotated

import typer

from sim_harness.cli.common import Json, engine_progress, out, print_json, table
from sim_harness.rtl.campaign import BINS
from sim_harness.verify import ENGINES, Verification
from sim_harness.verify import verify as run_campaign


def verify(
    updates: Annotated[int, typer.Option(help="Neuron updates for each engine, at least.")] = 1_000_000,
    engines: Annotated[str, typer.Option(help="Engines, separated by commas.")] = ",".join(ENGINES),
    seed: Annotated[int, typer.Option(help="Of all random choices.")] = 1,
    jobs: Annotated[int, typer.Option("--jobs", "-j", help="Processes.")] = 2,
    json: Json = False,
) -> None:
    """Compare every state and spike of the digital engines with the golden model and with each other.

    Random neurons and inputs, steered to saturation, equality with the threshold, refractory edges and extreme
    parameters. Exit 1 on a mismatch, or when a case of interest never came up.
    """
    with engine_progress() as progress:
        result = run_campaign(updates, engines.split(","), seed, jobs, lambda fraction: progress("verify", fraction))
    if json:
        print_json(result.to_dict())
    else:
        _print(result)
    if not result.agrees:
        raise typer.Exit(1)


def _print(result: Verification) -> None:
    rows = table("engine", "against", "updates", "spikes", "wrong states", "wrong spikes", "verdict", "time")
    for (a, b), tally in result.pairs.items():
        verdict = "[bold green]equal[/]" if tally.agrees else "[bold red]DIFFERS[/]"
        counts = (f"{n:,}" for n in (tally.updates, tally.spikes, tally.wrong_states, tally.wrong_spikes))
        rows.add_row(b, a, *counts, verdict, f"{result.seconds[b]:.0f} s" if a == "golden" else "")
    out.print(rows)
    coverage = table("reached", "times")
    for name in BINS:
        coverage.add_row(name, f"{result.coverage[name]:,}" if result.coverage[name] else "[bold red]never[/]")
    out.print(coverage)
    for engine, case, text in result.divergences:
        out.print(f"[bold]{engine}, {case}[/]: {text}")
    verdict = "all equal, everything reached" if result.agrees else "NOT VERIFIED"
    out.print(
        f"[{'bold green' if result.agrees else 'bold red'}]{verdict}[/] ({result.cases} cases, seed {result.seed})"
    )
