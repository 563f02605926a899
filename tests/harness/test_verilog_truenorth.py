"""``hillock verilog truenorth``: cores, chips, images; and the words that the host writes."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

from digital.truenorth.config import NOWHERE, CoreConfig
from digital.truenorth.datasheet import page
from digital.truenorth.image import config_of, host_writes
from golden.machines.truenorth import Packet
from sim_harness.campaigns.truenorth import chip
from sim_harness.cli.app import run as hillock

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLE = "examples/network.toml"


def test_a_core_and_a_chip_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    core, grid = tmp_path / "core.v", tmp_path / "chip.v"
    assert hillock(["verilog", "truenorth", "--neurons", "16", "--axons", "32", "--lanes", "2", "-o", str(core)]) == 0
    assert "module truenorth_core, 32 axons x 16 neurons" in capsys.readouterr().out
    arguments = [
        "verilog",
        "truenorth",
        "--cores",
        "3x2",
        "--neurons",
        "16",
        "--axons",
        "32",
        "-o",
        str(grid),
        "--json",
    ]
    assert hillock(arguments) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["module"], document["grid"]) == ("truenorth_chip", [3, 2])
    text = grid.read_text()
    assert text.count("\nmodule truenorth_core(") == 1  # one module for six instances
    assert len(re.findall(r"^  \\?truenorth_core ", text, re.MULTILINE)) == 6
    assert "retire_valid" not in core.read_text()
    first = grid.read_bytes()
    assert hillock(arguments) == 0
    assert grid.read_bytes() == first


def test_an_image_decides_the_chip_and_its_loads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image, text, loads = (tmp_path / name for name in ("image.npz", "chip.v", "loads.txt"))
    assert hillock(["place", EXAMPLE, "--on", "truenorth", "-o", str(image), "--json"]) == 0
    cores = json.loads(capsys.readouterr().out)["placement"]["cores"]
    arguments = ["verilog", "truenorth", "--image", str(image), "-o", str(text), "--loads", str(loads), "--json"]
    assert hillock(arguments) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["grid"][0] * document["grid"][1] == cores
    lines = loads.read_text().splitlines()
    assert len(lines) == document["loads"]
    assert all(len(line.split()) == 3 and int(line.split()[0], 16) < cores for line in lines)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["truenorth", "--leak", "shift"], "Option --leak must be left to the LIF core, not given as well"),
        (["lif", "--lanes", "2"], "Option --lanes must be left to the TrueNorth core, not given as well"),
        (["truenorth", "--cores", "4by3"], "Option --cores must be COLUMNSxROWS, such as 4x3, not '4by3'"),
        (["truenorth", "--cores", "0x3"], "Columns of a TrueNorth chip must be 1 to 256, not 0"),
        (["truenorth", "--lanes", "3"], "lanes of a TrueNorth core must be one of 1, 2, 4, not 3"),
        (["truenorth", "--loads", "x"], "Option --loads must be given with an --image, not without"),
        (["loihi"], "Core must be one of lif, truenorth, not 'loihi'"),
    ],
)
def test_mistakes_are_one_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert hillock(["verilog", *arguments]) == 2
    assert capsys.readouterr().err.strip() == f"hillock: error: {message}"


def test_host_writes_hold_every_memory() -> None:
    """Unpacked again by the offsets of the host map, field by field."""
    machine = chip(np.random.default_rng(5), stochastic=True, columns=2, rows=1, size=20)
    config = config_of(machine, word=8)
    memory = {(core, address): data for core, address, data in host_writes(machine, config).tolist()}
    for core in range(2):
        for neuron in range(20):
            for name, layout in config.parameters.items():
                word = memory[core, config.address(name, neuron)]
                for field, place in layout:
                    width = place.width
                    bits = word >> place.offset & ((1 << width) - 1)
                    name, _, g = field.rpartition("_") if field[-1].isdigit() else (field, "", "")
                    table = {"weight": "weights", "stochastic": "stochastic_weights"}.get(name, name)
                    value = machine.values[table][core, neuron]
                    assert bits == int(value[int(g)] if g else value) & ((1 << width) - 1)
            dx, dy, axon, t = machine.destinations[core, neuron].tolist()
            packet = memory[core, config.address("destination", neuron)]
            assert packet & 15 == NOWHERE if t < 0 else packet == Packet(dx, dy, axon, t).pack()
            for axon in range(20):
                word = memory[core, config.address("crossbar", neuron * 4 + axon // 8)]
                assert word >> axon % 8 & 1 == machine.crossbar[core, axon, neuron]
        for axon in range(20):
            low, high = (memory[core, config.address(f"types_{plane}", axon // 8)] for plane in ("low", "high"))
            assert (low >> axon % 8 & 1) + 2 * (high >> axon % 8 & 1) == machine.axon_types[core, axon]
        assert memory[core, config.address("random")] == machine.seeds[core]


def test_the_data_sheet_names_every_port_and_region() -> None:
    config = CoreConfig(retire=True)
    text = page({"core": config})
    for name in (*config.ports, *config.regions):
        assert f"| `{name}` |" in text
