"""The exponential synapse: charge packets on an RC node, whose voltage is a current into the membrane."""

from __future__ import annotations

from dataclasses import dataclass

from analog.blocks.current_input import CurrentInput
from analog.netlist import number, positive
from golden.neurons.lif import FloatArray


@dataclass(frozen=True, eq=False)
class ExponentialSynapse:
    """Input spikes decay on a capacitor and drive the membrane through a transconductance.

    Equation    C dV(syn)/dt = -V(syn) C / tau + I_pulses(t),      I = transconductance V(syn), into node
    Ports       node; syn is its own, its voltage is taken from mid-supply so that inhibition has room too
    Parameters  tau [s] > 0, transconductance [S] > 0, capacitance [F] > 0, initial V(syn) [V],
                times and currents of the charge packets (see `analog.drive`)
    Limits      the voltage swing is half a supply at most; the mapping chooses the transconductance for it
    Error       a packet of half-width w delivers, after it has passed, exactly the exponential that starts at its
                centre; the charge missing while it passes is (w / tau)^2 / 12 of the whole
    """

    tau: float
    transconductance: float
    initial: float
    times: FloatArray
    currents: FloatArray
    middle: float
    capacitance: float = 100e-15
    node: str = "mem"

    def __post_init__(self) -> None:
        positive("Synaptic time constant", self.tau, "s")
        positive("Synaptic transconductance", self.transconductance, "S")
        positive("Synaptic capacitance", self.capacitance, "F")

    def cards(self) -> tuple[str, ...]:
        """Capacitor, resistor, packets and transconductance."""
        return (
            f"Vmid mid 0 {number(self.middle)}",
            f"Csyn syn mid {number(self.capacitance)} ic={number(self.initial)}",
            f"Rsyn syn mid {number(self.tau / self.capacitance)}",
            *CurrentInput(self.times, self.currents, "syn", "syn").cards(),
            f"Gsyn 0 {self.node} syn mid {number(self.transconductance)}",
        )
