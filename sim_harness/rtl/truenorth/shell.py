"""The Verilog shell around a TrueNorth chip, as ``sim_harness.rtl.shell`` is around a LIF core, for the same bench.

Commands are the same 64 bits: HOST with core and address in the neuron's 27 bits, EVENT with the row of the west edge,
its packet as data, TICK. Records are (tick, core, neuron, potential, spike), of all cores in the clock in which they
retire; in the place of spikes, the packets that leave the grid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from amaranth.hdl import Shape as Bits
from amaranth.hdl import unsigned
from amaranth.lib.wiring import Out

from digital.truenorth.chip import CHIP
from digital.truenorth.config import PACKET_BITS
from golden.errors import SpecError
from sim_harness.rtl.shell import BATCH, COMMAND_BITS, RECORDS, SCRAMBLE, TICK_BITS, Bench, Shape, ports

if TYPE_CHECKING:
    from golden.fixed import IntArray
    from sim_harness.rtl.truenorth.design import ChipDesign

#: Bits of a command for core and address, or for a row.
_PLACE_BITS = 27


def commands(design: ChipDesign, rows: IntArray) -> IntArray:
    """What ``ChipDesign.commands`` gives, as the bench takes it: (kind, field, place, data)."""
    table = rows.copy()
    table[:, 1], table[:, 2] = 0, (rows[:, 1] << design.config.address_bits) * (rows[:, 0] == 0) + rows[:, 2]
    events = rows[:, 0] == 1
    table[events, 2] = rows[events, 1]
    return table


def bench(design: ChipDesign) -> Bench:
    """The chip in its shell; SpecError for more cores than a command has bits for."""
    config, machine = design.config, design.machine
    core_bits = max(1, (machine.cores - 1).bit_length())
    if core_bits + config.address_bits > _PLACE_BITS:
        most = 1 << (_PLACE_BITS - config.address_bits)
        raise SpecError.rule("Cores of a chip in Icarus or Verilator", f"at most {most}", machine.cores)
    record = (
        Bits(TICK_BITS),
        unsigned(core_bits),
        unsigned(config.row_bits),
        Bits(config.potential_bits, signed=True),
        unsigned(1),
    )
    spike = (Bits(TICK_BITS), Bits(PACKET_BITS))
    places = machine.cores * machine.neurons
    shape = Shape(
        capacity=max(RECORDS, places),
        ticks=max(1, RECORDS // places),
        batch=BATCH,
        record_bits=sum(field.width for field in record),
        spike_bits=sum(field.width for field in spike),
        retire=True,
        patience=design.patience,
    )
    return Bench(design, _verilog(design, shape, core_bits), shape, record, spike)


def _verilog(design: ChipDesign, shape: Shape, core_bits: int) -> str:
    """Module ``bench``; its ports are those of ``sim_harness.rtl.shell.verilog``."""
    config, machine = design.config, design.machine
    address, capacity, rw, sw = config.address_bits, shape.capacity, shape.record_bits, shape.spike_bits
    wires, pins, retire, leave, ready = [], ["clk", "rst"], [], [], ["host_ready", "busy"]
    outs = [name.removesuffix("_valid") for name in design.ports if name.endswith("_valid") and "_out_" in name]
    ins = [name.removesuffix("_valid") for name in design.ports if name.endswith("_valid") and "_in_" in name]
    west = [name for name in ins if name.startswith("west")]
    for name, member in design.ports.items():
        width = Bits.cast(member.shape).width
        pins.append(name)
        if member.flow is Out:
            wires.append(f"  wire [{width - 1}:0] {name};")
    for core in range(machine.cores):
        name = f"retire_{core}"
        ready.append(f"{name}_valid")
        record = f"{{ticks, {core_bits}'d{core}, {name}_neuron, {name}_v, {name}_spike}}"
        retire.append(
            f"      if ({name}_valid) begin\n"
            f"        if (next_filled < {capacity}) records[next_filled * {rw} +: {rw}] <= {record};\n"
            f"        next_filled = next_filled + 1;\n      end"
        )
    for k, name in enumerate(outs):
        ready.append(f"{name}_valid")
        # Each edge is held up on its own: other bits of the generator.
        wires.append(f"  wire {name}_ready = {{1'b0, noise[{k % 24} +: 8]}} >= stall;")
        leave.append(
            f"      if ({name}_valid & {name}_ready) begin\n"
            f"        if (next_fired < {capacity}) spikes[next_fired * {sw} +: {sw}] <= {{ticks, {name}_packet}};\n"
            f"        next_fired = next_fired + 1;\n      end"
        )
    for name in ins:
        row = name.removeprefix("west_in_")
        offered = f"active & command[63:62] == 2'd1 & command[58:32] == {row}" if name in west else "1'b0"
        wires.append(f"  wire {name}_valid = {offered};")
        wires.append(f"  wire [{PACKET_BITS - 1}:0] {name}_packet = command[{PACKET_BITS - 1}:0];")
    taken = [f"{name}_valid & {name}_ready" for name in west]
    return f"""
`timescale 1ns/1ps
module bench(
{ports(shape)}
);
  reg playing;
  reg [15:0] next;
  reg [{TICK_BITS - 1}:0] ticks;
  reg [31:0] noise, idle;
  integer next_filled, next_fired;
  wire active = playing & next != count;
  wire [{COMMAND_BITS - 1}:0] command = active ? batch[next * {COMMAND_BITS} +: {COMMAND_BITS}] : 0;
{chr(10).join(wires)}
  wire host_valid = active & command[63:62] == 2'd0;
  wire host_write = 1'b1;
  wire [{core_bits - 1}:0] host_core = command[{31 + address + core_bits}:{32 + address}];
  wire [{address - 1}:0] host_address = command[{31 + address}:32];
  wire [31:0] host_data = command[31:0];
  wire tick = active & command[63:62] == 2'd2 & ~busy;
  wire taken = host_valid & host_ready | tick | {" | ".join(taken)};

  {CHIP} chip({", ".join(f".{pin}({pin})" for pin in pins)});

{SCRAMBLE}

  always @(posedge clk)
    if (rst) begin
      done <= go; playing <= 0; unknown <= 0; hung <= 0; noise <= seed; idle <= 0; filled <= 0; fired <= 0;
    end else begin
      if (stall != 0) noise <= scramble(noise);
      next_filled = filled; next_fired = fired;
{chr(10).join(retire)}
{chr(10).join(leave)}
      filled <= next_filled; fired <= next_fired;
      if (!playing && go != done) begin
        playing <= 1; next <= 0; ticks <= 0; filled <= 0; fired <= 0;
      end
      if (taken) next <= next + 1;
      if (tick) ticks <= ticks + 1;
      if (playing && (hung || unknown || next == count && !busy)) begin
        playing <= 0; done <= go;
      end
      idle <= taken | next_filled != filled | next_fired != fired | !playing ? 0 : idle + 1;
      if (idle > {shape.patience}) hung <= 1;
      if (^{{{", ".join(ready)}}} === 1'bx) unknown <= 1;
    end
endmodule
"""
