"""The proofs of the TrueNorth core in part: blocks at full size, some controls; and that a proof can fail."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

import pytest

from digital.formal import truenorth_blocks, truenorth_core
from digital.formal.bugs import planted
from digital.formal.truenorth_core import CoreBug
from digital.truenorth import pipeline
from sim_harness.formal import OBLIGATIONS, answer, select

if TYPE_CHECKING:
    from digital.formal.question import Question

ALL: list[Any] = [*truenorth_core.OBLIGATIONS, *truenorth_blocks.OBLIGATIONS]
CLAIMS = (*get_args(truenorth_core.Claim), *get_args(truenorth_blocks.Claim))
#: Quick ones; all of them are in `make formal`.
PART = [
    o
    for o in ALL
    if (o.kind, o.name, o.claim)
    in {
        ("proof", "truenorth_256x256", "schedule"),
        ("proof", "truenorth_256x256", "scan"),
        ("proof", "truenorth_200x100", "scan"),
        ("proof", "truenorth_256x256", "tick"),
        ("proof", "truenorth_256x256", "spikes"),
        ("proof", "truenorth_2_lanes", "compose"),
        ("cover", "truenorth_small", "schedule"),
        ("cover", "truenorth_small", "scan"),
        ("control", "arrival in a copy", "schedule"),
        ("control", "spikes overwrite each other", "schedule"),
        ("control", "axons that are not active", "scan"),
        ("control", "types exchanged", "scan"),
        ("control", "tick overtakes an arrival", "tick"),
        ("control", "threshold missed at equality", "update"),
        ("control", "lower limit of the first step lost", "compose"),
    }
]


def _only(text: str) -> Any:
    (found,) = (o for o in ALL if str(o) == text)
    return found


@pytest.mark.integration
@pytest.mark.xdist_group("yosys")
@pytest.mark.parametrize("obligation", PART, ids=str)
def test_the_solver_answers_as_it_must(obligation: Question) -> None:
    found = answer(obligation)
    assert found.right, found
    assert not any(label.startswith("lemma") for label in found.labels)


@pytest.mark.integration
@pytest.mark.xdist_group("yosys")
def test_no_induction_over_a_planted_bug() -> None:
    (bug,) = (b for b in truenorth_blocks.BUGS if b.name == "slot not cleared")
    found = answer(replace(_only("proof truenorth_256x256, schedule"), bug=bug))
    assert (found.verdict, found.right) == ("not inductive", False)


def test_every_claim_has_proofs_controls_and_covers() -> None:
    for claim in CLAIMS:
        kinds = {o.kind for o in ALL if o.claim == claim}
        assert kinds == {"proof", "cover", "control"}
    assert {o.config.lanes for o in ALL if o.kind == "proof"} == {1, 2, 4}


def test_all_are_in_the_list() -> None:
    assert set(map(str, ALL)) <= set(map(str, OBLIGATIONS))
    assert [str(o) for o in select("truenorth_256x256, update")] == ["proof truenorth_256x256, update"]
    for obligation in ALL:
        described = obligation.describe()
        assert described["neurons"] == obligation.config.neurons


def test_a_stale_bug_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"^x: text must be in NeuronPipeline once, not 0 times$"):
        planted(CoreBug("x", "this text is not in the source", ""), pipeline, "NeuronPipeline")
