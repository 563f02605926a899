"""Values of finished jobs, kept in one file: an interrupted sweep goes on where it stopped.

    with Results(Path("sweep.results")) as store:
        values = gather(pool, jobs, progress, store=store)      # reads what is there, runs the rest

Each value is written when it arrives, as a transaction of its own, under the `key` of its job: a SHA-256 of everything
that it depends on.  A value that is damaged counts as missing.

The file is an SQLite database that holds data only: reading it imports nothing and runs nothing of what it says.  So
the values that can be kept are those built of None, bool, int, float, complex, str, bytes, tuple, list, dict, NumPy
arrays and scalars of numbers, and dataclasses of these; they come back bit for bit, in the same types.  Failures are
not kept.  Several processes of one machine may share a file.
"""

from __future__ import annotations

import base64
import dataclasses
import functools
import hashlib
import json
import sqlite3
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

import golden
from analog.ngspice import Pool
from analog.worker import Answer
from golden.errors import SpecError
from golden.trace import versions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Self

    from analog.worker import Job

#: Marks our files among SQLite's ("Hill"), and this version of them.
APPLICATION, FORMAT = 0x48696C6C, 1
#: [s] to wait for another process that writes.
PATIENCE = 30.0

#: Types that JSON itself gives back.
PLAIN = (type(None), bool, int, float, str)
#: NumPy's kinds of numbers.
NUMBERS = "biufc"


class Results:
    """A file of values by key: ``store[key]``, with KeyError for one that is missing or damaged; ``len(store)``."""

    def __init__(self, path: Path) -> None:
        """Opens the file, or makes it.  Raises SpecError when it is something else, or cannot be written."""
        self._path = path
        with self._one_line():
            self._file = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
        try:
            with self._one_line():
                self._open()
        except BaseException:
            self._file.close()
            raise

    def _open(self) -> None:
        (mark,) = self._file.execute("PRAGMA application_id").fetchone()
        (form,) = self._file.execute("PRAGMA user_version").fetchone()
        (tables,) = self._file.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if (mark, form) != (APPLICATION, FORMAT) and tables:
            raise SpecError.rule("Results file", f"one of values, format {FORMAT}, or not there yet", self._path)
        # With a log beside it, a transaction does not wait for the disk, and a crash of this process loses none.
        self._file.execute("PRAGMA journal_mode=WAL")
        self._file.execute("PRAGMA synchronous=NORMAL")
        self._file.execute(
            "CREATE TABLE IF NOT EXISTS results (key TEXT PRIMARY KEY, digest BLOB NOT NULL, value TEXT NOT NULL)"
        )
        self._file.execute(f"PRAGMA application_id={APPLICATION}")
        self._file.execute(f"PRAGMA user_version={FORMAT}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        with self._one_line():
            return int(self._file.execute("SELECT count(*) FROM results").fetchone()[0])

    def __getitem__(self, key: str) -> Any:
        with self._one_line():
            row = self._file.execute("SELECT digest, CAST(value AS BLOB) FROM results WHERE key=?", (key,)).fetchone()
        if row is None or _digest(key, row[1]) != row[0]:
            raise KeyError(key)
        try:
            return _decoded(json.loads(row[1]))
        except LookupError:  # a class that is no more
            raise KeyError(key) from None

    def read(self, keys: Sequence[str]) -> dict[int, Any]:
        """The values that are there, by their keys' places."""
        found: dict[int, Any] = {}
        for place, name in enumerate(keys):
            with suppress(KeyError):
                found[place] = self[name]
        return found

    def __setitem__(self, key: str, value: Any) -> None:
        """Raises SpecError for a value that cannot be kept."""
        text = json.dumps(_encoded(value, "Stored values"))
        with self._one_line():
            self._file.execute("REPLACE INTO results VALUES (?, ?, ?)", (key, _digest(key, text.encode()), text))

    def close(self) -> None:
        self._file.close()

    @contextmanager
    def _one_line(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise SpecError.rule(
                "Results file", "a database that can be read and written", f"{self._path} ({error})"
            ) from None


def key(job: Job, ngspice: str) -> str:
    """A SHA-256, in hex, of all that the job's value depends on, its time-out left out.

    That is: the deck; the vectors; the measure with its parameters and the source of its module; the source of this
    package and of ``golden``; the versions of ngspice, NumPy and Python.  What a measure of yours calls in other
    modules of yours is not seen.  Raises SpecError for a measure that is neither a function nor a dataclass.
    """
    parts = [job.deck, list(job.nodes), _measure(job.measure), ngspice, _surroundings()]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _measure(measure: Any) -> Any:
    if measure is None:
        return None
    if isinstance(measure, functools.partial):
        arguments = _encoded((measure.args, measure.keywords), "Stored measure's arguments")
        return ["partial", _measure(measure.func), arguments]
    source = _source(measure.__module__)
    if isinstance(measure, FunctionType):
        return ["function", measure.__module__, measure.__qualname__, source]
    if dataclasses.is_dataclass(measure):
        return [_encoded(measure, "Stored measure"), source]
    raise SpecError.rule("Stored measure", "a function of a module or an instance of a dataclass", repr(measure))


@functools.cache
def _source(module: str) -> str:
    """Digest of a module's source; empty where there is none."""
    file = getattr(sys.modules.get(module), "__file__", None)
    return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else ""


@functools.cache
def _surroundings() -> list[Any]:
    packages = (Path(__file__).parent, Path(golden.__file__).parent)
    return [versions(), list(sys.version_info[:3]), *map(_package, packages)]


def _package(folder: Path) -> str:
    """Digest of all source files below a folder, by name and content."""
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*.py")):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(folder)} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def _digest(key: str, content: bytes) -> bytes:
    return hashlib.sha256(key.encode() + content).digest()


# --- values as JSON: lists as they are, everything else that JSON lacks as {"kind": ..., ...} --------------------


def _encoded(value: Any, thing: str) -> Any:
    kind = type(value)
    if kind in PLAIN:
        return value
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        if array.dtype.kind in NUMBERS and kind in (np.ndarray, array.dtype.type):
            content = base64.b64encode(array.tobytes()).decode()
            scalar = isinstance(value, np.generic)
            return {"kind": "array", "type": array.dtype.str, "shape": array.shape, "of": content, "scalar": scalar}
    elif kind is complex:
        return {"kind": "complex", "of": [value.real, value.imag]}
    elif kind is bytes:
        return {"kind": "bytes", "of": base64.b64encode(value).decode()}
    elif kind is list:
        return [_encoded(item, thing) for item in value]
    elif kind is tuple:
        return {"kind": "tuple", "of": [_encoded(item, thing) for item in value]}
    elif kind is dict:
        return {"kind": "dict", "of": [[_encoded(k, thing), _encoded(v, thing)] for k, v in value.items()]}
    elif dataclasses.is_dataclass(value) and _class(kind.__module__, kind.__qualname__) is kind:
        fields = {field.name: _encoded(getattr(value, field.name), thing) for field in dataclasses.fields(value)}
        return {"kind": "dataclass", "module": kind.__module__, "class": kind.__qualname__, "of": fields}
    rule = "numbers, text, NumPy arrays of numbers, tuples, lists, dictionaries and dataclasses of these"
    raise SpecError.rule(thing, rule, f"{kind.__module__}.{kind.__qualname__}")


def _decoded(tree: Any) -> Any:
    if isinstance(tree, list):
        return [_decoded(item) for item in tree]
    if not isinstance(tree, dict):
        return tree
    content = tree["of"]
    match tree["kind"]:
        case "array":
            flat = np.frombuffer(base64.b64decode(content), dtype=np.dtype(tree["type"])).copy()
            array = flat.reshape(tree["shape"])
            return array[()] if tree["scalar"] else array
        case "complex":
            return complex(*content)
        case "bytes":
            return base64.b64decode(content)
        case "tuple":
            return tuple(_decoded(content))
        case "dict":
            return {_decoded(k): _decoded(v) for k, v in content}
        case _:
            found = _class(tree["module"], tree["class"])
            if found is None or {field.name for field in dataclasses.fields(found)} != set(content):
                raise KeyError(tree["class"])
            # Not by calling it: what it was made of may not be what it holds.
            value = object.__new__(found)
            for name, item in content.items():
                object.__setattr__(value, name, _decoded(item))
            return value


def _class(module: str, name: str) -> Any:
    """The dataclass of this name in a module that is already loaded; None when there is none."""
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found if isinstance(found, type) and dataclasses.is_dataclass(found) else None


class KeptPool(Pool):
    """A pool whose answers are kept, CPU time and all: whoever uses it resumes, whatever it runs.

    Jobs without a measure answer with waveforms, which are not kept; they run each time.
    """

    def __init__(self, pool: Pool, store: Results) -> None:
        """``pool`` runs what ``store`` has not."""
        self._pool, self._store = pool, store
        self.version = pool.version

    def start(self) -> str:
        """As `Pool.start`."""
        self.version = self._pool.start()
        return self.version

    def run(
        self,
        jobs: Sequence[Job],
        consume: Callable[[int, Answer], None],
        progress: Callable[[float], None] | None = None,
    ) -> None:
        """As `Pool.run`; kept answers come first.  Failures are not kept."""
        version = self.start() if jobs else self.version
        keys = [f"{key(job, version)} with CPU" if job.measure is not None else "" for job in jobs]
        kept = self._store.read(keys)
        for index, (value, seconds) in kept.items():
            consume(index, Answer(value=value, seconds=seconds))
        missing = [index for index in range(len(jobs)) if index not in kept]

        def keep(place: int, answer: Answer) -> None:
            index = missing[place]
            if keys[index] and not answer.error:
                self._store[keys[index]] = (answer.value, answer.seconds)
            consume(index, answer)

        def report(part: float) -> None:
            if progress is not None:
                progress((len(kept) + part * len(missing)) / len(jobs))

        self._pool.run([jobs[index] for index in missing], keep, report)

    def close(self) -> None:
        """As `Pool.close`."""
        self._pool.close()
