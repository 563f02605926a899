"""The configurations whose Verilog is committed under rtl/verilog, and measured on FPGAs: one table for all."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from digital.lif_core import LIFCoreConfig
from golden.fixed import Format
from golden.neurons.lif_fixed import FixedLIF, LIFFormat


def blank(size: int, fmt: LIFFormat) -> FixedLIF:
    """Neurons of a structure whose parameters are all 0 until the host loads them."""
    return FixedLIF(fmt, size, {name: np.asarray(0, dtype=np.int64) for name in fmt.parameters})


#: Name of the Verilog file -> core.
DESIGNS: Mapping[str, LIFCoreConfig] = {
    # The reference: exponential synapses, leak by multiplication, one set of parameters for all.
    "lif_256x16": LIFCoreConfig(blank(256, LIFFormat(v=Format(16, 8), synapse="exponential"))),
    # No multiplier at all: leak by shifting, charges for synapses, reset by subtraction.
    "lif_256x16_shift": LIFCoreConfig(
        blank(
            256,
            LIFFormat(v=Format(16, 8), leak="shift", leak_rounding="toward_zero", reset="subtract", synapse="delta"),
        )
    ),
    # Every neuron its own parameters, precise enough for small currents, with the port that shows every update.
    "lif_64x24_each": LIFCoreConfig(
        blank(64, LIFFormat(v=Format(24, 16), synapse="exponential")), per_neuron=True, retire=True
    ),
}
