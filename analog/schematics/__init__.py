"""Schematic drawings, made from the netlists themselves: what is drawn is what is simulated.

from analog.schematics import CIRCUITS, draw
draw(CIRCUITS["ota_neuron"], Path("ota_neuron.svg"))
"""

from analog.schematics.circuits import CIRCUITS, Schematic
from analog.schematics.drawing import draw, svg

__all__ = ["CIRCUITS", "Schematic", "draw", "svg"]
