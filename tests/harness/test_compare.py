"""Comparison of traces: every kind of difference is seen, equality is not mistaken for one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from golden.errors import SpecError
from golden.trace import Header, Trace
from sim_harness.compare import compare_integers, compare_spikes

HEADER = Header(engine="integer", network="n", stimulus="s", size=3, duration=1.0, dt=0.1)


def integer_trace(engine: str = "integer", *, ticks: tuple[tuple[int, int], ...] = ((2, 0), (5, 1))) -> Trace:
    states = {name: np.arange(30).reshape(10, 3) + offset for offset, name in enumerate(("v_int", "i_int", "r_int"))}
    spikes = np.array([((tick + 1) * 0.1, neuron) for tick, neuron in ticks])
    return Trace(
        replace(HEADER, engine=engine),
        spikes,
        np.arange(3),
        0.1 * np.arange(1, 11),
        states,
        dict.fromkeys(states, "lsb"),
    )


def test_equal_integer_traces_agree() -> None:
    result = compare_integers(integer_trace(), integer_trace("icarus"))
    assert (result.agrees, result.updates, result.spikes, result.first) == (True, 30, 2, None)


@pytest.mark.parametrize("name", ["v_int", "i_int", "r_int"])
def test_one_changed_state_is_found(name: str) -> None:
    other = integer_trace("icarus")
    other.states[name][4, 2] += 1
    result = compare_integers(integer_trace(), other)
    assert not result.agrees
    assert (result.state_mismatches, result.spike_mismatches, result.first) == (1, 0, (4, 2))


def test_moved_spike_counts_in_both_trains() -> None:
    result = compare_integers(integer_trace(), integer_trace("icarus", ticks=((3, 0), (5, 1))))
    assert not result.agrees
    assert (result.spike_mismatches, result.first) == (2, (2, 0))


def test_machine_without_states_is_compared_on_spikes() -> None:
    mute = Trace(replace(HEADER, engine="mine"), integer_trace().spikes)
    assert compare_integers(integer_trace(), mute).agrees
    assert compare_integers(integer_trace(), mute).updates == 0


def test_traces_of_different_runs_are_refused() -> None:
    other = Trace(replace(HEADER, stimulus="t"), np.empty((0, 2)))
    with pytest.raises(SpecError, match=r"^Traces integer and integer must be of one stimulus, not of different ones$"):
        compare_integers(integer_trace(), other)


def spike_trace(*trains: list[float]) -> Trace:
    rows = [(time, neuron) for neuron, train in enumerate(trains) for time in train]
    return Trace(replace(HEADER, dt=None), np.array(rows).reshape(-1, 2))


TOLERANCE = [np.array([1e-3, 2e-3])] * 3


def test_spike_times_within_tolerance() -> None:
    a, b = spike_trace([0.1, 0.2], [0.3], []), spike_trace([0.1005, 0.2], [0.3], [])
    result = compare_spikes(a, b, TOLERANCE)
    assert result.agrees
    assert result.largest == pytest.approx(5e-4)
    assert result.margin == pytest.approx(0.5)
    assert result.worst == (0, 0, 0.1, 0.1005)


def test_spike_beyond_its_tolerance_disagrees() -> None:
    a, b = spike_trace([0.1, 0.2], [0.3], []), spike_trace([0.1, 0.2], [0.3011], [])
    assert not compare_spikes(a, b, TOLERANCE).agrees
    assert compare_spikes(a, b).agrees  # without a tolerance only counts decide


def test_spike_without_a_bound_is_counted_not_judged() -> None:
    result = compare_spikes(
        spike_trace([0.1, 0.2], [], []), spike_trace([0.1, 0.3], [], []), [np.array([1e-3, np.inf])] * 3
    )
    assert (result.agrees, result.unbounded, result.compared) == (True, 1, 2)


def test_missing_spike_disagrees_unless_the_run_ends_there() -> None:
    assert compare_spikes(spike_trace([0.1, 0.2], [], []), spike_trace([0.1], [], []), TOLERANCE).count_mismatches == 1
    assert compare_spikes(spike_trace([0.1, 0.999], [], []), spike_trace([0.1], [], []), TOLERANCE).agrees
