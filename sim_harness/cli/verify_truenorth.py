"""``hillock verify-truenorth``: the TrueNorth chip's Verilog against the golden chip."""

from __future__ import annotations

from typing import Annotated

import typer

from sim_harness.campaigns.truenorth_rtl import BINS, parse_engines, verify_chips
from sim_harness.cli.common import Json, engine_progress, out, print_json, table


def verify_truenorth(
    on: Annotated[str, typer.Option(help="RTL simulators, separated by commas: icarus, verilator, cxxrtl.")] = "cxxrtl",
    updates: Annotated[int, typer.Option(help="Neuron updates on each simulator, at least.")] = 2_000_000,
    seed: Annotated[int, typer.Option(help="Of all random choices.")] = 1,
    jobs: Annotated[int, typer.Option("--jobs", "-j", help="Processes.")] = 2,
    json: Json = False,
) -> None:
    """Run random TrueNorth chips on their Verilog and compare every potential, spike and counter with the golden chip.

    Single cores with 1, 2 and 4 lanes and meshes, all modes and draws, with back-pressure. Exit 1 on a difference, or
    when a planned bin of the functional coverage was not met.

    Example: hillock verify-truenorth --updates 100000 --on icarus,cxxrtl
    """
    engines = parse_engines(on)
    with engine_progress() as progress:
        verdict = verify_chips(updates, engines, seed, jobs, lambda done: progress("verify", done))
    if json:
        print_json(verdict.to_dict())
    else:
        counts = f"{verdict.updates:,} updates, {verdict.spikes:,} spikes, {verdict.saturations:,} saturations"
        out.print(f"{', '.join(engines)}: {counts} in {verdict.cases} cases")
        met = len(BINS) - len(verdict.missed)
        out.print(f"functional coverage: {met} of {len(BINS)} bins")
        if verdict.missed:
            rows = table("never met")
            for name in verdict.missed:
                rows.add_row(name)
            out.print(rows)
        for line in verdict.differences[:10]:
            out.print(f"[bold]{line}[/]")
        word = "[bold green]all equal[/]" if verdict.agrees else "[bold red]NOT VERIFIED[/]"
        out.print(f"{word}: {len(verdict.differences)} cases differ")
    if not verdict.agrees:
        raise typer.Exit(1)
