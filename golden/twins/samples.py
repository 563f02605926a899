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
    twin: T,
    free: Mapping[str, float],
    predict: Callable[[T], FloatArray],
    measured: ArrayLike,
    scale: ArrayLike,
    prior: float = 0.0,
) -> Fit[T]:
    """Vary the parameters ``free`` of ``twin`` until ``predict(twin)`` meets the ``measured`` samples best.

    ``free``      parameter names with the step [own unit] that is a sensible change of each; those that the twin names
                  in its class's ``POSITIVE`` change by factors
    ``predict``   the twin's answer at the samples, (N,)
    ``scale``     what an error counts against, a number or (N,)
    ``prior``     error that counts as much as a parameter's being one step off where it began: with the samples' own
                  uncertainty here, and spreads as steps, the most likely parameters.  It decides what the samples do
                  not; 0 leaves that to chance

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
    by_factor = np.isin(names, getattr(twin, "POSITIVE", ()))
    relative = np.where(by_factor, steps / np.where(by_factor, start, 1.0), 0.0)

    def moved(x: FloatArray) -> T:
        values = np.where(by_factor, start * np.exp(np.clip(x * relative, -50, 50)), start + x * steps)
        changes: dict[str, Any] = {n: float(v) for n, v in zip(names, values, strict=True)}
        return replace(twin, **changes)  # type: ignore[type-var]  # every twin is a dataclass

    def residuals(x: FloatArray) -> FloatArray:
        try:
            off = np.asarray((predict(moved(x)) - wanted) / size, dtype=np.float64)
        except SpecError:
            # Parameters that the twin's own rules refuse are as wrong as can be: the solver turns back.
            off = np.full(wanted.shape, 1e3)
        return np.append(off, prior * x) if prior else off

    found = least_squares(residuals, np.zeros(len(names)), x_scale="jac", ftol=1e-14, xtol=1e-14, gtol=1e-14)
    left = residuals(found.x)[: wanted.size]
    return Fit(moved(found.x), float(np.sqrt(np.mean(left**2))), float(np.abs(left).max()))
