"""``hillock netlist``: the circuit of one neuron as a deck for plain ngspice."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from golden.errors import SpecError
from sim_harness.cli.common import Json, Spec, out, print_json, write_text
from sim_harness.experiment import Experiment


def netlist(
    spec: Spec,
    neuron: Annotated[int, typer.Option(help="Index of the neuron.")] = 0,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; standard output otherwise.")
    ] = None,
    json: Json = False,
) -> None:
    """Write one neuron's SPICE deck; `ngspice -b FILE` runs it."""
    import analog

    experiment = Experiment.load(spec)
    if not 0 <= neuron < experiment.network.size:
        raise SpecError.rule("Neuron", f"an index below {experiment.network.size}", neuron)
    text = analog.deck(experiment.network, experiment.stimulus, experiment.analog, neuron)
    if output is not None:
        write_text(output, text)
    if json:
        print_json({"neuron": neuron, "output": None if output is None else str(output), "deck": text})
    elif output is None:
        print(text, end="")
    else:
        out.print(f"deck of neuron {neuron}: {output} (run it with: ngspice -b {output})")
