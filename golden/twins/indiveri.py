"""Golden twin of the low-power integrate-and-fire neuron: constant leak, exponential feedback, soft refractory end.

    C dV/dt = I - I_leak (1 + V / V_A) + I_1 e^((V - V_th) / width)        from V = 0, until it diverges
    T = rise + t_ref - t_fold ln(I / I_1)

The ideal circuit (Indiveri 2003) is C V_th / (I - I_leak) + t_ref.  What a circuit adds: the positive feedback, which
is the inverter's own current and so exponential in the membrane (V_th is where it is I_1 = 1 nA); the Early voltage
V_A of the leak; and a reset that ends when its transistor carries less than the input, earlier by t_fold for every
factor e of I.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from golden.errors import SpecError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]

#: [A] of the feedback current at V_th, and of the input that t_ref belongs to.
I_1 = 1e-9

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)


@dataclass(frozen=True)
class IndiveriTwin:
    """C [F], I_leak [A], V_th, width [V], t_ref [s] positive; t_fold [s]; early = 1 / V_A [1/V].

    Raises SpecError when a rule is broken.
    """

    C: float
    I_leak: float
    V_th: float
    width: float
    t_ref: float
    t_fold: float = 0.0
    early: float = 0.0

    #: Parameters that a fit changes by factors.
    POSITIVE: ClassVar = ("I_leak", "V_th", "width", "t_ref")

    def __post_init__(self) -> None:
        for entry in fields(self):
            if not math.isfinite(getattr(self, entry.name)):
                raise SpecError.rule(f"Indiveri twin {entry.name}", "finite", f"{getattr(self, entry.name):g}")
        for name in ("C", "I_leak", "V_th", "width", "t_ref"):
            if not getattr(self, name) > 0:
                raise SpecError.rule(f"Indiveri twin {name}", "positive", f"{getattr(self, name):g}")

    @property
    def free(self) -> dict[str, float]:
        """What is fitted to a circuit whose nominal twin this is, with a circuit's spread around it."""
        return {
            "V_th": 0.1 * self.V_th,
            "t_ref": 0.2 * self.t_ref,
            "I_leak": 0.1 * self.I_leak,
            "width": 0.3 * self.width,
            "t_fold": 0.3 * abs(self.t_fold) + 1e-9,
            "early": 0.05,
        }

    @property
    def rheobase(self) -> float:
        """Least current [A] at which the membrane never stops: where leak and feedback touch."""
        slope = self.I_leak * self.early
        V = self.V_th + self.width * math.log(slope * self.width / I_1) if slope * self.width > 0 else self.V_th
        V = min(max(V, 0.0), self.V_th)
        return max(self.I_leak * (1 + self.early * V) - I_1 * math.exp((V - self.V_th) / self.width), 0.0)

    def periods(self, currents: ArrayLike) -> FloatArray:
        """Interval between spikes [s] for each constant input current [A]; inf where it never fires.

        By quadrature up to ten widths above where feedback exceeds the input, and in closed form beyond.
        """
        drive = np.atleast_1d(np.asarray(currents, dtype=np.float64))
        found = np.full(drive.shape, np.inf)
        fires = drive > self.rheobase
        current = drive[fires]
        # Past V_end the feedback alone counts: the rest of the rise is C width / (its current).
        V_end = self.V_th + self.width * np.log(current / I_1) + 10 * self.width
        knee = np.maximum(V_end - 24 * self.width, 0.2 * V_end)
        rise = self._rise(current, np.zeros(current.shape), knee) + self._rise(current, knee, V_end)
        rest = self.C * self.width / (I_1 * np.exp((V_end - self.V_th) / self.width))
        found[fires] = rise + rest + self.t_ref - self.t_fold * np.log(current / I_1)
        return found

    def _rise(self, current: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
        V = low[:, None] + (high - low)[:, None] * (_NODES + 1) / 2
        net = current[:, None] - self.I_leak * (1 + self.early * V) + I_1 * np.exp((V - self.V_th) / self.width)
        return np.asarray(self.C * (high - low) / 2 * (_WEIGHTS / net).sum(axis=1))
