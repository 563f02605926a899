"""Loihi cores: compartments, the synapse memory, and the axons that connect them.

Every tick, for all compartments at once: the synaptic sum a of what arrives in this tick, then the update
(golden.neurons.loihi). A compartment that fires sends one spike along each of its output axons in the next tick; the
input axon at the other end is a list of synapses of that core, and each adds its weight to its compartment's sum
delay ticks later, 0 to 62. A source's spikes take the same way from their own tick on.

Synapse, 32 bits: compartment within the core [31:22], delay [21:16], stored weight [15:0] signed, what
golden.neurons.loihi_weights makes of mantissa and exponent.

Sources: Davies et al., IEEE Micro 38 (2018). The width of the words is this project's; ``mapping`` counts the bits
that the chip would use.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from golden.errors import SpecError
from golden.fixed import as_integers
from golden.machines.rows import Lists, cores_of, lists_of, rows_of, sorted_by
from golden.neurons.loihi import PARAMETERS, RULES, Compat, LoihiCompartments, Rules
from golden.neurons.loihi_weights import EXPONENTS, STORED_BITS
from golden.trace import recorded_neurons

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from golden.fixed import IntArray
    from golden.machines.run import MachineInputs, MachineRecord, Progress

#: Compartments of a core, and the delays of a synapse.
CORE_SIZE, DELAYS = 1024, 63
#: Lowest bits of the fields of a synapse.
INDEX_BIT, DELAY_BIT = 22, 16
#: Names of the counters of a run, in the order of golden.neurons.loihi.Overflows.
COUNTERS = ("overflows of the input", "overflows of the current", "limited voltages")

Words: TypeAlias = NDArray[np.uint32]
Indices: TypeAlias = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class LoihiMachine:
    """N compartments on C cores, and their S synapses in R rows; a presynaptic index from N on is a source.

    compartments  parameters, in the order of the network; ``bias_mant`` holds until an input current replaces it
    sources       number of sources
    cores         (C + 1,): first compartment of every core, and N
    words         uint32 (S,): the synapses, by presynaptic index, target core and compartment
    fan           (N + sources + 1,): bounds of each presynaptic index's rows
    row_step      uint8 (R,) and ``row_length`` uint8 (R,): see golden.machines.rows
    exponent      of 2, applied to the synaptic sum, rounded down (lava-0.10 only)

    SpecError for tables that do not fit each other.
    """

    name: ClassVar[str] = "loihi"

    compartments: LoihiCompartments
    sources: int
    cores: Indices
    words: Words
    fan: IntArray
    row_step: NDArray[np.uint8]
    row_length: NDArray[np.uint8]
    exponent: int = 0

    def __post_init__(self) -> None:
        size = self.size
        if self.sources < 0:
            raise SpecError.rule("Number of sources", "at least 0", self.sources)
        for name, kind in (("words", np.uint32), ("row_step", np.uint8), ("row_length", np.uint8)):
            if (array := np.asarray(getattr(self, name))).dtype != kind or array.ndim != 1:
                raise SpecError.rule(
                    f"Memory {name}", f"flat and of type {np.dtype(kind)}", f"{array.dtype} of shape {array.shape}"
                )
            object.__setattr__(self, name, array)
        words = self.words
        cores = _ascending("First compartments of cores", self.cores, None, size)
        if (largest := int(np.diff(cores).max())) > CORE_SIZE:
            raise SpecError.rule("Compartments of a core", f"at most {CORE_SIZE}", largest)
        rows = self.row_step.size
        fan = _ascending("Rows of axons", self.fan, size + self.sources + 1, rows, empty=True).astype(np.int64)
        if self.row_length.size != rows or int(self.row_length.sum(dtype=np.int64)) != words.size:
            raise SpecError.rule("Memory row_length", f"{rows} rows of {words.size} words", "others")
        object.__setattr__(self, "cores", cores)
        object.__setattr__(self, "fan", fan)
        if rows and (last := int(self.row_core.max())) >= cores.size - 1:
            raise SpecError.rule("Core of a row", f"within 0 to {cores.size - 2}", last)
        if self.exponent not in (EXPONENTS if self.compat == "lava-0.10" else (0,)):
            rule = "within -8 to 7" if self.compat == "lava-0.10" else f"0 in {self.compat}, where weights contain it"
            raise SpecError.rule("Exponent of the sum", rule, self.exponent)
        if words.size:
            ends = np.repeat(np.diff(cores).astype(np.uint16)[self.row_core], self.row_length)
            if (wrong := (words >> INDEX_BIT) >= ends).any():
                raise SpecError.rule("Compartment of a synapse", "within its core", int(words[wrong][0] >> INDEX_BIT))
            if self.largest_delay >= DELAYS:
                raise SpecError.rule("Delay of a synapse", f"within 0 to {DELAYS - 1} ticks", self.largest_delay)

    @classmethod
    def connected(
        cls,
        compartments: LoihiCompartments,
        sources: int,
        cores: ArrayLike,
        synapses: tuple[ArrayLike, ArrayLike, ArrayLike, ArrayLike],
        exponent: int = 0,
    ) -> LoihiMachine:
        """The machine with the synapse memory for a table: presynaptic index, compartment, delay, stored weight."""
        size = compartments.size
        first = _ascending("First compartments of cores", cores, None, size)
        half = 1 << (STORED_BITS - 1)
        pre = _indices("Presynaptic indices", synapses[0], size + sources)
        post = _indices("Postsynaptic indices", synapses[1], size)
        delay = _indices("Delays of synapses", synapses[2], DELAYS)
        weight = _indices("Stored weights", synapses[3], half, -half)
        if len({pre.size, post.size, delay.size, weight.size}) > 1:
            raise SpecError.rule("Columns of synapses", "of one length", "several")
        order = sorted_by(post, size, np.arange(post.size, dtype=np.int32))
        words = (delay[order] << DELAY_BIT | weight[order] & (1 << STORED_BITS) - 1).astype(np.uint32)
        memory = rows_of(pre[order], post[order], words, size + sources, first.astype(np.int64), INDEX_BIT)
        return cls(compartments, sources, first, *memory, exponent)

    @property
    def size(self) -> int:
        """Number of compartments."""
        return self.compartments.size

    @property
    def compat(self) -> Compat:
        """Whose model it follows."""
        return self.compartments.compat

    @property
    def rules(self) -> Rules:
        """What happens where 24 bits do not suffice."""
        return RULES[self.compat]

    @functools.cached_property
    def largest_delay(self) -> int:
        """In ticks."""
        return int(((self.words >> DELAY_BIT) & 63).max()) if self.words.size else 0

    @property
    def row_core(self) -> NDArray[np.uint16]:
        """(R,): the core of every row."""
        return cores_of(self.fan, self.row_step)

    @property
    def lists(self) -> Lists:
        """The input axons of the cores: the rows of one presynaptic index and core taken together."""
        return lists_of(self.fan, self.row_step, self.row_length)

    @property
    def memory(self) -> int:
        """Bytes of all rows: words, and what says where they go."""
        return self.words.nbytes + self.fan.nbytes + self.row_step.nbytes + self.row_length.nbytes

    def run(self, inputs: MachineInputs, *, record: ArrayLike = (), progress: Progress | None = None) -> MachineRecord:
        """Run from rest in compiled code; states ``u``, ``v`` and ``r`` of the ``record`` neurons after every tick.

        An input current is a bias mantissa. Counters: ``COUNTERS``, summed over compartments and ticks. SpecError for
        inputs of another size and for mantissas beyond 13 bits.
        """
        from golden.machines.loihi_kernel import run

        self.check(inputs)
        return run(self, inputs, recorded_neurons(record, self.size), progress)

    def run_numpy(self, inputs: MachineInputs, *, record: ArrayLike = ()) -> MachineRecord:
        """``run`` with arrays in place of compiled code."""
        from golden.machines.loihi_reference import run_numpy

        self.check(inputs)
        return run_numpy(self, inputs, recorded_neurons(record, self.size))

    def run_scalar(self, inputs: MachineInputs, *, record: ArrayLike = ()) -> MachineRecord:
        """``run`` in plain ints: the reference."""
        from golden.machines.loihi_reference import run_scalar

        self.check(inputs)
        return run_scalar(self, inputs, recorded_neurons(record, self.size))

    def check(self, inputs: MachineInputs) -> None:
        """SpecError unless the inputs are for this machine."""
        if (inputs.size, inputs.sources) != (self.size, self.sources):
            raise SpecError.rule(
                "Inputs",
                f"for {self.size} neurons and {self.sources} sources",
                f"for {inputs.size} and {inputs.sources}",
            )
        limits, values = PARAMETERS["bias_mant"], inputs.currents[:, 2]
        if (wrong := (values < limits.low) | (values > limits.high)).any():
            raise SpecError.rule(
                "Input current as bias mantissa", f"within {limits.low} to {limits.high}", values[wrong][0]
            )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Every memory by name."""
        return {
            "compat": np.array(self.compat),
            "numbers": np.array([self.size, self.sources, self.exponent]),
            **{name: getattr(self, name) for name in _TABLES},
            **{f"value_{name}": array.astype(np.int32) for name, array in self.compartments.values.items()},
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> LoihiMachine:
        """Inverse of ``arrays``."""
        missing = {"compat", "numbers", *_TABLES, *(f"value_{name}" for name in PARAMETERS)} - arrays.keys()
        if missing:
            raise SpecError.rule("Memories of Loihi", f"given with {min(missing)}", "without")
        if np.shape(arrays["numbers"]) != (3,):
            raise SpecError.rule("Numbers of Loihi", "size, sources and exponent", f"{arrays['numbers']}")
        size, sources, exponent = (int(x) for x in arrays["numbers"])
        values = {name: arrays[f"value_{name}"] for name in PARAMETERS}
        compat: Any = str(arrays["compat"])
        tables = {name: arrays[name] for name in _TABLES}
        return cls(LoihiCompartments(size, values, compat), sources, **tables, exponent=exponent)


_TABLES = ("cores", "words", "fan", "row_step", "row_length")


def _indices(thing: str, values: ArrayLike, end: int, low: int = 0) -> Indices:
    array = as_integers(thing, values)
    if array.ndim != 1:
        raise SpecError.rule(thing, "flat", f"of shape {array.shape}")
    if array.size and not (array.min() >= low and array.max() < end):
        raise SpecError.rule(thing, f"within {low} to {end - 1}", array.min() if array.min() < low else array.max())
    return array.astype(np.int32)


def _ascending(thing: str, values: ArrayLike, length: int | None, end: int, empty: bool = False) -> Indices:
    """Bounds of slices that cover 0 to ``end``; ``empty`` ones are allowed or not."""
    array = _indices(thing, values, end + 1)
    if array.size != (array.size if length is None else length) or array.size < 2 - empty:
        raise SpecError.rule(f"{thing}, with their end,", f"{length or 'at least 2'} in number", array.size)
    steps = np.diff(array)
    if array[0] != 0 or array[-1] != end or (steps < (0 if empty else 1)).any():
        raise SpecError.rule(thing, f"ascending from 0 to {end}", np.array2string(array, threshold=5))
    return array
