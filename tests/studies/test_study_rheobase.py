"""The quick form of the study of the rheobase: every machine inside its budget, and caught when it is not."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import studies.rheobase as module
from sim_harness.cli.app import run
from studies.study import Run


@pytest.mark.integration
@pytest.mark.xdist_group("yosys")
def test_the_quick_form_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["study", "rheobase", "--quick", "--fresh", "--json", "--report", str(tmp_path)]) == 0
    text = json.loads(capsys.readouterr().out)
    machines = text["data"]["machines"]
    assert set(machines) == {
        "exact", "stepped", "integer", "cxxrtl", "truenorth", "loihi", "spinnaker", "ngspice", "sky130",
    }  # fmt: skip
    assert text["holds"]
    for factor, rate in zip(text["data"]["factors"], machines["exact"]["rates"], strict=True):
        wanted = 1 / (2e-3 + 20e-3 * math.log(factor / (factor - 1))) if factor > 1 else 0.0
        assert rate == pytest.approx(wanted, rel=1e-9)
    # One tick of 0.1 ms an interval at most, late.
    exact, stepped = (1 / np.array(machines[name]["rates"][1:]) for name in ("exact", "stepped"))
    assert ((stepped - exact >= -1e-12) & (stepped - exact <= 1e-4)).all()
    # A constant leak is too large below threshold.
    assert (np.array(machines["truenorth"]["rates"]) <= machines["truenorth"]["exact"]).all()
    assert machines["cxxrtl"]["spikes"] == machines["integer"]["spikes"]
    assert (tmp_path / "index.html").read_text(encoding="utf-8").count("<svg") == 1


def test_a_machine_outside_its_budget_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    good = module.compute(Run("rheobase", quick=True, machines=("stepped", "loihi")))
    assert good.holds
    measured = module.measured_rates

    def slow(trace: Any) -> Any:
        return measured(trace) * 0.97

    monkeypatch.setattr(module, "measured_rates", slow)
    outcome = module.compute(Run("rheobase", quick=True, machines=("stepped", "loihi")))
    failed = {finding.claim for finding in outcome.findings if finding.holds is False}
    assert failed == {"golden, float steps: rates", "Loihi: rates"}


def test_verilog_that_fires_otherwise_is_caught() -> None:
    curve = {
        "currents": [2e-10], "exact": [40.0], "rates": [40.0], "fastest": [41.0], "slowest": [39.0], "rheobase": 1.0,
        "rheobase_low": 0.99, "rheobase_high": 1.01, "resolution": 0.0, "spikes": np.array([[0.1, 0.0]]),
    }  # fmt: skip
    other = curve | {"spikes": np.array([[0.2, 0.0]])}
    verdicts = [module._judge("cxxrtl", curve, {"integer": integer})[-1].holds for integer in (curve, other)]
    assert verdicts == [True, False]
