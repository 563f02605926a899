"""The neurons of a TrueNorth core: from the events of a row to its new potential, a stage a clock.

What the stages do is ``golden.neurons.truenorth``: ``receive`` for each event, then ``leak``, then ``fire``. The random
numbers are drawn in the order of the contract: one LFSR, stepped in one clock for the events of every lane and, with
the last events of a row, for its leak and its threshold.

    1 events    2 kinds     3 weights   4 random numbers   5 steps   (+1, +2: the steps of several lanes as one)
    A operands  B sum       C leak      D moved            E stopped at the rails   F both thresholds   G new potential

Several saturating additions are one: a step s moves V to min(max(V + s, low), high), and so does a step after it, with
other limits. ``compose`` makes these limits, which differ from the rails by less than the steps themselves; the sum is
saturated once, and exactly as one event after another would.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from digital import polymorphic  # noqa: F401  the golden step of the LFSR runs on Amaranth values
from digital.arithmetic import clip
from digital.truenorth.bank import Bank
from digital.truenorth.config import HOST_BITS, CoreConfig
from golden import lfsr
from golden.neurons.truenorth import AXON_TYPES

if TYPE_CHECKING:
    from golden.fixed import Format


class Step:
    """A saturating addition: V moves by ``sum``; the upper rail is lowered by -``high``, the lower raised by ``low``.

    high <= 0 <= low; both are None for a single event, whose rails are those of V.
    """

    def __init__(self, total: Value, low: Value | None = None, high: Value | None = None) -> None:
        self.sum, self.low, self.high = total, low, high

    def then(self, after: Step) -> Step:
        """This step and the one after it as one."""
        low = after.sum if self.low is None else self.low + after.sum
        high = after.sum if self.high is None else self.high + after.sum
        least = Const(0) if after.low is None else after.low
        most = Const(0) if after.high is None else after.high
        return Step(self.sum + after.sum, Mux(low > least, low, least), Mux(high < most, high, most))

    def prepare(self, potential: Format) -> dict[str, Value]:
        """What ``move`` needs of the step, by name: everything that does not depend on V."""
        if self.low is None or self.high is None:
            return {"by": self.sum}
        return {
            "by": self.sum,
            # Beyond the limit: beyond the rail, counted from the limit.
            "from_high": self.sum - self.high,
            "from_low": self.sum - self.low,
            "high": self.high + potential.max,
            "low": self.low + potential.min,
        }


def move(v: Value, prepared: Mapping[str, Value], potential: Format) -> tuple[Value, Value]:
    """V after a prepared step, and whether a rail has stopped it on the way."""
    total = v + prepared["by"]
    if "high" not in prepared:
        return clip(total, potential.width), total[-1] ^ total[-2]
    over = v + prepared["from_high"] > potential.max
    under = v + prepared["from_low"] < potential.min
    return Mux(over, prepared["high"], Mux(under, prepared["low"], total)), over | under


class NeuronPipeline(wiring.Component):
    """Parameters, potentials and LFSR of a core, and the stages between an issue of the scanner and a commit.

    issue, row, first, last   an issue in this clock; lane_k, low, high: its events a clock later
    commit, commit_row, commit_v, commit_spike, commit_clipped   a row's update, ``config.latency`` clocks after its
                              last issue: new potential, whether it fired, whether a rail stopped it on the way
    clear, clear_row          write 0 to a potential
    host, host_row, host_data, host_<memory>   the host reads all memories, and writes the one whose bit is set
    <memory>_data             what the host read, a clock later
    set_random                the host's data become the state of the LFSR
    """

    def __init__(self, config: CoreConfig) -> None:
        self.config = config
        self.layouts = dict(config.parameters)
        v = signed(config.potential_bits)
        names = [*self.layouts, "potential"]
        super().__init__(
            {
                "issue": In(1),
                "row": In(config.row_bits),
                "first": In(1),
                "last": In(1),
                **{f"lane_{k}": In(config.word) for k in range(config.lanes)},
                "low": In(config.word),
                "high": In(config.word),
                "commit": Out(1),
                "commit_row": Out(config.row_bits),
                "commit_v": Out(v),
                "commit_spike": Out(1),
                "commit_clipped": Out(1),
                "clear": In(1),
                "clear_row": In(config.row_bits),
                "host": In(1),
                "host_row": In(config.row_bits),
                "host_data": In(HOST_BITS),
                **{f"host_{name}": In(1) for name in names},
                **{f"{name}_data": Out(config.regions[name].width) for name in names},
                "set_random": In(1),
                "random": Out(lfsr.WIDTH, init=1),
            }
        )
        self.banks = {name: Bank(layout, config.neurons) for name, layout in self.layouts.items()}
        self.banks["potential"] = Bank(v, config.neurons)
        A = self.A = 6 + config.compose_stages
        #: Memory -> stage in which its word is used, and the register that holds it then.
        stages = {"synapses": 2, "draws": 2, "potential": A, "membrane": A + 1, "floor": A + 1, "reset": A + 5}
        self.words = {
            name: (stage, Signal(self.banks[name].shape.width, name=f"{name}_word", reset_less=True))
            for name, stage in stages.items()
        }
        #: The potential after the events so far, as stage B sees it; after the leak, in stage E.
        self.sum = Signal(v, reset_less=True)
        self.leaked = Signal(v, reset_less=True)
        #: A rail has stopped one of those events.
        self.clipped = Signal(reset_less=True)
        #: Element k travels in stage k: an issue, its row, the first and the last one of a row.
        self.valids = [Signal(name=f"valid_{k}") for k in range(config.latency + 1)]
        self.rows = [Signal(config.row_bits, name=f"row_{k}", reset_less=True) for k in range(config.latency + 1)]
        self.firsts = [Signal(name=f"first_{k}", reset_less=True) for k in range(config.latency + 1)]
        self.lasts = [Signal(name=f"last_{k}", reset_less=True) for k in range(config.latency + 1)]

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, A = self.config, self.A

        def register(value: Value, name: str, shape: Shape | None = None) -> Signal:
            """One stage of data, which needs no reset."""
            signal = Signal(Value.cast(value).shape() if shape is None else shape, name=name, reset_less=True)
            m.d.sync += signal.eq(value)
            return signal

        def wait(value: Value, name: str, stages: int) -> Value:
            """The value some stages later."""
            for k in range(stages):
                value = register(value, f"{name}_{k + 1}")
            return value

        m.d.comb += [self.valids[0].eq(self.issue), self.rows[0].eq(self.row)]
        m.d.comb += [self.firsts[0].eq(self.first), self.lasts[0].eq(self.last)]
        for line in (self.valids, self.rows, self.firsts, self.lasts):
            m.d.sync += [line[k + 1].eq(line[k]) for k in range(len(line) - 1)]

        def fetch(name: str) -> Value:
            """The row's word of a memory as a register of its stage: read two stages before."""
            bank, (stage, _) = self.banks[name], self.words[name]
            m.submodules[name] = bank
            m.d.comb += [
                bank.address.eq(self.rows[stage - 2]),
                bank.host.eq(self.host),
                bank.host_address.eq(self.host_row),
                bank.host_write.eq(getattr(self, f"host_{name}")),
                bank.host_data.eq(self.host_data),
                getattr(self, f"{name}_data").eq(bank.data),
            ]
            word = self.words[name][1]
            m.d.sync += word.eq(bank.data)
            return self.layouts[name](word) if name in self.layouts else word.as_signed()

        # ---- 1 events; 2 kinds: what type of axon each lane has, if any ----------------------------------------------
        lanes = [getattr(self, f"lane_{k}") for k in range(config.lanes)]
        kinds = [
            register(Cat((lane & self.low).any(), (lane & self.high).any()), f"kind_{k}")
            for k, lane in enumerate(lanes)
        ]
        hits = [register(lane.any() & self.valids[1], f"hit_{k}") for k, lane in enumerate(lanes)]
        synapses, draws = fetch("synapses"), fetch("draws")

        # ---- 3 weights -----------------------------------------------------------------------------------------------
        weights_of_row = [*(synapses[f"weight_{g}"] for g in range(AXON_TYPES - 1)), draws.weight_3]
        stochastic_of_row = [synapses[f"stochastic_{g}"] for g in range(AXON_TYPES)]
        weights, stochastic = [], []
        for k, (kind, hit) in enumerate(zip(kinds, hits, strict=True)):
            chosen = [hit & (kind == g) for g in range(AXON_TYPES)]
            weight = reduce(
                or_, [w.as_unsigned() & c.replicate(len(w)) for w, c in zip(weights_of_row, chosen, strict=True)]
            )
            drawn = reduce(or_, [b & c for b, c in zip(stochastic_of_row, chosen, strict=True)])
            weights.append(register(weight.as_signed(), f"weight_{k}"))
            stochastic.append(register(drawn, f"stochastic_{k}"))
        last = self.valids[2] & self.lasts[2]
        leak_draws = register(last & draws.stochastic_leak, "leak_draws")
        eta_draws = register(last & (draws.random_bits != 0), "eta_draws")
        mask = Cat(draws.random_bits > k for k in range(config.eta_bits))
        eta_mask = register(mask, "eta_mask")

        # ---- 4 random numbers: at most lanes + 2 steps of the LFSR in this clock -------------------------------------
        numbers = [self.random]
        for k, drawn in enumerate((*stochastic, leak_draws, eta_draws)):
            number = Signal(lfsr.WIDTH, name=f"number_{k}")
            m.d.comb += number.eq(Mux(drawn, lfsr.step(numbers[-1]), numbers[-1]))
            numbers.append(number)
        m.d.sync += self.random.eq(numbers[-1])
        with m.If(self.set_random & self.host_data.any()):
            m.d.sync += self.random.eq(self.host_data)
        _, *numbers, leak_number, eta_number = numbers
        rhos = [register(x[: config.rho_bits], f"rho_{k}") for k, x in enumerate(numbers)]
        leak_rho = register(leak_number[: config.rho_bits], "leak_rho")
        eta = register(eta_number[: config.eta_bits] & eta_mask, "eta")
        leak_drawn = register(leak_draws, "leak_drawn")
        weights = [register(x, f"weight_{k}_4") for k, x in enumerate(weights)]
        stochastic = [register(x, f"stochastic_{k}_4") for k, x in enumerate(stochastic)]

        # ---- 5 steps; then those of several lanes as one -------------------------------------------------------------
        steps = [
            Step(register(Mux(b, chance(weight, rho), weight), f"step_{k}"))
            for k, (weight, b, rho) in enumerate(zip(weights, stochastic, rhos, strict=True))
        ]
        for level in range(config.compose_stages):
            pairs = [steps[k].then(steps[k + 1]) for k in range(0, len(steps), 2)]
            steps = [
                Step(
                    register(pair.sum, f"sum_{level}_{k}"),
                    register(pair.low, f"low_{level}_{k}"),
                    register(pair.high, f"high_{level}_{k}"),
                )
                for k, pair in enumerate(pairs)
            ]
        (step,) = steps

        # ---- A operands; B the sum of the events ---------------------------------------------------------------------
        prepared = {name: register(value, f"step_{name}") for name, value in step.prepare(config.potential).items()}
        v = fetch("potential")
        sum_ = self.sum
        start = Mux(self.firsts[A], v, sum_)
        stopped, off = move(start, prepared, config.potential)
        clipped = self.clipped
        with m.If(self.valids[A]):
            m.d.sync += [
                sum_.eq(stopped),
                clipped.eq((clipped & ~self.firsts[A]) | off),
            ]

        # ---- C leak --------------------------------------------------------------------------------------------------
        B = A + 1
        p, floor = fetch("membrane"), fetch("floor").floor
        rho, eta = wait(leak_rho, "leak_rho", B - 4), wait(eta, "eta", B - 4)
        drawn = wait(leak_drawn, "leak_drawn", B - 4)
        leak = register(Mux(drawn, chance(p.leak, rho), p.leak), "leak")
        # The sum is that of the row as long as its last issue is in this stage, which is one clock.
        v = register(sum_, "v_C")
        clipped = register(clipped, "clipped_C")
        high = register(p.threshold + eta, "high_C")
        low = register(floor + Mux(p.saturating, 0, eta), "low_C")
        reversal = register(p.leak_reversal, "reversal_C")
        modes = register(Cat(p.reset_mode, p.saturating), "modes_C")

        # ---- D moved: the leak may point away from 0 or toward it ----------------------------------------------------
        negative = v[-1]
        toward = reversal & negative
        away = Mux(reversal & (v == 0), 0, Mux(toward, ~leak, leak))
        moved = register(v + away + toward, "moved")
        crosses = register(reversal, "reversal_D"), register(negative, "negative_D")
        clipped = register(clipped, "clipped_D")

        # ---- E stopped at the rails, and at 0 where a reversed leak would cross it -----------------------------------
        crossed = crosses[0] & (moved[-1] ^ crosses[1])
        inside = clip(moved, config.potential_bits)
        m.d.sync += self.leaked.eq(Mux(crossed, 0, inside))
        v = self.leaked
        clipped = register(clipped | (moved != inside), "clipped_E")
        high, low = wait(high, "high", 2), wait(low, "low", 2)
        modes = wait(modes, "modes", 2)

        # ---- F both thresholds ---------------------------------------------------------------------------------------
        above, below = register(v - high, "above"), register(v + low, "below")
        v, clipped, modes = register(v, "v_F"), register(clipped, "clipped_F"), register(modes, "modes_F")
        low = register(low, "low_F")
        reset = fetch("reset").reset

        # ---- G new potential -----------------------------------------------------------------------------------------
        spike, fell = ~above[-1], below[-1]
        linear, kept, saturating = modes[:2] == 1, modes[:2] == 2, modes[2]
        after_spike = Mux(linear, above, Mux(kept, v, reset))
        after_floor = Mux(saturating, -low, Mux(linear, below, Mux(kept, v, -reset)))
        new = register(Mux(spike, after_spike, Mux(fell, after_floor, v))[: config.potential_bits].as_signed(), "v_G")
        spiked, clipped = register(spike, "spike_G"), register(clipped, "clipped_G")

        # ---- commit --------------------------------------------------------------------------------------------------
        m.d.comb += [
            self.commit.eq(self.valids[-1] & self.lasts[-1]),
            self.commit_row.eq(self.rows[-1]),
            self.commit_v.eq(new),
            self.commit_spike.eq(spiked),
            self.commit_clipped.eq(clipped),
        ]
        bank = self.banks["potential"]
        m.d.comb += [
            bank.write.eq(self.commit | self.clear),
            bank.write_address.eq(Mux(self.clear, self.clear_row, self.commit_row)),
            bank.write_data.eq(Mux(self.clear, 0, new)),
        ]
        return m


def chance(x: Value, rho: Value) -> Value:
    """The sign of x where |x| >= rho, else 0; 0 for 0."""
    magnitude = Mux(x[-1], -x, x)[: len(x)]
    taken = (magnitude >= rho) & x.any()
    return Cat(taken, (taken & x[-1]).replicate(len(x) - 1)).as_signed()
