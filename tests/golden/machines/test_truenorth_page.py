"""docs/truenorth.md says what the parameter objects say, and what its examples of other models' errors give here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from golden.machines.truenorth import FIELDS, LARGEST_DELAY, SLOTS
from golden.neurons.truenorth import ETA_BITS, PARAMETERS, POTENTIAL, RHO_BITS, Random, TrueNorthNeurons, tick

if TYPE_CHECKING:
    from golden.fixed import Format
    from golden.parameters import Parameter

PAGE = (Path(__file__).parents[3] / "docs" / "truenorth.md").read_text(encoding="utf-8")


def table(header: str) -> list[list[str]]:
    """Rows of the table that begins with this line, as cells."""
    lines = PAGE[PAGE.index(header) :].split("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_parameters() -> None:
    def row(name: str, p: Parameter) -> list[str]:
        # A bar would end the cell.
        meaning = p.meaning.replace("|s|", "abs(s)").replace("|lambda|", "abs(lambda)")
        several = f" ({p.count})" if p.count > 1 else ""
        return [f"`{name}`{several}", p.symbol, str(p.low), str(p.high), str(p.default), meaning]

    expected = [row(name, p) for name, p in PARAMETERS.items()]
    assert table("| parameter | symbol") == expected


def test_packet() -> None:
    def row(name: str, limits: Format, bit: int) -> list[str]:
        return [f"`{name}`", f"[{bit + limits.width - 1}:{bit}]", str(limits.min), str(limits.max)]

    assert table("| field | bits") == [row(name, *field) for name, field in FIELDS.items()]


def test_numbers_in_the_text() -> None:
    for text in (
        f"V has {POTENTIAL.width} bits",
        f"{RHO_BITS} for synapses and leak, {ETA_BITS} for the threshold",
        f"t in 0 to {LARGEST_DELAY}",
        f"has {SLOTS} slots",
    ):
        assert text in " ".join(PAGE.split())


def test_the_errors_of_other_models_by_their_examples() -> None:
    """The numbers in the last table: RANC's overflow fires here, SANA-FE's reset does not run away."""
    assert "200 + 100 is -212" in PAGE
    up = TrueNorthNeurons(1, {"weights": [200, 100, 0, 0], "threshold": 300}).neuron(0)
    assert tick(up, 0, [0, 1], Random(1)) == (0, True)
    assert "(-25, -50, -75)" in PAGE
    values = {"weights": [-25, 0, 0, 0], "threshold": 100, "floor": 20, "reset_mode": 1}
    down, v, path = TrueNorthNeurons(1, values).neuron(0), 0, []
    for _ in range(3):
        v, _ = tick(down, v, [0], Random(1))
        path.append(v)
    assert path == [-5, -10, -15]
