"""Exact events of networks: closed forms, every neuron alone with what reached it, small steps, permutations.

With positive delays a network has one solution, and a run is that solution if every neuron, alone and given as input
the spikes that reach it in the run, fires as it did in the run. Neurons alone are tested against 50 digits elsewhere.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from golden.errors import SpecError
from golden.exact import simulate
from golden.network import AT_ONCE, Network, with_sources
from golden.neurons.lif import LIFNeuron
from golden.stimulus import Stimulus, constant, from_array, poisson, source_spikes, step
from golden.synapses import Synapses, random, sparse

if TYPE_CHECKING:
    from golden.trace import Trace

BASE: dict[str, Any] = {
    "C_m": 200e-12, "g_L": 10e-9, "E_L": -0.070, "V_th": -0.050, "V_reset": -0.065, "t_ref": 2e-3,
}  # fmt: skip
TAU, RHEOBASE, SWING = 20e-3, 200e-12, 20e-3
#: The charge that takes the membrane from rest to threshold.
CHARGE = SWING * BASE["C_m"]


def neuron(**changes: Any) -> LIFNeuron:
    return LIFNeuron(**(BASE | changes))


def wired(n: LIFNeuron, size: int, *synapses: tuple[int, int, float, float], sources: int = 0) -> Network:
    """Synapses are (pre, post, weight, delay)."""
    columns = [np.array(column) for column in zip(*synapses, strict=True)]
    return Network(n, size, sources, sparse(*columns))


def from_sources(size: int, duration: float, *spikes: tuple[float, int]) -> Stimulus:
    return source_spikes(size, duration, spikes)


def alone(network: Network, stimulus: Stimulus, trace: Trace, index: int, samples: Any = ()) -> Trace:
    """One neuron of the run ``trace``, without synapses, with all that reached it as input spikes."""
    synapses, rows = network.synapses, [(t, 0, 0, w) for t, w in stimulus.spikes_of(index).tolist()]
    emitted = [trace.spike_times(k) for k in range(network.size)]
    emitted += [stimulus.source_spikes[stimulus.source_spikes[:, 1] == k, 0] for k in range(network.sources)]
    arrivals: dict[float, list[float]] = {}
    for k in np.flatnonzero(synapses.post == index).tolist():
        for time in emitted[int(synapses.pre[k])] + synapses.delay[k]:
            arrivals.setdefault(float(time), []).append(float(synapses.weight[k]))
    rows += [(time, -1, 0, math.fsum(weights)) for time, weights in arrivals.items() if time < stimulus.duration]
    table = [(time, neuron_, weight) for time, _, neuron_, weight in sorted(rows)]
    currents = stimulus.currents[:, [index]]
    single = from_array(stimulus.duration, stimulus.times, currents, np.array(table).reshape(-1, 3))
    one = Network(network.neuron if network.neuron.size is None else network.neuron[index])
    return simulate(one, single, record=[0], samples=samples)


def assert_consistent(network: Network, stimulus: Stimulus) -> Trace:
    """The run is the solution; returns it."""
    samples = np.linspace(0, stimulus.duration, 23)
    trace = simulate(network, stimulus, record=range(network.size), samples=samples)
    for index in range(network.size):
        one = alone(network, stimulus, trace, index, samples)
        np.testing.assert_allclose(trace.spike_times(index), one.spike_times(0), rtol=1e-13, atol=0)
        for name in trace.states:
            scale = np.abs(one.state(name, 0)).max()
            np.testing.assert_allclose(trace.state(name, index), one.state(name, 0), rtol=1e-11, atol=1e-12 * scale)
    return trace


# -- closed forms


def test_a_chain_adds_delays_to_the_bit() -> None:
    """The first neuron fires on its current, the others on the jump that a spike makes, delay after delay."""
    delays = [1.5e-3, 0.7e-3, 3e-3]
    network = wired(neuron(), 4, *((k, k + 1, 1.01 * CHARGE, d) for k, d in enumerate(delays)))
    trace = simulate(network, constant(4, 0.05, [1.5 * RHEOBASE, 0, 0, 0]))
    first = float(trace.spike_times(0)[0])
    assert first == pytest.approx(TAU * math.log(3), rel=1e-14)
    for k, delay in enumerate(delays):
        assert trace.spike_times(k + 1)[0] == float(trace.spike_times(k)[0]) + delay


def test_a_neuron_that_inhibits_itself() -> None:
    """The period: delay after the spike a jump down, then the way to threshold in closed form."""
    delay, jump, mu = 4e-3, -0.3 * SWING, -0.070 + 2 * SWING
    network = wired(neuron(), 1, (0, 0, jump * BASE["C_m"], delay))
    times = simulate(network, constant(1, 0.5, 2 * RHEOBASE)).spike_times(0)
    free = delay - 2e-3
    at_jump = mu + (-0.065 - mu) * math.exp(-free / TAU) + jump
    period = delay + TAU * math.log((mu - at_jump) / (mu + 0.050))
    assert times.size >= 10
    np.testing.assert_allclose(times, TAU * math.log(2) + period * np.arange(times.size), rtol=1e-13)
    without = simulate(replace(network, synapses=sparse([0], [0], 0.0, delay)), constant(1, 0.5, 2 * RHEOBASE))
    assert np.diff(without.spike_times(0)).max() < 0.8 * period


def test_an_inhibitory_charge_in_the_refractory_time_is_lost() -> None:
    network = wired(neuron(), 1, (0, 0, -CHARGE, 1.9e-3))
    stimulus = constant(1, 0.3, 2 * RHEOBASE)
    np.testing.assert_array_equal(
        simulate(network, stimulus).spikes,
        simulate(wired(neuron(), 1, (0, 0, 0.0, 1.9e-3)), stimulus).spikes,
    )


def test_arrivals_at_one_instant_are_one_sum() -> None:
    """Half and half fire together; three jumps that sum to one fire once, even where each would fire alone."""
    n = neuron(t_ref=0.0)
    half = 0.6 * CHARGE
    at = from_sources(1, 0.1, (0.01, 0), (0.01, 1), (0.01, 2))
    pair = [(1, 0, half, 2e-3), (2, 0, half, 2e-3)]
    for third, fires in ((0.0, True), (-half, False), (half, True)):
        network = wired(n, 1, *pair, (3, 0, third, 2e-3), sources=3)
        assert simulate(network, at).spike_times(0).tolist() == ([0.012] if fires else [])
        apart = wired(n, 1, *pair, (3, 0, third, 2.5e-3), sources=3)
        assert simulate(apart, at).spike_times(0).tolist() == [0.012]
    many = wired(n, 1, *((k, 0, 3 * CHARGE, 2e-3) for k in (1, 2, 3)), sources=3)
    assert simulate(many, at).spike_times(0).tolist() == [0.012]
    # Tenths sum up to one as real numbers do, whatever their order.
    exact = LIFNeuron(C_m=1.0, g_L=1.0, E_L=0.0, V_th=1.0, V_reset=-1.0)
    tenths = wired(exact, 1, *((1, 0, 0.1, 0.5) for _ in range(10)), sources=1)
    assert simulate(tenths, from_sources(1, 1.0, (0.25, 0))).spike_times(0).tolist() == [0.75]


def test_one_source_reaches_several_neurons_each_in_its_time() -> None:
    delays = [5e-4, 1e-3, 1e-3, 8e-3]
    network = wired(neuron(), 4, *((4, k, 2 * CHARGE, d) for k, d in enumerate(delays)), sources=1)
    trace = simulate(network, from_sources(4, 0.05, (0.01, 0), (0.03, 0)))
    assert trace.spikes.tolist() == sorted([t + d, k] for t in (0.01, 0.03) for k, d in enumerate(delays))


def test_an_arrival_at_the_end_or_later_does_nothing() -> None:
    network = wired(neuron(), 1, (1, 0, 2 * CHARGE, 0.25), sources=1)
    for duration, spikes in ((0.5, 0), (math.nextafter(0.5, 1), 1)):
        assert len(simulate(network, from_sources(1, duration, (0.25, 0))).spikes) == spikes


def test_an_exponential_synapse_rises_from_the_arrival() -> None:
    """tau_syn = tau_m: V = R w (s/tau) e^{-s/tau} at s after the arrival."""
    network = wired(neuron(tau_syn=TAU), 2, (2, 1, RHEOBASE, 3e-3), sources=1)
    samples = np.linspace(0, 0.1, 60)
    trace = simulate(network, from_sources(2, 0.1, (0.01, 0)), record=[0, 1], samples=samples)
    since = np.clip(samples - 0.013, 0, None)
    np.testing.assert_allclose(
        trace.state("v", 1) + 0.070, SWING * since / TAU * np.exp(-since / TAU), rtol=1e-12, atol=1e-16
    )
    assert (trace.state("v", 0) == -0.070).all()
    assert (trace.state("i_syn", 0) == 0).all()


# -- the solution


def recurrent(seed: int, *, tau_syn: Any = None, size: int = 12, sources: int = 3) -> tuple[Network, Stimulus]:
    """A random network of different neurons with its input, of all kinds at once."""
    rng = np.random.default_rng(seed)
    n = neuron(V_th=rng.uniform(-0.055, -0.045, size), t_ref=rng.choice([0.0, 1e-3, 2e-3], size), tau_syn=tau_syn)
    unit = CHARGE if tau_syn is None else 2 * RHEOBASE
    pairs = random(size + sources, size, 0.5, 1.0, 1.0, seed)
    count = len(pairs)
    delays = rng.choice([AT_ONCE, 0.3e-3, 1.5e-3, 1.5e-3, 4e-3], count)
    weights = unit * np.where(pairs.pre % 4 == 3, -1.0, 0.4) * rng.uniform(0.2, 1, count)
    network = Network(n, size, sources, Synapses(pairs.pre, pairs.post, weights, delays))
    external = np.column_stack((rng.uniform(0, 0.2, 60), rng.integers(0, sources, 60)))
    stimulus = (
        source_spikes(size, 0.2, external)
        + poisson(size, 0.2, 50.0, 0.3 * unit, seed)
        + step(size, 0.2, rng.uniform(0.5, 2, size) * RHEOBASE, start=0.05, stop=0.15)
    )
    return network, stimulus


@pytest.mark.parametrize("tau_syn", [None, 5e-3, TAU])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_neuron_alone_does_what_it_did_in_the_network(seed: int, tau_syn: float | None) -> None:
    trace = assert_consistent(*recurrent(seed, tau_syn=tau_syn))
    assert (trace.spike_counts() > 0).sum() >= 8


def test_the_check_sees_a_delay_that_is_not_the_networks() -> None:
    network, stimulus = recurrent(1)
    trace = simulate(network, stimulus)
    synapses = network.synapses
    late = replace(network, synapses=replace(synapses, delay=synapses.delay + 1e-9))
    ones = [alone(late, stimulus, trace, k).spike_times(0) for k in range(network.size)]
    assert any(
        len(one) != len(trace.spike_times(k)) or not np.allclose(one, trace.spike_times(k), rtol=1e-13, atol=0)
        for k, one in enumerate(ones)
    )


def test_against_small_steps() -> None:
    """Ten neurons in steps of 1 microsecond, written out: the first spikes agree within two steps."""
    network, stimulus = recurrent(4, tau_syn=5e-3)
    trace = simulate(network, stimulus)
    dt, steps = 1e-6, 110_000
    n, synapses = network.neurons, network.synapses
    v, i, free_at = np.array(n.E_L), np.zeros(network.size), np.zeros(network.size)
    arriving = np.zeros((steps + 5000, network.size))
    for time, k, weight in stimulus.spikes.tolist():
        arriving[math.ceil(time / dt) if time < 0.11 else -1, int(k)] += weight
    outgoing = [np.flatnonzero(synapses.pre == pre) for pre in range(network.size + network.sources)]

    def send(at: int, pre: int) -> None:
        k = outgoing[pre]
        np.add.at(arriving, (at + np.rint(synapses.delay[k] / dt).astype(int), synapses.post[k]), synapses.weight[k])

    for time, source in stimulus.source_spikes.tolist():
        if time < 0.11:
            send(math.ceil(time / dt), network.size + int(source))
    fired = []
    for k in range(steps):
        i += arriving[k]
        current = stimulus.currents[np.searchsorted(stimulus.times, k * dt, side="right") - 1]
        slope = (np.asarray(n.E_L) - v + np.asarray(n.R) * (current + i)) / np.asarray(n.tau_m)
        v = np.where(k * dt >= free_at - dt / 2, v + dt * slope, v)
        i *= 1 - dt / 5e-3
        for index in np.flatnonzero(v >= n.V_th).tolist():
            fired.append(((k + 1) * dt, index))
            v[index], free_at[index] = np.asarray(n.V_reset)[index], (k + 1) * dt + np.asarray(n.t_ref)[index]
            send(k + 1, index)
    expected = trace.spikes[: len(fired)][:12]
    assert len(expected) == 12
    assert [int(index) for _, index in expected] == [index for _, index in fired[:12]]
    np.testing.assert_allclose(expected[:, 0], [time for time, _ in fired[:12]], atol=4e-6, rtol=0)


@pytest.mark.parametrize("tau_syn", [None, 5e-3])
def test_the_order_of_neurons_and_synapses_changes_nothing(tau_syn: float | None) -> None:
    network, stimulus = recurrent(5, tau_syn=tau_syn)
    rng = np.random.default_rng(0)
    moved = rng.permutation(network.size)  # neuron k is called moved[k]
    back = np.argsort(moved)
    names = np.concatenate((moved, np.arange(network.size, network.size + network.sources)))
    shuffled = rng.permutation(len(network.synapses))
    s = network.synapses
    synapses = Synapses(
        names[s.pre][shuffled].astype(np.int32), moved[s.post][shuffled].astype(np.int32),
        s.weight[shuffled], s.delay[shuffled],
    )  # fmt: skip
    n = replace(
        network.neuron, V_th=np.asarray(network.neuron.V_th)[back], t_ref=np.asarray(network.neuron.t_ref)[back]
    )
    rows = stimulus.spikes.copy()
    rows[:, 1] = moved[rows[:, 1].astype(int)]
    other = replace(stimulus, currents=stimulus.currents[:, back], spikes=rows)
    trace = simulate(network, stimulus)
    renamed = simulate(replace(network, neuron=n, synapses=synapses), other)
    assert len(trace.spikes) > 50
    for k in range(network.size):
        assert renamed.spike_times(int(moved[k])).tolist() == trace.spike_times(k).tolist()


def test_input_spikes_through_sources_are_the_input_spikes() -> None:
    """What the machines are given (a source and a synapse for every weighted input) is the same within its delay."""
    network, stimulus = recurrent(6, tau_syn=5e-3)
    direct = simulate(network, stimulus)
    through = simulate(*with_sources(network, stimulus))
    assert direct.spikes[:, 1].tolist() == through.spikes[:, 1].tolist()
    np.testing.assert_allclose(through.spikes[:, 0], direct.spikes[:, 0], atol=1e-9, rtol=0)


def test_a_silent_synapse_leaves_neurons_as_they_are_alone() -> None:
    """Between the queue and the path without synapses: the last bit of a crossing at most."""
    n = neuron(V_th=[-0.05, -0.055], tau_syn=[5e-3, 2e-3])
    stimulus = poisson(2, 0.5, 300.0, 300e-12, seed=3, bias=100e-12)
    through_queue = simulate(Network(n, 2, 0, sparse([0], [1], 0.0, 1e-3)), stimulus)
    apart = simulate(Network(n, 2), stimulus)
    assert len(apart.spikes) > 20
    np.testing.assert_allclose(through_queue.spikes, apart.spikes, rtol=1e-14)


# -- runs


def test_progress_rises_and_the_header_names_the_network() -> None:
    network, stimulus = recurrent(7)
    seen: list[float] = []
    trace = simulate(network, stimulus, progress=seen.append)
    assert seen == sorted(seen)
    assert 0 <= seen[0] <= seen[-1] <= 1
    assert trace.header.network == network.hash()
    assert trace.header.engine == "exact"


def test_a_source_that_the_network_does_not_have() -> None:
    network = wired(neuron(), 1, (1, 0, CHARGE, 1e-3), sources=1)
    with pytest.raises(SpecError, match=r"^Source of a spike must be one of the network's 1, not 1$"):
        simulate(network, from_sources(1, 0.1, (0.01, 1)))


def test_too_many_spikes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """By forecast for a current in the wrong unit, by count for excitation without end."""
    message = "^Input of neuron 0 must be weak enough for at most {:g} spikes, not one that makes more"
    network = wired(neuron(t_ref=0.0), 1, (0, 0, 2 * CHARGE, 1e-4))
    with pytest.raises(SpecError, match=message.format(10_000_000).replace("+", r"\+")):
        simulate(network, constant(1, 0.5, 300.0))
    stimulus = from_array(0.5, [0.0], [[0.0]], [(0.1, 0, 2 * CHARGE)])
    count = len(simulate(network, stimulus).spikes)
    assert count in (4000, 4001)  # whether the last one is before the end is rounding
    monkeypatch.setattr("golden.exact.MOST_SPIKES", count)
    assert len(simulate(network, stimulus).spikes) == count
    monkeypatch.setattr("golden.exact.MOST_SPIKES", count - 1)
    with pytest.raises(SpecError, match=message.format(count - 1)):
        simulate(network, stimulus)
