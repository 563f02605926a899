"""The demonstration: a handwritten digit drives 64 neurons, one per pixel, on every machine.

The digit is a real one, from the UCI test set that scikit-learn carries (Alpaydin & Kaynak 1998): 8 x 8 pixels of
0..16.  A pixel's current is proportional to its intensity, so bright pixels fire first: a first-spike latency code
(Thorpe, Delorme & Van Rullen, Neural Networks 14, 2001).
"""

from __future__ import annotations

import numpy as np

from golden.errors import MissingToolError, SpecError
from golden.neurons.lif import LIFNeuron
from sim_harness.experiment import Experiment
from sim_harness.report.page import Picture

#: Machines the demonstration compares.
ENGINES = ("exact", "stepped", "integer", "ngspice", "icarus", "verilator")
#: Current of the brightest pixel, in rheobases.
_BRIGHTEST = 3.0

_NEURON = {"C_m": 200e-12, "tau_m": 20e-3, "E_L": -65e-3, "V_th": -50e-3, "V_reset": -65e-3, "t_ref": 2e-3}


def digit_experiment(index: int = 0, duration: float = 60e-3, dt: float = 1e-4) -> tuple[Experiment, Picture]:
    """The experiment for one digit of the data set, and the picture that goes with its report."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise MissingToolError(
            "scikit-learn must be installed for the demonstration, not missing; install it with: "
            "pip install 'axonhillock[demo]'"
        ) from None
    digits = load_digits()
    if not 0 <= index < len(digits.images):
        raise SpecError.rule("Digit", f"an index of 0 to {len(digits.images) - 1}", index)
    pixels = digits.images[index] / 16.0
    rheobase = LIFNeuron.from_dict(_NEURON).rheobase
    label = int(digits.target[index])
    tables = {
        "name": f"A handwritten {label} on every machine",
        "neuron": _NEURON,
        "population": {"size": pixels.size},
        "run": {"duration": duration, "dt": dt, "record": [int(np.argmax(pixels))]},
        "stimulus": {"kind": "constant", "amplitude": (_BRIGHTEST * rheobase * pixels.ravel()).tolist()},
        "fixed": {"format": "24.16", "rounding": "nearest"},
        "analog": {"acceleration": 1e4},
    }
    return Experiment.from_tables(tables), Picture(pixels, f"the digit ({label})")
