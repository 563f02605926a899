"""The loop of golden.stepping compiled: equal to it in every bit, on one core, some hundred times as fast.

Neurons go through each step in tiles, each tile through loops of constant length without branches, which the compiler
turns into vector code. Neurons that have nothing to do with each other go through all steps of a chunk block by block,
so that a block stays in the cache however many there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from golden.compiled import compilable, kernel
from golden.delivery import Delivery, deliver_one
from golden.noise import PoissonNoise, count_tile, normal_tile
from golden.stepping import CHUNK, Cells, Plan, Progress, Record, starts
from golden.threefry import TILE, Key, WordArray, draw_tile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from golden.fixed import IntArray
    from golden.neurons.lif import FloatArray

#: Tiles of a block: their state fits into the first-level cache.
BLOCK = 2


def run(plan: Plan, progress: Progress | None = None) -> Record:
    """The same record as golden.stepping.run."""
    grid, size = plan.grid, plan.size
    tiles = -(-size // TILE)
    cells = _padded(plan.cells, tiles)
    v, i, left = _tiled(plan.cells.e_l, tiles), np.zeros((tiles, TILE)), np.zeros((tiles, TILE), dtype=np.int64)
    v_trace, i_trace = (np.empty((grid.steps, plan.recorded.size)) for _ in "vi")
    drive = np.array([_tiled(row, tiles) for row in plan.cells.gain * grid.currents])
    pieces = np.searchsorted(grid.ticks, np.arange(grid.steps), side="right") - 1
    inputs, emissions = (starts(table, grid.steps) for table in (grid.spikes, grid.source_spikes))
    targets, weights = grid.spikes[:, 1].astype(np.int64), np.ascontiguousarray(grid.spikes[:, 2])
    sources = size + grid.source_spikes[:, 1]
    # None instead of an array leaves out of the compiled loop what it is for.
    key = None if plan.noise is None else plan.noise.key
    thresholds = plan.noise.thresholds(grid.dt) if isinstance(plan.noise, PoissonNoise) else None
    ring = None
    if len(plan.delivery.target) or thresholds is not None or grid.spikes.size:
        ring = np.zeros((plan.delivery.slots, tiles, TILE))
    block = tiles if ring is not None or plan.recorded.size else BLOCK
    codes = []
    for begin in range(0, grid.steps, CHUNK):
        if progress is not None:
            progress(begin / grid.steps)
        end = min(begin + CHUNK, grid.steps)
        codes.append(
            _steps(
                begin, end, size, block, cells, v, i, left, drive, pieces, ring, plan.delivery, sources, emissions,
                targets, weights, inputs, key, thresholds, plan.recorded, v_trace, i_trace, plan.strict, plan.subtract,
            )
        )  # fmt: skip
    spikes = np.column_stack(np.divmod(np.sort(np.concatenate(codes)), size))
    return Record(spikes, v_trace, i_trace)


@kernel
def _steps(
    begin: int, end: int, size: int, block: int, cells: Cells,
    v: FloatArray, i: FloatArray, left: IntArray, drive: FloatArray, pieces: IntArray,
    ring: FloatArray | None, delivery: Delivery, sources: IntArray, emissions: IntArray,
    targets: IntArray, weights: FloatArray, inputs: IntArray, key: Key | None, thresholds: WordArray | None,
    recorded: IntArray, v_trace: FloatArray, i_trace: FloatArray, strict: bool, subtract: bool,
) -> IntArray:  # fmt: skip
    """Steps ``begin`` to ``end`` - 1; spikes as step * size + neuron."""
    tiles = len(v)
    words, random = np.empty(TILE, dtype=np.uint32), np.zeros(TILE, dtype=np.float32)
    spiked = np.empty(TILE, dtype=np.bool_)
    codes, count = np.empty(4096, dtype=np.int64), 0
    flat_v, flat_i = v.reshape(-1), i.reshape(-1)
    if ring is not None:
        flat_ring = ring.reshape(len(ring), -1)
    for first in range(0, tiles, block):
        for k in range(begin, end):
            if ring is not None:
                slot = k % len(ring)
                for row in range(emissions[k], emissions[k + 1]):
                    deliver_one(delivery, flat_ring, k, sources[row])
                if key is not None and thresholds is not None:
                    for tile in range(tiles):
                        draw_tile(words, tile, k, key)
                        count_tile(words, thresholds, random)
                        _add_spikes(ring, slot, tile, cells, random)
                for row in range(inputs[k], inputs[k + 1]):
                    flat_ring[slot, targets[row]] += weights[row]
            fired_before = count
            for tile in range(first, min(first + block, tiles)):
                if key is not None and thresholds is None:
                    draw_tile(words, tile, k, key)
                    normal_tile(words, random)
                arriving = None if ring is None else ring[slot]
                normal = random if key is not None and thresholds is None else None
                if _update(tile, cells, v, i, left, drive[pieces[k]], arriving, normal, spiked, strict, subtract):
                    if count + TILE > codes.size:
                        codes = _doubled(codes)
                    lanes = min(TILE, size - tile * TILE)
                    count = _collect(spiked[:lanes], k * size + tile * TILE, codes, count)
            if ring is not None:
                for code in codes[fired_before:count]:
                    deliver_one(delivery, flat_ring, k + 1, code - k * size)
            for column, neuron in enumerate(recorded):
                v_trace[k, column], i_trace[k, column] = flat_v[neuron], flat_i[neuron]
    return codes[:count]


def _update(
    tile: int, cells: Cells, v: FloatArray, i: FloatArray, left: IntArray, drive: FloatArray,
    arriving: FloatArray | None, normal: NDArray[np.float32] | None, spiked: NDArray[np.bool_],
    strict: bool, subtract: bool,
) -> int:  # fmt: skip
    """One step of a tile; clears what arrived; how many are at threshold."""
    own = tile if len(cells.e_l) > 1 else 0
    count = 0
    for k in range(TILE):
        e_l = cells.e_l[own, k]
        x = e_l + cells.leak[own, k] * (v[tile, k] - e_l) + drive[tile, k]
        if arriving is not None:
            synaptic = i[tile, k] + arriving[tile, k]
            arriving[tile, k] = 0.0
            x += cells.gain_syn[own, k] * synaptic
            i[tile, k] = synaptic * cells.leak_syn[own, k]
        if normal is not None:
            x += cells.noise[own, k] * normal[k]
        free = left[tile, k] == 0
        spike = free & (x > cells.v_th[own, k] if strict else x >= cells.v_th[own, k])
        reset = x - (cells.v_th[own, k] - e_l) if subtract else cells.v_reset[own, k]
        moved = x if free else v[tile, k]
        v[tile, k] = reset if spike else moved
        waited = 0 if free else left[tile, k] - 1
        left[tile, k] = cells.hold[own, k] if spike else waited
        spiked[k] = spike
        count += spike
    return count


def _add_spikes(ring: FloatArray, slot: int, tile: int, cells: Cells, counts: NDArray[np.float32]) -> None:
    """The noise spikes of a tile arrive."""
    own = tile if len(cells.noise) > 1 else 0
    for k in range(TILE):
        ring[slot, tile, k] += cells.noise[own, k] * counts[k]


def _collect(spiked: NDArray[np.bool_], code: int, codes: IntArray, count: int) -> int:
    """Append the code of every lane that spiked; how many codes there are then."""
    for lane in range(len(spiked)):
        if spiked[lane]:
            codes[count] = code + lane
            count += 1
    return count


def _doubled(array: IntArray) -> IntArray:
    wider = np.empty(2 * array.size, dtype=array.dtype)
    wider[: array.size] = array
    return wider


compilable(_update, _add_spikes, inline=True)
compilable(_collect, _doubled)


def _padded(cells: Cells, tiles: int) -> Cells:
    """Constants as (tiles, TILE), or as (1, TILE) where all neurons are alike."""
    alike = all((column == column[0]).all() for column in cells)
    return Cells(*(_tiled(column[:1] if alike else column, 1 if alike else tiles) for column in cells))


def _tiled(column: Any, tiles: int) -> Any:
    """The column as (tiles, TILE), continued with its last value."""
    return np.concatenate((column, np.full(tiles * TILE - column.size, column[-1]))).reshape(tiles, TILE)
