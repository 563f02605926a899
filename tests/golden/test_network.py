"""The population: its size, its neurons, its name."""

from __future__ import annotations

import hashlib
import re

import pytest

from golden.errors import SpecError
from golden.network import Network
from golden.neurons.lif import LIFNeuron

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
