"""A TrueNorth chip as the flat arrays that its compiled loop works on: what it reads, and what changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from golden.machines.truenorth import SLOTS
from golden.neurons.truenorth import PARAMETERS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from golden.machines.truenorth import TrueNorthMachine


class Memories(NamedTuple):
    """What the ticks read. P = cores x neurons places, words of 64 bits, lowest first.

    parameters  the fields of ``Neuron``, int32 (P,) or (P, 4)
    counted     int32 (4, P): the weights, 0 where an event draws
    drawing     (P,): the axon types at whose events a neuron draws, as bits
    plain       bool (C,): whether nothing of a core draws
    columns     uint64 (words of axons, P): the axons that reach a neuron
    touched     uint64 (C, axons, words of neurons): the neurons that an axon reaches
    types       uint64 (C, 4, words of axons): the axons of a type;  axon_types (C, axons)
    targets     see TrueNorthMachine.targets
    """

    parameters: Any
    counted: Any
    drawing: Any
    plain: Any
    columns: Any
    touched: Any
    types: Any
    axon_types: Any
    targets: Any


class State(NamedTuple):
    """What changes. A core is ``whole`` when all its neurons are at the last tick; else each is at its own.

    potential  int64 (P,);  last (P,): the tick it is at;  due (P,): the tick at which it must be updated next
    whole      bool (C,);  core_due (C,): the least of its ``due``
    scheduler  uint64 (C, slots, words of axons);  randoms int64 (C,): LFSRs;  counters int64: merged, left
    """

    potential: Any
    last: Any
    due: Any
    whole: Any
    core_due: Any
    scheduler: Any
    randoms: Any
    counters: Any


def load(machine: TrueNorthMachine) -> tuple[Memories, State]:
    cores, places = machine.cores, machine.cores * machine.neurons
    values = machine.population.values
    stochastic = values["stochastic_weights"] > 0
    draws = stochastic.any(axis=1) | (values["stochastic_leak"] > 0) | (values["random_bits"] > 0)
    memories = Memories(
        parameters=tuple(np.ascontiguousarray(values[name], dtype=np.int32) for name in PARAMETERS),
        counted=np.ascontiguousarray(np.where(stochastic, 0, values["weights"]).T, dtype=np.int32),
        drawing=stochastic @ (1 << np.arange(4)),
        plain=~draws.reshape(cores, -1).any(axis=1),
        columns=np.ascontiguousarray(_words(machine.crossbar.transpose(0, 2, 1)).reshape(places, -1).T),
        touched=_words(machine.crossbar),
        types=np.stack([_words(machine.axon_types == g) for g in range(4)], axis=1),
        axon_types=np.ascontiguousarray(machine.axon_types),
        targets=np.ascontiguousarray(machine.targets),
    )
    state = State(
        potential=np.zeros(places, dtype=np.int64),
        last=np.full(places, -1, dtype=np.int64),
        due=np.zeros(places, dtype=np.int64),
        whole=np.ones(cores, dtype=np.bool_),
        core_due=np.zeros(cores, dtype=np.int64),
        scheduler=np.zeros((cores, SLOTS, len(memories.columns)), dtype=np.uint64),
        randoms=machine.seeds.astype(np.int64),
        counters=np.zeros(2, dtype=np.int64),
    )
    return memories, state


def _words(bits: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """The last axis as words of 64 bits, lowest first."""
    padding = [(0, 0)] * (bits.ndim - 1) + [(0, -bits.shape[-1] % 64)]
    packed = np.packbits(np.pad(bits, padding), axis=-1, bitorder="little")
    return np.ascontiguousarray(packed).view("<u8").astype(np.uint64)
