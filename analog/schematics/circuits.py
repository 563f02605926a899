"""Which circuits there are drawings of, and how their devices are grouped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analog.neurons.axon_hillock import AxonHillock
from analog.neurons.dpi import DpiNeuron
from analog.neurons.indiveri import IndiveriNeuron
from analog.neurons.ota import OtaNeuron
from analog.synapses.bss2 import Bss2Synapse
from analog.synapses.conductance import ConductanceSynapse
from analog.synapses.dpi import DpiSynapse
from analog.synapses.pulsed_mirror import PulsedMirror

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analog.netlist import Block


@dataclass(frozen=True)
class Schematic:
    """A circuit to draw.

    title    over the drawing
    circuit  the circuit, with ``blocks()`` and ``twin()``
    groups   titles of its parts to the beginnings of their devices' names, without M, C or I; in the order drawn
    prefix   left out of all names in the drawing (a synapse's own)
    """

    title: str
    circuit: Any
    groups: Mapping[str, tuple[str, ...]]
    prefix: str = ""

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The circuit's supply, biases and devices."""
        blocks: tuple[Block, ...] = self.circuit.blocks()
        return blocks


CIRCUITS: Mapping[str, Schematic] = {
    "ota_neuron": Schematic(
        "OTA neuron",
        OtaNeuron(),
        {
            "membrane": ("m",),
            "leak OTA": ("lk",),
            "comparator": ("cm",),
            "latch": ("qq", "qr"),
            "refractory timer": ("rf", "ref"),
            "reset": ("ri", "rs"),
        },
    ),
    "axon_hillock": Schematic(
        "axon-hillock neuron",
        AxonHillock(),
        {"membrane": ("m", "fb"), "amplifier": ("aa", "ab"), "reset": ("rb", "rm", "rs")},
    ),
    "indiveri": Schematic(
        "low-power integrate-and-fire neuron",
        IndiveriNeuron(),
        {
            "membrane": ("m",),
            "leak": ("lk",),
            "source follower": ("sf",),
            "feedback": ("fb",),
            "inverters": ("ia", "ou", "ov"),
            "refractory period": ("rp", "rf", "ref"),
            "reset": ("rs",),
        },
    ),
    "dpi_neuron": Schematic(
        "DPI neuron",
        DpiNeuron(),
        {
            "biases": ("B", "tau", "gth", "ref", "bias"),
            "input filter": ("L",),
            "positive feedback, spike": ("A", "m"),
            "reset, refractory period": ("R", "r"),
        },
    ),
    "dpi_synapse": Schematic(
        "DPI synapse",
        DpiSynapse(),
        {
            "weight": ("w", "b1", "b2"),
            "gain": ("thr", "b3"),
            "decay": ("tau", "b4"),
            "differential pair": ("pre", "in", "cap"),
            "output": ("out",),
        },
        prefix="syn_",
    ),
    "pulsed_mirror": Schematic(
        "pulsed current mirror",
        PulsedMirror(),
        {
            "bias": ("bias", "ref"),
            **{f"bit {bit}": tuple(f"{kind}{bit}" for kind in "pqnoms") for bit in range(6)},
        },
        prefix="syn_",
    ),
    "bss2_synapse": Schematic(
        "current-based synapse",
        Bss2Synapse(),
        {"weight": ("w", "d"), "synaptic line": ("line", "r"), "output OTA": ("g",)},
        prefix="syn_",
    ),
    "conductance_synapse": Schematic(
        "conductance-based synapse",
        ConductanceSynapse(),
        {"weight": ("w", "d"), "synaptic line": ("line", "r"), "output": ("",)},
        prefix="syn_",
    ),
}
