"""The command line as a user meets it: results, JSON, help, and one line with exit code 2 for every mistake."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from golden.trace import Trace
from sim_harness import toolchain
from sim_harness.cli.app import COMMANDS, run

EXAMPLE = "examples/lif.toml"


def spec(tmp_path: Path, old: str = "", new: str = "") -> str:
    """A copy of the example with one line changed."""
    text = Path(EXAMPLE).read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "spec.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return str(path)


def test_run_prints_spikes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run", EXAMPLE, "--on", "exact"]) == 0
    out = capsys.readouterr().out
    assert "16 neurons in 250 ms" in out
    # Neuron 12 at 384 pA: tau ln(38.4 / (38.4 - 15)) = 9.906 ms to the first spike.
    assert f"{20 * np.log(38.4 / 23.4):.4g} ms" in out


def test_run_json_and_trace_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "trace.npz"
    assert run(["run", EXAMPLE, "--on", "integer", "--neurons", "3", "-o", str(target), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    trace = Trace.load(target)
    assert document["neurons"] == 3
    assert document["spike_counts"] == trace.spike_counts().tolist()
    assert list(tmp_path.iterdir()) == [target]


def test_fi_csv_holds_the_closed_form(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "fi.csv"
    assert (
        run(["fi", EXAMPLE, "--on", "exact", "--points", "3", "--lowest", "1", "--highest", "3", "-o", str(target)])
        == 0
    )
    assert "rheobase 150 pA" in capsys.readouterr().out
    rows = list(csv.DictReader(target.read_text().splitlines()))
    assert [float(row["current"]) for row in rows] == pytest.approx([150e-12, 300e-12, 450e-12])
    assert float(rows[2]["exact"]) == pytest.approx(1 / (2e-3 + 20e-3 * np.log(3 / 2)), rel=1e-9)


def test_netlist_is_a_deck(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["netlist", EXAMPLE, "--neuron", "12"]) == 0
    deck = capsys.readouterr().out
    assert deck.rstrip().lower().endswith(".end")
    assert "method=gear" in deck


def test_crosscheck_of_models_writes_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["crosscheck", EXAMPLE, "--on", "exact,integer", "--neurons", "8", "--duration", "0.05"]
    assert run([*arguments, "--report", str(tmp_path / "page"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["agrees"] is True
    assert [row["budget"] for row in document["rows"]] == ["discretisation", "quantisation"]
    assert Path(document["report"]).is_file()


def test_a_report_shorter_than_a_tick_has_no_states(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["crosscheck", EXAMPLE, "--on", "exact", "--duration", "5e-5", "--report", str(tmp_path / "page")]
    assert run(arguments) == 0
    assert "report: " in capsys.readouterr().out


def test_names_are_no_markup(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "[" / "a]"
    folder.mkdir(parents=True)
    for command, target in (("run", folder / "trace.npz"), ("fi", folder / "fi.csv")):
        assert run([command, EXAMPLE, "--on", "exact", "-o", str(target)]) == 0
        assert str(target) in capsys.readouterr().out
        assert target.is_file()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example_and_json(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    out = capsys.readouterr().out
    assert f"hillock {name}" in out.split("Examples:")[1]
    assert "--json" in out


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("C_m = 200e-12", "C_m = -200e-12", "Neuron C_m must be positive, not -2e-10 F"),
        ("V_th = -50e-3", "V_th = -70e-3", "Neuron V_th must be above V_reset (-0.065 V), not -0.07 V"),
        ("duration = 0.25", "duration = 0", "Duration must be positive, not 0 s"),
        ("size = 16", "size = 0", "Population size must be at least 1, not 0"),
        ("seed = 1", "sede = 1", "Key in [run] must be one of dt, duration, record, seed, not 'sede'"),
        (
            'format = "24.16"',
            'format = "12.10"',
            "V_th - E_L as integer v_th must be within 0 to 2047 (format 12.10, unit 0.001 V), not 15360",
        ),
        (
            'rounding = "nearest"',
            "",
            "as integer decay must be an integer (nearest 65209; allow it with a rounding), not 65209.1378",
        ),
        (
            "acceleration = 1e4",
            "acceleration = 1e7",
            "Analog acceleration must be between 1 and 100000, not 1e+07",
        ),
        ('format = "24.16"', "format = 24.16", 'Key fixed.format must be a string such as "24.16", not 24.16'),
        ("dt = 1e-4", "dt = 0.0", "Key run.dt must be positive, not 0 s"),
        ("[neuron]", "[neuron", "must be valid TOML, not broken"),
    ],
)
def test_mistake_in_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, message: str
) -> None:
    assert run(["run", spec(tmp_path, old, new), "--on", "integer"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert shown.err.startswith("hillock: error: ")
    assert message in shown.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "none.toml"], "File none.toml must be readable, not no such file or directory"),
        (["run", EXAMPLE, "--on", "abacus"], "Engine must be one of exact, stepped, integer"),
        (["run", EXAMPLE, "--on", "all"], "Engine must be one of exact, stepped, integer"),
        (["run", EXAMPLE, "--on", "exact,integer"], "not 'exact,integer'"),
        (
            ["run", EXAMPLE, "--on", "exact", "--verilog", "rtl/verilog/lif_256x16.v"],
            "Machines to run lif_256x16.v must be at least one of cxxrtl, icarus, verilator, not exact",
        ),
        (["verify", "--seed", "-1"], "Seed must be at least 0, not -1"),
        (["fpga-report", "--root", "/nowhere"], "Baselines /nowhere/rtl/baselines.json must be there (--update"),
        (["run", EXAMPLE, "--neurons", "0"], "Population size must be at least 1, not 0"),
        (["run", EXAMPLE, "--duration", "0"], "Duration must be positive, not 0 s"),
        (["run", EXAMPLE, "-o", "trace.txt"], "Output file must be named .npz or .vcd, not trace.txt"),
        (
            ["run", EXAMPLE, "-o", "/nowhere/trace.npz"],
            "File /nowhere/trace.npz must be writable, not refused (no such file",
        ),
        (["fi", EXAMPLE, "-o", "fi.png"], "Output file must be named .svg or .csv, not fi.png"),
        (["netlist", EXAMPLE, "--neuron", "16"], "Neuron must be an index below 16, not 16"),
        (["crosscheck", EXAMPLE, "--verilog", "no.v"], "Verilog file no.v must be readable, not no such file"),
        (["crosscheck"], "Missing argument"),
        (["perform"], "No such command"),
    ],
)
def test_mistake_on_the_command_line(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    assert run(arguments) == 2
    shown = capsys.readouterr()
    assert shown.err.count("\n") == 1
    assert message in shown.err


def test_missing_ngspice_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(toolchain, "LIBRARY_FOLDERS", ())
    monkeypatch.delenv("NGSPICE_LIBRARY_PATH", raising=False)
    assert run(["run", EXAMPLE, "--on", "ngspice"]) == 2
    shown = capsys.readouterr()
    assert shown.err.count("\n") == 1
    assert "ngspice must be installed" in shown.err
    assert "apt-get install ngspice" in shown.err


def test_verilog_of_a_file_takes_no_second_description(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verilog", "lif", "--spec", "examples/lif.toml", "--neurons", "3"]) == 2
    message = "hillock: error: Option --neurons must be left to the file of --spec, not given as well\n"
    assert capsys.readouterr().err == message


def test_crosscheck_refuses_verilog_that_nothing_would_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["crosscheck", "examples/lif.toml", "--on", "integer", "--verilog", "README.md"]) == 2
    message = "Machines to run README.md must be at least one of cxxrtl, icarus, verilator, not integer"
    assert capsys.readouterr().err == f"hillock: error: {message}\n"
