"""Golden twin of the current-based synapse: a synaptic line (`golden.twins.synaptic_line`) and an OTA.

    I_syn = sign (I_gm (T + T') / 2 + I_0) + g_out (V_0 - V),      T = tanh((u + u_0) / w_gm)

with u the line's deflection, V the membrane's potential, and T' what comes of T behind a pole of time constant t_lag:
half of the current takes the way through the OTA's mirror.  For small u this is the exponential synapse of Aamir et
al. 2018, peak weight I_lsb t_p I_gm / (C w_gm), time constant tau = C w / I_tau.

With w_gm = w and u_0 = 0 the saturations cancel in the charge: dq = I_gm tanh(u / w) dt = -I_gm / I_tau C du, so that
an event carries weight I_lsb t_p I_gm / I_tau, whatever its size and whatever is on the line already; only its shape is
no exponential.  On the way (t_lag = 0), with s = sinh(u / w) = s_0 e^(-t / tau), I_syn = I_gm s / sqrt(1 + s^2).

What a circuit adds: t_lag; I_0, the current of its load's error at rest; g_out, its output conductance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from golden.errors import SpecError
from golden.twins.synaptic_line import SynapticLineTwin

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Bss2SynapseTwin(SynapticLineTwin):
    """The line's parameters, and I_gm [A], w_gm [V] positive; V_0, u_0 [V], I_0 [A], g_out [S]; t_lag [s] not
    negative; sign 1 or -1.

    Raises SpecError when a rule is broken.
    """

    I_gm: float
    w_gm: float
    V_0: float = 0.0
    u_0: float = 0.0
    I_0: float = 0.0
    g_out: float = 0.0
    t_lag: float = 0.0
    sign: float = 1.0

    POSITIVE: ClassVar[tuple[str, ...]] = (*SynapticLineTwin.POSITIVE, "I_gm", "w_gm", "t_lag")

    def __post_init__(self) -> None:
        super().__post_init__()
        if abs(self.sign) != 1:
            raise SpecError.rule("Synapse twin sign", "1 or -1", f"{self.sign:g}")

    @property
    def free(self) -> dict[str, float]:
        """What is fitted to a circuit, with sensible steps.

        C and w only scale I_tau and I_lsb, and u_0 is as good as I_0.
        """
        return {
            "I_lsb": 0.05 * self.I_lsb,
            "I_tau": 0.05 * self.I_tau,
            "I_gm": 0.05 * self.I_gm,
            "w_gm": 0.05 * self.w_gm,
            "I_0": 0.01 * self.I_gm,
            "g_out": 0.05 * self.I_gm,
            "bow": 1e-4,
            "t_extra": 1e-10,
            "t_lag": 0.2 * self.t_lag,
        }

    @property
    def gain(self) -> float:
        """Charge into the membrane over charge off the line, for small deflections: I_gm w / (I_tau w_gm)."""
        return self.I_gm * self.w / (self.I_tau * self.w_gm)

    def output(self, u: ArrayLike, V: ArrayLike) -> FloatArray:
        """Steady I_syn [A] into a membrane at ``V`` [V] with the line ``u`` [V] below rest (broadcast together)."""
        return self._current(np.tanh((np.asarray(u, dtype=np.float64) + self.u_0) / self.w_gm), V)

    def currents(
        self, starts: ArrayLike, ends: ArrayLike, weights: ArrayLike, times: ArrayLike, V: ArrayLike
    ) -> FloatArray:
        """I_syn [A] at ``times`` (N,) under weighted pulses (see `deflections`) into a membrane at ``V`` [V].

        ``V``  one potential, or one for each time
        """
        output = (self.w / self.w_gm, self.u_0 / self.w_gm, self.t_lag)
        x, late = self._followed(starts, ends, weights, times, output).T
        return self._current((np.tanh(output[0] * x + output[1]) + late) / 2, V)

    def _current(self, share: FloatArray, V: ArrayLike) -> FloatArray:
        volts = np.asarray(V, dtype=np.float64)
        return np.asarray(self.sign * (self.I_gm * share + self.I_0) + self.g_out * (self.V_0 - volts))
