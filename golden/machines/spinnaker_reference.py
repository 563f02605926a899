"""The ticks of a SpiNNaker machine twice over: in plain numbers, to be read beside the contract, and in arrays.

Both take a ``golden.machines.spinnaker.SpiNNakerMachine``, inputs that it has checked and the neurons whose states are
kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from golden import lfsr
from golden.machines.spinnaker import COUNTERS, TYPE_BITS, WEIGHT_SHIFT
from golden.machines.spinnaker_loop import feed, record_of, relay_map, rest, rows
from golden.neurons.spinnaker import (
    DOWN,
    DROPPED,
    NEAREST,
    RING_MAX,
    TYPES,
    Core,
    Rounding,
    is_float,
    to_input,
    update,
    update_float,
)
from golden.stdfix import ACCUM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from golden.fixed import IntArray
    from golden.machines.run import MachineInputs, MachineRecord
    from golden.machines.spinnaker import SpiNNakerMachine
    from golden.machines.spinnaker_kernel import Inputs, Rows


class Word(NamedTuple):
    """A synapse word taken apart."""

    weight: int
    delay: int
    kind: int
    neuron: int


def word_of(machine: SpiNNakerMachine, word: int) -> Word:
    """weight[31:16] | delay | type | index."""
    low = word & ((1 << WEIGHT_SHIFT) - 1)
    delay = (low >> (machine.index_bits + TYPE_BITS)) & (machine.slots - 1)
    return Word(word >> WEIGHT_SHIFT, delay, low >> machine.index_bits & 1, low & ((1 << machine.index_bits) - 1))


def run_scalar(machine: SpiNNakerMachine, inputs: MachineInputs, recorded: IntArray) -> MachineRecord:
    """The reference: packet by packet, synapse by synapse, neuron by neuron."""
    neurons, first, memory = machine.neurons, machine.first.tolist(), rows(machine)
    cores = [
        Core([neurons.neuron(n) for n in range(a, b)], tuple(shift), machine.slots, neurons.arithmetic, seed)
        for a, b, shift, seed in zip(first, first[1:], machine.shifts.tolist(), machine.seeds.tolist(), strict=False)
    ]
    given, relays, events = feed(machine, inputs), relay_map(machine), 0
    targets = machine.row_core.tolist()
    fired: list[list[int]] = []
    states: list[list[tuple[Any, ...]]] = []

    def where(neuron: int) -> tuple[Core, int]:
        core = max(c for c, a in enumerate(first) if a <= neuron)
        return cores[core], neuron - first[core]

    for tick in range(inputs.ticks):
        for axon in _arrivals(tick, machine, fired, given, relays):
            at = int(memory.first_word[axon])
            for row in range(machine.fan[axon], machine.fan[axon + 1]):
                end = at + int(machine.row_length[row])
                for word in machine.words[at:end].tolist():
                    weight, delay, kind, n = word_of(machine, word)
                    cores[targets[row]].receive(tick - 1 + delay, kind, n, weight)
                    events += 1
                at = end
        changed = slice(given.offset_edges[tick], given.offset_edges[tick + 1])
        for neuron, offset in zip(given.neurons[changed].tolist(), given.offsets[changed], strict=True):
            core, n = where(neuron)
            core.neurons[n] = core.neurons[n]._replace(I_offset=type(core.neurons[n].I_offset)(offset))
        fired.append([first[c] + n for c, core in enumerate(cores) for n in core.tick(tick)])
        states.append([core.states[n][:3] for core, n in map(where, recorded.tolist())])
    table = np.array(states, dtype=neurons.dtype).reshape(inputs.ticks, recorded.size, 3)
    counts = np.array([sum(core.saturations for core in cores), events])
    return record_of(_table(fired), recorded, tuple(np.moveaxis(table, 2, 0)), counts)


def run_numpy(machine: SpiNNakerMachine, inputs: MachineInputs, recorded: IntArray) -> MachineRecord:
    """All packets, synapses and neurons of a tick at a time."""
    neurons, kind, memory, targets = machine.neurons, machine.neurons.dtype, rows(machine), machine.row_core
    p, state, given, relays = neurons.neurons, rest(machine), feed(machine, inputs), relay_map(machine)
    p = p._replace(I_offset=np.array(p.I_offset))
    shifts = np.repeat(machine.shifts.T, np.diff(machine.first), axis=1)
    ring = np.zeros((machine.slots, len(TYPES), neurons.size), dtype=np.int64)
    randoms, counts = machine.seeds.copy(), np.zeros(len(COUNTERS), dtype=np.int64)
    fired: list[list[int]] = []
    states = np.empty((3, inputs.ticks, recorded.size), dtype=kind)
    for tick in range(inputs.ticks):
        axons = np.array(list(_arrivals(tick, machine, fired, given, relays)), dtype=np.int64)
        if axons.size:
            counts += _receive(ring, axons, memory, targets, tick - 1)
        changed = slice(given.offset_edges[tick], given.offset_edges[tick + 1])
        p.I_offset[given.neurons[changed]] = given.offsets[changed]
        weights = ring[tick % machine.slots]
        if is_float(neurons.arithmetic):
            exc, inh = weights.astype(kind) * (2.0 ** (shifts - ACCUM)).astype(kind)
            state, spike = update_float(p, state, exc, inh)
        else:
            exc, inh = to_input(weights, shifts)
            state, spike = update(p, state, exc, inh, _rounding(machine, randoms))
        weights[:] = 0
        fired.append(np.flatnonzero(spike).tolist())
        states[:, tick] = [values[recorded] for values in state[:3]]
    return record_of(_table(fired), recorded, tuple(states), counts)


def _arrivals(
    tick: int, machine: SpiNNakerMachine, fired: list[list[int]], given: Inputs, relays: NDArray[np.int32]
) -> Iterator[int]:
    """Axons whose packets are received for ``tick``, in the order of their keys."""
    for stage, relay in enumerate(relays):
        past = tick - stage * machine.slots
        if past < 0:
            return
        sources = given.sources[given.source_edges[past] : given.source_edges[past + 1]] + machine.neurons.size
        axons = [*(fired[past - 1] if past else []), *sources.tolist()]
        yield from (axon for axon in (relay[axons].tolist() if stage else axons) if axon >= 0)


def _rounding(machine: SpiNNakerMachine, randoms: IntArray) -> Rounding:
    """What the products of a tick are rounded with; moves the generators on."""
    if machine.neurons.arithmetic != "s16.15-stochastic":
        return NEAREST if machine.neurons.arithmetic == "s16.15-nearest" else DOWN
    drawn = np.empty((machine.neurons.size, len(DROPPED)), dtype=np.int64)
    sizes = np.diff(machine.first)
    for step in range(int(sizes.max()) * len(DROPPED)):  # all cores at once
        n, k = divmod(step, len(DROPPED))
        cores = np.flatnonzero(sizes > n)
        randoms[cores] = lfsr.step(randoms[cores])
        drawn[machine.first[cores] + n, k] = randoms[cores] & ((1 << DROPPED[k]) - 1)
    return Rounding(*drawn.T)


def _receive(ring: IntArray, axons: IntArray, memory: Rows, targets: NDArray[np.uint16], sent: int) -> IntArray:
    """Add all synapses of these axons, in order, to the ring buffers; saturations and synaptic events."""
    chosen = _ranges(memory.fan[axons], memory.fan[axons + 1])
    words = memory.words[_ranges(memory.first_word[axons], memory.first_word[axons + 1])].astype(np.int64)
    first = np.repeat(memory.core_first[targets[chosen]], memory.row_length[chosen])
    slot = (sent + (words >> (memory.index_bits + TYPE_BITS))) & memory.delay_mask
    kind, n = (words >> memory.index_bits) & 1, first + (words & ((1 << memory.index_bits) - 1))
    entry, weight = np.ravel_multi_index((slot, kind, n), ring.shape), words >> WEIGHT_SHIFT
    order = np.argsort(entry, kind="stable")
    entry, weight = entry[order], weight[order]
    # Sums of all weights so far to the same entry: once one is past 16 bits, every further weight but 0 saturates.
    begins = np.flatnonzero(np.diff(entry, prepend=-1))
    total = np.cumsum(weight)
    before = np.repeat(total[begins] - weight[begins], np.diff(begins, append=entry.size))
    sums = ring.reshape(-1)[entry] + total - before
    ends = np.append(begins[1:], entry.size) - 1 if entry.size else begins
    ring.reshape(-1)[entry[ends]] = np.minimum(sums[ends], RING_MAX)
    return np.array([((sums > RING_MAX) & (weight > 0)).sum(), words.size])


def _ranges(begins: IntArray, ends: IntArray) -> IntArray:
    """All integers from each begin to before its end, one range after another."""
    lengths = ends - begins
    places: IntArray = np.arange(int(lengths.sum())) + np.repeat(begins - np.cumsum(lengths) + lengths, lengths)
    return places


def _table(fired: list[list[int]]) -> IntArray:
    """Rows (tick, neuron)."""
    return np.array([(tick, n) for tick, ones in enumerate(fired) for n in ones], dtype=np.int64).reshape(-1, 2)
