"""Tables of synapses: every shape of connectivity against its definition, and what is refused."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import scipy.signal
import scipy.stats

from golden.errors import SpecError
from golden.synapses import (
    Synapses,
    convolution,
    delay_steps,
    dense,
    fixed_in_degree,
    joined,
    one_to_one,
    random,
    sparse,
)  # fmt: skip


def matrix(table: Synapses, shape: tuple[int, int]) -> np.ndarray[Any, Any]:
    """Summed weights (presynaptic, postsynaptic)."""
    result = np.zeros(shape)
    np.add.at(result, (table.pre, table.post), table.weight)
    return result


def test_dense_is_the_matrix_without_its_zeros() -> None:
    weights = np.array([[1.0, 0.0, -2.0], [0.0, 3.0, 0.0]])
    delays = np.arange(1.0, 7.0).reshape(2, 3)
    table = dense(weights, delays)
    assert len(table) == 3
    assert np.array_equal(matrix(table, (2, 3)), weights)
    assert table.delay.tolist() == [1, 3, 5]


def test_one_to_one() -> None:
    table = one_to_one(4, [1, 2, 3, 4], 1e-3)
    assert np.array_equal(matrix(table, (4, 4)), np.diag([1, 2, 3, 4]))


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (1, 1), (2, 0), (2, 3), (3, 1)])
def test_a_convolution_is_a_correlation(stride: int, padding: int) -> None:
    """Against SciPy: what an image x makes through the synapses is the sum over channels of correlate2d."""
    rng = np.random.default_rng(stride + padding)
    kernel, image = rng.normal(size=(3, 2, 3, 4)), rng.normal(size=(2, 7, 9))
    table = convolution(kernel, (7, 9), 1e-3, stride=stride, padding=padding)
    padded = np.pad(image, ((0, 0), (padding, padding), (padding, padding)))
    expected = np.array(
        [
            sum(scipy.signal.correlate2d(padded[c], kernel[o, c], mode="valid") for c in range(2))[::stride, ::stride]
            for o in range(3)
        ]
    )
    got = np.bincount(table.post, table.weight * image.ravel()[table.pre], expected.size)
    assert got == pytest.approx(expected.ravel())
    assert table.delay.strides == (0,)


def test_random_pairs_are_distinct_and_independent() -> None:
    """The number of synapses is binomial, in all and in each row and column (chi-square at 1 in 1,000)."""
    sources, targets, p = 400, 300, 0.1
    table = random(sources, targets, p, 1.0, 1e-3, seed=1)
    pairs = table.pre.astype(np.int64) * targets + table.post
    assert np.unique(pairs).size == pairs.size
    assert abs(len(table) - sources * targets * p) < 4 * np.sqrt(sources * targets * p * (1 - p))
    for counts, n in (
        (np.bincount(table.pre, minlength=sources), targets),
        (np.bincount(table.post, minlength=targets), sources),
    ):
        spread = ((counts - n * p) ** 2 / (n * p * (1 - p))).sum()
        assert scipy.stats.chi2.sf(spread, counts.size) > 1e-3
        assert scipy.stats.chi2.cdf(spread, counts.size) > 1e-3


def test_the_ends_of_probability() -> None:
    assert len(random(3, 4, 0.0, 1.0, 1e-3, seed=1)) == 0
    assert np.array_equal(matrix(random(3, 4, 1.0, 1.0, 1e-3, seed=1), (3, 4)), np.ones((3, 4)))


def test_the_same_seed_is_the_same_table() -> None:
    one, same, other = (random(50, 50, 0.3, 1.0, 1e-3, seed=seed) for seed in (1, 1, 2))
    assert one.hash() == same.hash() != other.hash()


def test_in_degrees_are_as_asked() -> None:
    table = fixed_in_degree(30, 20, 7, 1.0, 1e-3, seed=1)
    assert np.bincount(table.post).tolist() == [7] * 20
    assert set(table.pre.tolist()) <= set(range(30))
    assert len(fixed_in_degree(0, 5, 0, 1.0, 1e-3, seed=1)) == 0


def test_what_is_shared_takes_no_memory() -> None:
    shared = sparse([0, 1], [1, 0], 2.0, 1e-3)
    assert shared.weight.strides == shared.delay.strides == (0,)
    both = joined([shared, sparse([0], [0], 2.0, 1e-3)])
    assert both.weight.tolist() == [2, 2, 2]
    assert both.weight.strides == (0,)
    mixed = joined([shared, sparse([0], [0], 3.0, 1e-3)])
    assert mixed.weight.tolist() == [2, 2, 3]
    assert mixed.delay.strides == (0,)
    assert len(joined([])) == 0


def test_delays_in_steps() -> None:
    delay = np.array([1e-3, 1.5e-3, 2.4e-3, 0.3e-3])
    assert delay_steps(delay, 1e-3).tolist() == [1, 2, 2, 0]
    assert delay_steps(np.array([3e-4, 7e-4]), 1e-4, "error").tolist() == [3, 7]
    with pytest.raises(
        SpecError, match=r"^Synapse delay must be a multiple of the time step \(0.001 s\), not 0.0015 s$"
    ):
        delay_steps(delay, 1e-3, "error")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sparse([0, 1], [0], 1, 1), "Synapse indices pre and post must be of one length, not 2 and 1"),
        (lambda: sparse([-1], [0], 1, 1), "Synapse pre must be within 0 to 2147483647, not -1"),
        (lambda: sparse([0.5], [0], 1, 1), "Synapse pre must be a flat list of indices, not float64 of shape (1,)"),
        (lambda: sparse([0], [0], np.inf, 1), "Synapse weight must be finite, not inf"),
        (lambda: sparse([0], [0], 1, 0), "Synapse delay must be positive, not 0 s"),
        (lambda: sparse([0], [0], 1, np.nan), "Synapse delay must be positive, not nan s"),
        (lambda: sparse([0, 1], [0, 1], [1, 2, 3], 1), "Synapse weight must be one number or 2, not of shape (3,)"),
        (lambda: dense([1.0], 1), "Weight matrix must be of shape (presynaptic, postsynaptic), not of shape (1,)"),
        (lambda: random(1, 1, 1.5, 1, 1, 1), "Connection probability must be within 0 to 1, not 1.5"),
        (lambda: fixed_in_degree(0, 5, 1, 1, 1, 1), "In-degree must be at least 0, of at least one source, not 1"),
        (
            lambda: convolution(np.ones((1, 1, 3, 3)), (2, 9), 1),
            "Convolution kernel must be within the padded input (2 x 9), not (3, 3)",
        ),
        (
            lambda: convolution(np.ones((1, 1, 3, 3)), (9, 9), 1, stride=0),
            "Stride and padding must be at least 1 and at least 0, not 0 and 0",
        ),
        (
            lambda: convolution(np.ones((3, 3)), (9, 9), 1),
            "Convolution kernel must be of shape (out, in, height, width), not of shape (3, 3)",
        ),
    ],
)
def test_what_is_no_table_is_refused(make: Any, message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        make()
