"""What a tier makes of a neuron."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analog.netlist import Block
    from analog.neurons.ota import OtaNeuron
    from golden.twins.ota_lif import OtaLifTwin


@dataclass(frozen=True)
class Built:
    """A neuron's circuit without its inputs, how to start it, and the model it must agree with.

    blocks     supply, biases and devices
    detector   node whose rise through half the supply is a spike.  "cmp": the crossing itself is interpolated on the
               membrane; "rst": the reset's gate, whose delay is the circuit's own
    initial    potentials [V] at time 0 of nodes without a capacitor's own
    uic        whether the run starts there at once, or from an operating point that holds them
    twin       the golden model, with the circuit's nominal parameters; None: the exact LIF neuron
    neuron     the transistor circuit, which can be fitted (`analog.fitting`); None: the twin is exact
    """

    blocks: tuple[Block, ...]
    detector: str = "cmp"
    initial: tuple[tuple[str, float], ...] = ()
    uic: bool = True
    twin: OtaLifTwin | None = None
    neuron: OtaNeuron | None = None
