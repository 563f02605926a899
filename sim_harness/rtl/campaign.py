"""Constrained-random cases for digital engines: structures, parameters, and inputs steered to the edges.

The golden step is run while the inputs are made, so that they can be aimed: the current that brings a potential exactly
to its threshold, or one bit beside it, is solved for. What was hit is counted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, get_args

import numpy as np

from golden.errors import SpecError
from golden.fixed import Format
from golden.integer import TickInputs
from golden.neurons.lif_fixed import (
    Comparison,
    FixedLIF,
    Leak,
    LIFFormat,
    Parameters,
    Reset,
    State,
    Synapse,
    leak,
    receive,
    step,
)
from golden.polymorphic import SHIFT_ROUNDINGS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from golden.fixed import IntArray

#: Every combination of these is a core of its own.
CROSSED = tuple(product(get_args(Leak), get_args(Reset), get_args(Comparison), get_args(Synapse)))
#: Widths of the potential that occur, however few cases there are.
WIDTHS = (8, 32, 16, 12, 24, 9, 18, 20)
#: Population sizes: powers of two, beside them, and (with few updates) the smallest ones.
SIZES = (256, 200, 129, 64)
SMALL_SIZES = (1, 2, 3)
#: Ticks of a case with a small population: each costs ten clocks.
SMALL_TICKS = 150


@dataclass(frozen=True, eq=False)
class Case:
    """Neurons, inputs, back-pressure; and how often the inputs reach each bin of ``BINS``."""

    number: int
    lif: FixedLIF
    inputs: TickInputs
    stall: int
    hits: Counter[str]

    @property
    def updates(self) -> int:
        """Neuron updates of a run."""
        return self.lif.size * self.inputs.ticks

    def __str__(self) -> str:
        fmt = self.lif.format
        kind = "shared" if self.lif.shared else "per neuron"
        return f"case {self.number}: {self.lif.size} neurons, {_crossed_bin(fmt)}, v {fmt.v}, parameters {kind}"


def _crossed_bin(fmt: LIFFormat) -> str:
    return f"spikes: {fmt.leak}, {fmt.reset}, {fmt.comparison}, {fmt.synapse}"


#: What the cases of a campaign must reach, each at least once.
BINS = (
    *(f"spikes: {', '.join(kinds)}" for kinds in CROSSED),
    *("v saturates high", "v saturates low", "i saturates high", "i saturates low"),
    *("v equals the threshold and fires (>=)", "v equals the threshold and is silent (>)"),
    *("v one below the threshold", "v one above the threshold"),
    *("spike with t_ref = 0", "spike with t_ref = 1", "spike with the longest t_ref"),
    *("crossing suppressed while refractory", "crossing suppressed in the last refractory tick"),
    "spike in the first free tick",
    *(f"rounding {rounding} decides" for rounding in SHIFT_ROUNDINGS),
    *("smallest decay on v", "largest decay on v", "several input spikes at once"),
    *("updates with shared parameters", "updates with parameters per neuron", "spikes under back-pressure"),
    *("updates of the narrowest v", "updates of the widest v", "updates of a single neuron"),
)


def cases(updates: int = 1_000_000, seed: int = 1, crossed: int | None = None) -> Iterator[Case]:
    """Cases with at least ``updates`` neuron updates together; the same for the same arguments.

    ``crossed`` limits the number of structures, for tests that cannot have all of them.
    """
    if updates < 1:
        raise SpecError.rule("Number of updates", "at least 1", updates)
    if seed < 0:
        raise SpecError.rule("Seed", "at least 0", seed)
    kinds = np.random.default_rng(seed).permutation(len(CROSSED))[:crossed]
    share = -(-updates // len(kinds))
    number = 0
    for k in kinds.tolist():
        # A generator of its own: the structures, and with them the builds, do not depend on the number of updates.
        rng = np.random.default_rng([seed, k])
        fmt = _structure(k, rng)
        size = SIZES[(k + k // 4) % 4]
        # Parameters per neuron are usual ones and edges at once; shared ones take two runs of one build.
        shares = (1.0, 0.3) if k % 2 == 0 else (0.55,)
        for usual in shares:
            ticks = -(-share // (size * len(shares)))
            yield _case(number, fmt, size, ticks, shared=len(shares) > 1, usual=usual, rng=rng)
            number += 1
    fmt = _structure(len(CROSSED) - 1, np.random.default_rng([seed, len(CROSSED)]))
    for size in SMALL_SIZES if crossed is None else SMALL_SIZES[:1]:
        rng = np.random.default_rng([seed, len(CROSSED), size])
        yield _case(number, fmt, size, SMALL_TICKS, shared=False, usual=0.55, rng=rng)
        number += 1


def _structure(k: int, rng: np.random.Generator) -> LIFFormat:
    """The k-th combination of ``CROSSED``, with widths and roundings that go round and others at random."""
    lk, reset, comparison, synapse = CROSSED[k]
    width = WIDTHS[k % len(WIDTHS)]
    return LIFFormat(
        v=Format(width, int(rng.integers(0, width))),
        input_width=int(np.clip(width + rng.integers(-3, 3), 4, 32)),
        leak=lk,
        decay_bits=int(rng.choice([4, 8, 12, 16, 24])),
        leak_rounding=SHIFT_ROUNDINGS[(k + k // 3) % 3],
        comparison=comparison,
        reset=reset,
        synapse=synapse,
        refractory_bits=int(rng.choice([0, 1, 3, 4, 8])) if k % 6 else 3,
    )


def _case(
    number: int, fmt: LIFFormat, size: int, ticks: int, *, shared: bool, usual: float, rng: np.random.Generator
) -> Case:
    lif = FixedLIF(fmt, size, _draw_parameters(fmt, () if shared else (size,), usual, rng))
    steering = _Steering(lif, rng)
    currents: list[IntArray] = []
    events: list[IntArray] = []
    for tick in range(ticks):
        for table, rows in zip((currents, events), steering.tick(), strict=True):
            table.append(np.column_stack((np.full(len(rows), tick), rows)))
    stall = int(rng.choice([0, 64, 160]))
    hits = steering.hits
    hits["spikes under back-pressure"] = steering.hits[_crossed_bin(fmt)] if stall else 0
    hits[f"updates with {'shared parameters' if shared else 'parameters per neuron'}"] = size * ticks
    hits["updates of the narrowest v"] = size * ticks * (fmt.v.width == min(WIDTHS))
    hits["updates of the widest v"] = size * ticks * (fmt.v.width == max(WIDTHS))
    hits["updates of a single neuron"] = ticks * (size == 1)
    inputs = TickInputs(ticks, size, np.concatenate(currents), np.concatenate(events))
    return Case(number, lif, inputs, stall, hits)


def _draw_parameters(
    fmt: LIFFormat, shape: tuple[int, ...], usual: float, rng: np.random.Generator
) -> dict[str, IntArray]:
    """Values as in real neurons with probability ``usual``, else at the edges of their formats."""

    def mixed(low: float, high: float, edges: list[int]) -> IntArray:
        everyday = rng.integers(int(low), max(int(low) + 1, int(high)), shape)
        return np.where(rng.random(shape) < usual, everyday, rng.choice(edges, shape)).astype(np.int64)

    full, top = 1 << fmt.decay_bits, fmt.v.max
    factor = (0.75 * full, full, [0, 1, full // 2, full - 1, full - 1])
    longest = (1 << fmt.refractory_bits) - 1
    draws = {
        "decay": (1, 5, [0, 1, fmt.v.width]) if fmt.leak == "shift" else factor,
        "syn_decay": factor,
        "v_th": (top // 8, top // 2, [0, 1, top - 1, top, top // 4]),
        "v_reset": (-top // 8, top // 8, [fmt.v.min, 0, 0, top // 4, top]),
        "t_ref": (1, 4, [0, 1, min(longest, 12), longest]),
    }
    limits = {name: fmt.parameter_format(name) for name in fmt.parameters}
    return {name: np.clip(mixed(*draws[name]), what.min, what.max) for name, what in limits.items()}


class _Steering:
    """A golden population that is watched, and the choice of what to do to it next."""

    def __init__(self, lif: FixedLIF, rng: np.random.Generator) -> None:
        n = lif.size
        self.hits: Counter[str] = Counter()
        self._lif, self._rng, self._fmt = lif, rng, lif.format
        self._parameters = Parameters(**{k: np.broadcast_to(v, n) for k, v in lif.values.items()})
        self._state = State(*(np.zeros(n, dtype=np.int64) for _ in range(3)))
        self._current = np.zeros(n, dtype=np.int64)
        #: How often a neuron's current changes: some are left alone for long.
        self._restless = np.where(rng.random(n) < 0.4, 0.03, 0.5)
        self._waited = np.zeros(n, dtype=bool)

    def tick(self) -> tuple[IntArray, IntArray]:
        """One tick: rows (neuron, current) and rows (neuron, weight); counts what they cause."""
        events = self._spike_in() if self._fmt.synapse != "none" else np.empty((0, 2), dtype=np.int64)
        leaked = leak(self._fmt, self._state.v, self._parameters.decay)
        currents = self._push(leaked)
        self._watch(leaked)
        return currents, events

    def _spike_in(self) -> IntArray:
        """Input spikes for some neurons: small ones, and ones that run into the rails."""
        rng, limits, n = self._rng, self._fmt.input, self._lif.size
        neurons = np.sort(rng.integers(0, n, rng.integers(0, max(2, n // 6))))
        neurons = np.concatenate([neurons, neurons[: len(neurons) // 3]])
        small = rng.integers(-limits.max // 8, limits.max // 6 + 1, len(neurons))
        weights = np.where(rng.random(len(neurons)) < 0.8, small, rng.choice([limits.min, limits.max], len(neurons)))
        i = self._state.i.copy()
        for neuron, weight in zip(neurons.tolist(), weights.tolist(), strict=True):
            wanted = int(i[neuron]) + weight
            i[neuron] = receive(self._fmt, int(i[neuron]), weight)
            self.hits["i saturates high"] += wanted > limits.max
            self.hits["i saturates low"] += wanted < limits.min
        self.hits["several input spikes at once"] += len(neurons) - len(np.unique(neurons))
        self._state = self._state._replace(i=i)
        return np.column_stack((neurons, weights))

    def _push(self, leaked: IntArray) -> IntArray:
        """New currents for some neurons: everyday ones, rails, and ones that lead to the threshold or beside it."""
        rng, limits, n, p = self._rng, self._fmt.input, self._lif.size, self._parameters
        needed = p.v_th - leaked - (0 if self._fmt.synapse == "none" else self._state.i)
        everyday = rng.integers(-1, 4, n) * np.maximum(1, np.abs(p.v_th) // 16)
        choices = np.stack(
            (
                *(everyday, everyday, np.zeros(n, dtype=np.int64)),
                *(needed, needed, needed - 1, needed + 1),
                *(np.full(n, limits.max), np.full(n, limits.min)),
            )
        )
        chosen = np.clip(choices[rng.integers(0, len(choices), n), np.arange(n)], limits.min, limits.max)
        # The last refractory tick and the first free one are where an input matters by one tick.
        urgent = (self._state.r == 1) | self._waited
        changed = rng.random(n) < np.where(urgent, 0.5, self._restless)
        chosen = np.where(urgent & (rng.random(n) < 0.5), limits.max, chosen)
        self._current = np.where(changed, chosen, self._current)
        neurons = np.flatnonzero(changed)
        return np.column_stack((neurons, self._current[neurons]))

    def _watch(self, leaked: IntArray) -> None:
        fmt, p, before = self._fmt, self._parameters, self._state
        total = leaked + self._current + (0 if fmt.synapse == "none" else before.i)
        x = np.clip(total, fmt.v.min, fmt.v.max)
        free = before.r == 0
        crossed = x >= p.v_th if fmt.comparison == ">=" else x > p.v_th
        roundings = [leak(replace(fmt, leak_rounding=r), before.v, p.decay) for r in SHIFT_ROUNDINGS]
        self._state, spike = step(fmt, p, before, self._current)

        equal = "fires (>=)" if fmt.comparison == ">=" else "is silent (>)"
        largest = fmt.parameter_format("decay").max if fmt.leak == "multiply" else fmt.v.width
        seen = {
            _crossed_bin(fmt): spike,
            "v saturates high": free & (total > fmt.v.max),
            "v saturates low": free & (total < fmt.v.min),
            f"v equals the threshold and {equal}": free & (x == p.v_th),
            "v one below the threshold": free & (x == p.v_th - 1),
            "v one above the threshold": free & (x == p.v_th + 1),
            f"rounding {fmt.leak_rounding} decides": free & (np.ptp(roundings, axis=0) > 0),
            "smallest decay on v": free & (p.decay == 0) & (before.v != 0),
            "largest decay on v": free & (p.decay == largest) & (before.v != 0),
        }
        if fmt.refractory_bits:
            longest = fmt.parameter_format("t_ref").max
            seen |= {
                "spike with t_ref = 0": spike & (p.t_ref == 0),
                "spike with t_ref = 1": spike & (p.t_ref == 1),
                "spike with the longest t_ref": spike & (p.t_ref == longest),
                "crossing suppressed while refractory": ~free & crossed,
                "crossing suppressed in the last refractory tick": (before.r == 1) & crossed,
                "spike in the first free tick": spike & self._waited,
            }
        self._waited = (before.r == 1) & ~spike
        for name, where in seen.items():
            self.hits[name] += int(np.count_nonzero(where))
