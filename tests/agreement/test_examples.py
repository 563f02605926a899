"""Every example on every machine: digital ones bit for bit, the circuit within its derived tolerance.

The expected values are the other machines'; the negative controls break one machine and must see it caught.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from digital.lif_core import LIFCoreConfig
from golden.neurons.lif import LIFNeuron
from golden.network import Network
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


def test_own_verilog_takes_the_place_of_the_core(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    experiment = Experiment.load("examples/lif.toml", duration=0.03)
    lif = experiment.quantised.lif
    good = LIFCoreConfig(lif, retire=True).verilog()
    own = tmp_path / "own.v"
    own.write_text(good)
    arguments = ["crosscheck", "examples/lif.toml", "--duration", "0.03", "--on", "icarus", "--verilog", str(own)]
    assert run(arguments) == 0
    assert "bit for bit" in capsys.readouterr().out


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
