"""Image files: a machine that is written and read is the same machine, and a broken file is one line."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from golden import synapses
from golden.errors import SpecError
from golden.machines.run import MachineInputs
from golden.network import Network, Population, Projection
from golden.neurons.lif import LIFNeuron
from mapping import image, loihi, spinnaker, truenorth

if TYPE_CHECKING:
    from pathlib import Path

    from mapping.placed import Placed

DT = 1e-3
CELL: dict[str, Any] = {"C_m": 100e-12, "g_L": 5e-9, "E_L": -70e-3, "V_th": -50e-3, "V_reset": -70e-3}
PLACE = {"truenorth": truenorth.place, "loihi": loihi.place, "spinnaker": spinnaker.place}


def placed_on(machine: str) -> Placed:
    """A small recurrent network on each machine."""
    currents = machine == "spinnaker"
    cell = LIFNeuron(**CELL, **({"tau_syn": 5e-3} if currents else {}))
    unit = 1e-9 if currents else 2e-12
    network = Network.of(
        [Population("in", 5), Population("cells", 12, cell)],
        [
            Projection("in", "cells", synapses.random(5, 12, 0.6, 0.4 * unit, 2 * DT, 1)),
            Projection("cells", "cells", synapses.random(12, 12, 0.2, -0.2 * unit, 3 * DT, 2)),
        ],
    )
    return PLACE[machine](network, DT, rounding="nearest")


@pytest.mark.parametrize("machine", PLACE)
def test_an_image_survives_its_file(machine: str, tmp_path: Path) -> None:
    placed = placed_on(machine)
    image.save(placed.image, tmp_path / "a.npz")
    again = image.load(tmp_path / "a.npz")
    rng = np.random.default_rng(1)
    spikes = np.unique(np.column_stack((rng.integers(0, 100, 200), rng.integers(0, 5, 200))), axis=0)
    inputs = MachineInputs(100, 12, 5, spikes)
    a, b = (one.machine.run(inputs, record=np.arange(12)) for one in (placed.image, again))
    assert len(a.spikes) > 10
    assert np.array_equal(a.spikes, b.spikes)
    assert all(np.array_equal(a.states[name], b.states[name]) for name in a.states)
    assert (again.network, again.names, again.dt) == (placed.network.hash(), placed.network.names, DT)
    for name in ("rest", "lsb", "current_lsb"):
        assert np.array_equal(getattr(again, name), getattr(placed.image, name))
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def test_two_images_of_one_network_are_equal_files(tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        image.save(placed_on("truenorth").image, tmp_path / name)
    a, b = (np.load(tmp_path / name) for name in ("a.npz", "b.npz"))
    assert a.files == b.files
    assert all(np.array_equal(a[name], b[name]) for name in a.files)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"file_version": 0}, r"Image .*a\.npz must be of file version 1, not 0$"),
        ({"machine": "abacus"}, r"Machine of image .*a\.npz must be one of truenorth, loihi, spinnaker, not 'abacus'$"),
        ({"size": "many"}, r"Image .*a\.npz must be written by hillock, not an npz with another header$"),
        ({"size": 3}, r"Scale rest of image .*a\.npz must be of shape \(3,\), not of shape \(12,\)$"),
    ],
)
def test_a_broken_image_is_one_line(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    image.save(placed_on("truenorth").image, tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as file:
        arrays = dict(file)
    header = json.loads(str(arrays["image"])) | change
    np.savez(tmp_path / "a.npz", **arrays | {"image": np.array(json.dumps(header))})
    with pytest.raises(SpecError, match=f"^{message}"):
        image.load(tmp_path / "a.npz")


@pytest.mark.parametrize("machine", PLACE)
def test_any_memory_that_is_spoiled_is_one_line(machine: str, tmp_path: Path) -> None:
    """Each memory in turn: text, another shape, halves, far too large; never a traceback, and text always an error."""
    image.save(placed_on(machine).image, tmp_path / "whole.npz")
    with np.load(tmp_path / "whole.npz") as file:
        arrays = dict(file)
    names = [name for name in arrays if name.startswith("memory_") and arrays[name].dtype.kind in "biuf"]
    assert len(names) > 10
    accepted = []
    for name in names:
        shape = arrays[name].shape
        for spoiled in (np.array(["x"] * 3), np.zeros((2, 3, 1)), np.full(shape, 0.5), np.full(shape, 2**40)):
            np.savez(tmp_path / "a.npz", **arrays | {name: spoiled})
            with contextlib.suppress(SpecError):  # anything else is a failure
                image.load(tmp_path / "a.npz")
                accepted.append((name, spoiled.dtype.kind))
    assert [name for name, kind in accepted if kind == "U"] == []


def test_another_npz_is_no_image(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros(3))
    with pytest.raises(SpecError, match=r"^Image .*a\.npz must be written by hillock, not another npz$"):
        image.load(tmp_path / "a.npz")
