"""Stepped networks and noise: when things act, the update written out, both loops to the bit, theory of noise."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np
import pytest

from golden import exact
from golden.delivery import Delivery
from golden.errors import SpecError
from golden.network import AT_ONCE, Network, with_sources
from golden.neurons.lif import LIFNeuron
from golden.noise import PoissonNoise, WhiteNoise, counts, normals
from golden.stepped import simulate
from golden.stimulus import Stimulus, constant, from_array, poisson, source_spikes, step
from golden.synapses import Synapses, fixed_in_degree, random, sparse

if TYPE_CHECKING:
    from golden.trace import Trace

BASE: dict[str, Any] = {
    "C_m": 200e-12, "g_L": 10e-9, "E_L": -0.070, "V_th": -0.050, "V_reset": -0.065, "t_ref": 2e-3,
}  # fmt: skip
RHEOBASE, SWING, DT = 200e-12, 20e-3, 1e-4
#: The charge that takes the membrane from rest to threshold.
CHARGE = SWING * BASE["C_m"]


def neuron(**changes: Any) -> LIFNeuron:
    return LIFNeuron(**(BASE | changes))


def wired(n: LIFNeuron, size: int, *synapses: tuple[int, int, float, float], sources: int = 0) -> Network:
    """Synapses are (pre, post, weight, delay)."""
    columns = [np.array(column) for column in zip(*synapses, strict=True)]
    return Network(n, size, sources, sparse(*columns))


def steps(trace: Trace, index: int) -> list[int]:
    """The steps in which a neuron fires: a spike in step k has the time (k + 1) dt."""
    return (np.rint(trace.spike_times(index) / trace.header.dt).astype(int) - 1).tolist()


# -- when things act


@pytest.mark.parametrize("loop", ["numpy", "compiled"])
@pytest.mark.parametrize(("delay", "d"), [(AT_ONCE, 0), (0.4e-4, 0), (1e-4, 1), (1.5e-3, 15), (1.56e-3, 16)])
def test_emission_and_delay(loop: Any, delay: float, d: int) -> None:
    """A source emits at its grid step e, a neuron that fires in k at k + 1; through d steps it acts in e + d."""
    network = wired(neuron(), 2, (2, 0, 2 * CHARGE, delay), (0, 1, 2 * CHARGE, delay), sources=1)
    for time, e in ((3e-3, 30), (3.02e-3, 31)):  # one off the grid acts at the first step after it
        trace = simulate(network, source_spikes(2, 0.05, [(time, 0)]), DT, loop=loop)
        assert steps(trace, 0) == [e + d]
        assert steps(trace, 1) == [e + d + 1 + d]


@pytest.mark.parametrize("loop", ["numpy", "compiled"])
def test_a_synaptic_current_acts_from_its_step_on(loop: Any) -> None:
    network = wired(neuron(tau_syn=5e-3), 1, (1, 0, RHEOBASE, 5e-4), sources=1)
    trace = simulate(network, source_spikes(1, 0.01, [(1e-3, 0)]), DT, record=[0], loop=loop)
    since = np.arange(100) - 14  # steps after the one before it acts, 10 + 5 - 1
    expected = np.where(since > 0, RHEOBASE * np.exp(-since * DT / 5e-3), 0)
    np.testing.assert_allclose(trace.state("i_syn", 0), expected, rtol=1e-12, atol=1e-30)
    assert ((trace.state("v", 0) > -0.070) == (since > 0)).all()


def test_source_spikes_are_input_spikes_to_the_bit() -> None:
    """What reaches a neuron alone at its step acts as an input spike does, and so through with_sources."""
    n = neuron(tau_syn=5e-3)
    ticks = np.random.default_rng(1).permutation(2000)[:150]
    rows = np.column_stack((np.sort(ticks) * DT, np.zeros(150), np.linspace(1, 3, 150) * RHEOBASE))
    direct = from_array(0.2, [0.0], [[0.5 * RHEOBASE]], rows)
    wide, through = with_sources(Network(n), direct)
    one, other = simulate(Network(n), direct, DT, record=[0]), simulate(wide, through, DT, record=[0])
    assert len(one.spikes) > 5
    np.testing.assert_array_equal(one.spikes, other.spikes)
    np.testing.assert_array_equal(one.state("v", 0), other.state("v", 0))


# -- the update


def recurrent(
    seed: int, size: int = 40, *, tau_syn: float | None = None, duration: float = 0.3, alike: bool = False
) -> tuple[Network, Stimulus]:
    """A random network with delays of 0 to 40 steps and all kinds of input."""
    rng = np.random.default_rng(seed)
    n = neuron(tau_syn=tau_syn)
    if not alike:
        n = replace(n, V_th=rng.uniform(-0.055, -0.045, size), t_ref=rng.choice([0.0, 1e-3, 2e-3], size))
    unit = CHARGE if tau_syn is None else RHEOBASE
    sources = 5
    pairs = random(size + sources, size, min(1.0, 20 / size), 1.0, 1.0, seed)
    count = len(pairs)
    weights = unit * np.where(pairs.pre % 4 == 3, -1.2, 0.4) * rng.uniform(0.2, 1, count)
    delays = rng.choice([AT_ONCE, 0.3e-3, 1.5e-3, 4e-3], count)
    twice = np.r_[np.arange(count), rng.integers(0, count, count // 10)]  # some pairs have two synapses
    synapses = Synapses(pairs.pre[twice], pairs.post[twice], weights[twice] / 3, delays[twice])
    external = np.column_stack((rng.uniform(0, duration, 200), rng.integers(0, sources, 200)))
    stimulus = (
        source_spikes(size, duration, external)
        + poisson(size, duration, 30.0, 0.3 * unit, seed)
        + step(size, duration, rng.uniform(0.5, 2, size) * RHEOBASE, start=0.05, stop=0.25 * duration + 0.1)
    )
    return Network(n, size, sources, synapses), stimulus


def written_out(network: Network, stimulus: Stimulus, duration_steps: int) -> tuple[list[tuple[int, int]], Any]:
    """The update for each neuron and step in plain Python, from the docstrings; no rings, no rows."""
    n, s = network.neurons, network.synapses
    tau, r, e_l, v_th, v_reset = (np.asarray(x).tolist() for x in (n.tau_m, n.R, n.E_L, n.V_th, n.V_reset))
    hold = np.rint(np.asarray(n.t_ref) / DT).astype(int).tolist()
    tau_syn = None if n.tau_syn is None else float(np.asarray(n.tau_syn)[0])
    arrivals: dict[tuple[int, int], float] = {}

    def add(at: int, neuron_: int, weight: float) -> None:
        arrivals[at, neuron_] = arrivals.get((at, neuron_), 0.0) + weight

    outgoing: dict[int, list[tuple[int, float, int]]] = {}
    for pre, post, weight, delay in zip(s.pre.tolist(), s.post.tolist(), s.weight.tolist(), s.delay, strict=True):
        outgoing.setdefault(pre, []).append((post, weight, round(delay / DT)))
    for time, source in stimulus.source_spikes.tolist():
        for post, weight, d in outgoing.get(network.size + int(source), []):
            add(math.ceil(time / DT) + d, post, weight)
    for time, index, weight in stimulus.spikes.tolist():
        add(math.ceil(time / DT), int(index), weight)
    v, i, left = list(e_l), [0.0] * network.size, [0] * network.size
    fired, trace = [], np.empty((duration_steps, network.size))
    for k in range(duration_steps):
        row = stimulus.currents[np.searchsorted(stimulus.times, (k + 0.5) * DT, side="right") - 1]
        for j in range(network.size):
            i[j] += arrivals.get((k, j), 0.0)
            a = math.exp(-DT / tau[j])
            if tau_syn is None:
                through = a / (tau[j] / r[j])
            else:
                b = math.exp(-DT / tau_syn)
                through = r[j] / tau[j] * (b - a) / (1 / tau[j] - 1 / tau_syn)
            if left[j]:
                left[j] -= 1
            else:
                v[j] = e_l[j] + a * (v[j] - e_l[j]) + r[j] * (1 - a) * row[j] + through * i[j]
                if v[j] >= v_th[j]:
                    fired.append((k, j))
                    v[j], left[j] = v_reset[j], hold[j]
                    for post, weight, d in outgoing.get(j, []):
                        add(k + 1 + d, post, weight)
            i[j] = 0.0 if tau_syn is None else i[j] * b
        trace[k] = v
    return fired, trace


@pytest.mark.parametrize("tau_syn", [None, 5e-3])
def test_against_the_update_written_out(tau_syn: float | None) -> None:
    network, stimulus = recurrent(3, tau_syn=tau_syn, duration=0.2)
    trace = simulate(network, stimulus, DT, record=range(network.size))
    fired, v = written_out(network, stimulus, 2000)
    assert len(fired) > 150
    assert [(k, j) for j in range(network.size) for k in steps(trace, j)] == sorted(fired, key=lambda f: f[::-1])
    np.testing.assert_allclose(trace.states["v"], v, rtol=1e-9)


NOISES = [None, WhiteNoise(4e-3, 5), PoissonNoise(2e3, 0.02 * CHARGE, 6)]


@pytest.mark.parametrize("noise", NOISES, ids=["quiet", "white", "poisson"])
@pytest.mark.parametrize(("size", "alike", "tau_syn"), [(300, False, None), (256, True, 5e-3), (1, False, None)])
def test_compiled_is_numpy_to_the_bit(noise: Any, size: int, alike: bool, tau_syn: float | None) -> None:
    """Spikes and states over more than one chunk of steps and tile of neurons, in every rule."""
    if isinstance(noise, PoissonNoise):
        noise = replace(noise, weight=np.linspace(0.5, 2, size) * 0.02 * (CHARGE if tau_syn is None else RHEOBASE))
    network, stimulus = recurrent(8, size, tau_syn=tau_syn, alike=alike)
    rules: list[dict[str, Any]] = [{}, {"scheme": "euler", "comparison": ">", "reset": "subtract"}]
    for options in rules:
        seen: list[float] = []
        one, other = (
            simulate(
                network, stimulus, DT, noise=noise, loop=loop, record=range(size), progress=seen.append, **options
            )
            for loop in ("numpy", "compiled")
        )  # fmt: skip
        assert len(one.spikes) > 5
        assert one.spikes.tobytes() == other.spikes.tobytes()
        for name in one.states:
            assert one.states[name].tobytes() == other.states[name].tobytes()
        assert seen == [0.0, 1024 / 3000, 2048 / 3000] * 2


@pytest.mark.parametrize("noise", NOISES, ids=["quiet", "white", "poisson"])
def test_compiled_is_numpy_to_the_bit_without_synapses(noise: Any) -> None:
    """Blocks of neurons that have nothing to do with each other, more than one; a last tile that is not full."""
    n = neuron(V_th=np.linspace(-0.055, -0.045, 1300))
    stimulus = step(1300, 0.15, np.linspace(0.5, 1.5, 1300) * RHEOBASE, start=0.02, stop=0.1)
    traces = [simulate(Network(n, 1300), stimulus, DT, noise=noise, loop=loop) for loop in ("numpy", "compiled")]
    assert len(traces[0].spikes) > 500
    assert traces[0].spikes.tobytes() == traces[1].spikes.tobytes()
    recorded = simulate(Network(n, 1300), stimulus, DT, noise=noise, loop="compiled", record=[7])
    assert recorded.spikes.tobytes() == traces[0].spikes.tobytes()


@pytest.mark.parametrize("loop", ["numpy", "compiled"])
@pytest.mark.parametrize(("weights", "total"), [((1.0, 2.0), 2.0), ((2.0, 1.0), 4.0)])
def test_sums_are_made_in_the_order_that_is_written_down(loop: Any, weights: tuple[float, float], total: float) -> None:
    """By step of emission, presynaptic index, place in the table; doubles above 1e16 are even, ties go to 4 n."""
    n = LIFNeuron(C_m=1.0, g_L=1.0, E_L=0.0, V_th=1e9, V_reset=0.0, tau_syn=1.0)
    last, first = (3, 0, -1e16, 1e-3), (2, 0, 1e16, 2e-3)
    table = [last, (1, 0, weights[0], 1e-3), first, (1, 0, weights[1], 1e-3)]
    stimulus = source_spikes(1, 0.01, [(1e-3, 2), (1e-3, 0), (0.0, 1)])
    trace = simulate(wired(n, 1, *table, sources=3), stimulus, 1e-3, record=[0], loop=loop)
    assert trace.state("i_syn", 0)[2] == total * np.exp(-1e-3)


def test_rows_of_synapses() -> None:
    table = sparse([2, 0, 2, 2, 0], [1, 3, 0, 2, 3], [1.0, 2.0, 3.0, 4.0, 5.0], [3e-4, 1e-4, 1e-4, 1e-4, 1e-4])
    rows = Delivery.of(table, 4, 4, DT)
    assert rows.fronts.tolist() == [0, 1, 1, 3, 3]
    assert rows.edges.tolist() == [0, 2, 4, 5]
    assert rows.delay.tolist() == [1, 1, 3]
    assert rows.target.tolist() == [3, 3, 0, 2, 1]
    assert rows.weight.tolist() == [2.0, 5.0, 3.0, 4.0, 1.0]
    assert rows.slots == 4
    assert rows.nbytes == 5 * 12 + 3 * 12 + 5 * 8 + 8
    empty = Delivery.of(sparse(*np.empty((2, 0), dtype=int), 1.0, 1.0), 4, 4, DT)
    assert (empty.slots, empty.fronts.tolist()) == (1, [0] * 5)


def test_steps_converge_to_the_exact_network() -> None:
    """The error of first spikes falls with dt: emission waits for the end of a step."""
    network, stimulus = recurrent(9, 12, tau_syn=5e-3)
    exactly = exact.simulate(network, stimulus).first_spikes()
    errors = []
    for dt in (2e-4, 2e-5, 2e-6):
        first = simulate(network, stimulus, dt).first_spikes()
        errors.append(float(np.nanmedian(np.abs(first - exactly))))
    assert errors[1] < errors[0] / 4
    assert errors[2] < errors[1] / 4


# -- noise


def test_the_free_membrane_has_the_variance_of_the_closed_form() -> None:
    """sigma^2/2 for the exponential scheme whatever dt; sigma^2/2 / (1 - dt/2 tau) for Euler's; correlation leak."""
    n, network_size = neuron(V_th=1.0), 4000
    for scheme, dt, expected in (
        ("exponential", 1e-3, 1.0),
        ("exponential", 1e-2, 1.0),
        ("euler", 1e-2, 1 / (1 - 0.25)),
    ):
        trace = simulate(
            Network(n, network_size), constant(network_size, 0.6, 0.3 * RHEOBASE), dt,
            scheme=scheme, noise=WhiteNoise(5e-3, 2), record=range(network_size),
        )  # fmt: skip
        v = trace.states["v"][len(trace.times) // 2 :]
        independent = network_size * 0.3 / 40e-3  # samples in a correlation time of twice tau are about one
        assert v.mean() == pytest.approx(-0.070 + 6e-3, abs=4 * 3.6e-3 / math.sqrt(independent))
        assert v.var() * 2 / 5e-3**2 == pytest.approx(expected, rel=4 * math.sqrt(2 / independent))
        x = v - v.mean()
        factor = math.exp(-dt / 20e-3) if scheme == "exponential" else 1 - dt / 20e-3
        assert (x[1:] * x[:-1]).mean() / x.var() == pytest.approx(factor, abs=4 / math.sqrt(independent))


def siegert(mu: float, sigma: float, v_th: float, v_reset: float, tau: float, t_ref: float) -> float:
    """Firing rate of the white-noise neuron (Siegert 1951; Brunel 2000, eq. 3.4)."""
    low, high = (v_reset - mu) / sigma, (v_th - mu) / sigma
    integral = mpmath.quad(lambda s: mpmath.exp(s * s) * (1 + mpmath.erf(s)), [low, 0, high])
    return float(1 / (t_ref + tau * mpmath.sqrt(mpmath.pi) * integral))


@pytest.mark.parametrize(("mu", "sigma"), [(15e-3, 5e-3), (20e-3, 4e-3)])
def test_the_rate_is_siegerts_with_the_bias_of_discrete_looks(mu: float, sigma: float) -> None:
    """A membrane that is looked at every dt misses crossings between looks.

    In the mean that is a threshold higher by 0.5826 sigma sqrt(dt/tau) (Broadie, Glasserman & Kou, Math. Finance 7,
    1997): 0.21 mV at 0.1 ms, or 4 to 7 % of the rate. With it Siegert's formula holds to 0.1 %; the
    statistical error here, of 20,000 s of one neuron, is 0.2 %.
    """
    n = LIFNeuron.from_tau(tau_m=20e-3, R=1e8, E_L=0.0, V_th=20e-3, V_reset=10e-3, t_ref=2e-3)
    size, warm, duration = 10_000, 0.2, 2.2
    trace = simulate(Network(n, size), constant(size, duration, mu / 1e8), DT, noise=WhiteNoise(sigma, 3))
    rate = float((trace.spikes[:, 0] > warm).sum() / size / (duration - warm))
    shift = 0.5825971579 * sigma * math.sqrt(DT / 20e-3)
    assert rate == pytest.approx(siegert(mu, sigma, 20e-3 + shift, 10e-3, 20e-3, 2e-3), rel=0.0075)
    assert siegert(15e-3, 5e-3, 20e-3, 10e-3, 20e-3, 2e-3) == pytest.approx(9.46079980576, rel=1e-10)
    continuous = siegert(mu, sigma, 20e-3, 10e-3, 20e-3, 2e-3)
    assert 0.92 < rate / continuous < 0.98


def test_poisson_noise_is_shot_noise() -> None:
    """Campbell: mean R q rate, variance q^2 rate tau/2 C^2 for jumps that leak within their first step (by leak)."""
    n, size, rate, charge = neuron(V_th=1.0), 4000, 5e3, 0.01 * CHARGE
    trace = simulate(
        Network(n, size), constant(size, 0.4, 0.0), DT, noise=PoissonNoise(rate, charge, 4), record=[*range(size)]
    )
    v = trace.states["v"][2000:] + 0.070
    leak = math.exp(-DT / 20e-3)
    jump, mean = charge / 200e-12 * leak, rate * DT
    independent = size * 0.2 / 40e-3
    assert v.mean() == pytest.approx(jump * mean / (1 - leak), rel=4 / math.sqrt(independent * rate * 20e-3))
    assert v.var() == pytest.approx(jump**2 * mean / (1 - leak**2), rel=4 * math.sqrt(2 / independent))


def test_the_same_seed_is_the_same_noise_whatever_else_there_is() -> None:
    """The first neurons of a large population, in a network or not, do what they do in a small one."""
    noise = WhiteNoise(5e-3, 77)
    runs = [
        simulate(Network(neuron(), size), constant(size, 0.3, 0.9 * RHEOBASE), DT, noise=noise) for size in (3, 700)
    ]
    silent = wired(neuron(), 700, (500, 600, CHARGE, 1e-3))
    runs.append(simulate(silent, constant(700, 0.3, 0.9 * RHEOBASE), DT, noise=noise))
    for k in range(3):
        times = [run.spike_times(k).tolist() for run in runs]
        assert times[0] == times[1] == times[2] != []
    other = simulate(Network(neuron(), 3), constant(3, 0.3, 0.9 * RHEOBASE), DT, noise=replace(noise, seed=78))
    assert other.spikes.tolist() != runs[0].spikes.tolist()


def test_noise_is_that_of_its_step_and_neuron() -> None:
    """One neuron with a leak of 1 - 2^-40 or so: v is the sum of what golden.noise gives."""
    n = LIFNeuron(C_m=1.0, g_L=1e-9, E_L=0.0, V_th=1e9, V_reset=0.0)
    white, shots = WhiteNoise(1.0, 5), PoissonNoise(2e4, 1.0, 5)
    for noise in (white, shots):
        trace = simulate(Network(n, 2), constant(2, 0.01, 0.0), DT, noise=noise, record=[1])
        rises = np.diff(trace.state("v", 1), prepend=0.0)
        if isinstance(noise, WhiteNoise):
            expected = [float(normals(2, k, noise.key)[1]) * math.sqrt(DT / 1e9) for k in range(100)]
        else:
            expected = [float(counts(2, k, noise.key, noise.thresholds(DT))[1]) for k in range(100)]
        np.testing.assert_allclose(rises, expected, rtol=1e-6, atol=1e-9 * max(expected))


def variation(spikes: Any) -> float:
    """Mean coefficient of variation of the intervals of 200 neurons."""
    intervals = [np.diff(spikes[spikes[:, 1] == k, 0]) for k in range(200)]
    return float(np.mean([i.std() / i.mean() for i in intervals if i.size > 8]))


def test_a_brunel_network_is_in_its_state() -> None:
    """Brunel 2000, fig. 8C (g = 5, nu_ext/nu_thr = 2): asynchronous irregular, at a tenth of its size and in-degrees.

    Weights are ten times as large, so that the mean input is the paper's: tens of Hz, intervals as irregular as those
    of a Poisson process or more so; without inhibition all neurons fire regularly near the refractory time's limit.
    """
    n = LIFNeuron.from_tau(tau_m=20e-3, R=1e8, E_L=0.0, V_th=20e-3, V_reset=10e-3, t_ref=2e-3)
    charge = 1e-4 * float(n.C_m) * 10

    def network(g: float) -> Network:
        parts = [
            fixed_in_degree(1000, 1250, 100, charge, 1.5e-3, 1),
            fixed_in_degree(250, 1250, 25, -g * charge, 1.5e-3, 2).moved(1000, 0),
        ]
        columns = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("pre", "post", "weight", "delay")
        )
        return Network(n, 1250, 0, Synapses(*columns))

    drive = PoissonNoise(2 * 20e-3 / (1e-4 * 20e-3), charge / 10, 3)
    trace = simulate(network(5.0), constant(1250, 1.0, 0.0), DT, noise=drive)
    late = trace.spikes[trace.spikes[:, 0] > 0.2]
    assert 20 < len(late) / 1250 / 0.8 < 60
    assert variation(late) > 0.8
    runaway = simulate(network(0.0), constant(1250, 0.2, 0.0), DT, noise=drive)
    assert len(runaway.spikes) / 1250 / 0.2 > 300
    assert variation(runaway.spikes[runaway.spikes[:, 0] > 0.1]) < 0.2


# -- runs


def test_the_header_tells_the_noise() -> None:
    noise = PoissonNoise(1e3, np.array([1e-13, 2e-13]), 4)
    trace = simulate(Network(neuron(), 2), constant(2, 0.01, 0.0), DT, noise=noise)
    assert trace.header.settings["noise"] == {"kind": "poisson", "rate": 1e3, "weight": [1e-13, 2e-13], "seed": 4}
    white = simulate(Network(neuron(), 2), constant(2, 0.01, 0.0), DT, noise=WhiteNoise(1e-3, 4))
    assert white.header.settings["noise"] == {"kind": "white", "sigma": 1e-3, "seed": 4}


@pytest.mark.parametrize(
    ("noise", "message"),
    [
        (WhiteNoise(np.full(3, 1e-3), 1), "Noise must be one number or one for each of 2 neurons, not 3"),
        (PoissonNoise(1e8, 1.0, 1), "Poisson noise rate must be at most 1000 spikes a step, not 10000"),
    ],
)
def test_noise_of_another_size(noise: Any, message: str) -> None:
    for loop in ("numpy", "compiled"):
        with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
            simulate(Network(neuron(), 2), constant(2, 0.1, 0.0), DT, noise=noise, loop=loop)


def test_a_source_that_the_network_does_not_have() -> None:
    with pytest.raises(SpecError, match=r"^Source of a spike must be one of the network's 0, not 0$"):
        simulate(Network(neuron()), source_spikes(1, 0.1, [(0.01, 0)]), DT)


def test_many_spikes_in_one_run() -> None:
    """More spikes than the compiled loop has room for at the start: every neuron in every second step."""
    n = neuron(t_ref=DT)
    trace = simulate(Network(n, 300), constant(300, 0.02, 1.0), DT, loop="compiled")
    assert len(trace.spikes) == 300 * 100
    expected = [[(k + 1) * DT, j] for k, j in itertools.product(range(0, 200, 2), range(300))]
    np.testing.assert_allclose(trace.spikes, expected, rtol=1e-14)


def test_the_example_of_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "networks.md").read_text(encoding="utf-8")
    code = page.split("```python\n")[1].split("```")[0]
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102  the page is ours
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["map", "inhibition", "retina"]
    exactly, stepped = (names[name].spike_counts() for name in ("trace", "on_a_grid"))
    assert exactly[:36].sum() > 50
    assert exactly[36:].sum() > 5
    assert abs(int(exactly.sum()) - int(stepped.sum())) < 0.1 * exactly.sum()
