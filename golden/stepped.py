"""Stepped float dynamics: forward Euler and exponential Euler on a time grid, vectorised over neurons.

The order within a step is that of the fixed-point machine (golden.neurons.lif_fixed), so that the only
difference between this trace and an integer one is quantisation, and between this one and the exact one
discretisation.  A spike in step k has the time (k + 1) dt.

In a network a neuron that fires in step k emits at step k + 1, a source at the first step at or after its spike. What
is emitted at step e acts through a synapse in step e + d, where d is its delay in steps, rounded, and may be 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from golden import stepped_kernel, stepping
from golden.delivery import Delivery
from golden.errors import SpecError
from golden.fixed import Rounding, round_to_int, snap
from golden.grid import on_grid
from golden.network import check_stimulus
from golden.noise import PoissonNoise, WhiteNoise
from golden.noise import threshold_shift as threshold_shift_of
from golden.propagator import Propagator, Scheme, stability
from golden.stepping import Cells, Plan
from golden.trace import Header, Trace, recorded_neurons, versions

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

    from golden.network import Network
    from golden.neurons.lif import FloatArray
    from golden.stimulus import Stimulus

Noise: TypeAlias = WhiteNoise | PoissonNoise


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
    noise: Noise | None = None,
    threshold_shift: bool = False,
    loop: Literal["auto", "numpy", "compiled"] = "auto",
    record: ArrayLike = (),
    progress: Callable[[float], None] | None = None,
) -> Trace:
    """Run ``network`` from rest at time step ``dt`` [s]; states ``v`` [V] and ``i_syn`` [A] after every step.

    The refractory time is rounded to whole steps as asked, delays to the nearest.  The stability verdict and the
    effective refractory times are in the trace's settings; SpecError before the run if the scheme diverges and
    ``allow_unstable`` is not set.

    ``noise``            golden.noise: white noise on the membrane or a Poisson process of input spikes, for each neuron
    ``threshold_shift``  with white noise: compare with a threshold lowered by ``golden.noise.threshold_shift``, which
                         makes up for the excursions between the grid's points; its size is in the settings
    ``loop``             both give the same bits; ``auto`` compiles for networks with synapses or noise
    """
    check_stimulus(network, stimulus)
    neurons = network.neurons
    p = Propagator.of(neurons, dt, scheme)
    verdict = stability(neurons, dt, scheme)
    if verdict.verdict == "divergent" and not allow_unstable:
        raise SpecError.rule("Forward Euler's dt", "at most twice the shortest time constant", f"{verdict.q:.4g} times")
    grid = on_grid(stimulus, dt)
    hold = round_to_int(snap(np.asarray(neurons.t_ref) / dt), refractory_rounding, thing="t_ref", unit=dt)
    e_l, v_th, v_reset = (np.asarray(x) for x in (neurons.E_L, neurons.V_th, neurons.V_reset))
    amplitudes = _amplitudes(noise, network, p, scheme)
    shift = _shift(noise, network, dt, reset) if threshold_shift else None
    compared = v_th if shift is None else v_th - shift
    plan = Plan(
        cells=Cells(e_l, p.leak, p.gain, p.gain_syn, p.leak_syn, compared, v_reset, hold, amplitudes),
        grid=grid,
        delivery=Delivery.of(network.synapses, network.size + network.sources, network.size, dt),
        noise=noise,
        recorded=recorded_neurons(record, network.size),
        strict=comparison == ">",
        subtract=reset == "subtract",
    )
    compiled = loop == "compiled" or (loop == "auto" and (len(network.synapses) > 0 or noise is not None))
    result = (stepped_kernel if compiled else stepping).run(plan, progress)
    settings: dict[str, Any] = {
        "scheme": scheme,
        "comparison": comparison,
        "reset": reset,
        "stability": str(verdict),
        "t_ref": sorted(set((hold * dt).tolist())),
    }
    if noise is not None:
        settings["noise"] = noise.to_dict()
    if shift is not None:
        settings["threshold_shift"] = sorted(set(shift.tolist()))
    header = Header(
        engine=f"stepped-{scheme}",
        network=network.hash(),
        stimulus=stimulus.hash(),
        size=network.size,
        duration=stimulus.duration,
        dt=dt,
        seed=stimulus.seed,
        versions=versions(),
        settings=settings,
    )
    states = {"v": result.v} | ({} if neurons.tau_syn is None else {"i_syn": result.i})
    times: FloatArray = dt * np.arange(1, grid.steps + 1, dtype=np.float64)
    spikes = np.column_stack(((result.spikes[:, 0] + 1) * dt, result.spikes[:, 1]))
    return Trace(header, spikes, plan.recorded, times, states, {"v": "V", "i_syn": "A"})


def _amplitudes(noise: Noise | None, network: Network, p: Propagator, scheme: Scheme) -> FloatArray:
    """(N,): what one of the noise's numbers stands for."""
    values = 0.0 if noise is None else noise.sigma if isinstance(noise, WhiteNoise) else noise.weight
    if np.shape(values) not in ((), (network.size,)):
        raise SpecError.rule("Noise", f"one number or one for each of {network.size} neurons", f"{np.size(values)}")
    if isinstance(noise, WhiteNoise):
        values = noise.kick(network.neurons, p, scheme)
    return np.array(np.broadcast_to(values, (network.size,)), dtype=np.float64)


def _shift(noise: Noise | None, network: Network, dt: float, reset: str) -> FloatArray:
    """(N,) [V]: by how much the threshold is lowered."""
    if not isinstance(noise, WhiteNoise):
        raise SpecError.rule(
            "Threshold shift", "used with white noise", "without" if noise is None else "with Poisson noise"
        )
    if reset != "value":
        raise SpecError.rule("Threshold shift", "used with a reset to a value", f"with reset {reset!r}")
    neurons = network.neurons
    shift = np.broadcast_to(threshold_shift_of(noise.sigma, neurons.tau_m, dt), (network.size,))
    room = np.asarray(neurons.V_th) - np.asarray(neurons.V_reset)
    if (wrong := shift >= room).any():
        raise SpecError.rule(
            "Threshold shift", f"below V_th - V_reset ({room[wrong][0]:g} V)", f"{shift[wrong][0]:g} V"
        )
    return shift
