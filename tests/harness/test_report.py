"""The page: complete, self-contained, and true to the comparison it shows."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from golden.errors import SpecError
from sim_harness.crosscheck import crosscheck
from sim_harness.experiment import Experiment
from sim_harness.fi import fi_curve
from sim_harness.report import write_report
from sim_harness.report.page import Picture, parameter_rows, render
from sim_harness.units import engineering

EXPERIMENT = Experiment.load("examples/lif.toml", neurons=4, duration=0.06)
GOLDEN = "exact,stepped,integer"


def test_page_is_self_contained_and_complete() -> None:
    check = crosscheck(EXPERIMENT, GOLDEN)
    html = render(check, fi_curve(EXPERIMENT, GOLDEN, points=4), Picture(np.eye(2), "the picture"))
    assert not re.search(r"""(src|href)\s*=\s*["'](?!#)""", html)  # nothing is loaded
    assert not re.search(r"url\((?!#)", html)
    assert "<image" not in html  # vectors only
    assert "prefers-color-scheme: dark" in html
    for heading in ("Verdict", "Membrane potential", "Spikes", "f-I curve", "Error budget", "The neuron", "Provenance"):
        assert f"<h2>{heading}</h2>" in html
    assert html.count("<svg") == 3 + 1 + 3  # membrane, rasters, f-I; the picture, and its latencies on 3 machines
    for svg in re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL):
        ET.fromstring(svg)  # noqa: S314  # our own output
        assert "currentColor" in svg
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))


def test_page_says_what_the_comparison_found() -> None:
    check = crosscheck(EXPERIMENT, GOLDEN)
    html = render(check)
    assert check.verdict in html
    for row in check.rows:
        assert f"<td>{row.machine}</td><td>{row.against}</td>" in html
    assert "65209" in html  # round(2^16 exp(-0.1/20))


def test_parameters_are_of_one_neuron_and_inputs_are_among_them() -> None:
    """Every row holds together: the error is the one between what is shown as wanted and as got."""
    check = crosscheck(EXPERIMENT, GOLDEN)
    rows = {row["name"]: row for row in parameter_rows(check)}
    assert {"tau_m", "C_m", "g_L", "rheobase", "input current"} <= set(rows)
    inputs = check.experiment.tick_inputs.currents[:, 2]
    assert rows["input current"]["integer"].endswith(f" of {inputs.min()} to {inputs.max()}")
    for item in check.experiment.quantised.report:
        k = item.worst
        error = abs(item.got[k] - item.wanted[k]) / abs(item.wanted[k] or 1.0)
        assert rows[item.name]["error"] == f"{100 * error:.3g} %"
        assert rows[item.name]["wanted"] == engineering(item.wanted[k], item.unit)
        assert rows[item.name]["got"] == engineering(item.got[k], item.unit)
    assert parameter_rows(crosscheck(EXPERIMENT, "exact")) == []


def test_report_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        SpecError, match=r"^Report folder .*sub must be a folder that can be made, not refused \(not a directory\)$"
    ):
        write_report(tmp_path / "file" / "sub", crosscheck(EXPERIMENT, "exact"))


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(0.01523, "V", "15.23 mV"), (3e-10, "s", "300 ps"), (0.0, "s", "0 s"), (-2.5e-6, "A", "-2.5 µA")],
)
def test_engineering_units(value: float, unit: str, text: str) -> None:
    assert engineering(value, unit) == text
