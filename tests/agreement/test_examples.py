"""Every example on every machine: digital ones bit for bit, the circuit within its derived tolerance.

The expected values are the other machines'; the negative controls break one machine and must see it caught.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from digital.lif_core import LIFCoreConfig
from golden.network import Network
from golden.neurons.lif import LIFNeuron
from sim_harness import crosscheck as harness
from sim_harness.cli.app import run
from sim_harness.crosscheck import crosscheck
from sim_harness.engines import INFOS
from sim_harness.experiment import Experiment

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("name", sorted(path.stem for path in Path("examples").glob("*.toml")))
def test_example_agrees_on_every_machine(name: str) -> None:
    experiment = Experiment.load(f"examples/{name}.toml", duration=0.12)
    check = crosscheck(experiment, "all")
    assert check.agrees, check.verdict
    assert {row.machine for row in check.rows} == set(INFOS) - {"exact"}
    updates = experiment.network.size * experiment.tick_inputs.ticks
    for row in check.rows:
        if row.budget == "rtl":
            assert row.comparison.updates == updates  # type: ignore[union-attr]  # rtl rows compare integers
            assert row.comparison.spikes > 0


def core(tmp_path: Path, old: str = "", new: str = "") -> str:
    """The example's core as a user's own file, with one expression changed."""
    lif = Experiment.load("examples/lif.toml").quantised.lif
    text = LIFCoreConfig(lif, retire=True).verilog()
    assert old in text
    path = tmp_path / "own.v"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return str(path)


CHECK = ["crosscheck", "examples/lif.toml", "--duration", "0.03", "--on", "icarus", "--verilog"]


def test_own_verilog_takes_the_place_of_the_core(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*CHECK, core(tmp_path)]) == 0
    assert "All machines agree: icarus equals the golden integers bit for bit." in capsys.readouterr().out


def test_bug_in_own_verilog_is_found_and_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = core(tmp_path, "spike ? retire_t_ref : waited", "spike ? retire_t_ref - 8'h01 : waited")
    assert run([*CHECK, own]) == 1
    out = capsys.readouterr().out
    assert "The machines disagree: icarus." in out
    # Neuron 15 fires first, at 450 pA: tau ln(45 / 30) = 8.109 ms, so in tick 81.
    assert "first divergence of icarus: tick 81, neuron 15: " in out
    assert "r = 20, spike expected, v = 0, i = 0, r = 19, spike found; likely cause: refractory" in out


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("module lif_core(", "module lif_core(((", "own.v"),
        ("spike_ready", "spike_rdy", "Module lif_core of own.v must be given a port spike_ready, not one without it"),
    ],
)
def test_verilog_that_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, message: str
) -> None:
    assert run([*CHECK, core(tmp_path, old, new)]) == 2
    shown = capsys.readouterr()
    assert shown.err.count("\n") == 1
    assert message in shown.err


def test_circuit_with_a_wrong_capacitor_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A membrane capacitor 0.5 % off, which no tolerance derived from the solver may forgive."""
    experiment = Experiment.load("examples/lif.toml", duration=0.12)

    def wrong(network: Network, stimulus: object, settings: object, **options: object) -> object:
        neuron = network.neuron
        heavier = LIFNeuron(**{**neuron.to_dict(), "C_m": neuron.C_m * 1.005})
        trace = simulate(Network(heavier, network.size), stimulus, settings, **options)
        return replace(trace, header=replace(trace.header, network=network.hash()))

    simulate = harness.analog.simulate
    monkeypatch.setattr(harness.analog, "simulate", wrong)
    check = crosscheck(experiment, "ngspice")
    assert not check.agrees
    assert "ngspice" in check.verdict
