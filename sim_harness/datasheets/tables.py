"""Parts of the data sheets' text: tables against a bias, spreads, two technologies side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analog.montecarlo import spread
from sim_harness.units import engineering

if TYPE_CHECKING:
    from collections.abc import Sequence

    from golden.neurons.lif import FloatArray
    from sim_harness.datasheets.measure import NeuronSheet


def rounded(value: float) -> float:
    """To two digits."""
    return float(f"{value:.2g}")


def sigma(samples: FloatArray, nominal: float) -> str:
    """ "sigma is 1.7 +- 0.1 % ...", of samples against ``nominal``."""
    found = spread(samples, nominal)
    silent = f", and {found.silent} are silent" if found.silent else ""
    return (
        f"sigma is {100 * found.sigma:.2f} ± {100 * found.uncertainty:.2f} %, "
        f"{100 * found.trimmed:.2f} % without the outer 5 %; "
        f"chips are {100 * found.low:+.1f} % to {100 * found.high:+.1f} % off the nominal one{silent}"
    )


def against(bias: str, title: str, pairs: Sequence[tuple[float, float]]) -> list[str]:
    """A table of values [s] against a bias current."""
    return [
        f"## {title[:1].upper()}{title[1:]} against {bias}",
        "",
        f"| {bias} | {title} | times bias |",
        "|---|---|---|",
        *(
            f"| {engineering(current, 'A')} | {engineering(value, 's')} | {engineering(current * value, 'C')} |"
            for current, value in pairs
        ),
        "",
    ]


def time_constants(sheet: NeuronSheet) -> list[str]:
    """Membrane time constants, where the circuit has one, beside what was specified and with a field raised."""
    entry, process = sheet.entry, sheet.process
    if entry.time_bias is None:
        return []
    if entry.raised is None:
        return against(entry.time_bias[0], "membrane time constant", sheet.time_constants)
    (bias, biases), (name, part), (low, high) = entry.time_bias, entry.raised, process.made.window
    circuit = entry.make(process)
    usual, volts = engineering(circuit.leak, "V"), engineering(low + part * (high - low), "V")
    specified = dict(zip(biases, entry.specified, strict=True))
    capacitor = engineering(circuit.C_m, "F")
    lines = [
        f"## Membrane time constant against {bias}",
        "",
        f"With one capacitor of {capacitor}, over {np.log10(biases[-1] / biases[0]):.1f} decades of the bias.",
        "Specified: measured before on another circuit of this kind (26 transistors, 2 pF).",
        "",
        f"| {bias} | at {name} = {usual} | times bias | at {name} = {volts} | times bias | specified |",
        "|---|---|---|---|---|---|",
    ]
    for (current, tau), (_, raised) in zip(sheet.time_constants, sheet.raised, strict=True):
        lines.append(
            f"| {engineering(current, 'A')} | {engineering(tau, 's')} | {engineering(current * tau, 'C')} "
            f"| {engineering(raised, 's')} | {engineering(current * raised, 'C')} "
            f"| {engineering(specified[current], 's')} |"
        )
    return [*lines, "", *_headroom(sheet, name, usual, volts)]


def _headroom(sheet: NeuronSheet, name: str, usual: str, volts: str) -> list[str]:
    """A sentence where the default potential costs a third of the conductance or more."""
    late = [
        bias for (bias, tau), (_, raised) in zip(sheet.time_constants, sheet.raised, strict=True) if tau > 1.33 * raised
    ]
    if not late:
        return []
    return [
        f"From {engineering(late[0], 'A')} on, {name} = {usual} leaves the pair's tail transistor too little voltage:",
        f"the whole bias does not flow, and the time constant stays well above what it is at {volts}.",
        "",
    ]


def compared(sheet: NeuronSheet, other: NeuronSheet) -> list[str]:
    """Key figures in two technologies."""
    both = (sheet, other)

    def row(what: str, values: Sequence[str]) -> str:
        return f"| {what} | {' | '.join(values)} |"

    def at(pairs: Sequence[tuple[float, float]], bias: float) -> str:
        return engineering(dict(pairs)[bias], "s")

    lines = [
        f"## {sheet.process.made.title} and {other.process.made.title}",
        "",
        "The same circuit, sizes and bias currents; the second column from fewer points and",
        f"{other.samples.size} chips.",
        "",
        row("", [each.process.made.name for each in both]),
        "|---|---|---|",
        row("rate", [f"{_rate(each, 0)} to {_rate(each, -1)}" for each in both]),
        row("twin off by at most", [f"{100 * each.largest:.3f} %" for each in both]),
        row("static power", [engineering(each.static, "W") for each in both]),
        row("energy per spike, fastest", [engineering(float(each.energies[-1]), "J") for each in both]),
        row(
            "of it dynamic",
            [engineering(float(each.energies[-1] - each.static * each.periods[-1]), "J") for each in both],
        ),
    ]
    for name, title in (("time_constants", "membrane time constant"), ("refractory", sheet.entry.ref_name)):
        pairs, bias = getattr(other, name), sheet.entry.time_bias if name == "time_constants" else sheet.entry.ref_bias
        if pairs and bias is not None:
            current = pairs[0][0]
            values = [at(getattr(each, name), current) for each in both]
            lines.append(row(f"{title} at {bias[0]} = {engineering(current, 'A')}", values))
    spreads = [spread(each.samples, each.nominal) for each in both]
    lines += [
        row("interval's sigma", [f"{100 * s.sigma:.2f} ± {100 * s.uncertainty:.2f} %" for s in spreads]),
        row("CPU a spike", [engineering(rounded(each.seconds), "s") for each in both]),
        "",
    ]
    return lines


def _rate(sheet: NeuronSheet, k: int) -> str:
    return engineering(float(1 / sheet.periods[k]), "Hz")
