"""What a data sheet measures on a synapse circuit: the charge of an event, its time constant, their spread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from analog.blocks.pulse_input import PulseInput
from analog.montecarlo import chips
from analog.synapses import probe
from analog.synapses.bss2 import Bss2Synapse
from analog.synapses.conductance import ConductanceSynapse
from analog.synapses.dpi import DpiSynapse
from analog.synapses.pulsed_mirror import PulsedMirror
from analog.technology import Process
from analog.worker import Job
from golden.twins import dpi_synapse, pulsed_mirror
from golden.twins.pulsed_mirror import nonlinearity
from golden.twins.samples import fit_samples
from sim_harness.datasheets.measure import conditions, timed

if TYPE_CHECKING:
    from analog.ngspice import Pool
    from golden.neurons.lif import FloatArray

#: Largest error of a twin's charge on weights that it was not fitted on, as a part of the largest charge.
BOUND = 1e-2
#: [s] before the first pulse.
LEAD = 20e-9


@dataclass(frozen=True)
class SynapseEntry:
    """A synapse circuit with a data sheet.

    weight     field that sets the strength, and its values: codes or currents [A]
    width      [s] of a pulse; ``pulses`` of them, ``apart`` time constants from each other
    held       V(mem) as a part of the nominal supply
    biases     values [A] of I_tau for the time constant; none for a synapse without one
    fitted_on  values of the weight that the twin is fitted on, where it is fitted on these charges
    """

    name: str
    title: str
    make: Callable[[Process], Any]
    weight: tuple[str, tuple[float, ...]]
    width: float
    held: float
    biases: tuple[float, ...] = ()
    pulses: int = 1
    apart: float = 0.3
    fitted_on: tuple[float, ...] = ()

    def values(self, quick: bool) -> tuple[float, ...]:
        """What is measured: of the weight's values all, or five and those that the twin is fitted on."""
        every = self.weight[1]
        if not quick:
            return every
        few = {every[k] for k in np.linspace(0, len(every) - 1, 5).round().astype(int)}
        return tuple(value for value in every if value in few or value in self.fitted_on)


CODES = tuple(range(64))
#: Codes in a page's table: ends, carries, and some between.
SHOWN = (0, 1, 2, 3, 4, 6, 8, 12, 15, 16, 20, 24, 31, 32, 40, 47, 48, 56, 63)
LINE_BIASES = (5e-9, 20e-9, 100e-9, 300e-9, 1e-6)

SYNAPSES: Mapping[str, SynapseEntry] = {
    entry.name: entry
    for entry in (
        SynapseEntry("bss2_synapse", "Current-based synapse", Bss2Synapse, ("weight", CODES), 8e-9, 0.4, LINE_BIASES),
        SynapseEntry(
            "conductance_synapse",
            "Conductance-based synapse",
            ConductanceSynapse,
            ("weight", CODES),
            8e-9,
            0.64,
            LINE_BIASES,
        ),
        SynapseEntry(
            "dpi_synapse",
            "DPI synapse",
            DpiSynapse,
            ("I_w", (0.2e-6, 0.3e-6, 0.35e-6, 0.4e-6, 0.5e-6, 0.6e-6, 0.7e-6, 0.8e-6, 0.9e-6, 1e-6)),
            200e-9,
            0.25,
            (0.2e-9, 0.6e-9, 2e-9, 6e-9, 20e-9),
            pulses=12,
            # Where charges are a tenth of the largest or more: below, a train from rest is used up on the way to I_th.
            fitted_on=(0.4e-6, 0.6e-6, 0.8e-6, 1e-6),
        ),
        SynapseEntry(
            "pulsed_mirror", "Pulsed current mirror", PulsedMirror, ("weight", CODES), 1e-6, 0.2, fitted_on=(1, 32, 63)
        ),
    )
}


@dataclass(frozen=True, eq=False)
class SynapseSheet:
    """Everything a data sheet of a synapse says; SI units.

    weights, charges, predicted   of an event (or of the train), (N,) each; ``held`` marks what the twin has not seen
    time_constants                (bias, value) pairs
    conditions                    rows of (what, charge, time constant) at the largest weight; 0 for no time constant
    samples, slowness             (S,) charges and time constants of mismatched circuits at the largest weight
    nominal                       that charge and time constant without mismatch
    inl                           (N,) distance from the line through both ends, in parts of the largest charge
    """

    entry: SynapseEntry
    process: Process
    weights: FloatArray
    charges: FloatArray
    predicted: FloatArray
    held: FloatArray
    time_constants: tuple[tuple[float, float], ...]
    conditions: tuple[tuple[str, float, float], ...]
    samples: FloatArray
    slowness: FloatArray
    nominal: tuple[float, float]
    inl: FloatArray
    seconds: float

    @property
    def largest(self) -> float:
        """Largest error of the twin's charge, as a part of the largest charge."""
        off = np.abs(self.predicted - self.charges)[self.held > 0]
        return float(off.max() / np.abs(self.charges).max())

    @property
    def relative(self) -> float:
        """Largest error of the twin's charge as a part of that charge itself, from a tenth of the largest on."""
        off, size = np.abs(self.predicted - self.charges), np.abs(self.charges)
        counts = (self.held > 0) & (size >= 0.1 * size.max())
        return float((off[counts] / size[counts]).max())

    @property
    def within(self) -> bool:
        """Whether the twin holds."""
        return self.largest <= BOUND


@dataclass(frozen=True)
class Response:
    """A measure: charge [C] into the held membrane beyond the resting current, and the time constant [s] of its end.

    start     [s] when the last pulse is over;  ``tau`` about the time constant, 0 for none
    """

    start: float
    tau: float

    def __call__(self, waves: Mapping[str, FloatArray]) -> tuple[float, float]:
        """Read the waveforms of one run."""
        time, current = waves["time"], waves["i(vmem)"]
        rest = float(np.interp(0.7 * LEAD, time, current))
        charge = float(np.trapezoid(current - rest, time))
        if not self.tau:
            return charge, 0.0
        a, b = np.interp(self.start + np.array([0.7, 1.7]) * self.tau, time, current) - rest
        return charge, float(self.tau / np.log(a / b)) if a / b > 1 else float("nan")


def synapse_sheet(pool: Pool, entry: SynapseEntry, *, technology: str = "sky130", quick: bool = False) -> SynapseSheet:
    """Measure a synapse; ``quick`` with fewer weights and samples, for tests."""
    process = Process(technology)
    synapse, name, values = entry.make(process), entry.weight[0], entry.values(quick)
    jobs = [_job(entry, replace(synapse, **{name: value})) for value in values]
    found, seconds = timed(pool, jobs)
    charges = np.array([charge for charge, _ in found])
    predicted, seen = _twin(pool, entry, synapse, values, charges)
    pairs: tuple[tuple[float, float], ...] = ()
    if entry.biases:
        biases = entry.biases[1:4:2] if quick else entry.biases
        answers, _ = timed(pool, [_job(entry, replace(synapse, I_tau=bias)) for bias in biases])
        pairs = tuple((bias, tau) for bias, (_, tau) in zip(biases, answers, strict=True))
    rows = conditions(process, quick)
    made = [entry.make(each) for each in (*(row for _, row in rows), *chips(process, 8 if quick else 100))]
    answers, _ = timed(pool, [_job(entry, replace(each, **{name: values[-1]})) for each in made])
    places, samples = answers[: len(rows)], np.array(answers[len(rows) :])
    weights = np.array(values, dtype=np.float64)
    line = charges[0] + (weights - weights[0]) / (weights[-1] - weights[0]) * (charges[-1] - charges[0])
    events = len(jobs) * entry.pulses
    return SynapseSheet(
        entry=entry,
        process=process,
        weights=weights,
        charges=charges,
        predicted=predicted,
        held=np.array([value not in seen for value in values], dtype=np.float64),
        time_constants=pairs,
        conditions=tuple((what, charge, tau) for (what, _), (charge, tau) in zip(rows, places, strict=True)),
        samples=samples[:, 0],
        slowness=samples[:, 1],
        nominal=places[0],
        inl=(charges - line) / abs(charges[-1]),
        seconds=seconds / events,
    )


def _tau(entry: SynapseEntry, synapse: Any) -> float:
    return float(synapse.twin().tau) if entry.biases else 0.0


def _starts(entry: SynapseEntry, synapse: Any) -> FloatArray:
    apart = max(entry.apart * _tau(entry, synapse), 2 * entry.width)
    return np.asarray(LEAD + apart * np.arange(entry.pulses))


def _duration(entry: SynapseEntry, synapse: Any) -> float:
    return float(_starts(entry, synapse)[-1]) + entry.width + max(8 * _tau(entry, synapse), 0.5 * entry.width)


def _job(entry: SynapseEntry, synapse: Any) -> Job:
    starts = _starts(entry, synapse)
    supply = synapse.process.vdd
    pulses = PulseInput(synapse.pulse, starts, entry.width, supply, 1e-9)
    deck = probe.held(synapse, [pulses], entry.held * synapse.process.made.supply, _duration(entry, synapse))
    return Job(deck.text(), deck.saved, Response(float(starts[-1]) + entry.width, _tau(entry, synapse)))


def _twin(
    pool: Pool, entry: SynapseEntry, synapse: Any, values: tuple[float, ...], charges: FloatArray
) -> tuple[FloatArray, set[float]]:
    """Charges of the fitted twin at all ``values``, and the values that it was fitted on."""
    if isinstance(synapse, PulsedMirror):
        places = _places(entry, values)
        codes = np.array([values[k] for k in places])
        mirror = fit_samples(
            synapse.twin(),
            {"I_lsb": pulsed_mirror.FREE["I_lsb"], "bow": pulsed_mirror.FREE["bow"]},
            lambda twin: twin.charge(codes, entry.width),
            charges[places],
            np.abs(charges).max(),
        ).twin
        return mirror.charge(np.array(values), entry.width), {values[k] for k in places}
    starts, end = _starts(entry, synapse), _duration(entry, synapse)
    times = np.unique(
        np.append(np.linspace(0, end, 4000), (starts[:, None] + np.linspace(0, 2, 60) * entry.width).ravel())
    )
    if isinstance(synapse, DpiSynapse):
        reference = synapse.I_w
        places = _places(entry, values)

        def charge(twin: Any, value: float) -> float:
            scaled = replace(twin, I_w=twin.I_w * value / reference)
            return float(np.trapezoid(scaled.currents(starts, starts + entry.width, times), times))

        fit = fit_samples(
            synapse.twin(),
            {name: dpi_synapse.FREE[name] for name in ("I_w", "I_th", "n")},
            lambda twin: np.array([charge(twin, values[k]) for k in places]),
            charges[places],
            np.abs(charges).max(),
        )
        return np.array([charge(fit.twin, value) for value in values]), {values[k] for k in places}
    line = probe.fitted(pool, synapse).twin
    V = entry.held * synapse.process.made.supply
    found = []
    for value in values:
        weights = np.full(starts.size, value)
        current = line.currents(starts, starts + entry.width, weights, times, V)
        rest = line.currents(np.empty(0), np.empty(0), np.empty(0), times[:1], V)[0]
        found.append(float(np.trapezoid(current - rest, times)))
    return np.array(found), {63.0, 8.0, 48.0, 32.0}


def _places(entry: SynapseEntry, values: tuple[float, ...]) -> list[int]:
    return [k for k, value in enumerate(values) if value in entry.fitted_on]


def steps(sheet: SynapseSheet) -> tuple[float, float, float]:
    """Largest integral and differential nonlinearity [LSB] of a 6-bit weight, and the charge [C] of one.

    The differential one is nan unless all codes have been measured.
    """
    lsb = float((sheet.charges[-1] - sheet.charges[0]) / (sheet.weights[-1] - sheet.weights[0]))
    if sheet.weights.size == 64:
        differential, integral = (float(np.abs(each).max()) for each in nonlinearity(sheet.charges))
        return integral, differential, lsb
    return float(np.abs(sheet.inl).max() * (sheet.weights[-1] - sheet.weights[0])), float("nan"), lsb
