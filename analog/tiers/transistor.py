"""The transistor tiers: the OTA neuron in a foundry's process, its biases set for the neuron wanted.

    I_leak = 2 n U_T g (typical devices at 27 degrees Celsius),    I_ref = C_ref V_dd / (2 t_ref)

What corner, temperature, supply and mismatch then make of it is the circuit's own; `hillock calibrate` sets it right.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from analog.calibration import load
from analog.neurons.ota import OtaNeuron
from analog.technology import Process
from analog.technology.ekv import ekv
from analog.tiers.built import Built
from golden.errors import SpecError

if TYPE_CHECKING:
    from analog.calibration import Calibration
    from analog.mapping import HardwareLIF
    from analog.settings import AnalogSettings

#: Least and largest bias [A] of leak and timer: leakage, and the end of weak inversion.
I_LEAK = 20e-12, 1.5e-6
I_REF = 2.5e-9, 2.5e-6
#: Bias of the comparator [A]: the faster the membrane, the more, up to a parameter memory's full scale.
I_CMP = 0.5e-6, 2.5e-6
_FAST = 1e-6
#: How near a neuron must be to the targets of its calibration.
SAME = 1e-3


def build(hardware: HardwareLIF, settings: AnalogSettings, capacitance: float) -> Built:
    """The neuron without its inputs: nodes mem and rst; SpecError when a bias or a potential is out of range."""
    neuron, alone = (neuron_of(hardware, settings, C) for C in (capacitance, hardware.C))
    # Whatever couples in, the membrane's whole capacitance is the twin's.
    return Built(neuron.blocks(), "rst", neuron.initial, False, alone.twin(), alone)


def neuron_of(hardware: HardwareLIF, settings: AnalogSettings, capacitance: float) -> OtaNeuron:
    """The OTA neuron for ``hardware``, its own membrane capacitor being ``capacitance`` [F]."""
    if settings.calibration is not None:
        return _calibrated(hardware, settings, capacitance, settings.calibration)
    process = settings.process.within(f"neuron {hardware.index}")
    typical = Process(process.technology)
    who = f"(neuron {hardware.index})"
    low, high = process.made.window
    for name, volts in (("E_L", hardware.rest), ("V_reset", hardware.reset), ("V_th", hardware.threshold)):
        if not low - 1e-9 <= volts <= high + 1e-9:
            rule = f"between {low:g} and {high:g} V in {process.technology}"
            raise SpecError.rule(f"Neuron {name} {who}", rule, f"{volts:.4g} V")
    width = 2 * ekv(typical, "n").n * typical.thermal_voltage
    I_leak = width * hardware.g
    if not I_LEAK[0] <= I_leak <= I_LEAK[1]:
        least, most = (hardware.C * width / current * hardware.acceleration for current in reversed(I_LEAK))
        rule = f"between {least:.3g} and {most:.3g} s at acceleration {hardware.acceleration:g}"
        raise SpecError.rule(f"Neuron tau_m {who}", rule, f"{hardware.tau_m * hardware.acceleration:g} s")
    charge = OtaNeuron.C_ref * process.made.supply / 2
    I_ref = charge / hardware.t_ref
    if not I_REF[0] <= I_ref <= I_REF[1]:
        least, most = (charge / current * hardware.acceleration for current in reversed(I_REF))
        rule = f"between {least:.3g} and {most:.3g} s at acceleration {hardware.acceleration:g}"
        raise SpecError.rule(f"Neuron t_ref {who}", rule, f"{hardware.t_ref * hardware.acceleration:g} s")
    return OtaNeuron(
        process,
        C_m=capacitance,
        I_leak=I_leak,
        V_leak=hardware.rest,
        V_th=hardware.threshold,
        V_reset=hardware.reset,
        I_ref=I_ref,
        I_cmp=min(max(I_CMP[0], I_CMP[0] * _FAST / hardware.tau_m), I_CMP[1]),
        V_start=hardware.rest,
    )


def _calibrated(hardware: HardwareLIF, settings: AnalogSettings, capacitance: float, path: str) -> OtaNeuron:
    """With the codes of a calibration, which must be of this chip and for this neuron."""
    found = _loaded(path, Path(path).stat().st_mtime_ns if Path(path).is_file() else 0)
    made, who = found.chip.process, f"(neuron {hardware.index})"
    if replace(made, supply=made.vdd) != settings.process:
        rule = f"made on {made.technology} {made.corner}, {made.celsius:g} C, mismatch {made.mismatch}, as {path} is"
        value = f"{settings.process.technology} {settings.corner}, {settings.celsius:g} C, mismatch {settings.mismatch}"
        raise SpecError.rule("Analog process", rule, value)
    if hardware.index >= found.size:
        raise SpecError.rule("Calibrated neurons", f"below {found.size} in {path}", hardware.index)
    targets = found.chip.targets
    for name, wanted, calibrated in (
        ("tau_m", hardware.tau_m, targets.tau_mem),
        ("t_ref", hardware.t_ref, targets.t_ref),
        ("E_L", hardware.rest, targets.V_leak),
        ("V_th", hardware.threshold, targets.V_th),
        ("V_reset", hardware.reset, targets.V_reset),
    ):
        if abs(wanted - calibrated) > SAME * abs(calibrated):
            unit = "s" if name in ("tau_m", "t_ref") else "V"
            rule = f"{calibrated:g} {unit} in hardware, for which {path} is made"
            raise SpecError.rule(f"Neuron {name} {who}", rule, f"{wanted:.4g} {unit}")
    neuron = found.chip.neuron(hardware.index, found.codes[hardware.index])
    return replace(neuron, C_m=capacitance, V_start=hardware.rest)


@functools.lru_cache(maxsize=8)
def _loaded(path: str, _changed: int) -> Calibration:
    return load(path)
