"""The OTA neuron: leak OTA, comparator, spike latch, refractory timer and reset switch, in the style of BrainScaleS.

Aamir et al. 2018 (An accelerated LIF neuronal network array for a large-scale mixed-signal neuromorphic architecture,
IEEE TCAS-I 65:4299) describes the chip's neuron; this is the same function in 27 transistors.

    leak OTA     pair lk1 (leak), lk2 (mem) with mirror load lk3, lk4; tail lkt, biased by lkb: a follower from V(leak)
                 to the membrane capacitor
    comparator   pair cm1 (thr), cm2 (mem) with mirror load cm3, cm4; tail cmt, biased by cmb: cx falls once the
                 membrane is above V(thr)
    latch        two NANDs, set by cx low, reset by ref low; q is high from the spike on.  Without it the refractory
                 period would depend on the input
    timer        rfp holds C_ref charged while q is low; then rfm (bias rfb) empties it through rfs, until ref
                 passes the latch's threshold
    reset        inverter ri (rin, rip) makes the spike rst of the latch's qb, and rs ties the membrane to V(res) while
                 it is high.  From q itself, which follows cx half way before the latch lets go, the switch would leak
                 just what a slow input brings, and the membrane would stay
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scipy.optimize import brentq

from analog.blocks.bias import Bias
from analog.blocks.current_bias import CurrentBias
from analog.blocks.gates import Inverter, Nand
from analog.netlist import positive
from analog.settings import solver_for
from analog.technology import Capacitor, Mosfet, Process
from analog.technology.ekv import ekv
from golden.errors import SpecError
from golden.twins.ota_lif import OtaLifTwin

if TYPE_CHECKING:
    from analog.netlist import Block
    from analog.settings import SolverOptions

UM = 1e-6

#: For the nominal twin: the comparator's voltage gain, and the capacitance [F] of its output.
GAIN = 300.0
CX = 6e-15


@dataclass(frozen=True)
class OtaNeuron:
    """The circuit without its input: a `analog.bench.SpikingCircuit`.

    Ports       mem: takes the input current and holds the membrane potential; rst: high from the spike until
                the refractory period ends; vdd
    Parameters  C_m [F]; I_leak [A] bias of the leak OTA; V_leak, V_th, V_reset [V]; I_ref [A] and C_ref [F] of the
                timer; I_cmp [A] bias of the comparator.  Potentials None: at 0.25, 0.75 and 0 of the technology's
                window; V_start [V] of the membrane at time 0, None: V_reset
    Equation    `golden.twins.ota_lif.OtaLifTwin`: C_m dV/dt = I - I_leak tanh((V - V_leak) / (2 n U_T)), so that
                tau_m = 2 n U_T C_m / I_leak near V_leak; t_ref = C_ref (V_dd - V_sw) / I_ref
    Limits      V_reset < V_th; V_leak and V_th high enough for the n-channel pairs (the technology's window); the leak
                is linear within 2 n U_T (70 mV) of V_leak and a constant current beyond
    """

    process: Process = field(default_factory=Process)
    C_m: float = 2e-12
    I_leak: float = 10e-9
    V_leak: float | None = None
    V_th: float | None = None
    V_reset: float | None = None
    I_ref: float = 40e-9
    C_ref: float = 100e-15
    I_cmp: float = 500e-9
    V_start: float | None = None

    def __post_init__(self) -> None:
        for name, unit in (("C_m", "F"), ("I_leak", "A"), ("I_ref", "A"), ("C_ref", "F"), ("I_cmp", "A")):
            positive(f"OTA neuron {name}", getattr(self, name), unit)
        for name in ("leak", "threshold", "reset"):
            volts = getattr(self, name)
            if not 0 <= volts <= self.process.vdd:
                raise SpecError.rule(f"OTA neuron V_{name}", f"between 0 and {self.process.vdd:g} V", f"{volts:g} V")
        if not self.reset < self.threshold:
            raise SpecError.rule("OTA neuron V_th", f"above V_reset ({self.reset:g} V)", f"{self.threshold:g} V")

    @property
    def leak(self) -> float:
        """V_leak [V], where the leak pulls to."""
        return self._within(0.25) if self.V_leak is None else self.V_leak

    @property
    def threshold(self) -> float:
        """V_th [V]."""
        return self._within(0.75) if self.V_th is None else self.V_th

    @property
    def reset(self) -> float:
        """V_reset [V]."""
        return self._within(0.0) if self.V_reset is None else self.V_reset

    @property
    def title(self) -> str:
        """The deck's first line."""
        return "OTA neuron (leak OTA, comparator, latch, refractory timer)"

    @property
    def spike(self) -> str:
        """The node that rises at a spike."""
        return "rst"

    @property
    def solver(self) -> SolverOptions:
        """Options that keep periods within 1.1e-4 (GF180: 2.2e-4) of converged ones in runs of 3.6 intervals."""
        return solver_for(self.process)

    @property
    def initial(self) -> tuple[tuple[str, float], ...]:
        """Membrane at its reset potential, latch open, timer charged: the latch alone would be bistable."""
        vdd = self.process.vdd
        start = self.reset if self.V_start is None else self.V_start
        return (("mem", start), ("ref", vdd), ("q", 0.0), ("qb", vdd), ("cx", vdd), ("rst", 0.0))

    @property
    def drives(self) -> tuple[float, float]:
        """Lowest and highest input current [A] of a fit: twenty times apart in rate, as far as t_ref allows."""
        twin = self.twin()
        low = 1.25 * twin.rheobase
        slowest, limit = (float(twin.periods([current])[0]) for current in (low, 1e6 * low))
        wanted = max(slowest / 24, 2 * limit)
        high = brentq(lambda x: float(twin.periods([math.exp(x)])[0]) - wanted, math.log(low), math.log(1e6 * low))
        return low, math.exp(high)

    def blocks(self) -> tuple[Block, ...]:
        """Supply, biases and devices."""
        return (
            Bias("vdd", self.process.vdd),
            Bias("leak", self.leak),
            Bias("thr", self.threshold),
            Bias("res", self.reset),
            Capacitor(self.process, "m", "mem", "0", self.C_m),
            *self._leak(),
            *self._comparator(),
            Nand(self.process, "qq", "cx", "qb", "q", W_p=0.84 * UM),
            Nand(self.process, "qr", "ref", "q", "qb"),
            *self._timer(),
            Inverter(self.process, "ri", "qb", "rst"),
            self._n("rs", "mem", "rst", "res", 1, 0),
        )

    def twin(self) -> OtaLifTwin:
        """The nominal twin, from this circuit's parameters: what `analog.fitting.fitted` starts from."""
        U_T, n = self.process.thermal_voltage, ekv(self.process, "n").n
        gain = self.I_cmp / (2 * n * U_T) / CX
        return OtaLifTwin(
            C=self.C_m,
            I_leak=self.I_leak,
            V_leak=self.leak,
            V_th=self.threshold,
            V_0=self.reset,
            # ref falls from the supply to the latch's threshold, about the middle.
            t_ref=self.C_ref * self.process.vdd / 2 / self.I_ref,
            n=n,
            v_x=self.process.vdd / 2 / GAIN,
            tau_x=GAIN / gain,
            U_T=U_T,
        )

    def _leak(self) -> tuple[Block, ...]:
        return (
            CurrentBias("lkb", "vdd", "lkb", self.I_leak),
            self._n("lkb", "lkb", "lkb", "0", 1, 4),
            self._n("lkt", "lkx", "lkb", "0", 1, 4),
            self._n("lk1", "lky", "leak", "lkx", 4, 0.5),
            self._n("lk2", "mem", "mem", "lkx", 4, 0.5),
            self._p("lk3", "lky", "lky", 2, 4),
            self._p("lk4", "mem", "lky", 2, 4),
        )

    def _comparator(self) -> tuple[Block, ...]:
        return (
            CurrentBias("cmb", "vdd", "cmb", self.I_cmp),
            self._n("cmb", "cmb", "cmb", "0", 1, 1),
            self._n("cmt", "cmx", "cmb", "0", 1, 1),
            self._n("cm1", "cy", "thr", "cmx", 2, 0.5),
            self._n("cm2", "cx", "mem", "cmx", 2, 0.5),
            self._p("cm3", "cy", "cy", 2, 0.5),
            self._p("cm4", "cx", "cy", 2, 0.5),
        )

    def _timer(self) -> tuple[Block, ...]:
        return (
            CurrentBias("rfb", "vdd", "rfb", self.I_ref),
            self._n("rfb", "rfb", "rfb", "0", 1, 2),
            self._n("rfm", "rfx", "rfb", "0", 1, 2),
            self._n("rfs", "ref", "q", "rfx", 0.42, 0),
            # Long, so that it holds ref no more than the latch's falling output lets go: a short one can stall it.
            self._p("rfp", "ref", "q", 0.42, 1),
            Capacitor(self.process, "ref", "ref", "0", self.C_ref),
        )

    def _within(self, part: float) -> float:
        low, high = self.process.made.window
        return low + part * (high - low)

    def _n(self, name: str, drain: str, gate: str, source: str, W: float, L: float) -> Mosfet:
        """An n-channel transistor, W and L in um; L 0: the shortest."""
        return Mosfet(self.process, name, drain, gate, source, "0", "n", W * UM, self._length(L))

    def _p(self, name: str, drain: str, gate: str, W: float, L: float) -> Mosfet:
        return Mosfet(self.process, name, drain, gate, "vdd", "vdd", "p", W * UM, self._length(L))

    def _length(self, L: float) -> float:
        return L * UM if L else self.process.made.minimum_length
