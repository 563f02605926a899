"""`hillock doctor`: every tool and library, found or missing."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from sim_harness import __version__
from sim_harness.toolchain import Finding, survey


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of the table.")] = False,
) -> int:
    """Every tool and library: found or missing, version, what it is for, and the command that installs it.

    Exits with 0 when everything required is there, with 1 otherwise. What only the demo or the tests need is
    optional.
    """
    findings = survey()
    missing = [finding for finding in findings if not finding.found]
    required = [finding for finding in missing if not finding.tool.optional]
    if as_json:
        report = {
            "hillock": __version__,
            "complete": not required,
            "tools": [_record(each) for each in findings],
        }
        sys.stdout.write(json.dumps(report, indent=2) + "\n")
    else:
        console = _console()
        console.print(_table(findings))
        if missing:
            console.print("Missing, all at once: [bold]make setup[/], or one by one:", highlight=False)
            for command in dict.fromkeys(finding.tool.install for finding in missing):
                console.print(f"  {command}", highlight=False, markup=False, soft_wrap=True)
        else:
            console.print(f"All {len(findings)} tools and libraries are there.", highlight=False)
    return 1 if required else 0


def _console() -> Console:
    """As wide as the terminal; wide enough for unbroken rows in a file."""
    return Console() if sys.stdout.isatty() else Console(width=120)


def _record(finding: Finding) -> dict[str, str | bool | None]:
    tool = finding.tool
    return {
        "name": tool.name,
        "kind": tool.kind,
        "found": finding.found,
        "version": finding.version,
        "path": str(finding.path) if finding.path else None,
        "purpose": tool.purpose,
        "required_for": tool.required_for,
        "optional": tool.optional,
        "install": tool.install,
    }


def _state(finding: Finding) -> str:
    if finding.found:
        return "[green]found[/]"
    return "[yellow]missing (optional)[/]" if finding.tool.optional else "[red]missing[/]"


def _table(findings: tuple[Finding, ...]) -> Table:
    table = Table(title=f"hillock {__version__}", title_justify="left", box=None, pad_edge=False)
    for heading in ("tool", "state", "version", "what it is for", "installed by"):
        table.add_column(heading, overflow="fold")
    for finding in findings:
        tool = finding.tool
        table.add_row(tool.name, _state(finding), finding.version or "-", tool.purpose, tool.install)
    return table
