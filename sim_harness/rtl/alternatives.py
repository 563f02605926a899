"""The mistakes that cores make: the golden tick with one thing changed.

An alternative that turns right states into exactly the wrong ones that a core showed is the likely cause of its bug.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, get_args

from golden.neurons.lif_fixed import Comparison, LIFFormat, Parameters, State, Synapse, Update, leak, receive, step
from golden.polymorphic import SHIFT_ROUNDINGS, saturate

if TYPE_CHECKING:
    from golden.fixed import Format


@dataclass(frozen=True)
class Tick:
    """One tick of one neuron: its state before, and the input of this tick and of its neighbours.

    currents, weights  of the tick before, this one, the next one
    """

    format: LIFFormat
    parameters: Parameters
    state: State
    currents: tuple[int, int, int]
    weights: tuple[Sequence[int], Sequence[int], Sequence[int]]

    def received(self, add: Callable[[LIFFormat, int, int], int] = receive, *, of: int = 1) -> State:
        """The state after the input spikes: of this tick (1), or late (0), or early (2)."""
        i = self.state.i
        for weight in self.weights[of]:
            i = add(self.format, i, weight)
        return self.state._replace(i=i)

    def right(self) -> Update:
        """What the golden model makes of it."""
        return step(self.format, self.parameters, self.received(), self.currents[1])

    def drive(self, state: State) -> int:
        """What is added to the leaked potential."""
        return self.currents[1] + (0 if self.format.synapse == "none" else state.i)

    def pushed(self, x: Callable[[int], int]) -> Update:
        """The golden step, but the sum of leaked potential and drive is ``x`` of it before it saturates."""
        state = self.received()
        total = leak(self.format, state.v, self.parameters.decay) + self.drive(state)
        return step(self.format, self.parameters, state, self.currents[1] + x(total) - total)


Alternative = Callable[[Tick], Update]


def wrap(value: int, fmt: Format) -> int:
    """What is left of an overflowing value in a register of this format."""
    return (value - fmt.min) % (1 << fmt.width) + fmt.min


def alternatives(fmt: LIFFormat) -> Iterator[tuple[str, Alternative]]:
    """All mistakes that this structure allows, the likelier first."""
    for comparison in get_args(Comparison):
        if comparison != fmt.comparison:
            yield (
                f"comparison: {comparison} instead of {fmt.comparison} (potential equal to the threshold)",
                _with_format(replace(fmt, comparison=comparison)),
            )
    yield "saturation: the potential wraps round instead", lambda t: t.pushed(lambda x: wrap(x, fmt.v))
    yield "saturation: the low rail is -max instead of min", lambda t: t.pushed(lambda x: max(x, -fmt.v.max))
    for rounding in SHIFT_ROUNDINGS:
        if rounding != fmt.leak_rounding:
            yield (
                f"rounding: {rounding} instead of {fmt.leak_rounding}",
                _with_format(replace(fmt, leak_rounding=rounding)),
            )
    if fmt.reset == "value":
        yield "reset: subtracts the threshold instead of loading v_reset", _with_format(replace(fmt, reset="subtract"))
        yield "reset: to 0 instead of v_reset", lambda t: _stepped(t, parameters=t.parameters._replace(v_reset=0))
    else:
        yield "reset: to 0 instead of subtracting the threshold", _with_format(replace(fmt, reset="value"))
    yield "reset: the potential is kept after a spike", _unreset
    if fmt.refractory_bits:
        yield "refractory: one tick too many", _with_parameter("t_ref", 1)
        yield "refractory: one tick too few", _with_parameter("t_ref", -1)
        yield "refractory: the potential integrates meanwhile", _integrating
        yield "refractory: the neuron may fire meanwhile", _firing
        yield "refractory: never waits", lambda t: _stepped(t, parameters=t.parameters._replace(t_ref=0))
    yield "leak: none", lambda t: t.pushed(lambda x: x - leak(fmt, t.state.v, t.parameters.decay) + t.state.v)
    yield "leak: acts on the sum of potential and input", _leaking_last
    yield from _of_inputs(fmt)
    for name in fmt.parameters:
        yield f"parameter: {name} is 1 too large", _with_parameter(name, 1)
        yield f"parameter: {name} is 1 too small", _with_parameter(name, -1)


def _of_inputs(fmt: LIFFormat) -> Iterator[tuple[str, Alternative]]:
    yield "timing: the current acts one tick late", lambda t: _stepped(t, current=t.currents[0])
    yield "timing: the current acts one tick early", lambda t: _stepped(t, current=t.currents[2])
    if fmt.synapse == "none":
        return
    yield "saturation: the synaptic current wraps round instead", lambda t: _stepped(t, state=t.received(_add_wrapping))
    yield (
        "saturation: current and synaptic current already saturate in their sum",
        lambda t: t.pushed(lambda x: x - t.drive(t.received()) + saturate(t.drive(t.received()), *_limits(fmt.input))),
    )
    yield (
        "saturation: the sum of current and synaptic current wraps round",
        lambda t: t.pushed(lambda x: x - t.drive(t.received()) + wrap(t.drive(t.received()), fmt.input)),
    )
    yield "timing: input spikes act one tick late", lambda t: _stepped(t, state=t.received(of=0))
    yield "timing: input spikes act one tick early", lambda t: _stepped(t, state=t.received(of=2))
    yield "synapse: input spikes are lost", lambda t: _stepped(t, state=t.state)
    for synapse in get_args(Synapse):
        if synapse not in ("none", fmt.synapse):
            yield f"synapse: {synapse} instead of {fmt.synapse}", _with_format(replace(fmt, synapse=synapse))
    yield "synapse: does not decay", _undecayed
    yield "synapse: decays before it acts", _decaying_first


def _stepped(
    t: Tick, *, parameters: Parameters | None = None, state: State | None = None, current: int | None = None
) -> Update:
    return step(
        t.format,
        t.parameters if parameters is None else parameters,
        t.received() if state is None else state,
        t.currents[1] if current is None else current,
    )


def _with_format(fmt: LIFFormat) -> Alternative:
    return lambda t: replace(t, format=fmt).right()


def _limits(fmt: Format) -> tuple[int, int]:
    return fmt.min, fmt.max


def _with_parameter(name: str, change: int) -> Alternative:
    def changed(t: Tick) -> Update:
        value = max(0, getattr(t.parameters, name) + change)
        return _stepped(t, parameters=t.parameters._replace(**{name: value}))

    return changed


def _add_wrapping(fmt: LIFFormat, i: int, weight: int) -> int:
    return wrap(i + weight, fmt.input)


def _unreset(t: Tick) -> Update:
    state, spike = t.right()
    if not spike:
        return Update(state, spike)
    before = t.received()
    x = saturate(leak(t.format, before.v, t.parameters.decay) + t.drive(before), *_limits(t.format.v))
    return Update(state._replace(v=x), spike)


def _integrating(t: Tick) -> Update:
    """v goes on while r counts, without firing."""
    if t.state.r == 0:
        return t.right()
    before = t.received()
    x = saturate(leak(t.format, before.v, t.parameters.decay) + t.drive(before), *_limits(t.format.v))
    return Update(t.right().state._replace(v=x), False)


def _firing(t: Tick) -> Update:
    """The refractory counter counts and holds nothing."""
    waited = max(0, t.state.r - 1)
    state, spike = replace(t, state=t.state._replace(r=0)).right()
    return Update(state if spike else state._replace(r=waited), spike)


def _leaking_last(t: Tick) -> Update:
    before = t.received()
    return t.pushed(lambda _: leak(t.format, before.v + t.drive(before), t.parameters.decay))


def _undecayed(t: Tick) -> Update:
    state, spike = t.right()
    return Update(state._replace(i=t.received().i), spike)


def _decaying_first(t: Tick) -> Update:
    """The drive is the synaptic current of the next tick."""
    i = t.right().state.i
    drive = t.received().i
    return t.pushed(lambda x: x - drive + i)
