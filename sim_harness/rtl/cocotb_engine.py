"""What Icarus and Verilator have in common: a build through cocotb's runner, a bench that meets the shell per batch."""

from __future__ import annotations

import json
import sys
import tempfile
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from xml.etree import ElementTree as ET

import numpy as np

from golden.errors import SimulationError
from sim_harness import toolchain
from sim_harness.rtl import builds, processes, shell
from sim_harness.rtl.back_end import RtlBackEnd
from sim_harness.rtl.records import Recorder, RtlRecord

if TYPE_CHECKING:
    from amaranth.hdl import Shape as Bits
    from numpy.typing import ArrayLike

    from golden.fixed import IntArray
    from golden.integer import Progress, TickInputs
    from sim_harness.rtl.design import RtlDesign
    from sim_harness.rtl.shell import Bench

#: Root of the package tree, for the interpreter inside the simulator.
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class CocotbEngine(RtlBackEnd):
    """A simulator that cocotb drives; killed when it stands still for ``timeout`` seconds."""

    timeout: float = 120.0
    #: Files of a build that a run needs.
    products: ClassVar[tuple[str, ...]]
    build_args: ClassVar[tuple[str, ...]] = ()
    plusargs: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def environment(self) -> Mapping[str, str]:
        """What the simulator needs in its environment beside the caller's."""

    def prepare(self, work: Path) -> None:
        """Put what can be reused into the empty build directory."""

    def keep(self, work: Path) -> None:
        """Take what can be reused from the finished build."""

    def run(
        self,
        design: RtlDesign,
        inputs: TickInputs,
        *,
        record: ArrayLike | None = None,
        progress: Progress | None = None,
    ) -> RtlRecord:
        """Play ``inputs``; see ``RtlBackEnd.run``."""
        commands = design.commands(inputs)
        recorder = Recorder(self.name, design, inputs, record)
        for ticks, retired, spikes in self.play(shell.bench(design), commands, inputs.ticks, progress):
            recorder.add(ticks, retired, spikes)
        if progress is not None:
            progress(1.0)
        return recorder.finish()

    def play(
        self, bench: Bench, commands: IntArray, ticks: int, progress: Progress | None = None
    ) -> Iterator[tuple[int, IntArray, IntArray]]:
        """What comes out of the bench for ``commands``, in batches of whole ticks, once the simulation is over.

        A batch is its number of ticks, and the rows of its records and spikes as integers, numbered from the first tick
        of the run.
        """
        build = self.build(bench)
        with tempfile.TemporaryDirectory(prefix=f"hillock-{self.name}.") as folder:
            work = Path(folder)
            np.save(work / "commands.npy", commands)
            (work / "job.json").write_text(json.dumps(asdict(bench.shape) | {"stall": self.stall, "seed": self.seed}))
            status = self._process("test", work, build, {"HILLOCK_JOB": str(work)}, _Watch(work, ticks, progress))
            if status:
                raise SimulationError(self._failure(work))
            yield from _batches(work, bench)

    def build(self, bench: Bench) -> Path:
        """Directory with the compiled simulation, from the cache or made now."""
        parts = (bench.design.text, bench.verilog, *self.build_args, builds.versions(*self.tools))
        return builds.cached(f"{self.name}-{builds.key(parts)}", self.products, lambda work: self._make(bench, work))

    def _make(self, bench: Bench, work: Path) -> None:
        (work / "core.v").write_text(bench.design.text)
        (work / "bench.v").write_text(bench.verilog)
        self.prepare(work)
        if self._process("build", work, work, {}, None):
            raise builds.rejected(self.title, bench.design, work / "build.log")
        self.keep(work)

    def _process(self, stage: str, work: Path, build: Path, env: Mapping[str, str], advance: _Watch | None) -> int:
        job = {
            "simulator": self.name,
            "sources": [str(work / "core.v"), str(work / "bench.v")],
            "build_args": list(self.build_args),
            "plusargs": list(self.plusargs),
            "build_dir": str(build),
            "test_dir": str(work),
            "results": str(work / "results.xml"),
        }
        (work / f"{stage}.json").write_text(json.dumps(job))
        paths = {"PYTHONPATH": str(_ROOT), "COCOTB_ANSI_OUTPUT": "0", "PYTEST_CURRENT_TEST": ""}
        paths |= {"COCOTB_REWRITE_ASSERTION_FILES": ""}  # halves the start-up time
        return processes.run(
            [sys.executable, "-m", "sim_harness.rtl.cocotb_job", stage, str(work / f"{stage}.json")],
            what=self.title,
            cwd=work,
            log=work / f"{stage}.log",
            env=toolchain.environment(self.environment(), paths, env),
            timeout=self.timeout if stage == "test" else 600.0,
            advance=advance,
        )

    def _failure(self, work: Path) -> str:
        """One line about a failed run: the bench's message, or the last words of the simulator."""
        with suppress(OSError, ET.ParseError):
            failure = ET.parse(work / "results.xml").find(".//failure")  # noqa: S314  our own bench wrote it
            if failure is not None:
                return failure.get("message", "").splitlines()[0].replace("ENGINE", self.title)
        return f"{self.title} must finish the bench, not fail; see {builds.keep_log(work / 'test.log', self.name)}"


class _Watch:
    """Looks how far a simulation has come, by the batches it has written."""

    def __init__(self, work: Path, ticks: int, progress: Progress | None) -> None:
        self._file, self._ticks, self._progress = work / "batches.bin", ticks, progress

    def __call__(self) -> int:
        written = _read_batches(self._file)
        done = int(written[-1, 0]) if len(written) else 0
        if self._progress is not None:
            self._progress(done / self._ticks)
        return done


def _read_batches(file: Path) -> IntArray:
    """Rows (ticks done, records, spikes) per batch; the last one may be incomplete while the simulation runs."""
    data = file.read_bytes() if file.exists() else b""
    return np.frombuffer(data[: len(data) // 24 * 24], dtype=np.int64).reshape(-1, 3)


def _batches(work: Path, bench: Bench) -> Iterator[tuple[int, IntArray, IntArray]]:
    """What the bench has written, decoded: number of ticks, rows retired, rows of spikes."""
    sizes, before = bench.shape, 0
    with (work / "records.bin").open("rb") as records, (work / "spikes.bin").open("rb") as spikes:
        for after, filled, fired in _read_batches(work / "batches.bin").tolist():
            retired = _decode(records.read(filled * -(-sizes.record_bits // 8)), bench.record, filled)
            sent = _decode(spikes.read(fired * -(-sizes.spike_bits // 8)), bench.spike, fired)
            # The shell counts ticks from 1 in each batch.
            retired[:, 0] += before - 1
            sent[:, 0] += before - 1
            yield after - before, retired, sent
            before = after


def _decode(packed: bytes, fields: Sequence[Bits], count: int) -> IntArray:
    """Integers from rows of packed bits, the first field in the highest bits."""
    octets = -(-sum(field.width for field in fields) // 8)
    bits = np.unpackbits(np.frombuffer(packed, dtype=np.uint8).reshape(count, octets), axis=1)
    table = np.empty((count, len(fields)), dtype=np.int64)
    start = 0
    for column, field in enumerate(fields):
        weights = 1 << np.arange(field.width - 1, -1, -1, dtype=np.int64)
        if field.signed:
            weights[0] = -weights[0]
        table[:, column] = bits[:, start : start + field.width] @ weights
        start += field.width
    return table
