"""Energies from the literature, each with its source."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """``energy`` [J] of one event of the kind that ``per`` names."""

    what: str
    energy: float
    per: str
    source: str


ENERGIES = (
    Published(
        "65 nm Morris-Lecar neuron",
        4e-15,
        "spike",
        "Sourikopoulos et al. 2017, A 4-fJ/spike artificial neuron in 65 nm CMOS, Frontiers in Neuroscience 11:123",
    ),
    Published(
        "TrueNorth, 28 nm",
        26e-12,
        "synaptic event, everything included",
        "Merolla et al. 2014, A million spiking-neuron integrated circuit, Science 345:668",
    ),
    Published(
        "Loihi, 14 nm",
        23.6e-12,
        "synaptic operation",
        "Davies et al. 2018, Loihi: a neuromorphic manycore, IEEE Micro 38:82",
    ),
    Published("Loihi, 14 nm", 81e-12, "update of an active neuron", "Davies et al. 2018"),
)
