"""The neuron of the theory: a time constant, two potentials and a refractory time."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from golden.errors import SpecError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from golden.neurons.lif import FloatArray, LIFNeuron


@dataclass(frozen=True, kw_only=True)
class Neuron:
    """tau dV = (mu - V) dt + sigma sqrt(tau) dW, threshold V_th, reset V_reset, absolute refractory time t_ref.

    tau      membrane time constant [s], > 0
    V_th     threshold [V]
    V_reset  reset potential [V], < V_th
    t_ref    refractory time [s], >= 0

    Any other consistent pair of units does as well: with ms and mV, rates are in kHz.  Raises SpecError.
    """

    tau: float
    V_th: float
    V_reset: float
    t_ref: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
                raise SpecError.rule(f"Neuron {field.name}", "a number", repr(value))
            if not math.isfinite(value):
                raise SpecError.rule(f"Neuron {field.name}", "finite", f"{value:g}")
            object.__setattr__(self, field.name, float(value))
        if self.tau <= 0:
            raise SpecError.rule("Neuron tau", "positive", f"{self.tau:g} s")
        if self.t_ref < 0:
            raise SpecError.rule("Neuron t_ref", "zero or positive", f"{self.t_ref:g} s")
        if self.V_th <= self.V_reset:
            raise SpecError.rule("Neuron V_th", f"above V_reset ({self.V_reset:g} V)", f"{self.V_th:g} V")

    @classmethod
    def of(cls, neuron: LIFNeuron) -> Neuron:
        """The theory's view of one LIF neuron; SpecError for one with tau_syn, or for a population of several."""
        if neuron.size not in (None, 1):
            raise SpecError.rule("Neuron of the theory", "one neuron", f"a population of {neuron.size}")
        if neuron.tau_syn is not None:
            raise SpecError.rule("Neuron of the theory", "without tau_syn (its input is white)", "one with it")
        one = neuron[0]
        tau, V_th, V_reset, t_ref = (float(x) for x in (one.tau_m, one.V_th, one.V_reset, one.t_ref))
        return cls(tau=tau, V_th=V_th, V_reset=V_reset, t_ref=t_ref)

    @property
    def span(self) -> float:
        """V_th - V_reset [V]."""
        return self.V_th - self.V_reset


def inputs(mu: ArrayLike, sigma: ArrayLike, *, noisy: bool = False) -> tuple[FloatArray, FloatArray]:
    """(mu, sigma) as float64 arrays of their common shape.

    SpecError unless both are finite, sigma is not negative, or with ``noisy`` positive, and the shapes broadcast.
    """
    m, s = finite("mu", mu, "V"), finite("sigma", sigma, "V")
    if (bad := s <= 0 if noisy else s < 0).any():
        raise SpecError.rule("Input sigma", "positive" if noisy else "zero or positive", f"{s[bad][0]:g} V")
    try:
        m, s = np.broadcast_arrays(m, s)
    except ValueError:
        raise SpecError.rule("Input mu and sigma", "of shapes that broadcast", f"{m.shape} and {s.shape}") from None
    return m, s


def finite(name: str, value: ArrayLike, unit: str) -> FloatArray:
    """The value as a float64 array; SpecError for what is no finite number."""
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise SpecError.rule(f"Input {name}", "a number or an array of numbers", repr(value)) from None
    if not np.isfinite(array).all():
        raise SpecError.rule(f"Input {name}", "finite", f"{array[~np.isfinite(array)].flat[0]:g} {unit}")
    return array


def number(name: str, value: float, unit: str) -> float:
    """One finite float; SpecError for an array and for what is no number."""
    array = finite(name, value, unit)
    if array.ndim:
        raise SpecError.rule(f"Input {name}", "one number", f"an array of shape {array.shape}")
    return float(array)


def frequencies(frequency: ArrayLike) -> FloatArray:
    """Frequencies [Hz] as a float64 array; SpecError for negative ones."""
    f = finite("frequency", frequency, "Hz")
    if (f < 0).any():
        raise SpecError.rule("Input frequency", "zero or positive", f"{f[f < 0][0]:g} Hz")
    return f
