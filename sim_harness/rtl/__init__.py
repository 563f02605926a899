"""RTL simulators as engines of one kind: commands in, states and spikes out.

design = RtlDesign(lif)                                # or RtlDesign(lif, verilog=text, name="mine.v")
record = back_end("icarus", stall=64).run(design, inputs)
first_divergence(golden.integer.run(lif, inputs), record, lif, inputs)
"""

from __future__ import annotations

from collections.abc import Mapping

from golden.errors import SpecError
from sim_harness.rtl.amaranth_sim import AmaranthSim
from sim_harness.rtl.back_end import RtlBackEnd
from sim_harness.rtl.cxxrtl import Cxxrtl
from sim_harness.rtl.design import RtlDesign
from sim_harness.rtl.divergence import Divergence, first_divergence
from sim_harness.rtl.icarus import Icarus
from sim_harness.rtl.records import Fault, RtlRecord
from sim_harness.rtl.verilator import Verilator

__all__ = [
    "BACK_ENDS",
    "Divergence",
    "Fault",
    "RtlBackEnd",
    "RtlDesign",
    "RtlRecord",
    "back_end",
    "first_divergence",
]

#: All back ends by name, the slowest first, so that processes that share a campaign finish together.
BACK_ENDS: Mapping[str, type[RtlBackEnd]] = {kind.name: kind for kind in (AmaranthSim, Icarus, Verilator, Cxxrtl)}


def back_end(name: str, *, stall: int = 0, seed: int = 1) -> RtlBackEnd:
    """The back end of that name; SpecError for any other, MissingToolError when its tools are not there."""
    if name not in BACK_ENDS:
        raise SpecError.rule("RTL engine", f"one of {', '.join(BACK_ENDS)}", repr(name))
    return BACK_ENDS[name](stall, seed)
