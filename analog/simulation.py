"""A network through ngspice: one deck per neuron, run in parallel, checked, and mapped back to biological units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from analog.checks import check_result
from analog.chip import effective, readout
from analog.neurons.lif import LIFCircuit
from analog.ngspice import NgspiceSetup, Pool, pool
from analog.relaxation import relax
from analog.waveforms import sample
from analog.worker import Answer, Job
from golden.errors import SimulationError, SpecError
from golden.trace import Header, Trace, versions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike

    from analog.settings import AnalogSettings
    from analog.waveforms import Spikes
    from golden.network import Network
    from golden.neurons.lif import FloatArray
    from golden.stimulus import Stimulus

T = TypeVar("T")

#: Step limits, as fractions of the usual, with which a neuron is run again whose result did not pass its checks: what
#: ngspice does to XSPICE events (see DigitalOneShot) depends on where its steps happen to fall.
RERUN_STEPS = (0.8, 0.64)

#: Samples of the membrane potential when none are asked for.
SAMPLES = 1001


@dataclass(frozen=True, eq=False)
class Run:
    """One neuron's simulated circuit, in hardware units and not yet checked; ``seconds`` of CPU it took."""

    circuit: LIFCircuit
    waves: dict[str, FloatArray]
    spikes: Spikes
    seconds: float


def simulate(
    network: Network,
    stimulus: Stimulus,
    settings: AnalogSettings,
    *,
    setup: NgspiceSetup,
    record: ArrayLike = (0,),
    samples: FloatArray | None = None,
    processes: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> Trace:
    """Run every neuron's circuit from rest and return spikes and potentials in biological seconds and volts.

    Neurons that are connected exchange spikes by waveform relaxation (`analog.relaxation`).

    ``setup``       where ngspice is
    ``record``      neurons whose potential ``v`` [V] is kept at the biological times ``samples`` [s] (default: 1001
                    times from 0 to the end)
    ``processes``   ngspice workers, default one per CPU; the result does not depend on it
    ``progress``    called with the fraction done

    Raises SpecError when a neuron does not fit the hardware (before anything runs),
    SimulationError when a run fails, or when its result does not pass the checks of `analog.checks`, not even with
    shorter time steps; neurons that needed those are listed as "reruns" in the header's settings.
    """
    asked, network = network, effective(network, settings)
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
    results: dict[int, tuple[FloatArray, FloatArray]] = {}
    reruns: set[int] = set()

    def run(drive: Stimulus, wanted: Sequence[LIFCircuit], report: Callable[[float], None] | None) -> None:
        def judge(run: Run) -> tuple[FloatArray, FloatArray]:
            hardware = run.circuit.hardware
            check_result(run.circuit, run.waves, run.spikes, drive, settings)
            volts = np.empty(0)
            if hardware.index in recorded:
                seen = readout(sample(run.waves, "mem", hardware.rest, hardware_times), settings)
                volts = hardware.biological_volts(seen)
            return run.spikes.times * settings.acceleration, volts

        found, rejected = run_circuits(wanted, settings, workers, judge, report)
        reruns.update(rejected)
        for shorter in RERUN_STEPS if settings.solver is not None else ():
            again = [circuit.with_max_step(shorter) for circuit in wanted if circuit.hardware.index in rejected]
            more, rejected = run_circuits(again, settings, workers, judge)
            found |= more
        if rejected:
            raise rejected[min(rejected)]
        results.update(found)

    relaxation: dict[str, int] = {}
    if len(network.synapses):

        def fire(drive: Stimulus, neurons: Sequence[int]) -> dict[int, FloatArray]:
            run(drive, build(network, drive, settings, neurons), None)
            return {neuron: results[neuron][0] for neuron in neurons}

        relaxed = relax(network, stimulus, fire, settle_tolerance(network), progress)
        relaxation = {"runs": relaxed.runs, "passes": relaxed.passes}
    else:
        run(stimulus, circuits, progress)
    rows = [np.column_stack((results[i][0], np.full(results[i][0].size, i))) for i in range(network.size)]
    potentials = np.empty((times.size, recorded.size))
    for column, neuron in enumerate(recorded.tolist()):
        potentials[:, column] = results[neuron][1]
    header = Header(
        engine="ngspice",
        network=asked.hash(),
        stimulus=stimulus.hash(),
        size=network.size,
        duration=stimulus.duration,
        seed=stimulus.seed,
        versions={**versions("PySpice"), "ngspice": workers.version},
        settings={**settings.to_dict(), "reruns": sorted(reruns), **relaxation},
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


def build(
    network: Network, stimulus: Stimulus, settings: AnalogSettings, wanted: Sequence[int] | None = None
) -> list[LIFCircuit]:
    """The circuits of the neurons ``wanted`` (default: all); SpecError when one of them does not fit."""
    _sizes_match(network, stimulus)
    neurons = network.neurons
    return [LIFCircuit.build(neurons[i], stimulus, settings, i) for i in wanted or range(network.size)]


def settle_tolerance(network: Network) -> float:
    """By how much [s] spikes may differ from those that a loop of neurons was run with: a part in 30,000 of tau_m."""
    return 3e-5 * float(np.min(network.neuron.tau_m))


def run_circuits(
    circuits: Sequence[LIFCircuit],
    settings: AnalogSettings,
    workers: Pool,
    judge: Callable[[Run], T],
    progress: Callable[[float], None] | None = None,
) -> tuple[dict[int, T], dict[int, SimulationError]]:
    """``judge`` of every circuit's run, and the SimulationErrors it raised instead, both by neuron.

    Waveforms are read, judged and dropped one by one, for they are large.  All circuits are run; then, if ngspice
    itself failed on any, the SimulationError of the first of them is raised.
    """
    verdicts: dict[int, T] = {}
    rejected: dict[int, SimulationError] = {}
    failures: dict[int, str] = {}

    def consume(task: int, answer: Answer) -> None:
        circuit, index = circuits[task], circuits[task].hardware.index
        if answer.error:
            failures[index] = answer.error
            return
        spikes = circuit.read(answer.waves, settings.supply)
        try:
            verdicts[index] = judge(Run(circuit, answer.waves, spikes, answer.seconds))
        except SimulationError as error:
            rejected[index] = error

    if circuits:
        workers.run([Job(circuit.netlist.text(), circuit.netlist.saved) for circuit in circuits], consume, progress)
    if failures:
        raise SimulationError(f"Neuron {min(failures)}: {failures[min(failures)]}")
    return verdicts, rejected


def _sizes_match(network: Network, stimulus: Stimulus) -> None:
    if stimulus.size != network.size:
        raise SpecError.rule("Stimulus", f"for {network.size} neurons", f"for {stimulus.size}")
