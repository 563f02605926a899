"""Networks in experiment files and input files: what they mean, and one clear line for each way to get them wrong."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from golden.errors import SpecError
from sim_harness.experiment import Experiment
from sim_harness.network_file import read_input

CELL = {"C_m": 200e-12, "tau_m": 20e-3, "E_L": -65e-3, "V_th": -50e-3, "V_reset": -65e-3}
TABLES: dict[str, Any] = {
    "run": {"duration": 0.1, "dt": 1e-3, "seed": 4},
    "population": [
        {"name": "in", "size": 3},
        {"name": "a", "size": 2, "neuron": CELL},
        {"name": "b", "size": 4, "neuron": CELL},
    ],
    "projection": [{"source": "in", "target": "b", "connect": "dense", "weight": 1e-12, "delay": 2e-3}],
    "stimulus": [
        {"population": "in", "kind": "poisson", "rate": 50},
        {"population": "b", "kind": "constant", "amplitude": 1e-10},
    ],
}


def loaded(folder: Path | None = None, **changes: Any) -> Experiment:
    tables = deepcopy(TABLES) | changes
    return Experiment.from_tables(tables, folder=folder)


def test_populations_are_ranges_of_one_network() -> None:
    experiment = loaded()
    network = experiment.network
    assert (network.size, network.sources) == (6, 3)
    assert network.names == {"a": (0, 2), "b": (2, 4), "in": (6, 3)}
    assert sorted(zip(network.synapses.pre.tolist(), network.synapses.post.tolist(), strict=True)) == [
        (pre, post) for pre in (6, 7, 8) for post in (2, 3, 4, 5)
    ]
    assert experiment.stimulus.currents.tolist() == [[0, 0, 1e-10, 1e-10, 1e-10, 1e-10]]
    assert set(experiment.stimulus.source_spikes[:, 1]) == {0, 1, 2}
    assert not experiment.stimulus.spikes.size


def test_every_connectivity(tmp_path: Path) -> None:
    np.savez(tmp_path / "dense.npz", weight=np.array([[1.0, 0, 0, 2], [0, 0, 0, 0], [0, 3, 0, 0]]) * 1e-12)
    np.savez(tmp_path / "sparse.npz", pre=[0, 2], post=[3, 3], weight=[1e-12, 2e-12], delay=[1e-3, 5e-3])
    np.savez(tmp_path / "kernel.npz", weight=np.ones((1, 1, 2, 2)) * 1e-12)

    def synapses(**table: Any) -> set[tuple[int, int, float, float]]:
        table = {"source": "in", "target": "b", "delay": 2e-3} | table
        s = loaded(tmp_path, projection=[table]).network.synapses
        return {
            (int(i) - 6, int(j) - 2, round(w * 1e12, 9), round(d * 1e3, 9))
            for i, j, w, d in zip(s.pre, s.post, s.weight, s.delay, strict=True)
        }

    assert synapses(connect="dense", file="dense.npz") == {(0, 0, 1, 2), (0, 3, 2, 2), (2, 1, 3, 2)}
    sparse = {"source": "in", "target": "b", "connect": "sparse", "file": "sparse.npz"}
    assert len(loaded(tmp_path, projection=[sparse]).network.synapses) == 2
    assert synapses(connect="one_to_one", weight=1e-12) == {(k, k, 1, 2) for k in range(3)}
    assert synapses(connect="random", probability=1.0, weight=1e-12) == {
        (i, j, 1, 2) for i in range(3) for j in range(4)
    }
    assert (
        len(
            loaded(
                projection=[
                    {
                        "source": "in",
                        "target": "b",
                        "connect": "fixed_in_degree",
                        "degree": 7,
                        "weight": 1e-12,
                        "delay": 1e-3,
                    }
                ]
            ).network.synapses
        )
        == 28
    )
    # A 1 x 3 input padded by 1 is 3 x 5: 2 x 4 places, of which population b has but 4.
    with pytest.raises(SpecError, match=r"^Synapses from in to b must be within the 4 of b, not at index 7$"):
        synapses(connect="convolution", file="kernel.npz", height=1, width=3, padding=1)
    assert len(synapses(connect="convolution", file="kernel.npz", height=1, width=3, padding=1, stride=2)) == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"projection": [{"source": "x"}]}, r"Projection's source must be one of in, a, b, not 'x'"),
        ({"projection": {"source": "in"}}, r"Experiment projection must be a list of tables .*, not {"),
        (
            {"projection": [{"source": "in", "target": "a", "connect": "full"}]},
            r"Key connect of a projection must be one of dense, sparse, one_to_one, random, .*, not 'full'",
        ),
        (
            {"projection": [{"source": "in", "target": "a", "connect": "dense", "p": 1}]},
            r"Key of a dense projection must be one of connect, delay, file, source, target, weight, not 'p'",
        ),
        (
            {"projection": [{"source": "in", "target": "a", "connect": "random", "weight": 1, "probability": 1.0}]},
            r"Projection must be given with delay, in the table or in its file, not without",
        ),
        (
            {
                "projection": [
                    {"source": "in", "target": "a", "connect": "random", "weight": 1, "delay": 1, "probability": 2}
                ]
            },
            r"Connection probability must be within 0 to 1, not 2",
        ),
        (
            {"projection": [{"source": "in", "target": "a", "connect": "one_to_one", "weight": 1, "delay": 0}]},
            r"Synapse delay must be positive, not 0 s",
        ),
        (
            {"projection": [{"source": "a", "target": "in", "connect": "one_to_one", "weight": 1, "delay": 1}]},
            r"Projection's target must be a population of neurons, not 'in'",
        ),
        (
            {"population": [{"name": "in", "size": 3}], "projection": []},
            r"Network must be of at least one population of neurons, not of none",
        ),
        (
            {"population": [{"name": "a", "neuron": CELL}, {"name": "a"}], "projection": []},
            r"Population name must be given once, not 'a'",
        ),
        (
            {"population": [{"name": "a", "neuron": CELL, "kind": 1}]},
            r"Key in \[\[population\]\] must be one of name, neuron, size, not 'kind'",
        ),
        (
            {"stimulus": [{"population": "z", "kind": "poisson"}]},
            "Stimulus population must be one of a, b, in, not 'z'",
        ),
        (
            {"stimulus": [{"population": "in", "kind": "constant", "amplitude": 1}]},
            r"Stimulus of source in must be kind poisson with a rate, or spikes given as input, not {",
        ),
        ({"neuron": CELL}, r"Neuron must be given in each \[\[population\]\], not in a table of its own"),
        ({"loihi": {"compat": 3}}, r"Key loihi.compat must be text, not 3"),
        ({"loihi": {"bits": 3}}, r"Key in \[loihi\] must be one of compat, .*, not 'bits'"),
        ({"truenorth": {"rounding": "up"}}, r"Key truenorth.rounding must be one of error, nearest, .*, not 'up'"),
    ],
)
def test_mistakes_are_one_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=f"^{message}"):
        loaded(**changes)


def test_a_projection_needs_populations() -> None:
    single = {
        "neuron": CELL,
        "run": {"duration": 1},
        "stimulus": {"kind": "constant", "amplitude": 0},
        "projection": [],
    }
    with pytest.raises(SpecError, match=r"^Experiment with a \[\[projection\]\] must be given with \[\[population\]\]"):
        Experiment.from_tables(single)


# --- input files ----------------------------------------------------------------------------------------------------


def test_spikes_of_sources_and_of_neurons(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", spikes=[[0.02, 1], [0.01, 0]], duration=0.5)
    stimulus = read_input(tmp_path / "a.npz", 4, None)
    assert stimulus.duration == 0.5
    assert stimulus.source_spikes.tolist() == [[0.01, 0], [0.02, 1]]
    np.savez(tmp_path / "b.npz", spikes=[[0.01, 3, 1e-12]], times=[0, 0.1], currents=np.ones((2, 4)))
    stimulus = read_input(tmp_path / "b.npz", 4, None)
    assert stimulus.spikes.tolist() == [[0.01, 3, 1e-12]]
    assert 0.1 < stimulus.duration < 0.11
    assert read_input(tmp_path / "b.npz", 4, 2.0).duration == 2.0


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": [1]}, r"Array in input .* must be one of spikes, times, currents, duration, not 'x'"),
        ({"times": [0.0]}, r"Input .* must be given with both times and currents, not with one of them"),
        ({"spikes": [[1.0]]}, r"Spikes in input .* must be of shape \(E, 2\) or \(E, 3\), not of shape \(1, 1\)"),
        ({"spikes": [["a", "b"]]}, r"Array spikes in input .* must be of numbers, not of <U1"),
        ({"times": [0.0], "currents": [[1.0, 2.0]]}, r"Currents in input .* must be of 4 neurons, not of 2"),
        ({"spikes": [[3.0, 0]], "duration": 1.0}, r"Source spike times must be within 0 to 1 s, not 3 s"),
        ({"spikes": [[0.5, -1]]}, r"Source of a spike must be a whole number from 0 on, not -1"),
        ({"duration": [1.0, 2.0]}, r"Duration in input .* must be one number, not of shape \(2,\)"),
    ],
)
def test_mistakes_in_an_input(arrays: dict[str, Any], message: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "in.npz", **arrays)
    with pytest.raises(SpecError, match=f"^{message}"):
        read_input(tmp_path / "in.npz", 4, None)
