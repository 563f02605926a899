"""The one record of a run: spikes and states with units and provenance, whatever machine made them.

Comparisons, plots and reports read traces only, so a trace can be judged years later without any simulator.
"""

from __future__ import annotations

import importlib.metadata
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from vcd import VCDWriter

from golden.errors import SpecError
from golden.files import read_npz, replacing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

    from golden.neurons.lif import FloatArray

#: Layout of the npz file; raised when it changes.
FILE_VERSION = 1


@dataclass(frozen=True)
class Header:
    """Where a trace comes from.

    engine     name of the machine, such as ``exact`` or ``verilator``
    network    hash of the network, ``stimulus`` hash of the stimulus
    size       number of neurons, ``duration`` [s] of biological time
    dt         tick or time step [s]; None for continuous time
    seed       seed of the stimulus; None if nothing random
    versions   name to version of every tool that took part
    settings   anything else that decides the result (formats, options), as plain values
    """

    engine: str
    network: str
    stimulus: str
    size: int
    duration: float
    dt: float | None = None
    seed: int | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Trace:
    """Spikes and recorded states of one run.

    spikes    (S, 2): rows (time [s], neuron), ascending in time, then neuron
    recorded  (M,): neurons whose states are kept
    times     (T,): sample times of the states [s]
    states    name to (T, M): ``v`` is the membrane potential [V]; other names carry their unit in ``units``
    units     name to unit; an integer state of a digital machine has unit "lsb"
    """

    header: Header
    spikes: FloatArray
    recorded: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    times: FloatArray = field(default_factory=lambda: np.empty(0))
    states: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        spikes = np.asarray(self.spikes, dtype=np.float64).reshape(-1, 2)
        order = np.lexsort((spikes[:, 1], spikes[:, 0]))
        object.__setattr__(self, "spikes", spikes[order])
        for name, values in self.states.items():
            expected = (self.times.size, self.recorded.size)
            if values.shape != expected:
                raise SpecError.rule(
                    f"State {name} of trace {self.header.engine}", f"of shape {expected}", values.shape
                )
            if name not in self.units:
                raise SpecError.rule(f"State {name} of trace {self.header.engine}", "given a unit", "without")

    def spike_times(self, neuron: int) -> FloatArray:
        """Spike times of one neuron [s], ascending."""
        times: FloatArray = self.spikes[self.spikes[:, 1] == neuron, 0]
        return times

    def spike_counts(self) -> NDArray[np.int64]:
        """(size,): number of spikes of every neuron."""
        return np.bincount(self.spikes[:, 1].astype(np.int64), minlength=self.header.size)

    def first_spikes(self) -> FloatArray:
        """(size,): time of every neuron's first spike [s]; nan where it stays silent."""
        first = np.full(self.header.size, np.nan)
        for time, neuron in self.spikes[::-1]:
            first[int(neuron)] = time
        return first

    def state(self, name: str, neuron: int) -> NDArray[Any]:
        """(T,): one state of one recorded neuron."""
        columns = np.flatnonzero(self.recorded == neuron)
        if not columns.size:
            raise SpecError.rule(f"State {name}", "of a recorded neuron", f"of neuron {neuron}")
        values: NDArray[Any] = self.states[name][:, columns[0]]
        return values

    def save_npz(self, path: Path | str) -> None:
        """Write everything to a compressed .npz that ``load`` reads back bit for bit."""
        header = {**vars(self.header), "units": dict(self.units), "file_version": FILE_VERSION}
        header["versions"], header["settings"] = dict(self.header.versions), dict(self.header.settings)
        arrays: dict[str, Any] = {f"state_{name}": values for name, values in self.states.items()}
        arrays |= {"spikes": self.spikes, "recorded": self.recorded, "times": self.times}
        arrays["header"] = np.array(json.dumps(header, sort_keys=True))
        with replacing(path) as partial, partial.open("wb") as file:
            np.savez_compressed(file, **arrays)

    @classmethod
    def load(cls, path: Path | str) -> Trace:
        """Read a trace that ``save_npz`` wrote; SpecError when the file is missing or something else."""
        arrays = read_npz(path, "Trace")
        if not {"header", "spikes", "recorded", "times"} <= arrays.keys():
            raise SpecError.rule(f"Trace {path}", "written by hillock", "an npz without a header")
        try:
            header = json.loads(str(arrays["header"]))
            version, units = header.pop("file_version"), header.pop("units")
            known = Header(**header) if version == FILE_VERSION else None
        except (ValueError, TypeError, KeyError, AttributeError):
            raise SpecError.rule(f"Trace {path}", "written by hillock", "an npz with another header") from None
        if known is None:
            raise SpecError.rule(f"Trace {path}", f"of file version {FILE_VERSION}", version)
        states = {name[6:]: values for name, values in arrays.items() if name.startswith("state_")}
        return cls(known, arrays["spikes"], arrays["recorded"], arrays["times"], states, units)

    def save_vcd(self, path: Path | str, neurons: list[int] | None = None) -> None:
        """Write ``neurons`` (default: all) as VCD for GTKWave or Surfer: spikes, and states where recorded.

        The time unit is 1 ns; reals are in SI units, integers are 64-bit words.
        """
        chosen = list(range(self.header.size)) if neurons is None else neurons
        with_states = set(self.recorded.tolist())
        changes: list[tuple[int, int, Any, Any]] = []
        with (
            replacing(path) as partial,
            partial.open("w", encoding="ascii") as file,
            VCDWriter(file, timescale="1 ns", comment=f"engine {self.header.engine}", date="") as writer,
        ):
            for neuron in chosen:
                scope = f"neuron{neuron}"
                spike = writer.register_var(scope, "spike", "event")
                changes += [(round(t * 1e9), 1, spike, True) for t in self.spike_times(neuron)]
                for name in self.states if neuron in with_states else ():
                    values = self.state(name, neuron)
                    whole = np.issubdtype(values.dtype, np.integer)
                    variable = writer.register_var(scope, name, "integer" if whole else "real", size=64)
                    changes += [
                        (round(t * 1e9), 0, variable, int(x) if whole else float(x))
                        for t, x in zip(self.times.tolist(), values.tolist(), strict=True)
                    ]
            for time, _, variable, value in sorted(changes, key=lambda change: change[:2]):
                writer.change(variable, time, value)


def recorded_neurons(record: ArrayLike, size: int) -> NDArray[np.int64]:
    """Indices of the neurons whose states are to be kept; SpecError unless distinct and in range."""
    neurons = np.asarray(record, dtype=np.int64)
    if neurons.ndim != 1 or np.unique(neurons).size != neurons.size or ((neurons < 0) | (neurons >= size)).any():
        raise SpecError.rule(
            "Recorded neurons", f"distinct and within 0 to {size - 1}", np.array2string(neurons, threshold=5)
        )
    return neurons


def versions(*packages: str) -> dict[str, str]:
    """Versions of Python packages for a header; hillock's own and NumPy's always."""
    found = {}
    for name in ("axonhillock", "numpy", *packages):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found
