"""Puts a cross-check together as one HTML file that needs no network."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jinja2 import Environment, StrictUndefined

from golden.errors import SpecError
from golden.files import replacing
from sim_harness.compare import IntegerComparison, SpikeComparison
from sim_harness.report import plots
from sim_harness.units import engineering

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_harness.crosscheck import Crosscheck, Row
    from sim_harness.fi import FICurve

#: What each part of the error budget is, in one line.
BUDGET_TEXT = {
    "discretisation": "float steps against exact events",
    "quantisation": "integers against float steps",
    "rtl": "Verilog against integers, bit for bit",
    "circuit": "circuit against exact events, within the derived tolerance",
}


@dataclass(frozen=True, eq=False)
class Picture:
    """An image that drives the network, one neuron a pixel: shown beside its first-spike latencies."""

    pixels: NDArray[Any]
    title: str


def describe(row: Row) -> str:
    """What one comparison found, in words; the terminal table and the page share it."""
    match row.comparison:
        case IntegerComparison() as bits:
            seen = f"(of {bits.updates:,} updates)" if bits.updates else "(none shown)"
            spikes = f"{bits.spike_mismatches} spikes (of {bits.spikes:,})"
            return f"{spikes} and {bits.state_mismatches} states {seen} differ"
        case SpikeComparison() as times:
            text = f"{times.count_mismatches} of {times.neurons} spike counts differ"
            if times.compared:
                median, largest = engineering(times.median, "s"), engineering(times.largest, "s")
                text += f"; times by {median} (median), {largest} (max)"
            if times.margin is not None:
                text += f", {100 * times.margin:.0f} % of the tolerance"
            if times.unbounded:
                text += f"; {times.unbounded} of {times.compared} times without a bound"
            return text
        case None:
            return f"no result: {row.failure}"


def parameter_rows(check: Crosscheck) -> list[dict[str, str]]:
    """Parameters and inputs as wanted and as the integers give them: of each the neuron that is worst off."""
    if "integer" not in check.runs:
        return []
    machine, rows = check.experiment.quantised, []
    for item in (*machine.report, *machine.input_report(check.experiment.stimulus)):
        k, integers = item.worst, ""
        if item.integers is not None:
            low, high = item.integers.min(), item.integers.max()
            integers = f"{item.integers[k]}" + (f" of {low} to {high}" if low < high else "")
        rows.append(
            {
                "name": item.name,
                "wanted": engineering(item.wanted[k], item.unit),
                "integer": integers,
                "got": engineering(item.got[k], item.unit),
                "error": f"{100 * item.relative_error:.3g} %" if np.isfinite(item.relative_error) else "-",
            }
        )
    return rows


def write_report(
    folder: Path | str, check: Crosscheck, curve: FICurve | None = None, picture: Picture | None = None
) -> Path:
    """Write ``index.html`` into ``folder`` (made if missing) and return its path."""
    return write_index(folder, render(check, curve, picture))


def write_index(folder: Path | str, html: str) -> Path:
    """A page as ``index.html`` of ``folder``, which is made if missing; its path.  SpecError if it cannot be made."""
    path = Path(folder) / "index.html"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SpecError.rule(f"Report folder {folder}", "a folder that can be made", f"refused ({reason})") from None
    with replacing(path) as partial:
        partial.write_text(html, encoding="utf-8")
    return path


def render(check: Crosscheck, curve: FICurve | None = None, picture: Picture | None = None) -> str:
    """The page as text."""
    experiment, traces = check.experiment, {name: run.trace for name, run in check.runs.items()}
    neuron = experiment.record[0]
    v_th = float(experiment.network.neurons.V_th[neuron])  # type: ignore[index]  # broadcast fields are arrays
    end = experiment.stimulus.duration
    figures = {
        "membrane": plots.membrane(traces, neuron, v_th, (0.0, min(end, _window(check, neuron)))),
        "rasters": plots.rasters(traces),
        "fi": None if curve is None else plots.fi(curve),
    }
    images = []
    if picture is not None:
        images.append(plots.image(picture.pixels, picture.title, "intensity", latency=False))
        for name, trace in traces.items():
            latency = trace.first_spikes().reshape(picture.pixels.shape) * 1e3
            images.append(plots.image(latency, name, "first spike [ms]", latency=True))
    source = files("sim_harness.report").joinpath("page.html.j2").read_text(encoding="utf-8")
    template = Environment(undefined=StrictUndefined, autoescape=True, trim_blocks=True).from_string(source)
    machine = experiment.quantised if "integer" in check.runs else None
    return template.render(
        check=check,
        experiment=experiment,
        rows=[{"row": row, "text": describe(row), "budget": BUDGET_TEXT[row.budget]} for row in check.rows],
        parameters=parameter_rows(check),
        machine=None if machine is None else _machine_text(machine),
        neuron_fields=_neuron_fields(check),
        figures=figures,
        images=images,
        versions=sorted({item for trace in traces.values() for item in trace.header.versions.items()}),
    )


def _window(check: Crosscheck, neuron: int) -> float:
    """Time shown in the membrane plot: some six spikes of the neuron, so that the curves can be told apart."""
    reference = next(iter(check.runs.values())).trace
    times = reference.spike_times(neuron)
    return float(times[min(5, times.size - 1)] * 1.15) if times.size else np.inf


def _machine_text(machine: Any) -> list[tuple[str, str]]:
    low, high = machine.reach
    band = machine.dead_band
    fmt = machine.lif.format
    return [
        ("format of v", f"{fmt.v} bits, last bit {engineering(machine.lsb, 'V')}"),
        ("reach around E_L", f"{engineering(low, 'V')} to {engineering(high, 'V')}"),
        ("dead band of the leak", f"{engineering(band[:, 0].min(), 'V')} to {engineering(band[:, 1].max(), 'V')}"),
        ("tick", engineering(machine.dt, "s")),
        ("leak", f"{fmt.leak}, {fmt.leak_rounding}"),
        ("threshold", f"x {fmt.comparison} V_th, reset {'to value' if fmt.reset == 'value' else 'by subtraction'}"),
        ("synapse", fmt.synapse),
        ("parameter rounding", machine.rounding),
    ]


def _neuron_fields(check: Crosscheck) -> list[tuple[str, str]]:
    units = {"C_m": "F", "g_L": "S", "tau_m": "s", "R": "ohm", "E_L": "V", "V_th": "V", "V_reset": "V", "t_ref": "s"}
    neurons = check.experiment.network.neurons
    fields = units | ({"tau_syn": "s"} if neurons.tau_syn is not None else {}) | {"rheobase": "A"}
    rows = []
    for name, unit in fields.items():
        values = np.asarray(getattr(neurons, name))
        low, high = engineering(values.min(), unit), engineering(values.max(), unit)
        rows.append((name, low if low == high else f"{low} to {high}"))
    return rows
