"""The TrueNorth neuron: its parameters and the one update that every emulated TrueNorth must equal.

One tick, for each neuron in ascending order (V is the potential, rho a number drawn from the core's LFSR):

    1 synapses   for each axon with a spike and a synapse, ascending, s the weight of the axon's type    (``receive``)
                 V += s,  stochastic: V += sgn(s) if |s| >= rho
    2 leak       L = leak,  stochastic: sgn(leak) if |leak| >= rho                                       (``leak``)
                 V += L,  reversal: V += sgn(V) L, and 0 where that crosses 0
    3 threshold  eta = the low ``random_bits`` of rho                                                    (``fire``)
                 V >= threshold + eta: spike;      V = reset | V - (threshold + eta) | V
                 V < -(floor + eta):   no spike;   V = -reset | V + (floor + eta)    | V
                 saturating: V < -floor: V = -floor instead of the second line

V saturates at the rails of its 20 bits after every addition. Draws: one per stochastic synaptic event, one if the leak
is stochastic, one if ``random_bits`` > 0, in this order; nothing else draws (``tick``).

Sources: Cassidy et al., IJCNN 2013, eqs. 1-12 and tables I-III; Akopyan et al., TCAD 34 (2015). Saturation, widths of
the random numbers, generator and order of the draws are not published; they are this project's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from golden import lfsr
from golden.fixed import Format, IntArray
from golden.parameters import Parameter, checked
from golden.polymorphic import Int, saturate, select

#: Membrane potential.
POTENTIAL = Format(20, 0)
_LOWEST, _HIGHEST = POTENTIAL.min, POTENTIAL.max
#: Bits of rho for synapses and leak, and for the threshold.
RHO_BITS, ETA_BITS = 8, 17
#: Types of axons: each neuron has one weight per type.
AXON_TYPES = 4


#: Every parameter of a neuron, in the order of ``Neuron``; the defaults are a neuron that fires at each step up.
PARAMETERS: Mapping[str, Parameter] = {
    "weights": Parameter(-255, 255, 0, "synaptic weight of each of the four axon types", "s", AXON_TYPES),
    "stochastic_weights": Parameter(
        *(0, 1, 0), "1: a step by the sign of that weight, with probability (|s| + 1) / 256", "b", AXON_TYPES
    ),
    "leak": Parameter(-255, 255, 0, "added once a tick", "lambda"),
    "stochastic_leak": Parameter(
        *(0, 1, 0), "1: a step by the sign of the leak, with probability (|lambda| + 1) / 256", "c"
    ),
    "leak_reversal": Parameter(0, 1, 0, "1: the leak points away from 0 (lambda > 0) or toward it (< 0)", "epsilon"),
    "threshold": Parameter(0, (1 << 18) - 1, 1, "potential from which the neuron fires", "alpha"),
    "floor": Parameter(*(0, (1 << 18) - 1, 0), "negative threshold: below its negative the potential is reset", "beta"),
    "random_bits": Parameter(0, ETA_BITS, 0, "bits of the random number added to both thresholds", "TM"),
    "reset_mode": Parameter(0, 2, 0, "0: to the reset potential, 1: by the threshold, 2: not at all", "gamma"),
    "saturating": Parameter(
        *(0, 1, 0), "1: the potential stops at the negative threshold, which is not random", "kappa"
    ),
    "reset": Parameter(1 - (1 << 19), (1 << 19) - 1, 0, "reset potential", "R"),
}


class Neuron(NamedTuple):
    """Parameters of a neuron, as in ``PARAMETERS``; weights are sequences of four."""

    weights: Sequence[Int]
    stochastic_weights: Sequence[Int]
    leak: Int
    stochastic_leak: Int
    leak_reversal: Int
    threshold: Int
    floor: Int
    random_bits: Int
    reset_mode: Int
    saturating: Int
    reset: Int


def sign(x: Int) -> Int:
    """-1, 0 or 1."""
    return select(x > 0, 1, select(x < 0, -1, 0))


def chance(x: Int, rho: Int) -> Int:
    """The sign of x with probability (|x| + 1) / 256; of 0 never, though rho may be 0."""
    return select(select(x < 0, -x, x) >= rho, sign(x), 0)


def receive(v: Int, weight: Int, stochastic: Int, rho: Int, lowest: int = _LOWEST, highest: int = _HIGHEST) -> Int:
    """Potential after one synaptic event; rho counts only if the weight is stochastic.

    ``lowest`` and ``highest`` are the rails of V, in case it has other than 20 bits.
    """
    step = select(stochastic, chance(weight, rho), weight)
    return saturate(v + step, lowest, highest)


def leak(p: Neuron, v: Int, rho: Int, lowest: int = _LOWEST, highest: int = _HIGHEST) -> Int:
    """Potential after the leak; rho counts only if the leak is stochastic; rails as in ``receive``."""
    step = select(p.stochastic_leak, chance(p.leak, rho), p.leak)
    away = select(p.leak_reversal, sign(v) * step, step)
    moved = saturate(v + away, lowest, highest)
    crossed = sign(moved) * sign(v) < 0
    return select(p.leak_reversal & crossed, 0, moved)


def fire(p: Neuron, v: Int, rho: Int) -> tuple[Int, Int]:
    """Potential after the thresholds, and whether the neuron fires; rho counts only if ``random_bits`` > 0."""
    eta = rho & ((1 << p.random_bits) - 1)
    high, low = p.threshold + eta, p.floor + eta
    linear, kept = p.reset_mode == 1, p.reset_mode == 2
    spike = v >= high
    after_spike = select(linear, v - high, select(kept, v, p.reset))
    after_floor = select(linear, v + low, select(kept, v, -p.reset))
    below = select(p.saturating, v < -p.floor, v < -low)
    reset = select(spike, after_spike, select(p.saturating, -p.floor, after_floor))
    return select(spike | below, reset, v), spike


class Random:
    """The random numbers of one core, drawn one after another; scalar only."""

    def __init__(self, seed: int) -> None:
        self.state = lfsr.check_seed(seed)

    def draw(self, bits: int) -> int:
        """The low ``bits`` of the state after a step."""
        self.state = lfsr.step(self.state)
        return self.state & ((1 << bits) - 1)


def tick(p: Neuron, v: int, types: Sequence[int], random: Random) -> tuple[int, bool]:
    """One tick of one neuron in plain ints: the reference, to be read beside the contract.

    ``types`` are the axon types of its synaptic events of this tick, in ascending order of the axons. Returns the
    potential and whether the neuron fires.
    """
    for kind in types:
        stochastic = p.stochastic_weights[kind]
        v = receive(v, p.weights[kind], stochastic, random.draw(RHO_BITS) if stochastic else 0)
    v = leak(p, v, random.draw(RHO_BITS) if p.stochastic_leak else 0)
    v, spike = fire(p, v, random.draw(ETA_BITS) if p.random_bits else 0)
    return v, bool(spike)


@dataclass(frozen=True, eq=False)
class TrueNorthNeurons:
    """``size`` neurons: every field of ``Neuron`` as int64 (size,), weights (size, 4), checked as ``checked`` says."""

    size: int
    values: Mapping[str, IntArray]

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", checked("TrueNorth", PARAMETERS, self.size, self.values))

    def neuron(self, index: int) -> Neuron:
        """One neuron in plain ints."""
        return Neuron(**{name: array[index].tolist() for name, array in self.values.items()})

    @property
    def neurons(self) -> Neuron:
        """All neurons for ``leak`` and ``fire``: arrays of shape (size,); weights as four of them."""
        columns: dict[str, Any] = {name: list(a.T) if a.ndim == 2 else a for name, a in self.values.items()}
        return Neuron(**columns)
