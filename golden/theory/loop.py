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
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from scipy.optimize import brentq, linear_sum_assignment

from golden.errors import SpecError
from golden.theory.neuron import finite, frequencies, number
from golden.theory.rate import rate_slope_mu
from golden.theory.threshold_integration import response_mu, spectrum

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

    from golden.neurons.lif import FloatArray
    from golden.theory.mean_field import WorkingPoint
    from golden.theory.neuron import Neuron
    from golden.theory.threshold_integration import ComplexArray

Response = Literal["lif", "static", "wilson-cowan"]
RESPONSES: tuple[Response, ...] = get_args(Response)

#: Points a decade of a first look at a loop's phase, and the highest frequency [Hz] at which it is followed.
_POINTS, _HIGHEST = 400, 3e3
#: A network's loop is followed to where no eigenvalue of H is larger than this, at most up to so many Hz, in steps in
#: which a delay turns it by at most so many radians.
_SMALL, _FARTHEST, _TURN = 0.5, 1e6, 0.5


@dataclass(frozen=True)
class Synapse:
    """s(f): a delay [s] and an exponential current of time constant tau_s [s]; both may be 0."""

    delay: float
    tau_s: float

    def __post_init__(self) -> None:
        for name in ("delay", "tau_s"):
            if (value := number(f"synapse {name}", getattr(self, name), "s")) < 0:
                raise SpecError.rule(f"Synapse {name}", "zero or positive", f"{value:g} s")

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
    answers = np.stack(
        _once(lambda n, m, s: relative_response(n, m, s, f, response) * float(rate_slope_mu(n, m, s)), point), axis=1
    )
    matrix: ComplexArray = answers[:, :, None] * point.network.drive * synapse.transfer(f)[:, None, None]
    return matrix


def _once(answer: Callable[[Neuron, float, float], Any], point: WorkingPoint) -> list[Any]:
    """answer(neuron, mu, sigma) of every population, computed once for populations of one kind."""
    kinds = list(zip(point.network.neurons, point.mu.tolist(), point.sigma.tolist(), strict=True))
    known = {kind: answer(*kind) for kind in set(kinds)}
    return [known[kind] for kind in kinds]


def unstable_modes(point: WorkingPoint, synapse: Synapse, response: Response = "lif") -> int:
    """How many modes of the network grow, pairs counted twice, by Nyquist's criterion on det(1 - H); 0: stable.

    The eigenvalues of H are followed from 0 Hz to where all are below 1/2 and so turn nothing any more.  SpecError when
    they are not by 1 MHz: a static gain of 1/2 and more without tau_s, of which no model in time makes sense either.
    """
    f, values = _followed(point, synapse, response)
    for _ in range(8):
        values = _matched(values)
        left = np.where(values == 1, 1e-300, 1 - values)
        # Each mode by itself: the turns of many together would be taken for less by whole ones.
        turns = np.angle(left[1:] / left[:-1])
        coarse = np.flatnonzero((np.abs(turns) > 1).any(axis=1))
        if not coarse.size:
            # On the way up the axis every root to its right turns det(1 - H) by -pi; what is left goes back to 1.
            return round(-float(turns.sum() - np.angle(1 - values[-1]).sum()) / np.pi)
        more = np.concatenate([np.linspace(f[k], f[k + 1], 12)[1:-1] for k in coarse])
        both = np.concatenate((values, np.linalg.eigvals(transfer(point, synapse, more, response))))
        order = np.argsort(np.concatenate((f, more)), kind="stable")
        f, values = np.concatenate((f, more))[order], both[order]
    raise SpecError.rule(
        "Network", "away from the border of stability", f"one whose det(1 - H) is 0 near {f[coarse[0]]:g} Hz"
    )


def critical_factor(point: WorkingPoint, synapse: Synapse, response: Response = "lif") -> Critical:
    """Smallest factor (``gain``) on all recurrent weights that puts a mode on the border, and its frequency.

    The working point and its noise stay.  Above 1 it is a stable network's gain margin, below 1 what an unstable one's
    weights would have to shrink to; 0 Hz is a rate that runs away.  For ``inhibitory(G)`` it is critical gain / G.
    SpecError when no eigenvalue of H gets within 1/1000 of the largest on the positive axis.
    """
    largest = float(np.abs(_followed(point, synapse, response)[1]).max())
    for small in (0.1 * largest, 0.01 * largest, 0.001 * largest):
        if small > 0 and (borders := _borders(point, synapse, response, small)):
            return min(borders, key=lambda border: border.gain)
    raise SpecError.rule("Network", "one that larger weights make unstable", "one that they do not")


def _borders(point: WorkingPoint, synapse: Synapse, response: Response, small: float) -> list[Critical]:
    """Where an eigenvalue of H passes the positive axis above ``small``."""
    f, values = _followed(point, synapse, response, small)
    values = _matched(values)
    found = [Critical(float(1 / v.real), 0.0) for v in values[0] if v.real >= small and abs(v.imag) <= 1e-12 * abs(v)]

    def mode(frequency: float, near: complex) -> complex:
        modes = np.linalg.eigvals(transfer(point, synapse, frequency, response)[0])
        return complex(modes[np.argmin(np.abs(modes - near))])

    for k, column in np.argwhere(np.diff(np.signbit(values.imag), axis=0)):
        before, after = complex(values[k, column]), complex(values[k + 1, column])
        near = before + before.imag / (before.imag - after.imag) * (after - before) if before != after else before
        # From 0 Hz a real eigenvalue leaves the axis without passing it.
        if f[k] > 0 and near.real >= small and mode(f[k], before).imag * mode(f[k + 1], after).imag < 0:
            at = float(brentq(lambda x, near=near: mode(x, near).imag, f[k], f[k + 1], xtol=1e-10, rtol=1e-12))
            found.append(Critical(float(1 / mode(at, near).real), at))
    return found


def _followed(
    point: WorkingPoint, synapse: Synapse, response: Response, small: float = _SMALL
) -> tuple[FloatArray, ComplexArray]:
    """Frequencies from 0 Hz to where all eigenvalues of H are below ``small``, and the eigenvalues (F, P) there."""
    highest = _HIGHEST
    while highest < _FARTHEST and _radius(point, synapse, highest, response) >= min(small, _SMALL):
        highest *= 2
    at_most = _radius(point, synapse, highest, response)
    if at_most >= _SMALL:
        rule = f"one whose loop falls off with frequency, below {_SMALL:g} at {highest:g} Hz (it needs a tau_s)"
        raise SpecError.rule("Network", rule, f"one of {at_most:.3g} there")
    f = np.concatenate(([0.0], np.geomspace(0.01, highest, int(_POINTS * np.log10(highest / 0.01)))))
    values = np.linalg.eigvals(transfer(point, synapse, f, response))
    last = np.flatnonzero(np.abs(values).max(axis=1) >= small)
    end = min(int(last[-1]) + 2, len(f)) if last.size else 2
    f, values = f[:end], values[:end]
    # A delay turns fast where steps of a constant ratio are long.
    parts = np.ceil(2 * np.pi * np.diff(f) * synapse.delay / _TURN).astype(int)
    wide = np.flatnonzero(parts > 1)
    if wide.size:
        more = np.concatenate([np.linspace(f[k], f[k + 1], parts[k] + 1)[1:-1] for k in wide])
        values = np.concatenate((values, np.linalg.eigvals(transfer(point, synapse, more, response))))
        f = np.concatenate((f, more))
        order = np.argsort(f)
        f, values = f[order], values[order]
    return f, np.asarray(values, dtype=np.complex128)


def _radius(point: WorkingPoint, synapse: Synapse, frequency: float, response: Response) -> float:
    return float(np.abs(np.linalg.eigvals(transfer(point, synapse, frequency, response)[0])).max())


def _matched(values: ComplexArray) -> ComplexArray:
    """Eigenvalues (F, P) in the order in which each column is one mode."""
    result = values.copy()
    for k in range(1, len(result) if result.shape[1] > 1 else 0):
        result[k] = result[k][linear_sum_assignment(np.abs(result[k - 1][:, None] - result[k][None, :]))[1]]
    return result


def population_spectrum(
    point: WorkingPoint, sizes: ArrayLike, synapse: Synapse, frequency: ArrayLike, response: Response = "lif"
) -> ComplexArray:
    """(F, P, P) [Hz]: cross-spectra of the populations' rates, of ``sizes`` (P,) neurons; the diagonal is real.

    Valid for a stable network (SpecError for another) whose rates vary by less than they are.
    """
    n = _numbers(point, sizes)
    _check_stable(point, synapse, response)
    return _spectra(point, n, synapse, np.atleast_1d(frequencies(frequency)), response)


def covariance(
    point: WorkingPoint, sizes: ArrayLike, synapse: Synapse, bin_width: float, response: Response = "lif"
) -> FloatArray:
    """(P, P) [Hz^2]: covariances of the populations' rates in bins [s], of ``sizes`` (P,) neurons.

    The cross-spectra seen through the bins' sinc^2, integrated up to where what is left is that of independent spikes.
    Valid for a stable network (SpecError for another) whose rates vary by less than they are.
    """
    n = _numbers(point, sizes)
    if not (np.isfinite(bin_width) and bin_width > 0):
        raise SpecError.rule("Bin", "positive", f"{bin_width:g} s")
    _check_stable(point, synapse, response)
    # Fine where a long bin's sinc^2 is, and where the loop resonates.
    near = np.linspace(0, 60 / bin_width, 1201)
    far = np.concatenate((np.linspace(0, 600, 2401), np.linspace(600, max(_HIGHEST, 3 / bin_width), 1201)))
    edges = np.unique(np.concatenate((near[near < min(far[-1], 600)], far)))
    middles, widths = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    seen = np.sinc(middles * bin_width) ** 2
    spectra = np.real(_spectra(point, n, synapse, middles, response))
    result: FloatArray = 2 * (spectra * (seen * widths)[:, None, None]).sum(axis=0)
    # Beyond, the spectrum is rate / N: sinc^2 integrates to 1 / bin in all.
    beyond = max(1 / bin_width - 2 * float((seen * widths).sum()), 0)
    result[np.diag_indices_from(result)] += point.rates / n * beyond
    return result


def _spectra(
    point: WorkingPoint, sizes: FloatArray, synapse: Synapse, f: FloatArray, response: Response
) -> ComplexArray:
    own = np.stack(_once(lambda neuron, m, s: spectrum(neuron, m, s, f), point), axis=1)
    shape = np.linalg.inv(np.eye(point.network.size) - transfer(point, synapse, f, response))
    result: ComplexArray = (shape * (own / sizes)[:, None, :]) @ shape.conj().transpose(0, 2, 1)
    return result


def _numbers(point: WorkingPoint, sizes: ArrayLike) -> FloatArray:
    n = finite("sizes", sizes, "")
    if n.shape != (point.network.size,) or (n < 1).any():
        raise SpecError.rule("Sizes", f"{point.network.size} numbers of neurons", repr(sizes))
    return n


def _check_stable(point: WorkingPoint, synapse: Synapse, response: Response) -> None:
    if unstable_modes(point, synapse, response):
        raise SpecError.rule("Network", "stable", "one that oscillates by itself")


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


def _reached(neuron: Neuron, mu: float, sigma: float, beyond: Callable[[ComplexArray], FloatArray]) -> float:
    """Lowest frequency [Hz] at which ``beyond`` of A(f) is positive."""

    def value(frequency: ArrayLike) -> FloatArray:
        return beyond(relative_response(neuron, mu, sigma, frequency))

    f = np.geomspace(1e-3, _HIGHEST, 1200)
    first = np.flatnonzero(value(f) > 0)
    if not first.size or first[0] == 0:
        raise SpecError.rule("Response", f"one that leaves the bound between 1 mHz and {_HIGHEST:g} Hz", "another")
    k = int(first[0])
    return float(brentq(lambda x: float(value(x)), f[k - 1], f[k], xtol=1e-9))
