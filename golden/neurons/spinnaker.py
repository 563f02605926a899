"""SpiNNaker's IF_curr_exp: its parameters and the one update that every emulated SpiNNaker must equal.

A neuron has a ring buffer of u16 sums of weights per synapse type (excitatory, inhibitory). In tick t:

    1 inputs     for both types: in += ((ring[t] << shift) init);  ring[t] = 0
    2 membrane   I = in[exc] - in[inh] + I_offset
                 timer <= 0:  alpha = I R + V_rest;  V = alpha - exp_TC (alpha - V)
                 else:        timer -= 1, V is held
    3 fire       V >= V_thresh: spike, V = V_reset, timer = T_refract
    4 shaping    for both types: in = in decay

mV, nA and MOhm as s16.15, init and decay as u0.32 (golden.stdfix): sums keep 32 bits, products are rounded down. A
spike sent in tick t adds its weight to ring[t + delay]; a sum that does not fit 16 bits becomes 0xFFFF and is counted.

Modes of the same neuron, as programmers choose them on this machine:

    s16.15             every product rounded down: the library's own arithmetic
    s16.15-nearest     every product rounded to the nearest, halves upward
    s16.15-stochastic  every product rounded up with the probability of what rounding down drops
    float32, float64   the same equations in floating point; ring buffers and weights stay as they are

Solver ``closed`` has exp_TC = exp(-dt/tau_m), decay = exp(-dt/tau_syn) and init = tau_syn/dt (1 - decay), the mean of
the exponential over the tick; ``euler`` has 1 - dt/tau_m, 1 - dt/tau_syn and 1. The update is the same.

Random numbers (this project's choice: the machine's programs bring their own): one LFSR a core, which every neuron in
ascending order steps six times a tick, once per product in the order of ``Rounding``, whether refractory or not; a
product with n bits to drop takes the low n bits. Successive numbers of one LFSR share bits, so the roundings within a
tick are not independent; each of them is fair.

Sources: sPyNNaker, October 2023 (neuron_model_lif_impl, synapse_types_exponential_impl, synapses); Hopkins et al.,
Phil. Trans. R. Soc. A 378 (2020) for the roundings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from golden import lfsr
from golden.errors import SpecError
from golden.fixed import IntArray
from golden.parameters import Parameter, checked
from golden.polymorphic import Int, select
from golden.stdfix import ACCUM, FRACT, LARGEST, decay, mulk, wrap

Arithmetic = Literal["s16.15", "s16.15-nearest", "s16.15-stochastic", "float32", "float64"]
ARITHMETICS: tuple[Arithmetic, ...] = get_args(Arithmetic)
Solver = Literal["closed", "euler"]
SOLVERS: tuple[Solver, ...] = get_args(Solver)

#: State of the library whose arithmetic this is; later ones differ.
VERSION = "sPyNNaker, October 2023"
#: Synapse types, in the order of their numbers.
TYPES = ("exc", "inh")
#: What a ring-buffer entry holds at most, and the bit of a sum that says it does not fit.
RING_MAX, _OVERFLOW = 0xFFFF, 0x10000
#: Largest fraction: 1 has none, and becomes this.
UNITY = 2**FRACT - 1

_ACCUM = (-LARGEST - 1, LARGEST)
#: Every parameter of a neuron, in the order of ``Neuron``; as integers of s16.15, T_refract of ticks, init and decay of
#: u0.32. The defaults are a neuron at 0 mV that fires at 1 mV.
PARAMETERS: Mapping[str, Parameter] = {
    "R": Parameter(0, LARGEST, 1 << ACCUM, "membrane resistance tau_m / C_m [MOhm]"),
    "exp_TC": Parameter(-(1 << ACCUM), 1 << ACCUM, 31170, "factor of the distance from the steady state in a tick"),
    "V_rest": Parameter(*_ACCUM, 0, "resting potential [mV]"),
    "V_reset": Parameter(*_ACCUM, 0, "potential after a spike [mV]"),
    "V_thresh": Parameter(*_ACCUM, 1 << ACCUM, "the neuron fires at and above this [mV]"),
    "I_offset": Parameter(*_ACCUM, 0, "constant current [nA]"),
    "T_refract": Parameter(0, LARGEST, 0, "ticks after a spike in which V is held"),
    "init_exc": Parameter(0, UNITY, UNITY, "share of an excitatory weight that acts in its first tick"),
    "init_inh": Parameter(0, UNITY, UNITY, "share of an inhibitory weight that acts in its first tick"),
    "decay_exc": Parameter(0, UNITY, 0, "factor of the excitatory current from tick to tick"),
    "decay_inh": Parameter(0, UNITY, 0, "factor of the inhibitory current from tick to tick"),
}

#: Values of all neurons: integers, or in the floating-point modes numbers in mV, nA, MOhm and fractions of 1.
Values: TypeAlias = IntArray | NDArray[np.float32] | NDArray[np.float64]


class Neuron(NamedTuple):
    """Parameters of a neuron, as in ``PARAMETERS``; in the floating-point modes in their units and fractions of 1."""

    R: Int
    exp_TC: Int
    V_rest: Int
    V_reset: Int
    V_thresh: Int
    I_offset: Int
    T_refract: Int
    init_exc: Int
    init_inh: Int
    decay_exc: Int
    decay_inh: Int


class State(NamedTuple):
    """What a neuron remembers between ticks: potential, both input currents, refractory ticks left."""

    V: Int
    exc: Int
    inh: Int
    timer: Int


class Update(NamedTuple):
    """Result of one tick: the next state and whether the neuron fired."""

    state: State
    spike: Int


class Rounding(NamedTuple):
    """What is added to each product before its low bits are dropped, in the order of the products.

    15 bits are dropped of ``R`` and ``exp_TC``, 32 of the others.
    """

    init_exc: Int
    init_inh: Int
    R: Int
    exp_TC: Int
    decay_exc: Int
    decay_inh: Int


#: Bits that each product of ``Rounding`` drops.
DROPPED = Rounding(FRACT, FRACT, ACCUM, ACCUM, FRACT, FRACT)
DOWN = Rounding(0, 0, 0, 0, 0, 0)
NEAREST = Rounding(*(1 << (bits - 1) for bits in DROPPED))


def is_float(arithmetic: Arithmetic) -> bool:
    """Whether this mode calculates in floating point."""
    return arithmetic.startswith("float")


def to_input(weights: Int, shift: Int) -> Int:
    """A ring-buffer entry as an accum [nA]."""
    return wrap(weights << shift)


def update(p: Neuron, state: State, exc: Int, inh: Int, rounding: Rounding = DOWN) -> Update:
    """One tick of a neuron (or of arrays of them, or of a circuit); ``exc`` and ``inh`` are what ``to_input`` gives."""
    in_exc = wrap(state.exc + decay(exc, p.init_exc, rounding.init_exc))
    in_inh = wrap(state.inh + decay(inh, p.init_inh, rounding.init_inh))
    current = wrap(in_exc - in_inh + p.I_offset)
    alpha = wrap(mulk(current, p.R, rounding.R) + p.V_rest)
    free = wrap(alpha - mulk(p.exp_TC, wrap(alpha - state.V), rounding.exp_TC))
    refractory = state.timer > 0
    v = select(refractory, state.V, free)
    spike = v >= p.V_thresh
    after = State(
        select(spike, p.V_reset, v),
        decay(in_exc, p.decay_exc, rounding.decay_exc),
        decay(in_inh, p.decay_inh, rounding.decay_inh),
        select(spike, p.T_refract, select(refractory, state.timer - 1, 0)),
    )
    return Update(after, spike)


def update_float(p: Neuron, state: State, exc: Any, inh: Any) -> Update:
    """``update`` in floating point; ``exc`` and ``inh`` in nA."""
    in_exc = state.exc + exc * p.init_exc
    in_inh = state.inh + inh * p.init_inh
    current = in_exc - in_inh + p.I_offset
    alpha = current * p.R + p.V_rest
    free = alpha - p.exp_TC * (alpha - state.V)
    refractory = state.timer > 0
    v = select(refractory, state.V, free)
    spike = v >= p.V_thresh
    after = State(
        select(spike, p.V_reset, v),
        in_exc * p.decay_exc,
        in_inh * p.decay_inh,
        select(spike, p.T_refract, select(refractory, state.timer - 1, 0)),
    )
    return Update(after, spike)


@dataclass(frozen=True, eq=False)
class SpiNNakerNeurons:
    """``size`` neurons: every field of ``Neuron`` of shape (size,), and how they calculate.

    Fixed point: int64, checked as ``checked`` says. Floating point: float32 or float64 in their units, T_refract int64.
    SpecError for another arithmetic or solver, another ``version`` than VERSION, and values out of range.
    """

    size: int
    values: Mapping[str, Values]
    arithmetic: Arithmetic = "s16.15"
    solver: Solver = "closed"
    version: str = VERSION

    def __post_init__(self) -> None:
        if self.arithmetic not in ARITHMETICS:
            raise SpecError.rule("SpiNNaker arithmetic", f"one of {', '.join(ARITHMETICS)}", repr(self.arithmetic))
        if self.solver not in SOLVERS:
            raise SpecError.rule("SpiNNaker solver", f"one of {', '.join(SOLVERS)}", repr(self.solver))
        if self.version != VERSION:
            raise SpecError.rule("SpiNNaker version", repr(VERSION), repr(self.version))
        if is_float(self.arithmetic):
            values = _checked_floats(self.size, self.values, np.dtype(self.arithmetic))
        else:
            values = dict(checked("SpiNNaker", PARAMETERS, self.size, self.values))
        object.__setattr__(self, "values", values)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of potential and currents in a simulation."""
        return np.dtype(self.arithmetic if is_float(self.arithmetic) else "int64")

    def neuron(self, index: int) -> Neuron:
        """One neuron in plain ints, or in floats of the mode's width."""
        exact = self.arithmetic != "float32"
        return Neuron(**{name: a[index].item() if exact else a[index] for name, a in self.values.items()})

    @property
    def neurons(self) -> Neuron:
        """All neurons for ``update`` or ``update_float``: arrays of shape (size,)."""
        return Neuron(**dict(self.values))


class Core:
    """One core in plain numbers, with its ring buffers: the reference, to be read beside the contract.

    shift        of the ring buffers of both types; ``slots`` ticks is the longest delay
    saturations  additions so far whose sum did not fit a ring-buffer entry. Their number depends on the order of the
                 additions: packets in ascending order of their keys, each row in its order
    """

    def __init__(
        self, neurons: list[Neuron], shift: tuple[int, int], slots: int, arithmetic: Arithmetic, seed: int = 1
    ) -> None:
        self.neurons, self.shift, self.slots, self.arithmetic = neurons, shift, slots, arithmetic
        kind = {"float32": np.float32, "float64": float}.get(arithmetic, int)
        self.states = [State(p.V_rest, kind(0), kind(0), 0) for p in neurons]
        self.ring = [[[0] * len(neurons) for _ in TYPES] for _ in range(slots)]
        self.saturations = 0
        self.random = lfsr.check_seed(seed)

    def receive(self, slot: int, kind: int, neuron: int, weight: int) -> None:
        """Add one synapse's weight to a ring buffer."""
        entries = self.ring[slot % self.slots][kind]
        total = entries[neuron] + weight
        if total & _OVERFLOW:
            total = RING_MAX
            self.saturations += 1
        entries[neuron] = total

    def tick(self, t: int) -> list[int]:
        """Tick t: update every neuron; those that fire."""
        excs, inhs = self.ring[t % self.slots]
        self.ring[t % self.slots] = [[0] * len(self.neurons) for _ in TYPES]
        fired = []
        for n, (p, exc, inh) in enumerate(zip(self.neurons, excs, inhs, strict=True)):
            if is_float(self.arithmetic):
                unit = type(p.V_rest)  # so that NumPy's float32 stays what it is
                exc, inh = (unit(w * 2.0 ** (s - ACCUM)) for w, s in zip((exc, inh), self.shift, strict=True))
                self.states[n], spike = update_float(p, self.states[n], exc, inh)
            else:
                exc, inh = (to_input(w, s) for w, s in zip((exc, inh), self.shift, strict=True))
                self.states[n], spike = update(p, self.states[n], exc, inh, self._rounding())
            if spike:
                fired.append(n)
        return fired

    def _rounding(self) -> Rounding:
        """What the six products of the next neuron are rounded with."""
        if self.arithmetic != "s16.15-stochastic":
            return NEAREST if self.arithmetic == "s16.15-nearest" else DOWN
        numbers = []
        for bits in DROPPED:
            self.random = lfsr.step(self.random)
            numbers.append(self.random & ((1 << bits) - 1))
        return Rounding(*numbers)


def _checked_floats(size: int, values: Mapping[str, Values], kind: np.dtype[Any]) -> dict[str, Values]:
    """Floating-point parameters as arrays of ``kind``; the limits of ``PARAMETERS`` hold in their units."""
    result: dict[str, Values] = dict(checked("SpiNNaker", PARAMETERS, size, {"T_refract": values.get("T_refract", 0)}))
    if unknown := values.keys() - PARAMETERS.keys():
        raise SpecError.rule("SpiNNaker parameter", f"one of {', '.join(PARAMETERS)}", repr(min(unknown)))
    for name, limits in PARAMETERS.items():
        if name == "T_refract":
            continue
        unit = 2.0**-FRACT if name.startswith(("init", "decay")) else 2.0**-ACCUM
        array = np.asarray(values.get(name, limits.default * unit), dtype=kind)
        if array.shape not in ((), (size,)):
            raise SpecError.rule(f"Parameter {name}", f"of shape () or ({size},)", f"of shape {array.shape}")
        low, high = limits.low * unit, (limits.high + 1) * unit
        if (wrong := ~((array >= low) & (array <= high))).any():
            raise SpecError.rule(f"Parameter {name}", f"within {low:g} to {high:g}", array[wrong].flat[0])
        result[name] = np.broadcast_to(array, (size,))
    return result
