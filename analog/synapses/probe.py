"""A synapse alone, into a membrane held at a potential: its output current, and its own twin.

`currents` runs trains of pulses; `fitted` finds the twin of a circuit, mismatch, corner and all, on a few of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from analog.bench import gather
from analog.blocks.bias import Bias
from analog.blocks.pulse_input import PulseInput
from analog.netlist import Netlist
from analog.settings import TRANSISTOR_SOLVER
from analog.technology import with_models
from analog.worker import Job
from golden.twins.samples import Fit, fit_samples

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analog.netlist import Block
    from analog.ngspice import Pool
    from analog.settings import SolverOptions
    from analog.synapses import Synapse
    from golden.neurons.lif import FloatArray

#: [s] of a pulse and of its edges, and [s] after it in which the edges couple into the output.
WIDTH, EDGE, QUIET = 8e-9, 1e-9, 12e-9

#: Relative uncertainty of a current, of solver and model together.
UNCERTAINTY = 1e-3

#: Lowest share of a run's largest current that its errors count against.
FLOOR = 0.3


@dataclass(frozen=True, eq=False)
class Train:
    """Pulses of one run: at ``times`` [s], ascending, ``width`` [s] long, with V(mem) held at ``V`` [V].

    ``weight``  None: the synapse's own;  ``pulse``  input node
    """

    times: FloatArray
    V: float
    width: float = WIDTH
    weight: int | None = None
    pulse: str = "pulse"

    def source(self, supply: float) -> PulseInput:
        """The pulses as a voltage source."""
        return PulseInput(self.pulse, self.times, self.width, supply, EDGE)


@dataclass(frozen=True, eq=False)
class Currents:
    """A measure: the current [A] into the held membrane at ``times`` [s], linear between time steps."""

    times: FloatArray

    def __call__(self, waves: Mapping[str, FloatArray]) -> FloatArray:
        """Read the waveforms of one run."""
        return np.interp(self.times, waves["time"], waves["i(vmem)"])


def held(
    synapse: Synapse,
    pulses: Sequence[Block],
    V: float,
    duration: float,
    *,
    solver: SolverOptions = TRANSISTOR_SOLVER,
    max_step: float | None = None,
    saved: Sequence[str] = (),
) -> Netlist:
    """``synapse`` with the inputs ``pulses``, V(mem) held at ``V`` [V]; keeps mem, i(vmem), i(vvdd), ``saved``."""
    process = synapse.process
    blocks = (*synapse.blocks(), Bias("vdd", process.vdd), Bias(synapse.mem, V), *pulses)
    return Netlist(
        title="synapse alone",
        comments=(f"{process.made.title}, corner {process.corner}, {process.celsius:g} C",),
        blocks=with_models(process, blocks),
        options=solver.card(),
        duration=duration,
        max_step=max_step,
        saved=(synapse.mem, f"i(v{synapse.mem})", "i(vvdd)", *saved),
        uic=False,
    )


def clear_of(pulses: PulseInput, times: FloatArray) -> FloatArray:
    """Those of ``times`` [s] at which no edge of ``pulses`` couples into the output."""
    starts, ends = pulses.intervals()
    away = (times[:, None] < starts - EDGE) | (times[:, None] > ends + QUIET)
    return times[away.all(axis=1)]


def currents(
    pool: Pool, synapse: Any, trains: Sequence[Train], times: Sequence[FloatArray], duration: Sequence[float]
) -> list[FloatArray]:
    """Output current [A] of a synapse with a weight, one run for each train, at that train's ``times`` [s]."""
    jobs = []
    for train, at, seconds in zip(trains, times, duration, strict=True):
        circuit = synapse if train.weight is None else replace(synapse, weight=train.weight)
        deck = held(circuit, [train.source(synapse.process.vdd)], train.V, seconds)
        jobs.append(Job(deck.text(), deck.saved, Currents(at)))
    return gather(pool, jobs)


def predicted(twin: Any, train: Train, weight: int, times: FloatArray) -> FloatArray:
    """What ``twin`` says of one train."""
    starts, ends = train.source(1.0).intervals()
    return np.asarray(twin.currents(starts, ends, np.full(starts.size, weight), times, train.V))


def fitted(pool: Pool, synapse: Any, free: Mapping[str, float] | None = None) -> Fit[Any]:
    """The twin of this very circuit: five or six runs, and a fit of the parameters ``free`` (None: the twin's own).

    Runs: the full weight alone, an eighth of it, a burst of four, pulses of twice the width, and half of the full
    weight at each further of the synapse's ``probes``.  Errors count against the current there, or a third of its run's
    largest.
    """
    nominal = synapse.twin()
    tau, start = nominal.tau, 0.1 * nominal.tau
    one, burst = np.array([start]), start + tau * np.array([0.0, 0.4, 0.8, 1.4])
    V, *others = synapse.probes
    trains = [
        Train(one, V, weight=63),
        Train(one, V, weight=8),
        Train(burst, V, weight=48),
        Train(one, V, width=2 * WIDTH, weight=63),
        *(Train(one, other, weight=32) for other in others),
    ]
    duration = [float(train.times[-1]) + 5 * tau for train in trains]
    times = [
        clear_of(train.source(1.0), np.append(0.5 * start, np.linspace(start, end, 120)))
        for train, end in zip(trains, duration, strict=True)
    ]
    measured = currents(pool, synapse, trains, times, duration)
    scale = [np.maximum(abs(found), FLOOR * abs(found).max()) for found in measured]

    def predict(twin: Any) -> FloatArray:
        parts = zip(trains, times, strict=True)
        return np.concatenate([predicted(twin, train, train.weight or 0, at) for train, at in parts])

    steps = nominal.free if free is None else free
    return fit_samples(nominal, steps, predict, np.concatenate(measured), np.concatenate(scale), UNCERTAINTY)
