"""A Verilog shell around the core: plays a batch of commands, buffers what comes out.

Simulator and Python meet once per batch instead of once per clock; that is what makes the cocotb engines fast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from amaranth.hdl import Shape as Bits

if TYPE_CHECKING:
    from sim_harness.rtl.builds import Design
    from sim_harness.rtl.design import RtlDesign

#: Commands of a batch.
BATCH = 512
#: Bits of a command: kind 63:62, field 61:59, neuron 58:32, data 31:0.
COMMAND_BITS = 64
#: Bits of the tick number (within the batch) in front of every record and spike.
TICK_BITS = 16
#: The xorshift generator that decides whether a stream may leave.
SCRAMBLE = """  function [31:0] scramble(input [31:0] x);
    begin
      scramble = x ^ x << 13;
      scramble = scramble ^ scramble >> 17;
      scramble = scramble ^ scramble << 5;
    end
  endfunction"""
#: Records and spikes that fit into one batch; a larger core has one tick per batch.
RECORDS = 512


@dataclass(frozen=True)
class Shape:
    """Sizes of the shell's vectors for one design; the bench gets them as JSON."""

    capacity: int
    ticks: int
    batch: int
    record_bits: int
    spike_bits: int
    retire: bool
    patience: int


@dataclass(frozen=True)
class Bench:
    """A design in its shell.

    verilog        of the shell, module ``bench``
    record, spike  the fields of a row of records and of spikes; the first is the tick within the batch
    """

    design: Design
    verilog: str
    shape: Shape
    record: Sequence[Bits]
    spike: Sequence[Bits]


def bench(design: RtlDesign) -> Bench:
    """The LIF core in its shell: records are the fields of the retire port, spikes are neurons."""
    record = (Bits(TICK_BITS), *(what for _, what in design.retired))
    return Bench(design, verilog(design), shape(design), record, (Bits(TICK_BITS), Bits(design.config.index_bits)))


def shape(design: RtlDesign) -> Shape:
    """Sizes of the shell of ``design``."""
    return Shape(
        capacity=max(RECORDS, design.lif.size),
        ticks=max(1, RECORDS // design.lif.size),
        batch=BATCH,
        record_bits=TICK_BITS + sum(what.width for _, what in design.retired),
        spike_bits=TICK_BITS + design.config.index_bits,
        retire=design.has_retire,
        patience=design.patience,
    )


def ports(shape: Shape) -> str:
    """The ports of module ``bench``, as the cocotb bench knows them.

    They alone are public, see ``Verilator.build_args``.
    """
    vectors = {
        "input": {"clk": 1, "rst": 1, "go": 1, "batch": BATCH * COMMAND_BITS, "count": 16, "stall": 9, "seed": 32},
        "output reg": {
            "done": 1,
            "records": shape.capacity * shape.record_bits,
            "filled": 32,
            "spikes": shape.capacity * shape.spike_bits,
            "fired": 32,
            "unknown": 1,
            "hung": 1,
        },
    }
    lines = [
        f"  {way} {f'[{bits - 1}:0] ' * (bits > 1)}{name} /*verilator public_flat_rw*/"
        for way, signals in vectors.items()
        for name, bits in signals.items()
    ]
    return ",\n".join(lines)


def verilog(design: RtlDesign) -> str:
    """Module ``bench``, the top of a cocotb simulation.

    clk, rst             driven by cocotb
    batch, count         commands, the first in the lowest bits, and how many; stable while they are played
    go, done             toggling ``go`` plays the batch; ``done`` follows once the core is idle again
    stall, seed          spike_ready is low in about ``stall`` of 256 clocks, by a xorshift generator
    records, spikes      what was retired and what left as address events, each behind its tick within the batch;
    filled, fired        how many of them; above the capacity they are counted, not stored
    unknown              ready, valid or busy has been X or Z on some clock after reset
    hung                 no command was taken, nothing retired and no spike left for a long time
    """
    size, config = shape(design), design.config
    index, data = config.index_bits, config.data_bits
    events = "event_valid" in config.ports
    pins = ["clk", "rst", "host_valid", "host_ready", "host_field", "host_neuron", "host_data"]
    pins += ["event_valid", "event_ready", "event_neuron", "event_weight"] if events else []
    pins += ["tick", "busy", "spike_valid", "spike_ready", "spike_neuron"]
    retired = [name for name, _ in design.retired]
    pins += ["retire_valid", *retired] if size.retire else []
    wires = "".join(f"  wire [{what.width - 1}:0] {name};\n" for name, what in design.retired)
    record = ", ".join(retired) if size.retire else "1'b0"
    capacity, rw, sw = size.capacity, size.record_bits, size.spike_bits
    return f"""
`timescale 1ns/1ps
module bench(
{ports(size)}
);
  reg playing;
  reg [15:0] next;
  reg [{TICK_BITS - 1}:0] ticks;
  reg [31:0] noise, idle;
  wire [{COMMAND_BITS - 1}:0] command = batch[next * {COMMAND_BITS} +: {COMMAND_BITS}];
  wire active = playing & next != count;

  wire host_ready, busy, spike_valid;
  wire event_ready{"" if events else " = 1'b1"};
  wire retire_valid{"" if size.retire else " = 1'b0"};
  wire [{index - 1}:0] spike_neuron;
{wires}
  wire host_valid = active & command[63:62] == 2'd0;
  wire event_valid = active & command[63:62] == 2'd1;
  wire tick = active & command[63:62] == 2'd2;
  wire [2:0] host_field = command[61:59];
  wire [{index - 1}:0] host_neuron = command[{31 + index}:32];
  wire [{index - 1}:0] event_neuron = command[{31 + index}:32];
  wire [{data - 1}:0] host_data = command[{data - 1}:0];
  wire [{config.format.input_width - 1}:0] event_weight = command[{config.format.input_width - 1}:0];
  wire spike_ready = {{1'b0, noise[7:0]}} >= stall;
  wire taken = host_valid & host_ready | event_valid & event_ready | tick & ~busy;
  wire leaves = spike_valid & spike_ready;

  lif_core core({", ".join(f".{pin}({pin})" for pin in pins)});

{SCRAMBLE}

  always @(posedge clk)
    if (rst) begin
      done <= go; playing <= 0; unknown <= 0; hung <= 0; noise <= seed; idle <= 0; filled <= 0; fired <= 0;
    end else begin
      if (stall != 0) noise <= scramble(noise);
      if (!playing && go != done) begin
        playing <= 1; next <= 0; ticks <= 0; filled <= 0; fired <= 0;
      end
      if (taken) next <= next + 1;
      if (tick & ~busy) ticks <= ticks + 1;
      if (playing && (hung || unknown || next == count && !busy)) begin
        playing <= 0; done <= go;
      end
      if (retire_valid) begin
        if (filled < {capacity}) records[filled * {rw} +: {rw}] <= {{ticks, {record}}};
        filled <= filled + 1;
      end
      if (leaves) begin
        if (fired < {capacity}) spikes[fired * {sw} +: {sw}] <= {{ticks, spike_neuron}};
        fired <= fired + 1;
      end
      idle <= taken | retire_valid | leaves | !playing ? 0 : idle + 1;
      if (idle > {size.patience}) hung <= 1;
      if (^{{host_ready, event_ready, busy, spike_valid, retire_valid}} === 1'bx) unknown <= 1;
    end
endmodule
"""
