"""The quick form of the study of stochastic resonance, and its estimates against sequences with a known answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import studies.resonance as module
from golden import lfsr
from sim_harness.cli.app import run
from studies import resonance_runs as runs
from studies.resonance_runs import GROUPS, WARM, Signal, sums
from studies.study import Run


@pytest.mark.integration
def test_the_quick_form_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["study", "resonance", "--quick", "--fresh", "--json", "--report", str(tmp_path)]) == 0
    text = json.loads(capsys.readouterr().out)
    assert text["holds"]
    optima = text["data"]["optima"]
    assert set(optima) == {"golden", "core", "circuit"}
    theory = text["data"]["theory"]
    # Contract: D*_SNR = 0.008048 and D*_SPA = 0.014054; the two are not the same.
    assert theory["snr"]["optimum"] == pytest.approx(0.008048, rel=1e-4)
    assert theory["power"]["optimum"] == pytest.approx(0.014054, rel=1e-4)
    for machine in optima.values():
        for found in machine.values():
            assert found["low"] <= found["optimum"] <= found["high"]
    # Contract's own simulation; the quick form is good to some 6 % (95 %).
    assert optima["golden"]["snr"]["optimum"] == pytest.approx(0.00808, rel=0.08)
    assert optima["golden"]["power"]["optimum"] == pytest.approx(0.01398, rel=0.08)
    assert (tmp_path / "index.html").read_text(encoding="utf-8").count("<svg") == 2


def test_a_poisson_process_with_a_known_modulation_gives_it_back() -> None:
    """Rate r (1 + m cos w t): chi = r m / eps, background S = r, by thinning."""
    signal, rate, depth, neurons, duration = Signal(0.8, 0.02, 0.1), 0.5, 0.4, 3200, 200.0
    rng = np.random.default_rng(2)
    count = rng.poisson(rate * (1 + depth) * (WARM + duration) * neurons)
    times, who = rng.uniform(0, WARM + duration, count), rng.integers(0, neurons, count)
    keep = rng.uniform(0, 1 + depth, count) < 1 + depth * np.cos(2 * np.pi * 0.1 * times)
    part = sums(times[keep], who[keep], neurons, signal, duration)
    found = module.estimates(part, signal.eps, signal.frequency)
    assert found["rate"] == pytest.approx(rate, rel=0.01)
    assert found["background"] == pytest.approx(rate, rel=0.08)  # 3200 numbers: 1.8 %
    assert found["power"] == pytest.approx((rate * depth / signal.eps) ** 2, rel=0.03)
    assert found["snr"] == pytest.approx(found["power"] / rate / 4, rel=0.08)
    assert np.asarray(part["mean"]).size == GROUPS
    # Of spikes that know nothing of the signal nothing is left.
    blind = sums(times[~keep], rng.permutation(who[~keep]), neurons, Signal(0.8, 0.02, 0.317), duration)
    assert module.estimates(blind, 0.02, 0.317)["power"] < 0.05 * found["power"]


def test_an_optimum_is_found_where_it_is() -> None:
    noise = np.geomspace(0.0035, 0.035, 9)
    shape = -1.3 * np.log(noise / 0.008) ** 2
    assert module.optimum(noise, shape + 0.4, shape, 0.008) == pytest.approx(0.008, rel=2e-3)
    # A machine whose curve is moved by a fifth.
    moved = -1.3 * np.log(noise / 0.0096) ** 2
    assert module.optimum(noise, moved, shape, 0.008) == pytest.approx(0.0096, rel=2e-3)


def test_the_pieces_of_the_signal_have_its_mean_and_amplitude() -> None:
    starts, values = Signal(0.8, 0.02, 0.1).pieces(100.0)
    assert starts.size == 800
    assert values.mean() == pytest.approx(0.8, abs=1e-12)
    component = 2 * np.mean(values * np.exp(-2j * np.pi * 0.1 * (starts + 0.0625)))
    # A mean over a piece is sinc(1/80) of the cosine.
    assert component == pytest.approx(0.02 * np.sinc(1 / 80), rel=1e-9)


def test_a_core_draws_the_numbers_of_its_lfsr_in_order() -> None:
    states, words = np.array([5, 77], dtype=np.int64), np.empty(6, dtype=np.int64)
    runs.draw(states, 3, words)
    expected = []
    for seed in (5, 77):
        state = seed
        for _ in range(3):
            state = lfsr.step(state)
            expected.append(state)
    assert words.tolist() == expected
    assert states.tolist() == [expected[2], expected[5]]


def test_a_golden_run_without_its_threshold_shift_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A threshold on a coarse grid, dt = 0.05 tau, wants some 17 % more noise: the golden finding fails."""
    simulate = runs.simulate

    def coarse(network: Any, stimulus: Any, dt: float, **others: Any) -> Any:
        return simulate(network, stimulus, 5 * dt, **(others | {"threshold_shift": False}))

    monkeypatch.setattr(runs, "simulate", coarse)
    outcome = module.compute(Run("resonance", quick=True, machines=("stepped",)))
    failed = {finding.claim for finding in outcome.findings if finding.holds is False}
    assert "golden simulation: optimal D for the signal-to-noise ratio" in failed
