"""The child process: one ngspice library, decks in, waveforms out.  Run as ``python -m analog.worker FD``.

The parent (`analog.ngspice`) speaks through a socket whose descriptor is the argument.  ngspice is not re-entrant, may
end its process, and leaks; so it lives here, where nothing else can be hurt.
"""

from __future__ import annotations

import logging
import re
import sys
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from golden.neurons.lif import FloatArray

#: What ngspice writes when a result is worthless, although its call may return 0.
FATAL = re.compile(
    r"abort|timestep too small|cannot recover|no such|unknown|undefined|syntax error|can't|cannot find|fatal|"
    r"no circuit|incomplete|not enough|error(?! *=)",
    re.IGNORECASE,
)
#: Lines that match FATAL and mean nothing: the first deck has no predecessor; gmin stepping is a normal way to start.
HARMLESS = re.compile(r"no circuit loaded|remcirc|gmin stepping|source stepping", re.IGNORECASE)
SINGULAR = re.compile(r"singular matrix", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Job:
    """A deck and the nodes wanted."""

    deck: str
    nodes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Answer:
    """Waveforms by node, with ``time``; or ``error``, one line.

    ``seconds`` of CPU it took; ``spent``: this process should be replaced.
    """

    waves: dict[str, FloatArray] = field(default_factory=dict)
    error: str = ""
    seconds: float = 0.0
    spent: bool = False


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

    def run(self, job: Job) -> Answer:
        """Load the deck, run it, and copy the waveforms out."""
        began = time.process_time()
        self._command("destroy all")
        self._command("remcirc")
        self._ngspice.clear_output()
        lines = [self._ffi.new("char[]", line.encode("ascii")) for line in job.deck.splitlines()]
        failed = self._c.ngSpice_Circ(self._ffi.new("char *[]", [*lines, self._ffi.NULL]))
        said = self._said()
        if failed:
            return Answer(error=complaint(said) or "ngspice refused the deck", spent=True)
        said += self._command("run")
        error = complaint(said)
        if error:
            return Answer(error=error, spent="cannot recover" in "\n".join(said))
        waves = {}
        for name in ("time", *job.nodes):
            vector = self._c.ngGet_Vec_Info(name.encode("ascii"))
            if vector == self._ffi.NULL or vector.v_length == 0:
                return Answer(error=f"ngspice gave no waveform {name}")
            data = self._ffi.buffer(vector.v_realdata, vector.v_length * 8)
            waves[name] = np.frombuffer(data, dtype=np.float64).copy()
        return Answer(waves, seconds=time.process_time() - began)

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
    """The first line by which ngspice says that the run failed, or an empty string."""
    for line in lines:
        if FATAL.search(line) and not HARMLESS.search(line):
            return " ".join(line.split())
    # A singular matrix at the start is overcome by stepping; then ngspice says so.
    if any(SINGULAR.search(line) for line in lines) and not any("completed" in line for line in lines):
        return "singular matrix"
    return ""


def serve(connection: Connection) -> None:
    """Answer jobs until the parent hangs up."""
    library = Library()
    connection.send(library.version)
    while True:
        try:
            job = connection.recv()
        except EOFError:
            return
        connection.send(library.run(job))


if __name__ == "__main__":
    # Under its own name, so that what is pickled here has the class that the parent knows.
    from analog import worker

    worker.serve(Connection(int(sys.argv[1])))
