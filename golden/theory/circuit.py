"""Circuit units in and out: what a capacitor, a leak, a current and a noise density are to the theory, and back.

    C dV/dt = -g (V - E_L) + I:   tau = C / g,   mu = E_L + I / g,   rheobase g (V_th - E_L)
    white current noise of one-sided density S1 [A^2/Hz]:   sigma^2 = S1 / (2 g C),   free variance S1 / (4 g C)
    a leak's own thermal noise, S1 = 4 k T g:   free variance k T / C

(Johnson and Nyquist 1928.)  D = sigma^2 / 2 is the free variance.  Noise is white where its band reaches well beyond
1 / tau; an OTA's leak is noisier than its conductance (docs/noise.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.constants import Boltzmann
from scipy.optimize import brentq

from golden.errors import SpecError
from golden.neurons.lif import LIFNeuron
from golden.theory.neuron import Neuron, finite
from golden.theory.rate import log_rate, noise_free_rate
from golden.theory.resonance import optimal_noise

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from golden.neurons.lif import FloatArray
    from golden.theory.resonance import Measure

#: [K], 27 degrees Celsius: SPICE's.
ROOM = 300.15
#: Means and noises between which an inverse is looked for [V_th - V_reset].
_FAR = 1e3


@dataclass(frozen=True, kw_only=True)
class Circuit:
    """A LIF neuron's circuit: C [F], g [S], potentials [V], t_ref [s]; rules and errors as of LIFNeuron."""

    C: float
    g: float
    E_L: float
    V_th: float
    V_reset: float
    t_ref: float = 0.0

    def __post_init__(self) -> None:
        LIFNeuron(C_m=self.C, g_L=self.g, E_L=self.E_L, V_th=self.V_th, V_reset=self.V_reset, t_ref=self.t_ref)

    @classmethod
    def of(cls, neuron: LIFNeuron) -> Circuit:
        """The circuit of one LIF neuron without tau_syn."""
        Neuron.of(neuron)
        one = neuron[0]
        values = {"C": one.C_m, "g": one.g_L, "E_L": one.E_L, "V_th": one.V_th, "V_reset": one.V_reset}
        return cls(**{name: float(value) for name, value in values.items()}, t_ref=float(one.t_ref))

    @property
    def neuron(self) -> Neuron:
        """The theory's neuron."""
        return Neuron(tau=self.C / self.g, V_th=self.V_th, V_reset=self.V_reset, t_ref=self.t_ref)

    @property
    def rheobase(self) -> float:
        """g (V_th - E_L) [A]."""
        return self.g * (self.V_th - self.E_L)

    def mu(self, current: ArrayLike) -> FloatArray:
        """Mean input [V] of a current [A]."""
        mu: FloatArray = self.E_L + finite("current", current, "A") / self.g
        return mu

    def current(self, mu: ArrayLike) -> FloatArray:
        """Bias current [A] for a mean input [V]."""
        current: FloatArray = self.g * (finite("mu", mu, "V") - self.E_L)
        return current

    def sigma(self, density: ArrayLike) -> FloatArray:
        """Noise [V] of a one-sided current noise density [A^2/Hz]."""
        return np.sqrt(_not_negative("noise density", density, "A^2/Hz") / (2 * self.g * self.C))

    def density(self, sigma: ArrayLike) -> FloatArray:
        """One-sided current noise density [A^2/Hz] that a noise source must have for sigma [V]."""
        density: FloatArray = 2 * self.g * self.C * _not_negative("sigma", sigma, "V") ** 2
        return density

    def thermal_density(self, kelvin: float = ROOM) -> float:
        """4 k T g [A^2/Hz]: what a resistor in the leak's place has by itself."""
        return float(4 * Boltzmann * _temperature(kelvin) * self.g)

    def thermal_variance(self, kelvin: float = ROOM) -> float:
        """k T / C [V^2] of the free membrane."""
        return float(Boltzmann * _temperature(kelvin) / self.C)

    def thermal_sigma(self, kelvin: float = ROOM) -> float:
        """sigma [V] of k T / C: its square root times sqrt(2)."""
        return math.sqrt(2 * self.thermal_variance(kelvin))

    def optimal_density(self, current: float, frequency: float, measure: Measure) -> float:
        """Noise density [A^2/Hz] at which a weak signal of ``frequency`` [Hz] passes best (golden.theory.resonance)."""
        best = optimal_noise(self.neuron, float(self.mu(current)), frequency, measure)
        return 4 * self.g * self.C * best

    def current_for(self, rate: float, density: float = 0.0) -> float:
        """Bias current [A] at which the neuron fires at ``rate`` [Hz] with noise of ``density`` [A^2/Hz].

        SpecError for a rate that is not between 0 and 1 / t_ref.
        """
        self._check_rate(rate)
        sigma, neuron = float(self.sigma(density)), self.neuron
        span = neuron.span * _FAR
        if sigma == 0:
            # 1 / rate = t_ref + tau ln((mu - V_reset) / (mu - V_th))
            growth = math.expm1((1 / rate - neuron.t_ref) / neuron.tau)
            return float(self.current(neuron.V_th + neuron.span / growth))
        wanted = math.log(rate)
        low, high = neuron.V_reset - 40 * sigma - span, neuron.V_th + span
        while float(log_rate(neuron, high, sigma)) < wanted:
            high = neuron.V_th + 10 * (high - neuron.V_th)
        mu = brentq(lambda m: float(log_rate(neuron, m, sigma)) - wanted, low, high, xtol=1e-15, rtol=1e-14)
        return float(self.current(mu))

    def density_for(self, rate: float, current: float) -> float:
        """Noise density [A^2/Hz] with which a current [A] makes the neuron fire at ``rate`` [Hz].

        Above rheobase the rate without noise may be more already: SpecError for a rate that noise does not bring.
        """
        self._check_rate(rate)
        neuron, mu = self.neuron, float(self.mu(current))
        if rate <= float(noise_free_rate(neuron, mu)):
            base = float(noise_free_rate(neuron, mu))
            raise SpecError.rule("Rate", f"above that without noise ({base:g} Hz)", f"{rate:g} Hz")
        wanted, low, high = math.log(rate), neuron.span * 1e-3, neuron.span

        def excess(log_sigma: float) -> float:
            return float(log_rate(neuron, mu, math.exp(log_sigma))) - wanted

        while excess(math.log(high)) < 0:
            high *= 4
        while excess(math.log(low)) > 0:
            low /= 4
        sigma = math.exp(brentq(excess, math.log(low), math.log(high), xtol=1e-14))
        return float(self.density(sigma))

    def _check_rate(self, rate: float) -> None:
        most = 1 / self.t_ref if self.t_ref > 0 else math.inf
        if not 0 < rate < most:
            raise SpecError.rule("Rate", f"above 0 and below 1 / t_ref ({most:g} Hz)", f"{rate:g} Hz")


def swing_for_thermal_noise(noise: float, capacitance: float, kelvin: float = ROOM) -> float:
    """Swing V_th - V_reset [V] at which k T / C alone is D = ``noise`` [swing^2].

    At 100 fF and D* = 0.008048 that is 2.3 mV: a circuit's swing is a hundred times that, so its noise is injected.
    """
    for name, value, unit in (("noise", noise, "swing^2"), ("capacitance", capacitance, "F")):
        if not (math.isfinite(value) and value > 0):
            raise SpecError.rule(f"Input {name}", "positive", f"{value:g} {unit}")
    return math.sqrt(Boltzmann * _temperature(kelvin) / capacitance / noise)


def _not_negative(name: str, value: ArrayLike, unit: str) -> FloatArray:
    array = finite(name, value, unit)
    if (array < 0).any():
        raise SpecError.rule(f"Input {name}", "zero or positive", f"{array.min():g} {unit}")
    return array


def _temperature(kelvin: float) -> float:
    if not (math.isfinite(kelvin) and kelvin >= 0):
        raise SpecError.rule("Temperature", "zero or positive", f"{kelvin:g} K")
    return kelvin
