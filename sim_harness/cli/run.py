"""``hillock run``: one experiment on one machine."""

from __future__ import annotations

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
    Spec,
    engine_progress,
    err,
    out,
    print_json,
    read_verilog,
    table,
)  # fmt: skip
from sim_harness.engines import INFOS, build, check_verilog, parse_name
from sim_harness.experiment import Experiment
from sim_harness.fi import measured_rates
from sim_harness.units import engineering

#: Neurons listed one by one; larger populations are summed up.
_LISTED = 24


def run(
    spec: Spec,
    on: Annotated[str, typer.Option(help=f"Machine: {', '.join(INFOS)}.")] = "exact",
    neurons: Neurons = None,
    duration: Duration = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the trace as .npz or .vcd.")] = None,
    verilog: Annotated[Path | None, typer.Option(help="Your own Verilog core (same ports) for an RTL machine.")] = None,
    json: Json = False,
) -> None:
    """Run an experiment on one machine and show what fired."""
    experiment = Experiment.load(spec, neurons=neurons, duration=duration)
    name = parse_name(on)
    if INFOS[name].kind == "stepped" and not json:
        verdict = stability(experiment.network.neuron, experiment.dt, experiment.fixed.scheme)
        err.print(escape(str(verdict)), style="dim")
    if output is not None and output.suffix not in (".npz", ".vcd"):
        raise SpecError.rule("Output file", "named .npz or .vcd", output)
    own = read_verilog(verilog)
    check_verilog(own, [name])
    engine = build(name, experiment, verilog=own)
    with engine_progress() as progress:
        trace = engine(experiment.network, experiment.stimulus, lambda fraction: progress(name, fraction))
    if output is not None:
        (trace.save_npz if output.suffix == ".npz" else trace.save_vcd)(output)
    if json:
        integers = INFOS[name].kind in ("integer", "rtl")
        quantised = experiment.quantised.to_dict(experiment.stimulus) if integers else None
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
    if header.size > _LISTED:
        out.print(f"... and {header.size - _LISTED} more (--json or -o for all)")
    if output is not None:
        out.print(f"trace: {escape(str(output))}")
