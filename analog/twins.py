"""Networks on golden twins: the same neurons and inputs as the circuits', without ngspice.

A macro tier's twin is exact.  A transistor tier's is fitted to each neuron's own circuit on eight runs
(`analog.fitting`); neurons whose circuits are alike share one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from analog.chip import effective, readout
from analog.drive import drive_of
from analog.events import event_lines, fitted_line
from analog.fitting import fitted
from analog.relaxation import relax
from analog.simulation import build, settle_tolerance
from golden.errors import SpecError
from golden.trace import Header, Trace, versions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from analog.events import EventLine
    from analog.neurons.lif import LIFCircuit
    from analog.ngspice import Pool
    from analog.settings import AnalogSettings
    from golden.network import Network
    from golden.neurons.lif import FloatArray
    from golden.stimulus import Stimulus
    from golden.twins.bss2_synapse import Bss2SynapseTwin
    from golden.twins.ota_lif import Drive, OtaLifTwin

#: Largest relative error of an interval of a fitted twin under constant current, and largest error of its potential as
#: a fraction of the swing from reset to threshold, which any input makes a time.
BOUND, VOLTS = 3e-3, 5e-3
#: What has been fitted in this process, by circuit and version of ngspice.
_FITTED: dict[Any, Any] = {}


def twins_of(
    circuits: Sequence[LIFCircuit], workers: Pool | None = None, progress: Callable[[float], None] | None = None
) -> tuple[OtaLifTwin, ...]:
    """Each circuit's twin, fitted with ``workers`` where it is a transistor circuit (None: the nominal one).

    Raises SpecError for the ideal tier, whose golden model is the exact LIF neuron.
    """
    found: dict[Any, OtaLifTwin] = {}
    keys = [_alike(circuit) for circuit in circuits]
    different = len(dict.fromkeys(keys))
    for circuit, key in zip(circuits, keys, strict=True):
        if key in found:
            continue
        built = circuit.built
        if built.twin is None:
            raise SpecError.rule("Analog tier of a twin", "macro, sky130 or gf180", "'ideal' (its twin is exact)")
        if built.neuron is None or workers is None:
            found[key] = built.twin
        elif (key, workers.version) in _FITTED:
            found[key] = _FITTED[key, workers.version]
        else:
            found[key] = _FITTED[key, workers.version] = fitted(workers, key).twin
        if progress is not None:
            progress(len(found) / different)
    return tuple(found[key] for key in keys)


@dataclass(frozen=True, eq=False)
class TwinRun:
    """Spikes and potentials in biological seconds and volts, and for each neuron by how much [s] each of its circuit's
    spikes may be off: BOUND of the time so far, and what a potential off by VOLTS of the swing makes of the crossing.
    """

    trace: Trace
    bounds: tuple[FloatArray, ...]


def run_twins(
    network: Network,
    stimulus: Stimulus,
    settings: AnalogSettings,
    *,
    workers: Pool | None,
    record: Sequence[int] = (0,),
    samples: FloatArray | None = None,
    progress: Callable[[float], None] | None = None,
) -> TwinRun:
    """The network as `analog.simulate` runs it, on its twins; arguments as there.

    ``workers`` fit the twins of transistor circuits; None takes the nominal ones.
    """
    asked, network = network, effective(network, settings)
    circuits = build(network, stimulus, settings)
    twins = twins_of(circuits, workers, progress)
    a, end = settings.acceleration, stimulus.duration / settings.acceleration
    times = np.empty(0) if samples is None else np.asarray(samples, dtype=np.float64)

    def driven(index: int, drive: Stimulus) -> tuple[OtaLifTwin, Drive]:
        """The neuron's twin, with the output conductance of the lines that drive it, and its input."""
        circuit, twin = circuits[index], twins[index]
        if settings.synapse == "ideal" or circuit.hardware.tau_syn is None:
            return twin, drive_of(circuit.neuron, circuit.hardware, drive)
        found = event_lines(circuit.hardware, drive, settings)
        lines = [(line, _synapse_twin(line, workers)) for line in found]
        loaded = replace(twin, g_out=twin.g_out + sum(line.g_out for _, line in lines))
        return loaded, drive_of(circuit.neuron, circuit.hardware, drive, lines, twin.V_leak)

    def fire(drive: Stimulus, neurons: Sequence[int]) -> dict[int, FloatArray]:
        found = {}
        for index in neurons:
            twin, inputs = driven(index, drive)
            spikes, _ = twin.simulate(inputs, end, start=circuits[index].hardware.rest)
            found[index] = spikes * a
        return found

    relaxed = relax(network, stimulus, fire, settle_tolerance(network))
    rows, bounds, potentials = [], [], np.empty((times.size, len(record)))
    for index, circuit in enumerate(circuits):
        hardware, spikes = circuit.hardware, relaxed.spikes[index]
        twin, inputs = driven(index, relaxed.inputs)
        rows.append(np.column_stack((spikes, np.full(spikes.size, index))))
        bounds.append(_bounds(twin, inputs, spikes / a, end, hardware.rest) * a)
        if index in record:
            _, volts = twin.simulate(inputs, end, times / a, start=hardware.rest)
            potentials[:, list(record).index(index)] = hardware.biological_volts(readout(volts, settings))
    header = Header(
        engine="twins",
        network=asked.hash(),
        stimulus=stimulus.hash(),
        size=network.size,
        duration=stimulus.duration,
        seed=stimulus.seed,
        versions=versions("numpy"),
        settings=settings.to_dict(),
    )
    recorded = np.asarray(record, dtype=np.int64)
    trace = Trace(header, np.concatenate(rows), recorded, times, {"v": potentials}, {"v": "V"})
    return TwinRun(trace, tuple(bounds))


def _synapse_twin(line: EventLine, workers: Pool | None) -> Bss2SynapseTwin:
    """A line's golden twin, fitted with ``workers`` (None: the nominal one)."""
    synapse = line.synapse
    if workers is None:
        return synapse.twin()
    process = synapse.process if synapse.process.mismatch is not None else replace(synapse.process, scope="")
    key: Any = (replace(synapse, process=process), workers.version)
    if key not in _FITTED:
        _FITTED[key] = fitted_line(workers, key[0])
    twin: Bss2SynapseTwin = _FITTED[key]
    return twin


def _bounds(twin: OtaLifTwin, drive: Drive, spikes: FloatArray, end: float, start: float) -> FloatArray:
    """See `TwinRun`; the slope is that of the last hundredth of a time constant before each spike."""
    before = np.minimum(0.01 * twin.tau_m, np.diff(spikes, prepend=0.0) / 2)
    # The last sample is a little early, lest rounding put it behind the reset.
    at = np.column_stack((spikes - before, spikes - before / 16)).ravel()
    _, volts = twin.simulate(drive, end, at, start=start)
    low, high = volts.reshape(-1, 2).T
    with np.errstate(divide="ignore"):
        # A spike that grazes the threshold has no bound.
        slope = np.maximum(high - low, 0.0) / (before * 15 / 16)
        return np.asarray(BOUND * spikes + VOLTS * (twin.V_th - twin.V_0) / slope)


def _alike(circuit: LIFCircuit) -> Any:
    """Equal for circuits that are the same in all but their name; a transistor circuit starts from V_reset."""
    neuron = circuit.built.neuron
    if neuron is None:
        return circuit.built.twin
    process = neuron.process if neuron.process.mismatch is not None else replace(neuron.process, scope="")
    return replace(neuron, process=process, V_start=None)
