"""The first difference is found where it is, and its cause named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from golden import integer
from golden.fixed import Format
from golden.integer import IntegerRecord, TickInputs
from golden.neurons.lif_fixed import FixedLIF, LIFFormat, State
from sim_harness.rtl import first_divergence
from sim_harness.rtl.alternatives import Tick, alternatives
from sim_harness.rtl.campaign import cases

FORMAT = LIFFormat(v=Format(10, 2), decay_bits=6, synapse="exponential", refractory_bits=3)
SIZE, TICKS = 5, 250


def _case(fmt: LIFFormat = FORMAT) -> tuple[FixedLIF, TickInputs]:
    """Lively neurons: both rails, both signs, refractory times, exact threshold."""
    rng = np.random.default_rng(3)
    values = {"decay": 58, "syn_decay": 50, "v_th": 90, "v_reset": -7, "t_ref": 2}
    lif = FixedLIF(fmt, SIZE, {k: np.array(v) for k, v in values.items() if k in fmt.parameters})

    def table(count: int, low: int, high: int) -> Any:
        rows = np.column_stack([rng.integers(0, n, count) for n in (TICKS, SIZE)] + [rng.integers(low, high, count)])
        return rows[np.argsort(rows[:, 0], kind="stable")]

    return lif, TickInputs(TICKS, SIZE, table(500, -300, 260), table(900, -60, 90))


def _run(lif: FixedLIF, inputs: TickInputs, tick: Callable[[Tick], Any]) -> IntegerRecord:
    """Every neuron by itself through ``tick``: a machine with a bug, made without the code under test."""
    v, i, r = (np.zeros((TICKS, SIZE), dtype=np.int64) for _ in range(3))
    current = np.zeros((TICKS + 1, SIZE), dtype=np.int64)
    for k in range(TICKS):
        current[k] = current[k - 1] if k else 0
        for at, neuron, value in inputs.currents.tolist():
            if at == k:
                current[k, neuron] = value
    current[TICKS] = current[TICKS - 1]
    spikes = []
    for neuron in range(SIZE):
        weights: dict[int, list[int]] = {}
        for at, who, weight in inputs.events.tolist():
            if who == neuron:
                weights.setdefault(at, []).append(weight)
        state = State(0, 0, 0)
        for k in range(TICKS):
            before, now, after = (weights.get(j, []) for j in (k - 1, k, k + 1))
            drives = (int(current[k - 1, neuron]) if k else 0, int(current[k, neuron]), int(current[k + 1, neuron]))
            parameters = lif.parameters_of(neuron)
            state, spike = tick(Tick(lif.format, parameters, state, drives, (before, now, after)))
            v[k, neuron], i[k, neuron], r[k, neuron] = state
            if spike:
                spikes.append((k, neuron))
    return IntegerRecord(v, i, r, np.arange(SIZE), np.array(sorted(spikes), dtype=np.int64).reshape(-1, 2))


def test_equal_records_do_not_diverge() -> None:
    lif, inputs = _case()
    golden = integer.run(lif, inputs)
    assert first_divergence(golden, _run(lif, inputs, Tick.right), lif, inputs) is None


@pytest.mark.parametrize("fmt", [FORMAT, replace(FORMAT, reset="subtract")], ids=["value", "subtract"])
def test_every_mistake_is_recognised(fmt: LIFFormat) -> None:
    lif, inputs = _case(fmt)
    golden = integer.run(lif, inputs)
    assert (golden.v == fmt.v.max).any() or (golden.v == fmt.v.min).any()
    seen = 0
    for name, mistake in alternatives(fmt):
        divergence = first_divergence(golden, _run(lif, inputs, mistake), lif, inputs)
        if divergence is None:
            # Nothing in these inputs shows it; most must show.
            continue
        seen += 1
        # Two mistakes may be the same one within the ticks looked at.
        assert divergence.cause == name or _indistinguishable(lif, inputs, divergence.cause, name, divergence.tick)
    assert seen > 15


def _indistinguishable(lif: FixedLIF, inputs: TickInputs, found: str, planted: str, tick: int) -> bool:
    named = dict(alternatives(lif.format))
    a, b = (_run(lif, inputs, named[name]) for name in (found, planted))
    until = tick + 40
    return all(np.array_equal(getattr(a, k)[:until], getattr(b, k)[:until]) for k in ("v", "i", "r"))


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"leak_rounding": "nearest"}, "rounding: nearest instead of floor"),
        ({"leak_rounding": "toward_zero"}, "rounding: toward_zero instead of floor"),
        ({"reset": "subtract"}, "reset: subtracts the threshold instead of loading v_reset"),
        ({"synapse": "delta"}, "synapse: delta instead of exponential"),
    ],
)
def test_wrong_structures_are_named(change: dict[str, Any], cause: str) -> None:
    lif, inputs = _case()
    fmt = replace(FORMAT, **change)
    wrong = FixedLIF(fmt, SIZE, {name: lif.values[name] for name in fmt.parameters})
    divergence = first_divergence(integer.run(lif, inputs), integer.run(wrong, inputs), lif, inputs)
    assert divergence is not None
    assert divergence.cause == cause


@pytest.mark.parametrize(("given", "cause"), [(">=", "> instead of >="), (">", ">= instead of >")])
def test_the_comparison_is_named_at_exact_equality(given: Any, cause: str) -> None:
    fmt = LIFFormat(decay_bits=8, comparison=given)
    values = {k: np.array(v) for k, v in {"decay": 0, "v_th": 100, "v_reset": 0, "t_ref": 0}.items()}
    other = replace(fmt, comparison=">" if given == ">=" else ">=")
    inputs = TickInputs(9, 1, np.array([[0, 0, 99], [3, 0, 101], [5, 0, 100]]), np.empty((0, 3), dtype=np.int64))
    lif, wrong = (FixedLIF(f, 1, values) for f in (fmt, other))
    divergence = first_divergence(integer.run(lif, inputs), integer.run(wrong, inputs), lif, inputs)
    assert divergence is not None
    assert (divergence.tick, divergence.neuron) == (5, 0)
    assert divergence.spike_a is (given == ">=")
    assert divergence.cause == f"comparison: {cause} (potential equal to the threshold)"


def _golden() -> tuple[FixedLIF, TickInputs, IntegerRecord]:
    lif, inputs = _case()
    return lif, inputs, integer.run(lif, inputs)


def test_a_lost_spike_is_named() -> None:
    lif, inputs, golden = _golden()
    divergence = first_divergence(golden, replace(golden, spikes=np.delete(golden.spikes, 7, axis=0)), lif, inputs)
    assert divergence is not None
    assert [divergence.tick, divergence.neuron] == golden.spikes[7].tolist()
    assert divergence.cause == "spike lost on its way out"
    assert divergence.spike_a
    assert not divergence.spike_b


def test_an_invented_spike_is_named() -> None:
    lif, inputs, golden = _golden()
    divergence = first_divergence(
        golden, replace(golden, spikes=np.insert(golden.spikes, 0, [0, 0], axis=0)), lif, inputs
    )
    assert divergence is not None
    assert (divergence.tick, divergence.neuron) == (0, 0)
    assert divergence.cause == "spike sent that nobody fired"


def test_spikes_out_of_order_are_named() -> None:
    lif, inputs, golden = _golden()
    tick = next(t for t in golden.spikes[:, 0] if (golden.spikes[:, 0] == t).sum() > 1)
    rows = np.flatnonzero(golden.spikes[:, 0] == tick)
    spikes = golden.spikes.copy()
    spikes[rows] = spikes[rows[::-1]]
    divergence = first_divergence(golden, replace(golden, spikes=spikes), lif, inputs)
    assert divergence is not None
    assert divergence.cause == "spikes of one tick out of ascending order, or twice"


def test_a_single_wrong_bit_is_named() -> None:
    lif, inputs, golden = _golden()
    v = golden.v.copy()
    v[100, 3] += 1
    divergence = first_divergence(golden, replace(golden, v=v), lif, inputs)
    assert divergence is not None
    assert (divergence.tick, divergence.neuron) == (100, 3)
    assert divergence.before == State(golden.v[99, 3], golden.i[99, 3], golden.r[99, 3])
    assert divergence.cause == "rounding: v is off by its last bit"


def test_a_late_update_is_named() -> None:
    lif, inputs, golden = _golden()
    late = [np.vstack((0 * table[:1], table[:-1])) for table in (golden.v, golden.i, golden.r)]
    spikes = golden.spikes + np.array([1, 0])
    record = IntegerRecord(late[0], late[1], late[2], golden.recorded, spikes[spikes[:, 0] < TICKS])
    divergence = first_divergence(golden, record, lif, inputs)
    assert divergence is not None
    assert divergence.cause == "timing: the neuron is one tick late, or not updated in this one"


def test_an_early_update_is_named() -> None:
    lif, inputs, golden = _golden()
    early = [np.vstack((table[1:], table[-1:])) for table in (golden.v, golden.i, golden.r)]
    record = IntegerRecord(early[0], early[1], early[2], golden.recorded, golden.spikes)
    divergence = first_divergence(golden, record, lif, inputs)
    assert divergence is not None
    assert divergence.cause == "timing: the neuron is one tick early"


def test_spikes_alone_tell_the_refractory_time() -> None:
    lif, inputs, golden = _golden()
    slow = integer.run(FixedLIF(FORMAT, SIZE, dict(lif.values) | {"t_ref": np.array(3)}), inputs, record=[])
    divergence = first_divergence(golden, slow, lif, inputs)
    assert divergence is not None
    assert divergence.state_b is None
    assert divergence.cause == "refractory: one tick too many"
    assert "state not recorded" in str(divergence)


def test_the_text_says_everything() -> None:
    fmt = LIFFormat(decay_bits=8, refractory_bits=0)
    values = {k: np.array(v) for k, v in {"decay": 128, "v_th": 100, "v_reset": 0}.items()}
    inputs = TickInputs(2, 1, np.array([[0, 0, 21]]), np.empty((0, 3), dtype=np.int64))
    lif, wrong = (FixedLIF(f, 1, values) for f in (fmt, replace(fmt, leak_rounding="nearest")))
    divergence = first_divergence(integer.run(lif, inputs), integer.run(wrong, inputs), lif, inputs)
    # 21 * 128 / 256 = 10.5: 31 by floor, 32 by nearest.
    assert str(divergence) == (
        "tick 1, neuron 0: v = 31, i = 0, r = 0, no spike expected, v = 32, i = 0, r = 0, no spike found; "
        "likely cause: rounding: nearest instead of floor"
    )


def test_campaign_cases_name_a_wrong_threshold() -> None:
    causes = []
    for case in cases(8_000, seed=2):
        lif, inputs = case.lif, case.inputs
        wrong = FixedLIF(lif.format, lif.size, dict(lif.values) | {"v_th": np.maximum(lif.values["v_th"] - 1, 0)})
        divergence = first_divergence(integer.run(lif, inputs), integer.run(wrong, inputs), lif, inputs)
        causes += [divergence.cause] if divergence is not None else []
    assert len(causes) > 20
    # One below the threshold, >= with a threshold too small is the same as > instead of >=; and few ticks tell little.
    likely = ("parameter: v_th is 1 too small", "comparison: >= instead of > (potential equal to the threshold)")
    assert sum(cause in likely for cause in causes) > 0.8 * len(causes)
