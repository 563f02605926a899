"""Finding a twin's parameters from measured periods."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import numpy as np
from scipy.optimize import least_squares

from golden.errors import SpecError

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


@dataclass(frozen=True)
class Fit(Generic[T]):
    """A fitted twin and the relative errors of its periods at the points it was fitted on: rms and largest."""

    twin: T
    rms: float
    largest: float


def errors(twin: Twin, currents: ArrayLike, periods: ArrayLike) -> FloatArray:
    """Relative error (twin - measured) / measured of each period."""
    measured = np.asarray(periods, dtype=np.float64)
    found = twin.periods(np.asarray(currents, dtype=np.float64))
    return np.asarray((found - measured) / measured, dtype=np.float64)


def fit(twin: T, free: Mapping[str, float], currents: ArrayLike, periods: ArrayLike) -> Fit[T]:
    """Vary the parameters ``free`` of ``twin`` until its periods meet the measured ones best.

    ``free``       parameter names with the step [own unit] that is a sensible change of each
    ``currents``   (N,) constant inputs [A]; ``periods`` (N,) intervals measured under them [s]

    Least squares of the relative errors.  Raises SpecError for fewer points than parameters, or a period that is not
    positive and finite.
    """
    drive, measured = np.asarray(currents, dtype=np.float64), np.asarray(periods, dtype=np.float64)
    if drive.shape != measured.shape or drive.size < len(free):
        raise SpecError.rule("Points to fit", f"at least {len(free)}, a period for each current", f"{drive.size}")
    if not (np.isfinite(measured).all() and (measured > 0).all()):
        raise SpecError.rule("Periods to fit", "positive and finite", np.array2string(measured, threshold=5))
    names, steps = list(free), np.array([*free.values()])
    start = np.array([float(getattr(twin, name)) for name in names])

    def moved(x: FloatArray) -> T:
        changes: dict[str, Any] = {n: float(v) for n, v in zip(names, start + x * steps, strict=True)}
        return replace(twin, **changes)  # type: ignore[type-var]  # every twin is a dataclass

    def residuals(x: FloatArray) -> FloatArray:
        # A twin that does not fire at all is as wrong as one that fires at infinity: large, but finite for the solver.
        return np.asarray(np.nan_to_num(errors(moved(x), drive, measured), posinf=1e3), dtype=np.float64)

    found = least_squares(residuals, np.zeros(len(names)), x_scale="jac", ftol=1e-14, xtol=1e-14, gtol=1e-14)
    best = moved(found.x)
    left = errors(best, drive, measured)
    return Fit(best, float(np.sqrt(np.mean(left**2))), float(np.abs(left).max()))
