"""Neurons on TrueNorth cores: which core, which axons, and relays where a neuron must reach more than one axon.

Neurons are taken in order; a core is closed when the next neuron would need more axons or neurons than it has. An axon
of a core is wanted by a (presynaptic neuron or source, delay, axon type). A neuron has a single destination: where it
is wanted by several axons it sends to an axon of a relay core, which reaches as many relay neurons, each of which fires
at once and sends to one of them. A relay takes one tick of the delay.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from golden.errors import QuantisationError
from golden.machines.truenorth import LARGEST_DELAY
from golden.neurons.truenorth import AXON_TYPES
from mapping.placed import too_many

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from golden.fixed import IntArray
    from golden.network import Network

MACHINE = "TrueNorth"
#: Cores to each side of a packet's origin that it can reach; a grid is no wider.
_REACH = 256


class Axon(NamedTuple):
    """Where a spike must arrive: an axon of a core, ``delay`` ticks after it was emitted."""

    core: int
    axon: int
    delay: int


@dataclass(frozen=True, eq=False)
class Connections:
    """The integer network. A *wire* is what an axon carries: the spikes of one ``pre``, ``delay`` later, as one type.

    size, sources  neurons N, and sources numbered from N on
    weights        (N, 4) of every neuron's axon types
    wires          (W, 3): rows (pre, delay, type)
    of             (N + 1,) and (K,): the wires of neuron n are wire[of[n] : of[n + 1]]
    bias           (N,): weight of the axon that is always active, of the last type
    """

    size: int
    sources: int
    weights: IntArray
    wires: IntArray
    of: IntArray
    wire: IntArray
    bias: IntArray

    @classmethod
    def of_network(cls, network: Network, weights: IntArray, delays: IntArray, bias: IntArray) -> Connections:
        """From synapses of which no two have equal neurons and delay; those of weight 0 are none.

        QuantisationError for a neuron with more than four weights (three beside a bias).
        """
        there = np.flatnonzero(weights)
        post: IntArray = network.synapses.post[there].astype(np.int64)
        if (post[1:] < post[:-1]).any():
            order = np.argsort(post, kind="stable")
            there, post = there[order], post[order]
        types = AXON_TYPES - 1 if bias.any() else AXON_TYPES
        of_neuron, kind = _types(network.size, post, weights[there], types)
        of_neuron[:, -1] = np.where(bias != 0, bias, of_neuron[:, -1])
        wires, wire = distinct_rows(network.synapses.pre[there], delays[there], kind)
        of = np.searchsorted(post, np.arange(network.size + 1))
        return cls(network.size, network.sources, of_neuron, wires, of, wire, bias)

    def wires_of(self, neuron: int) -> IntArray:
        """Indices of the wires that reach a neuron."""
        wires: IntArray = self.wire[self.of[neuron] : self.of[neuron + 1]]
        return wires


def distinct_rows(*columns: NDArray[np.integer[Any]]) -> tuple[IntArray, IntArray]:
    """The different rows of a table given by its columns, in ascending order, and which of them each row is."""
    packed = _packed(columns)
    if packed is None:
        rows, row = np.unique(np.column_stack(columns), axis=0, return_inverse=True)
        return rows.astype(np.int64), row.ravel()
    key, lowest, spans = packed
    keys, row = np.unique(key, return_inverse=True)
    parts = []
    for low, span in zip(reversed(lowest), reversed(spans), strict=True):
        keys, part = np.divmod(keys, span)
        parts.append(part + low)
    return np.column_stack(parts[::-1]), row


def any_doubles(*columns: NDArray[np.integer[Any]]) -> bool:
    """Whether two rows of a table given by its columns are equal."""
    packed = _packed(columns)
    if packed is None:
        return len(distinct_rows(*columns)[0]) < columns[0].size
    key = np.sort(packed[0])
    return bool((key[1:] == key[:-1]).any())


def _packed(columns: Sequence[NDArray[np.integer[Any]]]) -> tuple[IntArray, list[int], list[int]] | None:
    """Each row as one number, which sorts ten times as fast; every column's lowest value and span. None: too wide."""
    lowest = [int(column.min()) if column.size else 0 for column in columns]
    spans = [int(column.max()) - low + 1 if column.size else 1 for column, low in zip(columns, lowest, strict=True)]
    if math.prod(spans) >= 1 << 63:
        return None
    key = np.zeros(columns[0].size, dtype=np.int64)
    for column, low, span in zip(columns, lowest, spans, strict=True):
        key *= span
        key += column - low
    return key, lowest, spans


def _types(size: int, post: IntArray, weights: IntArray, types: int) -> tuple[IntArray, IntArray]:
    """Each neuron's weight of each axon type (N, 4), and the type of every synapse (sorted by ``post``).

    Where the whole network has few enough weights a type is a weight; else the types of a neuron are its own weights in
    ascending order.
    """
    of_neuron = np.zeros((size, AXON_TYPES), dtype=np.int64)
    values, index = np.unique(weights, return_inverse=True)
    if values.size <= types:
        of_neuron[:, : values.size] = values
        return of_neuron, index.ravel()
    pairs, pair = distinct_rows(post, weights)
    first = np.searchsorted(pairs[:, 0], pairs[:, 0])
    rank = np.arange(len(pairs)) - first
    if rank.max() >= types:
        neuron = int(pairs[rank.argmax(), 0])
        count = int((pairs[:, 0] == neuron).sum())
        raise too_many(MACHINE, f"Different weights of neuron {neuron}", types, count)
    of_neuron[pairs[:, 0], rank] = pairs[:, 1]
    return of_neuron, rank[pair]


@dataclass(frozen=True, eq=False)
class Layout:
    """The memories of a TrueNorthMachine as its arguments, and how many neurons are relays."""

    memories: dict[str, Any]
    relays: int


def lay_out(connections: Connections, values: Mapping[str, IntArray], axons: int, neurons: int, seed: int) -> Layout:
    """Put the network on cores of ``axons`` and ``neurons``, in a grid that is as square as can be.

    ``values`` are the parameters (N,) of the network's neurons but for their weights; ``seed`` is of the cores' LFSRs.
    """
    for what, count in (("Axons", axons), ("Neurons", neurons)):
        if not 1 <= count <= 256:  # the packet has 8 bits for an axon
            raise QuantisationError.rule(f"{what} of a core on {MACHINE}", "within 1 to 256", count)
    cores = _Cores(axons, neurons)
    places = cores.fill(connections)
    routes = []
    for pre, reached in sorted(cores.reached.items()):
        if pre >= connections.size:
            routes += [(pre - connections.size, *axon) for axon in reached]
        else:
            cores.destinations[int(places[pre])] = cores.one_axon(pre, reached)
    columns = math.isqrt(len(cores.crossbars) - 1) + 1
    rows = -(-len(cores.crossbars) // columns)
    if columns > _REACH:
        raise too_many(MACHINE, "Cores", _REACH**2, len(cores.crossbars))
    count = columns * rows
    crossbar = np.zeros((count, axons, neurons), dtype=np.bool_)
    crossbar[: len(cores.crossbars)] = cores.crossbars
    types = np.zeros((count, axons), dtype=np.int64)
    for core, kinds in enumerate(cores.types):
        types[core, : len(kinds)] = kinds
    table: dict[str, IntArray] = {name: np.zeros(count * neurons, dtype=np.int64) for name in values}
    table["threshold"] = np.ones(count * neurons, dtype=np.int64)
    table["weights"] = np.zeros((count * neurons, AXON_TYPES), dtype=np.int64)
    table["weights"][cores.relays, 0] = 1
    table["weights"][places] = connections.weights
    for name, value in values.items():
        table[name][places] = value
    memories: dict[str, Any] = {
        "columns": columns,
        "rows": rows,
        "values": {name: value.reshape(count, neurons, *value.shape[1:]) for name, value in table.items()},
        "crossbar": crossbar,
        "axon_types": types,
        "destinations": _destinations(cores.destinations, columns, count, neurons),
        "seeds": np.random.default_rng(seed).integers(1, 1 << 32, count),
        "outputs": places,
        "routes": np.array(routes, dtype=np.int64).reshape(-1, 4),
        "sources": connections.sources,
        "bias": connections.bias,
        "bias_axons": np.array(cores.bias_axons, dtype=np.int64).reshape(-1, 2),
    }
    return Layout(memories, len(cores.relays))


def _destinations(reached: Mapping[int, Axon], columns: int, cores: int, neurons: int) -> IntArray:
    """(C, neurons, 4): dx, dy, axon, t of every place that sends."""
    table = np.tile(np.array([0, 0, 0, -1]), (cores * neurons, 1))
    for place, (core, axon, delay) in reached.items():
        here = place // neurons
        table[place] = (core % columns - here % columns, core // columns - here // columns, axon, delay)
    return table.reshape(cores, neurons, 4)


class _Cores:
    """Cores while they are being filled.

    crossbars, types  of every core: bool (axons, neurons), and the types of its axons so far
    used              of every core: neurons so far
    reached           pre to the axons that its spikes must reach
    destinations      place to the axon that it sends to;  relays: places of relay neurons
    """

    def __init__(self, axons: int, neurons: int) -> None:
        self.axons, self.neurons = axons, neurons
        self.crossbars: list[NDArray[np.bool_]] = []
        self.types: list[list[int]] = []
        self.used: list[int] = []
        self.reached: dict[int, list[Axon]] = {}
        self.destinations: dict[int, Axon] = {}
        self.relays: list[int] = []
        self.bias_axons: list[tuple[int, int]] = []
        self._relay_core: int | None = None

    def fill(self, connections: Connections) -> IntArray:
        """Put the network's neurons on cores, with their axons; (N,) their places."""
        places = np.empty(connections.size, dtype=np.int64)
        axon_of, core_of = np.empty((2, len(connections.wires)), dtype=np.int64)
        core_of[:] = -1
        core, bias_axon = self._open(), None
        for neuron in range(connections.size):
            wires, biased = connections.wires_of(neuron), bool(connections.bias[neuron])
            if (needed := wires.size + biased) > self.axons:
                raise too_many(MACHINE, f"Axons that neuron {neuron} needs", self.axons, needed)
            new = wires[core_of[wires] != core]
            more = len(new) + (biased and bias_axon is None)
            if self.used[core] == self.neurons or len(self.types[core]) + more > self.axons:
                core, bias_axon, new = self._open(), None, wires
            for wire in new.tolist():
                pre, delay, kind = connections.wires[wire].tolist()
                axon = self._axon(core, kind)
                axon_of[wire], core_of[wire] = axon, core
                self.reached.setdefault(pre, []).append(Axon(core, axon, delay))
            index = self._neuron(core, axon_of[wires])
            if biased:
                if bias_axon is None:
                    bias_axon = self._axon(core, AXON_TYPES - 1)
                    self.bias_axons.append((core, bias_axon))
                self.crossbars[core][bias_axon, index] = True
            places[neuron] = core * self.neurons + index
        return places

    def one_axon(self, pre: int, reached: list[Axon]) -> Axon:
        """An axon from which a neuron's spikes reach all of ``reached``: the only one, or that of relays."""
        earliest = min(axon.delay for axon in reached)
        groups = reached
        while len(groups) > 1 or groups[0].delay > LARGEST_DELAY:
            if min(axon.delay for axon in groups) < 1:
                raise QuantisationError.rule(
                    f"Delay of the synapses of neuron {pre} on {MACHINE}",
                    f"long enough for relays, of a tick each, to {len(reached)} axons",
                    f"{earliest} ticks",
                )
            parts = [groups[k : k + self.neurons] for k in range(0, len(groups), self.neurons)]
            groups = [self._relay(pre, part) for part in parts]
        return groups[0]

    def _relay(self, pre: int, reached: list[Axon]) -> Axon:
        """A new axon with a relay neuron for each of ``reached``; all their delays are at least 1."""
        core = self._relay_core
        if core is None or len(self.types[core]) == self.axons or self.used[core] + len(reached) > self.neurons:
            core = self._relay_core = self._open()
        axon, delay = self._axon(core, 0), min(min(target.delay for target in reached) - 1, LARGEST_DELAY)
        # All of them before any relay of theirs, which may want a place on the same core.
        places = [core * self.neurons + self._neuron(core, np.array([axon])) for _ in reached]
        self.relays += places
        for place, target in zip(places, reached, strict=True):
            self.destinations[place] = self.one_axon(pre, [target._replace(delay=target.delay - 1 - delay)])
        return Axon(core, axon, delay)

    def _open(self) -> int:
        self.crossbars.append(np.zeros((self.axons, self.neurons), dtype=np.bool_))
        self.types.append([])
        self.used.append(0)
        return len(self.used) - 1

    def _axon(self, core: int, kind: int) -> int:
        self.types[core].append(kind)
        return len(self.types[core]) - 1

    def _neuron(self, core: int, axons: IntArray) -> int:
        index = self.used[core]
        self.used[core] += 1
        self.crossbars[core][axons, index] = True
        return index
