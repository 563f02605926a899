"""The `hillock` command: how subcommands are found, what errors look like, and `hillock doctor`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from golden.errors import SpecError
from sim_harness import __version__, toolchain
from sim_harness.cli import app, doctor


@pytest.fixture
def doctor_raises(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Make the subcommand fail in a chosen way."""

    def arrange(error: BaseException) -> None:
        def survey() -> None:
            raise error

        monkeypatch.setattr(doctor, "survey", survey)

    return arrange


# --- doctor -------------------------------------------------------------------------------------------------


def test_json_has_every_tool_with_its_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    code = app.run(["doctor", "--json"])
    report = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in report["tools"]] == list(toolchain.TOOLS)
    assert report["complete"] == (code == 0)
    assert all(each["install"] and each["purpose"] and each["required_for"] for each in report["tools"])
    assert all((each["path"] is None) == (not each["found"]) for each in report["tools"])


def test_an_empty_path_shows_what_is_missing_and_exits_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert app.run(["doctor"]) == 1
    out = capsys.readouterr().out
    rows = {line.split()[0]: line for line in out.splitlines() if line and not line.startswith(" ")}
    assert rows["ngspice"].split()[1:3] == ["missing", "-"]
    assert rows["numpy"].split()[1] == "found"
    assert "\n  apt-get install ngspice libngspice0\n  apt-get install iverilog\n" in out


@pytest.mark.parametrize(("optional", "code"), [(False, 1), (True, 0)])
def test_only_required_tools_fail(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], optional: bool, code: int
) -> None:
    tool = toolchain.Tool("frob", "program", "frobs", "apt-get install frob", "frobbing", optional=optional)
    monkeypatch.setattr(doctor, "survey", lambda: (toolchain.Finding(tool, None, None),))
    assert app.run(["doctor"]) == code
    assert ("missing (optional)" in capsys.readouterr().out) == optional


def test_found_tools_carry_a_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    tool = toolchain.Tool("frob", "program", "frobs", "apt-get install frob", "frobbing")
    monkeypatch.setattr(doctor, "survey", lambda: (toolchain.Finding(tool, Path("/bin/frob"), "1.2"),))
    assert app.run(["doctor"]) == 0
    assert "All 1 tools and libraries are there." in capsys.readouterr().out


# --- errors and exit codes ----------------------------------------------------------------------------------


def test_a_user_s_mistake_is_one_line_and_exit_2(
    doctor_raises: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str]
) -> None:
    doctor_raises(SpecError.rule("C_m", "positive", -1.0))
    assert app.run(["doctor"]) == 2
    assert capsys.readouterr().err == "hillock: error: C_m must be positive, not -1.0\n"


def test_a_missing_file_is_one_line_and_exit_2(
    doctor_raises: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str]
) -> None:
    doctor_raises(FileNotFoundError(2, "No such file or directory", "nowhere.toml"))
    assert app.run(["doctor"]) == 2
    assert capsys.readouterr().err == "hillock: error: nowhere.toml: No such file or directory\n"


def test_ctrl_c_is_one_line_and_exit_130(
    doctor_raises: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str]
) -> None:
    doctor_raises(KeyboardInterrupt())
    assert app.run(["doctor"]) == 130
    assert capsys.readouterr().err == "hillock: interrupted\n"


def test_a_bug_keeps_its_traceback(doctor_raises: Callable[[BaseException], None]) -> None:
    doctor_raises(ZeroDivisionError("a bug"))
    with pytest.raises(ZeroDivisionError, match=r"^a bug$"):
        app.run(["doctor"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["doctr"], "No such command 'doctr'."),
        (["doctor", "--colour"], "No such option: --colour"),
        (["--nonsense"], "No such option: --nonsense"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert app.run(arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"hillock: error: {message}")
    assert err.count("\n") == 1


# --- the list of subcommands --------------------------------------------------------------------------------


def test_help_lists_every_command_without_importing_any() -> None:
    code = (
        "import sys; from sim_harness.cli.app import run; run(['--help']); "
        "heavy = {'numpy', 'amaranth', 'PySpice', 'sim_harness.cli.doctor'} & set(sys.modules); "
        "print(*heavy, file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [name for name in app.COMMANDS if f" {name} " not in result.stdout] == []
    assert result.stderr == "\n"


def test_no_arguments_print_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run([]) == 0
    assert "Usage: hillock" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["--version"]) == 0
    assert capsys.readouterr().out == f"hillock {__version__}\n"


@pytest.mark.parametrize("name", app.COMMANDS)
def test_every_command_loads_with_help_example_and_json(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = app.load(name)
    assert "--json" in {option for parameter in command.params for option in parameter.opts}
    assert app.run([name, "--help"]) == 0
    assert f"hillock {name}" in capsys.readouterr().out.partition("Examples:")[2]


def test_brackets_in_an_example_are_no_markup(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def frob() -> None:
        """Frob."""

    module = ModuleType("sim_harness.cli.frob")
    module.frob = frob  # type: ignore[attr-defined]  # a module made for the test
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(app.COMMANDS, "frob", app.Entry("Frob.", ("hillock frob a[1]",), "frob:frob"))
    assert app.run(["frob", "--help"]) == 0
    assert "hillock frob a[1]" in capsys.readouterr().out
