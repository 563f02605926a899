"""Icarus Verilog through cocotb: event driven, four states; the engine that sees X."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from sim_harness.rtl.cocotb_engine import CocotbEngine


@dataclass(frozen=True)
class Icarus(CocotbEngine):
    """The Icarus Verilog back end."""

    name: ClassVar[str] = "icarus"
    title: ClassVar[str] = "Icarus"
    products: ClassVar[tuple[str, ...]] = ("sim.vvp",)
    tools: ClassVar[tuple[str, ...]] = ("iverilog", "cocotb", "libpython")

    def environment(self) -> Mapping[str, str]:
        """Nothing but the search path."""
        return {}
