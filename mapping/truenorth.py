"""A network on TrueNorth: LIF neurons as counters with a constant leak, weights as four per neuron.

A neuron counts potential above E_L in last bits of its own, (V_th - E_L) / threshold. What the machine has no like of:

* Its leak is constant, not proportional to V: leak = threshold dt / tau_m toward E_L, which is that of the LIF neuron
  at threshold. The rheobase is kept; below threshold the neuron leaks more than it should, and fires later.
* Input spikes are charges; there is no synaptic time constant and no refractory time.
* A neuron has four synaptic weights, one for each type of axon. A constant current takes one of them, on an axon that
  is active in every tick.

The threshold is the largest at which all weights, the leak and the current of a neuron fit, or the one asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from golden.errors import QuantisationError, SpecError
from golden.fixed import IntArray, Rounding, round_to_int, snap
from golden.machines.truenorth import TrueNorthMachine
from golden.neurons.lif import LIFNeuron
from golden.neurons.truenorth import PARAMETERS
from golden.quantise import Rounded
from golden.synapses import delay_steps, sparse
from mapping.placed import Image, Placed, Placement, Usage
from mapping.truenorth_cores import Connections, any_doubles, distinct_rows, lay_out

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from golden.network import Network
    from golden.neurons.lif import FloatArray

MACHINE = "TrueNorth"
_WEIGHT, _LEAK = PARAMETERS["weights"].high, -PARAMETERS["leak"].low
_THRESHOLD, _RESET = PARAMETERS["threshold"].high, PARAMETERS["reset"].high


def place(
    network: Network,
    dt: float,
    *,
    rounding: Rounding = "error",
    currents: ArrayLike = 0.0,
    threshold: int | None = None,
    axons: int = 256,
    neurons: int = 256,
    seed: int | None = None,
) -> Placed:
    """``network`` in ticks of ``dt`` [s] on cores of ``axons`` and ``neurons``.

    currents   [A] constant currents, shared or one per neuron: they are part of the memories
    threshold  V_th - E_L in last bits, for all neurons; by default the largest that each can have
    rounding   as in golden.quantise: ``error`` refuses what is not whole; without ``threshold`` it looks for one at
               which everything is

    QuantisationError names the limit that a network breaks: synaptic or refractory time constants, more than four
    weights, more axons than a core has, delays, values beyond the ranges.
    """
    asked, cells = network, network.neurons
    if cells.tau_syn is not None:
        raise QuantisationError.rule(f"Neuron tau_syn on {MACHINE}", "none: its input spikes are charges", "given")
    if seed is not None and seed < 0:
        raise SpecError.rule("Seed", "at least 0", seed)
    if rounding == "stochastic" and seed is None:
        raise SpecError.rule("Stochastic rounding", "given a seed", "none")
    rng = np.random.default_rng(seed)
    drive = np.broadcast_to(np.asarray(currents, dtype=np.float64), (network.size,))
    ticks = delay_steps(network.synapses.delay, dt, "error" if rounding == "error" else "nearest").astype(np.int64)
    network, ticks = _without_doubles(network, ticks)
    wanted = _Wanted.of(network, dt, drive)
    alpha = _thresholds(wanted, network.size, rounding, threshold)
    rest, lsb = np.asarray(cells.E_L), (np.asarray(cells.V_th) - np.asarray(cells.E_L)) / alpha
    current_lsb = lsb * np.asarray(cells.C_m) / dt
    # The current as the image will read it from a stimulus: by the same division, so that halves fall to one side.
    q = _quantised(wanted, alpha, drive / current_lsb, rounding, rng)
    connections = Connections.of_network(network, q["weights"], ticks, q["bias"])
    layout = lay_out(connections, _values(q, alpha), axons, neurons, 1 if seed is None else seed + 1)
    machine = TrueNorthMachine(**layout.memories)
    image = Image(
        machine=machine,
        network=asked.hash(),
        names=network.names,
        size=network.size,
        sources=network.sources,
        dt=dt,
        rest=rest,
        lsb=lsb,
        current_lsb=current_lsb,
    )
    effective = LIFNeuron(
        C_m=np.asarray(cells.C_m),
        g_L=q["leak"] * np.asarray(cells.C_m) / (alpha * dt),
        E_L=rest,
        V_th=np.asarray(cells.V_th),
        V_reset=rest + q["reset"] * lsb,
    )
    report = _report(network, dt, wanted, alpha, q, ticks, lsb, effective)
    return Placed(image, asked, report, _placement(machine, layout.relays, axons, neurons), effective)


def _without_doubles(network: Network, ticks: IntArray) -> tuple[Network, IntArray]:
    """Synapses of equal neurons and delay as one of the sum of their weights: an axon carries one spike a tick."""
    s = network.synapses
    if not any_doubles(s.post, s.pre, ticks):
        return network, ticks
    keys, synapse = distinct_rows(s.post, s.pre, ticks)
    weight = np.bincount(synapse, weights=s.weight, minlength=len(keys))
    delay = np.empty(len(keys))
    delay[synapse] = s.delay
    summed = sparse(keys[:, 1].astype(np.int32), keys[:, 0].astype(np.int32), weight, delay)
    return replace(network, synapses=summed), keys[:, 2].astype(np.int64)


@dataclass(frozen=True, eq=False)
class _Wanted:
    """Everything as a part of V_th - E_L: per tick where it acts in every one.

    weights  (S,) of each synapse, ``post`` (S,) its neuron;  leak, bias, reset, t_ref [ticks] (N,)
    """

    weights: FloatArray
    post: IntArray
    leak: FloatArray
    bias: FloatArray
    reset: FloatArray
    t_ref: FloatArray

    @classmethod
    def of(cls, network: Network, dt: float, currents: FloatArray) -> _Wanted:
        cells = network.neurons
        if not (np.isfinite(dt) and dt > 0):
            raise SpecError.rule("Time step dt", "positive", f"{dt:g} s")
        span = np.asarray(cells.V_th) - np.asarray(cells.E_L)
        charge = span * np.asarray(cells.C_m)
        post = network.synapses.post.astype(np.int64)
        return cls(
            weights=network.synapses.weight / charge[post],
            post=post,
            leak=dt / np.asarray(cells.tau_m),
            bias=currents * dt / charge,
            reset=(np.asarray(cells.V_reset) - np.asarray(cells.E_L)) / span,
            t_ref=np.asarray(cells.t_ref) / dt,
        )


def _thresholds(wanted: _Wanted, size: int, rounding: Rounding, threshold: int | None) -> IntArray:
    """(N,): the threshold of every neuron in last bits."""
    if threshold is not None:
        if not 1 <= threshold <= _THRESHOLD:
            raise QuantisationError.rule(f"Threshold on {MACHINE}", f"within 1 to {_THRESHOLD}", threshold)
        return np.full(size, threshold)
    strongest = np.zeros(size)
    np.maximum.at(strongest, wanted.post, np.abs(wanted.weights))
    limits = [
        np.full(size, float(_THRESHOLD)),
        _WEIGHT / np.maximum(strongest, 1e-300),
        _WEIGHT / np.maximum(np.abs(wanted.bias), 1e-300),
        _LEAK / wanted.leak,
        _RESET / np.maximum(np.abs(wanted.reset), 1e-300),
    ]
    largest = np.floor(snap(np.minimum.reduce(limits))).astype(np.int64)
    if (largest < 1).any():
        neuron = int(np.argmin(largest))
        raise QuantisationError(
            f"Weights, leak and current of neuron {neuron} on {MACHINE} must be at most {_WEIGHT} thresholds a tick, "
            f"not {_WEIGHT / np.minimum.reduce(limits)[neuron]:.4g}"
        )
    return _exact(wanted, largest) if rounding == "error" else largest


def _exact(wanted: _Wanted, largest: IntArray) -> IntArray:
    """For each neuron the largest threshold at which everything is whole; the largest there is where none is."""
    order = np.argsort(wanted.post, kind="stable")
    edges = np.searchsorted(wanted.post[order], np.arange(largest.size + 1))
    found: dict[tuple[int, bytes], int] = {}
    result = largest.copy()
    for neuron, limit in enumerate(largest.tolist()):
        weights = np.unique(wanted.weights[order[edges[neuron] : edges[neuron + 1]]])
        parts = np.append(weights, [wanted.leak[neuron], wanted.bias[neuron], wanted.reset[neuron]])
        key = (limit, parts.tobytes())
        if key not in found:
            values = snap(np.arange(limit, 0, -1)[:, None] * parts)
            whole = (values == np.rint(values)).all(axis=1)
            found[key] = limit - int(np.argmax(whole)) if whole.any() else limit
        result[neuron] = found[key]
    return result


def _quantised(
    wanted: _Wanted, alpha: IntArray, bias: FloatArray, rounding: Rounding, rng: np.random.Generator
) -> dict[str, IntArray]:
    """Integers of weights (S,), leak, bias, reset (N,)."""

    def rounded(thing: str, parts: FloatArray, low: int, high: int, how: Rounding = rounding) -> IntArray:
        label = f"{thing} in last bits of a {MACHINE} neuron"
        integers = round_to_int(snap(parts), how, thing=label, rng=rng)
        if (wrong := (integers < low) | (integers > high)).any():
            raise QuantisationError.rule(label, f"within {low} to {high}", f"{parts[wrong].flat[0]:.6g}")
        return integers

    t_ref = rounded("t_ref in ticks", wanted.t_ref, 0, 1 << 31)
    if t_ref.any():
        raise QuantisationError.rule(
            f"Neuron t_ref on {MACHINE}", "0: it has no refractory time", f"{t_ref.max()} ticks"
        )
    integers = {
        "weights": rounded("Weight", wanted.weights * alpha[wanted.post], -_WEIGHT, _WEIGHT),
        "leak": rounded("Leak (threshold dt / tau_m)", wanted.leak * alpha, 0, _LEAK),
        "bias": rounded("Current", bias, -_WEIGHT, _WEIGHT, "error" if rounding == "error" else "nearest"),
        "reset": rounded("V_reset - E_L", wanted.reset * alpha, -_RESET, _RESET),
    }
    if (still := integers["leak"] == 0).any():
        neuron = int(np.argmax(still))
        raise QuantisationError.rule(
            f"Leak of neuron {neuron} on {MACHINE}",
            "at least 1 last bit a tick",
            f"{(wanted.leak * alpha)[neuron]:.4g}",
        )
    return integers


def _values(q: dict[str, IntArray], alpha: IntArray) -> dict[str, IntArray]:
    """The parameters of the network's neurons but for their weights."""
    return {
        "leak": -q["leak"],
        "leak_reversal": np.ones_like(alpha),
        "threshold": alpha,
        "floor": np.full_like(alpha, PARAMETERS["floor"].high),
        "saturating": np.ones_like(alpha),
        "reset": q["reset"],
    }


def _report(
    network: Network,
    dt: float,
    wanted: _Wanted,
    alpha: IntArray,
    q: dict[str, IntArray],
    ticks: IntArray,
    lsb: FloatArray,
    effective: LIFNeuron,
) -> tuple[Rounded, ...]:
    cells, synapses = network.neurons, network.synapses
    span = np.asarray(cells.V_th) - np.asarray(cells.E_L)
    capacitance = np.asarray(cells.C_m)
    rows = [
        Rounded("V_th - E_L", "V", span, lsb * alpha, alpha),
        Rounded("tau_m", "s", np.asarray(cells.tau_m), np.asarray(effective.tau_m), q["leak"]),
        Rounded("V_reset - E_L", "V", wanted.reset * span, q["reset"] * lsb, q["reset"]),
        Rounded("t_ref", "s", wanted.t_ref * dt, np.zeros_like(span), np.zeros_like(alpha)),
        Rounded("rheobase", "A", np.asarray(cells.rheobase), span * q["leak"] / alpha * capacitance / dt, q["leak"]),
    ]
    if wanted.bias.any():
        unit = lsb * capacitance / dt
        rows.append(Rounded("current", "A", wanted.bias * span * capacitance / dt, q["bias"] * unit, q["bias"]))
    if len(synapses):
        charge = (lsb * capacitance)[wanted.post]
        rows.append(Rounded("weight", "C", np.asarray(synapses.weight), q["weights"] * charge, q["weights"]))
        rows.append(Rounded("delay", "s", np.asarray(synapses.delay), np.float64(dt) * ticks, ticks))
    return tuple(rows)


def _placement(machine: TrueNorthMachine, relays: int, axons: int, neurons: int) -> Placement:
    used_neurons = np.bincount(machine.outputs // machine.neurons, minlength=machine.cores)
    busy = (machine.crossbar.any(axis=1) & (machine.destinations[..., 3] >= 0)).sum(axis=1)
    notes = ["The leak is constant: as large as that of the LIF neuron at threshold, larger than it below."]
    if relays:
        notes.append(f"{relays} neurons are relays: a neuron of TrueNorth sends to one axon only.")
    return Placement(
        cores=machine.cores,
        grid=f"{machine.columns} x {machine.rows}",
        synapses=int(machine.crossbar.sum()),
        synapse_bytes=machine.crossbar.size // 8,
        usage=(
            Usage("neurons", np.maximum(used_neurons, busy), neurons),
            Usage("axons", machine.crossbar.any(axis=2).sum(axis=1), axons),
        ),
        hops=machine.hops,
        notes=tuple(notes),
    )
