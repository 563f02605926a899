"""The quick form of the study of time steps: closed forms and the contract's numbers, and what it does when wrong."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

import studies.stability as module
from golden.neurons.spinnaker import DOWN
from sim_harness.cli.app import run
from studies.study import Run


def test_the_quick_form_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["study", "stability", "--quick", "--fresh", "--json", "--report", str(tmp_path)]) == 0
    text = json.loads(capsys.readouterr().out)
    assert text["holds"]
    assert len(text["findings"]) == 9
    data = text["data"]
    for q, v in zip((0.2, 1.0, 1.5, 1.9, 2.0, 2.1), data["relaxation"]["v"], strict=True):
        assert v == pytest.approx([1 - (1 - q) ** n for n in range(len(v))], abs=1e-12)
    # Contract: 2.4 % for dt = 0.01 ms and tau = 20 ms; exp_TC = 32752 / 32768, so 1 / (2 (1 - alpha)) = 1024 last bits.
    assert data["fixed"]["tau_eff"] == pytest.approx(20e-3 * 1.024, rel=1e-3)
    assert data["fixed"]["dead_band"] == pytest.approx(1024, rel=2e-3)
    # At q = 1.5 the first step overshoots to 1.5 times the input.
    assert data["firing"]["ringing rheobase"] == pytest.approx(1 / 1.5, rel=2e-3)
    exact = 1 / math.log(2 / (2 - 1))
    assert data["firing"]["exact"][3] == pytest.approx(exact, rel=1e-12)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 3
    assert "FAILS" not in page


def test_a_machine_that_rounds_down_where_it_should_not_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "NEAREST", DOWN)
    outcome = module.compute(Run("stability", quick=True))
    failed = {finding.claim for finding in outcome.findings if finding.holds is False}
    assert "Dead band of rounding to nearest" in failed


def test_an_euler_step_that_is_not_one_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    simulate = module.simulate
    monkeypatch.setattr(
        module, "simulate", lambda *a, **k: simulate(*a, **{n: v for n, v in k.items() if n != "scheme"})
    )  # exponential Euler
    outcome = module.compute(Run("stability", quick=True))
    failed = {finding.claim for finding in outcome.findings if finding.holds is False}
    assert {"Simulation against (1 - q)^n", "Intervals of the Euler neuron, in steps"} <= failed
