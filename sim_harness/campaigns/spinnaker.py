"""Random SpiNNaker networks, in every arithmetic and solver: full ring buffers, long delays, thresholds met exactly."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from golden.machines.multicast import routing_tables
from golden.machines.rows import cores_of, rows_of
from golden.machines.run import MachineInputs
from golden.machines.spinnaker import SpiNNakerMachine
from golden.machines.spinnaker_layout import Layout, relays_of
from golden.neurons.spinnaker import ARITHMETICS, PARAMETERS, SpiNNakerNeurons, is_float
from golden.stdfix import ACCUM, FRACT

if TYPE_CHECKING:
    from golden.fixed import IntArray
    from golden.machines.run import MachineRecord

NAME = "spinnaker"
_FIRST = (0, 16, 29, 40)
_SIZE, _TICKS, _SOURCES, _INDEX_BITS = _FIRST[-1], 100, 7, 8
UPDATES = _SIZE * _TICKS
BINS = (
    *(f"{arithmetic}: fires" for arithmetic in ARITHMETICS),
    *(f"{arithmetic}: threshold met exactly" for arithmetic in ARITHMETICS),
    "ring buffers saturated",
    "held after a spike",
    "a delay of 32 slots",
    "a delay through a delay core",
    "a current changed",
    "state at the end of 32 bits",
)


def make(number: int, rng: np.random.Generator) -> tuple[SpiNNakerMachine, MachineInputs]:
    """40 recurrently connected neurons on three cores; every other case with values and weights at their ends."""
    arithmetic = ARITHMETICS[number % len(ARITHMETICS)]
    heavy = bool(number // len(ARITHMETICS) % 2)
    count, axons = 12 * _SIZE, _SIZE + _SOURCES
    largest = 0xFFFF if heavy else 15_000
    # Neuron 0 of each core has no synapse: what it does is decided by its parameters alone.
    post = rng.choice(np.setdiff1d(np.arange(_SIZE), _FIRST), count)
    pre, kind = rng.integers(0, axons, count), rng.integers(0, 2, count)
    weight = np.where(rng.random(count) < 0.1, largest, rng.integers(0, largest, count))
    delta = np.where(rng.random(count) < 0.2, rng.choice([1, 31, 32, 33, 64, 70], count), rng.integers(1, 12, count))
    slots = 1 << (13 - _INDEX_BITS)
    stage = (delta - 1) // slots
    relays = relays_of(stage[stage > 0], pre[stage > 0])
    order = {tuple(row): axons + k for k, row in enumerate(relays.tolist())}
    axon = [order[s, p] if s else p for s, p in zip(stage.tolist(), pre.tolist(), strict=True)]
    words = weight << 16 | delta % slots << (_INDEX_BITS + 1) | kind << _INDEX_BITS
    first = np.array(_FIRST)
    memories = rows_of(
        np.array(axon, dtype=np.int32), post.astype(np.int32), words.astype(np.uint32), axons + len(relays), first
    )
    layout = Layout(first, _SOURCES, relays)
    tables = routing_tables(layout.torus, layout.senders(memories[1], cores_of(*memories[1:3]), memories[3]))
    cores = first.size - 1
    machine = SpiNNakerMachine(
        _neurons(arithmetic, heavy, rng),
        first,
        _SOURCES,
        _INDEX_BITS,
        rng.integers(0, 17 if heavy else 3, (cores, 2)),
        rng.integers(1, 2**32, cores),
        *memories,
        relays,
        tables,
    )
    at = np.flatnonzero(rng.random(_TICKS * _SOURCES) < 0.15)
    changes = (np.sort(rng.integers(0, _TICKS, 20)), rng.choice(post, 20), rng.integers(-(2**ACCUM), 2**ACCUM, 20))
    inputs = MachineInputs(_TICKS, _SIZE, _SOURCES, np.column_stack(np.divmod(at, _SOURCES)), np.column_stack(changes))
    return machine, inputs


def _neurons(arithmetic: Any, heavy: bool, rng: np.random.Generator) -> SpiNNakerNeurons:
    accum, fraction = 2.0**ACCUM, 2.0**FRACT
    ranges: dict[str, tuple[float, float, float]] = {
        "R": (5, 60, accum), "exp_TC": (0.3, 0.99, accum), "V_rest": (-70, -60, accum), "V_reset": (-75, -60, accum),
        "V_thresh": (-58, -40, accum), "I_offset": (-0.5, 0.5, accum), "T_refract": (0, 4, 1),
        **{f"init_{kind}": (0.5, 1, fraction) for kind in ("exc", "inh")},
        **{f"decay_{kind}": (0.2, 0.95, fraction) for kind in ("exc", "inh")},
    }  # fmt: skip
    values = {name: np.floor(rng.uniform(low, high, _SIZE) * one) for name, (low, high, one) in ranges.items()}
    if heavy and not is_float(arithmetic):
        for name, limits in PARAMETERS.items():
            ends = rng.choice([limits.low, limits.high, 0], _SIZE).clip(limits.low, limits.high)
            values[name] = np.where(rng.random(_SIZE) < 0.1, ends, values[name])
    # At rest and at threshold in one (fires every tick that it may), and one bit below (never fires).
    for neuron, below in ((_FIRST[0], 0), (_FIRST[1], 1)):
        for name, value in (("I_offset", 0), ("V_rest", -65 * accum), ("V_thresh", -65 * accum + below), ("exp_TC", 0)):
            values[name][neuron] = value
        values["V_reset"][neuron] = -65 * accum
    if is_float(arithmetic):
        return SpiNNakerNeurons(
            _SIZE, {k: v if k == "T_refract" else v / ranges[k][2] for k, v in values.items()}, arithmetic
        )
    return SpiNNakerNeurons(_SIZE, {name: value.astype(np.int64) for name, value in values.items()}, arithmetic)


def hits(machine: SpiNNakerMachine, inputs: MachineInputs, record: MachineRecord) -> Counter[str]:
    """What the run has met, from its record."""
    arithmetic, fired = machine.neurons.arithmetic, record.spikes[:, 1]
    found = Counter({f"{arithmetic}: fires": fired.size})
    at, below = ((fired == neuron).sum() for neuron in _FIRST[:2])
    found[f"{arithmetic}: threshold met exactly"] = int(at) if not below else 0
    found["ring buffers saturated"] = record.counters["ring-buffer saturations"]
    refractory: IntArray = np.asarray(machine.neurons.values["T_refract"])
    found["held after a spike"] = int((refractory[fired] > 0).sum())
    slot = machine.words >> (_INDEX_BITS + 1) & 31
    found["a delay of 32 slots"] = int((slot == 0).sum())
    found["a delay through a delay core"] = len(machine.relays)
    found["a current changed"] = len(inputs.currents)
    if not is_float(arithmetic):
        near = (np.abs(states) >= 2**31 - 2**16 for states in record.states.values())
        found["state at the end of 32 bits"] = sum(int(at_end.sum()) for at_end in near)
    return found
