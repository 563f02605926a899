"""Foundry model files: found in an installed package, indexed once, and pruned to the bins that a deck uses.

A whole SKY130 corner takes ngspice more than a second and 150 MB to load, for 622 bins; a neuron needs a dozen.
"""

from __future__ import annotations

import functools
import importlib.metadata
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from golden.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Bin:
    """One ``.model`` card, for transistors of lmin <= L < lmax and wmin <= W < wmax [m]; ``text`` is its lines."""

    name: str
    polarity: str
    lmin: float
    lmax: float
    wmin: float
    wmax: float
    text: str

    @functools.cached_property
    def card(self) -> str:
        """The model as SPICE, without comments and limits."""
        kept = [line for line in self.text.splitlines() if line.startswith("+") and not _LIMIT.search(line)]
        return "\n".join((f".model {self.name} {self.polarity}", *kept))


@dataclass(frozen=True)
class Library:
    """The bins of one corner, by device."""

    title: str
    bins: dict[str, tuple[Bin, ...]]

    def find(self, device: str, W: float, L: float) -> Bin:
        """The bin of a transistor of width ``W`` and length ``L`` [m]; SpecError when the models do not go there.

        At the upper end of the last bin its limits count as inside.
        """
        for candidate in self.bins[device]:
            # Sizes are multiples of 1 nm; half of one settles which side of a limit a float is on.
            if candidate.lmin <= L + 5e-10 < candidate.lmax and candidate.wmin <= W + 5e-10 < candidate.wmax:
                return candidate
        lengths = min(b.lmin for b in self.bins[device]), max(b.lmax for b in self.bins[device])
        widths = min(b.wmin for b in self.bins[device]), max(b.wmax for b in self.bins[device])
        (w0, w1), (l0, l1) = ((low * 1e6, high * 1e6) for low, high in (widths, lengths))
        rule = f"W of {w0:g} to {w1:g} um and L of {l0:g} to {l1:g} um"
        raise SpecError.rule(f"Transistor {device} of {self.title}", rule, f"{W * 1e6:g} x {L * 1e6:g} um")

    def cards(self, names: Sequence[str]) -> tuple[str, ...]:
        """The models called ``names``, each once, in alphabetical order."""
        by_name = {entry.name: entry for bins in self.bins.values() for entry in bins}
        return tuple(by_name[name].card for name in sorted(set(names)) if name in by_name)


#: One model card: device name, bin number, polarity, then its "+" and "*" lines.
_MODEL = re.compile(r"^\.model[ \t]+(\S+?)\.(\d+)[ \t]+(nmos|pmos)[ \t]*\n((?:[+*].*\n?)+)", re.M | re.I)
_LIMIT = re.compile(r"\b(lmin|lmax|wmin|wmax)\s*=\s*(\S+)")
#: Characters after a model's name within which all its limits are.
_HEAD = 300


def read_bins(text: str, device: str, label: str) -> tuple[Bin, ...]:
    """Every bin of ``device`` (the model's name in the file) in ``text``, under names ``label_<bin>``."""
    found = []
    for match in _MODEL.finditer(text):
        if match[1] == device:
            limits = {key: float(value) for key, value in _LIMIT.findall(match[4][:_HEAD])}
            found.append(Bin(f"{label}_{match[2]}", match[3].lower(), **limits, text=match[4]))
    if not found:
        raise SpecError.rule(f"Model file of {label}", f"with bins of {device}", "without")
    return tuple(found)


@functools.cache
def model_file(package: str, file: str) -> Path:
    """Path of ``file`` (by its last part) in the installed distribution ``package``; nothing of it is imported."""
    try:
        files = importlib.metadata.files(package) or []
    except importlib.metadata.PackageNotFoundError:
        rule = f"installed (pip install {package}, or axonhillock[pdk])"
        raise SpecError.rule(f"Transistor models of {package}", rule, "missing") from None
    for entry in files:
        if entry.name == file:
            return Path(str(entry.locate()))
    raise SpecError.rule(f"Package {package}", f"with the file {file}", "without")
