"""The DPI neuron: a current-mode membrane with positive feedback, reset and refractory period.

Livi and Indiveri 2009 (A current-mode conductance-based silicon neuron for address-event neuromorphic systems, ISCAS);
Indiveri et al. 2011 (Neuromorphic silicon neuron circuits, Frontiers in Neuroscience 5:73).  Its membrane variable is
a current: I_mem, which the potential of node ``cap`` makes in transistor A1.

    input filter     L1, L2 share the input current; L2's part charges C_m, L3 takes the leak I_tau off
    feedback         A1 makes I_mem; the mirror A2, A3 returns ``feedback`` times of it to C_m
    spike            inverter A4, A5 watches C_m, inverter A6, A7 makes the spike
    reset            the spike empties C_ref through R1; R3 fills it with I_ref (not while R2 sees the spike); until it
                     passes inverter R4, R5's threshold, R6 holds C_m at ground
    biases           diode-connected B1 (I_tau), B2 (I_gth), B3 (I_ref), with the capacitance of the bias lines

Apart from the papers: the mirror has a branch of its own instead of a place in the first inverter's, because 1.8 V are
not enough for three gate voltages in series; L1 and L2 are p-channel because the input is sourced; the adaptation block
(a second integrator, of the spikes) is left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scipy.optimize import brentq

from analog.blocks.bias import Bias
from analog.blocks.current_bias import CurrentBias
from analog.netlist import positive
from analog.settings import REGENERATIVE_SOLVER
from analog.technology import Capacitor, Mosfet, Process
from analog.technology.ekv import ekv
from golden.errors import SpecError
from golden.twins.dpi import DpiTwin

if TYPE_CHECKING:
    from analog.netlist import Block
    from analog.settings import SolverOptions

UM = 1e-6

#: [F] of a bias line, which many neurons share: spikes must not move it.
LINE = 10e-12


@dataclass(frozen=True)
class DpiNeuron:
    """The circuit without its input: a `analog.bench.SpikingCircuit`.

    Ports       mem: takes the input current (positive excites), at the sources of L1 and L2, a gate voltage above the
                membrane capacitor's node cap; spike: rises at a spike, high for some nanoseconds; vdd
    Parameters  C_m [F], I_tau [A] leak, I_gth [A] gain (I_th in the equations), I_ref [A] and C_ref [F] refractory,
                feedback >= 1 (copies of A3)
    Equation    `golden.twins.dpi.DpiTwin`: tau = C_m n U_T / I_tau, gain I_gth / I_tau, t_ref = C_ref V_sw / I_ref
    Limits      weak inversion: I_tau and I_gth well below 1 uA, input below 1 uA; the input's source must reach
                V(mem) <= 0.75 vdd
    """

    process: Process = field(default_factory=Process)
    C_m: float = 2e-12
    I_tau: float = 5e-9
    I_gth: float = 2.5e-9
    I_ref: float = 100e-9
    C_ref: float = 100e-15
    feedback: int = 1

    def __post_init__(self) -> None:
        for name, unit in (("C_m", "F"), ("I_tau", "A"), ("I_gth", "A"), ("I_ref", "A"), ("C_ref", "F")):
            positive(f"DPI neuron {name}", getattr(self, name), unit)
        if self.feedback < 1:
            raise SpecError.rule("DPI neuron feedback", "at least 1", self.feedback)

    @property
    def title(self) -> str:
        """The deck's first line."""
        return "DPI neuron (Livi and Indiveri 2009)"

    @property
    def spike(self) -> str:
        """The node that rises at a spike."""
        return "spike"

    @property
    def solver(self) -> SolverOptions:
        """Options that keep periods within 7e-4 of converged ones in runs of 3.6 intervals, not in longer ones."""
        return REGENERATIVE_SOLVER

    @property
    def initial(self) -> tuple[tuple[str, float], ...]:
        """Membrane at its reset potential, refractory period over."""
        return (("cap", 0.0), ("ref", self.process.vdd))

    @property
    def drives(self) -> tuple[float, float]:
        """Lowest and highest input current [A] of a fit: well above rheobase."""
        return 1.5 * self.twin().rheobase, 60 * self.twin().rheobase

    def blocks(self) -> tuple[Block, ...]:
        """Supply, biases and devices."""
        process = self.process
        return (
            Bias("vdd", process.vdd),
            *self._biases(),
            # Input filter.
            self._p("L1", "0", "gth", "mem", 4, 0.5),
            self._p("L2", "cap", "cap", "mem", 4, 0.5),
            self._n("L3", "cap", "tau", "0", 1, 2),
            Capacitor(process, "mem", "cap", "0", self.C_m),
            # Positive feedback.
            self._n("A1", "y", "cap", "0", 2, 1),
            self._p("A2", "y", "y", "vdd", 1, 1),
            self._p("A3", "cap", "y", "vdd", 1, 1, self.feedback),
            # Spike: the first inverter switches low, so that A1 does not climb far into strong inversion.
            self._p("A4", "x", "cap", "vdd", 0.42, 6),
            self._n("A5", "x", "cap", "0", 2, 1),
            self._p("A6", "spike", "x", "vdd", 0.84),
            self._n("A7", "spike", "x", "0", 0.42),
            # Refractory period and reset.
            self._n("R1", "ref", "spike", "0", 0.84),
            self._p("R2", "ref", "spike", "r", 1),
            self._p("R3", "r", "bias", "vdd", 1, 2),
            Capacitor(process, "ref", "ref", "0", self.C_ref),
            self._n("R4", "rst", "ref", "0", 0.42, 1.5),
            self._p("R5", "rst", "ref", "vdd", 0.42, 1.5),
            self._n("R6", "cap", "rst", "0", 4, 0.3),
        )

    def twin(self) -> DpiTwin:
        """The nominal twin: this circuit's parameters, and its technology's EKV numbers."""
        n, p = ekv(self.process, "n"), ekv(self.process, "p")
        return DpiTwin(
            C_m=self.C_m,
            I_tau=self.I_tau,
            V_thr=n.voltage(self.I_gth, 2, self.process.thermal_voltage),
            t_ref=self.C_ref * self._switch(1, 1) / self.I_ref,
            V_spike=self._switch(2, 0.42 / 6),
            n=n.n,
            I_spec=2 * n.I_square,
            V_T=n.V_T,
            I_pair=8 * p.I_square,
            skew=n.n / p.n,
            feedback=float(self.feedback),
            U_T=self.process.thermal_voltage,
        )

    def _switch(self, down: float, up: float) -> float:
        """Input [V] at which an inverter's n-channel (``down`` squares) and p-channel carry the same current."""
        n, p, vdd, U_T = ekv(self.process, "n"), ekv(self.process, "p"), self.process.vdd, self.process.thermal_voltage
        balance = brentq(lambda V: n.current(V, down, U_T) - p.current(vdd - V, up, U_T), 0.0, vdd)
        return float(balance)

    def _biases(self) -> tuple[Block, ...]:
        return (
            CurrentBias("tau", "vdd", "tau", self.I_tau),
            self._n("B1", "tau", "tau", "0", 1, 2),
            Capacitor(self.process, "tau", "tau", "0", LINE),
            CurrentBias("gth", "vdd", "gth", self.I_gth),
            self._n("B2", "gth", "gth", "0", 2, 1),
            Capacitor(self.process, "gth", "gth", "0", LINE),
            CurrentBias("ref", "bias", "0", self.I_ref),
            self._p("B3", "bias", "bias", "vdd", 1, 2),
            Capacitor(self.process, "bias", "bias", "vdd", LINE),
        )

    def _n(self, name: str, drain: str, gate: str, source: str, W: float, L: float = 0) -> Mosfet:
        """An n-channel transistor, W and L in um; without L, the shortest."""
        return Mosfet(self.process, name, drain, gate, source, "0", "n", W * UM, self._length(L))

    def _p(self, name: str, drain: str, gate: str, source: str, W: float, L: float = 0, multiple: int = 1) -> Mosfet:
        return Mosfet(self.process, name, drain, gate, source, "vdd", "p", W * UM, self._length(L), multiple)

    def _length(self, L: float) -> float:
        return L * UM if L else self.process.made.minimum_length
