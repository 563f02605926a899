"""A circuit's own twin: a few runs under constant currents, and the parameters that meet their periods.

The currents are those that the nominal twin fires at with rates up to a factor ``span`` apart, from well above its
rheobase on, so that a circuit whose leak is a third stronger than nominal still fires at all of them.  What they tell
is then used to go closer to this circuit's own rheobase, where the leak's shape shows best.
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from scipy.optimize import brentq

from analog.bench import SpikingCircuit, f_i_curve
from golden.errors import SimulationError
from golden.twins.fit import fit
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
#: Periods of a run: the first is a transient's.
PERIODS = 3.6
#: Relative uncertainty of a simulated interval, solver and model together.
UNCERTAINTY = 1e-4
#: Parameters, in the order of ``free``, that the first points are enough for.
FIRST = 3


class TwinnedCircuit(SpikingCircuit, Protocol):
    """A circuit that knows its nominal twin."""

    def twin(self) -> Any:
        """A `golden.twins.Twin` with ``rheobase`` [A]."""
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
class Measured:
    """What runs under constant currents showed, (N,) each: current [A], first spike [s] after the start from
    V_reset, mean interval [s]; inf where the circuit fired fewer than three times."""

    currents: FloatArray
    latencies: FloatArray
    periods: FloatArray

    def joined(self, other: Measured) -> Measured:
        """Both."""
        pairs = zip(astuple(self), astuple(other), strict=True)
        return Measured(*(np.concatenate(pair) for pair in pairs))

    @property
    def fired(self) -> Measured:
        """Where the circuit fired three times or more."""
        fires = np.isfinite(self.periods)
        return Measured(*(array[fires] for array in astuple(self)))


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
    """The twin of this very circuit, mismatch, corner and all: eight runs, and a fit of the parameters ``free``.

    ``free``  names and steps; None: the nominal twin's own ``free``, whose steps are spreads, so that what the runs do
              not tell stays near the nominal value

    Twins that know their ``latencies`` are fitted on the first spikes as well: they tell the comparator's delay from
    the refractory period, which always come together in an interval.

    Raises SimulationError when too few runs fire to tell the parameters.
    """
    nominal = circuit.twin()
    prior = UNCERTAINTY if free is None else 0.0
    free = nominal.free if free is None else free
    currents = currents_of(nominal)
    seen = measure(pool, circuit, currents, nominal.periods(currents), progress)
    first = _fit(circuit, nominal, dict(list(free.items())[:FIRST]), seen, nominal, prior).twin
    # What the first fit does not know of the leak makes the slowest intervals longer than it says.
    close = first.rheobase * np.array(CLOSE)
    seen = seen.joined(measure(pool, circuit, close, 1.3 * first.periods(close), progress))
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
        return fit(start, free, points.currents, points.periods)
    measured = np.append(points.periods, points.latencies)
    highest = 1e3 * measured.max()

    def predict(twin: Any) -> FloatArray:
        both = np.append(twin.periods(points.currents), twin.latencies(points.currents, nominal.V_0))
        return np.asarray(np.minimum(both, highest))

    return fit_samples(start, free, predict, measured, np.tile(points.periods, 2), prior)
