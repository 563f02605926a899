"""A network through ngspice: one deck per neuron, run in parallel, checked, and mapped back to biological units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from analog.checks import check_result
from analog.neurons.lif import LIFCircuit
from analog.ngspice import NgspiceSetup, Pool, pool
from analog.waveforms import Spikes, read_spikes, sample
from analog.worker import Answer, Job
from golden.errors import SimulationError, SpecError
from golden.trace import Header, Trace, versions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike

    from analog.settings import AnalogSettings
    from golden.network import Network
    from golden.neurons.lif import FloatArray
    from golden.stimulus import Stimulus

T = TypeVar("T")

#: Samples of the membrane potential when none are asked for.
SAMPLES = 1001


@dataclass(frozen=True, eq=False)
class Run:
    """One neuron's simulated circuit, in hardware units and not yet checked."""

    circuit: LIFCircuit
    waves: dict[str, FloatArray]
    spikes: Spikes


def simulate(
    network: Network,
    stimulus: Stimulus,
    settings: AnalogSettings,
    *,
    record: ArrayLike = (0,),
    samples: FloatArray | None = None,
    processes: int | None = None,
    setup: NgspiceSetup | None = None,
    progress: Callable[[float], None] | None = None,
) -> Trace:
    """Run every neuron's circuit from rest and return spikes and potentials in biological seconds and volts.

    ``record``      neurons whose potential ``v`` [V] is kept at the biological times ``samples`` [s] (default: 1001
                    times from 0 to the end)
    ``processes``   ngspice workers, default one per CPU; the result does not depend on it
    ``setup``       where ngspice is, default: found
    ``progress``    called with the fraction done

    Raises SpecError when a neuron does not fit the hardware (before anything runs), MissingToolError without ngspice,
    SimulationError when a run fails or its result does not pass the checks of `analog.checks`.
    """
    recorded = np.asarray(record, dtype=np.int64)
    times = np.linspace(0.0, stimulus.duration, SAMPLES) if samples is None else np.asarray(samples, dtype=np.float64)
    if times.size and not (times.min() >= 0 and times.max() <= stimulus.duration):
        raise SpecError.rule("Sample times", f"within 0 to {stimulus.duration:g} s", f"up to {times.max():g} s")
    for neuron in recorded.tolist():
        if not 0 <= neuron < network.size:
            raise SpecError.rule("Recorded neurons", f"indices below {network.size}", neuron)
    circuits = build(network, stimulus, settings)
    workers = pool(setup, processes)
    hardware_times = times / settings.acceleration

    def judge(run: Run) -> tuple[FloatArray, FloatArray]:
        hardware = run.circuit.hardware
        check_result(run.circuit, run.waves, run.spikes, stimulus, settings)
        volts = np.empty(0)
        if hardware.index in recorded:
            volts = hardware.biological_volts(sample(run.waves, "mem", hardware.rest, hardware_times))
        return run.spikes.times * settings.acceleration, volts

    results = run_circuits(circuits, settings, workers, judge, progress)
    rows = [np.column_stack((fired, np.full(fired.size, i))) for i, (fired, _) in enumerate(results)]
    potentials = np.empty((times.size, recorded.size))
    for column, neuron in enumerate(recorded.tolist()):
        potentials[:, column] = results[neuron][1]
    header = Header(
        engine="ngspice",
        network=network.hash(),
        stimulus=stimulus.hash(),
        size=network.size,
        duration=stimulus.duration,
        seed=stimulus.seed,
        versions={**versions("PySpice"), "ngspice": workers.version},
        settings=settings.to_dict(),
    )
    return Trace(header, np.concatenate(rows), recorded, times, {"v": potentials}, {"v": "V"})


def deck(network: Network, stimulus: Stimulus, settings: AnalogSettings, neuron: int = 0) -> str:
    """One neuron's deck for ``ngspice -b FILE``: prints its spikes and intervals [hardware s], writes the waveforms.

    The waveforms go to ``lif_neuron<i>.data`` in the working directory (ngspice's wrdata: pairs of time and volts).
    """
    _sizes_match(network, stimulus)
    if not 0 <= neuron < network.size:
        raise SpecError.rule("Neuron", f"an index below {network.size}", neuron)
    circuit = LIFCircuit.build(network.neurons[neuron], stimulus, settings, neuron)
    return circuit.netlist.batch_text(f"lif_neuron{neuron}.data", settings.supply / 2)


def build(network: Network, stimulus: Stimulus, settings: AnalogSettings) -> list[LIFCircuit]:
    """The circuits of all neurons; SpecError when one of them does not fit."""
    _sizes_match(network, stimulus)
    neurons = network.neurons
    return [LIFCircuit.build(neurons[i], stimulus, settings, i) for i in range(network.size)]


def run_circuits(
    circuits: Sequence[LIFCircuit],
    settings: AnalogSettings,
    workers: Pool,
    judge: Callable[[Run], T],
    progress: Callable[[float], None] | None = None,
) -> list[T]:
    """``judge`` of every circuit's run, in order.

    Waveforms are read, judged and dropped one by one, for they are large.  All circuits are run; then the
    SimulationError of the first that failed, in ngspice or before the judge, is raised.
    """
    verdicts: dict[int, T] = {}
    failures: dict[int, SimulationError] = {}

    def consume(task: int, answer: Answer) -> None:
        circuit = circuits[task]
        try:
            if answer.error:
                raise SimulationError(f"Neuron {circuit.hardware.index}: {answer.error}")
            spikes = read_spikes(answer.waves, circuit.hardware.threshold, settings.supply)
            verdicts[task] = judge(Run(circuit, answer.waves, spikes))
        except SimulationError as error:
            failures[task] = error

    workers.run([Job(circuit.netlist.text(), circuit.netlist.saved) for circuit in circuits], consume, progress)
    if failures:
        raise failures[min(failures)]
    return [verdicts[task] for task in range(len(circuits))]


def _sizes_match(network: Network, stimulus: Stimulus) -> None:
    if stimulus.size != network.size:
        raise SpecError.rule("Stimulus", f"for {network.size} neurons", f"for {stimulus.size}")
