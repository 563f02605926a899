"""What is simulated: neurons, the synapses between them, and the sources whose spikes come from outside.

Every engine reads the flat form: neurons 0 to size - 1, and one table of synapses in which a presynaptic index from
``size`` on is a source. Populations give names to ranges of it. The stimulus comes separately (golden.stimulus).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from golden.errors import SpecError
from golden.files import read_npz, replacing
from golden.neurons.lif import LIFNeuron
from golden.synapses import Synapses, joined, sparse

if TYPE_CHECKING:
    from pathlib import Path

    from golden.stimulus import Stimulus

#: Layout of the npz file; raised when it changes.
FILE_VERSION = 1
#: Delay [s] of a synapse that stands for an input spike at its target: shorter than half a tick of any machine.
AT_ONCE = 1e-12


@dataclass(frozen=True, eq=False)
class Population:
    """``size`` neurons with shared values or one value per neuron; without ``neuron``, sources of input spikes."""

    name: str
    size: int
    neuron: LIFNeuron | None = None

    def __post_init__(self) -> None:
        if self.size < 1:
            raise SpecError.rule(f"Size of population {self.name}", "at least 1", self.size)
        if self.neuron is not None and self.neuron.size not in (None, self.size):
            raise SpecError.rule(
                f"Size of population {self.name}",
                f"the length of the neuron's arrays ({self.neuron.size})",
                self.size,
            )


@dataclass(frozen=True, eq=False)
class Projection:
    """Synapses from one population to another, by their names; indices count within each population."""

    source: str
    target: str
    synapses: Synapses


@dataclass(frozen=True, eq=False)
class Network:
    """``size`` LIF neurons; ``neuron`` holds shared values or one value per neuron.

    sources   number of sources: their spikes are input (``Stimulus.source_spikes``)
    synapses  ``post`` is a neuron, below size; ``pre`` is a neuron, or from ``size`` on a source
    names     name of a population to its first index and size; sources count from ``size`` on, as in ``pre``
    """

    neuron: LIFNeuron
    size: int = 1
    sources: int = 0
    synapses: Synapses = field(default_factory=lambda: joined([]))
    names: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.size < 1:
            raise SpecError.rule("Population size", "at least 1", self.size)
        if self.neuron.size not in (None, self.size):
            raise SpecError.rule(
                "Population size", f"the length of the neuron's arrays ({self.neuron.size})", self.size
            )
        if self.sources < 0:
            raise SpecError.rule("Number of sources", "at least 0", self.sources)
        for name, end in (("pre", self.size + self.sources), ("post", self.size)):
            indices = getattr(self.synapses, name)
            if indices.size and indices.max() >= end:
                raise SpecError.rule(f"Synapse {name}", f"within 0 to {end - 1}", indices.max())

    @classmethod
    def of(cls, populations: Sequence[Population], projections: Sequence[Projection] = ()) -> Network:
        """The flat form of named populations and their projections, in the order given.

        SpecError for names that repeat or are unknown, synapses outside their populations, no neurons at all, and
        neurons of which only some have tau_syn.
        """
        names = [population.name for population in populations]
        for name in names:
            if names.count(name) > 1:
                raise SpecError.rule("Population name", "given once", repr(name))
        cells = [population for population in populations if population.neuron is not None]
        sources = [population for population in populations if population.neuron is None]
        if not cells:
            raise SpecError.rule("Network", "of at least one population of neurons", "of none")
        ranges, begin = {}, 0
        for population in (*cells, *sources):
            ranges[population.name] = (begin, population.size)
            begin += population.size
        size = sum(population.size for population in cells)
        tables = []
        for projection in projections:
            for what in ("source", "target"):
                if (name := getattr(projection, what)) not in ranges:
                    raise SpecError.rule(f"Projection's {what}", f"one of {', '.join(names)}", repr(name))
            first, last = ranges[projection.source], ranges[projection.target]
            if last[0] >= size:
                raise SpecError.rule("Projection's target", "a population of neurons", repr(projection.target))
            _check_inside(projection, first[1], last[1])
            tables.append(projection.synapses.moved(first[0], last[0]))
        return cls(_joined_neurons(cells), size, begin - size, joined(tables), ranges)

    @property
    def neurons(self) -> LIFNeuron:
        """The population with every field an array of length ``size``."""
        return self.neuron.broadcast(self.size)

    @cached_property
    def name_of(self) -> Mapping[str, slice]:
        """Name of a population to its range of indices."""
        return {name: slice(begin, begin + size) for name, (begin, size) in self.names.items()}

    def hash(self) -> str:
        """SHA-256 that names this network; goes into every trace header."""
        text = f"{self.neuron.hash()}x{self.size}"
        if self.sources or len(self.synapses):
            text += f"+{self.sources}/{self.synapses.hash()}"
        return hashlib.sha256(text.encode()).hexdigest()

    def save(self, path: Path | str) -> None:
        """Write everything to a compressed .npz that ``load`` reads back bit for bit."""
        header = {"file_version": FILE_VERSION, "size": self.size, "sources": self.sources, "names": dict(self.names)}
        arrays: dict[str, Any] = {f"neuron_{name}": value for name, value in self.neuron.to_dict().items()}
        for name in ("pre", "post", "weight", "delay"):
            column = getattr(self.synapses, name)
            arrays[name] = column[:1].reshape(()) if column.size and column.strides == (0,) else column
        arrays["network"] = np.array(json.dumps(header, sort_keys=True))
        with replacing(path) as partial, partial.open("wb") as file:
            np.savez_compressed(file, **arrays)

    @classmethod
    def load(cls, path: Path | str) -> Network:
        """Read a network that ``save`` wrote; SpecError when the file is missing or something else."""
        arrays = read_npz(path, "Network")
        if not {"network", "pre", "post", "weight", "delay"} <= arrays.keys():
            raise SpecError.rule(f"Network {path}", "written by hillock", "another npz")
        try:
            header = json.loads(str(arrays["network"]))
            version = header["file_version"]
            names = {str(name): (int(begin), int(size)) for name, (begin, size) in header["names"].items()}
            size, sources = int(header["size"]), int(header["sources"])
        except (ValueError, TypeError, KeyError, AttributeError):
            raise SpecError.rule(f"Network {path}", "written by hillock", "an npz with another header") from None
        if version != FILE_VERSION:
            raise SpecError.rule(f"Network {path}", f"of file version {FILE_VERSION}", version)
        neuron = LIFNeuron.from_dict({name[7:]: array for name, array in arrays.items() if name.startswith("neuron_")})
        return cls(neuron, size, sources, Synapses(*(arrays[k] for k in ("pre", "post", "weight", "delay"))), names)


def check_stimulus(network: Network, stimulus: Stimulus) -> None:
    """SpecError unless the stimulus is for as many neurons as there are, and for no more sources."""
    if stimulus.size != network.size:
        raise SpecError.rule("Stimulus", f"for {network.size} neurons", f"for {stimulus.size}")
    if stimulus.source_spikes.size and (last := int(stimulus.source_spikes[:, 1].max())) >= network.sources:
        raise SpecError.rule("Source of a spike", f"one of the network's {network.sources}", last)


def with_sources(network: Network, stimulus: Stimulus) -> tuple[Network, Stimulus]:
    """The same network and stimulus with a source for every weighted input spike: machines know no other input.

    Spikes of one weight to one neuron share a source. Its synapse has the delay ``AT_ONCE``, 0 ticks on any machine.
    """
    if not stimulus.spikes.size:
        return network, stimulus
    wires, wire = np.unique(stimulus.spikes[:, 1:], axis=0, return_inverse=True)
    first = network.size + network.sources
    targets, weights = wires[:, 0].astype(np.int32), wires[:, 1]
    added = sparse(np.arange(first, first + len(wires)), targets, weights, AT_ONCE)
    arrivals = np.column_stack((stimulus.spikes[:, 0], np.asarray(wire.ravel() + network.sources, dtype=np.float64)))
    spikes = np.concatenate((stimulus.source_spikes, arrivals))
    ordered = spikes[np.lexsort((spikes[:, 1], spikes[:, 0]))]
    wider = replace(network, sources=network.sources + len(wires), synapses=joined([network.synapses, added]))
    return wider, replace(stimulus, spikes=np.empty((0, 3)), source_spikes=ordered)


def _check_inside(projection: Projection, sources: int, targets: int) -> None:
    for indices, size, name in (
        (projection.synapses.pre, sources, projection.source),
        (projection.synapses.post, targets, projection.target),
    ):
        if indices.size and indices.max() >= size:
            where = f"Synapses from {projection.source} to {projection.target}"
            raise SpecError.rule(where, f"within the {size} of {name}", f"at index {indices.max()}")


def _joined_neurons(populations: Sequence[Population]) -> LIFNeuron:
    """All neurons as one; a field that is the same everywhere stays one number."""
    neurons = [population.neuron for population in populations if population.neuron is not None]
    if len({neuron.tau_syn is None for neuron in neurons}) > 1:
        raise SpecError.rule("Neuron tau_syn", "given for all populations or for none", "for some")
    tables = [neuron.to_dict() for neuron in neurons]
    fields: dict[str, Any] = {}
    for name in tables[0]:
        values = [table[name] for table in tables]
        if all(value == values[0] and not isinstance(value, list) for value in values):
            fields[name] = values[0]
        else:
            sizes = [population.size for population in populations]
            spread = [np.broadcast_to(value, (size,)) for value, size in zip(values, sizes, strict=True)]
            fields[name] = np.concatenate(spread)
    return LIFNeuron.from_dict(fields)
