"""Fixed-point formats and the five roundings against exact fractions."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from golden.errors import QuantisationError, SpecError
from golden.fixed import Format, Rounding, round_to_int, snap

ROUND = {
    "nearest": lambda x: math.floor(Fraction(x) + Fraction(1, 2)),
    "floor": math.floor,
    "toward_zero": math.trunc,
}


@pytest.mark.parametrize(
    ("text", "width", "frac", "signed", "low", "high"),
    [
        ("16.8", 16, 8, True, -32768, 32767),
        ("u16.16", 16, 16, False, 0, 65535),
        ("s8.0", 8, 0, True, -128, 127),
        ("1.0", 1, 0, True, -1, 0),
        ("u1.0", 1, 0, False, 0, 1),
        ("32.40", 32, 40, True, -(2**31), 2**31 - 1),
        (" 8.-3 ", 8, -3, True, -128, 127),
    ],
)
def test_parse_and_range(text: str, width: int, frac: int, signed: bool, low: int, high: int) -> None:
    fmt = Format.parse(text)
    assert (fmt.width, fmt.frac, fmt.signed, fmt.min, fmt.max) == (width, frac, signed, low, high)
    assert fmt.lsb == Fraction(2) ** -frac
    assert Format.parse(str(fmt)) == fmt


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Format(0), "Format width must be 1 to 32 bits, not 0"),
        (lambda: Format(33), "Format width must be 1 to 32 bits, not 33"),
        (lambda: Format(8, 49), "Format fraction must be -32 to 48 bits, not 49"),
        (lambda: Format(8, -33), "Format fraction must be -32 to 48 bits, not -33"),
        (lambda: Format.parse("16"), "Format must be WIDTH.FRACTION, such as 16.8 or u16.16, not '16'"),
        (lambda: Format.parse("q8.8"), "Format must be WIDTH.FRACTION, such as 16.8 or u16.16, not 'q8.8'"),
        (lambda: Format.parse("8.8.8"), "Format must be WIDTH.FRACTION, such as 16.8 or u16.16, not '8.8.8'"),
        (lambda: Format.parse("-8.8"), "Format must be WIDTH.FRACTION, such as 16.8 or u16.16, not '-8.8'"),
    ],
)
def test_formats_that_are_none(make: Any, message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        make()


@given(x=st.floats(-(2.0**40), 2.0**40), rounding=st.sampled_from(sorted(ROUND)))
@example(x=0.49999999999999994, rounding="nearest")  # floor(x + 0.5) is 1
@example(x=-0.5, rounding="nearest")
@example(x=2.5, rounding="nearest")
@example(x=-2.5, rounding="nearest")
@example(x=-0.0001, rounding="floor")
@example(x=-0.9999, rounding="toward_zero")
def test_rounding_is_that_of_the_exact_fraction(x: float, rounding: Rounding) -> None:
    """``nearest`` has ties upward, as the hardware's shift with half added."""
    assert round_to_int(x, rounding).tolist() == ROUND[rounding](Fraction(x))


@given(st.integers(-(2**51), 2**51))
def test_integers_are_kept_by_every_rounding(n: int) -> None:
    rng = np.random.default_rng(0)
    for rounding in ("error", "nearest", "floor", "toward_zero", "stochastic"):
        assert int(round_to_int(float(n), rounding, rng=rng)) == n


@pytest.mark.parametrize("value", [0.25, -0.25, 7.9, -1000.5])
def test_stochastic_rounding_is_unbiased(value: float) -> None:
    """Only the two neighbours occur, and the mean of 200,000 draws is within 5 standard errors."""
    n = 200_000
    drawn = round_to_int(np.full(n, value), "stochastic", rng=np.random.default_rng(7))
    low = math.floor(value)
    assert set(np.unique(drawn)) == {low, low + 1}
    p = value - low
    assert abs(drawn.mean() - value) < 5 * math.sqrt(p * (1 - p) / n)
    again = round_to_int(np.full(n, value), "stochastic", rng=np.random.default_rng(7))
    assert (drawn == again).all()
    other = round_to_int(np.full(n, value), "stochastic", rng=np.random.default_rng(8))
    assert (drawn != other).any()


def test_large_integers_are_not_moved_by_stochastic_rounding() -> None:
    """2**52 + uniform() rounds up to 2**52 + 1 in half of all draws; the rounding must not."""
    x = np.full(1000, 2.0**52)
    assert (round_to_int(x, "stochastic", rng=np.random.default_rng(1)) == 2**52).all()


@pytest.mark.parametrize("rounding", ["error", "nearest", "floor", "toward_zero", "stochastic"])
def test_nothing_not_finite_is_rounded(rounding: Rounding) -> None:
    for bad, shown in ((math.nan, "nan"), (math.inf, "inf"), (-math.inf, "-inf")):
        with pytest.raises(QuantisationError, match=f"^V must be finite, not {shown}$"):
            round_to_int([1.0, bad], rounding, thing="V", rng=np.random.default_rng(0))


def test_the_messages() -> None:
    fmt = Format(8, 4)
    for call, message in (
        (
            lambda: fmt.quantise([1.0, 0.3], thing="Weight"),
            "Weight in format 8.4 must be a multiple of 0.0625 (nearest 0.3125; allow it with a rounding), not 0.3",
        ),
        (lambda: fmt.quantise(8.0), "Value in format 8.4 must be within -8 to 7.9375, not 8"),
        (lambda: fmt.quantise(-8.0625), "Value in format 8.4 must be within -8 to 7.9375, not -8.0625"),
        (lambda: fmt.quantise(1e300, "floor"), "Value in format 8.4 must be within -8 to 7.9375, not 1e+300"),
        (
            lambda: round_to_int(2.25, "error", thing="N"),
            "N must be an integer (nearest 2; allow it with a rounding), not 2.25",
        ),
        (
            lambda: round_to_int(0.5, "stochastic"),
            "Stochastic rounding must be given a seeded generator, not none",
        ),
        (
            lambda: round_to_int(0.5, "up"),
            "Rounding must be one of error, nearest, floor, toward_zero, stochastic, not 'up'",
        ),
    ):
        with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
            call()


def test_rails() -> None:
    fmt = Format(8, 4)
    assert fmt.quantise([-8.0, 7.9375]).tolist() == [-128, 127]
    far = [-1e300, -8.1, -8.0, 0.0, 7.94, 8.0, 1e300]
    assert fmt.quantise(far, "nearest", overflow="saturate").tolist() == [-128, -128, -128, 0, 127, 127, 127]
    unsigned = Format(8, 8, signed=False)
    assert unsigned.quantise([-1, 0.5, 2], "floor", overflow="saturate").tolist() == [0, 128, 255]
    # Rounding can leave the range where the value did not.
    with pytest.raises(QuantisationError, match=r"^Value in format 8\.4 must be within -8 to 7\.9375, not 7\.97$"):
        fmt.quantise(7.97, "nearest")


@given(n=st.integers(-(2**31), 2**31 - 1), frac=st.integers(-32, 48))
def test_integer_to_value_and_back(n: int, frac: int) -> None:
    fmt = Format(32, frac)
    value = n * fmt.lsb
    assert Fraction(value) == Fraction(n) / Fraction(2) ** frac
    assert fmt.quantise(value).tolist() == n


def test_snap_takes_decimals_for_what_they_mean() -> None:
    assert snap([0.0003 / 0.0001, 0.002 / 0.0001, 2.5, -3 - 1e-12, 1e6 + 1e-4]).tolist() == [3, 20, 2.5, -3, 1e6]
    assert snap(7 + 1e-8) == 7 + 1e-8
