"""The LIF core in Amaranth's simulator against the golden update: states, spikes, protocol."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest
from amaranth.sim import Simulator

from digital.lif_core import LIFCore, LIFCoreConfig
from golden.fixed import Format
from golden.neurons.lif_fixed import PARAMETERS, FixedLIF, LIFFormat, State, receive, step


def random_value(rng: random.Random, fmt: Format) -> int:
    """Anything the format holds; rails and zero are frequent."""
    return rng.choice([fmt.min, fmt.max, 0, 1, rng.randint(fmt.min, fmt.max), rng.randint(fmt.min, fmt.max)])


def random_lif(rng: random.Random, fmt: LIFFormat, size: int, *, shared: bool) -> FixedLIF:
    def values(name: str) -> np.ndarray:
        limits = fmt.parameter_format(name)
        if name == "t_ref":
            limits = Format(min(2, limits.width), 0, signed=False)
        return np.array([random_value(rng, limits) for _ in range(1 if shared else size)])

    return FixedLIF(fmt, size, {name: values(name)[0] if shared else values(name) for name in fmt.parameters})


@dataclass
class Stimulus:
    """One tick's host writes (field, neuron, data) and events (neuron, weight)."""

    writes: list[tuple[int, int, int]] = field(default_factory=list)
    events: list[tuple[int, int]] = field(default_factory=list)


class Golden:
    """A population stepped neuron by neuron with the golden functions on Python ints."""

    def __init__(self, lif: FixedLIF) -> None:
        self.format, self.size = lif.format, lif.size
        self.state = [State(0, 0, 0)] * lif.size
        self.current = [0] * lif.size
        self.parameters = [lif.parameters_of(n) for n in range(lif.size)]

    def tick(self, stimulus: Stimulus, *, per_neuron: bool) -> tuple[list[State], list[int]]:
        for number, neuron, value in stimulus.writes:
            if number == 0:
                self.current[neuron] = value
            else:
                for n in [neuron] if per_neuron else range(self.size):
                    self.parameters[n] = self.parameters[n]._replace(**{PARAMETERS[number - 1]: value})
        for neuron, weight in stimulus.events:
            i = receive(self.format, self.state[neuron].i, weight)
            self.state[neuron] = self.state[neuron]._replace(i=i)
        updates = [step(self.format, *of) for of in zip(self.parameters, self.state, self.current, strict=True)]
        self.state = [State(*map(int, update.state)) for update in updates]
        return self.state, [n for n, update in enumerate(updates) if update.spike]


@dataclass
class Observed:
    """What a core did in one tick."""

    spikes: list[int]
    records: list[dict[str, int]]
    busy_cycles: int


def simulate(config: LIFCoreConfig, stimuli: list[Stimulus], *, seed: int, ready: float) -> list[Observed]:
    """Drive a core tick by tick, with gaps in every stream; ``ready`` is the probability that a spike is taken."""
    core, rng, result = LIFCore(config), random.Random(seed), []
    record_ports = [name for name in config.ports if name.startswith("retire_")]

    async def send(ctx, prefix: str, payloads: list[dict[str, int]]) -> None:
        valid, is_ready = getattr(core, f"{prefix}_valid"), getattr(core, f"{prefix}_ready")
        for payload in payloads:
            while rng.random() < 0.3:
                await ctx.tick()
            for name, value in payload.items():
                ctx.set(getattr(core, f"{prefix}_{name}"), value)
            ctx.set(valid, 1)
            await ctx.tick().until(is_ready)
            ctx.set(valid, 0)

    async def bench(ctx) -> None:
        for stimulus in stimuli:
            masked = [
                {"field": f, "neuron": n, "data": value & ((1 << config.data_bits) - 1)}
                for f, n, value in stimulus.writes
            ]
            await send(ctx, "host", masked)
            if stimulus.events:
                await send(ctx, "event", [{"neuron": n, "weight": w} for n, w in stimulus.events])
            ctx.set(core.tick, 1)
            await ctx.tick().until(~core.busy)
            ctx.set(core.tick, 0)
            seen = Observed([], [], 0)
            while True:
                ctx.set(core.spike_ready, rng.random() < ready)
                _, _, busy, spike, neuron, commit, *record = await ctx.tick().sample(
                    core.busy, core.spike_valid & core.spike_ready, core.spike_neuron, core.retire_valid,
                    *(getattr(core, name) for name in record_ports),
                )  # fmt: skip
                if not busy:
                    break
                seen.busy_cycles += 1
                if spike:
                    seen.spikes.append(neuron)
                if commit:
                    seen.records.append(dict(zip(record_ports, record, strict=True)))
            result.append(seen)

    simulator = Simulator(core)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return result


def random_stimuli(rng: random.Random, lif: FixedLIF, ticks: int) -> Iterator[Stimulus]:
    fmt = lif.format
    for _ in range(ticks):
        stimulus = Stimulus()
        for _ in range(rng.randint(0, lif.size)):
            stimulus.writes.append((0, rng.randrange(lif.size), random_value(rng, fmt.input)))
        if rng.random() < 0.3:
            name = rng.choice(fmt.parameters)
            value = random_value(rng, fmt.parameter_format(name)) % 4 if name == "t_ref" else None
            if value is None:
                value = random_value(rng, fmt.parameter_format(name))
            stimulus.writes.append((1 + PARAMETERS.index(name), rng.randrange(lif.size), value))
        if fmt.synapse != "none":
            busiest = rng.randrange(lif.size)
            for _ in range(rng.randint(0, 12)):
                neuron = busiest if rng.random() < 0.5 else rng.randrange(lif.size)
                stimulus.events.append((neuron, random_value(rng, fmt.input)))
        yield stimulus


FORMATS = {
    "default": LIFFormat(synapse="exponential"),
    "shift": LIFFormat(v=Format(12, 4), leak="shift", reset="subtract", comparison=">", synapse="delta"),
    "plain": LIFFormat(v=Format(8, 4), input_width=12, decay_bits=8, refractory_bits=0),
    "wide": LIFFormat(
        v=Format(24, 12), input_width=16, decay_bits=12, leak_rounding="toward_zero", synapse="exponential"
    ),
    "nearest": LIFFormat(
        v=Format(10, 0), leak_rounding="nearest", decay_bits=6, synapse="exponential", refractory_bits=1
    ),
    "shift-nearest": LIFFormat(v=Format(9, 0), leak="shift", leak_rounding="nearest", reset="subtract"),
    "shift-toward-zero": LIFFormat(v=Format(32, 16), leak="shift", leak_rounding="toward_zero", refractory_bits=16),
}


@pytest.mark.parametrize("ready", [1.0, 0.1])
@pytest.mark.parametrize(("size", "per_neuron"), [(1, False), (3, True), (21, False), (40, True)])
@pytest.mark.parametrize("name", FORMATS)
def test_core_equals_the_golden_step(name: str, size: int, per_neuron: bool, ready: float) -> None:
    rng = random.Random(f"{name}{size}{ready}")
    lif = random_lif(rng, FORMATS[name], size, shared=not per_neuron)
    stimuli = list(random_stimuli(rng, lif, 12))
    golden = Golden(lif)
    seen = simulate(LIFCoreConfig(lif, per_neuron, retire=True), stimuli, seed=size, ready=ready)
    for stimulus, tick in zip(stimuli, seen, strict=True):
        states, spikes = golden.tick(stimulus, per_neuron=per_neuron)
        assert [record["retire_neuron"] for record in tick.records] == list(range(size))
        for record, state in zip(tick.records, states, strict=True):
            expected = {f"retire_{k}": value for k, value in state._asdict().items() if f"retire_{k}" in record}
            assert {key: record[key] for key in expected} == expected
        assert [r["retire_neuron"] for r in tick.records if r["retire_spike"]] == tick.spikes == spikes


def test_every_port_of_a_memory_has_a_name_in_the_verilog() -> None:
    """A name that Amaranth does not find differs from one Python to the next, and so would the committed files."""
    text = LIFCoreConfig(random_lif(random.Random(1), FORMATS["default"], 21, shared=True)).verilog()
    assert "signature__" not in text
