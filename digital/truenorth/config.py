"""Sizes of a TrueNorth core, the words of its parameter memories, and its host map: what every block agrees on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from amaranth.hdl import Shape, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from digital import emit
from golden.errors import SpecError
from golden.fixed import Format
from golden.machines.truenorth import FIELDS, SLOTS

#: Bits of the host port's data: no word of a memory is longer.
HOST_BITS = 32
#: Bits of a region number, above the index in a host address.
REGION_BITS = 4
#: Bits of a packet, and of what of it arrives at a core: axon and t.
PACKET_BITS = sum(limits.width for limits, _ in FIELDS.values())
ARRIVAL_BITS = FIELDS["axon"][0].width + FIELDS["t"][0].width
#: Field t of a destination that is none: the neuron's spikes go nowhere.
NOWHERE = SLOTS - 1


@dataclass(frozen=True)
class Region:
    """Words that the host reads and writes: ``rows`` of ``width`` bits."""

    number: int
    rows: int
    width: int
    what: str


@dataclass(frozen=True)
class CoreConfig:
    """A core of ``neurons`` rows, each with a synapse or none for every one of ``axons``.

    lanes           synaptic events integrated in a clock: 1, 2 or 4
    word            crossbar bits read in a clock: 8, 16 or 32
    potential_bits  of V, two's complement; weight_bits of weights and leak; threshold_bits of both thresholds
    rho_bits        random bits of a stochastic weight or leak; ``eta_bits`` of a random threshold
    retire          whether the core has the retire port
    """

    axons: int = 256
    neurons: int = 256
    lanes: int = 1
    word: int = 32
    potential_bits: int = 20
    weight_bits: int = 9
    threshold_bits: int = 18
    rho_bits: int = 8
    eta_bits: int = 17
    retire: bool = False
    #: Name of the Verilog module.
    module: ClassVar[str] = "truenorth_core"

    def __post_init__(self) -> None:
        ranges = {
            "axons": (1, 1 << FIELDS["axon"][0].width),
            "neurons": (1, 4096),
            "weight_bits": (2, 9),
            "potential_bits": (self.weight_bits + 3, 24),
            "threshold_bits": (1, min(18, self.potential_bits - 2)),
            "rho_bits": (self.weight_bits - 1, self.weight_bits - 1),
            "eta_bits": (1, self.threshold_bits),
        }
        for name, (low, high) in ranges.items():
            if not low <= getattr(self, name) <= high:
                raise SpecError.rule(f"{name} of a TrueNorth core", f"{low} to {high}", getattr(self, name))
        for name, choices in (("lanes", (1, 2, 4)), ("word", (8, 16, 32))):
            if getattr(self, name) not in choices:
                raise SpecError.rule(
                    f"{name} of a TrueNorth core", f"one of {', '.join(map(str, choices))}", getattr(self, name)
                )

    @property
    def words(self) -> int:
        """Words of a crossbar row, and of a slot of the scheduler."""
        return -(-self.axons // self.word)

    @property
    def word_bits(self) -> int:
        """Bits of the number of a word."""
        return (self.words - 1).bit_length()

    @property
    def row_bits(self) -> int:
        """Bits of the index of a neuron."""
        return max(1, (self.neurons - 1).bit_length())

    @property
    def potential(self) -> Format:
        """The membrane potential."""
        return Format(self.potential_bits, 0)

    @cached_property
    def parameters(self) -> Mapping[str, data.StructLayout]:
        """The words of a neuron's parameters, by the memory that keeps them: the first field in the lowest bits.

        Divided by the pipeline stage that reads them, and so that each fits one word of a block RAM and of the host.
        """
        weight, threshold = signed(self.weight_bits), unsigned(self.threshold_bits)
        return {
            "synapses": data.StructLayout(
                {"weight_0": weight, "weight_1": weight, "weight_2": weight}
                | {f"stochastic_{g}": unsigned(1) for g in range(4)}
            ),
            "draws": data.StructLayout(
                {"weight_3": weight, "stochastic_leak": unsigned(1), "random_bits": unsigned(5)}
            ),
            "membrane": data.StructLayout(
                {
                    "threshold": threshold,
                    "leak": weight,
                    "leak_reversal": unsigned(1),
                    "reset_mode": unsigned(2),
                    "saturating": unsigned(1),
                }
            ),
            "floor": data.StructLayout({"floor": threshold}),
            "reset": data.StructLayout({"reset": signed(self.potential_bits)}),
        }

    @cached_property
    def regions(self) -> Mapping[str, Region]:
        """The host map: address = number << index bits | row."""
        crossbar_rows = self.neurons << self.word_bits
        rows = {
            "crossbar": (crossbar_rows, self.word, "row = neuron x words + word: bit k is axon word x bits + k"),
            **{
                name: (self.neurons, Shape.cast(layout).width, "row = neuron: " + _fields(layout))
                for name, layout in self.parameters.items()
            },
            "destination": (self.neurons, PACKET_BITS, "row = neuron: the packet it sends; t = 15: none"),
            "potential": (self.neurons, self.potential_bits, "row = neuron: V, two's complement"),
            "types_low": (self.words, self.word, "row = word: bit 0 of the axons' types"),
            "types_high": (self.words, self.word, "row = word: bit 1 of the axons' types"),
            "slots": (SLOTS << self.word_bits, self.word, "row = slot x words + word: axons that are active then"),
            "random": (1, 32, "the LFSR; 0 is not taken"),
            "now": (1, 4, "slot of the last tick; the next tick reads the one after it"),
            "status": (1, 2, "bit 0 overrun, bit 1 conflict; writing clears both"),
            "saturations": (1, 32, "updates in which V was stopped by a rail; writing clears it"),
            "merged": (1, 32, "arrivals at an axon that was set already; writing clears it"),
        }
        return {name: Region(number, *row) for number, (name, row) in enumerate(rows.items())}

    @property
    def index_bits(self) -> int:
        """Bits of the row in a host address."""
        return max((region.rows - 1).bit_length() for region in self.regions.values())

    @property
    def address_bits(self) -> int:
        """Bits of a host address."""
        return REGION_BITS + self.index_bits

    def address(self, region: str, row: int = 0) -> int:
        """Host address of a row; SpecError for a row that is not there."""
        rows = self.regions[region].rows
        if not 0 <= row < rows:
            raise SpecError.rule(f"Row of {region}", f"0 to {rows - 1}", row)
        return self.regions[region].number << self.index_bits | row

    @property
    def latency(self) -> int:
        """Clocks from the issue of a neuron's last events to its commit."""
        return 12 + self.compose_stages

    @property
    def compose_stages(self) -> int:
        """Stages in which the events of several lanes become one."""
        return self.lanes.bit_length() - 1

    @property
    def credits(self) -> int:
        """Rows that may be in the pipeline and spikes that may wait, together."""
        return 16

    @property
    def clear_cycles(self) -> int:
        """Clocks that ``busy`` stays high after reset."""
        return max(self.neurons, SLOTS << self.word_bits)

    @property
    def tick_cycles(self) -> int:
        """Most clocks of a tick without synaptic events: every word of every row is read."""
        return self.neurons * self.words + self.words + self.latency + 12

    @cached_property
    def ports(self) -> dict[str, wiring.Member]:
        """Port name -> direction and shape, in the order of the Verilog; clk and rst come on top."""
        ports: dict[str, wiring.Member] = {
            "host_valid": In(1),
            "host_ready": Out(1),
            "host_write": In(1),
            "host_address": In(self.address_bits),
            "host_data": In(HOST_BITS),
            "answer_valid": Out(1),
            "answer_data": Out(HOST_BITS),
            "tick": In(1),
            "busy": Out(1),
            "overrun": Out(1),
            "conflict": Out(1),
            "send_valid": Out(1),
            "send_ready": In(1),
            "send_packet": Out(PACKET_BITS),
            "arrive_valid": In(1),
            "arrive_ready": Out(1),
            "arrive_packet": In(ARRIVAL_BITS),
        }
        if self.retire:
            ports |= {
                "retire_valid": Out(1),
                "retire_neuron": Out(self.row_bits),
                "retire_v": Out(signed(self.potential_bits)),
                "retire_spike": Out(1),
            }
        return ports

    def header(self) -> list[str]:
        """What the core is, in lines of text."""
        return [
            "TrueNorth core. Generated by: hillock verilog truenorth",
            "",
            f"{'axons':16} {self.axons}",
            f"{'neurons':16} {self.neurons}",
            f"{'lanes':16} {self.lanes} synaptic events a clock",
            f"{'word':16} {self.word} crossbar bits a clock",
            f"{'potential':16} {self.potential_bits} bits",
            f"{'retire port':16} {'yes' if self.retire else 'no'}",
            f"{'tick':16} at most {self.tick_cycles} clocks, and one a synaptic event",
            f"{'clear':16} {self.clear_cycles} clocks after reset",
        ]

    def verilog(self) -> str:
        """The core as Verilog, module ``truenorth_core``: the same bytes for the same configuration."""
        from digital.truenorth.core import TrueNorthCore

        return emit.convert(TrueNorthCore(self), self.module, self.header())


def _fields(layout: data.StructLayout) -> str:
    return ", ".join(
        f"{name} [{field.offset + Shape.cast(field.shape).width - 1}:{field.offset}]" for name, field in layout
    )
