"""The mutation campaign: which mistakes it makes, that it tells noticed from unnoticed, and a few on every machine."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from golden.errors import SimulationError, SpecError
from sim_harness.cli import mutation as command
from sim_harness.cli.app import run as hillock
from sim_harness.mutation import campaign, trees
from sim_harness.mutation.campaign import Result, listed, run
from sim_harness.mutation.machines import MACHINES, Machine
from sim_harness.mutation.mutants import Mutant, mutants
from sim_harness.mutation.operators import KINDS
from sim_harness.mutation.trees import FILES, FOLDERS, Tree

ROOT = Path()


def made(source: str) -> set[tuple[str, str]]:
    """Class and new text of every mutant of a function body."""
    return {(mutant.kind, mutant.after) for mutant in mutants("x.py", source)}


# --- the mistakes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a = x > y", {("comparison", "x >= y"), ("comparison", "x < y")}),
        ("a = x == y", {("comparison", "x != y")}),
        ("a = x & y", {("arithmetic", "x | y"), ("arithmetic", "x"), ("arithmetic", "y")}),
        ("a = x - 1", {("arithmetic", "x + 1"), ("arithmetic", "x"), ("order", "1 - x"), ("width", "x - 2")}),
        ("a = x < 1", {("comparison", "x <= 1"), ("comparison", "x > 1"), ("width", "x < 0")}),
        ("a = x - y", {("arithmetic", "x + y"), ("arithmetic", "x"), ("order", "y - x")}),
        ("a = -x", {("arithmetic", "x")}),
        ("a = x << n", {("shift", "x >> n"), ("shift", "x << n + 1"), ("shift", "x << n - 1")}),
        ("a = x << 6", {("shift", "x >> 6"), ("shift", "x << 6 + 1"), ("shift", "x << 6 - 1")}),
        ("a = 17", {("width", "18"), ("width", "16")}),
        ("a = wrap(x, n)", {("width", "x")}),
        ("a = saturate(x, low, high)", {("width", "x")}),
        ("a = True", {("choice", "False")}),
        ("a = State(u, v)", {("order", "State(v, u)")}),
        ("a = select(c, x, y)", {("order", "select(c, y, x)"), ("choice", "x"), ("choice", "y")}),
        ("a = select(spike, x, y)", {("reset", "select(spike, y, x)"), ("reset", "x"), ("reset", "y")}),
        ("a = select(p.reset > r, x, y)", {("comparison", "p.reset >= r"), ("comparison", "p.reset < r")}),
        ("a = x if c else y", {("order", "y if c else x"), ("choice", "x"), ("choice", "y")}),
        ("def f(p):\n    return p.du, p.dv", {("order", "(p.dv, p.du)"), ("arithmetic", "p.dv, p.dv")}),
        ("def f(c):\n    if c:\n        pass", {("choice", "True"), ("choice", "False")}),
        ("def f(v):\n    v = g(v)\n    v = h(v)", {("order", "v = h(v); v = g(v)")}),
        ("def f(r):\n    r.s = g()\n    t = r.s", {("order", "t = r.s; r.s = g()")}),
    ],
)
def test_the_mistakes_of_an_expression(source: str, expected: set[tuple[str, str]]) -> None:
    assert made(source) >= expected
    if "\n" not in source and "select(p" not in source:
        assert made(source) == expected


@pytest.mark.parametrize(
    ("name", "values"),
    [("to the nearest", [-1, -1, 0, 1, 1]), ("toward zero", [-1, 0, 0, 0, 1]), ("up", [-1, 0, 0, 1, 1])],
)
def test_roundings_are_what_they_are_called(name: str, values: list[int]) -> None:
    """Of -5, -3, -1, 2 and 4 quarters; down it would be -2, -1, -1, 0, 1."""
    one = next(mutant for mutant in mutants("x.py", "a = x >> n") if mutant.after == name)
    assert (one.kind, one.id) == ("rounding", f"x.a: x >> n -> {name}")
    found = []
    for x in (-5, -3, -1, 2, 4):
        names = {"x": x, "n": 2, "select": lambda c, a, b: a if c else b}
        exec(one.source, names)  # noqa: S102  a source of this test
        found.append(names["a"])
    assert found == values


@pytest.mark.parametrize(
    "source",
    [
        '"""One doc-string, 1 > 0."""',
        "def f(x: Literal[1] = None) -> 'a > b':\n    '''Text.'''\n    raise Error(f'{x + 1}', x > 1)",
        "def f(x):\n    a = g(x)\n    b = h(a)",  # exchanged, a name would have no value
        "def f(x):\n    a = g(x)\n    b = h(x)",  # exchanged, nothing would change
        "compilable(f, inline=True)",
        "class C(NamedTuple):\n    x: int\n    '''-1.'''",
    ],
)
def test_texts_annotations_and_errors_are_left_alone(source: str) -> None:
    assert made(source) == set()


def test_a_definition_can_be_left_alone() -> None:
    source = "A = 1\nclass C:\n    def f(self):\n        return 1\n    def g(self):\n        return 2\n"
    scopes = [mutant.id.partition(":")[0] for mutant in mutants("x.py", source, frozenset({"A", "C.f"}))]
    assert scopes == ["x.C.g", "x.C.g"]


def test_a_mutant_is_the_whole_source_with_one_change() -> None:
    source = "# µ, two bytes\nA = 5  # kept\n\n\ndef f(x):\n    '''µ.'''\n    return A * (x - 1)  # µ\n"
    one = next(mutant for mutant in mutants("a/x.py", source) if mutant.kind == "order")
    assert one.source == source.replace("x - 1", "(1 - x)")
    assert (one.id, one.file, one.line, one.before) == ("x.f: x - 1 -> 1 - x", "a/x.py", 7, "x - 1")


@pytest.mark.parametrize("machine", MACHINES.values(), ids=list(MACHINES))
def test_every_machine_has_mistakes_of_every_class(machine: Machine) -> None:
    every = listed(machine, lambda file: (ROOT / file).read_text(encoding="utf-8"))
    assert len(every) >= 60
    assert set(Counter(mutant.kind for mutant in every)) == set(KINDS)
    assert len({mutant.id for mutant in every}) == len(every)
    assert machine.explained.keys() <= {mutant.id for mutant in every}
    assert len(machine.explained) < len(every) / 12  # reasons are for exceptions
    for mutant in every[::40]:
        compile(mutant.source, mutant.file, "exec")


# --- the campaign, on a checkout of ten lines -------------------------------------------------------------------------

STEP = """
def step(v, a):
    v = abs(v + a)
    return v if v >= 0 else 0
"""
TESTS = """
from golden.step import step

def test_step():
    assert step(1, 2) == 3
    assert step(-3, 1) == 2
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in FOLDERS:
        (tmp_path / name).mkdir()
    for name in FILES:
        (tmp_path / name).write_text("")
    (tmp_path / "golden/__init__.py").write_text("")
    (tmp_path / "golden/step.py").write_text(STEP)
    (tmp_path / "tests/test_step.py").write_text(TESTS)
    return tmp_path


MACHINE = Machine("one", {"golden/step.py": frozenset()}, (("tests/test_step.py",),), imports=())
#: What no test can notice: abs(x) is at least 0, and -0 is 0.
EQUIVALENT = "step.step: v >= 0 -> v > 0"


def test_noticed_and_unnoticed_are_told_apart(checkout: Path) -> None:
    result = run(MACHINE, checkout, only="comparison")
    assert [mutant.id for mutant in result.survivors] == [EQUIVALENT]
    assert result.killed["comparison"] == (1, 2)
    assert not result.right
    assert not result.whole
    noticed = {verdict.killed_by for verdict in result.verdicts.values()}
    assert noticed == {None, "tests/test_step.py::test_step"}
    assert (checkout / "golden/step.py").read_text() == STEP
    explained = replace(MACHINE, explained={EQUIVALENT: "abs(x) is at least 0"})
    assert Result(explained, result.verdicts, whole=True).right


def test_tests_without_assertions_notice_nothing(checkout: Path) -> None:
    (checkout / "tests/test_step.py").write_text("from golden.step import step\n\ndef test_step():\n    step(1, 2)\n")
    result = run(MACHINE, checkout, only="comparison")
    assert len(result.verdicts) == 2
    assert result.survivors == list(result.verdicts)


@pytest.mark.parametrize(
    ("tests", "message"),
    [
        (
            "from golden.step import step\ndef test_a(): assert step(1, 2) == 4",
            "pass on the unchanged step, unlike tests",
        ),
        ("def test_a(): pass", "fail without golden/step.py, and pass"),
        ("", "run, not end with no tests ran"),
    ],
)
def test_a_campaign_that_shows_nothing_is_refused(checkout: Path, tests: str, message: str) -> None:
    (checkout / "tests/test_step.py").write_text(tests)
    with pytest.raises(SimulationError, match=re.escape(message)):
        run(MACHINE, checkout)


def test_a_loop_without_an_end_is_noticed(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trees, "LEAST_SECONDS", 1)
    monkeypatch.setattr(trees, "PATIENCE", 1.5)
    (checkout / "golden/step.py").write_text("def step(v, a):\n    while v == 2:\n        pass\n    return v + a\n")
    (checkout / "tests/test_step.py").write_text(
        "from golden.step import step\n\ndef test_step():\n    assert step(1, 2) == 3\n"
    )
    result = run(MACHINE, checkout, only="v == 2 -> v != 2")
    assert [verdict.killed_by for verdict in result.verdicts.values()] == ["time-out"]


def test_a_campaign_goes_on_where_it_was(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def verdict(tree: Tree, file: str, source: str) -> trees.Verdict:
        if len(tried) == 5:
            raise KeyboardInterrupt
        tried.append(source)
        return trees.Verdict(None, 1.5)

    monkeypatch.setattr(Tree, "check", lambda tree: None)
    monkeypatch.setattr(Tree, "verdict", verdict)
    kept = checkout / "build/kept.json"
    with pytest.raises(KeyboardInterrupt):
        run(MACHINE, checkout, kept=kept)
    first, tried = tried, []
    run(MACHINE, checkout, kept=kept, only="comparison")
    everything = listed(MACHINE, lambda file: (checkout / file).read_text())
    assert first == [mutant.source for mutant in everything[:5]]
    assert not set(first) & set(tried)
    (checkout / "tests/test_step.py").write_text(f"{TESTS}\n")  # other tests, other verdicts
    tried.clear()
    run(MACHINE, checkout, kept=kept, only="comparison")
    assert len(tried) == 2


def test_a_verdict_holds_while_the_tests_that_led_to_it_do(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three files the second one notices one mutant, and none the other: only that depends on the third one."""
    tried: list[str] = []

    def verdict(tree: Tree, file: str, source: str) -> trees.Verdict:
        tried.append(source)
        return trees.Verdict("tests/test_b.py::test_b" if "v > 0" in source else None, 1.5)

    monkeypatch.setattr(Tree, "check", lambda tree: None)
    monkeypatch.setattr(Tree, "verdict", verdict)
    names = [f"tests/test_{name}.py" for name in "abc"]
    three = replace(MACHINE, tests=((names[0], names[1]), (names[2], "-k", "x")))
    for changed, count in [(0, 2), (2, 1), (1, 2), (0, 2)]:
        for name in names:
            path = checkout / name
            path.write_text((path.read_text() if path.exists() else "") + ("\n" if name == names[changed] else ""))
        for _ in range(2):
            run(three, checkout, only="comparison", kept=checkout / "kept.json")
        assert len(tried) == count
        tried.clear()


def test_an_explanation_that_is_not_needed_is_stale() -> None:
    a, b = (Mutant(name, "width", "x.py", 1, "", "", "") for name in "ab")
    verdicts = {a: trees.Verdict(None, 1.0), b: trees.Verdict("test", 1.0)}
    explained = replace(MACHINE, explained=dict.fromkeys("abc", "because"))
    assert Result(explained, verdicts, whole=True).stale == ["b", "c"]  # c is no mutant
    assert Result(explained, verdicts, whole=False).stale == ["b"]  # c may be one that was left out
    assert not Result(explained, verdicts, whole=False).right
    assert Result(replace(MACHINE, explained={"a": "because"}), verdicts, whole=True).right
    assert Result(MACHINE, verdicts, whole=True).unexplained == [a]


def test_the_score_is_of_mistakes() -> None:
    a, b, c = (Mutant(name, "width", "x.py", 1, "", "", "") for name in "abc")
    verdicts = {a: trees.Verdict(None, 1.0), b: trees.Verdict("test", 1.0), c: trees.Verdict(None, 1.0)}
    assert Result(MACHINE, verdicts, whole=True).score == pytest.approx(1 / 3)
    assert Result(replace(MACHINE, explained={"a": "because"}), verdicts, whole=True).score == 0.5
    assert Result(replace(MACHINE, explained=dict.fromkeys("ac", "because")), verdicts, whole=True).score == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sample": 0}, "Sample must be at least 1, not 0"),
        ({"only": "nowhere"}, "Mutants must be at least one, not none with 'nowhere' in class or id"),
    ],
)
def test_an_empty_campaign_is_refused(checkout: Path, options: dict[str, int | str], message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        run(MACHINE, checkout, **options)  # type: ignore[arg-type]  # one of each


def test_verdicts_are_read_from_nothing_else(checkout: Path) -> None:
    (checkout / "kept.json").write_text("[1]")
    with pytest.raises(SpecError, match=r"kept\.json must be the verdicts of a campaign, not something else$"):
        run(MACHINE, checkout, kept=checkout / "kept.json")


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> list[Result]:
    """The command with this result in place of a campaign's."""
    results: list[Result] = []
    monkeypatch.setattr(command, "run", lambda machine, **_: replace(results[0], machine=machine))
    return results


def test_the_command_says_what_nobody_noticed(small: list[Result], capsys: pytest.CaptureFixture[str]) -> None:
    unnoticed = Mutant("x.f: a[0] -> a[1]", "width", "x.py", 12, "a[0]", "a[1]", "")
    noticed = replace(unnoticed, id="other", kind="shift")
    small.append(Result(MACHINE, {unnoticed: trees.Verdict(None, 1), noticed: trees.Verdict("test", 1)}, whole=False))
    assert hillock(["mutation", "--machines", "loihi"]) == 1
    printed = capsys.readouterr().out
    assert "x.py:12 width x.f: a[0] -> a[1]: UNNOTICED" in printed
    assert "NOT EVERY MISTAKE IS NOTICED" in printed
    assert hillock(["mutation", "--machines", "loihi,truenorth", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["right"] is False
    assert [machine["machine"] for machine in document["machines"]] == ["loihi", "truenorth"]
    assert document["machines"][0]["unexplained"] == [unnoticed.id]
    assert document["machines"][0]["classes"]["shift"] == {"killed": 1, "mutants": 1}
    small[0] = Result(MACHINE, {noticed: trees.Verdict("test", 1)}, whole=False)
    assert hillock(["mutation", "--machines", "loihi"]) == 0
    assert "every mistake is noticed" in capsys.readouterr().out


def test_mistakes_of_the_user(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hillock(["mutation", "--machines", "brain"]) == 2
    assert "Machine must be one of truenorth, loihi, spinnaker, not 'brain'" in capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
    assert hillock(["mutation", "--machines", "loihi"]) == 2
    assert "Folder must be a checkout of Hillock with its tests, not" in capsys.readouterr().err


# --- the machines, reduced --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("machine", "file", "tests", "ids"),
    [
        (
            *("truenorth", "golden/neurons/truenorth.py", "tests/golden/test_truenorth.py"),
            ["truenorth.fire: v >= high -> v > high", "truenorth.ETA_BITS: 8, 17 -> 8, 16"],
        ),
        (
            *("loihi", "golden/neurons/loihi.py", "tests/golden/test_loihi.py"),
            ["loihi.update: x > (p.vth << SHIFT) -> x >= p.vth << SHIFT", "loihi.SHIFT: 6 -> 5"],
        ),
        (
            *("spinnaker", "golden/stdfix.py", "tests/golden/test_stdfix.py"),
            ["stdfix.wrap: _WORD - 1 -> _WORD", "stdfix.ACCUM: 15, 32 -> 14, 32"],
        ),
    ],
)
def test_the_tests_of_a_machine_notice(
    machine: str, file: str, tests: str, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One file of tests, one of the step; ``make mutation`` has all."""
    assert tests in MACHINES[machine].test_files
    quick = Machine(machine, {file: MACHINES[machine].sources[file]}, ((tests,),), imports=("hypothesis", "numpy"))
    chosen = [one for one in listed(quick, lambda file: (ROOT / file).read_text(encoding="utf-8")) if one.id in ids]
    assert len(chosen) == len(ids)
    monkeypatch.setattr(campaign, "listed", lambda *_: chosen)
    assert run(quick, ROOT).survivors == []


def test_the_page_lists_every_explained_mutant() -> None:
    page = (ROOT / "docs/mutation.md").read_text(encoding="utf-8")
    for machine in MACHINES.values():
        for name, reason in machine.explained.items():
            cell = name.replace("|", r"\|")
            assert f"| `{cell}` | {reason} |" in page
