"""Builds kept by content: made once, whole or not at all, verified before use."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Protocol

from golden.errors import HillockError, SimulationError, SpecError
from sim_harness import toolchain

#: Manifest of a build: file name -> SHA-256 of its content.
_MANIFEST = "manifest.json"


class Design(Protocol):
    """What is built: Verilog ``text``, a user's own where ``verilog`` is not None, and its name in messages."""

    @property
    def text(self) -> str: ...

    @property
    def verilog(self) -> str | None: ...

    @property
    def name(self) -> str: ...


_ERROR = re.compile(r"error|syntax|not a port|unknown module", re.IGNORECASE)


@cache
def versions(*tools: str) -> str:
    """Versions of the tools that a build depends on; MissingToolError when one is not there."""
    toolchain.require(*tools)
    return json.dumps(toolchain.versions(*tools))


def rejected(tool: str, design: Design, log: Path) -> HillockError:
    """The error for a design that ``tool`` does not compile, with the first error line of its log.

    SpecError for a user's Verilog, which is called ``core.v`` in the log; SimulationError for our own.
    """
    # What follows a traceback is about the job that started the tool.
    said, _, _ = log.read_text(errors="replace").partition("Traceback (most recent call last)")
    lines = [line.strip() for line in said.splitlines()]
    first = next((line for line in lines if _ERROR.search(line)), lines[-1] if lines else "no message")
    if design.verilog is not None:
        first = re.sub(r"\S*\bcore\.v\b", design.name, first)
        return SpecError.rule(f"Verilog of {design.name}", f"accepted by {tool}", f"rejected: {first}")
    return SimulationError(
        f"{tool} must accept the generated Verilog, not reject it: {first}; see {keep_log(log, tool)}"
    )


def keep_log(log: Path, name: str) -> Path:
    """Copy of a log that outlives its working directory."""
    kept = home() / "logs" / f"{name}-{hashlib.sha256(log.read_bytes()).hexdigest()[:12]}.log"
    kept.parent.mkdir(exist_ok=True)
    shutil.copy(log, kept)
    return kept


def key(parts: Iterable[str | bytes]) -> str:
    """Hash of everything that a build depends on: sources, options, tool versions."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()[:32]


def home() -> Path:
    """Where builds of RTL simulators are kept."""
    path = toolchain.cache_dir() / "rtl"
    path.mkdir(parents=True, exist_ok=True)
    return path


def cached(name: str, products: Iterable[str], make: Callable[[Path], None]) -> Path:
    """Directory ``name`` with the files ``products``; ``make`` fills an empty directory with them when it is not there.

    ``make`` works in a directory of its own that takes its final name in one step, so that another process never sees
    half a build, and two processes may make the same one. A build whose files are not those of its manifest is made
    anew.
    """
    final = home() / name
    if _intact(final):
        return final
    with tempfile.TemporaryDirectory(prefix=f"{name}.", dir=home()) as work:
        made = Path(work) / "build"
        made.mkdir()
        make(made)
        kept = Path(work) / "kept"
        kept.mkdir()
        for product in products:
            shutil.move(made / product, kept / product)
        (kept / _MANIFEST).write_text(json.dumps({product: _sha256(kept / product) for product in products}))
        while not _intact(final):  # another process may have been faster, or a broken build is in the way
            with suppress(OSError):
                final.rename(Path(work) / "broken")
            with suppress(OSError):
                kept.rename(final)
    return final


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _intact(directory: Path) -> bool:
    try:
        manifest: dict[str, str] = json.loads((directory / _MANIFEST).read_text())
        return all(_sha256(directory / product) == digest for product, digest in manifest.items())
    except (OSError, ValueError):
        return False
