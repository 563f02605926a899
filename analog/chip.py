"""What a chip can do: ranges of its time constants, and the bits of its parameters, weights and readout.

A network for a chip is first made one that the chip can have (`effective`): targets out of range are refused with the
limit, everything else is rounded to the nearest code.  That network is what the circuits are built for, and what their
golden models get; what the rounding costs is a matter between it and the network that was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from analog.mapping import HardwareLIF
from golden.errors import SpecError
from golden.neurons.lif import LIFNeuron

if TYPE_CHECKING:
    from analog.settings import AnalogSettings
    from golden.network import Network
    from golden.neurons.lif import FloatArray


@dataclass(frozen=True)
class Dac:
    """A digital-to-analog converter: code 0 is 0, the highest code is ``full`` (volts or amperes)."""

    full: float
    bits: int = 10

    @property
    def highest(self) -> int:
        """The highest code."""
        return int(2**self.bits - 1)

    @property
    def step(self) -> float:
        """What one code is worth."""
        return self.full / self.highest

    def value(self, code: int) -> float:
        """Of a code; SpecError when it is none."""
        if not 0 <= code <= self.highest:
            raise SpecError.rule("Parameter code", f"from 0 to {self.highest}", code)
        return code * self.step

    def code(self, value: float) -> int:
        """The nearest code, within the range."""
        return min(max(round(value / self.step), 0), self.highest)


@dataclass(frozen=True)
class Chip:
    """Limits in hardware time and volts.

    tau_m, tau_syn, t_ref   lowest and highest [s]
    voltage_bits            of the converter of the potentials, whose highest code is the supply
    current                 converter of the bias currents [A]; a parameter may have it divided by a power of two
    weight_bits             of a synapse's weight, its sign apart
    readout_bits            of the converter that reads the membrane, over the supply
    """

    name: str
    title: str
    tau_m: tuple[float, float]
    tau_syn: tuple[float, float]
    t_ref: tuple[float, float]
    voltage_bits: int = 10
    current: Dac = Dac(2.5e-6)
    weight_bits: int = 6
    readout_bits: int = 8


#: Pehle et al. 2022, The BrainScaleS-2 accelerated neuromorphic system (Frontiers in Neuroscience 16:795876); calix.
CHIPS = {"brainscales2": Chip("brainscales2", "BrainScaleS-2", (0.5e-6, 60e-6), (0.3e-6, 30e-6), (40e-9, 32e-6))}
NONE = "none"


def chip_of(settings: AnalogSettings) -> Chip | None:
    """The chip that the settings name, or None."""
    return None if settings.chip == NONE else CHIPS[settings.chip]


def effective(network: Network, settings: AnalogSettings) -> Network:
    """The network that the chip of ``settings`` makes of ``network``; without a chip the same.

    Raises SpecError when a neuron's time constant is out of the chip's range, naming the limit in biological time.
    """
    chip = chip_of(settings)
    if chip is None:
        return network
    neurons = [_neuron(network.neurons[index], settings, chip, index) for index in range(network.size)]
    columns: dict[str, Any] = {
        name: np.array([values[name] for values in neurons]) for name in neurons[0] if neurons[0][name] is not None
    }
    synapses = replace(network.synapses, weight=weights(network.synapses.weight, chip.weight_bits))
    return replace(network, neuron=LIFNeuron.from_dict(columns), synapses=synapses)


def weights(values: FloatArray, bits: int) -> FloatArray:
    """Weights rounded to ``bits`` and a sign; the largest is the highest code."""
    largest = float(np.abs(values).max(initial=0.0))
    if not largest:
        return values
    step = largest / (2**bits - 1)
    return np.asarray(np.rint(values / step) * step)


def readout(volts: FloatArray, settings: AnalogSettings) -> FloatArray:
    """Hardware potentials [V] as the chip's converter reads them; without a chip the same."""
    chip = chip_of(settings)
    if chip is None:
        return volts
    step = settings.supply / (2**chip.readout_bits - 1)
    return np.asarray(np.clip(np.rint(volts / step), 0, 2**chip.readout_bits - 1) * step)


def on_grid(volts: float, chip: str, supply: float) -> float:
    """A potential [V] at the nearest code of the converter of the chip called ``chip``; without a chip the same."""
    if chip == NONE:
        return volts
    converter = Dac(supply, CHIPS[chip].voltage_bits)
    return converter.value(converter.code(volts))


def _neuron(neuron: LIFNeuron, settings: AnalogSettings, chip: Chip, index: int) -> dict[str, float | None]:
    hardware = HardwareLIF.of(neuron, settings, index)
    a = settings.acceleration
    for name, value, (low, high) in (
        ("tau_m", hardware.tau_m, chip.tau_m),
        ("tau_syn", hardware.tau_syn, chip.tau_syn),
        ("t_ref", hardware.t_ref, chip.t_ref),
    ):
        if value is not None and not low * (1 - 1e-9) <= value <= high * (1 + 1e-9):
            rule = f"between {low * a:g} and {high * a:g} s on {chip.title} at acceleration {a:g}"
            raise SpecError.rule(f"Neuron {name} (neuron {index})", rule, f"{value * a:g} s")
    values: dict[str, Any] = dict(neuron.to_dict())
    for name, volts in (("E_L", hardware.rest), ("V_th", hardware.threshold), ("V_reset", hardware.reset)):
        values[name] = float(hardware.biological_volts(np.array(on_grid(volts, chip.name, settings.supply))))
    # Times are set by currents in inverse proportion: the shortest is the converter's full scale.
    capacitance = float(neuron.C_m)
    tau_m = _by_current(hardware.tau_m, chip.tau_m[0], chip) * a
    values["g_L"] = capacitance / tau_m
    values["t_ref"] = _by_current(hardware.t_ref, chip.t_ref[0], chip) * a
    if hardware.tau_syn is not None:
        values["tau_syn"] = _by_current(hardware.tau_syn, chip.tau_syn[0], chip) * a
    return values


def _by_current(seconds: float, shortest: float, chip: Chip) -> float:
    """The nearest time that a current of the converter makes, divided by the power of two that gives most bits."""
    part = shortest / seconds
    shift = max(int(np.floor(-np.log2(part))), 0)
    code = min(max(round(part * 2**shift * chip.current.highest), 1), chip.current.highest)
    return float(shortest * 2**shift * chip.current.highest / code)
