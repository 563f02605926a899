"""Every example on every machine: digital ones bit for bit, the circuit within its derived tolerance.

The expected values are the other machines'; the negative controls break one machine and must see it caught.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
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


EXAMPLES = {path.stem: Experiment.load(path, duration=0.12) for path in sorted(Path("examples").glob("*.toml"))}
NETWORKS = {name for name, experiment in EXAMPLES.items() if len(experiment.network.synapses)}


@pytest.mark.parametrize("name", sorted(EXAMPLES.keys() - NETWORKS))
def test_example_agrees_on_every_machine(name: str) -> None:
    experiment = EXAMPLES[name]
    check = crosscheck(experiment, "all")
    assert check.agrees, check.verdict
    assert {row.machine for row in check.rows} == {n for n, info in INFOS.items() if not info.special} - {"exact"}
    updates = experiment.network.size * experiment.tick_inputs.ticks
    for row in check.rows:
        if row.budget == "rtl":
            assert row.comparison.updates == updates  # type: ignore[union-attr]  # rtl rows compare integers
            assert row.comparison.spikes > 0


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_example_network_runs_on_every_machine_that_it_describes(name: str) -> None:
    """What the numbers cost is reported: SpiNNaker and Loihi fire as the stepped neurons do, but for a few spikes."""
    experiment = EXAMPLES[name]
    check = crosscheck(experiment, "all")
    circuit = {"ngspice"} if experiment.has_circuit else set()
    chip = {"cxxrtl"} if "truenorth" in experiment.machines else set()  # its Verilog, bit for bit
    assert {row.machine for row in check.rows} == {"stepped", *experiment.machines, *circuit, *chip}
    assert check.agrees, check.verdict
    assert all(row.against == "truenorth" and row.verdict == "agrees" for row in check.rows if row.machine == "cxxrtl")
    counts = {machine: run.trace.spike_counts() for machine, run in check.runs.items()}
    assert counts["exact"].sum() > 100
    for machine in {"loihi", "spinnaker"} & counts.keys():
        assert abs(counts[machine] - counts["stepped"]).sum() <= 0.05 * counts["stepped"].sum()
    # A constant leak is larger below threshold: fewer spikes, and that is no secret (docs/truenorth.md).
    assert "truenorth" not in counts or counts["truenorth"].sum() < counts["stepped"].sum()


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


def test_core_that_sends_every_spike_twice_disagrees(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = Path(core(tmp_path))
    text = own.read_text(encoding="utf-8").replace("spike_valid & spike_ready", "spike_valid & taken")
    twice = (
        "  wire spike_valid;\n  reg again = 0;\n  wire taken = spike_ready & again;\n"
        "  always @(posedge clk) if (spike_valid & spike_ready) again <= ~again;\n"
    )
    text = text.replace(".ready(spike_ready)", ".ready(taken)").replace("  wire spike_valid;\n", twice, 1)
    own.write_text(text, encoding="utf-8")
    assert run([*CHECK, str(own), "--json"]) == 1
    (row,) = [row for row in json.loads(capsys.readouterr().out)["rows"] if row["machine"] == "icarus"]
    # As many wrong spikes as there are right ones; the first is that of neuron 15, see above.
    assert row["comparison"]["spike_mismatches"] == row["comparison"]["spikes"] > 10
    assert row["comparison"]["state_mismatches"] == 0
    assert row["comparison"]["first"] == [81, 15]
    assert "in ascending order, each once" in row["comparison"]["contradiction"]


def test_core_whose_outputs_contradict_each_other_disagrees(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every state and spike is right; but the potential that an update says it began from is another."""
    own = core(tmp_path, "retire_v0 <= v_7;", "retire_v0 <= v_7 ^ 24'h1;")
    assert run([*CHECK, own]) == 1
    out = capsys.readouterr().out
    assert "0 spikes" in out
    assert "tick 0, neuron 0: retire_v0 is 1, but the v retired the tick before is 0" in out


def test_core_that_shows_no_states_is_not_said_to_be_equal_in_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lif = Experiment.load("examples/lif.toml").quantised.lif
    own = tmp_path / "mute.v"
    own.write_text(LIFCoreConfig(lif, retire=False).verilog(), encoding="utf-8")
    assert run([*CHECK, str(own)]) == 0
    assert "icarus equals the golden integers in every spike (no states shown)." in capsys.readouterr().out


def test_core_that_hangs_disagrees_and_spoils_no_other_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = core(tmp_path, "assign busy = ", "assign busy = 1'h1 | ")
    page = tmp_path / "report"
    assert run([*CHECK, own, "--on", "ngspice,icarus", "--report", str(page)]) == 1
    out = capsys.readouterr().out
    assert "no result: " in out
    assert "The machines disagree: icarus." in out
    assert re.search(r"ngspice\s+exact\s+agrees", out)
    text = (page / "index.html").read_text(encoding="utf-8")
    assert "First divergence: icarus" in text
    assert "no result: " in text


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
    (row,) = (row for row in check.rows if row.machine == "ngspice")
    # The first spike of all, neuron 15's at 8.109 ms, is 0.5 % late.
    assert row.explanation is not None
    assert re.match(r"neuron 15, spike 0: at 8\.14\d+ ms, not 8\.109\d* ms within ", row.explanation)


LONG = """
import signal, sys
from sim_harness.crosscheck import crosscheck
from sim_harness.experiment import Experiment

def main():
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it otherwise
    experiment = Experiment.load("examples/lif.toml", duration=6.0)
    begun = lambda name, fraction: fraction or print(name, flush=True)
    crosscheck(experiment, sys.argv[1], progress=begun)

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("engine", ["icarus", "amaranth", "ngspice"])
def test_an_interrupt_ends_a_machine_in_its_thread(engine: str, tmp_path: Path) -> None:
    """The main thread hears Ctrl-C while machines run in others; seconds later all is over."""
    script = tmp_path / "long.py"
    script.write_text(LONG, encoding="utf-8")
    with subprocess.Popen([sys.executable, script, engine], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            if line.split() == [engine.encode()]:
                break
        time.sleep(1)
        sent = time.monotonic()
        process.send_signal(signal.SIGINT)
        try:
            # To the end of its output: nothing that the process started is left either.
            _, said = process.communicate(timeout=30)
        finally:
            process.kill()
        # Longer than a deck of one neuron takes, and a fraction of the run.
        assert time.monotonic() - sent < 5
        assert process.returncode != 0
        assert b"KeyboardInterrupt" in said
