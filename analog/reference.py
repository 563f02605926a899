"""What a run's circuits had to do: the golden model of each, given the very input that reached it, and how far off it
may be.

Neurons that are connected are judged one by one: each circuit's model gets the spikes that the other *circuits* fired.
Then no error is blamed on, or hidden by, another neuron's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from analog.chip import effective
from analog.ngspice import pool
from analog.relaxation import arrivals
from analog.simulation import settle_tolerance
from analog.tolerance import timing_tolerance
from analog.twins import run_twins
from golden import exact
from golden.synapses import joined

if TYPE_CHECKING:
    from analog.ngspice import NgspiceSetup
    from analog.settings import AnalogSettings
    from golden.network import Network
    from golden.neurons.lif import FloatArray
    from golden.stimulus import Stimulus
    from golden.trace import Trace


@dataclass(frozen=True, eq=False)
class Reference:
    """``trace`` of the golden ``model``, "exact" or "twins", and for each neuron by how much [s] each spike may be off.

    Bounds are derived (`analog.tolerance`) for the exact model, declared (`analog.twins`) for a twin; None where input
    comes through synapse circuits, for which nothing is promised yet.
    """

    model: str
    trace: Trace
    bounds: tuple[FloatArray, ...] | None


def reference(
    network: Network, stimulus: Stimulus, settings: AnalogSettings, found: Trace, setup: NgspiceSetup
) -> Reference:
    """The golden models' answer to the input that the circuits of the run ``found`` had.

    Twins of transistor circuits are fitted (on runs of ``setup``'s ngspice) the first time.
    """
    network = effective(network, settings)
    alone, inputs, slack = network, stimulus, 0.0
    if len(network.synapses):
        inputs = arrivals(network, stimulus, [found.spike_times(index) for index in range(network.size)])
        alone, slack = replace(network, synapses=joined([]), sources=0), settle_tolerance(network)
    if settings.tier == "ideal":
        model, trace = "exact", exact.simulate(alone, inputs)
        bounds = timing_tolerance(alone, inputs, settings).spikes
    else:
        run = run_twins(alone, inputs, replace(settings, chip="none"), workers=pool(setup, None))
        model, trace, bounds = "twins", run.trace, run.bounds
    header = replace(trace.header, network=found.header.network, stimulus=found.header.stimulus)
    judged = None if settings.synapse != "ideal" else tuple(bound + slack for bound in bounds)
    return Reference(model, replace(trace, header=header), judged)
