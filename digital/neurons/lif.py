"""The LIF update of one neuron as combinational circuits, made from the golden functions themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amaranth.hdl import Const, Shape, Value

from digital import polymorphic  # noqa: F401  golden steps below run on Amaranth values
from golden.neurons import lif_fixed
from golden.neurons.lif_fixed import LIFFormat, Parameters, State

if TYPE_CHECKING:
    from golden.fixed import Format


def shape(fmt: Format) -> Shape:
    """The hardware shape of a fixed-point format."""
    return Shape(fmt.width, fmt.signed)


def parameters(fmt: LIFFormat, values: dict[str, Value]) -> Parameters:
    """The golden step's parameters from the circuit values of those that ``fmt`` uses."""
    return Parameters(**{name: values[name] for name in fmt.parameters})


def state_shapes(fmt: LIFFormat) -> dict[str, Shape]:
    """What a neuron of this structure has to remember: v, i with a synapse, r with a refractory time."""
    shapes = {"v": shape(fmt.v)}
    if fmt.synapse != "none":
        shapes["i"] = shape(fmt.input)
    if fmt.refractory_bits:
        shapes["r"] = Shape(fmt.refractory_bits)
    return shapes


def step(fmt: LIFFormat, values: dict[str, Value]) -> dict[str, Value]:
    """``golden.neurons.lif_fixed.step`` on circuit values.

    Takes v, i, r, current and the parameters by name, as far as ``fmt`` has them; returns the next v, i, r and spike.
    """
    zero = Const(0)
    state = State(*(values.get(name, zero) for name in State._fields))
    after, spike = lif_fixed.step(fmt, parameters(fmt, values), state, values["current"])
    return {name: after._asdict()[name] for name in state_shapes(fmt)} | {"spike": spike}
