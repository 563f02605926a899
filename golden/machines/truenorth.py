"""A TrueNorth chip: a grid of cores, their crossbars and parameter memories, and the spikes between them.

Every tick, core after core in ascending order (the order matters to nothing but the record): the axons whose bit is set
in this tick's scheduler slot are active; the neurons are updated in ascending order (golden.neurons.truenorth), each
stochastic one drawing from its core's LFSR; one that fires sends a packet to its destination, an axon of the core dx to
the east and dy to the north, where it is active in tick now + 1 + t, t in 0..14. Spikes to one axon in one tick merge.

Packet, 30 bits: dx[29:21] signed, dy[20:12] signed, axon[11:4], t[3:0]. Routers send it along x first, then along y.
A packet whose destination is outside of the grid leaves the chip at the edge.

Sources: Merolla et al., Science 345 (2014); Akopyan et al., TCAD 34 (2015). The order of the draws, the seeds and what
merges are this project's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from golden import lfsr
from golden.errors import SpecError
from golden.fixed import Format, IntArray, as_integers
from golden.machines.run import MachineRecord
from golden.neurons.truenorth import AXON_TYPES, PARAMETERS, TrueNorthNeurons
from golden.trace import recorded_neurons

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from golden.machines.run import MachineInputs, Progress

#: Slots of a scheduler, and the largest t of a packet: the slot being read is not written.
SLOTS, LARGEST_DELAY = 16, 14
#: Fields of a packet, most significant first, with their lowest bit.
FIELDS: Mapping[str, tuple[Format, int]] = {
    "dx": (Format(9, 0), 21),
    "dy": (Format(9, 0), 12),
    "axon": (Format(8, 0, signed=False), 4),
    "t": (Format(4, 0, signed=False), 0),
}


#: Fields of a machine that an image holds as they are.
_MEMORIES = ("axon_types", "destinations", "seeds", "outputs", "routes", "bias", "bias_axons")


class Packet(NamedTuple):
    """A spike between cores: hops to the east, hops to the north, axon, delay t."""

    dx: int
    dy: int
    axon: int
    t: int

    def pack(self) -> int:
        """The 30 bits; SpecError for a field that does not fit."""
        word = 0
        for name, value in self._asdict().items():
            limits, bit = FIELDS[name]
            if not limits.min <= value <= limits.max:
                raise SpecError.rule(f"Field {name} of a packet", f"within {limits.min} to {limits.max}", value)
            word |= (value & ((1 << limits.width) - 1)) << bit
        return word

    @classmethod
    def unpack(cls, word: int) -> Packet:
        """Inverse of ``pack``."""
        values = {}
        for name, (limits, bit) in FIELDS.items():
            value = word >> bit & ((1 << limits.width) - 1)
            values[name] = value - (1 << limits.width) if value > limits.max else value
        return cls(**values)

    def hop(self) -> tuple[int, int, Packet]:
        """The next hop, east and north, and the packet after it; (0, 0, itself) where it has arrived."""
        if self.dx:
            step = 1 if self.dx > 0 else -1
            return step, 0, self._replace(dx=self.dx - step)
        if self.dy:
            step = 1 if self.dy > 0 else -1
            return 0, step, self._replace(dy=self.dy - step)
        return 0, 0, self


@dataclass(frozen=True, eq=False)
class TrueNorthMachine:
    """C = columns x rows cores of ``neurons`` neurons and ``axons`` axons; core c lies at (c % columns, c // columns).

    values        every parameter of golden.neurons.truenorth: (C, neurons), or (C, neurons, 4)
    crossbar      bool (C, axons, neurons): which axon reaches which neuron
    axon_types    (C, axons): 0 to 3
    destinations  (C, neurons, 4): dx, dy, axon and t of every neuron; t = -1: its spikes go nowhere
    seeds         (C,): of the cores' LFSRs
    outputs       (N,): the place (core x neurons + neuron) of the network's neurons
    routes        (R, 4): rows (source, core, axon, d), sources ascending: a spike that the source emits at tick e is
                  active on that axon in tick e + d
    sources       number of sources
    bias          (N,): what the current of the network's neurons was placed as; all 0 by default
    bias_axons    (B, 2): rows (core, axon), active in every tick: what brings the bias

    SpecError for memories of another shape and for values outside their range.
    """

    name: ClassVar[str] = "truenorth"

    columns: int
    rows: int
    values: Mapping[str, IntArray]
    crossbar: NDArray[np.bool_]
    axon_types: IntArray
    destinations: IntArray
    seeds: IntArray
    outputs: IntArray
    routes: IntArray = field(default_factory=lambda: np.empty((0, 4), dtype=np.int64))
    sources: int = 0
    bias: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    bias_axons: IntArray = field(default_factory=lambda: np.empty((0, 2), dtype=np.int64))

    def __post_init__(self) -> None:
        cores = self.columns * self.rows
        if self.columns < 1 or self.rows < 1:
            raise SpecError.rule("Grid of cores", "at least 1 x 1", f"{self.columns} x {self.rows}")
        crossbar = np.asarray(self.crossbar)
        if crossbar.ndim != 3 or crossbar.dtype != np.bool_ or len(crossbar) != cores or not crossbar.size:
            raise SpecError.rule(
                "Crossbar", f"bool of shape ({cores}, axons, neurons)", f"{crossbar.dtype} of shape {crossbar.shape}"
            )
        _, axons, neurons = crossbar.shape
        places = cores * neurons
        flat = {name: np.reshape(value, (-1, *np.shape(value)[2:])) for name, value in self.values.items()}
        checked = TrueNorthNeurons(places, flat).values
        values = {name: array.reshape(cores, neurons, *array.shape[1:]) for name, array in checked.items()}
        shaped = {
            "axon_types": _table("Axon types", self.axon_types, (cores, axons), 0, AXON_TYPES - 1),
            "seeds": _table("Seeds", self.seeds, (cores,), 1, (1 << lfsr.WIDTH) - 1),
            "outputs": _table("Outputs", self.outputs, (len(self.outputs),), 0, places - 1),
            "destinations": as_integers("Destination", self.destinations),
            "routes": as_integers("Route", self.routes),
            "bias": as_integers("Bias", self.bias if len(self.bias) else np.zeros(len(self.outputs))),
            "bias_axons": as_integers("Bias axon", self.bias_axons),
        }
        if shaped["destinations"].shape != (cores, neurons, 4):
            raise SpecError.rule(
                "Destinations", f"of shape {(cores, neurons, 4)}", f"of shape {shaped['destinations'].shape}"
            )
        for column, (low, high, what) in enumerate(
            ((-256, 255, "dx"), (-256, 255, "dy"), (0, axons - 1, "axon"), (-1, LARGEST_DELAY, "t"))
        ):
            _table(f"Field {what} of destinations", shaped["destinations"][..., column], (cores, neurons), low, high)
        routes = shaped["routes"]
        if routes.ndim != 2 or routes.shape[1] != 4:
            raise SpecError.rule("Routes", "of shape (routes, 4)", f"of shape {routes.shape}")
        limits = (("source", self.sources), ("core", cores), ("axon", axons), ("delay", 1 << 31))
        for column, (what, end) in enumerate(limits):
            _table(f"Field {what} of routes", routes[:, column], (len(routes),), 0, end - 1)
        _table("Bias", shaped["bias"], (len(shaped["outputs"]),), -(1 << 31), (1 << 31) - 1)
        for column, (what, end) in enumerate((("core", cores), ("axon", axons))):
            _table(
                f"Field {what} of bias axons", shaped["bias_axons"][:, column], (len(shaped["bias_axons"]),), 0, end - 1
            )
        if (np.diff(routes[:, 0]) < 0).any():
            raise SpecError.rule("Sources of routes", "ascending", "out of order")
        if len(np.unique(shaped["outputs"])) < len(shaped["outputs"]):
            raise SpecError.rule("Outputs", "distinct places", "repeated")
        for name, value in (("values", values), ("crossbar", crossbar), *shaped.items()):
            object.__setattr__(self, name, value)

    @property
    def cores(self) -> int:
        """Number of cores."""
        return self.columns * self.rows

    @property
    def axons(self) -> int:
        """Axons of a core."""
        return int(self.crossbar.shape[1])

    @property
    def neurons(self) -> int:
        """Neurons of a core."""
        return int(self.crossbar.shape[2])

    @property
    def size(self) -> int:
        """Neurons of the network, as numbered in inputs and records."""
        return self.outputs.size

    @cached_property
    def population(self) -> TrueNorthNeurons:
        """All neurons, core after core."""
        return TrueNorthNeurons(
            self.cores * self.neurons, {k: v.reshape(-1, *v.shape[2:]) for k, v in self.values.items()}
        )

    @cached_property
    def targets(self) -> IntArray:
        """(C x neurons, 3): core and axon that each neuron's spikes reach, and t.

        Core -1: they leave the grid; t = -1: they go nowhere.
        """
        dx, dy, axon, t = np.moveaxis(self.destinations, -1, 0)
        core = np.arange(self.cores)[:, None]
        x, y = core % self.columns + dx, core // self.columns + dy
        inside = (t >= 0) & (x >= 0) & (x < self.columns) & (y >= 0) & (y < self.rows)
        return np.stack((np.where(inside, y * self.columns + x, -1), axon, t), axis=-1).reshape(-1, 3)

    @property
    def hops(self) -> IntArray:
        """Router hops of every neuron that sends spikes to an axon of the grid."""
        hops = np.abs(self.destinations[..., :2]).sum(axis=-1).reshape(-1)
        return np.asarray(hops[self.targets[:, 0] >= 0], dtype=np.int64)

    def arrivals(self, inputs: MachineInputs) -> IntArray:
        """(E, 3): rows (tick, core, axon) at which spikes of sources are active, ticks ascending, within the run.

        SpecError for inputs of another size, and for currents other than the bias: a TrueNorth neuron takes none.
        """
        if (inputs.size, inputs.sources) != (self.size, self.sources):
            raise SpecError.rule(
                "Inputs",
                f"for {self.size} neurons and {self.sources} sources",
                f"for {inputs.size} and {inputs.sources}",
            )
        biased = np.flatnonzero(self.bias)
        placed = np.column_stack((np.zeros_like(biased), biased, self.bias[biased]))
        if not np.array_equal(inputs.currents, placed):
            raise SpecError.rule("Input current of TrueNorth", "the constant one it was placed with", "another")
        edges = np.searchsorted(self.routes[:, 0], np.arange(self.sources + 1))
        spikes, source = inputs.spikes, inputs.spikes[:, 1]
        count = edges[source + 1] - edges[source]
        if (count == 1).all():
            route, ticks = edges[source], spikes[:, 0].copy()
        else:
            spike = np.repeat(np.arange(count.size), count)
            route = np.arange(spike.size) - np.repeat(np.cumsum(count) - count, count) + edges[source][spike]
            ticks = spikes[spike, 0]
        ticks += self.routes[route, 3]
        parts = [np.column_stack((ticks, self.routes[route, 1:3]))]
        if len(self.bias_axons):
            always = np.repeat(np.arange(inputs.ticks), len(self.bias_axons))
            parts.append(np.column_stack((always, np.tile(self.bias_axons, (inputs.ticks, 1)))))
        table: IntArray = np.concatenate(parts)
        if table.size and table[:, 0].max() >= inputs.ticks:
            table = table[table[:, 0] < inputs.ticks]
        if (np.diff(table[:, 0]) < 0).any():
            table = table[np.argsort(table[:, 0], kind="stable")]
        return table

    def run(self, inputs: MachineInputs, *, record: ArrayLike = (), progress: Progress | None = None) -> MachineRecord:
        """Run from V = 0 in compiled code; state ``v`` of the ``record`` neurons after every tick.

        Counters: ``merged``, spikes that met another one on the same axon in the same tick, and ``left``, spikes sent
        beyond the grid.
        """
        from golden.machines.truenorth_kernel import run

        return run(self, self.arrivals(inputs), inputs.ticks, recorded_neurons(record, self.size), progress)

    def run_scalar(self, inputs: MachineInputs, *, record: ArrayLike = ()) -> MachineRecord:
        """``run`` in plain ints: the reference, to be read beside the contract."""
        from golden.machines.truenorth_reference import run_scalar

        return run_scalar(self, inputs, recorded_neurons(record, self.size))

    def run_numpy(self, inputs: MachineInputs, *, record: ArrayLike = ()) -> MachineRecord:
        """``run`` with NumPy, a core at a time."""
        from golden.machines.truenorth_reference import run_numpy

        return run_numpy(self, inputs, recorded_neurons(record, self.size))

    def network_record(
        self, places: IntArray, recorded: IntArray, v: NDArray[np.int64], counters: Mapping[str, int]
    ) -> MachineRecord:
        """A record in the network's numbers from spikes (tick, place) of all cores, ascending."""
        if not np.array_equal(self.outputs, np.arange(self.cores * self.neurons)):
            neuron = np.full(self.cores * self.neurons, -1)
            neuron[self.outputs] = np.arange(self.size)
            spikes = np.column_stack((places[:, 0], neuron[places[:, 1]]))
            spikes = spikes[spikes[:, 1] >= 0]
            places = spikes[np.lexsort((spikes[:, 1], spikes[:, 0]))]
        return MachineRecord(places, recorded, {"v": v}, counters)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Every memory by name; the crossbar as packed bits."""
        return {
            "grid": np.array([self.columns, self.rows, self.axons, self.neurons, self.sources]),
            "crossbar": np.packbits(self.crossbar, axis=2),
            **{name: getattr(self, name) for name in _MEMORIES},
            **{f"value_{name}": array.astype(np.int32) for name, array in self.values.items()},
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> TrueNorthMachine:
        """Inverse of ``arrays``."""
        missing = {"grid", "crossbar", *_MEMORIES, *(f"value_{name}" for name in PARAMETERS)} - arrays.keys()
        if missing:
            raise SpecError.rule("Memories of TrueNorth", f"given with {min(missing)}", "without")
        columns, rows, axons, neurons, sources = (int(x) for x in arrays["grid"])
        bits = np.unpackbits(arrays["crossbar"], axis=2, count=neurons).astype(np.bool_)
        if bits.shape[1] != axons:
            raise SpecError.rule("Crossbar", f"of {axons} axons", f"of {bits.shape[1]}")
        values = {name: arrays[f"value_{name}"] for name in PARAMETERS}
        return cls(columns, rows, values, bits, **{name: arrays[name] for name in _MEMORIES}, sources=sources)


def _table(thing: str, values: ArrayLike, shape: tuple[int, ...], low: int, high: int) -> IntArray:
    array = as_integers(thing, values)
    if array.shape != shape:
        raise SpecError.rule(thing, f"of shape {shape}", f"of shape {array.shape}")
    if (wrong := (array < low) | (array > high)).any():
        raise SpecError.rule(thing, f"within {low} to {high}", array[wrong][0])
    return array
