"""The verification campaign: what it reaches, what it counts, and that it notices."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from golden import integer
from golden.errors import MissingToolError, SpecError
from golden.neurons.lif_fixed import receive, step
from sim_harness import toolchain
from sim_harness.cli import verify as command
from sim_harness.cli.app import run as hillock
from sim_harness.rtl import RtlRecord
from sim_harness.rtl.campaign import BINS, CROSSED, SIZES, Case, cases
from sim_harness.verify import GOLDEN, Verification, compare, parse_engines, verify

UPDATES = 60_000


@pytest.fixture(scope="module")
def campaign() -> list[Case]:
    return list(cases(UPDATES, seed=5))


def _golden(case: Case) -> RtlRecord:
    record = integer.run(case.lif, case.inputs)
    return RtlRecord(record.v, record.i, record.r, record.recorded, record.spikes)


def _verified(campaign: list[Case]) -> Verification:
    result = Verification(("icarus", "verilator"), 5)
    for case in campaign:
        result.add(case, {"icarus": _golden(case), "verilator": _golden(case)})
    return result


def test_a_campaign_is_large_enough_and_crosses_all_kinds(campaign: list[Case]) -> None:
    assert sum(case.updates for case in campaign) >= UPDATES
    structures = {(fmt.leak, fmt.reset, fmt.comparison, fmt.synapse) for fmt in (case.lif.format for case in campaign)}
    assert structures == set(CROSSED)
    assert len(CROSSED) == 2 * 2 * 2 * 3
    assert {case.lif.size for case in campaign} >= set(SIZES) | {1}
    assert {case.lif.shared for case in campaign} == {True, False}


def test_a_campaign_reaches_every_bin(campaign: list[Case]) -> None:
    result = _verified(campaign)
    assert result.missed == []
    assert result.agrees


def test_the_same_seed_gives_the_same_campaign(campaign: list[Case]) -> None:
    again, other = list(cases(UPDATES, seed=5)), list(cases(UPDATES, seed=6))
    for a, b in zip(campaign, again, strict=True):
        assert np.array_equal(a.inputs.currents, b.inputs.currents)
        assert np.array_equal(a.inputs.events, b.inputs.events)
        assert a.hits == b.hits
    assert not np.array_equal(campaign[0].inputs.currents[:20], other[0].inputs.currents[:20])


def test_hits_are_counted_right(campaign: list[Case]) -> None:
    """Counted again, neuron by neuron with Python ints, from the inputs alone."""
    for case in (campaign[3], campaign[-1]):
        lif, fmt = case.lif, case.lif.format
        hits: Counter[str] = Counter()
        state = integer.run(lif, case.inputs)
        for neuron in range(lif.size):
            p, before, current = lif.parameters_of(neuron), (0, 0, 0), 0
            for tick in range(case.inputs.ticks):
                for at, who, value in case.inputs.currents[case.inputs.current_slices[tick]].tolist():
                    current = value if who == neuron else current
                    assert at == tick
                v, i, r = before
                for _, who, weight in case.inputs.events[case.inputs.event_slices[tick]].tolist():
                    if who == neuron:
                        hits["i saturates high"] += i + weight > fmt.input.max
                        i = receive(fmt, i, weight)
                unlimited = replace(fmt, reset="subtract", comparison=">=")
                # With a threshold of 0 and reset by subtraction the next potential is the saturated sum itself.
                x = step(unlimited, p._replace(v_th=fmt.v.min), integer.State(v, i, 0), current).state.v + fmt.v.min
                hits["v one below the threshold"] += r == 0 and x == p.v_th - 1
                after, spike = step(fmt, p, integer.State(v, i, r), current)
                hits["spike with t_ref = 1"] += bool(spike) and p.t_ref == 1
                before = (int(after.v), int(after.i), int(after.r))
            assert before == (state.v[-1, neuron], state.i[-1, neuron], state.r[-1, neuron])
        for name, count in hits.items():
            assert case.hits[name] == count, name


def test_a_bin_never_reached_is_no_verification(campaign: list[Case]) -> None:
    result = _verified(campaign)
    result.coverage[BINS[-1]] = 0
    assert result.missed == [BINS[-1]]
    assert not result.agrees


def test_a_wrong_state_and_a_lost_spike_are_counted(campaign: list[Case]) -> None:
    case = campaign[0]
    right = _golden(case)
    v = right.v.copy()
    v[3, 1] ^= 1
    wrong = replace(right, v=v, spikes=np.delete(right.spikes, 2, axis=0))
    result = Verification(("icarus", "verilator"), 5)
    result.add(case, {"icarus": right, "verilator": wrong})
    assert {pair: (t.wrong_states, t.wrong_spikes) for pair, t in result.pairs.items()} == {
        (GOLDEN, "icarus"): (0, 0),
        (GOLDEN, "verilator"): (1, 1),
        ("icarus", "verilator"): (1, 1),
    }
    assert result.pairs[GOLDEN, "icarus"].updates == case.updates
    assert not result.agrees
    ((engine, where, text),) = result.divergences
    assert (engine, where) == ("verilator", str(case))
    assert "likely cause: " in text


def test_spikes_in_the_wrong_order_are_counted(campaign: list[Case]) -> None:
    right = _golden(campaign[0])
    result = Verification(("icarus",), 5)
    result.add(campaign[0], {"icarus": replace(right, spikes=right.spikes[[1, 0, *range(2, len(right.spikes))]])})
    assert result.pairs[GOLDEN, "icarus"].wrong_spikes == 2


def test_engines_by_name() -> None:
    assert parse_engines(["cxxrtl", " icarus"]) == ("icarus", "cxxrtl")
    for names in (["icarus", "modelsim"], []):
        with pytest.raises(SpecError, match=r"^RTL engine must be one of amaranth, icarus, verilator, cxxrtl, not '"):
            parse_engines(names)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--updates", "0"], "Number of updates must be at least 1, not 0"),
        (["--jobs", "0"], "Number of jobs must be at least 1, not 0"),
        (["--engines", "spice"], "RTL engine must be one of amaranth, icarus, verilator, cxxrtl, not 'spice'"),
    ],
)
def test_bad_arguments_are_one_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    # Amaranth's simulator needs no tool, so that nothing else can be wrong.
    assert hillock(["verify", "--engines", "amaranth", *arguments]) == 2
    assert capsys.readouterr().err.strip() == f"hillock: error: {message}"


def test_a_missing_simulator_is_told_before_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain, "search_path", lambda: "")
    with pytest.raises(MissingToolError, match=r"^iverilog must be installed for simulation in Icarus, not missing; "):
        verify(engines=["icarus"])


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize("good", [True, False])
def test_the_command_reports_and_exits(
    good: bool,
    as_json: bool,
    campaign: list[Case],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    result = _verified(campaign)
    if not good:
        result.pairs[GOLDEN, "icarus"].wrong_spikes = 1
        result.divergences.append(("icarus", "case 0", "tick 3, neuron 1: something"))
    monkeypatch.setattr(command, "run_campaign", lambda *_: result)
    assert hillock(["verify", *(["--json"] if as_json else [])]) == (0 if good else 1)
    text = capsys.readouterr().out
    if as_json:
        document = json.loads(text)
        assert document["agrees"] is good
        assert set(document["coverage"]) == set(BINS)
        assert len(document["pairs"]) == 3
    else:
        assert ("all equal, everything reached" if good else "NOT VERIFIED") in text
        assert ("tick 3, neuron 1: something" in text) is not good


@pytest.mark.integration
def test_processes_and_order_do_not_matter() -> None:
    few = list(cases(600, seed=1, crossed=2))
    done: list[float] = []
    one = compare(few, ["amaranth"], seed=1, jobs=1, progress=done.append)
    two = compare(few, ["amaranth"], seed=1, jobs=2)
    assert one.pairs == two.pairs
    assert one.pairs[GOLDEN, "amaranth"].agrees
    assert done == sorted(done)
    assert done[-1] == 1
