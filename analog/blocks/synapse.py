"""The exponential synapse: charges on an RC node, whose voltage is a current into the membrane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analog.blocks.current_input import ChargeInput
from analog.netlist import number, positive

if TYPE_CHECKING:
    from golden.neurons.lif import FloatArray


@dataclass(frozen=True, eq=False)
class ExponentialSynapse:
    """Input spikes decay on a capacitor and drive the membrane through a transconductance.

    Equation    tau dV(syn)/dt = -V(syn) + tau dV(drive)/dt / 2,      I = transconductance V(syn), into node
    Ports       node; syn is its own, its voltage is taken from mid-supply so that inhibition has room too
    Parameters  tau [s] > 0, transconductance [S] > 0, capacitance [F] > 0, initial V(syn) [V],
                times [s] and jumps [V]: the staircase at syn (drive is twice that, through half the capacitance)
    Limits      the swing should stay within half a supply to either side; the mapping chooses the transconductance so
    Error       an edge of length W leaves exactly the exponential that starts at its centre; the charge missing
                while it passes is (W / tau)^2 / 24 of the whole
    """

    tau: float
    transconductance: float
    initial: float
    times: FloatArray
    jumps: FloatArray
    middle: float
    capacitance: float = 100e-15
    node: str = "mem"

    def __post_init__(self) -> None:
        positive("Synaptic time constant", self.tau, "s")
        positive("Synaptic transconductance", self.transconductance, "S")
        positive("Synaptic capacitance", self.capacitance, "F")

    def cards(self) -> tuple[str, ...]:
        """Half the capacitor to mid-supply, half to the staircase, the resistor and the transconductance."""
        half, level = self.capacitance / 2, self.middle + self.initial
        return (
            f"Vmid mid 0 {number(self.middle)}",
            f"Csyn syn mid {number(half)} ic={number(self.initial)}",
            f"Rsyn syn mid {number(self.tau / self.capacitance)}",
            *ChargeInput(self.times, 2 * self.jumps, half, level, "syn", "axon").cards(),
            f"Gsyn 0 {self.node} syn mid {number(self.transconductance)}",
        )
