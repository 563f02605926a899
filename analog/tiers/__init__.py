"""Tiers: how real the circuits are, from ideal elements to a foundry's transistors.

A tier is a module with one function, ``blocks(hardware, settings)``, that returns the comparator, the one-shot and the
reset switch with their biases; the membrane, the leak and the inputs are a tier's too as soon as they are transistors.
A new tier is one file here and one line in ``TIERS`` (and its name in `analog.settings.TIERS`).
"""

from __future__ import annotations

from collections.abc import Callable

from analog.mapping import HardwareLIF
from analog.netlist import Block
from analog.settings import AnalogSettings
from analog.tiers import ideal

Tier = Callable[[HardwareLIF, AnalogSettings], tuple[Block, ...]]

TIERS: dict[str, Tier] = {"ideal": ideal.blocks}
