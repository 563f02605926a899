"""Amaranth's own simulator: the core before it becomes Verilog; slow, needs no tool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from amaranth.hdl import Cat, Module, Signal, Value, ValueCastable
from amaranth.sim import Simulator

from digital.lif_core import LIFCore
from golden.errors import SimulationError, SpecError
from sim_harness.rtl.back_end import RtlBackEnd
from sim_harness.rtl.design import EVENT, HOST, TICK, RtlDesign
from sim_harness.rtl.records import Recorder, RtlRecord

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from golden.fixed import IntArray
    from golden.integer import Progress, TickInputs

#: The word that is no command: kind 3.
_NONE = 3


@dataclass(frozen=True)
class AmaranthSim(RtlBackEnd):
    """The Amaranth simulator back end; runs generated cores only."""

    name: ClassVar[str] = "amaranth"
    title: ClassVar[str] = "Amaranth's simulator"
    tools: ClassVar[tuple[str, ...]] = ("amaranth",)

    def run(
        self,
        design: RtlDesign,
        inputs: TickInputs,
        *,
        record: ArrayLike | None = None,
        progress: Progress | None = None,
    ) -> RtlRecord:
        """Play ``inputs``; see ``RtlBackEnd.run``. SpecError for a design with a user's own Verilog."""
        if design.verilog is not None:
            raise SpecError.rule("Design for Amaranth's simulator", "the generated core", f"Verilog of {design.name}")
        recorder = Recorder(self.name, design, inputs, record, progress)
        player = _Player(design, design.commands(inputs), recorder, self.stall, self.seed)
        simulator = Simulator(player.top)
        simulator.add_clock(1e-6)
        simulator.add_testbench(player.play)
        simulator.run()
        return recorder.finish()


class _Player:
    """The bench: one step a clock, every decision from what the core shows before the edge."""

    def __init__(self, design: RtlDesign, commands: IntArray, recorder: Recorder, stall: int, seed: int) -> None:
        self.core = core = LIFCore(design.config)
        self._fields, self._recorder = design.retired, recorder
        self._commands = [
            kind | field << 2 | neuron << 34 | data << 66 for kind, field, neuron, data in commands.tolist()
        ]
        self._stall, self._noise = stall, seed or 1
        self._patience = design.patience * 256 // (256 - stall)
        event_ready = core.event_ready if "event_valid" in design.pins else core.host_ready
        self.top = Module()
        self.top.submodules.core = core
        # Reading a signal is fast, an expression is interpreted: so everything that is read is a signal.
        self._handshakes = self._signal(core.busy, core.host_ready, event_ready, core.spike_valid, core.retire_valid)
        self._record = self._signal(*(getattr(core, name) for name, _ in self._fields))
        # Likewise one signal for a command: kind, then field, neuron and data; kind 3 is none.
        kind, operands = Signal(2, init=_NONE), [Signal(32) for _ in range(3)]
        self._command = Signal(2 + 3 * 32, init=_NONE)
        self.top.d.comb += [
            Cat(kind, *operands).eq(self._command),
            core.host_valid.eq(kind == HOST),
            core.tick.eq(kind == TICK),
            core.host_field.eq(operands[0]),
            core.host_neuron.eq(operands[1]),
            core.host_data.eq(operands[2]),
        ]
        if "event_valid" in design.pins:
            self.top.d.comb += [
                core.event_valid.eq(kind == EVENT),
                core.event_neuron.eq(operands[1]),
                core.event_weight.eq(operands[2]),
            ]
        self._listening = False

    def _signal(self, *values: ValueCastable | Value) -> Signal:
        together = Cat(*values)
        signal = Signal(len(together))
        self.top.d.comb += signal.eq(together)
        return signal

    async def play(self, ctx: Any) -> None:
        """Hand over all commands; records go to the recorder tick by tick."""
        retired: list[int] = []
        spikes: list[int] = []
        ticks = idle = 0
        words = iter(self._commands)
        word = next(words, _NONE)
        ctx.set(self._command, word)
        while True:
            listening = self._listen(ctx)
            handshakes = ctx.get(self._handshakes)
            busy, host_ready, event_ready, valid, commit = (handshakes >> bit & 1 for bit in range(5))
            if commit:
                retired.append(ctx.get(self._record))
            if valid and listening:
                spikes.append(ctx.get(self.core.spike_neuron))
            if retired and not busy:
                self._hand_over(ticks - 1, retired, spikes)
            if word == _NONE and not busy:
                return
            taken = (host_ready, event_ready, not busy, False)[word & 3]
            ticks += taken and word & 3 == TICK
            await ctx.tick()
            if taken:
                word = next(words, _NONE)
                ctx.set(self._command, word)
            idle = 0 if taken or commit or (valid and listening) else idle + 1
            if idle > self._patience:
                raise SimulationError(
                    f"Core in {AmaranthSim.title} must get on within {self._patience} clocks, not hang"
                )

    def _listen(self, ctx: Any) -> bool:
        """Draw spike_ready: low in about ``stall`` of 256 clocks, by xorshift32."""
        if not self._stall:
            return self._ready(ctx, True)
        x = self._noise
        x ^= x << 13 & 0xFFFFFFFF
        x ^= x >> 17
        x ^= x << 5 & 0xFFFFFFFF
        self._noise = x
        return self._ready(ctx, x & 255 >= self._stall)

    def _ready(self, ctx: Any, ready: bool) -> bool:
        if ready != self._listening:
            ctx.set(self.core.spike_ready, ready)
            self._listening = ready
        return ready

    def _hand_over(self, tick: int, retired: list[int], spikes: list[int]) -> None:
        table = np.empty((len(retired), 1 + len(self._fields)), dtype=np.int64)
        table[:, 0] = tick
        for row, word in zip(table, retired, strict=True):
            for column, (_, what) in enumerate(self._fields, start=1):
                value = word & (1 << what.width) - 1
                row[column] = value - (value >> what.width - 1 << what.width if what.signed else 0)
                word >>= what.width
        sent = np.column_stack((np.full(len(spikes), tick), spikes)).astype(np.int64)
        self._recorder.add(1, table, sent)
        retired.clear()
        spikes.clear()
