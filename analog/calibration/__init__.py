"""Calibration: the codes of each neuron's parameters at which its circuit does what was asked for.

parameters   what can be set (codes of converters), and the circuit that codes make
observables  what is measured on a circuit, with the noise of a readout
search       binary search and prediction, and how well they did
files        codes on disk, for a network of circuits
"""

from analog.calibration.files import load, save
from analog.calibration.observables import Readout
from analog.calibration.parameters import LIMITS, Targets
from analog.calibration.search import Calibration, calibrate

__all__ = ["LIMITS", "Calibration", "Readout", "Targets", "calibrate", "load", "save"]
