"""Input spikes through synapse circuits: codes, DACs that take turns, biases, and a neuron that fires as its twin."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analog import AnalogSettings, reference, simulate
from analog.events import APART, HIGHEST, WIDTH, event_lines
from analog.mapping import HardwareLIF
from analog.ngspice import pool
from analog.twins import run_twins
from golden.errors import SpecError
from golden.network import Network
from golden.neurons.lif import FloatArray, LIFNeuron
from golden.stimulus import Stimulus
from sim_harness import toolchain

NEURON = LIFNeuron.from_tau(tau_m=20e-3, R=1e8, E_L=-65e-3, V_th=-50e-3, V_reset=-65e-3, t_ref=2e-3, tau_syn=5e-3)
SETTINGS = AnalogSettings(tier="sky130", synapse="bss2")


def stimulus(times: FloatArray, weights: FloatArray, current: float = 0.0, duration: float = 0.1) -> Stimulus:
    spikes = np.column_stack((times, np.zeros(times.size), weights))
    return Stimulus(duration, np.zeros(1), np.full((1, 1), current), spikes)


def test_weights_become_codes_and_signs_lines() -> None:
    hardware = HardwareLIF.of(NEURON, SETTINGS)
    drive = stimulus(np.array([1e-2, 2e-2, 3e-2, 4e-2]), np.array([60e-12, -30e-12, 20e-12, 0.1e-12]))
    up, down = event_lines(hardware, drive, SETTINGS)
    # 0.1 of 60 pA is a tenth of a code: not heard.
    assert up.codes.tolist() == [63, 21]
    assert down.codes.tolist() == [63]
    assert up.synapse.excitatory
    assert not down.synapse.excitatory
    assert up.times == pytest.approx([1e-6, 3e-6], abs=0.13e-9)
    # A code's charge: I_lsb t_p I_gm / I_tau; the largest weight's is its peak times tau_syn.
    synapse = up.synapse
    charge = HIGHEST * synapse.I_lsb * WIDTH * synapse.I_gm / synapse.I_tau
    assert charge == pytest.approx(60e-12 * hardware.amps_per_amp * 0.5e-6, rel=1e-9)
    # tau_syn by the nominal twin of the line.
    assert synapse.twin().tau == pytest.approx(0.5e-6, rel=0.1)


def test_spikes_that_would_meet_take_another_dac() -> None:
    hardware = HardwareLIF.of(NEURON, SETTINGS)
    near = (WIDTH + APART) * 1e4
    times = np.array([0.01, 0.01 + 0.3 * near, 0.01 + 0.6 * near, 0.01 + 1.5 * near, 0.05])
    (line,) = event_lines(hardware, stimulus(times, np.full(5, 50e-12)), SETTINGS)
    assert line.dacs.tolist() == [0, 1, 2, 0, 0]
    for dac in range(3):
        assert (np.diff(line.times[line.dacs == dac]) > WIDTH + APART).all()
    # Each DAC is a device of its own in the deck, with one code.
    cards = [card for block in line.blocks() for card in block.cards()]
    assert sum(card.startswith("Mse_d") and "m5 " in card.split()[0] + " " for card in cards) == 3


@pytest.mark.parametrize(
    ("change", "weight", "message"),
    [
        ({"tau_syn": 0.5e-3}, 50e-12, r"Neuron tau_syn \(neuron 0\) must be between .* s for synapse circuits"),
        ({}, 20e-9, r"Largest weight \(neuron 0\) must be between .* A for synapse circuits"),
    ],
)
def test_refused(change: dict[str, float], weight: float, message: str) -> None:
    neuron = replace(NEURON, **change)
    hardware = HardwareLIF.of(neuron, SETTINGS)
    with pytest.raises(SpecError, match=message):
        event_lines(hardware, stimulus(np.array([0.01]), np.array([weight])), SETTINGS)


def test_only_transistor_tiers_have_synapse_circuits() -> None:
    with pytest.raises(SpecError, match="Analog synapse must be ideal for tier macro, not 'bss2'"):
        AnalogSettings(tier="macro", synapse="bss2")
    with pytest.raises(SpecError, match="Analog synapse must be one of ideal, bss2, not 'dpi'"):
        AnalogSettings(synapse="dpi")


@pytest.mark.integration
def test_a_neuron_fires_as_its_twin_and_its_lines_say() -> None:
    """With a background current, spikes are set by it and moved by events: to 1 % of an interval."""
    setup = toolchain.ngspice_setup()
    times, network = np.arange(5e-3, 95e-3, 6e-3), Network(NEURON, 1)
    weights = np.where(np.arange(times.size) % 3 == 2, -40e-12, 60e-12)
    drive = stimulus(times, weights, current=220e-12)
    found = simulate(network, drive, SETTINGS, setup=setup)
    twin = run_twins(network, drive, SETTINGS, workers=pool(setup, 2)).trace
    assert found.spike_times(0).size == twin.spike_times(0).size >= 5
    assert found.spike_times(0) == pytest.approx(twin.spike_times(0), rel=0.01)
    # Without its events, or with all exciting, it fires elsewhere.
    for other in (np.zeros(times.size), np.abs(weights)):
        moved = run_twins(network, stimulus(times, other, 220e-12), SETTINGS, workers=pool(setup, 2)).trace.spike_times(
            0
        )
        both = min(moved.size, found.spike_times(0).size)
        assert np.abs(moved[:both] / found.spike_times(0)[:both] - 1).max() > 0.02
    # Nothing is promised for it, so nothing is judged.
    assert reference(network, drive, SETTINGS, found, setup).bounds is None
