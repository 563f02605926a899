"""Weight formats of the Loihi models: published vectors, the models' rules written with real numbers, edges by hand."""

from __future__ import annotations

import math
import re
from typing import Any, get_args

import numpy as np
import pytest

from golden.errors import SpecError
from golden.neurons.loihi import Compat
from golden.neurons.loihi_weights import EXPONENTS, Sign, WeightFormat, half_even, scaled

# --- published vectors ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sign", "bits", "given", "kept"),
    [  # lava-nc 0.10, tests/lava/utils/test_weightutils.py, TestTruncateWeights (but for -256, no inhibitory mantissa)
        ("excitatory", 8, [253, 254, 255], [253, 254, 255]),
        ("excitatory", 7, [252, 253, 253, 254, 255], [252, 252, 252, 254, 254]),
        ("inhibitory", 8, [-255, -254, -1], [-255, -254, -1]),
        ("inhibitory", 7, [-255, -254, -253, -252, -251], [-254, -254, -252, -252, -250]),
        ("mixed", 8, [-256, -255, -254, 253, 254, 255], [-256, -256, -254, 252, 254, 254]),
        ("mixed", 7, [-256, -255, -254, 253, 254, 255], [-256, -256, -256, 252, 252, 252]),
    ],
)
@pytest.mark.parametrize("compat", ["loihi", "lava-0.10"])
def test_truncation_of_lava(sign: Sign, bits: int, given: list[int], kept: list[int], compat: Compat) -> None:
    assert WeightFormat(bits, sign, 0, compat).stored(np.array(given)).tolist() == kept


@pytest.mark.parametrize(
    ("sign", "given", "clipped"),
    [  # the same file, TestClipWeights (the clipped ones are then truncated: 255 is 254 in mixed mode)
        ("excitatory", [-1, 0, 255, 256], [0, 0, 255, 255]),
        ("inhibitory", [-256, -255, -1, 0, 1], [-255, -255, -1, 0, 0]),
        ("mixed", [-257, -256, 255, 256], [-256, -256, 254, 254]),
    ],
)
def test_clipping_of_lava(sign: Sign, given: list[int], clipped: list[int]) -> None:
    assert WeightFormat(8, sign, 0, "lava-0.10").stored(np.array(given)).tolist() == clipped


@pytest.mark.parametrize(
    ("fmt", "sums"),
    [  # lava-nc 0.10, tests/lava/proc/dense/test_models.py: one spike through weights 300, -300, 39
        (WeightFormat(8, "mixed", 0, "lava-0.10"), [254, -256, 38]),
        (WeightFormat(8, "mixed", 1, "lava-0.10"), [508, -512, 76]),
        (WeightFormat(7, "mixed", 0, "lava-0.10"), [252, -256, 36]),
    ],
)
def test_dense_of_lava(fmt: WeightFormat, sums: list[int]) -> None:
    assert [scaled(fmt.stored(w), fmt.sum_exponent) for w in (300, -300, 39)] == sums


def test_fan_in_of_lava() -> None:
    """The same file, test_bitacc_pm_fan_in_mixed_sign: four spikes at once, 254 - 256 + 38 - 0."""
    fmt = WeightFormat(8, "mixed", 0, "lava-0.10")
    assert sum(fmt.stored(w) for w in (300, -300, 39, 0)) == 36


def test_lossy_shift_of_nengo_loihi() -> None:
    """nengo-loihi 1.1, builder/tests/test_discretize.py, test_lossy_shift: 6 bits, excitatory, exponent 0."""
    weights = np.arange(-100, 101)
    expected = np.round(weights / 4).clip(-64, 64).astype(int) << 8
    fmt = WeightFormat(6, "excitatory", 0, "nengo-loihi-1.1")
    assert (fmt.stored(weights) << 6).tolist() == expected.tolist()


# --- each model's rules in real numbers ---------------------------------------------------------------------------


def by_rule(m: int, bits: int, sign: str, exponent: int, compat: str) -> int:
    """Formulas of the models' sources, with divisions."""
    unit = 2 ** (8 - bits + (sign == "mixed"))
    if compat == "brian2-loihi-0.5":
        weight = math.floor(math.trunc(m / unit) * unit * 2.0**exponent)
        return max(min(weight, 2**15 - 1), 1 - 2**15)
    if compat == "nengo-loihi-1.1":
        if unit > 256:
            return 0
        end = 256 // unit - 1
        w = max(min(round(m / unit), end), -end)  # Python rounds ties to even
        if unit * 2.0**exponent < 1:
            w = max(min(int(round(w * unit * 2.0**exponent) / (unit * 2.0**exponent)), end), -end)
        return math.floor(w * unit * 2.0**exponent)
    kept = -(-m // unit * unit) if sign == "inhibitory" else m // unit * unit
    if compat == "lava-0.10":
        return kept
    return 0 if unit > 256 else math.floor(kept * 2.0**exponent)


@pytest.mark.parametrize("compat", get_args(Compat))
@pytest.mark.parametrize("sign", get_args(Sign))
def test_every_mantissa_in_every_format(compat: Compat, sign: Sign) -> None:
    for bits in range(9):
        if compat == "nengo-loihi-1.1" and bits == 7:
            continue
        for exponent in EXPONENTS:
            fmt = WeightFormat(bits, sign, exponent, compat)
            mantissas = range(fmt.limits[0], fmt.limits[1] + 1)
            expected = [by_rule(m, bits, sign, exponent, compat) for m in mantissas]
            assert fmt.stored(np.array(mantissas)).tolist() == expected, fmt
            assert [fmt.stored(m) for m in mantissas[::7]] == expected[::7], fmt
            assert min(expected) >= -(2**15)
            assert max(expected) < 2**15


# --- edges, by hand ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fmt", "mantissa", "stored"),
    [
        (WeightFormat(8, "mixed", -1), -3, -2),  # -3 is stored as -4
        (WeightFormat(8, "excitatory", -1), 255, 127),
        (WeightFormat(8, "inhibitory", -1), -255, -128),  # floor after the exponent, whatever the sign mode
        (WeightFormat(8, "mixed", 7), -256, -(2**15)),
        (WeightFormat(8, "mixed", 7, "brian2-loihi-0.5"), -256, 1 - 2**15),
        (WeightFormat(0, "mixed", 0), -1, 0),
        (WeightFormat(0, "mixed", 0, "lava-0.10"), -1, -512),
        (WeightFormat(8, "mixed", 0, "brian2-loihi-0.5"), -255, -254),
        (WeightFormat(8, "mixed", 0, "nengo-loihi-1.1"), 3, 4),  # 1.5 is 2
        (WeightFormat(8, "mixed", 0, "nengo-loihi-1.1"), 5, 4),  # 2.5 is 2
        (WeightFormat(8, "excitatory", -1, "nengo-loihi-1.1"), 255, 127),  # 127.5 is 128, but 256 is clipped
        (WeightFormat(8, "inhibitory", -1, "nengo-loihi-1.1"), -255, -128),
    ],
)
def test_edges(fmt: WeightFormat, mantissa: int, stored: int) -> None:
    assert fmt.stored(mantissa) == stored


def test_lava_shifts_the_sum_and_not_the_weights() -> None:
    """Two halves make one in Lava, none elsewhere; two negative halves one below zero, elsewhere two."""
    lava, ours = (WeightFormat(8, "excitatory", -1, compat) for compat in ("lava-0.10", "loihi"))
    assert scaled(lava.stored(1) + lava.stored(1), lava.sum_exponent) == 1
    assert scaled(ours.stored(1) + ours.stored(1), ours.sum_exponent) == 0
    lava, ours = (WeightFormat(8, "inhibitory", -1, compat) for compat in ("lava-0.10", "loihi"))
    assert scaled(lava.stored(-1) + lava.stored(-1), lava.sum_exponent) == -1
    assert scaled(ours.stored(-1) + ours.stored(-1), ours.sum_exponent) == -2


@pytest.mark.parametrize(
    ("compat", "mixed", "inhibitory"),
    [
        ("loihi", (-256, 255), (-255, 0)),
        ("lava-0.10", (-256, 255), (-255, 0)),
        ("nengo-loihi-1.1", (-255, 255), (-255, 0)),
        ("brian2-loihi-0.5", (-256, 254), (-256, 0)),
    ],
)
def test_limits(compat: Compat, mixed: tuple[int, int], inhibitory: tuple[int, int]) -> None:
    assert WeightFormat(sign="mixed", compat=compat).limits == mixed
    assert WeightFormat(sign="inhibitory", compat=compat).limits == inhibitory
    assert WeightFormat(sign="excitatory", compat=compat).limits == (0, 255)


def test_half_even() -> None:
    assert [half_even(x, 1) for x in (-3, -2, -1, 0, 1, 2, 3, 5)] == [-2, -1, 0, 0, 0, 1, 2, 2]
    assert half_even(-7, 0) == -7


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: WeightFormat(9), "Weight bits must be within 0 to 8, not 9"),
        (
            lambda: WeightFormat(7, compat="nengo-loihi-1.1"),
            "Weight bits must be 0 to 6 or 8 in nengo-loihi-1.1, not 7",
        ),
        (lambda: WeightFormat(exponent=8), "Weight exponent must be within -8 to 7, not 8"),
        (lambda: WeightFormat(exponent=-9), "Weight exponent must be within -8 to 7, not -9"),
        (lambda: WeightFormat(sign="both"), "Sign of weights must be one of mixed, excitatory, inhibitory, not 'both'"),
        (lambda: WeightFormat(compat="lava"), "Loihi model must be one of loihi, lava-0.10, nengo-loihi-1.1, "),
        (lambda: WeightFormat().stored(256), "Weight mantissa (mixed) must be within -256 to 255, not 256"),
        (
            lambda: WeightFormat(sign="excitatory").stored(np.array([0, -1])),
            "Weight mantissa (excitatory) must be within 0 to 255, not -1",
        ),
        (
            lambda: WeightFormat(compat="brian2-loihi-0.5").stored(255),
            "Weight mantissa (mixed) must be within -256 to 254, not 255",
        ),
    ],
)
def test_what_no_weight_can_be(make: Any, message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}"):
        make()
