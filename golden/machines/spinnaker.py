"""A SpiNNaker machine: cores of neurons, their synapse rows and ring buffers, and the routing tables between them.

Time: a neuron that fires in tick k sends its packet in tick k, which adds to the ring buffers at k + delta; delta is
the delay in the synapse word, 1 to the number of slots (which is stored as 0: that slot has just been emptied). In the
words of golden.machines.run the neuron emits at k + 1, and its synapse has the delay d = delta - 1. A source's spike at
tick e arrives as if sent in tick e - 1. A relay repeats its origin's packet stage x slots ticks later.

Synapse word: weight[31:16] | delay | type | index, of which the last three share 14 bits: ``index_bits`` for the
neurons of a core, one for the type, the rest for the delay. Rows belong to (axon, core); see
golden.machines.spinnaker_layout for axons and keys.

States are recorded after every tick: ``v``, ``in_exc`` and ``in_inh`` as the next tick finds them. The machine itself
records potential and inputs within the tick, before the update: its v of tick k + 1 is ours of tick k, and its inputs
are those after the ring buffer was added and before they are shaped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from golden import lfsr
from golden.errors import SpecError
from golden.fixed import IntArray, as_integers
from golden.machines.multicast import TABLE_ENTRIES, Chip, Entry, check_entries, deliver
from golden.machines.rows import cores_of
from golden.machines.spinnaker_layout import BLOCK_BITS, STAGES, Layout, widened
from golden.neurons.spinnaker import PARAMETERS, TYPES, SpiNNakerNeurons
from golden.stdfix import LARGEST
from golden.trace import recorded_neurons

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from golden.machines.run import MachineInputs, MachineRecord, Progress

#: Bits of a synapse word below the weight: index, type and delay.
LOW_BITS, TYPE_BITS, WEIGHT_SHIFT = 14, 1, 16
#: Largest left shift of a ring buffer: the lowest bit of a weight must stay within 32.
LARGEST_SHIFT = 16
#: Names of the counters of a run: additions that did not fit a ring buffer, and all additions.
COUNTERS = ("ring-buffer saturations", "synaptic events")
_SETTINGS = ("size", "arithmetic", "solver", "version")


@dataclass(frozen=True, eq=False)
class SpiNNakerMachine:
    """The memories of a machine of N neurons on C cores, S sources, A axons and R rows.

    neurons     their parameters and arithmetic
    first       (C + 1,): first neuron of every core, ascending from 0 to N
    sources     number of sources
    index_bits  bits of a word that name the neuron: a core has at most 2^index_bits neurons
    shifts      (C, 2): left shift of the ring buffers of each type
    seeds       (C,): of the random numbers of s16.15-stochastic
    words       uint32 (W,): synapses, axon by axon, row by row
    fan         (A + 1,): bounds of each axon's rows
    row_step    uint8 (R,) and ``row_length`` uint8 (R,): see golden.machines.rows
    relays      (K, 2): rows (stage, origin axon), ascending; the axons after the sources
    tables      routing table of every chip that has one
    widened     whether packets also go to what other senders of their chip reach (golden.machines.spinnaker_layout)

    SpecError for memories that do not fit each other or their fields.
    """

    name: ClassVar[str] = "spinnaker"

    neurons: SpiNNakerNeurons
    first: IntArray
    sources: int
    index_bits: int
    shifts: IntArray
    seeds: IntArray
    words: NDArray[np.uint32]
    fan: IntArray
    row_step: NDArray[np.uint8]
    row_length: NDArray[np.uint8]
    relays: IntArray
    tables: Mapping[Chip, list[Entry]]
    widened: bool = False

    def __post_init__(self) -> None:
        for name in ("first", "shifts", "seeds", "fan", "relays"):
            object.__setattr__(self, name, as_integers(f"Entry of {name}", getattr(self, name)))
        for name, kind in (("words", np.uint32), ("row_step", np.uint8), ("row_length", np.uint8)):
            if (array := getattr(self, name)).dtype != kind or array.ndim != 1:
                raise SpecError.rule(f"Memory {name}", f"flat, of {np.dtype(kind)}", f"{array.dtype}, {array.shape}")
        cores = self.first.size - 1
        if cores < 1 or self.first[0] != 0 or self.first[-1] != self.neurons.size or (np.diff(self.first) < 1).any():
            raise SpecError.rule("Memory first", f"ascending from 0 to {self.neurons.size}", self.first.tolist())
        if not 0 <= self.index_bits <= BLOCK_BITS:
            raise SpecError.rule("Index bits", f"0 to {BLOCK_BITS}", self.index_bits)
        if (largest := int(np.diff(self.first).max())) > 1 << self.index_bits:
            raise SpecError.rule("Neurons of a core", f"at most {1 << self.index_bits}", largest)
        _require("shifts", self.shifts, (cores, len(TYPES)), 0, LARGEST_SHIFT)
        _require("seeds", self.seeds, (cores,), 1, 2**lfsr.WIDTH - 1)
        _require("relays", self.relays, (len(self.relays), 2), 0, max(STAGES, self.neurons.size + self.sources - 1))
        _check_relays(self.relays, self.neurons.size + self.sources)
        axons = self.neurons.size + self.sources + len(self.relays)
        rows = self.row_step.size
        _require("fan", self.fan, (axons + 1,), 0, rows)
        if self.fan[0] or self.fan[-1] != rows or (np.diff(self.fan) < 0).any():
            raise SpecError.rule("Memory fan", f"ascending from 0 to {rows}", "others")
        if rows and (last := int(self.row_core.max())) >= cores:
            raise SpecError.rule("Core of a row", f"below {cores}", last)
        if self.row_length.shape != self.row_step.shape or self.row_length.sum(dtype=np.int64) != self.words.size:
            raise SpecError.rule("Memory row_length", f"{rows} rows of {self.words.size} words", "others")
        from golden.machines.spinnaker_kernel import beyond

        if beyond(self.words, self.row_core, self.row_length, np.diff(self.first), self.index_bits):
            raise SpecError.rule("Index of a synapse word", "a neuron of its core", "past the last")
        for chip, table in self.tables.items():
            check_entries(table)
            if len(table) > TABLE_ENTRIES:
                raise SpecError.rule(f"Routing entries of chip {chip}", f"at most {TABLE_ENTRIES}", len(table))

    @property
    def slots(self) -> int:
        """Slots of a ring buffer: the longest delay of a word."""
        return 1 << (LOW_BITS - TYPE_BITS - self.index_bits)

    @cached_property
    def layout(self) -> Layout:
        """Chips, cores and keys."""
        return Layout(self.first, self.sources, self.relays)

    @property
    def row_core(self) -> NDArray[np.uint16]:
        """(R,): the core of every row."""
        return cores_of(self.fan, self.row_step)

    @property
    def synapse_bytes(self) -> int:
        """Memory of all rows: words, and what says where they go."""
        return self.words.nbytes + self.row_step.nbytes + self.row_length.nbytes + self.fan.nbytes

    def check_routes(self) -> None:
        """Send a packet of every block through the tables; SpecError if one does not reach just the cores it must.

        SimulationError for one that goes round or is lost.
        """
        senders = self.layout.senders(self.fan, self.row_core, self.row_length)
        unions = {sender.chip: sender.targets for sender in widened(senders)} if self.widened else {}
        for sender in (s._replace(targets=unions.get(s.chip, s.targets)) for s in senders):
            if sender.targets:
                reached = deliver(self.layout.torus, self.tables, sender.key, sender.chip)
                if reached != sender.targets:
                    wrong = sorted(reached ^ sender.targets)[0]
                    raise SpecError.rule(f"Packet {sender.key:#010x}", "routed to the cores of its synapses", wrong)

    # --- three ways to run, equal to the bit -----------------------------------------------------------------------

    def run(self, inputs: MachineInputs, *, record: ArrayLike = (), progress: Progress | None = None) -> MachineRecord:
        """Run from rest, compiled; see golden.machines.run. SpecError for currents outside s16.15."""
        from golden.machines import spinnaker_loop

        return spinnaker_loop.run(self, inputs, self._checked(inputs, record), progress)

    def run_numpy(self, inputs: MachineInputs, *, record: ArrayLike = ()) -> MachineRecord:
        """The same with whole arrays of neurons and synapses at a time."""
        from golden.machines import spinnaker_reference

        return spinnaker_reference.run_numpy(self, inputs, self._checked(inputs, record))

    def run_scalar(self, inputs: MachineInputs, *, record: ArrayLike = ()) -> MachineRecord:
        """The same neuron by neuron and synapse by synapse in plain numbers: the reference."""
        from golden.machines import spinnaker_reference

        return spinnaker_reference.run_scalar(self, inputs, self._checked(inputs, record))

    def _checked(self, inputs: MachineInputs, record: ArrayLike) -> IntArray:
        """The recorded neurons; SpecError for inputs of another machine."""
        for thing, own, other in (
            ("neurons", self.neurons.size, inputs.size),
            ("sources", self.sources, inputs.sources),
        ):
            if own != other:
                raise SpecError.rule("Inputs", f"for {own} {thing}", f"for {other}")
        currents = inputs.currents[:, 2]
        if (wrong := (currents < -LARGEST - 1) | (currents > LARGEST)).any():
            raise SpecError.rule("Input current", "within the 32 bits of s16.15", currents[wrong][0])
        return recorded_neurons(record, self.neurons.size)

    # --- files ---------------------------------------------------------------------------------------------------

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Every memory by name: what an image file holds."""
        lines = [(*chip, *entry) for chip in sorted(self.tables) for entry in self.tables[chip]]
        neurons = {f"neuron_{name}": value for name, value in self.neurons.values.items()}
        settings = {name: np.array(getattr(self.neurons, name)) for name in _SETTINGS}
        own = ("first", "shifts", "seeds", "words", "fan", "row_step", "row_length", "relays")
        counts = {name: np.array(getattr(self, name)) for name in ("sources", "index_bits", "widened")}
        routes = {"tables": np.array(lines, dtype=np.uint32).reshape(-1, 5)}
        return neurons | settings | counts | {name: getattr(self, name) for name in own} | routes

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> SpiNNakerMachine:
        """Inverse of ``arrays``; SpecError for memories that are missing or out of range, and routes that go wrong."""
        neuron = {f"neuron_{name}" for name in PARAMETERS}
        own = {field.name for field in fields(cls)} - {"neurons"}
        for name in sorted(neuron | own | {*_SETTINGS}):
            if name not in arrays:
                raise SpecError.rule("SpiNNaker image", f"given with memory {name}", "without it")
        settings: dict[str, Any] = {name: str(arrays[name]) for name in _SETTINGS[1:]}
        values = {name: arrays[f"neuron_{name}"] for name in PARAMETERS}
        neurons = SpiNNakerNeurons(int(arrays["size"]), values, **settings)
        tables: dict[Chip, list[Entry]] = {}
        for x, y, *entry in arrays["tables"].reshape(-1, 5).tolist():
            tables.setdefault((x, y), []).append(Entry(*entry))
        rest: dict[str, Any] = {name: arrays[name] for name in own - {"tables"}}
        rest |= {name: int(rest[name]) for name in ("sources", "index_bits")} | {"widened": bool(rest["widened"])}
        machine = cls(neurons=neurons, tables=tables, **rest)
        machine.check_routes()
        return machine


def _require(name: str, array: IntArray, shape: tuple[int, ...], low: int, high: int) -> None:
    if array.shape != shape:
        raise SpecError.rule(f"Memory {name}", f"of shape {shape}", f"of shape {array.shape}")
    if array.size and not (array.min() >= low and array.max() <= high):
        raise SpecError.rule(f"Memory {name}", f"within {low} to {high}", f"{array.min()} to {array.max()}")


def _check_relays(relays: IntArray, origins: int) -> None:
    stages, axons = relays.T
    if relays.size and not (stages.min() >= 1 and stages.max() <= STAGES and axons.max() < origins):
        raise SpecError.rule("Relays", f"of stages 1 to {STAGES} and axons below {origins}", "others")
    if (np.diff(stages * origins + axons) <= 0).any():
        raise SpecError.rule("Relays", "ascending by stage and axon", "out of order")
