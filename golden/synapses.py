"""Synapses between two populations as a table: who, to whom, how strong, how late.

Every shape of connectivity (dense, sparse, one to one, random, convolution) is a function that returns the same table.
What all synapses share is stored once: a weight or delay given as one number takes no memory.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from golden.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from golden.neurons.lif import FloatArray

IndexArray: TypeAlias = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Synapses:
    """S synapses; every field of shape (S,).

    pre, post  int32: indices of the presynaptic and the postsynaptic neuron
    weight     float64: charge [C], or peak [A] of a current that decays with tau_syn, as in golden.stimulus
    delay      float64 [s], > 0: from the presynaptic spike to its effect

    Two neurons may have several synapses. SpecError for fields of different lengths, negative indices, and weights or
    delays that are not finite or not positive.
    """

    pre: IndexArray
    post: IndexArray
    weight: FloatArray
    delay: FloatArray

    def __post_init__(self) -> None:
        pre, post = _indices("pre", self.pre), _indices("post", self.post)
        if pre.shape != post.shape:
            raise SpecError.rule("Synapse indices pre and post", "of one length", f"{pre.size} and {post.size}")
        weight, delay = (_spread(name, getattr(self, name), pre.size) for name in ("weight", "delay"))
        if (wrong := ~np.isfinite(weight)).any():
            raise SpecError.rule("Synapse weight", "finite", weight[wrong][0])
        if (wrong := ~((delay > 0) & np.isfinite(delay))).any():
            raise SpecError.rule("Synapse delay", "positive", f"{delay[wrong][0]:g} s")
        for name, value in (("pre", pre), ("post", post), ("weight", weight), ("delay", delay)):
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return self.pre.size

    def moved(self, pre: int, post: int) -> Synapses:
        """The same synapses with ``pre`` and ``post`` added to the indices."""
        return Synapses(self.pre + np.int32(pre), self.post + np.int32(post), self.weight, self.delay)

    def hash(self) -> str:
        """SHA-256 over the table."""
        digest = hashlib.sha256()
        for array, kind in ((self.pre, "<i4"), (self.post, "<i4"), (self.weight, "<f8"), (self.delay, "<f8")):
            digest.update(np.ascontiguousarray(array, dtype=kind).tobytes())
        return digest.hexdigest()


def joined(tables: Sequence[Synapses]) -> Synapses:
    """All synapses of several tables, in their order."""
    if len(tables) == 1:
        return tables[0]
    if not tables:
        return Synapses(*np.empty((2, 0), dtype=np.int32), *np.empty((2, 0)))
    columns = (np.concatenate([getattr(table, name) for table in tables]) for name in ("pre", "post"))
    return Synapses(*columns, *(_joined([getattr(table, name) for table in tables]) for name in ("weight", "delay")))


def sparse(pre: ArrayLike, post: ArrayLike, weight: ArrayLike, delay: ArrayLike) -> Synapses:
    """Synapses one by one; ``weight`` and ``delay`` are shared or one value each."""
    return Synapses(np.asarray(pre), np.asarray(post), np.asarray(weight), np.asarray(delay))


def dense(weights: ArrayLike, delay: ArrayLike) -> Synapses:
    """A matrix (presynaptic, postsynaptic) of weights; 0 is no synapse. ``delay`` is shared or a matrix as well."""
    matrix = np.asarray(weights, dtype=np.float64)
    if matrix.ndim != 2:
        raise SpecError.rule("Weight matrix", "of shape (presynaptic, postsynaptic)", f"of shape {matrix.shape}")
    pre, post = np.nonzero(matrix)
    delays = np.asarray(delay, dtype=np.float64)
    return sparse(pre, post, matrix[pre, post], delays if delays.ndim == 0 else delays[pre, post])


def one_to_one(size: int, weight: ArrayLike, delay: ArrayLike) -> Synapses:
    """Neuron k to neuron k."""
    return sparse(np.arange(size), np.arange(size), weight, delay)


def fixed_in_degree(
    sources: int, targets: int, degree: int, weight: ArrayLike, delay: ArrayLike, seed: int
) -> Synapses:
    """``degree`` presynaptic neurons for each of ``targets``, drawn with repetition (as Brunel 2000 and NEST do)."""
    if degree < 0 or (degree and not sources):
        raise SpecError.rule("In-degree", "at least 0, of at least one source", degree)
    pre = np.random.default_rng(seed).integers(0, max(sources, 1), degree * targets, dtype=np.int32)
    return sparse(pre, np.repeat(np.arange(targets, dtype=np.int32), degree), weight, delay)


def random(sources: int, targets: int, probability: float, weight: ArrayLike, delay: ArrayLike, seed: int) -> Synapses:
    """Each pair with ``probability``, independently."""
    if not 0 <= probability <= 1:
        raise SpecError.rule("Connection probability", "within 0 to 1", f"{probability:g}")
    chosen = _bernoulli(sources * targets, probability, np.random.default_rng(seed))
    return sparse(chosen // targets, chosen % targets, weight, delay)


def _bernoulli(trials: int, probability: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """The successes among independent trials, ascending, at a cost of the successes alone: their gaps are geometric."""
    if not trials * probability:
        return np.empty(0, dtype=np.int64)
    found, last = [], -1
    while last < trials:
        expected = (trials - last) * probability
        places = last + np.cumsum(rng.geometric(probability, int(expected + 4 * np.sqrt(expected)) + 1))
        found.append(places)
        last = int(places[-1])
    places = np.concatenate(found)
    return places[places < trials]


def convolution(
    kernel: ArrayLike,
    shape: tuple[int, int],
    delay: ArrayLike,
    *,
    stride: int = 1,
    padding: int = 0,
) -> Synapses:
    """The synapses of a 2-D convolution (as in deep learning: a correlation), weights shared.

    ``kernel`` has the shape (channels out, channels in, height, width), ``shape`` is the height and width of the input.
    Neurons are numbered channel by channel, row by row, on both sides.
    """
    weights = np.asarray(kernel, dtype=np.float64)
    if weights.ndim != 4:
        raise SpecError.rule("Convolution kernel", "of shape (out, in, height, width)", f"of shape {weights.shape}")
    rows, columns = convolved_shape(weights.shape[2:], shape, stride, padding)
    out, into, height, width = (index.ravel() for index in np.indices(weights.shape))
    y, x = (index.ravel() for index in np.indices((rows, columns)))
    source_y = y[:, None] * stride + height - padding
    source_x = x[:, None] * stride + width - padding
    inside = (source_y >= 0) & (source_y < shape[0]) & (source_x >= 0) & (source_x < shape[1]) & (weights.ravel() != 0)
    pre = (into * shape[0] + source_y) * shape[1] + source_x
    post = out * (rows * columns) + (y * columns + x)[:, None]
    return sparse(pre[inside], post[inside], np.broadcast_to(weights.ravel(), pre.shape)[inside], delay)


def convolved_shape(kernel: Sequence[int], shape: Sequence[int], stride: int, padding: int) -> tuple[int, int]:
    """Height and width of what a convolution of ``shape`` with ``kernel`` gives."""
    if stride < 1 or padding < 0:
        raise SpecError.rule("Stride and padding", "at least 1 and at least 0", f"{stride} and {padding}")
    rows, columns = ((size + 2 * padding - window) // stride + 1 for size, window in zip(shape, kernel, strict=True))
    if rows < 1 or columns < 1:
        raise SpecError.rule("Convolution kernel", f"within the padded input ({shape[0]} x {shape[1]})", tuple(kernel))
    return rows, columns


def delay_steps(delay: FloatArray, dt: float, rounding: Literal["error", "nearest"] = "nearest") -> IndexArray:
    """Delays [s] in whole steps of ``dt`` [s]; ``error`` refuses one that is not a multiple of it."""
    exact = np.asarray(delay) / dt
    steps = np.rint(exact)
    if rounding == "error" and (wrong := np.abs(exact - steps) > 1e-6).any():
        raise SpecError.rule("Synapse delay", f"a multiple of the time step ({dt:g} s)", f"{delay[wrong][0]:g} s")
    return steps.astype(np.int32)


def _indices(name: str, values: ArrayLike) -> IndexArray:
    array = np.asarray(values)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise SpecError.rule(f"Synapse {name}", "a flat list of indices", f"{array.dtype} of shape {array.shape}")
    if array.size and not (array.min() >= 0 and array.max() < 2**31):
        raise SpecError.rule(
            f"Synapse {name}", "within 0 to 2147483647", array.min() if array.min() < 0 else array.max()
        )
    return array.astype(np.int32, copy=False)


def _spread(name: str, values: ArrayLike, size: int) -> FloatArray:
    array = np.asarray(values, dtype=np.float64)
    if array.shape not in ((), (size,)):
        raise SpecError.rule(f"Synapse {name}", f"one number or {size}", f"of shape {array.shape}")
    return np.broadcast_to(array, (size,))


def _joined(columns: Sequence[FloatArray]) -> FloatArray:
    """The columns one after another; what is one number in all of them stays one."""
    filled = [column for column in columns if column.size]
    if filled and all(column.strides == (0,) and column[0] == filled[0][0] for column in filled):
        return np.broadcast_to(filled[0][:1].reshape(()), (sum(column.size for column in columns),))
    return np.concatenate(columns)
