"""The conductance-based synapse: weight DAC, synaptic line, and a multiplier that pulls the membrane to E_rev.

As in the neurons of BrainScaleS (Millner et al. 2010, A VLSI implementation of the adaptive exponential
integrate-and-fire neuron model, NIPS 23), the line's deflection sets the tail current of an OTA between the reversal
potential and the membrane.  A tail that falls to nothing at rest would make weak inputs late and lose the weakest, so
there are two cross-coupled OTAs, with tails that the deflection takes from one and gives to the other: Gilbert's
multiplier, folded (Gilbert 1968, IEEE JSSC 3:365; Mead 1989, Analog VLSI and Neural Systems, chapter 6).

    d          `WeightDac`, biased by wr: a pulse draws weight I_lsb from the line
    r          `Ota` of the `SynapticLine`, biased by rb: a follower that brings the line back to V_line
    c1, c2     p-channel pair between ref and line, tail ct, biased by cb: shares I_gm by the deflection
    na, nb     take the shares, and are mirrored by the tails at and bt
    a1, a2     pair between mem and E_rev with c1's share: pushes away from E_rev
    b1, b2     pair between E_rev and mem with c2's share, which grows with the deflection: pulls to E_rev
    l1, l2     mirror, the load of both
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analog.blocks.bias import Bias
from analog.blocks.current_bias import CurrentBias
from analog.blocks.ota import C_LOAD, LOAD, PAIR
from analog.synapses.line import LineSynapse
from analog.technology import Mosfet
from analog.technology.ekv import ekv
from golden.errors import SpecError
from golden.twins.conductance_synapse import ConductanceSynapseTwin
from golden.twins.synaptic_line import width

if TYPE_CHECKING:
    from analog.netlist import Block

UM = 1e-6

#: W and L [m]: the p-channel pair (wide, for 1.8 V leave it little room) and its tail; the mirrors of the shares, which
#: are small to be fast.
FIRST = 8 * UM, 0.5 * UM
FIRST_TAIL = 4 * UM, 1 * UM
SHARE = 1 * UM, 1 * UM

#: [F] at the gates of a share's mirror, for the nominal twin.
C_SHARE = 15e-15


@dataclass(frozen=True)
class ConductanceSynapse(LineSynapse):
    """The circuit: a `analog.synapses.Synapse` with a weight code; ports and parameters as for `LineSynapse`.

    Parameters  E_rev [V], reversal potential at node <name>_rev; None: the top of the technology's window (excites).
                I_gm [A] is shared by both OTAs
    Equation    `golden.twins.conductance_synapse.ConductanceSynapseTwin`:
                I_syn = I_gm tanh(u / w_in) tanh((E_rev - V) / w_out): near E_rev, g = I_gm tanh(u / w_in) / w_out
    Limits      linear in E_rev - V within 0.17 w_out to 1 %, 0.39 w_out to 5 % (13 and 30 mV); beyond w_out (75 mV) it
                is a current, whatever V(mem).  Of V(mem) and E_rev, the higher must be 0.6 V above ground; I_gm up to
                300 nA on 1.8 V
    """

    E_rev: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        vdd = self.process.vdd
        if not 0 <= self.reversal <= vdd:
            raise SpecError.rule("Synapse E_rev", f"between 0 and {vdd:g} V", f"{self.reversal:g} V")

    @property
    def reversal(self) -> float:
        """E_rev [V], where the membrane is pulled to."""
        return self.process.made.window[1] if self.E_rev is None else self.E_rev

    @property
    def probes(self) -> tuple[float, ...]:
        """Far from E_rev, and near it on the same side."""
        side = 0.04 if self.rest > self.reversal else -0.04
        return (self.rest, self.reversal + side, self.reversal + 2.5 * side)

    def output(self) -> tuple[Block, ...]:
        """The reversal potential, the first pair's bias and fourteen transistors."""
        process, name = self.process, self.name
        bias, ref, line, rev = (f"{name}_{node}" for node in ("cb", "ref", "line", "rev"))
        return (
            Bias(rev, self.reversal),
            CurrentBias(bias, bias, "0", self.I_gm),
            self._p("cb", bias, bias, "vdd", FIRST_TAIL),
            self._p("ct", f"{name}_cx", bias, "vdd", FIRST_TAIL),
            self._p("c1", f"{name}_na", ref, f"{name}_cx", FIRST),
            self._p("c2", f"{name}_nb", line, f"{name}_cx", FIRST),
            *self._share("a", self.mem, rev),
            *self._share("b", rev, self.mem),
            Mosfet(process, f"{name}_l1", f"{name}_y", f"{name}_y", "vdd", "vdd", "p", *LOAD),
            Mosfet(process, f"{name}_l2", self.mem, f"{name}_y", "vdd", "vdd", "p", *LOAD),
        )

    def twin(self) -> ConductanceSynapseTwin:
        """The nominal twin: this circuit's parameters, and its technology's EKV numbers."""
        n, p, U_T = ekv(self.process, "n"), ekv(self.process, "p"), self.process.thermal_voltage
        square = n.I_square * PAIR[0] / PAIR[1]
        return ConductanceSynapseTwin(
            C=self.C_line,
            I_lsb=self.I_lsb,
            I_tau=self.I_tau,
            w=width(self.I_tau, square, n.n, U_T),
            I_gm=self.I_gm,
            w_in=width(self.I_gm, p.I_square * FIRST[0] / FIRST[1], p.n, U_T),
            w_out=width(self.I_gm / 2, square, n.n, U_T),
            E_rev=self.reversal,
            V_0=self.rest,
            u_0=self.V_shift,
            t_lag=C_SHARE * n.n * U_T / (self.I_gm / 2),
            t_load=C_LOAD * p.n * U_T / (self.I_gm / 2),
        )

    def _share(self, share: str, plus: str, minus: str) -> tuple[Block, ...]:
        """A diode for a share of I_gm, the tail that repeats it, and the pair on it."""
        process, name = self.process, self.name
        gate, sources = f"{name}_n{share}", f"{name}_{share}x"
        return (
            Mosfet(process, f"{name}_n{share}", gate, gate, "0", "0", "n", *SHARE),
            Mosfet(process, f"{name}_{share}t", sources, gate, "0", "0", "n", *SHARE),
            Mosfet(process, f"{name}_{share}1", f"{name}_y", plus, sources, "0", "n", *PAIR),
            Mosfet(process, f"{name}_{share}2", self.mem, minus, sources, "0", "n", *PAIR),
        )

    def _p(self, name: str, drain: str, gate: str, source: str, size: tuple[float, float]) -> Mosfet:
        return Mosfet(self.process, f"{self.name}_{name}", drain, gate, source, "vdd", "p", *size)
