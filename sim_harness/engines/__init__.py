"""The machines, behind one signature: an engine takes (network, stimulus) and returns a Trace.

``build(name, experiment)`` sets an engine up as the experiment asks; the engine itself can then run any network and
stimulus that its set-up allows.  One table names them all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from golden.errors import SpecError

if TYPE_CHECKING:
    from golden.network import Network
    from golden.stimulus import Stimulus
    from golden.trace import Trace
    from sim_harness.experiment import Experiment

#: RTL simulators that run TrueNorth chips: networks with synapses.
CHIP_ENGINES = ("icarus", "verilator", "cxxrtl")
Progress = Callable[[float], None]
Kind = Literal["exact", "stepped", "integer", "analog", "twin", "rtl", "machine", "chip"]


@dataclass(frozen=True)
class Verilog:
    """A user's own core: its text, and what messages call it."""

    text: str
    name: str


class Engine(Protocol):
    """One machine."""

    @property
    def name(self) -> str:
        """Name on the command line and in trace headers."""
        ...

    def __call__(self, network: Network, stimulus: Stimulus, progress: Progress | None = None) -> Trace:
        """Run ``network`` under ``stimulus``."""
        ...


@dataclass(frozen=True)
class EngineInfo:
    """What an engine is: the kind decides with what, and how strictly, its trace is compared.

    special   whether it must be asked for by name: not every neuron can be had on it
    """

    name: str
    kind: Kind
    title: str
    special: bool = False


INFOS = {
    info.name: info
    for info in (
        EngineInfo("exact", "exact", "golden, exact events"),
        EngineInfo("stepped", "stepped", "golden, float steps"),
        EngineInfo("integer", "integer", "golden, fixed point"),
        EngineInfo("ngspice", "analog", "circuit in ngspice"),
        EngineInfo("amaranth", "rtl", "core in Amaranth's simulator"),
        EngineInfo("cxxrtl", "rtl", "Verilog in CXXRTL"),
        EngineInfo("icarus", "rtl", "Verilog in Icarus"),
        EngineInfo("verilator", "rtl", "Verilog in Verilator"),
        EngineInfo("twins", "twin", "golden twins of the circuit", special=True),
        EngineInfo("euler", "stepped", "golden, forward Euler", special=True),
        EngineInfo("truenorth", "machine", "TrueNorth, golden chip", special=True),
        EngineInfo("loihi", "machine", "Loihi, golden cores", special=True),
        EngineInfo("spinnaker", "machine", "SpiNNaker, golden cores", special=True),
    )
}


def kind_of(name: str, experiment: Experiment) -> Kind:
    """What a name means for an experiment: given synapses, an RTL simulator runs the Verilog of a TrueNorth chip."""
    return "chip" if name in CHIP_ENGINES and len(experiment.network.synapses) else INFOS[name].kind


def parse_name(text: str) -> str:
    """One engine's name; SpecError for anything else."""
    name = text.strip()
    if name not in INFOS:
        raise SpecError.rule("Engine", f"one of {', '.join(INFOS)}", repr(name))
    return name


def parse_names(text: str | Sequence[str]) -> list[str]:
    """Engine names from ``"exact,icarus"`` or ``"all"`` (but the special ones), in the table's order, each once."""
    wanted = text.split(",") if isinstance(text, str) else list(text)
    wanted = [name.strip() for name in wanted if name.strip()]
    if wanted == ["all"]:
        return [name for name, info in INFOS.items() if not info.special]
    wanted = [parse_name(name) for name in wanted]
    if not wanted:
        raise SpecError.rule("Engines", f"at least one of {', '.join(INFOS)}", "none")
    return [name for name in INFOS if name in wanted]


def check_verilog(verilog: Verilog | None, names: Sequence[str]) -> None:
    """Refuse a user's Verilog that none of the engines ``names`` would run."""
    runners = [name for name, info in INFOS.items() if info.kind == "rtl" and name != "amaranth"]
    if verilog is not None and not set(names) & set(runners):
        raise SpecError.rule(
            f"Machines to run {verilog.name}", f"at least one of {', '.join(runners)}", ", ".join(names)
        )


def build(name: str, experiment: Experiment, *, verilog: Verilog | None = None) -> Engine:
    """The engine called ``name``, set up as the experiment asks.

    ``verilog`` puts a user's own Verilog (same ports, see docs/lif_core.md) in place of the generated core; engines
    without a core ignore it (see ``check_verilog``).
    """
    name = parse_name(name)
    kind = kind_of(name, experiment)
    if len(experiment.network.synapses) and kind in ("integer", "rtl"):
        able = ", ".join(n for n, info in INFOS.items() if info.kind not in ("integer", "rtl") or n in CHIP_ENGINES)
        count = f"{len(experiment.network.synapses)} of them"
        raise SpecError.rule(
            f"A network on {name}", f"without synapses (those that take them: {able})", f"with {count}"
        )
    match kind:
        case "exact" | "stepped" | "integer":
            from sim_harness.engines import software

            return software.build(name, experiment)
        case "analog":
            from sim_harness.engines.circuit import NgspiceEngine

            return NgspiceEngine.of(experiment)
        case "twin":
            from sim_harness.engines.circuit import TwinEngine

            return TwinEngine.of(experiment)
        case "machine":
            from sim_harness.engines.machine import MachineEngine

            return MachineEngine.of(name, experiment)
        case "chip":
            from sim_harness.engines.machine import MachineEngine

            if verilog is not None:
                raise SpecError.rule(f"Network of {verilog.name}", "without synapses", "with them")
            return MachineEngine.chip(name, experiment)
        case "rtl":
            from sim_harness.engines.rtl import RtlEngine

            return RtlEngine.of(name, experiment, verilog)
