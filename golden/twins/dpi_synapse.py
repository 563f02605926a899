"""Golden twin of the DPI synapse: pulses in, a decaying current out.

With u the output transistor's gate voltage (supply less capacitor node) and s(t) = 1 during a pulse, else 0,

    C du/dt = I_w s(t) / (1 + e^((u - u_th) / (n_pair U_T))) - I_tau (1 - e^(-u / U_T))
    u - u_th = U_T (n x + bend x^2 / 2),      x = ln(I_syn / I_th)

In weak inversion (bend = 0), with n_pair = n and I_syn well above I_th, this is the linear filter of Bartolozzi and
Indiveri 2007,

    tau dI_syn/dt = -I_syn + I_w I_th / I_tau s(t),      tau = C n U_T / I_tau

so that a pulse of width t_p adds I_w I_th t_p / (I_tau tau) and pulses of rate f make the mean I_w I_th / I_tau t_p f.
What a circuit adds: after a silence, pulses first bring u back to u_th; the slope grows by ``bend`` with every factor e
of the current (towards strong inversion, or as the foundry's model has it), so that the decay is no single
exponential; and a pulse lasts ``t_extra`` longer than its input.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from golden.compiled import kernel
from golden.errors import SpecError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]

#: What is fitted to a circuit, with sensible steps; C only scales I_w and I_tau, and u_th is as good as I_w above I_th.
FREE = {"I_w": 1e-8, "I_tau": 1e-10, "I_th": 1e-11, "n": 0.05, "bend": 0.02}

#: Runge-Kutta steps of a pulse, and [U_T] by which u may move in one: more steps for pulses that move it further.
STEPS = 40
MOVE = 0.2


@kernel
def _charged(
    u: float, seconds: float, rise: float, fall: float, u_th: float, width: float, U_T: float, steps: int
) -> float:
    """``u`` after ``seconds`` of a pulse; rise and fall are I_w / C and I_tau / C [V/s].  Classical Runge-Kutta."""
    h = seconds / steps
    for _ in range(steps):
        v, total = u, 0.0
        for stage in range(4):
            slope = rise / (1.0 + math.exp((v - u_th) / width)) + fall * math.expm1(-v / U_T)
            total += slope if stage in (0, 3) else 2.0 * slope
            v = u + slope * (h if stage == 2 else h / 2.0)
        u += total * h / 6.0
    return u


@dataclass(frozen=True)
class DpiSynapseTwin:
    """The equation's parameters, in SI units: all positive, ``bend`` and ``t_extra`` not negative.

    Raises SpecError when a rule is broken.
    """

    C: float
    I_tau: float
    I_th: float
    I_w: float
    u_th: float
    n: float
    n_pair: float
    bend: float = 0.0
    t_extra: float = 0.0
    U_T: float = 0.025865

    def __post_init__(self) -> None:
        for name in ("C", "I_tau", "I_th", "I_w", "u_th", "n", "n_pair", "U_T"):
            if not 0 < getattr(self, name) < math.inf:
                raise SpecError.rule(f"DPI synapse twin {name}", "positive and finite", f"{getattr(self, name):g}")
        for name in ("bend", "t_extra"):
            if not 0 <= getattr(self, name) < math.inf:
                raise SpecError.rule(f"DPI synapse twin {name}", "not negative", f"{getattr(self, name):g}")

    @property
    def tau(self) -> float:
        """Time constant [s] of I_syn's decay around I_th; n is the slope there."""
        return self.C * self.n * self.U_T / self.I_tau

    @property
    def gain(self) -> float:
        """Steady I_syn over the mean input current, I_th / I_tau."""
        return self.I_th / self.I_tau

    def currents(self, starts: ArrayLike, ends: ArrayLike, times: ArrayLike, u_0: float = 0.0) -> FloatArray:
        """I_syn [A] at ``times`` (N,) >= 0 [s] under pulses from ``starts`` to ``ends`` (P,) [s].

        Pulses ascend and do not overlap (as `PulseInput.intervals` gives them); those that ``t_extra`` makes touch
        merge.  ``u_0`` [V] is u at time 0.
        """
        return self.output(self.potentials(starts, ends, times, u_0))

    def potentials(self, starts: ArrayLike, ends: ArrayLike, times: ArrayLike, u_0: float = 0.0) -> FloatArray:
        """u [V] at ``times``; arguments as in `currents`."""
        on, off = np.asarray(starts, dtype=np.float64), np.asarray(ends, dtype=np.float64)
        at = np.asarray(times, dtype=np.float64)
        if on.shape != off.shape or on.ndim != 1 or (off <= on).any() or (on[1:] < off[:-1]).any():
            raise SpecError.rule("Pulses", "ascending, without overlap, an end for each start", f"{on.size} starts")
        found, order = np.empty(at.shape), np.argsort(at, kind="stable")
        sorted_at, done, now, u = at[order], 0, 0.0, u_0
        for start, end in self._extended(on, off):
            upto = done + int(np.searchsorted(sorted_at[done:], start))
            found[order[done:upto]] = self._decayed(u, sorted_at[done:upto] - now)
            u, now, done = float(self._decayed(u, start - now)), start, upto
            while done < at.size and sorted_at[done] < end:
                found[order[done]] = self._pulse(u, sorted_at[done] - now)
                done += 1
            u, now = self._pulse(u, end - now), end
        found[order[done:]] = self._decayed(u, sorted_at[done:] - now)
        return found

    def output(self, u: ArrayLike) -> FloatArray:
        """I_syn [A] at gate voltage ``u`` [V].  Below where the slope would fall under n / 2, it stays there."""
        y = (np.asarray(u, dtype=np.float64) - self.u_th) / self.U_T
        if self.bend == 0:
            return np.asarray(self.I_th * np.exp(y / self.n))
        least = self.n / 2
        edge = (least**2 - self.n**2) / (2 * self.bend)
        slope = np.sqrt(self.n**2 + 2 * self.bend * np.maximum(y, edge))
        return np.asarray(self.I_th * np.exp((slope - self.n) / self.bend + np.minimum(y - edge, 0.0) / least))

    def _extended(self, on: FloatArray, off: FloatArray) -> list[tuple[float, float]]:
        merged: list[tuple[float, float]] = []
        for start, end in zip(on.tolist(), (off + self.t_extra).tolist(), strict=True):
            if merged and start <= merged[-1][1]:
                start = merged.pop()[0]
            merged.append((start, end))
        return merged

    def _pulse(self, u: float, seconds: float) -> float:
        rise, fall = self.I_w / self.C, self.I_tau / self.C
        steps = max(STEPS, math.ceil(seconds * max(rise, fall) / (MOVE * self.U_T)))
        return _charged(u, seconds, rise, fall, self.u_th, self.n_pair * self.U_T, self.U_T, steps)

    def _decayed(self, u: float, seconds: ArrayLike) -> FloatArray:
        """Without a pulse, e^(u / U_T) - 1 decays exponentially, with the time constant C U_T / I_tau."""
        decay = np.exp(-np.asarray(seconds, dtype=np.float64) * self.I_tau / (self.C * self.U_T))
        return np.asarray(self.U_T * np.log1p(math.expm1(u / self.U_T) * decay))
