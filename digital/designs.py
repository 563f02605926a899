"""The configurations whose Verilog is committed under rtl/verilog, and measured on FPGAs: one table for all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import numpy as np

from digital.lif_core import LIFCoreConfig
from digital.truenorth.config import CoreConfig
from golden.fixed import Format
from golden.neurons.lif_fixed import FixedLIF, LIFFormat

if TYPE_CHECKING:
    from amaranth.lib import wiring


class Design(Protocol):
    """A core of some sizes: the name of its Verilog module, its ports beside clk and rst, its text."""

    @property
    def module(self) -> str: ...

    @property
    def ports(self) -> Mapping[str, wiring.Member]: ...

    def verilog(self) -> str: ...


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

TRUENORTH: Mapping[str, CoreConfig] = {
    # The core of the chip: 256 axons x 256 neurons, one synaptic event a clock.
    "truenorth_256x256": CoreConfig(),
}

ALL: Mapping[str, Design] = {**DESIGNS, **TRUENORTH}
