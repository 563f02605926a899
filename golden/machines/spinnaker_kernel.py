"""Compiled loops of the SpiNNaker machine: the same ticks as golden.neurons.spinnaker.Core, over arrays."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray  # noqa: TC002  the fields of named tuples are evaluated when they are compiled

from golden import lfsr
from golden.compiled import compilable, kernel
from golden.neurons.spinnaker import (
    DROPPED,
    NEAREST,
    RING_MAX,
    Neuron,
    Rounding,
    State,
    to_input,
    update,
    update_float,
)
from golden.stdfix import decay, mulk, wrap

compilable(wrap, mulk, decay, to_input, lfsr.step, update, update_float)

_OVERFLOW = RING_MAX + 1
_FRACT_MASK, _ACCUM_MASK = (1 << DROPPED.init_exc) - 1, (1 << DROPPED.R) - 1
#: How products are rounded.
ROUND_DOWN, ROUND_NEAREST, ROUND_STOCHASTIC = 0, 1, 2
_HALF_FRACT, _HALF_ACCUM = NEAREST.init_exc, NEAREST.R
#: Neurons of a core, at most.
_CORE = 256


class Rows(NamedTuple):
    """Synapse memories: words (S,), their first index per axon, rows per axon, step and length of each row.

    core_first (C + 1,) is the first neuron of each core; index_bits and delay_mask say how a word is read.
    """

    words: NDArray[np.uint32]
    first_word: NDArray[np.int64]
    fan: NDArray[np.int64]
    row_step: NDArray[np.uint8]
    row_length: NDArray[np.uint8]
    core_first: NDArray[np.int64]
    index_bits: int
    delay_mask: int


class Inputs(NamedTuple):
    """Sources' spikes and changes of I_offset, each with the bounds of every tick (ticks + 1,)."""

    sources: NDArray[np.int64]
    source_edges: NDArray[np.int64]
    neurons: NDArray[np.int64]
    offsets: NDArray[Any]
    offset_edges: NDArray[np.int64]


class Fired(NamedTuple):
    """Spikes so far: neurons, and the bounds of every tick (ticks + 1,); room for more."""

    neurons: NDArray[np.int32]
    edges: NDArray[np.int64]


class Records(NamedTuple):
    """States of the recorded neurons, (ticks, M) each."""

    neurons: NDArray[np.int64]
    v: NDArray[Any]
    exc: NDArray[Any]
    inh: NDArray[Any]


@kernel
def receive(axon: Any, sent: int, rows: Rows, ring: NDArray[np.uint16], counts: NDArray[np.int64]) -> None:
    """Add all synapses of an axon whose packet was sent in tick ``sent``; counts saturations and synaptic events."""
    at, core = rows.first_word[axon], 0
    index_mask = (1 << rows.index_bits) - 1
    for row in range(rows.fan[axon], rows.fan[axon + 1]):
        core += rows.row_step[row]
        first = rows.core_first[core]
        end = at + rows.row_length[row]
        for k in range(at, end):
            word = np.int64(rows.words[k])
            slot = (sent + (word >> (rows.index_bits + 1))) & rows.delay_mask
            kind, n = (word >> rows.index_bits) & 1, first + (word & index_mask)
            total: Any = np.int64(ring[slot, kind, n]) + (word >> 16)
            if total & _OVERFLOW:
                total = RING_MAX
                counts[0] += 1
            ring[slot, kind, n] = total
        counts[1] += end - at
        at = end


@kernel
def arrive(
    tick: int,
    size: int,
    rows: Rows,
    relays: NDArray[np.int32],
    inputs: Inputs,
    fired: Fired,
    ring: NDArray[np.uint16],
    counts: NDArray[np.int64],
) -> None:
    """All packets that act from this tick on, in the order of their keys.

    ``relays`` (stages + 1, axons): the relay of an axon in a stage, or -1; stage 0 is not used.
    """
    slots = rows.delay_mask + 1
    for stage in range(relays.shape[0]):
        past = tick - stage * slots
        if past < 0:
            break
        if past > 0:
            for k in range(fired.edges[past - 1], fired.edges[past]):
                axon = np.int64(fired.neurons[k])
                if stage > 0:
                    axon = np.int64(relays[stage, axon])
                if axon >= 0:
                    receive(axon, tick - 1, rows, ring, counts)
        for k in range(inputs.source_edges[past], inputs.source_edges[past + 1]):
            axon = size + inputs.sources[k]
            if stage > 0:
                axon = np.int64(relays[stage, axon])
            if axon >= 0:
                receive(axon, tick - 1, rows, ring, counts)


@kernel
def run_fixed(
    begin: int,
    end: int,
    p: Neuron,
    state: State,
    mode: int,
    randoms: NDArray[np.int64],
    shifts: NDArray[np.int64],
    rows: Rows,
    relays: NDArray[np.int32],
    inputs: Inputs,
    fired: Fired,
    ring: NDArray[np.uint16],
    records: Records,
    counts: NDArray[np.int64],
) -> int:
    """Ticks from ``begin`` to ``end``, or until there may be no room for the spikes of the next: the next tick."""
    size = p.R.size
    constant = Rounding(0, 0, 0, 0, 0, 0)
    if mode == ROUND_NEAREST:
        constant = Rounding(_HALF_FRACT, _HALF_FRACT, _HALF_ACCUM, _HALF_ACCUM, _HALF_FRACT, _HALF_FRACT)
    drawn = np.zeros((6, _CORE), dtype=np.int64)
    spikes = np.zeros(_CORE, dtype=np.bool_)
    for tick in range(begin, end):
        count = fired.edges[tick]
        if count + size > fired.neurons.size:
            return tick
        arrive(tick, size, rows, relays, inputs, fired, ring, counts)
        for k in range(inputs.offset_edges[tick], inputs.offset_edges[tick + 1]):
            p.I_offset[inputs.neurons[k]] = inputs.offsets[k]
        slot = ring[tick & rows.delay_mask]
        for core in range(shifts.shape[0]):
            a, b = rows.core_first[core], rows.core_first[core + 1]
            if mode == ROUND_STOCHASTIC:
                randoms[core] = draw(randoms[core], b - a, drawn)
            shift_exc, shift_inh = shifts[core, 0], shifts[core, 1]
            any_spike = False
            for n in range(a, b):
                if mode == ROUND_STOCHASTIC:
                    k = n - a
                    rounding = Rounding(drawn[0, k], drawn[1, k], drawn[2, k], drawn[3, k], drawn[4, k], drawn[5, k])
                else:
                    rounding = constant
                one = Neuron(
                    p.R[n],
                    p.exp_TC[n],
                    p.V_rest[n],
                    p.V_reset[n],
                    p.V_thresh[n],
                    p.I_offset[n],
                    p.T_refract[n],
                    p.init_exc[n],
                    p.init_inh[n],
                    p.decay_exc[n],
                    p.decay_inh[n],
                )
                exc = to_input(np.int64(slot[0, n]), shift_exc)
                inh = to_input(np.int64(slot[1, n]), shift_inh)
                now = State(state.V[n], state.exc[n], state.inh[n], state.timer[n])
                after, spike = update(one, now, exc, inh, rounding)
                state.V[n], state.exc[n], state.inh[n], state.timer[n] = after.V, after.exc, after.inh, after.timer
                spikes[n - a] = spike
                any_spike |= spike
            if any_spike:
                count = collect(spikes, a, b, fired.neurons, count)
        slot[:] = 0
        fired.edges[tick + 1] = count
        keep(tick, state, records)
    return end


@kernel
def run_float(
    begin: int,
    end: int,
    p: Neuron,
    state: State,
    scales: NDArray[Any],
    rows: Rows,
    relays: NDArray[np.int32],
    inputs: Inputs,
    fired: Fired,
    ring: NDArray[np.uint16],
    records: Records,
    counts: NDArray[np.int64],
) -> int:
    """``run_fixed`` in the type of the parameters; ``scales`` (C, 2) [nA] of one integer of a ring buffer."""
    size = p.R.size
    spikes = np.zeros(_CORE, dtype=np.bool_)
    exc, inh = np.empty(_CORE, dtype=p.R.dtype), np.empty(_CORE, dtype=p.R.dtype)
    for tick in range(begin, end):
        count = fired.edges[tick]
        if count + size > fired.neurons.size:
            return tick
        arrive(tick, size, rows, relays, inputs, fired, ring, counts)
        for k in range(inputs.offset_edges[tick], inputs.offset_edges[tick + 1]):
            p.I_offset[inputs.neurons[k]] = inputs.offsets[k]
        slot = ring[tick & rows.delay_mask]
        for core in range(scales.shape[0]):
            a, b = rows.core_first[core], rows.core_first[core + 1]
            scale_exc, scale_inh = scales[core, 0], scales[core, 1]
            for n in range(a, b):
                one = Neuron(
                    p.R[n],
                    p.exp_TC[n],
                    p.V_rest[n],
                    p.V_reset[n],
                    p.V_thresh[n],
                    p.I_offset[n],
                    p.T_refract[n],
                    p.init_exc[n],
                    p.init_inh[n],
                    p.decay_exc[n],
                    p.decay_inh[n],
                )
                k = n - a
                exc[k], inh[k] = slot[0, n], slot[1, n]  # in the type of the parameters: exact, and so is the product
                now = State(state.V[n], state.exc[n], state.inh[n], state.timer[n])
                after, spike = update_float(one, now, exc[k] * scale_exc, inh[k] * scale_inh)
                state.V[n], state.exc[n], state.inh[n], state.timer[n] = after.V, after.exc, after.inh, after.timer
                spikes[k] = spike
            count = collect(spikes, a, b, fired.neurons, count)
        slot[:] = 0
        fired.edges[tick + 1] = count
        keep(tick, state, records)
    return end


@kernel
def draw(random: int, neurons: int, drawn: NDArray[np.int64]) -> int:
    """Six numbers for each neuron of a core, cut to the bits that their products drop; the generator's next state."""
    for n in range(neurons):
        for k in range(6):
            random = lfsr.step(random)
            drawn[k, n] = random & (_ACCUM_MASK if k == 2 or k == 3 else _FRACT_MASK)
    return random


@kernel
def collect(spikes: NDArray[np.bool_], a: int, b: int, neurons: NDArray[np.int32], count: int) -> int:
    """Append who fired of the neurons a to b - 1; how many there are now."""
    for n in range(a, b):
        if spikes[n - a]:
            neurons[count] = n
            count += 1
    return count


@kernel
def keep(tick: int, state: State, records: Records) -> None:
    """Record the states after a tick."""
    for k in range(records.neurons.size):
        n = records.neurons[k]
        records.v[tick, k] = state.V[n]
        records.exc[tick, k] = state.exc[n]
        records.inh[tick, k] = state.inh[n]


@kernel
def beyond(
    words: NDArray[np.uint32],
    row_core: NDArray[np.uint16],
    row_length: NDArray[np.uint8],
    neurons: NDArray[np.int64],
    index_bits: int,
) -> bool:
    """Whether a word names a neuron that its core, of ``neurons`` (C,), does not have."""
    at, mask = 0, (1 << index_bits) - 1
    for row in range(row_core.size):
        limit = neurons[row_core[row]]
        for k in range(at, at + row_length[row]):
            if np.int64(words[k]) & mask >= limit:
                return True
        at += row_length[row]
    return False


def fixed_mode(arithmetic: str) -> int:
    """How this arithmetic rounds its products."""
    return {"s16.15": ROUND_DOWN, "s16.15-nearest": ROUND_NEAREST, "s16.15-stochastic": ROUND_STOCHASTIC}[arithmetic]
