"""The integer machine against a plain loop over neurons, ticks and events."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden.errors import SpecError
from golden.fixed import Format
from golden.integer import TickInputs, run
from golden.neurons.lif_fixed import FixedLIF, LIFFormat

FORMAT = LIFFormat(v=Format(10, 0), decay_bits=6, synapse="exponential", refractory_bits=3)
ROW = tuple[int, int, int]


def machine(size: int = 3) -> FixedLIF:
    values = {
        "decay": np.array([60, 50, 40, 63][:size]),
        "syn_decay": np.array(32),
        "v_th": np.array([100, 200, 300, 511][:size]),
        "v_reset": np.array(-20),
        "t_ref": np.array([0, 1, 5, 2][:size]),
    }
    return FixedLIF(FORMAT, size, values)


def reference(lif: FixedLIF, ticks: int, currents: list[ROW], events: list[ROW]) -> tuple[list[Any], list[Any]]:
    """Floor divisions and branches, one neuron after the other."""
    history, spikes = np.zeros((ticks, 3, lif.size), dtype=int), []
    for n in range(lif.size):
        p = {name: int(np.broadcast_to(value, lif.size)[n]) for name, value in lif.values.items()}
        v = i = r = current = 0
        for tick in range(ticks):
            for _, _, value in (row for row in currents if row[:2] == (tick, n)):
                current = value
            for _, _, weight in (row for row in events if row[:2] == (tick, n)):
                i = max(-512, min(511, i + weight))
            if r:
                r -= 1
            else:
                v = max(-512, min(511, v * p["decay"] // 64 + current + i))
                if v >= p["v_th"]:
                    v, r = p["v_reset"], p["t_ref"]
                    spikes.append((tick, n))
            i = i * p["syn_decay"] // 64
            history[tick, :, n] = v, i, r
    return history.tolist(), sorted(spikes)


rows = st.lists(
    st.tuples(st.integers(0, 29), st.integers(0, 3), st.sampled_from([-512, 511]) | st.integers(-512, 511)),
    max_size=30,
).map(lambda table: sorted(table, key=lambda row: row[0]))


@given(currents=rows, events=rows)
@settings(max_examples=100, deadline=None)
def test_every_state_of_every_tick(currents: list[ROW], events: list[ROW]) -> None:
    lif = machine(4)
    record = run(lif, TickInputs(30, 4, np.array(currents), np.array(events)))
    history, spikes = reference(lif, 30, currents, events)
    assert np.stack((record.v, record.i, record.r), axis=1).tolist() == history
    assert [tuple(row) for row in record.spikes.tolist()] == spikes
    assert record.updates == 30 * 4
    assert record.recorded.tolist() == [0, 1, 2, 3]


def test_events_of_a_tick_saturate_in_the_order_given() -> None:
    """+500 +500 -500 is 511 - 500, while -500 first gives 500: no order may be assumed, none may be lost."""
    for weights, i in (([500, 500, -500], 11), ([-500, 500, 500], 500)):
        events = np.array([(0, 0, w) for w in weights])
        record = run(machine(1), TickInputs(1, 1, np.empty((0, 3)), events))
        assert record.i.tolist() == [[i // 2]]


def test_a_current_stays_until_it_is_changed() -> None:
    lif = FixedLIF(
        LIFFormat(v=Format(10, 0), decay_bits=6, refractory_bits=0),
        2,
        {"decay": np.array(0), "v_th": np.array(511), "v_reset": np.array(0)},
    )
    currents = np.array([(1, 0, 7), (3, 1, -9), (4, 0, 0)])
    record = run(lif, TickInputs(6, 2, currents, np.empty((0, 3))))
    assert record.v.T.tolist() == [[0, 7, 7, 7, 0, 0], [0, 0, 0, -9, -9, -9]]
    assert not record.r.any()


def test_recording_some_neurons_keeps_all_spikes() -> None:
    currents = np.array([(0, n, 400) for n in range(3)])
    inputs, seen = TickInputs(300, 3, currents, np.empty((0, 3))), []
    everything = run(machine(), inputs)
    some = run(machine(), inputs, record=[2, 0], progress=seen.append)
    assert some.recorded.tolist() == [2, 0]
    assert some.v.tolist() == everything.v[:, [2, 0]].tolist()
    assert some.spikes.tolist() == everything.spikes.tolist()
    assert set(some.spikes[:, 1].tolist()) == {0, 1, 2}
    assert some.updates == 600
    assert seen == [0.0, 256 / 300]


def test_slices_find_the_rows_of_every_tick() -> None:
    inputs = TickInputs(5, 2, np.array([(1, 0, 1), (1, 1, 2), (4, 0, 3)]), np.empty((0, 3)))
    assert [inputs.currents[s].tolist() for s in inputs.current_slices] == [
        [], [[1, 0, 1], [1, 1, 2]], [], [], [[4, 0, 3]],
    ]  # fmt: skip
    assert [s.stop - s.start for s in inputs.event_slices] == [0] * 5


NONE = np.empty((0, 3))


@pytest.mark.parametrize(
    ("ticks", "currents", "events", "message"),
    [
        (0, NONE, NONE, "Number of ticks must be at least 1, not 0"),
        (5, [(2, 0, 1), (1, 0, 1)], NONE, "Ticks of currents must be ascending, not out of order"),
        (5, NONE, [(2, 0, 1), (1, 0, 1)], "Ticks of events must be ascending, not out of order"),
        (5, [(5, 0, 1)], NONE, "Ticks of currents must be within 0 to 4, not 5 to 5"),
        (5, [(-1, 0, 1)], NONE, "Ticks of currents must be within 0 to 4, not -1 to -1"),
        (5, NONE, [(1, 3, 1)], "Neurons of events must be within 0 to 2, not 3 to 3"),
        (5, NONE, [(1, -1, 1)], "Neurons of events must be within 0 to 2, not -1 to -1"),
    ],
)
def test_tables_that_do_not_fit(ticks: int, currents: Any, events: Any, message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        TickInputs(ticks, 3, currents, events)


@pytest.mark.parametrize(
    ("currents", "events", "size", "message"),
    [
        ([(0, 0, 512)], NONE, 3, "Current must be within -512 to 511, not 512"),
        (NONE, [(0, 0, -513)], 3, "Weight must be within -512 to 511, not -513"),
        (NONE, NONE, 2, "Inputs must be for 3 neurons, not for 2"),
    ],
)
def test_inputs_outside_the_format(currents: Any, events: Any, size: int, message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        run(machine(), TickInputs(5, size, currents, events))


def test_recorded_neurons_exist() -> None:
    with pytest.raises(SpecError, match=r"^Recorded neurons must be distinct and within 0 to 2, not \[3\]$"):
        run(machine(), TickInputs(5, 3, NONE, NONE), record=[3])


def test_numbers_that_are_no_integers_are_refused_not_cut() -> None:
    with pytest.raises(SpecError, match=r"^Entry of events must be a whole number, not 1\.5$"):
        TickInputs(2, 1, np.empty((0, 3)), np.array([[0, 0, 1.5]]))
    with pytest.raises(SpecError, match=r"^Parameter v_th must be a whole number, not 0\.5$"):
        FixedLIF(LIFFormat(refractory_bits=0), 1, {"decay": 1, "v_th": 0.5, "v_reset": 0})  # type: ignore[dict-item]


def test_events_for_neurons_without_synapses_are_refused() -> None:
    lif = FixedLIF(LIFFormat(refractory_bits=0), 1, {"decay": 1, "v_th": 5, "v_reset": 0})  # type: ignore[dict-item]
    with pytest.raises(SpecError, match=r"^Synapse must be delta or exponential for input spikes, not 'none'$"):
        run(lif, TickInputs(2, 1, np.empty((0, 3)), np.array([[0, 0, 1]])))
