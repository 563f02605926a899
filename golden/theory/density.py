"""The stationary density of the membrane potential.

    p(V) = (2 r0 tau / sigma) exp(-y^2) Int_max(y, yr)^yt exp(x^2) dx,   y = (V - mu) / sigma

Its integral is 1 - r0 t_ref: the rest of the population is refractory.
Source: Brunel, J. Comput. Neurosci. 8 (2000), eq. 19.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from golden.errors import SpecError
from golden.theory.neuron import finite, inputs
from golden.theory.passage import Passage, growth, is_noisy

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from golden.neurons.lif import FloatArray
    from golden.theory.neuron import Neuron


def stationary_density(neuron: Neuron, mu: ArrayLike, sigma: ArrayLike, v: ArrayLike) -> FloatArray:
    """p(v) [1/V] of neurons that are not refractory; 0 from V_th on.  mu, sigma and v broadcast.

    Valid for every sigma > 0 that can be told from none.  Relative error 1e-12, and what a last bit of y makes of
    exp(-y^2): 2 y^2 of them far from mu.
    """
    m, s = inputs(mu, sigma, noisy=True)
    try:
        m, s, at = np.broadcast_arrays(m, s, finite("v", v, "V"))
    except ValueError:
        raise SpecError.rule("Input and v", "of shapes that broadcast", f"{m.shape} and {np.shape(v)}") from None
    if not is_noisy(neuron, m, s).all():
        raise SpecError.rule("Input sigma", "large enough to spread a density", f"{s.min():g} V")
    passage = Passage.of(neuron, m.ravel(), s.ravel())
    y = np.minimum((at.ravel() - m.ravel()) / s.ravel(), passage.top)
    lower = np.maximum(y, passage.bottom)
    # r0 = passage.damped exp(-E) with E = max(yt, 0)^2: what the integral grows by is what the rate is small by.
    exponent = np.maximum(passage.exponent, np.maximum(lower**2, passage.top**2))
    grown = growth(lower, passage.top, exponent)
    with np.errstate(under="ignore"):
        # exp(-E - y^2) Int = exp(exponent - E - y^2) x grown
        density = (
            2 * passage.damped(neuron) * neuron.tau / s.ravel() * np.exp(exponent - passage.exponent - y**2) * grown
        )
    return np.where(at.ravel() < neuron.V_th, density, 0.0).reshape(at.shape)
