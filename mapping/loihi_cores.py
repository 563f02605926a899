"""Which compartments of a network go to which Loihi core, and what its synapses take there.

Cores hold contiguous slices of the network. They are filled one after another, each until the next compartment would
break a limit: compartments, input axons (presynaptic neurons and sources of the slice) or synapse memory. A core with
too many output axons is then halved, until all fit.

Memory of one input axon's list, in words of 64 bits: blocks of up to 64 synapses with 10 bits in front; a synapse has
its weight and delay bits and, in the sparse format, 10 bits of compartment index. The dense format stores every
compartment from the first to the last one in place of indices; the smaller one is taken.

Source: the limits of Davies et al., IEEE Micro 38 (2018); the layout of the lists after nengo-loihi 1.1 (block.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from golden.compiled import kernel
from golden.machines.loihi import CORE_SIZE, DELAY_BIT, INDEX_BIT
from golden.machines.rows import sorted_by
from mapping.placed import too_many

if TYPE_CHECKING:
    from golden.fixed import IntArray
    from golden.machines.loihi import Indices, LoihiMachine

INPUT_AXONS, OUTPUT_AXONS = 4096, 4096
#: Bytes of a core's synapse memory.
SYNAPSE_MEMORY = 128 * 1024
_BLOCK, _HEADER, _WORD, _INDEX = 64, 10, 64, 10
#: Cores of a chip lie in rows of this many; chips below one another.
GRID_COLUMNS, GRID_ROWS = 16, 8


@dataclass(frozen=True)
class Limits:
    """What a core can hold; the chip's own, or smaller ones."""

    compartments: int = CORE_SIZE
    input_axons: int = INPUT_AXONS
    output_axons: int = OUTPUT_AXONS
    synapse_bytes: int = SYNAPSE_MEMORY


def slices(
    pre: Indices, post: Indices, delay: Indices, size: int, sources: int, weight_bits: int, limits: Limits
) -> IntArray:
    """First compartments of the cores, and ``size``; QuantisationError where one compartment alone is too much."""
    order = sorted_by(post, size, np.arange(post.size, dtype=np.int32))
    edges = np.append(0, np.cumsum(np.bincount(post, minlength=size)))
    pre = pre[order]
    table = pre, delay[order], edges
    cuts = np.zeros(size, dtype=np.bool_)
    while True:
        first: IntArray
        first, wrong, axons, bits = _fill(
            *table, cuts, size + sources, weight_bits, limits.compartments, limits.input_axons, limits.synapse_bytes * 8
        )
        if axons > limits.input_axons:
            raise too_many("Loihi", f"Input axons of neuron {wrong}", limits.input_axons, int(axons))
        if wrong >= 0:
            raise too_many("Loihi", f"Bytes of synapses of neuron {wrong}", limits.synapse_bytes, int(bits) // 8)
        used = _output_axons(pre, edges, first, sources)
        crowded = np.flatnonzero(used > limits.output_axons)
        if not crowded.size:
            return first
        alone = crowded[np.diff(first)[crowded] == 1]
        if alone.size:
            neuron = first[alone[0]]
            raise too_many("Loihi", f"Output axons of neuron {neuron}", limits.output_axons, int(used[alone[0]]))
        cuts[(first[crowded] + first[crowded + 1]) // 2] = True


@dataclass(frozen=True, eq=False)
class CoreUse:
    """What every core of a machine holds: (C,) each, and the router hops between cores that are connected."""

    compartments: IntArray
    input_axons: IntArray
    output_axons: IntArray
    synapse_bytes: IntArray
    hops: IntArray


def core_use(machine: LoihiMachine, weight_bits: int) -> CoreUse:
    """Occupancy of the cores; hops along the mesh's rows, then columns."""
    cores = machine.cores.size - 1
    lists = machine.lists
    bits = _list_bits(lists.bounds, machine.words, weight_bits)
    core_of = np.repeat(np.arange(cores), np.diff(machine.cores))
    outgoing = lists.of[: machine.size]
    begin, end = _connected(np.repeat(core_of, outgoing), lists.core, cores)
    steps = np.abs(begin % GRID_COLUMNS - end % GRID_COLUMNS) + np.abs(begin // GRID_COLUMNS - end // GRID_COLUMNS)
    return CoreUse(
        compartments=np.diff(machine.cores).astype(np.int64),
        input_axons=np.bincount(lists.core, minlength=cores),
        output_axons=np.bincount(core_of, weights=outgoing, minlength=cores).astype(np.int64),
        synapse_bytes=np.bincount(lists.core, weights=bits // 8, minlength=cores).astype(np.int64),
        hops=steps,
    )


@kernel
def _output_axons(pre: Any, edges: Any, first: Any, sources: int) -> Any:
    """(C,): pairs of a compartment of the core and a core that it reaches; ``pre`` by postsynaptic compartment."""
    size, cores = first[-1], first.size - 1
    core_of = np.repeat(np.arange(cores), np.diff(first))
    reached = np.full(size + sources, -1, dtype=np.int64)
    used = np.zeros(cores, dtype=np.int64)
    for core in range(cores):
        for place in range(edges[first[core]], edges[first[core + 1]]):
            source = pre[place]
            if source < size and reached[source] != core:
                reached[source] = core
                used[core_of[source]] += 1
    return used


@kernel
def _connected(origin: Any, targets: Any, cores: int) -> tuple[Any, Any]:
    """Pairs of different cores between which there are lists; ``origin`` ascends."""
    reached = np.full(cores, -1, dtype=np.int64)
    pairs, count = np.empty((2, origin.size), dtype=np.int64), 0
    for place in range(origin.size):
        begin, end = origin[place], targets[place]
        if begin != end and reached[end] != begin:
            reached[end] = begin
            pairs[0, count], pairs[1, count] = begin, end
            count += 1
    return pairs[0, :count].copy(), pairs[1, :count].copy()


@kernel
def _blocks(count: int, bits: int) -> int:
    """Bits of a list of ``count`` synapses of ``bits`` each."""
    full, rest = count // _BLOCK, count % _BLOCK
    total = full * ((_BLOCK * bits + _HEADER + _WORD - 1) // _WORD * _WORD)
    if rest:
        total += (rest * bits + _HEADER + _WORD - 1) // _WORD * _WORD
    return total


@kernel
def _size(count: int, span: int, doubled: bool, longest: int, weight_bits: int) -> int:
    """Bits of a list in the smaller format; ``doubled``: a compartment occurs twice, so only the sparse one can."""
    delay_bits = 0
    while longest >> delay_bits:
        delay_bits += 1
    sparse = _blocks(count, weight_bits + delay_bits + _INDEX)
    return sparse if doubled else min(sparse, _blocks(span, weight_bits + delay_bits))


@kernel
def _list_bits(rows: Any, words: Any, weight_bits: int) -> Any:
    """(R,): bits of every list of a synapse memory."""
    result = np.zeros(rows.size - 1, dtype=np.int64)
    for row in range(rows.size - 1):
        longest, doubled, last = 0, False, np.int64(-1)
        for place in range(rows[row], rows[row + 1]):
            word: Any = np.int64(words[place])
            index, delay = word >> INDEX_BIT, (word >> DELAY_BIT) & 63
            longest, doubled, last = max(longest, delay), doubled or index == last, index
        count = rows[row + 1] - rows[row]
        if count:
            span: Any = last - (np.int64(words[rows[row]]) >> INDEX_BIT) + 1
            result[row] = _size(count, span, doubled, longest, weight_bits)
    return result


@kernel
def _fill(
    pre: Any,
    delay: Any,
    edges: Any,
    cuts: Any,
    presynaptic: int,
    weight_bits: int,
    most_compartments: int,
    most_axons: int,
    most_bits: int,
) -> tuple[Any, int, int, int]:
    """First compartments of cores, and their end; a compartment that is too much alone, or -1, with what it needs."""
    size = edges.size - 1
    first = np.zeros(size + 1, dtype=np.int64)
    seen = np.full(presynaptic, -1, dtype=np.int64)  # first compartment of the core whose lists these columns hold
    count, begin, last = (
        np.zeros(presynaptic, np.int64),
        np.zeros(presynaptic, np.int64),
        np.zeros(presynaptic, np.int64),
    )
    longest, bits, doubled = (
        np.zeros(presynaptic, np.int64),
        np.zeros(presynaptic, np.int64),
        np.zeros(presynaptic, np.bool_),
    )
    cores, start, axons, total, neuron = 0, 0, 0, 0, 0
    while neuron < size:
        for place in range(edges[neuron], edges[neuron + 1]):
            source = pre[place]
            if seen[source] != start:
                seen[source], count[source], begin[source], last[source] = start, 0, neuron, -1
                longest[source], bits[source], doubled[source] = 0, 0, False
                axons += 1
            count[source] += 1
            doubled[source] = doubled[source] or last[source] == neuron
            last[source] = neuron
            longest[source] = max(longest[source], delay[place])
            needed = _size(count[source], neuron - begin[source] + 1, doubled[source], longest[source], weight_bits)
            total += needed - bits[source]
            bits[source] = needed
        full = axons > most_axons or total > most_bits
        if full and neuron == start:
            return first, neuron, axons, total
        if full or neuron - start == most_compartments or (cuts[neuron] and neuron > start):
            cores += 1
            start, axons, total = neuron, 0, 0  # and once more, as the first of its core
            first[cores] = start
        else:
            neuron += 1
    first[cores + 1] = size
    return first[: cores + 2].copy(), -1, 0, 0
