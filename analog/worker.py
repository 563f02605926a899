"""The child process: one ngspice library, decks in, waveforms or what is measured on them out.

`main` takes two descriptors, SOCKET and LIFELINE: the parent (`analog.ngspice`) speaks through the first, and nothing
through the second, which closes when it dies; then this process ends too, in the midst of a deck.  ngspice is not
re-entrant, may end its process, leaks, and leaves files where it runs; so it lives here, in a directory of its own,
where nothing else can be hurt.

A job's analysis is that of its deck: the cards .tran, .ac, .noise, .dc and .op decide.  Names of vectors are ngspice's:

* ``out``, ``v(out)``        a node's voltage; ``x1.out`` inside of a subcircuit
* ``i(vdd)``, ``vdd#branch`` a source's current;  ``@m1[gm]`` a device's quantity, if the deck saves it
* ``onoise_spectrum`` [V/sqrt(Hz)], ``onoise_total`` [V]   of a .noise card
* ``noise1.onoise_spectrum`` of one plot where several hold the name; a .noise card makes two plots, and ngspice counts
  them in the order in which it runs the analyses, which need not be the deck's

A name without a plot is looked for in the newest plot first.
"""

from __future__ import annotations

import fcntl
import logging
import os
import pickle
import re
import select
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from golden.errors import SimulationError, SpecError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from golden.neurons.lif import FloatArray

#: What ngspice writes when a result is worthless, although its call may return 0.
FATAL = re.compile(
    r"abort|timestep too small|cannot recover|no such|unknown|undefined|syntax error|can't|cannot find|fatal|"
    r"no circuit|incomplete|not enough|error(?! *=)",
    re.IGNORECASE,
)
#: Lines that match FATAL and mean nothing: the first deck has no predecessor; gmin stepping is a normal way to start;
#: a title, a node's or a model parameter's name, which are the deck's own words; BSIM4's check of its parameters when
#: the working directory is read-only.
HARMLESS = re.compile(
    r"no circuit loaded|remcirc|gmin stepping|source stepping|^Circuit: |^unrecognized parameter \(.*ignored|"
    r"^\S+(\s+[-+]?\d\S*){1,2}(\s*\*)?\s*$|parameter checking skipped",
    re.IGNORECASE,
)
SINGULAR = re.compile(r"singular matrix", re.IGNORECASE)
#: By which ngspice says that it found the starting point after all.
RECOVERED = re.compile(r"completed|finished successfully", re.IGNORECASE)

#: What ngspice calls the independent variable of its analyses.
SCALES = ("time", "frequency", "v-sweep", "i-sweep", "temp-sweep", "res-sweep")
#: Bit of a vector's flags (VF_COMPLEX of ngspice's sim.h).
COMPLEX = 2
#: [bytes] by which a process may grow: failed decks leave more behind (0.8 kB a line) than good ones (0.6 kB in all).
GROWTH = 100e6


@dataclass(frozen=True, eq=False)
class Job:
    """A deck and what is wanted of it.

    deck      SPICE text, ASCII, with its analyses
    nodes     names of the vectors wanted, as above
    measure   called in the worker process with the waveforms, so that only its result travels; picklable, which means
              a function of a module or an instance (a frozen dataclass, say) of a class of one
    timeout   [s] after which this deck is given up; None leaves it to the set-up
    """

    deck: str
    nodes: tuple[str, ...]
    measure: Callable[[Mapping[str, FloatArray]], Any] | None = None
    timeout: float | None = None

    def __post_init__(self) -> None:
        if self.timeout is not None and not self.timeout > 0:
            raise SpecError.rule("Job timeout", "positive", f"{self.timeout:g} s")

    def packed(self) -> bytes:
        """For the journey to another process; SpecError for a measure that cannot make it."""
        try:
            return pickle.dumps(self, protocol=5)
        except (pickle.PicklingError, AttributeError, TypeError):
            raise SpecError.rule(
                "Job measure", "a function of a module, or an instance of a class of one", repr(self.measure)
            ) from None


@dataclass(frozen=True, eq=False)
class Answer:
    """Waveforms by the names asked for, with the independent variable under its own: "time", "frequency", "v-sweep" ...

    waves     float64, complex128 in an .ac plot (where "frequency" is real all the same); an operating point has one
              value and no independent variable
    error     one line that says what went wrong; everything else is empty then
    seconds   of CPU that ngspice took
    spent     the worker process should be replaced
    value     of the job's measure; ``waves`` is empty then
    """

    waves: dict[str, NDArray[Any]] = field(default_factory=dict)
    error: str = ""
    seconds: float = 0.0
    spent: bool = False
    value: Any = None


class Library:
    """ngspice through PySpice, with its habits: errors on stdout, notes on stderr, success codes for failures."""

    def __init__(self) -> None:
        # Imported here: only this process needs ngspice, and loading it is the slow part.
        from PySpice.Spice.NgSpice import Shared

        logging.disable(logging.CRITICAL)  # PySpice logs every line that ngspice writes on stderr as an error
        self._failure: type[Exception] = Shared.NgSpiceCommandError
        self._ffi = Shared.ffi
        self._ngspice = Shared.NgSpiceShared()
        self._c = self._ngspice._ngspice_shared
        self.version = str(self._ngspice.ngspice_version)
        # Two threads make small decks many times slower and irreproducible.
        self._command("set num_threads=1")
        self._constants = frozenset(self._vectors("const"))
        self._tidy, self._spent = True, False
        self._lean = resident()

    def run(self, job: Job) -> Answer:
        """Load the deck, run it, and copy the vectors out; leaves the circuit loaded, until `tidy`."""
        try:
            text = job.deck.encode("ascii")
        except UnicodeEncodeError as foreign:
            return Answer(error=f"ngspice deck must be ASCII, not hold {job.deck[foreign.start]!r}")
        began = time.process_time()
        if not self._tidy:
            self.tidy()
        self._tidy = False
        self._ngspice.clear_output()
        failed, said = self._load(text), self._said()
        if failed:
            return Answer(error=complaint(said) or "ngspice refused the deck", spent=True)
        said += self._command("run")
        error = complaint(said)
        if error:
            return Answer(error=error, spent=self._spent or "cannot recover" in "\n".join(said))
        waves, missing = self._read(job.nodes)
        if missing:
            return Answer(error=f"ngspice gave no waveform {missing}", spent=self._spent)
        return Answer(waves, seconds=time.process_time() - began, spent=self._spent)

    def tidy(self) -> None:
        """Forget circuit and waveforms, so that no deck sees another's."""
        self._command("destroy all")
        self._command("remcirc")
        self._ngspice.clear_output()
        self._tidy, self._spent = True, resident() - self._lean > GROWTH

    def _load(self, text: bytes) -> int:
        # One block of memory and an array of addresses, rather than an allocation a line.
        lines = text.splitlines()
        block = self._ffi.new("char[]", b"\0".join((*lines, b"")))
        lengths = np.array([len(line) + 1 for line in lines], dtype=np.uintp)
        table = np.zeros(len(lines) + 1, dtype=np.uintp)
        table[:-1] = int(self._ffi.cast("uintptr_t", block)) + np.cumsum(lengths) - lengths
        return int(self._c.ngSpice_Circ(self._ffi.from_buffer("char *[]", table)))

    def _read(self, names: tuple[str, ...]) -> tuple[dict[str, NDArray[Any]], str]:
        """The vectors, after their plots' independent variables; and the first name that is no vector."""
        # Newest first, as ngspice lists them.
        plots = [plot for plot in self._strings(self._c.ngSpice_AllPlots()) if plot != "const"]
        if not plots:
            return {}, "at all: the deck asks for no analysis"
        found: dict[str, NDArray[Any]] = {}
        used = [] if names else plots[:1]
        for name in names:
            head, _, rest = name.partition(".")
            places = [(head, rest)] if head in plots else [(plot, name) for plot in plots]
            hits = ((plot, vector) for plot, own in places if (vector := self._vector(plot, own)) is not None)
            plot, vector = next(hits, ("", None))
            if vector is None:
                return {}, name
            used.append(plot)
            found[name] = vector
        waves: dict[str, NDArray[Any]] = {}
        for plot in dict.fromkeys(used):
            for scale in set(SCALES).intersection(self._vectors(plot)):
                variable = self._vector(plot, scale)
                if variable is not None:
                    waves.setdefault(scale, variable.real.copy())
        for name, vector in found.items():
            waves.setdefault(name, vector)
        return waves, ""

    def _vector(self, plot: str, name: str) -> NDArray[Any] | None:
        # ngspice falls back on its own constants (c, e, i, pi ...): no node's voltage.
        if name.lower() in self._constants and name.lower() not in self._vectors(plot):
            return None
        vector = self._c.ngGet_Vec_Info(f"{plot}.{name}".encode("ascii", errors="replace"))
        if vector == self._ffi.NULL or vector.v_length == 0:
            return None
        if vector.v_flags & COMPLEX:
            pairs = self._ffi.buffer(vector.v_compdata, vector.v_length * 16)
            return np.frombuffer(pairs, dtype=np.complex128).copy()
        return np.frombuffer(self._ffi.buffer(vector.v_realdata, vector.v_length * 8), dtype=np.float64).copy()

    def _vectors(self, plot: str) -> list[str]:
        return self._strings(self._c.ngSpice_AllVecs(plot.encode("ascii")))

    def _strings(self, array: Any) -> list[str]:
        """The entries of a char ** that ends with NULL."""
        found: list[str] = []
        while array != self._ffi.NULL and array[len(found)] != self._ffi.NULL:
            found.append(self._ffi.string(array[len(found)]).decode("ascii", errors="replace"))
        return found

    def _command(self, command: str) -> list[str]:
        try:
            self._ngspice.exec_command(command)
        except self._failure:
            # PySpice raises on any line on stderr, notes too; `complaint` judges the lines.
            return self._said()
        return self._said()

    def _said(self) -> list[str]:
        return [*self._ngspice._stdout, *self._ngspice._stderr]


def complaint(lines: list[str]) -> str:
    """The first line by which ngspice says that the run failed, with what belongs to it, or an empty string."""
    for index, line in enumerate(lines):
        if FATAL.search(line) and not HARMLESS.search(line):
            # "Error on line 9 or its substitute:" is followed by the card and by what is wrong with it.
            whole = lines[index : index + 3] if line.rstrip().endswith("substitute:") else [line]
            return ": ".join(" ".join(part.split())[:200].rstrip(":") for part in whole)
    # A singular matrix at the start is overcome by stepping; then ngspice says so.
    if any(SINGULAR.search(line) for line in lines) and not any(RECOVERED.search(line) for line in lines):
        return "singular matrix"
    return ""


def measured(job: Job, answer: Answer) -> Answer:
    """The answer with the value of the job's measure in place of the waveforms."""
    if job.measure is None or answer.error:
        return answer
    try:
        return replace(answer, waves={}, value=job.measure(answer.waves))
    except SimulationError as error:
        return replace(answer, waves={}, error=_line(error))
    except Exception as error:  # noqa: BLE001 - somebody's function, and this process serves others after it
        return replace(answer, waves={}, error=f"Job measure must return a value, not raise {_named(error)}")


def reply(library: Library, message: bytes) -> bytes:
    """The packed answer to a packed job."""
    try:
        job = pickle.loads(message)  # noqa: S301 - from the parent
    except Exception as error:  # noqa: BLE001 - whatever importing somebody's module raises
        return packed(unreadable(error))
    return packed(measured(job, library.run(job)))


def unreadable(error: Exception) -> Answer:
    """The answer to a job that did not survive its journey."""
    return Answer(error=f"Job measure must be importable in another process, not fail with {_named(error)}")


def packed(answer: Answer) -> bytes:
    """An answer for the journey back; an error in place of a value that cannot make it."""
    try:
        return pickle.dumps(answer, protocol=5)
    except (pickle.PicklingError, AttributeError, TypeError):
        kind = type(answer.value).__name__
        return pickle.dumps(Answer(error=f"Job measure must return what can be pickled, not {kind}"), protocol=5)


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {_line(error)}".rstrip(": ")


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def resident(waves: Mapping[str, FloatArray] | None = None) -> int:
    """[bytes] of memory that this process occupies; as a job's measure, the worker's while it holds the deck."""
    with Path("/proc/self/statm").open("rb") as pages:
        return int(pages.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _die_with(lifeline: int) -> None:
    """Have the kernel end this process, whatever deck it is in, when the parent's end of this pipe closes.

    By a signal, whose default is to terminate: a thread that watches would slow every malloc of ngspice down.
    """
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    poll = select.poll()
    poll.register(lifeline, 0)
    if poll.poll(0):  # gone before there was anybody to tell
        sys.exit(1)


def serve(connection: Connection) -> None:
    """Answer jobs until the parent hangs up."""
    library = Library()
    connection.send(library.version)
    while True:
        try:
            message = connection.recv_bytes()
        except EOFError:
            return
        connection.send_bytes(reply(library, message))
        # While the parent reads the answer.
        library.tidy()


def main() -> None:
    """The whole process: its arguments are the two descriptors."""
    # Ctrl-C in a terminal reaches the whole group; what it ends is the parent's decision.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _die_with(int(sys.argv[2]))
    serve(Connection(int(sys.argv[1])))
