"""Networks on SpiNNaker: the library's constants, ring-buffer scales, words, limits; agreement with stepped floats."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from golden import stepped, synapses
from golden.errors import QuantisationError, SpecError
from golden.machines.multicast import routing_tables
from golden.machines.spinnaker import SpiNNakerMachine
from golden.network import AT_ONCE, Network, with_sources
from golden.neurons.lif import LIFNeuron
from golden.neurons.spinnaker import ARITHMETICS
from golden.stimulus import Stimulus
from golden.synapses import Synapses
from mapping.spinnaker import place, ring_shifts

if TYPE_CHECKING:
    from mapping.placed import Placed

DT, ONE, NA = 1e-3, 2**15, 1e-9
NEURON = LIFNeuron.from_tau(tau_m=0.02, R=40e6, E_L=-0.065, V_th=-0.05, V_reset=-0.07, t_ref=0.0021, tau_syn=0.005)


def neuron(**changes: Any) -> LIFNeuron:
    return LIFNeuron.from_dict(NEURON.to_dict() | changes)


def machine(placed: Placed) -> SpiNNakerMachine:
    assert isinstance(placed.image.machine, SpiNNakerMachine)
    return placed.image.machine


def row(placed: Placed, name: str) -> Any:
    return next(rounded for rounded in placed.rounding if rounded.name == name)


# --- neurons ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("tau_m", "exp_tc"), [(20e-3, 31170), (10e-3, 29650), (5e-3, 26828), (2e-3, 19874)])
def test_published_decays_of_the_membrane(tau_m: float, exp_tc: int) -> None:
    one = LIFNeuron.from_tau(tau_m=tau_m, R=1e7, E_L=0.0, V_th=0.01, V_reset=0.0, tau_syn=0.02)
    p = machine(place(Network(one), DT)).neurons.neuron(0)
    assert p.exp_TC == exp_tc
    assert p.decay_exc == p.decay_inh == 4085544196


def test_parameters_are_what_the_library_computes() -> None:
    """By exact arithmetic: R = tau_m / C_m truncated, init = tau/dt (1 - decay), constants cut to 15 bits."""
    placed = place(Network(NEURON), DT)
    p = machine(placed).neurons.neuron(0)
    assert (p.V_rest, p.V_thresh, p.V_reset, p.I_offset) == (-65 * ONE, -50 * ONE, -70 * ONE, 0)
    assert p.R == 20 * ONE * ONE // (ONE // 2) == 40 * ONE
    assert p.T_refract == 3  # 2.1 ms
    assert p.init_exc == p.init_inh == 5 * (2**32 - 1 - p.decay_exc)
    assert abs(p.decay_exc / 2**32 - math.exp(-0.2)) < 2e-5
    cut = machine(
        place(Network(neuron(C_m=0.3e-9, g_L=0.3e-9 / 20e-3, V_th=-0.0501, E_L=-0.06499)), DT)
    ).neurons.neuron(0)
    resistance = 20 * ONE * ONE // int(Fraction(3, 10) * ONE)
    assert resistance == cut.R
    assert (cut.V_thresh, cut.V_rest) == (-int(Fraction(501, 10) * ONE), -int(Fraction(6499, 100) * ONE))


def test_decimals_on_the_grid_stay_on_it() -> None:
    """0.0703125 V is a multiple of 2^-15 mV, whatever binary floats make of 1000 times it."""
    volts = np.arange(1, 2000) / ONE * 8e-3
    one = neuron(E_L=-volts, V_reset=-volts, V_th=volts)
    p = machine(place(Network(one, volts.size), DT)).neurons.neurons
    assert p.V_thresh.tolist() == (-p.V_rest).tolist() == [8 * k for k in range(1, 2000)]


def test_forward_euler_has_its_own_constants() -> None:
    p = machine(place(Network(NEURON), DT, solver="euler")).neurons.neuron(0)
    assert p.exp_TC == ONE - ONE // 20
    assert p.decay_exc == 2**32 * 4 // 5
    assert p.init_exc == 2**32 - 1


@pytest.mark.parametrize("arithmetic", ARITHMETICS)
@pytest.mark.parametrize("solver", ["closed", "euler"])
def test_the_report_and_the_effective_neuron(arithmetic: Any, solver: Any) -> None:
    placed = place(Network(NEURON), DT, arithmetic=arithmetic, solver=solver)
    expected = {"tau_m", "R", "g_L", "C_m", "tau_syn", "share of a weight in its first tick", "t_ref", "E_L", "V_th"}
    assert {rounded.name for rounded in placed.rounding} == expected | {"V_reset"}
    assert placed.effective is not None
    effective = placed.effective[0]
    for name in ("C_m", "g_L", "E_L", "V_th", "V_reset", "tau_syn"):
        assert getattr(effective, name) == pytest.approx(getattr(NEURON, name), rel=3e-4), name
    assert effective.t_ref == 0.003
    if arithmetic == "s16.15" and solver == "closed":
        p = machine(placed).neurons.neuron(0)
        assert effective.tau_m == pytest.approx(-1e-3 / math.log(p.exp_TC / ONE))
        assert effective.tau_syn == pytest.approx(-1e-3 / math.log(p.decay_exc / 2**32))
        assert row(placed, "tau_m").integers.tolist() == [31170]
        assert row(placed, "tau_m").relative_error > 1e-5


@pytest.mark.parametrize(
    ("one", "dt", "solver", "message"),
    [
        (
            neuron(V_th=65.536),
            *(
                DT,
                "closed",
                "Neuron V_th must be at least -65536 mV and below 65536 mV on SpiNNaker (s16.15), not 65536",
            ),
        ),
        (neuron(E_L=-66.0), DT, "closed", "Neuron E_L must be at least -65536 mV and below 65536 mV on SpiNNaker"),
        (
            neuron(E_L=0.01, V_th=0.01 + 1e-9),
            DT,
            "closed",
            "V_th - E_L must be at least 2^-15 mV on SpiNNaker, not 1e-09 V",
        ),
        (neuron(C_m=1e-14, g_L=1e-14 / 20e-3), DT, "closed", "Neuron C_m must be at least 2^-15 nF on SpiNNaker, not"),
        (
            neuron(C_m=2e-13, g_L=2e-13 / 20e-3),
            *(DT, "closed", "Neuron R must be below 65536 MOhm on SpiNNaker, not 100000 MOhm"),
        ),
        (neuron(tau_syn=40.0), DT, "closed", "Neuron tau_syn must be at most 32768 ticks on SpiNNaker, not 40000"),
        (
            neuron(),
            0.006,
            "euler",
            "Forward Euler's dt must be at most tau_syn (0.005 s) on SpiNNaker (no negative decay)",
        ),
        (neuron(tau_syn=1.0), 0.05, "euler", "Forward Euler's dt must be at most twice tau_m (0.02 s), not 0.05 s"),
        (neuron(), 1e-8, "closed", "Neuron dt must be at least 2^-15 ms on SpiNNaker, not rounded to 0"),
        (neuron(t_ref=1e7), DT, "closed", "t_ref must be at most 2147483647 ticks on SpiNNaker, not 1e+10"),
    ],
)
def test_neurons_that_the_machine_cannot_hold(one: LIFNeuron, dt: float, solver: Any, message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}"):
        place(Network(one), dt, solver=solver)


# --- weights and delays -----------------------------------------------------------------------------------------------


def random_network(seed: int, size: int = 700, sources: int = 30, count: int = 4_000, longest: int = 40) -> Network:
    rng = np.random.default_rng(seed)
    delays = rng.integers(0, longest, count) * DT
    delays[delays == 0] = AT_ONCE
    table = Synapses(
        rng.integers(0, size + sources, count), rng.integers(0, size, count), rng.normal(0, 0.4 * NA, count), delays
    )
    return Network(NEURON, size, sources, table, {"a": (0, 300), "b": (300, size - 300), "c": (size, sources)})


def expected_shift(weights: list[float], dt: float = DT) -> int:
    """Mean + 5 sigma of the sum of a tick at 30 Hz per source, at most all, at least the largest."""
    p = 30 * dt
    bound = p * sum(weights) + 5 * math.sqrt(p * sum(w * w for w in weights))
    bound = max(min(bound, sum(weights)), max(weights, default=0.0))
    shift = 0
    while 2**shift <= bound:
        shift += 1
    return shift


def test_ring_buffers_hold_what_is_expected() -> None:
    """Per core and type; the fullest neuron counts."""
    rng = np.random.default_rng(1)
    post = np.concatenate((rng.integers(0, 300, 2000), rng.integers(0, 700, 2000)))
    scaled = Synapses(
        rng.integers(0, 730, 4000), post, np.repeat([30 * NA, NA / 8], 2000) * rng.normal(0, 1, 4000), [DT] * 4000
    )
    first = np.array([0, 100, 101, 300, 556, 700])
    expected = []
    for a, b in itertools.pairwise(first):
        expected.append([])
        for sign in (1, -1):
            chosen = (scaled.post >= a) & (scaled.post < b) & (np.sign(scaled.weight) == sign)
            fullest = [np.abs(scaled.weight[chosen & (scaled.post == n)] * 1e9).tolist() for n in range(a, b)]
            expected[-1].append(max(expected_shift(weights) for weights in fullest))
    assert ring_shifts(scaled, first, DT).tolist() == expected
    assert len({shift for pair in expected for shift in pair}) > 2


@pytest.mark.parametrize(("weight", "shift"), [(0.3, 0), (0.99, 0), (1.0, 1), (1.01, 1), (2.0, 2), (3.0, 2), (4.0, 3)])
def test_a_single_weight_fits_below_its_power_of_two(weight: float, shift: int) -> None:
    table = synapses.sparse([0], [0], weight * NA, DT)
    assert ring_shifts(table, np.array([0, 1]), DT).tolist() == [[shift, 0]]
    placed = place(Network(NEURON, 1, 0, table), DT, rounding="nearest")
    word = int(machine(placed).words[0])
    assert word >> 16 == math.floor(weight * 2 ** (16 - (shift + 1)) + 0.5)


def test_weights_without_end_are_refused() -> None:
    message = "Expected sum of weights must be below 65536 nA on SpiNNaker, not 70000 nA"
    with pytest.raises(QuantisationError, match=f"^{re.escape(message)}$"):
        place(Network(NEURON, 1, 0, synapses.sparse([0], [0], 7e-5, DT)), DT)


def decoded(placed: Placed) -> list[tuple[int, int, int, int]]:
    """Every synapse as (pre, post, weight with sign, ticks of delay), read from the memories bit by bit."""
    m, found, at, row_index = machine(placed), [], 0, 0
    cores = m.row_core.tolist()
    senders = [(0, n) for n in range(m.neurons.size + m.sources)] + [tuple(relay) for relay in m.relays.tolist()]
    for axon, (stage, origin) in enumerate(senders):
        for _ in range(int(m.fan[axon + 1] - m.fan[axon])):
            for word in m.words[at : at + int(m.row_length[row_index])].tolist():
                bits = f"{word:032b}"
                weight, delay = int(bits[:16], 2), int(bits[18 : 31 - m.index_bits], 2)
                inhibitory, index = bits[31 - m.index_bits] == "1", int(bits[32 - m.index_bits :] or "0", 2)
                ticks = (delay or m.slots) - 1 + stage * m.slots
                found.append((origin, int(m.first[cores[row_index]]) + index, -weight if inhibitory else weight, ticks))
            at, row_index = at + int(m.row_length[row_index]), row_index + 1
    return found


@pytest.mark.parametrize(("per_core", "longest"), [(256, 20), (256, 287), (100, 70), (3, 40)])
def test_the_memories_hold_the_synapses(per_core: int, longest: int) -> None:
    network = random_network(3, longest=longest)
    placed = place(network, DT, rounding="nearest", neurons_per_core=per_core)
    m = machine(placed)
    m.check_routes()
    assert np.diff(m.first).max() <= per_core
    assert 300 in m.first  # populations are not mixed
    core = np.searchsorted(m.first, network.synapses.post, side="right") - 1
    shift = m.shifts[core, (network.synapses.weight < 0).astype(int)]
    weights = np.floor(np.abs(network.synapses.weight) * 1e9 * 2.0 ** (15 - shift) + 0.5) * np.sign(
        network.synapses.weight
    )
    ticks = np.rint(network.synapses.delay / DT)
    table = (network.synapses.pre, network.synapses.post, weights, ticks)
    assert sorted(decoded(placed)) == sorted(zip(*(column.astype(int).tolist() for column in table), strict=True))
    assert (m.layout.delay_cores > 0) is (longest > m.slots)


@pytest.mark.parametrize(
    ("rounding", "integers"),
    [("nearest", [3, 4, -3, -4]), ("floor", [3, 3, -3, -3]), ("toward_zero", [3, 3, -3, -3])],
)
def test_weights_are_rounded_as_asked(rounding: Any, integers: list[int]) -> None:
    """3.25 and 3.5 last bits: the sign is the type of the synapse, and not part of what is rounded."""
    weights = np.array([3.25, 3.5, -3.25, -3.5]) / ONE * NA
    network = Network(NEURON, 4, 0, synapses.sparse(np.arange(4), np.arange(4), weights, DT))
    placed = place(network, DT, rounding=rounding)
    assert row(placed, "weight").integers.tolist() == integers
    assert row(placed, "weight").got.tolist() == pytest.approx([k / ONE * NA for k in integers], rel=1e-12)
    with pytest.raises(QuantisationError, match=r"^Weight in last bits of SpiNNaker's ring buffer must be an integer"):
        place(network, DT)


def test_stochastic_rounding_is_fair_and_seeded() -> None:
    network = Network(NEURON, 1, 0, synapses.sparse([0] * 4000, [0] * 4000, 3.25 / ONE * NA, DT))
    seeds = [row(place(network, DT, rounding="stochastic", seed=seed), "weight").integers for seed in (1, 1, 2)]
    assert np.array_equal(seeds[0], seeds[1])
    assert not np.array_equal(seeds[0], seeds[2])
    assert abs(seeds[0].mean() - 3.25) < 0.03
    with pytest.raises(SpecError, match=r"^Stochastic rounding must be given a seed, not none$"):
        place(network, DT, rounding="stochastic")


def test_delays_are_whole_ticks() -> None:
    def delayed(delay: float, rounding: Any = "error") -> list[tuple[int, int, int, int]]:
        return decoded(place(Network(NEURON, 1, 0, synapses.sparse([0], [0], NA / 2, delay)), DT, rounding=rounding))

    assert delayed(AT_ONCE) == [(0, 0, ONE // 2, 0)]
    assert delayed(3e-3)[0][3] == 3
    assert delayed(3.5e-3, "nearest")[0][3] == 4
    assert delayed(3.9e-3, "floor")[0][3] == 3
    with pytest.raises(QuantisationError, match=r"^Synapse delay in ticks of SpiNNaker must be an integer"):
        delayed(3.5e-3)


def test_delays_have_an_end() -> None:
    """32 slots, and eight stages of a delay core of 32 each; the first tick is the one after the spike's."""
    network = Network(NEURON, 256, 0, synapses.sparse([0], [0], NA / 2, 287 * DT))
    assert decoded(place(network, DT))[0][3] == 287
    longer = Network(NEURON, 256, 0, synapses.sparse([0], [0], NA / 2, 288 * DT))
    message = "Synapse delay [ticks] must be at most 287 on SpiNNaker, not 288"
    with pytest.raises(QuantisationError, match=f"^{re.escape(message)}$"):
        place(longer, DT)
    assert decoded(place(Network(NEURON, 128, 0, longer.synapses), DT))[0][3] == 288  # a bit more for the delay


def test_input_spikes_take_no_line_of_the_report() -> None:
    once = Network(NEURON, 1, 1, synapses.sparse([1], [0], NA / 2, AT_ONCE))
    assert "delay" not in {rounded.name for rounded in place(once, DT).rounding}
    assert row(place(Network(NEURON, 1, 0, synapses.sparse([0], [0], NA / 2, 2e-3)), DT), "delay").got.tolist() == [
        2e-3
    ]


def test_weights_that_all_vanish_are_refused() -> None:
    network = Network(NEURON, 1, 0, synapses.sparse([0], [0], 1e-16, DT))
    with pytest.raises(
        QuantisationError, match=r"^Weight must be at least half a last bit on SpiNNaker, not rounded to 0"
    ):
        place(network, DT, rounding="nearest")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"arithmetic": "s8.7"}, "SpiNNaker arithmetic must be one of s16.15, "),
        ({"solver": "rk4"}, "SpiNNaker solver must be one of closed, euler, not 'rk4'"),
        ({"neurons_per_core": 257}, "Neurons of a core must be 1 to 256 on SpiNNaker, not 257"),
        ({"neurons_per_core": 0}, "Neurons of a core must be 1 to 256 on SpiNNaker, not 0"),
    ],
)
def test_options_that_do_not_exist(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}"):
        place(Network(NEURON), DT, **options)


# --- placement --------------------------------------------------------------------------------------------------------


def test_the_report_of_a_placement() -> None:
    """Populations of 300 and 400 and 30 sources: 2 + 2 cores, of sources 1; with delays beyond 32 ticks, more."""
    report = place(random_network(4, longest=30), DT, rounding="nearest").placement
    usage = {used.thing: used for used in report.usage}
    assert (report.cores, report.grid, report.synapses, report.notes) == (5, "1 x 1 chips", 4000, ())
    assert usage["neurons of a core"].used.tolist() == [256, 44, 256, 144]
    assert usage["cores of a chip"].used.tolist() == [5]
    assert usage["routing entries of a chip"].used.tolist() == [5]
    assert usage["routing entries of a chip"].limit == 1024
    assert report.hops.tolist() == [0] * 20
    late = place(random_network(4, longest=60), DT, rounding="nearest").placement
    assert late.notes == ("Delays beyond 32 ticks take 5 delay cores.",)
    assert late.cores == 10


def test_many_chips() -> None:
    """60 cores on four chips; packets between chips take as many hops as the torus says."""
    network = random_network(5, size=600, count=20_000, longest=5)
    placed = place(network, DT, rounding="nearest", neurons_per_core=10)
    machine(placed).check_routes()
    report = placed.placement
    assert (report.cores, report.grid) == (61, "2 x 2 chips")
    assert set(report.hops.tolist()) == {0, 1}
    assert report.hops.size > 3000
    assert next(used for used in report.usage if used.thing == "cores of a chip").used.tolist() == [16, 16, 16, 13]
    assert max(next(used for used in report.usage if used.thing == "routing entries of a chip").used) <= 61


def test_tables_that_are_too_long_are_widened(monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for 20 entries a chip: packets to all that their chip reaches; with room for 3, refused."""
    network = random_network(5, size=600, count=20_000, longest=5)
    exact = place(network, DT, rounding="nearest", neurons_per_core=10)
    routed = routing_tables

    def with_room(entries: int) -> Placed:
        monkeypatch.setattr("mapping.spinnaker.routing_tables", lambda *given: routed(*given, limit=entries))
        return place(network, DT, rounding="nearest", neurons_per_core=10)

    wide = with_room(20)
    assert not machine(exact).widened
    assert machine(wide).widened
    machine(wide).check_routes()
    assert len(wide.placement.notes) == len(exact.placement.notes) + 1
    assert wide.placement.notes[-1].startswith("Packets also go to cores without synapses for them")
    with pytest.raises(QuantisationError, match=r"^Routing entries of chip \(0, 0\) must be at most 3 on SpiNNaker"):
        with_room(3)


def test_a_synapse_takes_at_most_six_bytes() -> None:
    """100 synapses a neuron onto 8 cores: a row of 12 words takes 2 bytes besides them."""
    table = synapses.fixed_in_degree(2_000, 2_000, 100, NA / 8, DT, 1)
    report = place(Network(NEURON, 2_000, 0, table), DT).placement
    assert report.synapses == 200_000
    assert 4 < report.synapse_bytes / report.synapses < 6


def test_memory_of_a_chip_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mapping.spinnaker.SDRAM", 2**14)
    message = "Synapse memory of a chip [bytes] must be at most 16384 on SpiNNaker, not "
    with pytest.raises(QuantisationError, match=f"^{re.escape(message)}"):
        place(random_network(4), DT, rounding="nearest")


def test_an_image_is_read_in_volts_and_amperes() -> None:
    image = place(Network(NEURON, 2), DT).image
    assert image.volts(np.array([[-65 * ONE, -50 * ONE]]), np.array([0, 1])).tolist() == [[-0.065, -0.05]]
    inputs = image.inputs(Stimulus(0.003, [0.0, 0.001], [[0.0, 1e-9], [-2e-9, 1e-9]], []))
    assert inputs.currents.tolist() == [[0, 1, ONE], [1, 0, -2 * ONE]]
    exact = place(Network(NEURON, 2), DT, arithmetic="float64").image
    assert exact.volts(np.array([[-65.0]]), np.array([0])).tolist() == [[-0.065]]


def test_an_image_goes_to_arrays_and_back() -> None:
    placed = place(random_network(6, longest=60), DT, rounding="nearest")
    again = SpiNNakerMachine.from_arrays(machine(placed).arrays())
    inputs = placed.image.inputs(Stimulus(0.1, [0.0], np.full((1, 700), 0.5e-9), [], source_spikes=[[0.01, 3]]))
    one, other = machine(placed).run(inputs, record=[5]), again.run(inputs, record=[5])
    assert np.array_equal(one.spikes, other.spikes)
    assert len(one.spikes) > 500
    assert np.array_equal(one.states["v"], other.states["v"])


# --- agreement with floats ------------------------------------------------------------------------------------------


def ideal_run(network: Network, stimulus: Stimulus, dt: float) -> tuple[list[tuple[int, int]], Any, Any]:
    """The closed form of the contract's order in float64: parameters, weights and currents as they were asked for."""
    size, ticks = network.size, round(stimulus.duration / dt)
    n = network.neurons
    tau, tau_syn, r, rest = (np.asarray(x) for x in (n.tau_m, n.tau_syn, n.R, n.E_L))
    leak, decay = np.exp(-dt / tau), np.exp(-dt / tau_syn)
    share = tau_syn / dt * (1 - decay)
    arriving = np.zeros((ticks + 400, size))
    v, i, hold = rest.copy(), np.zeros(size), np.zeros(size, dtype=int)
    spikes, potentials, currents, fired = [], [], [], []
    s = network.synapses
    delay = np.rint(s.delay / dt).astype(int)
    for k in range(ticks):
        emitted = [*fired, *(size + int(j) for t, j in stimulus.source_spikes if round(t / dt) == k)]
        for axon in emitted:
            for m in np.flatnonzero(s.pre == axon):
                arriving[k + delay[m], s.post[m]] += s.weight[m]
        i = i + arriving[k] * share
        target = rest + r * (i + stimulus.currents[0])
        v = np.where(hold > 0, v, target + leak * (v - target))
        currents.append(i.copy())
        hold = np.maximum(hold - 1, 0)
        fired = np.flatnonzero(v >= n.V_th).tolist()
        v[fired] = np.asarray(n.V_reset)[fired]
        hold[fired] = np.ceil(np.asarray(n.t_ref)[fired] / dt - 1e-9).astype(int)
        spikes += [(k, neuron) for neuron in fired]
        i = i * decay
        potentials.append(v.copy())
    return spikes, np.array(potentials), np.array(currents)


def small_network(v_th: float, size: int = 12, sources: int = 6) -> tuple[Network, Stimulus]:
    """Sources at about 100 Hz into every neuron, and neurons into each other."""
    rng = np.random.default_rng(7)
    count = 60
    table = Synapses(
        *(rng.integers(0, size + sources, count), rng.integers(0, size, count)),
        *(rng.normal(0.05 * NA, 0.1 * NA, count), rng.integers(1, 20, count) * DT),
    )
    times = np.sort(rng.integers(0, 300, 180)) * DT
    spikes = np.column_stack((times, rng.integers(0, sources, times.size)))
    drive = rng.uniform(0.2, 0.55, (1, size)) * NA
    return Network(neuron(V_th=v_th), size, sources, table), Stimulus(0.3, [0.0], drive, [], source_spikes=spikes)


def test_below_threshold_the_error_is_that_of_the_parameters_and_roundings() -> None:
    """A bound from what every step adds, contracted by the decays: V stays within it, and is no wild guess."""
    network, stimulus = small_network(v_th=1.0)
    placed = place(network, DT, rounding="nearest")
    record = machine(placed).run(placed.image.inputs(stimulus), record=np.arange(network.size))
    spikes, v, i = ideal_run(network, stimulus, DT)
    assert not spikes
    assert not len(record.spikes)
    p, bit = machine(placed).neurons.neuron(0), 2.0**-15
    decay, leak = math.exp(-0.2), math.exp(-0.05)
    packets = np.bincount(np.rint(stimulus.source_spikes[:, 0] / DT).astype(int)).max()
    strongest = np.abs(network.synapses.weight).max() / NA
    # nA, of both types: half a bit of every weight, the share of the first tick, its floor; the decay, its floor.
    arriving = 2 * packets * (bit / 2 + strongest * abs(p.init_exc / 2**32 - 5 * (1 - decay))) + 2 * bit
    current_error = (arriving + 2 * bit + np.abs(i).max() / NA * abs(p.decay_exc / 2**32 - decay)) / (1 - decay)
    target_error = 40 * (current_error + bit) + bit  # R is exact; the input current is rounded to half a bit
    swing = np.abs(v + 0.065).max() * 1e3 + 40 * np.abs(i + stimulus.currents[0]).max() / NA
    bound = target_error + (bit + swing * abs(p.exp_TC / ONE - leak)) / (1 - leak)
    error = np.abs(placed.image.volts(record.states["v"], np.arange(network.size)) - v).max() * 1e3
    assert bound / 30 < error < bound < 0.2  # mV


def test_spikes_of_the_closed_form() -> None:
    """The same spikes as exact numbers but for a tick here and there; in float64, exactly the same."""
    network, stimulus = small_network(v_th=-0.05)
    spikes, v, _ = ideal_run(network, stimulus, DT)
    assert len(spikes) > 40
    placed = place(network, DT, rounding="nearest")
    got = machine(placed).run(placed.image.inputs(stimulus)).spikes
    assert abs(len(got) - len(spikes)) <= 1 + len(spikes) // 50
    ideal = {(k + d, n) for k, n in spikes for d in (-1, 0, 1)}
    assert sum((k, n) in ideal for k, n in got.tolist()) >= 0.95 * len(got)

    whole = np.rint(network.synapses.weight / NA * ONE) * NA / ONE  # weights and currents that the machine has
    drive = np.rint(stimulus.currents / NA * ONE) * NA / ONE
    exact = Network(network.neuron, network.size, network.sources, Synapses(
        network.synapses.pre, network.synapses.post, whole, network.synapses.delay
    ))  # fmt: skip
    same = Stimulus(stimulus.duration, [0.0], drive, [], source_spikes=stimulus.source_spikes)
    placed = place(exact, DT, arithmetic="float64")
    record = machine(placed).run(placed.image.inputs(same, "error"), record=np.arange(network.size))
    spikes, v, _ = ideal_run(exact, same, DT)
    assert [tuple(spike) for spike in record.spikes.tolist()] == spikes
    assert np.abs(placed.image.volts(record.states["v"], np.arange(network.size)) - v).max() < 1e-13


@pytest.mark.parametrize(("solver", "scheme"), [("closed", "exponential"), ("euler", "euler")])
def test_float64_is_the_stepped_neuron(solver: Any, scheme: Any) -> None:
    """Constant currents that the machine has, no input spikes: golden.stepped, an independent program."""
    size = 40
    drive = np.arange(8_000, 8_000 + 400 * size, 400)[None, :] / ONE * NA
    stimulus = Stimulus(0.5, [0.0], drive, [])
    trace = stepped.simulate(Network(NEURON, size), stimulus, DT, scheme=scheme, refractory_rounding="nearest")
    placed = place(Network(neuron(t_ref=0.002), size), DT, solver=solver, arithmetic="float64")
    record = machine(placed).run(placed.image.inputs(stimulus, "error"))
    ticks = np.rint(trace.spikes[:, 0] / DT).astype(int) - 1
    assert record.spikes.tolist() == np.column_stack((ticks, trace.spikes[:, 1].astype(int))).tolist()
    assert len(ticks) > 100


def test_weighted_input_spikes_act_at_once() -> None:
    """golden.network.with_sources: a spike at 2 ms acts in tick 2, as a current that decays."""
    stimulus = Stimulus(0.01, [0.0], np.zeros((1, 1)), [[0.002, 0, 0.25 * NA]])
    network, with_spikes = with_sources(Network(NEURON), stimulus)
    placed = place(network, DT)
    record = machine(placed).run(placed.image.inputs(with_spikes), record=[0])
    v = record.states["v"][:, 0]
    assert (v == -65 * ONE).tolist() == [True] * 2 + [False] * 8
    after = 0.25 * 5 * (1 - math.exp(-0.2)) * math.exp(-0.2)  # weight, share of the first tick, decay
    assert record.states["in_exc"][:3, 0].tolist() == [0, 0, int(after * ONE)]


@pytest.mark.parametrize(("solver", "scheme"), [("closed", "exponential"), ("euler", "euler")])
def test_charges_are_currents_of_one_tick(solver: Any, scheme: Any) -> None:
    """Neurons without tau_syn: in float64 the network is the stepped one, whose spikes lift V by w / C_m at once."""
    with_current, stimulus = small_network(v_th=-0.05)
    currents = np.rint(stimulus.currents / NA * ONE) / ONE * NA  # the machine takes multiples of 2^-15 nA
    stimulus = replace(stimulus, currents=currents)
    cell = LIFNeuron.from_dict({k: v for k, v in neuron(t_ref=0.002).to_dict().items() if k != "tau_syn"})
    s = with_current.synapses
    network = Network(cell, with_current.size, with_current.sources, Synapses(s.pre, s.post, s.weight * 20e-3, s.delay))
    expected = stepped.simulate(network, stimulus, DT, scheme=scheme, record=np.arange(network.size))
    placed = place(network, DT, rounding="nearest", arithmetic="float64", solver=solver)
    # The weights that the ring buffers hold, so that nothing but the equations differs.
    held = Network(cell, network.size, network.sources, Synapses(s.pre, s.post, row(placed, "weight").got, s.delay))
    exact = stepped.simulate(held, stimulus, DT, scheme=scheme, record=np.arange(network.size))
    record = machine(placed).run(placed.image.inputs(stimulus), record=np.arange(network.size))
    assert len(record.spikes) > 100
    assert np.array_equal((record.spikes[:, 0] + 1) * DT, exact.spikes[:, 0])
    assert np.array_equal(record.spikes[:, 1], exact.spikes[:, 1])
    assert np.abs(record.states["v"] * 1e-3 - exact.states["v"]).max() < 1e-12
    assert abs(len(expected.spikes) - len(exact.spikes)) <= 2
    weight = row(placed, "weight")
    assert weight.unit == "C"
    last_bit = np.abs(weight.got / np.where(weight.integers, weight.integers, 1)).max()
    assert np.abs(weight.got - weight.wanted).max() <= 0.5001 * last_bit
    assert placed.effective is not None
    assert placed.effective.tau_syn is None


def test_a_charge_of_which_a_tick_leaves_nothing_is_reported_as_nothing() -> None:
    cell = LIFNeuron(C_m=1e-10, g_L=1e-8, E_L=0.0, V_th=0.01, V_reset=0.0)
    network = Network(cell, 1, 1, Synapses(np.array([1]), np.array([0]), np.array(1e-12), np.array(20.0)))
    assert row(place(network, 10.0, rounding="nearest"), "weight").got.tolist() == [0.0]
