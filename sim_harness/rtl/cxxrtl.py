"""CXXRTL: the Verilog turned into C++ by Yosys and compiled; the fastest RTL engine.

The whole play loop is C++ (``cxxrtl_driver.cc``); Python hands over commands and takes records, a chunk of ticks at a
time, so that a run shows progress and can be interrupted.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from golden.errors import SimulationError, SpecError
from sim_harness import toolchain
from sim_harness.rtl import builds, processes
from sim_harness.rtl.back_end import RtlBackEnd
from sim_harness.rtl.design import TICK, RtlDesign
from sim_harness.rtl.records import Recorder, RtlRecord

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from golden.fixed import IntArray
    from golden.integer import Progress, TickInputs
    from sim_harness.rtl.builds import Design

#: Updates per call of the driver: a fraction of a second.
CHUNK = 1 << 17
#: Ports that the driver knows by name, in its order; retired fields follow.
PORTS = (
    *("clk", "rst", "host_valid", "host_ready", "host_field", "host_neuron", "host_data"),
    *("event_valid", "event_ready", "event_neuron", "event_weight"),
    *("tick", "busy", "spike_valid", "spike_ready", "spike_neuron", "retire_valid"),
)
_DRIVER = Path(__file__).with_name("cxxrtl_driver.cc")
#: One module of cells, without constants and unused bits, for changes in single places.
FLAT = ("proc", "flatten", "opt -full", "wreduce", "memory -nomap", "opt -full")
#: The hierarchy stays as it is.
_WRITE_UNITS = "write_cxxrtl -g3 -noflatten core.cc"
#: What all drivers include.
_PORTS = Path(__file__).with_name("cxxrtl_port.h")
_FLAGS = ("-std=c++17", "-O2", "-shared", "-fPIC")
#: Runs in a process of its own: a command that fails ends the process that called it.
YOSYS = """
import sys
from pyosys import libyosys
design = libyosys.Design()
for command in sys.argv[1:]:
    libyosys.run_pass(command, design)
"""


@dataclass(frozen=True)
class Cxxrtl(RtlBackEnd):
    """The CXXRTL back end; Yosys and the compiler may take ``timeout`` seconds each."""

    timeout: float = 600.0
    name: ClassVar[str] = "cxxrtl"
    title: ClassVar[str] = "CXXRTL"
    tools: ClassVar[tuple[str, ...]] = ("pyosys", "g++")

    def run(
        self,
        design: RtlDesign,
        inputs: TickInputs,
        *,
        record: ArrayLike | None = None,
        progress: Progress | None = None,
    ) -> RtlRecord:
        """Play ``inputs``; see ``RtlBackEnd.run``."""
        recorder = Recorder(self.name, design, inputs, record, progress)
        size = design.lif.size
        per_chunk = max(1, CHUNK // size)
        with _Core(design, self.build(design), self.stall, self.seed) as core:
            for first, commands in chunks(design.commands(inputs), per_chunk):
                ticks = min(per_chunk, inputs.ticks - first)
                recorder.add(ticks, *core.play(commands, ticks * size))
        return recorder.finish()

    def build(self, design: RtlDesign) -> Path:
        """The compiled core, from the cache or made now."""
        return library(design, "lif_core", _DRIVER, self.timeout)


def library(
    design: Design, top: str, driver: Path, timeout: float, unit: str | None = None, changes: Sequence[str] = ()
) -> Path:
    """``design`` as a shared library with its driver, from the cache or made now.

    Yosys and the compiler may take ``timeout`` seconds each. A module ``unit`` of which the design has many is
    flattened alone and compiled once for all its instances, which then fit the processor's cache. ``changes`` are
    commands of Yosys for the flattened design.
    """
    sources = {"driver.cc": driver.read_bytes(), _PORTS.name: _PORTS.read_bytes()}
    parts: list[str | bytes] = [
        design.text,
        *sources.values(),
        builds.versions(*Cxxrtl.tools),
        *_FLAGS,
        unit or "",
        *changes,
    ]

    def make(work: Path) -> None:
        (work / "core.v").write_text(design.text)
        for name, content in sources.items():
            (work / name).write_bytes(content)
        commands = ["read_verilog -sv core.v", f"hierarchy -check -top {top}"]
        if changes:  # too many for a command line
            (work / "changes.ys").write_text("\n".join(changes))
            commands += [*FLAT, "script changes.ys"]
        commands += ["write_cxxrtl -g3 core.cc"] if unit is None else [f"flatten {unit}", _WRITE_UNITS]
        log = work / "build.log"
        command = [sys.executable, "-c", YOSYS, *commands]
        if processes.run(command, what="Yosys", cwd=work, log=log, timeout=timeout):
            raise builds.rejected("Yosys", design, log)
        compile_ = [str(toolchain.compiler()), *_FLAGS, f"-I{_runtime()}", "-o", "core.so", "driver.cc"]
        if processes.run(compile_, what="g++", cwd=work, log=log, timeout=timeout):
            raise builds.rejected("g++", design, log)

    return builds.cached(f"cxxrtl-{builds.key(parts)}", ["core.so"], make) / "core.so"


def _runtime() -> Path:
    """The C++ headers that generated code includes."""
    return Path(str(files("pyosys"))) / "share/include/backends/cxxrtl/runtime"


def chunks(commands: IntArray, ticks: int) -> Iterator[tuple[int, IntArray]]:
    """The commands cut behind every ``ticks``-th tick: number of the first tick, and the commands."""
    ends = np.flatnonzero(commands[:, 0] == TICK)[ticks - 1 :: ticks] + 1
    for k, part in enumerate(np.split(commands, ends)):
        if len(part):
            yield k * ticks, part


class _Core:
    """A core loaded from its shared library; reset on entry."""

    def __init__(self, design: RtlDesign, library: Path, stall: int, seed: int) -> None:
        self._design, self._patience = design, design.patience * 256 // (256 - stall)
        self._library = ctypes.CDLL(str(library))
        self._library.player_open.restype = ctypes.c_void_p
        self._library.player_problem.restype = ctypes.c_char_p
        names = [*PORTS, *(name for name, _ in design.retired)]
        widths = [design.pins[name].width if name in design.pins else 0 for name in names]
        self._player = ctypes.c_void_p(
            self._library.player_open(
                (ctypes.c_char_p * len(names))(*(name.encode() for name in names)),
                (ctypes.c_int * len(names))(*widths),
                bytes(name in design.pins and design.pins[name].signed for name in names),
                ctypes.c_int(len(names)),
                ctypes.c_uint32(stall),
                ctypes.c_uint32(seed),
            )
        )
        problem = self._library.player_problem(self._player).decode()
        if problem:
            port, width = problem.split()
            raise SpecError.rule(
                f"Port {port} of lif_core in {design.name}",
                f"{design.pins[port].width} bits wide",
                f"{width} bits" if int(width) else "missing",
            )

    def __enter__(self) -> _Core:
        return self

    def __exit__(self, *_: object) -> None:
        self._library.player_close(self._player)

    def play(self, commands: IntArray, updates: int) -> tuple[IntArray, IntArray]:
        """Rows (tick, fields) retired and rows (tick, neuron) of spikes sent while the commands are played."""
        commands = np.ascontiguousarray(commands)
        retired = np.empty((updates, 1 + len(self._design.retired)), dtype=np.int64)
        spikes = np.empty((updates, 2), dtype=np.int64)
        done = np.zeros(3, dtype=np.int64)
        outcome = self._library.player_play(
            self._player,
            ctypes.c_void_p(commands.ctypes.data),
            ctypes.c_int64(len(commands)),
            ctypes.c_void_p(retired.ctypes.data),
            ctypes.c_int64(len(retired)),
            ctypes.c_void_p(spikes.ctypes.data),
            ctypes.c_int64(len(spikes)),
            ctypes.c_int64(self._patience),
            ctypes.c_void_p(done.ctypes.data),
        )
        rows, fired, _ = done.tolist()
        if outcome == 1:
            raise SimulationError(f"Core in {Cxxrtl.title} must get on within {self._patience} clocks, not hang")
        if outcome == 2:
            raise SimulationError(
                f"Core in {Cxxrtl.title} must make at most {updates} updates and spikes, not {rows} and {fired}"
            )
        return retired[:rows], spikes[:fired]
