"""The macro tier: behavioural blocks with the transistors' finite gain, bandwidth and offset.

The ideal tier's neuron, but that its leak saturates as a differential pair's does, and that its comparator has a first
stage of finite gain and bandwidth.  Its golden model, `golden.twins.ota_lif`, is known exactly: nothing is fitted.
Numbers are those of the OTA neuron in SKY130 (`analog.neurons.ota`), offsets those of its pairs.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from analog.blocks.amplifier import Amplifier
from analog.blocks.bias import Bias
from analog.blocks.comparator import SwitchComparator, TanhComparator
from analog.blocks.membrane import MembraneCapacitor
from analog.blocks.one_shot import AnalogOneShot, DigitalOneShot
from analog.blocks.reset_switch import ResetSwitch
from analog.blocks.saturating_leak import SaturatingLeak
from analog.mapping import RESET_LEAK, HardwareLIF
from analog.technology import Capacitor, Process
from analog.technology.ekv import ekv
from analog.technology.macro import MACRO
from analog.technology.mismatch import pelgrom
from analog.tiers.built import Built
from golden.twins.ota_lif import OtaLifTwin

if TYPE_CHECKING:
    from analog.netlist import Block
    from analog.settings import AnalogSettings

#: The comparator's first stage: voltage gain and time constant [s] at a bias of 500 nA.
GAIN, TAU = 300.0, 250e-9
#: Conductance of the leak's output as a fraction of the leak's own.
OUTPUT = 3e-3
#: Pairs and mirrors of the OTA neuron: gate areas [m^2] of leak pair, comparator pair, leak mirror, timer mirror.
LEAK_PAIR, COMPARATOR_PAIR, LEAK_MIRROR, TIMER_MIRROR = 2e-12, 1e-12, 4e-12, 2e-12


def build(hardware: HardwareLIF, settings: AnalogSettings, capacitance: float) -> Built:
    """The neuron without its inputs: nodes mem, amp (first stage), cmp and rst; see the module."""
    process = settings.process.within(f"neuron {hardware.index}")
    nominal = Process("macro")
    n, supply = ekv(process, "n").n, settings.supply
    own = Capacitor(process, "m", "mem", "0", capacitance).value
    # The bias is set for the time constant wanted at 27 degrees Celsius; what it makes follows the temperature.
    I_leak = 2 * n * nominal.thermal_voltage * hardware.g * (1 + _mirror(process, "leak", LEAK_MIRROR))
    t_ref = hardware.t_ref * (1 + _mirror(process, "timer", TIMER_MIRROR))
    leak_offset, offset = _pair(process, "leak", LEAK_PAIR), _pair(process, "comparator", COMPARATOR_PAIR)
    # The one-shot's overheads are those of its own comparator, behind the first stage.
    delay = t_ref - hardware.pulse_overhead
    detector: tuple[Block, ...]
    if hardware.variant == "xspice":
        second = TanhComparator(supply, pole=hardware.pole, node="amp", threshold="half_supply")
        detector = (second, DigitalOneShot(delay, supply))
    else:
        switch = SwitchComparator(pole=hardware.pole, node="amp", threshold="half_supply")
        detector = (switch, AnalogOneShot(delay, supply, pole=hardware.pole))
    width = 2 * n * process.thermal_voltage
    twin = OtaLifTwin(
        C=hardware.C + own - capacitance,
        I_leak=I_leak,
        V_leak=hardware.rest + leak_offset,
        V_th=hardware.threshold + offset,
        V_0=hardware.reset,
        t_ref=t_ref,
        n=n,
        g_out=OUTPUT * hardware.g,
        v_x=supply / 2 / GAIN,
        tau_x=TAU,
        U_T=process.thermal_voltage,
    )
    return Built(
        (
            Bias("vdd", supply),
            Bias("rest", hardware.rest),
            Bias("thr", hardware.threshold),
            Bias("res", hardware.reset),
            Bias("half_supply", supply / 2),
            MembraneCapacitor(own, hardware.rest),
            SaturatingLeak(I_leak, width, OUTPUT * hardware.g, leak_offset),
            Amplifier(GAIN, TAU, supply / 2, offset),
            *detector,
            ResetSwitch(hardware.on_resistance, 1 / (RESET_LEAK * hardware.g), supply / 2),
        ),
        detector="rst",
        twin=twin,
    )


def _pair(process: Process, name: str, area: float) -> float:
    """Offset [V] of a differential pair of two transistors of gate ``area``."""
    side = math.sqrt(area)
    return math.sqrt(2) * pelgrom(MACRO.spread("n").V_th, side, side) * process.deviate(name, "offset")


def _mirror(process: Process, name: str, area: float) -> float:
    """Relative error of a current mirror in weak inversion: its offset over n U_T."""
    return _pair(process, f"{name} mirror", area) / (ekv(process, "n").n * process.thermal_voltage)
