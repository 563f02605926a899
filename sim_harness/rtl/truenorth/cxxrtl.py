"""TrueNorth chips in CXXRTL: Verilog turned into C++ by Yosys and compiled, played by ``driver.cc``."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from digital.truenorth.chip import CHIP
from golden.errors import SimulationError, SpecError
from golden.trace import recorded_neurons
from sim_harness import toolchain
from sim_harness.rtl.cxxrtl import Cxxrtl, chunks, library
from sim_harness.rtl.truenorth.records import ChipRecord, ChipRecorder, Played

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from golden.fixed import IntArray
    from golden.machines.run import MachineInputs, Progress
    from sim_harness.rtl.truenorth.design import ChipDesign

DRIVER = Path(__file__).with_name("driver.cc")
#: Neuron updates per call of the driver: a fraction of a second.
CHUNK = 1 << 17


@dataclass(frozen=True)
class ChipCxxrtl:
    """The CXXRTL back end; ``stall`` and ``seed`` hold packets up at the edges in about that many of 256 clocks."""

    stall: int = 0
    seed: int = 1
    timeout: float = 1200.0

    def __post_init__(self) -> None:
        if not 0 <= self.stall <= 240:
            raise SpecError.rule("Stall", "0 to 240 of 256 clocks", self.stall)
        toolchain.require(*Cxxrtl.tools)

    def versions(self) -> dict[str, str]:
        """Versions of the tools, by name."""
        return toolchain.versions(*Cxxrtl.tools)

    def run(
        self,
        design: ChipDesign,
        inputs: MachineInputs,
        *,
        record: ArrayLike = (),
        progress: Progress | None = None,
    ) -> ChipRecord:
        """Reset the chip, load it, play ``inputs``; state ``v`` of the ``record`` neurons after every tick."""
        machine = design.machine
        recorder = ChipRecorder(design, inputs, recorded_neurons(record, machine.size), progress)
        places = machine.cores * machine.neurons
        per_chunk = max(1, CHUNK // places)
        # A single core is twice as fast without the border around it; several share their code in the cache instead.
        unit = design.config.module if machine.cores > 1 else None
        path = library(design, CHIP, DRIVER, self.timeout, unit)
        with Chip(design, path, self.stall, self.seed, flat=unit is None) as chip:
            for _, commands in chunks(design.commands(inputs), per_chunk):
                recorder.add(chip.play(commands, per_chunk))
            for name in ("saturations", "merged", "status"):
                address = design.config.address(name)
                recorder.counters[name] = sum(chip.read(core, address) for core in range(machine.cores))
        return recorder.finish()


class Chip:
    """A chip loaded from its shared library; reset on entry."""

    def __init__(
        self, design: ChipDesign, path: Path, stall: int = 0, seed: int = 1, patience: int = 0, *, flat: bool = False
    ) -> None:
        machine, config = design.machine, design.config
        self.stall = stall
        self._places = machine.cores * machine.neurons
        self._patience = patience or design.patience * 256 // (256 - stall)
        self._library = ctypes.CDLL(str(path))
        self._library.chip_open.restype = ctypes.c_void_p
        self._library.chip_problem.restype = ctypes.c_char_p
        self._library.chip_read.restype = ctypes.c_int64
        widths = (max(1, (machine.cores - 1).bit_length()), config.address_bits, config.row_bits, config.potential_bits)
        self._chip = ctypes.c_void_p(
            self._library.chip_open(
                machine.columns,
                machine.rows,
                machine.neurons,
                (ctypes.c_int * 4)(*widths),
                ctypes.c_uint32(stall),
                ctypes.c_uint32(seed),
                ctypes.c_int(flat),
            )
        )
        problem = self._library.chip_problem(self._chip).decode()
        if problem:
            raise SimulationError(f"Port of {CHIP} must be as the driver expects it, not {problem}")

    def __enter__(self) -> Chip:
        return self

    def __exit__(self, *_: object) -> None:
        self._library.chip_close(self._chip)

    def play(self, commands: IntArray, most: int) -> Played:
        """What the chip did while the commands were played, which is ``most`` ticks at most."""
        commands = np.ascontiguousarray(commands)
        v = np.empty((most, self._places), dtype=np.int32)
        spiked = np.empty((most, self._places), dtype=np.uint8)
        clocks, done = np.empty(most, dtype=np.int64), np.zeros(4, dtype=np.int64)
        outcome = self._library.chip_play(
            self._chip,
            ctypes.c_void_p(commands.ctypes.data),
            ctypes.c_int64(len(commands)),
            ctypes.c_void_p(v.ctypes.data),
            ctypes.c_void_p(spiked.ctypes.data),
            ctypes.c_void_p(clocks.ctypes.data),
            ctypes.c_int64(most),
            ctypes.c_int64(self._patience),
            ctypes.c_void_p(done.ctypes.data),
        )
        ticks, left, _, wrong = done.tolist()
        if wrong:
            raise SimulationError(
                f"Core {wrong - 1} in {Cxxrtl.title} must update every neuron once a tick, ascending, not otherwise"
            )
        if outcome:
            raise SimulationError(f"Chip in {Cxxrtl.title} must get on within {self._patience} clocks, not hang")
        return Played(v[:ticks], spiked[:ticks], clocks[:ticks], left)

    def reset(self) -> None:
        """Reset again, as on entry."""
        self._library.chip_reset(self._chip)

    @property
    def digest(self) -> int:
        """The packets that have left as one number: h -> 31 h + packet, modulo 2^64."""
        self._library.chip_digest.restype = ctypes.c_uint64
        return int(self._library.chip_digest(self._chip))

    def drive(self, **ports: int) -> None:
        """Hold inputs at these values from now on."""
        for name, value in ports.items():
            if not self._library.chip_set(self._chip, name.encode(), ctypes.c_uint32(value)):
                raise SimulationError(f"Port {name} must be there, not missing")

    def clock(self, count: int = 1) -> None:
        """Let some clocks pass."""
        for _ in range(count):
            self._library.chip_clock(self._chip)

    def look(self, name: str) -> int:
        """The value of a port."""
        self._library.chip_get.restype = ctypes.c_int64
        return int(self._library.chip_get(self._chip, name.encode()))

    def read(self, core: int, address: int) -> int:
        """A row of a memory of a core, as the host reads it."""
        answer: int = self._library.chip_read(
            self._chip, ctypes.c_int64(core), ctypes.c_int64(address), ctypes.c_int64(self._patience)
        )
        if answer < 0:
            raise SimulationError(f"Host port of core {core} in {Cxxrtl.title} must answer, not stay silent")
        return answer
