"""The ticks of a TrueNorth chip twice more: in plain ints, to be read beside the contract, and with NumPy.

The compiled loop (golden.machines.truenorth_kernel) must equal both, bit for bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from golden import lfsr
from golden.machines.truenorth import SLOTS, Packet
from golden.neurons.truenorth import ETA_BITS, RHO_BITS, Neuron, Random, fire, leak, receive, tick

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from golden.fixed import IntArray
    from golden.machines.run import MachineInputs, MachineRecord
    from golden.machines.truenorth import TrueNorthMachine

#: One tick of one neuron, as ``golden.neurons.truenorth.tick``.
Update: TypeAlias = "Callable[[Neuron, int, Sequence[int], Random], tuple[int, bool]]"


class Mesh:
    """The schedulers of all cores, and the way of a spike to them."""

    def __init__(self, machine: TrueNorthMachine) -> None:
        self.machine = machine
        self.slots: list[list[set[int]]] = [[set() for _ in range(SLOTS)] for _ in range(machine.cores)]
        self.merged = self.left = 0

    def arrive(self, core: int, axon: int, tick: int) -> None:
        """Make an axon active in ``tick``, which is at most 15 ticks ahead."""
        slot = self.slots[core][tick % SLOTS]
        self.merged += axon in slot
        slot.add(axon)

    def take(self, core: int, tick: int) -> list[int]:
        """The active axons of a core in this tick, ascending; the slot is clear for tick + 16."""
        active = sorted(self.slots[core][tick % SLOTS])
        self.slots[core][tick % SLOTS].clear()
        return active

    def send(self, core: int, neuron: int, now: int) -> None:
        """Send a neuron's packet on its way, hop by hop."""
        dx, dy, axon, t = self.machine.destinations[core, neuron].tolist()
        if t < 0:
            return
        packet = Packet.unpack(Packet(dx, dy, axon, t).pack())
        x, y = core % self.machine.columns, core // self.machine.columns
        while (packet.dx, packet.dy) != (0, 0):
            east, north, packet = packet.hop()
            x, y = x + east, y + north
        if 0 <= x < self.machine.columns and 0 <= y < self.machine.rows:
            self.arrive(y * self.machine.columns + x, packet.axon, now + 1 + packet.t)
        else:
            self.left += 1


def run_scalar(
    machine: TrueNorthMachine, inputs: MachineInputs, recorded: IntArray, update_of: Update = tick
) -> MachineRecord:
    """TrueNorthMachine.run, neuron after neuron, event after event; ``update_of`` a neuron is ``tick`` or its like."""
    neurons = [machine.population.neuron(place) for place in range(machine.cores * machine.neurons)]
    potential = [0] * len(neurons)
    randoms = [Random(int(seed)) for seed in machine.seeds]

    def update(core: int, active: list[int]) -> list[int]:
        fired = []
        for k in range(machine.neurons):
            place = core * machine.neurons + k
            types = [int(machine.axon_types[core, axon]) for axon in active if machine.crossbar[core, axon, k]]
            potential[place], spike = update_of(neurons[place], potential[place], types, randoms[core])
            if spike:
                fired.append(k)
        return fired

    return _run(machine, inputs, recorded, update, lambda places: np.array([potential[place] for place in places]))


def run_numpy(machine: TrueNorthMachine, inputs: MachineInputs, recorded: IntArray) -> MachineRecord:
    """TrueNorthMachine.run, a core at a time as arrays."""
    population, size = machine.population.neurons, machine.neurons
    cores = [
        Neuron(*([a[c * size : (c + 1) * size] for a in f] if isinstance(f, list) else f[c * size : (c + 1) * size]
                 for f in population))
        for c in range(machine.cores)
    ]  # fmt: skip
    potential = np.zeros((machine.cores, size), dtype=np.int64)
    randoms = [Random(int(seed)) for seed in machine.seeds]

    def update(core: int, active: list[int]) -> list[int]:
        p, v = cores[core], potential[core]
        types = machine.axon_types[core]
        drawn = [machine.crossbar[core, axon] * p.stochastic_weights[types[axon]] for axon in active]
        last = (p.stochastic_leak, np.asarray(p.random_bits > 0, dtype=np.int64))
        draws = np.array([*drawn, *last])
        numbers = _numbers(randoms[core], int(draws.sum()))
        # Neurons ascending, and within a neuron its events, leak and threshold: the transposed table in its order.
        place = np.cumsum(draws.T.ravel()).reshape(draws.T.shape).T - 1
        rho = np.where(draws > 0, numbers[place], 0)
        for row, axon in enumerate(active):
            g = types[axon]
            after = receive(v, p.weights[g], p.stochastic_weights[g], rho[row] & ((1 << RHO_BITS) - 1))
            v = np.where(machine.crossbar[core, axon], after, v)
        v = leak(p, v, rho[-2] & ((1 << RHO_BITS) - 1))
        potential[core], spike = fire(p, v, rho[-1] & ((1 << ETA_BITS) - 1))
        fired: list[int] = np.flatnonzero(spike).tolist()
        return fired

    return _run(machine, inputs, recorded, update, lambda places: potential.ravel()[places])


def _numbers(random: Random, count: int) -> IntArray:
    """The next ``count`` states of a core's LFSR; at least one number, unused, where there are none."""
    states = []
    for _ in range(count):
        random.state = lfsr.step(random.state)
        states.append(random.state)
    return np.array(states or [0], dtype=np.int64)


def _run(
    machine: TrueNorthMachine,
    inputs: MachineInputs,
    recorded: IntArray,
    update: Callable[[int, list[int]], list[int]],
    potentials: Callable[[IntArray], IntArray],
) -> MachineRecord:
    """The ticks: sources' spikes come in, every core takes its active axons, what fires is sent."""
    arrivals = machine.arrivals(inputs)
    edges = np.searchsorted(arrivals[:, 0], np.arange(inputs.ticks + 1))
    mesh = Mesh(machine)
    v, spikes = np.empty((inputs.ticks, recorded.size), dtype=np.int64), []
    for now in range(inputs.ticks):
        for _, core, axon in arrivals[edges[now] : edges[now + 1]].tolist():
            mesh.arrive(core, axon, now)
        for core in range(machine.cores):
            for k in update(core, mesh.take(core, now)):
                spikes.append((now, core * machine.neurons + k))
                mesh.send(core, k, now)
        v[now] = potentials(machine.outputs[recorded])
    table = np.array(spikes, dtype=np.int64).reshape(-1, 2)
    return machine.network_record(table, recorded, v, {"merged": mesh.merged, "left": mesh.left})
