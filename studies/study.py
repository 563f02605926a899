"""What a study is: numbers made once and kept, findings that hold or do not, tables, and a page of figures."""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, is_dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

import golden
from analog.results import Results
from golden.errors import SpecError
from golden.trace import versions

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

T = TypeVar("T")
#: Called with the name of a piece of work and the fraction of it that is done.
Report = Callable[[str, float], None]

#: What the numbers of a study depend on, next to its parameters.
_PACKAGES = ("golden", "analog", "digital", "mapping", "sim_harness", "studies")


@dataclass(frozen=True)
class Finding:
    """One claim: what was found, what it was held against and how closely, and whether it holds (None: reported)."""

    claim: str
    found: str
    expected: str = ""
    holds: bool | None = None


@dataclass(frozen=True)
class Table:
    """Rows of text or numbers under a title."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | float | int, ...], ...]


@dataclass(frozen=True)
class Panel:
    """A figure as an <svg> element, and what a reader should see in it."""

    title: str
    caption: str
    svg: str


@dataclass(frozen=True, eq=False)
class Outcome:
    """All that a study found; ``data`` holds the numbers behind its figures (numbers, text, lists, dicts, arrays)."""

    findings: Sequence[Finding]
    tables: Sequence[Table]
    data: Mapping[str, Any]

    @property
    def holds(self) -> bool:
        """Whether no finding failed."""
        return all(finding.holds is not False for finding in self.findings)


class Module(Protocol):
    """What a study's module has."""

    QUESTION: str
    ANSWER: str

    def compute(self, run: Run) -> Outcome:
        """All numbers."""
        ...

    def draw(self, outcome: Outcome) -> list[Panel]:
        """The figures of the page, in order."""
        ...


@dataclass(frozen=True)
class Study:
    """A study: its title, the module that knows the rest, and the engines that it can leave out or run alone."""

    title: str
    module: str
    machines: tuple[str, ...] = ()

    def load(self) -> Module:
        """Its module."""
        return importlib.import_module(self.module)


#: Every study, in the order in which a course would have them.
STUDIES = {
    "rheobase": Study(
        "Rheobase and f-I curve on every machine",
        "studies.rheobase",
        ("exact", "stepped", "integer", "cxxrtl", "icarus", "truenorth", "loihi", "spinnaker", "ngspice"),
    ),
    "stability": Study("The time step: stable, ringing, divergent", "studies.stability"),
    "fokker-planck": Study("A noisy population as a probability cloud", "studies.fokker_planck"),
    "resonance": Study(
        "Stochastic resonance: the noise that helps", "studies.resonance", ("stepped", "integer", "ngspice")
    ),
    "mean-field": Study("A network, and which rate model calls its oscillation right", "studies.mean_field"),
}


def find(name: str) -> Study:
    """The study of that name; SpecError for another one."""
    if name not in STUDIES:
        raise SpecError.rule("Study", f"one of {', '.join(STUDIES)}", repr(name))
    return STUDIES[name]


@dataclass(eq=False)
class Run:
    """How a study is run: quick or in full, with which seed, on which machines, and what is done when.

    ``piece`` is for everything that takes long.  Its value is kept in a file, under a key made of its parameters and of
    the sources of this project: a study that was interrupted goes on, a second run is instant, and changed code never
    answers with old numbers.
    """

    name: str
    quick: bool = False
    seed: int = 1
    machines: tuple[str, ...] | None = None
    report: Report | None = None
    store: Path | None = None
    fresh: bool = False
    _results: Results | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        able = find(self.name).machines
        for machine in self.machines or ():
            if machine not in able:
                among = f"one of {', '.join(able)}" if able else "left out (it has no choice of machines)"
                raise SpecError.rule(f"Machine of study {self.name}", among, machine)
        if not 0 <= self.seed < 2**32:
            raise SpecError.rule("Seed", "within 0 to 4294967295", self.seed)

    def __enter__(self) -> Self:
        if self.store is not None:
            self.store.parent.mkdir(parents=True, exist_ok=True)
            self._results = Results(self.store)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._results is not None:
            self._results.close()
            self._results = None

    def piece(self, title: str, compute: Callable[..., T], **parameters: Any) -> T:
        """``compute(**parameters, progress=...)``, or its value kept from an earlier run.

        Parameters are plain values, lists, dicts, arrays and dataclasses of them; all that the value depends on must
        be among them.
        """
        key = _key(self.name, compute, parameters)
        if self._results is not None and not self.fresh:
            with suppress(KeyError):
                value: T = self._results[key]
                self.progress(title, 1.0)
                return value
        value = compute(**parameters, progress=lambda fraction: self.progress(title, fraction))
        if self._results is not None:
            self._results[key] = value
        self.progress(title, 1.0)
        return value

    def progress(self, title: str, fraction: float) -> None:
        """Tell how far a piece of work is."""
        if self.report is not None:
            self.report(title, fraction)


def plain(value: Any) -> Any:
    """The value as JSON has it: arrays as lists, complex numbers as pairs, what is no number as None."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(vars(value))
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, complex | np.complexfloating):
        return [plain(value.real), plain(value.imag)]
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value


def document(run: Run, outcome: Outcome) -> dict[str, Any]:
    """All of a study as one JSON document."""
    return {
        "study": run.name,
        "title": find(run.name).title,
        "quick": run.quick,
        "seed": run.seed,
        "holds": outcome.holds,
        "findings": [vars(finding) for finding in outcome.findings],
        "tables": [plain(vars(table)) for table in outcome.tables],
        "data": plain(outcome.data),
    }


def _key(study: str, compute: Callable[..., Any], parameters: Mapping[str, Any]) -> str:
    described = {
        "study": study,
        "piece": f"{compute.__module__}.{compute.__qualname__}",
        "parameters": plain(parameters),
        "sources": _sources(),
        "versions": versions(),
    }
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


@cache
def _sources() -> str:
    digest = hashlib.sha256()
    root = Path(golden.__file__).parents[1]
    for package in _PACKAGES:
        for path in sorted((root / package).rglob("*")):
            if path.suffix in {".py", ".cc", ".h", ".j2"}:
                digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()
