"""The neurosynaptic core of TrueNorth: scheduler, scanner, pipeline, and the way of a spike out of it.

The contract is the golden chip (``golden.machines.truenorth``): after every tick, potentials and spikes are those of
``golden.neurons.truenorth.tick`` for each neuron in order. ``digital.formal.truenorth_core`` proves it.
"""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring

from digital.spike_queue import SpikeQueue
from digital.truenorth.bank import Bank
from digital.truenorth.config import HOST_BITS, NOWHERE, PACKET_BITS, CoreConfig
from digital.truenorth.pipeline import NeuronPipeline
from digital.truenorth.scanner import Scanner
from digital.truenorth.scheduler import Scheduler
from golden.machines.truenorth import FIELDS


class TrueNorthCore(wiring.Component):
    """A core; ports as in ``config.ports``, all in the ``sync`` domain (clk, synchronous active-high rst).

    host_*    reads (host_write 0) or writes a row of a region (``config.regions``), in every second clock while not
              busy; what is read comes as ``answer_data`` with answer_valid
    tick      with busy low: the next tick begins; the host waits in that clock
    busy      until all neurons are updated and their spikes have left, and arrivals are in their slots; after reset,
              until potentials and slots are clear
    send_*    the packets of the neurons that fired, ascending. Back-pressure stops the scanner, nothing is lost
    arrive_*  spikes from the mesh: axon and t; at any time
    overrun   a tick was asked for while busy (it is not made up for); conflict: a spike arrived with t = 15, whose slot
              is the one being read. Both stay until ``status`` is written
    retire_*  one record per committed update

    Reset clears potentials, slots and counters and sets the LFSR to 1; parameters and crossbar stay.
    """

    def __init__(self, config: CoreConfig) -> None:
        super().__init__(config.ports)
        self.config = config
        self.scheduler = Scheduler(config)
        self.scanner = Scanner(config)
        self.pipeline = NeuronPipeline(config)
        self.queue = SpikeQueue(config.row_bits, config.credits)
        self.destinations = Bank(PACKET_BITS, config.neurons)
        self.clearing = Signal(init=1)
        self.clear_row = Signal(range(config.clear_cycles))
        #: A tick runs; its active bits are being copied; its rows are being scanned.
        self.running = Signal()
        self.started = Signal()
        self.credits = Signal(range(config.credits + 1), init=config.credits)
        #: The destination of a spike is there.
        self.addressed = Signal()
        #: The host had an access in the clock before, even if that was one of a reset; it was a write.
        self.accessed = Signal(reset_less=True)
        self.wrote = Signal(reset_less=True)
        self.saturations = Signal(HOST_BITS)
        self.merged = Signal(HOST_BITS)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        for name in ("scheduler", "scanner", "pipeline", "queue", "destinations"):
            m.submodules[name] = getattr(self, name)
        scheduler, scanner, pipeline, queue = self.scheduler, self.scanner, self.pipeline, self.queue

        # ---- ticks: clear, copy the active bits, scan, drain ---------------------------------------------------------
        begin, finished = Signal(), Signal()
        m.d.comb += [
            self.busy.eq(self.clearing | self.running | scheduler.pending),
            begin.eq(self.tick & ~self.busy),
            scheduler.begin.eq(begin),
            scanner.start.eq(self.started & ~scheduler.copying),
            finished.eq(
                self.running & ~self.started & ~scanner.scanning & (self.credits == config.credits) & ~self.send_valid
            ),
        ]
        with m.If(begin):
            m.d.sync += [self.running.eq(1), self.started.eq(1)]
        with m.If(scanner.start):
            m.d.sync += self.started.eq(0)
        with m.If(finished):
            m.d.sync += self.running.eq(0)
        with m.If(self.clearing):
            m.d.sync += self.clear_row.eq(self.clear_row + 1)
            with m.If(self.clear_row == config.clear_cycles - 1):
                m.d.sync += self.clearing.eq(0)
        m.d.comb += [
            scheduler.clear.eq(self.clearing),
            pipeline.clear.eq(self.clearing),
            pipeline.clear_row.eq(self.clear_row),
        ]

        # ---- arrivals ------------------------------------------------------------------------------------------------
        m.d.comb += [
            scheduler.arrive_valid.eq(self.arrive_valid),
            scheduler.arrive_packet.eq(self.arrive_packet),
            self.arrive_ready.eq(scheduler.arrive_ready),
        ]

        # ---- from the scheduler through the scanner to the pipeline --------------------------------------------------
        m.d.comb += [
            scanner.active_words.eq(scheduler.active_words),
            scanner.active.eq(scheduler.active),
            scheduler.word.eq(scanner.word),
            scheduler.enable.eq(scanner.enable),
            scanner.go.eq(self.credits != 0),
        ]
        for name in ("issue", "row", "first", "last", "low", "high", *(f"lane_{k}" for k in range(config.lanes))):
            m.d.comb += getattr(pipeline, name).eq(getattr(scanner, name))

        # ---- spikes: a row takes a credit; a commit without a spike, or a spike that leaves, gives it back -----------
        packet = self.destinations.data
        t = packet[: FIELDS["t"][0].width]
        leaves, take, send = Signal(), Signal(), Signal()
        m.d.comb += [
            queue.push.eq(pipeline.commit & pipeline.commit_spike),
            queue.push_neuron.eq(pipeline.commit_row),
            send.eq(~self.send_valid | self.send_ready),
            leaves.eq(self.addressed & send),
            take.eq(~self.addressed | send),
            queue.ready.eq(take),
            self.destinations.enable.eq(take),
            self.destinations.address.eq(queue.neuron),
        ]
        with m.If(take):
            m.d.sync += self.addressed.eq(queue.valid)
        with m.If(send):
            m.d.sync += [self.send_valid.eq(self.addressed & (t != NOWHERE)), self.send_packet.eq(packet)]
        spent = scanner.issue & scanner.last
        quiet = pipeline.commit & ~pipeline.commit_spike
        m.d.sync += self.credits.eq(self.credits - spent + quiet + leaves)

        # ---- flags and counters --------------------------------------------------------------------------------------
        with m.If(self.tick & self.busy):
            m.d.sync += self.overrun.eq(1)
        with m.If(scheduler.conflict):
            m.d.sync += self.conflict.eq(1)
        m.d.sync += [
            self.saturations.eq(self.saturations + (pipeline.commit & pipeline.commit_clipped)),
            self.merged.eq(self.merged + scheduler.merged),
        ]

        self.host_port(m)
        if config.retire:
            m.d.comb += [
                self.retire_valid.eq(pipeline.commit),
                self.retire_neuron.eq(pipeline.commit_row),
                self.retire_v.eq(pipeline.commit_v),
                self.retire_spike.eq(pipeline.commit_spike),
            ]
        return m

    def host_port(self, m: Module) -> None:
        """Every region by its number; what is read is chosen a clock after the access, and answered one later."""
        config, scheduler, scanner, pipeline = self.config, self.scheduler, self.scanner, self.pipeline
        number = self.host_address[config.index_bits :]
        row = self.host_address[: config.index_bits]
        access = Signal()
        m.d.comb += [
            self.host_ready.eq(~(self.busy | self.accessed | self.tick)),
            access.eq(self.host_valid & self.host_ready),
        ]
        m.d.sync += self.accessed.eq(access)

        def written(region: str) -> Signal:
            signal = Signal(name=f"write_{region}")
            m.d.comb += signal.eq(access & self.host_write & (number == config.regions[region].number))
            return signal

        data: dict[str, Signal] = {}
        for block, names in ((scanner, ("crossbar", "types_low", "types_high")), (pipeline, tuple(pipeline.banks))):
            m.d.comb += [block.host.eq(access), block.host_row.eq(row), block.host_data.eq(self.host_data)]
            for name in names:
                m.d.comb += getattr(block, f"host_{name}").eq(written(name))
                data[name] = getattr(block, f"{name}_data")
        bank = self.destinations
        m.d.comb += [bank.host.eq(access), bank.host_address.eq(row), bank.host_data.eq(self.host_data)]
        m.d.comb += bank.host_write.eq(written("destination"))
        data["destination"] = bank.data
        slots = access & (number == config.regions["slots"].number)
        m.d.comb += [
            scheduler.host.eq(slots),
            scheduler.host_write.eq(self.host_write),
            scheduler.host_data.eq(self.host_data),
            scheduler.row.eq(row),
        ]
        with m.If(self.clearing):
            m.d.comb += scheduler.row.eq(self.clear_row)
        data["slots"] = scheduler.data
        m.d.comb += [pipeline.set_random.eq(written("random")), scheduler.set_now.eq(written("now"))]
        with m.If(written("status")):
            m.d.sync += [self.overrun.eq(0), self.conflict.eq(0)]
        with m.If(written("saturations")):
            m.d.sync += self.saturations.eq(0)
        with m.If(written("merged")):
            m.d.sync += self.merged.eq(0)
        data |= {
            "random": pipeline.random,
            "now": scheduler.now,
            "status": Cat(self.overrun, self.conflict),
            "saturations": self.saturations,
            "merged": self.merged,
        }

        asked = Signal.like(number, name="asked", reset_less=True)
        m.d.sync += [
            asked.eq(number),
            self.answer_valid.eq(self.accessed & ~self.wrote),
            self.answer_data.eq(0),
        ]
        m.d.sync += self.wrote.eq(self.host_write)
        with m.Switch(asked):
            for name, value in data.items():
                with m.Case(config.regions[name].number):
                    m.d.sync += self.answer_data.eq(value.as_unsigned() if value.shape().signed else value)
