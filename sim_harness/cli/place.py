"""``hillock place``: a network on the cores of a machine, and the image that the machine is loaded with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from golden.errors import SpecError
from golden.network import with_sources
from sim_harness.cli.common import Json, out, print_json, table
from sim_harness.engines import INFOS
from sim_harness.engines.machine import place as place_on
from sim_harness.subject import load_experiment
from sim_harness.units import engineering

if TYPE_CHECKING:
    from mapping.placed import Placed

_MACHINES = [name for name, info in INFOS.items() if info.kind == "machine"]


def place(
    spec: Annotated[Path, typer.Argument(metavar="NETWORK", help="Experiment (.toml) or network (.npz).")],
    on: Annotated[str, typer.Option(help=f"Machine: {', '.join(_MACHINES)}.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the image (.npz).")] = None,
    dt: Annotated[float | None, typer.Option(help="Tick in seconds instead of the file's.")] = None,
    rounding: Annotated[str | None, typer.Option(help="How parameters are rounded, instead of the file's.")] = None,
    json: Json = False,
) -> None:
    """Quantise a network, place it on a machine's cores, and report what both cost.

    The image holds every parameter memory; `hillock run IMAGE.npz --on MACHINE --input IN.npz` runs it.
    """
    if on not in _MACHINES:
        raise SpecError.rule("Machine", f"one of {', '.join(_MACHINES)}", repr(on))
    if output is not None and output.suffix != ".npz":
        raise SpecError.rule("Image file", "named .npz", output)
    experiment = load_experiment(spec, dt=dt, rounding=rounding)
    network, stimulus = with_sources(experiment.network, experiment.stimulus)
    placed = place_on(on, network, stimulus, experiment.dt, experiment.machines.get(on, {}), experiment.seed)
    if output is not None:
        from mapping import image

        image.save(placed.image, output)
    if json:
        print_json(_document(on, placed, output))
    else:
        _print(on, placed, output)


def _document(on: str, placed: Placed, output: Path | None) -> dict[str, object]:
    return {
        "machine": on,
        "network": placed.image.network,
        "neurons": placed.image.size,
        "sources": placed.image.sources,
        "dt": placed.image.dt,
        "placement": placed.placement.to_dict(),
        "rounding": [row.to_dict() for row in placed.rounding],
        "effective": None if placed.effective is None else placed.effective.to_dict(),
        "output": None if output is None else str(output),
    }


def _print(on: str, placed: Placed, output: Path | None) -> None:
    placement = placed.placement
    out.print(
        f"{INFOS[on].title}: {placed.image.size} neurons on {placement.cores} core{'s' * (placement.cores > 1)} "
        f"({placement.grid}), "
        f"{placement.synapses:,} synapses in {placement.synapse_bytes:,} bytes"
    )
    usage = table("per core", "mean", "largest", "limit")
    for row in placement.usage:
        usage.add_row(row.thing, f"{row.used.mean():.1f}", f"{row.used.max():,}", f"{row.limit:,}")
    out.print(usage)
    if placement.hops.size:
        out.print(f"hops: {placement.hops.mean():.2f} on average, {placement.hops.max()} at most")
    rounding = table("parameter", "wanted", "got", "integer", "error")
    for rounded in placed.rounding:
        if not rounded.wanted.size:
            continue
        k = rounded.worst
        integer = "-" if rounded.integers is None else str(rounded.integers[k])
        wanted, got = (engineering(float(x[k]), rounded.unit) for x in (rounded.wanted, rounded.got))
        rounding.add_row(rounded.name, wanted, got, integer, f"{rounded.relative_error:.2g}")
    out.print(rounding)
    for note in placement.notes:
        out.print(f"note: {escape(note)}")
    if output is not None:
        out.print(f"image: {escape(str(output))}")
