"""Waveform relaxation: neurons that are simulated one by one, each over the whole time, exchange spikes until they fit.

A pass runs every neuron whose input has changed, with the spikes of the pass before.  Neurons that do not reach
themselves through synapses get their input from neurons that are done: a feed-forward network takes one pass, and its
cost is linear in its neurons.  Loops (strongly connected components) are repeated.  A spike arrives no sooner than the
shortest delay after it was fired, so each pass makes one more window of that length final, whatever the loop does, and
its input is kept from then on: after duration / shortest delay passes nothing can change, and mostly far earlier.

Sources: Lelarasmee, Ruehli and Sangiovanni-Vincentelli, IEEE TCAD 1:131 (1982); windows of the shortest delay as in
Morrison, Mehring, Geisel, Aertsen and Diesmann, Neural Computation 17:1776 (2005).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from golden.stimulus import Stimulus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from golden.network import Network
    from golden.neurons.lif import FloatArray

    #: Runs the neurons named, each with its own input of the stimulus; returns their spike times [s].
    Fire = Callable[[Stimulus, Sequence[int]], Mapping[int, FloatArray]]


@dataclass(frozen=True, eq=False)
class Relaxed:
    """The spikes on which all neurons agree.

    spikes    ascending spike times [s] of each neuron
    inputs    what each neuron got in its last run: the stimulus, and what came through synapses as input spikes
    runs      simulations of a single neuron; ``passes`` of the loop that took most of them
    """

    spikes: tuple[FloatArray, ...]
    inputs: Stimulus
    runs: int
    passes: int


def relax(
    network: Network,
    stimulus: Stimulus,
    fire: Fire,
    tolerance: float = 0.0,
    progress: Callable[[float], None] | None = None,
) -> Relaxed:
    """Spikes of ``network`` under ``stimulus`` by ``fire``, which knows single neurons only.

    ``tolerance``  [s] by which spikes may still move between a neuron's last run and the one before, as long as their
                   number stays
    ``progress``   called with the fraction of neurons done

    A neuron's input spikes are rows of (time, neuron, weight), ascending.
    """
    spikes: list[FloatArray] = [np.empty(0) for _ in range(network.size)]
    inbox = _Arrivals(network, stimulus)
    runs = most = done = 0
    for level in levels(network):
        inputs = inbox.of(level, spikes)
        pending, passes = level, 0
        while pending:
            found = fire(inbox.stimulus(inputs), pending)
            runs += len(pending)
            passes += 1
            for neuron in pending:
                spikes[neuron] = np.asarray(found[neuron])
            now = inbox.of(level, spikes)
            for neuron in level:
                # Nothing but a simulator's noise can have moved these: counted, not cut by time, so that none is lost.
                final = int(np.searchsorted(inputs[neuron][:, 0], passes * inbox.shortest))
                now[neuron] = np.concatenate((inputs[neuron][:final], now[neuron][final:]))
            pending = [neuron for neuron in level if not _settled(inputs[neuron], now[neuron], tolerance)]
            inputs |= {neuron: now[neuron] for neuron in pending}
        inbox.keep(inputs)
        most = max(most, passes)
        done += len(level)
        if progress is not None:
            progress(done / network.size)
    return Relaxed(tuple(spikes), inbox.stimulus({}), runs, most)


def arrivals(network: Network, stimulus: Stimulus, spikes: Sequence[FloatArray]) -> Stimulus:
    """The stimulus with all that ``spikes`` [s], one array a neuron, bring through the synapses as input spikes."""
    every = _Arrivals(network, stimulus)
    return every.stimulus(every.of(range(network.size), spikes))


def levels(network: Network) -> list[list[int]]:
    """Neurons in the order in which they can be run: each list needs earlier ones and, in loops, itself."""
    pre, post = network.synapses.pre, network.synapses.post
    inner = pre < network.size  # the others are sources
    edges = coo_array((np.ones(inner.sum()), (pre[inner], post[inner])), shape=(network.size, network.size))
    count, component = connected_components(edges.tocsr(), connection="strong")
    before: list[set[int]] = [set() for _ in range(count)]
    for source, target in {
        (int(component[a]), int(component[b])) for a, b in zip(pre[inner], post[inner], strict=True)
    }:
        if source != target:
            before[target].add(source)
    depth = [-1] * count
    ready = [c for c in range(count) if not before[c]]
    after: list[list[int]] = [[] for _ in range(count)]
    for target, sources in enumerate(before):
        for source in sources:
            after[source].append(target)
    missing = [len(sources) for sources in before]
    while ready:
        c = ready.pop()
        depth[c] = max((depth[source] + 1 for source in before[c]), default=0)
        for target in after[c]:
            missing[target] -= 1
            if not missing[target]:
                ready.append(target)
    of_neuron = np.array(depth)[component]
    return [np.flatnonzero(of_neuron == d).tolist() for d in range(max(depth) + 1)]


def _settled(before: FloatArray, after: FloatArray, tolerance: float) -> bool:
    """Whether two inputs are the same, up to ``tolerance`` [s] in their times."""
    if before.shape != after.shape or not np.array_equal(before[:, 1], after[:, 1]):
        return False
    return bool((np.abs(before[:, 0] - after[:, 0]) <= tolerance).all())


class _Arrivals:
    """Input spikes of neurons: those of the stimulus, and those that come through synapses."""

    def __init__(self, network: Network, stimulus: Stimulus) -> None:
        self.network, self.given = network, stimulus
        synapses = network.synapses
        self.shortest = float(synapses.delay.min()) if len(synapses) else stimulus.duration
        order = np.argsort(synapses.post, kind="stable")
        bounds = np.searchsorted(synapses.post[order], np.arange(network.size + 1))
        self._incoming = [order[a:b] for a, b in pairwise(bounds.tolist())]
        self._sources = [
            stimulus.source_spikes[stimulus.source_spikes[:, 1] == source, 0] for source in range(network.sources)
        ]
        self._kept: dict[int, FloatArray] = {}

    def of(self, neurons: Sequence[int], spikes: Sequence[FloatArray]) -> dict[int, FloatArray]:
        """(S, 2) rows of time [s] and weight for each neuron, ascending in time, then in synapse."""
        return {neuron: self._rows(neuron, spikes) for neuron in neurons}

    def keep(self, inputs: Mapping[int, FloatArray]) -> None:
        """These are final."""
        self._kept |= inputs

    def stimulus(self, inputs: Mapping[int, FloatArray]) -> Stimulus:
        """The stimulus with ``inputs``, and what has been kept, as input spikes; no synapses are needed any more."""
        known = self._kept | dict(inputs)
        rows = [np.column_stack((known[n][:, 0], np.full(len(known[n]), n), known[n][:, 1])) for n in sorted(known)]
        every = np.concatenate(rows) if rows else np.empty((0, 3))
        every = every[np.argsort(every[:, 0], kind="stable")]
        return Stimulus(self.given.duration, self.given.times, self.given.currents, every, self.given.seed)

    def _rows(self, neuron: int, spikes: Sequence[FloatArray]) -> FloatArray:
        synapses, size = self.network.synapses, self.network.size
        parts = [self.given.spikes_of(neuron)]
        for synapse in self._incoming[neuron].tolist():
            pre = int(synapses.pre[synapse])
            times = (spikes[pre] if pre < size else self._sources[pre - size]) + synapses.delay[synapse]
            parts.append(np.column_stack((times, np.full(times.size, synapses.weight[synapse]))))
        rows = np.concatenate(parts)
        rows = rows[rows[:, 0] < self.given.duration]
        found: FloatArray = rows[np.argsort(rows[:, 0], kind="stable")]
        return found
