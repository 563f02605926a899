"""The `hillock` command: the list of subcommands, and what all of them promise about errors and exit codes.

A subcommand is one entry of COMMANDS and one module of this package, imported when the subcommand is called:
``hillock --help`` needs no simulator package. Its function is annotated for typer, its docstring is the help,
and it returns its exit code (None for 0) or raises ``typer.Exit``.

Exit codes: 0 success, 1 the machines disagree or something is missing, 2 a user's mistake (one line on
stderr), 130 interrupted.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from golden.errors import HillockError
from sim_harness import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Entry:
    """A subcommand: its line in the list, examples for its help, and ``module:function``.

    The module is one of this package, or, with a dot, of a room that stands on this one (studies).
    """

    summary: str
    examples: tuple[str, ...]
    target: str


#: Every subcommand, in the order in which people meet them.
COMMANDS = {
    "doctor": Entry(
        "What is installed, what is missing, and the command that installs it.",
        ("hillock doctor", "hillock doctor --json"),
        "doctor:doctor",
    ),
    "demo": Entry(
        "A handwritten digit on 64 neurons through every machine.",
        ("hillock demo", "hillock demo --digit 7 --report build/seven"),
        "demo:demo",
    ),
    "run": Entry(
        "Run a network on one machine.",
        (
            "hillock run examples/lif.toml --on ngspice",
            "hillock run examples/network.toml --on loihi --input in.npz --output out.npz --record v",
        ),
        "run:run",
    ),
    "place": Entry(
        "Put a network on the cores of TrueNorth, Loihi or SpiNNaker.",
        (
            "hillock place examples/network.toml --on truenorth -o image.npz",
            "hillock run image.npz --on truenorth --input in.npz",
        ),
        "place:place",
    ),
    "fi": Entry(
        "The f-I curve of a neuron on any machine.",
        ("hillock fi examples/lif.toml --on ngspice",),
        "fi:fi",
    ),
    "crosscheck": Entry(
        "Run several machines and compare every spike and state.",
        (
            "hillock crosscheck examples/lif.toml --report build/report",
            "hillock crosscheck examples/lif.toml --verilog my_core.v",
        ),
        "crosscheck:command",
    ),
    "tour": Entry(
        "The analog branch in small: tiers, circuits, network, calibration, noise.",
        ("hillock tour", "hillock tour examples/lif.toml --json"),
        "tour:tour",
    ),
    "calibrate": Entry(
        "Parameter codes for an array of mismatched analog neurons.",
        (
            "hillock calibrate --neurons 64 -o codes.json --plot spread.svg",
            "hillock calibrate --show codes.json",
        ),
        "calibrate:calibrate",
    ),
    "datasheets": Entry(
        "Data sheets and schematics of the analog circuits.",
        ("hillock datasheets", "hillock datasheets --only ota_neuron --quick --root build"),
        "datasheets:datasheets",
    ),
    "netlist": Entry(
        "Write the analog circuit for ngspice.",
        ("hillock netlist examples/lif.toml -o lif.cir",),
        "netlist:netlist",
    ),
    "verilog": Entry(
        "Write the digital core as Verilog.",
        ("hillock verilog lif --neurons 256 --format 16.8 -o lif.v", "hillock verilog --check"),
        "verilog:verilog",
    ),
    "verify": Entry("Constrained-random comparison of the digital machines.", ("hillock verify",), "verify:verify"),
    "verify-machines": Entry(
        "Compare the golden machines in plain ints, with NumPy and compiled.",
        ("hillock verify-machines", "hillock verify-machines --on loihi --updates 100000 --json"),
        "verify_machines:verify_machines",
    ),
    "verify-truenorth": Entry(
        "Compare the TrueNorth chip's Verilog with the golden chip on random chips.",
        ("hillock verify-truenorth", "hillock verify-truenorth --updates 100000 --on icarus,cxxrtl --json"),
        "verify_truenorth:verify_truenorth",
    ),
    "mutation": Entry(
        "Change the golden steps in one place at a time: do their tests notice?",
        ("hillock mutation", "hillock mutation --machines loihi --only rounding --json"),
        "mutation:mutation",
    ),
    "mutation-truenorth": Entry(
        "Change the TrueNorth core's Verilog in one place at a time: does a short simulation notice?",
        ("hillock mutation-truenorth", "hillock mutation-truenorth --mutants 50 --seed 2 --json"),
        "mutation_truenorth:mutation_truenorth",
    ),
    "formal": Entry("Prove the digital core equal to the golden step.", ("hillock formal",), "formal:formal"),
    "fpga-report": Entry(
        "Place and route: clock, LUTs, block RAM.", ("hillock fpga-report",), "fpga_report:fpga_report"
    ),
    "study": Entry(
        "What is known of the LIF neuron, on paper and on every machine: one page each.",
        (
            "hillock study rheobase",
            "hillock study stability --quick --report build/stability",
            "hillock study mean-field --json",
        ),
        "studies.command:study",
    ),
    "docs": Entry("Generate the tables of the documentation.", ("hillock docs",), "docs:docs"),
}


def load(name: str) -> TyperCommand:
    """Import one subcommand and build its parser."""
    entry = COMMANDS[name]
    module, _, attribute = entry.target.partition(":")
    path = module if "." in module else f"sim_harness.cli.{module}"
    function = getattr(importlib.import_module(path), attribute)
    single = typer.Typer(add_completion=False, rich_markup_mode="rich")
    # Rich joins lines unless a blank one stands between them; brackets would be markup.
    examples = "\n\n".join(["Examples:", *entry.examples]).replace("[", r"\[")
    single.command(name, help=inspect.getdoc(function), epilog=examples)(function)
    command = typer.main.get_command(single)
    assert isinstance(command, TyperCommand)  # a single function makes no group
    return command


class LazyGroup(TyperGroup):
    """A group that lists its subcommands from COMMANDS and imports only the one that is called."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, entry in COMMANDS.items():
            self.add_command(TyperCommand(name, help=entry.summary), name)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The real subcommand in place of its entry in the list."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, load(name) if name and command else command, rest


app = typer.Typer(
    cls=LazyGroup,
    add_completion=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hillock {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True, epilog="Example:\n\nhillock crosscheck examples/lif.toml --report report")
def hillock(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """One neuron on every neuromorphic machine: golden model, analog circuit, digital core, cross-checked."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; a user's mistake is one line on stderr, no traceback."""
    try:
        result = typer.main.get_command(app).main(arguments, prog_name="hillock", standalone_mode=False)
    except typer.TyperException as error:
        return _complain(error.format_message())
    except HillockError as error:
        return _complain(str(error))
    except (
        FileNotFoundError,
        PermissionError,
        IsADirectoryError,
        NotADirectoryError,
        FileExistsError,
    ) as error:
        if error.filename is None:
            raise
        return _complain(f"{error.filename}: {error.strerror}")
    code = result if isinstance(result, int) else 0
    if code == 130:  # typer's answer to Ctrl-C
        sys.stderr.write("hillock: interrupted\n")
    return code


def _complain(message: str) -> int:
    sys.stderr.write(f"hillock: error: {' '.join(message.split())}\n")
    return 2


def main() -> None:
    """Entry point of the ``hillock`` script."""
    sys.exit(run())
