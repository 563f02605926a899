"""``hillock mutation-truenorth``: wrong TrueNorth cores, and whether a short simulation notices."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import typer
from rich.markup import escape

from sim_harness.cli.common import Json, engine_progress, out, print_json, table
from sim_harness.mutation.truenorth import run

#: Share of the mutants that must be noticed.
LEAST = 0.95


def mutation_truenorth(
    mutants: Annotated[int, typer.Option(help="How many mutants of the core.")] = 200,
    seed: Annotated[int, typer.Option(help="Of the choice of mutants.")] = 1,
    jobs: Annotated[int, typer.Option("--jobs", "-j", help="Processes.")] = 2,
    json: Json = False,
) -> None:
    """Change the TrueNorth core's Verilog in one place at a time and run a short simulation on each.

    Exit 1 when fewer than 95 % are noticed. Survivors are listed: most are equivalent to the core.

    Example: hillock mutation-truenorth --mutants 50 --seed 2
    """
    with engine_progress() as progress:
        outcomes = run(mutants, seed, jobs, lambda done: progress("mutants", done))
    survivors = [outcome.mutant for outcome in outcomes if outcome.killed_by is None]
    share = 1 - len(survivors) / len(outcomes)
    causes = Counter(
        outcome.killed_by.split(": ", 1)[-1].split(" at 0x")[0] for outcome in outcomes if outcome.killed_by
    )
    if json:
        print_json(
            {
                "agrees": share >= LEAST,
                "mutants": len(outcomes),
                "seed": seed,
                "killed": len(outcomes) - len(survivors),
                "causes": dict(causes.most_common()),
                "survivors": [{"number": m.number, "what": str(m), "command": m.command} for m in survivors],
            }
        )
    else:
        rows = table("noticed by", "mutants")
        for cause, count in causes.most_common():
            rows.add_row(escape(cause), str(count))
        out.print(rows)
        for mutant in survivors:
            out.print(f"survives: {mutant.number} {escape(str(mutant))}")
        style = "bold green" if share >= LEAST else "bold red"
        out.print(f"[{style}]{len(outcomes) - len(survivors)} of {len(outcomes)} noticed[/], {share:.1%}")
    if share < LEAST:
        raise typer.Exit(1)
