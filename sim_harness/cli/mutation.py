"""``hillock mutation``: do the tests notice small mistakes in the golden steps?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sim_harness.cli.common import Json, engine_progress, out, print_json, table
from sim_harness.mutation.campaign import Result, run
from sim_harness.mutation.machines import MACHINES, parse
from sim_harness.mutation.operators import KINDS


def mutation(
    machines: Annotated[str, typer.Option(help="Machines, separated by commas.")] = ",".join(MACHINES),
    only: Annotated[str, typer.Option(help="Only mutants with this in their class or id.")] = "",
    sample: Annotated[int, typer.Option(help="Only every so many-th mutant.")] = 1,
    jobs: Annotated[int, typer.Option("--jobs", "-j", help="Processes.")] = 2,
    kept: Annotated[Path, typer.Option(help="Verdicts so far; what has not changed is not tried again.")] = Path(
        "build/mutation.json"
    ),
    json: Json = False,
) -> None:
    """Change the golden steps in one place at a time, and run their tests on each change (from a checkout).

    Comparisons, operators, shifts, roundings, order, widths, conditions and resets, in a copy of the checkout. Exit 1
    where no test notices a mutant and no reason is declared, or where a declared reason is no longer needed. May be
    interrupted at any time: verdicts are kept.
    """
    results = []
    with engine_progress() as progress:
        for machine in parse(machines):
            report = lambda done, name=machine.name: progress(name, done)  # noqa: E731  # bound to this machine
            results.append(run(machine, only=only, sample=sample, jobs=jobs, kept=kept, progress=report))
    right = all(result.right for result in results)
    if json:
        print_json({"right": right, "machines": [result.to_dict() for result in results]})
    else:
        _print(results)
    if not right:
        raise typer.Exit(1)


def _print(results: list[Result]) -> None:
    rows = table("killed of", *(result.machine.name for result in results))
    for kind in KINDS:
        rows.add_row(kind, *(f"{killed} of {count}" for killed, count in (result.killed[kind] for result in results)))
    killed = [len(result.verdicts) - len(result.survivors) for result in results]
    rows.add_row("all", *(f"{n} of {len(result.verdicts)}" for n, result in zip(killed, results, strict=True)))
    rows.add_row("no mistakes", *(str(len(result.survivors) - len(result.unexplained)) for result in results))
    unnoticed = [len(result.unexplained) for result in results]
    rows.add_row("unnoticed", *(f"[bold red]{n}[/]" if n else "0" for n in unnoticed))
    rows.add_row("of mistakes", *(f"{result.score:.1%}" for result in results))
    out.print(rows)
    for result in results:
        for mutant in result.survivors:
            reason = result.machine.explained.get(mutant.id)
            where = f"{mutant.file}:{mutant.line} [bold]{mutant.kind}[/]"
            out.print(f"{where} {_plain(mutant.id)}: {_plain(reason) if reason else '[bold red]UNNOTICED[/]'}")
        for name in result.stale:
            out.print(f"[bold red]STALE[/] {_plain(name)}: noticed, or no mutant any more, and still explained")
    right = all(result.right for result in results)
    out.print("[bold green]every mistake is noticed[/]" if right else "[bold red]NOT EVERY MISTAKE IS NOTICED[/]")


def _plain(text: str) -> str:
    """A text whose brackets are no markup."""
    return text.replace("[", r"\[")
