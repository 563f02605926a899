"""Thermal noise of the leak on the membrane, from ngspice's noise analysis, and what it must be.

A resistor's noise on a capacitor has the variance k T / C, whatever the resistor (Johnson 1928, Nyquist 1928).  In a
five-transistor OTA in weak inversion each of four transistors (pair and mirror; the tail's noise is common to both
sides) carries I_b / 2 with shot noise of density 2 q I_b / 2 (Sarpeshkar, Delbrueck and Mead 1993, White noise in MOS
transistors and resistors, IEEE Circuits and Devices 9:23), together 4 q I_b into g = I_b / (2 n U_T):

    <v^2> = 4 q I_b / (4 g C) = 2 n k T / C

The foundries' models are not quite that: a single transistor in weak inversion has 1.8 to 2.2 (SKY130, n-channel), 0.4
to 0.6 (p-channel), 0.9 to 2 (GF180) times 2 q I, so that the sum is 0.97 to 1.6 times 2 n k T / C.  Flicker noise comes
on top; the analysis can leave it out.

`with_noise` adds noise of a given density to any neuron's deck, for studies of noisy neurons.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from analog.bench import gather
from analog.blocks.noise_current import NoiseCurrent
from analog.technology import with_models
from analog.technology.process import BOLTZMANN
from analog.worker import Job

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analog.netlist import Netlist
    from analog.neurons.ota import OtaNeuron
    from analog.ngspice import Pool
    from golden.neurons.lif import FloatArray

#: Points a decade of frequency.
_DENSITY = 20
_FLICKER = re.compile(r"\b(noi[abc]|kf)\s*=\s*[-+.\deE]+", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class MembraneNoise:
    """Noise of the membrane at rest.

    frequency   (F,) [Hz]
    density     (F,) [V/sqrt(Hz)], one-sided
    impedance   (F,) magnitude [ohm] from an input current to the membrane potential
    """

    frequency: FloatArray
    density: FloatArray
    impedance: FloatArray

    @property
    def variance(self) -> float:
        """<v^2> [V^2] over the frequencies of the analysis."""
        return float(np.trapezoid(self.density**2, self.frequency))

    @property
    def conductance(self) -> float:
        """Of the leak [S], from the impedance at the lowest frequency."""
        return float(1 / self.impedance[0])


@dataclass(frozen=True)
class _Spectrum:
    """A measure for `analog.worker.Job`."""

    def __call__(self, waves: Mapping[str, FloatArray]) -> tuple[FloatArray, FloatArray, FloatArray]:
        onoise, inoise = waves["noise1.onoise_spectrum"], waves["noise1.inoise_spectrum"]
        # Input-referred noise is the output's over the gain: the gain is the impedance.
        return waves["frequency"], onoise, onoise / inoise


def resistor_variance(capacitance: float, kelvin: float = 300.15) -> float:
    """k T / C [V^2]."""
    return BOLTZMANN * kelvin / capacitance


def ota_variance(capacitance: float, slope: float, kelvin: float = 300.15) -> float:
    """2 n k T / C [V^2] for slope factor n = ``slope``."""
    return 2 * slope * resistor_variance(capacitance, kelvin)


def membrane_noise(
    pool: Pool, neuron: OtaNeuron, *, flicker: bool = True, span: tuple[float, float] = (1e-3, 1e5)
) -> MembraneNoise:
    """Noise of the neuron's membrane at rest: leak OTA, comparator and open reset as they are.

    ``flicker``  whether the transistors' 1/f noise takes part
    ``span``     lowest and highest frequency of the analysis, over the membrane's 1 / (2 pi tau_m)
    """
    deck = noise_deck(neuron, span)
    if not flicker:
        deck = _FLICKER.sub(lambda match: f"{match[1]}=0", deck)
    vectors = ("noise1.onoise_spectrum", "noise1.inoise_spectrum")
    ((frequency, density, impedance),) = gather(pool, [Job(deck, vectors, _Spectrum())])
    return MembraneNoise(frequency, density, impedance)


def noise_deck(neuron: OtaNeuron, span: tuple[float, float]) -> str:
    """The neuron at rest with a .noise analysis of node mem; as in `membrane_noise`."""
    corner = 1 / (2 * math.pi * neuron.twin().tau_m)
    rest = [("mem", neuron.leak), *(pair for pair in neuron.initial if pair[0] != "mem")]
    cards = [card for block in with_models(neuron.process, neuron.blocks()) for card in block.cards()]
    return "\n".join(
        (
            f"* {neuron.title}, noise at rest",
            *cards,
            "Iin 0 mem dc 0 ac 1",
            f".nodeset {' '.join(f'v({node})={volts:g}' for node, volts in rest)}",
            f".noise v(mem) Iin dec {_DENSITY} {span[0] * corner:g} {span[1] * corner:g}",
            ".end",
            "",
        )
    )


def with_noise(netlist: Netlist, density: float, step: float, seed: int) -> Netlist:
    """``netlist`` with a noise current into the membrane: one-sided ``density`` [A^2/Hz], a value every ``step`` [s].

    In units of the neuron: sigma^2 = S_I / (4 g C) is the variance [V^2] of the membrane without a threshold.  Between
    two values the current is straight, and so smoother than white noise: the neuron fires less often, by 10 % for a
    step of a fortieth of the time constant, and by half of that for each quarter of the step.
    """
    return replace(netlist, blocks=(*netlist.blocks, NoiseCurrent(density, step, netlist.duration, seed)))
