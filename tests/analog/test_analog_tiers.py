"""One neuron description on every tier: blocks and transistors against their golden twins, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analog import AnalogSettings, simulate
from analog.checks import PULSES, check_result
from analog.ngspice import pool
from analog.simulation import Run, build, run_circuits
from analog.twins import BOUND, run_twins, twins_of
from analog.waveforms import read_pulses
from analog.worker import Answer, Job
from golden import exact
from golden import stimulus as stimuli
from golden.errors import SimulationError, SpecError
from golden.network import Network
from golden.neurons.lif import LIFNeuron
from golden.stimulus import Stimulus
from sim_harness import toolchain

NEURON = LIFNeuron(C_m=200e-12, g_L=10e-9, E_L=-65e-3, V_th=-50e-3, V_reset=-65e-3, t_ref=2e-3)
SETUP = toolchain.ngspice_setup()
POOL = pool(SETUP, 2)

#: The macro tier's twin is exact: what is left are the solver's errors, as bounded for the ideal tier, and the
#: comparator's poles, 0.1 ns of some 1 us.
MACRO = 5e-4


def constant(amplitudes: list[float], duration: float) -> tuple[Network, Stimulus]:
    return Network(NEURON, len(amplitudes)), stimuli.constant(len(amplitudes), duration, amplitudes)


@pytest.mark.integration
@pytest.mark.parametrize(
    "settings",
    [
        AnalogSettings(tier="macro"),
        AnalogSettings(tier="macro", variant="xspice_free", mismatch=1, celsius=60.0),
        AnalogSettings(tier="sky130"),
        AnalogSettings(tier="sky130", mismatch=2, corner="ff", celsius=70.0),
        AnalogSettings(tier="gf180", acceleration=1e3),
    ],
    ids=lambda s: f"{s.tier}-{s.corner}-{s.mismatch}",
)
def test_every_spike_is_where_the_twin_says(settings: AnalogSettings) -> None:
    network, stimulus = constant([220e-12, 450e-12], 0.15)
    circuit = simulate(network, stimulus, settings, setup=SETUP)
    run = run_twins(network, stimulus, settings, workers=POOL)
    fitted = settings.tier != "macro"
    for index in range(2):
        found, expected = circuit.spike_times(index), run.trace.spike_times(index)
        assert found.size == expected.size >= 5
        assert (np.abs(found - expected) <= (run.bounds[index] if fitted else MACRO * expected)).all()
        # What the bound allows is little: under constant current a third of a per cent, and less than 1 % of a period.
        assert (run.bounds[index] <= BOUND * expected + 0.01 * np.diff(expected).min()).all()
    # The exact LIF neuron, whose leak does not saturate, is elsewhere: the bound tells them apart.
    other = exact.simulate(network, stimulus).spike_times(0)
    assert abs(circuit.spike_times(0)[1] / other[1] - 1) > 10 * BOUND


@pytest.mark.integration
def test_a_long_run_of_transistors_is_no_worse_than_a_short_one() -> None:
    """ngspice's own longest step, a thousandth of the run, makes intervals too short where there are many of them."""
    network, stimulus = constant([185e-12], 2.0)
    settings = AnalogSettings(tier="gf180")
    (circuit,) = build(network, stimulus, settings)
    expected = run_twins(network, stimulus, settings, workers=POOL).trace.spike_times(0)
    errors = []
    for netlist in (circuit.netlist, replace(circuit.netlist, max_step=None)):
        answers: dict[int, Answer] = {}
        POOL.run([Job(netlist.text(), netlist.saved)], answers.__setitem__)
        found = circuit.read(answers[0].waves, settings.supply).times * circuit.hardware.acceleration
        assert found.size == expected.size > 70
        errors.append(abs((found[-1] - found[0]) / (expected[-1] - expected[0]) - 1))
    assert errors[0] < 4e-4  # the twin's own 1e-5 to 1e-3 among it
    assert errors[1] > 4 * errors[0]


@pytest.mark.integration
def test_synaptic_input_and_charges_reach_a_transistor_neuron_as_they_reach_its_twin() -> None:
    times = np.arange(10e-3, 120e-3, 7e-3)
    for tau_syn, weight in ((5e-3, 300e-12), (None, 1.2e-12)):
        neuron = replace(NEURON, tau_syn=tau_syn)
        network = Network(neuron, 1)
        spikes = np.column_stack((times, np.zeros(times.size), np.full(times.size, weight)))
        stimulus = Stimulus(0.13, np.zeros(1), np.full((1, 1), 60e-12), spikes)
        settings = AnalogSettings(tier="sky130")
        found = simulate(network, stimulus, settings, setup=SETUP).spike_times(0)
        # Synaptic input was not fitted at all.
        run = run_twins(network, stimulus, settings, workers=POOL)
        expected = run.trace.spike_times(0)
        assert found.size == expected.size >= 3
        assert (np.abs(found - expected) <= run.bounds[0]).all()


@pytest.mark.integration
def test_a_stuck_or_uneven_reset_is_no_result() -> None:
    network, stimulus = constant([450e-12], 0.06)
    settings = AnalogSettings(tier="sky130")
    circuits = build(network, stimulus, settings)
    runs, _ = run_circuits(circuits, settings, POOL, lambda run: run)
    (run,) = runs.values()
    assert isinstance(run, Run)
    check_result(run.circuit, run.waves, run.spikes, stimulus, settings)

    def broken(change: str) -> None:
        waves = {name: wave.copy() for name, wave in run.waves.items()}
        time, rst = waves["time"], waves["rst"]
        if change == "stuck":
            rst[time > run.spikes.starts[1]] = 1.8
        elif change == "long":
            rst[(time > run.spikes.starts[1]) & (time < run.spikes.ends[1] + 3 * PULSES * 2e-7)] = 1.8
        else:
            waves["mem"][5] = -0.1
        check_result(run.circuit, waves, read_pulses(waves, 1.8), stimulus, settings)

    with pytest.raises(SimulationError, match=r"reset pulse 1 .* must be released .* not stuck"):
        broken("stuck")
    with pytest.raises(SimulationError, match=r"reset pulse 1 .* as the others"):
        broken("long")
    with pytest.raises(SimulationError, match=r"membrane \(neuron 0\) must be between 0 and 1.8 V"):
        broken("below ground")


def test_a_chips_neurons_differ_and_stay_what_they_are() -> None:
    network, stimulus = constant([450e-12] * 3, 0.06)
    chip = build(network, stimulus, AnalogSettings(tier="sky130", mismatch=7))
    again = build(network, stimulus, AnalogSettings(tier="sky130", mismatch=7))
    decks = [circuit.netlist.text().split("\n", 1)[1] for circuit in chip]
    assert len(set(decks)) == 3
    assert decks == [circuit.netlist.text().split("\n", 1)[1] for circuit in again]
    alike = build(network, stimulus, AnalogSettings(tier="sky130"))
    assert len({circuit.netlist.text().split("\n", 1)[1] for circuit in alike}) == 1
    other = build(network, stimulus, AnalogSettings(tier="sky130", mismatch=8))
    assert decks[0] != other[0].netlist.text().split("\n", 1)[1]


def test_twins_of_a_macro_chip_have_its_mismatch() -> None:
    network, stimulus = constant([450e-12] * 40, 0.06)
    twins = twins_of(build(network, stimulus, AnalogSettings(tier="macro", mismatch=1)))
    offsets = np.array([twin.V_th for twin in twins]) - 0.8
    # A pair of 1 um^2 transistors at 3.5 mV um: sigma is 3.5 mV sqrt(2); of 40 values known to 11 %.
    assert offsets.std() == pytest.approx(3.5e-3 * np.sqrt(2), rel=0.4)
    assert abs(offsets.mean()) < 3 * 3.5e-3 * np.sqrt(2 / 40)
    with pytest.raises(SpecError, match="Analog tier of a twin must be macro, sky130 or gf180"):
        twins_of(build(network, stimulus, AnalogSettings()))


@pytest.mark.parametrize(
    ("change", "settings", "message"),
    [
        (
            {},
            AnalogSettings(tier="sky130", v_min=0.1, v_max=0.5),
            r"Neuron E_L \(neuron 0\) must be between 0.4 and 1.2 V",
        ),
        (
            {"t_ref": 1.0},
            AnalogSettings(tier="sky130"),
            r"Neuron t_ref \(neuron 0\) must be between 0.00036 and 0.36 s",
        ),
        ({"t_ref": 1e-4}, AnalogSettings(tier="sky130"), r"Neuron t_ref \(neuron 0\) must be between 0.00036"),
        (
            {"g_L": 1e-6},
            AnalogSettings(tier="sky130"),
            r"Neuron tau_m \(neuron 0\) must be between 0.000981 and 73.6 s",
        ),
    ],
)
def test_refused(change: dict[str, float], settings: AnalogSettings, message: str) -> None:
    network = Network(replace(NEURON, **change), 1)
    with pytest.raises(SpecError, match=message):
        build(network, stimuli.constant(1, 0.01, 0.0), settings)
