"""The fixed-point update: ints = NumPy = an independent update in exact fractions, over formats, states and rails."""

from __future__ import annotations

import itertools
import math
import random
import re
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden.errors import SpecError
from golden.fixed import Format
from golden.neurons.lif_fixed import FixedLIF, LIFFormat, Parameters, State, leak, receive, step
from golden.polymorphic import saturate, select, shift_right

ROUND = {
    "floor": math.floor,
    "nearest": lambda x: math.floor(x + Fraction(1, 2)),
    "toward_zero": math.trunc,
}


def clip(x: int, width: int) -> int:
    return sorted((-(2 ** (width - 1)), x, 2 ** (width - 1) - 1))[1]


def reference_leak(fmt: LIFFormat, v: int, decay: int) -> int:
    rounded = ROUND[fmt.leak_rounding]
    if fmt.leak == "shift":
        return v - rounded(Fraction(v, 2**decay))
    return rounded(Fraction(v * decay, 2**fmt.decay_bits))


def reference_step(fmt: LIFFormat, p: Parameters, v: int, i: int, r: int, current: int) -> tuple[int, int, int, bool]:
    """The update as the documentation words it, with branches and exact fractions."""
    through = {"none": 0, "delta": i, "exponential": i}[fmt.synapse]
    i_next = 0
    if fmt.synapse == "exponential":
        i_next = ROUND[fmt.leak_rounding](Fraction(i * p.syn_decay, 2**fmt.decay_bits))
    if r > 0:
        return v, i_next, r - 1, False
    x = clip(reference_leak(fmt, v, p.decay) + current + through, fmt.v.width)
    fires = x > p.v_th or (x == p.v_th and fmt.comparison == ">=")
    if not fires:
        return x, i_next, 0, False
    return (p.v_reset if fmt.reset == "value" else x - p.v_th), i_next, p.t_ref, True


formats = st.builds(
    LIFFormat,
    v=st.builds(Format, st.integers(4, 32), st.integers(-4, 32)),
    input_width=st.integers(2, 32),
    leak=st.sampled_from(["multiply", "shift"]),
    decay_bits=st.integers(2, 24),
    leak_rounding=st.sampled_from(sorted(ROUND)),
    comparison=st.sampled_from([">=", ">"]),
    reset=st.sampled_from(["value", "subtract"]),
    synapse=st.sampled_from(["none", "delta", "exponential"]),
    refractory_bits=st.sampled_from([0, 1, 3, 16]),
)


def within(rng: random.Random, low: int, high: int) -> int:
    """Any value; the rails and what is near 0 half the time."""
    edges = [x for x in (low, low + 1, -1, 0, 1, high - 1, high) if low <= x <= high]
    return rng.choice(edges) if rng.random() < 0.5 else rng.randint(low, high)


def random_neuron(rng: random.Random, fmt: LIFFormat) -> tuple[Parameters, tuple[int, int, int, int]]:
    """Parameters and (v, i, r, current); the threshold is often exactly where v goes, or one beside it."""
    top, most = 2 ** (fmt.v.width - 1) - 1, 2 ** (fmt.input_width - 1) - 1
    decay_bits = (fmt.v.width - 1).bit_length() if fmt.leak == "shift" else fmt.decay_bits
    decay = within(rng, 0, 2**decay_bits - 1)
    v, i, current = within(rng, -top - 1, top), within(rng, -most - 1, most), within(rng, -most - 1, most)
    r = rng.choice([0, rng.randrange(2**fmt.refractory_bits)])
    hit = clip(reference_leak(fmt, v, decay) + current + (0 if fmt.synapse == "none" else i), fmt.v.width)
    p = Parameters(
        decay=decay,
        syn_decay=within(rng, 0, 2**fmt.decay_bits - 1),
        v_th=min(max(hit + rng.choice([-1, 0, 1]), 0), top) if rng.random() < 0.5 else within(rng, 0, top),
        v_reset=within(rng, -top - 1, top),
        t_ref=within(rng, 0, 2**fmt.refractory_bits - 1),
    )
    return p, (v, i, r, current)


@given(formats, st.integers(0, 2**32 - 1))
@settings(max_examples=250, deadline=None)
def test_ints_arrays_and_fractions_agree(fmt: LIFFormat, seed: int) -> None:
    """Thirty neurons of any format: states, rails, equality with the threshold, refractory edges."""
    rng = random.Random(seed)
    parameters, states = zip(*(random_neuron(rng, fmt) for _ in range(30)), strict=True)
    wanted = [reference_step(fmt, p, *state) for p, state in zip(parameters, states, strict=True)]
    for p, (v, i, r, current), result in zip(parameters, states, wanted, strict=True):
        (v_next, i_next, r_next), spike = step(fmt, p, State(v, i, r), current)
        assert (v_next, i_next, r_next, bool(spike)) == result
        assert fmt.v.min <= v_next <= fmt.v.max
        assert fmt.input.min <= i_next <= fmt.input.max
    v, i, r, current = (np.array(column, dtype=np.int64) for column in zip(*states, strict=True))
    arrays = Parameters(*(np.array(column, dtype=np.int64) for column in zip(*parameters, strict=True)))
    after, spikes = step(fmt, arrays, State(v, i, r), current)
    assert after.v.dtype == after.i.dtype == np.int64
    assert list(zip(after.v, after.i, after.r, spikes, strict=True)) == wanted


@pytest.mark.parametrize("rounding", sorted(ROUND))
@pytest.mark.parametrize("kind", ["multiply", "shift"])
def test_the_leak_for_every_state_and_factor_of_a_small_format(kind: Any, rounding: Any) -> None:
    fmt = LIFFormat(v=Format(7, 0), leak=kind, decay_bits=5, leak_rounding=rounding)
    factors = range(8) if kind == "shift" else range(32)
    v = np.arange(-64, 64)
    for decay in factors:
        wanted = [reference_leak(fmt, int(x), decay) for x in v]
        assert leak(fmt, v, decay).tolist() == wanted
        assert leak(fmt, v, np.full(v.shape, decay)).tolist() == wanted
        assert [leak(fmt, int(x), decay) for x in v] == wanted
        assert (np.abs(wanted) <= np.abs(v)).all()


def test_a_shift_of_nothing_leaks_everything() -> None:
    for rounding in ROUND:
        assert leak(LIFFormat(leak="shift", leak_rounding=rounding), -1234, 0) == 0


@pytest.mark.parametrize("kind", ["multiply", "shift"])
@pytest.mark.parametrize("rounding", sorted(ROUND))
@pytest.mark.parametrize("synapse", ["none", "exponential"])
def test_int64_holds_the_widest_format(kind: Any, rounding: Any, synapse: Any) -> None:
    """All corners of 32-bit states and 24-bit factors: arrays wrap at 2**63, Python ints do not."""
    fmt = LIFFormat(
        v=Format(32, 16), leak=kind, decay_bits=24, leak_rounding=rounding, synapse=synapse, reset="subtract"
    )
    rails = [-(2**31), -(2**31) + 1, -1, 0, 1, 2**31 - 1]
    decays = [0, 1, 2, 30, fmt.parameter_format("decay").max]
    corners = list(itertools.product(rails, rails, rails, decays, [0, 1, 2**31 - 1]))
    v, i, current, decay, v_th = np.array(corners, dtype=np.int64).T
    syn_decay = np.full(v.shape, 2**24 - 1)
    after, spike = step(fmt, Parameters(decay, syn_decay, v_th, 0, 3), State(v, i, np.zeros_like(v)), current)
    for k, (a, b, c, d, th) in enumerate(corners):
        wanted = reference_step(fmt, Parameters(d, 2**24 - 1, th, 0, 3), a, b, 0, c)
        assert (after.v[k], after.i[k], after.r[k], spike[k]) == wanted


# -- the sequence of one tick, by hand


def simulate(
    fmt: LIFFormat, p: Parameters, currents: list[int], weights: dict[int, int]
) -> list[tuple[int, int, int, int]]:
    state, trace = State(0, 0, 0), []
    for tick, current in enumerate(currents):
        state = state._replace(i=receive(fmt, state.i, weights.get(tick, 0)))
        state, spike = step(fmt, p, state, current)
        trace.append((*state, int(spike)))
    return trace


def test_the_synaptic_current_acts_before_it_decays() -> None:
    fmt = LIFFormat(v=Format(16, 0), synapse="exponential", decay_bits=8)
    p = Parameters(decay=128, syn_decay=64, v_th=1000)
    trace = simulate(fmt, p, [0] * 4, {0: 400})
    assert [(v, i) for v, i, _, _ in trace] == [(400, 100), (300, 25), (175, 6), (93, 1)]


def test_a_delta_synapse_acts_for_one_tick() -> None:
    fmt = LIFFormat(v=Format(16, 0), synapse="delta", decay_bits=8)
    trace = simulate(fmt, Parameters(decay=128, v_th=1000), [0] * 3, {1: -400})
    assert [(v, i) for v, i, _, _ in trace] == [(0, 0), (-400, 0), (-200, 0)]


@pytest.mark.parametrize("t_ref", [0, 1, 2, 7])
def test_a_spike_is_followed_by_exactly_t_ref_held_ticks(t_ref: int) -> None:
    fmt = LIFFormat(v=Format(16, 0), decay_bits=8, refractory_bits=3)
    trace = simulate(fmt, Parameters(decay=0, v_th=10, v_reset=-5, t_ref=t_ref), [50] * 40, {})
    fired = [tick for tick, (_, _, _, spike) in enumerate(trace) if spike]
    assert fired == list(range(0, 40, t_ref + 1))
    assert all(v == -5 for v, _, _, _ in trace)
    assert [r for _, _, r, _ in trace[: t_ref + 1]] == list(range(t_ref, -1, -1))


def test_synaptic_current_decays_while_the_membrane_is_held() -> None:
    fmt = LIFFormat(v=Format(16, 0), decay_bits=8, synapse="exponential")
    p = Parameters(decay=255, syn_decay=128, v_th=10, v_reset=0, t_ref=3)
    trace = simulate(fmt, p, [0] * 5, {0: 640, 2: 40})
    assert [i for _, i, _, _ in trace] == [320, 160, 100, 50, 25]
    assert [v for v, _, _, _ in trace] == [0, 0, 0, 0, 0]
    assert [spike for _, _, _, spike in trace] == [1, 0, 0, 0, 1]


@pytest.mark.parametrize(("comparison", "at", "above"), [(">=", 1, 1), (">", 0, 1)])
def test_equality_with_the_threshold(comparison: Any, at: int, above: int) -> None:
    fmt = LIFFormat(v=Format(16, 0), comparison=comparison)
    p = Parameters(v_th=100)
    assert [int(step(fmt, p, State(0, 0, 0), drive).spike) for drive in (99, 100, 101)] == [0, at, above]


def test_reset_by_subtraction_keeps_the_overshoot() -> None:
    fmt = LIFFormat(v=Format(16, 0), reset="subtract", decay_bits=8)
    trace = simulate(fmt, Parameters(decay=255, v_th=100), [250, 0, 0], {})
    assert [(v, spike) for v, _, _, spike in trace] == [(150, 1), (49, 1), (48, 0)]


def test_the_potential_saturates_at_both_rails() -> None:
    fmt = LIFFormat(v=Format(8, 0), input_width=16, comparison=">", synapse="delta")
    p = Parameters(decay=2**16 - 1, v_th=127)
    assert step(fmt, p, State(100, 0, 0), 30000).state.v == 127
    assert step(fmt, p, State(100, 30000, 0), 30000).state.v == 127
    assert step(fmt, p, State(-100, -30000, 0), -30000).state.v == -128


def test_the_synaptic_current_saturates_spike_by_spike() -> None:
    fmt = LIFFormat(v=Format(8, 0), synapse="delta")
    assert receive(fmt, 100, 27) == 127
    assert receive(fmt, 100, 28) == 127
    assert receive(fmt, -100, -28) == -128
    assert receive(fmt, -100, -29) == -128
    assert receive(fmt, receive(fmt, 100, 100), -100) == 27


# -- polymorphic operations


def test_select_and_saturate() -> None:
    assert select(True, 1, 2) == 1
    assert select(np.bool_(False), 1, 2) == 2
    assert select(np.array([True, False]), np.array([1, 2]), 3).tolist() == [1, 3]
    assert saturate(np.array([-9, -8, 0, 7, 8]), -8, 7).tolist() == [-8, -8, 0, 7, 7]


def test_an_unknown_shift_rounding() -> None:
    message = "rounding must be one of ('floor', 'nearest', 'toward_zero'), not 'up'"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        shift_right(5, 1, "up")


# -- formats and parameters


def test_derived_formats() -> None:
    fmt = LIFFormat(v=Format(16, 8), decay_bits=12, synapse="exponential", refractory_bits=5)
    assert fmt.input == Format(16, 8)
    assert fmt.parameters == ("decay", "syn_decay", "v_th", "v_reset", "t_ref")
    assert {name: (f.min, f.max) for name in fmt.parameters for f in [fmt.parameter_format(name)]} == {
        "decay": (0, 4095),
        "syn_decay": (0, 4095),
        "v_th": (0, 32767),
        "v_reset": (-32768, 32767),
        "t_ref": (0, 31),
    }
    small = LIFFormat(leak="shift", reset="subtract", refractory_bits=0)
    assert small.parameters == ("decay", "v_th")
    with pytest.raises(KeyError):
        fmt.parameter_format("tau")


@pytest.mark.parametrize("width", range(4, 33))
def test_a_shift_can_drop_every_bit_but_the_sign(width: int) -> None:
    """The amount needs to reach width - 1; int64 holds half of 2**amount for every amount (nearest)."""
    high = LIFFormat(v=Format(width, 0), leak="shift").parameter_format("decay").max
    assert width - 1 <= high <= 61


@given(formats)
def test_a_format_survives_its_dictionary(fmt: LIFFormat) -> None:
    table = fmt.to_dict()
    assert all(isinstance(value, str | int) for value in table.values())
    assert LIFFormat.from_dict(table) == fmt


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"v": Format(16, 8, signed=False)}, "Format of v must be signed and at least 4 bits wide, not u16.8"),
        ({"v": Format(3)}, "Format of v must be signed and at least 4 bits wide, not 3.0"),
        ({"input_width": 33}, "Input width must be 2 to 32, not 33"),
        ({"input_width": 1}, "Input width must be 2 to 32, not 1"),
        ({"decay_bits": 25}, "Decay bits must be 2 to 24, not 25"),
        ({"decay_bits": 1}, "Decay bits must be 2 to 24, not 1"),
        ({"refractory_bits": 17}, "Refractory bits must be 0 to 16, not 17"),
        ({"refractory_bits": -1}, "Refractory bits must be 0 to 16, not -1"),
        ({"leak": "none"}, "Leak must be one of multiply, shift, not 'none'"),
        ({"leak_rounding": "error"}, "Leak rounding must be one of floor, nearest, toward_zero, not 'error'"),
        ({"comparison": "=="}, "Comparison must be one of >=, >, not '=='"),
        ({"reset": "soft"}, "Reset must be one of value, subtract, not 'soft'"),
        ({"synapse": "alpha"}, "Synapse must be one of none, delta, exponential, not 'alpha'"),
    ],
)
def test_structures_that_are_none(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        LIFFormat(**settings)


GOOD: dict[str, Any] = {"decay": 1, "v_th": 5, "v_reset": 0, "t_ref": 2}


@pytest.mark.parametrize(
    ("size", "changes", "message"),
    [
        (0, {}, "Population size must be at least 1, not 0"),
        (
            1,
            {"syn_decay": 1},
            (
                "Fixed-point parameters must be exactly decay, v_th, v_reset, t_ref, "
                "not decay, v_th, v_reset, t_ref, syn_decay"
            ),
        ),
        (3, {"v_th": [1, 2]}, "Parameter v_th must be one value or 3, not of shape (2,)"),
        (1, {"v_th": 32768}, "Parameter v_th must be within 0 to 32767, not 32768"),
        (1, {"v_th": -1}, "Parameter v_th must be within 0 to 32767, not -1"),
        (3, {"v_reset": [0, 40000, -32769]}, "Parameter v_reset must be within -32768 to 32767, not 40000"),
        (1, {"t_ref": 256}, "Parameter t_ref must be within 0 to 255, not 256"),
        (1, {"decay": 65536}, "Parameter decay must be within 0 to 65535, not 65536"),
    ],
)
def test_parameters_that_do_not_fit(size: int, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        FixedLIF(LIFFormat(), size, GOOD | changes)


def test_shared_and_own_parameters() -> None:
    assert FixedLIF(LIFFormat(), 3, GOOD).shared
    mixed = FixedLIF(LIFFormat(), 3, GOOD | {"v_th": [7, 8, 9]})
    assert not mixed.shared
    assert mixed.parameters_of(2) == Parameters(decay=1, v_th=9, t_ref=2)
    assert [type(value) for value in mixed.parameters_of(2)] == [int] * 5
