"""The figures of the mean-field study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from golden.theory.loop import RESPONSES, Response, Synapse
from studies.figures import INK, SERIES, sheet
from studies.mean_field_runs import BIN, DELAY, TAU_S

if TYPE_CHECKING:
    from studies.study import Outcome, Panel

TITLES: dict[Response, str] = {
    "lif": "LIF response", "static": "static gain", "wilson-cowan": "time constant tau_m",
}  # fmt: skip
#: Loop gains of the inhibitory network.
GAINS = (2.0, 5.0, 11.0)
_COLOUR = dict(zip(RESPONSES, SERIES, strict=False))


def draw(outcome: Outcome) -> list[Panel]:
    """Response and loop, activities, spectra."""
    data = outcome.data
    return [_draw_responses(data["theory"]), _draw_activity(data), _draw_spectra(data["networks"])]


def _draw_responses(theory: Any) -> Panel:
    with sheet(
        "How fast a population answers",
        "Left: the answer's size over the slow answer's. Middle: its lag. Right: the whole loop in the complex plane "
        "at a gain of 5; a curve that goes round -1 (cross) means an oscillation that grows.",
        1, 3, 3.9,
    ) as page:  # fmt: skip
        left, middle, right = page.axes
        f = np.asarray(theory["frequency"])
        for response in RESPONSES:
            a = np.asarray(theory["responses"][response])
            style = {"color": _COLOUR[response], "label": TITLES[response]}
            left.loglog(f, np.abs(a), **style)
            middle.semilogx(f, np.degrees(np.unwrap(np.angle(a))), **style)
            curve = 5 * a * Synapse(DELAY, TAU_S).transfer(f)
            right.plot(curve.real, curve.imag, **style)
        left.axvline(theory["good_to"], color=INK, linestyle=":", linewidth=0.9)
        left.set(xlabel="frequency [Hz]", ylabel="|chi / chi(0)|")
        middle.set(xlabel="frequency [Hz]", ylabel="phase [degrees]")
        right.plot(-1, 0, "x", color=INK, markersize=8, markeredgewidth=2)
        right.set(xlabel="Re G A s", ylabel="Im G A s", xlim=(-3.2, 5.4), ylim=(-4.6, 2.6))
        page.legend()
    return page.panel


def _draw_activity(data: Any) -> Panel:
    with sheet(
        "The same loop in three descriptions",
        "Activity of the simulated network (4 N neurons, bins of half a millisecond, smoothed), and the two rate "
        "models after a kick of 1 %. At G = 5 the static model oscillates and the network does not; at G = 11 the "
        "network does, the model with the membrane's time constant does not.",
        3, len(GAINS), 5.6, sharex="row",
    ) as page:  # fmt: skip
        for column, gain in enumerate(GAINS):
            network = data["networks"][f"inhibitory, G = {gain:g}"]
            run = network["runs"][-1]
            activity = np.convolve(np.asarray(run["activity"]) / run["size"] / BIN, np.full(4, 0.25), "valid")
            page.axes[0, column].plot(
                1e3 * BIN * np.arange(activity.size)[:400], activity[:400], color=INK, linewidth=0.8
            )
            page.axes[0, column].set_title(f"G = {gain:g}", fontsize=10)
            page.axes[0, column].set_ylim(0, None)
            for row, response in enumerate(RESPONSES[1:], 1):
                trace = data["theory"]["traces"][f"{response} {gain:g}"]
                axes = page.axes[row, column]
                axes.plot(
                    1e3 * np.asarray(trace["times"])[:500],
                    np.asarray(trace["rate"])[:500],
                    color=_COLOUR[response],
                    linewidth=0.9,
                )
                low, high = axes.get_ylim()
                axes.set_ylim(min(low, 9.3), max(high, 9.6))
            page.axes[2, column].set_xlabel("time [ms]")
        for row, label in enumerate(("simulated\n[Hz]", "static gain\n[Hz]", "Wilson-Cowan\n[Hz]")):
            page.axes[row, 0].set_ylabel(label)
    return page.panel


def _draw_spectra(networks: Any) -> Panel:
    with sheet(
        "Spectra of the activity",
        "Marks: simulated networks, times N. Line: finite-size theory with the LIF response, where the network is "
        "stable. The loop's resonance is there before it oscillates; beyond, the peak grows with N.",
        1, len(networks), 3.6,
    ) as page:  # fmt: skip
        for axes, (name, network) in zip(page.axes, networks.items(), strict=True):
            for colour, run in zip(SERIES, network["runs"], strict=False):
                f, power = np.asarray(run["frequency"]), np.asarray(run["power"]) * run["size"]
                width = max(f.size // 250, 1)
                n = f.size // width * width
                f, power = (x[:n].reshape(-1, width).mean(axis=1) for x in (f, power))
                keep = f < 400
                label = "N" if run is network["runs"][0] else "4 N"
                axes.semilogy(f[keep], power[keep], ".", color=colour, markersize=3, label=f"simulated, {label}")
            if network["spectrum"] is not None:
                power = np.asarray(network["spectrum"]["power"]) * sum(network["sizes"][0])
                axes.plot(network["spectrum"]["frequency"], power, color=INK, linewidth=1.2, label="theory")
            axes.set_title(name.replace(", ", ",\n"), fontsize=9)
            axes.set_xlabel("frequency [Hz]")
        page.axes[0].set_ylabel("N x power [Hz]")
        page.legend()
    return page.panel
