"""What the LIF core promises, as hardware that watches it: for all states, inputs, parameters, stalls and resets.

Three proofs, each of which stands alone; together they say that the core is the golden neuron, N times.

    update   every committed update is the golden step: the state after is ``step`` of the state before, the current and
             the parameters that the same record of the retire port names
    state    of one neuron, chosen by the solver and so standing for every one: the state before is the state after the
             last update, changed by the golden ``receive`` of each accepted event since; current and parameters are
             what the host wrote last; nothing else changes them; reset clears them
    spikes   every committed spike of that neuron leaves on the spike stream once, before busy falls, in ascending
             order, and nothing else leaves

All three include

    order    a tick commits neurons 0, 1, ... N-1, each once, before busy falls, and events before all of them
    progress while a tick runs, something moves: the core cannot hang

Lemmas are not promised to anybody. They exclude states that the core never reaches, which makes the claims provable
from any state by k-induction, and are proved along.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from amaranth.asserts import AnyConst
from amaranth.hdl import Array, Assert, Assume, Cat, Const, Cover, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from digital.formal.watch import implies, look_up, total
from digital.lif_core import EVENT_LATENCY, LATENCY, LIFCore
from digital.neurons import lif
from golden.neurons.lif_fixed import Parameters, leak, receive
from golden.polymorphic import saturate

Claim = Literal["update", "state", "spikes"]

#: The pipeline stages whose registers hold the operands of an update, and their sum.
OPERANDS, SUMMED = 2, 5
#: Clocks of the induction: from operands to commit; from an event's or update's read of the memory to its write; one.
DEPTHS: Mapping[Claim, int] = {"update": LATENCY - OPERANDS + 1, "state": EVENT_LATENCY + 2, "spikes": 2}


class LIFCoreSpec(wiring.Component):
    """``core`` (with retire port), one of the claims about it, and by choice the lemmas that its induction needs.

    The ports are the inputs of the core. They are the solver's, and so are the reset, and the neuron and the slot of
    the spike queue that stand for every one.
    """

    def __init__(self, core: LIFCore, claim: Claim, *, lemmas: bool = True) -> None:
        inputs = {name: member for name, member in core.signature.members.items() if member.flow is In}
        super().__init__(inputs)  # not AnySeq: `opt_merge -share_all` makes one of two such cells of the same width
        self.core = core
        self.claim = claim
        self.lemmas = lemmas

    def elaborate(self, platform: object) -> Module:
        m = Module()
        core = self.core
        m.submodules.core = core
        for name, member in core.signature.members.items():
            if member.flow is In:
                m.d.comb += getattr(core, name).eq(getattr(self, name))
        index_bits, slot_bits = core.config.index_bits, len(core.queue.head)
        chosen = Signal(index_bits + slot_bits)  # one AnyConst for both, for the same reason
        m.d.comb += chosen.eq(AnyConst(len(chosen)))
        self.neuron, self.slot = chosen[:index_bits], chosen[index_bits:]
        m.d.comb += Assume(self.neuron < core.config.size)
        self.commit = core.retire_valid & (core.retire_neuron == self.neuron)
        self.in_flight = total(core.valids[1:])
        self.events_left = Cat(core.held, *core.events[1:]).any()
        self.queued = (core.queue.level != 0) | core.queue.valid
        self.settled = core.credits == core.queue.depth
        self.cleared = implies(core.clearing, core.index > self.neuron)

        self.ordered(m)
        match self.claim:
            case "update":
                self.updates_are_golden(m)
                self.corners_of_updates(m)
            case "state":
                self.state_is_kept(m)
            case "spikes":
                self.spikes_leave(m)
        return m

    def lemma(self, truth: Value, text: str) -> list[Assert]:
        """An assertion that the induction needs and nobody is promised."""
        return [Assert(truth, f"lemma: {text}")] if self.lemmas else []

    def written_by_host(self, m: Module) -> dict[str, Value]:
        """The neuron's current and parameters by name, as the host's writes made them; the core's must agree."""
        core, config = self.core, self.core.config
        values: dict[str, Value] = {}
        for number, (name, what) in config.fields.items():
            written = core.host_valid & core.host_ready & (core.host_field == number)
            store = core.parameters[name] if number else core.currents
            if isinstance(store, Signal):  # one register for all neurons, which a reset gives its first value
                shadow = values[name] = Signal.like(store, name=f"shadow_{name}")
                agrees = store == shadow
            elif number:  # a memory that starts with the values given and outlives a reset
                written &= core.host_neuron == self.neuron
                shadow = Signal(what, name=f"shadow_{name}", reset_less=True)
                known = Signal(name=f"known_{name}", reset_less=True)
                # A signal, not an expression: Yosys makes a ROM of the choice, and every use of it would have its own,
                # which the induction would let differ.
                values[name] = Signal(what, name=f"value_{name}")
                m.d.comb += values[name].eq(Mux(known, shadow, Array(config.initial(name))[self.neuron]))
                agrees = look_up(m, store, self.neuron) == values[name]
                m.d.sync += known.eq(known | written)
            else:  # a memory that a reset clears
                written &= core.host_neuron == self.neuron
                shadow = values[name] = Signal(what, name=f"shadow_{name}")
                agrees = implies(self.cleared, look_up(m, store, self.neuron) == shadow)
            m.d.comb += Assert(agrees, f"host: {name}")
            with m.If(written):
                m.d.sync += shadow.eq(core.host_data)
        return values

    def state_is_kept(self, m: Module) -> None:
        """What an update starts from is what the last one, the events and the host's writes left."""
        core, states = self.core, lif.state_shapes(self.core.config.format)
        shadow = {name: Signal(what, name=f"shadow_{name}") for name, what in states.items()}
        with m.If(self.commit):
            m.d.sync += [signal.eq(getattr(core, f"retire_{name}")) for name, signal in shadow.items()]
        inputs = self.written_by_host(m)
        if "i" in shadow:
            self.changed_by_events(m, shadow["i"])

        stored = look_up(m, core.state, self.neuron)
        for name in stored.shape().members:
            m.d.comb += Assert(implies(self.cleared, stored[name] == shadow[name]), f"state: {name} in memory")
        for name, value in (shadow | inputs).items():
            port = getattr(core, f"retire_{name}0" if name in shadow else f"retire_{name}")
            m.d.comb += Assert(implies(self.commit, port == value), f"state: {name} before")
            for stage, operand in enumerate(self.delayed(m, core.operands[name], name), OPERANDS):
                mine = core.valids[stage] & (core.tags[stage] == self.neuron)
                m.d.comb += self.lemma(implies(mine, operand == value), f"{name} in stage {stage}")
            if name in shadow or name == "current":
                m.d.comb += self.lemma(implies(core.clearing, value == 0), "cleared")

    def updates_are_golden(self, m: Module) -> None:
        """The record of a commit fulfils the golden step.

        The step is evaluated where the operands are, and waits for the commit: there the products are those of the
        core, so that the solver need not multiply.
        """
        core, states = self.core, lif.state_shapes(self.core.config.format)
        for name, value in core.operands.items():
            port = getattr(core, f"retire_{name}0" if name in states else f"retire_{name}")
            right = port == self.delayed(m, value, name)[-1]
            m.d.comb += Assert(implies(core.retire_valid, right), f"update: {name} is the operand")
        fmt, v = core.config.format, core.operands["v"]
        for name, value in lif.step(fmt, core.operands).items():
            right = getattr(core, f"retire_{name}") == self.delayed(m, value, f"next_{name}")[-1]
            m.d.comb += Assert(implies(core.retire_valid, right), f"update: {name} is golden")
        # A stop half-way: with a shifter, the whole way is too long for the solver.
        p = lif.parameters(fmt, core.operands)
        drive = core.operands["current"] + core.operands.get("i", 0)
        total = self.delayed(m, leak(fmt, v, p.decay) + drive, "total")[SUMMED - OPERANDS]
        m.d.comb += self.lemma(implies(core.valids[SUMMED], core.total == total), "total")

    def changed_by_events(self, m: Module, shadow: Signal) -> None:
        """Events act on the shadow when accepted, on the memory some clocks later; by a commit both must be equal."""
        core, fmt = self.core, self.core.config.format
        with m.If(core.event_valid & core.event_ready & (core.event_neuron == self.neuron)):
            m.d.sync += shadow.eq(receive(fmt, shadow, core.event_weight))

        issued = Signal(shadow.shape(), name="issued_i")  # without the event that may still be held
        with m.If(self.commit):
            m.d.sync += issued.eq(core.retire_i)
        with m.If(core.events[0] & (core.tags[0] == self.neuron)):
            m.d.sync += issued.eq(receive(fmt, issued, core.held_weight))
        held = core.held & (core.held_neuron == self.neuron)
        on_their_way = [on & (at == self.neuron) for on, at in zip(core.events[1:], core.tags[1:], strict=False)]
        stored = look_up(m, core.synapses, self.neuron)
        m.d.comb += [
            Assert(shadow == Mux(held, receive(fmt, issued, core.held_weight), issued), "events: held"),
            Assert(implies(self.cleared & ~Cat(*on_their_way).any(), stored == issued), "events: i in memory"),
            self.lemma(total(on_their_way) <= 1, "one event of a neuron at a time"),
            self.lemma(implies(core.clearing, issued == 0), "cleared"),
        ]
        m.d.comb += Cover(core.held & ~core.events[0], "events of one neuron in a row")

    def ordered(self, m: Module) -> None:
        """A tick commits every neuron once, in ascending order."""
        core, queue, size = self.core, self.core.queue, self.core.config.size
        retired = self.retired = Signal(range(size + 1), init=size)
        with m.If(core.tick & ~core.busy):
            m.d.sync += retired.eq(0)
        with m.If(core.retire_valid):
            m.d.sync += retired.eq(retired + 1)

        updating = core.running & (self.in_flight != 0)
        m.d.comb += [
            Assert(implies(core.retire_valid, core.retire_neuron == retired), "order: ascending"),
            Assert(core.running | (retired == size), "order: complete"),
            Assert(
                implies(core.running, Cat(core.valids, self.events_left, self.queued, self.settled).any()), "progress"
            ),
            self.lemma(implies(self.in_flight != 0, updating & ~self.events_left), "updates after events"),
            self.lemma(
                implies(core.running, retired + self.in_flight == Mux(core.issuing, core.index, size)), "issued"
            ),
            self.lemma(implies(~core.running, ~core.issuing & self.settled), "nothing left over"),
            self.lemma(implies(~core.issuing & ~core.clearing, core.index == 0), "from the first"),
            self.lemma(implies(core.running & self.events_left, core.issuing & (core.index == 0)), "events first"),
            self.lemma(implies(core.clearing, ~core.running & ~self.events_left), "clearing alone"),
            self.lemma(core.index < size, "index"),
            self.lemma(core.credits + self.in_flight + queue.level + queue.valid == core.queue.depth, "credits"),
        ]
        for stage, (valid, tag) in enumerate(zip(core.valids, core.tags, strict=True)):
            if stage:
                ahead = total([Const(0), *core.valids[stage + 1 :]])
                m.d.comb += self.lemma(implies(valid, tag == retired + ahead), "tags")

    def spikes_leave(self, m: Module) -> None:
        """Every committed spike leaves exactly once, in ascending order, before busy falls.

        What leaves came out of some slot of the queue's memory; one slot, chosen by the solver, stands for every one.
        """
        core, queue, neuron, bits = self.core, self.core.queue, self.neuron, len(self.core.queue.head)
        slot, from_slot = self.slot, Signal()
        with m.If(queue.load):
            m.d.sync += from_slot.eq(queue.head == slot)
        at_output = core.spike_valid & from_slot

        m.d.comb += Cover(core.issuing & (core.credits == 0), "back-pressure")

        # The neuron's committed spike that has not left: first in a place of the memory, then at the output.
        fired = self.commit & core.retire_spike
        waits, ready = Signal(), Signal()
        place = Signal.like(queue.head, name="place")
        moves = waits & queue.load & (queue.head == place)
        m.d.sync += [
            waits.eq(fired | (waits & ~moves)),
            ready.eq(moves | (ready & ~core.spike_ready)),
        ]
        with m.If(fired):
            m.d.sync += place.eq(queue.tail)
        pending = waits | ready
        leaves = at_output & core.spike_ready
        m.d.comb += [
            Assert(implies(ready, core.spike_valid & (core.spike_neuron == neuron)), "spikes: all that fired leave"),
            Assert(implies(leaves & (core.spike_neuron == neuron), ready), "spikes: none leaves that did not fire"),
            Assert(implies(leaves & pending, core.spike_neuron <= neuron), "spikes: ascending"),
            Assert(implies(~core.busy, ~pending & ~core.spike_valid), "spikes: none is left"),
            Assert(implies(fired, ~pending), "spikes: one a tick"),
        ]

        age_of_slot, age_of_place = (slot - queue.head)[:bits], (place - queue.head)[:bits]
        used, row = age_of_slot < queue.level, look_up(m, queue.memory, slot)
        m.d.comb += [
            self.lemma(implies(waits, ~ready), "one place"),
            self.lemma(implies(pending, core.running & (neuron < self.retired)), "pending"),
            self.lemma(implies(waits, age_of_place < queue.level), "in the queue"),
            self.lemma(implies(waits, look_up(m, queue.memory, place) == neuron), "in the queue"),
            self.lemma(implies(used & (row == neuron), waits & (place == slot)), "no other in the queue"),
            self.lemma(implies(at_output & (core.spike_neuron == neuron), ready), "no other at the output"),
            self.lemma(implies(used & waits & (age_of_slot < age_of_place), row < neuron), "first in"),
            self.lemma(implies(at_output & waits, core.spike_neuron < neuron), "first out"),
            self.lemma(implies(used, row < self.retired), "committed"),
            self.lemma(implies(at_output, core.spike_neuron < self.retired), "committed"),
            self.lemma(queue.tail == (queue.head + queue.level)[:bits], "queue"),
        ]

    def corners_of_updates(self, m: Module) -> None:
        """Covers: the corners that the claim speaks about exist."""
        core, fmt = self.core, self.core.config.format
        p = Parameters(**{name: core.operands[name] for name in fmt.parameters})
        drive = core.operands["current"] + core.operands.get("i", 0)
        x = leak(fmt, core.operands["v"], p.decay) + drive
        corners = {
            "saturation high": x > fmt.v.max,
            "saturation low": x < fmt.v.min,
            "equality with the threshold": saturate(x, fmt.v.min, fmt.v.max) == p.v_th,
        }
        corners = {name: self.delayed(m, value, name.replace(" ", "_"))[-1] for name, value in corners.items()}
        corners |= {"spike": core.retire_spike, "threshold above 0": core.retire_v_th > 0}
        if fmt.refractory_bits:
            corners["refractory"] = core.retire_r0 != 0
        m.d.comb += [Cover(core.retire_valid & corner, name) for name, corner in corners.items()]

    def delayed(self, m: Module, value: Value, name: str) -> list[Value]:
        """An expression of the operands' stage as this stage and each later one sees it, up to the commit."""
        line = [Value.cast(value)]
        for stage in range(OPERANDS + 1, LATENCY + 1):
            line.append(Signal(line[0].shape(), name=f"proof_{name}_{stage}", reset_less=True))
            m.d.sync += line[-1].eq(line[-2])
        return line
