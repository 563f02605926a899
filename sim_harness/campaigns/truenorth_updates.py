"""What single updates of TrueNorth neurons meet: the bins of functional coverage, counted in plain ints.

The golden ``tick`` is the reference; here it is run again, step by step, to see which way it went.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import product

from golden import lfsr
from golden.neurons.truenorth import ETA_BITS, POTENTIAL, RHO_BITS, Neuron, Random, fire, leak, receive, tick

_SIGNS = {-1: "-", 0: "0", 1: "+"}
_OUTCOMES = ("spike", "below the floor", "between")
_FAR = 1 << 30

BINS: tuple[str, ...] = (
    *(
        f"reset mode {gamma}, saturating {kappa}, {outcome}, draws {b}{c}{t}"
        for gamma, kappa, outcome, b, c, t in product(range(3), range(2), _OUTCOMES, "-b", "-c", "-t")
    ),
    *(
        f"leak {sign}, reversal {epsilon}, stochastic {c}, V {v}"
        for sign, epsilon, c, v in product("-0+", range(2), range(2), "-0+")
    ),
    *(f"leak stopped at 0, stochastic {c}" for c in range(2)),
    *(f"leak stopped at the {rail} rail, reversal {e}" for rail, e in product(("upper", "lower"), range(2))),
    *(f"event {sign}, stochastic {b}" for sign, b in product("-0+", range(2))),
    *(f"event stopped at the {rail} rail, stochastic {b}" for rail, b in product(("upper", "lower"), range(2))),
    *(f"{events} events" for events in ("0", "1", "2 to 4", "5 to 32", "more than 32")),
    *(f"V {how} the upper threshold" for how in ("at", "one below")),
    *(f"V {how} the lower threshold" for how in ("at", "one below")),
    *(f"{what}, stochastic {kind}" for what in ("rho at the magnitude", "rho 0") for kind in ("event", "leak")),
    "eta 0",
    "eta all ones",
    "a spike at the upper rail",
)


class Watched:
    """The golden ``tick``, counting in ``hits`` what it meets."""

    def __init__(self) -> None:
        self.hits: Counter[str] = Counter()

    def __call__(self, p: Neuron, v: int, types: Sequence[int], random: Random) -> tuple[int, bool]:
        """One update; the same result as ``tick``."""
        state = random.state
        after, spike = tick(p, v, types, random)
        self.watch(p, v, types, state)
        return after, spike

    def watch(self, p: Neuron, v: int, types: Sequence[int], state: int) -> None:
        """Go the way of the update again."""
        hit = self.hits
        drawn = False

        def rho(bits: int) -> int:
            nonlocal state
            state = lfsr.step(state)
            return state & ((1 << bits) - 1)

        for kind in types:
            s, b = p.weights[kind], p.stochastic_weights[kind]
            number = rho(RHO_BITS) if b else 0
            drawn |= bool(b)
            hit[f"event {_SIGNS[_sign(s)]}, stochastic {b}"] += 1
            if b:
                hit["rho at the magnitude, stochastic event"] += number == abs(s)
                hit["rho 0, stochastic event"] += number == 0
            free = receive(v, s, b, number, -_FAR, _FAR)
            v = receive(v, s, b, number)
            if free != v:
                hit[f"event stopped at the {'upper' if free > v else 'lower'} rail, stochastic {b}"] += 1
        n = len(types)
        hit[f"{n if n < 2 else '2 to 4' if n < 5 else '5 to 32' if n < 33 else 'more than 32'} events"] += 1

        c, epsilon = p.stochastic_leak, p.leak_reversal
        number = rho(RHO_BITS) if c else 0
        hit[f"leak {_SIGNS[_sign(p.leak)]}, reversal {epsilon}, stochastic {c}, V {_SIGNS[_sign(v)]}"] += 1
        if c:
            hit["rho at the magnitude, stochastic leak"] += number == abs(p.leak)
            hit["rho 0, stochastic leak"] += number == 0
        free, before = leak(p, v, number, -_FAR, _FAR), v
        v = leak(p, v, number)
        if free != v:
            hit[f"leak stopped at the {'upper' if free > v else 'lower'} rail, reversal {epsilon}"] += 1
        hit[f"leak stopped at 0, stochastic {c}"] += bool(epsilon and before and v == 0 and p.leak < -abs(before))

        t = p.random_bits
        number = rho(ETA_BITS) if t else 0
        eta = number & ((1 << t) - 1)
        if t > 1:
            hit["eta 0"] += eta == 0
            hit["eta all ones"] += eta == (1 << t) - 1
        _, spike = fire(p, v, number)
        low = p.floor if p.saturating else p.floor + eta
        outcome = _OUTCOMES[0 if spike else 1 if v < -low else 2]
        draws = f"{'b' if drawn else '-'}{'c' if c else '-'}{'t' if t else '-'}"
        hit[f"reset mode {p.reset_mode}, saturating {p.saturating}, {outcome}, draws {draws}"] += 1
        hit["V at the upper threshold"] += v == p.threshold + eta
        hit["V one below the upper threshold"] += v == p.threshold + eta - 1
        hit["V at the lower threshold"] += v == -low
        hit["V one below the lower threshold"] += v == -low - 1
        hit["a spike at the upper rail"] += bool(spike and v == POTENTIAL.max)


def _sign(x: int) -> int:
    return (x > 0) - (x < 0)
