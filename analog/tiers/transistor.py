"""The transistor tiers: the OTA neuron in a foundry's process, its biases set for the neuron wanted.

    I_leak = 2 n U_T g (typical devices at 27 degrees Celsius),    I_ref = C_ref V_dd / (2 t_ref)

What corner, temperature, supply and mismatch then make of it is the circuit's own; `hillock calibrate` sets it right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from analog.neurons.ota import OtaNeuron
from analog.technology import Process
from analog.technology.ekv import ekv
from analog.tiers.built import Built
from golden.errors import SpecError

if TYPE_CHECKING:
    from analog.mapping import HardwareLIF
    from analog.settings import AnalogSettings

#: Least and largest bias [A] of leak and timer: leakage, and the end of weak inversion.
I_LEAK = 20e-12, 1.5e-6
I_REF = 2.5e-9, 2.5e-6
#: Bias of the comparator [A]: the faster the membrane, the more, up to a parameter memory's full scale.
I_CMP = 0.5e-6, 2.5e-6
_FAST = 1e-6


def build(hardware: HardwareLIF, settings: AnalogSettings, capacitance: float) -> Built:
    """The neuron without its inputs: nodes mem and rst; SpecError when a bias or a potential is out of range."""
    neuron, alone = (neuron_of(hardware, settings, C) for C in (capacitance, hardware.C))
    # Whatever couples in, the membrane's whole capacitance is the twin's.
    return Built(neuron.blocks(), "rst", neuron.initial, False, alone.twin(), alone)


def neuron_of(hardware: HardwareLIF, settings: AnalogSettings, capacitance: float) -> OtaNeuron:
    """The OTA neuron for ``hardware``, its own membrane capacitor being ``capacitance`` [F]."""
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
