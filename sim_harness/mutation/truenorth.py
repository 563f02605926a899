"""Mutation of the TrueNorth core's Verilog: does a short simulation notice a core that is wrong in one place?

Yosys makes the mutants (`mutate`): a bit of a cell's port inverted, stuck at 0 or 1, or exchanged for another one. All
are in one netlist behind an input that chooses, so that one build serves. Each is run through ``SUITE`` until something
differs from the golden core: potentials, spikes, packets, counters, memories read back, flags, or more clocks than a
tick may take. What survives is either equivalent to the core, or a hole in the suite.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from digital.truenorth.chip import CHIP
from digital.truenorth.image import config_of, host_writes
from golden.errors import SimulationError, SpecError
from golden.machines.run import MachineInputs
from golden.machines.truenorth import LARGEST_DELAY, Packet
from golden.machines.truenorth_reference import run_scalar
from golden.neurons.truenorth import PARAMETERS
from sim_harness.campaigns.truenorth import chip as random_chip
from sim_harness.campaigns.truenorth_updates import Watched
from sim_harness.jobs import run_all
from sim_harness.rtl.cxxrtl import FLAT, YOSYS, library
from sim_harness.rtl.design import EVENT, HOST, TICK
from sim_harness.rtl.truenorth.cxxrtl import DRIVER, Chip
from sim_harness.rtl.truenorth.design import ChipDesign

if TYPE_CHECKING:
    from digital.truenorth.config import CoreConfig
    from golden.fixed import IntArray
    from golden.machines.run import MachineRecord
    from golden.machines.truenorth import TrueNorthMachine

#: Neurons and axons of the core, crossbar bits of a word, ticks of a case, and the cases' seeds.
SIZE, WORD, TICKS = 32, 8, 40
SUITE = tuple(range(1, 25))
#: Clocks that a tick may take beyond those of its words and events: copy, start, pipeline, packets.
_SLACK = 32
_SELECT = "mutant"


@dataclass(frozen=True)
class CoreDesign:
    """A core as the driver takes chips: what it sends leaves at the east edge, what comes in at the west arrives."""

    config: CoreConfig
    verilog: ClassVar[None] = None
    name: ClassVar[str] = "TrueNorth core"

    @cached_property
    def text(self) -> str:
        """The core's Verilog, and the module around it."""
        config = self.config
        outs = [f"{side}_out_0" for side in ("west", "south", "north")]
        address, row, v = config.address_bits, config.row_bits, config.potential_bits
        tied = "".join(f"  assign {out}_valid = 0; assign {out}_packet = 0;\n" for out in outs)
        same = ", ".join(
            f".{name}({name})" for name in config.ports if not name.startswith(("send_", "arrive_", "retire_"))
        )
        return f"""{config.verilog()}
module {CHIP}(
  input clk, input rst, input host_valid, output host_ready, input host_write, input host_core,
  input [{address - 1}:0] host_address, input [31:0] host_data, output answer_valid, output [31:0] answer_data,
  input tick, output busy, output overrun, output conflict,
  input west_in_0_valid, output west_in_0_ready, input [29:0] west_in_0_packet,
  output east_out_0_valid, input east_out_0_ready, output [29:0] east_out_0_packet,
  {", ".join(f"output {out}_valid, input {out}_ready, output [29:0] {out}_packet" for out in outs)},
  output retire_0_valid, output [{row - 1}:0] retire_0_neuron, output [{v - 1}:0] retire_0_v, output retire_0_spike
);
{tied}  {config.module} core_0(.clk(clk), .rst(rst), {same},
    .send_valid(east_out_0_valid), .send_ready(east_out_0_ready), .send_packet(east_out_0_packet),
    .arrive_valid(west_in_0_valid), .arrive_ready(west_in_0_ready), .arrive_packet(west_in_0_packet[11:0]),
    .retire_valid(retire_0_valid), .retire_neuron(retire_0_neuron), .retire_v(retire_0_v),
    .retire_spike(retire_0_spike));
endmodule
"""


@dataclass(frozen=True)
class Mutant:
    """One wrong core: number, what is changed, and the line of the core's Verilog."""

    number: int
    command: str

    def __str__(self) -> str:
        fields = dict(re.findall(r"-(mode|cell|port|portbit|ctrlbit|wire) (\S+)", self.command))
        where = str(fields.get("wire") or fields["cell"]).replace("\\", "").removeprefix("core_0.")
        return f"{fields['mode']} {where} ({fields['port']} bit {fields['portbit']})"


@dataclass(frozen=True)
class Case:
    """A random core and its input, and what the golden core makes of it."""

    machine: TrueNorthMachine
    commands: IntArray
    record: MachineRecord
    digest: int
    saturations: int
    merged: int
    bounds: IntArray


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant; ``killed_by`` is None for a survivor."""

    mutant: Mutant
    killed_by: str | None


def design() -> CoreDesign:
    """The core that is mutated."""
    return CoreDesign(config_of(make(SUITE[0]).machine, word=WORD))


def make(seed: int) -> Case:
    """A case: every spike leaves the core; input spikes arrive up to 14 ticks ahead, some of them twice."""
    rng = np.random.default_rng([seed, 7])
    machine = random_chip(rng, stochastic=seed % 3 > 0, columns=1, rows=1, size=SIZE)
    destinations = machine.destinations.copy()
    destinations[..., :2] = rng.integers(-256, 256, destinations[..., :2].shape)
    destinations[..., 0] = np.where(destinations[..., 0] == 0, 1, destinations[..., 0])
    values = dict(machine.values)
    if seed % 2 == 0:  # every bit of thresholds, potentials and random numbers counts
        wide = rng.random((1, SIZE)) < 0.7
        for name in ("threshold", "floor", "reset"):
            limits = PARAMETERS[name]
            values[name] = np.where(wide, rng.integers(limits.low, limits.high, (1, SIZE)), values[name])
        values["random_bits"] = np.where(
            wide & (seed % 3 > 0), rng.choice([12, 15, 16, 17], (1, SIZE)), values["random_bits"]
        )
        values["reset_mode"] = np.where(wide, rng.integers(0, 2, (1, SIZE)), values["reset_mode"])
    if seed % 4 == 0:  # far below a low floor in one tick
        values["weights"] = rng.integers(-255, 64, (1, SIZE, 4))
        values["floor"] = rng.integers(0, 300, (1, SIZE))
        values["reset_mode"] = np.ones((1, SIZE), dtype=np.int64)
        values["saturating"] = np.zeros((1, SIZE), dtype=np.int64)
    machine = replace(
        machine,
        values=values,
        destinations=destinations,
        outputs=np.arange(SIZE),
        bias=np.empty(0, dtype=np.int64),
        routes=np.column_stack(
            (np.arange(SIZE), np.zeros(SIZE, dtype=np.int64), np.arange(SIZE), np.zeros(SIZE, dtype=np.int64))
        ),
        sources=SIZE,
    )
    at = np.flatnonzero(rng.random(TICKS * SIZE) < rng.choice([0.05, 0.3, 0.9]))
    spikes = np.column_stack(np.divmod(at, SIZE))
    twice = spikes[rng.random(len(spikes)) < 0.1]
    table = np.concatenate((spikes, twice))
    inputs = MachineInputs(TICKS, SIZE, SIZE, spikes)
    watched = Watched()
    record = run_scalar(machine, inputs, np.arange(SIZE), watched)
    saturations = 0
    config = config_of(machine, word=WORD)

    loads = host_writes(machine, config)
    ahead = np.minimum(rng.integers(0, LARGEST_DELAY + 1, len(table)), table[:, 0])
    rows = [
        (int(tick - t), EVENT, 0, 0, Packet(0, 0, int(axon), int(t)).pack())
        for (tick, axon), t in zip(table.tolist(), ahead.tolist(), strict=True)
    ]
    rows += [(tick, TICK, 0, 0, 0) for tick in range(TICKS)]
    rows = [rows[k] for k in rng.permutation(len(rows))]
    rows.sort(key=lambda row: (row[0], row[1]))  # in a tick in any order, and before the tick itself
    commands = np.concatenate((np.column_stack((np.full(len(loads), HOST), loads)), np.array(rows)[:, 1:]))

    digest = 0
    for neuron in record.spikes[:, 1].tolist():
        dx, dy, axon, t = machine.destinations[0, neuron].tolist()
        if t >= 0:
            digest = (digest * 31 + Packet(dx, dy, axon, t).pack()) % 2**64
    saturations = _saturations(machine, inputs)
    return Case(machine, commands, record, digest, saturations, len(twice), _bounds(machine, spikes, config))


def _saturations(machine: TrueNorthMachine, inputs: MachineInputs) -> int:
    """Updates in which a rail stopped the potential."""
    count = 0

    class Counting(Watched):
        def __call__(self, p: Any, v: int, types: Any, random: Any) -> tuple[int, bool]:
            nonlocal count
            before = sum(n for name, n in self.hits.items() if "rail" in name and "spike" not in name)
            result = super().__call__(p, v, types, random)
            count += sum(n for name, n in self.hits.items() if "rail" in name and "spike" not in name) > before
            return result

    run_scalar(machine, inputs, np.arange(machine.size), Counting())
    return count


def _bounds(machine: TrueNorthMachine, spikes: IntArray, config: CoreConfig) -> IntArray:
    """Most clocks of each tick: for every row its words with a synapse and an active axon, and their other events."""
    active = np.zeros((TICKS, machine.axons), dtype=bool)
    active[spikes[:, 0], spikes[:, 1]] = True
    events = active[:, :, None] & machine.crossbar[0]  # ticks, axons, neurons
    by_word = events.reshape(TICKS, config.words, config.word, -1).sum(axis=2)
    some = np.asarray(machine.crossbar[0].reshape(config.words, config.word, -1).any(axis=1))
    read = np.asarray(active.reshape(TICKS, config.words, config.word).any(axis=2))[:, :, None] & some
    clocks = np.where(read, np.maximum(by_word, 1), 0).sum(axis=1)
    return np.asarray(np.maximum(clocks, 1).sum(axis=1) + _SLACK, dtype=np.int64)


def mutants(core: CoreDesign, count: int, seed: int = 1) -> list[Mutant]:
    """``count`` mutants of the core, evenly spread over its cells, wires and source lines by Yosys."""
    with tempfile.TemporaryDirectory(prefix="hillock-mutate-") as folder:
        work = Path(folder)
        (work / "core.v").write_text(core.text)
        commands = [
            "read_verilog -sv core.v",
            f"hierarchy -check -top {CHIP}",
            *FLAT,
            f"mutate -list {2 * count} -seed {seed} -o mutants.txt c:*core_0*",
        ]
        done = subprocess.run(
            [sys.executable, "-c", YOSYS, *commands], cwd=work, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SimulationError(f"Yosys must make the mutants, not fail: {(done.stdout + done.stderr)[-200:]}")
        lines = (work / "mutants.txt").read_text().splitlines()
    # A clock behind a multiplexer is another circuit, even where the multiplexer passes it on.
    lines = [line for line in lines if not re.search(r"-port \w*CLK\b", line)][:count]
    return [Mutant(number, line) for number, line in enumerate(lines, start=1)]


def run(
    count: int = 200, seed: int = 1, jobs: int = 2, progress: Callable[[float], None] | None = None
) -> list[Outcome]:
    """Make ``count`` mutants and run each through the suite; SimulationError if the core itself does not pass."""
    if count < 1:
        raise SpecError.rule("Number of mutants", "at least 1", count)
    core, cases = design(), [make(s) for s in SUITE]
    found = mutants(core, count, seed)
    bits = len(found).bit_length()
    changes = [line.command.replace("mutate ", f"mutate -ctrl {_SELECT} {bits} {line.number} ", 1) for line in found]
    path = library(core, CHIP, DRIVER, 1200.0, None, changes)
    wrong = killer(core, path, cases, 0)
    if wrong is not None:
        raise SimulationError(f"The core itself must pass the suite, not fail: {wrong}")
    return run_all(lambda mutant: Outcome(mutant, killer(core, path, cases, mutant.number)), found, jobs, progress)


def killer(core: CoreDesign, path: Path, cases: list[Case], number: int) -> str | None:
    """What notices mutant ``number`` first; None if nothing does."""
    for seed, case in zip(SUITE, cases, strict=True):
        stand_in = ChipDesign(case.machine, 1, WORD)
        with Chip(stand_in, path, (0, 128, 240)[seed % 3], seed, patience=4000) as chip:
            if number:
                chip.drive(**{_SELECT: number})
            try:
                chip.reset()
                found = _differs(chip, core.config, case) or (_flags(chip, core.config) if seed == SUITE[0] else None)
            except SimulationError as error:
                found = str(error)
        if found is not None:
            return f"case {seed}: {found}"
    return None


def _differs(chip: Chip, config: CoreConfig, case: Case) -> str | None:
    """The first thing in which a run differs from the golden core."""
    loads = case.commands[case.commands[:, 0] == HOST]
    chip.play(loads, 1)
    for _, _, address, data in loads.tolist():
        if chip.read(0, address) != data:
            return f"memory read back at {address:#x}"
    played = chip.play(case.commands[len(loads) :], TICKS)
    if not np.array_equal(played.v, case.record.states["v"]):
        return "potentials"
    if not np.array_equal(np.argwhere(played.spiked), case.record.spikes):
        return "spikes"
    if chip.digest != case.digest:
        return "packets"
    chip.play(np.array([[HOST, 0, config.address("status"), 0]]), 1)  # clears the flags, and nothing else
    for name, wanted in (("saturations", case.saturations), ("merged", case.merged), ("status", 0)):
        if chip.read(0, config.address(name)) != wanted:
            return name
    if chip.read(0, config.address("now")) != (TICKS - 1) % 16:
        return "now"
    for neuron, v in enumerate(case.record.states["v"][-1].tolist()):
        if chip.read(0, config.address("potential", neuron)) != v & ((1 << config.potential_bits) - 1):
            return "potential read back"
    # Back-pressure holds a tick up; without it, no tick may take longer than its words and events.
    if chip.stall == 0 and (played.clocks > case.bounds).any():
        return "clocks of a tick"
    chip.reset()
    chip.clock(2 * config.clear_cycles)
    if chip.look("busy"):
        return "busy after a reset"
    cleared = (*(("potential", row) for row in range(SIZE)), *(("slots", row) for row in range(16 << config.word_bits)))
    if any(chip.read(0, config.address(*place)) for place in cleared):
        return "not cleared by reset"
    return None


def _flags(chip: Chip, config: CoreConfig) -> str | None:
    """Flags rise when they must and fall when status is written; counters clear; a slot can be written and read."""
    status = config.address("status")

    def write(address: int, data: int) -> None:
        chip.play(np.array([[HOST, 0, address, data]]), 1)

    chip.drive(tick=1, east_out_0_ready=1)
    chip.clock(3)
    chip.drive(tick=0)
    chip.clock(400)
    if chip.look("busy") or not chip.look("overrun") or chip.read(0, status) != 1:
        return "overrun not raised"
    write(status, 0)
    if chip.look("overrun") or chip.read(0, status):
        return "overrun not cleared"
    slots = [chip.read(0, config.address("slots", row)) for row in range(16 << config.word_bits)]
    if any(slots):
        return "slots not clear"
    now = chip.read(0, config.address("now"))
    chip.drive(west_in_0_valid=1, west_in_0_packet=Packet(0, 0, 3, 0).pack())
    chip.clock()
    chip.drive(west_in_0_valid=0, tick=1)  # too early: the arrival is not in its slot yet
    chip.clock()
    chip.drive(tick=0)
    chip.clock(400)
    slot = config.address("slots", (now + 1) % 16 << config.word_bits)
    if chip.read(0, config.address("now")) != now or chip.read(0, slot) != 1 << 3:
        return "a tick overtook an arrival"
    write(slot, 0)
    write(status, 0)
    chip.drive(west_in_0_valid=1, west_in_0_packet=Packet(0, 0, 5, 15).pack())
    chip.clock()
    chip.drive(west_in_0_valid=0)
    chip.clock(4)
    if not chip.look("conflict") or chip.read(0, status) != 2:
        return "conflict not raised"
    if any(chip.read(0, config.address("slots", row)) for row in range(16 << config.word_bits)):
        return "a conflict set a slot"
    write(status, 0)
    if chip.look("conflict") or chip.read(0, status):
        return "conflict not cleared"
    for neuron in range(SIZE):
        write(config.address("potential", neuron), 31 * neuron + 5)
    if any(chip.read(0, config.address("potential", neuron)) != 31 * neuron + 5 for neuron in range(SIZE)):
        return "potentials not written"
    for name in ("saturations", "merged"):
        write(config.address(name), 0)
        if chip.read(0, config.address(name)):
            return f"{name} not cleared"
    for row in range(16 << config.word_bits):
        write(config.address("slots", row), row % 251 + 1)
    for row in range(16 << config.word_bits):
        if chip.read(0, config.address("slots", row)) != row % 251 + 1:
            return "slots read back"
    chip.reset()
    chip.clock(2 * config.clear_cycles)
    if any(chip.read(0, config.address("slots", row)) for row in range(16 << config.word_bits)):
        return "slots not cleared by reset"
    write(config.address("random"), 0xDEADBEEF)
    write(config.address("random"), 0)
    if chip.read(0, config.address("random")) != 0xDEADBEEF:
        return "the LFSR took 0, or not its seed"
    write(config.address("now"), 11)
    return None if chip.read(0, config.address("now")) == 11 else "now not written"
