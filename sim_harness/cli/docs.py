"""``hillock docs``: regenerate what the documentation quotes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sim_harness.cli.common import Json, engine_progress, out, print_json


def docs(
    root: Annotated[Path, typer.Option(help="Checkout of Hillock.")] = Path(),
    json: Json = False,
) -> None:
    """Cross-check the examples on every machine and write the README's table and picture."""
    from sim_harness.docs import generate

    with engine_progress() as progress:
        written = generate(root, progress)
    if json:
        print_json([str(path) for path in written])
    else:
        for path in written:
            out.print(f"written: {path}")
