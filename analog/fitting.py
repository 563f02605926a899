"""A circuit's own twin: a few runs under constant currents, and the parameters that meet their periods.

The currents are those that the nominal twin fires at with rates up to a factor ``span`` apart, from well above its
rheobase on, so that a circuit whose leak is a third stronger than nominal still fires at all of them.  What they tell
is then used to go closer to this circuit's own rheobase, where the leak's shape shows best.  Two runs below rheobase
show the leak near rest, which regular firing says little of.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from scipy.optimize import brentq

from analog.bench import SpikingCircuit, constant, f_i_curve, gather, transient
from analog.worker import Job
from golden.errors import SimulationError
from golden.twins.fit import fit
from golden.twins.ota_lif import Drive
from golden.twins.samples import fit_samples

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from analog.ngspice import Pool
    from golden.neurons.lif import FloatArray
    from golden.twins.samples import Fit

#: First points of a fit, ratio of the highest to the lowest rate, and the lowest current over the nominal rheobase.
POINTS, SPAN, LOWEST = 6, 20.0, 1.5
#: Currents of the points after them, over the circuit's own rheobase.
CLOSE = (1.1, 1.25)
#: Currents of the rises, over its rheobase.
BELOW = (0.4, 0.85)
#: Periods of a run: the first is a transient's.
PERIODS = 3.6
#: Relative uncertainty of a simulated interval, solver and model together.
UNCERTAINTY = 1e-4
#: Parameters, in the order of ``free``, that the first points are enough for.
FIRST = 3


class TwinnedCircuit(SpikingCircuit, Protocol):
    """A circuit that knows its nominal twin."""

    @property
    def drives(self) -> tuple[float, float]:
        """Lowest and highest input current [A] of a fit: some twenty times in rate."""
        ...

    def twin(self) -> Any:
        """A `golden.twins.Twin` with ``free``."""
        ...


def currents_of(twin: Any, points: int = POINTS, span: float = SPAN, lowest: float = LOWEST) -> FloatArray:
    """``points`` constant currents [A], ascending, with rates in equal ratios and ``span`` times apart.

    The lowest is ``lowest`` times rheobase; a span that the refractory period does not allow ends where half of the
    shortest interval is refractory.
    """
    slowest = float(twin.periods(np.array([lowest * twin.rheobase]))[0])
    limit = float(twin.periods(np.array([1e6 * twin.rheobase]))[0])
    wanted = np.geomspace(slowest, max(slowest / span, 2 * limit), points)
    low, high = np.log(lowest * twin.rheobase), np.log(1e6 * twin.rheobase)

    def current(period: float) -> float:
        return float(np.exp(brentq(lambda x: float(twin.periods(np.exp([x]))[0]) - period, low - 1e-9, high)))

    return np.array([lowest * twin.rheobase, *(current(period) for period in wanted[1:])])


@dataclass(frozen=True, eq=False)
class Rise:
    """Membrane potential [V] at ``times`` [s] after the start from V_reset under a constant ``current`` [A]."""

    current: float
    times: FloatArray
    volts: FloatArray


@dataclass(frozen=True, eq=False)
class Samples:
    """A measure for `analog.worker.Job`: the membrane potential at ``times`` [s]."""

    times: FloatArray

    def __call__(self, waves: Mapping[str, FloatArray]) -> FloatArray:
        """Read the waveforms of one run."""
        return np.interp(self.times, waves["time"], waves["mem"])


@dataclass(frozen=True, eq=False)
class Measured:
    """What runs under constant currents showed.

    currents    (N,) [A]
    latencies   (N,) first spike [s] after the start from V_reset
    periods     (N,) mean interval [s]; inf where the circuit fired fewer than three times
    rises       rises from V_reset below rheobase
    """

    currents: FloatArray
    latencies: FloatArray
    periods: FloatArray
    rises: tuple[Rise, ...] = ()

    def joined(self, other: Measured) -> Measured:
        """Both."""
        return Measured(
            np.append(self.currents, other.currents),
            np.append(self.latencies, other.latencies),
            np.append(self.periods, other.periods),
            self.rises + other.rises,
        )

    @property
    def fired(self) -> Measured:
        """Where the circuit fired three times or more."""
        fires = np.isfinite(self.periods)
        return Measured(self.currents[fires], self.latencies[fires], self.periods[fires], self.rises)


def measure(
    pool: Pool,
    circuit: SpikingCircuit,
    currents: FloatArray,
    expected: FloatArray,
    progress: Callable[[float], None] | None = None,
) -> Measured:
    """Run ``circuit`` under each constant current [A].

    ``expected``  about how long [s] the intervals will be: a run lasts PERIODS of them
    """
    runs = f_i_curve(pool, circuit, currents.tolist(), (PERIODS * expected).tolist(), progress)
    firsts = np.array([float(run.spikes[0]) if run.spikes.size else np.inf for run in runs])
    return Measured(currents, firsts, np.array([run.period for run in runs]))


def fitted(
    pool: Pool,
    circuit: TwinnedCircuit,
    free: Mapping[str, float] | None = None,
    progress: Callable[[float], None] | None = None,
) -> Fit[Any]:
    """The twin of this very circuit, mismatch, corner and all: ten runs, and a fit of the parameters ``free``.

    ``free``  names and steps; None: the nominal twin's own ``free``, whose steps are spreads, so that what the runs do
              not tell stays near the nominal value

    Twins that know more than their ``periods`` are fitted on more.  First spikes (``latencies``) tell the comparator's
    delay from the refractory period, which always come together in an interval; potentials below rheobase
    (``simulate``) tell the leak near rest.  Others take eight runs.

    Raises SimulationError when too few runs fire to tell the parameters.
    """
    nominal = circuit.twin()
    prior = UNCERTAINTY if free is None else 0.0
    free = nominal.free if free is None else free
    if not hasattr(nominal, "latencies"):
        currents = np.geomspace(*circuit.drives, POINTS + len(CLOSE))
        seen = measure(pool, circuit, currents, nominal.periods(currents), progress)
        return _fit(circuit, nominal, free, seen, nominal, prior)
    currents = currents_of(nominal)
    seen = measure(pool, circuit, currents, nominal.periods(currents), progress)
    first = _fit(circuit, nominal, dict(list(free.items())[:FIRST]), seen, nominal, prior).twin
    # What the first fit does not know of the leak makes the slowest intervals longer than it says.
    close = first.rheobase * np.array(CLOSE)
    seen = seen.joined(measure(pool, circuit, close, 1.3 * first.periods(close), progress))
    if hasattr(nominal, "simulate"):
        seen = replace(seen, rises=_rises(pool, circuit, first.rheobase, 4 * nominal.tau_m))
    return _fit(circuit, nominal, free, seen, nominal, prior)


def _fit(
    circuit: SpikingCircuit, start: Any, free: Mapping[str, float], seen: Measured, nominal: Any, prior: float
) -> Fit[Any]:
    points, knows_latencies = seen.fired, hasattr(start, "latencies")
    least = math.ceil(len(free) / 2) + 1 if knows_latencies else len(free)
    if points.currents.size < least:
        rule = f"firing at {least} of {seen.currents.size} currents or more"
        raise SimulationError(f"{circuit.title} must be {rule}, not at {points.currents.size}")
    if not knows_latencies:
        return fit(start, free, points.currents, points.periods, prior)
    volts = [rise.volts for rise in points.rises]
    measured = np.concatenate((points.periods, points.latencies, *volts))
    # An error of a thousandth of the swing counts as one of UNCERTAINTY of an interval.
    swing = 1e-3 / UNCERTAINTY * (nominal.V_th - nominal.V_0)
    scale = np.concatenate((points.periods, points.periods, *(np.full(v.size, swing) for v in volts)))
    highest = 1e3 * points.periods.max()

    def predict(twin: Any) -> FloatArray:
        times = np.append(twin.periods(points.currents), twin.latencies(points.currents, nominal.V_0))
        rises = [
            twin.simulate(Drive.constant(rise.current), rise.times[-1], rise.times, nominal.V_0)[1]
            for rise in points.rises
        ]
        return np.concatenate((np.minimum(times, highest), *rises))

    return fit_samples(start, free, predict, measured, scale, prior)


def _rises(pool: Pool, circuit: SpikingCircuit, rheobase: float, duration: float) -> tuple[Rise, ...]:
    times = duration * np.arange(1, 13) / 12
    currents = [part * rheobase for part in BELOW]
    decks = [transient(circuit, (constant(current),), duration) for current in currents]
    found = gather(pool, [Job(deck.text(), deck.saved, Samples(times)) for deck in decks])
    return tuple(Rise(current, times, volts) for current, volts in zip(currents, found, strict=True))
