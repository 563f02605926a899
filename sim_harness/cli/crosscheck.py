"""``hillock crosscheck``: one experiment on every machine, and the verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from sim_harness.cli.common import (
    Duration,
    Json,
    Neurons,
    Spec,
    engine_progress,
    out,
    print_json,
    read_verilog,
    table,
)
from sim_harness.crosscheck import Crosscheck, crosscheck
from sim_harness.engines import INFOS, kind_of
from sim_harness.experiment import Experiment
from sim_harness.fi import FICurve, fi_curve

_STYLES = {"agrees": "bold green", "DISAGREES": "bold red", "reported": "dim"}


def command(
    spec: Spec,
    on: Annotated[str, typer.Option(help=f"Machines, separated by commas, or all: {', '.join(INFOS)}.")] = "all",
    neurons: Neurons = None,
    duration: Duration = None,
    verilog: Annotated[
        Path | None, typer.Option(help="Your own Verilog core (same ports) in place of the generated one.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Folder for the HTML report.")] = None,
    json: Json = False,
) -> None:
    """Run an experiment on every machine and compare them; exit 1 if they disagree."""
    experiment = Experiment.load(spec, neurons=neurons, duration=duration)
    with engine_progress() as progress:
        check = crosscheck(
            experiment,
            on,
            verilog=read_verilog(verilog),
            progress=progress,
        )
        page = None
        if report is not None:
            # The figure shows the machines of the cross-check; a user's own Verilog and a chip's are judged by the run.
            kinds = {name: kind_of(name, experiment) for name in check.runs}
            names = [name for name, kind in kinds.items() if kind != "chip" and (verilog is None or kind != "rtl")]
            # A population of the same size keeps the simulators' builds.
            points = min(max(experiment.network.size, 8), 64)
            curve: FICurve = fi_curve(
                experiment, names, points=points, progress=lambda name, f: progress(f"f-I {name}", f)
            )
            from sim_harness.report import write_report

            page = write_report(report, check, curve)
    if json:
        print_json(check.to_dict() | {"report": None if page is None else str(page)})
    else:
        print_verdict(check)
        if page is not None:
            out.print(f"report: {escape(str(page))}")
    if not check.agrees:
        raise typer.Exit(1)


def print_verdict(check: Crosscheck) -> None:
    """The verdict table, and the first divergence of every machine that disagrees."""
    from sim_harness.report.page import describe

    experiment = check.experiment
    size, length = experiment.network.size, experiment.stimulus.duration
    out.print(f"{escape(experiment.name)}: {size} neurons, {length * 1e3:g} ms, tick {experiment.dt * 1e3:g} ms")
    rows = table("machine", "against", "verdict", "found", "time")
    for row in check.rows:
        verdict = f"[{_STYLES[row.verdict]}]{row.verdict}[/]"
        rows.add_row(row.machine, row.against, verdict, escape(describe(row)), f"{row.seconds:.1f} s")
    out.print(rows)
    for row in check.rows:
        if row.explanation is not None:
            out.print(f"[bold]first divergence of {row.machine}[/]: {escape(row.explanation)}")
    out.print(f"[{'bold green' if check.agrees else 'bold red'}]{check.verdict}[/]")
