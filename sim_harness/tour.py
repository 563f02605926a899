"""The analog branch in small: one neuron on every tier, every circuit and its twin, a network, calibration, noise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

import analog
from analog.bench import gather
from analog.calibration import LIMITS, Targets, calibrate
from analog.fitting import fitted, measure
from analog.neurons.ota import OtaNeuron
from analog.ngspice import pool
from analog.noise import membrane_noise, ota_variance, resistor_variance
from analog.settings import BY_TIER, TIERS
from analog.technology import Process
from golden.network import Network
from golden.stimulus import Stimulus
from golden.twins.fit import errors
from sim_harness import toolchain
from sim_harness.compare import compare_spikes
from sim_harness.datasheets.measure import BOUND, NEURONS, monte_carlo, runs, timed
from sim_harness.experiment import Experiment
from sim_harness.units import engineering

if TYPE_CHECKING:
    from pathlib import Path

    from analog.ngspice import Pool

Step = Callable[[str], None]


@dataclass(frozen=True)
class Line:
    """One line of the tour: what was looked at, on what, what was found, and whether it is as it must be."""

    part: str
    what: str
    found: str
    good: bool


def tour(spec: Path, network: Path, step: Step) -> Iterator[Line]:
    """Lines as they are found; ``spec`` is an experiment of one population, ``network`` one with projections."""
    workers = pool(toolchain.ngspice_setup(), None)
    yield from _tiers(Experiment.load(spec, duration=0.1), step)
    yield from _circuits(workers, step)
    yield from _network(Experiment.load(network), step)
    yield from _calibration(workers, step)
    yield from _noise(workers, step)


def _tiers(experiment: Experiment, step: Step) -> Iterator[Line]:
    """The same neurons on every tier, against the golden model of each."""
    setup = toolchain.ngspice_setup()
    few = tuple(sorted({0, experiment.network.size // 2, experiment.network.size - 1}))
    network, stimulus = _some(experiment, few)
    for tier in TIERS:
        step(f"tier {tier}")
        settings = replace(experiment.analog, tier=tier, supply=BY_TIER, v_min=BY_TIER, v_max=BY_TIER)
        trace = analog.simulate(network, stimulus, settings, setup=setup)
        wanted = analog.reference(network, stimulus, settings, trace, setup)
        check = compare_spikes(wanted.trace, trace, wanted.bounds)
        model = "the exact model" if wanted.model == "exact" else "its golden twin"
        worst = 0.0 if check.margin is None else 100 * check.margin
        yield Line(
            "tiers",
            f"{tier}, {len(few)} neurons",
            f"{len(trace.spikes)} spikes as {model}, {worst:.0f} % of bound",
            check.agrees,
        )


def _some(experiment: Experiment, indices: tuple[int, ...]) -> tuple[Network, Stimulus]:
    """A few of an experiment's equal neurons, with their currents."""
    stimulus = experiment.stimulus
    kept = Stimulus(stimulus.duration, stimulus.times, stimulus.currents[:, list(indices)], np.empty((0, 3)))
    return Network(experiment.network.neurons[indices[0]], len(indices)), kept


def _circuits(workers: Pool, step: Step) -> Iterator[Line]:
    """Each neuron circuit: twin on currents it has not seen, energy, spread of a few chips, cost."""
    for name, entry in NEURONS.items():
        step(entry.title)
        circuit = entry.make(Process("sky130"))
        twin = fitted(workers, circuit).twin
        low, high = circuit.drives
        held = np.geomspace(low, high, 7)[[1, 3, 5]]
        seen = measure(workers, circuit, held, 1.1 * twin.periods(held))
        off = float(np.abs(errors(twin, held, seen.periods)).max())
        yield Line("circuits", entry.title, f"twin within {100 * off:.3f} % of unseen intervals", off <= BOUND)
        (run,), seconds = timed(workers, runs(circuit, [high], [3.6 * float(twin.periods([high])[0])]))
        spike = engineering(run.energy_per_spike, "J")
        cost = seconds / max(run.spikes.size, 1)
        yield Line(
            "circuits",
            entry.title,
            f"{spike} a spike at {engineering(1 / run.period, 'Hz')}, {1e3 * cost:.0f} ms CPU",
            cost < 0.2,
        )
        if name == "ota_neuron":
            samples, _ = monte_carlo(workers, entry, Process("sky130"), high, 10)
            spread = float(samples.std() / samples.mean())
            yield Line("circuits", "10 mismatched chips", f"interval {100 * spread:.1f} % sigma", 1e-3 < spread < 0.2)


def _network(experiment: Experiment, step: Step) -> Iterator[Line]:
    """A network of circuits, each judged given the spikes that reached it."""
    setup = toolchain.ngspice_setup()
    for tier in ("ideal", "sky130"):
        step(f"network, {tier}")
        settings = replace(experiment.analog, tier=tier, supply=BY_TIER, v_min=BY_TIER, v_max=BY_TIER)
        trace = analog.simulate(experiment.network, experiment.stimulus, settings, setup=setup)
        wanted = analog.reference(experiment.network, experiment.stimulus, settings, trace, setup)
        check = compare_spikes(wanted.trace, trace, wanted.bounds)
        found = f"{len(trace.spikes)} spikes, every neuron as its model"
        yield Line("network", f"{experiment.network.size} neurons, {tier}", found, check.agrees)


def _calibration(workers: Pool, step: Step) -> Iterator[Line]:
    """Eight mismatched neurons, by prediction."""
    step("calibration")
    found = calibrate(workers, Process("sky130", mismatch=1), Targets(), 8, method="predictive", seed=1)
    for name, limit in LIMITS.items():
        ratio = found.ratio(name)
        yield Line("calibration", f"8 neurons, {name}", f"sigma ratio {ratio:.2f}, limit {limit:g}", ratio <= limit)


def _noise(workers: Pool, step: Step) -> Iterator[Line]:
    """The leak's thermal noise."""
    step("noise")
    neuron = OtaNeuron(I_leak=100e-9)
    noise = membrane_noise(workers, neuron, flicker=False)
    n = neuron.I_leak / (2 * neuron.process.thermal_voltage * noise.conductance)
    against = noise.variance / ota_variance(neuron.C_m, n)
    plain = engineering(float(np.sqrt(resistor_variance(neuron.C_m))), "V")
    rms = engineering(float(np.sqrt(noise.variance)), "V")
    found = f"{rms} rms, {against:.2f} of 2 n k T / C (a resistor: {plain})"
    yield Line("noise", "OTA leak, 100 nA, 2 pF", found, abs(against - 1) < 0.1)
    step("static power")
    (rest,) = gather(workers, runs(neuron, [0.0], [10e-6]))
    yield Line("energy", "OTA neuron at rest", engineering(rest.power, "W"), 0 < rest.power < 1e-5)
