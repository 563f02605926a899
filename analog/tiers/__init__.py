"""Tiers: how real the circuits are, from ideal elements to a foundry's transistors.

A tier is a module with one function, ``build(hardware, settings, capacitance)``, that returns a `Built`: membrane,
leak, comparator, one-shot and reset switch with their biases.  Every tier has the nodes mem (membrane) and rst (gate of
the reset switch, high from a spike until the refractory period is over).  A new tier is one file here and one line in
``TIERS`` (and its defaults in `analog.settings.TIERS`).
"""

from __future__ import annotations

from collections.abc import Callable

from analog.mapping import HardwareLIF
from analog.settings import AnalogSettings
from analog.tiers import ideal, macro, transistor
from analog.tiers.built import Built

#: ``capacitance`` [F] is what the membrane's own capacitor must have; inputs that couple through one bring the rest.
Tier = Callable[[HardwareLIF, AnalogSettings, float], Built]

TIERS: dict[str, Tier] = {
    "ideal": ideal.build,
    "macro": macro.build,
    "sky130": transistor.build,
    "gf180": transistor.build,
}

__all__ = ["TIERS", "Built", "Tier"]
