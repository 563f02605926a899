"""What a data sheet measures on a neuron circuit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from analog.bench import constant, gather, job, transient
from analog.fitting import CLOSE, POINTS, currents_of, fitted, measure
from analog.montecarlo import chips
from analog.neurons.axon_hillock import AxonHillock
from analog.neurons.dpi import DpiNeuron
from analog.neurons.indiveri import IndiveriNeuron
from analog.neurons.ota import OtaNeuron
from analog.technology import Process
from analog.technology.foundry import CORNERS
from analog.worker import Answer, Job
from golden.errors import SimulationError
from golden.twins.fit import errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analog.ngspice import Pool
    from golden.neurons.lif import FloatArray

Report = Callable[[float], None]

#: Largest relative error of a twin's interval on currents that it was not fitted on.
BOUND = 3e-3
#: Points of the f-I curve, and those of a quick one.  Neither less one shares a factor with the seven steps between the
#: fit's own currents, so that at most the ends meet; `unseen` says which.
CURVE, QUICK_CURVE = 16, 5
#: [s] of a run at rest: its second half is past every default circuit's transient.
REST = 400e-6


@dataclass(frozen=True)
class NeuronEntry:
    """A neuron circuit with a data sheet.

    make        the circuit in a process
    time_bias   field of the bias that sets the membrane's time constant, and its values [A]; or None
    specified   time constants [s] that a circuit of this kind was specified with, at those biases; or none
    raised      another field, and the part of the technology's window at which the time constants are measured again
    ref_bias    field of the bias that sets the refractory period, and its values [A]; or None
    ref_name    what that is called
    """

    name: str
    title: str
    make: Callable[[Process], Any]
    time_bias: tuple[str, tuple[float, ...]] | None = None
    specified: tuple[float, ...] = ()
    raised: tuple[str, float] | None = None
    ref_bias: tuple[str, tuple[float, ...]] | None = None
    ref_name: str = "refractory period"


def _ota(process: Process) -> OtaNeuron:
    return OtaNeuron(process)


NEURONS: Mapping[str, NeuronEntry] = {
    entry.name: entry
    for entry in (
        NeuronEntry(
            "ota_neuron",
            "OTA neuron",
            _ota,
            ("I_leak", (50e-12, 0.1e-9, 1e-9, 10e-9, 100e-9, 1e-6, 10e-6)),
            specified=(2.7e-3, 1.4e-3, 147e-6, 15.6e-6, 1.73e-6, 0.21e-6, 0.053e-6),
            raised=("V_leak", 0.5),
            ref_bias=("I_ref", (3e-9, 10e-9, 30e-9, 100e-9, 300e-9, 1e-6)),
        ),
        NeuronEntry(
            "axon_hillock",
            "Axon-hillock neuron",
            AxonHillock,
            ref_bias=("I_r", (0.1e-6, 0.2e-6, 0.4e-6, 0.8e-6)),
            ref_name="length of a spike",
        ),
        NeuronEntry(
            "indiveri",
            "Low-power integrate-and-fire neuron",
            IndiveriNeuron,
            ref_bias=("I_ref", (5e-9, 15e-9, 50e-9, 150e-9)),
        ),
        NeuronEntry(
            "dpi_neuron",
            "DPI neuron",
            DpiNeuron,
            ("I_tau", (50e-12, 0.2e-9, 1e-9, 5e-9, 20e-9, 100e-9)),
            ref_bias=("I_ref", (10e-9, 30e-9, 100e-9, 300e-9)),
        ),
    )
}


@dataclass(frozen=True, eq=False)
class NeuronSheet:
    """Everything a data sheet of a neuron says; SI units.

    currents, periods, twin_errors   the f-I curve, (N,) each; ``held`` is 1 where the twin was not fitted
    energies, static                 supply energy of an interval, and settled power without input
    time_constants, refractory       (bias, value) pairs; ``raised`` the first with the entry's other field raised
    conditions                       rows of (what, period) at the middle drive
    samples                          (S,) periods of mismatched circuits at the highest drive, ``nominal`` without
    seconds, monte_carlo             CPU of the f-I curve over its spikes, CPU of the samples
    """

    entry: NeuronEntry
    process: Process
    currents: FloatArray
    periods: FloatArray
    twin_errors: FloatArray
    held: FloatArray
    energies: FloatArray
    static: float
    time_constants: tuple[tuple[float, float], ...]
    refractory: tuple[tuple[float, float], ...]
    conditions: tuple[tuple[str, float], ...]
    samples: FloatArray
    nominal: float
    seconds: float
    monte_carlo: float
    twin: Any = None
    raised: tuple[tuple[float, float], ...] = ()
    drives: tuple[float, float] = field(default=(0.0, 0.0))

    @property
    def largest(self) -> float:
        """Largest error of the twin on held-out currents."""
        return float(np.abs(self.twin_errors[self.held > 0]).max())

    @property
    def within(self) -> bool:
        """Whether the twin holds."""
        return self.largest <= BOUND


@dataclass(frozen=True)
class Fall:
    """A measure: time constant [s] of the membrane's return, by three samples; or of the DPI's current.

    node        the membrane's node
    expected    about the time constant [s]
    slope       None for a potential that decays exponentially; else n U_T [V] of a current that does, whose potential
                falls straight
    """

    node: str
    expected: float
    slope: float | None = None

    def __call__(self, waves: Mapping[str, FloatArray]) -> float:
        """Read the waveforms of one run."""
        a, b, c = np.interp(np.array([0.5, 1.5, 2.5]) * self.expected, waves["time"], waves[self.node])
        if self.slope is not None:
            return float(self.slope / ((a - b) / self.expected))
        return float(self.expected / np.log((a - b) / (b - c)))


@dataclass(frozen=True)
class Rest:
    """A measure: mean power [W] from the supply of ``supply`` volts over the second half of a run."""

    supply: float

    def __call__(self, waves: Mapping[str, FloatArray]) -> float:
        """Read the waveforms of one run."""
        time, power = waves["time"], -self.supply * waves["i(vvdd)"]
        middle = (time[0] + time[-1]) / 2
        late = time > middle
        at = np.append(middle, time[late])
        watts = np.append(np.interp(middle, time, power), power[late])
        return float(np.trapezoid(watts, at) / (at[-1] - at[0]))


def unseen(circuit: Any, currents: FloatArray) -> FloatArray:
    """1 for those of ``currents`` [A] that `analog.fitting.fitted` does not run ``circuit`` at, else 0."""
    nominal, (low, high) = circuit.twin(), circuit.drives
    # For a twin with latencies two more, close to the circuit's own rheobase, depend on what these show.
    knows = hasattr(nominal, "latencies")
    fit = currents_of(nominal) if knows else np.geomspace(low, high, POINTS + len(CLOSE))
    nearest = np.abs(currents[:, None] / fit - 1).min(axis=1)
    return np.asarray(nearest > 1e-6, dtype=np.float64)


def timed(pool: Pool, jobs: Sequence[Job], report: Report | None = None) -> tuple[list[Any], float]:
    """Values of jobs and the CPU seconds that ngspice took; SimulationError of the first failure."""
    values: list[Any] = [None] * len(jobs)
    seconds, failed = [0.0], []

    def consume(index: int, answer: Answer) -> None:
        values[index] = answer.value
        seconds[0] += answer.seconds
        if answer.error:
            failed.append((index, answer.error))

    pool.run(jobs, consume, report)
    if failed:
        raise SimulationError(f"Circuit {min(failed)[0]}: {min(failed)[1]}")
    return values, seconds[0]


def runs(circuit: Any, currents: Sequence[float], durations: Sequence[float]) -> list[Job]:
    """A job for each constant current."""
    return [job(circuit, transient(circuit, (constant(i),), t)) for i, t in zip(currents, durations, strict=True)]


def neuron_sheet(
    pool: Pool,
    entry: NeuronEntry,
    *,
    technology: str = "sky130",
    quick: bool = False,
    samples: int | None = None,
    report: Report | None = None,
) -> NeuronSheet:
    """Measure a neuron; ``quick`` with fewer points, for tests; ``samples`` chips, 100 or for a quick one 10."""
    process = Process(technology)
    chosen = samples or (10 if quick else 100)
    circuit = entry.make(process)
    steps = iter(np.linspace(0.1, 1.0, 8))

    def tell() -> None:
        if report is not None:
            report(float(next(steps)))

    fit = fitted(pool, circuit)
    tell()
    low, high = circuit.drives
    currents = np.geomspace(low, high, QUICK_CURVE if quick else CURVE)
    jobs = runs(circuit, currents.tolist(), (3.6 * 1.05 * fit.twin.periods(currents)).tolist())
    observed, seconds = timed(pool, jobs)
    spikes = sum(run.spikes.size for run in observed)
    periods = np.array([run.period for run in observed])
    tell()
    still = transient(circuit, (constant(0.0),), REST)
    (rest,) = gather(pool, [Job(still.text(), still.saved, Rest(process.vdd))])
    middle = float(np.sqrt(low * high))
    conditions = _conditions(pool, entry, process, middle, fit.twin, quick)
    tell()
    time_constants = membrane_times(pool, entry, process, quick)
    raised = membrane_times(pool, entry, process, quick, raised=True) if entry.raised else ()
    tell()
    refractory = _refractory(pool, entry, process, quick)
    tell()
    spread, spent = monte_carlo(pool, entry, process, high, chosen)
    tell()
    (nominal,), _ = timed(pool, runs(circuit, [high], [3.6 * float(fit.twin.periods([high])[0])]))
    return NeuronSheet(
        entry=entry,
        process=process,
        currents=currents,
        periods=periods,
        twin_errors=errors(fit.twin, currents, periods),
        held=unseen(circuit, currents),
        energies=np.array([run.energy_per_spike for run in observed]),
        static=rest,
        time_constants=time_constants,
        refractory=refractory,
        conditions=conditions,
        samples=spread,
        nominal=nominal.period,
        seconds=seconds / max(spikes, 1),
        monte_carlo=spent,
        twin=fit.twin,
        raised=raised,
        drives=(low, high),
    )


def monte_carlo(
    pool: Pool, entry: NeuronEntry, process: Process, current: float, samples: int, report: Report | None = None
) -> tuple[FloatArray, float]:
    """Periods [s] of ``samples`` mismatched circuits under ``current`` [A], chips 1, 2, ..., and the CPU time [s].

    The same values whatever the number of processes: a device's deviation is that of its name and chip.
    """
    circuits = [entry.make(chip) for chip in chips(process, samples)]
    period = float(entry.make(process).twin().periods([current])[0])
    jobs = [job(each, transient(each, (constant(current),), 3.9 * period)) for each in circuits]
    found, seconds = timed(pool, jobs, report)
    return np.array([run.period for run in found]), seconds


def conditions(process: Process, quick: bool = False) -> list[tuple[str, Process]]:
    """``process`` by name: nominal, in each other corner, over its temperatures and its supplies; ``quick`` three."""
    low, high = process.made.supply_range
    cold, hot = process.made.celsius_range
    rows: list[tuple[str, Process]] = [("tt, 27 C, nominal supply", process)]
    rows += [(corner, replace(process, corner=corner)) for corner in CORNERS[1:]]
    rows += [(f"{celsius:g} C", replace(process, celsius=celsius)) for celsius in (cold, 0.0, 60.0, hot)]
    rows += [(f"{supply:g} V", replace(process, supply=supply)) for supply in (low, high)]
    return rows[:3] if quick else rows


def _conditions(
    pool: Pool, entry: NeuronEntry, process: Process, current: float, twin: Any, quick: bool
) -> tuple[tuple[str, float], ...]:
    rows = conditions(process, quick)
    duration = 4.5 * float(twin.periods([current])[0])
    jobs = [runs(entry.make(each), [current], [duration])[0] for _, each in rows]
    found, _ = timed(pool, jobs)
    return tuple((name, run.period) for (name, _), run in zip(rows, found, strict=True))


def membrane_times(
    pool: Pool, entry: NeuronEntry, process: Process, quick: bool = False, *, raised: bool = False
) -> tuple[tuple[float, float], ...]:
    """(bias, time constant) pairs, ``raised`` with the entry's other field raised."""
    if entry.time_bias is None:
        return ()
    name, biases = entry.time_bias
    biases = middle(biases) if quick else biases
    made = entry.make(process)
    if raised and entry.raised is not None:
        (field_name, part), (low, high) = entry.raised, process.made.window
        made = replace(made, **{field_name: low + part * (high - low)})
    circuits = [replace(made, **{name: bias}) for bias in biases]
    expected = [_expected(circuit) for circuit in circuits]
    # Sampled by what was found the time before: the nominal twin may be ten times off.
    for _ in range(2 if quick else 3):
        jobs = [_fall(circuit, seconds) for circuit, seconds in zip(circuits, expected, strict=True)]
        expected = gather(pool, jobs)
    return tuple(zip(biases, expected, strict=True))


def middle(values: tuple[float, ...]) -> tuple[float, ...]:
    """The two in the middle."""
    return values[(len(values) - 1) // 2 :][:2]


def _expected(circuit: Any) -> float:
    twin = circuit.twin()
    return float(twin.tau_m if isinstance(circuit, OtaNeuron) else twin.tau)


def _fall(circuit: Any, expected: float) -> Job:
    """The membrane's return to rest, about ``expected`` [s] its time constant."""
    saved: tuple[str, ...] = ()
    if isinstance(circuit, OtaNeuron):
        # From 5 mV: the differential pair is linear to a part in a thousand.  The threshold is out of the way.
        circuit = replace(circuit, V_th=circuit.process.made.window[1], V_start=circuit.leak + 5e-3)
        fall = Fall("mem", expected)
    else:
        # The membrane current decays with tau: its gate falls straight, n U_T in each tau.
        twin = circuit.twin()
        fall, saved = Fall("cap", expected, twin.n * twin.U_T), ("cap",)
        circuit = _Discharging(circuit)
    deck = transient(circuit, (), 3 * expected, saved=saved)
    return Job(deck.text(), deck.saved, fall)


class _Discharging:
    """A DPI neuron whose membrane starts high enough to see it fall, and too low to fire."""

    def __init__(self, circuit: DpiNeuron) -> None:
        self._circuit = circuit

    def __getattr__(self, name: str) -> Any:
        return getattr(self._circuit, name)

    @property
    def initial(self) -> tuple[tuple[str, float], ...]:
        twin = self._circuit.twin()
        return (("cap", 5 * twin.n * twin.U_T), ("ref", self._circuit.process.vdd))


def _refractory(pool: Pool, entry: NeuronEntry, process: Process, quick: bool) -> tuple[tuple[float, float], ...]:
    if entry.ref_bias is None:
        return ()
    name, biases = entry.ref_bias
    found = []
    for bias in middle(biases) if quick else biases:
        circuit = replace(entry.make(process), **{name: bias})
        if isinstance(circuit, OtaNeuron | AxonHillock):
            # The spike lasts as long: read off at the geometric middle of the drives.
            current = float(np.sqrt(np.prod(circuit.drives)))
            ((run,), _) = timed(pool, runs(circuit, [current], [2.4 * float(circuit.twin().periods([current])[0])]))
            pairs = min(run.spikes.size, run.ends.size)
            found.append((bias, float(np.median(run.ends[:pairs] - run.spikes[:pairs]))))
        else:
            low, high = circuit.drives
            currents = np.geomspace(low, high, 4)
            seen = measure(pool, circuit, currents, 1.2 * circuit.twin().periods(currents))
            # What is left of an interval when the rise, by the twin without its refractory period, is taken off.
            fitted_twin = fitted(pool, circuit).twin
            rest = seen.periods - (fitted_twin.periods(currents) - fitted_twin.t_ref)
            found.append((bias, float(np.median(rest))))
    return tuple(found)
