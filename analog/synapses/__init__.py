"""Synapses as circuits, one file each: a digital pulse in, a current into the membrane out.

A synapse has no supply of its own, its neuron has (`Bias` "vdd").  Its blocks join the neuron's deck as inputs of
`analog.bench.transient`, together with a `analog.blocks.pulse_input.PulseInput` at its node ``pulse``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from analog.netlist import Block
    from analog.technology import Process


class Synapse(Protocol):
    """A synapse's circuit.

    process   what it is made of
    name      begins the names of its devices and inner nodes, so that a neuron can have several
    pulse     input node: high at the supply for as long as the synapse is driven
    mem       output node; a positive output current flows into it (excites)
    """

    @property
    def process(self) -> Process: ...
    @property
    def name(self) -> str: ...
    @property
    def pulse(self) -> str: ...
    @property
    def mem(self) -> str: ...
    def blocks(self) -> tuple[Block, ...]:
        """Biases and devices."""
        ...
