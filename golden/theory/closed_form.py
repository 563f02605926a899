"""The closed forms of responses and spectra, by parabolic cylinder functions of complex order in mpmath.

    chi(w) = (sqrt(2) r0 / sigma) / (1 + i w tau) [Psi'(xt) - Psi'(xr)] / [Psi(xt) - exp(-i w t_ref) Psi(xr)]
    Psi(z, x) = exp(x^2 / 4) U(z, -x),  z = -1/2 + i w tau,  x = sqrt(2) (V - mu) / sigma

Sources: Brunel, Chance, Fourcaud and Abbott, Phys. Rev. Lett. 86 (2001); Lindner and Schimansky-Geier, Phys. Rev.
Lett. 86 (2001), who also have the response to noise; Schuecker, Diesmann and Helias, Phys. Rev. E 92 (2015). The factor
exp(-i w t_ref), which some implementations drop, can be more than the answer itself.

The reference for ``threshold_integration``: 50 to 500 ms a frequency, any precision; for scalars, sigma > 0, f > 0.
"""

from __future__ import annotations

from typing import Any

import mpmath

from golden.errors import SpecError
from golden.theory.neuron import Neuron, frequencies, inputs, number

#: Digits of the arithmetic; results have some 15 less where high frequencies cancel.
DIGITS = 40


def response_mu(neuron: Neuron, mu: float, sigma: float, frequency: float) -> complex:
    """chi(f) [Hz/V], to the mean input; sign exp(+i w t)."""
    return _response(neuron, mu, sigma, frequency, 1)


def response_sigma(neuron: Neuron, mu: float, sigma: float, frequency: float) -> complex:
    """The response [Hz/V] to the noise: as chi, with (2 r0 / sigma) / (2 + i w tau) and second derivatives of Psi."""
    return _response(neuron, mu, sigma, frequency, 2)


def interval_transform(neuron: Neuron, mu: float, sigma: float, frequency: float) -> complex:
    """Mean of exp(-i w T): exp(-i w t_ref) Psi(xr) / Psi(xt)."""
    with mpmath.workdps(DIGITS):
        z, top, bottom, late = _arguments(neuron, mu, sigma, frequency)
        return complex(late * _psi(z, bottom) / _psi(z, top))


def spectrum(neuron: Neuron, mu: float, sigma: float, frequency: float) -> float:
    """S(f) [Hz], two-sided: r0 (1 - |g|^2) / |1 - g|^2."""
    with mpmath.workdps(DIGITS):
        z, top, bottom, late = _arguments(neuron, mu, sigma, frequency)
        g = late * _psi(z, bottom) / _psi(z, top)
        return float(_rate(neuron, mu, sigma) * (1 - abs(g) ** 2) / abs(1 - g) ** 2)


def rate(neuron: Neuron, mu: float, sigma: float) -> float:
    """Siegert's rate [Hz] by quadrature of its integral as it is written."""
    with mpmath.workdps(DIGITS):
        return float(_rate(neuron, mu, sigma))


def _rate(neuron: Neuron, mu: float, sigma: float) -> Any:
    _check(mu, sigma)
    top, bottom = ((mpmath.mpf(v) - mu) / sigma for v in (neuron.V_th, neuron.V_reset))
    near = [top - mpmath.mpf(k) / (2 * abs(top) + 1) for k in (30, 10, 3, 1)]
    points = [bottom, *(p for p in near if p > bottom), top]
    integral = mpmath.quad(lambda s: mpmath.exp(s * s) * mpmath.erfc(-s), points)
    return 1 / (mpmath.mpf(neuron.t_ref) + neuron.tau * mpmath.sqrt(mpmath.pi) * integral)


def _response(neuron: Neuron, mu: float, sigma: float, frequency: float, order: int) -> complex:
    with mpmath.workdps(DIGITS):
        z, top, bottom, late = _arguments(neuron, mu, sigma, frequency)
        w = z + mpmath.mpf(1) / 2
        factor = w if order == 1 else w * (w + 1)  # d/dx Psi(z) = (z + 1/2) Psi(z + 1)
        change = factor * (_psi(z + order, top) - _psi(z + order, bottom))
        scale = mpmath.sqrt(2) if order == 1 else 2
        front = scale * _rate(neuron, mu, sigma) / sigma / (order + w)
        return complex(front * change / (_psi(z, top) - late * _psi(z, bottom)))


def _arguments(neuron: Neuron, mu: float, sigma: float, frequency: float) -> tuple[Any, Any, Any, Any]:
    _check(mu, sigma)
    f = float(frequencies(number("frequency", frequency, "Hz")))
    if f == 0:
        raise SpecError.rule("Frequency of a closed form", "positive (at 0 it is the rate's slope)", "0 Hz")
    w = 2 * mpmath.pi * f
    top, bottom = (mpmath.sqrt(2) * (mpmath.mpf(v) - mu) / sigma for v in (neuron.V_th, neuron.V_reset))
    z = mpmath.mpc(mpmath.mpf(-1) / 2, w * neuron.tau)
    return z, top, bottom, mpmath.exp(mpmath.mpc(0, -w * neuron.t_ref))


def _check(mu: float, sigma: float) -> None:
    inputs(number("mu", mu, "V"), number("sigma", sigma, "V"), noisy=True)


def _psi(z: Any, x: Any) -> Any:
    return mpmath.exp(x * x / 4) * mpmath.pcfu(z, -x)
