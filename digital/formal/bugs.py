"""Planted bugs: cores that are wrong in one place, which their proofs must refute.

Each is the source of a class with one piece of text replaced; a piece that is not there exactly once is an error, so
that no control can go stale unnoticed.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING

from digital import lif_core

if TYPE_CHECKING:
    from digital.formal.lif_core import Claim
    from digital.lif_core import LIFCore


@dataclass(frozen=True)
class Bug:
    """Text ``right`` of class ``where`` (a name that ``digital.lif_core`` knows) becomes ``wrong``.

    ``claim`` is the proof that must fail, for a core of ``size`` neurons, within ``depth`` clocks of power-up.
    """

    name: str
    claim: Claim
    right: str
    wrong: str
    where: str = "LIFCore"
    size: int = 2
    depth: int = 18


BUGS = (
    Bug("threshold missed at equality", "update", '~above[-1] if fmt.comparison == ">="', "(above > 0) if True"),
    Bug("sum wraps", "update", "clip(total, fmt.v.width)", "total[: fmt.v.width].as_signed()"),
    Bug("refractory a tick short", "update", 'at("r", 5) == 0', 'at("r", 5) <= 1', depth=26),
    Bug("synapse rounded down", "update", "(decayed + carry)[", "(decayed + 0)[", depth=26),
    Bug("decay without its highest bit", "update", "(low >> places) + high", "low >> places", depth=30),
    Bug("event hazard", "state", "zip(self.events[1:], self.tags[1:]", "zip(self.events[2:], self.tags[2:]"),
    Bug("update before event", "state", "(self.credits != 0) & ~events_left", "(self.credits != 0)"),
    Bug("synapses not cleared", "state", "write.en.eq(self.clearing | commit | self", "write.en.eq(commit | self"),
    Bug("neurons swapped", "state", "self.tags[LATENCY]\n", "self.tags[LATENCY - 1]\n"),
    Bug("current of another neuron", "state", "Mux(self.clearing, self.index, self.host_neuron)", "self.index"),
    Bug("spike lost in a full queue", "spikes", "(self.credits != 0) & ", "", size=20, depth=48),
    Bug("spike sent twice", "spikes", "Mux(self.ready, load, load | self.valid)", "load | self.valid", "SpikeQueue"),
)


def plant(bug: Bug) -> type[LIFCore]:
    """The LIF core with the bug in it."""
    names = dict(vars(lif_core))
    for name in dict.fromkeys((bug.where, "LIFCore")):
        source = inspect.getsource(names[name])
        if name == bug.where:
            if source.count(bug.right) != 1:
                raise ValueError(f"{bug.name}: text must be in {name} once, not {source.count(bug.right)} times")
            source = source.replace(bug.right, bug.wrong)
        exec("from __future__ import annotations\n" + source, names)  # noqa: S102  our own source, one text replaced
    return names["LIFCore"]
