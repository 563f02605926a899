"""Golden twin of the OTA neuron: a membrane whose leak saturates, and what comparator, latch and reset add.

    C dV/dt = I - I_leak tanh((V - V_leak) / (2 n U_T)) - g_out (V - V_leak)

From V_0 the membrane rises to V_th; the comparator fires t_d later, the reset holds the membrane until t_ref after
that.  tanh is the differential pair in weak inversion (Mead 1989, Analog VLSI and Neural Systems, chapter 5), g_out the
OTA's output conductance.  The comparator is one pole before a threshold v_x above its offset, so that a ramp of slope s
is seen after t_d, where

    s (t_d - tau_x (1 - e^(-t_d / tau_x))) = v_x

V_0 is V_reset less what the opening reset switch couples in (feed-through).
With tanh(x) = x, g_out = 0, t_d = 0 this is the LIF neuron with g_L = I_leak / (2 n U_T).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from golden.errors import SpecError
from golden.twins import ota_lif_kernel

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]

#: Nodes of the integral over the rise: the integrand is smooth but for the knee of tanh, which the halves meet at.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(48)
#: Newton steps for the comparator's delay: from above, it converges monotonically.
_DELAY_STEPS = 30


@dataclass(frozen=True, eq=False)
class Drive:
    """Any input of one neuron, in hardware units.

    corners, currents    (N,) piecewise-linear current [A] from time 0, constant after its last corner
    events               (E,) ascending times [s] of input spikes
    jumps                (E,) by which each lifts the membrane [V]
    weights, tau_syn     (E,) by which each lifts the synaptic current [A], and the time constant [s] of its decay
    """

    corners: FloatArray
    currents: FloatArray
    events: FloatArray = field(default_factory=lambda: np.empty(0))
    jumps: FloatArray = field(default_factory=lambda: np.empty(0))
    weights: FloatArray = field(default_factory=lambda: np.empty(0))
    tau_syn: float = math.inf

    def __post_init__(self) -> None:
        if self.corners.shape != self.currents.shape or not self.corners.size or self.corners[0] != 0:
            raise SpecError.rule("Drive corners", "from 0 on, a current for each", f"{self.corners.size} corners")
        if (np.diff(self.corners) <= 0).any() or (np.diff(self.events) < 0).any():
            raise SpecError.rule("Drive times", "ascending", "not")
        if not self.events.shape == self.jumps.shape == self.weights.shape:
            raise SpecError.rule("Drive events", "with a jump and a weight each", f"{self.events.size} events")
        if not self.tau_syn > 0:
            raise SpecError.rule("Drive tau_syn", "positive", f"{self.tau_syn:g} s")

    @classmethod
    def constant(cls, current: float) -> Drive:
        """A constant current [A]."""
        return cls(np.zeros(1), np.array([current]))


@dataclass(frozen=True)
class OtaLifTwin:
    """The parameters, in SI units of the circuit's own time.

    C [F], I_leak [A], n, U_T [V], t_ref [s] positive; V_leak, V_th, V_0 [V] with V_0 < V_th; g_out [S], v_x [V], tau_x
    [s] not negative.  Raises SpecError when a rule is broken.
    """

    C: float
    I_leak: float
    V_leak: float
    V_th: float
    V_0: float
    t_ref: float
    n: float = 1.4
    g_out: float = 0.0
    v_x: float = 0.0
    tau_x: float = 0.0
    U_T: float = 0.025865

    #: Parameters that a fit changes by factors.
    POSITIVE: ClassVar = ("I_leak", "t_ref", "n", "v_x", "tau_x")

    def __post_init__(self) -> None:
        for entry in fields(self):
            if not math.isfinite(getattr(self, entry.name)):
                raise SpecError.rule(f"OTA twin {entry.name}", "finite", f"{getattr(self, entry.name):g}")
        for name in ("C", "I_leak", "n", "U_T", "t_ref"):
            if not getattr(self, name) > 0:
                raise SpecError.rule(f"OTA twin {name}", "positive", f"{getattr(self, name):g}")
        for name in ("v_x", "tau_x"):
            if not getattr(self, name) >= 0:
                raise SpecError.rule(f"OTA twin {name}", "not negative", f"{getattr(self, name):g}")
        if not self.V_th > self.V_0:
            raise SpecError.rule("OTA twin V_th", f"above V_0 ({self.V_0:g} V)", f"{self.V_th:g} V")

    @property
    def g_L(self) -> float:  # noqa: N802  # the symbol of the field
        """Leak conductance [S] at V_leak."""
        return self.I_leak / (2 * self.n * self.U_T) + self.g_out

    @property
    def tau_m(self) -> float:
        """Membrane time constant [s] for small deviations from V_leak."""
        return self.C / self.g_L

    @property
    def rheobase(self) -> float:
        """Smallest constant current [A] that reaches V_th."""
        return float(self.leak(np.array([self.V_th]))[0])

    @property
    def free(self) -> dict[str, float]:
        """What is fitted to a circuit whose nominal twin this is, most telling first, and how far circuits spread.

        C scales all currents, and is known.
        """
        return {
            "I_leak": 0.2 * self.I_leak,
            "t_ref": 0.2 * self.t_ref,
            "V_th": 10e-3,
            "n": 0.1,
            "g_out": 0.01 * self.g_L,
            "v_x": 0.5 * self.v_x,
            "tau_x": 0.5 * self.tau_x,
            "V_0": 1e-3,
            "V_leak": 5e-3,
        }

    def leak(self, V: FloatArray) -> FloatArray:
        """Current [A] that the leak takes from the membrane at ``V`` [V]."""
        above = V - self.V_leak
        return np.asarray(self.I_leak * np.tanh(above / (2 * self.n * self.U_T)) + self.g_out * above)

    def periods(self, currents: ArrayLike) -> FloatArray:
        """Interval between spikes [s] for each constant input current [A]; inf where it never fires."""
        return self.latencies(currents, self.V_0) + self.t_ref

    def latencies(self, currents: ArrayLike, start: float) -> FloatArray:
        """Time [s] from the membrane at ``start`` [V], below V_th, to the spike; inf where there is none.

        The rise is an integral by Gauss-Legendre quadrature, on both sides of V_leak apart: relative error below 1e-9
        from 1.01 times rheobase on.
        """
        drive = np.atleast_1d(np.asarray(currents, dtype=np.float64))
        found = np.full(drive.shape, np.inf)
        fires = drive > self.rheobase
        current = drive[fires]
        edges = np.unique(np.clip([start, self.V_leak, self.V_th], start, self.V_th))
        rise = np.zeros(current.shape)
        for low, high in pairwise(edges.tolist()):
            V = low + (high - low) * (_NODES + 1) / 2
            slopes = (current[:, None] - self.leak(V)) / self.C
            rise += (high - low) / 2 * (_WEIGHTS / slopes).sum(axis=1)
        found[fires] = rise + self.delay((current - self.rheobase) / self.C)
        return found

    def delay(self, slopes: ArrayLike) -> FloatArray:
        """Time [s] from V_th to the comparator's answer, for slopes [V/s] > 0 of the membrane there."""
        s = np.asarray(slopes, dtype=np.float64)
        if self.v_x == 0:
            return np.zeros(s.shape)
        if self.tau_x == 0:
            return np.asarray(self.v_x / s)
        # In units of tau_x: t - (1 - e^-t) = y, from the upper bounds t <= y + 1 and, convex, down by Newton.
        y = self.v_x / (s * self.tau_x)
        t = y + 1
        for _ in range(_DELAY_STEPS):
            t = t - (t + np.expm1(-t) - y) / -np.expm1(-t)
        return np.asarray(t * self.tau_x)

    def simulate(
        self, drive: Drive, duration: float, samples: FloatArray | None = None, start: float | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Spike times [s] up to ``duration``, and the membrane potential [V] at ``samples`` (ascending).

        ``start`` [V] is the potential at time 0, by default V_leak.  Runge-Kutta steps of at most a 32nd of the
        shortest time constant: spike times are within 1e-6 of an interval.
        """
        at = np.empty(0) if samples is None else np.ascontiguousarray(samples, dtype=np.float64)
        p = (self.C, self.I_leak, self.V_leak, 2 * self.n * self.U_T, self.g_out, self.V_th, self.tau_x, drive.tau_syn)
        shortest = min(self.C / abs(self.I_leak / p[3] + self.g_out), drive.tau_syn)
        # Every spike but the last is followed by a whole refractory period.
        room = int(duration / self.t_ref) + 2
        arrays = (drive.corners, drive.currents, drive.events, drive.jumps, drive.weights, at)
        spikes = np.empty(room)
        reset = (self.V_0, self.t_ref, self.v_x, self.V_leak if start is None else start)
        inputs = tuple(np.ascontiguousarray(a, dtype=np.float64) for a in arrays)
        h_max = shortest / ota_lif_kernel.STEPS
        count, potentials = ota_lif_kernel.run(p, reset, inputs, h_max, duration, spikes)
        return spikes[:count].copy(), potentials
