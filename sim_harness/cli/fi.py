"""``hillock fi``: the f-I curve on any machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from golden.errors import SpecError
from sim_harness.cli.common import Json, Spec, engine_progress, out, print_json, table, write_text
from sim_harness.experiment import Experiment
from sim_harness.fi import FICurve, fi_curve
from sim_harness.units import engineering


def fi(
    spec: Spec,
    on: Annotated[str, typer.Option(help="Machines, separated by commas, or all.")] = "exact,integer",
    points: Annotated[int, typer.Option(help="Number of currents.")] = 16,
    lowest: Annotated[float, typer.Option(help="Lowest current, in rheobases.")] = 0.5,
    highest: Annotated[float, typer.Option(help="Highest current, in rheobases.")] = 3.0,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the figure as .svg or .csv.")] = None,
    json: Json = False,
) -> None:
    """Measure firing rate against current, beside the closed form."""
    if output is not None and output.suffix not in (".svg", ".csv"):
        raise SpecError.rule("Output file", "named .svg or .csv", output)
    experiment = Experiment.load(spec)
    with engine_progress() as progress:
        curve = fi_curve(experiment, on, points=points, lowest=lowest, highest=highest, progress=progress)
    if output is not None:
        write_text(output, _figure(curve) if output.suffix == ".svg" else csv_text(curve))
    if json:
        print_json(curve.to_dict())
        return
    rows = table("current", "closed form", *curve.rates)
    for k, current in enumerate(curve.currents.tolist()):
        measured = [f"{rates[k]:.2f}" for rates in curve.rates.values()]
        rows.add_row(engineering(current, "A"), f"{curve.closed_form[k]:.2f}", *measured)
    out.print(f"rates in Hz; rheobase {engineering(curve.rheobase, 'A')}")
    out.print(rows)
    if output is not None:
        out.print(f"written: {escape(str(output))}")


def csv_text(curve: FICurve) -> str:
    """The curve as CSV: current [A], then rates [Hz]."""
    lines = [",".join(("current", "closed_form", *curve.rates))]
    for k, current in enumerate(curve.currents.tolist()):
        values = (current, curve.closed_form[k], *(rates[k] for rates in curve.rates.values()))
        lines.append(",".join(f"{float(value)!r}" for value in values))
    return "\n".join(lines) + "\n"


def _figure(curve: FICurve) -> str:
    from sim_harness.report.plots import fi as draw

    return draw(curve)
