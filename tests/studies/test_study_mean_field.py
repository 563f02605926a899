"""The quick form of the mean-field study: the contract's numbers, and what it says of a network that is another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import studies.mean_field as module
from sim_harness.cli.app import run
from studies import mean_field_runs as runs
from studies.study import Run


@pytest.mark.integration
def test_the_quick_form_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["study", "mean-field", "--quick", "--fresh", "--json", "--report", str(tmp_path)]) == 0
    text = json.loads(capsys.readouterr().out)
    assert text["holds"]
    networks = text["data"]["networks"]
    assert set(networks) == {
        "inhibitory, G = 2", "inhibitory, G = 5", "inhibitory, G = 11", "excitatory and inhibitory, G = 5",
    }  # fmt: skip
    five = networks["inhibitory, G = 5"]
    # Contract: 17.3, 17.2, 17.1 simulated at N = 2500, 5000, 10000; theory 17.07.
    for result in five["runs"]:
        assert result["population"] == pytest.approx(17.2, rel=0.05)
        assert result["rate"] == pytest.approx(9.4608, rel=0.02)
    assert five["unstable"] == {"lif": 0, "static": 2, "wilson-cowan": 0}
    eleven = networks["inhibitory, G = 11"]
    assert [result["peak"] for result in eleven["runs"]] == pytest.approx([112, 112], abs=5)
    # What oscillates does not average out: N times the power, so CV sqrt(N) doubles at 4 N.
    assert eleven["runs"][1]["population"] / eleven["runs"][0]["population"] == pytest.approx(2, abs=0.35)
    assert eleven["population"] is None
    assert (tmp_path / "index.html").read_text(encoding="utf-8").count("<svg") == 3


def test_neurons_that_do_not_hear_each_other_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Poisson process in place of the network: its fluctuations are not the loop's, and nothing oscillates."""

    def deaf(*, sizes: list[int], seconds: float, seed: int, **others: Any) -> dict[str, Any]:
        counts = np.random.default_rng(seed).poisson(9.46 * sum(sizes) * runs.BIN, round(seconds / runs.BIN))
        return {"size": sum(sizes), "activity": counts, "rate": 9.46, "cv": 1.0}

    monkeypatch.setattr(runs, "simulated", deaf)
    outcome = module.compute(Run("mean-field", quick=True))
    failed = {finding.claim for finding in outcome.findings if finding.holds is False}
    assert failed == {
        "inhibitory, G = 5: CV sqrt(N) in bins of 0.5 ms",
        "inhibitory, G = 11: simulated",
        "inhibitory, G = 11: frequency",
        "excitatory and inhibitory, G = 5: CV sqrt(N) in bins of 0.5 ms",
    }


def test_activity_of_independent_spikes() -> None:
    """A Poisson process: CV sqrt(N) = 1 / sqrt(r bin), a flat spectrum of r / N."""
    rate, size, seconds = 12.0, 1000, 40.0
    counts = np.random.default_rng(4).poisson(rate * size * runs.BIN, round(seconds / runs.BIN))
    assert runs.population_cv(counts, size) == pytest.approx(1 / np.sqrt(rate * runs.BIN), rel=0.02)
    f, power = runs.spectrum(counts, size, 40)
    assert f[0] == pytest.approx(1.0)
    assert power.mean() * size == pytest.approx(rate, rel=0.03)
    assert np.polyfit(f, power * size, 1)[0] == pytest.approx(0, abs=1e-3)
