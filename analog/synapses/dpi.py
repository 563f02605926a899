"""The DPI synapse: pulses through a differential pair and a capacitor become an exponentially decaying current.

Bartolozzi and Indiveri 2007 (Synaptic dynamics in analog VLSI, Neural Computation 19:2581), the differential-pair
integrator.

    pre, w      while the pulse is high, w draws the weight current I_w (b1 and the always closed b2 are their copies)
    thr, in     the pair: in takes I_w / (1 + I_syn / I_th) of it off the capacitor, thr the rest from the supply
    tau         returns I_tau to the capacitor (mirror of b4)
    out         makes I_syn of the capacitor's voltage below the supply, directly into the membrane: excitatory
    b3          is out's copy and carries I_th, which sets thr's gate
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analog.blocks.current_bias import CurrentBias
from analog.netlist import positive
from analog.technology import Capacitor, Mosfet, Process
from analog.technology.ekv import ekv
from golden.twins.dpi_synapse import DpiSynapseTwin

if TYPE_CHECKING:
    from analog.netlist import Block

UM = 1e-6

#: [F] of a bias line, which many synapses share: pulses must not move it.
LINE = 10e-12


@dataclass(frozen=True)
class DpiSynapse:
    """The circuit: a `analog.synapses.Synapse` with its weight as a current.

    Ports       pulse, active high at the supply; mem, into which I_syn flows; vdd
    Parameters  C_syn [F], I_tau [A] decay, I_th [A] gain, I_w [A] weight
    Equation    `golden.twins.dpi_synapse.DpiSynapseTwin`: tau = C_syn n U_T / I_tau (n = 1/kappa of out), gain
                I_th / I_tau
    Limits      linear where I_syn is well above I_th and, like I_w, in weak inversion (out: below 100 nA, I_w: below
                1 uA); after a silence of more than about 5 tau the first pulses are used up to bring the capacitor
                back to where out conducts
    """

    process: Process = field(default_factory=Process)
    C_syn: float = 1e-12
    I_tau: float = 4e-9
    I_th: float = 1e-9
    I_w: float = 1e-6
    name: str = "syn"
    pulse: str = "pulse"
    mem: str = "mem"

    def __post_init__(self) -> None:
        for name, unit in (("C_syn", "F"), ("I_tau", "A"), ("I_th", "A"), ("I_w", "A")):
            positive(f"DPI synapse {name}", getattr(self, name), unit)

    def blocks(self) -> tuple[Block, ...]:
        """Biases and devices."""
        short = self.process.made.minimum_length / UM
        return (
            *self._line("w", self.I_w, "0"),
            self._n("b1", "w", "w", "twin", 2, 1),
            self._n("b2", "twin", "vdd", "0", 1, short),
            *self._line("thr", self.I_th, "vdd"),
            self._p("b3", "thr", "thr", 2, 1),
            *self._line("tau", self.I_tau, "vdd"),
            self._p("b4", "tau", "tau", 1, 2),
            self._n("pre", "foot", self.pulse, "0", 1, short),
            self._n("w", "tail", "w", "foot", 2, 1),
            self._n("thr", "vdd", "thr", "tail", 4, 0.5),
            self._n("in", "cap", "cap", "tail", 4, 0.5),
            self._p("tau", "cap", "tau", 1, 2),
            Capacitor(self.process, f"{self.name}_cap", "vdd", self._node("cap"), self.C_syn),
            self._p("out", self.mem, "cap", 2, 1),
        )

    def twin(self, *, t_extra: float = 0.0) -> DpiSynapseTwin:
        """The nominal twin: this circuit's parameters, and its technology's EKV numbers."""
        n, p, U_T = ekv(self.process, "n"), ekv(self.process, "p"), self.process.thermal_voltage
        # The slope in log current, n sqrt(i) / (1 - e^(-sqrt(i))), is n (1 + sqrt(i)/2) for small i.
        growth = p.n * (self.I_th / (2 * p.I_square)) ** 0.5 / 4
        return DpiSynapseTwin(
            C=self.C_syn,
            I_tau=self.I_tau,
            I_th=self.I_th,
            I_w=self.I_w,
            u_th=p.voltage(self.I_th, 2, U_T),
            n=p.n + 2 * growth,
            n_pair=n.n,
            bend=growth,
            t_extra=t_extra,
            U_T=U_T,
        )

    def _node(self, name: str) -> str:
        """A node's name in the deck: ports and rails as they are, inner nodes after the synapse."""
        return name if name in ("vdd", "0", self.pulse, self.mem) else f"{self.name}_{name}"

    def _line(self, name: str, current: float, rail: str) -> tuple[Block, ...]:
        """A bias line for transistors whose sources are at ``rail``: its current and its capacitance."""
        node = self._node(name)
        source, sink = (node, "0") if rail == "vdd" else ("vdd", node)
        return CurrentBias(node, source, sink, current), Capacitor(self.process, node, node, rail, LINE)

    def _n(self, name: str, drain: str, gate: str, source: str, W: float, L: float) -> Mosfet:
        d, g, s = (self._node(node) for node in (drain, gate, source))
        return Mosfet(self.process, f"{self.name}_{name}", d, g, s, "0", "n", W * UM, L * UM)

    def _p(self, name: str, drain: str, gate: str, W: float, L: float) -> Mosfet:
        d, g = self._node(drain), self._node(gate)
        return Mosfet(self.process, f"{self.name}_{name}", d, g, "vdd", "vdd", "p", W * UM, L * UM)
