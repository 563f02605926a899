"""Golden twin of a synaptic line: a capacitor that weighted pulses pull down and a follower OTA brings back.

With u the line's deflection below its resting potential and I(t) the current of all pulses that are on,

    C du/dt = I(t) - I_tau tanh(u / w),      I = weight (1 + bow weight) I_lsb during a pulse

Between pulses sinh(u / w) decays exponentially, exactly: d/dt sinh(u / w) = -sinh(u / w) / tau, tau = C w / I_tau.  For
small u the line itself does, which is the chip's synaptic input (Aamir et al. 2018).  During pulses, which are short
against tau, half a decay precedes and half a decay follows each part of the charge (Strang splitting).

What a circuit adds: ``bow``, the change of a leg's current with the number of legs on, and ``t_extra`` by which a pulse
is longer than its input.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, ClassVar, TypeAlias

import numpy as np

from golden.compiled import kernel
from golden.errors import SpecError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]

#: tau [s]; ratio and shift of tanh(ratio x + shift); time constant [s] of a pole behind it.
Line: TypeAlias = tuple[float, float, float, float]

#: Parts of tau in which a pulse's charge arrives: the error is 1/24 of the square, 7e-5 of the charge.
PARTS = 25


def width(current: float, square: float, n: float, U_T: float) -> float:
    """w [V] of a pair with the tail ``current`` [A]: I = current tanh(V / w) has the slope of two EKV transistors.

    ``square``  specific current [A] of each, I_square W / L

    A transistor's slope in log current is n sqrt(i) / (1 - e^(-sqrt(i))), i = (current / 2) / square: n for small i.
    """
    root = math.sqrt(current / (2 * square))
    return 2 * n * U_T * root / -math.expm1(-root)


@kernel
def _relaxed(x: float, seconds: float, tau: float) -> float:
    """x = u / w after ``seconds`` without a pulse."""
    return math.asinh(math.sinh(x) * math.exp(-seconds / tau))


@kernel
def _behind(y: float, before: float, after: float, h: float, lag: float) -> float:
    """A pole's output after ``h`` [s], when its input goes from ``before`` to ``after`` on a straight line."""
    if lag == 0.0:
        return after
    return after + (after - before) * math.expm1(-h / lag) * lag / h + (y - before) * math.exp(-h / lag)


@kernel
def _stepped(x: float, y: float, seconds: float, rate: float, line: Line) -> tuple[float, float]:
    """x = u / w and the pole's output y, after ``seconds`` under a constant current, ``rate`` = I / (C w) [1/s]."""
    tau, ratio, shift, lag = line
    parts = math.ceil(seconds * PARTS / tau)
    h = seconds / parts
    before = math.tanh(ratio * x + shift)
    for _ in range(parts):
        x = _relaxed(_relaxed(x, h / 2.0, tau) + rate * h, h / 2.0, tau)
        after = math.tanh(ratio * x + shift)
        y = _behind(y, before, after, h, lag)
        before = after
    return x, y


@kernel
def _followed(
    corners: FloatArray, rates: FloatArray, times: FloatArray, x: float, line: Line, found: FloatArray
) -> None:
    """x and y at ascending ``times`` >= 0, into ``found`` (N, 2).

    From corners[k] on the rate is rates[k]; before the first it is 0.
    """
    now, rate, k, seen = 0.0, 0.0, 0, 0
    y = math.tanh(line[1] * x + line[2])
    while seen < times.size:
        corner = corners[k] if k < corners.size else math.inf
        until = min(corner, times[seen])
        if until > now:
            x, y = _stepped(x, y, until - now, rate, line)
            now = until
        if k < corners.size and corner <= times[seen]:
            rate, k = rates[k], k + 1
        else:
            found[seen, 0], found[seen, 1] = x, y
            seen += 1


@dataclass(frozen=True, kw_only=True)
class SynapticLineTwin:
    """The parameters: C [F], I_lsb, I_tau [A], w [V] positive; bow (relative, per weight), t_extra [s].

    Raises SpecError when a rule is broken.
    """

    C: float
    I_lsb: float
    I_tau: float
    w: float
    bow: float = 0.0
    t_extra: float = 0.0

    #: Parameters that a fit changes by factors.  All but a time may not be 0.
    POSITIVE: ClassVar[tuple[str, ...]] = ("C", "I_lsb", "I_tau", "w")

    def __post_init__(self) -> None:
        for entry in fields(self):
            if not math.isfinite(getattr(self, entry.name)):
                raise SpecError.rule(f"Synapse twin {entry.name}", "finite", f"{getattr(self, entry.name):g}")
        for name in self.POSITIVE:
            value, timed = getattr(self, name), name.startswith("t_")
            if not (value >= 0 if timed else value > 0):
                raise SpecError.rule(f"Synapse twin {name}", "not negative" if timed else "positive", f"{value:g}")

    @property
    def tau(self) -> float:
        """tau_syn = C w / I_tau [s], the time constant of small deflections."""
        return self.C * self.w / self.I_tau

    def drawn(self, weights: ArrayLike) -> FloatArray:
        """Current [A] off the line while a pulse is on, for weights of any shape."""
        code = np.asarray(weights, dtype=np.float64)
        return np.asarray(code * (1 + self.bow * code) * self.I_lsb)

    def deflections(
        self, starts: ArrayLike, ends: ArrayLike, weights: ArrayLike, times: ArrayLike, u_0: float = 0.0
    ) -> FloatArray:
        """u [V] at ``times`` (N,) >= 0 [s], under pulses from ``starts`` to ``ends`` (P,) [s] with ``weights`` (P,).

        Pulses come in any order and may overlap: those of different synapses on the line add.  ``u_0`` [V] is u at
        time 0.
        """
        found = self._followed(starts, ends, weights, times, (1.0, 0.0, 0.0), u_0)
        return self.w * found[:, 0]

    def _followed(
        self,
        starts: ArrayLike,
        ends: ArrayLike,
        weights: ArrayLike,
        times: ArrayLike,
        output: tuple[float, float, float],
        u_0: float = 0.0,
    ) -> FloatArray:
        """(N, 2): u / w, and tanh(ratio u / w + shift) behind a pole, steady at time 0.

        ``output``  ratio, shift, time constant [s] of the pole
        """
        on, off, code = (np.asarray(a, dtype=np.float64) for a in (starts, ends, weights))
        at = np.asarray(times, dtype=np.float64)
        if not on.shape == off.shape == code.shape or on.ndim != 1 or not (off > on).all():
            raise SpecError.rule("Pulses", "with an end after each start, and a weight", f"{on.size} starts")
        if at.ndim != 1 or (at.size and not at.min() >= 0):
            raise SpecError.rule("Times of a synapse twin", "in one row, from 0 on", np.array2string(at, threshold=5))
        rates = self.drawn(code) / (self.C * self.w)
        corners = np.concatenate((on, off + self.t_extra))
        order = np.argsort(corners, kind="stable")
        sums = np.cumsum(np.concatenate((rates, -rates))[order])
        sequence = np.argsort(at, kind="stable")
        found, sorted_back = np.empty((at.size, 2)), np.empty((at.size, 2))
        _followed(corners[order], sums, at[sequence], u_0 / self.w, (self.tau, *output), found)
        sorted_back[sequence] = found
        return sorted_back
