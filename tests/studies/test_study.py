"""What all studies share: pieces that are kept by content, a page, JSON, one line for a user's mistake, exit codes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import studies.study as module
from golden.errors import SpecError
from sim_harness.cli.app import run
from studies.figures import sheet
from studies.page import render
from studies.study import STUDIES, Finding, Outcome, Run, Table, document, plain


class Counted:
    """A piece of work that counts how often it is done."""

    def __init__(self) -> None:
        self.calls = 0
        self.__qualname__ = "counted"

    def __call__(self, size: int, progress: Any) -> dict[str, Any]:
        self.calls += 1
        progress(0.5)
        return {"values": np.arange(size), "text": "done", "pair": (1, 2.5)}


def test_a_piece_is_computed_once_for_the_same_parameters_and_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, store, seen = Counted(), tmp_path / "below" / "studies.results", []
    for _ in range(2):
        with Run("stability", report=lambda *told: seen.append(told), store=store) as study:
            value = study.piece("counted", work, size=3)
            assert value["values"].tolist() == [0, 1, 2]
            assert value["pair"] == (1, 2.5)
    assert work.calls == 1
    assert seen == [("counted", 0.5), ("counted", 1.0), ("counted", 1.0)]
    with Run("stability", store=store) as study:
        assert study.piece("counted", work, size=4)["values"].size == 4
    assert work.calls == 2
    with Run("stability", store=store, fresh=True) as study:
        study.piece("counted", work, size=3)
    assert work.calls == 3
    monkeypatch.setattr(module, "_sources", lambda: "other code")
    with Run("stability", store=store) as study:
        study.piece("counted", work, size=3)
    assert work.calls == 4


def test_the_digest_of_the_sources_sees_every_room() -> None:
    """A key that did not change with the code would answer with old numbers."""
    rooms = {path.parent.name for path in Path().glob("*/__init__.py")} - {"tests"}
    assert set(module._PACKAGES) == rooms
    assert re.fullmatch(r"[0-9a-f]{64}", module._sources())


def test_numbers_become_json() -> None:
    found = Outcome(
        [Finding("pi", "3.14", "3.14", True), Finding("e", "2.7")],
        [Table("numbers", ("a", "b"), ((1, 2.5), ("text", np.float64(3))))],
        {"array": np.array([1.0, np.nan]), "complex": 1 + 2j, "deep": {"x": (np.int64(3), True)}},
    )
    text = json.loads(json.dumps(document(Run("resonance", quick=True, seed=7), found)))
    assert text["data"] == {"array": [1.0, None], "complex": [1.0, 2.0], "deep": {"x": [3, True]}}
    assert (text["study"], text["quick"], text["seed"], text["holds"]) == ("resonance", True, 7, True)
    assert text["tables"][0]["rows"] == [[1, 2.5], ["text", 3.0]]
    assert plain(Table("t", ("a",), ())) == {"title": "t", "columns": ["a"], "rows": []}


def test_a_page_shows_what_failed() -> None:
    with sheet("A figure", "What to see.") as page:
        page.axes.plot([0, 1], [1, 0], label="line")
        page.legend()
    good = Outcome([Finding("1 < 2", "yes", "yes", True)], [Table("T", ("x",), ((1.0,),))], {})
    bad = Outcome([*good.findings, Finding("2 < 1", "no", "yes", False)], [], {})
    assert good.holds
    assert not bad.holds
    text = render(Run("stability"), good, [page.panel])
    assert 'aria-label="A figure"' in text
    assert "1 &lt; 2" in text
    assert "FAILS" not in text
    assert not re.search(r'(src|href)="http', text)  # needs no network
    failed = render(Run("stability"), bad, [])
    assert "FAILS" in failed
    assert "Not everything holds" in failed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["study", "rheobas"],
            "Study must be one of rheobase, stability, fokker-planck, resonance, mean-field, not 'rheobas'",
        ),
        (["study", "stability", "--seed", "-1"], "Seed must be within 0 to 4294967295, not -1"),
        (["study", "rheobase", "--on", "abacus"], "Engine must be one of exact, stepped"),
        (["study", "rheobase", "--on", "verilator"], "Machine of study rheobase must be one of exact, stepped"),
        (
            ["study", "mean-field", "--on", "exact"],
            "Machine of study mean-field must be left out (it has no choice of machines), not exact",
        ),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    text = capsys.readouterr().err
    assert text.startswith(f"hillock: error: {message}")
    assert text.count("\n") == 1


def test_a_report_folder_that_cannot_be_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    arguments = ["study", "rheobase", "--on", "exact", "--quick", "--report", str(tmp_path / "file" / "page")]
    assert run(arguments) == 2
    assert "must be a folder that can be made, not refused" in capsys.readouterr().err


def test_every_study_is_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["study", "--help"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in STUDIES)
    assert "hillock study rheobase" in text


@pytest.mark.parametrize("name", ["rheobase", "resonance"])
def test_the_machines_that_a_study_names_are_those_it_has(name: str) -> None:
    """They are written down twice, so that the list of studies imports none."""
    study = STUDIES[name]
    module_: Any = study.load()
    assert set(study.machines) == {machine.engine for machine in module_.MACHINES.values()}


def test_only_known_studies_run() -> None:
    with pytest.raises(SpecError, match=r"^Study must be one of rheobase, .*, not 'nothing'$"):
        Run("nothing")
