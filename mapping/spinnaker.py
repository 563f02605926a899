"""A network on SpiNNaker: its neurons and synapses in the machine's numbers, on cores and chips.

Neurons become what the library makes of their values: mV, nF, nA and ms in s16.15, what does not fit 15 fraction bits
dropped; R = tau_m / C_m, exp_TC, init and decay by its own quotient and exponentials. All of it is in the rounding
report, and none of it can be refused. Weights and delays are rounded as asked: u16 of the ring buffer's scale, ticks.
Without tau_syn a weight is a charge: it becomes the current of one tick that lifts V by as much at the tick's end.

A ring buffer of a core and type is shifted left by ceil(log2(largest expected sum)), in nA and at least 0, where the
sum is mean + 5 sigma of what reaches a neuron in a tick if every source fires at 30 Hz, at most the sum and at least
the largest of its weights; the scale of the weights is 2^(16 - (shift + 1)).
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from golden.errors import QuantisationError, SpecError
from golden.fixed import IntArray, Rounding, round_to_int, snap
from golden.machines.multicast import APPLICATION, TABLE_ENTRIES, Chip, Entry, Sender, routing_tables
from golden.machines.rows import cores_of, rows_of
from golden.machines.spinnaker import LARGEST_SHIFT, LOW_BITS, TYPE_BITS, WEIGHT_SHIFT, SpiNNakerMachine
from golden.machines.spinnaker_layout import BLOCK, STAGES, Layout, relays_of, widened
from golden.network import AT_ONCE
from golden.neurons.spinnaker import ARITHMETICS, RING_MAX, SOLVERS, TYPES, Arithmetic, Solver, is_float
from golden.propagator import Propagator
from golden.quantise import Rounded
from golden.stdfix import ACCUM
from mapping.placed import Image, Placed, Placement, Usage, too_many
from mapping.spinnaker_neurons import quantised_neurons

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from golden.network import Network
    from golden.neurons.lif import FloatArray
    from golden.synapses import Synapses

MACHINE = "SpiNNaker"
#: Rate that every source is expected to fire at most [Hz], and the sigmas above the mean that must still fit.
RATE, SIGMAS = 30.0, 5.0
#: Memory of a chip for synapses [bytes], and what a row takes beside its words.
SDRAM, ROW_HEADER = 2**27, 12
#: Part of a tick that a delay may be off the grid.
_ON_GRID = 1e-6


def place(
    network: Network,
    dt: float,
    *,
    rounding: Rounding = "error",
    arithmetic: Arithmetic = "s16.15",
    solver: Solver = "closed",
    neurons_per_core: int = BLOCK,
    seed: int | None = None,
) -> Placed:
    """The network in s16.15 (or another ``arithmetic``) with ticks of ``dt`` [s], on cores of at most so many neurons.

    ``rounding`` is of weights and delays; ``seed`` of stochastic rounding and of the machine's own random numbers.
    QuantisationError for what the machine cannot hold.
    """
    for thing, value, known in (("arithmetic", arithmetic, ARITHMETICS), ("solver", solver, SOLVERS)):
        if value not in known:
            raise SpecError.rule(f"SpiNNaker {thing}", f"one of {', '.join(known)}", repr(value))
    if not 1 <= neurons_per_core <= BLOCK:
        raise QuantisationError(f"Neurons of a core must be 1 to {BLOCK} on {MACHINE}, not {neurons_per_core}")
    if rounding == "stochastic" and seed is None:
        raise SpecError.rule("Stochastic rounding", "given a seed", "none")
    rng = np.random.default_rng(seed)
    neurons, report, effective = quantised_neurons(network.neurons, dt, arithmetic, solver)
    first = _cut(network, neurons_per_core)
    index_bits = (int(np.diff(first).max()) - 1).bit_length()
    slots = 1 << (LOW_BITS - TYPE_BITS - index_bits)
    synapses, of_charge = _currents(network, dt, solver)
    shifts = ring_shifts(synapses, first, dt)
    integers, got = _weights(synapses, shifts, first, rounding, rng)
    ticks = _ticks(synapses, dt, slots, rounding, rng)
    axon, delta, relays = _axons(synapses, ticks, slots, network.size + network.sources)
    words = integers << np.uint32(WEIGHT_SHIFT)
    words |= delta << np.uint32(index_bits + TYPE_BITS)
    words |= (synapses.weight < 0).astype(np.uint32) << np.uint32(index_bits)
    axons = network.size + network.sources + len(relays)
    memories = rows_of(axon, synapses.post, words, axons, first)
    layout = Layout(first, network.sources, relays)
    senders = layout.senders(memories[1], cores_of(*memories[1:3]), memories[3])
    tables, wide = _tables(layout, senders)
    machine = SpiNNakerMachine(
        neurons,
        first,
        network.sources,
        index_bits,
        shifts,
        np.random.default_rng(seed).integers(1, 2**32, first.size - 1, dtype=np.int64),
        *memories,
        relays,
        tables,
        wide,
    )
    if len(synapses):
        signed = np.where(synapses.weight < 0, -integers.astype(np.int64), integers)
        weight = Rounded("weight", "A" if of_charge is None else "C", network.synapses.weight, got, signed)
        if of_charge is not None:
            amperes = of_charge[synapses.post]  # 0 where a tick is so long that nothing is left of a charge at its end
            weight = replace(weight, got=np.divide(got, amperes, out=np.zeros_like(got), where=amperes > 0))
        report = (*report, weight, *_delay_row(synapses, ticks, dt))
    lsb = 1e-3 if is_float(arithmetic) else 1e-3 * 2.0**-ACCUM
    size = network.size
    image = Image(
        machine=machine,
        network=network.hash(),
        names=dict(network.names),
        size=size,
        sources=network.sources,
        dt=dt,
        rest=np.zeros(size),
        lsb=np.full(size, lsb),
        current_lsb=np.full(size, 1e-9 * 2.0**-ACCUM),
    )
    return Placed(image, network, report, _placement(machine, layout, layout.hops(senders)), effective)


def _currents(network: Network, dt: float, solver: Solver) -> tuple[Synapses, FloatArray | None]:
    """The synapses with weights in amperes, and where they were charges the amperes of a coulomb (N,)."""
    if network.neuron.tau_syn is not None:
        return network.synapses, None
    ideal = Propagator.of(network.neurons, dt, "exponential" if solver == "closed" else "euler")
    of_charge = ideal.gain_syn / ideal.gain
    return replace(network.synapses, weight=network.synapses.weight * of_charge[network.synapses.post]), of_charge


def ring_shifts(synapses: Synapses, first: IntArray, dt: float) -> IntArray:
    """(C, 2): left shift of every core's ring buffers.

    QuantisationError for weights that need a shift by more than 16 bits.
    """
    size = int(first[-1])
    current = np.abs(synapses.weight) * 1e9
    entry = synapses.post * np.int64(len(TYPES)) + (synapses.weight < 0)
    total, squares = (np.bincount(entry, w, len(TYPES) * size) for w in (current, current**2))
    largest = np.zeros(len(TYPES) * size)
    np.maximum.at(largest, entry, current)
    expected = RATE * dt * total + SIGMAS * np.sqrt(RATE * dt * squares)
    expected = np.maximum(np.minimum(expected, total), largest).reshape(size, len(TYPES))
    sums = np.maximum.reduceat(expected, first[:-1], axis=0)
    shifts = np.ceil(np.log2(np.maximum(sums, 1.0))).astype(np.int64)
    shifts += 2.0**shifts <= sums  # a power of two itself does not fit below it
    if (wrong := shifts > LARGEST_SHIFT).any():
        raise QuantisationError(
            f"Expected sum of weights must be below {2.0**LARGEST_SHIFT:g} nA on {MACHINE}, not {sums[wrong][0]:g} nA"
        )
    return shifts


def _cut(network: Network, most: int) -> IntArray:
    """First neuron of every core, and the number of neurons: populations are not mixed."""
    edges = {0, network.size}
    for begin, size in network.names.values():
        edges |= {edge for edge in (begin, begin + size) if edge < network.size}
    bounds = sorted(edges)
    first = [n for a, b in itertools.pairwise(bounds) for n in range(a, b, most)]
    return np.array([*first, network.size], dtype=np.int64)


def _weights(
    synapses: Synapses, shifts: IntArray, first: IntArray, rounding: Rounding, rng: np.random.Generator
) -> tuple[NDArray[np.uint32], FloatArray]:
    """Weights as integers of their ring buffers, and back in amperes."""
    core_of = np.repeat(np.arange(first.size - 1), np.diff(first))
    scale = 1e9 * 2.0 ** (WEIGHT_SHIFT - (shifts + 1.0))
    scale = scale[core_of[synapses.post], (synapses.weight < 0).astype(np.intp)]
    wanted = snap(np.abs(synapses.weight) * scale)
    integers = round_to_int(wanted, rounding, thing=f"Weight in last bits of {MACHINE}'s ring buffer", rng=rng)
    if (lost := (integers == 0) & (wanted > 0)).all() and lost.size:
        raise QuantisationError(f"Weight must be at least half a last bit on {MACHINE}, not rounded to 0 everywhere")
    if (wrong := integers > RING_MAX).any():
        raise QuantisationError(
            f"Weight must be at most {RING_MAX} last bits of its ring buffer on {MACHINE}, not {wanted[wrong][0]:.6g}"
        )
    return integers.astype(np.uint32), np.copysign(integers / scale, synapses.weight)


def _ticks(
    synapses: Synapses, dt: float, slots: int, rounding: Rounding, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Delays in ticks, from the tick after the spike's on."""
    shared = synapses.delay.strides == (0,) and rounding != "stochastic"
    exact = (synapses.delay[:1] if shared else synapses.delay) / dt
    near = np.rint(exact)
    exact = np.where(np.abs(exact - near) < _ON_GRID, near, exact)
    ticks = round_to_int(exact, rounding, thing=f"Synapse delay in ticks of {MACHINE}", rng=rng)
    limit = slots * (STAGES + 1) - 1
    if ticks.size and (longest := int(ticks.max())) > limit:
        raise too_many(MACHINE, "Synapse delay [ticks]", limit, longest)
    return np.broadcast_to(ticks.reshape(()), (len(synapses),)) if shared and len(synapses) else ticks


def _axons(
    synapses: Synapses, ticks: IntArray, slots: int, origins: int
) -> tuple[NDArray[np.int32], NDArray[np.uint32], IntArray]:
    """Axon of every synapse, its delay as stored, and the relays that long delays need."""
    stages, rest = np.divmod(ticks, slots)
    delta = ((rest + 1) & (slots - 1)).astype(np.uint32)
    late = np.flatnonzero(stages)
    relays = relays_of(stages[late], synapses.pre[late].astype(np.int64))
    axon = synapses.pre
    if late.size:
        axon = axon.copy()
        keys = relays[:, 0] * origins + relays[:, 1]
        axon[late] = origins + np.searchsorted(keys, stages[late] * origins + synapses.pre[late])
    return axon, delta, relays


def _delay_row(synapses: Synapses, ticks: IntArray, dt: float) -> list[Rounded]:
    """Delays wanted and got, but for those that stand for input spikes."""
    shared = slice(1) if synapses.delay.strides == (0,) and ticks.strides == (0,) else slice(None)
    delay, ticks = synapses.delay[shared], ticks[shared]
    real = delay != AT_ONCE
    return [Rounded("delay", "s", delay[real], ticks[real] * dt, ticks[real])] if real.any() else []


def _tables(layout: Layout, senders: list[Sender]) -> tuple[dict[Chip, list[Entry]], bool]:
    """Routing tables, and whether packets had to be widened for them to fit."""
    try:
        return routing_tables(layout.torus, senders), False
    except QuantisationError:
        return routing_tables(layout.torus, widened(senders)), True


def _placement(machine: SpiNNakerMachine, layout: Layout, hops: IntArray) -> Placement:
    """What the network takes of the machine; QuantisationError for a chip whose memory is too small."""
    cores, per_chip = machine.first.size - 1, len(APPLICATION)
    chips = -(-layout.cores // per_chip)
    targets, words = machine.row_core, machine.row_length
    core_bytes = 4 * np.bincount(targets, words, cores) + ROW_HEADER * np.bincount(targets, words > 0, cores)
    chip_of = np.array([block.core for block in layout.blocks[:cores]]) // per_chip
    memory = np.bincount(chip_of, core_bytes, chips).astype(np.int64)
    if (fullest := int(memory.max())) > SDRAM:
        raise too_many(MACHINE, "Synapse memory of a chip [bytes]", SDRAM, fullest)
    entries = np.array([len(machine.tables.get(layout.torus.chip(chip), ())) for chip in range(chips)])
    usage = (
        Usage("neurons of a core", np.diff(machine.first), BLOCK),
        Usage("cores of a chip", np.bincount(np.arange(layout.cores) // per_chip), per_chip),
        Usage("routing entries of a chip", entries, TABLE_ENTRIES),
        Usage("synapse memory of a chip [bytes]", memory, SDRAM),
    )
    notes = []
    if layout.delay_cores:
        notes.append(f"Delays beyond {machine.slots} ticks take {layout.delay_cores} delay cores.")
    if machine.widened:
        notes.append("Packets also go to cores without synapses for them: exact routing tables would be too long.")
    return Placement(
        cores=layout.cores,
        grid=f"{layout.torus.width} x {layout.torus.height} chips",
        synapses=machine.words.size,
        synapse_bytes=machine.synapse_bytes,
        usage=usage,
        hops=hops,
        notes=tuple(notes),
    )
