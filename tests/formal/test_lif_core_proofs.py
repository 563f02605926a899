"""The proofs of `make formal` in part: one core in full, some covers and controls; and that a proof can fail."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, get_args

import pytest

from digital.formal import obligations
from digital.formal.bugs import BUGS, Bug, plant
from digital.formal.lif_core import Claim
from digital.formal.obligations import OBLIGATIONS, STRUCTURES, Obligation
from golden.errors import MissingToolError, SpecError
from golden.neurons.lif_fixed import Comparison, Leak, Reset, Synapse
from sim_harness import formal, toolchain
from sim_harness.cli import formal as command
from sim_harness.cli.app import run as hillock
from sim_harness.formal import Answer, answer, prove, select

if TYPE_CHECKING:
    from pathlib import Path

PROOFS = [o for o in OBLIGATIONS if o.kind == "proof"]
#: Quick ones; all of them are in `make formal`.
PART = [o for o in PROOFS if o.name == "lif_256x16"] + [
    o
    for o in OBLIGATIONS
    if (o.kind, o.name, o.claim)
    in {
        ("cover", "small", "state"),
        ("cover", "small", "spikes"),
        ("control", "threshold missed at equality", "update"),
        ("control", "event hazard", "state"),
        ("control", "spike lost in a full queue", "spikes"),
        ("control", "spike sent twice", "spikes"),
    }
]


def _only(text: str) -> Obligation:
    (found,) = select(text)
    return found


@pytest.mark.integration
@pytest.mark.xdist_group("yosys")
@pytest.mark.parametrize("obligation", PART, ids=str)
def test_the_solver_answers_as_it_must(obligation: Obligation) -> None:
    found = answer(obligation)
    assert found.right, found
    # A control breaks a promise; that a lemma of ours fails would show nothing.
    assert not any(label.startswith("lemma") for label in found.labels)


@pytest.mark.integration
@pytest.mark.xdist_group("yosys")
def test_a_proof_of_a_wrong_core_is_refuted_with_a_trace(tmp_path: Path) -> None:
    """The base of the induction, from power-up."""
    wrong = replace(_only("control current of another neuron"), kind="proof", clocks=range(5))
    found = answer(wrong, tmp_path)
    assert (found.verdict, found.labels, found.right) == ("refuted", ("host: current",), False)
    (trace,) = tmp_path.iterdir()
    assert trace.read_bytes().startswith(b"$")


@pytest.mark.integration
@pytest.mark.xdist_group("yosys")
def test_a_bug_too_deep_for_the_base_breaks_the_induction() -> None:
    (bug,) = (bug for bug in BUGS if bug.name == "sum wraps")
    found = answer(replace(_only("proof lif_256x16_nearest, update"), bug=bug))
    assert found.verdict == "not inductive"
    assert found.labels
    assert not found.right


@pytest.mark.integration
@pytest.mark.xdist_group("yosys")
def test_a_corner_out_of_reach_is_no_cover() -> None:
    cover = _only("cover small, state")
    found = answer(replace(cover, clocks=range(2)))  # the memories are still being cleared
    assert (found.verdict, found.labels, found.right) == ("not reached", ("events of one neuron in a row",), False)


@pytest.mark.integration
@pytest.mark.xdist_group("yosys")
def test_a_solver_that_gives_up_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formal, "TIMEOUT", 1)
    found = answer(_only("proof lif_256x16, state"))
    assert (found.verdict, found.right) == ("no answer", False)


def test_every_choice_of_structure_is_proved() -> None:
    formats = [o.config.format for o in PROOFS]
    assert {f.leak for f in formats} == set(get_args(Leak))
    assert {f.comparison for f in formats} == set(get_args(Comparison))
    assert {f.reset for f in formats} == set(get_args(Reset))
    assert {f.synapse for f in formats} == set(get_args(Synapse))
    assert {(f.leak, f.leak_rounding) for f in formats} == {
        (leak, rounding) for leak in get_args(Leak) for rounding in ("floor", "nearest", "toward_zero")
    }
    assert {o.config.per_neuron for o in PROOFS} == {True, False}
    for name in {o.name for o in PROOFS}:
        assert {o.claim for o in PROOFS if o.name == name} == set(get_args(Claim))
    assert STRUCTURES.keys().isdisjoint(obligations.DESIGNS)


def test_every_claim_has_controls_and_covers() -> None:
    for kind, least in (("control", 2), ("cover", 1)):
        for claim in get_args(Claim):
            assert len([o for o in OBLIGATIONS if (o.kind, o.claim) == (kind, claim)]) >= least


def test_a_stale_bug_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"^x: text must be in LIFCore once, not 0 times$"):
        plant(Bug("x", "update", "this text is not in the source", ""))


def test_selection() -> None:
    assert select("") == formal.OBLIGATIONS
    assert set(OBLIGATIONS) < set(formal.OBLIGATIONS)
    assert {o.kind for o in select("control")} == {"control"}
    with pytest.raises(SpecError, match=r"^Proof must be in the list of `hillock formal`, not 'loihi'$"):
        select("loihi")


def test_a_missing_solver_is_told_before_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain, "search_path", lambda: "")
    with pytest.raises(MissingToolError, match=r"^yices-smt2 must be installed for formal verification, not missing; "):
        prove()


@pytest.mark.parametrize("good", [True, False])
def test_the_command_reports_and_exits(
    good: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    verdict, labels = ("proved", ()) if good else ("not inductive", ("lemma: total",))
    monkeypatch.setattr(command, "prove", lambda chosen, **_: [Answer(o, verdict, labels, 1.0) for o in chosen])
    arguments = ["formal", "--only", "lif_256x16, update"]
    assert hillock(arguments) == (0 if good else 1)
    text = capsys.readouterr().out
    assert ("everything is as it must be" in text) is good
    assert ("NOT PROVED: proof lif_256x16, update" in text) is not good
    assert hillock([*arguments, "--json"]) == (0 if good else 1)
    document = json.loads(capsys.readouterr().out)
    assert document["agrees"] is good
    assert document["answers"][0]["labels"] == list(labels)
    assert document["answers"][0]["neurons"] == 256


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "loihi"], "Proof must be in the list of `hillock formal`, not 'loihi'"),
        (["--jobs", "0"], "Number of jobs must be at least 1, not 0"),
    ],
)
def test_bad_arguments_are_one_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert hillock(["formal", *arguments]) == 2
    assert capsys.readouterr().err.strip() == f"hillock: error: {message}"
