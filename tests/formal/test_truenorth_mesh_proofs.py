"""The proofs of the mesh in part: the small one and one router, some covers and controls; and that they can fail."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from digital.formal.truenorth_mesh import BUGS, OBLIGATIONS, Claim, MeshBug, MeshObligation, plant
from digital.truenorth.mesh import Mesh
from digital.truenorth.router import PAYLOAD, REACH, Router
from sim_harness.formal import answer

#: Quick ones; all of them are in `make formal`.
PART = [
    o
    for o in OBLIGATIONS
    if (o.kind, o.name)
    in {
        ("proof", "mesh_2x2"),
        ("proof", "router"),
        ("proof", "router_inside"),
        ("cover", "router"),
        ("control", "y before x"),
        ("control", "last in, first out"),
        ("control", "two directions wait for each other"),
        ("control", "served one stays in front"),
        ("control", "no way for t = 15"),
    }
    or (o.kind, o.name, o.claim) in {("proof", "mesh_3x3", "progress"), ("cover", "mesh_2x2", "once")}
]


def _only(text: str) -> MeshObligation:
    (found,) = (o for o in OBLIGATIONS if str(o) == text)
    return found


@pytest.mark.integration
@pytest.mark.xdist_group("yosys")
@pytest.mark.parametrize("obligation", PART, ids=str)
def test_the_solver_answers_as_it_must(obligation: MeshObligation) -> None:
    found = answer(obligation)
    assert found.right, found
    # A control breaks the promise that it is planted for; that a lemma of ours fails would show nothing.
    if obligation.kind == "control":
        assert [label.split(":")[0] for label in found.labels] == [obligation.claim]


@pytest.mark.integration
@pytest.mark.xdist_group("yosys")
@pytest.mark.parametrize(
    ("bug", "proof"), [("two packets in one", "proof mesh_2x2, once"), ("arbiter forgets", "proof router, wait")]
)
def test_no_induction_over_a_planted_bug(bug: str, proof: str) -> None:
    """Not in the base, which is a clock long, but in the step."""
    (planted,) = (b for b in BUGS if b.name == bug)
    found = answer(replace(_only(proof), bug=planted))
    assert (found.verdict, found.right) == ("not inductive", False)


@pytest.mark.integration
@pytest.mark.xdist_group("yosys")
def test_a_corner_out_of_reach_is_no_cover() -> None:
    found = answer(replace(_only("cover mesh_2x2, once"), clocks=range(3)))  # from corner to corner are three routers
    assert (found.verdict, found.labels) == ("not reached", ("once: to the far corner",))


def test_every_claim_has_proofs_controls_and_covers() -> None:
    for kind, least in (("proof", 2), ("control", 2), ("cover", 1)):
        for claim in get_args(Claim):
            assert len([o for o in OBLIGATIONS if (o.kind, o.claim) == (kind, claim)]) >= least
    assert len({str(o) for o in OBLIGATIONS}) == len(OBLIGATIONS)


def test_both_meshes_are_proved_with_whole_packets() -> None:
    meshes = [o for o in OBLIGATIONS if o.kind == "proof" and o.name.startswith("mesh")]
    assert {(o.columns, o.rows, o.claim) for o in meshes} == {
        (n, n, claim) for n in (2, 3) for claim in ("once", "order", "progress")
    }
    assert {o.reach for o in meshes} == {REACH} == {9}
    assert {o.payload for o in meshes if o.claim != "order"} == {PAYLOAD} == {12}


def test_a_question_says_what_it_is_about() -> None:
    question = _only("proof mesh_3x3, progress")
    assert question.size == "3 x 3 routers"
    assert question.describe() == {"columns": 3, "rows": 3, "reach": 9, "payload": 12}


@pytest.mark.parametrize("where", ["Mesh", "Router", "Arbiter", "PacketQueue"])
def test_a_stale_bug_is_an_error(where: str) -> None:
    with pytest.raises(ValueError, match=rf"^x: text must be in {where} once, not 0 times$"):
        plant(MeshBug("x", "once", where, "this text is not in the source", ""))


def test_a_planted_bug_is_in_the_routers_of_the_mesh_and_nowhere_else() -> None:
    mesh, router = plant(BUGS[0])
    assert mesh.__init__.__globals__["Router"] is router is not Router
    assert Mesh.__init__.__globals__["Router"] is Router
