"""The current-based synapse in the style of BrainScaleS-2: weight DAC, synaptic line, OTA into the membrane.

Aamir et al. 2018 (An accelerated LIF neuronal network array for a large-scale mixed-signal neuromorphic architecture,
IEEE TCAS-I 65:4299) describes the chip's synaptic input, Friedmann et al. 2017 (Demonstrating hybrid learning in a
flexible neuromorphic hardware system, IEEE TBioCAS 11:128) its synapses with 6-bit weights.  This is the same function
in 27 transistors, 14 of them the weight's.

    d    `WeightDac`, biased by wr: a pulse draws weight I_lsb from the line
    r    `Ota` of the `SynapticLine`, biased by rb: a follower that brings the line back to V_line
    g    `Ota` biased by gb: makes I_syn of the difference between ref and line

Apart from the chip: the line's resistor is a follower whose bias sets tau_syn; both OTAs have the same plain pairs
instead of degenerated ones, so that their saturations cancel in the charge of an event.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analog.blocks.ota import C_LOAD, PAIR, Ota, TailBias
from analog.synapses.line import LineSynapse
from analog.technology.ekv import ekv
from golden.twins.bss2_synapse import Bss2SynapseTwin
from golden.twins.synaptic_line import width

if TYPE_CHECKING:
    from analog.netlist import Block


@dataclass(frozen=True)
class Bss2Synapse(LineSynapse):
    """The circuit: a `analog.synapses.Synapse` with a weight code; ports and parameters as for `LineSynapse`.

    Parameters  excitatory: whether I_syn flows into the membrane or out of it
    Equation    `golden.twins.bss2_synapse.Bss2SynapseTwin`: I_syn = I_gm tanh(u / w) with u the line's deflection; near
                rest, tau_syn = C_line w / I_tau and each event carries weight I_lsb t_p I_gm / I_tau
    Limits      V(mem) from a tail and a pair's saturation above ground (0.35 V) to 0.15 V below the supply; an output
                conductance of some 0.1 I_gm / V pulls the membrane towards V_line
    """

    excitatory: bool = True

    @property
    def probes(self) -> tuple[float, ...]:
        """Where the line rests, and where the output conductance shows."""
        low, high = self.process.made.window
        return (self.rest, self.rest + 0.25 * (high - low))

    def output(self) -> tuple[Block, ...]:
        """The output OTA and its bias."""
        name, process = self.name, self.process
        ref, line = f"{name}_ref", f"{name}_line"
        plus, minus = (ref, line) if self.excitatory else (line, ref)
        return (
            TailBias(process, f"{name}_gb", self.I_gm),
            Ota(process, f"{name}_g", plus, minus, self.mem, f"{name}_gb"),
        )

    def twin(self) -> Bss2SynapseTwin:
        """The nominal twin: this circuit's parameters, and its technology's EKV numbers."""
        n, p, U_T = ekv(self.process, "n"), ekv(self.process, "p"), self.process.thermal_voltage
        square = n.I_square * PAIR[0] / PAIR[1]
        return Bss2SynapseTwin(
            C=self.C_line,
            I_lsb=self.I_lsb,
            I_tau=self.I_tau,
            w=width(self.I_tau, square, n.n, U_T),
            I_gm=self.I_gm,
            w_gm=width(self.I_gm, square, n.n, U_T),
            V_0=self.rest,
            u_0=self.V_shift,
            t_lag=C_LOAD * p.n * U_T / (self.I_gm / 2),
            sign=1.0 if self.excitatory else -1.0,
        )
