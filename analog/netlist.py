"""SPICE text: numbers, blocks and the deck they make.  Nothing here depends on a simulator or on PySpice.

A block is a frozen dataclass that contributes cards (lines of SPICE).  A `Netlist` is a title, the blocks, the
solver options and one transient analysis; ``text`` is the deck an ngspice library loads, ``batch_text`` the one that
plain ``ngspice -b`` runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from golden.errors import SpecError


class Block(Protocol):
    """A part of a circuit."""

    def cards(self) -> tuple[str, ...]:
        """The block's elements and models as lines of SPICE; names carry the block's own name, so none clash."""
        ...


def number(value: float) -> str:
    """A float as SPICE reads it, to all the digits that matter."""
    return f"{value:.15g}"


def positive(thing: str, value: float, unit: str) -> None:
    """Refuse a block parameter that is not above zero (nan too)."""
    if not value > 0:
        raise SpecError.rule(thing, "positive", f"{value:g} {unit}")


def not_negative(thing: str, value: float, unit: str) -> None:
    """Refuse a block parameter below zero (nan too)."""
    if not value >= 0:
        raise SpecError.rule(thing, "zero or positive", f"{value:g} {unit}")


@dataclass(frozen=True)
class Netlist:
    """One circuit with one transient analysis.

    title     first line of the deck
    comments  what a reader needs to know, one line each
    blocks    in the order in which they are written
    options   the ``.options`` line, empty for the simulator's own defaults
    duration  [s] of the transient analysis
    max_step  longest time step [s]; None leaves it to the simulator
    saved     nodes whose voltage is kept, or whole vectors such as "i(vvdd)"
    initial   potentials [V] at time 0 of nodes that no capacitor's ``ic`` sets
    uic       whether time 0 is what ``ic`` and ``initial`` say; otherwise an operating point that holds ``initial``
    """

    title: str
    comments: tuple[str, ...]
    blocks: tuple[Block, ...]
    options: str
    duration: float
    max_step: float | None
    saved: tuple[str, ...]
    initial: tuple[tuple[str, float], ...] = ()
    uic: bool = True

    def elements(self) -> tuple[str, ...]:
        """The circuit alone: every block's cards."""
        return tuple(card for block in self.blocks for card in block.cards())

    def text(self) -> str:
        """The deck for an ngspice library: it loads, and a ``run`` command does the analysis."""
        return "\n".join((*self._body(), ".end", ""))

    def batch_text(self, data_file: str, level: float) -> str:
        """The deck for ``ngspice -b``: runs, prints spikes and intervals, writes the saved nodes to ``data_file``.

        A spike is a rise of the second saved node through ``level`` [V].
        """
        out = f"v({self.saved[1]})"
        control = (
            ".control",
            "set num_threads=1",
            "run",
            f"wrdata {data_file} {' '.join(_vector(node) for node in self.saved)}",
            f"let high = {out} ge {number(level)}",
            "let steps = length(high)",
            "let k = 1",
            "let count = 0",
            "let last = 0",
            "while k lt steps",
            "  if high[k] gt high[k-1]",
            "    let count = count + 1",
            f"    let part = ({number(level)} - {out}[k-1]) / ({out}[k] - {out}[k-1])",
            "    let spike = time[k-1] + part * (time[k] - time[k-1])",
            "    let interval = spike - last",
            "    let last = spike",
            "    print count spike interval",
            "  end",
            "  let k = k + 1",
            "end",
            # Without it batch mode runs the circuit a second time, and XSPICE parts are silent then.
            "quit",
            ".endc",
        )
        return "\n".join((*self._body(), *control, ".end", ""))

    def _body(self) -> tuple[str, ...]:
        step = self.duration / 1000 if self.max_step is None else min(self.max_step, self.duration / 50)
        limit = "" if self.max_step is None else f" 0 {number(step)}"
        return (
            f"* {self.title}",
            *(f"* {comment}" for comment in self.comments),
            *self.elements(),
            *((self.options,) if self.options else ()),
            *(
                (f".ic {' '.join(f'v({node})={number(volts)}' for node, volts in self.initial)}",)
                if self.initial
                else ()
            ),
            f".tran {number(step)} {number(self.duration)}{limit}{' uic' if self.uic else ''}",
            f".save {' '.join(_vector(node) for node in self.saved)}",
        )


def _vector(node: str) -> str:
    return node if "(" in node else f"v({node})"
