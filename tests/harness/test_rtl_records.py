"""The recorder trusts no core: wrong retires are refused, contradictions reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from golden import integer
from golden.errors import SimulationError
from golden.integer import TickInputs
from golden.neurons.lif_fixed import FixedLIF, LIFFormat
from sim_harness.rtl import RtlDesign, first_divergence
from sim_harness.rtl.records import Recorder, RtlRecord

if TYPE_CHECKING:
    from golden.fixed import IntArray

SIZE, TICKS = 3, 4
LIF = FixedLIF(
    LIFFormat(decay_bits=8, refractory_bits=2),
    SIZE,
    {k: np.array(v) for k, v in {"decay": 128, "v_th": 100, "v_reset": -5, "t_ref": 1}.items()},
)
INPUTS = TickInputs(TICKS, SIZE, np.array([[0, 0, 40], [0, 1, 70], [1, 2, 120]]), np.empty((0, 3), dtype=np.int64))
DESIGN = RtlDesign(LIF)
COLUMNS = {name: 1 + k for k, (name, _) in enumerate(DESIGN.retired)}


def _raw() -> tuple[IntArray, IntArray]:
    """What a right core puts out, from the golden record."""
    record = integer.run(LIF, INPUTS)
    current = np.array([[40, 70, 0]] + [[40, 70, 120]] * (TICKS - 1))
    rows = np.zeros((TICKS, SIZE, 1 + len(COLUMNS)), dtype=np.int64)
    rows[..., 0], rows[..., 1] = np.mgrid[:TICKS, :SIZE]
    fields = {"v": record.v, "r": record.r, "current": current} | dict(LIF.values)
    for name, value in fields.items():
        rows[..., COLUMNS[f"retire_{name}"]] = value
    for name, value in (("v0", record.v), ("r0", record.r)):
        rows[1:, :, COLUMNS[f"retire_{name}"]] = value[:-1]
    for tick, neuron in record.spikes:
        rows[tick, neuron, COLUMNS["retire_spike"]] = 1
    return rows.reshape(-1, rows.shape[-1]), record.spikes


def _record(rows: IntArray, spikes: IntArray, chunk: int = TICKS) -> RtlRecord:
    recorder = Recorder("Icarus", DESIGN, INPUTS)
    for first in range(0, TICKS, chunk):
        inside = [(table[:, 0] >= first) & (table[:, 0] < first + chunk) for table in (rows, spikes)]
        recorder.add(min(chunk, TICKS - first), rows[inside[0]], spikes[inside[1]])
    return recorder.finish()


@pytest.mark.parametrize("chunk", [1, 3, TICKS])
def test_a_right_core_is_the_golden_record(chunk: int) -> None:
    rows, spikes = _raw()
    assert len(spikes) > 1
    record = _record(rows, spikes, chunk)
    assert record.fault is None
    assert record.updates == SIZE * TICKS
    assert first_divergence(integer.run(LIF, INPUTS), record, LIF, INPUTS) is None


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda rows: rows[1:], "2 updates in tick 0"),
        (lambda rows: rows[:-1], "2 updates in tick 3"),
        (lambda rows: rows[[1, 0, *range(2, len(rows))]], "3 updates in tick 0"),
        (lambda rows: np.insert(rows, 4, rows[4], axis=0), "4 updates in tick 1"),
    ],
    ids=["one missing at the start", "one missing at the end", "out of order", "one twice"],
)
def test_wrong_retires_are_refused(spoil: object, found: str) -> None:
    rows, spikes = _raw()
    assert callable(spoil)
    with pytest.raises(
        SimulationError,
        match=rf"^Retired updates of Icarus must be neurons 0 to 2 in order in every tick, not {found}$",
    ):
        _record(spoil(rows), spikes)


@pytest.mark.parametrize("neuron", [SIZE, 2 * SIZE])
def test_spikes_of_neurons_that_do_not_exist_are_refused(neuron: int) -> None:
    rows, spikes = _raw()
    with pytest.raises(
        SimulationError, match=rf"^Spikes sent by Icarus must be of neurons 0 to 2, not {neuron} in tick 3$"
    ):
        _record(rows, np.vstack((spikes, [3, neuron])))


def test_missing_ticks_are_refused() -> None:
    recorder = Recorder("Icarus", DESIGN, INPUTS)
    with pytest.raises(SimulationError, match=r"^Ticks run by Icarus must be all 4, not 0 of them$"):
        recorder.finish()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("v0", "retire_v0 is {}, but the v retired the tick before is {}"),
        ("r0", "retire_r0 is {}, but the r retired the tick before is {}"),
        ("current", "retire_current is {}, but the value written is {}"),
        ("v_th", "retire_v_th is {}, but the value written is {}"),
        ("spike", "retire_spike is {}, but the number of spikes sent is {}"),
    ],
)
def test_contradictions_are_found(name: str, text: str) -> None:
    rows, spikes = _raw()
    row, column = 2 * SIZE + 1, COLUMNS[f"retire_{name}"]
    right = int(rows[row, column])
    rows[row, column] ^= 1
    record = _record(rows, spikes)
    assert record.fault is not None
    assert (record.fault.tick, record.fault.neuron) == (2, 1)
    assert record.fault.text == text.format(right ^ 1, right)
    divergence = first_divergence(integer.run(LIF, INPUTS), record, LIF, INPUTS)
    assert divergence is not None
    assert divergence.cause == record.fault.text


def test_some_neurons_can_be_recorded() -> None:
    rows, spikes = _raw()
    recorder = Recorder("Icarus", DESIGN, INPUTS, record=[2, 0])
    recorder.add(TICKS, rows, spikes)
    record, golden = recorder.finish(), integer.run(LIF, INPUTS, record=[2, 0])
    assert np.array_equal(record.v, golden.v)
    assert np.array_equal(record.recorded, golden.recorded)
    assert np.array_equal(record.spikes, golden.spikes)
