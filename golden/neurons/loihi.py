"""The Loihi compartment: its parameters and the one update that every emulated Loihi must equal.

One time step, for a compartment that receives synaptic input a (the sum of the weights of this step's spikes):

    1 current    q = 64 a;   u = decay(u, du + 1) + q        the new u acts in the same step
    2 voltage    v = decay(v, dv) + u + bias                 bias = bias_mant 2^bias_exp;  0 while refractory
    3 fire       spike = v > 64 vth (strict);                v = 0 on a spike, and in the refractory - 1 steps after it

decay(x, d) = x (4096 - d) / 4096, rounded toward zero. What happens where 24 bits do not suffice is known for none of
the public models to be the chip's; ``compat`` says whose answer is given:

    loihi              q wraps in 22 bits, u in 24; v saturates                                      (this project's)
    lava-0.10          u beyond +-2^23 is moved by 2^24, such that +2^23 stays and -2^23 becomes +2^23; v saturates
    nengo-loihi-1.1    q wraps in 22 bits, u in 24, u + bias in 24; v is clipped to [vmin, vmax]
    brian2-loihi-0.5   nothing has an end

Sources: Davies et al., IEEE Micro 38 (2018); Lava 0.10 (PyLifModelBitAcc), nengo-loihi 1.1 (emulator); Michaelis et
al., Neuromorph. Comput. Eng. 2 (2022) for brian2-loihi 0.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from golden.errors import SpecError
from golden.fixed import Format, IntArray
from golden.parameters import Parameter, checked
from golden.polymorphic import Int, saturate, select

Compat = Literal["loihi", "lava-0.10", "nengo-loihi-1.1", "brian2-loihi-0.5"]

#: Current and voltage; the rails of a saturating voltage are symmetric.
STATE = Format(24, 0)
LARGEST = STATE.max
_WIDTH, _SMALLEST = STATE.width, STATE.min
#: Bits of the synaptic input after its shift.
INPUT_BITS = 22
#: What input and threshold are shifted by, to line up with the state.
SHIFT = 6
#: A decay of one, in its 12 bits.
UNITY_BITS = 12


#: Every parameter of a compartment, in the order of ``Compartment``; the defaults keep the voltage and no current.
PARAMETERS: Mapping[str, Parameter] = {
    "du": Parameter(0, 4095, 4095, "decay of the current: (du + 1) / 4096 of it is lost in a step"),
    "dv": Parameter(0, 4095, 0, "decay of the voltage: dv / 4096 of it is lost in a step"),
    "vth": Parameter(0, (1 << 17) - 1, 1, "threshold, in units of 64"),
    "bias_mant": Parameter(-4096, 4095, 0, "bias, mantissa"),
    "bias_exp": Parameter(0, 7, 0, "bias, exponent of 2"),
    "refractory": Parameter(1, 63, 1, "steps from a spike to the first in which the voltage is free again"),
    "vmin": Parameter(-LARGEST, 0, -LARGEST, "lower end of the voltage (nengo-loihi only)"),
    "vmax": Parameter(0, LARGEST, LARGEST, "upper end of the voltage (nengo-loihi only)"),
}


class Compartment(NamedTuple):
    """Parameters of a compartment, as in ``PARAMETERS``."""

    du: Int
    dv: Int
    vth: Int
    bias_mant: Int
    bias_exp: Int
    refractory: Int
    vmin: Int
    vmax: Int


class Rules(NamedTuple):
    """What a model does where 24 bits do not suffice.

    wraps      q wraps in 22 bits, u in 24
    corrects   u beyond +-2^23 is moved by 2^24
    clips      u + bias wraps in 24 bits, v stops at vmin and vmax
    saturates  v stops at +-(2^23 - 1)
    """

    wraps: bool
    corrects: bool
    clips: bool
    saturates: bool


RULES: Mapping[Compat, Rules] = {
    "loihi": Rules(wraps=True, corrects=False, clips=False, saturates=True),
    "lava-0.10": Rules(wraps=False, corrects=True, clips=False, saturates=True),
    "nengo-loihi-1.1": Rules(wraps=True, corrects=False, clips=True, saturates=False),
    "brian2-loihi-0.5": Rules(wraps=False, corrects=False, clips=False, saturates=False),
}


class State(NamedTuple):
    """What a compartment remembers between steps: current, voltage, refractory steps left."""

    u: Int
    v: Int
    r: Int


class Update(NamedTuple):
    """Result of one step: the next state and whether the compartment fired."""

    state: State
    spike: Int


def wrap(x: Int, bits: int) -> Int:
    """x modulo 2^bits, in [-2^(bits - 1), 2^(bits - 1)): two's complement."""
    half = 1 << (bits - 1)
    return ((x + half) & (2 * half - 1)) - half


def decay(x: Int, d: Int) -> Int:
    """x (4096 - d) / 4096 rounded toward zero, d in 0 to 4096."""
    lost = select(x < 0, -x, x) * ((1 << UNITY_BITS) - d) >> UNITY_BITS
    return select(x < 0, -lost, lost)


def wrap_like_lava(u: Int) -> Int:
    """Lava's wrap of the current: one correction by 2^24, with its ends."""
    span = 1 << _WIDTH
    return select(u > LARGEST + 1, u - span, select(u <= _SMALLEST, u + span, u))


class Sums(NamedTuple):
    """The sums of one step, each as it comes and as its register holds it: input, current, what drives v, voltage."""

    whole_q: Int
    q: Int
    whole_u: Int
    u: Int
    whole_drive: Int
    drive: Int
    whole_v: Int
    v: Int


def sums(p: Compartment, state: State, a: Int, rules: Rules) -> Sums:
    """Current and voltage of the next step, before refractoriness and threshold."""
    whole_q = a << SHIFT
    q = wrap(whole_q, INPUT_BITS) if rules.wraps else whole_q
    whole_u = decay(state.u, p.du + 1) + q
    u = whole_u
    if rules.wraps:
        u = wrap(whole_u, _WIDTH)
    elif rules.corrects:
        u = wrap_like_lava(whole_u)
    whole_drive = u + (p.bias_mant << p.bias_exp)
    drive = wrap(whole_drive, _WIDTH) if rules.clips else whole_drive
    whole_v = decay(state.v, p.dv) + drive
    v = whole_v
    if rules.clips:
        v = select(whole_v > p.vmax, p.vmax, select(whole_v < p.vmin, p.vmin, whole_v))
    elif rules.saturates:
        v = saturate(whole_v, -LARGEST, LARGEST)
    return Sums(whole_q, q, whole_u, u, whole_drive, drive, whole_v, v)


def step(p: Compartment, state: State, a: Int, compat: Compat = "loihi") -> Update:
    """One time step of a compartment (or of arrays of them, or of a circuit) under synaptic input ``a``."""
    return update(p, state, a, RULES[compat])


def update(p: Compartment, state: State, a: Int, rules: Rules) -> Update:
    """``step``, with a model's rules in place of its name: what a compiled loop calls."""
    s, r = sums(p, state, a, rules), state.r
    x = select(r > 0, 0, s.v)
    spike = x > (p.vth << SHIFT)
    waited = select(r > 0, r - 1, 0)
    return Update(State(s.u, select(spike, 0, x), select(spike, p.refractory - 1, waited)), spike)


class Overflows(NamedTuple):
    """Whether a register was too narrow in a step, and the model's rule decided: input, current, voltage."""

    q: Int
    u: Int
    v: Int


def overflows(p: Compartment, state: State, a: Int, rules: Rules) -> Overflows:
    """Where ``update`` wraps q; wraps or moves u, or u + bias; limits a voltage that is not held anyway."""
    s = sums(p, state, a, rules)
    return Overflows(
        s.q != s.whole_q, (s.u != s.whole_u) | (s.drive != s.whole_drive), (s.v != s.whole_v) & (state.r <= 0)
    )


@dataclass(frozen=True, eq=False)
class LoihiCompartments:
    """``size`` compartments: every field of ``Compartment`` as int64 (size,), checked as ``checked`` says.

    ``compat`` is whose model they follow. SpecError for one that is unknown, and for what it does not have.
    """

    size: int
    values: Mapping[str, IntArray]
    compat: Compat = "loihi"

    def __post_init__(self) -> None:
        if self.compat not in get_args(Compat):
            raise SpecError.rule("Loihi model", f"one of {', '.join(get_args(Compat))}", repr(self.compat))
        values = checked("Loihi", PARAMETERS, self.size, self.values)
        if self.compat == "lava-0.10" and (longest := int(values["refractory"].max())) > 1:
            raise SpecError.rule("Parameter refractory", "1 in lava-0.10, which has none", longest)
        object.__setattr__(self, "values", values)

    def compartment(self, index: int) -> Compartment:
        """One compartment in plain ints."""
        return Compartment(**{name: int(array[index]) for name, array in self.values.items()})

    @property
    def compartments(self) -> Compartment:
        """All compartments for ``step``: arrays of shape (size,)."""
        return Compartment(**dict(self.values))
