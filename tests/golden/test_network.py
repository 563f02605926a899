"""Networks: sizes and names, populations and projections as one table, sources, files."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from golden import stimulus, synapses
from golden.errors import SpecError
from golden.network import Network, Population, Projection, with_sources
from golden.neurons.lif import LIFNeuron

if TYPE_CHECKING:
    from pathlib import Path

ONE = LIFNeuron(C_m=1e-10, g_L=1e-8, E_L=0.0, V_th=0.02, V_reset=0.0)
THREE = LIFNeuron(C_m=1e-10, g_L=1e-8, E_L=0.0, V_th=[0.01, 0.02, 0.03], V_reset=0.0)


def test_shared_values_reach_every_neuron() -> None:
    neurons = Network(ONE, 4).neurons
    assert neurons.size == 4
    assert all(neurons[k] == ONE for k in range(4))


def test_own_values_stay_with_their_neuron() -> None:
    assert [Network(THREE, 3).neurons[k].V_th for k in range(3)] == [0.01, 0.02, 0.03]


def test_the_hash_names_neuron_and_size() -> None:
    assert Network(ONE, 4).hash() == hashlib.sha256(f"{ONE.hash()}x4".encode()).hexdigest()
    assert len({Network(ONE, 1).hash(), Network(ONE, 2).hash(), Network(THREE, 3).hash()}) == 3


@pytest.mark.parametrize(
    ("neuron", "size", "message"),
    [
        (ONE, 0, "Population size must be at least 1, not 0"),
        (ONE, -3, "Population size must be at least 1, not -3"),
        (THREE, 1, "Population size must be the length of the neuron's arrays (3), not 1"),
        (THREE, 4, "Population size must be the length of the neuron's arrays (3), not 4"),
    ],
)
def test_a_size_that_does_not_fit(neuron: LIFNeuron, size: int, message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        Network(neuron, size)


# --- populations and projections ---------------------------------------------------------------------------------


def three_populations() -> Network:
    return Network.of(
        [Population("in", 2), Population("a", 3, THREE), Population("b", 2, ONE)],
        [
            Projection("in", "b", synapses.one_to_one(2, 1e-12, 1e-3)),
            Projection("b", "a", synapses.dense(np.ones((2, 3)) * 2e-12, 2e-3)),
            Projection("a", "a", synapses.sparse([0], [2], 3e-12, 3e-3)),
        ],
    )


def test_neurons_come_first_and_sources_after_them() -> None:
    network = three_populations()
    assert (network.size, network.sources) == (5, 2)
    assert network.names == {"a": (0, 3), "b": (3, 2), "in": (5, 2)}
    assert network.name_of["b"] == slice(3, 5)
    assert np.asarray(network.neurons.V_th).tolist() == [0.01, 0.02, 0.03, 0.02, 0.02]
    s = network.synapses
    rows = sorted(zip(s.pre.tolist(), s.post.tolist(), (s.weight * 1e12).round(9).tolist(), strict=True))
    assert rows == [(0, 2, 3), *((pre, post, 2) for pre in (3, 4) for post in (0, 1, 2)), (5, 3, 1), (6, 4, 1)]


def test_what_all_populations_share_stays_one_number() -> None:
    network = Network.of([Population("a", 3, ONE), Population("b", 2, ONE)])
    assert network.neuron == ONE


def test_the_hash_knows_the_synapses() -> None:
    whole = three_populations()
    less = Network.of([Population("in", 2), Population("a", 3, THREE), Population("b", 2, ONE)])
    assert len({whole.hash(), less.hash(), Network(whole.neuron, 5).hash()}) == 3
    assert Network(whole.neuron, 5).hash() == Network(less.neuron, 5).hash()


@pytest.mark.parametrize(
    ("populations", "projections", "message"),
    [
        ([Population("in", 3)], [], "Network must be of at least one population of neurons, not of none"),
        ([Population("a", 1, ONE), Population("a", 2)], [], "Population name must be given once, not 'a'"),
        (
            [Population("a", 1, ONE), Population("b", 1, LIFNeuron(**ONE.to_dict(), tau_syn=1e-3))],
            [],
            "Neuron tau_syn must be given for all populations or for none, not for some",
        ),
        (
            [Population("a", 1, ONE)],
            [Projection("a", "c", synapses.one_to_one(1, 1, 1))],
            "Projection's target must be one of a, not 'c'",
        ),
        (
            [Population("a", 1, ONE), Population("in", 1)],
            [Projection("a", "in", synapses.one_to_one(1, 1, 1))],
            "Projection's target must be a population of neurons, not 'in'",
        ),
        (
            [Population("a", 2, ONE), Population("in", 3)],
            [Projection("in", "a", synapses.one_to_one(3, 1, 1))],
            "Synapses from in to a must be within the 2 of a, not at index 2",
        ),
    ],
)
def test_networks_that_are_none(populations: Any, projections: Any, message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        Network.of(populations, projections)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Population("a", 0), "Size of population a must be at least 1, not 0"),
        (
            lambda: Population("a", 2, THREE),
            "Size of population a must be the length of the neuron's arrays (3), not 2",
        ),
        (lambda: Network(ONE, 2, -1), "Number of sources must be at least 0, not -1"),
        (lambda: Network(ONE, 2, 1, synapses.sparse([3], [0], 1, 1)), "Synapse pre must be within 0 to 2, not 3"),
        (lambda: Network(ONE, 2, 1, synapses.sparse([0], [2], 1, 1)), "Synapse post must be within 0 to 1, not 2"),
    ],
)
def test_parts_that_do_not_fit(make: Any, message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        make()


# --- sources in place of weighted input spikes ----------------------------------------------------------------------


def test_weighted_spikes_become_sources() -> None:
    network = three_populations()
    direct = stimulus.from_array(
        1.0, [0.0], np.zeros((1, 5)), [[0.1, 2, 5e-12], [0.2, 0, 7e-12], [0.3, 2, 5e-12], [0.4, 2, -1e-12]]
    )
    given = direct + stimulus.source_spikes(5, 1.0, [[0.25, 1]])
    wider, spikes = with_sources(network, given)
    assert wider.sources == 2 + 3  # three different pairs of neuron and weight
    assert not spikes.spikes.size
    arrived = []
    for time, source in spikes.source_spikes.tolist():
        if source >= 2:
            chosen = wider.synapses.pre == 5 + source
            arrived.append([time, int(wider.synapses.post[chosen][0]), float(wider.synapses.weight[chosen][0])])
    assert arrived == direct.spikes.tolist()
    assert [0.25, 1.0] in spikes.source_spikes.tolist()
    assert with_sources(network, stimulus.constant(5, 1.0, 0.0))[0] is network


# --- files ----------------------------------------------------------------------------------------------------------


def test_a_network_survives_its_file(tmp_path: Path) -> None:
    network = three_populations()
    network.save(tmp_path / "n.npz")
    again = Network.load(tmp_path / "n.npz")
    assert again.hash() == network.hash()
    assert again.names == network.names
    assert [path.name for path in tmp_path.iterdir()] == ["n.npz"]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"file_version": 9}, "of file version 1, not 9"),
        ({"size": "x"}, "written by hillock, not an npz with another header"),
        ({"names": 3}, "written by hillock, not an npz with another header"),
    ],
)
def test_a_broken_file_is_one_line(header: dict[str, Any], message: str, tmp_path: Path) -> None:
    three_populations().save(tmp_path / "n.npz")
    with np.load(tmp_path / "n.npz") as file:
        arrays = dict(file)
    changed = json.loads(str(arrays["network"])) | header
    np.savez(tmp_path / "n.npz", **arrays | {"network": np.array(json.dumps(changed))})
    with pytest.raises(SpecError, match=rf"^Network .*n\.npz must be {message}$"):
        Network.load(tmp_path / "n.npz")


def test_another_npz_is_no_network(tmp_path: Path) -> None:
    np.savez(tmp_path / "n.npz", x=np.zeros(3))
    with pytest.raises(SpecError, match=r"^Network .*n\.npz must be written by hillock, not another npz$"):
        Network.load(tmp_path / "n.npz")
