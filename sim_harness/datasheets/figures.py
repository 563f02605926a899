"""The picture of a data sheet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from golden.twins.pulsed_mirror import nonlinearity
from sim_harness.datasheets.measure import BOUND
from sim_harness.datasheets.synapses import BOUND as CHARGE_BOUND
from sim_harness.report.plots import STYLE, blank_figure, svg_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from golden.neurons.lif import FloatArray
    from sim_harness.datasheets.measure import NeuronSheet
    from sim_harness.datasheets.synapses import SynapseSheet

BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#8a8a8a"
#: Of a 6-bit weight.
CODES = 64
#: Ink and ground of a figure that stands alone.
_GROUND = "<style>svg{color:#1c2430;background:#fff}</style>"


def neuron_figure(sheet: NeuronSheet) -> str:
    """An <svg> of six panels."""
    with mpl.rc_context(STYLE):
        figure = blank_figure(11.0, 6.4)
        axes = figure.subplots(2, 3).ravel()
        _f_i(axes[0], sheet)
        _errors(axes[1], sheet)
        _energy(axes[2], sheet)
        if sheet.time_constants:
            _time_constants(axes[3], sheet)
        else:
            _conditions(axes[3], sheet.conditions, "interval")
        _law(axes[4], sheet.refractory, sheet.entry.ref_name, sheet.entry.ref_bias)
        _spread(axes[5], sheet)
        for panel in axes:
            for axis in (panel.xaxis, panel.yaxis):
                if axis.get_scale() == "log":
                    _decades(axis)
        text = svg_text(figure, f"Data sheet of the {sheet.entry.title}")
    return text.replace(">", f">{_GROUND}", 1)


def synapse_figure(sheet: SynapseSheet) -> str:
    """An <svg> of six panels."""
    with mpl.rc_context(STYLE):
        figure = blank_figure(11.0, 6.4)
        axes = figure.subplots(2, 3).ravel()
        _charge(axes[0], sheet)
        _charge_errors(axes[1], sheet)
        _nonlinearity(axes[2], sheet)
        charge, tau = sheet.nominal
        _histogram(axes[4], sheet.samples, charge, "charge")
        charges = [(what, value) for what, value, _ in sheet.conditions]
        if tau:
            _law(axes[3], sheet.time_constants, "time constant", ("I_tau", ()))
            for axis in (axes[3].xaxis, axes[3].yaxis):
                _decades(axis)
            _histogram(axes[5], sheet.slowness, tau, "time constant")
        else:
            _conditions(axes[3], charges, "charge")
            axes[5].set_axis_off()
        text = svg_text(figure, f"Data sheet of the {sheet.entry.title}")
    return text.replace(">", f">{_GROUND}", 1)


def _strength(sheet: SynapseSheet) -> tuple[str, FloatArray]:
    """The axis of what sets a synapse's strength: its label and values."""
    name = sheet.entry.weight[0]
    return ("weight code", sheet.weights) if name == "weight" else (f"{name} [nA]", sheet.weights * 1e9)


def _charge(axes: Any, sheet: SynapseSheet) -> None:
    label, x = _strength(sheet)
    axes.plot(x, sheet.predicted * 1e15, color=GREY, linewidth=2.5, label="golden twin")
    axes.plot(x, sheet.charges * 1e15, "o", color=BLUE, markersize=3 if x.size > 20 else 4, label="ngspice")
    number = sheet.entry.pulses
    title = "charge of an event" if number == 1 else f"charge of {number} pulses from rest"
    axes.set(xlabel=label, ylabel="charge [fC]", title=title)
    axes.legend(fontsize=8)


def _charge_errors(axes: Any, sheet: SynapseSheet) -> None:
    label, x = _strength(sheet)
    off = 100 * (sheet.predicted - sheet.charges) / np.abs(sheet.charges).max()
    bound = 100 * CHARGE_BOUND
    axes.axhspan(-bound, bound, color=GREY, alpha=0.15, linewidth=0)
    axes.plot(x, off, "-", color=ORANGE, linewidth=1)
    for held, face, name in ((True, ORANGE, "not fitted on"), (False, "white", "fitted on")):
        here = (sheet.held > 0) == held
        axes.plot(x[here], off[here], "o", color=ORANGE, markerfacecolor=face, markersize=4, label=name)
    axes.set(xlabel=label, ylabel="twin - circuit [% of largest]", title="error of the twin (bound shaded)")
    axes.set_ylim(-1.3 * bound, 1.3 * bound)
    axes.legend(fontsize=8)


def _nonlinearity(axes: Any, sheet: SynapseSheet) -> None:
    label, x = _strength(sheet)
    if sheet.weights.size == CODES:
        axes.set_title("nonlinearity, typical devices")
        differential, integral = nonlinearity(sheet.charges)
        axes.plot(x, integral, "-", color=BLUE, linewidth=1.5, label="integral")
        axes.step(x[1:], differential, where="mid", color=ORANGE, linewidth=1, label="differential")
        axes.legend(fontsize=8)
        axes.set_ylabel("nonlinearity [codes]")
    else:
        axes.plot(x, 100 * sheet.inl, "o-", color=BLUE, markersize=4, linewidth=1)
        axes.set(ylabel="off the line [% of largest]", title="nonlinearity")
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.set_xlabel(label)


def _conditions(axes: Any, rows: Sequence[tuple[str, float]], what: str) -> None:
    """Bars: how far ``what`` is off the first of ``rows``."""
    names = [name.split(",")[0] for name, _ in rows]
    off = [100 * (value / rows[0][1] - 1) for _, value in rows]
    axes.barh(range(len(off)), off, color=BLUE, alpha=0.8)
    axes.set_yticks(range(len(off)), names, fontsize=8)
    axes.invert_yaxis()
    axes.axvline(0, color=GREY, linewidth=1)
    axes.set(xlabel=f"{what} [% off nominal]", title="corner, temperature, supply")


def _decades(axis: Any) -> None:
    """Plain numbers at 1, 2 and 5; over more than two decades at 1 only."""
    low, high = axis.get_view_interval()
    subs = (1.0, 2.0, 5.0) if high / low < 1.5e2 else (1.0,)
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _f_i(axes: Any, sheet: NeuronSheet) -> None:
    fine = np.geomspace(sheet.currents[0], sheet.currents[-1], 200)
    axes.loglog(fine * 1e9, 1e-3 / sheet.twin.periods(fine), color=GREY, linewidth=2.5, label="golden twin")
    axes.loglog(sheet.currents * 1e9, 1e-3 / sheet.periods, "o", color=BLUE, markersize=4, label="ngspice")
    axes.set(xlabel="input [nA]", ylabel="rate [kHz]", title="f-I curve")
    axes.legend(fontsize=8)


def _errors(axes: Any, sheet: NeuronSheet) -> None:
    axes.axhspan(-100 * BOUND, 100 * BOUND, color=GREY, alpha=0.15, linewidth=0)
    x, off = 1e-3 / sheet.periods, 100 * sheet.twin_errors
    axes.semilogx(x, off, "-", color=ORANGE, linewidth=1)
    for held, face, name in ((True, ORANGE, "not fitted on"), (False, "white", "fitted on")):
        here = (sheet.held > 0) == held
        if here.any():
            axes.semilogx(x[here], off[here], "o", color=ORANGE, markerfacecolor=face, markersize=4, label=name)
    axes.legend(fontsize=8)
    axes.set(xlabel="rate [kHz]", ylabel="twin - circuit [% of interval]", title="error of the twin (bound shaded)")
    axes.set_ylim(-130 * BOUND, 130 * BOUND)


def _energy(axes: Any, sheet: NeuronSheet) -> None:
    static = sheet.static * sheet.periods
    axes.loglog(1e-3 / sheet.periods, sheet.energies * 1e12, "o-", color=BLUE, markersize=4, label="total")
    axes.loglog(1e-3 / sheet.periods, static * 1e12, "--", color=GREY, label="static power x interval")
    dynamic = np.maximum(sheet.energies - static, 0.0)
    shown = dynamic > 0
    axes.loglog(1e-3 / sheet.periods[shown], dynamic[shown] * 1e12, "s-", color=ORANGE, markersize=3, label="dynamic")
    axes.set(xlabel="rate [kHz]", ylabel="energy per spike [pJ]", title="energy from the supply")
    axes.legend(fontsize=8)


def _law(axes: Any, pairs: Any, title: str, bias: tuple[str, Any] | None) -> None:
    x, y = np.array(pairs).T
    middle = (len(x) - 1) // 2
    axes.loglog(x * 1e9, y[middle] * x[middle] / x * 1e6, color=GREY, linewidth=1, label="1 / bias")
    axes.loglog(x * 1e9, y * 1e6, "o", color=BLUE, markersize=4, label="ngspice")
    axes.set(xlabel=f"{'' if bias is None else bias[0]} [nA]", ylabel=f"{title} [µs]", title=title)
    axes.legend(fontsize=8)


def _time_constants(axes: Any, sheet: NeuronSheet) -> None:
    """As `_law`, with the field raised and what was specified beside."""
    entry = sheet.entry
    _law(axes, sheet.time_constants, "membrane time constant", entry.time_bias)
    if entry.time_bias is None or entry.raised is None:
        return
    (name, part), (low, high) = entry.raised, sheet.process.made.window
    x, y = np.array(sheet.raised).T
    axes.loglog(x * 1e9, y * 1e6, "s", color=ORANGE, markersize=4, label=f"{name} {low + part * (high - low):g} V")
    specified = dict(zip(entry.time_bias[1], entry.specified, strict=True))
    axes.loglog(
        x * 1e9,
        [specified[bias] * 1e6 for bias in x],
        "+",
        color=axes.xaxis.label.get_color(),
        markersize=8,
        label="specified",
    )
    axes.legend(fontsize=8)


def _spread(axes: Any, sheet: NeuronSheet) -> None:
    _histogram(axes, sheet.samples, sheet.nominal, "interval")


def _histogram(axes: Any, samples: FloatArray, nominal: float, what: str) -> None:
    relative = 100 * (samples / nominal - 1)
    relative = relative[np.isfinite(relative)]
    axes.hist(relative, bins=16, color=BLUE, alpha=0.8, edgecolor="white", linewidth=0.5)
    axes.axvline(0, color=GREY, linewidth=1)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(
        xlabel=f"{what} [% off nominal]",
        ylabel="chips",
        title=f"{samples.size} chips: sigma {relative.std(ddof=1):.1f} %",
    )
