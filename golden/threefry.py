"""Random words by number: a function of (seed, stream, step, neuron), the same in whatever order they are drawn.

Threefry-4x32 with 13 rounds turns a counter of four 32-bit words into four random ones, by additions, rotations and
exclusive ors alone, so that a loop over counters becomes vector code. Twelve rounds pass all statistical tests of
TestU01's BigCrush.

Neurons are numbered in tiles of ``TILE``. The counter is (column, step, step's high word, 0), the key is (seed, seed's
high word, stream, 0). Column c of tile t, 64 t + c in the counter, gives its four words to the neurons c, c + 64,
c + 128 and c + 192 of the tile.

Source: Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC'11.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from golden.compiled import compilable

#: Neurons that are drawn for at a time; a constant, so that the length of the inner loops is known when compiling.
TILE = 256
COLUMNS = TILE // 4

#: A uint32 in compiled code, an array of them in NumPy.
Word: TypeAlias = Any
WordArray: TypeAlias = NDArray[np.uint32]
Key: TypeAlias = tuple[np.uint32, np.uint32, np.uint32, np.uint32, np.uint32]

_PARITY = 0x1BD11BDA
_LOW = 0xFFFFFFFF


def key(seed: int, stream: int) -> Key:
    """The key of a seed within 0 to 2**64 - 1; different streams of one seed are independent."""
    words = (seed & _LOW, seed >> 32, stream, 0)
    parity = _PARITY ^ words[0] ^ words[1] ^ words[2] ^ words[3]
    return (*(np.uint32(word) for word in words), np.uint32(parity))  # type: ignore[return-value]


def threefry(x0: Word, x1: Word, x2: Word, x3: Word, key: Key) -> tuple[Word, Word, Word, Word]:
    """Four random words of the counter (x0, x1, x2, x3)."""
    k0, k1, k2, k3, k4 = key
    x0, x1, x2, x3 = _sum(x0, k0), _sum(x1, k1), _sum(x2, k2), _sum(x3, k3)
    x0, x1, x2, x3 = _even_rounds(x0, x1, x2, x3)
    x0, x1, x2, x3 = _sum(x0, k1), _sum(x1, k2), _sum(x2, k3), _sum(_sum(x3, k4), 1)
    x0, x1, x2, x3 = _odd_rounds(x0, x1, x2, x3)
    x0, x1, x2, x3 = _sum(x0, k2), _sum(x1, k3), _sum(x2, k4), _sum(_sum(x3, k0), 2)
    x0, x1, x2, x3 = _even_rounds(x0, x1, x2, x3)
    x0, x1, x2, x3 = _sum(x0, k3), _sum(x1, k4), _sum(x2, k0), _sum(_sum(x3, k1), 3)
    x0, x1 = _mix(x0, x1, 6)
    x2, x3 = _mix(x2, x3, 20)
    return x0, x1, x2, x3


def _sum(a: Word, b: Word) -> Word:
    return np.uint32(a + b)


def _mix(a: Word, b: Word, rotation: int) -> tuple[Word, Word]:
    total = _sum(a, b)
    return total, np.uint32(((b << rotation) | (b >> (32 - rotation))) ^ total)


def _even_rounds(x0: Word, x1: Word, x2: Word, x3: Word) -> tuple[Word, Word, Word, Word]:
    x0, x1 = _mix(x0, x1, 10)
    x2, x3 = _mix(x2, x3, 26)
    x0, x3 = _mix(x0, x3, 11)
    x2, x1 = _mix(x2, x1, 21)
    x0, x1 = _mix(x0, x1, 13)
    x2, x3 = _mix(x2, x3, 27)
    x0, x3 = _mix(x0, x3, 23)
    x2, x1 = _mix(x2, x1, 5)
    return x0, x1, x2, x3


def _odd_rounds(x0: Word, x1: Word, x2: Word, x3: Word) -> tuple[Word, Word, Word, Word]:
    x0, x1 = _mix(x0, x1, 6)
    x2, x3 = _mix(x2, x3, 20)
    x0, x3 = _mix(x0, x3, 17)
    x2, x1 = _mix(x2, x1, 11)
    x0, x1 = _mix(x0, x1, 25)
    x2, x3 = _mix(x2, x3, 10)
    x0, x3 = _mix(x0, x3, 18)
    x2, x1 = _mix(x2, x1, 20)
    return x0, x1, x2, x3


def draw_tile(words: WordArray, tile: int, step: int, key: Key) -> None:
    """Fill ``words`` (TILE,) with those of one tile and step."""
    low, high, zero = np.uint32(step & _LOW), np.uint32(step >> 32), np.uint32(0)
    for column in range(COLUMNS):
        counter = np.uint32(tile * COLUMNS + column)
        a, b, c, d = threefry(counter, low, high, zero, key)
        words[column] = a
        words[column + COLUMNS] = b
        words[column + 2 * COLUMNS] = c
        words[column + 3 * COLUMNS] = d


def draw(tiles: int, step: int, key: Key) -> WordArray:
    """The words of all tiles, (tiles, TILE): what ``draw_tile`` gives, by NumPy."""
    columns = np.arange(tiles * COLUMNS, dtype=np.uint32)
    low, high, zero = (np.full_like(columns, word) for word in (step & _LOW, step >> 32, 0))
    words = threefry(columns, low, high, zero, key)
    return np.stack([word.reshape(tiles, COLUMNS) for word in words], axis=1).reshape(tiles, TILE)


compilable(_sum, _mix, _even_rounds, _odd_rounds, threefry, draw_tile, inline=True)
