"""Scheduler, scanner and the whole TrueNorth core: what is proved of them, what exists, and what must be refuted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from digital.formal import truenorth_scanner, truenorth_scheduler, truenorth_tick
from digital.formal.bugs import planted
from digital.formal.truenorth_scanner import ScannerSpec
from digital.formal.truenorth_scheduler import SchedulerSpec
from digital.formal.truenorth_tick import TickSpec
from digital.truenorth import core, scanner, scheduler
from digital.truenorth.config import CoreConfig

if TYPE_CHECKING:
    from types import ModuleType

    from amaranth.lib import wiring

    from digital.formal.question import Kind

Claim = Literal["schedule", "scan", "tick", "spikes"]

#: Claim -> the module and the class that it is about.
_ABOUT: Mapping[Claim, tuple[ModuleType, str]] = {
    "schedule": (scheduler, "Scheduler"),
    "scan": (scanner, "Scanner"),
    "tick": (core, "TrueNorthCore"),
    "spikes": (core, "TrueNorthCore"),
}
#: Claim -> clocks of the induction.
_DEPTH: Mapping[Claim, int] = {
    "schedule": truenorth_scheduler.DEPTH,
    "scan": truenorth_scanner.DEPTH,
    "tick": truenorth_tick.DEPTH,
    "spikes": truenorth_tick.DEPTH,
}


@dataclass(frozen=True)
class BlockBug:
    """Text ``right`` of the claim's class becomes ``wrong``."""

    name: str
    claim: Claim
    right: str
    wrong: str

    @property
    def where(self) -> str:
        """The class."""
        return _ABOUT[self.claim][1]


BUGS = (
    BlockBug("arrival in a copy", "schedule", "self.begin | self.copies | self.copied |", "self.begin |"),
    BlockBug(
        "slot not cleared", "schedule", "write.en.eq(1), write.addr.eq(row(", "write.en.eq(0), write.addr.eq(row("
    ),
    BlockBug("spike kept for the slot that is read", "schedule", "taken & ~self.conflict", "taken"),
    BlockBug("spikes overwrite each other", "schedule", "write.data.eq(read.data | bit)", "write.data.eq(bit)"),
    BlockBug("rest of a row left out", "scan", "only.eq(~(self.visit & ~onehot).any())", "only.eq(1)"),
    BlockBug("map of one word only", "scan", "Mux(self.map_some, self.map.data | mask", "Mux(self.map_some, mask"),
    BlockBug("axons that are not active", "scan", "self.crossbar.data & self.active", "self.crossbar.data"),
    BlockBug("first issue twice", "scan", "self.pending_first.eq(0)", "self.pending_first.eq(1)"),
    BlockBug(
        "types exchanged",
        "scan",
        "self.pending_low.eq(self.types_low.data)",
        "self.pending_low.eq(self.types_high.data)",
    ),
    BlockBug("host in a tick", "tick", "~(self.busy | self.accessed | self.tick)", "~(self.accessed | self.tick)"),
    BlockBug("tick overtakes an arrival", "tick", "self.running | scheduler.pending", "self.running"),
    BlockBug(
        "tick over with the scan", "tick", "(self.credits == config.credits) & ~self.send_valid", "~self.send_valid"
    ),
    BlockBug("packet overwritten", "spikes", "send.eq(~self.send_valid | self.send_ready)", "send.eq(1)"),
    BlockBug("packet of another neuron", "spikes", "address.eq(queue.neuron)", "address.eq(pipeline.commit_row)"),
    BlockBug("packet to nowhere", "spikes", "self.addressed & (t != NOWHERE)", "self.addressed"),
)


@dataclass(frozen=True)
class BlockObligation:
    """A question (``digital.formal.question``) about a block of a TrueNorth core, or all of it."""

    kind: Kind
    name: str
    claim: Claim
    config: CoreConfig
    clocks: range
    bug: BlockBug | None = None

    def spec(self) -> wiring.Component:
        """The circuit that the question is about."""
        module, name = _ABOUT[self.claim]
        block = planted(self.bug, module, name) if self.bug else getattr(module, name)
        lemmas = self.kind == "proof"
        match self.claim:
            case "schedule":
                return SchedulerSpec(block(self.config), lemmas=lemmas)
            case "scan":
                return ScannerSpec(block(self.config), lemmas=lemmas)
        return TickSpec(block(self.config), self.claim, lemmas=lemmas)

    @property
    def size(self) -> str:
        """Axons, neurons and lanes."""
        return f"{self.config.axons} x {self.config.neurons}, {self.config.lanes} lanes"

    def describe(self) -> dict[str, Any]:
        """The core in plain values."""
        return {name: value for name, value in vars(self.config).items() if isinstance(value, int)}

    def __str__(self) -> str:
        return f"{self.kind} {self.name}, {self.claim}"


_SIZES = {
    "truenorth_256x256": CoreConfig(retire=True),
    "truenorth_256x256_4_lanes": CoreConfig(lanes=4, retire=True),
    "truenorth_200x100": CoreConfig(axons=200, neurons=100, word=16, lanes=2, retire=True),
}
#: Next to nothing, to reach every corner in few clocks: memories are cleared first, a row a clock.
_SMALL: Mapping[Claim, tuple[CoreConfig, range]] = {
    "schedule": (CoreConfig(axons=16, neurons=2, word=8), range(16)),
    "scan": (CoreConfig(axons=16, neurons=2, word=8), range(16)),
    "tick": (CoreConfig(axons=8, neurons=1, word=8, retire=True), range(17, 60)),
    "spikes": (CoreConfig(axons=8, neurons=2, word=8, retire=True), range(17, 60)),
}

OBLIGATIONS = (
    *(
        BlockObligation("proof", name, claim, config, range(_DEPTH[claim]))
        for name, config in _SIZES.items()
        for claim in _ABOUT
    ),
    *(BlockObligation("cover", "truenorth_small", claim, *_SMALL[claim]) for claim in _ABOUT),
    *(BlockObligation("control", bug.name, bug.claim, *_SMALL[bug.claim], bug) for bug in BUGS),
)
