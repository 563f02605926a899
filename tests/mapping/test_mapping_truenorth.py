"""TrueNorth placement: the chip = the integer network simulated without cores; rounding, limits and relays by hand."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from golden import stimulus, synapses
from golden.errors import QuantisationError, SpecError
from golden.machines.run import MachineInputs
from golden.network import Network, Population, Projection
from golden.neurons.lif import LIFNeuron
from mapping.truenorth import place

if TYPE_CHECKING:
    from golden.synapses import Synapses
    from mapping.placed import Placed

DT = 1e-3
#: 20 thresholds of time constant: at threshold 200 the leak is 10 last bits a tick. 1 pC / 100 pF = 10 mV.
CELL = LIFNeuron(C_m=100e-12, g_L=5e-9, E_L=-70e-3, V_th=-50e-3, V_reset=-70e-3)
#: The charge of one threshold.
THETA = 100e-12 * 20e-3


def logical(
    network: Network, placed: Placed, spikes: Any, ticks: int, bias: Any = 0
) -> tuple[list[tuple[int, int]], np.ndarray]:
    """The network in integers, without cores, axons, types or relays; only the thresholds are the placement's."""
    cells, lsb = network.neurons, placed.image.lsb
    alpha = np.rint((cells.V_th - cells.E_L) / lsb).astype(int)
    leak = np.rint(alpha * DT / cells.tau_m).astype(int)
    reset = np.rint((cells.V_reset - cells.E_L) / lsb).astype(int)
    push = np.rint(np.broadcast_to(bias, network.size) * DT / cells.C_m / lsb).astype(int)
    s = network.synapses
    weight = np.rint(s.weight / cells.C_m[s.post] / lsb[s.post]).astype(int)
    out = defaultdict(list)
    for k in range(len(s)):
        out[int(s.pre[k])].append((int(s.post[k]), int(weight[k]), round(float(s.delay[k] / DT))))
    pending: Any = defaultdict(lambda: defaultdict(int))
    for tick, source in spikes:
        for post, w, d in out[network.size + source]:
            pending[tick + d][post] += w
    v, fired, path = [0] * network.size, [], []
    for tick in range(ticks):
        for n in range(network.size):
            x = v[n] + pending[tick][n] + push[n]
            y = x - leak[n] * int(np.sign(x))
            x = 0 if x * y < 0 else y
            if x >= alpha[n]:
                fired.append((tick, n))
                x = reset[n]
                for post, w, d in out[n]:
                    pending[tick + 1 + d][post] += w
            v[n] = x
        path.append(list(v))
    return fired, np.array(path)


def random_network(rng: np.random.Generator, size: int = 30, sources: int = 12, shortest: int = 2) -> Network:
    """Recurrent, with fan-outs over many cores, and weights that are whole at a threshold of 200."""

    def table(pre: int, count: int, values: list[float], first: int) -> Synapses:
        pairs = rng.choice(pre * size, count, replace=False)
        return synapses.sparse(
            pairs // size, pairs % size, rng.choice(values, count) * THETA, rng.integers(first, 24, count) * DT
        )

    return Network.of(
        [Population("in", sources), Population("cells", size, CELL)],
        [
            Projection("in", "cells", table(sources, 4 * size, [0.4, 0.25], 1)),
            Projection("cells", "cells", table(size, 4 * size, [0.4, -0.2], shortest)),
        ],
    )


@pytest.mark.parametrize("seed", range(4))
def test_the_chip_is_the_network(seed: int) -> None:
    """On cores far too small for it: neurons split over cores, fan-out through relays, delays past the scheduler's."""
    rng = np.random.default_rng(seed)
    network = random_network(rng)
    bias = rng.choice([0, 0.06, 0.1], network.size) * THETA / DT if seed % 2 else 0.0
    placed = place(network, DT, axons=16, neurons=8, currents=bias, threshold=200)
    assert placed.placement.cores > 10
    assert "relays" in placed.placement.notes[1]
    spikes = np.column_stack((np.sort(rng.integers(0, 150, 300)), rng.integers(0, 12, 300)))
    # Sources fire once a tick at most.
    spikes = np.unique(spikes, axis=0)
    driven = stimulus.constant(network.size, 0.2, bias) + stimulus.source_spikes(
        network.size, 0.2, spikes * np.array([DT, 1])
    )
    record = placed.image.machine.run(placed.image.inputs(driven), record=np.arange(network.size))
    fired, path = logical(network, placed, spikes.tolist(), 200, bias)
    assert len(fired) > 100
    assert record.spikes.tolist() == [list(row) for row in fired]
    assert np.array_equal(record.states["v"], path)
    assert record.counters["left"] == 0


def test_a_missing_relay_is_seen() -> None:
    """Negative control: one destination bent, and the chip is another network."""
    rng = np.random.default_rng(0)
    network = random_network(rng)
    placed = place(network, DT, axons=16, neurons=8, threshold=200)
    destinations = placed.image.machine.destinations.copy()
    destinations[..., 3][destinations[..., 3] > 0] -= 1
    machine = replace(placed.image.machine, destinations=destinations)
    spikes = np.unique(np.column_stack((np.sort(rng.integers(0, 150, 300)), rng.integers(0, 12, 300))), axis=0)
    inputs = MachineInputs(200, network.size, 12, spikes)
    assert machine.run(inputs).spikes.tolist() != [
        list(row) for row in logical(network, placed, spikes.tolist(), 200)[0]
    ]


def test_error_rounding_finds_a_threshold_at_which_all_is_whole() -> None:
    """tau_m = 20 ticks and weights of 0.4 and 0.25: whole at multiples of 20; the weights reach to 255 / 0.4 = 637."""
    placed = place(random_network(np.random.default_rng(1)), DT)
    rows = {row.name: row for row in placed.rounding}
    assert rows["V_th - E_L"].integers is not None
    # A neuron is free to take a larger one where its largest weight is smaller.
    assert set(rows["V_th - E_L"].integers % 20) == {0}
    assert rows["V_th - E_L"].integers.max() >= 620
    assert all(row.relative_error < 1e-9 for row in placed.rounding)


def test_the_effective_neuron_is_what_the_integers_leak() -> None:
    """At a threshold of 250 the leak of 12.5 becomes 13 (half up): tau_m = 250 / 13 ms, and the rheobase with it."""
    network = Network(CELL, 3, 1, synapses.sparse([3], [0], 0.4 * THETA, DT))
    placed = place(network, DT, rounding="nearest", threshold=250)
    assert placed.effective is not None
    assert placed.effective.tau_m == pytest.approx(np.full(3, 250e-3 / 13))
    assert placed.effective.rheobase == pytest.approx(CELL.rheobase * 13 / 12.5)
    # And it is: of 12, 13 and 14 last bits a tick only the last fires.
    unit = THETA / 250 / DT
    for current, fires in ((12, False), (13, False), (14, True)):
        machine = place(network, DT, rounding="nearest", threshold=250, currents=current * unit).image
        record = machine.machine.run(machine.inputs(stimulus.constant(3, 1.0, current * unit)))
        assert (len(record.spikes) > 0) is fires


def test_volts_are_relative_to_the_leak_potential() -> None:
    placed = place(Network(CELL, 2, 1, synapses.sparse([2], [1], 0.4 * THETA, DT)), DT, threshold=200)
    assert placed.image.volts(np.array([[0, 200]]), np.array([0, 1])) == pytest.approx(np.array([[-70e-3, -50e-3]]))


def fan_out(targets: int, delay: int) -> Network:
    """A source drives neuron 0, which drives all others."""
    first = synapses.sparse([targets + 1], [0], 1.2 * THETA, DT)
    others = synapses.sparse(np.zeros(targets, dtype=np.int64), np.arange(1, targets + 1), 1.2 * THETA, delay * DT)
    return Network(CELL, targets + 1, 1, synapses.joined([first, others]))


@pytest.mark.parametrize(("targets", "delay"), [(5, 1), (40, 1), (100, 2), (100, 14), (100, 40)])
def test_fan_out_takes_a_tick_for_each_level_of_relays(targets: int, delay: int) -> None:
    """On cores of 8 neurons 100 targets are on 13 axons: a relay core reaches 8, so there are two levels."""
    network = fan_out(targets, delay)
    placed = place(network, DT, axons=8, neurons=8, threshold=200)
    record = placed.image.machine.run(MachineInputs(60, targets + 1, 1, np.array([[3, 0]])))
    assert record.spikes.tolist() == [[4, 0], *([5 + delay, n] for n in range(1, targets + 1))]


@pytest.mark.parametrize(
    ("network", "options", "message"),
    [
        (
            fan_out(100, 1),
            {"axons": 8, "neurons": 8},
            "Delay of the synapses of neuron 0 on TrueNorth must be long enough for relays, of a tick each, to 13",
        ),
        (
            Network(
                CELL,
                1,
                5,
                synapses.sparse(np.arange(1, 6), np.zeros(5, dtype=np.int64), THETA * np.arange(1, 6) / 10, DT),
            ),
            {},
            "Different weights of neuron 0 must be at most 4 on TrueNorth, not 5",
        ),
        (
            Network(
                CELL,
                1,
                4,
                synapses.sparse(np.arange(1, 5), np.zeros(4, dtype=np.int64), THETA * np.arange(1, 5) / 10, DT),
            ),
            {"currents": 0.1 * THETA / DT},
            "Different weights of neuron 0 must be at most 3 on TrueNorth, not 4",
        ),
        (
            Network(CELL, 1, 300, synapses.sparse(np.arange(1, 301), np.zeros(300, dtype=np.int64), THETA / 10, DT)),
            {},
            "Axons that neuron 0 needs must be at most 256 on TrueNorth, not 300",
        ),
        (
            Network(LIFNeuron(C_m=1e-10, g_L=5e-9, E_L=0, V_th=0.02, V_reset=0, tau_syn=5e-3)),
            {},
            "Neuron tau_syn on TrueNorth must be none: its input spikes are charges, not given",
        ),
        (
            Network(LIFNeuron(C_m=1e-10, g_L=5e-9, E_L=0, V_th=0.02, V_reset=0, t_ref=2e-3)),
            {},
            "Neuron t_ref on TrueNorth must be 0: it has no refractory time, not 2 ticks",
        ),
        (Network(CELL), {"threshold": 2**18}, "Threshold on TrueNorth must be within 1 to 262143, not 262144"),
        (
            Network(CELL),
            {"threshold": 210},
            "Leak (threshold dt / tau_m) in last bits of a TrueNorth neuron must be an integer (nearest 10",
        ),
        (
            Network(CELL),
            {"threshold": 9, "rounding": "nearest"},
            "Leak of neuron 0 on TrueNorth must be at least 1 last bit a tick, not 0.45",
        ),
        (
            Network(CELL, 1, 1, synapses.sparse([1], [0], 300 * THETA, DT)),
            {},
            "Weights, leak and current of neuron 0 on TrueNorth must be at most 255 thresholds a tick, not 300",
        ),
        (
            Network(CELL, 1, 1, synapses.sparse([1], [0], THETA, 1.5e-3)),
            {},
            "Synapse delay must be a multiple of the time step (0.001 s), not 0.0015 s",
        ),
        (Network(CELL), {"axons": 300}, "Axons of a core on TrueNorth must be within 1 to 256, not 300"),
        (Network(CELL), {"rounding": "stochastic"}, "Stochastic rounding must be given a seed, not none"),
    ],
)
def test_what_the_machine_cannot_hold_is_refused(network: Network, options: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}") as caught:
        place(network, DT, **options)
    assert isinstance(caught.value, QuantisationError) or "Synapse delay" in message or "Stochastic" in message


def test_several_synapses_between_two_neurons_are_one() -> None:
    rng = np.random.default_rng(3)
    table = synapses.fixed_in_degree(12, 20, 9, 0.1 * THETA, 2 * DT, 1)
    assert len(np.unique(np.column_stack((table.pre, table.post)), axis=0)) < len(table)
    network = Network.of([Population("cells", 20, CELL), Population("in", 12)], [Projection("in", "cells", table)])
    placed = place(network, DT, threshold=200)
    spikes = np.unique(np.column_stack((rng.integers(0, 90, 200), rng.integers(0, 12, 200))), axis=0)
    record = placed.image.machine.run(MachineInputs(100, 20, 12, spikes))
    fired, _ = logical(network, placed, spikes.tolist(), 100)
    assert len(fired) > 20
    assert record.spikes.tolist() == [list(row) for row in fired]
