"""Random verification and mutation of the TrueNorth chip's Verilog, in small; and that both can fail."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from golden.errors import SpecError
from golden.neurons.truenorth import Neuron, Random, tick
from sim_harness.campaigns import truenorth_rtl
from sim_harness.campaigns.truenorth_rtl import BINS, Shape, make, parse_engines, verify_chips
from sim_harness.campaigns.truenorth_updates import BINS as UPDATE_BINS
from sim_harness.campaigns.truenorth_updates import Watched
from sim_harness.cli.app import run as hillock
from sim_harness.mutation import truenorth as mutation

SMALL = {Shape(1, 1, 16, 1, 8, 60): 0.5, Shape(2, 2, 12, 2, 8, 40): 0.5}


@pytest.mark.integration
@pytest.mark.xdist_group("yosys")
def test_a_small_campaign_finds_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(truenorth_rtl, "SHAPES", SMALL)
    verdict = verify_chips(12_000, jobs=1)
    assert verdict.differences == []
    assert verdict.updates >= 12_000
    assert len(BINS) - len(verdict.missed) > 0.8 * len(BINS)
    assert verdict.agrees is not bool(verdict.missed)


@pytest.mark.integration
@pytest.mark.xdist_group("yosys")
def test_a_campaign_notices_a_wrong_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every chip gets a leak that the golden one does not have."""
    monkeypatch.setattr(truenorth_rtl, "SHAPES", dict([next(iter(SMALL.items()))]))
    design = truenorth_rtl.ChipDesign

    def wrong(machine: Any, *sizes: int) -> Any:
        leak = machine.values["leak"]
        values = dict(machine.values) | {"leak": np.where(leak < 255, leak + 1, leak)}
        return design(replace(machine, values=values), *sizes)

    monkeypatch.setattr(truenorth_rtl, "ChipDesign", wrong)
    verdict = verify_chips(900, jobs=1)
    assert verdict.differences
    assert not verdict.agrees
    assert verdict.differences[0].startswith("1 x 1 cores of 16, 1 lanes, words of 8, case 0, cxxrtl: tick ")


def test_cases_are_reproducible_and_differ() -> None:
    shape = Shape(1, 1, 16, 1, 8, 20)
    (a, x), (b, y), (c, _) = (make(shape, (seed, 0)) for seed in (1, 1, 2))
    assert np.array_equal(a.crossbar, b.crossbar)
    assert np.array_equal(x.spikes, y.spikes)
    assert not np.array_equal(a.crossbar, c.crossbar)


def neuron(**values: Any) -> Neuron:
    plain = dict.fromkeys(Neuron._fields, 0) | {"weights": [1] * 4, "stochastic_weights": [0] * 4, "threshold": 5}
    return Neuron(**(plain | values))


@pytest.mark.parametrize(
    ("p", "v", "types", "met"),
    [
        (neuron(), 4, [0], "V at the upper threshold"),
        (neuron(), 3, [0], "V one below the upper threshold"),
        (neuron(floor=3), -4, [0], "V at the lower threshold"),
        (neuron(floor=3), -5, [0], "V one below the lower threshold"),
        (neuron(weights=[255] * 4), (1 << 19) - 10, [0], "event stopped at the upper rail, stochastic 0"),
        (neuron(leak=-9), 5 - (1 << 19), [], "leak stopped at the lower rail, reversal 0"),
        (neuron(leak=-9, leak_reversal=1), 3, [], "leak stopped at 0, stochastic 0"),
        (neuron(reset_mode=2), 9, [], "reset mode 2, saturating 0, spike, draws ---"),
        (
            neuron(saturating=1, stochastic_leak=1, leak=1),
            -9,
            [],
            "reset mode 0, saturating 1, below the floor, draws -c-",
        ),
        (neuron(), 0, [0] * 40, "more than 32 events"),
    ],
)
def test_bins_are_met_by_what_they_name(p: Neuron, v: int, types: list[int], met: str) -> None:
    """Each by an update made for it, and its result is that of the golden tick."""
    watched = Watched()
    assert watched(p, v, types, Random(7)) == tick(p, v, types, Random(7))
    assert watched.hits[met] == 1
    assert set(+watched.hits) <= set(UPDATE_BINS)


@pytest.mark.parametrize("text", ["", "amaranth", "cxxrtl,ghdl"])
def test_unknown_engines(text: str) -> None:
    with pytest.raises(SpecError, match=r"^RTL engine must be one of icarus, verilator, cxxrtl, not "):
        parse_engines(text)


def test_mistakes_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, message in (
        (["verify-truenorth", "--on", "loihi"], "RTL engine must be one of icarus, verilator, cxxrtl, not 'loihi'"),
        (["verify-truenorth", "--updates", "0"], "Number of updates must be at least 1, not 0"),
        (["mutation-truenorth", "--mutants", "0"], "Number of mutants must be at least 1, not 0"),
    ):
        assert hillock(arguments) == 2
        assert capsys.readouterr().err.strip() == f"hillock: error: {message}"


@pytest.mark.integration
@pytest.mark.xdist_group("yosys")
def test_a_few_mutants_are_noticed(capsys: pytest.CaptureFixture[str]) -> None:
    code = hillock(["mutation-truenorth", "--mutants", "12", "--seed", "3", "--json"])
    document = json.loads(capsys.readouterr().out)
    assert document["mutants"] == 12
    assert document["killed"] >= 10
    assert code == (0 if document["killed"] >= 0.95 * 12 else 1)
    assert sum(document["causes"].values()) == document["killed"]


def test_saturations_of_a_case_are_counted_in_plain_ints() -> None:
    """The suite's own expectation: never more than updates, and none where nothing is near a rail."""
    case = mutation.make(1)
    assert 0 <= case.saturations <= mutation.SIZE * mutation.TICKS
    assert Counter(case.commands[:, 0].tolist())[mutation.TICK] == mutation.TICKS
