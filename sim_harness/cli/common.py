"""What the commands share: options, progress, output."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from golden.errors import SpecError
from golden.files import replacing
from sim_harness.engines import Verilog

Spec = Annotated[Path, typer.Argument(metavar="SPEC.toml", help="Experiment file (see examples/).")]
Neurons = Annotated[int | None, typer.Option(help="Population size instead of the file's.")]
Duration = Annotated[float | None, typer.Option(help="Biological time in seconds instead of the file's.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")]

#: Results go to standard output, everything that comes and goes to standard error.
out = Console(soft_wrap=True, highlight=False, width=None if sys.stdout.isatty() else 120)
err = Console(stderr=True)


def print_json(document: Any) -> None:
    """One JSON document on standard output."""
    print(json.dumps(document, indent=2))


def table(*columns: str) -> Table:
    """An empty table in the house style."""
    result = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        result.add_column(column, overflow="fold")
    return result


@contextmanager
def engine_progress() -> Iterator[Callable[[str, float], None]]:
    """A bar per machine on standard error while it runs; nothing is shown where that is not a terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        tasks: dict[str, TaskID] = {}

        def update(name: str, fraction: float) -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(name, total=1.0)
            progress.update(tasks[name], completed=fraction)

        yield update


def write_text(path: Path, text: str) -> None:
    """Write a whole file or none; SpecError when the place is not writable."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def read_verilog(path: Path | None) -> Verilog | None:
    """A user's Verilog file; SpecError when it cannot be read."""
    if path is None:
        return None
    try:
        return Verilog(path.read_text(encoding="utf-8"), path.name)
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror or "unreadable").lower() if isinstance(error, OSError) else "not text"
        raise SpecError.rule(f"Verilog file {path}", "readable", reason) from None
