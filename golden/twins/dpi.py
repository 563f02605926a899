"""Golden twin of the DPI neuron: one first-order equation from reset to spike, and a refractory period.

On the membrane capacitor, with the membrane current I_mem(V) that its potential makes in a transistor,

    C_m dV/dt = I_in / (1 + e^(skew (V - V_thr) / (n U_T))) - I_tau (1 - e^(-V / U_T)) + feedback I_mem(V)

In weak inversion I_mem = I_0 e^(V / (n U_T)); with skew = 1, I_th = I_mem(V_thr) and V well above U_T this is the
low-pass filter with positive feedback of Livi and Indiveri 2009 (Indiveri et al. 2011), without adaptation,

    (1 + I_th / I_mem) tau dI_mem/dt = I_th / I_tau (I_in - I_tau) - I_mem + feedback I_mem / I_tau (I_mem + I_th)

of time constant tau = C_m n U_T / I_tau and gain I_th / I_tau.  What a circuit adds: V starts at ground, where the
leak's transistor is out of saturation; the input pair's slope is n / skew instead of the membrane transistor's n;
neither stays in weak inversion (both are EKV transistors here); t_ref holds all delays from one end of the integral to
its next start.

The equation has one state and no explicit time, so an interval under constant current is an integral over V.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from golden.errors import SpecError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]

#: Steps of the potential from reset to spike, of the trapezoidal rule.
STEPS = 4000

#: What is fitted to a circuit, with sensible steps; see `golden.twins.fit`.
FREE = {"C_m": 1e-13, "I_tau": 1e-10, "V_thr": 1e-3, "t_ref": 1e-7, "skew": 0.05}


@dataclass(frozen=True)
class DpiTwin:
    """The equation's parameters.

    C_m             [F]
    I_tau           leak [A]
    V_thr           gate voltage [V] of the gain current, I_th = I_mem(V_thr)
    t_ref           [s]: refractory period and delays
    V_spike         [V] at which the spike begins, far up the feedback's run; V_reset [V] where it ends
    n, I_spec, V_T  slope, specific current [A], threshold [V] of the transistor that makes I_mem (EKV)
    skew, I_pair    n over the slope, and specific current [A], of the input pair's transistors
    feedback        copies of I_mem that come back
    U_T             [V]

    Raises SpecError when a rule is broken.
    """

    C_m: float
    I_tau: float
    V_thr: float
    t_ref: float
    V_spike: float
    n: float
    I_spec: float
    V_T: float
    I_pair: float
    skew: float = 1.0
    feedback: float = 1.0
    V_reset: float = 0.0
    U_T: float = 0.025865

    def __post_init__(self) -> None:
        for name in ("C_m", "n", "I_spec", "I_pair", "U_T"):
            if not 0 < getattr(self, name) < math.inf:
                raise SpecError.rule(f"DPI twin {name}", "positive and finite", f"{getattr(self, name):g}")
        for name in ("I_tau", "V_thr", "t_ref", "V_T", "skew", "feedback"):
            if not math.isfinite(getattr(self, name)):
                raise SpecError.rule(f"DPI twin {name}", "finite", f"{getattr(self, name):g}")
        if not 0 <= self.V_reset < self.V_spike < math.inf:
            rule = f"from 0 to below V_spike ({self.V_spike:g} V)"
            raise SpecError.rule("DPI twin V_reset", rule, f"{self.V_reset:g} V")

    @property
    def free(self) -> dict[str, float]:
        """What is fitted to a circuit whose nominal twin this is, with a circuit's spread around it."""
        return {
            "I_tau": 0.2 * self.I_tau,
            "t_ref": 0.2 * self.t_ref,
            "V_thr": 30e-3,
            "C_m": 0.1 * self.C_m,
            "skew": 0.3,
        }

    @property
    def tau(self) -> float:
        """Time constant C_m n U_T / I_tau [s] of the membrane current."""
        return self.C_m * self.n * self.U_T / self.I_tau

    @property
    def gain_current(self) -> float:
        """I_th = I_mem(V_thr) [A]."""
        return float(self.membrane_current(self.V_thr))

    @property
    def rheobase(self) -> float:
        """Smallest current [A] that ever makes a spike, in weak inversion with skew = 1.

        The fixed points I_in I_th / (I_th + I_mem) + feedback I_mem = I_tau meet at
        (I_tau + feedback I_th)^2 / (4 feedback I_th) and vanish beyond it; where feedback I_th > I_tau, none is stable
        above I_in = I_tau.
        """
        gain = self.feedback * self.gain_current
        return self.I_tau if gain >= self.I_tau else (self.I_tau + gain) ** 2 / (4 * gain)

    def membrane_current(self, V: ArrayLike) -> FloatArray:
        """I_mem [A] at the potential V [V], any shape."""
        x = (np.asarray(V, dtype=np.float64) - self.V_T) / (2 * self.n * self.U_T)
        return np.asarray(self.I_spec * np.logaddexp(0.0, x) ** 2)

    def net_current(self, V: ArrayLike, current: ArrayLike) -> FloatArray:
        """C_m dV/dt [A] at the potential V [V] under the input ``current`` >= 0 [A]; broadcast together."""
        volts, drive = np.asarray(V, dtype=np.float64), np.asarray(current, dtype=np.float64)
        # Slope of an EKV pair in log current, where both carry half: sqrt(i) / (1 - e^(-sqrt(i))), 1 in weak inversion.
        root = np.sqrt(np.maximum(drive / (2 * self.I_pair), 1e-12))
        steep = self.skew / (self.n * self.U_T) * -np.expm1(-root) / root
        share = 0.5 * (1 - np.tanh(steep / 2 * (volts - self.V_thr)))
        leak = -self.I_tau * np.expm1(-volts / self.U_T)
        return np.asarray(drive * share - leak + self.feedback * self.membrane_current(volts))

    def periods(self, currents: ArrayLike) -> FloatArray:
        """Interval between spikes [s] for each constant input (N,) [A]; inf where the membrane stops on its way."""
        drive = np.asarray(currents, dtype=np.float64)
        volts = np.linspace(self.V_reset, self.V_spike, STEPS + 1)
        net = self.net_current(volts, drive[..., None])
        fires = np.asarray((net > 0).all(axis=-1))
        seconds = np.trapezoid(self.C_m / np.where(fires[..., None], net, 1.0), volts, axis=-1)
        return np.asarray(np.where(fires, self.t_ref + seconds, np.inf))
