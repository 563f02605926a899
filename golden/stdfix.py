"""Numbers of SpiNNaker's programs: s16.15 (accum) and u0.32 (unsigned long fract), computed as its library does.

Values are integers: x stands for x / 2^15, or for a fraction x / 2^32. Sums and products keep their low 32 bits.

The exponential, for x = z - f with z whole and 0 <= f < 1: from a table of e^z with 32 fraction bits, of which the
share 1 - e^-m is taken away for the upper four bits m of f, by a table, and 1 - e^-r for the other eleven, by a series
of three terms. Products are rounded, the result is truncated.

Sources: ISO/IEC TR 18037; GCC's fixed-point types on ARM; spinn_common (stdfix-exp, October 2023), whose tables are the
values of e^z and 1 - e^-k/16 rounded to 32 bits, and are computed here from that.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from golden.errors import SpecError

if TYPE_CHECKING:
    from golden.polymorphic import Int

#: Fraction bits of an accum, and of a fraction.
ACCUM, FRACT = 15, 32
#: Largest accum; from which exponent on e^x is that, and below which it is 0.
LARGEST, EXP_OVERFLOW, EXP_UNDERFLOW = 2**31 - 1, 363408, -340695
_WORD = 2**32

#: Constant, linear and quadratic coefficient of 1 - e^-r, r in units of 2^-32, as the library has them: fitted, not
#: Taylor's.
_SERIES = (5294, 4293434720, 2081624032)
#: Smallest and largest z in the table of e^z.
_LOWEST, _HIGHEST = -13, 12


def wrap(x: Int) -> Int:
    """The low 32 bits of x, in two's complement."""
    return ((x + 2**31) & (_WORD - 1)) - 2**31


def to_accum(x: float) -> int:
    """x as an accum, what does not fit its 15 fraction bits dropped toward 0, as GCC converts constants."""
    value = int(x * 2**ACCUM)
    if not -LARGEST - 1 <= value <= LARGEST:
        raise SpecError.rule("Value of type s16.15", "at least -65536 and below 65536", f"{x:g}")
    return value


def mulk(a: Int, b: Int, added: Int = 0) -> Int:
    """Product of two accums: floor, without saturation; ``added`` to what floor drops, below 2^15, rounds otherwise."""
    return wrap((a * b + added) >> ACCUM)


def kdivk(a: int, b: int) -> int:
    """Quotient of two accums, a >= 0 and b > 0: truncated."""
    if a < 0 or b <= 0:
        raise SpecError.rule("Operands of kdivk", "a dividend of at least 0 and a positive divisor", f"{a} and {b}")
    return int(wrap((a << ACCUM) // b))


def decay(x: Int, fraction: Int, added: Int = 0) -> Int:
    """An accum times a fraction: floor; ``added`` to what floor drops, below 2^32, rounds otherwise."""
    return (x * fraction + added) >> FRACT


def expk(x: int) -> int:
    """e^x as an accum, of an accum."""
    if x > EXP_OVERFLOW:
        return LARGEST
    return 0 if x < EXP_UNDERFLOW else _exp(x) >> (FRACT - ACCUM)


def expulr(x: int) -> int:
    """e^x as a fraction, of an accum x <= 0; of 0 it is 0, since 1 has no fraction of 32 bits."""
    if x > 0:
        raise SpecError.rule("Exponent of a fraction", "at most 0", x)
    return 0 if x < EXP_UNDERFLOW else _exp(x) % _WORD


class _Tables(NamedTuple):
    whole: tuple[int, ...]
    sixteenths: tuple[int, ...]


@cache
def _tables() -> _Tables:
    """e^z, and 1 - e^-k/16, with 32 fraction bits, rounded."""
    with localcontext() as context:
        context.prec = 50

        def rounded(x: Decimal) -> int:
            return int((x * _WORD).to_integral_value(ROUND_HALF_EVEN))

        whole = tuple(rounded(Decimal(z).exp()) for z in range(_LOWEST, _HIGHEST + 1))
        return _Tables(whole, tuple(rounded(1 - (Decimal(-k) / 16).exp()) for k in range(16)))


def _exp(x: int) -> int:
    """e^x with 32 fraction bits, of an accum in range."""
    z = -(-x >> ACCUM)  # ceil
    f = (z << ACCUM) - x
    result = _tables().whole[z - _LOWEST]
    if f:
        upper, rest = f >> 11, f % 2**11
        result -= _share(result, _tables().sixteenths[upper])
        result -= _share(result, _series(rest << 17))
    return result


def _series(r: int) -> int:
    """1 - e^-r, r in units of 2^-32 and below 2^28, with 32 fraction bits; every product truncated."""
    constant, linear, quadratic = _SERIES
    slope = linear - (quadratic * r >> FRACT)
    return (slope * r >> FRACT) + constant


def _share(x: int, fraction: int) -> int:
    """x times a fraction; the product of the low word is rounded, up from just below a half."""
    low = (x % _WORD) * fraction
    return (x >> FRACT) * fraction + (low >> FRACT) + (low % _WORD >= 2**31 - 1)
