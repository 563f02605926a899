"""Where the public models of TrueNorth go wrong: each error written down here, a case of it, and what is right.

Errors as listed in docs/truenorth.md, from the models' sources: RANC (RTL and C++), SANA-FE, NeMo. Right is what the
paper's equations give (Cassidy et al., IJCNN 2013), worked out by hand in each test.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from golden.machines.run import MachineInputs
from golden.machines.truenorth import SLOTS, TrueNorthMachine
from golden.neurons.truenorth import Neuron, Random, TrueNorthNeurons, fire, leak, receive, tick


def neuron(**values: Any) -> Neuron:
    """One neuron; what is not given has its default."""
    return TrueNorthNeurons(1, {name: np.asarray(value) for name, value in values.items()}).neuron(0)


def wrapped(v: int, bits: int) -> int:
    return (v + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)


def states(seed: int, count: int) -> list[int]:
    """The first states of the LFSR after its seed, from its definition."""
    result = []
    for _ in range(count):
        seed = (seed >> 1) ^ (0x80200003 if seed & 1 else 0)
        result.append(seed)
    return result


# --- RANC ----------------------------------------------------------------------------------------------------------


def test_ranc_wraps_where_a_potential_must_saturate() -> None:
    """Its 9 bits: 200 + 100 = -212 and no spike. Ours stops at the rail of its 20 bits, and fires."""
    assert wrapped(200 + 100, 9) == -212
    assert not wrapped(200 + 100, 9) >= 250
    top = neuron(weights=(255, 0, 0, 0), threshold=2**18 - 1, reset_mode=2)
    v, spike = tick(top, 2**19 - 10, [0], Random(1))
    assert wrapped(2**19 - 10 + 255, 20) < 0
    assert (v, spike) == (2**19 - 1, True)


@pytest.mark.parametrize("t", range(15))
def test_ranc_drops_a_spike_that_arrives_while_its_slot_is_cleared(t: int) -> None:
    """Every delay, in every phase of the scheduler: a relay to itself never stops."""
    relay = TrueNorthMachine(
        1,
        1,
        {"weights": np.array([[[1, 0, 0, 0]]])},
        np.ones((1, 1, 1), dtype=np.bool_),
        np.zeros((1, 1)),
        np.array([[[0, 0, 0, t]]]),
        np.ones(1),
        np.zeros(1),
        np.array([[0, 0, 0, 0]]),
        1,
    )
    for start in range(SLOTS):
        record = relay.run(MachineInputs(200, 1, 1, np.array([[start, 0]])))
        assert record.spikes[:, 0].tolist() == list(range(start, 200, t + 1))
        assert record.counters == {"merged": 0, "left": 0}


def test_ranc_simulates_the_lower_test_with_equality() -> None:
    """Its C++ simulator resets at V <= -beta, its RTL at V < -beta, which is the paper's."""
    p = neuron(threshold=100, floor=50, reset=7)
    assert fire(p, -50, 0) == (-50, False)  # with <= it would be -7
    assert fire(p, -51, 0) == (-7, False)


def test_ranc_has_four_features_less() -> None:
    """Stochastic synapses, leak reversal, kappa and gamma 2: what each of them changes."""
    assert receive(0, 9, 1, 9) == 1  # RANC: 9
    assert leak(neuron(leak=-3, leak_reversal=1), -10, 0) == -7  # RANC: -13
    assert fire(neuron(floor=5, saturating=1, reset=3), -6, 0) == (-5, False)  # RANC: -3
    assert fire(neuron(threshold=5, reset_mode=2), 8, 0) == (8, True)  # RANC: 0 or 3


# --- SANA-FE -------------------------------------------------------------------------------------------------------


def test_sana_fe_leaks_before_the_synapses() -> None:
    """A leak toward 0 of 3 from V = 0 is nothing; after a synapse of 10 it is 7 that remains, not 10."""
    p = neuron(weights=(10, 0, 0, 0), leak=-3, leak_reversal=1, threshold=100)
    leak_first = receive(leak(p, 0, 0), 10, 0, 0)
    assert leak_first == 10
    assert tick(p, 0, [0], Random(1)) == (7, False)


def test_sana_fe_adds_the_random_number_to_the_potential() -> None:
    """A neuron at rest then fires by itself; eta may only raise a threshold."""
    p = neuron(threshold=5, random_bits=8)
    draws = [state & 0xFF for state in states(1, 200)]
    assert any(0 + eta >= 5 for eta in draws)
    random = Random(1)
    for _ in draws:
        assert tick(p, 0, [], random) == (0, False)


def test_sana_fe_resets_at_the_lower_threshold_itself() -> None:
    p = neuron(threshold=100, floor=25, reset_mode=1)
    assert fire(p, -25, 0) == (-25, False)  # with <= it would be 0


def test_sana_fe_runs_away_at_a_negative_linear_reset() -> None:
    """With beta = 20 and a weight of -25 it goes -25, -50, -75; beta must be added each time V is below -20."""
    p, v, path = neuron(weights=(-25, 0, 0, 0), threshold=100, floor=20, reset_mode=1), 0, []
    for _ in range(3):
        v, _ = tick(p, v, [0], Random(1))
        path.append(v)
    assert path == [-25 + 20, -30 + 20, -35 + 20]


# --- NeMo ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weight", [2, 7, -3, 255])
def test_nemo_makes_a_bit_of_a_weight(weight: int) -> None:
    anded = 1 & weight & 1
    assert receive(0, weight, 0, 0) == weight != anded


def test_nemo_draws_eta_only_if_the_leak_is_stochastic() -> None:
    """TM = 8 without c: ours has a random threshold all the same, from one draw a tick."""
    p = neuron(weights=(40, 0, 0, 0), threshold=10, random_bits=8)
    random = Random(7)
    fired = []
    for _ in range(100):
        _, spike = tick(p, 0, [0], random)
        fired.append(spike)
    expected = [10 + (state & 0xFF) <= 40 for state in states(7, 100)]
    assert fired == expected
    assert 0 < sum(expected) < 100  # NeMo: all of them, as 40 >= 10


@pytest.mark.parametrize(
    ("gamma", "kappa", "v", "after"),
    [
        (0, 0, 30, 4), (1, 0, 30, 10), (2, 0, 30, 30), (0, 1, 30, 4), (1, 1, 30, 10), (2, 1, 30, 30),
        (0, 0, -30, -4), (1, 0, -30, -15), (2, 0, -30, -30), (0, 1, -30, -15), (1, 1, -30, -15), (2, 1, -30, -15),
    ],
)  # fmt: skip
def test_nemos_table_of_reset_modes(gamma: int, kappa: int, v: int, after: int) -> None:
    """The six modes as NeMo's source tabulates them, which there is right: alpha = 20, beta = 15, R = 4."""
    p = neuron(threshold=20, floor=15, reset=4, reset_mode=gamma, saturating=kappa)
    assert fire(p, v, 0) == (after, v > 0)
