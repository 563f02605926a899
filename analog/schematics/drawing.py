"""Drawing a netlist: branches from the supply down to ground, nodes by their names.

Each part of a circuit is a row of columns.  A transistor's row follows from what is above and below it: p-channel
transistors hang from the supply, n-channel ones stand on ground, one on the other where they are in series; both
that drive the same node share a column.  Gates, and nodes that continue elsewhere, are labelled with the node's name.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from golden.errors import MissingToolError, SpecError

if TYPE_CHECKING:
    from pathlib import Path

    from analog.schematics.circuits import Schematic

#: Distances [drawing units] between columns, rows and parts; columns of a line of parts.
COLUMN, ROW, PART, WIDEST = 3.4, 2.6, 1.2, 12
RAILS = ("vdd", "0")
#: Half the height of a transistor's symbol.
HALF = 0.833


@dataclass(frozen=True)
class Element:
    """A device between an upper and a lower node: kind "n", "p" (transistors), "C" or "I"."""

    name: str
    kind: str
    top: str
    bottom: str
    gate: str = ""
    note: str = ""


@dataclass
class Column:
    """What stands on ground and what hangs from the supply, each from its rail on."""

    down: list[Element]
    up: list[Element]


def elements(schematic: Schematic) -> list[Element]:
    """The devices of a circuit, upper node first; sources of potentials are no devices."""
    found = []
    for block in schematic.blocks:
        for card in block.cards():
            words = card.split()
            letter, name = words[0][0], words[0][1:].removeprefix(schematic.prefix)
            nodes = [word.removeprefix(schematic.prefix) for word in words[1:5]]
            if letter == "M":
                drain, gate, source, bulk = nodes
                size = {
                    key: float(value) * 1e6 for key, value in (w.split("=") for w in words[6:] if w[:2] in ("w=", "l="))
                }
                fingers = next((f" x {w[2:]}" for w in words if w.startswith("m=")), "")
                note = f"{size['w']:g}/{size['l']:g}{fingers}"
                kind = "p" if bulk == "vdd" else "n"
                top, bottom = (source, drain) if kind == "p" else (drain, source)
                found.append(Element(name, kind, top, bottom, gate, note))
            elif letter in "CI":
                top, bottom = nodes[0], nodes[1]
                if letter == "C" and (bottom == "vdd" or top == "0"):
                    top, bottom = bottom, top
                found.append(Element(name, letter, top, bottom, note=_engineering(float(words[3]), letter)))
    return found


def grouped(schematic: Schematic) -> dict[str, list[Element]]:
    """Elements by the part they belong to; one that no part names would be lost, and is an error of the drawing."""
    parts: dict[str, list[Element]] = {title: [] for title in schematic.groups}
    for element in elements(schematic):
        title = next(
            (title for title, starts in schematic.groups.items() if any(element.name.startswith(s) for s in starts)),
            None,
        )
        if title is None:
            raise KeyError(f"{schematic.title}: no part has the device {element.name}")
        parts[title].append(element)
    return parts


def columns(part: list[Element]) -> list[Column]:
    """The part's elements as columns, in the order in which they were written."""
    made: list[Column] = []
    placed: set[int] = set()

    def series(element: Element, rising: bool) -> list[Element]:
        """What is between ``element`` and its rail, the rail's neighbour first, and ``element`` itself."""
        chain = [element]
        while True:
            node = chain[0].bottom if rising else chain[0].top
            below = [
                other
                for other in part
                if id(other) not in placed
                and other not in chain
                and other.kind == element.kind
                and (other.top if rising else other.bottom) == node
                and node not in RAILS
            ]
            if not below:
                return chain
            chain.insert(0, below[0])

    # From the outputs: elements that no other of their kind continues.
    for element in part:
        if id(element) in placed or element.kind not in "np":
            continue
        rising = element.kind == "n"
        node = element.top if rising else element.bottom
        if any(
            other.kind == element.kind and (other.bottom if rising else other.top) == node and node not in RAILS
            for other in part
        ):
            continue
        chain = series(element, rising)
        placed.update(id(each) for each in chain)
        home = next(
            (
                column
                for column in made
                if not (column.down if rising else column.up)
                and (column.up[-1].bottom if rising else column.down[-1].top) == node
            ),
            None,
        )
        if home is None:
            home = Column([], [])
            made.append(home)
        (home.down if rising else home.up).extend(chain)
    for element in part:
        if id(element) in placed:
            continue
        placed.add(id(element))
        if element.kind == "I" and element.top == "vdd":
            home = next((c for c in made if not c.up and c.down and c.down[-1].top == element.bottom), None)
            if home is not None:
                home.up.append(element)
                continue
        if element.kind == "I" and element.bottom == "0":
            home = next((c for c in made if not c.down and c.up and c.up[-1].bottom == element.top), None)
            if home is not None:
                home.down.append(element)
                continue
        hangs = element.top == "vdd" or element.kind == "p"
        made.append(Column([], [element]) if hangs else Column([element], []))
    return made


def draw(schematic: Schematic, path: Path) -> None:
    """Write the drawing as .svg; as `svg`.  SpecError for another kind of file."""
    if path.suffix != ".svg":
        raise SpecError.rule("Drawing", "named .svg", path)
    path.write_text(svg(schematic), encoding="utf-8")


def svg(schematic: Schematic) -> str:
    """The drawing as the text of an .svg file; MissingToolError without schemdraw."""
    try:
        schemdraw: Any = importlib.import_module("schemdraw")
    except ModuleNotFoundError:
        raise MissingToolError(
            "schemdraw must be installed to draw schematics; install it with: pip install schemdraw"
        ) from None
    parts = {title: columns(part) for title, part in grouped(schematic).items() if part}
    rows = max(len(c.down) + len(c.up) for made in parts.values() for c in made)
    height = (max(rows, 2) + 0.55) * ROW
    with schemdraw.Drawing(canvas="svg", show=False) as drawing:
        drawing.config(fontsize=11, font="sans-serif", lw=1.4, bgcolor="white", margin=0.3)
        x, y = 0.0, 0.0
        for title, made in parts.items():
            width = COLUMN * len(made)
            if x and x + width > COLUMN * WIDEST:
                x, y = 0.0, y - height - 2.6
            _part(drawing, title, made, x, y, height)
            x += width + PART
        image: bytes = drawing.get_imagedata("svg")
    return image.decode()


def _symbols() -> Any:
    return importlib.import_module("schemdraw.elements")


def _part(drawing: Any, title: str, made: list[Column], x: float, y: float, height: float) -> None:
    elm = _symbols()

    drawing += elm.Label().at((x + COLUMN * (len(made) - 1) / 2, y + 1.5)).label(title, fontsize=13, color="#0072b2")
    drawing += (
        elm.Line()
        .at((x - 0.9, y + 1.15))
        .to((x + COLUMN * (len(made) - 1) + 1.9, y + 1.15))
        .color("#b0b0b0")
        .linewidth(0.8)
    )
    ends: dict[str, list[tuple[float, float]]] = {}
    part = [element for column in made for element in (*column.up, *column.down)]
    for number, column in enumerate(made):
        at = x + COLUMN * number
        upper = _stack(drawing, column.up, at, y - ROW * _depth(part, column.up, rising=False), -1, ends)
        lower = _stack(drawing, column.down, at, y - height + ROW * _depth(part, column.down, rising=True), 1, ends)
        up_end = column.up[-1].bottom if column.up else None
        down_end = column.down[-1].top if column.down else None
        if up_end is not None and up_end == down_end:
            drawing += elm.Line().at((at, upper)).to((at, lower))
            _node(drawing, up_end, at, (upper + lower) / 2)
        else:
            for node, level in ((up_end, upper), (down_end, lower)):
                if node is not None:
                    _end(drawing, node, at, level, up=level == lower)
    # A node of two neighbours at the same height is one wire.
    for node, places in ends.items():
        if node in RAILS:
            continue
        for (a, level), (b, other) in pairwise(sorted(set(places))):
            if abs(level - other) < 1e-6 and b - a < 1.5 * COLUMN:
                drawing += elm.Line().at((a, level)).to((b, level))


def _depth(part: list[Element], chain: list[Element], *, rising: bool) -> int:
    """Rows between the rail and where ``chain`` begins, which another column may lead to."""
    if not chain:
        return 0
    node, rows = (chain[0].bottom if rising else chain[0].top), 0
    while node not in RAILS:
        below = [e for e in part if e.kind == chain[0].kind and (e.top if rising else e.bottom) == node]
        if not below or rows > len(part):
            return rows
        node, rows = (below[0].bottom if rising else below[0].top), rows + 1
    return rows


def _stack(drawing: Any, chain: list[Element], x: float, start: float, way: int, ends: Any) -> float:
    """Draw from a rail on; returns the height of the open end."""
    elm = _symbols()

    if not chain:
        return start
    level = start
    first = chain[0]
    rail = first.top if way < 0 else first.bottom
    if rail == "vdd":
        drawing += elm.Vdd().at((x, level)).label("vdd", fontsize=9)
    elif rail == "0":
        drawing += elm.Ground().at((x, level))
    else:
        _end(drawing, rail, x, level, up=way < 0)
    for element in chain:
        upper, lower = (level, level - ROW) if way < 0 else (level + ROW, level)
        _element(drawing, element, x, upper, lower)
        ends.setdefault(element.top, []).append((x, upper))
        ends.setdefault(element.bottom, []).append((x, lower))
        level += way * ROW
        inner = element.bottom if way < 0 else element.top
        if element is not chain[-1]:
            _node(drawing, inner, x, level)
    return level


def _element(drawing: Any, element: Element, x: float, upper: float, lower: float) -> None:
    elm = _symbols()

    middle = (upper + lower) / 2
    if element.kind in "np":
        made = (elm.AnalogNFet if element.kind == "n" else elm.AnalogPFet)().theta(0).reverse().anchor("source")
        made = made.at((x, middle + (-HALF if element.kind == "n" else HALF)))
        drawing += made
        top = made.absanchors["drain" if element.kind == "n" else "source"]
        bottom = made.absanchors["source" if element.kind == "n" else "drain"]
        gate = made.absanchors["gate"]
        drawing += elm.Line().at(top).to((x, upper))
        drawing += elm.Line().at(bottom).to((x, lower))
        drawing += (
            elm.Label()
            .at((gate[0] - 0.12, gate[1] - 0.14))
            .label(element.gate, halign="right", fontsize=9, color="#555555")
        )
    elif element.kind == "C":
        drawing += elm.Capacitor().endpoints((x, upper), (x, lower))
    else:
        drawing += elm.SourceI().endpoints((x, upper), (x, lower))
    offset = 0.28 if element.kind in "np" else 0.55
    drawing += elm.Label().at((x + offset, middle + 0.2)).label(element.name, halign="left", fontsize=11)
    drawing += (
        elm.Label().at((x + offset, middle - 0.42)).label(element.note, halign="left", fontsize=8, color="#555555")
    )


def _node(drawing: Any, node: str, x: float, y: float) -> None:
    elm = _symbols()

    drawing += elm.Dot(radius=0.06).at((x, y))
    drawing += elm.Label().at((x + 0.12, y + 0.3)).label(node, halign="left", fontsize=9, color="#d55e00")


def _end(drawing: Any, node: str, x: float, y: float, *, up: bool) -> None:
    elm = _symbols()

    if node == "vdd":
        drawing += elm.Vdd().at((x, y)).label("vdd", fontsize=9)
    elif node == "0":
        drawing += elm.Ground().at((x, y))
    else:
        drawing += elm.Dot(open=True, radius=0.07).at((x, y))
        drawing += (
            elm.Label()
            .at((x + 0.14, y + (0.3 if up else -0.42)))
            .label(node, halign="left", fontsize=9, color="#d55e00")
        )


def _engineering(value: float, letter: str) -> str:
    unit = {"C": "F", "I": "A"}[letter]
    for scale, prefix in ((1e-15, "f"), (1e-12, "p"), (1e-9, "n"), (1e-6, "u")):
        if abs(value) < 999.5 * scale:
            return f"{value / scale:.3g} {prefix}{unit}"
    return f"{value:.3g} {unit}"
