"""Golden twin of the conductance-based synapse: a synaptic line (`golden.twins.synaptic_line`) and a multiplier.

    I_syn = I_gm T' tanh((E_rev - V) / w_out) + I_0 + g_out (V_0 - V),      T = tanh((u + u_0) / w_in)

with u the line's deflection, V the membrane's potential, and T' what comes of T a time t_lag later behind a pole of
time constant t_load (sources and mirrors on the way, and the load's mirror).  For small u and V near E_rev this is the
conductance-based synapse

    I_syn = g(t) (E_rev - V),      g = I_gm u / (w_in w_out),

whose u decays with tau = C w / I_tau.  tanh(x) is x to 1 % for x < 0.17, to 5 % for x < 0.39.

What a circuit adds: t_lag and t_load; u_0, the conductance at rest, of either sign, by mismatch and V_shift; I_0 and
g_out, the current and conductance of its load.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from golden.twins.synaptic_line import SynapticLineTwin

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ConductanceSynapseTwin(SynapticLineTwin):
    """The line's parameters, and I_gm [A], w_in, w_out [V] positive; E_rev, V_0, u_0 [V], I_0 [A], g_out [S]; t_lag and
    t_load [s] not negative.

    Raises SpecError when a rule is broken.
    """

    I_gm: float
    w_in: float
    w_out: float
    E_rev: float
    V_0: float = 0.0
    u_0: float = 0.0
    I_0: float = 0.0
    g_out: float = 0.0
    t_lag: float = 0.0
    t_load: float = 0.0

    POSITIVE: ClassVar[tuple[str, ...]] = (*SynapticLineTwin.POSITIVE, "I_gm", "w_in", "w_out", "t_lag", "t_load")

    @property
    def free(self) -> dict[str, float]:
        """What is fitted to a circuit, with sensible steps: C and w only scale I_tau and I_lsb."""
        return {
            "I_lsb": 0.05 * self.I_lsb,
            "I_tau": 0.05 * self.I_tau,
            "I_gm": 0.05 * self.I_gm,
            "w_in": 0.05 * self.w_in,
            "w_out": 0.05 * self.w_out,
            "u_0": 1e-3,
            "I_0": 0.01 * self.I_gm,
            "g_out": 0.05 * self.I_gm,
            "bow": 1e-4,
            "t_extra": 1e-10,
            "t_lag": 0.2 * self.t_lag,
            "t_load": 0.2 * self.t_load,
        }

    def conductance(self, u: ArrayLike) -> FloatArray:
        """g [S] at E_rev with the line ``u`` [V] below rest."""
        return np.asarray(self.I_gm / self.w_out * np.tanh((np.asarray(u, dtype=np.float64) + self.u_0) / self.w_in))

    def output(self, u: ArrayLike, V: ArrayLike) -> FloatArray:
        """Steady I_syn [A] into a membrane at ``V`` [V] with the line ``u`` [V] below rest (broadcast together)."""
        return self._current(np.tanh((np.asarray(u, dtype=np.float64) + self.u_0) / self.w_in), V)

    def currents(
        self, starts: ArrayLike, ends: ArrayLike, weights: ArrayLike, times: ArrayLike, V: ArrayLike
    ) -> FloatArray:
        """I_syn [A] at ``times`` (N,) under weighted pulses (see `deflections`) into a membrane at ``V`` [V].

        ``V``  one potential, or one for each time
        """
        output = (self.w / self.w_in, self.u_0 / self.w_in, self.t_load)
        before = np.maximum(np.asarray(times, dtype=np.float64) - self.t_lag, 0.0)
        return self._current(self._followed(starts, ends, weights, before, output)[:, 1], V)

    def _current(self, share: FloatArray, V: ArrayLike) -> FloatArray:
        volts = np.asarray(V, dtype=np.float64)
        drive = np.tanh((self.E_rev - volts) / self.w_out)
        return np.asarray(self.I_gm * share * drive + self.I_0 + self.g_out * (self.V_0 - volts))
