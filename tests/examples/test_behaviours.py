"""The twenty behaviours: reached as documented, by criteria that no plain integrator meets; picture and page."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from golden.errors import SpecError
from golden.neurons.truenorth import PARAMETERS

ROOT = Path(__file__).parents[2]
SCRIPT, PAGE = ROOT / "examples/behaviours.py", ROOT / "docs/behaviours.md"


def _load() -> Any:
    spec = importlib.util.spec_from_file_location("behaviours_example", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


example = _load()
EXCITE, INHIBIT = example.EXCITE, example.INHIBIT
BY_LETTER = {item.letter: item for item in example.BEHAVIOURS}
#: What a plain integrator does as well.
PLAIN = {"A", "G", "L"}


def with_input(letter: str, ticks: int, *pulses: tuple[int, ...]) -> Any:
    """The behaviour's neurons with another input."""
    stimulus = example.Stimulus(ticks, tuple(example.Pulse(*pulse) for pulse in pulses))
    return replace(BY_LETTER[letter], stimulus=stimulus)


def first_spikes(behaviour: Any) -> list[int]:
    """Spikes of the first presentation."""
    return list(example.simulate(behaviour)[0].spikes)


# --- reached, and not by everybody --------------------------------------------------------------------------------


def test_there_are_twenty() -> None:
    assert "".join(BY_LETTER) == "ABCDEFGHIJKLMNOPQRST"
    assert len({item.name for item in example.BEHAVIOURS}) == 20


@pytest.mark.parametrize("letter", BY_LETTER)
def test_every_presentation_meets_the_criterion(letter: str) -> None:
    item = BY_LETTER[letter]
    records = example.simulate(item)
    assert len(records) == example.PRESENTATIONS == 2
    assert [item.criterion(record) for record in records] == [True, True]
    assert item.reached


@pytest.mark.parametrize("letter", BY_LETTER)
def test_no_plain_integrator_meets_it(letter: str) -> None:
    """One neuron with the same input weights, reset to 0 or by the threshold, no floor to speak of, a leak toward 0."""
    item = BY_LETTER[letter]
    weights = item.cells[0].parameters["weights"][:2]
    found = [
        (threshold, leak, mode)
        for threshold, leak, mode in product((1, 5, 12, 20, 30, 60, 150, 400), (0, -1, -5, -20), (0, 1))
        for plain in [{"threshold": threshold, "leak": leak, "leak_reversal": 1, "floor": 10_000, "reset_mode": mode}]
        if replace(item, cells=[example.cell(*weights, **plain)]).reached
    ]
    assert bool(found) == (letter in PLAIN), found


@pytest.mark.parametrize("letter", BY_LETTER)
def test_the_machine_takes_every_parameter(letter: str) -> None:
    for cell in BY_LETTER[letter].cells:
        assert cell.parameters.keys() <= PARAMETERS.keys()
        assert list(cell.neuron.weights) == list(cell.parameters["weights"])
        assert not any(cell.neuron.stochastic_weights)
        assert cell.neuron.stochastic_leak == cell.neuron.random_bits == 0
        assert cell.delay is None or 1 <= cell.delay <= 15


@pytest.mark.parametrize(
    ("letter", "needed"), [(item.letter, item.cells[0].delay) for item in example.BEHAVIOURS if len(item.cells) == 1]
)
def test_a_wire_to_itself_is_needed_where_there_is_one(letter: str, needed: int | None) -> None:
    (cell,) = BY_LETTER[letter].cells
    assert replace(BY_LETTER[letter], cells=[replace(cell, delay=None)]).reached == (needed is None)


@pytest.mark.parametrize("letter", [item.letter for item in example.BEHAVIOURS if len(item.cells) == 2])
def test_the_second_neuron_is_needed(letter: str) -> None:
    assert not replace(BY_LETTER[letter], cells=BY_LETTER[letter].cells[:1]).reached


# --- beyond the one stimulus: what the page says holds, and where it ends -----------------------------------------


def test_a_stronger_pulse_has_a_shorter_latency() -> None:
    latencies = [first_spikes(with_input("I", 80, (EXCITE, 10, 13, count))) for count in (1, 2, 3)]
    assert latencies == [[51], [33], [15]]


def test_the_rebound_follows_inhibition_of_any_duration() -> None:
    assert all(with_input("M", 170, (INHIBIT, 20, 20 + ticks)).reached for ticks in range(1, 60))
    assert [t for t in range(1, 40) if not with_input("N", 130, (INHIBIT, 20, 20 + t)).reached] == [1, 2, 3, 4, 5]


def test_pulses_toggle_at_any_phase() -> None:
    assert all(with_input("P", 220, (EXCITE, 20, 21), (EXCITE, at, at + 1)).reached for at in range(120, 140))


def test_oscillations_do_not_depend_on_the_phase_of_the_pulse() -> None:
    assert all(with_input("J", 240, (EXCITE, at, at + 5)).reached for at in range(96, 130))


def test_an_inhibition_lowers_the_threshold_for_some_ticks() -> None:
    alone, inhibition = (EXCITE, 10, 13), (INHIBIT, 50, 53)
    waits = [w for w in range(20) if with_input("O", 120, alone, inhibition, (EXCITE, 53 + w, 56 + w)).reached]
    assert waits == list(range(8))
    assert all(with_input("O", 120, alone, (INHIBIT, 60 - t, 60), (EXCITE, 65, 68)).reached for t in range(1, 30))


def test_the_resonator_passes_one_interval() -> None:
    apart = [d for d in range(1, 40) if first_spikes(with_input("K", 100, (EXCITE, 10, 12), (EXCITE, 10 + d, 12 + d)))]
    assert apart == [12]


def test_accommodation_is_a_matter_of_slope() -> None:
    durations = (12, 20, 40, 60, 120)
    assert [len(first_spikes(with_input("R", 200, (EXCITE, 20, 20 + t, 0, 8)))) for t in durations] == [1, 1, 1, 0, 0]


def test_phasic_neurons_are_balanced_for_one_strength() -> None:
    for letter in "BD":
        assert not with_input(letter, 160, (EXCITE, 20, 120, 2)).reached


# --- declarations, page, picture, command -------------------------------------------------------------------------


def test_a_ramp_reaches_both_ends_and_a_spike_is_received_delay_ticks_later() -> None:
    ramp = example.Pulse(EXCITE, 2, 7, 0, 8)
    assert [ramp.count(at) for at in range(9)] == [0, 0, 0, 2, 4, 6, 8, 0, 0]
    once = with_input("A", 12, (EXCITE, 3, 4))
    cells = [example.cell(0, 0, 0, 1), example.cell(1, threshold=1, delay=5)]
    assert [record.spikes for record in example.simulate(replace(once, cells=cells))] == [[8], [8]]


@pytest.mark.parametrize("delay", [0, 16])
def test_the_scheduler_holds_fifteen_ticks(delay: int) -> None:
    with pytest.raises(SpecError, match=rf"^Delay of an axon must be 1 to 15 ticks, not {delay}$"):
        example.cell(1, delay=delay)


def test_the_page_has_the_table_and_the_counts() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert example.table() in page
    counts = Counter(len(item.cells) for item in example.BEHAVIOURS if item.reached)
    assert counts == {1: 15, 2: 5}
    assert f"**{counts[1]} with one neuron and {counts[2]} with two**" in page
    own = [item.letter for item in example.BEHAVIOURS if len(item.cells) == 1 and item.cells[0].delay]
    assert f"({', '.join(own)})" in page
    (picture,) = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", page)
    assert 10_000 < (PAGE.parent / picture).stat().st_size < 300_000


def test_what_is_not_reached_is_said_to_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any) -> None:
    first, *rest = example.BEHAVIOURS
    silent = replace(first, cells=[example.cell(1, threshold=1000)])
    monkeypatch.setattr(example, "BEHAVIOURS", (silent, *rest))
    assert example.main(["--output", str(tmp_path / "grey.svg")]) == 1
    assert "| A | tonic spiking | not reached |" in capsys.readouterr().out
    assert (tmp_path / "grey.svg").read_text(encoding="utf-8").count("not reached") == 1


def test_the_script_draws_and_prints(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--output", str(tmp_path / "figure.png"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    rows = json.loads(done.stdout)
    assert all(row["reached"] for row in rows)
    assert [len(row["neurons"]) for row in rows] == [len(item.cells) for item in example.BEHAVIOURS]
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.iterdir()] == ["figure.png"]


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("figure.txt", "Output must be a file ending in .pdf, .png, .svg, not figure.txt"),
        ("nowhere/figure.png", "File nowhere/figure.png must be writable, not refused (no such file or directory)"),
    ],
)
def test_a_bad_output_is_one_line(
    output: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    assert example.main(["--output", output]) == 2
    assert capsys.readouterr() == ("", f"{message}\n")
    assert not list(tmp_path.iterdir())
