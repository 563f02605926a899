"""Figures of a cross-check as SVG text, drawn with Matplotlib.

Text, axes and ticks take the page's own colour (``currentColor``), so one figure serves light and dark pages.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from sim_harness.engines import INFOS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from golden.trace import Trace
    from sim_harness.fi import FICurve

#: Matplotlib needs a real colour for what the page is to colour; this one occurs nowhere else.
INK = "#123456"
#: Mid-tone colours (Okabe & Ito 2008, adapted) that stand out on white and on near-black.
COLOURS = {
    "exact": "#8a8a8a",
    "stepped": "#b8860b",
    "integer": "#009e73",
    "ngspice": "#d55e00",
    "amaranth": "#cc79a7",
    "cxxrtl": "#56b4e9",
    "icarus": "#7b68ee",
    "verilator": "#e0457b",
    "twins": "#cc79a7",
    "euler": "#6b8e23",
    "truenorth": "#0072b2",
    "loihi": "#d55e00",
    "spinnaker": "#009e73",
}
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "hillock",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}


def blank_figure(width: float, height: float) -> Figure:
    return Figure(figsize=(width, height), layout="constrained")


def svg_text(figure: Figure, title: str) -> str:
    """The figure as an <svg> element that scales with the page and names itself to screen readers."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    # Several figures share one page, so their element ids must not meet.
    prefix = re.sub(r"\W+", "-", title.lower())
    text = re.sub(r'\bid="', f'id="{prefix}-', text)
    text = re.sub(r'(href="|url\()#', rf"\1#{prefix}-", text)
    return text.replace("<svg", f'<svg role="img" aria-label="{title}"', 1)


def membrane(traces: Mapping[str, Trace], neuron: int, v_th: float, window: tuple[float, float]) -> str:
    """Potential of one neuron on every machine that recorded it, with the threshold and the spikes.

    Curves that coincide stay visible: each later one is drawn thinner and dashed over the earlier.
    """
    with mpl.rc_context(STYLE):
        figure = blank_figure(9.5, 4.0)
        axes = figure.subplots()
        # Shorter than a tick, a machine has no state to show.
        shown = {n: t for n, t in traces.items() if neuron in t.recorded and "v" in t.states and t.times.size}
        for rank, (name, trace) in enumerate(shown.items()):
            inside = (trace.times >= window[0]) & (trace.times <= window[1])
            axes.plot(
                trace.times[inside] * 1e3,
                trace.state("v", neuron)[inside] * 1e3,
                color=COLOURS[name],
                linewidth=max(4.5 - rank, 1.0),
                linestyle="-" if rank == 0 else (rank * 3.0, (4, 3 + rank)),
                label=INFOS[name].title,
                alpha=0.55 if rank == 0 else 1.0,
            )
        axes.axhline(v_th * 1e3, color=INK, linewidth=0.8, linestyle=":")
        axes.annotate("V_th", (window[1] * 1e3, v_th * 1e3), textcoords="offset points", xytext=(4, 0), va="center")
        _spike_marks(axes, shown, neuron, v_th, window)
        axes.set(xlabel="time [ms]", ylabel=f"membrane potential of neuron {neuron} [mV]")
        axes.set_xlim(window[0] * 1e3, window[1] * 1e3)
        if shown:
            figure.legend(loc="outside lower center", ncols=4, fontsize=9, handlelength=3.5)
        return svg_text(figure, "Membrane potential on every machine")


def _spike_marks(
    axes: Axes, traces: Mapping[str, Trace], neuron: int, v_th: float, window: tuple[float, float]
) -> None:
    low = min((float(t.state("v", neuron).min()) for t in traces.values()), default=v_th - 0.02)
    step = 0.06 * (v_th - low)
    for rank, (name, trace) in enumerate(traces.items()):
        times = trace.spike_times(neuron)
        times = times[(times >= window[0]) & (times <= window[1])]
        height = np.full(times.size, v_th + (rank + 1) * step) * 1e3
        axes.plot(times * 1e3, height, "|", color=COLOURS[name], markersize=7, markeredgewidth=1.6)


def rasters(traces: Mapping[str, Trace]) -> str:
    """One raster per machine, on a common time axis."""
    with mpl.rc_context(STYLE):
        columns = min(2, len(traces))
        rows = -(-len(traces) // columns)
        size = next(iter(traces.values())).header.size
        figure = blank_figure(9.5, rows * (1.1 + min(1.5, 0.06 * size)))
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for axes, (name, trace) in zip(grid.flat, traces.items(), strict=False):
            axes.plot(
                trace.spikes[:, 0] * 1e3, trace.spikes[:, 1], "|", color=COLOURS[name],
                markersize=float(np.clip(200 / size, 3, 9)), markeredgewidth=1.1,
            )  # fmt: skip
            axes.set_title(f"{INFOS[name].title}: {len(trace.spikes)} spikes", fontsize=10)
            axes.set_xlim(0, trace.header.duration * 1e3)
            axes.set_ylim(-0.7, size - 0.3)
        for axes in list(grid.flat)[len(traces) :]:
            axes.set_visible(False)
        figure.supxlabel("time [ms]", fontsize=10)
        figure.supylabel("neuron", fontsize=10)
        return svg_text(figure, "Rasters")


def fi(curve: FICurve) -> str:
    """Rate against current: closed form as a line, machines as marks, their deviation below."""
    with mpl.rc_context(STYLE):
        figure = blank_figure(9.5, 4.6)
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1.4))
        scale = curve.currents / curve.rheobase
        top.plot(scale, curve.closed_form, color=INK, linewidth=1.2, label="closed form")
        markers = "os^vD<>P"
        firing = curve.closed_form > 0
        size = float(np.clip(120 / scale.size, 3.5, 6))
        for marker, (name, rates) in zip(markers, curve.rates.items(), strict=False):
            style = {"marker": marker, "color": COLOURS[name], "linestyle": "", "fillstyle": "none", "markersize": size}
            top.plot(scale, rates, label=INFOS[name].title, **style)
            error = 100 * (rates[firing] / curve.closed_form[firing] - 1)
            bottom.plot(scale[firing], error, **style)
        bottom.axhline(0, color=INK, linewidth=0.8)
        top.axvline(1, color=INK, linewidth=0.8, linestyle=":")
        top.set(ylabel="rate [Hz]")
        bottom.set(xlabel=f"current [rheobase, {curve.rheobase:.4g} A]", ylabel="deviation [%]")
        figure.legend(loc="outside lower center", ncols=4, fontsize=9, handlelength=3.5)
        return svg_text(figure, "f-I curve of every machine")


def image(values: NDArray[Any], title: str, label: str, *, latency: bool) -> str:
    """A small picture: a stimulus image, or first-spike latencies [ms] with silent neurons crossed out."""
    with mpl.rc_context(STYLE):
        figure = blank_figure(2.6, 2.7)
        axes = figure.subplots()
        shown = np.ma.masked_invalid(values)
        # Cells as paths, and few colours: an image would be pixels inside the vector graphic.
        palette = mpl.colormaps["viridis_r" if latency else "viridis"].resampled(32)
        drawn = axes.pcolormesh(shown, cmap=palette, edgecolors="face", linewidth=0.3)
        axes.set_aspect("equal")
        axes.invert_yaxis()
        rows, columns = np.nonzero(np.ma.getmaskarray(shown))
        axes.plot(columns + 0.5, rows + 0.5, "x", color="#8a8a8a", markersize=3, markeredgewidth=0.8)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_title(title, fontsize=10)
        figure.colorbar(drawn, ax=axes, orientation="horizontal", shrink=0.85, label=label)
        return svg_text(figure, f"{title} picture")
