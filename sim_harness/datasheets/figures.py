"""The picture of a data sheet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from sim_harness.datasheets.measure import BOUND
from sim_harness.report.plots import _STYLE, _figure, _svg

if TYPE_CHECKING:
    from sim_harness.datasheets.measure import NeuronSheet
    from sim_harness.datasheets.synapses import SynapseSheet

BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#8a8a8a"
#: Ink and ground of a figure that stands alone.
_GROUND = "<style>svg{color:#1c2430;background:#fff}</style>"


def neuron_figure(sheet: NeuronSheet) -> str:
    """An <svg> of six panels."""
    with mpl.rc_context(_STYLE):
        figure = _figure(11.0, 6.4)
        axes = figure.subplots(2, 3).ravel()
        _f_i(axes[0], sheet)
        _errors(axes[1], sheet)
        _energy(axes[2], sheet)
        _law(axes[3], sheet.time_constants, "membrane time constant", sheet.entry.time_bias)
        _law(axes[4], sheet.refractory, sheet.entry.ref_name, sheet.entry.ref_bias)
        _spread(axes[5], sheet)
        for panel in axes:
            for axis in (panel.xaxis, panel.yaxis):
                if axis.get_scale() == "log":
                    _decades(axis)
        text = _svg(figure, f"Data sheet of the {sheet.entry.title}")
    return text.replace(">", f">{_GROUND}", 1)


def synapse_figure(sheet: SynapseSheet) -> str:
    """An <svg> of three panels."""
    with mpl.rc_context(_STYLE):
        figure = _figure(11.0, 3.4)
        axes = figure.subplots(1, 3)
        codes = sheet.entry.weight[0] == "weight"
        x = sheet.weights if codes else sheet.weights * 1e9
        axes[0].plot(x, sheet.predicted * 1e15, color=GREY, linewidth=2.5, label="golden twin")
        axes[0].plot(x, sheet.charges * 1e15, "o", color=BLUE, markersize=4, label="ngspice")
        name = "weight code" if codes else f"{sheet.entry.weight[0]} [nA]"
        axes[0].set(
            xlabel=name, ylabel="charge [fC]", title="charge of an event" if sheet.entry.pulses == 1 else "charge"
        )
        axes[0].legend(fontsize=8)
        _law(axes[1], sheet.time_constants, "time constant", ("I_tau", ()))
        relative = 100 * (sheet.samples / sheet.charges[-1] - 1)
        axes[2].hist(relative, bins=16, color=BLUE, alpha=0.8)
        axes[2].axvline(0, color=GREY, linewidth=1)
        axes[2].set(xlabel="charge [% off nominal]", ylabel="samples")
        axes[2].set_title(f"mismatch, {relative.size} chips: sigma {relative.std():.1f} %")
        if sheet.time_constants:
            for axis in (axes[1].xaxis, axes[1].yaxis):
                _decades(axis)
        text = _svg(figure, f"Data sheet of the {sheet.entry.title}")
    return text.replace(">", f">{_GROUND}", 1)


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
    axes.semilogx(1e-3 / sheet.periods, 100 * sheet.twin_errors, "o-", color=ORANGE, markersize=4, linewidth=1)
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
    if not pairs:
        axes.set_axis_off()
        axes.text(0.5, 0.5, f"no {title}", ha="center", va="center", color=GREY)
        return
    x, y = np.array(pairs).T
    axes.loglog(x * 1e9, y * 1e6, "o", color=BLUE, markersize=4)
    middle = len(x) // 2
    axes.loglog(x * 1e9, y[middle] * x[middle] / x * 1e6, color=GREY, linewidth=1, label="1 / bias")
    axes.set(xlabel=f"{'' if bias is None else bias[0]} [nA]", ylabel="[µs]", title=title)
    axes.legend(fontsize=8)


def _spread(axes: Any, sheet: NeuronSheet) -> None:
    relative = 100 * (sheet.samples / sheet.nominal - 1)
    relative = relative[np.isfinite(relative)]
    axes.hist(relative, bins=16, color=BLUE, alpha=0.8)
    axes.axvline(0, color=GREY, linewidth=1)
    axes.set(
        xlabel="interval [% off nominal]",
        ylabel="samples",
        title=f"mismatch, {sheet.samples.size} chips: sigma {relative.std():.1f} %",
    )
