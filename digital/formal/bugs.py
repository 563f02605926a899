"""Planted bugs: cores that are wrong in one place, which their proofs must refute.

Each is the source of a class with one piece of text replaced; a piece that is not there exactly once is an error, so
that no control can go stale unnoticed.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

from digital import lif_core
from digital.lif_core import CREDITS

if TYPE_CHECKING:
    from digital.formal.lif_core import Claim
    from digital.lif_core import LIFCore


@dataclass(frozen=True)
class Bug:
    """Text ``right`` of class ``where`` (a name that ``digital.lif_core`` knows) becomes ``wrong``.

    ``claim`` is the proof that must fail, in one of ``clocks`` after power-up, for a core of ``size`` neurons with
    ``credits`` places for spikes.
    """

    name: str
    claim: Claim
    right: str
    wrong: str
    where: str = "LIFCore"
    size: int = 2
    credits: int = CREDITS
    clocks: range = range(30)


BUGS = (
    Bug("threshold missed at equality", "update", '~above[-1] if fmt.comparison == ">="', "(above > 0) if True"),
    Bug("sum wraps", "update", "clip(self.total, fmt.v.width)", "self.total[: fmt.v.width].as_signed()"),
    Bug("refractory a tick short", "update", 'at("r", 5) == 0', 'at("r", 5) <= 1', size=1, clocks=range(23, 26)),
    Bug("synapse rounded down", "update", "(decayed + carry)[", "(decayed + 0)["),
    Bug("decay without its highest bit", "update", "(low >> places) + high", "low >> places"),
    Bug("event hazard", "state", "zip(self.events[1:], self.tags[1:]", "zip(self.events[2:], self.tags[2:]"),
    Bug("update before event", "state", "(self.credits != 0) & ~events_left", "(self.credits != 0)"),
    Bug("synapses not cleared", "state", "write.en.eq(self.clearing | commit | self", "write.en.eq(commit | self"),
    Bug("neurons swapped", "state", "self.tags[LATENCY]\n", "self.tags[LATENCY - 1]\n"),
    Bug("current of another neuron", "state", "Mux(self.clearing, self.index, self.host_neuron)", "self.index"),
    Bug("spike lost in a full queue", "spikes", "(self.credits != 0) & ", "", size=6, credits=4),
    Bug("spike sent twice", "spikes", "self.ready, load, load |", "0, load, load |", "SpikeQueue"),
)


class Replacement(Protocol):
    """Text ``right`` of class or function ``where`` of a module becomes ``wrong``; ``name`` says what that breaks."""

    @property
    def name(self) -> str: ...

    @property
    def where(self) -> str: ...

    @property
    def right(self) -> str: ...

    @property
    def wrong(self) -> str: ...


def planted(bug: Replacement, module: ModuleType, top: str, constants: Mapping[str, Any] | None = None) -> Any:
    """Class ``top`` of a module with the bug in it, or in what it uses of the module; ``constants`` replace others."""
    names = {**vars(module), **(constants or {})}
    for name in dict.fromkeys((bug.where, top)):
        source = inspect.getsource(names[name])
        if name == bug.where:
            if source.count(bug.right) != 1:
                raise ValueError(f"{bug.name}: text must be in {name} once, not {source.count(bug.right)} times")
            source = source.replace(bug.right, bug.wrong)
        exec("from __future__ import annotations\n" + source, names)  # noqa: S102  our own source, one text replaced
    return names[top]


def plant(bug: Bug) -> type[LIFCore]:
    """The LIF core with the bug in it."""
    core: type[LIFCore] = planted(bug, lif_core, "LIFCore", {"CREDITS": bug.credits})
    return core
