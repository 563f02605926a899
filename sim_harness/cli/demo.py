"""``hillock demo``: a handwritten digit on every machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sim_harness.cli.common import Json, engine_progress, out, print_json
from sim_harness.crosscheck import crosscheck


def demo(
    digit: Annotated[int, typer.Option(help="Index of the digit in scikit-learn's data set, 0 to 1796.")] = 0,
    report: Annotated[Path, typer.Option(help="Folder for the HTML report.")] = Path("build/demo"),
    json: Json = False,
) -> None:
    """Drive 64 neurons with a handwritten digit on every machine, compare them, and write the report."""
    from sim_harness.cli.crosscheck import print_verdict
    from sim_harness.demo import ENGINES, digit_experiment
    from sim_harness.fi import fi_curve
    from sim_harness.report import write_report

    experiment, picture = digit_experiment(digit)
    with engine_progress() as progress:
        check = crosscheck(experiment, ENGINES, progress=progress)
        # 64 points keep the population, and with it the simulators' builds, as they are.
        curve = fi_curve(experiment, list(check.runs), points=64, progress=lambda name, f: progress(f"f-I {name}", f))
    page = write_report(report, check, curve, picture)
    if json:
        print_json(check.to_dict() | {"report": str(page)})
    else:
        print_verdict(check)
        out.print(f"report: {page}", markup=False)
    if not check.agrees:
        raise typer.Exit(1)
