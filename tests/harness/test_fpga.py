"""The FPGA report's own logic: counting, the harness, and regressions against baselines."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from digital.designs import ALL, DESIGNS
from golden.errors import SpecError
from sim_harness import fpga
from sim_harness.cli.app import run as hillock
from sim_harness.fpga import BASELINES, DEVICES, Figures, Report, harness, load_baselines, measure, place, regressions
from sim_harness.fpga import save_baselines as save

GOOD = Figures(clock=100.0, lut4=400, ff=500, bram=3, dsp=2)


def test_committed_baselines_reach_the_targets() -> None:
    rows = load_baselines(BASELINES)
    assert set(rows) == set(ALL)
    assert all(set(row) == set(fpga.devices_for(name)) for name, row in rows.items())
    assert all(set(rows[name]) == set(DEVICES) for name in DESIGNS)
    reference = rows["lif_256x16"]
    assert reference["ecp5-25k"].clock >= 120
    assert reference["ecp5-25k"].lut4 <= 500
    assert reference["up5k"].clock >= 45
    core = rows["truenorth_256x256"]["ecp5-25k"]
    assert core.clock >= 80
    assert core.lut4 <= 2500
    assert core.ticks is not None
    assert core.ticks >= 20 * fpga.RANC[2]


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


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"designs": 1}', '{"designs": {"a": {"up5k": {"clock": 1}}}}', '{"designs": {"a": [1]}}']
)
def test_broken_baselines_are_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "baselines.json"
    path.write_text(text)
    message = f"Baselines {path} must be as fpga-report --update writes them, not broken"
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        load_baselines(path)


def test_missing_baselines_are_refused_unless_they_are_to_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fpga, "place", lambda config, device, work: GOOD)
    with pytest.raises(SpecError, match=r"^Baselines .*\.json must be there \(--update writes them\), not missing$"):
        measure(["lif_256x16"], tmp_path)
    assert measure(["lif_256x16"], tmp_path, update=True).unmatched == ("lif_256x16",)


def test_a_design_without_baseline_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fpga, "place", lambda config, device, work: GOOD)
    monkeypatch.setattr(fpga, "clocks_per_tick", lambda config: 4000.0)
    path = tmp_path / BASELINES
    path.parent.mkdir()
    whole = dict.fromkeys(DEVICES, GOOD)
    save(path, Report({"lif_256x16": whole, "lif_256x16_shift": {"up5k": GOOD}}, {}, ()))
    assert "no_baseline" not in json.loads(path.read_text())
    assert hillock(["fpga-report", "--root", str(tmp_path)]) == 0
    shown = [line for line in capsys.readouterr().out.splitlines() if line.startswith("no baseline")]
    assert shown == [f"no baseline: {name}" for name in ALL if name != "lif_256x16"]


@pytest.mark.parametrize("name", ["lif_256x16", "truenorth_256x256"])
def test_harness_registers_every_port(name: str) -> None:
    config = ALL[name]
    text = harness(config)
    assert f"  {config.module} core(" in text
    for port in config.ports:
        assert f".{port}(" in text


def test_fewer_ticks_are_a_regression() -> None:
    before = {"a": {"ecp5-25k": Figures(100.0, 400, 500, 3, 2, 1000)}}
    for ticks, count in ((950, 0), (899, 1)):
        now = {"a": {"ecp5-25k": Figures(100.0, 400, 500, 3, 2, ticks)}}
        assert len(regressions(now, before)) == count


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


def test_the_page_shows_the_baselines() -> None:
    page = fpga.page(BASELINES)
    assert page == Path("docs/fpga.md").read_text(encoding="utf-8")
    for name, rows in load_baselines(BASELINES).items():
        for device, f in rows.items():
            assert f"| `{name}` | {DEVICES[device].title} | {f.clock:.1f} | {f.lut4} | " in page
