"""A study as one HTML page that needs no network."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from jinja2 import Environment, StrictUndefined

from golden.trace import versions
from sim_harness.report.page import write_index
from studies.study import find

if TYPE_CHECKING:
    from pathlib import Path

    from studies.study import Outcome, Panel, Run


def write_page(folder: Path, run: Run, outcome: Outcome) -> Path:
    """Draw the figures, write ``index.html`` into ``folder`` (made if missing), and return its path."""
    return write_index(folder, render(run, outcome, find(run.name).load().draw(outcome)))


def render(run: Run, outcome: Outcome, panels: list[Panel]) -> str:
    """The page as text."""
    source = files("studies").joinpath("page.html.j2").read_text(encoding="utf-8")
    template = Environment(undefined=StrictUndefined, autoescape=True, trim_blocks=True).from_string(source)
    study = find(run.name)
    return template.render(
        run=run, study=study, module=study.load(), outcome=outcome, panels=panels, versions=sorted(versions().items())
    )
