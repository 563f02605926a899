"""Tiers: how real the circuits are, from ideal elements to a foundry's transistors.

A tier is a module with one function, ``blocks(hardware, settings, capacitance)``, that returns membrane, leak,
comparator, one-shot and reset switch with their biases; it must provide the nodes that `analog.neurons` saves.
A new tier is one file here and one line in ``TIERS`` (and its name in `analog.settings.TIERS`).
"""

from __future__ import annotations

from collections.abc import Callable

from analog.mapping import HardwareLIF
from analog.netlist import Block
from analog.settings import AnalogSettings
from analog.tiers import ideal

Tier = Callable[[HardwareLIF, AnalogSettings, float], tuple[Block, ...]]

TIERS: dict[str, Tier] = {"ideal": ideal.blocks}
