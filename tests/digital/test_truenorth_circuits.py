"""The TrueNorth update and the LFSR as circuits: the same functions on Amaranth values compute the same numbers."""

from __future__ import annotations

import random
from typing import Any

from amaranth.hdl import Module, Shape, Signal, Value
from amaranth.sim import Simulator

from digital import polymorphic  # noqa: F401  golden steps below run on Amaranth values
from golden import lfsr
from golden.neurons.truenorth import ETA_BITS, PARAMETERS, POTENTIAL, RHO_BITS, Neuron, fire, leak, receive


def shape(low: int, high: int) -> Shape:
    return Shape(max(high.bit_length(), (-low - 1).bit_length()) + (low < 0), signed=low < 0)


def test_circuits_equal_ints() -> None:
    fields = {name: Signal(shape(p.low, p.high), name=name) for name, p in PARAMETERS.items() if "weights" not in name}
    circuit = Neuron(**fields)
    v, weight = Signal(shape(POTENTIAL.min, POTENTIAL.max)), Signal(shape(-255, 255))
    stochastic, rho, eta, state = Signal(), Signal(RHO_BITS), Signal(ETA_BITS), Signal(lfsr.WIDTH)
    fired = fire(circuit, v, eta)
    outputs = {
        "receive": receive(v, weight, stochastic, rho),
        "leak": leak(circuit, v, rho),
        "fire": fired[0],
        "spike": fired[1],
        "step": lfsr.step(state),
    }
    m = Module()
    seen = {name: Signal(Value.cast(value).shape(), name=name) for name, value in outputs.items()}
    m.d.comb += [seen[name].eq(value) for name, value in outputs.items()]

    rng = random.Random(4)

    def draw(low: int, high: int) -> int:
        return rng.choice([low, high, rng.randint(max(low, -9), min(high, 9)), rng.randint(low, high)])

    async def bench(ctx: Any) -> None:
        for _ in range(1500):
            values = {name: draw(PARAMETERS[name].low, PARAMETERS[name].high) for name in fields}
            p = Neuron(**values)
            near = rng.choice([0, p.threshold, -p.floor, POTENTIAL.max, POTENTIAL.min]) + rng.randint(-300, 300)
            x = min(max(near, POTENTIAL.min), POTENTIAL.max)
            w, s, r, e = (rng.randint(*ends) for ends in ((-255, 255), (0, 1), (0, 255), (0, 2**17 - 1)))
            seed = rng.randrange(1, 2**32)
            for name, value in values.items():
                ctx.set(fields[name], value)
            for signal, value in ((v, x), (weight, w), (stochastic, s), (rho, r), (eta, e), (state, seed)):
                ctx.set(signal, value)
            await ctx.delay(1e-9)
            after, spike = fire(p, x, e)
            expected = {"receive": receive(x, w, s, r), "leak": leak(p, x, r), "fire": after, "spike": spike}
            expected["step"] = lfsr.step(seed)
            assert {name: ctx.get(signal) for name, signal in seen.items()} == expected, (p, x)

    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()
