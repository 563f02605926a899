"""The ticks of Loihi cores in compiled code, from the golden step itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from golden.compiled import compilable, kernel
from golden.machines.loihi import COUNTERS, DELAY_BIT, INDEX_BIT
from golden.machines.run import MachineRecord
from golden.neurons.loihi import (
    Compartment,
    State,
    decay,
    overflows,
    sums,
    update,
    wrap,
    wrap_like_lava,
)  # fmt: skip
from golden.neurons.loihi_weights import STORED_BITS, scaled

if TYPE_CHECKING:
    from golden.fixed import IntArray
    from golden.machines.loihi import LoihiMachine
    from golden.machines.run import MachineInputs, Progress

compilable(wrap, decay, wrap_like_lava, sums, update, overflows, scaled)

#: Compartment updates between two looks at the progress.
_CHUNK = 1 << 22


def run(
    machine: LoihiMachine, inputs: MachineInputs, recorded: IntArray, progress: Progress | None = None
) -> MachineRecord:
    """``LoihiMachine.run`` for inputs that it has checked."""
    size = machine.size
    values = machine.compartments.values
    p = Compartment(**{name: np.array(values[name]) for name in Compartment._fields})  # the bias changes
    state = State(*(np.zeros(size, dtype=np.int64) for _ in State._fields))
    # One slot per delay that occurs, and each is free again before the longest delay comes round to it.
    arriving = np.zeros((machine.largest_delay + 1, size), dtype=np.int64)
    starts = np.concatenate(([0], np.cumsum(machine.row_length, dtype=np.int64)))[machine.fan]
    memory = (machine.cores, machine.fan, starts, machine.row_step, machine.row_length, machine.words)
    edges = [np.searchsorted(t[:, 0], np.arange(inputs.ticks + 1)) for t in (inputs.spikes, inputs.currents)]
    history = np.zeros((len(State._fields), inputs.ticks, recorded.size), dtype=np.int64)
    counts = np.zeros(len(COUNTERS), dtype=np.int64)
    fired = np.zeros(size, dtype=np.bool_)
    step = min(max(1, _CHUNK // size), inputs.ticks)
    found = np.empty((step * size, 2), dtype=np.int32)
    spikes = []
    for first in range(0, inputs.ticks, step):
        last = min(first + step, inputs.ticks)
        count = _ticks(
            first, last, p, state, machine.rules, machine.exponent, arriving, fired, memory,
            inputs.spikes, edges[0], inputs.currents, edges[1], recorded, history, counts, found,
        )  # fmt: skip
        spikes.append(found[:count].astype(np.int64))
        if progress is not None:
            progress(last / inputs.ticks)
    named = {name: history[k] for k, name in enumerate(State._fields)}
    return MachineRecord(np.concatenate(spikes), recorded, named, dict(zip(COUNTERS, counts.tolist(), strict=True)))


@kernel
def _deliver(presynaptic: int, slot: int, arriving: Any, memory: Any) -> None:
    """Add the weights of all synapses of one spike that is emitted now, when ``slot`` is the one of this tick."""
    cores, fan, starts, steps, lengths, words = memory
    slots, core, begin = arriving.shape[0], np.int64(0), starts[presynaptic]
    for row in range(fan[presynaptic], fan[presynaptic + 1]):
        core += np.int64(steps[row])
        base, end = np.int64(cores[core]), begin + np.int64(lengths[row])
        for place in range(begin, end):
            word = np.int64(words[place])
            due = slot + ((word >> DELAY_BIT) & 63)
            if due >= slots:
                due -= slots
            arriving[due, base + (word >> INDEX_BIT)] += wrap(word, STORED_BITS)
        begin = end


@kernel
def _update(p: Any, state: Any, rules: Any, exponent: int, arrived: Any, fired: Any, counts: Any) -> None:
    """One step of every compartment; ``arrived`` is 0 afterwards. A loop of its own, which the compiler vectorises."""
    of_q, of_u, of_v = 0, 0, 0
    for k in range(fired.size):
        one = Compartment(
            p.du[k], p.dv[k], p.vth[k], p.bias_mant[k], p.bias_exp[k], p.refractory[k], p.vmin[k], p.vmax[k]
        )
        before = State(state.u[k], state.v[k], state.r[k])
        a = scaled(arrived[k], exponent)
        arrived[k] = 0
        over = overflows(one, before, a, rules)
        of_q += over.q
        of_u += over.u
        of_v += over.v
        after = update(one, before, a, rules)
        state.u[k], state.v[k], state.r[k] = after.state.u, after.state.v, after.state.r
        fired[k] = after.spike
    counts[0] += of_q
    counts[1] += of_u
    counts[2] += of_v


@kernel
def _ticks(
    first: int,
    last: int,
    p: Any,
    state: Any,
    rules: Any,
    exponent: int,
    arriving: Any,
    fired: Any,
    memory: Any,
    spikes: Any,
    spike_edges: Any,
    currents: Any,
    current_edges: Any,
    recorded: Any,
    history: Any,
    counts: Any,
    found: Any,
) -> int:
    """Ticks ``first`` to ``last``; the number of spikes, written to ``found`` (tick, neuron)."""
    size, slots, count = fired.size, arriving.shape[0], 0
    for tick in range(first, last):
        slot = tick % slots
        for row in range(current_edges[tick], current_edges[tick + 1]):
            p.bias_mant[currents[row, 1]] = currents[row, 2]
        for row in range(spike_edges[tick], spike_edges[tick + 1]):
            _deliver(size + spikes[row, 1], slot, arriving, memory)
        for k in range(size):  # what fired in the last tick is emitted in this one
            if fired[k]:
                _deliver(k, slot, arriving, memory)
        _update(p, state, rules, exponent, arriving[slot], fired, counts)
        for k in range(size):
            if fired[k]:
                found[count, 0], found[count, 1] = tick, k
                count += 1
        for k in range(recorded.size):
            neuron = recorded[k]
            history[0, tick, k], history[1, tick, k] = state.u[neuron], state.v[neuron]
            history[2, tick, k] = state.r[neuron]
    return count
