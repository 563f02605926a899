"""The random numbers of the digital cores: one 32-bit Galois LFSR, a step a draw.

x^32 + x^22 + x^2 + x + 1 is primitive, so every seed but 0 runs through all 2^32 - 1 states. The project's choice: the
machines' own generators are not published.
"""

from __future__ import annotations

from golden.errors import SpecError
from golden.polymorphic import Int, select

WIDTH = 32
#: The polynomial without x^32, least power at the top: what is added when a 1 is shifted out.
TAPS = 0x80200003


def step(state: Int) -> Int:
    """The next state; the low bits of it are the number drawn."""
    return (state >> 1) ^ select(state & 1, TAPS, 0)


def check_seed(seed: int) -> int:
    """``seed`` if the generator can start from it; SpecError for 0, from which it never leaves, and beyond 32 bits."""
    if not 1 <= seed < 1 << WIDTH:
        raise SpecError.rule("Seed of an LFSR", f"1 to {(1 << WIDTH) - 1}", seed)
    return seed
