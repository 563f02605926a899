"""Our netlists as PySpice circuits, for people who go on with PySpice's own tools.  PySpice is GPLv3; ours is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySpice.Spice.Netlist import Circuit

    from analog.netlist import Netlist


def circuit(netlist: Netlist) -> Circuit:
    """The elements and models of ``netlist`` in a PySpice ``Circuit``; analyses and options are the caller's.

    They go in as raw SPICE: PySpice's element classes know neither the XSPICE models' vector ports nor staircases.
    """
    from PySpice.Spice.Netlist import Circuit  # slow to import, and only this function needs it

    made = Circuit(netlist.title)
    made.raw_spice = "\n".join(netlist.elements()) + "\n"
    return made
