"""Rate models in time: Wilson and Cowan's equations with Siegert's rate, synapses with time constants and delays.

    tau_s du_j/dt = -u_j + r_j(t - d),    mu_i = mu_ext_i + tau_i sum_j K_ij J_ij u_j
    static:        r_i = Phi_i(mu_i, sigma_i)
    wilson-cowan:  tau_i dr_i/dt = -r_i + Phi_i(mu_i, sigma_i)

(Wilson and Cowan, Biophys. J. 12, 1972.)  Phi is tabulated over mu at the working point's sigma, which stays as it is
(beyond the table it is computed); with ``varying_noise`` sigma_i^2 = sigma_ext_i^2 + tau_i sum_j K_ij J_ij^2 u_j.
With ``sizes`` each population's spikes add their own noise, of density r / N (finite size, white).  Steps are exact for
input that is straight within a step (exponential integrators), so second order.  Valid for dt well below d and tau_s;
a delay is a whole number of steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from golden.errors import SpecError
from golden.theory.neuron import finite
from golden.theory.rate import rate

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

    from golden.neurons.lif import FloatArray
    from golden.theory.loop import Synapse
    from golden.theory.mean_field import WorkingPoint

#: Points of a table of rates, and how far it reaches beyond the working point [sigma].
_TABLE, _REACH = 20_001, 40.0


@dataclass(frozen=True, eq=False)
class Activity:
    """Rates (steps, P) [Hz] at ``times`` (steps,) [s], the ends of steps."""

    times: FloatArray
    rates: FloatArray


def integrate(
    point: WorkingPoint,
    synapse: Synapse,
    duration: float,
    dt: float,
    *,
    response: Literal["static", "wilson-cowan"] = "wilson-cowan",
    kick: float = 0.01,
    varying_noise: bool = False,
    sizes: ArrayLike | None = None,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> Activity:
    """The network from its working point, whose rates are off by a factor 1 + ``kick`` in the past of the first delay.

    ``varying_noise`` computes Siegert's rate in every step (0.2 ms a population) in place of the table's.
    Raises SpecError for a delay that is no whole number of steps of ``dt`` [s], and at least one.
    """
    if response not in ("static", "wilson-cowan"):
        raise SpecError.rule("Response", "static or wilson-cowan", repr(response))
    if not dt > 0:
        raise SpecError.rule("Time step dt", "positive", f"{dt:g} s")
    late = round(synapse.delay / dt)
    if late < 1 or abs(late * dt / synapse.delay - 1) > 1e-9:
        raise SpecError.rule("Synapse delay", f"a whole number of steps of {dt:g} s", f"{synapse.delay:g} s")
    if not duration >= dt:
        raise SpecError.rule("Duration", f"at least one step ({dt:g} s)", f"{duration:g} s")
    if not (np.isfinite(kick) and kick >= -1):
        raise SpecError.rule("Kick", "finite and at least -1", f"{kick:g}")
    network, steps = point.network, round(duration / dt)
    size = network.size
    numbers = np.ones(size) if sizes is None else finite("sizes", sizes, "")
    if numbers.shape != (size,) or (numbers < 1).any():
        raise SpecError.rule("Sizes", f"{size} numbers of neurons", repr(sizes))
    noise = 1 / np.sqrt(numbers * dt)
    rng = np.random.default_rng(seed)
    tables = [] if varying_noise else [_tabulated(point, k) for k in range(size)]
    tau = np.array([neuron.tau for neuron in network.neurons])
    keep_r, gain_r = _exponential(dt, tau)
    keep_u, gain_u = (
        _exponential(dt, np.full(size, synapse.tau_s)) if synapse.tau_s > 0 else (np.zeros(size), np.ones(size))
    )
    drive, mu_ext, reach = network.drive, np.asarray(network.mu_ext), _REACH * point.sigma

    def phi(u: FloatArray) -> FloatArray:
        if varying_noise:
            return network.respond(*network.inputs(u))
        mu = mu_ext + drive @ u
        if (np.abs(mu - point.mu) >= reach).any():
            return network.respond(mu, point.sigma)
        return np.array([np.interp(mu[k], *tables[k]) for k in range(size)])

    rates = np.empty((late + steps + 1, size))
    rates[: late + 1] = point.rates * (1 + kick)
    u, r = point.rates.copy(), point.rates * (1 + kick)
    target = phi(u)
    after = target.copy() if response == "static" else r
    for k in range(steps):
        if k == late:  # at once without the kick: a jump, and between steps
            rates[late] = after
        old, new = rates[k], rates[k + 1]  # what left a delay ago, at both ends of the step
        u = keep_u * u + (1 - keep_u) * old + gain_u * (new - old)
        before, target = target, phi(u)
        r = target if response == "static" else keep_r * r + (1 - keep_r) * before + gain_r * (target - before)
        rates[late + k + 1] = r
        if sizes is not None:
            rates[late + k + 1] += np.sqrt(np.maximum(r, 0)) * noise * rng.standard_normal(size)
        if progress is not None and k % 1024 == 0:
            progress(k / steps)
    times: FloatArray = dt * np.arange(1, steps + 1, dtype=np.float64)
    return Activity(times, rates[late + 1 :])


def _exponential(dt: float, tau: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Factor of the old value, and weight of a straight input's slope over the step."""
    q = dt / tau
    keep = np.exp(-q)
    gain: FloatArray = 1 - (1 - keep) / q
    return keep, gain


def _tabulated(point: WorkingPoint, k: int) -> tuple[FloatArray, FloatArray]:
    neuron, mu, sigma = point.network.neurons[k], point.mu[k], point.sigma[k]
    grid = np.linspace(mu - _REACH * sigma, mu + _REACH * sigma, _TABLE)
    return grid, rate(neuron, grid, sigma)
