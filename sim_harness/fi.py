"""The f-I curve of every machine, beside the closed form.

One neuron per current, all in one run: a population is the cheapest way to sweep.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from golden.errors import SpecError
from golden.network import Network
from golden.stimulus import constant
from sim_harness.engines import build, parse_names

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from golden.neurons.lif import FloatArray
    from golden.trace import Trace
    from sim_harness.experiment import Experiment

#: Whole periods that the slowest firing neuron gets.
_PERIODS = 4


@dataclass(frozen=True, eq=False)
class FICurve:
    """Firing rates [Hz] against current [A].

    currents, closed_form  (K,);  rates  engine name to (K,)
    duration               biological time simulated [s]
    """

    currents: FloatArray
    closed_form: FloatArray
    rates: dict[str, FloatArray]
    rheobase: float
    duration: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "rheobase": self.rheobase,
            "duration": self.duration,
            "current": self.currents.tolist(),
            "closed_form": self.closed_form.tolist(),
            "rates": {name: rates.tolist() for name, rates in self.rates.items()},
        }


def fi_curve(
    experiment: Experiment,
    engines: str | Sequence[str],
    *,
    points: int = 16,
    lowest: float = 0.5,
    highest: float = 3.0,
    progress: Callable[[str, float], None] | None = None,
) -> FICurve:
    """Rates at ``points`` currents from ``lowest`` to ``highest`` times rheobase (of neuron 0) on every engine."""
    if points < 2:
        raise SpecError.rule("Points of the f-I curve", "at least 2", points)
    if not 0 <= lowest < highest or highest <= 1:
        raise SpecError.rule(
            "Range of the f-I curve", "ascending and beyond rheobase (1)", f"{lowest:g} to {highest:g}"
        )
    neuron = experiment.network.neuron.broadcast(experiment.network.size)[0]
    rheobase = float(neuron.rheobase)
    currents = rheobase * np.linspace(lowest, highest, points)
    closed_form = neuron.rate(currents)
    slowest = 1 / closed_form[closed_form > 0].min()
    duration = float(np.ceil(_PERIODS * slowest / experiment.dt) * experiment.dt)
    stimulus = constant(points, duration, currents)
    network = Network(neuron, points)
    sweep = replace(experiment, network=network, stimulus=stimulus, record=(0,))
    rates = {}
    for name in parse_names(engines):
        report = None if progress is None else lambda fraction, name=name: progress(name, fraction)
        rates[name] = measured_rates(build(name, sweep)(network, stimulus, report))
        if progress is not None:
            progress(name, 1.0)
    return FICurve(currents, closed_form, rates, rheobase, duration)


def measured_rates(trace: Trace) -> FloatArray:
    """(size,): rate of every neuron [Hz], from its first to its last spike; 0 with fewer than two spikes."""
    rates = np.zeros(trace.header.size)
    for neuron in range(trace.header.size):
        times = trace.spike_times(neuron)
        if times.size > 1:
            rates[neuron] = (times.size - 1) / (times[-1] - times[0])
    return rates
