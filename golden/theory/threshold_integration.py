"""Responses, spectra and intervals of a noisy LIF neuron by threshold integration.

Richardson (Phys. Rev. E 76, 2007; Biol. Cybern. 99, 2008) integrates the Fokker-Planck equation of one frequency from
the threshold, where the density is 0 and the flux is the rate, down to where nothing is left. Here a cell is no step of
first order but a Taylor series to the last bit (``threshold_kernel``), so a few hundred cells give thirteen digits.

Sign: exp(+i w t), so a lag is a negative phase.  Spectra are two-sided: S(inf) = r0.  mu, sigma, frequency broadcast.
Valid for sigma > 0 as long as a march takes at most a million cells: (V_th - V_reset) / sigma up to some thousands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from golden.errors import SpecError
from golden.theory.neuron import frequencies, inputs
from golden.theory.passage import Passage
from golden.theory.threshold_kernel import march

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from golden.neurons.lif import FloatArray
    from golden.theory.neuron import Neuron

ComplexArray: TypeAlias = NDArray[np.complexfloating[Any, Any]]

#: Most cells of a march.
_MOST_CELLS = 1e6
#: w tau that stands for 0 where a limit is needed: its square is below the last bit.
_ALMOST_ZERO = 1e-9


def response_mu(neuron: Neuron, mu: ArrayLike, sigma: ArrayLike, frequency: ArrayLike) -> ComplexArray:
    """chi(f) [Hz/V]: the rate's change when mu changes by exp(2 pi i f t); d rate / d mu at 0 Hz."""
    return _response(neuron, mu, sigma, frequency, 3)


def response_sigma(neuron: Neuron, mu: ArrayLike, sigma: ArrayLike, frequency: ArrayLike) -> ComplexArray:
    """The rate's change [Hz/V] when sigma changes by exp(2 pi i f t); tends to 2 r0 / sigma at high frequencies."""
    return _response(neuron, mu, sigma, frequency, 4)


def interval_transform(neuron: Neuron, mu: ArrayLike, sigma: ArrayLike, frequency: ArrayLike) -> ComplexArray:
    """Mean of exp(-2 pi i f T) over inter-spike intervals T, their characteristic function; to 1e-13, absolutely."""
    m, s, w = _broadcast(neuron, mu, sigma, frequency)
    out = solve(neuron, m, s, 1j * w)
    return 1 - 1j * w * out[..., 2] / (out[..., 0] + 1j * w * out[..., 1])


def spectrum(neuron: Neuron, mu: ArrayLike, sigma: ArrayLike, frequency: ArrayLike) -> FloatArray:
    """S(f) [Hz], two-sided, of the spike train: r0 (1 - |g|^2) / |1 - g|^2 of the transform g; r0 CV^2 at 0 Hz.

    The delta function at 0 Hz of the mean is left out.
    """
    m, s, w = _broadcast(neuron, mu, sigma, frequency)
    w = np.maximum(w, _ALMOST_ZERO)
    out = solve(neuron, m, s, 1j * w)
    inverse = (out[..., 0] + 1j * w * out[..., 1]) / (1j * w * out[..., 2])
    result: FloatArray = _rate(neuron, mu, sigma) * (2 * inverse.real - 1)
    return result


def rate(neuron: Neuron, mu: ArrayLike, sigma: ArrayLike) -> FloatArray:
    """Stationary rate [Hz], by the same march: Siegert's formula without a special function."""
    return _rate(neuron, mu, sigma)


def solve(
    neuron: Neuron, mu: FloatArray, sigma: FloatArray, s: ComplexArray, wanted: tuple[int, ...] = (1,)
) -> ComplexArray:
    """The march's five numbers (threshold_kernel) for arrays of one shape; s = i w tau, any complex number.

    Numbers 0 and 2 are always there, of the others those ``wanted``.
    """
    passage = Passage.of(neuron, mu, sigma)
    top, bottom = passage.top, passage.bottom
    low = -np.sqrt(np.minimum(bottom, 0) ** 2 + 42)
    steepest = 2 * np.maximum(np.abs(top), np.abs(low)) + np.sqrt(2 * np.abs(s)) + 4
    if ((cells := (top - low) * steepest / 2) > _MOST_CELLS).any():
        worst = int(np.argmax(cells))
        value = f"{sigma.flat[worst]:g} V"
        raise SpecError.rule("Input sigma", "large enough for a march (else the neuron is noise-free)", value)
    out: ComplexArray = np.empty((top.size, 5), np.complex128)
    refractory = np.full(top.size, neuron.t_ref / neuron.tau)
    march(np.ravel(top), np.ravel(bottom), refractory, np.ravel(s), np.array(wanted, np.int64), out)
    return out.reshape(*top.shape, 5)


def _rate(neuron: Neuron, mu: ArrayLike, sigma: ArrayLike) -> FloatArray:
    m, s = inputs(mu, sigma, noisy=True)
    out = solve(neuron, m, s, np.zeros(m.shape, np.complex128), ())
    result: FloatArray = out[..., 0].real / out[..., 2].real / neuron.tau
    return result


def _response(neuron: Neuron, mu: ArrayLike, sigma: ArrayLike, frequency: ArrayLike, answer: int) -> ComplexArray:
    m, s, w = _broadcast(neuron, mu, sigma, frequency)
    out = solve(neuron, m, s, 1j * w, (answer,))
    result: ComplexArray = -_rate(neuron, mu, sigma) / s * out[..., answer] / out[..., 2]
    return result


def _broadcast(
    neuron: Neuron, mu: ArrayLike, sigma: ArrayLike, frequency: ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray]:
    m, s = inputs(mu, sigma, noisy=True)
    w = 2 * np.pi * neuron.tau * frequencies(frequency)
    try:
        m, s, w = np.broadcast_arrays(m, s, w)
    except ValueError:
        shapes = f"{m.shape} and {w.shape}"
        raise SpecError.rule("Input and frequency", "of shapes that broadcast", shapes) from None
    return m, s, w
