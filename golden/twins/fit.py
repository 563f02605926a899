"""Finding a twin's parameters from measured periods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np

from golden.errors import SpecError
from golden.twins.samples import Fit, fit_samples

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]


class Twin(Protocol):
    """A neuron that fires regularly under a constant current; a frozen dataclass of floats."""

    def periods(self, currents: FloatArray) -> FloatArray:
        """Interval between spikes [s] for each constant input current [A]; inf where it never fires."""
        ...


T = TypeVar("T", bound=Twin)


def errors(twin: Twin, currents: ArrayLike, periods: ArrayLike) -> FloatArray:
    """Relative error (twin - measured) / measured of each period."""
    measured = np.asarray(periods, dtype=np.float64)
    found = twin.periods(np.asarray(currents, dtype=np.float64))
    return np.asarray((found - measured) / measured, dtype=np.float64)


def fit(twin: T, free: Mapping[str, float], currents: ArrayLike, periods: ArrayLike, prior: float = 0.0) -> Fit[T]:
    """Vary the parameters ``free`` of ``twin`` until its periods meet the measured ones best.

    ``free``       parameter names with the step [own unit] that is a sensible change of each
    ``prior``      as in `fit_samples`
    ``currents``   (N,) constant inputs [A]; ``periods`` (N,) intervals measured under them [s]

    Least squares of the relative errors.  Raises SpecError for fewer points than parameters, or a period that is not
    positive and finite.
    """
    drive, measured = np.asarray(currents, dtype=np.float64), np.asarray(periods, dtype=np.float64)
    if drive.shape != measured.shape or drive.size < len(free):
        raise SpecError.rule("Points to fit", f"at least {len(free)}, a period for each current", f"{drive.size}")
    if not (np.isfinite(measured).all() and (measured > 0).all()):
        raise SpecError.rule("Periods to fit", "positive and finite", np.array2string(measured, threshold=5))
    # A twin that does not fire at all is as wrong as one that fires at infinity: large, but finite for the solver.
    highest = 1e3 * measured.max(initial=0.0)
    return fit_samples(twin, free, lambda moved: np.minimum(moved.periods(drive), highest), measured, measured, prior)
