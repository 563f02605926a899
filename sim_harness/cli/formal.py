"""``hillock formal``: proofs that the digital core is the golden neuron."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sim_harness.cli.common import Json, engine_progress, out, print_json, table
from sim_harness.formal import Answer, prove, select


def formal(
    only: Annotated[str, typer.Option(help="Only what has this in its kind, name or claim.")] = "",
    jobs: Annotated[int, typer.Option("--jobs", "-j", help="Processes.")] = 2,
    traces: Annotated[Path | None, typer.Option(help="Folder for counterexamples and witnesses (VCD).")] = None,
    json: Json = False,
) -> None:
    """Prove the pipelined core equal to the golden step: for all states, inputs, parameters, stalls and resets.

    Proofs must hold for ever (k-induction), covers must be reached, and every control, a core with a planted bug,
    must be refuted. Exit 1 where one is not so.
    """
    obligations = select(only)
    with engine_progress() as progress:
        answers = prove(obligations, jobs=jobs, traces=traces, progress=lambda done: progress("prove", done))
    right = all(answer.right for answer in answers)
    if json:
        print_json({"agrees": right, "answers": [answer.to_dict() for answer in answers]})
    else:
        _print(answers)
    if not right:
        raise typer.Exit(1)


def _print(answers: list[Answer]) -> None:
    rows = table("", "what", "claim", "size", "verdict", "broken or not reached", "time")
    for answer in answers:
        question = answer.obligation
        style = "green" if answer.right else "bold red"
        rows.add_row(
            question.kind,
            question.name,
            question.claim,
            question.size,
            f"[{style}]{answer.verdict}[/]",
            ", ".join(answer.labels),
            f"{answer.seconds:.1f} s",
        )
    out.print(rows)
    wrong = [str(answer.obligation) for answer in answers if not answer.right]
    out.print(f"[bold red]NOT PROVED[/]: {'; '.join(wrong)}" if wrong else "[bold green]everything is as it must be[/]")
