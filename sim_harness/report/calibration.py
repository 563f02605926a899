"""The picture of a calibration: every neuron before and after, target by target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np

from analog.calibration.parameters import LIMITS, PARAMETERS
from sim_harness.report.plots import STYLE, blank_figure, svg_text

if TYPE_CHECKING:
    from analog.calibration import Calibration

SCALES = {"V": (1e3, "mV"), "s": (1e6, "µs")}
BEFORE, AFTER = "#b8860b", "#0072b2"


def draw(calibration: Calibration) -> str:
    """An <svg>: six panels, a dot a neuron, the target as a line."""
    with mpl.rc_context(STYLE):
        figure = blank_figure(10.0, 5.6)
        axes = figure.subplots(2, 3).ravel()
        jitter = np.random.default_rng(0).uniform(-0.22, 0.22, calibration.size)
        for panel, name in zip(axes, PARAMETERS, strict=True):
            scale, unit = SCALES["V" if name.startswith("V") else "s"]
            for place, values, colour in ((0, calibration.before, BEFORE), (1, calibration.after, AFTER)):
                panel.plot(place + jitter, values[name] * scale, "o", color=colour, markersize=3.5, alpha=0.75)
            panel.axhline(getattr(calibration.chip.targets, name) * scale, color="#8a8a8a", linewidth=1.0, zorder=0)
            panel.set_xticks((0, 1), ("before", "after"))
            panel.set_xlim(-0.6, 1.6)
            limit = f", limit {LIMITS[name]:g}" if name in LIMITS else ""
            panel.set_title(f"{name} [{unit}]: sigma ratio {calibration.ratio(name):.2f}{limit}", fontsize=10)
        return svg_text(figure, "Spread before and after calibration")
