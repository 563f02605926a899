"""Golden twin of the axon-hillock circuit.

    T = C_fb V_dd / (I - I_leak) + C_fb V_dd / (I_r - I) + t_0 + t_1 sqrt(I_1 / I)

(Mead 1989, Analog VLSI and Neural Systems, chapter 12: t_L and t_H).  What a circuit adds: the leakage I_leak of the
open reset; the amplifier's own time t_0; and t_1, by which a membrane of slope I / C_m is past the threshold before the
amplifier has moved enough for its feedback to take over: a ramp s is seen after sqrt(2 tau v / s).  I_1 is 10 nA.
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

#: [A] of the reference current of t_1.
I_1 = 10e-9


@dataclass(frozen=True)
class AxonHillockTwin:
    """C_fb [F], V_dd [V], I_r [A] positive; I_leak [A], t_0, t_1 [s].  Raises SpecError when a rule is broken."""

    C_fb: float
    V_dd: float
    I_r: float
    I_leak: float = 0.0
    t_0: float = 0.0
    t_1: float = 0.0

    #: Parameters that a fit changes by factors.
    POSITIVE: ClassVar = ("C_fb", "I_r")

    def __post_init__(self) -> None:
        for entry in fields(self):
            if not math.isfinite(getattr(self, entry.name)):
                raise SpecError.rule(f"Axon-hillock twin {entry.name}", "finite", f"{getattr(self, entry.name):g}")
        for name in ("C_fb", "V_dd", "I_r"):
            if not getattr(self, name) > 0:
                raise SpecError.rule(f"Axon-hillock twin {name}", "positive", f"{getattr(self, name):g}")

    @property
    def rheobase(self) -> float:
        """Least current [A] that fires at all."""
        return max(self.I_leak, 0.0)

    @property
    def free(self) -> dict[str, float]:
        """What is fitted to a circuit whose nominal twin this is, with a circuit's spread around it."""
        return {
            "C_fb": 0.05 * self.C_fb,
            "I_r": 0.1 * self.I_r,
            "t_0": 1e-8,
            "t_1": 1e-7,
            "I_leak": 1e-11,
        }

    def periods(self, currents: ArrayLike) -> FloatArray:
        """Interval between spikes [s] for each constant input current [A]; inf where it never fires, or never ends."""
        drive = np.atleast_1d(np.asarray(currents, dtype=np.float64))
        found = np.full(drive.shape, np.inf)
        fires = (drive > self.rheobase) & (drive < self.I_r)
        current = drive[fires]
        charge = self.C_fb * self.V_dd
        found[fires] = (
            charge / (current - self.I_leak)
            + charge / (self.I_r - current)
            + self.t_0
            + self.t_1 * np.sqrt(I_1 / current)
        )
        return found
