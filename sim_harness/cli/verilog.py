"""``hillock verilog``: the digital core as Verilog."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Annotated

import typer

from digital.datasheet import page
from digital.designs import ALL, DESIGNS, TRUENORTH, blank
from digital.lif_core import LIFCoreConfig
from digital.truenorth.chip import CHIP, TrueNorthChip, check_grid
from digital.truenorth.config import CoreConfig
from digital.truenorth.datasheet import page as truenorth_page
from digital.truenorth.image import config_of, host_writes
from golden.errors import SpecError
from golden.fixed import Format
from golden.machines.truenorth import TrueNorthMachine
from golden.neurons.lif_fixed import LIFFormat
from mapping import image as images
from sim_harness import fpga
from sim_harness.cli.common import Json, out, print_json, write_text
from sim_harness.experiment import Experiment

#: Options that describe the neurons, as an experiment file does.
_DECIDED_BY_SPEC = (
    *("neurons", "format", "input_width", "leak", "decay_bits", "leak_rounding"),
    *("comparison", "reset", "synapse", "refractory_bits"),
)
#: Options of one core only.
_OF_LIF = (*_DECIDED_BY_SPEC[1:], "per_neuron", "spec")
_OF_TRUENORTH = ("cores", "axons", "lanes", "word", "image", "loads")
#: What an image decides.
_DECIDED_BY_IMAGE = ("neurons", "cores", "axons")


def verilog(
    context: typer.Context,
    core: Annotated[str | None, typer.Argument(help="Which core: lif or truenorth.")] = None,
    neurons: Annotated[int, typer.Option(help="Number of neurons, 1 to 4096.")] = 256,
    format: Annotated[str, typer.Option(help="Membrane potential as WIDTH.FRACTION bits.")] = "16.8",
    input_width: Annotated[int, typer.Option(help="Bits of currents and weights; 0: as the potential.")] = 0,
    leak: Annotated[str, typer.Option(help="multiply or shift.")] = "multiply",
    decay_bits: Annotated[int, typer.Option(help="Fraction bits of the decay factors.")] = 16,
    leak_rounding: Annotated[str, typer.Option(help="floor, nearest or toward_zero.")] = "floor",
    comparison: Annotated[str, typer.Option(help="'>=' or '>'.")] = ">=",
    reset: Annotated[str, typer.Option(help="value or subtract.")] = "value",
    synapse: Annotated[str, typer.Option(help="none, delta or exponential.")] = "exponential",
    refractory_bits: Annotated[int, typer.Option(help="Bits of the refractory counter, 0 for none.")] = 8,
    per_neuron: Annotated[bool, typer.Option("--per-neuron", help="One set of parameters per neuron.")] = False,
    retire: Annotated[bool, typer.Option("--retire", help="With the port that shows every update.")] = False,
    cores: Annotated[
        str | None, typer.Option(help="truenorth: a chip of COLUMNSxROWS cores on a mesh, such as 4x3.")
    ] = None,
    axons: Annotated[int, typer.Option(help="truenorth: axons of a core, 1 to 256.")] = 256,
    lanes: Annotated[int, typer.Option(help="truenorth: synaptic events a clock, 1, 2 or 4.")] = 1,
    word: Annotated[int, typer.Option(help="truenorth: crossbar bits read a clock, 8, 16 or 32.")] = 32,
    image: Annotated[
        Path | None, typer.Option(help="truenorth: the chip for an image that hillock place wrote.")
    ] = None,
    loads: Annotated[
        Path | None, typer.Option(help="truenorth: write the image as a list of host writes (core address data).")
    ] = None,
    spec: Annotated[
        Path | None,
        typer.Option(help="Experiment file: its neurons, format and parameters instead of the options above."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; standard output otherwise.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Regenerate rtl/verilog and the pages about it.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Exit 1 if rtl/verilog or the pages about it differ from regeneration.")
    ] = False,
    root: Annotated[Path, typer.Option(help="Checkout of Hillock, for --all and --check.")] = Path(),
    json: Json = False,
) -> None:
    """Write a core as Verilog, or a TrueNorth chip: the same bytes for the same options.

    Parameters are loaded through the host port; at power-up they are 0, or those of --spec.

    Example: hillock verilog truenorth --cores 4x3 -o chip.v
    """
    if every or check:
        _committed(root, check, json)
        return
    if core == "truenorth":
        _refuse(context, _OF_LIF, "left to the LIF core")
        if image is not None:
            _refuse(context, _DECIDED_BY_IMAGE, "left to the file of --image")
        _truenorth(cores, axons, neurons, lanes, word, retire, image, loads, output, json)
        return
    if core != "lif":
        raise SpecError.rule("Core", "one of lif, truenorth", "missing" if core is None else repr(core))
    _refuse(context, _OF_TRUENORTH, "left to the TrueNorth core")
    if spec is not None:
        _refuse(context, _DECIDED_BY_SPEC, "left to the file of --spec")
        lif = Experiment.load(spec).quantised.lif
    else:
        structure = LIFFormat(
            v=Format.parse(format),
            input_width=input_width,
            leak=leak,  # type: ignore[arg-type]  # LIFFormat checks the words
            decay_bits=decay_bits,
            leak_rounding=leak_rounding,  # type: ignore[arg-type]
            comparison=comparison,  # type: ignore[arg-type]
            reset=reset,  # type: ignore[arg-type]
            synapse=synapse,  # type: ignore[arg-type]
            refractory_bits=refractory_bits,
        )
        lif = blank(neurons, structure)
    config = LIFCoreConfig(lif, per_neuron=True if per_neuron else None, retire=retire)
    text = config.verilog()
    if output is not None:
        write_text(output, text)
    if json:
        print_json(
            {
                "module": "lif_core",
                "neurons": config.size,
                "format": config.format.to_dict(),
                "per_neuron": config.per_neuron,
                "retire": config.retire,
                "tick_clocks": config.tick_cycles,
                "output": None if output is None else str(output),
                "verilog": text if output is None else None,
            }
        )
    elif output is None:
        print(text, end="")
    else:
        out.print(f"module lif_core, {config.size} neurons, {config.tick_cycles} clocks a tick: {output}")


def _refuse(context: typer.Context, names: Collection[str], rule: str) -> None:
    """Refuse options that something else decides."""
    for parameter in context.command.params:
        name = parameter.name or ""
        given = context.get_parameter_source(name)
        if name in names and given is not None and given.name == "COMMANDLINE":
            raise SpecError.rule(f"Option --{name.replace('_', '-')}", rule, "given as well")


def _truenorth(
    cores: str | None,
    axons: int,
    neurons: int,
    lanes: int,
    word: int,
    retire: bool,
    image: Path | None,
    loads: Path | None,
    output: Path | None,
    json: bool,
) -> None:
    """Write a TrueNorth core, or a chip of them."""
    grid = None if cores is None else _grid(cores)
    writes = None
    if image is not None:
        machine = images.load(image).machine
        if not isinstance(machine, TrueNorthMachine):
            raise SpecError.rule(f"Machine of image {image}", "truenorth", machine.name)
        grid = (machine.columns, machine.rows)
        config = config_of(machine, lanes=lanes, word=word, retire=retire)
        writes = host_writes(machine, config)
    else:
        config = CoreConfig(axons=axons, neurons=neurons, lanes=lanes, word=word, retire=retire)
    if loads is not None:
        if writes is None:
            raise SpecError.rule("Option --loads", "given with an --image", "without")
        write_text(loads, "".join(f"{c:x} {address:x} {data:x}\n" for c, address, data in writes.tolist()))
    text = config.verilog() if grid is None else TrueNorthChip(*grid, config).verilog()
    if output is not None:
        write_text(output, text)
    module = config.module if grid is None else CHIP
    if json:
        print_json(
            {
                "module": module,
                "grid": grid,
                "axons": config.axons,
                "neurons": config.neurons,
                "lanes": config.lanes,
                "retire": config.retire,
                "tick_clocks": config.tick_cycles,
                "loads": None if writes is None else len(writes),
                "output": None if output is None else str(output),
                "verilog": text if output is None else None,
            }
        )
    elif output is None:
        print(text, end="")
    else:
        size = f"{config.axons} axons x {config.neurons} neurons"
        what = size if grid is None else f"{grid[0]} x {grid[1]} cores of {size}"
        out.print(f"module {module}, {what}, at most {config.tick_cycles} clocks a tick and one an event: {output}")


def _grid(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,3})x(\d{1,3})", text)
    if match is None:
        raise SpecError.rule("Option --cores", "COLUMNSxROWS, such as 4x3", repr(text))
    check_grid(int(match[1]), int(match[2]))
    return int(match[1]), int(match[2])


def committed_files(root: Path) -> dict[Path, str]:
    """Every file below ``root`` that is made from the cores, and what must be in it."""
    files = {root / "rtl/verilog" / f"{name}.v": config.verilog() for name, config in ALL.items()}
    pages = {
        "docs/lif_core.md": page(dict(DESIGNS)),
        "docs/truenorth_core.md": truenorth_page(TRUENORTH),
        "docs/fpga.md": fpga.page(root / fpga.BASELINES),
    }
    return files | {root / name: text for name, text in pages.items()}


def _committed(root: Path, check: bool, json: bool) -> None:
    """Write the committed files, or say which of them differ."""
    files = committed_files(root)
    different = [path for path, text in files.items() if not path.is_file() or path.read_text("utf-8") != text]
    if not check:
        for path in different:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, files[path])
    if json:
        print_json({"checked" if check else "written": len(files), "different": [str(path) for path in different]})
    elif check:
        for path in different:
            out.print(f"{path}: differs from what `hillock verilog --all` writes")
    else:
        out.print(f"{len(different)} of {len(files)} generated files changed")
    if check and different:
        raise typer.Exit(1)
