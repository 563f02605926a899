"""Golden twin of the pulsed current mirror: the charge of one pulse, by weight code and width.

    Q(code, t_p) = code (1 + bow code) (I_lsb t_p + q_leg)

The ideal synapse is I_lsb alone, dV = code I_lsb t_p / C (the pulsed current source of Bartolozzi and Indiveri 2007).
What a circuit adds: q_leg, the charge that a finger's drain node brings to the membrane when its switch closes (it
waits at the supply), and bow, the growth of a finger's charge with the number of fingers on (the bias line moves).
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

BITS = 6

#: What is fitted to a circuit, with sensible steps.
FREE = {"I_lsb": 1e-10, "q_leg": 1e-16, "bow": 1e-4}


@dataclass(frozen=True)
class PulsedMirrorTwin:
    """The parameters: I_lsb [A] > 0, q_leg [C], bow (relative, per code).  Raises SpecError when a rule is broken."""

    I_lsb: float
    q_leg: float = 0.0
    bow: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.I_lsb < math.inf:
            raise SpecError.rule("Pulsed mirror twin I_lsb", "positive and finite", f"{self.I_lsb:g} A")
        for name in ("q_leg", "bow"):
            if not math.isfinite(getattr(self, name)):
                raise SpecError.rule(f"Pulsed mirror twin {name}", "finite", f"{getattr(self, name):g}")

    def charge(self, codes: ArrayLike, widths: ArrayLike) -> FloatArray:
        """Charge [C] into the membrane of one pulse, for weight codes and pulse widths [s] (broadcast together)."""
        code, width = np.asarray(codes, dtype=np.float64), np.asarray(widths, dtype=np.float64)
        return np.asarray(code * (1 + self.bow * code) * (self.I_lsb * width + self.q_leg))


def nonlinearity(charges: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Differential and integral nonlinearity [LSB] of the charges (N,) of all codes 0 to N - 1.

    By the end points: an LSB is (last - first) / (N - 1); DNL (N - 1,) is each step less one LSB, INL (N,) each charge
    less the line through both ends.
    """
    values = np.asarray(charges, dtype=np.float64)
    if values.ndim != 1 or values.size < 2 or values[-1] == values[0]:
        raise SpecError.rule("Charges of a weight", "those of all codes, with different ends", f"{values.size} values")
    steps = (values - values[0]) / ((values[-1] - values[0]) / (values.size - 1))
    return np.diff(steps) - 1, steps - np.arange(values.size)
