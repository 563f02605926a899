"""NEST 3.10 (iaf_psc_exp), spike for spike on the grid: recorded runs always, live ones where it can be imported.

NEST adds what arrives at the end of a step to the synaptic current, which acts from the next step on; that is what acts
in our step e + d. Potentials are compared as well: both are exact propagators, rounded differently.

The recorded runs are in nest.npz beside this file, written by ``python tests/golden/test_nest_peer.py`` under NEST.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from golden.network import Network
from golden.neurons.lif import LIFNeuron
from golden.stepped import simulate
from golden.stimulus import Stimulus
from golden.synapses import Synapses

VECTORS = Path(__file__).with_name("nest.npz")
RECORDED, LIVE = range(3), range(100, 104)
SIZE, SOURCES, STEPS = 30, 6, 3000
DT = 1e-4


class Case(NamedTuple):
    """A network and its input, in ms, mV, pF and pA; times and delays in steps of 0.1 ms."""

    neurons: dict[str, Any]
    synapses: Any
    weights: Any
    input: Any


def random_case(seed: int) -> Case:
    """Different neurons, weights of both signs, delays of 1 to 40 steps, regular currents and irregular input."""
    rng = np.random.default_rng(seed)
    neurons = {
        "C_m": rng.uniform(150, 300, SIZE), "tau_m": rng.uniform(10, 30, SIZE), "V_th": rng.uniform(-55, -45, SIZE),
        "V_reset": rng.uniform(-75, -60, SIZE), "t_ref": rng.integers(1, 30, SIZE) / 10,
        "tau_syn": rng.uniform(1, 8, SIZE), "I_e": rng.uniform(0, 300, SIZE),
    }  # fmt: skip
    count = 500
    pre, post = rng.integers(0, SIZE + SOURCES, count), rng.integers(0, SIZE, count)
    weights = rng.uniform(20, 150, count) * np.where(pre % 4 == 3, -1, 1)
    emitted = np.unique(np.column_stack((rng.integers(1, STEPS, 300), rng.integers(0, SOURCES, 300))), axis=0)
    return Case(neurons, np.column_stack((pre, post, rng.integers(1, 41, count))), weights, emitted)


def ours(case: Case) -> tuple[Any, Any]:
    """Spikes as rows (step at whose end, neuron), and v [mV] at the ends of all steps but the last."""
    n = {name: values.copy() for name, values in case.neurons.items()}
    neuron = LIFNeuron(
        C_m=n["C_m"] * 1e-12, g_L=n["C_m"] / n["tau_m"] * 1e-9, E_L=-70e-3, V_th=n["V_th"] * 1e-3,
        V_reset=n["V_reset"] * 1e-3, t_ref=n["t_ref"] * 1e-3, tau_syn=n["tau_syn"] * 1e-3,
    )  # fmt: skip
    pre, post, delay = case.synapses.T
    synapses = Synapses(pre.astype(np.int32), post.astype(np.int32), case.weights * 1e-12, delay * DT)
    source = case.input * [DT, 1.0]
    stimulus = Stimulus(STEPS * DT, np.zeros(1), n["I_e"][None] * 1e-12, np.empty((0, 3)), None, source)
    trace = simulate(Network(neuron, SIZE, SOURCES, synapses), stimulus, DT, record=range(SIZE))
    return np.rint(trace.spikes / [DT, 1.0]).astype(int), trace.states["v"][:-1] * 1e3


def peer(case: Case) -> tuple[Any, Any]:
    """The same from NEST."""
    import nest

    nest.set_verbosity("M_ERROR")
    nest.ResetKernel()
    nest.resolution = 0.1
    n = case.neurons
    group = nest.Create("iaf_psc_exp", SIZE)
    group.set(
        C_m=n["C_m"].tolist(), tau_m=n["tau_m"].tolist(), V_th=n["V_th"].tolist(), V_reset=n["V_reset"].tolist(),
        t_ref=n["t_ref"].tolist(), tau_syn_ex=n["tau_syn"].tolist(), tau_syn_in=n["tau_syn"].tolist(),
        I_e=n["I_e"].tolist(), E_L=-70.0, V_m=-70.0,
    )  # fmt: skip
    sources = [
        nest.Create("spike_generator", params={"spike_times": case.input[case.input[:, 1] == k, 0] / 10.0})
        for k in range(SOURCES)
    ]
    for (pre, post, delay), weight in zip(case.synapses.tolist(), case.weights.tolist(), strict=True):
        sender = group[pre] if pre < SIZE else sources[pre - SIZE]
        nest.Connect(sender, group[post], syn_spec={"weight": weight, "delay": delay / 10.0})
    recorder = nest.Create("spike_recorder")
    meters = [nest.Create("multimeter", params={"record_from": ["V_m"], "interval": 0.1}) for _ in range(SIZE)]
    nest.Connect(group, recorder)
    for meter, cell in zip(meters, group, strict=True):
        nest.Connect(meter, cell)
    nest.Simulate(STEPS / 10.0)
    spikes = np.column_stack((np.rint(recorder.events["times"] * 10), recorder.events["senders"] - 1)).astype(int)
    ordered = spikes[np.lexsort((spikes[:, 1], spikes[:, 0]))]
    return ordered, np.array([meter.events["V_m"] for meter in meters]).T


def assert_equal(case: Case, spikes: Any, v: Any) -> None:
    """All spikes, and potentials to 1e-9 mV."""
    mine, potential = ours(case)
    np.testing.assert_array_equal(mine, spikes)
    np.testing.assert_allclose(potential[: len(v)], v, rtol=0, atol=1e-9)


@pytest.mark.parametrize("seed", RECORDED)
def test_recorded_runs(seed: int) -> None:
    with np.load(VECTORS) as vectors:
        spikes, v = vectors[f"spikes{seed}"], vectors[f"v{seed}"]
    assert len(spikes) > 150
    assert_equal(random_case(seed), spikes, v)


def test_the_recorded_runs_tell_a_delay_apart() -> None:
    case = random_case(0)
    with np.load(VECTORS) as vectors:
        assert not np.array_equal(
            ours(case._replace(synapses=case.synapses + np.array([0, 0, 1])))[0], vectors["spikes0"]
        )


@pytest.mark.filterwarnings("default")  # the peer's own
def test_live_runs() -> None:
    """Optional: NEST is no dependency."""
    pytest.importorskip("nest", reason="NEST is optional: pip install axonhillock[peers]", exc_type=ImportError)
    for seed in LIVE:
        assert_equal(random_case(seed), *peer(random_case(seed)))


if __name__ == "__main__":
    recorded = {}
    for number in RECORDED:
        fired, potentials = peer(random_case(number))
        recorded |= {f"spikes{number}": fired, f"v{number}": potentials[:120].astype(np.float64)}
    np.savez_compressed(VECTORS, **recorded)
