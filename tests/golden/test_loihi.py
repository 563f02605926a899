"""The Loihi compartment: reference vectors; ints = NumPy = each model's rules written with branches; edges by hand."""

from __future__ import annotations

import random
import re
from typing import Any, get_args

import numpy as np
import pytest

from golden.errors import SpecError
from golden.neurons.loihi import (
    PARAMETERS,
    RULES,
    Compartment,
    Compat,
    LoihiCompartments,
    Overflows,
    State,
    decay,
    overflows,
    step,
    sums,
    wrap_like_lava,
)  # fmt: skip

COMPATS = get_args(Compat)
END = 2**23


def compartment(**values: int) -> Compartment:
    """One compartment; what is not given has its default."""
    return LoihiCompartments(1, {name: np.asarray(value) for name, value in values.items()}).compartment(0)


def run(p: Compartment, inputs: list[int], compat: Compat = "loihi") -> tuple[list[int], list[int], list[int]]:
    """Currents, voltages and the steps of the spikes."""
    state, us, vs, spikes = State(0, 0, 0), [], [], []
    for k, a in enumerate(inputs):
        state, spike = step(p, state, a, compat)
        us.append(state.u)
        vs.append(state.v)
        spikes += [k] if spike else []
    return us, vs, spikes


# --- reference vectors of the contract ---------------------------------------------------------------------------


@pytest.mark.parametrize("compat", COMPATS)
def test_one_impulse(compat: Compat) -> None:
    u, v, spikes = run(compartment(du=2047, dv=1, vth=1000), [128] + [0] * 7, compat)
    assert u == [8192, 4096, 2048, 1024, 512, 256, 128, 64]
    assert v == [8192, 12286, 14331, 15351, 15859, 16111, 16235, 16295]
    assert spikes == []


def test_example_of_brian2_loihi() -> None:
    """Its README: decays of 1024 (du + 1 and dv here), threshold 400, refractory 2, two spikes of weight 124."""
    p = compartment(du=1023, dv=1024, vth=400, refractory=2)
    u, v, spikes = run(p, [0, 0, 124, 0, 124, 0, 0, 0, 0, 0], "brian2-loihi-0.5")
    assert u[:8] == [0, 0, 7936, 5952, 12400, 9300, 6975, 5231]
    assert v == [0, 0, 7936, 11904, 21328, 25296, 0, 0, 3923, 5884]
    assert spikes == [6]


# --- each model's rules, with branches ---------------------------------------------------------------------------


def toward_zero(x: int, d: int) -> int:
    product = x * (4096 - d)
    return product // 4096 if product >= 0 else -(-product // 4096)


def two(x: int, bits: int) -> int:
    while x >= 2 ** (bits - 1):
        x -= 2**bits
    while x < -(2 ** (bits - 1)):
        x += 2**bits
    return x


def reference(p: Compartment, u: int, v: int, r: int, a: int, compat: str) -> tuple[int, int, int, bool]:
    q = a * 64
    bias = p.bias_mant * 2**p.bias_exp
    u = toward_zero(u, p.du + 1)
    if compat == "loihi":
        u = two(u + two(q, 22), 24)
        x = max(min(toward_zero(v, p.dv) + u + bias, END - 1), 1 - END)
    elif compat == "lava-0.10":
        u += q
        if u > END:
            u -= 2 * END
        elif u <= -END:
            u += 2 * END
        x = max(min(toward_zero(v, p.dv) + u + bias, END - 1), 1 - END)
    elif compat == "nengo-loihi-1.1":
        u = two(u + two(q, 22), 24)
        x = max(min(toward_zero(v, p.dv) + two(u + bias, 24), p.vmax), p.vmin)
    else:
        u += q
        x = toward_zero(v, p.dv) + u + bias
    if r > 0:
        return u, 0, r - 1, False
    if x > p.vth * 64:
        return u, 0, p.refractory - 1, True
    return u, x, 0, False


def random_case(rng: random.Random) -> tuple[dict[str, int], int, int, int, int]:
    def value(low: int, high: int) -> int:
        return rng.choice([low, high, rng.randint(low, high), min(max(rng.randint(-9, 9), low), high)])

    p = {name: value(limits.low, limits.high) for name, limits in PARAMETERS.items()}
    u, v = value(-END, END), rng.choice([value(1 - END, END - 1), p["vth"] * 64 + rng.randint(-3, 3)])
    return p, u, v, rng.choice([0, 0, 1, 5]), rng.choice([0, value(-(2**15), 2**15), value(-(2**18), 2**18)])


@pytest.mark.parametrize("compat", COMPATS)
def test_every_model_is_its_rules(compat: Compat) -> None:
    rng, fired = random.Random(compat), 0
    count = 5_000
    cases = [random_case(rng) for _ in range(count)]
    if compat == "lava-0.10":
        cases = [(p | {"refractory": 1}, *rest) for p, *rest in cases]  # type: ignore[misc]  # four ints
    population = LoihiCompartments(count, {k: np.array([p[k] for p, *_ in cases]) for k in PARAMETERS}, compat)
    u, v, r, a = (np.array([case[k] for case in cases]) for k in (1, 2, 3, 4))
    after, spikes = step(population.compartments, State(u, v, r), a, compat)
    for k, (_, *state, drive) in enumerate(cases):
        one = population.compartment(k)
        expected = reference(one, *state, drive, compat)
        got, spike = step(one, State(*state), drive, compat)
        assert (*got, spike) == expected, (one, state, drive)
        assert (after.u[k], after.v[k], after.r[k], spikes[k]) == expected
        fired += expected[3]
    assert fired > count // 20


# --- edges, by hand ---------------------------------------------------------------------------------------------------


def test_the_threshold_must_be_passed() -> None:
    p = compartment(dv=0, vth=10)
    assert step(p, State(0, 640, 0), 0).spike == 0
    assert step(p, State(0, 641, 0), 0) == (State(0, 0, 0), 1)


@pytest.mark.parametrize(("refractory", "spikes"), [(1, [0, 1, 2, 3, 4, 5]), (2, [0, 2, 4]), (4, [0, 4])])
def test_refractory(refractory: int, spikes: list[int]) -> None:
    """Driven above threshold in every step; the current goes on meanwhile."""
    p = compartment(du=4095, vth=1, refractory=refractory)
    assert run(p, [2] * 6)[2] == spikes
    assert run(p, [2] * 6)[0] == [128] * 6


@pytest.mark.parametrize("x", [5, -5, 1, -1, 0, END - 1, -END])
def test_decay(x: int) -> None:
    assert decay(x, 0) == x
    assert decay(x, 4096) == 0
    assert decay(x, 2048) == int(x / 2)  # toward zero


@pytest.mark.parametrize(
    ("u", "corrected"),
    [(END, END), (END + 1, 1 - END), (1 - END, 1 - END), (-END, END), (-END - 1, END - 1), (0, 0)],
)
def test_the_wrap_of_lava(u: int, corrected: int) -> None:
    assert wrap_like_lava(u) == corrected


@pytest.mark.parametrize(
    ("compat", "u", "v", "r", "a", "flags"),
    [
        ("loihi", 0, 0, 0, 2**15 - 1, (0, 0, 0)),
        ("loihi", 0, 0, 0, 2**15, (1, 0, 0)),
        ("brian2-loihi-0.5", 0, 0, 0, 2**15, (0, 0, 0)),
        ("loihi", 1 - END, -1, 0, -100, (0, 1, 0)),  # wraps upward
        ("loihi", 0, END - 1, 0, 1, (0, 0, 1)),
        ("loihi", 0, END - 1, 0, 0, (0, 0, 0)),
        ("loihi", 0, END - 1, 1, 1, (0, 0, 0)),  # held
        ("lava-0.10", 0, 0, 0, 2**17 + 1, (0, 1, 0)),
        ("lava-0.10", 0, 0, 0, 2**17, (0, 0, 1)),
        ("nengo-loihi-1.1", 0, -1000, 0, -1, (0, 0, 1)),
        ("nengo-loihi-1.1", 0, -1000, 0, 0, (0, 0, 0)),
    ],
)
def test_where_a_register_is_too_narrow(
    compat: Compat, u: int, v: int, r: int, a: int, flags: tuple[int, int, int]
) -> None:
    p = compartment(du=0, dv=0, vmin=-1000, vth=2**17 - 1)
    assert overflows(p, State(u, v, r), a, RULES[compat]) == Overflows(*flags)


def test_a_driving_sum_that_wraps_counts_as_the_current() -> None:
    p = compartment(du=0, bias_mant=4095, bias_exp=7, vth=2**17 - 1)
    assert overflows(p, State(END - 1, 0, 0), 0, RULES["nengo-loihi-1.1"]) == Overflows(0, 1, 0)
    assert overflows(p, State(END - 1, 0, 0), 0, RULES["loihi"]) == Overflows(0, 0, 1)


@pytest.mark.parametrize(
    ("compat", "a", "u"),
    [
        ("loihi", 2**15 - 1, 2**21 - 64),
        ("loihi", 2**15, -(2**21)),  # 22 bits
        ("nengo-loihi-1.1", 2**15, -(2**21)),
        ("lava-0.10", 2**15, 2**21),
        ("lava-0.10", 2**17, END),  # +2^23 stays
        ("lava-0.10", 2**17 + 1, 64 - END),
        ("lava-0.10", -(2**17), END),  # -2^23 becomes +2^23
        ("brian2-loihi-0.5", 2**20, 2**26),
    ],
)
def test_where_the_current_overflows(compat: Compat, a: int, u: int) -> None:
    assert step(compartment(vth=2**17 - 1), State(0, 0, 0), a, compat).state.u == u


@pytest.mark.parametrize(
    ("compat", "v"),
    [
        ("loihi", 1 - END),
        ("lava-0.10", 1 - END),
        ("nengo-loihi-1.1", -1000),  # its own lower end
        ("brian2-loihi-0.5", -END - 63),
    ],
)
def test_where_the_voltage_ends(compat: Compat, v: int) -> None:
    p = compartment(vmin=-1000, vth=5)
    assert step(p, State(0, 1 - END, 0), -1, compat).state.v == v


def test_the_bias_of_nengo_loihi_wraps_with_the_current() -> None:
    p = compartment(du=0, bias_mant=4095, bias_exp=7, vth=2**17 - 1)
    u = (END - 1) * 4095 // 4096
    wrapped = u + 4095 * 128 - 2 * END
    assert step(p, State(END - 1, 0, 0), 0, "nengo-loihi-1.1").state == State(u, wrapped, 0)
    assert step(p, State(END - 1, 0, 0), 0, "loihi") == (State(u, 0, 0), 1)  # saturates at 2^23 - 1 > 64 vth


def test_sums_are_shown_as_they_come_and_as_they_are_kept() -> None:
    """nengo-loihi, where input, current, drive and voltage are all too large for their registers."""
    p = compartment(du=0, dv=0, bias_mant=4095, bias_exp=7, vmin=-5000)
    q, u, drive = 2**21, 4095 * -1600 - 2**21, 4095 * (128 - 1600) - 2**21 + 2**24
    v = drive - 2**24 + 9
    kept = {"q": -(2**21), "u": u + 2**24, "drive": drive - 2**24, "v": -5000}
    got = sums(p, State(4096 * -1600, 9, 0), 2**15, RULES["nengo-loihi-1.1"])
    assert got._asdict() == {"whole_q": q, "whole_u": u, "whole_drive": drive, "whole_v": v} | kept


# --- what cannot be represented ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "compat", "message"),
    [
        ({"vth": 2**17}, "loihi", "Parameter vth must be within 0 to 131071, not 131072"),
        ({"bias_mant": 4096}, "loihi", "Parameter bias_mant must be within -4096 to 4095, not 4096"),
        ({"refractory": 0}, "loihi", "Parameter refractory must be within 1 to 63, not 0"),
        ({"refractory": [1, 2, 1]}, "lava-0.10", "Parameter refractory must be 1 in lava-0.10, which has none, not 2"),
        ({}, "lava", "Loihi model must be one of loihi, lava-0.10, nengo-loihi-1.1, brian2-loihi-0.5, not 'lava'"),
        ({"tau": 1}, "loihi", "Loihi parameter must be one of du, dv, vth, "),
    ],
)
def test_what_the_machine_cannot_hold_is_refused(values: dict[str, Any], compat: Any, message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}"):
        LoihiCompartments(3, {name: np.asarray(value) for name, value in values.items()}, compat)
