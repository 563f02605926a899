"""A network on Loihi: compartments and weights in its integers, and on its cores.

A neuron's update (golden.propagator) is the compartment's: leak = (4096 - dv) / 4096, leak_syn = (4095 - du) / 4096;
the gains are folded into weights and bias. One integer of potential is lsb = scale / 64, so that threshold and stored
weights count in units of ``scale`` volts:

    vth = (V_th - E_L) / scale        weight = gain_syn w / scale = mantissa 2^exponent        bias = gain I / lsb

The neuron fires above its threshold, not on it. V_reset is E_L, as a compartment resets to 0.

Choice of ``scale``, if it is not given: one value for each population, so that equal neurons stay equal, and one
exponent for the machine. The scale makes the largest weight of the population the largest mantissa; the exponent is
the largest for which thresholds (17 bits), ``HEADROOM`` times the rheobase (bias of 13 bits and exponent 7), and the
worst case of the synapses fit: every synapse of a neuron delivers a spike in every tick, all positive or all negative
ones, and neither q (22 bits) nor u (24 bits) overflows. Where exponent 0 is still too much for the worst case, weights
keep their 8 bits, and a note says how many neurons could overflow (a run counts when they do); where it is too much
for threshold or bias, weights use fewer bits. Potentials saturate and do not wrap: they are no part of this. In a
population of one V_th - E_L the scale is then enlarged a little to make vth exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from golden.errors import QuantisationError, SpecError
from golden.fixed import IntArray, Rounding, round_to_int, snap
from golden.machines.loihi import DELAYS, LoihiMachine
from golden.network import AT_ONCE
from golden.neurons.lif import LIFNeuron
from golden.neurons.loihi import INPUT_BITS, PARAMETERS, SHIFT, STATE, UNITY_BITS, Compat, LoihiCompartments, decay
from golden.neurons.loihi_weights import EXPONENTS, WeightFormat
from golden.propagator import Propagator
from golden.quantise import Rounded
from golden.synapses import delay_steps
from mapping.loihi_cores import GRID_COLUMNS, GRID_ROWS, Limits, core_use, slices
from mapping.placed import Image, Placed, Placement, Usage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    from golden.network import Network
    from golden.neurons.lif import FloatArray

#: Times the rheobase that an input current can be, with the scale that is chosen here.
HEADROOM = 4
_UNITY = 1 << UNITY_BITS
_BIAS = PARAMETERS["bias_mant"].high
_LARGEST_BIAS = _BIAS << PARAMETERS["bias_exp"].high
#: Largest synaptic sum that does not wrap.
_LARGEST_SUM = (1 << (INPUT_BITS - 1 - SHIFT)) - 1


def place(
    network: Network,
    dt: float,
    *,
    rounding: Rounding = "error",
    compat: Compat = "loihi",
    num_weight_bits: int = 8,
    scale: ArrayLike | None = None,
    seed: int | None = None,
    limits: Limits | None = None,
) -> Placed:
    """``network`` at tick ``dt`` [s] on Loihi, in the arithmetic of ``compat``.

    scale  [V] of one unit of threshold and weight, shared or one per neuron; None: chosen as above

    QuantisationError for what Loihi cannot hold, naming its limit; with rounding ``error`` also for every value that is
    not exact.
    """
    if rounding == "stochastic" and seed is None:
        raise SpecError.rule("Stochastic rounding", "given a seed", "none")
    rng = np.random.default_rng(seed)
    ideal = Propagator.of(network.neurons, dt)
    values = _time_constants(network, dt, ideal, rounding, compat, rng)
    wires = _Wires.of(network, ideal, num_weight_bits, compat)
    delays = _delays(network, dt, rounding, rng)
    for unit, exponent in _chosen_scales(network, values, wires) if scale is None else _given_scale(scale, wires):
        # As ints are rounded, a sum may be larger than it was in reals: the next exponent then.
        stored = wires.stored(unit, exponent, rounding, rng)
        overflowing = _overflowing(stored, wires, values["du"])
        if not overflowing:
            break
    if wires.volts.any() and not stored.any():
        raise QuantisationError.rule("Weights on Loihi", "at least half a unit", "rounded to 0 everywhere")
    values |= _threshold_and_bias(network, unit, values["dv"], rounding, rng)
    pre, post = network.synapses.pre, network.synapses.post
    limits = Limits() if limits is None else limits
    cores = slices(pre, post, delays, network.size, network.sources, num_weight_bits, limits)
    lava = exponent if compat == "lava-0.10" else 0
    machine = LoihiMachine.connected(
        LoihiCompartments(network.size, values, compat),
        network.sources,
        cores,
        (pre, post, delays, stored >> lava),
        lava,
    )
    report = _report(network, dt, ideal, unit, values, stored, delays)
    image = Image(
        machine=machine,
        network=network.hash(),
        names=network.names,
        size=network.size,
        sources=network.sources,
        dt=dt,
        rest=np.asarray(network.neurons.E_L),
        lsb=unit / (1 << SHIFT),
        current_lsb=unit / (1 << SHIFT) * 2.0 ** values["bias_exp"] / ideal.gain,
    )
    notes = [f"Weights have {num_weight_bits} bits and the exponent {exponent}"] if stored.size else []
    if overflowing:
        notes.append(
            f"{overflowing} of {network.size} neurons could overflow if all their synapses delivered in every tick"
        )
    placement = _placement(machine, num_weight_bits, limits, tuple(notes))
    return Placed(image, network, report, placement, _effective(network, report))


@dataclass(frozen=True, eq=False)
class _Wires:
    """The synapses as the scale sees them.

    volts    (S,) [V]: what a spike adds to the potential in its first tick;  post (S,)
    dropped  (S,): low bits that a mantissa does not have;  largest (S,): largest mantissa
    """

    size: int
    post: NDArray[np.int32]
    volts: FloatArray
    dropped: NDArray[np.int8]
    largest: NDArray[np.int16]

    @classmethod
    def of(cls, network: Network, ideal: Propagator, bits: int, compat: Compat) -> _Wires:
        """The sign mode of a source follows from its weights: mixed only if it has both signs."""
        pre, post, weight = network.synapses.pre, network.synapses.post, network.synapses.weight
        signs = np.zeros((2, network.size + network.sources), dtype=np.bool_)
        signs[0, pre[weight > 0]] = True
        signs[1, pre[weight < 0]] = True
        mixed = signs[0] & signs[1]
        drops = [WeightFormat(bits, sign, 0, compat).dropped for sign in ("excitatory", "mixed")]
        ends = [255 >> drop << drop for drop in drops]
        if not ends[0] or (mixed.any() and not ends[1]):
            raise SpecError.rule("Weight bits", f"at least {2 if mixed.any() else 1} for these weights", bits)
        of_synapse = mixed[pre].astype(np.int8)
        return cls(
            network.size,
            post,
            weight * ideal.gain_syn[post],
            np.array(drops, dtype=np.int8)[of_synapse],
            np.array(ends, dtype=np.int16)[of_synapse],
        )

    def sums(self, values: NDArray[Any]) -> FloatArray:
        """(N,): the larger of the sums of positive and of negative ``values`` (S,) into each neuron."""
        both = [np.bincount(self.post, np.maximum(sign * values, 0), self.size) for sign in (1, -1)]
        return np.maximum(*both)

    def stored(self, unit: FloatArray, exponent: int, rounding: Rounding, rng: np.random.Generator) -> IntArray:
        """Mantissas times 2^exponent."""
        step = self.dropped + exponent
        wanted = snap(self.volts / unit[self.post] * 2.0**-step)
        rounded = round_to_int(wanted, rounding, thing="Weight in steps of its Loihi format", rng=rng)
        end = self.largest.astype(np.int64) << exponent
        stored = rounded << step
        if (wrong := np.abs(stored) > end).any():
            raise QuantisationError.rule(
                "Weight on Loihi in units of the scale",
                f"within -{end[wrong][0]} to {end[wrong][0]} (mantissa and exponent {exponent})",
                f"{(wanted * 2.0**step)[wrong][0]:.6g}",
            )
        return stored


def _time_constants(
    network: Network, dt: float, ideal: Propagator, rounding: Rounding, compat: Compat, rng: np.random.Generator
) -> dict[str, IntArray]:
    """dv, du and refractory; and the check that the reset is where a compartment's is."""
    neurons, result = network.neurons, {}
    wanted: dict[str, tuple[str, FloatArray, int, int]] = {
        "dv": ("tau_m", _UNITY * (1 - ideal.leak), 1, _UNITY - 1),
        "du": ("tau_syn", _UNITY * (1 - ideal.leak_syn) - 1, 0, _UNITY - 1),
        "refractory": ("t_ref", np.asarray(neurons.t_ref) / dt + 1, 1, 1 if compat == "lava-0.10" else DELAYS),
    }
    for name, (label, value, low, high) in wanted.items():
        thing = f"{label} at dt {dt:g} s as Loihi's {name}"
        result[name] = round_to_int(snap(value), rounding, thing=thing, rng=rng)
        if (wrong := (result[name] < low) | (result[name] > high)).any():
            raise QuantisationError.rule(thing, f"within {low} to {high}", f"{value[wrong][0]:.6g}")
    return result


def _threshold_and_bias(
    network: Network, unit: FloatArray, dv: IntArray, rounding: Rounding, rng: np.random.Generator
) -> dict[str, IntArray]:
    """vth and bias_exp; the exponent is the smallest that leaves room for ``HEADROOM`` times the rheobase."""
    neurons = network.neurons
    rest = np.asarray(neurons.E_L)
    thing = "V_th - E_L as Loihi's vth"
    wanted = snap((np.asarray(neurons.V_th) - rest) / unit)
    vth = round_to_int(wanted, rounding, thing=thing, rng=rng)
    if (wrong := (vth < 1) | (vth > PARAMETERS["vth"].high)).any():
        raise QuantisationError.rule(thing, f"within 1 to {PARAMETERS['vth'].high}", f"{wanted[wrong][0]:.6g}")
    above = np.asarray(neurons.V_reset) - rest
    integer = round_to_int(snap(above / unit * (1 << SHIFT)), rounding, thing="V_reset - E_L on Loihi", rng=rng)
    if integer.any():
        raise QuantisationError.rule(
            "V_reset", "E_L on Loihi, whose compartments reset to 0", f"{above[integer != 0][0]:g} V above it"
        )
    drive = _rheobase_drive(vth, dv)
    if (drive > _LARGEST_BIAS).any():
        neuron = int(np.argmax(drive))
        raise QuantisationError.rule(
            "V_th", f"within reach of Loihi's largest bias ({_LARGEST_BIAS} a tick)", f"{drive[neuron]} a tick away"
        )
    exponents = np.arange(PARAMETERS["bias_exp"].high + 1)
    bias_exp = np.searchsorted(_BIAS << exponents[:-1], HEADROOM * drive)
    return {"vth": vth, "bias_exp": bias_exp.astype(np.int64)}


def _rheobase_drive(vth: IntArray, dv: IntArray) -> IntArray:
    """Smallest constant bias that brings v from 0 past 64 vth: what is lost there in a tick, and 1.

    The loss does not decrease with v >= 0, so the highest potential below threshold decides.
    """
    top = vth << SHIFT
    return np.asarray(top - decay(top, dv) + 1, dtype=np.int64)


def _delays(network: Network, dt: float, rounding: Rounding, rng: np.random.Generator) -> NDArray[np.int32]:
    """Delays in ticks beyond the one that every synapse takes."""
    delay = network.synapses.delay
    if rounding in ("error", "nearest"):
        ticks = delay_steps(delay, dt, "error" if rounding == "error" else "nearest")
    else:
        exact = delay / dt
        near = np.where(np.abs(exact - np.rint(exact)) < 1e-6, np.rint(exact), exact)
        ticks = round_to_int(near, rounding, rng=rng).astype(np.int32)
    if (wrong := ticks >= DELAYS).any():
        raise QuantisationError.rule(
            f"Synapse delay at dt {dt:g} s on Loihi", f"at most {DELAYS - 1} ticks", f"{ticks[wrong][0]}"
        )
    return ticks


def _groups(network: Network) -> IntArray:
    """(N,): a number for each population of neurons, 0 for neurons of none."""
    label = np.zeros(network.size, dtype=np.int64)
    for number, (begin, size) in enumerate(network.names.values(), 1):
        label[begin : begin + size] = number
    return label


def _of_group(label: IntArray, values: FloatArray, pick: Literal["min", "max"] = "max") -> FloatArray:
    """(N,): the smallest or largest value in a neuron's group."""
    found = np.full(label.max() + 1, -np.inf if pick == "max" else np.inf)
    (np.maximum if pick == "max" else np.minimum).at(found, label, values)
    return found[label]


def _chosen_scales(network: Network, values: dict[str, IntArray], wires: _Wires) -> Iterator[tuple[FloatArray, int]]:
    """Scales of all neurons with the exponent that they are for, the finest first."""
    label = _groups(network)
    height = np.asarray(network.neurons.V_th) - np.asarray(network.neurons.E_L)
    drive = (1 << SHIFT) * height * values["dv"] / _UNITY  # rheobase in volts a tick, 64 times
    needed = np.maximum(height / PARAMETERS["vth"].high, drive * HEADROOM / _LARGEST_BIAS)
    loss = (values["du"] + 1) / _UNITY
    worst = wires.sums(wires.volts) * np.maximum(1 / _LARGEST_SUM, (1 << SHIFT) / STATE.max / loss)
    full = np.zeros(network.size)
    np.maximum.at(full, wires.post, np.abs(wires.volts) / wires.largest)
    needed, worst, full = (_of_group(label, x) for x in (needed, worst, full))
    used, lowest = full > 0, np.maximum(needed, worst)
    one_height = _of_group(label, height) == _of_group(label, height, "min")
    fitting = [e for e in EXPONENTS if e >= 0 and (full[used] * 2.0**-e >= lowest[used]).all()]
    for exponent in range(max(fitting, default=0), -1, -1):
        unit = np.maximum(full * 2.0**-exponent, needed)
        whole = np.floor(snap(height / unit))
        # One threshold in a group: make it exact. The scale grows, so that everything fits as before.
        yield np.where(one_height & (whole > 0), height / np.maximum(whole, 1), unit), exponent


def _given_scale(scale: ArrayLike, wires: _Wires) -> Iterator[tuple[FloatArray, int]]:
    """The scale as an array, and the smallest exponent with which all weights fit."""
    unit = np.asarray(scale, dtype=np.float64)
    if unit.shape not in ((), (wires.size,)) or not (np.isfinite(unit) & (unit > 0)).all():
        raise SpecError.rule("Scale", f"positive volts, one number or {wires.size}", np.array2string(unit, threshold=5))
    unit = np.broadcast_to(unit, wires.size)
    ratio = np.abs(wires.volts) / unit[wires.post] / wires.largest
    needed = [e for e in EXPONENTS if e >= 0 and (ratio <= 2.0**e * (1 + 1e-9)).all()]
    yield unit, min(needed, default=EXPONENTS[-1])


def _overflowing(stored: IntArray, wires: _Wires, du: IntArray) -> int:
    """Neurons whose q or u could overflow if all their synapses of one sign delivered in every tick."""
    most = wires.sums(stored)
    return int(((most > _LARGEST_SUM) | (most * (1 << SHIFT) * _UNITY / (du + 1) > STATE.max)).sum())


def _report(
    network: Network,
    dt: float,
    ideal: Propagator,
    unit: FloatArray,
    values: dict[str, IntArray],
    stored: IntArray,
    delays: NDArray[np.int32],
) -> tuple[Rounded, ...]:
    """Every value as wanted and as got, in SI units."""
    neurons, synapses = network.neurons, network.synapses
    leak = 1 - values["dv"] / _UNITY
    tau: FloatArray = -dt / np.log(leak)
    # Inputs are scaled by the ideal gain: the leak that was got makes another conductance of it.
    g_l: FloatArray = (1 - leak) / ideal.gain
    step = unit / (1 << SHIFT)
    height, hold = np.asarray(neurons.V_th) - np.asarray(neurons.E_L), values["refractory"] - 1
    rows = [Rounded("tau_m", "s", np.asarray(neurons.tau_m), tau, values["dv"])]
    if neurons.tau_syn is not None:
        with np.errstate(divide="ignore"):
            tau_syn: FloatArray = -dt / np.log(1 - (values["du"] + 1) / _UNITY)
        rows.append(Rounded("tau_syn", "s", np.asarray(neurons.tau_syn), tau_syn, values["du"]))
    rows += [
        Rounded("V_th - E_L", "V", height, np.asarray(values["vth"] * unit, np.float64), values["vth"]),
        Rounded("V_reset - E_L", "V", np.asarray(neurons.V_reset) - np.asarray(neurons.E_L), np.zeros(network.size)),
        Rounded("t_ref", "s", np.asarray(neurons.t_ref), np.asarray(hold * dt, np.float64), hold),
        Rounded("C_m", "F", np.asarray(neurons.C_m), g_l * tau),
        Rounded("g_L", "S", np.asarray(neurons.g_L), g_l),
    ]
    mantissa = -(-_rheobase_drive(values["vth"], values["dv"]) >> values["bias_exp"])  # rounded up
    got: FloatArray = (mantissa << values["bias_exp"]) * step / ideal.gain
    rows.append(Rounded("rheobase", "A", np.asarray(neurons.rheobase), got, mantissa))
    if len(synapses):
        volts = (unit / ideal.gain_syn)[synapses.post]
        kind = "C" if neurons.tau_syn is None else "A"
        rows.append(Rounded("weight", kind, synapses.weight, np.asarray(stored * volts, np.float64), stored))
        wanted = np.where(synapses.delay <= AT_ONCE, 0.0, synapses.delay)
        rows.append(Rounded("delay", "s", wanted, np.asarray(delays * dt, np.float64), delays.astype(np.int64)))
    return tuple(rows)


def _effective(network: Network, report: tuple[Rounded, ...]) -> LIFNeuron | None:
    """The LIF neurons that the integers implement; rounding of the update aside."""
    got, rest = {row.name: row.got for row in report}, np.asarray(network.neurons.E_L)
    try:
        return LIFNeuron(
            C_m=got["C_m"],
            g_L=got["g_L"],
            E_L=rest,
            V_th=rest + got["V_th - E_L"],
            V_reset=rest,
            t_ref=got["t_ref"],
            tau_syn=got.get("tau_syn"),
        )
    except SpecError:
        return None


def _placement(machine: LoihiMachine, bits: int, limits: Limits, notes: tuple[str, ...]) -> Placement:
    use = core_use(machine, bits)
    cores = use.compartments.size
    return Placement(
        cores=cores,
        grid=f"{GRID_COLUMNS} x {GRID_ROWS} a chip, {-(-cores // (GRID_COLUMNS * GRID_ROWS))} of them",
        synapses=machine.words.size,
        synapse_bytes=int(use.synapse_bytes.sum()),
        usage=(
            Usage("compartments", use.compartments, limits.compartments),
            Usage("input axons", use.input_axons, limits.input_axons),
            Usage("output axons", use.output_axons, limits.output_axons),
            Usage("synapse bytes", use.synapse_bytes, limits.synapse_bytes),
        ),
        hops=use.hops,
        notes=notes,
    )
