"""Random words: published vectors, an independent version on plain ints, the same bits compiled and in any order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from golden.compiled import kernel
from golden.threefry import COLUMNS, TILE, draw, draw_tile, key, threefry

# Random123 1.14.0, tests/kat_vectors, threefry4x32 with 13 rounds: counter, key, result.
VECTORS = [
    ([0] * 4, [0] * 4, [0x531C7E4F, 0x39491EE5, 0x2C855A92, 0x3D6ABF9A]),
    ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 4, [0xC4189358, 0x1C9CC83A, 0xD5881C67, 0x6A0A89E0]),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
        [0xA4093822, 0x299F31D0, 0x082EFA98, 0xEC4E6C89],
        [0x4AA71D8F, 0x734738C2, 0x431FC6A8, 0xAE6DEBF1],
    ),
]
MASK = 0xFFFFFFFF
ROTATIONS = [(10, 26), (11, 21), (13, 27), (23, 5), (6, 20), (17, 11), (25, 10), (18, 20)]


def by_the_paper(counter: list[int], key_words: list[int], rounds: int = 13) -> list[int]:
    """Threefry as Salmon et al. state it: rounds, a permutation after each, the key every four rounds."""
    ks = [*key_words, 0x1BD11BDA]
    for word in key_words:
        ks[4] ^= word
    x = [(a + b) & MASK for a, b in zip(counter, ks[:4], strict=True)]
    for r in range(rounds):
        left, right = ROTATIONS[r % 8]
        for (a, b), by in zip(((0, 1), (2, 3)), (left, right), strict=True):
            x[a] = (x[a] + x[b]) & MASK
            x[b] = ((x[b] << by | x[b] >> (32 - by)) & MASK) ^ x[a]
        x[1], x[3] = x[3], x[1]
        if r % 4 == 3:
            s = r // 4 + 1
            x = [(word + ks[(s + j) % 5] + (s if j == 3 else 0)) & MASK for j, word in enumerate(x)]
    if rounds % 2:  # the last permutation is left out: it changes no word, only their places
        x[1], x[3] = x[3], x[1]
    return x


def arrays(words: list[int]) -> list[np.ndarray[Any, np.dtype[np.uint32]]]:
    return [np.array([word], dtype=np.uint32) for word in words]


def parity(words: list[int]) -> Any:
    """A key of four given words."""
    total = 0x1BD11BDA
    for word in words:
        total ^= word
    return tuple(np.uint32(word) for word in (*words, total))


@pytest.mark.parametrize(("counter", "key_words", "result"), VECTORS)
def test_published_vectors(counter: list[int], key_words: list[int], result: list[int]) -> None:
    assert [int(word[0]) for word in threefry(*arrays(counter), parity(key_words))] == result
    assert by_the_paper(counter, key_words) == result


def test_the_key_is_seed_stream_and_parity() -> None:
    assert [int(word) for word in key(0x0123456789ABCDEF, 5)[:4]] == [0x89ABCDEF, 0x01234567, 5, 0]
    assert key(7, 1) == parity([7, 0, 1, 0])


def test_every_word_against_plain_ints() -> None:
    seed, step = 0xDEADBEEF12345678, 5 * 2**32 + 99
    words = draw(3, step, key(seed, 2))
    for tile, column in ((0, 0), (0, 63), (1, 17), (2, 40)):
        counter = [tile * COLUMNS + column, 99, 5, 0]
        expected = by_the_paper(counter, [seed & MASK, seed >> 32, 2, 0])
        assert words[tile, column::COLUMNS].tolist() == expected


@kernel
def compiled_tile(tile: int, step: int, words_key: Any) -> Any:
    words = np.empty(TILE, dtype=np.uint32)
    draw_tile(words, tile, step, words_key)
    return words


def test_compiled_words_are_those_of_numpy_in_any_order() -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        tile, step = int(rng.integers(0, 50)), int(rng.integers(0, 2**40))
        words_key = key(int(rng.integers(0, 2**63)), 1)
        np.testing.assert_array_equal(compiled_tile(tile, step, words_key), draw(50, step, words_key)[tile])


def test_seeds_streams_steps_and_tiles_share_no_word() -> None:
    keys = [key(1, 1), key(2, 1), key(1, 2), key(1 + 2**32, 1)]
    words = np.concatenate([draw(4, step, k).ravel() for k in keys for step in (0, 1, 2**32)])
    repeated = words.size - np.unique(words).size
    assert repeated <= 1  # by chance: 12,288 words, 0.02 pairs


def test_bits_are_fair_and_independent_of_their_neighbours() -> None:
    """10^6 words: every bit, and every bit against the same bit of the next lane, step and seed."""
    words = np.stack([draw(40, step, key(3, 1)) for step in range(100)])
    other = np.stack([draw(40, step, key(4, 1)) for step in range(100)])

    def deviation(bits: Any) -> float:
        """Largest deviation of the ones of any bit from a half, in standard deviations."""
        ones = np.unpackbits(np.ascontiguousarray(bits.reshape(-1, 1)).view(np.uint8), axis=1).sum(axis=0)
        return float(np.abs(ones / bits.size - 0.5).max() * 2 * np.sqrt(bits.size))

    pairs = (words, words[:, :, 1:] ^ words[:, :, :-1], words[1:] ^ words[:-1], words ^ other)
    assert all(deviation(np.ascontiguousarray(pair)) < 4.5 for pair in pairs)
    assert deviation(words & 0xFFFFFFFE) > 100  # the check sees a bit that is stuck
