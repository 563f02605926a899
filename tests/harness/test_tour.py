"""The tour of the analog branch runs, and says WRONG where something is."""

from __future__ import annotations

import json

import pytest

from sim_harness import tour as module
from sim_harness.cli.app import run


@pytest.mark.integration
def test_the_tour_shows_every_part(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tour", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    parts = [line["part"] for line in document["lines"]]
    assert list(dict.fromkeys(parts)) == ["tiers", "circuits", "network", "calibration", "noise", "energy"]
    assert document["good"]


def test_a_wrong_line_is_called_so(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [module.Line("tiers", "ideal", "fine", True), module.Line("tiers", "sky130", "off", False)]
    monkeypatch.setattr(module, "tour", lambda *_: iter(lines))
    assert run(["tour"]) == 1
    text = capsys.readouterr().out
    assert "sky130  off    WRONG" in text
    assert "2 checks" in text
