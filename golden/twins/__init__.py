"""Golden twins: what a neuron's circuit does, in closed form or as one small differential equation.

A twin is a frozen dataclass of the circuit's physical parameters: the ideal ones, and the circuit's own deviations from
them (saturating leak, comparator delay, charge that the reset leaves behind).  `fit` finds the deviations from a few
simulated periods; `tests` and data sheets hold the twin against periods that it has not seen.
"""

from golden.twins.fit import Twin, fit
from golden.twins.samples import Fit, fit_samples

__all__ = ["Fit", "Twin", "fit", "fit_samples"]
