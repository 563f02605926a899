"""Exact, event-driven dynamics: no time step, spike times to the last bits of a double.

Neurons without synapses know all their events before they start, and run one after another, each from event to
event (golden.membrane).  A network runs in the order of its events (golden.exact_network).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from golden import exact_network
from golden.errors import SpecError
from golden.membrane import Cell, Membrane
from golden.network import check_stimulus
from golden.trace import Header, Trace, recorded_neurons, versions

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

    from golden.network import Network
    from golden.stimulus import Stimulus


#: Most spikes of one neuron: a minute's work, and far more than a current in the right unit makes.
MOST_SPIKES = 10_000_000


def simulate(
    network: Network,
    stimulus: Stimulus,
    *,
    record: ArrayLike = (),
    samples: ArrayLike = (),
    progress: Callable[[float], None] | None = None,
) -> Trace:
    """Run ``network`` from rest (V = E_L, no synaptic current) and return its exact spikes.

    ``record``   neurons whose state is kept at the times ``samples`` [s]: ``v`` [V], and ``i_syn`` [A] with
                 tau_syn. A sample at an instant of a spike shows the state after it.

    At one instant the current steps first; then all that arrives through synapses acts as one sum; then the input
    spikes of the stimulus act one after another, in the order of their rows.

    Raises SpecError for input that makes a neuron fire more than ``MOST_SPIKES`` times.
    """
    check_stimulus(network, stimulus)
    recorded = recorded_neurons(record, network.size)
    times = np.asarray(samples, dtype=np.float64)
    if times.size and not (times[0] >= 0 and (np.diff(times) >= 0).all() and times[-1] <= stimulus.duration):
        raise SpecError.rule(
            "Sample times",
            f"ascending within 0 to {stimulus.duration:g} s",
            np.array2string(times, threshold=5),
        )
    neurons, sampled = network.neurons, set(recorded.tolist())
    cells = [
        Cell(Membrane.of(neurons[index]), times if index in sampled else np.empty(0)) for index in range(network.size)
    ]
    if len(network.synapses):
        exact_network.run(cells, network, stimulus, MOST_SPIKES, progress)
    else:
        for index, cell in enumerate(cells):
            _run(index, cell, _pieces(stimulus, index), stimulus.duration)
            if progress is not None:
                progress((index + 1) / network.size)
    states = {
        "v": np.array([cells[index].u_samples + cells[index].membrane.v_th for index in recorded.tolist()]),
        "i_syn": np.array([cells[index].i_samples for index in recorded.tolist()]),
    }
    if network.neuron.tau_syn is None:
        del states["i_syn"]
    header = Header(
        engine="exact",
        network=network.hash(),
        stimulus=stimulus.hash(),
        size=network.size,
        duration=stimulus.duration,
        seed=stimulus.seed,
        versions=versions(),
    )
    return Trace(
        header,
        np.array([(time, index) for index, cell in enumerate(cells) for time in cell.fired]).reshape(-1, 2),
        recorded,
        times,
        {name: values.reshape(recorded.size, times.size).T for name, values in states.items()},
        {"v": "V", "i_syn": "A"},
    )


class Event(NamedTuple):
    """What happens to one neuron: from ``time`` on the current is ``current``, and ``weight`` arrives."""

    time: float
    current: float
    weight: float


def _pieces(stimulus: Stimulus, neuron: int) -> list[Event]:
    """The neuron's events in order of time; the current in force is repeated at every input spike."""
    currents = stimulus.currents[:, neuron]
    steps = [(float(t), 0, float(c)) for t, c in zip(stimulus.times, currents, strict=True)]
    arrivals = [(float(t), 1, float(w)) for t, w in stimulus.spikes_of(neuron)]
    current, events = 0.0, []
    for time, is_spike, value in sorted(steps + arrivals, key=lambda item: item[:2]):
        if is_spike:
            events.append(Event(time, current, value))
        else:
            current = value
            events.append(Event(time, current, 0.0))
    return events


def _run(neuron: int, cell: Cell, events: list[Event], duration: float) -> None:
    """Run one neuron to ``duration``; ``neuron`` names it in errors."""
    for event, following in zip(events, [*events[1:], None], strict=True):
        end = duration if following is None else following.time
        cell.current = event.current
        cell.arrive(event.weight)
        if cell.due:
            cell.fire()
        if len(cell.fired) + cell.least_spikes(end) > MOST_SPIKES:
            raise exact_network.endless(neuron, MOST_SPIKES)
        while (time := cell.next_spike(end)) is not None:
            cell.advance(time)
            cell.fire()
            if len(cell.fired) > MOST_SPIKES:
                raise exact_network.endless(neuron, MOST_SPIKES)
        cell.advance(end)
    cell.finish()
