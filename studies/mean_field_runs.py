"""Simulated networks of LIF neurons for the mean-field study: golden float steps with a bias-free noisy threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from golden.network import Network, Population, Projection
from golden.neurons.lif import LIFNeuron
from golden.noise import WhiteNoise
from golden.stepped import simulate
from golden.stimulus import constant
from golden.synapses import fixed_in_degree

if TYPE_CHECKING:
    from collections.abc import Callable

    from golden.neurons.lif import FloatArray

#: Time that is left out [s], and bins of the population's activity [s].
WARM, BIN = 0.3, 0.5e-3
#: Recurrent synapses: one time constant [s], one delay [s]; time step [s].
TAU_S, DELAY, DT = 2e-3, 1.5e-3, 1e-4
TAU, V_TH, V_RESET, T_REF = 20e-3, 20e-3, 10e-3, 2e-3


def simulated(
    sizes: list[int],
    degrees: list[int],
    weights: list[float],
    mu_ext: float,
    sigma_ext: float,
    seconds: float,
    seed: int,
    progress: Callable[[float], None],
) -> dict[str, Any]:
    """A network of populations whose neurons all hear the same: ``degrees``[j] inputs of each population j.

    ``weights``[j] [V] is the jump that a charge of the same size makes: the area under a potential over tau.  Returns
    the spikes in every bin of the whole network, the mean rate [Hz], and the intervals' CV.
    """
    neuron = LIFNeuron.from_tau(
        tau_m=TAU, R=1.0, E_L=0.0, V_th=V_TH, V_reset=V_RESET, t_ref=T_REF, tau_syn=TAU_S
    )  # fmt: skip
    names = [f"p{k}" for k in range(len(sizes))]
    populations = [Population(name, size, neuron) for name, size in zip(names, sizes, strict=True)]
    projections = [
        # A current of peak w that decays with tau_s brings the charge w tau_s: a jump of w tau_s / C = w R tau_s / tau.
        Projection(
            names[j],
            names[i],
            fixed_in_degree(sizes[j], sizes[i], degrees[j], weights[j] * TAU / TAU_S, DELAY, seed + 10 * i + j),
        )
        for i in range(len(sizes))
        for j in range(len(sizes))
        if degrees[j]
    ]
    network = Network.of(populations, projections)
    trace = simulate(
        network, constant(network.size, WARM + seconds, mu_ext), DT,
        noise=WhiteNoise(sigma_ext, seed), threshold_shift=True, progress=progress,
    )  # fmt: skip
    times, who = trace.spikes[:, 0], trace.spikes[:, 1].astype(np.int64)
    keep = times > WARM
    edges = WARM + BIN * np.arange(round(seconds / BIN) + 1)
    activity = np.histogram(times[keep] - DT / 2, edges)[0]
    return {
        "size": network.size, "activity": activity, "rate": float(activity.sum() / network.size / seconds),
        "cv": _cv(times[keep], who[keep]),
    }  # fmt: skip


def _cv(times: FloatArray, who: Any) -> float:
    """Coefficient of variation of all neurons' intervals, pooled."""
    order = np.lexsort((times, who))
    t, n = times[order], who[order]
    intervals = np.diff(t)[np.diff(n) == 0]
    return float(intervals.std() / intervals.mean())


def population_cv(activity: Any, size: int) -> float:
    """Standard deviation over mean of the activity in bins, times sqrt(N)."""
    counts = np.asarray(activity, dtype=np.float64)
    return float(counts.std(ddof=1) / counts.mean() * np.sqrt(size))


def spectrum(activity: Any, size: int, pieces: int) -> tuple[FloatArray, FloatArray]:
    """Frequencies [Hz] and two-sided power [Hz] of the rate per neuron, averaged over pieces (Bartlett)."""
    counts = np.asarray(activity, dtype=np.float64)
    length = counts.size // pieces
    parts = np.asarray(counts[: pieces * length].reshape(pieces, length) / size / BIN)
    parts = parts - counts.mean() / size / BIN
    power: FloatArray = (np.abs(np.fft.rfft(parts, axis=1)) ** 2).mean(axis=0) * BIN / length
    frequencies: FloatArray = np.fft.rfftfreq(length, BIN).astype(np.float64)
    return frequencies[1:], power[1:]
