"""The ticks of Loihi cores twice over: in plain ints, to be read beside the contract, and in arrays.

Both take a ``golden.machines.loihi.LoihiMachine``, inputs that it has checked and the neurons whose states are kept.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from golden.machines.loihi import COUNTERS, DELAY_BIT, DELAYS, INDEX_BIT
from golden.machines.run import MachineRecord
from golden.neurons.loihi import State, overflows, update, wrap
from golden.neurons.loihi_weights import STORED_BITS, scaled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from golden.fixed import IntArray
    from golden.machines.loihi import LoihiMachine
    from golden.machines.run import MachineInputs


def run_scalar(machine: LoihiMachine, inputs: MachineInputs, recorded: IntArray) -> MachineRecord:
    """The reference: one compartment after another, one synapse after another."""
    size, rules = machine.size, machine.rules
    compartments = [machine.compartments.compartment(k) for k in range(size)]
    states = [State(0, 0, 0)] * size
    arriving = [[0] * size for _ in range(DELAYS)]  # by tick modulo 63: synaptic sums
    emitting: list[int] = []
    spikes, history, counters = [], [], Counter(dict.fromkeys(COUNTERS, 0))
    lists, words, cores = machine.lists, machine.words.tolist(), machine.cores.tolist()
    axons, bounds = [0, *np.cumsum(lists.of).tolist()], lists.bounds.tolist()
    arrivals, changes = inputs.slices("spikes"), inputs.slices("currents")
    for tick in range(inputs.ticks):
        for _, neuron, value in inputs.currents[changes[tick]].tolist():
            compartments[neuron] = compartments[neuron]._replace(bias_mant=value)
        emitting += [size + source for _, source in inputs.spikes[arrivals[tick]].tolist()]
        for presynaptic in emitting:
            for axon in range(axons[presynaptic], axons[presynaptic + 1]):
                for word in words[bounds[axon] : bounds[axon + 1]]:
                    neuron = cores[lists.core[axon]] + (word >> INDEX_BIT)
                    due = tick + (word >> DELAY_BIT) % 64
                    arriving[due % DELAYS][neuron] += wrap(word, STORED_BITS)
        sums, arriving[tick % DELAYS] = arriving[tick % DELAYS], [0] * size
        emitting = []
        for neuron, p in enumerate(compartments):
            a = scaled(sums[neuron], machine.exponent)
            counters.update(dict(zip(COUNTERS, overflows(p, states[neuron], a, rules), strict=True)))
            states[neuron], spike = update(p, states[neuron], a, rules)
            if spike:
                spikes.append((tick, neuron))
                emitting.append(neuron)
        history.append([states[neuron] for neuron in recorded])
    kept = np.array(history, dtype=np.int64).reshape(inputs.ticks, recorded.size, len(State._fields))
    named = {name: kept[..., k] for k, name in enumerate(State._fields)}
    return MachineRecord(np.array(spikes, dtype=np.int64).reshape(-1, 2), recorded, named, dict(counters))


def run_numpy(machine: LoihiMachine, inputs: MachineInputs, recorded: IntArray) -> MachineRecord:
    """All compartments at once."""
    size, rules = machine.size, machine.rules
    p = machine.compartments.compartments
    p = p._replace(bias_mant=p.bias_mant.copy())
    state = State(*np.zeros((3, size), dtype=np.int64))
    arriving = np.zeros((DELAYS, size), dtype=np.int64)
    emitting, lists = np.empty(0, dtype=np.int64), machine.lists
    first = np.concatenate(([0], np.cumsum(lists.of)))
    spikes, history, counts = [], [], np.zeros(len(COUNTERS), dtype=np.int64)
    arrivals, changes = inputs.slices("spikes"), inputs.slices("currents")
    for tick in range(inputs.ticks):
        _, neurons, values = inputs.currents[changes[tick]].T
        p.bias_mant[neurons] = values
        emitting = np.concatenate((emitting, inputs.spikes[arrivals[tick], 1] + size))
        axons = _ranges(first[emitting], first[emitting + 1])
        begin, end = lists.bounds[axons], lists.bounds[axons + 1]
        words = machine.words[_ranges(begin, end)].astype(np.int64)
        neurons = np.repeat(machine.cores[lists.core[axons]], end - begin) + (words >> INDEX_BIT)
        due = (tick + (words >> DELAY_BIT) % 64) % DELAYS
        np.add.at(arriving, (due, neurons), wrap(words, STORED_BITS))
        a = scaled(arriving[tick % DELAYS], machine.exponent)
        counts += [np.count_nonzero(flags) for flags in overflows(p, state, a, rules)]
        state, spike = update(p, state, a, rules)
        arriving[tick % DELAYS] = 0
        emitting = np.flatnonzero(spike)
        spikes.append(np.column_stack((np.full(emitting.size, tick), emitting)))
        history.append([values[recorded] for values in state])
    kept = np.array(history).reshape(inputs.ticks, len(State._fields), recorded.size)
    named = {name: kept[:, k] for k, name in enumerate(State._fields)}
    counters = dict(zip(COUNTERS, counts.tolist(), strict=True))
    return MachineRecord(np.concatenate(spikes).astype(np.int64), recorded, named, counters)


def _ranges(begin: NDArray[Any], end: NDArray[Any]) -> IntArray:
    """begin[0] to end[0] - 1, begin[1] to end[1] - 1, and so on, one after another."""
    count: IntArray = (end - begin).astype(np.int64)
    return np.arange(count.sum(), dtype=np.int64) + np.repeat(begin - np.cumsum(count) + count, count)
