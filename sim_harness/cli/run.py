"""``hillock run``: one experiment on one machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from golden.errors import SpecError
from golden.propagator import stability
from golden.trace import Trace
from sim_harness.cli.common import (
    Duration,
    Json,
    Neurons,
    engine_progress,
    err,
    out,
    print_json,
    read_verilog,
    table,
)  # fmt: skip
from sim_harness.engines import INFOS, build, check_verilog, kind_of, parse_name
from sim_harness.fi import measured_rates
from sim_harness.subject import is_image, load_experiment, run_image_file
from sim_harness.units import engineering

#: Neurons listed one by one; larger populations are summed up.
_LISTED = 24


def run(
    spec: Annotated[Path, typer.Argument(metavar="NETWORK", help="Experiment (.toml), network or image (.npz).")],
    on: Annotated[str, typer.Option(help=f"Machine: {', '.join(INFOS)}.")] = "exact",
    neurons: Neurons = None,
    duration: Duration = None,
    input: Annotated[Path | None, typer.Option("--input", "-i", help="Spikes and currents (.npz) of this run.")] = None,
    dt: Annotated[float | None, typer.Option(help="Time step or tick in seconds instead of the file's.")] = None,
    rounding: Annotated[str | None, typer.Option(help="How a machine rounds, instead of the file's.")] = None,
    record: Annotated[str | None, typer.Option(help="v: keep the potential of every neuron in the trace.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the trace as .npz or .vcd.")] = None,
    verilog: Annotated[Path | None, typer.Option(help="Your own Verilog core (same ports) for an RTL machine.")] = None,
    json: Json = False,
) -> None:
    """Run a network on one machine and show what fired.

    NETWORK is an experiment file, a network saved from Python, or an image that hillock place wrote.

    The input file holds any of: spikes (time, source) or (time, neuron, weight), times with currents, duration.
    """
    name = parse_name(on)
    if output is not None and output.suffix not in (".npz", ".vcd"):
        raise SpecError.rule("Output file", "named .npz or .vcd", output)
    if record not in (None, "v"):
        raise SpecError.rule("Recorded state", "v", repr(record))
    if is_image(spec):
        for option, value in (("--neurons", neurons), ("--dt", dt), ("--rounding", rounding), ("--verilog", verilog)):
            if value is not None:
                raise SpecError.rule(f"Option {option}", "left out for an image", value)
        with engine_progress() as progress:
            trace = run_image_file(spec, name, input, duration, record == "v", lambda f: progress(name, f))
        _finish(trace, output, None, json=json)
        return
    experiment = load_experiment(spec, neurons=neurons, duration=duration, input=input, dt=dt, rounding=rounding)
    if record == "v":
        experiment = replace(experiment, record=tuple(range(experiment.network.size)))
    if INFOS[name].kind == "stepped" and not json:
        scheme = "euler" if name == "euler" else experiment.fixed.scheme
        verdict = stability(experiment.network.neuron, experiment.dt, scheme)
        err.print(escape(str(verdict)), style="dim")
    own = read_verilog(verilog)
    check_verilog(own, [name])
    engine = build(name, experiment, verilog=own)
    with engine_progress() as progress:
        trace = engine(experiment.network, experiment.stimulus, lambda fraction: progress(name, fraction))
    integers = kind_of(name, experiment) in ("integer", "rtl")
    _finish(trace, output, experiment.quantised.to_dict(experiment.stimulus) if integers else None, json=json)


def _finish(trace: Trace, output: Path | None, quantised: dict[str, object] | None, *, json: bool) -> None:
    """Write and show a trace."""
    if output is not None:
        (trace.save_npz if output.suffix == ".npz" else trace.save_vcd)(output)
    if json:
        print_json(summary(trace) | {"quantised": quantised, "output": None if output is None else str(output)})
    else:
        _print(trace, output)


def summary(trace: Trace) -> dict[str, object]:
    """A trace in numbers."""
    return {
        "engine": trace.header.engine,
        "neurons": trace.header.size,
        "duration": trace.header.duration,
        "dt": trace.header.dt,
        "spikes": len(trace.spikes),
        "spike_counts": trace.spike_counts().tolist(),
        "rates": measured_rates(trace).tolist(),
        "network": trace.header.network,
        "stimulus": trace.header.stimulus,
        "versions": dict(trace.header.versions),
        "settings": dict(trace.header.settings),
    }


def _print(trace: Trace, output: Path | None) -> None:
    header, rates = trace.header, measured_rates(trace)
    length = engineering(header.duration, "s")
    out.print(
        f"{INFOS[header.engine.split('-')[0]].title}: {len(trace.spikes)} spikes of {header.size} neurons in {length}"
    )
    rows = table("neuron", "spikes", "first spike", "rate")
    for neuron, count in enumerate(trace.spike_counts()[:_LISTED].tolist()):
        first = engineering(trace.spike_times(neuron)[0], "s") if count else "-"
        rows.add_row(str(neuron), str(count), first, f"{rates[neuron]:.4g} Hz" if rates[neuron] else "-")
    out.print(rows)
    for event, count in header.settings.get("counters", {}).items():
        if count:
            out.print(f"{event}: {count}")
    if header.size > _LISTED:
        out.print(f"... and {header.size - _LISTED} more (--json or -o for all)")
    if output is not None:
        out.print(f"trace: {escape(str(output))}")
