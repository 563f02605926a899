"""SpiNNaker's numbers: the published values, exact arithmetic as reference, the ends of the ranges."""

from __future__ import annotations

import random
import re
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest

from golden import stdfix
from golden.errors import SpecError
from golden.stdfix import ACCUM, decay, expk, expulr, kdivk, mulk, to_accum, wrap


@pytest.mark.parametrize(("x", "expected"), [(-1 / 20, 31170), (-1 / 10, 29650), (-1 / 5, 26828), (-1 / 2, 19874)])
def test_published_values_of_expk(x: float, expected: int) -> None:
    assert expk(to_accum(x)) == expected


def test_published_values_of_expulr() -> None:
    assert expulr(to_accum(-1 / 20)) == 4085544196
    assert expulr(0) == 0


def test_tables_are_their_definitions() -> None:
    """Against mpmath; and three entries that the library's source has."""
    with mpmath.workdps(40):
        for z, value in zip(range(-13, 13), stdfix._tables().whole, strict=True):
            assert abs(value - mpmath.exp(z) * 2**32) <= 0.5
        for k, value in enumerate(stdfix._tables().sixteenths):
            assert abs(value - (1 - mpmath.exp(mpmath.mpf(-k) / 16)) * 2**32) <= 0.5
    assert (stdfix._tables().whole[0], stdfix._tables().whole[-1]) == (9708, 699026506411923)
    assert stdfix._tables().sixteenths[15] == 2613033936
    assert (len(stdfix._tables().whole), len(stdfix._tables().sixteenths)) == (26, 16)


def test_expk_is_the_exponential_to_its_precision() -> None:
    """Truncation loses up to 1; the series is good to 2 in a million, more than any value below 1 can show."""
    rng = random.Random(1)
    for x in [*range(-(2**16), 1, 61), *(rng.randint(-340695, 363408) for _ in range(1000))]:
        exact = float(mpmath.exp(mpmath.mpf(x) / 2**ACCUM)) * 2**ACCUM
        assert -1 - 2e-6 * exact <= expk(x) - exact <= 2e-6 * exact, x


def published_exp(x: int) -> int:
    """The algorithm as it is written down, on whole products and tables by mpmath; with 32 fraction bits."""

    def taken_away(value: int, fraction: int) -> int:
        share, rest = divmod(value * fraction, 2**32)
        return value - share - (rest >= 2**31 - 1)

    with mpmath.workdps(40):
        z, f = -(-x // 2**15), -x % 2**15
        value = int(mpmath.nint(mpmath.exp(z) * 2**32))
        if f == 0:
            return value
        m, r = f // 2**11, f % 2**11 * 2**17
        value = taken_away(value, int(mpmath.nint((1 - mpmath.exp(-mpmath.mpf(m) / 16)) * 2**32)))
        slope = 4293434720 - 2081624032 * r // 2**32
        return taken_away(value, 5294 + slope * r // 2**32)


def test_the_exponentials_are_the_published_algorithm() -> None:
    rng = random.Random(3)
    for x in [*range(-2100, 0), *(rng.randint(-340695, -1) for _ in range(3000))]:
        assert expulr(x) == published_exp(x) % 2**32, x
        assert expk(x) == published_exp(x) // 2**17, x
    for x in (rng.randint(1, 363408) for _ in range(1000)):
        assert expk(x) == published_exp(x) // 2**17, x


@pytest.mark.parametrize(
    ("x", "fraction", "share"),
    [
        (1, 2**31 - 2, 0),
        (1, 2**31 - 1, 1),  # up from just below a half
        (1, 2**31, 1),
        (2**32 - 1, 2**32 - 1, 2**32 - 2),  # the rest is 1 / 2^32
        (2**32 + 1, 2**31 - 2, 2**31 - 2),
        (2**33 + 1, 2**31 - 1, 2**32 - 1),
        (3, 2**30, 1),
    ],
)
def test_shares_are_rounded(x: int, fraction: int, share: int) -> None:
    assert stdfix._share(x, fraction) == share


def test_the_first_and_the_last_exponent() -> None:
    """Those of the library's source: beyond them it gives the largest accum, and 0."""
    assert (expk(363408), expk(363409)) == (published_exp(363408) // 2**17, 2**31 - 1)
    assert expk(363408) < 2**31 - 1
    assert (expk(-340695), expk(-340696)) == (1, 0)
    assert (expulr(-340695), expulr(-340696)) == (published_exp(-340695), 0)


def test_expk_ends() -> None:
    assert expk(stdfix.EXP_OVERFLOW + 1) == expk(2**31 - 1) == 2**31 - 1
    assert expk(stdfix.EXP_OVERFLOW) < 2**31
    assert expk(stdfix.EXP_UNDERFLOW - 1) == expk(-(2**31)) == expulr(stdfix.EXP_UNDERFLOW - 1) == 0
    # Below half a last bit anyway: e^x 2^15 < 1.
    assert mpmath.exp(mpmath.mpf(stdfix.EXP_UNDERFLOW) / 2**15) * 2**15 < 1.001
    assert expk(0) == 2**15


def test_products_are_floors_that_wrap() -> None:
    rng = random.Random(2)
    pairs = [
        (rng.randint(-(2**31), 2**31 - 1), rng.randint(-(2**31), 2**31 - 1) >> rng.choice([0, 16])) for _ in range(2000)
    ]
    for a, b in pairs:
        exact = Fraction(a * b, 2**15)
        assert (mulk(a, b) - (exact.numerator // exact.denominator)) % 2**32 == 0
        assert -(2**31) <= mulk(a, b) < 2**31
        assert decay(a, b % 2**32) == a * (b % 2**32) // 2**32
    a, b = (np.array(column) for column in zip(*pairs, strict=True))
    assert mulk(a, b).tolist() == [mulk(*pair) for pair in pairs]
    assert decay(a, b % 2**32).tolist() == [decay(x, y % 2**32) for x, y in pairs]


def test_small_cases_by_hand() -> None:
    one, half = 2**15, 2**14
    assert mulk(3 * one, half) == 3 * half
    assert mulk(-1, half) == -1  # floor, not toward 0
    assert mulk(200 * one, 200 * one) == wrap(40_000 * one) == 40_000 * one
    assert mulk(300 * one, 300 * one) == (90_000 - 131_072) * one
    assert kdivk(20 * one, one) == 20 * one
    assert kdivk(one, 3 * one) == 10922
    assert (kdivk(0, one), kdivk(one, 1)) == (0, 2**30)
    assert kdivk(2**31 - 1, 1) == -one  # (2^31 - 1) 2^15 is 2^46 - 2^15: its low 32 bits
    assert (mulk(-1, 1), mulk(0, 5), decay(-1, 1), decay(0, 5)) == (-1, 0, -1, 0)
    assert wrap(2**31) == -(2**31)


@pytest.mark.parametrize(
    ("x", "expected"),
    [(-1 / 20, -1638), (1 / 20, 1638), (-65536.0, -(2**31)), (0.5, 2**14), (65536 - 2**-15, 2**31 - 1)],
)
def test_constants_lose_what_does_not_fit(x: float, expected: int) -> None:
    assert to_accum(x) == expected


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: to_accum(65536.0), "Value of type s16.15 must be at least -65536 and below 65536, not 65536"),
        (lambda: to_accum(-65536 - 2**-15), "Value of type s16.15 must be at least -65536 and below 65536, not -65536"),
        (lambda: kdivk(1, 0), "Operands of kdivk must be a dividend of at least 0 and a positive divisor, not 1 and 0"),
        (
            lambda: kdivk(-1, 1),
            "Operands of kdivk must be a dividend of at least 0 and a positive divisor, not -1 and 1",
        ),
        (lambda: expulr(1), "Exponent of a fraction must be at most 0, not 1"),
    ],
)
def test_what_has_no_value_is_refused(call: Any, message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        call()
