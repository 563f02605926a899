"""Schematics show the netlist: every device, once, between its nodes."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from analog.schematics import CIRCUITS, draw
from analog.schematics.drawing import RAILS, Element, columns, elements, grouped
from golden.errors import SpecError

TEXT = re.compile(r"<tspan[^>]*>([^<]*)</tspan>")


def texts(path: Path) -> list[str]:
    return TEXT.findall(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", CIRCUITS)
def test_every_device_and_node_of_the_netlist_is_drawn(name: str, tmp_path: Path) -> None:
    schematic = CIRCUITS[name]
    path = tmp_path / f"{name}.svg"
    draw(schematic, path)
    shown = texts(path)
    cards = [card.split() for block in schematic.blocks for card in block.cards()]
    devices = [words for words in cards if words[0][0] in "MCI"]
    assert len(devices) > 5
    for words in devices:
        assert words[0][1:].removeprefix(schematic.prefix) in shown
        for node in words[1:4] if words[0][0] == "M" else words[1:3]:
            if node not in RAILS:
                assert node.removeprefix(schematic.prefix) in shown
    # Drawn twice it is the same file: nothing in it depends on when or where.
    again = tmp_path / "again.svg"
    draw(schematic, again)
    assert again.read_bytes() == path.read_bytes()


def test_only_svg_is_drawn(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"Drawing must be named \.svg, not .*x\.png"):
        draw(CIRCUITS["ota_neuron"], tmp_path / "x.png")


def test_a_device_that_no_part_names_is_an_error() -> None:
    schematic = CIRCUITS["ota_neuron"]
    with pytest.raises(KeyError, match="OTA neuron: no part has the device qqan"):
        grouped(replace(schematic, groups={k: v for k, v in schematic.groups.items() if k != "latch"}))
    assert sum(len(part) for part in grouped(schematic).values()) == len(elements(schematic))


def test_transistors_in_series_share_a_column_and_pairs_share_a_tail() -> None:
    pair = [
        Element("1", "n", "y", "x", "a"),
        Element("2", "n", "z", "x", "b"),
        Element("t", "n", "x", "0", "c"),
        Element("3", "p", "vdd", "y", "y"),
        Element("4", "p", "vdd", "z", "y"),
    ]
    made = [([e.name for e in c.down], [e.name for e in c.up]) for c in columns(pair)]
    assert made == [(["t", "1"], ["3"]), (["2"], ["4"])]
