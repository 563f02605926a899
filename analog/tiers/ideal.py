"""The ideal tier: linear membrane, tanh or switch comparator, digital or analog one-shot, ideal reset switch."""

from __future__ import annotations

from analog.blocks.bias import Bias
from analog.blocks.comparator import SwitchComparator, TanhComparator
from analog.blocks.leak import Leak
from analog.blocks.membrane import MembraneCapacitor
from analog.blocks.one_shot import AnalogOneShot, DigitalOneShot
from analog.blocks.reset_switch import ResetSwitch
from analog.mapping import RESET_LEAK, HardwareLIF
from analog.netlist import Block
from analog.settings import AnalogSettings


def blocks(hardware: HardwareLIF, settings: AnalogSettings) -> tuple[Block, ...]:
    """Everything but the inputs: nodes mem (membrane), cmp (comparator), rst (gate of the reset switch)."""
    delay, supply = hardware.t_ref - hardware.pulse_overhead, settings.supply
    detector: tuple[Block, ...]
    if hardware.variant == "xspice":
        detector = (TanhComparator(supply, pole=hardware.pole), DigitalOneShot(delay, supply))
    else:
        detector = (SwitchComparator(pole=hardware.pole), AnalogOneShot(delay, supply, pole=hardware.pole))
    return (
        Bias("vdd", supply),
        Bias("rest", hardware.rest),
        Bias("thr", hardware.threshold),
        Bias("res", hardware.reset),
        MembraneCapacitor(hardware.C, hardware.rest),
        Leak(hardware.g),
        *detector,
        ResetSwitch(hardware.on_resistance, 1 / (RESET_LEAK * hardware.g), supply / 2),
    )
