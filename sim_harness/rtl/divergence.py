"""Where two records first differ, and why: which change of the golden step makes it go wrong in the same way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from golden import integer
from golden.integer import IntegerRecord, TickInputs
from golden.neurons.lif_fixed import FixedLIF, State
from sim_harness.rtl.alternatives import Alternative, Tick, alternatives
from sim_harness.rtl.records import RtlRecord

if TYPE_CHECKING:
    from golden.fixed import IntArray

#: Ticks before and after the divergence in which a cause must explain everything.
BEFORE, AFTER = 200, 40


@dataclass(frozen=True)
class Divergence:
    """The first difference of two records a (the reference) and b.

    tick, neuron       where
    before             state that both had after the tick before
    state_a, state_b   states after this tick; None when that neuron's states are not recorded
    spike_a, spike_b   whether the neuron fired in this tick
    cause              the most likely one
    """

    tick: int
    neuron: int
    before: State
    state_a: State | None
    state_b: State | None
    spike_a: bool
    spike_b: bool
    cause: str

    def __str__(self) -> str:
        def told(state: State | None, spike: bool) -> str:
            values = ", ".join(f"{k} = {v}" for k, v in state._asdict().items()) if state else "state not recorded"
            return f"{values}, {'spike' if spike else 'no spike'}"

        return (
            f"tick {self.tick}, neuron {self.neuron}: {told(self.state_a, self.spike_a)} expected, "
            f"{told(self.state_b, self.spike_b)} found; likely cause: {self.cause}"
        )


def first_divergence(a: IntegerRecord, b: IntegerRecord, lif: FixedLIF, inputs: TickInputs) -> Divergence | None:
    """The first tick, and in it the first neuron, in which the records differ; None when they are equal.

    States are compared for the neurons that both records have, spikes for all. An RtlRecord whose retire port
    contradicts itself diverges even when states and spikes agree.
    """
    places = [place for place in (_first_state(a, b), _first_spike(a, b)) if place is not None]
    faults = [record.fault for record in (a, b) if isinstance(record, RtlRecord) and record.fault is not None]
    places += [(fault.tick, fault.neuron) for fault in faults]
    if not places:
        return None
    tick, neuron = min(places)
    histories = [_History(record, neuron) for record in (a, b)]
    state_a, state_b = (history.state(tick) for history in histories)
    spike_a, spike_b = (history.fired(tick) for history in histories)
    case = _Case(lif, inputs, neuron, tick, histories[0])
    if (state_a, spike_a) == (state_b, spike_b):
        texts = [fault.text for fault in faults if (fault.tick, fault.neuron) == (tick, neuron)]
        cause = texts[0] if texts else "spikes of one tick out of ascending order, or twice"
    else:
        cause = case.cause(histories[1])
    return Divergence(tick, neuron, case.before, state_a, state_b, spike_a, spike_b, cause)


def _first_state(a: IntegerRecord, b: IntegerRecord) -> tuple[int, int] | None:
    shared, column_a, column_b = np.intersect1d(a.recorded, b.recorded, return_indices=True)
    differs = np.zeros((min(len(a.v), len(b.v)), shared.size), dtype=bool)
    for x, y in ((a.v, b.v), (a.i, b.i), (a.r, b.r)):
        differs |= x[: len(differs), column_a] != y[: len(differs), column_b]
    if not differs.any():
        return None
    tick, column = np.unravel_index(int(differs.argmax()), differs.shape)
    return int(tick), int(shared[column])


def _first_spike(a: IntegerRecord, b: IntegerRecord) -> tuple[int, int] | None:
    length = min(len(a.spikes), len(b.spikes))
    wrong = np.flatnonzero((a.spikes[:length] != b.spikes[:length]).any(axis=1))
    row = int(wrong[0]) if wrong.size else length
    rest = [(int(s[row, 0]), int(s[row, 1])) for s in (a.spikes, b.spikes) if row < len(s)]
    return min(rest, default=None)


class _History:
    """One neuron in one record."""

    def __init__(self, record: IntegerRecord, neuron: int) -> None:
        self._spikes = set(record.spikes[record.spikes[:, 1] == neuron, 0].tolist())
        columns = np.flatnonzero(record.recorded == neuron)
        self._table = np.stack([record.v, record.i, record.r])[:, :, columns[0]] if columns.size else None

    def state(self, tick: int) -> State | None:
        if self._table is None or not 0 <= tick < self._table.shape[1]:
            return None
        return State(*self._table[:, tick].tolist())

    def fired(self, tick: int) -> bool:
        return tick in self._spikes


class _Case:
    """One neuron around the tick of its divergence."""

    def __init__(self, lif: FixedLIF, inputs: TickInputs, neuron: int, tick: int, reference: _History) -> None:
        self.format, self.tick, self.neuron = lif.format, tick, neuron
        self.parameters = lif.parameters_of(neuron)
        self.first = max(0, tick - BEFORE)
        self.last = min(inputs.ticks - 1, tick + AFTER)
        mine = inputs.currents[inputs.currents[:, 1] == neuron]
        last = np.searchsorted(mine[:, 0], np.arange(self.last + 1), side="right") - 1
        self.currents = np.where(last >= 0, mine[last, 2] if len(mine) else 0, 0).tolist()
        self.events: dict[int, list[int]] = {}
        for at, _, weight in inputs.events[inputs.events[:, 1] == neuron].tolist():
            self.events.setdefault(at, []).append(weight)
        self.reference = reference
        # Neurons do not see each other: where the reference has no states, one golden neuron alone tells them.
        self._alone = None if reference.state(0) is not None else self._run_alone(lif, mine, inputs)
        self.before = self._state(tick - 1)

    def _run_alone(self, lif: FixedLIF, currents: IntArray, inputs: TickInputs) -> IntegerRecord:
        values = {name: np.asarray(getattr(self.parameters, name)) for name in lif.format.parameters}
        events = inputs.events[inputs.events[:, 1] == self.neuron]
        one = [np.column_stack((table[:, 0], 0 * table[:, 1], table[:, 2])) for table in (currents, events)]
        return integer.run(FixedLIF(lif.format, 1, values), TickInputs(inputs.ticks, 1, *one))

    def _state(self, tick: int) -> State:
        if tick < 0:
            return State(0, 0, 0)
        if self._alone is not None:
            return State(*(int(x[tick, 0]) for x in (self._alone.v, self._alone.i, self._alone.r)))
        state = self.reference.state(tick)
        assert state is not None  # asked only for ticks and neurons that the reference has
        return state

    def cause(self, wrong: _History) -> str:
        """What explains most: an alternative for all ticks at hand, a shift in time, a spike lost, or less."""
        here, expected = wrong.state(self.tick), self._state(self.tick)
        reach = {name: self._agreed(alternative, wrong) for name, alternative in alternatives(self.format)}
        best = max(reach, key=lambda name: reach[name])
        if reach[best] > self.last:
            return best
        for ticks, name in ((1, "one tick late, or not updated in this one"), (-1, "one tick early")):
            if self._shifted(wrong, ticks):
                return f"timing: the neuron is {name}"
        if here == expected:
            return "spike lost on its way out" if self.reference.fired(self.tick) else "spike sent that nobody fired"
        if reach[best] > self.tick:
            return best
        if here is None:
            return "unknown; states are not recorded"
        if here == self.before:
            return "timing: the neuron was not updated in this tick"
        different = [name for name in State._fields if getattr(here, name) != getattr(expected, name)]
        if len(different) > 1:
            return "unknown"
        (name,) = different
        off = abs(getattr(here, name) - getattr(expected, name))
        return f"rounding: {name} is off by its last bit" if off == 1 else f"only {name} is wrong"

    def _shifted(self, wrong: _History, ticks: int) -> bool:
        """Whether the states from here on are those that the reference has so many ticks earlier."""
        window = range(self.tick, self.last + min(0, ticks) + 1)
        states = [wrong.state(tick) for tick in window]
        return len(window) > 1 and None not in states and states == [self._state(tick - ticks) for tick in window]

    def _agreed(self, alternative: Alternative, wrong: _History) -> int:
        """First tick at which the alternative does not give what was found; its own states are carried along."""
        state = self._state(self.first - 1)
        for tick in range(self.first, self.last + 1):
            state, spike = alternative(self._inputs_of(tick, state))
            found = wrong.state(tick)
            if bool(spike) != wrong.fired(tick) or (found is not None and found != state):
                return tick
        return self.last + 1

    def _inputs_of(self, tick: int, state: State) -> Tick:
        near = range(tick - 1, tick + 2)
        before, now, after = (self.currents[min(max(k, 0), self.last)] if k >= 0 else 0 for k in near)
        weights = tuple(self.events.get(k, ()) for k in near)
        return Tick(self.format, self.parameters, state, (before, now, after), (weights[0], weights[1], weights[2]))
