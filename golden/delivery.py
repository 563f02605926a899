"""Synapses laid out for delivery: a row for each presynaptic index, in it fronts of one delay, in them the targets.

A spike adds the weights of a front to the row of a ring buffer in which they act: one loop over neighbours in memory.
What several spikes add to one neuron is summed in this order, in NumPy as in compiled loops: by the step of emission,
in it by presynaptic index, in it by the order of the table of synapses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from golden.compiled import compilable, kernel
from golden.synapses import delay_steps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from golden.fixed import IntArray
    from golden.neurons.lif import FloatArray
    from golden.synapses import IndexArray, Synapses


class Delivery(NamedTuple):
    """Rows of synapses; 12 bytes a synapse, 12 a front and 8 a presynaptic index.

    fronts   int64 (P + 1): the fronts of presynaptic index p are fronts[p] to fronts[p + 1] - 1, delays ascending
    edges    int64 (F + 1): the synapses of front f are edges[f] to edges[f + 1] - 1, targets ascending
    delay    int32 (F): steps from emission to effect
    target   uint32 (S)
    weight   float64 (S)
    """

    fronts: IntArray
    edges: IntArray
    delay: IndexArray
    target: NDArray[np.uint32]
    weight: FloatArray

    @classmethod
    def of(cls, synapses: Synapses, presynaptic: int, postsynaptic: int, dt: float) -> Delivery:
        """The rows of ``presynaptic`` indices; delays are rounded to whole steps of ``dt`` [s], ties to even."""
        delay = delay_steps(synapses.delay, dt)
        order = np.arange(len(synapses))
        for keys, count in (
            (synapses.post, postsynaptic),
            (delay, int(delay.max(initial=0)) + 1),
            (synapses.pre, presynaptic),
        ):
            if count > 1:
                order = _sorted(order, keys, count)
        pre, delay = synapses.pre[order], delay[order]
        starts = np.flatnonzero(np.r_[True, (pre[1:] != pre[:-1]) | (delay[1:] != delay[:-1])][: len(pre)])
        fronts = np.searchsorted(pre[starts], np.arange(presynaptic + 1))
        target, weight = synapses.post[order].astype(np.uint32), synapses.weight[order]
        return cls(fronts, np.append(starts, len(pre)), delay[starts], target, weight)

    @property
    def slots(self) -> int:
        """Rows of a ring buffer that holds all that is on its way."""
        return int(self.delay.max(initial=0)) + 1

    @property
    def nbytes(self) -> int:
        """Bytes of all tables."""
        return sum(table.nbytes for table in self)


def deliver(rows: Delivery, ring: FloatArray, step: int, emitters: IntArray) -> None:
    """What is emitted at ``step`` by the presynaptic indices ``emitters``, into the ring (slots, N), by NumPy."""
    for pre in emitters.tolist():
        for front in range(rows.fronts[pre], rows.fronts[pre + 1]):
            part = slice(rows.edges[front], rows.edges[front + 1])
            slot = (step + int(rows.delay[front])) % len(ring)
            np.add.at(ring[slot], rows.target[part], rows.weight[part])


def deliver_one(rows: Delivery, ring: FloatArray, step: int, pre: int) -> None:
    """The same for one presynaptic index, for compiled loops."""
    for front in range(rows.fronts[pre], rows.fronts[pre + 1]):
        slot = ring[(step + rows.delay[front]) % len(ring)]
        for k in range(rows.edges[front], rows.edges[front + 1]):
            slot[rows.target[k]] += rows.weight[k]


@kernel
def _sorted(order: IntArray, keys: Any, count: int) -> IntArray:
    """``order``, sorted by keys[order] from 0 to ``count`` - 1; what is equal stays as it was."""
    places = np.zeros(count + 1, dtype=np.int64)
    for key in keys:
        places[key + 1] += 1
    places = np.cumsum(places)
    result = np.empty_like(order)
    for index in order:
        key = keys[index]
        result[places[key]] = index
        places[key] += 1
    return result


compilable(deliver_one)
