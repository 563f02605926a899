"""The fixed-point LIF neuron: parameters and the one update rule that every digital machine must equal.

Potentials are integers relative to E_L, so that the leak is toward zero. One tick, for every neuron:

    1 input spikes   i = sat(i + weight), one after another in order of arrival          (``receive``)
    2 integrate      x = sat(leak(v) + current + i)                  only while r == 0, else v is held
                     multiply: leak(v) = round(v * decay / 2**F)     decay is an unsigned 0.F factor
                     shift:    leak(v) = v - round(v / 2**decay)
    3 fire           spike = x >= v_th   (or x > v_th)
                     v = v_reset  or  x - v_th  on a spike, else x
                     r = t_ref on a spike, else max(r - 1, 0)
    4 synapse        i = round(i * syn_decay / 2**F)  (exponential),  0  (delta)

A spike is followed by exactly t_ref ticks in which v is held.  Both v and i saturate at the rails of their
formats.

Sources: the order of operations is the exact propagator of Rotter & Diesmann, Biol. Cybern. 81 (1999), eqs.
3-6, for input that is constant over a tick; leak by shift as in Davies et al., IEEE Micro 38 (2018) and Xylo.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np

from golden.errors import SpecError
from golden.fixed import Format, IntArray, as_integers
from golden.polymorphic import SHIFT_ROUNDINGS, Int, ShiftRounding, saturate, select, shift_right

if TYPE_CHECKING:
    from collections.abc import Mapping

Leak = Literal["multiply", "shift"]
Comparison = Literal[">=", ">"]
Reset = Literal["value", "subtract"]
Synapse = Literal["none", "delta", "exponential"]

#: Run-time parameters of the update, in the order in which hardware stores them.
PARAMETERS = ("decay", "syn_decay", "v_th", "v_reset", "t_ref")


@dataclass(frozen=True, kw_only=True)
class LIFFormat:
    """The structure of a fixed-point LIF machine: everything that is wired, not loaded.

    v                format of the membrane potential (signed); its integer 2**frac is one ``unit`` of the
                     quantiser
    input_width      bits of current, synaptic current and weights (signed, same last bit as v); default
                     v.width
    leak             ``multiply`` by an unsigned 0.decay_bits factor, or ``shift``
    decay_bits       fraction bits F of the decay factors
    leak_rounding    ``floor``, ``nearest`` (half up) or ``toward_zero``, for membrane and synapse
    comparison       ``>=`` or ``>``
    reset            to ``value`` or by ``subtract``ing the threshold
    synapse          ``none``; ``delta``: weights act in one tick; ``exponential``: they decay by syn_decay a
                     tick
    refractory_bits  bits of the refractory counter, 0 for none
    """

    v: Format = field(default_factory=lambda: Format(16, 8))
    input_width: int = 0
    leak: Leak = "multiply"
    decay_bits: int = 16
    leak_rounding: ShiftRounding = "floor"
    comparison: Comparison = ">="
    reset: Reset = "value"
    synapse: Synapse = "none"
    refractory_bits: int = 8

    def __post_init__(self) -> None:
        if not self.v.signed or self.v.width < 4:
            raise SpecError.rule("Format of v", "signed and at least 4 bits wide", self.v)
        if self.input_width == 0:
            object.__setattr__(self, "input_width", self.v.width)
        for thing, low, high, value in (
            ("Input width", 2, 32, self.input_width),
            ("Decay bits", 2, 24, self.decay_bits),
            ("Refractory bits", 0, 16, self.refractory_bits),
        ):
            if not low <= value <= high:
                raise SpecError.rule(thing, f"{low} to {high}", value)
        for thing, allowed, choice in (
            ("Leak", get_args(Leak), self.leak),
            ("Leak rounding", SHIFT_ROUNDINGS, self.leak_rounding),
            ("Comparison", get_args(Comparison), self.comparison),
            ("Reset", get_args(Reset), self.reset),
            ("Synapse", get_args(Synapse), self.synapse),
        ):
            if choice not in allowed:
                raise SpecError.rule(thing, f"one of {', '.join(allowed)}", repr(choice))

    @property
    def input(self) -> Format:
        """Format of current, synaptic current and weights: the last bit is that of v."""
        return Format(self.input_width, self.v.frac)

    @property
    def shift_bits(self) -> int:
        """Bits of the shift amount of a shift leak: enough to shift out all but the sign."""
        return (self.v.width - 1).bit_length()

    def parameter_format(self, name: str) -> Format:
        """Format of a run-time parameter of ``PARAMETERS`` that this structure has (see ``parameters``)."""
        match name:
            case "decay":
                if self.leak == "shift":
                    return Format(self.shift_bits, 0, signed=False)
                return Format(self.decay_bits, self.decay_bits, signed=False)
            case "syn_decay":
                return Format(self.decay_bits, self.decay_bits, signed=False)
            case "v_th":
                return Format(self.v.width - 1, self.v.frac, signed=False)
            case "v_reset":
                return self.v
            case "t_ref":
                return Format(self.refractory_bits, 0, signed=False)
        raise KeyError(name)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The run-time parameters that this structure uses."""
        used = {
            "decay": True,
            "syn_decay": self.synapse == "exponential",
            "v_th": True,
            "v_reset": self.reset == "value",
            "t_ref": self.refractory_bits > 0,
        }
        return tuple(name for name in PARAMETERS if used[name])

    def to_dict(self) -> dict[str, str | int]:
        """Plain values, formats as text; ``from_dict`` is the inverse."""
        return asdict(self) | {"v": str(self.v)}

    @classmethod
    def from_dict(cls, table: Mapping[str, object]) -> LIFFormat:
        """Inverse of ``to_dict``."""
        return cls(**dict(table) | {"v": Format.parse(str(table["v"]))})  # type: ignore[arg-type]  # checked above


class State(NamedTuple):
    """What a neuron remembers between ticks: potential, synaptic current, refractory ticks left."""

    v: Int
    i: Int
    r: Int


class Update(NamedTuple):
    """Result of one tick: the next state and whether the neuron fired."""

    state: State
    spike: Int


class Parameters(NamedTuple):
    """Run-time parameters of the update; those a format does not use are 0."""

    decay: Int = 0
    syn_decay: Int = 0
    v_th: Int = 0
    v_reset: Int = 0
    t_ref: Int = 0


def receive(fmt: LIFFormat, i: Int, weight: Int) -> Int:
    """Synaptic current after one input spike: a saturating add."""
    return saturate(i + weight, fmt.input.min, fmt.input.max)


def leak(fmt: LIFFormat, v: Int, decay: Int) -> Int:
    """Membrane potential after one tick of leak; the magnitude never grows."""
    if fmt.leak == "shift":
        return v - shift_right(v, decay, fmt.leak_rounding)
    return shift_right(v * decay, fmt.decay_bits, fmt.leak_rounding)


def step(fmt: LIFFormat, p: Parameters, state: State, current: Int) -> Update:
    """One tick of one neuron (or of arrays of neurons, or of a circuit), after its input spikes came in."""
    v, i, r = state
    drive = current if fmt.synapse == "none" else current + i
    x = saturate(leak(fmt, v, p.decay) + drive, fmt.v.min, fmt.v.max)
    crossed = x >= p.v_th if fmt.comparison == ">=" else x > p.v_th
    after_spike = p.v_reset if fmt.reset == "value" else x - p.v_th
    integrated = select(crossed, after_spike, x)

    match fmt.synapse:
        case "exponential":
            i_next = shift_right(i * p.syn_decay, fmt.decay_bits, fmt.leak_rounding)
        case _:
            i_next = 0 * i

    if fmt.refractory_bits == 0:
        return Update(State(integrated, i_next, r), crossed)
    free = r == 0
    spike = free & crossed
    v_next = select(free, integrated, v)
    r_next = select(spike, p.t_ref, select(free, 0, r - 1))
    return Update(State(v_next, i_next, r_next), spike)


@dataclass(frozen=True, eq=False)
class FixedLIF:
    """``size`` fixed-point neurons: a structure and its run-time parameters, shared (0-d) or one per neuron.

    ``values`` maps every name of ``format.parameters`` to int64 of shape () or (size,). Raises SpecError when
    a value is missing, unknown or outside its format.
    """

    format: LIFFormat
    size: int
    values: Mapping[str, IntArray]

    def __post_init__(self) -> None:
        if self.size < 1:
            raise SpecError.rule("Population size", "at least 1", self.size)
        if set(self.values) != set(self.format.parameters):
            raise SpecError.rule(
                "Fixed-point parameters",
                f"exactly {', '.join(self.format.parameters)}",
                ", ".join(self.values),
            )
        checked = {}
        for name in self.format.parameters:
            array = as_integers(f"Parameter {name}", self.values[name])
            limits = self.format.parameter_format(name)
            if array.shape not in ((), (self.size,)):
                raise SpecError.rule(f"Parameter {name}", f"one value or {self.size}", f"of shape {array.shape}")
            if (array < limits.min).any() or (array > limits.max).any():
                worst = array.flat[int(np.argmax(np.maximum(limits.min - array, array - limits.max)))]
                raise SpecError.rule(f"Parameter {name}", f"within {limits.min} to {limits.max}", worst)
            checked[name] = array
        object.__setattr__(self, "values", checked)

    @property
    def shared(self) -> bool:
        """Whether every parameter is one value for all neurons."""
        return all(array.ndim == 0 for array in self.values.values())

    @property
    def parameters(self) -> Parameters:
        """The parameters as the update takes them."""
        return Parameters(**dict(self.values))

    def parameters_of(self, neuron: int) -> Parameters:
        """The parameters of one neuron as Python ints."""
        return Parameters(**{k: int(np.broadcast_to(v, self.size)[neuron]) for k, v in self.values.items()})
