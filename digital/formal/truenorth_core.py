"""The neurons of a TrueNorth core: what is proved of them, what exists, and what must be refuted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any, Literal

from amaranth.hdl import Assert, Cover, Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from digital.formal.bugs import planted
from digital.formal.truenorth_pipeline import DRAWN, NeuronPipelineSpec
from digital.truenorth import pipeline
from digital.truenorth.config import CoreConfig
from digital.truenorth.pipeline import NeuronPipeline, Step
from golden.polymorphic import saturate

if TYPE_CHECKING:
    from digital.formal.question import Kind

Claim = Literal["update", "compose"]


class ComposeSpec(wiring.Component):
    """compose: the steps of several lanes as one move V as one saturating addition after another does.

    For all potentials and steps; ``step`` and ``move`` are those of the pipeline.
    """

    def __init__(self, config: CoreConfig, step: type[Step] = Step) -> None:
        super().__init__(
            {
                "v": In(signed(config.potential_bits)),
                **{f"step_{k}": In(signed(config.weight_bits)) for k in range(config.lanes)},
            }
        )
        self.config, self.step = config, step

    def elaborate(self, platform: object) -> Module:
        m = Module()
        potential = self.config.potential
        inputs = [getattr(self, f"step_{k}") for k in range(self.config.lanes)]
        steps = [self.step(value) for value in inputs]
        while len(steps) > 1:
            steps = [steps[k].then(steps[k + 1]) for k in range(0, len(steps), 2)]
        moved, stopped = pipeline.move(self.v, steps[0].prepare(potential), potential)
        expected = reduce(lambda v, step: saturate(v + step, potential.min, potential.max), inputs, self.v)
        free = sum(inputs[1:], self.v + inputs[0])
        differs = Signal()
        m.d.comb += differs.eq(expected != free)
        m.d.comb += [
            Assert(moved == expected, "compose: the potential"),
            Assert(stopped | ~differs, "compose: stopped where a rail was in the way"),
            Cover(differs & (expected < potential.max) & (expected > potential.min), "compose: stopped, then moved on"),
        ]
        return m


@dataclass(frozen=True)
class CoreBug:
    """Text ``right`` of class or function ``where`` of the pipeline's module becomes ``wrong``."""

    name: str
    right: str
    wrong: str
    where: str = "NeuronPipeline"
    claim: Claim = "update"


BUGS = (
    CoreBug("threshold missed at equality", "spike, fell = ~above[-1]", "spike, fell = above > 0"),
    CoreBug("potential wraps", "return clip(total, potential.width)", "return total[: potential.width]", "move"),
    CoreBug("leak rings through 0", "crossed = crosses[0] & ", "crossed = 0 & "),
    CoreBug("random floor", "Mux(p.saturating, 0, eta)", "eta"),
    CoreBug("chance of a step too small", "(magnitude >= rho)", "(magnitude > rho)", "chance"),
    CoreBug(
        "leak draws first",
        "enumerate((*stochastic, leak_draws, eta_draws))",
        "enumerate((leak_draws, *stochastic, eta_draws))",
    ),
    CoreBug("weight of another type", "draws.weight_3]", "synapses.weight_2]"),
    CoreBug("row begins where the last one ended", "Mux(self.firsts[A], v, sum_)", "sum_"),
    CoreBug("reset negative on a spike", "Mux(kept, v, reset))", "Mux(kept, v, -reset))"),
    CoreBug("saturation forgotten", "(clipped & ~self.firsts[A]) | off", "off"),
    CoreBug("lower limit of the first step lost", "Mux(low > least, low, least)", "least", "Step", "compose"),
)


@dataclass(frozen=True)
class CoreObligation:
    """A question (``digital.formal.question``) about the neurons of a TrueNorth core."""

    kind: Kind
    name: str
    claim: Claim
    config: CoreConfig
    clocks: range
    bug: CoreBug | None = None

    def spec(self) -> wiring.Component:
        """The circuit that the question is about."""
        if self.claim == "compose":
            return ComposeSpec(self.config, planted(self.bug, pipeline, "Step") if self.bug else Step)
        made = planted(self.bug, pipeline, "NeuronPipeline") if self.bug else NeuronPipeline
        return NeuronPipelineSpec(made(self.config), lemmas=self.kind == "proof")

    @property
    def size(self) -> str:
        """Neurons and lanes."""
        return f"{self.config.neurons} neurons, {self.config.lanes} lanes"

    def describe(self) -> dict[str, Any]:
        """The core in plain values."""
        return {name: value for name, value in vars(self.config).items() if isinstance(value, int)}

    def __str__(self) -> str:
        return f"{self.kind} {self.name}, {self.claim}"


def depth(config: CoreConfig) -> int:
    """Clocks of the induction: from the draw of a number to the threshold that it is in, and the word before it."""
    return 6 + config.compose_stages + 4 - DRAWN + 3


#: Enough of everything to reach every corner in few clocks.
_SMALL = CoreConfig(
    axons=8, neurons=2, word=8, potential_bits=7, weight_bits=4, rho_bits=3, threshold_bits=4, eta_bits=3
)
_LANES_2, _LANES_4 = CoreConfig(lanes=2), CoreConfig(lanes=4)

OBLIGATIONS = (
    CoreObligation("proof", "truenorth_256x256", "update", CoreConfig(), range(depth(CoreConfig()))),
    CoreObligation("proof", "truenorth_2_lanes", "compose", _LANES_2, range(1)),
    CoreObligation("proof", "truenorth_4_lanes", "compose", _LANES_4, range(1)),
    CoreObligation("cover", "truenorth_small", "update", _SMALL, range(22)),
    CoreObligation("cover", "truenorth_4_lanes", "compose", _LANES_4, range(1)),
    *(
        CoreObligation(
            "control",
            bug.name,
            bug.claim,
            _LANES_4 if bug.claim == "compose" else _SMALL,
            range(1 if bug.claim == "compose" else 22),
            bug,
        )
        for bug in BUGS
    ),
)
