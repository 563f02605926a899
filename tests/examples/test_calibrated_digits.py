"""Digits on a calibrated population: it runs, its twins count as its circuits do, and mismatch costs what it must."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analog.neurons.ota import OtaNeuron

SCRIPT = Path(__file__).parents[2] / "examples/calibrated_digits.py"


def _load() -> Any:
    spec = importlib.util.spec_from_file_location("calibrated_digits_example", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


EXAMPLE = _load()


def test_currents_are_the_scores_of_an_offline_classifier() -> None:
    given = EXAMPLE.task(10, None)
    assert given.currents.shape == (899, 10)
    assert (given.currents.argmax(axis=1) == given.labels).mean() > 0.9
    assert given.currents.max() <= EXAMPLE.CURRENTS[1]


def test_spikes_are_counted_as_the_twin_fires() -> None:
    twin = OtaNeuron(I_leak=14.5e-9, V_leak=0.65, V_th=0.75, V_reset=0.6).twin()
    currents = np.array([5e-9, 40e-9, 90e-9])
    from golden.twins.ota_lif import Drive

    for current, count in zip(currents, EXAMPLE.counts(twin, currents), strict=True):
        spikes, _ = twin.simulate(Drive.constant(float(current)), EXAMPLE.SHOWN, start=twin.V_0)
        assert spikes.size == count


def test_equal_neurons_are_nearly_as_good_as_the_classifier_and_different_ones_worse() -> None:
    given, twin = EXAMPLE.task(10, None), OtaNeuron(I_leak=14.5e-9, V_leak=0.65, V_th=0.75, V_reset=0.6).twin()
    offline = float(np.mean(given.currents.argmax(axis=1) == given.labels))
    alike = EXAMPLE.accuracy([twin] * 20, given)
    assert alike > offline - 0.06
    rng = np.random.default_rng(0)

    # Spreads as measured before calibration (docs/calibration.md), and a tenth of them.
    def accuracy(part: float) -> float:
        twins = [
            replace(
                twin,
                I_leak=twin.I_leak * (1 + part * 0.06 * rng.normal()),
                V_th=twin.V_th + part * 8e-3 * rng.normal(),
                V_0=twin.V_0 + part * 3.4e-3 * rng.normal(),
            )
            for _ in range(20)
        ]
        return float(EXAMPLE.accuracy(twins, given))

    assert accuracy(1.0) < alike - 0.05
    assert accuracy(0.1) > alike - 0.03


@pytest.mark.integration
def test_the_study_runs_on_three_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EXAMPLE, "COPIES", 1)
    found = EXAMPLE.study(classes=3, images=40)
    assert found["neurons"] == 3
    assert found["calibrated"] > 0.9
    assert found["circuit spikes"] > 20
    assert found["different from twins"] <= 1
