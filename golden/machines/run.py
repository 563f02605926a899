"""What goes into a run of a digital machine, and what comes out: the same for every machine.

A neuron that fires in tick k emits at tick k + 1; a source emits at the tick of its spike. What is emitted at tick e
acts through a synapse with a delay of d ticks in the update of tick e + d. d = 0 is the shortest a machine can have.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from golden.errors import SpecError
from golden.fixed import IntArray, as_integers

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Called now and then with the fraction done, 0..1.
Progress = Callable[[float], None]


@dataclass(frozen=True, eq=False)
class MachineInputs:
    """What reaches a machine of ``size`` neurons and ``sources`` sources during ``ticks`` ticks.

    spikes    int64 (E, 2): rows (tick, source), ticks ascending
    currents  int64 (K, 3): rows (tick, neuron, value): from that tick on, the neuron's current is value, in the
              machine's integers; before the first row it is 0. Ticks ascend
    """

    ticks: int
    size: int
    sources: int
    spikes: IntArray
    currents: IntArray = field(default_factory=lambda: np.empty((0, 3), dtype=np.int64))

    def __post_init__(self) -> None:
        if self.ticks < 1:
            raise SpecError.rule("Number of ticks", "at least 1", self.ticks)
        for name, width, limits in (
            ("spikes", 2, (self.ticks, self.sources)),
            ("currents", 3, (self.ticks, self.size)),
        ):
            table = as_integers(f"Entry of {name}", getattr(self, name)).reshape(-1, width)
            if (np.diff(table[:, 0]) < 0).any():
                raise SpecError.rule(f"Ticks of {name}", "ascending", "out of order")
            for column, limit in enumerate(limits):
                values = table[:, column]
                if values.size and not (values.min() >= 0 and values.max() < limit):
                    what = ("Ticks", "Sources" if name == "spikes" else "Neurons")[column]
                    raise SpecError.rule(
                        f"{what} of {name}", f"within 0 to {limit - 1}", f"{values.min()} to {values.max()}"
                    )
            object.__setattr__(self, name, table)

    def slices(self, name: str) -> list[slice]:
        """For each tick the rows of ``spikes`` or ``currents`` that belong to it."""
        edges = np.searchsorted(getattr(self, name)[:, 0], np.arange(self.ticks + 1)).tolist()
        return [slice(a, b) for a, b in itertools.pairwise(edges)]


@dataclass(frozen=True, eq=False)
class MachineRecord:
    """What a machine did.

    spikes    int64 (S, 2): rows (tick, neuron), ascending
    recorded  int64 (M,): neurons whose states are kept
    states    name to (ticks, M): after every tick
    counters  events that a user must hear of (saturations, merged spikes, ...), by name
    """

    spikes: IntArray
    recorded: IntArray
    states: Mapping[str, NDArray[np.int64] | NDArray[np.float64]]
    counters: Mapping[str, int] = field(default_factory=dict)
