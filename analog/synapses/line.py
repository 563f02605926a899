"""Synapses on a synaptic line: what the current-based and the conductance-based synapse of BrainScaleS-2 share.

    pulse -> weight DAC -> synaptic line (exponential decay) -> output circuit -> membrane

The chip has a column of synapses, each with its own weight and pulse, on every line: `SharedLine`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analog.blocks.bias import Bias
from analog.blocks.synaptic_line import SynapticLine
from analog.blocks.weight_dac import WeightBias, WeightDac
from analog.netlist import positive
from analog.technology import Process
from golden.errors import SpecError

if TYPE_CHECKING:
    from analog.netlist import Block

#: Where a line rests by default, as a part of the technology's window.
REST = 0.4


@dataclass(frozen=True)
class LineSynapse:
    """One synapse with a line of its own; a kind of synapse adds its output circuit.

    Ports       pulse, active high at the supply; mem, into which the output current flows; vdd.  Nodes begin with
                ``name``: <name>_line, <name>_rest and <name>_ref (potentials V_line and V_line + V_shift), <name>_w
                (bias line of the DACs); <name>_dw0 ... are the bits of the weight
    Parameters  weight 0 to 63; I_lsb [A] of a weight of 1; C_line [F] and I_tau [A] of the line; I_gm [A] of the
                output; V_line [V], None: 0.4 of the technology's window; V_shift [V] between the output's reference and
                V_line, which compensates offsets as on the chip

    The defaults' full weight with pulses of 8 ns is 20 mV on the line.  Raises SpecError when a rule is broken.
    """

    process: Process = field(default_factory=Process)
    weight: int = 63
    I_lsb: float = 80e-9
    C_line: float = 2e-12
    I_tau: float = 100e-9
    I_gm: float = 100e-9
    V_line: float | None = None
    V_shift: float = 0.0
    name: str = "syn"
    pulse: str = "pulse"
    mem: str = "mem"

    def __post_init__(self) -> None:
        for name, unit in (("I_lsb", "A"), ("C_line", "F"), ("I_tau", "A"), ("I_gm", "A")):
            positive(f"Synapse {name}", getattr(self, name), unit)
        vdd = self.process.vdd
        if not 0 < self.rest < vdd:
            raise SpecError.rule("Synapse V_line", f"between 0 and {vdd:g} V", f"{self.rest:g} V")
        if not 0 < self.rest + self.V_shift < vdd:
            rule = f"between 0 and {vdd:g} V with V_line ({self.rest:g} V)"
            raise SpecError.rule("Synapse V_shift", rule, f"{self.V_shift:g} V")
        self.dac()

    @property
    def rest(self) -> float:
        """V_line [V], where the line rests."""
        low, high = self.process.made.window
        return low + REST * (high - low) if self.V_line is None else self.V_line

    @property
    def probes(self) -> tuple[float, ...]:
        """Potentials [V] of a held membrane at which a twin is fitted."""
        raise NotImplementedError

    def blocks(self) -> tuple[Block, ...]:
        """Biases and devices."""
        return (*self.input(), self.dac())

    def input(self) -> tuple[Block, ...]:
        """All but the DAC: what synapses on the same line share."""
        return (
            WeightBias(self.process, f"{self.name}_w", self.I_lsb),
            SynapticLine(self.process, self.name, self.C_line, self.I_tau, self.rest),
            Bias(f"{self.name}_ref", self.rest + self.V_shift),
            *self.output(),
        )

    def output(self) -> tuple[Block, ...]:
        """From <name>_line to mem."""
        raise NotImplementedError

    def dac(self, suffix: str = "", pulse: str | None = None, weight: int | None = None) -> WeightDac:
        """A DAC <name>_d<suffix> on this synapse's line, by default for its own pulse and weight."""
        return WeightDac(
            self.process,
            f"{self.name}_d{suffix}",
            f"{self.name}_line",
            self.pulse if pulse is None else pulse,
            f"{self.name}_w",
            self.weight if weight is None else weight,
        )


@dataclass(frozen=True)
class SharedLine:
    """Several synapses on one line, with one output: a `analog.synapses.Synapse` with many pulses.

    synapse    the line and its output; its own weight and pulse are not used
    weights    0 to 63, and ``pulses``, the input node, of each synapse

    Device names of the k-th synapse begin with <name>_d<k>_.  Each loads the line with the junctions of its legs that
    are on, up to 20 fF: tau_syn grows, and events shrink, by 1 % a synapse on 2 pF.
    """

    synapse: LineSynapse
    weights: tuple[int, ...]
    pulses: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.weights or len(self.weights) != len(self.pulses):
            rule = "one or more, with a pulse each"
            raise SpecError.rule("Shared line weights", rule, f"{len(self.weights)} and {len(self.pulses)} pulses")
        self.blocks()

    @property
    def process(self) -> Process:
        """What it is made of."""
        return self.synapse.process

    @property
    def name(self) -> str:
        """Begins the names of its devices and inner nodes."""
        return self.synapse.name

    @property
    def mem(self) -> str:
        """Output node."""
        return self.synapse.mem

    def blocks(self) -> tuple[Block, ...]:
        """Biases and devices."""
        both = zip(self.pulses, self.weights, strict=True)
        dacs = (self.synapse.dac(f"{k}_", pulse, weight) for k, (pulse, weight) in enumerate(both))
        return (*self.synapse.input(), *dacs)
