"""docs/loihi.md says what the parameter objects say."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from golden.machines.loihi import CORE_SIZE, COUNTERS, DELAYS
from golden.neurons.loihi import INPUT_BITS, PARAMETERS, RULES, STATE, Compat
from golden.neurons.loihi_weights import EXPONENTS, MANTISSA_BITS, WeightFormat

PAGE = (Path(__file__).parents[3] / "docs" / "loihi.md").read_text(encoding="utf-8")
MODES = get_args(Compat)


def table(header: str) -> list[list[str]]:
    """Rows of the table that begins with this line, as cells."""
    lines = PAGE[PAGE.index(header) :].split("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_parameters() -> None:
    expected = [[f"`{n}`", str(p.low), str(p.high), str(p.default), p.meaning] for n, p in PARAMETERS.items()]
    assert table("| parameter | from") == expected


def test_modes_are_named() -> None:
    assert f"| | {' | '.join(f'`{mode}`' for mode in MODES)} |" in PAGE


def test_rules_of_the_modes() -> None:
    rules = [RULES[mode] for mode in MODES]
    rows = {row[0]: row[1:] for row in table("| | `loihi`")}
    assert [cell == f"wraps in {INPUT_BITS} bits" for cell in rows["q"]] == [r.wraps for r in rules]
    assert [cell == f"wraps in {STATE.width} bits" for cell in rows["u"]] == [r.wraps for r in rules]
    assert [cell.startswith("beyond") for cell in rows["u"]] == [r.corrects for r in rules]
    assert [cell != "no end" for cell in rows["u + bias"]] == [r.clips for r in rules]
    assert [cell.startswith("saturates") for cell in rows["v"]] == [r.saturates for r in rules]
    assert [cell.startswith("clipped") for cell in rows["v"]] == [r.clips for r in rules]


@pytest.mark.parametrize(
    ("label", "mantissa", "sign", "bits", "exponent"),
    [
        ("inhibitory -255 with 7 bits", -255, "inhibitory", 7, 0),
        ("mixed -255 with 8 bits", -255, "mixed", 8, 0),
        ("mixed 5 with 8 bits", 5, "mixed", 8, 0),
        ("mixed 3 with 8 bits", 3, "mixed", 8, 0),
        ("mixed -1 with 0 bits", -1, "mixed", 0, 0),
        ("mixed -256, exponent 7", -256, "mixed", 8, 7),
        ("excitatory 255, exponent -1", 255, "excitatory", 8, -1),
        ("excitatory 3, exponent -1", 3, "excitatory", 8, -1),
    ],
)
def test_examples_of_weights(label: str, mantissa: int, sign: str, bits: int, exponent: int) -> None:
    cells = next(row for row in table("| | `loihi`") if row[0] == label)[1:]
    for cell, compat in zip(cells, MODES, strict=True):
        if bits == 7 and compat == "nengo-loihi-1.1":
            assert cell == "not there"
            continue
        stored = WeightFormat(bits, sign, exponent, compat).stored(mantissa)  # type: ignore[arg-type]  # a literal
        assert cell.split(",")[0] == str(stored), (label, compat)


def test_limits() -> None:
    from mapping.loihi_cores import Limits

    limits = Limits()
    assert dict(table("| of a core")) == {
        "compartments": str(limits.compartments),
        "input axons": str(limits.input_axons),
        "output axons": str(limits.output_axons),
        "synapse bytes": str(limits.synapse_bytes),
    }
    assert limits.compartments == CORE_SIZE


@pytest.mark.parametrize(
    "sentence",
    [
        f"a delay of 0 to {DELAYS - 1} ticks",
        f"of which 0 to {MANTISSA_BITS} bits are kept, and an exponent of {EXPONENTS[0]} to {EXPONENTS[-1]}",
        *(f"`{name}`" for name in COUNTERS),
    ],
)
def test_sentences(sentence: str) -> None:
    assert sentence in " ".join(PAGE.split())
