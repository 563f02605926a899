"""Analog settings and the map between biology and hardware: values by hand, limits by message."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from analog import AnalogSettings, SolverOptions
from analog.mapping import HardwareLIF, check_input, lowest_potential
from golden import exact, stimulus
from golden.errors import SpecError
from golden.network import Network
from golden.neurons.lif import LIFNeuron

NEURON = LIFNeuron(C_m=200e-12, g_L=10e-9, E_L=-70e-3, V_th=-50e-3, V_reset=-75e-3, t_ref=2e-3)


def test_maps_time_volts_and_currents() -> None:
    hardware = HardwareLIF.of(NEURON, AnalogSettings(acceleration=1e4, capacitance=2e-12, v_min=0.4, v_max=1.2))
    # 25 mV of biology on 0.8 V: 32 V/V; tau_m = 20 ms -> 2 us, so g = 2 pF / 2 us = 1 uS.
    assert hardware.tau_m == pytest.approx(2e-6, rel=1e-12)
    assert hardware.g == pytest.approx(1e-6, rel=1e-12)
    assert hardware.volts_per_volt == pytest.approx(32, rel=1e-12)
    assert (hardware.reset, hardware.rest, hardware.threshold) == pytest.approx((0.4, 0.56, 1.2), rel=1e-12)
    assert hardware.t_ref == pytest.approx(0.2e-6, rel=1e-12)
    # A current that lifts V by 1 mV (10 pA / 10 nS) must lift the circuit by 32 mV: 32 nA through 1 uS.
    assert 10e-12 * hardware.amps_per_amp == pytest.approx(32e-9, rel=1e-12)
    volts = np.linspace(-0.08, -0.05, 7)
    assert hardware.biological_volts(hardware.volts(volts)) == pytest.approx(volts, rel=1e-12)


def test_maps_a_given_window() -> None:
    settings = AnalogSettings(bio_min=-0.09, bio_max=-0.01, v_min=0.2, v_max=1.0)
    hardware = HardwareLIF.of(NEURON, settings)
    assert hardware.volts_per_volt == pytest.approx(10)
    assert hardware.threshold == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"speed": 3}, "Analog key must be one of acceleration, capacitance, .*, mismatch.*, not 'speed'"),
        ({"acceleration": 0.5}, "Analog acceleration must be between 1 and 100000, not 0.5"),
        ({"acceleration": 2e5}, "Analog acceleration must be between 1 and 100000, not 200000"),
        ({"acceleration": "fast"}, "Analog acceleration must be a number, not 'fast'"),
        ({"acceleration": True}, "Analog acceleration must be a number, not True"),
        ({"capacitance": -1e-12}, "Analog capacitance must be between 1e-15 and 1e-06 F, not -1e-12 F"),
        ({"supply": 12.0}, "Analog supply must be between 0.5 and 5 V, not 12 V"),
        ({"v_max": 2.5}, "Analog window must be 0 <= v_min < v_max <= supply (1.8 V), not 0.4 to 2.5 V"),
        ({"v_min": -0.1}, "Analog window must be 0 <= v_min < v_max <= supply (1.8 V), not -0.1 to 1.2 V"),
        ({"bio_min": -0.08}, "Analog bio_min and bio_max must be given together, not one alone"),
        ({"bio_min": -0.05, "bio_max": -0.08}, "Analog bio_max must be above bio_min (-0.05 V), not -0.08 V"),
        ({"tier": "gold"}, "Analog tier must be one of ideal, macro, sky130, gf180, not 'gold'"),
        ({"tier": "sky130", "supply": 3.3}, "Supply must be between 1.62 and 1.98 V for sky130, not 3.3 V"),
        ({"corner": "hot"}, "Process corner must be one of tt, ff, ss, sf, fs, not 'hot'"),
        (
            {"tier": "gf180", "celsius": 200},
            "Temperature must be between -40 and 125 degrees Celsius for gf180, not 200",
        ),
        ({"mismatch": 0.5}, "Mismatch seed must be a whole number or none, not 0.5"),
        ({"variant": "verilog"}, "Analog variant must be one of xspice, xspice_free, not 'verilog'"),
    ],
)
def test_refuses_bad_settings(table: dict[str, Any], message: str) -> None:
    pattern = message if ".*" in message else re.escape(message)
    with pytest.raises(SpecError, match=f"^{pattern}$"):
        AnalogSettings.from_table(table)


def test_reads_a_table() -> None:
    assert AnalogSettings.from_table({}) == AnalogSettings()
    assert AnalogSettings.from_table({"acceleration": 1000, "variant": "xspice_free"}) == AnalogSettings(
        acceleration=1000, variant="xspice_free"
    )


def test_refuses_bad_solver_options() -> None:
    with pytest.raises(SpecError, match=r"^Solver method must be gear or trap, not 'euler'$"):
        SolverOptions(method="euler")
    with pytest.raises(SpecError, match=r"^Solver reltol must be positive, not 0$"):
        SolverOptions(reltol=0)


@pytest.mark.parametrize(
    ("changes", "settings", "message"),
    [
        (
            {},
            AnalogSettings(bio_min=-0.07, bio_max=-0.04),
            "Neuron V_reset (neuron 3) must be within the hardware window 0.4 to 1.2 V, not 0.2667 V",
        ),
        (
            {"V_th": -0.03},
            AnalogSettings(bio_min=-0.08, bio_max=-0.04),
            "Neuron V_th (neuron 3) must be within the hardware window 0.4 to 1.2 V, not 1.4 V",
        ),
        (
            {"C_m": 0.5e-12},
            AnalogSettings(acceleration=1e5),
            "Neuron tau_m (neuron 3) must be at least 0.0001 s at acceleration 100000 (10 poles), not 5e-05 s",
        ),
        (
            {"tau_syn": 2e-5},
            AnalogSettings(acceleration=1e5),
            "Neuron tau_syn (neuron 3) must be at least 0.0001 s at acceleration 100000 (10 poles), not 2e-05 s",
        ),
    ],
)
def test_names_the_limit(changes: dict[str, float], settings: AnalogSettings, message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        HardwareLIF.of(replace(NEURON, **changes), settings, 3)


@pytest.mark.parametrize("variant", ["xspice", "xspice_free"])
def test_refuses_a_refractory_time_below_the_shortest_pulse(variant: str) -> None:
    settings = AnalogSettings(variant=variant)
    least = HardwareLIF.of(NEURON, settings).shortest_pulse * settings.acceleration
    pattern = (
        r"^Neuron t_ref \(neuron 0\) must be at least \S+ s at acceleration 10000 \(the shortest reset\), not 0 s$"
    )
    with pytest.raises(SpecError, match=pattern):
        HardwareLIF.of(replace(NEURON, t_ref=0.0), settings)
    assert HardwareLIF.of(replace(NEURON, t_ref=1.001 * least), settings).t_ref > 0
    # The comparator's pole is 100 ps, 1 us of biology: the limit is a few of them.
    assert 1e-6 < least < 10e-6


def test_bounds_the_potential_from_below() -> None:
    """The bound is below what the exact model does, and equal to it where nothing but inhibition happens."""
    neuron = replace(NEURON, tau_syn=5e-3)
    mixed = stimulus.poisson(1, 0.2, 400.0, -30e-12, 5) + stimulus.poisson(1, 0.2, 400.0, 200e-12, 6)
    samples = np.linspace(0, 0.2, 20001)
    v = exact.simulate(Network(neuron), mixed, record=[0], samples=samples).state("v", 0)
    assert lowest_potential(neuron, mixed, 0) <= v.min()
    sinking = replace(neuron, V_reset=-60e-3)
    only = stimulus.poisson(1, 0.2, 400.0, -30e-12, 5)
    v = exact.simulate(Network(sinking), only, record=[0], samples=samples).state("v", 0)
    assert lowest_potential(sinking, only, 0) == pytest.approx(v.min(), abs=1e-7)


def test_refuses_inputs_below_ground_and_above_the_supply() -> None:
    free = AnalogSettings(variant="xspice_free")
    hardware = HardwareLIF.of(NEURON, free)
    # 0.4 V under 32 V/V: ground is 12.5 mV below V_reset; -200 pA through 10 nS aims at -90 mV.
    with pytest.raises(SpecError, match=r"^Membrane potential \(neuron 0\) must be above -0\.0875 V, which is ground"):
        check_input(NEURON, hardware, stimulus.constant(1, 1.0, -200e-12), free.supply)
    # As short as that, it goes no lower than -70 - 20 (1 - e^-0.25) mV = -74.4 mV.
    check_input(NEURON, hardware, stimulus.step(1, 1.0, -200e-12, 0.1, 0.105), free.supply)
    # 0.6 V from threshold to supply is 18.75 mV of biology: 3.75 pC on 200 pF.
    kick = stimulus.from_array(1.0, [0.0], [[0.0]], [[0.5, 0, 4e-12]])
    with pytest.raises(
        SpecError, match=r"^Input charge \(neuron 0\) must be at most 3\.75e-12 C \(threshold to supply\)"
    ):
        check_input(NEURON, hardware, kick, free.supply)
    xspice = HardwareLIF.of(NEURON, AnalogSettings())
    with pytest.raises(SpecError, match=r"^Analog variant for input charges .* must be xspice_free, .*, not xspice$"):
        check_input(NEURON, xspice, kick, free.supply)


def test_keeps_the_closed_form() -> None:
    """The mapped neuron's own period, in hardware units, is the biological one over the acceleration."""
    settings = AnalogSettings(acceleration=3e3)
    hardware = HardwareLIF.of(NEURON, settings)
    current = 2 * float(NEURON.rheobase)
    v_inf = hardware.rest + current * hardware.amps_per_amp / hardware.g
    rise = math.log((v_inf - hardware.reset) / (v_inf - hardware.threshold))
    assert hardware.t_ref + hardware.tau_m * rise == pytest.approx(float(NEURON.period(current)) / 3e3, rel=1e-12)
