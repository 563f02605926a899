"""Golden steps as circuits: the same functions on Amaranth values compute the same numbers."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from amaranth.hdl import Module, Shape, Signal, Value
from amaranth.sim import Simulator

from digital import polymorphic  # noqa: F401  golden steps below run on Amaranth values
from golden import lfsr
from golden.neurons import loihi, spinnaker, truenorth

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from golden.parameters import Parameter

CASES = 600


def signal(name: str, low: int, high: int) -> Signal:
    """A signal that holds exactly the range."""
    width = max(high.bit_length(), (-low - 1).bit_length()) + (low < 0)
    return Signal(Shape(width, signed=low < 0), name=name)


def signals(parameters: Mapping[str, Parameter]) -> dict[str, Signal]:
    return {name: signal(name, p.low, p.high) for name, p in parameters.items() if p.count == 1}


def draw(rng: random.Random, low: int, high: int) -> int:
    """Extremes, small numbers, anything."""
    small = min(max(rng.randint(-9, 9), low), high)
    return rng.choice([low, high, small, rng.randint(low, high)])


def draw_all(rng: random.Random, parameters: Mapping[str, Parameter]) -> dict[str, int]:
    return {name: draw(rng, p.low, p.high) for name, p in parameters.items() if p.count == 1}


def check(inputs: Mapping[str, Signal], outputs: Mapping[str, Value], case: Callable[[], tuple[Any, Any]]) -> None:
    """Simulate the outputs; ``case`` makes values of the inputs and what the outputs must then be."""
    m = Module()
    seen = {name: Signal(Value.cast(value).shape(), name=f"out_{name}") for name, value in outputs.items()}
    m.d.comb += [seen[name].eq(value) for name, value in outputs.items()]

    async def bench(ctx: Any) -> None:
        for _ in range(CASES):
            values, expected = case()
            for name, value in values.items():
                ctx.set(inputs[name], value)
            await ctx.delay(1e-9)
            assert {name: ctx.get(value) for name, value in seen.items()} == expected, values

    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()


def test_truenorth() -> None:
    rng, ends = random.Random(4), truenorth.POTENTIAL
    fields = signals(truenorth.PARAMETERS)
    ranges = {
        "v": (ends.min, ends.max),
        "weight": (-255, 255),
        "stochastic": (0, 1),
        "rho": (0, 2**truenorth.RHO_BITS - 1),
        "eta": (0, 2**truenorth.ETA_BITS - 1),
        "state": (1, 2**lfsr.WIDTH - 1),
    }
    others = {name: signal(name, *limits) for name, limits in ranges.items()}

    def results(p: truenorth.Neuron, v: Any, weight: Any, stochastic: Any, rho: Any, eta: Any, state: Any) -> Any:
        after, spike = truenorth.fire(p, v, eta)
        received = truenorth.receive(v, weight, stochastic, rho)
        leaked = truenorth.leak(p, v, rho)
        return {"receive": received, "leak": leaked, "fire": after, "spike": spike, "step": lfsr.step(state)}

    def case() -> tuple[Any, Any]:
        values = draw_all(rng, truenorth.PARAMETERS)
        other = {name: draw(rng, *limits) for name, limits in ranges.items()}
        near = rng.choice([0, values["threshold"], -values["floor"]]) + rng.randint(-300, 300)
        other["v"] = rng.choice([other["v"], min(max(near, ends.min), ends.max)])
        return values | other, results(truenorth.Neuron((), (), **values), **other)

    check(fields | others, results(truenorth.Neuron((), (), **fields), **others), case)


@pytest.mark.parametrize("compat", ["loihi", "lava-0.10", "nengo-loihi-1.1"])
def test_loihi(compat: loihi.Compat) -> None:
    rng, ends = random.Random(compat), loihi.STATE
    fields = signals(loihi.PARAMETERS)
    ranges = {"u": (ends.min, ends.max), "v": (-ends.max, ends.max), "r": (0, 62), "a": (-(2**18), 2**18)}
    others = {name: signal(name, *limits) for name, limits in ranges.items()}

    def results(p: loihi.Compartment, u: Any, v: Any, r: Any, a: Any) -> Any:
        after, spike = loihi.step(p, loihi.State(u, v, r), a, compat)
        return after._asdict() | {"spike": spike}

    def case() -> tuple[Any, Any]:
        values = draw_all(rng, loihi.PARAMETERS)
        other = {name: draw(rng, *limits) for name, limits in ranges.items()}
        other["r"] *= rng.randint(0, 1)
        return values | other, results(loihi.Compartment(**values), **other)

    check(fields | others, results(loihi.Compartment(**fields), **others), case)


@pytest.mark.parametrize("mode", spinnaker.ARITHMETICS[:3])
def test_spinnaker(mode: spinnaker.Arithmetic) -> None:
    rng = random.Random(mode)
    fields = signals(spinnaker.PARAMETERS)
    word = (-(2**31), 2**31 - 1)
    ranges = {"V": word, "exc": word, "inh": word, "timer": (0, 2**31 - 1)}
    ranges |= {"weights": (0, 0xFFFF), "shift": (0, 16), "others": word}
    others = {name: signal(name, *limits) for name, limits in ranges.items()}
    drawn = {f"drawn_{name}": signal(name, 0, 2**bits - 1) for name, bits in spinnaker.DROPPED._asdict().items()}

    def results(
        p: spinnaker.Neuron, rounding: spinnaker.Rounding, weights: Any, shift: Any, others: Any, **state: Any
    ) -> Any:
        exc = spinnaker.to_input(weights, shift)
        after, spike = spinnaker.update(p, spinnaker.State(**state), exc, others, rounding)
        return after._asdict() | {"spike": spike, "input": exc}

    def rounding(numbers: Any) -> spinnaker.Rounding:
        fixed = {"s16.15": spinnaker.DOWN, "s16.15-nearest": spinnaker.NEAREST}
        return fixed.get(mode) or spinnaker.Rounding(*numbers)

    def case() -> tuple[Any, Any]:
        values = draw_all(rng, spinnaker.PARAMETERS)
        other = {name: draw(rng, *limits) for name, limits in ranges.items()}
        other["timer"] *= rng.randint(0, 1)
        numbers = [rng.getrandbits(bits) for bits in spinnaker.DROPPED]
        free = results(spinnaker.Neuron(**values | {"V_thresh": word[1]}), rounding(numbers), **other)["V"]
        values["V_thresh"] = rng.choice([values["V_thresh"], free, max(free - 1, word[0])])
        inputs = values | other | dict(zip(drawn, numbers, strict=True))
        return inputs, results(spinnaker.Neuron(**values), rounding(numbers), **other)

    outputs = results(spinnaker.Neuron(**fields), rounding(drawn.values()), **others)
    check(fields | others | drawn, outputs, case)
