"""What an RTL simulator is given of a TrueNorth: a chip's Verilog, and what the host and the sources do to it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from digital.truenorth.chip import TrueNorthChip, check_grid
from digital.truenorth.image import config_of, host_writes
from golden.machines.truenorth import Packet
from sim_harness.rtl.design import EVENT, HOST, TICK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amaranth.lib import wiring

    from digital.truenorth.config import CoreConfig
    from golden.fixed import IntArray
    from golden.machines.run import MachineInputs
    from golden.machines.truenorth import TrueNorthMachine


@dataclass(frozen=True, eq=False)
class ChipDesign:
    """The chip of a golden machine: cores of its sizes with ``lanes`` and crossbar words of ``word`` bits.

    One build serves all machines of the same grid and sizes: their memories are loaded through the host port.
    """

    machine: TrueNorthMachine
    lanes: int = 1
    word: int = 32
    verilog: ClassVar[None] = None
    name: ClassVar[str] = "TrueNorth chip"

    @cached_property
    def config(self) -> CoreConfig:
        """Sizes of the cores, with retire port."""
        return config_of(self.machine, lanes=self.lanes, word=self.word)

    @cached_property
    def _chip(self) -> tuple[str, Mapping[str, wiring.Member]]:
        check_grid(self.machine.columns, self.machine.rows)
        chip = TrueNorthChip(self.machine.columns, self.machine.rows, self.config)
        return chip.verilog(), dict(chip.signature.members)

    @property
    def text(self) -> str:
        """The Verilog to simulate."""
        return self._chip[0]

    @property
    def ports(self) -> Mapping[str, wiring.Member]:
        """Its ports beside clk and rst."""
        return self._chip[1]

    @property
    def patience(self) -> int:
        """Clocks without anything taken or retired after which a chip has hung."""
        return 4 * self.machine.neurons * self.config.words + 65536

    def commands(self, inputs: MachineInputs) -> IntArray:
        """int64 rows: (HOST, core, address, data) for all memories; then for each tick (EVENT, row, 0, packet) for what
        is active in it, and (TICK, 0, 0, 0).

        A spike of a source enters at the west edge, in the row of its core, after the tick before the one it is for.
        """
        machine = self.machine
        loads = host_writes(machine, self.config)
        loads = np.column_stack((np.full(len(loads), HOST), loads))
        arrivals = machine.arrivals(inputs)
        packets = np.array(
            [
                [Packet(core % machine.columns, 0, axon, 0).pack() for axon in range(machine.axons)]
                for core in range(machine.cores)
            ]
        )
        tick, core, axon = arrivals.T
        events = np.column_stack(
            (np.full_like(tick, EVENT), core // machine.columns, np.zeros_like(tick), packets[core, axon])
        )
        ticks = np.zeros((inputs.ticks, 4), dtype=np.int64)
        ticks[:, 0] = TICK
        # Stable: the packets of a tick before its tick.
        order = np.argsort(np.concatenate((tick, np.arange(inputs.ticks))), kind="stable")
        return np.concatenate((loads, np.concatenate((events, ticks))[order]))
