"""Synapse memories: rows of 32-bit words, by presynaptic axon and target core, in little room and linear time.

A row belongs to an axon (a neuron, a source, a relay) and a core. It takes two bytes beside its words: how many cores
it is after the axon's row before (or after core 0), and how many words it has. A row of more than 255 words goes on in
the next with step 0; a step of more than 255 cores passes over rows without words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from golden.compiled import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from golden.fixed import IntArray

#: Largest step and length of a row: 8 bits.
LONGEST = 255


def rows_of(
    axon: NDArray[np.int32],
    post: NDArray[np.int32],
    words: NDArray[np.uint32],
    axons: int,
    first: IntArray,
    index_bit: int = 0,
) -> tuple[NDArray[np.uint32], IntArray, NDArray[np.uint8], NDArray[np.uint8]]:
    """The words row by row, the bounds of each axon's rows (axons + 1,), and step and length of every row.

    axon, post  of every synapse; ``words`` their words but for the neuron's index in its core, which is added here
                at ``index_bit``
    first       (C + 1,): first neuron of every core

    Synapses of one axon and core keep their order.
    """
    core_of = np.repeat(np.arange(first.size - 1, dtype=np.uint16), np.diff(first))
    by_core = sorted_by(core_of[post], first.size - 1, np.arange(post.size, dtype=np.int32))
    order = sorted_by(axon, axons, by_core)
    axon, cores = axon[order], core_of[post[order]]
    counts, nothing = np.zeros(axons, dtype=np.int64), np.empty(0, dtype=np.uint8)
    _rows(axon, cores, counts, nothing, nothing)
    step, length = np.empty((2, int(counts.sum())), dtype=np.uint8)
    _rows(axon, cores, counts, step, length)
    return _words(words, post, first[core_of], order, index_bit), np.concatenate(([0], np.cumsum(counts))), step, length


def cores_of(fan: IntArray, row_step: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """The core of every row."""
    passed = np.concatenate(([0], np.cumsum(row_step, dtype=np.int64)))
    cores: NDArray[np.uint16] = (passed[1:] - np.repeat(passed[fan[:-1]], np.diff(fan))).astype(np.uint16)
    return cores


class Lists(NamedTuple):
    """The rows of one axon and core taken together: the input axons of the cores.

    of      (axons,): how many lists each axon has
    core    (L,): the core of every list;  bounds (L + 1,): its words are bounds[k] to bounds[k + 1]
    """

    of: IntArray
    core: NDArray[np.uint16]
    bounds: IntArray


def lists_of(fan: IntArray, row_step: NDArray[np.uint8], row_length: NDArray[np.uint8]) -> Lists:
    """The lists of a memory, from the tables of ``rows_of``."""
    first = np.zeros(row_step.size + 1, dtype=np.bool_)
    first[fan] = True
    begins = np.flatnonzero((row_length > 0) & (first[:-1] | (row_step > 0)))
    words = np.concatenate(([0], np.cumsum(row_length, dtype=np.int64)))
    axon = np.searchsorted(fan, begins, side="right") - 1
    return Lists(
        np.bincount(axon, minlength=fan.size - 1),
        cores_of(fan, row_step)[begins],
        np.append(words[begins], words[-1]),
    )


@kernel
def sorted_by(keys: NDArray[Any], size: int, order: NDArray[np.int32]) -> NDArray[np.int32]:
    """``order`` sorted by the keys, 0 to size - 1, of what it points at; equal keys keep their order."""
    places = np.zeros(size + 1, dtype=np.int64)
    for k in range(keys.size):
        places[keys[k] + 1] += 1
    for key in range(size):
        places[key + 1] += places[key]
    result = np.empty_like(order)
    for k in range(order.size):
        key = keys[order[k]]
        result[places[key]] = order[k]
        places[key] += 1
    return result


@kernel
def _rows(
    axon: NDArray[np.int32],
    cores: NDArray[np.uint16],
    counts: IntArray,
    step: NDArray[np.uint8],
    length: NDArray[np.uint8],
) -> None:
    """Write the rows of synapses sorted by axon and core; without room for them, only count them by axon."""
    row, begin, last_axon, last_core, counting = 0, 0, -1, 0, step.size == 0
    while begin < axon.size:
        a, core = int(axon[begin]), int(cores[begin])
        end = begin + 1
        while end < axon.size and axon[end] == a and cores[end] == core:
            end += 1
        if a != last_axon:
            last_axon, last_core = a, 0
        while begin < end:
            ahead = min(core - last_core, LONGEST)
            last_core += ahead
            count = min(end - begin, LONGEST) if last_core == core else 0
            if counting:
                counts[a] += 1
            else:
                step[row], length[row] = ahead, count
            row += 1
            begin += count


@kernel
def _words(
    words: NDArray[np.uint32], post: NDArray[np.int32], first_of: IntArray, order: NDArray[np.int32], index_bit: int
) -> NDArray[np.uint32]:
    """The words in their order, each with its neuron's index in the core."""
    result = np.empty_like(words)
    for k in range(order.size):
        n = post[order[k]]
        result[k] = words[order[k]] + np.uint32((n - first_of[n]) << index_bit)
    return result
