"""What the neurons of a TrueNorth core promise: every update is the golden step, for all parameters and states.

    update   an update of one neuron, chosen by the solver and so standing for every one, begins with the potential and
             the parameters in its memories, takes its events in the order in which they are issued, and ends with the
             potential and the spike of the golden ``receive``, ``leak`` and ``fire``, whose random numbers are those of
             the golden LFSR, a step a draw; ``commit_clipped`` tells whether a rail stopped the potential

The scanner and the core around the pipeline are assumed to keep ``environment``; the proofs of those show that they do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from amaranth.asserts import AnyConst
from amaranth.hdl import Array, Assert, Assume, Cat, Cover, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from digital import polymorphic  # noqa: F401  the golden step runs on Amaranth values
from digital.formal.watch import implies, look_up
from golden import lfsr
from golden.neurons.truenorth import AXON_TYPES, Neuron, fire, leak, receive

if TYPE_CHECKING:
    from digital.truenorth.pipeline import NeuronPipeline

#: The stage in which the specification takes an issue: there the numbers are drawn.
DRAWN = 3


class NeuronPipelineSpec(wiring.Component):
    """``pipeline``, the claim about it, and by choice the lemmas for its induction. Its inputs are the solver's."""

    def __init__(self, pipeline: NeuronPipeline, *, lemmas: bool = True) -> None:
        members = pipeline.signature.members.items()
        super().__init__({name: member for name, member in members if member.flow is In})
        self.pipeline, self.lemmas = pipeline, lemmas

    @property
    def depth(self) -> int:
        """Clocks of the induction: from the draw of a number to the threshold that it is in."""
        return self.pipeline.A + 4 - DRAWN + 3

    def elaborate(self, platform: object) -> Module:
        m = Module()
        pipeline = self.pipeline
        m.submodules.pipeline = pipeline
        for name, member in pipeline.signature.members.items():
            if member.flow is In:
                m.d.comb += getattr(pipeline, name).eq(getattr(self, name))
        neuron = Signal(pipeline.config.row_bits)
        m.d.comb += neuron.eq(AnyConst(len(neuron)))
        self.neuron = neuron
        self.mine = [valid & (row == neuron) for valid, row in zip(pipeline.valids, pipeline.rows, strict=True)]
        self.environment(m)
        self.updates_are_golden(m)
        return m

    def environment(self, m: Module) -> None:
        """What the pipeline may rely on: whole rows, one after another, and nobody else while one is in it."""
        pipeline, size = self.pipeline, self.pipeline.config.neurons
        self.open = Signal()
        open_row = Signal(pipeline.config.row_bits)
        with m.If(pipeline.issue):
            m.d.sync += [self.open.eq(~pipeline.last), open_row.eq(pipeline.row)]
        quiet = ~(Cat(pipeline.valids).any() | self.open)
        in_flight = Cat(self.mine[1:]).any()
        m.d.comb += [
            Assume(self.neuron < size),
            Assume(implies(pipeline.issue, pipeline.row < size)),
            Assume(implies(pipeline.issue, pipeline.first == ~self.open)),
            Assume(implies(pipeline.issue & self.open, pipeline.row == open_row)),
            Assume(implies(self.mine[0] & pipeline.first, ~in_flight)),
            Assume(implies(pipeline.host | pipeline.clear | pipeline.set_random, quiet)),
        ]
        for k in range(pipeline.config.lanes):
            lane = getattr(pipeline, f"lane_{k}")
            m.d.comb += Assume((lane & (lane - 1)[: len(lane)]) == 0)
        self.mine_open = self.open & (open_row == self.neuron)

    def parameters(self, m: Module) -> Neuron:
        """The neuron's parameters, as its memories hold them."""
        fields: dict[str, Value] = {}
        for name, layout in self.pipeline.layouts.items():
            word = look_up(m, self.pipeline.banks[name].memory, self.neuron)
            fields |= {field: word[field] for field in layout.members}
        m.d.comb += Assume(fields["reset"] != self.pipeline.config.potential.min)  # its negative has no place
        weights = [fields.pop(f"weight_{g}") for g in range(AXON_TYPES)]
        stochastic = [fields.pop(f"stochastic_{g}") for g in range(AXON_TYPES)]
        return Neuron(weights=weights, stochastic_weights=stochastic, **fields)

    def updates_are_golden(self, m: Module) -> None:
        """The golden step beside the pipeline: events where their numbers are drawn, leak at B, thresholds at E."""
        pipeline, config = self.pipeline, self.pipeline.config
        lowest, highest = config.potential.min, config.potential.max
        p, kept = self.parameters(m), look_up(m, pipeline.banks["potential"].memory, self.neuron)
        B, E, G = pipeline.A + 1, pipeline.A + 4, config.latency
        first, last, mine = pipeline.firsts[DRAWN], pipeline.lasts[DRAWN], self.mine[DRAWN]

        def line(value: Value, name: str, begin: int, end: int) -> list[Value]:
            """The value of stage ``begin`` as the stages up to ``end`` see it."""
            seen = [Value.cast(value)]
            for stage in range(begin + 1, end + 1):
                seen.append(Signal(seen[0].shape(), name=f"golden_{name}_{stage}", reset_less=True))
                m.d.sync += seen[-1].eq(seen[-2])
            return seen

        # ---- the events of an issue ----------------------------------------------------------------------------------
        golden, stopped = Signal.like(kept, name="golden"), Signal(name="golden_stopped")
        base = Mux(first, kept, golden).as_signed()
        base_stopped = Mux(first, 0, stopped)
        v, state, clipped = base, Value.cast(pipeline.random), base_stopped
        for k in range(config.lanes):
            lane = getattr(pipeline, f"lane_{k}")
            kind = line(Cat((lane & pipeline.low).any(), (lane & pipeline.high).any()), f"kind_{k}", 1, DRAWN)[-1]
            hit = line(lane.any(), f"hit_{k}", 1, DRAWN)[-1]
            weight = self.named(m, Array(p.weights)[kind], f"weight_{k}")
            stochastic = self.named(m, Array(p.stochastic_weights)[kind], f"stochastic_{k}")
            state = self.named(m, Mux(hit & stochastic, lfsr.step(state), state)[: lfsr.WIDTH], f"state_{k}")
            rho = state[: config.rho_bits]
            after = receive(v, weight, stochastic, rho, lowest, highest)
            free = receive(v, weight, stochastic, rho, 4 * lowest, 4 * highest)
            clipped = clipped | (hit & (after != free))
            v = self.named(m, Mux(hit, after, v), f"after_{k}", kept)
        with m.If(mine):
            m.d.sync += [golden.eq(v), stopped.eq(clipped)]
        state = self.named(m, Mux(last & p.stochastic_leak, lfsr.step(state), state)[: lfsr.WIDTH], "state_leak")
        leak_rho = line(state[: config.rho_bits], "leak_rho", DRAWN, B)[-1]
        state = self.named(m, Mux(last & (p.random_bits != 0), lfsr.step(state), state)[: lfsr.WIDTH], "state_eta")
        eta = line(state[: config.eta_bits], "eta", DRAWN, E)[-1]
        drawn = Signal()  # unlike the data, gone after a reset
        m.d.sync += drawn.eq(mine)
        right = pipeline.random == line(state, "state", DRAWN, DRAWN + 1)[-1]
        m.d.comb += Assert(implies(drawn, right), "random: a step a draw")

        # ---- the row: leak and thresholds ----------------------------------------------------------------------------
        sums, bases = line(v, "sum", DRAWN, B), line(base, "base", DRAWN, B)
        leaked = leak(p, sums[-1], leak_rho, lowest, highest)
        unstopped = leak(p, sums[-1], leak_rho, 4 * lowest, 4 * highest)
        leaked = line(self.named(m, leaked, "leaked", kept), "leaked", B, E)
        clips, base_clips = line(clipped, "clipped", DRAWN, B), line(base_stopped, "base_clipped", DRAWN, B)
        clipped = line(clips[-1] | (leaked[0] != unstopped), "clipped_by_leak", B, G)[-1]
        new, spike = fire(p, leaked[-1], eta)
        new, spike = line(new, "new", E, G)[-1], line(spike, "spike", E, G)[-1]
        commit = pipeline.commit & (pipeline.commit_row == self.neuron)
        m.d.comb += [
            Assert(implies(commit, pipeline.commit_v == new), "update: the potential is golden"),
            Assert(implies(commit, pipeline.commit_spike == spike), "update: the spike is golden"),
            Assert(implies(commit, pipeline.commit_clipped == clipped), "update: clipped where golden is"),
            Assert(implies(pipeline.commit, self.lasts_are_whole()), "update: at the end of a row"),
        ]
        self.corners(m, p, commit, spike, new, leaked[-1], clipped)

        # ---- lemmas: what a half-way sum is --------------------------------------------------------------------------
        if not self.lemmas:
            return
        for stage in range(1, G + 1):
            alone = ~(self.mine_open | Cat(self.mine[1:stage]).any())
            finishing = self.mine[stage] & pipeline.lasts[stage]
            m.d.comb += Assert(implies(finishing, alone), "lemma: one update at a time")
        for name, (stage, word) in pipeline.words.items():
            right = word == Value.cast(look_up(m, pipeline.banks[name].memory, self.neuron)).as_unsigned()
            m.d.comb += Assert(implies(self.mine[stage], right), f"lemma: word of {name}")
        right = (pipeline.sum == sums[-1]) & (pipeline.clipped == clips[-1])
        m.d.comb += Assert(implies(self.mine[B], right), "lemma: sum")
        m.d.comb += Assert(implies(self.mine[E] & pipeline.lasts[E], pipeline.leaked == leaked[-1]), "lemma: leaked")
        for stage in range(pipeline.A + 1):
            ahead = Cat(pipeline.valids[stage + 1 : B]).any()
            later = stage - DRAWN
            partial = (golden, stopped) if later <= 0 else (bases[later], base_clips[later])
            here = self.mine[stage] & ~pipeline.firsts[stage] & ~ahead
            right = (pipeline.sum == partial[0]) & (pipeline.clipped == partial[1])
            m.d.comb += Assert(implies(here, right), f"lemma: sum before stage {stage}")
        idle = self.mine_open & ~Cat(pipeline.valids[1:B]).any()
        right = (pipeline.sum == golden) & (pipeline.clipped == stopped)
        m.d.comb += Assert(implies(idle, right), "lemma: sum of an open row")

    def lasts_are_whole(self) -> Value:
        """A commit comes from the last issue of its row."""
        return self.pipeline.lasts[-1] & self.pipeline.valids[-1]

    def corners(
        self, m: Module, p: Neuron, commit: Value, spike: Value, new: Value, leaked: Value, clipped: Value
    ) -> None:
        """Covers: the corners that the claim speaks about exist."""
        config = self.pipeline.config
        corners = {f"spike, reset mode {mode}": spike & (p.reset_mode == mode) for mode in range(3)}
        corners |= {
            "saturation high": clipped & (new == config.potential.max),
            "saturation low": clipped & (new == config.potential.min),
            "stopped at the floor": p.saturating & (p.floor > 0) & (new == -p.floor) & ~spike,
            "reset below the floor": ~p.saturating & ~spike & (p.reset_mode == 0) & (p.reset > 0) & (new == -p.reset),
            "stochastic leak": p.stochastic_leak & (p.leak > 3),
            "random threshold": (p.random_bits > 2) & spike,
            "leak toward 0": p.leak_reversal & (p.leak < 0) & (new == 0),
        }
        m.d.comb += [Cover(commit & corner, name) for name, corner in corners.items()]
        m.d.comb += Cover(self.mine[DRAWN] & ~self.pipeline.firsts[DRAWN], "a row of several issues")

    def named(self, m: Module, value: Value, name: str, like: Value | None = None) -> Signal:
        """A value as a signal, so that what is made of it refers to it and does not repeat it."""
        signal = Signal(Value.cast(value if like is None else like).shape(), name=f"golden_{name}")
        m.d.comb += signal.eq(value)
        return signal
