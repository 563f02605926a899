"""What is proved, what exists, and what must be refuted: questions to the solver, with their right answers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from digital.designs import DESIGNS, blank
from digital.formal.bugs import BUGS, plant
from digital.formal.lif_core import DEPTHS, Claim, LIFCoreSpec
from digital.lif_core import LIFCore, LIFCoreConfig
from golden.fixed import Format
from golden.neurons.lif_fixed import FixedLIF, LIFFormat

if TYPE_CHECKING:
    from collections.abc import Mapping

    from digital.formal.bugs import Bug
    from digital.formal.question import Kind


@dataclass(frozen=True)
class Obligation:
    """A question (``digital.formal.question``) about a LIF core."""

    kind: Kind
    name: str
    claim: Claim
    config: LIFCoreConfig
    clocks: range
    bug: Bug | None = None

    def spec(self) -> LIFCoreSpec:
        """The circuit that the question is about."""
        core = plant(self.bug) if self.bug else LIFCore
        return LIFCoreSpec(core(self.config), self.claim, lemmas=self.kind == "proof")

    @property
    def size(self) -> str:
        """Neurons."""
        return f"{self.config.size} neurons"

    def describe(self) -> dict[str, Any]:
        """The core in plain values."""
        structure = self.config.format.to_dict()
        return {"neurons": self.config.size, "structure": structure, "per_neuron": self.config.per_neuron}

    def __str__(self) -> str:
        return f"{self.kind} {self.name}, {self.claim}"


#: Structures beside the committed designs, so that every leak, rounding, comparison, reset and synapse is proved.
STRUCTURES: Mapping[str, LIFCoreConfig] = {
    "lif_256x16_nearest": LIFCoreConfig(
        blank(256, LIFFormat(v=Format(16, 8), leak_rounding="nearest", comparison=">", refractory_bits=0))
    ),
    "lif_256x16_delta": LIFCoreConfig(
        blank(
            256,
            LIFFormat(v=Format(16, 8), leak_rounding="toward_zero", comparison=">", reset="subtract", synapse="delta"),
        ),
        per_neuron=True,
    ),
    "lif_256x16_shift_nearest": LIFCoreConfig(
        blank(256, LIFFormat(v=Format(16, 8), leak="shift", leak_rounding="nearest", synapse="exponential"))
    ),
    "lif_200x16_shift_floor": LIFCoreConfig(
        blank(200, LIFFormat(v=Format(16, 8), leak="shift", leak_rounding="floor", reset="subtract"))
    ),
}

#: Enough of everything to reach every corner in few clocks.
_SMALL = LIFFormat(v=Format(6, 2), decay_bits=4, leak_rounding="nearest", synapse="exponential", refractory_bits=2)
#: Next to nothing but the queue of spikes.
_BARE = LIFFormat(v=Format(4, 0), leak="shift", refractory_bits=0)


def _small(size: int, fmt: LIFFormat = _SMALL) -> LIFCoreConfig:
    """A core that starts with a low threshold, so that its neurons fire at once."""
    first = {"decay": 3, "syn_decay": 9, "v_th": 0 if fmt is _BARE else 3, "v_reset": 0, "t_ref": 1}
    lif = FixedLIF(fmt, size, {name: np.asarray(first[name]) for name in fmt.parameters})
    return LIFCoreConfig(lif, retire=True)


def _control(bug: Bug) -> Obligation:
    config = _small(bug.size, _BARE if bug.claim == "spikes" else _SMALL)
    return Obligation("control", bug.name, bug.claim, config, bug.clocks, bug)


OBLIGATIONS = (
    *(
        Obligation("proof", name, claim, replace(config, retire=True), range(DEPTHS[claim]))
        for name, config in [*DESIGNS.items(), *STRUCTURES.items()]
        for claim in get_args(Claim)
    ),
    # Two ticks of one neuron; an event on the heels of another; one neuron more than the queue has places.
    Obligation("cover", "small", "update", _small(1), range(25, 26)),
    Obligation("cover", "small", "state", _small(2), range(8)),
    Obligation("cover", "small", "spikes", _small(17, _BARE), range(40, 44)),
    *(_control(bug) for bug in BUGS),
)
