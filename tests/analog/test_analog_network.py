"""Networks by waveform relaxation: levels, the fixed point, and circuits against the exact network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from analog import AnalogSettings, reference, simulate
from analog.relaxation import levels, relax
from golden import exact, synapses
from golden import stimulus as stimuli
from golden.network import Network, Population, Projection
from golden.neurons.lif import FloatArray, LIFNeuron
from golden.stimulus import Stimulus
from golden.synapses import Synapses, joined
from sim_harness import toolchain
from sim_harness.compare import compare_spikes
from sim_harness.experiment import Experiment

NEURON = LIFNeuron.from_tau(tau_m=20e-3, R=1e8, E_L=-65e-3, V_th=-50e-3, V_reset=-65e-3, t_ref=2e-3, tau_syn=5e-3)


def network(size: int, pairs: Sequence[tuple[int, int]], delay: float = 2e-3, weight: float = 40e-12) -> Network:
    pre, post = (np.array([pair[k] for pair in pairs], dtype=np.int32) for k in (0, 1))
    table = Synapses(pre, post, np.full(len(pairs), weight), np.full(len(pairs), delay))
    return Network.of([Population("all", size, NEURON)], [Projection("all", "all", table)])


def exactly(net: Network, log: list[list[int]] | None = None):  # type: ignore[no-untyped-def]  # a closure
    """Single neurons by the exact model."""
    alone = replace(net, synapses=joined([]), sources=0)

    def fire(drive: Stimulus, neurons: Sequence[int]) -> dict[int, FloatArray]:
        if log is not None:
            log.append(list(neurons))
        trace = exact.simulate(alone, drive)
        return {neuron: trace.spike_times(neuron) for neuron in neurons}

    return fire


def test_neurons_come_after_those_that_drive_them() -> None:
    # 0 -> 1 -> 2 and 0 -> 2; 3 and 4 drive each other, then 2; 5 drives itself.
    net = network(6, [(0, 1), (1, 2), (0, 2), (3, 4), (4, 3), (4, 2), (5, 5)])
    assert levels(net) == [[0, 3, 4, 5], [1], [2]]
    assert levels(network(3, [(2, 1), (1, 0)])) == [[2], [1], [0]]


def test_a_feed_forward_network_takes_one_pass() -> None:
    net, log = network(4, [(0, 1), (1, 2), (2, 3)]), []
    drive = stimuli.constant(4, 0.2, [300e-12, 149e-12, 149e-12, 149e-12])
    found = relax(net, drive, exactly(net, log))
    assert log == [[0], [1], [2], [3]]
    assert (found.runs, found.passes) == (4, 1)
    whole = exact.simulate(net, drive)
    for index in range(4):
        assert found.spikes[index] == pytest.approx(whole.spike_times(index), abs=1e-12)
    assert whole.spike_times(3).size == 2


def test_a_loop_settles_on_the_networks_own_spikes() -> None:
    rng = np.random.default_rng(3)
    pairs = [(a, b) for a in range(8) for b in range(8) if rng.random() < 0.4]
    net = network(8, pairs, delay=3e-3)
    drive = stimuli.constant(8, 0.15, np.linspace(140e-12, 240e-12, 8))
    found = relax(net, drive, exactly(net))
    whole = exact.simulate(net, drive)
    assert len(whole.spikes) > 20
    for index in range(8):
        assert found.spikes[index] == pytest.approx(whole.spike_times(index), abs=1e-9)
    # Every pass settles a window of the shortest delay at least: 50 of them, and one that starts.
    assert 2 < found.passes <= 51
    # Cut off one pass short of the first, it is wrong: the loop does matter.
    alone = exact.simulate(replace(net, synapses=joined([])), drive)
    assert len(alone.spikes) != len(whole.spikes)


def test_noise_of_the_simulator_does_not_keep_a_loop_going() -> None:
    net = network(2, [(0, 1), (1, 0)], delay=5e-3)
    drive = stimuli.constant(2, 0.1, [240e-12, 220e-12])
    rng, calm = np.random.default_rng(1), exactly(net)

    def noisy(inputs: Stimulus, neurons: Sequence[int]) -> dict[int, FloatArray]:
        return {n: times + rng.normal(0, 1e-7, times.size) for n, times in calm(inputs, neurons).items()}

    found = relax(net, drive, noisy)
    assert found.passes <= 0.1 / 5e-3 + 1
    assert found.spikes[0] == pytest.approx(exact.simulate(net, drive).spike_times(0), abs=1e-5)


def test_source_spikes_arrive_after_their_delay() -> None:
    table = synapses.one_to_one(1, 2e-9, 4e-3)
    net = Network.of([Population("in", 1), Population("out", 1, NEURON)], [Projection("in", "out", table)])
    drive = stimuli.source_spikes(1, 0.05, [[10e-3, 0], [48e-3, 0]])
    drive = Stimulus(0.05, np.zeros(1), np.zeros((1, 1)), np.empty((0, 3)), source_spikes=drive.source_spikes)
    found = relax(net, drive, exactly(net))
    # The second would arrive after the end.
    assert found.inputs.spikes.tolist() == [[14e-3, 0, 2e-9]]
    assert found.spikes[0] == pytest.approx(exact.simulate(net, drive).spike_times(0), abs=1e-12)


@pytest.mark.integration
def test_a_feed_forward_network_of_circuits_has_no_wrong_interval() -> None:
    experiment = Experiment.load("examples/feedforward.toml")
    setup = toolchain.ngspice_setup()
    trace = simulate(experiment.network, experiment.stimulus, experiment.analog, setup=setup)
    assert trace.header.settings["runs"] == 32
    wanted = reference(experiment.network, experiment.stimulus, experiment.analog, trace, setup)
    check = compare_spikes(wanted.trace, trace, wanted.bounds)
    assert wanted.model == "exact"
    assert check.agrees
    assert len(trace.spikes) > 90
    # Against the exact network as a whole no interval is off by 1 %.
    whole = exact.simulate(experiment.network, experiment.stimulus)
    for index in range(32):
        intervals, expected = np.diff(trace.spike_times(index)), np.diff(whole.spike_times(index))
        assert intervals == pytest.approx(expected, rel=1e-2)
    # Negative control: with a third of the delay, or a weight a hundredth off, the circuits are not those of the model.
    for change in ({"delay": 1.5e-3}, {"weight": 1.01}):
        table = experiment.network.synapses
        other = replace(
            table,
            delay=np.full(len(table), change.get("delay", 2e-3)),
            weight=table.weight * change.get("weight", 1.0),
        )
        wrong = reference(
            replace(experiment.network, synapses=other), experiment.stimulus, experiment.analog, trace, setup
        )
        assert not compare_spikes(wrong.trace, trace, wrong.bounds).agrees


@pytest.mark.integration
def test_a_recurrent_network_of_circuits_fires_as_the_exact_one() -> None:
    net = network(4, [(0, 1), (1, 2), (2, 3), (3, 0), (0, 2)], delay=3e-3)
    drive = stimuli.constant(4, 0.06, [200e-12, 160e-12, 150e-12, 170e-12])
    trace = simulate(net, drive, AnalogSettings(), setup=toolchain.ngspice_setup(), processes=2)
    whole = exact.simulate(net, drive)
    for index in range(4):
        assert trace.spike_times(index) == pytest.approx(whole.spike_times(index), rel=1e-3)
    assert trace.header.settings["passes"] > 1


@pytest.mark.integration
def test_a_network_of_transistor_circuits_fires_as_its_twins() -> None:
    net = network(3, [(0, 2), (1, 2)], weight=400e-12)
    drive = stimuli.constant(3, 0.08, [240e-12, 300e-12, 60e-12])
    settings, setup = AnalogSettings(tier="sky130"), toolchain.ngspice_setup()
    trace = simulate(net, drive, settings, setup=setup)
    wanted = reference(net, drive, settings, trace, setup)
    check = compare_spikes(wanted.trace, trace, wanted.bounds)
    assert wanted.model == "twins"
    assert check.agrees
    assert trace.spike_times(2).size >= 2
    assert check.unbounded == 0
