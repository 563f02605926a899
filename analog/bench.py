"""The test bench: a neuron's circuit under a constant or piecewise-linear input, and what is measured on it.

A `SpikingCircuit` is a neuron without its input.  `transient` makes the deck, `job` asks for spikes and energy, which
are measured in the ngspice workers, so that only numbers come back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

from analog.blocks.current_input import CurrentInput
from analog.netlist import Block, Netlist
from analog.results import key
from analog.technology import Process, with_models
from analog.worker import Answer, Job
from golden.errors import SimulationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from analog.ngspice import Pool
    from analog.results import Results
    from analog.settings import SolverOptions
    from golden.neurons.lif import FloatArray

T = TypeVar("T")


class SpikingCircuit(Protocol):
    """A neuron's circuit without its input: node "mem" takes the input current, node "vdd" is the supply.

    process   what it is made of
    title     one line
    spike     the node that rises through half the supply at a spike
    initial   potentials [V] at time 0
    solver    ngspice's options that its periods have been tried with
    """

    @property
    def process(self) -> Process: ...
    @property
    def title(self) -> str: ...
    @property
    def spike(self) -> str: ...
    @property
    def initial(self) -> tuple[tuple[str, float], ...]: ...
    @property
    def solver(self) -> SolverOptions: ...
    def blocks(self) -> tuple[Block, ...]:
        """Supply (a `Bias` "vdd"), biases and devices."""
        ...


def transient(
    circuit: SpikingCircuit,
    inputs: Sequence[Block],
    duration: float,
    *,
    max_step: float | None = None,
    saved: Sequence[str] = (),
) -> Netlist:
    """``circuit`` with ``inputs`` for ``duration`` [s]; keeps nodes mem and spike, i(vvdd), and ``saved``."""
    return Netlist(
        title=circuit.title,
        comments=(f"{circuit.process.made.title}, corner {circuit.process.corner}, {circuit.process.celsius:g} C",),
        blocks=with_models(circuit.process, (*circuit.blocks(), *inputs)),
        options=circuit.solver.card(),
        duration=duration,
        max_step=max_step,
        saved=("mem", circuit.spike, "i(vvdd)", *saved),
        initial=circuit.initial,
        uic=False,
    )


def constant(current: float) -> CurrentInput:
    """A constant current [A] into the membrane."""
    return CurrentInput(np.zeros(1), np.array([current]))


@dataclass(frozen=True, eq=False)
class Observed:
    """What one run showed, in hardware units.

    spikes      (S,) rises of the spike node through half the supply [s]
    ends        falls of the spike node [s]
    energy      (S,) energy [J] drawn from the supply up to each spike
    total       energy [J] of the whole run; ``duration`` [s] of it
    mem         (2,) lowest and highest membrane potential [V]
    """

    spikes: FloatArray
    ends: FloatArray
    energy: FloatArray
    total: float
    duration: float
    mem: FloatArray

    @property
    def period(self) -> float:
        """Mean interval [s] of the run's second half of spikes, past the first transient; inf below three spikes."""
        if self.spikes.size < 3:
            return float("inf")
        first = max(1, self.spikes.size // 2 - 1)
        return float((self.spikes[-1] - self.spikes[first]) / (self.spikes.size - 1 - first))

    @property
    def energy_per_spike(self) -> float:
        """Supply energy [J] of one interval, static part included; nan below three spikes."""
        if self.spikes.size < 3:
            return float("nan")
        return float((self.energy[-1] - self.energy[1]) / (self.spikes.size - 2))

    @property
    def power(self) -> float:
        """Mean supply power [W] of the run."""
        return self.total / self.duration


@dataclass(frozen=True)
class Observe:
    """A measure for `analog.worker.Job`: spikes of node ``spike``, energy from the supply of ``supply`` volts."""

    spike: str
    supply: float

    def __call__(self, waves: Mapping[str, FloatArray]) -> Observed:
        """Read the waveforms of one run."""
        time, level = waves["time"], waves[self.spike] - self.supply / 2
        spikes, ends = _crossings(time, level), _crossings(time, -level)
        power = -self.supply * waves["i(vvdd)"]
        steps = (power[1:] + power[:-1]) / 2 * np.diff(time)
        energy = np.concatenate(([0.0], np.cumsum(steps)))
        mem = waves["mem"]
        return Observed(
            spikes=spikes,
            ends=ends,
            energy=np.interp(spikes, time, energy),
            total=float(energy[-1]),
            duration=float(time[-1] - time[0]),
            mem=np.array([mem.min(), mem.max()]),
        )


def job(circuit: SpikingCircuit, netlist: Netlist) -> Job:
    """The netlist of a circuit as work for ngspice, answered by an `Observed`."""
    return Job(netlist.text(), netlist.saved, Observe(circuit.spike, circuit.process.vdd))


def gather(
    pool: Pool,
    jobs: Sequence[Job],
    progress: Callable[[float], None] | None = None,
    *,
    store: Results | None = None,
) -> list[Any]:
    """Every job's value, in the order of the jobs; SimulationError of the first that failed, after all have run.

    With a ``store``, values that it holds are read, and the others go there as they arrive: whatever ends this call,
    the next one runs only what is missing.  Then also SpecError, for values or measures that cannot be kept.
    """
    values: dict[int, Any] = {}
    failures: dict[int, str] = {}
    keys: list[str] = []
    if store is not None and jobs:
        version = pool.start()
        keys = [key(job, version) for job in jobs]
        values = store.read(keys)
    known, missing = len(values), [index for index in range(len(jobs)) if index not in values]

    def consume(place: int, answer: Answer) -> None:
        index = missing[place]
        if answer.error:
            failures[index] = answer.error
        elif store is not None:
            store[keys[index]] = answer.value
        values[index] = answer.value

    def report(part: float) -> None:
        if progress is not None:
            progress((known + part * len(missing)) / len(jobs))

    if known:
        report(0.0)
    pool.run([jobs[index] for index in missing], consume, report)
    if failures:
        raise SimulationError(f"Circuit {min(failures)}: {failures[min(failures)]}")
    return [values[index] for index in range(len(jobs))]


def f_i_curve(
    pool: Pool,
    circuit: SpikingCircuit,
    currents: Sequence[float],
    durations: Sequence[float],
    progress: Callable[[float], None] | None = None,
) -> list[Observed]:
    """One run for each constant current [A], ``durations`` [s] long."""
    decks = [transient(circuit, (constant(i),), t) for i, t in zip(currents, durations, strict=True)]
    return gather(pool, [job(circuit, deck) for deck in decks], progress)


def _crossings(time: FloatArray, level: FloatArray) -> FloatArray:
    before = np.flatnonzero((level[:-1] < 0) & (level[1:] >= 0))
    part = level[before] / (level[before] - level[before + 1])
    found: FloatArray = time[before] + part * (time[before + 1] - time[before])
    return found
