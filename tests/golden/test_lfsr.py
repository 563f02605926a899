"""The LFSR: of maximal length by algebra, equal on ints and arrays, never stuck."""

from __future__ import annotations

import numpy as np
import pytest

from golden import lfsr
from golden.errors import SpecError

PERIOD = 2**32 - 1
#: x^32 + x^22 + x^2 + x + 1, as bits.
POLYNOMIAL = 1 << 32 | 1 << 22 | 1 << 2 | 1 << 1 | 1


def times(a: int, b: int) -> int:
    """Product of two polynomials over GF(2), modulo POLYNOMIAL."""
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a <<= 1
        a ^= POLYNOMIAL if a >> 32 else 0
        b >>= 1
    return product


def power(exponent: int) -> int:
    """x to the exponent, modulo POLYNOMIAL."""
    result, square = 1, 2
    while exponent:
        result = times(result, square) if exponent & 1 else result
        square, exponent = times(square, square), exponent >> 1
    return result


def test_the_polynomial_is_primitive() -> None:
    assert power(PERIOD) == 1
    for prime in (3, 5, 17, 257, 65537):
        assert PERIOD % prime == 0
        assert power(PERIOD // prime) != 1


def test_a_step_is_a_division_by_x() -> None:
    state = 1
    for _ in range(2000):
        following = lfsr.step(state)
        assert times(2, following) == state
        state = following


def test_arrays_step_like_ints() -> None:
    states = np.random.default_rng(1).integers(1, 2**32, 1000)
    assert lfsr.step(states).tolist() == [lfsr.step(state) for state in states.tolist()]


def test_seeds() -> None:
    assert lfsr.check_seed(PERIOD) == PERIOD
    for seed in (0, -1, 2**32):
        with pytest.raises(SpecError, match=rf"^Seed of an LFSR must be 1 to 4294967295, not {seed}$"):
            lfsr.check_seed(seed)
