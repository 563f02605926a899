"""The EKV equation of each technology's transistors: three numbers a kind, for hand calculation and nominal twins.

    I = I_square W/L ln^2(1 + e^((V_GS - V_T) / (2 n U_T)))        saturated, bulk at the source

(Enz, Krummenacher and Vittoz 1995).  In weak inversion this is I_0 e^(V_GS / (n U_T)) with kappa = 1/n, as in the
neuromorphic literature.  The foundries' numbers are least-squares fits of log I from 0.3 nA to 3 uA to their models' DC
curves (typical, 27 degrees Celsius, n-channel 2 um x 1 um, p-channel 1 um x 1 um): within 5 % of the current in
SKY130, 2 % in GF180.  SKY130's p-channel transistors are far from one slope: n is 1.5 at 0.1 nA and 2.3 at 100 nA.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analog.technology.macro import GAIN, MACRO, THRESHOLD

if TYPE_CHECKING:
    from analog.technology.process import Kind, Process


@dataclass(frozen=True)
class Ekv:
    """Slope factor n, specific current [A] of a square (W = L), threshold V_T [V] of one kind of transistor."""

    n: float
    I_square: float
    V_T: float

    def voltage(self, current: float, squares: float, U_T: float) -> float:
        """V_GS [V] at which a transistor of ``squares`` = W/L carries ``current`` [A]."""
        # log(expm1(x)) without overflow for large x.
        root = math.sqrt(current / (self.I_square * squares))
        return self.V_T + 2 * self.n * U_T * (root + math.log(-math.expm1(-root)))

    def current(self, voltage: float, squares: float, U_T: float) -> float:
        """Current [A] of a saturated transistor of ``squares`` = W/L at V_GS = ``voltage`` [V]."""
        x = (voltage - self.V_T) / (2 * self.n * U_T)
        return self.I_square * squares * (max(x, 0.0) + math.log1p(math.exp(-abs(x)))) ** 2


#: Fits of the foundries' typical models, n-channel and p-channel.
FITTED = {
    "sky130": {"n": Ekv(1.423, 7.82e-7, 0.6027), "p": Ekv(1.940, 5.12e-7, 0.9886)},
    "gf180": {"n": Ekv(1.425, 3.71e-7, 0.6635), "p": Ekv(1.511, 8.70e-8, 0.7614)},
}


def ekv(process: Process, kind: Kind) -> Ekv:
    """The numbers of ``process``'s technology, typical corner, 27 degrees Celsius; exact for macro."""
    if process.technology == MACRO.name:
        return Ekv(MACRO.slope, 2 * MACRO.slope * GAIN[kind] * 0.025865**2, THRESHOLD[kind])
    return FITTED[process.technology][kind]
