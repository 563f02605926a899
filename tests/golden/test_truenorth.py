"""The TrueNorth neuron: ints = NumPy = the equations of the paper written with branches; its edges by hand."""

from __future__ import annotations

import random
import re
from typing import Any

import numpy as np
import pytest

from golden.errors import SpecError
from golden.neurons.truenorth import (
    ETA_BITS,
    PARAMETERS,
    POTENTIAL,
    RHO_BITS,
    Neuron,
    Random,
    TrueNorthNeurons,
    fire,
    leak,
    receive,
    tick,
)

TOP, BOTTOM = 2**19 - 1, -(2**19)


def neuron(**values: Any) -> Neuron:
    """One neuron; what is not given has its default."""
    return TrueNorthNeurons(1, {name: np.asarray(value) for name, value in values.items()}).neuron(0)


# --- the paper's equations, with branches ---------------------------------------------------------------------


def rails(v: int) -> int:
    return min(max(v, BOTTOM), TOP)


def sgn(x: int) -> int:
    return (x > 0) - (x < 0)


class ReferenceRandom:
    """The LFSR as a list of bits: shift right, and the bit that falls out is added at x^32, x^22, x^2 and x^1."""

    def __init__(self, seed: int) -> None:
        self.bits = [seed >> k & 1 for k in range(32)]
        self.draws = 0

    def draw(self, width: int) -> int:
        self.draws += 1
        out, *rest = self.bits
        self.bits = [*rest, 0]
        for exponent in (32, 22, 2, 1):
            self.bits[exponent - 1] ^= out
        return sum(bit << k for k, bit in enumerate(self.bits[:width]))


def reference_tick(p: dict[str, Any], v: int, types: list[int], rng: ReferenceRandom) -> tuple[int, bool]:
    def unit(s: int) -> int:
        return sgn(s) if abs(s) >= rng.draw(8) else 0

    for g in types:
        s = p["weights"][g]
        v = rails(v + (unit(s) if p["stochastic_weights"][g] else s))
    omega = sgn(v) if p["leak_reversal"] else 1
    step = unit(p["leak"]) if p["stochastic_leak"] else p["leak"]
    moved = rails(v + omega * step)
    v = 0 if p["leak_reversal"] and sgn(v) and sgn(moved) == -sgn(v) else moved
    eta = rng.draw(17) % 2 ** p["random_bits"] if p["random_bits"] else 0
    alpha, beta, gamma, r = p["threshold"], p["floor"], p["reset_mode"], p["reset"]
    if v >= alpha + eta:
        return {0: r, 1: v - (alpha + eta), 2: v}[gamma], True
    if p["saturating"] and v < -beta:
        return -beta, False
    if not p["saturating"] and v < -(beta + eta):
        return {0: -r, 1: v + (beta + eta), 2: v}[gamma], False
    return v, False


def random_neuron(rng: random.Random) -> dict[str, Any]:
    """Small and extreme values mixed, so that thresholds are met and rails are hit."""

    def value(name: str) -> int:
        limits = PARAMETERS[name]
        small = rng.randint(max(limits.low, -20), min(limits.high, 20))
        return rng.choice([limits.low, limits.high, small, small, small, rng.randint(limits.low, limits.high)])

    return {name: tuple(value(name) for _ in range(4)) if "weights" in name else value(name) for name in PARAMETERS}


def test_a_tick_is_the_papers_equations() -> None:
    rng, fired, drawn = random.Random(1), 0, 0
    for case in range(6_000):
        p = random_neuron(rng)
        around = rng.choice([0, p["threshold"], -p["floor"], TOP, BOTTOM])
        v = rails(around + rng.randint(-300, 300))
        types = [rng.randrange(4) for _ in range(rng.choice([0, 1, 2, 8]))]
        seed = rng.randrange(1, 2**32)
        ours, theirs = Random(seed), ReferenceRandom(seed)
        result = tick(Neuron(**p), v, types, ours)
        assert result == reference_tick(p, v, types, theirs), (case, p, v, types)
        assert ours.state == sum(bit << k for k, bit in enumerate(theirs.bits))
        fired, drawn = fired + result[1], drawn + theirs.draws
    assert fired > 1200
    assert drawn > 6_000


def test_arrays_are_updated_like_ints() -> None:
    rng, count = random.Random(2), 2000
    cases = [random_neuron(rng) for _ in range(count)]
    population = TrueNorthNeurons(count, {name: np.array([case[name] for case in cases]) for name in PARAMETERS})
    p = population.neurons
    numbers = np.random.default_rng(3)
    v = numbers.integers(BOTTOM, TOP + 1, count) // np.where(numbers.random(count) < 0.5, 1, 2**11)
    small, large = numbers.integers(0, 2**RHO_BITS, count), numbers.integers(0, 2**ETA_BITS, count)
    received = receive(v, p.weights[2], p.stochastic_weights[2], small)
    leaked = leak(p, v, small)
    after, spikes = fire(p, v, large)
    for k in range(count):
        one = population.neuron(k)
        x, rho, eta = int(v[k]), int(small[k]), int(large[k])
        assert receive(x, one.weights[2], one.stochastic_weights[2], rho) == received[k]
        assert leak(one, x, rho) == leaked[k]
        assert fire(one, x, eta) == (after[k], spikes[k])


# --- the table of the six reset modes, and edges, by hand --------------------------------------------------------


@pytest.mark.parametrize(
    ("gamma", "kappa", "on_spike", "below"),
    [
        (0, 0, 7, -7),  # normal
        (0, 1, 7, -50),  # normal, negative saturation
        (1, 0, 5, -10),  # linear
        (1, 1, 5, -50),  # linear, negative saturation
        (2, 0, 105, -60),  # no reset
        (2, 1, 105, -50),  # no reset, negative saturation
    ],
)
def test_reset_modes(gamma: int, kappa: int, on_spike: int, below: int) -> None:
    p = neuron(threshold=100, floor=50, reset_mode=gamma, saturating=kappa, reset=7)
    assert fire(p, 105, 0) == (on_spike, True)
    assert fire(p, -60, 0) == (below, False)
    assert fire(p, 99, 0) == (99, False)


@pytest.mark.parametrize("kappa", [0, 1])
def test_the_upper_threshold_is_reached_the_lower_one_passed(kappa: int) -> None:
    p = neuron(threshold=100, floor=50, reset=7, saturating=kappa)
    assert fire(p, 100, 0) == (7, True)
    assert fire(p, -50, 0) == (-50, False)
    assert fire(p, -51, 0) == (-50 if kappa else -7, False)


@pytest.mark.parametrize(
    ("reversal", "step", "before", "after"),
    [
        (0, 3, -1, 2),  # without reversal the leak crosses 0
        (0, -3, 1, -2),
        (1, -3, 10, 7),  # toward 0 from both sides
        (1, -3, -10, -7),
        (1, -3, 2, 0),  # and never through it
        (1, -3, -2, 0),
        (1, -3, 3, 0),
        (1, -3, 0, 0),
        (1, 3, 10, 13),  # away from 0
        (1, 3, -10, -13),
        (1, 3, 0, 0),
    ],
)
def test_leak(reversal: int, step: int, before: int, after: int) -> None:
    assert leak(neuron(leak=step, leak_reversal=reversal), before, 0) == after


def test_random_numbers_raise_both_thresholds_and_nothing_else() -> None:
    p = neuron(threshold=100, floor=50, random_bits=4, reset_mode=1)
    assert fire(p, 114, 0x1FFFF) == (114, False)  # eta = 15: only the low four bits count
    assert fire(p, 115, 0x1FFFF) == (0, True)
    assert fire(p, -65, 0x1FFFF) == (-65, False)
    assert fire(p, -66, 0x1FFFF) == (-1, False)
    # A stop at the floor is not random.
    assert fire(p._replace(saturating=1), -51, 0x1FFFF) == (-50, False)


@pytest.mark.parametrize(("weight", "hits"), [(0, 0), (1, 2), (-1, 2), (127, 128), (255, 256), (-255, 256)])
def test_a_stochastic_weight_is_a_probability(weight: int, hits: int) -> None:
    steps = [receive(0, weight, 1, rho) for rho in range(256)]
    assert [abs(step) for step in steps].count(1) == hits
    assert {step for step in steps if step} <= {1 if weight > 0 else -1}


def test_potentials_stop_at_the_rails_and_still_fire() -> None:
    assert receive(TOP - 1, 255, 0, 0) == TOP == POTENTIAL.max
    assert receive(BOTTOM, -255, 0, 0) == BOTTOM == POTENTIAL.min
    top = neuron(weights=(255, 0, 0, 0), threshold=2**18 - 1, reset_mode=1)
    assert tick(top, TOP, [0, 0], Random(1)) == (TOP - (2**18 - 1), True)


@pytest.mark.parametrize("bits", [1, 16, 17])
def test_the_threshold_has_as_many_random_bits_as_it_says(bits: int) -> None:
    """A linear reset from the top rail leaves what was added to a threshold of 0; every bit of it is once 1."""
    p, seen = neuron(threshold=0, random_bits=bits, reset_mode=1), 0
    for seed in random.Random(bits).choices(range(1, 2**32), k=50):
        eta = ReferenceRandom(seed).draw(17) % 2**bits
        assert tick(p, TOP, [], Random(seed)) == (TOP - eta, True)
        seen |= eta
    assert seen == 2**bits - 1


def test_known_errors_of_public_models_are_not_ours() -> None:
    """RANC wraps 9 bits; SANA-FE leaks first and its negative linear reset runs away; NeMo's weights are 0 or 1."""
    assert tick(neuron(weights=(200, 100, 0, 0), threshold=300, reset_mode=1), 0, [0, 1], Random(1)) == (0, True)
    down, v, path = neuron(weights=(-25, 0, 0, 0), threshold=100, floor=20, reset_mode=1), 0, []
    for _ in range(3):
        v, _ = tick(down, v, [0], Random(1))
        path.append(v)
    assert path == [-5, -10, -15]
    # Synapses before the leak: 2 - 3 crosses 0 and stops there, which a leak of 0 in first place could not do.
    assert tick(neuron(weights=(2, 0, 0, 0), leak=-3, leak_reversal=1), 0, [0], Random(1)) == (0, False)


def test_only_what_is_stochastic_draws() -> None:
    generator = Random(1)
    tick(neuron(weights=(5, 5, 5, 5), leak=3), 0, [0, 1, 2, 3], generator)
    assert generator.state == 1
    # Two stochastic events of three, the leak, the threshold.
    expected = ReferenceRandom(1)
    for _ in range(4):
        expected.draw(1)
    mixed = neuron(weights=(5,) * 4, stochastic_weights=(1, 0, 0, 0), stochastic_leak=1, leak=2, random_bits=3)
    tick(mixed, 0, [0, 1, 0], generator)
    assert generator.state == sum(bit << k for k, bit in enumerate(expected.bits))


# --- populations ---------------------------------------------------------------------------------------------------


def test_defaults_and_shared_values_are_spread() -> None:
    population = TrueNorthNeurons(3, {"weights": np.array([1, 2, 3, 4]), "threshold": np.array([5, 6, 7])})
    assert population.neuron(2) == Neuron([1, 2, 3, 4], [0] * 4, 0, 0, 0, 7, 0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"leek": 1}, "TrueNorth parameter must be one of weights, stochastic_weights, leak, "),
        ({"threshold": 2**18}, "Parameter threshold must be within 0 to 262143, not 262144"),
        ({"reset": -(2**19)}, "Parameter reset must be within -524287 to 524287, not -524288"),
        ({"weights": [0, 0, 0, 256]}, "Parameter weights must be within -255 to 255, not 256"),
        ({"weights": [1, 2]}, "Parameter weights must be of shape (4,) or (3, 4), not of shape (2,)"),
        ({"leak": [1, 2]}, "Parameter leak must be of shape () or (3,), not of shape (2,)"),
        ({"leak": 0.5}, "Parameter leak must be a whole number, not 0.5"),
        ({"reset_mode": 3}, "Parameter reset_mode must be within 0 to 2, not 3"),
    ],
)
def test_what_the_machine_cannot_hold_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}"):
        TrueNorthNeurons(3, {name: np.asarray(value) for name, value in values.items()})


def test_an_empty_population_is_refused() -> None:
    with pytest.raises(SpecError, match=r"^Population size must be at least 1, not 0$"):
        TrueNorthNeurons(0, {})
