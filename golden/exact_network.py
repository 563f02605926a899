"""Exact events of a network: neurons wait for each other only where a spike is on its way.

One queue holds, by time, what is known to happen: steps of the current, input spikes, fronts (the synapses of one
spike that share a delay and so arrive together) and the next spike of every neuron as far as is known now. Whatever
reaches a neuron moves it there in closed form and forecasts its next spike anew; the forecast before is void. All
delays are positive, so nothing that is still to come can change what the queue gives next.

At one instant: neurons that reach threshold by themselves fire; then the current steps; then all that arrives through
synapses acts as one sum, rounded once; then the input spikes act in the order of their rows. The result depends
neither on the order of the neurons nor on that of the synapses.

Source: Brette, Neural Computation 18 (2006); Mattia & Del Giudice, Neural Computation 12 (2000).
"""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from golden.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from golden.membrane import Cell
    from golden.network import Network
    from golden.stimulus import Stimulus
    from golden.synapses import Synapses


class Kind:
    """What an event is, in the order of an instant."""

    FIRES, STEP, FRONT, INPUT = range(4)


class Event(NamedTuple):
    """Something at ``time`` [s]: ``which`` neuron, step, front or input spike; a neuron's forecasts are numbered."""

    time: float
    kind: int
    which: int
    forecast: int = 0


def run(
    cells: Sequence[Cell],
    network: Network,
    stimulus: Stimulus,
    most: int,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Move all ``cells`` to the end of the stimulus; SpecError when a neuron fires more than ``most`` times."""
    simulation = _Simulation(cells, network, stimulus, most)
    done = 0
    while simulation.queue:
        now = simulation.queue[0].time
        simulation.happen(now)
        done += 1
        if progress is not None and done % 1024 == 0:
            progress(now / stimulus.duration)
    for cell in cells:
        cell.advance(stimulus.duration)
        cell.finish()


class _Simulation:
    """The queue and what it refers to."""

    def __init__(self, cells: Sequence[Cell], network: Network, stimulus: Stimulus, most: int) -> None:
        self.cells, self.stimulus, self.most, self.end = cells, stimulus, most, stimulus.duration
        self.fronts = _Fronts(network.synapses)
        self.shortest = float(network.synapses.delay.min())
        self.forecasts = [0] * len(cells)
        steps = [Event(time, Kind.STEP, index) for index, time in enumerate(stimulus.times.tolist())]
        inputs = [Event(time, Kind.INPUT, index) for index, time in enumerate(stimulus.spikes[:, 0].tolist())]
        self.queue = steps + inputs
        for time, source in stimulus.source_spikes.tolist():
            self.queue += self._arrivals(time, network.size + int(source))
        heapq.heapify(self.queue)

    def happen(self, now: float) -> None:
        """All that happens at one instant."""
        touched: set[int] = set()
        sums: defaultdict[int, list[float]] = defaultdict(list)
        inputs = []
        while self.queue and self.queue[0].time == now:
            event = heapq.heappop(self.queue)
            match event.kind:
                case Kind.FIRES if event.forecast == self.forecasts[event.which]:
                    self.cells[event.which].advance(now)
                    self._fire(event.which)
                    touched.add(event.which)
                case Kind.STEP:
                    touched.update(self._step(event.which, now))
                case Kind.FRONT:
                    for target, weight in self.fronts.synapses(event.which):
                        sums[target].append(weight)
                case Kind.INPUT:
                    inputs.append(event.which)
        for neuron, weights in sums.items():
            self._arrive(neuron, now, math.fsum(weights))
        for _, neuron, weight in self.stimulus.spikes[inputs].tolist():
            self._arrive(int(neuron), now, weight)
            touched.add(int(neuron))
        for neuron in touched | sums.keys():
            self._forecast(neuron)

    def _step(self, index: int, now: float) -> list[int]:
        """The neurons whose current changes, moved there with the new one."""
        currents = self.stimulus.currents
        changed = currents[index] != (currents[index - 1] if index else 0.0)
        neurons: list[int] = (np.flatnonzero(changed) if index else np.arange(len(self.cells))).tolist()
        for neuron in neurons:
            self.cells[neuron].advance(now)
            self.cells[neuron].current = float(currents[index, neuron])
        return neurons

    def _arrive(self, neuron: int, now: float, weight: float) -> None:
        cell = self.cells[neuron]
        cell.advance(now)
        cell.arrive(weight)
        if cell.due:
            self._fire(neuron)

    def _fire(self, neuron: int) -> None:
        cell = self.cells[neuron]
        cell.fire()
        if len(cell.fired) > self.most:
            raise endless(neuron, self.most)
        for event in self._arrivals(cell.now, neuron):
            heapq.heappush(self.queue, event)

    def _arrivals(self, time: float, pre: int) -> list[Event]:
        """The fronts of a spike at ``time`` that arrive before the end."""
        fronts = self.fronts.of(pre)
        arrivals = [Event(time + self.fronts.delays[front], Kind.FRONT, front) for front in fronts]
        return [event for event in arrivals if event.time < self.end]

    def _forecast(self, neuron: int) -> None:
        """Put the neuron's next spike into the queue, as if nothing would reach it any more."""
        cell = self.cells[neuron]
        if cell.due:  # a rounded potential at threshold where a step of the current left it
            self._fire(neuron)
        undisturbed = min(self.queue[0].time if self.queue else self.end, cell.now + self.shortest, self.end)
        if len(cell.fired) + cell.least_spikes(undisturbed) > self.most:
            raise endless(neuron, self.most)
        self.forecasts[neuron] += 1
        time = cell.next_spike(self.end)
        if time is not None:
            heapq.heappush(self.queue, Event(time, Kind.FIRES, neuron, self.forecasts[neuron]))


class _Fronts:
    """Synapses in fronts: those of one presynaptic index that share a delay; ``delays`` [s] has one for each front."""

    def __init__(self, synapses: Synapses) -> None:
        order = np.lexsort((synapses.delay, synapses.pre))
        pre, delay = synapses.pre[order], synapses.delay[order]
        self._post, self._weight = synapses.post[order], synapses.weight[order]
        first = np.flatnonzero(np.r_[True, (np.diff(pre) != 0) | (np.diff(delay) != 0)])
        self.delays: list[float] = delay[first].tolist()
        self._edges: list[int] = [*first.tolist(), len(pre)]
        owners, begins = np.unique(pre[first], return_index=True)
        ends = [*begins[1:].tolist(), first.size]
        self._of = {pre: range(*edges) for pre, *edges in zip(owners.tolist(), begins.tolist(), ends, strict=True)}

    def of(self, pre: int) -> range:
        """The fronts of a presynaptic index."""
        return self._of.get(pre, range(0))

    def synapses(self, front: int) -> Iterable[tuple[int, float]]:
        """Target and weight of each synapse of a front."""
        part = slice(self._edges[front], self._edges[front + 1])
        return zip(self._post[part].tolist(), self._weight[part].tolist(), strict=True)


def endless(neuron: int, most: int) -> SpecError:
    """A neuron that makes more than ``most`` spikes."""
    rule = f"weak enough for at most {most:g} spikes"
    return SpecError.rule(f"Input of neuron {neuron}", rule, "one that makes more (currents are in A)")
