"""TrueNorth chips in RTL simulators: a golden chip's memories loaded, its spikes and potentials recorded.

design = ChipDesign(machine)
record = chip_back_end("cxxrtl").run(design, inputs, record=range(machine.size))
assert difference(machine.run(inputs, record=range(machine.size)), record) is None
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from golden.errors import SpecError
from sim_harness.rtl.icarus import Icarus
from sim_harness.rtl.truenorth.cocotb import ChipCocotb
from sim_harness.rtl.truenorth.cxxrtl import ChipCxxrtl
from sim_harness.rtl.truenorth.design import ChipDesign
from sim_harness.rtl.truenorth.records import ChipRecord
from sim_harness.rtl.verilator import Verilator

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from golden.machines.run import MachineInputs, Progress

__all__ = ["BACK_ENDS", "ChipBackEnd", "ChipDesign", "ChipRecord", "chip_back_end"]

#: Names of the back ends.
BACK_ENDS = ("icarus", "verilator", "cxxrtl")


class ChipBackEnd(Protocol):
    """A simulator of a chip's Verilog."""

    def versions(self) -> dict[str, str]:
        """Versions of the tools, by name."""
        ...

    def run(
        self, design: ChipDesign, inputs: MachineInputs, *, record: ArrayLike = (), progress: Progress | None = None
    ) -> ChipRecord:
        """Reset the chip, load it through its host port, play ``inputs``; keep ``v`` of the ``record`` neurons.

        Builds are cached. SpecError for inputs of another size; SimulationError for a chip that hangs, raises a flag,
        or does not update every neuron once a tick in ascending order.
        """
        ...


def chip_back_end(name: str, *, stall: int = 0, seed: int = 1) -> ChipBackEnd:
    """The back end of that name; SpecError for any other, MissingToolError when its tools are not there.

    ``stall`` and ``seed`` hold packets up at the edges in about ``stall`` of 256 clocks.
    """
    match name:
        case "cxxrtl":
            return ChipCxxrtl(stall, seed)
        case "icarus":
            return ChipCocotb(Icarus(stall, seed))
        case "verilator":
            return ChipCocotb(Verilator(stall, seed))
    raise SpecError.rule("RTL engine of a TrueNorth chip", f"one of {', '.join(BACK_ENDS)}", repr(name))
