"""SpiNNaker's neuron: ints = NumPy = the contract written with branches, in every arithmetic; its edges by hand."""

from __future__ import annotations

import ctypes
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from golden import lfsr
from golden.errors import SpecError
from golden.neurons.spinnaker import (
    ARITHMETICS,
    DOWN,
    DROPPED,
    NEAREST,
    PARAMETERS,
    UNITY,
    VERSION,
    Arithmetic,
    Core,
    Neuron,
    Rounding,
    SpiNNakerNeurons,
    State,
    to_input,
    update,
    update_float,
)

ONE = 2**15
TOP, BOTTOM = 2**31 - 1, -(2**31)
FIXED: tuple[Arithmetic, ...] = ARITHMETICS[:3]


def neuron(**values: int) -> Neuron:
    """One neuron; what is not given has its default."""
    return SpiNNakerNeurons(1, {name: np.asarray(value) for name, value in values.items()}).neuron(0)


# --- the contract, with branches ----------------------------------------------------------------------------------


def s32(x: int) -> int:
    """What a 32-bit register holds of x."""
    return ctypes.c_int32(x & 0xFFFFFFFF).value


def dropped(product: int, bits: int, mode: str, drawn: int) -> int:
    """A product without its low bits."""
    quotient, rest = divmod(product, 2**bits)
    if mode == "s16.15-nearest":
        return quotient + (rest >= 2 ** (bits - 1))
    if mode == "s16.15-stochastic":
        return quotient + (rest + drawn % 2**bits >= 2**bits)
    return quotient


def reference(
    p: Neuron, state: State, ring: tuple[int, int], shift: tuple[int, int], mode: str, drawn: list[int]
) -> tuple[State, bool]:
    """One tick as the contract says it; ``drawn`` are the six random numbers."""
    v, timer = state.V, state.timer
    exc = s32(state.exc + dropped(s32(ring[0] << shift[0]) * p.init_exc, 32, mode, drawn[0]))
    inh = s32(state.inh + dropped(s32(ring[1] << shift[1]) * p.init_inh, 32, mode, drawn[1]))
    if timer <= 0:
        current = s32(s32(exc - inh) + p.I_offset)
        alpha = s32(s32(dropped(current * p.R, 15, mode, drawn[2])) + p.V_rest)
        v = s32(alpha - s32(dropped(p.exp_TC * s32(alpha - v), 15, mode, drawn[3])))
    else:
        timer -= 1
    spike = v >= p.V_thresh
    if spike:
        v, timer = p.V_reset, p.T_refract
    exc = dropped(exc * p.decay_exc, 32, mode, drawn[4])
    inh = dropped(inh * p.decay_inh, 32, mode, drawn[5])
    return State(v, exc, inh, timer), spike


def float_reference(p: Neuron, state: State, ring: tuple[float, float], kind: Any) -> tuple[State, bool]:
    """The same in floating point, every operation rounded to ``kind``."""
    v, timer = state.V, state.timer
    exc = kind(state.exc + kind(kind(ring[0]) * p.init_exc))
    inh = kind(state.inh + kind(kind(ring[1]) * p.init_inh))
    if timer <= 0:
        current = kind(kind(exc - inh) + p.I_offset)
        alpha = kind(kind(current * p.R) + p.V_rest)
        v = kind(alpha - kind(p.exp_TC * kind(alpha - v)))
    else:
        timer -= 1
    spike = bool(v >= p.V_thresh)
    if spike:
        v, timer = p.V_reset, p.T_refract
    return State(v, kind(exc * p.decay_exc), kind(inh * p.decay_inh), timer), spike


def draw(rng: random.Random, low: int, high: int) -> int:
    """Extremes, small numbers, usual numbers, anything."""
    ordinary = min(max(rng.randint(-70 * ONE, 70 * ONE), low), high)
    small = min(max(rng.randint(-9, 9), low), high)
    return rng.choice([low, high, small, ordinary, ordinary, rng.randint(low, high)])


def random_case(rng: random.Random) -> tuple[dict[str, int], State, tuple[int, int], tuple[int, int], list[int]]:
    """Parameters, state, ring-buffer entries, shifts and random numbers."""
    values = {name: draw(rng, limits.low, limits.high) for name, limits in PARAMETERS.items()}
    state = State(*(draw(rng, BOTTOM, TOP) for _ in range(3)), rng.choice([0, 0, 0, 1, 2, TOP]))
    ring = (rng.choice([0, 0xFFFF, rng.randint(0, 0xFFFF)]), rng.choice([0, 0xFFFF, rng.randint(0, 0xFFFF)]))
    return values, state, ring, (rng.randint(0, 16), rng.randint(0, 16)), [rng.getrandbits(32) for _ in range(6)]


def rounding_of(mode: str, drawn: list[int]) -> Rounding:
    if mode == "s16.15-stochastic":
        return Rounding(*(number % 2**bits for number, bits in zip(drawn, DROPPED, strict=True)))
    return NEAREST if mode == "s16.15-nearest" else DOWN


@pytest.mark.parametrize("mode", FIXED)
def test_fixed_point_is_the_contract(mode: Arithmetic) -> None:
    rng, count, fired, on_threshold = random.Random(mode), 6_000, 0, 0
    cases = [random_case(rng) for _ in range(count)]
    for values, state, ring, shift, drawn in cases[: count // 2]:  # thresholds at the potential, and beside it
        free = reference(Neuron(**values | {"V_thresh": TOP}), state, ring, shift, mode, drawn)[0].V
        values["V_thresh"] = min(max(free + rng.choice([-1, 0, 0, 1]), BOTTOM), TOP)
        on_threshold += values["V_thresh"] == free
    neurons = SpiNNakerNeurons(count, {k: np.array([case[0][k] for case in cases]) for k in PARAMETERS}, mode)
    states = State(*(np.array(column) for column in zip(*(case[1] for case in cases), strict=True)))
    rings, shifts, draws = (np.array([case[k] for case in cases]).T for k in (2, 3, 4))
    everything = rounding_of(mode, list(draws))
    after, spikes = update(neurons.neurons, states, *to_input(rings, shifts), everything)
    for k, (_, state, ring, shift, drawn) in enumerate(cases):
        p = neurons.neuron(k)
        expected = reference(p, state, ring, shift, mode, drawn)
        exc, inh = (to_input(w, s) for w, s in zip(ring, shift, strict=True))
        assert update(p, state, exc, inh, rounding_of(mode, drawn)) == expected, cases[k]
        assert (tuple(int(column[k]) for column in after), bool(spikes[k])) == (tuple(expected[0]), expected[1])
        fired += expected[1]
    assert count // 10 < fired < count
    assert on_threshold > count // 10


@pytest.mark.parametrize("mode", ["float32", "float64"])
def test_floating_point_is_the_contract_in_its_width(mode: Arithmetic) -> None:
    rng, count, kind = np.random.default_rng(1), 2_000, np.dtype(mode).type
    values: dict[str, Any] = {name: rng.normal(0, 20, count) for name in ("V_rest", "V_reset", "V_thresh", "I_offset")}
    values |= {name: rng.random(count) for name in ("exp_TC", "init_exc", "init_inh", "decay_exc", "decay_inh")}
    neurons = SpiNNakerNeurons(count, values | {"R": rng.random(count) * 50, "T_refract": np.arange(count) % 3}, mode)
    states = State(*(rng.normal(0, 9, count).astype(kind) for _ in range(3)), rng.integers(0, 2, count))
    exc, inh = rng.random((2, count)).astype(kind)
    after, spikes = update_float(neurons.neurons, states, exc, inh)
    assert after.V.dtype == after.exc.dtype == kind
    assert 0 < spikes.sum() < count
    for k in range(count):
        state = State(*(column[k] for column in states))
        expected = float_reference(neurons.neuron(k), state, (exc[k], inh[k]), kind)
        assert (tuple(column[k] for column in after), bool(spikes[k])) == (tuple(expected[0]), expected[1])


def test_rounding_is_what_the_modes_differ_in() -> None:
    """A drifting product, floored: down by half a last bit a tick on average; nearest and stochastic do not drift."""
    p, ticks = neuron(R=ONE, exp_TC=ONE, V_thresh=TOP, decay_exc=3 * 2**30), 4_000
    means = {}
    for mode in FIXED:
        rng, errors = random.Random(1), []
        for _ in range(ticks):
            exc = rng.randint(0, 2**20)
            rounding = rounding_of(mode, [rng.getrandbits(32) for _ in range(6)])
            got = update(p, State(0, exc, 0, 0), 0, 0, rounding).state.exc
            errors.append(got - exc * 0.75)
        means[mode] = sum(errors) / ticks
    # The rest of a multiple of 3/4 is 0, 1/4, 1/2 or 3/4: its mean is 3/8, and halves upward make 1/8 of it.
    assert abs(means["s16.15"] + 3 / 8) < 0.02
    assert abs(means["s16.15-nearest"] - 1 / 8) < 0.02
    assert abs(means["s16.15-stochastic"]) < 0.03


# --- edges, by hand ---------------------------------------------------------------------------------------------------


def test_the_threshold_is_reached_by_equality() -> None:
    """exp_TC = 0: V is the steady state at once."""
    p = neuron(exp_TC=0, V_thresh=10 * ONE, V_reset=-ONE)
    assert update(p._replace(I_offset=10 * ONE - 1), State(0, 0, 0, 0), 0, 0) == (State(10 * ONE - 1, 0, 0, 0), False)
    assert update(p._replace(I_offset=10 * ONE), State(0, 0, 0, 0), 0, 0) == (State(-ONE, 0, 0, 0), True)


@pytest.mark.parametrize(("refractory", "spikes"), [(0, [0, 1, 2, 3, 4, 5]), (1, [0, 2, 4]), (2, [0, 3])])
def test_refractory_ticks(refractory: int, spikes: list[int]) -> None:
    """Driven above threshold in every tick; V is held in exactly T_refract ticks, the currents go on."""
    p = neuron(exp_TC=0, V_thresh=ONE, V_reset=-3, I_offset=5 * ONE, T_refract=refractory, decay_exc=2**31)
    state, fired = State(0, 2**10, 0, 0), []
    for tick in range(6):
        state, spike = update(p, state, 0, 0)
        fired += [tick] if spike else []
        assert state.exc == 2**10 >> (tick + 1)
        assert state.V == -3
    assert fired == spikes


def test_a_reset_above_threshold_fires_while_refractory() -> None:
    """The threshold is looked at in every tick, held or not."""
    p = neuron(V_thresh=0, V_reset=5, T_refract=3)
    assert update(p, State(5, 0, 0, 2), 0, 0) == (State(5, 0, 0, 3), True)


def test_sums_wrap_and_products_are_floors() -> None:
    p = neuron(exp_TC=0, V_thresh=TOP)
    assert update(p, State(0, TOP, 0, 0), 2, 0).state == State(BOTTOM, 0, 0, 0)  # TOP + 1: init is just below 1
    assert update(p._replace(R=1, I_offset=-1), State(0, 0, 0, 0), 0, 0).state.V == -1  # -2^-15 is -1, not 0
    assert update(p._replace(R=300 * ONE, I_offset=300 * ONE), State(0, 0, 0, 0), 0, 0).state.V == -41072 * ONE
    assert update(p._replace(decay_inh=2**31), State(0, 0, -3, 0), 0, 0).state.inh == -2


def test_a_ring_buffer_entry_is_shifted_into_32_bits() -> None:
    assert to_input(1, 0) == 1
    assert to_input(0xFFFF, 15) == 0xFFFF << 15
    assert to_input(0xFFFF, 16) == -(2**16)
    assert to_input(np.array([0x8000]), 16).tolist() == [BOTTOM]


def test_weights_act_in_the_tick_they_arrive_in() -> None:
    """A weight of 1 nA through 10 MOhm, half of it in its first tick, a quarter of what is left in each next one."""
    p = neuron(R=10 * ONE, exp_TC=0, V_thresh=TOP, init_exc=2**31, decay_exc=2**30)
    core = Core([p], (0, 0), 4, "s16.15")
    core.receive(1, 0, 0, ONE)
    seen = []
    for t in range(4):
        core.tick(t)
        seen.append(core.states[0].V / ONE)
    assert seen == [0, 5, 1.25, 0.3125]


# --- ring buffers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("weights", "entry", "saturations"),
    [
        ([0xFFFF], 0xFFFF, 0),
        ([0xFFFE, 1], 0xFFFF, 0),
        ([0xFFFF, 1], 0xFFFF, 1),
        ([0xFFFF, 0xFFFF], 0xFFFF, 1),
        ([0xFFFF, 1, 1], 0xFFFF, 2),
        ([1, 1, 0xFFFF], 0xFFFF, 1),  # the same weights: the number depends on their order
        ([0xFFFF, 0, 0], 0xFFFF, 0),
        ([0x8000, 0x8000, 5], 0xFFFF, 2),
    ],
)
def test_ring_buffers_saturate_and_count(weights: list[int], entry: int, saturations: int) -> None:
    core = Core([neuron(), neuron()], (0, 0), 8, "s16.15")
    for weight in weights:
        core.receive(11, 1, 1, weight)
    assert core.ring[11 % 8] == [[0, 0], [0, entry]]
    assert core.saturations == saturations
    core.tick(3)
    assert core.ring == [[[0, 0], [0, 0]] for _ in range(8)]


def test_random_numbers_are_drawn_six_a_neuron() -> None:
    """Two neurons, the first refractory: it draws all the same; each product takes the low bits of its number."""
    p = neuron(R=12345, exp_TC=23456, V_thresh=TOP, init_exc=2**31 + 99, init_inh=UNITY, decay_exc=77777, decay_inh=99)
    core = Core([p, p], (3, 0), 2, "s16.15-stochastic", seed=99)
    core.states = [State(1000, 2000, 3000, 5), State(-1000, 5000, -3000, 0)]
    for kind in (0, 1):
        for n in (0, 1):
            core.receive(0, kind, n, 4321 + n)
    random, drawn = 99, []
    for _ in range(12):
        random = lfsr.step(random)
        drawn.append(random)
    expected = [
        reference(p, state, (4321 + n, 4321 + n), (3, 0), "s16.15-stochastic", drawn[6 * n : 6 * n + 6])[0]
        for n, state in enumerate(core.states)
    ]
    core.tick(0)
    assert core.states == expected
    assert core.random == random


# --- what cannot be represented -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "others", "message"),
    [
        ({"R": 2**31}, {}, "Parameter R must be within 0 to 2147483647, not 2147483648"),
        ({"decay_exc": 2**32}, {}, "Parameter decay_exc must be within 0 to 4294967295, not 4294967296"),
        ({"T_refract": -1}, {}, "Parameter T_refract must be within 0 to 2147483647, not -1"),
        ({"V": 1}, {}, "SpiNNaker parameter must be one of R, exp_TC, V_rest, "),
        ({}, {"arithmetic": "float16"}, "SpiNNaker arithmetic must be one of s16.15, s16.15-nearest, "),
        ({}, {"solver": "exact"}, "SpiNNaker solver must be one of closed, euler, not 'exact'"),
        ({}, {"version": "7.0"}, "SpiNNaker version must be 'sPyNNaker, October 2023', not '7.0'"),
        ({"V_rest": 65537.0}, {"arithmetic": "float32"}, "Parameter V_rest must be within -65536 to 65536, not 65537"),
        ({"decay_inh": np.nan}, {"arithmetic": "float64"}, "Parameter decay_inh must be within 0 to 1, not nan"),
        ({"R": [1.0, 2.0]}, {"arithmetic": "float64"}, "Parameter R must be of shape () or (3,), not of shape (2,)"),
    ],
)
def test_what_the_machine_cannot_hold_is_refused(values: dict[str, Any], others: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}"):
        SpiNNakerNeurons(3, {name: np.asarray(value) for name, value in values.items()}, **others)


def test_the_version_is_part_of_the_parameters() -> None:
    assert SpiNNakerNeurons(1, {}).version == VERSION == "sPyNNaker, October 2023"


def test_the_page_shows_the_parameters() -> None:
    """docs/spinnaker.md, generated from the table of parameters."""
    lines = ["| parameter | smallest | largest | default | |", "|---|---|---|---|---|"]
    lines += [f"| `{name}` | {p.low} | {p.high} | {p.default} | {p.meaning} |" for name, p in PARAMETERS.items()]
    page = Path("docs/spinnaker.md").read_text(encoding="utf-8")
    assert "\n".join(lines) in page
    assert VERSION in page
    assert all(f"`{mode}`" in page for mode in ARITHMETICS)
