"""The quick form of the Fokker-Planck study, and what it does with neurons that are not those of the equation."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import studies.fokker_planck as module
from sim_harness.cli.app import run
from studies.study import Run


@pytest.mark.integration
def test_the_quick_form_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["study", "fokker-planck", "--quick", "--fresh", "--json", "--report", str(tmp_path)]) == 0
    text = json.loads(capsys.readouterr().out)
    assert text["holds"]
    theory = text["data"]["theory"]
    rates, times = np.array(theory["rate"]), np.array(theory["times"])
    # Contract: mu 15 and sigma 5 mV.
    assert rates[(times > 0.14) & (times < 0.15)] == pytest.approx(9.46079980576, rel=1e-3)
    assert np.abs(np.array(theory["mass"]) - 1).max() < 1e-12
    cloud = text["data"]["cloud"]
    # Whoever is not refractory is in a cell; who is, fired in the last 2 ms.
    assert np.sum(cloud["counts"], axis=1) + cloud["held"] == pytest.approx([20_000] * 5, abs=3)
    assert cloud["held"][2] == pytest.approx(20_000 * 9.46 * 2e-3, rel=0.25)
    assert (tmp_path / "index.html").read_text(encoding="utf-8").count("<svg") == 3


def test_neurons_of_another_refractory_time_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    from_tau = module.LIFNeuron.from_tau

    def lazier(**values: float) -> object:
        return from_tau(**(values | {"t_ref": 4e-3}))

    monkeypatch.setattr(module.LIFNeuron, "from_tau", lazier)
    outcome = module.compute(Run("fokker-planck", quick=True))
    failed = {finding.claim for finding in outcome.findings if finding.holds is False}
    assert "Rate in time of 20,000 neurons" in failed
    assert "Stationary rates over mean and noise" in failed


def test_the_time_to_follow_a_step() -> None:
    times = np.linspace(0, 0.3, 6001)
    rates = np.where(times < 0.15, 5.0, 5.0 + 10 * -np.expm1(-(times - 0.15) / 7e-3))
    assert module._rise(times, rates) == pytest.approx(7e-3, abs=1e-4)
