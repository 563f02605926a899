"""The low-power integrate-and-fire neuron: constant-current leak, source follower, inverter with positive feedback.

Indiveri 2003 (A low-power adaptive integrate-and-fire neuron circuit, ISCAS 4:820); without its adaptation block.

    leak         lkm, a mirror of lkb, takes I_leak off the membrane
    threshold    source follower sf1 with bias sf2 (mirror of sfb): the inverter sees the membrane less a gate voltage,
                 so that V_th is above half the supply and moves with I_sf
    inverter     iap and ian, from v to x; fbn, with ian's gate, and the mirror fbd, fbm return a copy of ian's current
                 to the membrane, which hurries the transition and so saves what the inverter wastes meanwhile
    output       inverter ou makes the spike of x, and inverter ov its inverse
    refractory   rp charges C_ref while the spike lasts; rfm (mirror of rfb) empties it with I_ref; until it is empty,
                 rs ties the membrane to ground

Apart from the paper, the feedback has a branch of its own: 1.8 V are not enough for its mirror in series with the
inverter.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analog.blocks.bias import Bias
from analog.blocks.current_bias import CurrentBias
from analog.blocks.gates import Inverter
from analog.netlist import positive
from analog.settings import REGENERATIVE_SOLVER
from analog.technology import Capacitor, Mosfet, Process
from analog.technology.ekv import ekv
from golden.twins.indiveri import I_1, IndiveriTwin

if TYPE_CHECKING:
    from analog.netlist import Block
    from analog.settings import SolverOptions

UM = 1e-6


@dataclass(frozen=True)
class IndiveriNeuron:
    """The circuit without its input: a `analog.bench.SpikingCircuit`.

    Ports       mem: takes the input current and holds the membrane potential; out: the spike, some nanoseconds; vdd
    Parameters  C_m [F]; I_leak [A] constant leak; I_sf [A] bias of the source follower; I_ref [A] and C_ref [F]
                refractory
    Equation    `golden.twins.indiveri.IndiveriTwin`: T = C_m (V_th - V_reset) / (I - I_leak) + t_ref, V_reset = 0
    Limits      input above I_leak; t_ref long enough to empty C_m through rs
    """

    process: Process = field(default_factory=Process)
    C_m: float = 1e-12
    I_leak: float = 2e-9
    I_sf: float = 20e-9
    I_ref: float = 50e-9
    C_ref: float = 100e-15

    def __post_init__(self) -> None:
        for name, unit in (("C_m", "F"), ("I_leak", "A"), ("I_sf", "A"), ("I_ref", "A"), ("C_ref", "F")):
            positive(f"Indiveri neuron {name}", getattr(self, name), unit)

    @property
    def title(self) -> str:
        """The deck's first line."""
        return "low-power integrate-and-fire neuron (Indiveri 2003)"

    @property
    def spike(self) -> str:
        """The node that rises at a spike."""
        return "out"

    @property
    def solver(self) -> SolverOptions:
        """Options that keep periods within 6e-4 of converged ones in runs of 3.6 intervals, not in longer ones."""
        return REGENERATIVE_SOLVER

    @property
    def initial(self) -> tuple[tuple[str, float], ...]:
        """Membrane empty, refractory period over."""
        return (("mem", 0.0), ("v", 0.0), ("x", self.process.vdd), ("out", 0.0), ("ox", self.process.vdd), ("ref", 0.0))

    @property
    def drives(self) -> tuple[float, float]:
        """Lowest and highest input current [A] of a fit: well above the leak's."""
        return 1.5 * self.I_leak, 50 * self.I_leak

    def blocks(self) -> tuple[Block, ...]:
        """Supply, biases and devices."""
        process, short = self.process, self.process.made.minimum_length / UM
        return (
            Bias("vdd", process.vdd),
            Capacitor(process, "m", "mem", "0", self.C_m),
            CurrentBias("lkb", "vdd", "lkb", self.I_leak),
            self._n("lkb", "lkb", "lkb", "0", 1, 4),
            self._n("lkm", "mem", "lkb", "0", 1, 4),
            CurrentBias("sfb", "vdd", "sfb", self.I_sf),
            self._n("sfb", "sfb", "sfb", "0", 1, 2),
            self._n("sf1", "vdd", "mem", "v", 1, 1),
            self._n("sf2", "v", "sfb", "0", 1, 2),
            self._p("fbd", "fb", "fb", "vdd", 1, 0.5),
            self._p("fbm", "mem", "fb", "vdd", 1, 0.5),
            self._n("fbn", "fb", "v", "0", 0.42, 1),
            self._p("iap", "x", "v", "vdd", 0.42, 1),
            self._n("ian", "x", "v", "0", 0.42, 1),
            Inverter(process, "ou", "x", "out"),
            # From the spike, not from x: x is half way before the spike has begun, and the reset would take it back.
            Inverter(process, "ov", "out", "ox"),
            self._p("rp", "ref", "ox", "vdd", 0.84, short),
            CurrentBias("rfb", "vdd", "rfb", self.I_ref),
            self._n("rfb", "rfb", "rfb", "0", 1, 2),
            self._n("rfm", "ref", "rfb", "0", 1, 2),
            Capacitor(process, "ref", "ref", "0", self.C_ref),
            self._n("rs", "mem", "ref", "0", 0.84, short),
        )

    def twin(self) -> IndiveriTwin:
        """The nominal twin: this circuit's parameters, and its technology's EKV numbers."""
        n, U_T, vdd = ekv(self.process, "n"), self.process.thermal_voltage, self.process.vdd
        # The feedback is I_1 where fbn carries it; the follower's gate is above that by its own, and the body effect.
        V_th = n.n * n.voltage(I_1, 0.42, U_T) + n.voltage(self.I_sf, 1, U_T)
        # The reset's gate falls from the supply to where rs carries I_1.
        V_off = n.voltage(I_1, 0.84 / (self.process.made.minimum_length / UM), U_T)
        return IndiveriTwin(
            C=self.C_m,
            I_leak=self.I_leak,
            V_th=V_th,
            width=n.n**2 * U_T,
            t_ref=self.C_ref * (vdd - V_off) / self.I_ref,
            t_fold=self.C_ref * n.n * U_T / self.I_ref,
        )

    def _n(self, name: str, drain: str, gate: str, source: str, W: float, L: float) -> Mosfet:
        return Mosfet(self.process, name, drain, gate, source, "0", "n", W * UM, L * UM)

    def _p(self, name: str, drain: str, gate: str, source: str, W: float, L: float) -> Mosfet:
        return Mosfet(self.process, name, drain, gate, source, "vdd", "p", W * UM, L * UM)
