"""The record of a run: files that come back bit for bit or not at all, VCD read by somebody else's parser."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from vcd.reader import TokenKind, tokenize

from golden import trace as trace_module
from golden.errors import SpecError
from golden.trace import FILE_VERSION, Header, Trace, recorded_neurons, versions

HEADER = Header(
    engine="integer",
    network="a" * 64,
    stimulus="b" * 64,
    size=4,
    duration=0.1 + 0.2,
    dt=1e-4,
    seed=7,
    versions={"numpy": "2"},
    settings={"format": {"v": "16.8"}, "unit": 1e-3},
)


def make(header: Header = HEADER) -> Trace:
    rng = np.random.default_rng(0)
    v = rng.normal(size=(5, 2)) * 1e-3
    v[0] = -0.0, np.nextafter(0, 1)
    return Trace(
        header,
        np.array([(2e-3, 3), (1e-3, 1), (2e-3, 0), (1 / 3, 3), (15 * 1e-6, 3)]),
        np.array([3, 1]),
        np.arange(1, 6) * 1e-3,
        {"v": v, "v_int": rng.integers(-(2**31), 2**31, (5, 2), dtype=np.int32), "i": np.full((5, 2), -1)},
        {"v": "V", "v_int": "lsb", "i": "lsb"},
    )


# -- the table of spikes


def test_spikes_are_in_order_of_time_and_neuron() -> None:
    assert make().spikes.tolist() == [[15 * 1e-6, 3], [1e-3, 1], [2e-3, 0], [2e-3, 3], [1 / 3, 3]]


def test_counts_times_and_first_spikes() -> None:
    trace = make()
    assert trace.spike_counts().tolist() == [1, 1, 0, 3]
    assert trace.spike_times(3).tolist() == [15 * 1e-6, 2e-3, 1 / 3]
    assert trace.spike_times(2).tolist() == []
    np.testing.assert_array_equal(trace.first_spikes(), [2e-3, 1e-3, np.nan, 15 * 1e-6])
    assert Trace(HEADER, np.empty((0, 2))).spike_counts().tolist() == [0, 0, 0, 0]


def test_a_state_belongs_to_its_neuron() -> None:
    trace = make()
    assert trace.state("v", 1).tolist() == trace.states["v"][:, 1].tolist()
    assert trace.state("v", 3).tolist() == trace.states["v"][:, 0].tolist()
    with pytest.raises(SpecError, match=r"^State v must be of a recorded neuron, not of neuron 0$"):
        trace.state("v", 0)


@pytest.mark.parametrize(
    ("states", "units", "message"),
    [
        ({"v": np.zeros((3, 2))}, {"v": "V"}, "State v of trace integer must be of shape (5, 2), not (3, 2)"),
        ({"v": np.zeros((5, 2))}, {}, "State v of trace integer must be given a unit, not without"),
    ],
)
def test_states_that_do_not_fit(states: Any, units: Any, message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        Trace(HEADER, np.empty((0, 2)), np.arange(2), np.arange(5.0), states, units)


def test_recorded_neurons() -> None:
    assert recorded_neurons([2, 0], 3).tolist() == [2, 0]
    assert recorded_neurons((), 3).tolist() == []
    for wrong in ([3], [-1], [1, 1], [[0]]):
        with pytest.raises(SpecError, match=r"^Recorded neurons must be distinct and within 0 to 2, not \["):
            recorded_neurons(wrong, 3)


# -- npz


def test_npz_round_trip_is_bit_for_bit(tmp_path: Path) -> None:
    saved, path = make(), tmp_path / "trace.npz"
    saved.save_npz(path)
    loaded = Trace.load(path)
    assert loaded.header == saved.header
    assert dict(loaded.units) == dict(saved.units)
    assert set(loaded.states) == {"v", "v_int", "i"}
    pairs = [(getattr(loaded, name), getattr(saved, name)) for name in ("spikes", "recorded", "times")]
    pairs += [(loaded.states[name], saved.states[name]) for name in saved.states]
    for a, b in pairs:
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        assert a.tobytes() == b.tobytes()
    assert [p.name for p in tmp_path.iterdir()] == ["trace.npz"]


def test_an_empty_trace_and_one_without_dt(tmp_path: Path) -> None:
    path = tmp_path / "t"
    Trace(Header("exact", "n", "s", 2, 1.0), np.empty((0, 2))).save_npz(path)
    loaded = Trace.load(str(path))
    assert loaded.header == Header("exact", "n", "s", 2, 1.0)
    assert loaded.spikes.shape == (0, 2)
    assert not loaded.states


def test_the_file_can_be_read_without_us(tmp_path: Path) -> None:
    path = tmp_path / "trace.npz"
    make().save_npz(path)
    with np.load(path, allow_pickle=False) as data:
        header = json.loads(str(data["header"]))
        assert data["spikes"].shape == (5, 2)
    assert header == {
        "engine": "integer", "network": "a" * 64, "stimulus": "b" * 64, "size": 4, "duration": 0.1 + 0.2, "dt": 1e-4,
        "seed": 7, "versions": {"numpy": "2"}, "settings": {"format": {"v": "16.8"}, "unit": 1e-3},
        "units": {"v": "V", "v_int": "lsb", "i": "lsb"}, "file_version": FILE_VERSION,
    }  # fmt: skip


class BrokenWriterError(Exception):
    """What a test makes the writer raise."""


def fail(*_: Any, **__: Any) -> None:
    raise BrokenWriterError


@pytest.mark.parametrize("before", [None, b"an older file"])
def test_a_failing_write_leaves_nothing_new(
    before: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(file: Any, **_: Any) -> None:
        file.write(b"half")
        fail()

    path = tmp_path / "trace.out"
    if before is not None:
        path.write_bytes(before)
    monkeypatch.setattr(np, "savez_compressed", half)
    with pytest.raises(BrokenWriterError):
        make().save_npz(path)
    monkeypatch.setattr(trace_module.VCDWriter, "change", fail)
    with pytest.raises(BrokenWriterError):
        make().save_vcd(path)
    with pytest.raises(TypeError, match="not JSON serializable"):
        make(Header("e", "n", "s", 4, 1.0, settings={"x": object()})).save_npz(path)
    assert [p.read_bytes() for p in tmp_path.iterdir()] == ([] if before is None else [before])


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path, reason in (
        (tmp_path / "absent" / "t", "no such file or directory"),
        (tmp_path / "file" / "t", "not a directory"),
    ):
        for save in (make().save_npz, make().save_vcd):
            with pytest.raises(
                SpecError, match=rf"^File {re.escape(str(path))} must be writable, not refused \({reason}\)$"
            ):
                save(path)


def test_files_that_are_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "t.npz"
    name = re.escape(str(path))
    with pytest.raises(SpecError, match=f"^Trace {name} must be readable, not no such file or directory$"):
        Trace.load(path)
    make().save_npz(path)
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[len(whole) // 3] ^= 0xFF
    for content in (b"", b"text", whole[: len(whole) // 2], bytes(damaged)):
        path.write_bytes(content)
        with pytest.raises(SpecError, match=f"^Trace {name} must be an npz file, not something else$"):
            Trace.load(path)
    np.savez(path, spikes=np.zeros((0, 2)))
    with pytest.raises(SpecError, match=f"^Trace {name} must be written by hillock, not an npz without a header$"):
        Trace.load(path)
    np.savez(path, header="{}")
    with pytest.raises(SpecError, match=f"^Trace {name} must be written by hillock, not an npz without a header$"):
        Trace.load(path)


def test_a_file_of_another_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.npz"
    monkeypatch.setattr(trace_module, "FILE_VERSION", 99)
    make().save_npz(path)
    monkeypatch.undo()
    with pytest.raises(SpecError, match=f"^Trace {re.escape(str(path))} must be of file version 1, not 99$"):
        Trace.load(path)


# -- VCD


def parse_vcd(path: Path) -> tuple[str, dict[str, str], dict[str, list[tuple[int, Any]]]]:
    """Time scale, variable types and value changes by dotted name."""
    scope: list[str] = []
    names: dict[str, str] = {}
    kinds: dict[str, str] = {}
    changes: dict[str, list[tuple[int, Any]]] = {}
    now, scale = 0, ""
    with path.open("rb") as file:
        for token in tokenize(file):
            match token.kind:
                case TokenKind.TIMESCALE:
                    scale = str(token.timescale)
                case TokenKind.SCOPE:
                    scope.append(token.scope.ident)
                case TokenKind.UPSCOPE:
                    scope.pop()
                case TokenKind.VAR:
                    name = ".".join([*scope, token.var.reference])
                    names[token.var.id_code] = name
                    kinds[name], changes[name] = str(token.var.type_.value), []
                case TokenKind.CHANGE_TIME:
                    now = token.time_change
                case TokenKind.CHANGE_SCALAR | TokenKind.CHANGE_VECTOR | TokenKind.CHANGE_REAL:
                    changes[names[token.data.id_code]].append((now, token.data.value))
                case _:
                    continue
    return scale, kinds, changes


def signed(value: Any) -> int:
    return int(value) - (2**64 if int(value) >= 2**63 else 0)


def test_vcd_holds_spikes_and_states(tmp_path: Path) -> None:
    trace, path = make(), tmp_path / "trace.vcd"
    trace.save_vcd(path)
    scale, kinds, changes = parse_vcd(path)
    assert scale == "1 ns"
    spikes = {n: [time for time, _ in changes[f"neuron{n}.spike"]] for n in range(4)}
    assert spikes == {0: [2_000_000], 1: [1_000_000], 2: [], 3: [15_000, 2_000_000, 333_333_333]}
    # Neurons that were not recorded have spikes only.
    assert set(kinds) == {f"neuron{n}.spike" for n in range(4)} | {
        f"neuron{n}.{state}" for n in (1, 3) for state in ("v", "v_int", "i")
    }
    assert {kinds["neuron3.spike"], kinds["neuron3.v"], kinds["neuron3.v_int"]} == {"event", "real", "integer"}
    for column, neuron in enumerate((3, 1)):
        times = [1_000_000 * k for k in range(1, 6)]
        reals = [item for item in changes[f"neuron{neuron}.v"] if item[0] >= times[0]]
        values = dict(reals)
        last = 0.0
        for k, time in enumerate(times):
            last = values.get(time, last)  # an unchanged value is not written again
            assert last == pytest.approx(trace.states["v"][k, column], rel=1e-15, abs=1e-300)
        integers = [(t, signed(x)) for t, x in changes[f"neuron{neuron}.v_int"] if t >= times[0]]
        assert integers == list(zip(times, trace.states["v_int"][:, column].tolist(), strict=True))
        assert signed(changes[f"neuron{neuron}.i"][-1][1]) == -1
    assert [p.name for p in tmp_path.iterdir()] == ["trace.vcd"]


def test_vcd_of_chosen_neurons_and_the_same_bytes_again(tmp_path: Path) -> None:
    first, second = tmp_path / "a.vcd", tmp_path / "b.vcd"
    make().save_vcd(first, [1])
    make().save_vcd(second, [1])
    assert first.read_bytes() == second.read_bytes()
    assert {name.split(".")[0] for name in parse_vcd(first)[1]} == {"neuron1"}


# -- header


def test_versions() -> None:
    found = versions("no-such-package-here")
    assert found["numpy"] == np.__version__
    assert found["no-such-package-here"] == "not installed"
    assert set(found) == {"axonhillock", "numpy", "no-such-package-here"}
