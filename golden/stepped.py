"""Stepped float dynamics: forward Euler and exponential Euler on a time grid, vectorised over neurons.

The order within a step is that of the fixed-point machine (golden.neurons.lif_fixed), so that the only
difference between this trace and an integer one is quantisation, and between this one and the exact one
discretisation.  A spike in step k has the time (k + 1) dt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from golden.errors import SpecError
from golden.fixed import Rounding, round_to_int, snap
from golden.grid import on_grid
from golden.propagator import Propagator, Scheme, stability
from golden.trace import Header, Trace, recorded_neurons, versions

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

    from golden.network import Network
    from golden.neurons.lif import FloatArray
    from golden.stimulus import Stimulus


def simulate(
    network: Network,
    stimulus: Stimulus,
    dt: float,
    *,
    scheme: Scheme = "exponential",
    comparison: Literal[">=", ">"] = ">=",
    reset: Literal["value", "subtract"] = "value",
    refractory_rounding: Rounding = "nearest",
    allow_unstable: bool = False,
    record: ArrayLike = (),
    progress: Callable[[float], None] | None = None,
) -> Trace:
    """Run ``network`` from rest at time step ``dt`` [s]; states ``v`` [V] and ``i_syn`` [A] after every step.

    The refractory time is rounded to whole steps as asked.  The stability verdict and the effective
    refractory times are in the trace's settings; SpecError before the run if the scheme diverges and
    ``allow_unstable`` is not set.
    """
    if stimulus.size != network.size:
        raise SpecError.rule("Stimulus", f"for {network.size} neurons", f"for {stimulus.size}")
    neurons = network.neurons
    p = Propagator.of(neurons, dt, scheme)
    verdict = stability(neurons, dt, scheme)
    if verdict.verdict == "divergent" and not allow_unstable:
        raise SpecError.rule("Forward Euler's dt", "at most twice the shortest time constant", f"{verdict.q:.4g} times")
    grid = on_grid(stimulus, dt)
    e_l, v_th, v_reset = (np.asarray(x) for x in (neurons.E_L, neurons.V_th, neurons.V_reset))
    hold = round_to_int(snap(np.asarray(neurons.t_ref) / dt), refractory_rounding, thing="t_ref", unit=dt)
    recorded = recorded_neurons(record, network.size)
    v, i, left = e_l.copy(), np.zeros(network.size), np.zeros(network.size, dtype=np.int64)
    current = np.zeros(network.size)
    v_trace, i_trace = np.empty((grid.steps, recorded.size)), np.empty((grid.steps, recorded.size))
    changes = dict(zip(grid.ticks.tolist(), grid.currents, strict=True))
    arrivals = np.searchsorted(grid.spikes[:, 0], np.arange(grid.steps + 1))
    fired = []
    with np.errstate(over="ignore", invalid="ignore"):
        for k in range(grid.steps):
            current = changes.get(k, current)
            batch = grid.spikes[arrivals[k] : arrivals[k + 1]]
            np.add.at(i, batch[:, 1].astype(np.int64), batch[:, 2])
            free = left == 0
            x = e_l + p.leak * (v - e_l) + p.gain * current + p.gain_syn * i
            spike = free & (x >= v_th if comparison == ">=" else x > v_th)
            v = np.where(free, x, v)
            v = np.where(spike, v_reset if reset == "value" else v - (v_th - e_l), v)
            left = np.where(spike, hold, np.maximum(left - 1, 0))
            i = i * p.leak_syn
            v_trace[k], i_trace[k] = v[recorded], i[recorded]
            for neuron in np.flatnonzero(spike):
                fired.append(((k + 1) * dt, neuron))
            if progress is not None and k % 1024 == 0:
                progress(k / grid.steps)
    header = Header(
        engine=f"stepped-{scheme}",
        network=network.hash(),
        stimulus=stimulus.hash(),
        size=network.size,
        duration=stimulus.duration,
        dt=dt,
        seed=stimulus.seed,
        versions=versions(),
        settings={
            "scheme": scheme,
            "comparison": comparison,
            "reset": reset,
            "stability": str(verdict),
            "t_ref": sorted(set((hold * dt).tolist())),
        },
    )
    states = {"v": v_trace} | ({} if neurons.tau_syn is None else {"i_syn": i_trace})
    times: FloatArray = dt * np.arange(1, grid.steps + 1, dtype=np.float64)
    return Trace(header, np.array(fired).reshape(-1, 2), recorded, times, states, {"v": "V", "i_syn": "A"})
