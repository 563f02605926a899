"""The interface that all RTL simulators share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from golden.errors import SpecError
from sim_harness import toolchain

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from golden.integer import Progress, TickInputs
    from sim_harness.rtl.design import RtlDesign
    from sim_harness.rtl.records import RtlRecord


@dataclass(frozen=True)
class RtlBackEnd(ABC):
    """A simulator of the core's Verilog (or of the Amaranth design that it comes from).

    stall  spike_ready is low in about this many of 256 clocks: back-pressure
    seed   of the generator that decides in which

    Raises MissingToolError when a tool of ``tools`` is not installed.
    """

    stall: int = 0
    seed: int = 1
    #: Name in ``BACK_ENDS``, and in messages.
    name: ClassVar[str]
    title: ClassVar[str]
    #: Entries of ``toolchain.TOOLS`` that build and run need; the first is the simulator itself.
    tools: ClassVar[tuple[str, ...]]

    def __post_init__(self) -> None:
        if not 0 <= self.stall <= 240:
            raise SpecError.rule("Stall", "0 to 240 of 256 clocks", self.stall)
        toolchain.require(*self.tools)

    def versions(self) -> dict[str, str]:
        """Versions of the tools, by name."""
        return toolchain.versions(*self.tools)

    @abstractmethod
    def run(
        self,
        design: RtlDesign,
        inputs: TickInputs,
        *,
        record: ArrayLike | None = None,
        progress: Progress | None = None,
    ) -> RtlRecord:
        """Reset the core, write all its parameters, play ``inputs`` and record.

        ``record`` picks the neurons whose states are kept (default: all; none without retire port). Builds are cached.
        Raises SpecError for inputs out of range, and for a user's Verilog that lacks a port or does not compile;
        SimulationError for a simulator that fails or stands still, a core that hangs, has X on an output or does not
        retire every neuron once a tick, in ascending order.
        """
