"""What an RTL simulator is given: neurons, and the Verilog that claims to be them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from amaranth.hdl import Shape

from digital.lif_core import LIFCoreConfig
from golden.errors import SpecError
from golden.neurons.lif_fixed import PARAMETERS, FixedLIF

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from golden.fixed import IntArray
    from golden.integer import TickInputs

#: Kinds of command, in the order in which those of one tick are played.
HOST, EVENT, TICK = range(3)


@dataclass(frozen=True, eq=False)
class RtlDesign:
    """Neurons and the core that runs them.

    lif      structure, size and parameters; the parameters are written through the host port before the first tick
    verilog  a user's own Verilog with module ``lif_core`` and the ports of ``LIFCoreConfig.ports``; None: the
             generated core, with retire port. Without a port ``retire_valid`` only spikes can be compared
    name     what messages call the user's Verilog, such as its file name
    """

    lif: FixedLIF
    verilog: str | None = None
    name: str = "Verilog"

    def __post_init__(self) -> None:
        if self.verilog is None:
            return
        if not re.search(r"\bmodule\s+lif_core\b", self.bare):
            raise SpecError.rule(f"Verilog of {self.name}", "a module named lif_core", "one without it")
        for port in self.pins:
            if not re.search(rf"\b{port}\b", self.bare):
                raise SpecError.rule(f"Module lif_core of {self.name}", f"given a port {port}", "one without it")

    @cached_property
    def config(self) -> LIFCoreConfig:
        """Core of this structure. Its initial parameters are 0, so that one build serves all parameters."""
        blank = FixedLIF(self.lif.format, self.lif.size, dict.fromkeys(self.lif.format.parameters, np.asarray(0)))
        return LIFCoreConfig(blank, per_neuron=not self.lif.shared, retire=True)

    @cached_property
    def text(self) -> str:
        """The Verilog to simulate."""
        return self.config.verilog() if self.verilog is None else self.verilog

    @cached_property
    def bare(self) -> str:
        """The user's Verilog without comments."""
        return re.sub(r"//[^\n]*|/\*.*?\*/", " ", self.verilog or "", flags=re.DOTALL)

    @property
    def has_retire(self) -> bool:
        """Whether states can be seen."""
        return self.verilog is None or bool(re.search(r"\bretire_valid\b", self.bare))

    @cached_property
    def pins(self) -> dict[str, Shape]:
        """The ports to connect, with their shapes."""
        ports = {name: Shape.cast(port.shape) for name, port in self.config.ports.items()}
        if not self.has_retire:
            ports = {name: what for name, what in ports.items() if not name.startswith("retire_")}
        return {"clk": Shape(1), "rst": Shape(1)} | ports

    @cached_property
    def retired(self) -> list[tuple[str, Shape]]:
        """Ports that make up one retired record, neuron first; none without retire port."""
        return [
            (name, what) for name, what in self.pins.items() if name.startswith("retire_") and name != "retire_valid"
        ]

    @property
    def patience(self) -> int:
        """Clocks without a command taken, an update retired or a spike passed after which a core has hung."""
        return 4 * self.lif.size + 4096

    def commands(self, inputs: TickInputs) -> IntArray:
        """What the host does, int64 rows (kind, field, neuron, data): all parameters, then tick by tick the new
        currents, the input spikes and the tick itself. Data are cut to the width of their port, unsigned."""
        lif, fmt = self.lif, self.lif.format
        if inputs.size != lif.size:
            raise SpecError.rule("Inputs", f"for {lif.size} neurons", f"for {inputs.size}")
        every = np.arange(lif.size)
        # A user's core may keep shared parameters per neuron, so that it gets one for each.
        targets = every[:1] if lif.shared and self.verilog is None else every
        parts = [
            _rows(-1, HOST, 1 + PARAMETERS.index(name), targets, np.broadcast_to(lif.values[name], lif.size)[targets])
            for name in fmt.parameters
        ]
        for thing, kind, table in (("Current", HOST, inputs.currents), ("Weight", EVENT, inputs.events)):
            wrong = (table[:, 2] < fmt.input.min) | (table[:, 2] > fmt.input.max)
            if wrong.any():
                raise SpecError.rule(thing, f"within {fmt.input.min} to {fmt.input.max}", table[wrong, 2][0])
            if kind == HOST or fmt.synapse != "none":
                parts.append(_rows(table[:, 0], kind, 0, table[:, 1], table[:, 2]))
        parts.append(_rows(np.arange(inputs.ticks), TICK, 0, 0, 0))
        rows = np.concatenate(parts)
        rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))][:, 1:]
        bits = np.array([self.config.data_bits, fmt.input_width, 1])[rows[:, 0]]
        rows[:, 3] &= (1 << bits) - 1
        return rows


def _rows(tick: ArrayLike, kind: int, field: int, neuron: ArrayLike, data: ArrayLike) -> IntArray:
    columns = np.broadcast_arrays(*(np.atleast_1d(column) for column in (tick, kind, field, neuron, data)))
    return np.stack(columns, axis=1).astype(np.int64)
