"""A circuit's own twin: a few runs under constant currents, and the parameters that meet their periods.

The currents are those that the nominal twin fires at with rates up to a factor ``span`` apart, from well above its
rheobase on, so that a circuit whose leak is a third stronger than nominal still fires at all of them.  What they tell
is then used to go closer to this circuit's own rheobase, where the leak's shape shows best.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from scipy.optimize import brentq

from analog.bench import SpikingCircuit, f_i_curve
from golden.errors import SimulationError
from golden.twins.fit import fit

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


def measured_periods(
    pool: Pool,
    circuit: TwinnedCircuit,
    currents: FloatArray,
    expected: FloatArray,
    progress: Callable[[float], None] | None = None,
) -> FloatArray:
    """Mean interval [s] of the circuit under each current [A], inf where it fired fewer than three times.

    ``expected``  about how long [s] they will be: a run lasts PERIODS of them
    """
    runs = f_i_curve(pool, circuit, currents.tolist(), (PERIODS * expected).tolist(), progress)
    return np.array([run.period for run in runs])


def fitted(
    pool: Pool, circuit: TwinnedCircuit, free: Mapping[str, float], progress: Callable[[float], None] | None = None
) -> Fit[Any]:
    """The twin of this very circuit, mismatch, corner and all: eight runs, and `golden.twins.fit` of ``free``.

    Raises SimulationError when too few runs fire to tell the parameters.
    """
    nominal = circuit.twin()
    currents = currents_of(nominal)
    periods = measured_periods(pool, circuit, currents, nominal.periods(currents), progress)
    first = fit(nominal, dict(list(free.items())[:FIRST]), *_fired(circuit, currents, periods, FIRST)).twin
    # What the first fit does not know of the leak makes the slowest intervals longer than it says.
    close = first.rheobase * np.array(CLOSE)
    currents = np.append(currents, close)
    periods = np.append(periods, measured_periods(pool, circuit, close, 1.3 * first.periods(close), progress))
    return fit(first, free, *_fired(circuit, currents, periods, len(free)))


def _fired(circuit: TwinnedCircuit, currents: FloatArray, periods: FloatArray, least: int) -> tuple[FloatArray, ...]:
    fires = np.isfinite(periods)
    if fires.sum() < least:
        rule = f"firing at {least} of {periods.size} currents or more"
        raise SimulationError(f"{circuit.title} must be {rule}, not at {fires.sum()}")
    return currents[fires], periods[fires]
