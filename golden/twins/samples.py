"""Finding a twin's parameters from measured samples of what it predicts: currents, charges, voltages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
from scipy.optimize import least_squares

from golden.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]

T = TypeVar("T")


@dataclass(frozen=True)
class Fit(Generic[T]):
    """A fitted twin and its errors at the samples it was fitted on, in units of their scale: rms and largest."""

    twin: T
    rms: float
    largest: float


def fit_samples(
    twin: T, free: Mapping[str, float], predict: Callable[[T], FloatArray], measured: ArrayLike, scale: ArrayLike
) -> Fit[T]:
    """Vary the parameters ``free`` of ``twin`` until ``predict(twin)`` meets the ``measured`` samples best.

    ``free``      parameter names with the step [own unit] that is a sensible change of each
    ``predict``   the twin's answer at the samples, (N,)
    ``scale``     what an error counts against, a number or (N,)

    Least squares of (predicted - measured) / scale, which the errors of the returned `Fit` are too.  Raises SpecError
    for fewer samples than parameters, or samples that are not finite.
    """
    wanted, size = np.asarray(measured, dtype=np.float64), np.asarray(scale, dtype=np.float64)
    if wanted.size < len(free):
        raise SpecError.rule("Samples to fit", f"at least {len(free)}", wanted.size)
    if not np.isfinite(wanted).all():
        raise SpecError.rule("Samples to fit", "finite", np.array2string(wanted, threshold=5))
    names, steps = list(free), np.array([*free.values()])
    start = np.array([float(getattr(twin, name)) for name in names])

    def moved(x: FloatArray) -> T:
        changes: dict[str, Any] = {n: float(v) for n, v in zip(names, start + x * steps, strict=True)}
        return replace(twin, **changes)  # type: ignore[type-var]  # every twin is a dataclass

    def residuals(x: FloatArray) -> FloatArray:
        try:
            return np.asarray((predict(moved(x)) - wanted) / size, dtype=np.float64)
        except SpecError:
            # Parameters that the twin's own rules refuse are as wrong as can be: the solver turns back.
            return np.full(wanted.shape, 1e3)

    found = least_squares(residuals, np.zeros(len(names)), x_scale="jac", ftol=1e-14, xtol=1e-14, gtol=1e-14)
    left = residuals(found.x)
    return Fit(moved(found.x), float(np.sqrt(np.mean(left**2))), float(np.abs(left).max()))
