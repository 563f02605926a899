"""``hillock calibrate``: parameter codes for an array of mismatched neurons."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from analog.calibration import Calibration, Targets, load, save
from analog.calibration import calibrate as run
from analog.calibration.parameters import PARAMETERS
from analog.calibration.search import sigma, trimmed_sigma
from analog.ngspice import pool
from analog.results import Results
from analog.technology import Process
from golden.errors import SpecError
from sim_harness import toolchain
from sim_harness.cli.common import Json, engine_progress, out, print_json, table, write_text
from sim_harness.units import engineering

UNITS = {"V_leak": "V", "V_th": "V", "V_reset": "V", "tau_mem": "s", "t_ref": "s", "tau_syn": "s", "period": "s"}


def calibrate(
    neurons: Annotated[int, typer.Option(help="Neurons of the array.")] = 64,
    method: Annotated[str, typer.Option(help="binary (nine measurements a neuron) or predictive (two).")] = "binary",
    technology: Annotated[str, typer.Option(help="sky130, gf180 or macro.")] = "sky130",
    corner: Annotated[str, typer.Option(help="Process corner: tt, ff, ss, sf or fs.")] = "tt",
    celsius: Annotated[float, typer.Option(help="Temperature.")] = 27.0,
    mismatch: Annotated[int, typer.Option(help="Seed of the chip's devices.")] = 1,
    seed: Annotated[int, typer.Option(help="Seed of the readout's noise.")] = 0,
    tau_mem: Annotated[float, typer.Option(help="Target in s: membrane time constant.")] = Targets.tau_mem,
    tau_syn: Annotated[float, typer.Option(help="Target in s: synaptic time constant.")] = Targets.tau_syn,
    t_ref: Annotated[float, typer.Option(help="Target in s: refractory period.")] = Targets.t_ref,
    v_leak: Annotated[float, typer.Option(help="Target in V: resting potential.")] = Targets.V_leak,
    v_th: Annotated[float, typer.Option(help="Target in V: threshold.")] = Targets.V_th,
    v_reset: Annotated[float, typer.Option(help="Target in V: reset potential.")] = Targets.V_reset,
    rate: Annotated[float | None, typer.Option(help="Target in Hz, at 4 I_leak: made by V_th.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the codes (.json).")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the spread before and after (.svg).")] = None,
    show: Annotated[Path | None, typer.Option(help="Report a file of codes instead of calibrating.")] = None,
    resume: Annotated[Path | None, typer.Option(help="File that keeps what is done; a second run goes on.")] = None,
    processes: Annotated[int | None, typer.Option(help="ngspice processes, default one per CPU.")] = None,
    cluster: Annotated[str | None, typer.Option(help="A Dask scheduler, tcp://host:8786, instead.")] = None,
    json: Json = False,
) -> int:
    """Find each neuron's codes for what all shall have; judge them on other observables. Exit 1 if not accepted."""
    if output is not None and output.suffix != ".json":
        raise SpecError.rule("Output file", "named .json", output)
    if plot is not None and plot.suffix != ".svg":
        raise SpecError.rule("Plot", "named .svg", plot)
    if show is not None:
        found = load(show)
    else:
        targets = Targets(tau_mem, tau_syn, t_ref, v_leak, v_th, v_reset, rate)
        process = Process(technology, corner, celsius, mismatch=mismatch)
        workers = pool(replace(toolchain.ngspice_setup(), cluster=cluster), processes)
        keep: Any = nullcontext() if resume is None else Results(resume)
        with keep as store, engine_progress() as progress:
            found = run(
                workers,
                process,
                targets,
                neurons,
                method=method,
                seed=seed,
                store=store,
                progress=lambda part: progress("calibrate", part),
            )
    if output is not None:
        save(found, output)
    if plot is not None:
        from sim_harness.report.calibration import draw

        write_text(plot, draw(found))
    if json:
        print_json(_document(found))
    else:
        _print(found)
        for path in (output, plot):
            if path is not None:
                out.print(f"written: {escape(str(path))}")
    return 0 if found.accepted else 1


def _print(found: Calibration) -> None:
    process = found.chip.process
    out.print(
        f"{found.size} neurons, {process.made.title}, {process.corner}, {process.celsius:g} C, "
        f"mismatch {process.mismatch}: {found.method}, {found.runs} simulations"
    )
    rows = table("", "target", "mean before", "sigma", "mean after", "sigma", "ratio", "trimmed", "limit")
    names = list(PARAMETERS) if found.chip.targets.rate is None else [*(n for n in PARAMETERS if n != "V_th"), "period"]
    for name in names:
        unit, before, after = UNITS[name], found.before[name], found.after[name]
        limit = found.limits.get(name)
        rows.add_row(
            name,
            # Judged under the other drive, an interval has no target of its own.
            "" if name == "period" else engineering(getattr(found.chip.targets, name), unit),
            engineering(float(before.mean()), unit),
            engineering(sigma(before), unit),
            engineering(float(after.mean()), unit),
            engineering(sigma(after), unit),
            f"{found.ratio(name):.3f}",
            f"{found.ratio(name, trimmed=True):.3f}",
            "" if limit is None else f"{limit:g}",
        )
    out.print(rows)
    failed = [name for name, limit in found.limits.items() if found.ratio(name) > limit]
    out.print(f"Not accepted: {', '.join(failed)}." if failed else "Accepted: every spread within its limit.")


def _document(found: Calibration) -> dict[str, Any]:
    return {
        "neurons": found.size,
        "method": found.method,
        "simulations": found.runs,
        "accepted": found.accepted,
        "targets": {
            name: {
                "target": getattr(found.chip.targets, name),
                "mean": [float(found.before[name].mean()), float(found.after[name].mean())],
                "sigma": [sigma(found.before[name]), sigma(found.after[name])],
                "trimmed_sigma": [trimmed_sigma(found.before[name]), trimmed_sigma(found.after[name])],
                "ratio": found.ratio(name),
                "limit": found.limits.get(name),
            }
            for name in PARAMETERS
        },
        "codes": {name: [codes[name] for codes in found.codes] for name in PARAMETERS},
    }
