"""One time step as four numbers: what forward Euler and exponential Euler do, and whether they may.

Both schemes have the form, with the input spikes of the step already added to i,

    v' = E_L + leak (v - E_L) + gain (I + i)        i' = leak_syn i

where exponential Euler is the exact propagator for a constant current (and for an exponential synaptic
current, with its own gain), and forward Euler its first order.  Source: Rotter & Diesmann, Biol. Cybern. 81
(1999), sec. 3.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from golden.errors import SpecError
from golden.fixed import snap

if TYPE_CHECKING:
    from golden.neurons.lif import FloatArray, LIFNeuron

Scheme = Literal["exponential", "euler"]
SCHEMES: tuple[str, ...] = get_args(Scheme)


@dataclass(frozen=True, eq=False)
class Propagator:
    """The numbers of one step of ``dt`` for every neuron (arrays of one length).

    leak       factor of v - E_L;  ``gain`` [V/A] of a constant current over the step
    gain_syn   [V/A] of the synaptic current at the start of the step; for charges [V/C]
    leak_syn   factor of the synaptic current; 0 without tau_syn (a charge acts once)
    """

    dt: float
    leak: FloatArray
    gain: FloatArray
    gain_syn: FloatArray
    leak_syn: FloatArray

    @classmethod
    def of(cls, neurons: LIFNeuron, dt: float, scheme: Scheme = "exponential") -> Propagator:
        """Propagator of a population (every field an array)."""
        if not (np.isfinite(dt) and dt > 0):
            raise SpecError.rule("Time step dt", "positive", f"{dt:g} s")
        if scheme not in SCHEMES:
            raise SpecError.rule("Scheme", f"one of {', '.join(SCHEMES)}", repr(scheme))
        tau, resistance = np.asarray(neurons.tau_m), np.asarray(neurons.R)
        q = dt / tau
        leak = np.exp(-q) if scheme == "exponential" else 1 - q
        gain = resistance * (-np.expm1(-q) if scheme == "exponential" else q)
        if neurons.tau_syn is None:
            return cls(dt, leak, gain, leak / np.asarray(neurons.C_m), np.zeros_like(leak))
        tau_syn = np.asarray(neurons.tau_syn)
        if scheme == "euler":
            return cls(dt, leak, gain, resistance * q, 1 - dt / tau_syn)
        x = dt * (1 / tau - 1 / tau_syn)
        growth = np.where(np.abs(x) > 1e-300, np.expm1(x) / np.where(x == 0, 1, x), 1.0)
        return cls(dt, leak, gain, resistance * q * leak * growth, np.exp(-dt / tau_syn))


@dataclass(frozen=True)
class Stability:
    """What a step of ``q = dt / tau`` does to a perturbation.

    verdict   ``monotone`` (q <= 1), ``ringing`` (1 < q < 2), ``neutral`` (q = 2), ``divergent`` (q > 2) for
              forward Euler, whose factor is 1 - q; exponential Euler is always monotone
    """

    scheme: str
    q: float
    verdict: Literal["monotone", "ringing", "neutral", "divergent"]

    def __str__(self) -> str:
        return f"{self.scheme}: dt/tau = {self.q:.4g}, {self.verdict}"


def stability(neuron: LIFNeuron, dt: float, scheme: Scheme = "exponential") -> Stability:
    """The verdict for the fastest time constant (membrane or synapse) of a neuron or population."""
    taus = [np.min(neuron.tau_m)] + ([] if neuron.tau_syn is None else [np.min(neuron.tau_syn)])
    q = float(snap(dt / min(taus)))
    if scheme == "exponential" or q <= 1:
        return Stability(scheme, q, "monotone")
    if q == 2:
        return Stability(scheme, q, "neutral")
    return Stability(scheme, q, "ringing" if q < 2 else "divergent")
