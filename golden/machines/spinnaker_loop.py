"""A SpiNNaker machine run by the compiled loops, and what they share with the reference: inputs and rows as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from golden.machines import spinnaker_kernel as loops
from golden.machines.run import MachineRecord, Progress
from golden.machines.spinnaker import COUNTERS
from golden.neurons.spinnaker import TYPES, Neuron, State, is_float
from golden.stdfix import ACCUM

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from golden.fixed import IntArray
    from golden.machines.run import MachineInputs
    from golden.machines.spinnaker import SpiNNakerMachine

#: Ticks between two reports of progress.
_CHUNK = 256


def run(
    machine: SpiNNakerMachine, inputs: MachineInputs, recorded: IntArray, progress: Progress | None = None
) -> MachineRecord:
    """Run from rest; ``inputs`` must fit the machine."""
    neurons, arithmetic = machine.neurons, machine.neurons.arithmetic
    p = Neuron(*(np.array(value) for value in neurons.neurons))  # copies: I_offset changes
    state = rest(machine)
    records = loops.Records(recorded, *(np.empty((inputs.ticks, recorded.size), neurons.dtype) for _ in range(3)))
    ring = np.zeros((machine.slots, len(TYPES), neurons.size), dtype=np.uint16)
    fired = loops.Fired(np.empty(4 * neurons.size, np.int32), np.zeros(inputs.ticks + 1, np.int64))
    counts = np.zeros(len(COUNTERS), dtype=np.int64)
    given = (rows(machine), relay_map(machine), feed(machine, inputs))
    randoms, scales = machine.seeds.copy(), (2.0 ** (machine.shifts - ACCUM)).astype(neurons.dtype)
    tick = 0
    while tick < inputs.ticks:
        end = min(inputs.ticks, tick + _CHUNK)
        others = (*given, fired, ring, records, counts)
        if is_float(arithmetic):
            tick = loops.run_float(tick, end, p, state, scales, *others)
        else:
            mode = loops.fixed_mode(arithmetic)
            tick = loops.run_fixed(tick, end, p, state, mode, randoms, machine.shifts, *others)
        if tick < end:  # the room for spikes is used up
            fired = fired._replace(neurons=np.concatenate((fired.neurons, np.empty_like(fired.neurons))))
        if progress is not None:
            progress(tick / inputs.ticks)
    ticks = np.repeat(np.arange(inputs.ticks), np.diff(fired.edges))
    spikes = np.column_stack((ticks, fired.neurons[: fired.edges[-1]])).astype(np.int64)
    return record_of(spikes, recorded, (records.v, records.exc, records.inh), counts)


def rest(machine: SpiNNakerMachine) -> State:
    """Every neuron at V_rest, without input."""
    size, kind = machine.neurons.size, machine.neurons.dtype
    zeros = (np.zeros(size, kind), np.zeros(size, kind), np.zeros(size, np.int64))
    return State(np.array(machine.neurons.neurons.V_rest), *zeros)


def feed(machine: SpiNNakerMachine, inputs: MachineInputs) -> loops.Inputs:
    """Sources in the order of their keys, and I_offset in the type of the neurons, tick by tick."""
    ticks, sources = inputs.spikes[np.lexsort((inputs.spikes[:, 1], inputs.spikes[:, 0]))].T
    changes, neurons, currents = inputs.currents.T
    edges = [np.searchsorted(column, np.arange(inputs.ticks + 1)) for column in (ticks, changes)]
    offsets = currents.astype(machine.neurons.dtype)
    if is_float(machine.neurons.arithmetic):
        offsets *= machine.neurons.dtype.type(2.0**-ACCUM)
    return loops.Inputs(np.ascontiguousarray(sources), edges[0], np.ascontiguousarray(neurons), offsets, edges[1])


def rows(machine: SpiNNakerMachine) -> loops.Rows:
    """The synapse memories."""
    starts = np.concatenate(([0], np.cumsum(machine.row_length, dtype=np.int64)))
    memories = (machine.words, starts[machine.fan], machine.fan, machine.row_step, machine.row_length, machine.first)
    return loops.Rows(*memories, machine.index_bits, machine.slots - 1)


def relay_map(machine: SpiNNakerMachine) -> NDArray[np.int32]:
    """(stages + 1, neurons and sources): relay of an axon in each stage, or -1."""
    stages, origins = machine.relays.T
    begin = machine.neurons.size + machine.sources
    table = np.full((int(stages.max(initial=0)) + 1, begin), -1, dtype=np.int32)
    table[stages, origins] = begin + np.arange(len(machine.relays))
    return table


def record_of(
    spikes: IntArray, recorded: IntArray, states: tuple[NDArray[Any], ...], counts: IntArray
) -> MachineRecord:
    """The record of v, in_exc and in_inh, (ticks, M) each."""
    kind: Any = np.float64 if states[0].dtype.kind == "f" else np.int64
    v, exc, inh = (values.astype(kind) for values in states)
    counters = dict(zip(COUNTERS, counts.tolist(), strict=True))
    return MachineRecord(spikes, recorded, {"v": v, "in_exc": exc, "in_inh": inh}, counters)
