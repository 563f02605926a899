"""Self-consistent rates of networks of LIF neurons: each input so many that together they are white noise.

    mu_i = mu_ext_i + tau_i sum_j K_ij J_ij r_j
    sigma_i^2 = sigma_ext_i^2 + tau_i sum_j K_ij J_ij^2 r_j,   r_i = Phi_i(mu_i, sigma_i)

K_ij inputs of population j on each neuron of i, each of J_ij [V], the jump that it makes in the membrane.  Valid
where jumps are small beside V_th - V_reset, inputs many and independent (K of 100 and more, sparse), and synapses
faster than the membrane.  Source: Brunel, J. Comput. Neurosci. 8 (2000).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import root

from golden.errors import SpecError
from golden.theory.neuron import Neuron, finite, number
from golden.theory.rate import log_rate, rate, rate_slope_mu, rate_slope_sigma

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from golden.neurons.lif import FloatArray

#: What a solution may be off by, relatively and absolutely [Hz].
_RELATIVE, _ABSOLUTE = 1e-10, 1e-12
#: Rates [Hz] from which a search starts when none from silence has an end, and its most steps.
_STARTS, _STEPS = (0.1, 5.0, 50.0, 200.0), 400


@dataclass(frozen=True, eq=False)
class MeanField:
    """Populations and what they send to each other.

    neurons     P of golden.theory.neuron.Neuron
    degrees     (P, P): K_ij >= 0, inputs of population j on a neuron of population i
    weights     (P, P) [V]: J_ij
    mu_ext      (P,) [V];  sigma_ext (P,) [V], >= 0: external input
    """

    neurons: Sequence[Neuron]
    degrees: ArrayLike
    weights: ArrayLike
    mu_ext: ArrayLike
    sigma_ext: ArrayLike

    def __post_init__(self) -> None:
        size = len(self.neurons)
        if not size:
            raise SpecError.rule("Network", "of at least one population", "of none")
        shapes = {"degrees": (size, size), "weights": (size, size), "mu_ext": (size,), "sigma_ext": (size,)}
        for neuron in self.neurons:
            if not isinstance(neuron, Neuron):
                raise SpecError.rule("Network neurons", "of golden.theory.neuron.Neuron each", repr(neuron))
        for name, shape in shapes.items():
            array = finite(name, getattr(self, name), "" if name == "degrees" else "V")
            if array.shape != shape:
                raise SpecError.rule(f"Network {name}", f"of shape {shape}", f"of shape {array.shape}")
            if name in ("degrees", "sigma_ext") and (array < 0).any():
                raise SpecError.rule(f"Network {name}", "zero or positive", f"{array.min():g}")
            object.__setattr__(self, name, array)

    @property
    def size(self) -> int:
        """Number of populations."""
        return len(self.neurons)

    @property
    def drive(self) -> FloatArray:
        """(P, P) [V s]: tau_i K_ij J_ij, what a rate of population j adds to mu_i."""
        tau = np.array([neuron.tau for neuron in self.neurons])
        drive: FloatArray = tau[:, None] * np.asarray(self.degrees) * np.asarray(self.weights)
        return drive

    def inputs(self, rates: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """(mu, sigma), each (P,) [V], at rates (P,) [Hz]."""
        r = finite("rates", rates, "Hz")
        mu: FloatArray = np.asarray(self.mu_ext) + self.drive @ r
        variance = np.asarray(self.sigma_ext) ** 2 + (self.drive * np.asarray(self.weights)) @ np.maximum(r, 0)
        return mu, np.sqrt(variance)

    def respond(self, mu: FloatArray, sigma: FloatArray) -> FloatArray:
        """(P,) [Hz]: Siegert's rate of every population."""
        pairs = zip(self.neurons, mu, sigma, strict=True)
        return np.array([float(rate(neuron, m, s)) for neuron, m, s in pairs])

    def solve(self, start: ArrayLike | None = None) -> WorkingPoint:
        """Rates that reproduce themselves, to 1e-10 or to 1e-12 Hz; SpecError when none is found.

        There may be several.  By default the network is followed from silence, dr/ds = Phi(r) - r, to where it settles:
        with excitation alone the lowest state.  ``start`` (P,) [Hz] looks for the nearest instead, stable or not.
        """
        if start is None:
            searches = [(self._settle, np.zeros(self.size))]
            searches += [(self._newton, np.full(self.size, r)) for r in _STARTS]
        else:
            first = finite("start", start, "Hz")
            if first.shape != (self.size,):
                raise SpecError.rule("Start", f"of shape ({self.size},)", f"of shape {first.shape}")
            if (first < 0).any():
                raise SpecError.rule("Start", "zero or positive", f"{first.min():g} Hz")
            searches = [(self._newton, first), (self._settle, first)]
        for search, first in searches:
            rates = search(first)
            if np.isfinite(rates).all():
                mu, sigma = self.inputs(rates)
                off = np.abs(self.respond(mu, sigma) - rates)
                if (off <= np.maximum(_RELATIVE * rates, _ABSOLUTE)).all():
                    return WorkingPoint(self, rates, mu, sigma)
        raise SpecError("Network must have a self-consistent rate near the start, not none within 1e-10")

    def _newton(self, first: FloatArray) -> FloatArray:
        """Where Powell's hybrid method ends, in logarithms of rates; perhaps no solution."""
        log_rates = np.log(np.maximum(first, 1e-300))
        options = {"xtol": 1e-14}
        found = root(self._residual, log_rates, jac=self._jacobian, method="hybr", options=options)
        rates: FloatArray = np.exp(np.minimum(found.x, 700))
        return rates

    def _settle(self, first: FloatArray) -> FloatArray:
        """Where dr/ds = Phi(r) - r ends: implicit steps that grow, as what is left shrinks, into Newton's.

        Perhaps no solution.
        """
        rates, step = first, 0.02
        made = self.respond(*self.inputs(rates))
        for _ in range(_STEPS):
            off = made - rates
            if (np.abs(off) <= 1e-13 * np.maximum(made, 1e-6)).all():
                break
            to_next = np.linalg.solve(np.eye(self.size) * (1 + 1 / step) - self._slopes(rates), off)
            tried = np.maximum(rates + to_next, 0)
            if not np.isfinite(tried).all() or tried.max() > 1e12:
                break
            made_there = self.respond(*self.inputs(tried))
            progress = np.abs(off).max() / max(np.abs(made_there - tried).max(), 1e-300)
            if progress < 0.5 and step > 1e-3:
                step /= 4
                continue
            rates, made, step = tried, made_there, min(step * min(max(progress, 1.0), 2.0), 1e9)
        # Far below threshold a rate is exact only as what the others make of it.
        settled: FloatArray = np.where(rates < 1e-6, made, rates)
        return settled

    def _residual(self, log_rates: FloatArray) -> FloatArray:
        """Logarithms of what the rates make over what they are."""
        mu, sigma = self.inputs(np.exp(np.clip(log_rates, -700, 25)))
        made = [float(log_rate(neuron, m, s)) for neuron, m, s in zip(self.neurons, mu, sigma, strict=True)]
        residual: FloatArray = np.maximum(np.array(made), -1e4) - log_rates
        return residual

    def _jacobian(self, log_rates: FloatArray) -> FloatArray:
        rates = np.exp(np.clip(log_rates, -700, 25))
        phi = np.maximum(self.respond(*self.inputs(rates)), 1e-300)
        jacobian: FloatArray = self._slopes(rates) * rates[None, :] / phi[:, None] - np.eye(self.size)
        return jacobian

    def _slopes(self, rates: FloatArray) -> FloatArray:
        """(P, P): d Phi_i / d r_j through mean and noise."""
        mu, sigma = self.inputs(rates)
        pairs = list(zip(self.neurons, mu, sigma, strict=True))
        to_mu = np.array([float(rate_slope_mu(*pair)) for pair in pairs])
        to_sigma = np.array([float(rate_slope_sigma(*pair)) for pair in pairs])
        noise = self.drive * np.asarray(self.weights) / (2 * np.maximum(sigma, 1e-300)[:, None])
        # At rheobase without noise there is no slope; a search goes on with 0.
        slopes: FloatArray = np.nan_to_num(to_mu)[:, None] * self.drive + to_sigma[:, None] * noise
        return slopes


@dataclass(frozen=True, eq=False)
class WorkingPoint:
    """A network at rest: rates [Hz] and the inputs [V] that they and the outside make, each (P,)."""

    network: MeanField
    rates: FloatArray
    mu: FloatArray
    sigma: FloatArray


def poisson_input(neuron: Neuron, degree: float, weight: float, spike_rate: float) -> tuple[float, float]:
    """(mu, sigma) [V] of ``degree`` independent Poisson inputs of ``spike_rate`` [Hz], ``weight`` [V] each.

    mu = tau K J r, sigma^2 = tau K J^2 r: what mu_ext (relative to the resting potential) and sigma_ext are made of.
    """
    for name, value, unit in (("degree", degree, ""), ("rate", spike_rate, "Hz"), ("weight", weight, "V")):
        if number(name, value, unit) < 0 and name != "weight":
            raise SpecError.rule(f"Poisson input's {name}", "zero or positive", f"{value:g}")
    mu = neuron.tau * degree * weight * spike_rate
    return mu, float(np.sqrt(neuron.tau * degree * spike_rate)) * abs(weight)


def inhibitory(gain: float, neuron: Neuron, mu: float, sigma: float, degree: int) -> MeanField:
    """One inhibitory population at the working point (mu, sigma) [V] whose loop has the static gain ``gain``.

    gain = K |J| tau dPhi/dmu gives J < 0; the external input is what the network's own leaves to be desired.
    """
    if not gain > 0:
        raise SpecError.rule("Loop gain", "positive", f"{gain:g}")
    return balanced((-gain,), (degree,), neuron, mu, sigma)


def balanced(gains: Sequence[float], degrees: Sequence[int], neuron: Neuron, mu: float, sigma: float) -> MeanField:
    """Populations of one kind of neuron that all hear the same, at the working point (mu, sigma) [V].

    ``gains``[j] = K_j J_j tau dPhi/dmu is what population j adds to the loop, negative if it inhibits: their sum is the
    gain of the loop.  SpecError when the network alone is noisier than sigma.
    """
    if len(gains) != len(degrees):
        raise SpecError.rule("Gains and degrees", "of one length", f"{len(gains)} and {len(degrees)}")
    if any(k < 1 for k in degrees):
        raise SpecError.rule("In-degree", "at least 1", min(degrees))
    if not sigma > 0:
        raise SpecError.rule("Working point sigma", "positive", f"{sigma:g} V")
    slope, r = float(rate_slope_mu(neuron, mu, sigma)), float(rate(neuron, mu, sigma))
    if not slope > 0:
        raise SpecError.rule("Working point", "one where the rate changes with mu", f"mu = {mu:g} V")
    k, g = np.asarray(degrees, dtype=np.float64), np.asarray(gains, dtype=np.float64)
    weights = g / (k * neuron.tau * slope)
    own = neuron.tau * r * float((k * weights**2).sum())
    if own > sigma**2:
        raise SpecError.rule("Noise of the network alone", f"at most sigma ({sigma:g} V)", f"{np.sqrt(own):g} V")
    size = len(gains)
    return MeanField(
        [neuron] * size,
        np.tile(k, (size, 1)),
        np.tile(weights, (size, 1)),
        np.full(size, mu - neuron.tau * r * float((k * weights).sum())),
        np.full(size, np.sqrt(sigma**2 - own)),
    )
