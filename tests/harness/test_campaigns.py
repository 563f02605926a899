"""Campaigns of the golden machines: what they reach, that they do not depend on processes, and that they notice."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from golden.errors import SpecError
from golden.machines.loihi import LoihiMachine
from golden.machines.run import MachineRecord
from golden.machines.spinnaker import SpiNNakerMachine
from golden.machines.truenorth import TrueNorthMachine
from sim_harness import campaigns
from sim_harness.campaigns import CAMPAIGNS, Verdict, difference, verify_machine
from sim_harness.cli.app import run

if TYPE_CHECKING:
    from golden.machines.run import MachineInputs

MACHINES: dict[str, type[Any]] = {"truenorth": TrueNorthMachine, "loihi": LoihiMachine, "spinnaker": SpiNNakerMachine}


V = np.arange(8).reshape(4, 2)
CURRENT = np.array([[0.0, 1.0]] * 4)


def record(**changes: Any) -> MachineRecord:
    parts: dict[str, Any] = {
        "spikes": np.array([[1, 0], [3, 1]]),
        "recorded": np.arange(2),
        "states": {"v": V, "in": CURRENT},
        "counters": {"merged": 2},
    }
    return MachineRecord(**(parts | changes))


@pytest.mark.parametrize("machine", CAMPAIGNS)
def test_a_campaign_agrees_and_reaches_every_bin(machine: str) -> None:
    verdict = verify_machine(machine, 20 * CAMPAIGNS[machine].updates, seed=3, jobs=1)
    assert verdict.differences == []
    assert verdict.missed == []
    assert verdict.agrees
    assert verdict.updates == 20 * CAMPAIGNS[machine].updates
    assert verdict.spikes > verdict.updates // 50


@pytest.mark.parametrize("machine", CAMPAIGNS)
def test_a_way_that_is_another_in_one_bit_is_found(machine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: a compiled run with the lowest bit of one potential turned over."""
    honest = MACHINES[machine].run

    def careless(self: Any, inputs: MachineInputs, *, record: Any = ()) -> MachineRecord:
        result = honest(self, inputs, record=record)
        v = result.states["v"].copy()
        v.view(f"i{v.dtype.itemsize}")[7, 3] ^= 1
        return replace(result, states=dict(result.states) | {"v": v})

    monkeypatch.setattr(MACHINES[machine], "run", careless)
    verdict = verify_machine(machine, 1, jobs=1)
    assert len(verdict.differences) == 1
    assert verdict.differences[0].startswith("case 0, compiled: tick 7, neuron 3: v is ")
    assert not verdict.agrees


def test_the_verdict_does_not_depend_on_the_processes() -> None:
    one, two = (verify_machine("loihi", 30_000, seed=2, jobs=jobs).to_dict() for jobs in (1, 2))
    del one["seconds"], two["seconds"]
    assert one == two


def test_bins_that_were_missed_are_told() -> None:
    verdict = Verdict("loihi", 1)
    assert verdict.missed == list(CAMPAIGNS["loihi"].bins)
    assert not verdict.agrees


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, None),
        ({"states": {"v": V + (V == 7), "in": CURRENT}}, "tick 3, neuron 1: v is 8, not 7"),
        ({"states": {"v": V, "in": np.where(CURRENT == 0, -0.0, CURRENT)}}, "tick 0, neuron 0: in is -0.0, not 0.0"),
        ({"states": {"v": V.astype(np.float64), "in": CURRENT}}, "state v is float64, not int64"),
        ({"spikes": np.array([[1, 0], [3, 0]])}, "2 spikes, not the same 2"),
        ({"counters": {"merged": 3}}, "counters are {'merged': 3}, not {'merged': 2}"),
    ],
)
def test_differences_in_words(change: dict[str, Any], expected: str | None) -> None:
    assert difference(record(), record(**change)) == expected


def test_the_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(["verify-machines", "--on", "loihi", "--updates", "130000", "-j", "1", "--json"]) == 0
    (verdict,) = json.loads(capsys.readouterr().out)
    assert verdict["agrees"] is True
    assert verdict["missed"] == []
    assert run(["verify-machines", "--on", "loihi", "--updates", "6400", "-j", "1"]) == 1  # one model only
    assert "never" in capsys.readouterr().out
    monkeypatch.setattr(campaigns, "difference", lambda *_: "tick 0: wrong")
    assert run(["verify-machines", "--on", "loihi", "--updates", "6400", "-j", "1"]) == 1
    assert "loihi, case 0, numpy: tick 0: wrong" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--on", "abacus"], "Machines must be some of truenorth, loihi, spinnaker, not 'abacus'"),
        (["--updates", "0"], "Number of updates must be at least 1, not 0"),
        (["-j", "0"], "Number of jobs must be at least 1, not 0"),
    ],
)
def test_mistakes_are_one_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify-machines", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_an_unknown_machine_is_refused() -> None:
    with pytest.raises(SpecError, match=r"^Machine must be one of truenorth, loihi, spinnaker, not 'abacus'$"):
        verify_machine("abacus")
