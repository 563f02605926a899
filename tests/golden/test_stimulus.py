"""Stimuli: every kind by hand, seeds and statistics, files, names."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden.errors import SpecError
from golden.stimulus import (
    Stimulus,
    constant,
    from_array,
    from_file,
    from_table,
    poisson,
    pulses,
    ramp,
    step,
)


def table(stimulus: Stimulus) -> dict[float, list[float]]:
    """Start of each piece to its currents."""
    return dict(zip(stimulus.times.tolist(), stimulus.currents.tolist(), strict=True))


# -- kinds


def test_constant() -> None:
    assert table(constant(2, 1.0, [1.0, 2.0])) == {0.0: [1.0, 2.0]}
    assert table(constant(2, 1.0, 3)) == {0.0: [3.0, 3.0]}


def test_step() -> None:
    assert table(step(1, 1.0, 5.0)) == {0.0: [5.0]}
    assert table(step(1, 1.0, 5.0, start=0.25)) == {0.0: [0.0], 0.25: [5.0]}
    assert table(step(2, 1.0, [5.0, -6.0], 0.25, 0.5)) == {0.0: [0, 0], 0.25: [5, -6], 0.5: [0, 0]}
    assert table(step(1, 1.0, 5.0, stop=0.5)) == {0.0: [5.0], 0.5: [0.0]}


def test_pulses() -> None:
    assert table(pulses(1, 1.0, 2.0, 0.125, 0.25, 0.5)) == {0.0: [0], 0.5: [2], 0.625: [0], 0.75: [2], 0.875: [0]}
    assert table(pulses(1, 0.5, 2.0, 0.125, 0.25)) == {0.0: [2], 0.125: [0], 0.25: [2], 0.375: [0]}
    cut = table(pulses(1, 0.5, [2.0], 0.2, 0.3))
    assert list(cut.values()) == [[2], [0], [2]]
    assert list(cut) == pytest.approx([0.0, 0.2, 0.3])


def test_ramp_is_a_staircase_through_the_middle_of_its_stairs() -> None:
    assert table(ramp(1, 1.0, 0.0, 8.0, 0.25)) == {0.0: [1], 0.25: [3], 0.5: [5], 0.75: [7]}
    assert table(ramp(2, 1.0, [0, 4], [4, 0], 0.5)) == {0.0: [1, 3], 0.5: [3, 1]}
    assert table(ramp(1, 1.0, 0.0, 8.0, 10.0)) == {0.0: [4.0]}
    assert ramp(1, 0.3, 0.0, 1.0, 0.1).times.size == 3


@given(st.floats(0.01, 3.0), st.floats(-5, 5), st.floats(-5, 5))
def test_a_ramp_keeps_its_charge(interval: float, first: float, last: float) -> None:
    """Also when the last stair is cut off by the end."""
    stimulus = ramp(1, 1.0, first, last, interval)
    lengths = np.diff([*stimulus.times, 1.0])
    assert math.fsum(lengths * stimulus.currents[:, 0]) == pytest.approx((first + last) / 2, abs=1e-12)


# -- Poisson


def test_poisson_statistics() -> None:
    """Counts: mean and variance are rate x duration; times uniform; intervals exponential. Five sigma each."""
    size, duration, rate = 400, 2.0, 50.0
    stimulus = poisson(size, duration, rate, 1e-12, seed=42)
    counts = np.bincount(stimulus.spikes[:, 1].astype(int), minlength=size)
    expected = rate * duration
    assert abs(counts.mean() - expected) < 5 * math.sqrt(expected / size)
    assert abs(counts.var(ddof=1) / expected - 1) < 5 * math.sqrt(2 / size)
    total = stimulus.spikes.shape[0]
    assert abs(stimulus.spikes[:, 0].mean() - duration / 2) < 5 * duration / math.sqrt(12 * total)
    gaps = np.concatenate([np.diff(stimulus.spikes_of(n)[:, 0]) for n in range(size)])
    # A window of 100 mean intervals shortens the mean gap by about 1 %.
    assert abs(gaps.mean() * rate - 1) < 0.02
    assert abs(gaps.std() / gaps.mean() - 1) < 5 / math.sqrt(gaps.size) + 0.01
    assert (stimulus.spikes[:, 2] == 1e-12).all()
    assert (np.diff(stimulus.spikes[:, 0]) >= 0).all()


def test_streams_are_independent() -> None:
    """Binned counts of neighbours do not correlate: |r| < 5/sqrt(n)."""
    stimulus = poisson(8, 100.0, 40.0, 1.0, seed=9)
    binned = np.array([np.histogram(stimulus.spikes_of(n)[:, 0], 2000, (0, 100))[0] for n in range(8)])
    r = np.corrcoef(binned)[np.triu_indices(8, 1)]
    assert np.abs(r).max() < 5 / math.sqrt(2000)


def test_a_neuron_keeps_its_spikes_when_others_change() -> None:
    few, many = poisson(3, 1.0, 30.0, 1.0, seed=1), poisson(10, 1.0, [30.0] * 3 + [500.0] * 7, 1.0, seed=1)
    for n in range(3):
        assert few.spikes_of(n).tolist() == many.spikes_of(n).tolist()


def test_the_seed_decides() -> None:
    first, again, other = (poisson(5, 1.0, 30.0, 1.0, seed=s) for s in (1, 1, 2))
    assert first.spikes.tobytes() == again.spikes.tobytes()
    assert first.hash() == again.hash() != other.hash()
    assert (first.seed, other.seed) == (1, 2)


def test_poisson_rates_weights_and_bias_per_neuron() -> None:
    stimulus = poisson(3, 10.0, [0.0, 100.0, 200.0], [1.0, -2.0, 3.0], seed=0, bias=[7.0, 8.0, 9.0])
    assert not stimulus.spikes_of(0).size
    assert 800 < len(stimulus.spikes_of(1)) < 1200 < 1700 < len(stimulus.spikes_of(2)) < 2300
    assert set(stimulus.spikes_of(1)[:, 1]) == {-2.0}
    assert table(stimulus) == {0.0: [7.0, 8.0, 9.0]}


# -- sum


def test_addition() -> None:
    a = from_array(1.0, [0.0, 0.5], [[1.0, 0.0], [2.0, 0.0]], [(0.1, 0, 1.0), (0.3, 1, 2.0)])
    b = from_array(1.0, [0.0, 0.25, 0.5], [[10.0, 1.0], [20.0, 2.0], [30.0, 3.0]], [(0.2, 1, 3.0), (0.3, 0, 4.0)])
    both = a + b
    assert table(both) == {0.0: [11.0, 1.0], 0.25: [21.0, 2.0], 0.5: [32.0, 3.0]}
    assert both.spikes.tolist() == [[0.1, 0, 1], [0.2, 1, 3], [0.3, 1, 2], [0.3, 0, 4]]
    assert (a + poisson(2, 1.0, 1.0, 1.0, seed=6)).seed == 6
    assert (poisson(2, 1.0, 1.0, 1.0, seed=0) + a).seed == 0
    assert both.seed is None


def test_simultaneous_spikes_keep_their_order() -> None:
    """Saturating and threshold-crossing inputs depend on it, so the sort must be stable (also for long tables)."""
    a = from_array(1.0, [0.0], [[0.0]], [(t, 0, k) for t in (0.25, 0.5) for k in range(50)])
    b = from_array(1.0, [0.0], [[0.0]], [(t, 0, 50 + k) for t in (0.25, 0.5) for k in range(50)])
    assert (a + b).spikes[:, 2].tolist() == [*range(100), *range(100)]


@pytest.mark.parametrize("other", [constant(2, 1.0, 0.0), constant(1, 2.0, 0.0)])
def test_addition_of_what_does_not_fit(other: Stimulus) -> None:
    with pytest.raises(SpecError, match=r"^Added stimuli must be of equal duration and size, not different$"):
        constant(1, 1.0, 0.0) + other


# -- names


def test_the_hash_changes_with_everything_that_acts() -> None:
    parts: dict[str, Any] = {
        "duration": 1.0, "times": [0.0, 0.5], "currents": [[1.0], [2.0]], "spikes": [(0.1, 0, 1.0)],
    }  # fmt: skip
    changed = [
        {},
        {"duration": 1.5},
        {"times": [0.0, 0.25]},
        {"currents": [[1.0], [2.0000000001]]},
        {"spikes": [(0.1, 0, 1.0000000001)]},
        {"spikes": [(0.1, 0, 1.0), (0.2, 0, 1.0)]},
        {"spikes": None},
    ]
    assert len({from_array(**parts | change).hash() for change in changed}) == len(changed)
    assert from_array(**parts).hash() == from_array(**parts).hash()
    assert constant(1, 1, 2).hash() == constant(1, 1.0, 2.0).hash() == constant(1, np.float64(1), 2).hash()


def test_the_hash_does_not_confuse_tables() -> None:
    """The same numbers in the same order, but a current in one is a spike in the other."""
    a = from_array(1.0, [0.0, 0.5], [[0.1, 0.2], [1.0, 0.3]])
    b = from_array(1.0, [0.0], [[0.5, 0.1]], [(0.2, 1.0, 0.3)])
    flat = [np.concatenate([x.ravel() for x in (s.times, s.currents, s.spikes)]).tolist() for s in (a, b)]
    assert flat[0] == flat[1]
    assert a.hash() != b.hash()


# -- files


def test_csv_with_and_without_header(tmp_path: Path) -> None:
    path = tmp_path / "drive.csv"
    for head in ("", "time,a,b\n"):
        path.write_text(f"{head}0,1e-9,2e-9\n\n0.5,3e-9,-4e-9\n", encoding="utf-8")
        assert table(from_file(path, 1.0)) == {0.0: [1e-9, 2e-9], 0.5: [3e-9, -4e-9]}


def test_npz_with_and_without_spikes(tmp_path: Path) -> None:
    path = tmp_path / "drive.npz"
    arrays: dict[str, Any] = {"times": [0.0, 0.5], "currents": [[1.0], [2.0]]}
    np.savez(path, **arrays)
    assert table(from_file(str(path), 1.0)) == {0.0: [1.0], 0.5: [2.0]}
    np.savez(path, **arrays, spikes=[(0.25, 0, 3.0)])
    assert from_file(path, 1.0).spikes.tolist() == [[0.25, 0.0, 3.0]]


NO_TABLE = "a table of numbers with equally long rows, not broken "


@pytest.mark.parametrize(
    ("name", "content", "rule"),
    [
        ("absent.csv", None, "readable, not no such file or directory$"),
        ("absent.npz", None, "readable, not no such file or directory$"),
        ("x.csv", b"", r"a table with a time and at least one current, not of shape \(0,\)$"),
        ("x.csv", b"0\n1\n", r"a table with a time and at least one current, not of shape \(2, 1\)$"),
        ("x.csv", b"0,1\n0.5\n", NO_TABLE),
        ("x.csv", b"0,1\n0.5,two\n", NO_TABLE),
        ("x.csv", b"0,\xff\xfe\n", NO_TABLE),
        ("x.csv", b'0,"' + b"1" * 200_000 + b'"\n', NO_TABLE),
        ("x.npz", b"", "an npz file, not something else$"),
        ("x.npz", b"PK\x03\x04 truncated", "an npz file, not something else$"),
        ("x.npz", b"0,1\n", "an npz file, not something else$"),
    ],
)
def test_files_that_are_no_stimulus(name: str, content: bytes | None, rule: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SpecError, match=f"^File {re.escape(str(path))} must be {rule}"):
        from_file(path, 1.0)


def test_npz_files_that_are_no_stimulus(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    name = re.escape(str(path))
    np.savez(path, times=[0.0])
    with pytest.raises(
        SpecError, match=f"^File {name} must be an npz with arrays times and currents, not without 'curr"
    ):
        from_file(path, 1.0)
    np.savez(path, times=[0.0], currents=[["a"]])
    with pytest.raises(SpecError, match=f"^File {name} must be {NO_TABLE}"):
        from_file(path, 1.0)
    np.savez(path, times=np.array([{}]), currents=[[1.0]])
    with pytest.raises(SpecError, match=f"^File {name} must be an npz file, not something else$"):
        from_file(path, 1.0)
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(SpecError, match=f"^File {name} must be an npz file, not something else$"):
        from_file(path, 1.0)


# -- tables of an experiment file


def test_every_kind_from_a_table(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("0,1,2\n", encoding="utf-8")
    cases: list[tuple[dict[str, Any], Stimulus]] = [
        ({"kind": "constant", "amplitude": 2}, constant(2, 1.0, 2.0)),
        ({"kind": "constant", "amplitude": {"from": 1.0, "to": 3.0}}, constant(2, 1.0, [1.0, 3.0])),
        ({"kind": "step", "amplitude": [1, 2], "start": 0.1, "stop": 0.2}, step(2, 1.0, [1, 2], 0.1, 0.2)),
        ({"kind": "ramp", "first": 0, "last": [1, 2], "interval": 0.1}, ramp(2, 1.0, 0, [1, 2], 0.1)),
        (
            {"kind": "pulses", "amplitude": 1, "width": 0.1, "period": 0.3, "start": 0.2},
            pulses(2, 1.0, 1, 0.1, 0.3, 0.2),
        ),
        ({"kind": "poisson", "rate": 20, "weight": [1, 2], "bias": 3}, poisson(2, 1.0, 20, [1, 2], 5, 3)),
        ({"kind": "file", "path": "d.csv"}, constant(2, 1.0, [1, 2])),
    ]
    for given_table, wanted in cases:
        made = from_table(given_table, size=2, duration=1.0, seed=5, folder=tmp_path)
        assert made.hash() == wanted.hash()
        assert made.seed == wanted.seed


@pytest.mark.parametrize(
    ("given_table", "message"),
    [
        ({}, "Stimulus kind must be one of constant, step, ramp, pulses, poisson, file, not None"),
        (
            {"kind": ["step"]},
            "Stimulus kind must be one of constant, step, ramp, pulses, poisson, file, not ['step']",
        ),
        (
            {"kind": "step", "amplitude": 1, "end": 2},
            "Stimulus key for step must be one of amplitude, start, stop, not 'end'",
        ),
        ({"kind": "poisson", "rate": 1}, "Stimulus poisson must be given with rate, weight, not without weight"),
        ({"kind": "constant", "amplitude": "1 nA"}, "Stimulus amplitude must be a finite number, not '1 nA'"),
        ({"kind": "constant", "amplitude": True}, "Stimulus amplitude must be a finite number, not True"),
        ({"kind": "constant", "amplitude": math.inf}, "Stimulus amplitude must be a finite number, not inf"),
        ({"kind": "constant", "amplitude": [1, None]}, "Stimulus amplitude must be a finite number, not None"),
        (
            {"kind": "constant", "amplitude": [1, 2, 3]},
            "Stimulus amplitude must be one number or one for each of 2 neurons, not of shape (3,)",
        ),
        (
            {"kind": "constant", "amplitude": {"from": 1}},
            "Stimulus amplitude must be a number, a list, or {from, to}, not {'from': 1}",
        ),
        (
            {"kind": "ramp", "first": 0, "last": 1, "interval": [0.1, 0.2]},
            "Stimulus interval must be one number, not a list",
        ),
        ({"kind": "file", "path": 3}, "Stimulus path must be text, not 3"),
        ({"kind": "poisson", "rate": -1, "weight": 1}, "Poisson rate must be finite and not negative, not -1 Hz"),
    ],
)
def test_a_broken_table_is_one_sentence(given_table: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        from_table(given_table, size=2, duration=1.0, seed=0)


def test_a_file_of_another_size(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("0,1,2\n", encoding="utf-8")
    with pytest.raises(SpecError, match=r"^File d\.csv must be a stimulus for 3 neurons, not for 2$"):
        from_table({"kind": "file", "path": "d.csv"}, size=3, duration=1.0, seed=0, folder=tmp_path)


# -- rules


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: constant(1, 0.0, 1.0), "Duration must be positive, not 0 s"),
        (lambda: constant(1, math.nan, 1.0), "Duration must be positive, not nan s"),
        (lambda: constant(1, math.inf, 1.0), "Duration must be positive, not inf s"),
        (lambda: step(1, -1.0, 1.0), "Duration must be positive, not -1 s"),
        (lambda: ramp(1, 0.0, 0, 1, 0.1), "Duration must be positive, not 0 s"),
        (lambda: ramp(1, math.inf, 0, 1, 0.1), "Duration must be positive, not inf s"),
        (lambda: pulses(1, 0.0, 1, 0.1, 0.2), "Duration must be positive, not 0 s"),
        (lambda: poisson(1, 0.0, 1, 1, 0), "Duration must be positive, not 0 s"),
        (lambda: constant(0, 1.0, 1.0), "Population size must be at least 1, not 0"),
        (lambda: constant(1, 1.0, math.inf), "Stimulus must be finite, not nan or inf"),
        (lambda: step(1, 1.0, math.inf, 0.5), "Stimulus must be finite, not nan or inf"),
        (
            lambda: constant(2, 1.0, [1, 2, 3]),
            "Stimulus value must be one number or one for each of 2 neurons, not of shape (3,)",
        ),
        (lambda: step(1, 1.0, 1, 0.5, 0.5), "Step must be 0 <= start < stop <= duration (1 s), not 0.5 to 0.5 s"),
        (lambda: step(1, 1.0, 1, 0.5, 1.5), "Step must be 0 <= start < stop <= duration (1 s), not 0.5 to 1.5 s"),
        (lambda: step(1, 1.0, 1, -0.5), "Step must be 0 <= start < stop <= duration (1 s), not -0.5 to 1 s"),
        (lambda: ramp(1, 1.0, 0, 1, 0.0), "Ramp interval must be positive, not 0 s"),
        (lambda: pulses(1, 1.0, 1, 0.0, 0.1), "Pulse width must be positive, not 0 s"),
        (lambda: pulses(1, 1.0, 1, 0.2, 0.2), "Pulse period must be longer than the width (0.2 s), not 0.2 s"),
        (lambda: pulses(1, 1.0, 1, 0.2, math.inf), "Pulse period must be longer than the width (0.2 s), not inf s"),
        (lambda: pulses(1, 1.0, 1, 0.1, 0.2, 1.0), "Pulse start must be within the duration (1 s), not 1 s"),
        (lambda: poisson(1, 1.0, math.nan, 1, 0), "Poisson rate must be finite and not negative, not nan Hz"),
        (lambda: poisson(1, 1.0, math.inf, 1, 0), "Poisson rate must be finite and not negative, not inf Hz"),
        (lambda: poisson(1, 1.0, 1.0, 1, -1), "Seed must be zero or positive, not -1"),
        (lambda: from_array(1.0, [0.1], [[1]]), "Stimulus times must be ascending from 0, not [0.1]"),
        (lambda: from_array(1.0, [], np.empty((0, 1))), "Stimulus times must be ascending from 0, not []"),
        (
            lambda: from_array(1.0, [0, 0.5, 0.5], [[1]] * 3),
            "Stimulus times must be ascending from 0, not [0.  0.5 0.5]",
        ),
        (lambda: from_array(1.0, [0, math.nan], [[1]] * 2), "Stimulus times must be ascending from 0, not [ 0. nan]"),
        (lambda: from_array(1.0, [0, 1.0], [[1]] * 2), "Stimulus times must be below the duration (1 s), not 1 s"),
        (
            lambda: from_array(1.0, [0], [[1], [2]]),
            "Stimulus currents must be of shape (1, neurons), not of shape (2, 1)",
        ),
        (
            lambda: from_array(1.0, [0], [[[1]]]),
            "Stimulus currents must be of shape (1, neurons), not of shape (1, 1, 1)",
        ),
        (
            lambda: from_array(1.0, [0], [[1]], [(0.2, 0, 1), (0.1, 0, 1)]),
            "Input spike times must be ascending within 0 to 1 s, not others",
        ),
        (
            lambda: from_array(1.0, [0], [[1]], [(1.0, 0, 1)]),
            "Input spike times must be ascending within 0 to 1 s, not others",
        ),
        (
            lambda: from_array(1.0, [0], [[1]], [(-0.1, 0, 1)]),
            "Input spike times must be ascending within 0 to 1 s, not others",
        ),
        (lambda: from_array(1.0, [0], [[1]], [(0.1, 1, 1)]), "Input spike neurons must be indices below 1, not others"),
        (
            lambda: from_array(1.0, [0], [[1]], [(0.1, -1, 1)]),
            "Input spike neurons must be indices below 1, not others",
        ),
        (
            lambda: from_array(1.0, [0], [[1, 1]], [(0.1, 0.5, 1)]),
            "Input spike neurons must be indices below 2, not others",
        ),
        (lambda: from_array(1.0, [0], [[1]], [(0.1, 0, math.nan)]), "Stimulus must be finite, not nan or inf"),
    ],
)
def test_what_is_no_stimulus(make: Any, message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        make()
