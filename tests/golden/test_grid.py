"""A stimulus on a grid: charge is kept, what is on the grid stays as it is, spikes never act before their time."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden.errors import SpecError
from golden.grid import GridStimulus, on_grid, sample_times
from golden.stimulus import Stimulus, constant, from_array, step

if TYPE_CHECKING:
    from golden.fixed import IntArray
    from golden.neurons.lif import FloatArray


def per_step(grid: GridStimulus) -> FloatArray:
    """(steps, N) [A]: the current of every step."""
    which = np.searchsorted(grid.ticks, np.arange(grid.steps), side="right") - 1
    currents: FloatArray = grid.currents[which]
    return currents


def charge(stimulus: Stimulus, until: float) -> float:
    """Integral of neuron 0's current from 0 to ``until``, piece by piece; the last piece goes on for ever."""
    ends = [*stimulus.times[1:].tolist(), math.inf]
    pieces = zip(stimulus.times.tolist(), ends, stimulus.currents[:, 0].tolist(), strict=True)
    return math.fsum(max(0.0, min(end, until) - start) * current for start, end, current in pieces)


@given(
    times=st.lists(st.floats(1e-6, 0.999), max_size=12, unique=True),
    currents=st.lists(st.floats(-1, 1), min_size=13, max_size=13),
    dt=st.floats(0.003, 1.0),
)
def test_charge_is_kept_up_to_every_grid_point(times: list[float], currents: list[float], dt: float) -> None:
    edges = [0.0, *sorted(times)]
    stimulus = from_array(1.0, edges, np.array([currents[: len(edges)]]).T)
    grid = on_grid(stimulus, dt)
    assert (grid.steps - 1) * dt < 1.0 <= grid.steps * dt * (1 + 1e-9)
    delivered = np.cumsum(per_step(grid)[:, 0]) * dt
    wanted = [charge(stimulus, (k + 1) * dt) for k in range(grid.steps)]
    # Edges within 1e-6 steps of a grid point are moved onto it.
    np.testing.assert_allclose(delivered, wanted, atol=1e-12 + 13 * 2e-6 * dt)


@given(
    edges=st.lists(st.integers(1, 99), max_size=10, unique=True),
    dt=st.sampled_from([1e-4, 1e-3, 3e-5, 0.1, 1 / 3, 2**-7]),
)
def test_what_is_on_the_grid_stays_as_it_is(edges: list[int], dt: float) -> None:
    """Also for decimal steps, whose multiples are no binary fractions: no step is split, none is mixed."""
    ticks = [0, *sorted(edges)]
    currents = np.arange(1.0, len(ticks) + 1)[:, None]
    grid = on_grid(from_array(100 * dt, [k * dt for k in ticks], currents), dt)
    assert grid.steps == 100
    assert grid.ticks.tolist() == ticks
    assert (grid.currents == currents).all()


def test_an_edge_within_a_step_is_its_mean() -> None:
    grid = on_grid(step(2, 1.0, [4.0, -8.0], start=0.3, stop=0.65), 0.2)
    np.testing.assert_allclose(per_step(grid), np.outer([0, 0.5, 1, 0.25, 0], [4.0, -8.0]), atol=1e-15)
    assert grid.ticks.dtype == np.int64


def test_several_edges_within_one_step() -> None:
    stimulus = from_array(1.0, [0.0, 0.31, 0.34, 0.35], [[1.0], [10.0], [-20.0], [3.0]])
    grid = on_grid(stimulus, 0.1)
    np.testing.assert_allclose(per_step(grid)[:5, 0], [1, 1, 1, 0.1 + 3 - 2 + 1.5, 3], rtol=1e-9)


@given(
    times=st.lists(st.floats(0, 0.999), min_size=1, max_size=20),
    dt=st.floats(0.003, 1.0),
)
def test_spikes_are_causal_and_at_most_a_step_late(times: list[float], dt: float) -> None:
    rows = [(t, 0, float(k + 1)) for k, t in enumerate(sorted(times))]
    grid = on_grid(from_array(1.0, [0.0], [[0.0]], rows), dt)
    act = {w: k * dt for k, _, w in grid.spikes}
    for time, _, weight in rows:
        if weight in act:
            assert time - 2e-6 * dt <= act[weight] < time + dt
        else:  # its grid point is the end of the run
            assert time > (grid.steps - 1) * dt
    assert (np.diff(grid.spikes[:, 0]) >= 0).all()


def test_spikes_on_the_grid_stay_there() -> None:
    rows = [(k * 1e-4, k % 2, 1.0) for k in range(1000)]
    grid = on_grid(from_array(0.1, [0.0], [[0.0, 0.0]], rows), 1e-4)
    ticks: IntArray = grid.spikes[:, 0].astype(np.int64)
    assert ticks.tolist() == list(range(1000))
    assert grid.spikes[:, 1].tolist() == [k % 2 for k in range(1000)]


def test_the_last_step_may_reach_beyond_the_end() -> None:
    assert on_grid(constant(1, 0.25, 1.0), 0.1).steps == 3
    assert on_grid(constant(1, 0.3, 1.0), 0.1).steps == 3
    assert on_grid(constant(1, 0.3, 1.0), 0.3).steps == 1


def test_states_are_looked_at_at_the_end_of_whole_steps() -> None:
    np.testing.assert_array_equal(sample_times(0.25, 0.1), [0.1, 0.2])
    assert sample_times(0.3, 0.1) == pytest.approx([0.1, 0.2, 0.3])
    for duration, dt in ((0.3, 0.1), (0.7, 0.1), (1e-3, 1e-5), (1.0, 1 / 3)):
        times = sample_times(duration, dt)
        assert len(times) == round(duration / dt)
        assert times[-1] <= duration  # 3 * 0.1 is more than 0.3 in binary


def test_the_stimulus_is_left_alone() -> None:
    stimulus = from_array(1.0, [0.0], [[0.0]], [(0.55, 0, 1.0)])
    on_grid(stimulus, 0.1)
    assert stimulus.spikes.tolist() == [[0.55, 0.0, 1.0]]


@pytest.mark.parametrize(
    ("dt", "message"),
    [
        (0.0, "Time step dt must be positive, not 0 s"),
        (math.nan, "Time step dt must be positive, not nan s"),
        (2.0, "Time step dt must be at most the duration (1 s), not 2 s"),
    ],
)
def test_a_step_that_is_none(dt: float, message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        on_grid(constant(1, 1.0, 0.0), dt)
    if dt != 2.0:
        with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
            sample_times(1.0, dt)
