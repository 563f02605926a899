"""Circuit units in and out: what a capacitor, a leak, a current and a noise density are to the theory, and back.

    C dV/dt = -g (V - E_L) + I:   tau = C / g,   mu = E_L + I / g,   rheobase g (V_th - E_L)
    white current noise of one-sided density S1 [A^2/Hz]:   sigma^2 = S1 / (2 g C),   free variance S1 / (4 g C)
    a leak's own thermal noise, S1 = 4 k T g:   free variance k T / C

(Johnson and Nyquist 1928.)  D = sigma^2 / 2 is the free variance.  Dimensionless studies have the swing V_th - V_reset
as their unit: D there, times the square of a circuit's swing, is D in V^2.

Valid for noise that is white well beyond 1 / tau; an OTA's leak is noisier than its conductance (docs/noise.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
from scipy.constants import Boltzmann
from scipy.optimize import brentq

from golden.errors import SpecError
from golden.neurons.lif import LIFNeuron
from golden.theory.neuron import Neuron, finite, number
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
#: Last bits of a potential that the mean input must be away from threshold, for a rate of it to mean something.
_RESOLVED = 1e3


@dataclass(frozen=True, kw_only=True)
class Circuit:
    """A LIF neuron's circuit: C [F], g [S], potentials [V], t_ref [s]; one number each, rules as of LIFNeuron."""

    C: float
    g: float
    E_L: float
    V_th: float
    V_reset: float
    t_ref: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            if np.ndim(value := getattr(self, field.name)):
                raise SpecError.rule(f"Circuit {field.name}", "one number", f"an array of shape {np.shape(value)}")
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

    def variance(self, density: ArrayLike) -> FloatArray:
        """Variance D = S1 / (4 g C) [V^2] of the free membrane under a one-sided current noise density [A^2/Hz]."""
        variance: FloatArray = _not_negative("noise density", density, "A^2/Hz") / (4 * self.g * self.C)
        return variance

    def noise(self, density: ArrayLike) -> FloatArray:
        """The same in units of swing^2, as dimensionless studies have it."""
        noise: FloatArray = self.variance(density) / self.neuron.span**2
        return noise

    def density_of(self, noise: ArrayLike) -> FloatArray:
        """Inverse of ``noise``: density [A^2/Hz] of the source that gives a D in units of swing^2."""
        density: FloatArray = 4 * self.g * self.C * self.neuron.span**2 * _not_negative("noise", noise, "swing^2")
        return density

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
        mu = self.E_L + number("current", current, "A") / self.g
        return 4 * self.g * self.C * optimal_noise(self.neuron, mu, number("frequency", frequency, "Hz"), measure)

    def current_for(self, rate: float, density: float = 0.0) -> float:
        """Bias current [A] at which the neuron fires at ``rate`` [Hz] with noise of ``density`` [A^2/Hz].

        It is as good as a potential's last bit is small beside sigma; a noise below that bit is none.
        SpecError for a rate that is not between 0 and 1 / t_ref, and without noise for one so low that float64 does not
        tell its current from rheobase (some thirty tau between spikes).
        """
        wanted, neuron = self._checked(rate), self.neuron
        sigma = float(self.sigma(number("noise density", density, "A^2/Hz")))
        bit = float(np.spacing(max(abs(self.V_th), abs(self.V_reset), abs(self.E_L))))
        if sigma <= bit:
            # 1 / rate = t_ref + tau ln((mu - V_reset) / (mu - V_th))
            slowest = 1 / (neuron.t_ref + neuron.tau * math.log1p(neuron.span / (_RESOLVED * bit)))
            if wanted < slowest:
                raise SpecError.rule("Rate without noise", f"at least {slowest:.6g} Hz", f"{wanted:g} Hz")
            growth = math.expm1((1 / wanted - neuron.t_ref) / neuron.tau)
            return float(self.current(neuron.V_th + neuron.span / growth))
        span, log_wanted = neuron.span * _FAR, math.log(wanted)
        low, high = neuron.V_reset - 40 * sigma - span, neuron.V_th + span
        while float(log_rate(neuron, high, sigma)) < log_wanted:
            high = neuron.V_th + 10 * (high - neuron.V_th)
        # From threshold on: a mean input's own last bits are not those of its distance.
        below, above = low - neuron.V_th, high - neuron.V_th

        def excess(x: float) -> float:
            return float(log_rate(neuron, neuron.V_th + x, sigma)) - log_wanted

        fine = max(1e-14 * min(sigma, neuron.span), bit / 16)
        mu = neuron.V_th + brentq(excess, below, above, xtol=fine, rtol=1e-14)
        return float(self.current(mu))

    def density_for(self, rate: float, current: float) -> float:
        """Noise density [A^2/Hz] with which a current [A] makes the neuron fire at ``rate`` [Hz].

        Noise only raises a rate: SpecError for one that is not above that without noise.
        """
        wanted, neuron = self._checked(rate), self.neuron
        mu = self.E_L + number("current", current, "A") / self.g
        base = float(noise_free_rate(neuron, mu))
        if wanted <= base:
            raise SpecError.rule("Rate", f"above that without noise ({base:g} Hz)", f"{wanted:g} Hz")
        log_wanted, low, high = math.log(wanted), neuron.span * 1e-3, neuron.span

        def excess(log_sigma: float) -> float:
            return float(log_rate(neuron, mu, math.exp(log_sigma))) - log_wanted

        while excess(math.log(high)) < 0:
            high *= 4
        while excess(math.log(low)) > 0:
            low /= 4
        sigma = math.exp(brentq(excess, math.log(low), math.log(high), xtol=1e-14))
        return float(self.density(sigma))

    def _checked(self, rate: float) -> float:
        wanted = number("rate", rate, "Hz")
        most = 1 / self.t_ref if self.t_ref > 0 else math.inf
        if not 0 < wanted < most:
            raise SpecError.rule("Rate", f"above 0 and below 1 / t_ref ({most:g} Hz)", f"{wanted:g} Hz")
        return wanted


def swing_for_thermal_noise(noise: float, capacitance: float, kelvin: float = ROOM) -> float:
    """Swing V_th - V_reset [V] at which k T / C alone is D = ``noise`` [swing^2].

    At 100 fF and D* = 0.008048 that is 2.3 mV: a circuit's swing is a hundred times that, so its noise is injected.
    """
    for name, value, unit in (("noise", noise, "swing^2"), ("capacitance", capacitance, "F")):
        if number(name, value, unit) <= 0:
            raise SpecError.rule(f"Input {name}", "positive", f"{value:g} {unit}")
    return math.sqrt(Boltzmann * _temperature(kelvin) / capacitance / noise)


def _not_negative(name: str, value: ArrayLike, unit: str) -> FloatArray:
    array = finite(name, value, unit)
    if (array < 0).any():
        raise SpecError.rule(f"Input {name}", "zero or positive", f"{array.min():g} {unit}")
    return array


def _temperature(kelvin: float) -> float:
    temperature = number("temperature", kelvin, "K")
    if temperature < 0:
        raise SpecError.rule("Temperature", "zero or positive", f"{temperature:g} K")
    return temperature
