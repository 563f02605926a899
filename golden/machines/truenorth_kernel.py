"""The ticks of a TrueNorth chip in compiled code, from the golden step itself.

Two shortcuts, neither of which can change a bit:

* On a core whose active axons reach many neurons, where a potential cannot reach a rail in this tick, the order of its
  events does not matter: those that draw nothing are counted by axon type (ones of a crossbar column and the active
  axons) and added at once. A core in which nothing draws is then updated as arrays are.
* On a core where they reach few, a neuron without an event is left alone as long as its leak is a constant step: until
  it would reach a threshold, a rail, or 0 under leak reversal. When it is next looked at, the steps it missed are added
  at once.

Draws are made one after another in the order of the contract, always.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from golden import lfsr
from golden.compiled import compilable, kernel, lowest_one, popcount
from golden.machines.truenorth import SLOTS
from golden.machines.truenorth_state import Memories, State, load
from golden.neurons.truenorth import (
    ETA_BITS,
    PARAMETERS,
    POTENTIAL,
    RHO_BITS,
    Neuron,
    chance,
    fire,
    leak,
    receive,
    sign,
)  # fmt: skip

if TYPE_CHECKING:
    from golden.fixed import IntArray
    from golden.machines.run import MachineRecord, Progress
    from golden.machines.truenorth import TrueNorthMachine

compilable(sign, chance, receive, leak, fire, lfsr.step)

_LOWEST, _HIGHEST = POTENTIAL.min, POTENTIAL.max
_RHO, _ETA = (1 << RHO_BITS) - 1, (1 << ETA_BITS) - 1
_WEIGHT = PARAMETERS["weights"].high
#: A tick that never comes.
_NEVER = 1 << 62
#: So many times the neurons that are reached must be more than there are for them to be many.
_FEW = 4
#: Neuron updates between two looks at the progress.
_CHUNK = 1 << 18


def run(
    machine: TrueNorthMachine, arrivals: IntArray, ticks: int, recorded: IntArray, progress: Progress | None
) -> MachineRecord:
    """See TrueNorthMachine.run; ``arrivals`` are rows (tick, core, axon)."""
    memories, state = load(machine)
    places = machine.cores * machine.neurons
    v = np.empty((ticks, recorded.size), dtype=np.int64)
    chunk = min(max(_CHUNK // places, 1), ticks)
    fired = np.empty(chunk * places, dtype=np.int32)
    spikes, counts = [], np.empty(ticks, dtype=np.int64)
    for begin in range(0, ticks, chunk):
        end = min(begin + chunk, ticks)
        first, last = np.searchsorted(arrivals[:, 0], (begin, end))
        count = _run(begin, end, arrivals[first:last], memories, state, machine.outputs[recorded], v, fired, counts)
        spikes.append(fired[:count].copy())
        if progress is not None:
            progress(end / ticks)
    merged, left = state.counters.tolist()
    table = np.empty((counts.sum(), 2), dtype=np.int64)
    table[:, 0] = np.repeat(np.arange(ticks), counts)
    table[:, 1] = np.concatenate(spikes)
    return machine.network_record(table, recorded, v, {"merged": merged, "left": left})


@kernel
def _run(
    begin: int,
    end: int,
    arrivals: Any,
    memories: Memories,
    state: State,
    shown: Any,
    shown_v: Any,
    fired: Any,
    counts: Any,
) -> int:
    """Ticks ``begin`` to ``end`` - 1: the places that fired, one tick after another, and how many in each tick.

    Returns the number of places written to ``fired``.
    """
    scheduler, targets = state.scheduler, memories.targets
    cores, slots, words = scheduler.shape
    neurons = state.potential.size // cores
    active, reached = np.empty(words, dtype=np.uint64), np.empty(memories.touched.shape[2], dtype=np.uint64)
    drive, spiking = np.empty(neurons, dtype=np.int64), np.empty(neurons, dtype=np.bool_)
    arrival, count, merged, left = 0, 0, 0, 0
    for tick in range(begin, end):
        slot, before = tick % slots, count
        while arrival < arrivals.shape[0] and arrivals[arrival, 0] == tick:
            merged += _set(scheduler, arrivals[arrival, 1], slot, arrivals[arrival, 2])
            arrival += 1
        for core in range(cores):
            axons_active = np.int64(0)
            for word in range(words):
                active[word] = scheduler[core, slot, word]
                scheduler[core, slot, word] = 0
                axons_active += np.int64(popcount(active[word]))
            base = core * neurons
            if axons_active and _reach(memories, core, active, reached) * _FEW > neurons:
                _catch_up(memories, state, core, tick)
                _count_events(memories, core, active, drive)
                if memories.plain[core] and _no_rail(state.potential[base : base + neurons], _WEIGHT * axons_active):
                    _update_plain(memories, state, core, drive, spiking)
                else:
                    _update_each(memories, state, core, active, axons_active, drive, spiking)
                state.whole[core] = True
            elif axons_active or state.whole[core] or state.core_due[core] <= tick:
                _update_some(memories, state, core, tick, active, axons_active, reached, spiking)
            else:
                continue
            for place in range(base, base + neurons):
                if spiking[place - base]:
                    fired[count] = place
                    count += 1
                    to, axon, t = targets[place, 0], targets[place, 1], targets[place, 2]
                    if t >= 0 and to >= 0:
                        merged += _set(scheduler, to, (tick + 1 + t) % SLOTS, axon)
                    elif t >= 0:
                        left += 1
        counts[tick] = count - before
        for k in range(shown.size):
            place = shown[k]
            v = state.potential[place]
            if not state.whole[place // neurons]:
                v += (tick - state.last[place]) * _steady(_neuron(memories.parameters, place), v)
            shown_v[tick, k] = v
    state.counters[0] += merged
    state.counters[1] += left
    return count


@kernel
def _set(scheduler: Any, core: int, slot: int, axon: int) -> int:
    """Set an axon's bit; 1 if it was set."""
    word, bit = axon >> 6, np.uint64(1) << np.uint64(axon & 63)
    before = scheduler[core, slot, word]
    scheduler[core, slot, word] = before | bit
    return 1 if before & bit else 0


@kernel
def _neuron(p: Any, place: int) -> Any:
    """The parameters of one neuron as the golden step takes them."""
    weights, stochastic = p[0], p[1]
    return Neuron(
        (weights[place, 0], weights[place, 1], weights[place, 2], weights[place, 3]),
        (stochastic[place, 0], stochastic[place, 1], stochastic[place, 2], stochastic[place, 3]),
        p[2][place], p[3][place], p[4][place], p[5][place], p[6][place], p[7][place], p[8][place], p[9][place],
        p[10][place],
    )  # fmt: skip


@kernel
def _steady(n: Any, v: Any) -> Any:
    """The constant step that a deterministic neuron at v makes in a tick without events."""
    if not n.leak_reversal:
        return n.leak
    return n.leak if v > 0 else (-n.leak if v < 0 else 0)


@kernel
def _undisturbed(n: Any, v: Any) -> Any:
    """For how many ticks without events the neuron at v makes its constant step and nothing else."""
    step = np.int64(_steady(n, v))
    # V stays within [low, high]: below threshold, not below the floor, on its side of 0 under reversal.
    low, high = max(-n.floor, _LOWEST), min(n.threshold - 1, _HIGHEST)
    if n.leak_reversal:
        low, high = (max(low, 0), high) if v > 0 else (low, min(high, 0))
    if n.stochastic_leak or n.random_bits or v < low or v > high:
        return 0
    # As floats, which are exact here, because there are vectors of their quotients.
    room, pace = np.float64(high - v if step > 0 else v - low), np.float64(abs(step) if step else 1)
    return np.int64(room / pace) if step else _NEVER


@kernel
def _catch_up(memories: Memories, state: State, core: int, tick: int) -> None:
    """Bring every neuron of a core to the tick before ``tick``."""
    if state.whole[core]:
        return
    neurons = state.potential.size // state.whole.size
    for place in range(core * neurons, core * neurons + neurons):
        v, missed = state.potential[place], tick - 1 - state.last[place]
        if missed:
            state.potential[place] = v + missed * _steady(_neuron(memories.parameters, place), v)


@kernel
def _count_events(memories: Memories, core: int, active: Any, drive: Any) -> None:
    """For every neuron of a core the sum of the weights of its events that draw nothing."""
    base, neurons = core * drive.size, drive.size
    out = drive[:]
    out[:] = 0
    for g in range(4):
        weights = memories.counted[g, base : base + neurons]
        for word in range(active.size):
            chosen = active[word] & memories.types[core, g, word]
            if chosen:
                column = memories.columns[word, base : base + neurons]
                for k in range(neurons):
                    out[k] += np.int64(popcount(column[k] & chosen)) * weights[k]


@kernel
def _no_rail(potential: Any, room: Any) -> Any:
    """Whether no potential is within ``room`` of a rail."""
    farthest = np.int64(0)
    for v in potential:
        farthest = max(farthest, abs(v))
    return farthest <= _HIGHEST - room


@kernel
def _update_plain(memories: Memories, state: State, core: int, drive: Any, spiking: Any) -> None:
    """Leak and fire of a core in which nothing draws, after ``drive``."""
    neurons = drive.size
    base = core * neurons
    p, end = memories.parameters, base + neurons
    leaks, reversal, threshold, floor = p[2][base:end], p[4][base:end], p[5][base:end], p[6][base:end]
    reset_mode, saturating, reset = p[8][base:end], p[9][base:end], p[10][base:end]
    none = (0, 0, 0, 0)
    potential = state.potential[base:end]
    for k in range(neurons):
        n = Neuron(
            none, none, leaks[k], 0, reversal[k], threshold[k], floor[k], 0, reset_mode[k], saturating[k], reset[k]
        )
        potential[k], spiking[k] = fire(n, leak(n, potential[k] + drive[k], 0), 0)


@kernel
def _update_each(
    memories: Memories, state: State, core: int, active: Any, axons_active: Any, drive: Any, spiking: Any
) -> None:
    """All neurons of a core one after another, with their draws."""
    columns, weights, axon_types = memories.columns, memories.parameters[0], memories.axon_types
    drawing = np.zeros((16, active.size), dtype=np.uint64)  # active axons at which a neuron with that pattern draws
    for pattern in range(16):
        for g in range(4):
            if pattern >> g & 1:
                for word in range(active.size):
                    drawing[pattern, word] |= active[word] & memories.types[core, g, word]
    room = _WEIGHT * axons_active
    random = state.randoms[core]
    for k in range(drive.size):
        place = core * drive.size + k
        n = _neuron(memories.parameters, place)
        v = state.potential[place]
        if room - _HIGHEST <= v <= _HIGHEST - room:
            v += drive[k]
            pattern = memories.drawing[place]
            for word in range(active.size):
                left = columns[word, place] & drawing[pattern, word]
                while left:
                    g = axon_types[core, word * 64 + np.int64(lowest_one(left))]
                    left &= left - np.uint64(1)
                    random = lfsr.step(random)
                    v += chance(weights[place, g], random & _RHO)
        else:
            v, random = _events(memories, core, place, v, active, random)
        state.potential[place], spiking[k], random = _leak_and_fire(n, v, random)
    state.randoms[core] = random


@kernel
def _settle(memories: Memories, potential: Any, core: int, tick: int, due: Any) -> None:
    """When each neuron of a core, all at the tick before ``tick``, is next due."""
    neurons = due.size
    p, base = memories.parameters, core * neurons
    end = base + neurons
    leaks, stochastic, reversal = p[2][base:end], p[3][base:end], p[4][base:end]
    threshold, floor, random_bits = p[5][base:end], p[6][base:end], p[7][base:end]
    none = (0, 0, 0, 0)
    for k in range(neurons):
        n = Neuron(none, none, leaks[k], stochastic[k], reversal[k], threshold[k], floor[k], random_bits[k], 0, 0, 0)
        due[k] = tick + _undisturbed(n, potential[k])


@kernel
def _reach(memories: Memories, core: int, active: Any, reached: Any) -> Any:
    """Fill ``reached`` with the neurons that the active axons reach; their number."""
    touched = memories.touched
    reached[:] = 0
    for word in range(active.size):
        left = active[word]
        while left:
            axon = word * 64 + np.int64(lowest_one(left))
            left &= left - np.uint64(1)
            for k in range(reached.size):
                reached[k] |= touched[core, axon, k]
    count = np.int64(0)
    for k in range(reached.size):
        count += np.int64(popcount(reached[k]))
    return count


@kernel
def _update_some(
    memories: Memories,
    state: State,
    core: int,
    tick: int,
    active: Any,
    axons_active: Any,
    reached: Any,
    spiking: Any,
) -> None:
    """The neurons of a core that are ``reached`` by an event, or are due."""
    neurons = spiking.size
    base = core * neurons
    last, due = state.last[base : base + neurons], state.due[base : base + neurons]
    if state.whole[core]:
        last[:] = tick - 1
        _settle(memories, state.potential[base : base + neurons], core, tick, due)
        state.core_due[core], state.whole[core] = due.min(), False
    spiking[:] = False
    if not axons_active:
        reached[:] = 0
    if state.core_due[core] <= tick:
        for k in range(neurons):
            reached[k >> 6] |= np.uint64(due[k] <= tick) << np.uint64(k & 63)
    random = state.randoms[core]

    for block in range(reached.size):
        left = reached[block]
        while left:
            index = 64 * block + np.int64(lowest_one(left))
            left &= left - np.uint64(1)
            n = _neuron(memories.parameters, base + index)
            v = state.potential[base + index]
            v += (tick - 1 - last[index]) * _steady(n, v)
            if axons_active:
                v, random = _events(memories, core, base + index, v, active, random)
            v, spiking[index], random = _leak_and_fire(n, v, random)
            state.potential[base + index] = v
            last[index], due[index] = tick, tick + 1 + _undisturbed(n, v)
    state.randoms[core] = random
    state.core_due[core] = due.min()


@kernel
def _leak_and_fire(n: Any, v: Any, random: Any) -> Any:
    rho = np.int64(0)
    if n.stochastic_leak:
        random = lfsr.step(random)
        rho = random & _RHO
    v = leak(n, v, rho)
    eta = np.int64(0)
    if n.random_bits:
        random = lfsr.step(random)
        eta = random & _ETA
    v, spike = fire(n, v, eta)
    return v, spike, random


@kernel
def _events(memories: Memories, core: int, place: int, v: Any, active: Any, random: Any) -> Any:
    """Potential and LFSR after the events of a neuron, one after another."""
    columns, axon_types = memories.columns, memories.axon_types
    weights, stochastic = memories.parameters[0], memories.parameters[1]
    for word in range(active.size):
        left = columns[word, place] & active[word]
        while left:
            g = axon_types[core, word * 64 + np.int64(lowest_one(left))]
            left &= left - np.uint64(1)
            rho = np.int64(0)
            if stochastic[place, g]:
                random = lfsr.step(random)
                rho = random & _RHO
            v = receive(v, weights[place, g], stochastic[place, g], rho)
    return v, random
