"""The analog branch: neurons as circuits in ngspice.

    trace = analog.simulate(network, stimulus, AnalogSettings(), setup=NgspiceSetup(library))

See docs/analog.md for the circuits, the mapping and the derivation of the timing tolerance.
"""

from analog.ngspice import NgspiceSetup
from analog.reference import Reference, reference
from analog.settings import AnalogSettings, SolverOptions
from analog.simulation import deck, simulate
from analog.tolerance import TimingTolerance, timing_tolerance

__all__ = [
    "AnalogSettings",
    "NgspiceSetup",
    "Reference",
    "SolverOptions",
    "TimingTolerance",
    "deck",
    "reference",
    "simulate",
    "timing_tolerance",
]
