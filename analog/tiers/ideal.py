"""The ideal tier: linear membrane, tanh or switch comparator, digital or analog one-shot, ideal reset switch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analog.blocks.bias import Bias
from analog.blocks.comparator import SwitchComparator, TanhComparator
from analog.blocks.leak import Leak
from analog.blocks.membrane import MembraneCapacitor
from analog.blocks.one_shot import AnalogOneShot, DigitalOneShot
from analog.blocks.reset_switch import ResetSwitch
from analog.mapping import RESET_LEAK, HardwareLIF
from analog.tiers.built import Built

if TYPE_CHECKING:
    from analog.netlist import Block
    from analog.settings import AnalogSettings


def build(hardware: HardwareLIF, settings: AnalogSettings, capacitance: float) -> Built:
    """The neuron without its inputs: nodes mem, cmp (comparator, before its pole) and rst."""
    delay, supply = hardware.t_ref - hardware.pulse_overhead, settings.supply
    detector: tuple[Block, ...]
    if hardware.variant == "xspice":
        detector = (TanhComparator(supply, pole=hardware.pole), DigitalOneShot(delay, supply))
    else:
        detector = (SwitchComparator(pole=hardware.pole), AnalogOneShot(delay, supply, pole=hardware.pole))
    return Built(
        (
            Bias("vdd", supply),
            Bias("rest", hardware.rest),
            Bias("thr", hardware.threshold),
            Bias("res", hardware.reset),
            MembraneCapacitor(capacitance, hardware.rest),
            Leak(hardware.g),
            *detector,
            ResetSwitch(hardware.on_resistance, 1 / (RESET_LEAK * hardware.g), supply / 2),
        )
    )
