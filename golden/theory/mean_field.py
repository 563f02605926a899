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
from golden.theory.neuron import Neuron, finite
from golden.theory.rate import log_rate, rate, rate_slope_mu, rate_slope_sigma

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from golden.neurons.lif import FloatArray

#: Largest relative residual of a solution, and the rates [Hz] from which a search starts.
_RESIDUAL, _STARTS = 1e-10, (5.0, 0.1, 50.0, 200.0, 1e-6)


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
        """Rates that reproduce themselves, to 1e-10; SpecError when none is found.

        There may be several: ``start`` (P,) [Hz] says near which to look; by default from a few common rates, lowest
        asynchronous state first.
        """
        starts = [np.full(self.size, r) for r in _STARTS] if start is None else [finite("start", start, "Hz")]
        for first in starts:
            if first.shape != (self.size,):
                raise SpecError.rule("Start", f"of shape ({self.size},)", f"of shape {first.shape}")
            found = root(
                self._residual,
                np.log(np.maximum(first, 1e-300)),
                jac=self._jacobian,
                method="hybr",
                options={"xtol": 1e-14},
            )
            rates = np.exp(found.x)
            if np.isfinite(rates).all() and np.abs(self._residual(found.x)).max() < _RESIDUAL:
                mu, sigma = self.inputs(rates)
                return WorkingPoint(self, rates, mu, sigma)
        raise SpecError("Network must have a self-consistent rate near the start, not none within 1e-10")

    def _residual(self, log_rates: FloatArray) -> FloatArray:
        """Logarithms of what the rates make over what they are."""
        mu, sigma = self.inputs(np.exp(np.clip(log_rates, -700, 25)))
        made = [float(log_rate(neuron, m, s)) for neuron, m, s in zip(self.neurons, mu, sigma, strict=True)]
        residual: FloatArray = np.maximum(np.array(made), -1e4) - log_rates
        return residual

    def _jacobian(self, log_rates: FloatArray) -> FloatArray:
        rates = np.exp(np.clip(log_rates, -700, 25))
        mu, sigma = self.inputs(rates)
        phi = np.maximum(self.respond(mu, sigma), 1e-300)
        pairs = list(zip(self.neurons, mu, sigma, strict=True))
        to_mu = np.array([float(rate_slope_mu(*pair)) for pair in pairs])
        to_sigma = np.array([float(rate_slope_sigma(*pair)) for pair in pairs])
        noise = self.drive * np.asarray(self.weights) / (2 * np.maximum(sigma, 1e-300)[:, None])
        change = to_mu[:, None] * self.drive + to_sigma[:, None] * noise
        jacobian: FloatArray = change * rates[None, :] / phi[:, None] - np.eye(self.size)
        return jacobian


@dataclass(frozen=True, eq=False)
class WorkingPoint:
    """A network at rest: rates [Hz] and the inputs [V] that they and the outside make, each (P,)."""

    network: MeanField
    rates: FloatArray
    mu: FloatArray
    sigma: FloatArray


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
    slope, r = float(rate_slope_mu(neuron, mu, sigma)), float(rate(neuron, mu, sigma))
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
