"""TrueNorth chips in RTL simulators: every spike and every potential as the golden chip has them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from digital.formal.bugs import Bug, planted
from digital.truenorth import core
from digital.truenorth.config import CoreConfig
from golden.errors import SimulationError, SpecError
from golden.machines.run import MachineInputs
from golden.trace import Trace
from sim_harness.campaigns import difference
from sim_harness.campaigns.truenorth import chip as random_chip
from sim_harness.cli.app import run as hillock
from sim_harness.rtl.truenorth import BACK_ENDS, ChipDesign, ChipRecord, chip_back_end

if TYPE_CHECKING:
    from golden.machines.truenorth import TrueNorthMachine

EXAMPLE = "examples/network.toml"
_TICKS = 24


def case(seed: int, columns: int = 2, rows: int = 2, size: int = 12) -> tuple[TrueNorthMachine, MachineInputs]:
    """A random chip that meets every mode and draw, and input at a lively rate."""
    rng = np.random.default_rng(seed)
    machine = random_chip(rng, stochastic=seed % 2 > 0, columns=columns, rows=rows, size=size)
    at = np.flatnonzero(rng.random(_TICKS * machine.sources) < 0.3)
    spikes = np.column_stack(np.divmod(at, machine.sources))
    return machine, MachineInputs(_TICKS, machine.size, machine.sources, spikes)


def play(name: str, design: ChipDesign, inputs: MachineInputs, **options: int) -> ChipRecord:
    return chip_back_end(name, **options).run(design, inputs, record=np.arange(design.machine.size))


def same(machine: TrueNorthMachine, inputs: MachineInputs, record: ChipRecord) -> str | None:
    """The first difference from the golden chip in plain ints; counters as far as the record has them."""
    golden = machine.run_scalar(inputs, record=np.arange(machine.size))
    counters = {name: golden.counters[name] for name in record.counters}
    return difference(replace(golden, counters=counters), record)


@pytest.mark.integration
@pytest.mark.xdist_group("yosys")
@pytest.mark.parametrize("name", BACK_ENDS)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_chip_is_the_golden_chip(name: str, seed: int) -> None:
    machine, inputs = case(seed)
    record = play(name, ChipDesign(machine), inputs, stall=64, seed=seed)
    assert len(record.spikes) > 50
    assert record.counters["left"] > 0
    assert same(machine, inputs, record) is None


@pytest.mark.integration
@pytest.mark.xdist_group("yosys")
def test_a_mesh_of_twelve_cores_is_the_golden_mesh_for_a_thousand_ticks() -> None:
    """Random traffic, back-pressure at every edge; no tick depends on when the routers did what."""
    rng = np.random.default_rng(9)
    machine = random_chip(rng, stochastic=True, columns=4, rows=3, size=12)
    ticks = 1000
    at = np.flatnonzero(rng.random(ticks * machine.sources) < 0.3)
    inputs = MachineInputs(ticks, machine.size, machine.sources, np.column_stack(np.divmod(at, machine.sources)))
    records = [play("cxxrtl", ChipDesign(machine), inputs, stall=stall) for stall in (0, 200)]
    for record in records:
        assert difference(machine.run(inputs, record=np.arange(machine.size)), record) is None
    assert records[0].counters["left"] > 1000
    assert records[0].clocks.sum() < records[1].clocks.sum()


@pytest.mark.integration
@pytest.mark.xdist_group("yosys")
@pytest.mark.parametrize(("lanes", "word"), [(2, 8), (4, 16)])
def test_lanes_and_words_change_nothing_but_the_clocks(lanes: int, word: int) -> None:
    machine, inputs = case(1, 1, 1, 40)
    one, several = (play("cxxrtl", ChipDesign(machine, *shape), inputs) for shape in ((1, word), (lanes, word)))
    assert same(machine, inputs, several) is None
    assert several.saturations == one.saturations
    assert several.clocks.sum() < one.clocks.sum()


@pytest.mark.integration
@pytest.mark.xdist_group("yosys")
def test_saturations_are_those_of_plain_ints() -> None:
    """Updates in which an unlimited sum leaves the 20 bits: counted here from the contract, not by the chip."""
    machine, inputs = case(1, 1, 1, 12)
    heavy = {**machine.values, "weights": np.full((1, 12, 4), 255), "leak": np.full((1, 12), 255)}
    zeros = {name: np.zeros((1, 12), dtype=np.int64) for name in ("stochastic_leak", "leak_reversal", "random_bits")}
    heavy |= zeros | {"stochastic_weights": np.zeros((1, 12, 4), dtype=np.int64), "reset_mode": np.full((1, 12), 2)}
    machine = replace(machine, values=heavy, crossbar=np.ones((1, 12, 12), dtype=bool))
    ticks = 800
    spikes = np.column_stack((np.repeat(np.arange(ticks), 12), np.tile(np.arange(12), ticks)))
    spikes = spikes[np.isin(spikes[:, 1], machine.routes[:, 0])]
    inputs = MachineInputs(ticks, machine.size, machine.sources, spikes)
    record = play("cxxrtl", ChipDesign(machine), inputs)
    # Every neuron has the same input: recorded ones climb to the rail and stay, one saturation a tick from there on.
    at_rail = (record.states["v"] == (1 << 19) - 1).all(axis=1)
    first = int(np.argmax(at_rail))
    assert 0 < first < ticks
    assert at_rail[first:].all()
    assert 12 * (ticks - first - 1) <= record.saturations <= 12 * (ticks - first)


@pytest.mark.integration
@pytest.mark.xdist_group("yosys")
@pytest.mark.parametrize("field", ["weights", "leak", "threshold"])
def test_a_wrong_memory_is_noticed(field: str) -> None:
    machine, inputs = case(2)
    values = {name: value.copy() for name, value in machine.values.items()}
    values[field].flat[:] = np.where(values[field] > 0, values[field] - 1, values[field] + 1)
    record = play("cxxrtl", ChipDesign(replace(machine, values=values)), inputs)
    assert same(machine, inputs, record) is not None


@pytest.mark.integration
@pytest.mark.xdist_group("yosys")
def test_a_chip_that_skips_neurons_or_hangs_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    machine, inputs = case(2)
    for right, wrong, message in (
        (
            "retire_valid.eq(pipeline.commit)",
            "retire_valid.eq(pipeline.commit & (pipeline.commit_row != 3))",
            "update every",
        ),
        ("arrive_ready.eq(scheduler.arrive_ready)", "arrive_ready.eq(0)", "get on within"),
    ):
        bug = Bug("broken", "update", right, wrong, "TrueNorthCore")
        monkeypatch.setattr(core, "TrueNorthCore", planted(bug, core, "TrueNorthCore"))
        with pytest.raises(SimulationError, match=rf"in CXXRTL must {message}"):
            play("cxxrtl", ChipDesign(machine), inputs)
        monkeypatch.undo()


@pytest.mark.integration
@pytest.mark.xdist_group("yosys")
def test_a_network_and_its_image_run_on_the_chips_verilog(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = tmp_path / "image.npz"
    traces = {}
    for on in ("truenorth", "cxxrtl"):
        path = tmp_path / f"{on}.npz"
        options = ["--duration", "0.1", "--record", "v", "-o", str(path), "--json"]
        assert hillock(["run", EXAMPLE, "--on", on, *options]) == 0
        traces[on] = Trace.load(path)
    assert traces["cxxrtl"].header.engine == "cxxrtl"
    assert np.array_equal(traces["truenorth"].spikes, traces["cxxrtl"].spikes)
    assert np.array_equal(traces["truenorth"].states["v_int"], traces["cxxrtl"].states["v_int"])
    assert hillock(["place", EXAMPLE, "--on", "truenorth", "-o", str(image), "--json"]) == 0
    capsys.readouterr()
    documents = {}
    for on in ("truenorth", "cxxrtl"):
        assert hillock(["run", str(image), "--on", on, "--duration", "0.05", "--json"]) == 0
        documents[on] = json.loads(capsys.readouterr().out)
    assert documents["truenorth"]["spike_counts"] == documents["cxxrtl"]["spike_counts"]
    assert hillock(["run", str(image), "--on", "loihi"]) == 2
    assert "must be truenorth or icarus or verilator or cxxrtl, not loihi" in capsys.readouterr().err


@pytest.mark.integration
@pytest.mark.xdist_group("yosys")
def test_a_crosscheck_judges_the_chip_by_the_golden_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert hillock(["crosscheck", EXAMPLE, "--on", "cxxrtl", "--duration", "0.1", "--json"]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    (row,) = (row for row in document["rows"] if row["machine"] == "cxxrtl")
    assert (row["against"], row["budget"], row["verdict"]) == ("truenorth", "rtl", "agrees")
    assert document["verdict"] == "All machines agree: cxxrtl equals the golden chip bit for bit."


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"lanes": 3}, "lanes of a TrueNorth core must be one of 1, 2, 4, not 3"),
        ({"word": 12}, "word of a TrueNorth core must be one of 8, 16, 32, not 12"),
        ({"axons": 257}, "axons of a TrueNorth core must be 1 to 256, not 257"),
        ({"potential_bits": 11}, "potential_bits of a TrueNorth core must be 12 to 24, not 11"),
    ],
)
def test_sizes_that_cannot_be_are_refused(wrong: dict[str, int], message: str) -> None:
    with pytest.raises(SpecError, match=f"^{message}$"):
        CoreConfig(**wrong)
