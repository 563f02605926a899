"""Questions to the solver, with their right answers: what every core's obligations have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from amaranth.lib import wiring

Kind = Literal["proof", "cover", "control"]


class Question(Protocol):
    """A question about a circuit.

    proof    the claim holds from power-up, and k-induction over ``clocks.stop`` clocks holds too: it holds for ever
    cover    every corner of the claim is reached from power-up in one of ``clocks``
    control  the planted bug breaks the claim in one of ``clocks`` after power-up

    ``str`` gives kind, name and claim in a line.
    """

    @property
    def kind(self) -> Kind: ...

    @property
    def name(self) -> str: ...

    @property
    def claim(self) -> str: ...

    @property
    def clocks(self) -> range: ...

    @property
    def size(self) -> str:
        """How large the circuit is, in a word or two."""
        ...

    def spec(self) -> wiring.Component:
        """The circuit that the question is about, with what watches it; its inputs are the solver's."""
        ...

    def describe(self) -> dict[str, Any]:
        """The circuit in plain values, for JSON."""
        ...
