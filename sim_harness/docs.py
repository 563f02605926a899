"""The generated parts of the documentation: the README's agreement table and its picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from golden.errors import SpecError
from golden.files import replacing
from sim_harness.crosscheck import Crosscheck, crosscheck
from sim_harness.experiment import Experiment
from sim_harness.report import plots
from sim_harness.report.page import describe

if TYPE_CHECKING:
    from collections.abc import Callable

#: Experiments whose cross-check the README shows.
EXAMPLES = ("examples/lif.toml", "examples/synapse.toml", "examples/heterogeneous.toml")
PICTURE = Path("docs/neuron.svg")
_START, _END = "<!-- agreement: written by `make docs` -->", "<!-- end of agreement -->"
#: Ink of a stand-alone figure, which has no page to take its colour from.
_INK = "<style>svg{color:#1c2430}@media(prefers-color-scheme:dark){svg{color:#e7ebf0}}</style>"


def generate(root: Path, progress: Callable[[str, float], None] | None = None) -> list[Path]:
    """Cross-check the examples on every machine and write what they found into README.md and the picture."""
    readme = root / "README.md"
    try:
        text = readme.read_text(encoding="utf-8")
    except OSError:
        raise SpecError.rule("Folder", "a checkout of Hillock with a README.md", root) from None
    if text.count(_START) != 1 or text.count(_END) != 1:
        raise SpecError.rule("README.md", "marked once for the agreement table", "unmarked")
    checks = {}
    for name in EXAMPLES:
        report = None if progress is None else lambda engine, f, name=name: progress(f"{name} {engine}", f)
        checks[name] = crosscheck(Experiment.load(root / name), "all", progress=report)
    head, _, rest = text.partition(_START)
    _, _, tail = rest.partition(_END)
    made = {
        readme: f"{head}{_START}\n{agreement_table(checks)}{_END}{tail}",
        root / PICTURE: picture(checks[EXAMPLES[0]]),
    }
    for path, text in made.items():
        with replacing(path) as partial:
            partial.write_text(text, encoding="utf-8")
    return list(made)


def agreement_table(checks: dict[str, Crosscheck]) -> str:
    """Markdown: who is compared with whom, and what was found, per example."""
    lines = ["| example | machine | against | verdict | found |", "|---|---|---|---|---|"]
    for name, check in checks.items():
        for row in check.rows:
            lines.append(f"| `{name}` | {row.machine} | {row.against} | {row.verdict} | {describe(row)} |")
    return "\n".join(lines) + "\n"


def picture(check: Crosscheck) -> str:
    """One neuron on every machine, as a stand-alone SVG."""
    neuron = check.experiment.record[0]
    traces = {name: run.trace for name, run in check.runs.items()}
    v_th = check.experiment.network.neuron.broadcast(check.experiment.network.size)[neuron].V_th
    figure = plots.membrane(traces, neuron, float(v_th), (0.0, 0.12))
    head, _, body = figure.partition(">")
    return f"{head}>{_INK}{body}"
