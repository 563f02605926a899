"""The text of the data sheets, and where they are written."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from analog.schematics import CIRCUITS, Schematic, svg
from golden.errors import SpecError
from golden.files import replacing
from sim_harness.datasheets.figures import neuron_figure, synapse_figure
from sim_harness.datasheets.measure import BOUND, NEURONS, NeuronSheet, neuron_sheet
from sim_harness.datasheets.published import ENERGIES
from sim_harness.datasheets.synapses import BOUND as CHARGE_BOUND
from sim_harness.datasheets.synapses import SHOWN, SYNAPSES, SynapseSheet, steps, synapse_sheet
from sim_harness.datasheets.tables import against, compared, rounded, sigma, time_constants
from sim_harness.units import engineering

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from analog.ngspice import Pool

FOLDER = Path("docs/datasheets")
SCHEMATICS = Path("docs/circuits")
#: The technology of the compact column beside a sheet's own, and its number of chips.
OTHER = {"sky130": "gf180", "gf180": "sky130"}
OTHER_CHIPS = 40


def generate(
    root: Path,
    pool: Pool,
    names: Sequence[str] = (),
    *,
    technology: str = "sky130",
    quick: bool = False,
    progress: Callable[[str, float], None] | None = None,
) -> tuple[list[Path], list[NeuronSheet | SynapseSheet]]:
    """Measure the circuits ``names`` (default: all) and write their pages, pictures and schematics.

    Schematics of all circuits are drawn.  Raises SpecError for an unknown name, or a folder that is no checkout.
    """
    if not (root / "docs").is_dir():
        raise SpecError.rule("Folder", "a checkout of Hillock with a folder docs", root)
    known = (*NEURONS, *SYNAPSES)
    wanted = list(names) or list(known)
    for name in wanted:
        if name not in known:
            raise SpecError.rule("Data sheet", f"one of {', '.join(known)}", repr(name))
    written: list[Path] = []
    sheets: list[NeuronSheet | SynapseSheet] = []
    for folder in (FOLDER, SCHEMATICS):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name, schematic in CIRCUITS.items():
        path = root / SCHEMATICS / f"{name}.svg"
        for place, text in ((path, svg(schematic)), (path.with_suffix(".md"), circuit_page(name, schematic))):
            with replacing(place) as partial:
                partial.write_text(text, encoding="utf-8")
            written.append(place)
    for name in wanted:
        report = None if progress is None else lambda part, name=name: progress(name, part)
        if name in NEURONS:
            sheet = neuron_sheet(pool, NEURONS[name], technology=technology, quick=quick, report=report)
            other = None
            if technology in OTHER and not quick:
                other = neuron_sheet(pool, NEURONS[name], technology=OTHER[technology], quick=True, samples=OTHER_CHIPS)
            picture, text = neuron_figure(sheet), neuron_page(sheet, other)
            sheets += [sheet] if other is None else [sheet, other]
        else:
            synapse = synapse_sheet(pool, SYNAPSES[name], technology=technology, quick=quick)
            picture, text = synapse_figure(synapse), synapse_page(synapse)
            sheets.append(synapse)
        for path, content in ((root / FOLDER / f"{name}.svg", picture), (root / FOLDER / f"{name}.md", text)):
            with replacing(path) as partial:
                partial.write_text(content, encoding="utf-8")
            written.append(path)
    return written, sheets


def circuit_page(name: str, schematic: Schematic) -> str:
    """Markdown: the drawing, and what the circuit's and its twin's own documentation and netlist say."""
    circuit, twin = schematic.circuit, schematic.circuit.twin()
    modules = [inspect.getmodule(type(each)) for each in (circuit, twin)]
    first, rest = (inspect.getdoc(modules[0]) or "").split("\n\n", 1)
    cards = [card for block in schematic.blocks for card in block.cards()]
    sheet = f"Measured: [data sheet](../datasheets/{name}.md). " if name in (*NEURONS, *SYNAPSES) else ""
    files = [str(module.__name__).replace(".", "/") + ".py" for module in modules if module is not None]
    return "\n".join(
        (
            f"# {schematic.title[:1].upper()}{schematic.title[1:]}",
            "",
            first.replace("\n", " "),
            "",
            f"{sheet}Written by `make datasheets` from `{files[0]}` and `{files[1]}`.",
            "",
            f"![schematic]({name}.svg)",
            "",
            "Transistors with W/L in micrometres; bulks at ground or the supply. Drawn from the netlist below.",
            "",
            "```text",
            rest,
            "```",
            "",
            "## Ports, parameters, limits",
            "",
            "```text",
            inspect.getdoc(type(circuit)) or "",
            "```",
            "",
            "## Golden twin",
            "",
            "```text",
            inspect.getdoc(modules[1]) or "",
            "```",
            "",
            "## Netlist",
            "",
            f"In {circuit.process.made.title}, with default parameters and without the foundry's models.",
            "",
            "```spice",
            *(card.split(" ad=")[0] if card.startswith("M") else card for card in cards),
            "```",
            "",
        )
    )


def neuron_page(sheet: NeuronSheet, other: NeuronSheet | None = None) -> str:
    """Markdown; every number is measured, but for the published ones.  ``other``: the same in another technology."""
    entry, process = sheet.entry, sheet.process
    rates = 1 / sheet.periods
    static = sheet.static * sheet.periods
    low, high = (engineering(current, "A") for current in sheet.drives)
    slowest, fastest = (engineering(float(rates[k]), "Hz") for k in (0, -1))
    verdict = "within" if sheet.within else "BEYOND"
    held = int(sheet.held.sum())
    lines = [
        f"# Data sheet: {entry.title}",
        "",
        f"{process.made.title}, default parameters, {process.celsius:g} C. Written by `make datasheets`; how",
        "each number is measured is in `sim_harness/datasheets/measure.py`. The circuit, its equations, its schematic:",
        f"[{entry.name}](../circuits/{entry.name}.md).",
        "",
        f"![data sheet]({entry.name}.svg)",
        "",
        "## Firing",
        "",
        f"From {low} to {high}: {slowest} to {fastest}, a factor {rates[-1] / rates[0]:.0f}.",
        "The golden twin, fitted automatically on runs at other currents, is off by at most",
        f"{100 * sheet.largest:.3f} % of an interval on the {held} currents that it was not fitted on,",
        f"{verdict} the bound of {100 * BOUND:g} %.",
        "",
        "| input | interval | rate | twin off by | energy per spike | of it static | dynamic |",
        "|---|---|---|---|---|---|---|",
    ]
    for k in range(0, sheet.currents.size, max(1, sheet.currents.size // 5)):
        lines.append(
            f"| {engineering(float(sheet.currents[k]), 'A')} | {engineering(float(sheet.periods[k]), 's')} "
            f"| {engineering(float(rates[k]), 'Hz')} | {100 * sheet.twin_errors[k]:+.3f} % "
            f"| {engineering(float(sheet.energies[k]), 'J')} | {engineering(float(static[k]), 'J')} "
            f"| {engineering(float(max(sheet.energies[k] - static[k], 0.0)), 'J')} |"
        )
    lines += [
        "",
        f"Static power, settled without input: {engineering(sheet.static, 'W')}, the bias currents included; the input",
        "current is an ideal source's and not counted. Dynamic is all the rest of an interval, so also what the",
        "circuit draws while the membrane is near the threshold: a slow spike costs more. Published energies:",
        "",
        "| | energy | per | source |",
        "|---|---|---|---|",
        *(f"| {e.what} | {engineering(e.energy, 'J')} | {e.per} | {e.source} |" for e in ENERGIES),
        "",
    ]
    lines += time_constants(sheet)
    if sheet.refractory and entry.ref_bias is not None:
        title = entry.ref_name
        lines += against(entry.ref_bias[0], title, sheet.refractory)
    nominal = sheet.conditions[0][1]
    middle = float(np.sqrt(np.prod(sheet.drives)))
    lines += [
        f"## Corners, temperature and supply, at {engineering(middle, 'A')}",
        "",
        "| | interval | off nominal |",
        "|---|---|---|",
        *(
            f"| {name} | {engineering(period, 's')} | {100 * (period / nominal - 1):+.1f} % |"
            for name, period in sheet.conditions
        ),
        "",
        "## Mismatch",
        "",
        f"{sheet.samples.size} chips at {high}: the interval's {sigma(sheet.samples, sheet.nominal)}.",
        "",
        *([] if other is None else compared(sheet, other)),
        "## Cost",
        "",
        f"{engineering(rounded(sheet.seconds), 's')} of CPU a spike on the f-I curve;",
        f"{rounded(sheet.monte_carlo):g} s for the {sheet.samples.size} samples; to two digits, on one machine.",
        "",
    ]
    return "\n".join(lines)


def synapse_page(sheet: SynapseSheet) -> str:
    """Markdown; every number is measured."""
    entry, process = sheet.entry, sheet.process
    name, codes = entry.weight[0], entry.weight[0] == "weight"
    verdict = "within" if sheet.within else "BEYOND"
    train = "one pulse" if entry.pulses == 1 else f"{entry.pulses} pulses, {entry.apart:g} time constants apart"
    integral, differential, lsb = steps(sheet)
    held = int(sheet.held.sum())
    how = f"{sheet.weights.size - held} charges" if entry.fitted_on else "waveforms of the current"
    lines = [
        f"# Data sheet: {entry.title}",
        "",
        f"{process.made.title}, default parameters, {process.celsius:g} C. Written by `make datasheets`; how",
        "each number is measured is in `sim_harness/datasheets/synapses.py`. The circuit, equations, schematic:",
        f"[{entry.name}](../circuits/{entry.name}.md).",
        "",
        f"![data sheet]({entry.name}.svg)",
        "",
        "## Charge",
        "",
        f"Into a membrane held at {engineering(entry.held * process.vdd, 'V')}, by {train}",
        f"of {engineering(entry.width, 's')}. The golden twin, fitted automatically on {how}, is off by at most",
        f"{100 * sheet.largest:.2f} % of the largest charge at {held} values that it was not fitted on,",
        f"{verdict} the bound of {100 * CHARGE_BOUND:g} %; from a tenth of the largest charge on, by at most",
        f"{100 * sheet.relative:.2f} % of the charge itself.",
        "",
    ]
    if codes:
        lines += [
            f"One code is {engineering(lsb, 'C')}; of typical devices, without mismatch, the integral nonlinearity",
            f"is {integral:.2f} codes at most, the differential one {differential:.2f}.",
            "",
        ]
    else:
        small = sheet.weights[np.abs(sheet.charges) < 0.01 * np.abs(sheet.charges).max()]
        if small.size:
            lines += [
                f"Up to {name} = {engineering(float(small.max()), 'A')}, less than 1 % of the largest charge arrives:",
                "after a silence the pulses first bring the capacitor back to where the output conducts.",
                "",
            ]
    lines += [
        f"| {name} | charge | twin off by |{' off the line |' if codes else ''}",
        f"|---|---|---|{'---|' if codes else ''}",
    ]
    top = float(np.abs(sheet.charges).max())
    for k in range(sheet.weights.size):
        if codes and sheet.weights[k] not in SHOWN:
            continue
        label = f"{sheet.weights[k]:g}" if codes else engineering(float(sheet.weights[k]), "A")
        off = 100 * (sheet.predicted[k] - sheet.charges[k]) / top
        # A millionth is the integration's noise.
        charge = float(sheet.charges[k]) if abs(sheet.charges[k]) > 1e-6 * top else 0.0
        bent = f" {100 * sheet.inl[k]:+.2f} % |" if codes else ""
        lines.append(f"| {label} | {engineering(charge, 'C')} | {off:+.2f} % |{bent}")
    lines.append("")
    if sheet.time_constants:
        lines += against("I_tau", "time constant", sheet.time_constants)
    nominal, tau = sheet.nominal
    timed = bool(tau)
    label = f"{sheet.weights[-1]:g}" if codes else engineering(float(sheet.weights[-1]), "A")
    lines += [
        f"## Corners, temperature and supply, at {name} = {label}",
        "",
        f"| | charge | off nominal |{' time constant | off nominal |' if timed else ''}",
        f"|---|---|---|{'---|---|' if timed else ''}",
    ]
    for what, q, t in sheet.conditions:
        late = f" {engineering(t, 's')} | {100 * (t / tau - 1):+.1f} % |" if timed else ""
        lines.append(f"| {what} | {engineering(q, 'C')} | {100 * (q / nominal - 1):+.1f} % |{late}")
    lines += [
        "",
        "## Mismatch",
        "",
        f"{sheet.samples.size} chips at {name} = {label}: the charge's {sigma(sheet.samples, nominal)}.",
        *([f"The time constant's {sigma(sheet.slowness, tau)}."] if timed else []),
        "",
        "## Cost",
        "",
        f"{engineering(rounded(sheet.seconds), 's')} of CPU an event; to two digits, on one machine.",
        "",
    ]
    return "\n".join(lines)
