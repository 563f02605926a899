"""A time-multiplexed LIF core: N neurons in block RAM, one update per clock through a hand-made pipeline.

The contract is the golden update (``golden.neurons.lif_fixed``): after every tick, state and spikes are what
``receive`` for each event in order, then ``step``, make of the state before. ``digital.formal.lif_core`` proves it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import ClassVar

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, Value
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from digital import emit
from digital.arithmetic import Sum, clip, round_half, round_shift, split_factor
from digital.neurons.lif import shape, state_shapes
from digital.spike_queue import SpikeQueue
from golden.errors import SpecError
from golden.neurons.lif_fixed import PARAMETERS, FixedLIF, LIFFormat

#: Largest population of one core.
MAX_NEURONS = 4096
#: Clocks from the issue of a neuron to its commit; every stage is named in ``LIFCore.elaborate``.
LATENCY = 8
#: Clocks from the issue of an event to its commit.
EVENT_LATENCY = 3
#: Spikes that may be in the pipeline and the queue together. Above LATENCY + 3, so that a core whose neurons all fire
#: still updates one a clock while the spikes are taken at once.
CREDITS = 16


@dataclass(frozen=True, eq=False)
class LIFCoreConfig:
    """A core for ``lif.size`` neurons (1 to 4096) of structure ``lif.format``; ``lif.values`` are its first parameters.

    per_neuron  parameters in memories, one value per neuron; else one register for all. Default: as in ``lif``
    retire      whether the core has the retire port
    """

    lif: FixedLIF
    per_neuron: bool | None = None
    retire: bool = False
    #: Name of the Verilog module.
    module: ClassVar[str] = "lif_core"

    def __post_init__(self) -> None:
        if not 1 <= self.lif.size <= MAX_NEURONS:
            raise SpecError.rule("Number of neurons of a core", f"1 to {MAX_NEURONS}", self.lif.size)
        if self.per_neuron is None:
            object.__setattr__(self, "per_neuron", not self.lif.shared)
        if not (self.per_neuron or self.lif.shared):
            raise SpecError.rule("Parameters of a core with shared registers", "one value each", "one per neuron")

    @property
    def size(self) -> int:
        """Number of neurons."""
        return self.lif.size

    @property
    def format(self) -> LIFFormat:
        """Structure of the neurons."""
        return self.lif.format

    @property
    def index_bits(self) -> int:
        """Bits of a neuron index."""
        return max(1, (self.size - 1).bit_length())

    @cached_property
    def fields(self) -> dict[int, tuple[str, Shape]]:
        """What the host can write: field number -> name and shape."""
        fields = {0: ("current", shape(self.format.input))}
        for name in self.format.parameters:
            fields[1 + PARAMETERS.index(name)] = (name, shape(self.format.parameter_format(name)))
        return fields

    @property
    def data_bits(self) -> int:
        """Bits of ``host_data``: those of the widest field."""
        return max(what.width for _, what in self.fields.values())

    @cached_property
    def ports(self) -> dict[str, wiring.Member]:
        """Port name -> direction and shape, in the order of the Verilog; clk and rst come on top."""
        index, inputs = self.index_bits, shape(self.format.input)
        ports = {
            "host_valid": In(1),
            "host_ready": Out(1),
            "host_field": In(3),
            "host_neuron": In(index),
            "host_data": In(self.data_bits),
        }
        if self.format.synapse != "none":
            ports |= {
                "event_valid": In(1),
                "event_ready": Out(1),
                "event_neuron": In(index),
                "event_weight": In(inputs),
            }
        ports |= {"tick": In(1), "busy": Out(1)}
        ports |= {"spike_valid": Out(1), "spike_ready": In(1), "spike_neuron": Out(index)}
        if self.retire:
            states = state_shapes(self.format)
            ports |= {"retire_valid": Out(1), "retire_neuron": Out(index)}
            ports |= {f"retire_{name}0": Out(what) for name, what in states.items()}
            ports |= {f"retire_{name}": Out(what) for name, what in self.fields.values()}
            ports |= {f"retire_{name}": Out(what) for name, what in states.items()}
            ports |= {"retire_spike": Out(1)}
        return ports

    def initial(self, name: str) -> list[int]:
        """Content of the memory of parameter ``name`` at power-up."""
        return [int(value) for value in np.broadcast_to(self.lif.values[name], self.size)]

    @property
    def clear_cycles(self) -> int:
        """Clocks that ``busy`` stays high after reset."""
        return self.size

    @property
    def tick_cycles(self) -> int:
        """Clocks that ``busy`` stays high in a tick without spikes and without events still on their way."""
        return self.size + LATENCY + 2

    def header(self) -> list[str]:
        """What the core is, in lines of text."""
        return [
            f"LIF core: {self.size} neurons, one update per clock. Generated by: hillock verilog",
            "",
            *(f"{name:16} {value}" for name, value in self.format.to_dict().items()),
            f"{'parameters':16} {'one per neuron' if self.per_neuron else 'shared registers'}",
            f"{'retire port':16} {'yes' if self.retire else 'no'}",
            f"{'tick':16} {self.tick_cycles} clocks without spikes",
            f"{'clear':16} {self.clear_cycles} clocks after reset",
        ]

    def verilog(self) -> str:
        """The core as Verilog, module ``lif_core``: the same bytes for the same configuration."""
        return emit.convert(LIFCore(self), self.module, self.header())


class LIFCore(wiring.Component):
    """The core; ports as in ``config.ports``, all in the ``sync`` domain (clk, synchronous active-high rst).

    host_*    writes a field (``config.fields``) of a neuron, one per clock; ready while not busy. Fields the core does
              not have are ignored; in shared mode a parameter is one register and the neuron is ignored
    event_*   i[neuron] = sat(i[neuron] + weight), one per clock; two clocks of the same neuron wait for each other
    tick      with busy low: all accepted until then acts, then every neuron is updated once, in ascending order
    busy      until all updates are committed and all spikes have left; after reset, until the memories are clear
    spike_*   indices of the neurons that fired, ascending. Back-pressure stops the issue of neurons, not the pipeline:
              a neuron is issued only against a credit, a place in the spike queue kept for it
    retire_*  one record per committed update: the state before, inputs and parameters used, the state after

    Reset clears v, i, r and current and gives shared registers their first value; parameter memories keep theirs.
    Neuron indices from N on (N not a power of two) are ignored.
    """

    def __init__(self, config: LIFCoreConfig) -> None:
        super().__init__(config.ports)
        self.config = config
        states, inputs = state_shapes(config.format), shape(config.format.input)
        depth = max(2, config.size)

        def ram(what: object, init: object = ()) -> memory.Memory:
            # No address is read and written in one clock and then used, so the FPGA need not order the two.
            return memory.Memory(shape=what, depth=depth, init=init, attrs={"no_rw_check": 1})

        # Control.
        self.clearing = Signal(init=1)
        self.running = Signal()
        self.issuing = Signal()
        self.index = Signal(config.index_bits)
        self.credits = Signal(range(CREDITS + 1), init=CREDITS)
        self.queue = SpikeQueue(config.index_bits, CREDITS)

        # Element k travels in pipeline stage k: the neuron, and whether it is an update or an event.
        self.tags = [Signal(config.index_bits, name=f"tag_{k}", reset_less=True) for k in range(LATENCY + 1)]
        self.valids = [Signal(name=f"valid_{k}") for k in range(LATENCY + 1)]
        self.events = [Signal(name=f"event_{k}") for k in range(EVENT_LATENCY + 1)]
        self.held = Signal()
        self.held_neuron = Signal(config.index_bits, reset_less=True)
        self.held_weight = Signal(inputs, reset_less=True)

        #: Leaked potential, current and synaptic current together, as stage 5 sees it: with a bit for every addition.
        addends = (config.format.v.width, config.format.input_width + (config.format.synapse != "none"))
        self.total = Signal(Shape(max(addends) + 1, signed=True), name="total", reset_less=True)

        #: v and r of every neuron, written by the pipeline only.
        self.state = ram(data.StructLayout({name: states[name] for name in ("v", "r") if name in states}))
        #: i of every neuron, written by events and by the pipeline.
        self.synapses = ram(states["i"]) if "i" in states else None
        self.currents = ram(inputs)
        #: Parameters by name: a memory each, or a register each.
        self.parameters: dict[str, memory.Memory | Signal] = {}
        #: What an update works on, by name, as stage 2 sees it.
        self.operands = {name: Signal(what, name=name, reset_less=True) for name, what in states.items()}
        self.operands["current"] = Signal(inputs, name="current", reset_less=True)
        for name, what in (field for number, field in config.fields.items() if number):
            init = config.initial(name)
            if config.per_neuron:
                self.parameters[name] = ram(what, init)
                self.operands[name] = Signal(what, name=name, reset_less=True)
            else:  # does not change during a tick, and needs no delay
                self.parameters[name] = self.operands[name] = Signal(what, init=init[0], name=name)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        fmt, rounding = self.config.format, self.config.format.leak_rounding
        last = self.config.size - 1

        def register(value: Value, name: str) -> Signal:
            """One stage. Data needs no reset, and then fits the registers inside a DSP block."""
            signal = Signal(Value.cast(value).shape(), name=name, reset_less=True)
            m.d.sync += signal.eq(value)
            return signal

        lines = {name: [signal] for name, signal in self.operands.items()}

        def at(name: str, stage: int) -> Value:
            """An operand as the given stage (2 or later) sees it."""
            line = lines[name]
            if not isinstance(self.parameters.get(name), Signal):
                for k in range(2 + len(line), stage + 1):
                    line.append(register(line[-1], f"{name}_{k}"))
            return line[min(stage - 2, len(line) - 1)]

        # ---- control: clear, accept, issue, finish -------------------------------------------------------------------
        tag, valid, event = self.tags[0], self.valids[0], self.events[0]
        events_left = self.held | Cat(*self.events[1:]).any()
        finished = Signal()
        m.d.comb += [
            self.busy.eq(self.clearing | self.running),
            self.host_ready.eq(~self.busy),
            valid.eq(self.issuing & (self.credits != 0) & ~events_left),
            finished.eq(self.running & ~self.issuing & (self.credits == CREDITS)),
            tag.eq(Mux(self.held, self.held_neuron, self.index)),
        ]
        with m.If(self.tick & ~self.busy):
            m.d.sync += [self.running.eq(1), self.issuing.eq(1)]
        with m.If(finished):
            m.d.sync += self.running.eq(0)
        with m.If(self.clearing | valid):
            m.d.sync += self.index.eq(self.index + 1)
            with m.If(self.index == last):
                m.d.sync += [self.index.eq(0), self.clearing.eq(0), self.issuing.eq(0)]
        for line in (self.tags, self.valids, self.events):
            m.d.sync += [after.eq(before) for before, after in pairwise(line)]

        # ---- events: hold one until no event of the same neuron is on its way ----------------------------------------
        if self.synapses is not None:
            on_their_way = zip(self.events[1:], self.tags[1:], strict=False)
            conflict = Cat(on & (neuron == self.held_neuron) for on, neuron in on_their_way).any()
            m.d.comb += [event.eq(self.held & ~conflict), self.event_ready.eq(~self.busy & (event | ~self.held))]
            with m.If(self.event_ready):
                m.d.sync += [
                    self.held.eq(self.event_valid),
                    self.held_neuron.eq(self.event_neuron),
                    self.held_weight.eq(self.event_weight),
                ]
            with m.Elif(event):
                m.d.sync += self.held.eq(0)

        # ---- stage 1: the memories read; stage 2: their outputs registered, in self.operands -------------------------
        def fetch(name: str, ram: memory.Memory) -> Value:
            m.submodules[name] = ram
            read = ram.read_port()
            m.d.comb += [read.en.eq(1), read.addr.eq(tag)]
            return read.data

        state = fetch("state", self.state)
        m.d.sync += [self.operands[name].eq(state[name]) for name in state.shape().members]
        m.d.sync += self.operands["current"].eq(fetch("currents", self.currents))
        if self.synapses is not None:
            m.d.sync += self.operands["i"].eq(fetch("synapses", self.synapses))
        for name, store in self.parameters.items():
            if isinstance(store, memory.Memory):
                m.d.sync += self.operands[name].eq(fetch(f"parameter_{name}", store))

        # ---- stage 3: products; stage 4: the leaked potential --------------------------------------------------------
        def scale(name: str, factor: str) -> Sum:
            """Operand times factor, rounded, as stage 4 sees it."""
            low, high = split_factor(at(name, 2), at(factor, 2))
            low, high = register(low, f"{name}_low"), register(high, f"{name}_high")
            places = fmt.decay_bits - 1
            doubled = register((low >> places) + high, f"{name}_doubled")
            below = register(low[:places].any(), f"{name}_below")
            return round_half(doubled, below, at(name, 4)[-1], rounding)

        if fmt.leak == "multiply":
            leaked, carry = scale("v", "decay")
        else:
            floor, carry = round_shift(at("v", 2), at("decay", 2), rounding)
            floor, carry = register(floor, "shifted"), register(carry, "shift_carry")
            leaked, carry = register(at("v", 3) - floor - carry, "leaked"), Const(0, 1)

        # ---- stage 5: the sum; stage 6: saturated --------------------------------------------------------------------
        drive = at("current", 3) if fmt.synapse == "none" else at("current", 3) + at("i", 3)
        m.d.sync += self.total.eq(leaked + register(drive, "drive") + carry)
        x = register(clip(self.total, fmt.v.width), "x")

        # ---- stage 7: threshold --------------------------------------------------------------------------------------
        above = Signal(Shape(fmt.v.width + 1, signed=True))
        crossed, free = Signal(), Signal(init=1)
        m.d.comb += [
            above.eq(x - at("v_th", 6)),
            crossed.eq(~above[-1] if fmt.comparison == ">=" else ~above[-1] & above.any()),
        ]
        kept = x
        if fmt.refractory_bits:
            m.d.comb += free.eq(register(at("r", 5) == 0, "free_6"))
            kept = Mux(free, x, at("v", 6))
        spike = register(crossed & free, "spike")
        kept = register(kept, "kept")

        # ---- stage 8: the new state ----------------------------------------------------------------------------------
        new: dict[str, Signal] = {}
        after_spike = at("v_reset", 7) if fmt.reset == "value" else register(above, "above_7")
        new["v"] = register(Mux(spike, after_spike, kept)[: fmt.v.width].as_signed(), "v_new")
        if fmt.refractory_bits:
            r = at("r", 6)
            waited = register(Mux(r == 0, 0, r - 1)[: fmt.refractory_bits], "waited")
            new["r"] = register(Mux(spike, at("t_ref", 7), waited), "r_new")
        spiked = register(spike, "spiked")

        # ---- synaptic current: decays beside the membrane, or grows by an event --------------------------------------
        if self.synapses is not None:
            i_shape = shape(fmt.input)
            weight = register(register(self.held_weight, "weight_1"), "weight_2")
            grown = register(at("i", 2) + weight, "grown")
            if fmt.synapse == "exponential":
                decayed, carry = scale("i", "syn_decay")
                i_next = (decayed + carry)[: i_shape.width].as_signed()
                for stage in range(5, LATENCY + 1):
                    i_next = register(i_next, f"i_new_{stage}")
                new["i"] = i_next
            else:
                new["i"] = Signal(i_shape, name="i_new")  # delta: gone after one tick

        # ---- commit --------------------------------------------------------------------------------------------------
        commit, commit_tag = self.valids[LATENCY], self.tags[LATENCY]
        write = self.state.write_port()
        m.d.comb += [
            write.en.eq(self.clearing | commit),
            write.addr.eq(Mux(self.clearing, self.index, commit_tag)),
        ]
        with m.If(~self.clearing):
            m.d.comb += [write.data[name].eq(new[name]) for name in state.shape().members]
        if self.synapses is not None:
            write = self.synapses.write_port()
            m.d.comb += write.en.eq(self.clearing | commit | self.events[EVENT_LATENCY])
            with m.If(self.clearing):
                m.d.comb += write.addr.eq(self.index)
            with m.Elif(commit):
                m.d.comb += [write.addr.eq(commit_tag), write.data.eq(new["i"])]
            with m.Else():
                m.d.comb += [write.addr.eq(self.tags[EVENT_LATENCY]), write.data.eq(clip(grown, fmt.input_width))]

        # ---- host writes ---------------------------------------------------------------------------------------------
        accepted = self.host_valid & self.host_ready
        write = self.currents.write_port()
        m.d.comb += [
            write.en.eq(self.clearing | (accepted & (self.host_field == 0))),
            write.addr.eq(Mux(self.clearing, self.index, self.host_neuron)),
            write.data.eq(Mux(self.clearing, 0, self.host_data)),
        ]
        for number, (name, _) in self.config.fields.items():
            if number and isinstance(store := self.parameters[name], memory.Memory):
                write = store.write_port()
                m.d.comb += [
                    write.en.eq(accepted & (self.host_field == number)),
                    write.addr.eq(self.host_neuron),
                    write.data.eq(self.host_data),
                ]
            elif number:
                with m.If(accepted & (self.host_field == number)):
                    m.d.sync += store.eq(self.host_data)

        # ---- spikes: an issue takes a credit; a commit without a spike, or a spike that leaves, gives it back --------
        m.submodules.queue = self.queue
        m.d.comb += [
            self.queue.push.eq(commit & spiked),
            self.queue.push_neuron.eq(commit_tag),
            self.queue.ready.eq(self.spike_ready),
            self.spike_valid.eq(self.queue.valid),
            self.spike_neuron.eq(self.queue.neuron),
        ]
        quiet, left = commit & ~spiked, self.spike_valid & self.spike_ready
        m.d.sync += self.credits.eq(self.credits - valid + quiet + left)

        if self.config.retire:
            m.d.comb += [self.retire_valid.eq(commit), self.retire_neuron.eq(commit_tag), self.retire_spike.eq(spiked)]
            m.d.comb += [getattr(self, f"retire_{name}").eq(value) for name, value in new.items()]
            m.d.comb += [getattr(self, f"retire_{name}0").eq(at(name, LATENCY)) for name in new]
            for name, _ in self.config.fields.values():
                m.d.comb += getattr(self, f"retire_{name}").eq(at(name, LATENCY))
        return m
