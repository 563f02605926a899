"""The FPGA report's own logic: counting, the harness, and regressions against baselines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from digital.designs import DESIGNS
from golden.errors import SpecError
from sim_harness.fpga import BASELINES, DEVICES, Figures, Report, harness, load_baselines, measure, place, regressions
from sim_harness.fpga import save_baselines as save

GOOD = Figures(clock=100.0, lut4=400, ff=500, bram=3, dsp=2)


def test_committed_baselines_reach_the_targets() -> None:
    rows = load_baselines(BASELINES)
    assert set(rows) == set(DESIGNS)
    assert all(set(row) == set(DEVICES) for row in rows.values())
    reference = rows["lif_256x16"]
    assert reference["ecp5-25k"].clock >= 120
    assert reference["ecp5-25k"].lut4 <= 500
    assert reference["up5k"].clock >= 45


@pytest.mark.parametrize(
    ("now", "count"),
    [
        (GOOD, 0),
        (Figures(90.0, 440, 550, 3, 2), 0),  # within 10 %
        (Figures(89.9, 400, 500, 3, 2), 1),
        (Figures(100.0, 441, 500, 3, 2), 1),
        (Figures(50.0, 500, 600, 4, 3), 5),
    ],
)
def test_more_than_ten_percent_worse_is_a_regression(now: Figures, count: int) -> None:
    assert len(regressions({"a": {"up5k": now}}, {"a": {"up5k": GOOD}})) == count


def test_regression_names_design_device_and_both_figures() -> None:
    (line,) = regressions({"a": {"up5k": Figures(80.0, 400, 500, 3, 2)}}, {"a": {"up5k": GOOD}})
    assert line == "a on up5k: clock 80 MHz, baseline 100 MHz"


def test_saved_baselines_keep_other_designs(tmp_path: Path) -> None:
    path = tmp_path / "baselines.json"
    save(path, Report({"a": {"up5k": GOOD}}, {"yosys": "1"}, ()))
    save(path, Report({"b": {"up5k": GOOD}}, {"yosys": "1"}, ()))
    assert load_baselines(path) == {"a": {"up5k": GOOD}, "b": {"up5k": GOOD}}
    assert json.loads(path.read_text())["seeds"] == [1, 2, 3]


def test_harness_registers_every_port() -> None:
    config = DESIGNS["lif_256x16"]
    text = harness(config)
    for port in config.ports:
        assert f".{port}(" in text


def test_unknown_design() -> None:
    with pytest.raises(SpecError, match=r"^Design must be one of lif_256x16, .*, not 'lif'$"):
        measure(["lif"], Path())


@pytest.mark.integration
def test_small_core_is_placed_and_counted(tmp_path: Path) -> None:
    """What the shifting core must need whatever the tools do."""
    figures = place(DESIGNS["lif_256x16_shift"], DEVICES["up5k"], tmp_path)
    assert figures.dsp == 0  # it only shifts
    assert figures.bram >= 3  # 256 neurons of v 16, r 8, i 16 and current 16 bits are 14336 bits of 4096 each
    assert figures.clock > 30
