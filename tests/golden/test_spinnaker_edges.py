"""SpiNNaker's neuron where random cases do not come: equality, single bits of roundings, the loop of one core."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from golden import lfsr
from golden.neurons.spinnaker import (
    ARITHMETICS,
    DOWN,
    DROPPED,
    NEAREST,
    Arithmetic,
    Core,
    Neuron,
    Rounding,
    SpiNNakerNeurons,
    State,
    update_float,
)

ONE, TOP = 2**15, 2**31 - 1


def neuron(arithmetic: Arithmetic = "s16.15", **values: Any) -> Neuron:
    """One neuron; what is not given has its default."""
    arrays = {name: np.asarray(value) for name, value in values.items()}
    return SpiNNakerNeurons(1, arrays, arithmetic).neuron(0)


def test_what_is_added_to_the_products() -> None:
    """Nothing, or half of what is dropped: 15 bits of a product of two accums, 32 of one with a fraction."""
    assert (*DROPPED,) == (32, 32, 15, 15, 32, 32)
    assert (*DOWN,) == (0,) * 6
    assert (*NEAREST,) == (2**31, 2**31, 2**14, 2**14, 2**31, 2**31)


# --- floating point ---------------------------------------------------------------------------------------------------


def test_the_threshold_is_reached_by_equality_in_floating_point() -> None:
    """exp_TC = 0: V is the steady state at once."""
    p = neuron("float64", exp_TC=0.0, V_thresh=10.0, V_reset=-1.0)
    assert update_float(p._replace(I_offset=10.0), State(0.0, 0.0, 0.0, 0), 0.0, 0.0) == (State(-1, 0, 0, 0), True)
    assert update_float(p._replace(I_offset=9.75), State(0.0, 0.0, 0.0, 0), 0.0, 0.0) == (State(9.75, 0, 0, 0), False)


def test_refractory_ticks_are_counted_down_in_floating_point() -> None:
    p, state, timers = neuron("float64", V_thresh=10.0), State(1.5, 0.0, 0.0, 3), []
    for _ in range(4):
        state, _ = update_float(p, state, 0.0, 0.0)
        timers.append(state.timer)
        assert (state.V == 1.5) == (len(timers) < 4)
    assert timers == [2, 1, 0, 0]


# --- a core -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arithmetic", ARITHMETICS)
def test_a_core_starts_at_rest(arithmetic: Arithmetic) -> None:
    p = neuron(arithmetic, V_rest=-3)
    core = Core([p], (0, 0), 2, arithmetic)
    assert core.states == [State(-3, 0, 0, 0)]
    assert core.random == 1
    kind = {"float32": np.float32, "float64": float}.get(arithmetic, int)
    assert [type(value) for value in core.states[0]] == [type(p.V_rest), kind, kind, int]


def test_ring_buffers_go_round() -> None:
    """A weight for tick 9 of 4 slots acts in tick 9, and once."""
    core = Core([neuron(exp_TC=0, V_thresh=TOP)], (0, 0), 4, "s16.15")
    for t in (6, 7):
        core.tick(t)
    core.receive(9, 0, 0, ONE)
    seen = []
    for t in range(8, 15):
        core.tick(t)
        seen.append(core.states[0].V)
    assert seen == [0, ONE - 1, 0, 0, 0, 0, 0]  # init is just below 1


def test_a_core_says_who_fires() -> None:
    p = neuron(exp_TC=0, V_thresh=ONE)
    core = Core([p._replace(I_offset=i * ONE) for i in (0, 2, 0, 1)], (0, 0), 2, "s16.15")
    assert core.tick(0) == [1, 3]


@pytest.mark.parametrize("arithmetic", ["float32", "float64"])
def test_a_core_in_floating_point_scales_its_ring_buffers(arithmetic: Arithmetic) -> None:
    """Excitatory entries of 2^(3 - 15) nA, inhibitory of 2^(5 - 15), through 1 MOhm; sums without rounding."""
    p = neuron(arithmetic, exp_TC=0.0, V_thresh=60000.0, R=1.0, init_exc=1.0, init_inh=1.0)
    core = Core([p], (3, 5), 2, arithmetic)
    core.receive(0, 0, 0, 7 * 2**12)
    core.receive(0, 1, 0, 3 * 2**9)
    assert core.tick(0) == []
    assert core.states[0].V == 7 - 1.5
    assert np.asarray(core.states[0].V).dtype == arithmetic


def test_a_core_rounds_as_its_arithmetic_says() -> None:
    """R = 2^-15: of products 0.5 and 0.25 only the first is rounded up, to 1, and only in the nearest mode."""
    p = neuron(exp_TC=0, V_thresh=TOP, R=1)
    seen = {}
    for arithmetic in ("s16.15", "s16.15-nearest"):
        core = Core([p._replace(I_offset=ONE // 2), p._replace(I_offset=ONE // 4)], (0, 0), 2, arithmetic)
        core.tick(0)
        seen[arithmetic] = [state.V for state in core.states]
    assert seen == {"s16.15": [0, 0], "s16.15-nearest": [1, 0]}


def test_random_roundings_are_all_low_bits_of_the_generator() -> None:
    core, state = Core([neuron()], (0, 0), 2, "s16.15-stochastic", seed=77), 77
    for _ in range(20):
        numbers = []
        for bits in DROPPED:
            state = lfsr.step(state)
            numbers.append(state % 2**bits)
        assert core._rounding() == Rounding(*numbers)
