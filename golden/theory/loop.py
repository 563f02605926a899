"""Linear stability and finite-size fluctuations of a network: a loop of neurons and synapses.

A rate's change passes a synapse, s(f) = exp(-i w d) / (1 + i w tau_s), and a population, whose answer is

    lif            chi(f), that of LIF neurons (golden.theory.threshold_integration)
    static         chi(0): the rate follows the input at once
    wilson-cowan   chi(0) / (1 + i w tau): it follows with the membrane's time constant (Wilson and Cowan 1972)

H_ij = chi_i(f) tau_i K_ij J_ij s(f) is what population j's rate makes of population i's.  The network is stable when
all roots of det(1 - H) decay, which Nyquist's criterion counts; a single loop of gain G (inhibition: G > 0) when G is
below its critical gain, where 1 + G A s = 0.  N neurons' own spikes are noise of density S / N, which the loop shapes:
C = (1 - H)^-1 diag(S / N) (1 - H)^-H (Lindner, Doiron and Longtin, Phys. Rev. E 72, 2005).

The input's variance is taken as constant: what a rate changes of sigma is left out.  Sign: exp(+i w t); two-sided.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from scipy.optimize import brentq

from golden.errors import SpecError
from golden.theory.neuron import frequencies
from golden.theory.rate import rate_slope_mu
from golden.theory.threshold_integration import response_mu, spectrum

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from golden.neurons.lif import FloatArray
    from golden.theory.mean_field import WorkingPoint
    from golden.theory.neuron import Neuron
    from golden.theory.threshold_integration import ComplexArray

Response = Literal["lif", "static", "wilson-cowan"]
RESPONSES: tuple[Response, ...] = get_args(Response)

#: Points a decade of a first look at a loop's phase, and the highest frequency [Hz] at which it is followed.
_POINTS, _HIGHEST = 400, 3e3


@dataclass(frozen=True)
class Synapse:
    """s(f): a delay [s] and an exponential current of time constant tau_s [s]; both may be 0."""

    delay: float
    tau_s: float

    def __post_init__(self) -> None:
        for name in ("delay", "tau_s"):
            if not (np.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise SpecError.rule(f"Synapse {name}", "zero or positive", f"{getattr(self, name):g} s")

    def transfer(self, frequency: ArrayLike) -> ComplexArray:
        """s(f), 1 at 0 Hz."""
        w = 2 * np.pi * frequencies(frequency)
        transfer: ComplexArray = np.exp(-1j * w * self.delay) / (1 + 1j * w * self.tau_s)
        return transfer


@dataclass(frozen=True)
class Critical:
    """Where a loop becomes unstable: its gain, and the frequency [Hz] that grows."""

    gain: float
    frequency: float


def relative_response(
    neuron: Neuron, mu: float, sigma: float, frequency: ArrayLike, response: Response = "lif"
) -> ComplexArray:
    """A(f) = chi(f) / chi(0), 1 at 0 Hz."""
    f = frequencies(frequency)
    if response not in RESPONSES:
        raise SpecError.rule("Response", f"one of {', '.join(RESPONSES)}", repr(response))
    if response == "static":
        return np.ones(f.shape, dtype=np.complex128)
    if response == "wilson-cowan":
        return np.asarray(1 / (1 + 2j * np.pi * f * neuron.tau))
    return response_mu(neuron, mu, sigma, f) / float(rate_slope_mu(neuron, mu, sigma))


def critical(neuron: Neuron, mu: float, sigma: float, synapse: Synapse, response: Response = "lif") -> Critical:
    """Smallest G > 0 for which 1 + G A(f) s(f) = 0, of one inhibitory loop.

    SpecError for a loop that no gain makes oscillate below 3 kHz (static, without delay).
    """

    def open_loop(f: ArrayLike) -> ComplexArray:
        return relative_response(neuron, mu, sigma, f, response) * synapse.transfer(f)

    f = np.geomspace(0.1, _HIGHEST, int(_POINTS * np.log10(_HIGHEST / 0.1)))
    values = open_loop(f)
    found = []
    for k in np.flatnonzero(np.diff(np.sign(values.imag))):
        if values.real[k] + values.real[k + 1] < 0:
            at = float(brentq(lambda x: float(open_loop(np.array(x)).imag), f[k], f[k + 1], xtol=1e-10, rtol=1e-13))
            found.append(Critical(float(-1 / open_loop(np.array(at)).real), at))
    if not found:
        raise SpecError.rule("Loop", f"one with a delay that can oscillate below {_HIGHEST:g} Hz", "one that cannot")
    return min(found, key=lambda point: point.gain)


def transfer(point: WorkingPoint, synapse: Synapse, frequency: ArrayLike, response: Response = "lif") -> ComplexArray:
    """H (F, P, P) at frequencies (F,)."""
    f = np.atleast_1d(frequencies(frequency))
    rows = [
        relative_response(neuron, float(m), float(s), f, response) * float(rate_slope_mu(neuron, m, s))
        for neuron, m, s in zip(point.network.neurons, point.mu, point.sigma, strict=True)
    ]
    answers = np.stack(rows, axis=1)
    matrix: ComplexArray = answers[:, :, None] * point.network.drive * synapse.transfer(f)[:, None, None]
    return matrix


def unstable_modes(point: WorkingPoint, synapse: Synapse, response: Response = "lif") -> int:
    """How many modes of the network grow, pairs counted twice, by Nyquist's criterion on det(1 - H); 0: stable.

    The determinant is followed from 0 Hz up to 3 kHz in steps in which it turns by less than a radian.
    """
    f = np.concatenate(([0.0], np.geomspace(0.01, _HIGHEST, 4000)))
    for _ in range(6):
        loop = transfer(point, synapse, f, response)
        determinant = np.linalg.det(np.eye(point.network.size) - loop)
        turns = np.angle(determinant[1:] / determinant[:-1])
        coarse = np.flatnonzero(np.abs(turns) > 1)
        if not coarse.size:
            break
        f = np.sort(np.concatenate((f, *(np.linspace(f[k], f[k + 1], 12)[1:-1] for k in coarse))))
    # On the way up the axis every root to its right turns the determinant by -pi; at the end H is all but 0.
    return round(-float(turns.sum() + np.angle(1 / determinant[-1] * abs(determinant[-1]))) / np.pi)


def population_spectrum(
    point: WorkingPoint, sizes: ArrayLike, synapse: Synapse, frequency: ArrayLike, response: Response = "lif"
) -> ComplexArray:
    """(F, P, P) [Hz]: cross-spectra of the populations' rates, of ``sizes`` (P,) neurons; the diagonal is real."""
    n = np.asarray(sizes, dtype=np.float64)
    if n.shape != (point.network.size,) or (n < 1).any():
        raise SpecError.rule("Sizes", f"{point.network.size} numbers of neurons", repr(sizes))
    f = np.atleast_1d(frequencies(frequency))
    own = np.stack(
        [spectrum(neuron, m, s, f) for neuron, m, s in zip(point.network.neurons, point.mu, point.sigma, strict=True)],
        axis=1,
    )
    shape = np.linalg.inv(np.eye(point.network.size) - transfer(point, synapse, f, response))
    result: ComplexArray = (shape * (own / n)[:, None, :]) @ shape.conj().transpose(0, 2, 1)
    return result


def covariance(
    point: WorkingPoint, sizes: ArrayLike, synapse: Synapse, bin_width: float, response: Response = "lif"
) -> FloatArray:
    """(P, P) [Hz^2]: covariances of the populations' rates in bins [s], of ``sizes`` (P,) neurons.

    The cross-spectra seen through the bins' sinc^2, integrated up to where what is left is that of independent spikes.
    Valid for a stable network (SpecError for another) whose rates vary by less than they are.
    """
    if not bin_width > 0:
        raise SpecError.rule("Bin", "positive", f"{bin_width:g} s")
    if unstable_modes(point, synapse, response):
        raise SpecError.rule("Network", "stable", "one that oscillates by itself")
    # Fine where a long bin's sinc^2 is, and where the loop resonates.
    near = np.linspace(0, 60 / bin_width, 1201)
    far = np.concatenate((np.linspace(0, 600, 2401), np.linspace(600, max(_HIGHEST, 3 / bin_width), 4001)))
    edges = np.unique(np.concatenate((near[near < far[-1]], far)))
    middles, widths = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    seen = np.sinc(middles * bin_width) ** 2
    spectra = np.real(population_spectrum(point, sizes, synapse, middles, response))
    result: FloatArray = 2 * (spectra * (seen * widths)[:, None, None]).sum(axis=0)
    # Beyond, the spectrum is rate / N: sinc^2 integrates to 1 / bin in all.
    beyond = max(1 / bin_width - 2 * float((seen * widths).sum()), 0)
    result[np.diag_indices_from(result)] += point.rates / np.asarray(sizes) * beyond
    return result


def coefficient_of_variation(
    point: WorkingPoint, sizes: ArrayLike, synapse: Synapse, bin_width: float, response: Response = "lif"
) -> FloatArray:
    """(P,): standard deviation over mean of each population's spike count in bins [s]; see ``covariance``."""
    variances = np.diagonal(covariance(point, sizes, synapse, bin_width, response))
    result: FloatArray = np.sqrt(variances) / point.rates
    return result


def static_range(neuron: Neuron, mu: float, sigma: float, deviation: float = 0.1) -> float:
    """Lowest frequency [Hz] at which |A(f) - 1| reaches ``deviation``: up to there the static gain is good."""
    return _reached(neuron, mu, sigma, lambda a: np.abs(a - 1) - deviation)


def cutoff(neuron: Neuron, mu: float, sigma: float) -> float:
    """Lowest frequency [Hz] at which |A(f)| has fallen to 1 / sqrt(2) (-3 dB)."""
    return _reached(neuron, mu, sigma, lambda a: 1 / np.sqrt(2) - np.abs(a))


def _reached(neuron: Neuron, mu: float, sigma: float, beyond: object) -> float:
    def value(f: float) -> float:
        return float(beyond(relative_response(neuron, mu, sigma, f)))  # type: ignore[operator]  # a function of A

    f = np.geomspace(1e-3, _HIGHEST, 1200)
    values = np.asarray(beyond(relative_response(neuron, mu, sigma, f)))  # type: ignore[operator]  # likewise
    first = np.flatnonzero(values > 0)
    if not first.size or first[0] == 0:
        raise SpecError.rule("Response", f"one that leaves the bound between 1 mHz and {_HIGHEST:g} Hz", "another")
    k = int(first[0])
    return float(brentq(value, f[k - 1], f[k], xtol=1e-9))
