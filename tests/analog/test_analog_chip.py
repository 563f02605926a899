"""A chip's limits: codes of parameters and weights, refused targets, the same network at two speeds."""

from __future__ import annotations

import numpy as np
import pytest

from analog import AnalogSettings, reference, simulate
from analog.chip import CHIPS, Dac, effective, weights
from golden import exact
from golden import stimulus as stimuli
from golden.errors import SpecError
from golden.network import Network
from golden.neurons.lif import LIFNeuron
from sim_harness import toolchain
from sim_harness.compare import compare_spikes

NEURON = LIFNeuron.from_tau(tau_m=15e-3, R=1e8, E_L=-65e-3, V_th=-50e-3, V_reset=-68.123e-3, t_ref=2e-3, tau_syn=5e-3)


def test_a_converter_has_its_codes() -> None:
    dac = Dac(1.8)
    assert dac.step == pytest.approx(1.8 / 1023)
    assert dac.value(1023) == pytest.approx(1.8)
    assert [dac.code(v) for v in (-1.0, 0.0, 0.9, 5.0)] == [0, 0, 512, 1023]
    with pytest.raises(SpecError, match="Parameter code must be from 0 to 1023, not 1024"):
        dac.value(1024)


def test_weights_have_six_bits_and_a_sign() -> None:
    values = np.linspace(-1.0, 1.0, 1001) * 3e-10
    found = weights(values, 6)
    codes = found / (3e-10 / 63)
    assert codes == pytest.approx(np.rint(codes), abs=1e-9)
    assert np.unique(np.rint(codes)).size == 127
    assert np.abs(found - values).max() <= 3e-10 / 63 / 2 * (1 + 1e-9)
    assert (weights(np.zeros(3), 6) == 0).all()


def test_parameters_are_rounded_to_what_the_chip_can_have() -> None:
    settings = AnalogSettings(acceleration=1e3, chip="brainscales2")
    network = Network(NEURON, 2)
    found = effective(network, settings).neurons[1]
    gain = (settings.v_max - settings.v_min) / (NEURON.V_th - NEURON.V_reset)
    volts = settings.v_min + gain * (found.E_L - found.V_reset)
    # On the grid of 1023 steps from 0 to 1.8 V, at most half a step from what was asked for.
    assert volts / (1.8 / 1023) == pytest.approx(round(volts / (1.8 / 1023)), abs=1e-6)
    assert abs(found.E_L - NEURON.E_L) * gain <= 0.5 * 1.8 / 1023 * (1 + 1e-6)
    assert found.E_L != NEURON.E_L
    # Currents: half a code of the upper half of 1023, 0.1 %.
    for name in ("tau_m", "t_ref", "tau_syn"):
        asked, got = float(getattr(NEURON, name)), float(getattr(found, name))
        assert got == pytest.approx(asked, rel=1.01e-3)
        code = 1023 * {"tau_m": 0.5e-3, "t_ref": 40e-6, "tau_syn": 0.3e-3}[name] / got
        while code <= 1023 / 2:
            code *= 2
        assert code == pytest.approx(round(code), abs=1e-6)
    # What is on the grid stays there.
    again = effective(Network(found, 1), settings).neurons[0]
    assert again.to_dict() == pytest.approx(found.to_dict(), rel=1e-12)
    assert effective(network, AnalogSettings()) is network


@pytest.mark.parametrize(
    ("change", "acceleration", "message"),
    [
        ({"tau_m": 80e-3}, 1e3, r"Neuron tau_m \(neuron 0\) must be between 0.0005 and 0.06 s on BrainScaleS-2"),
        (
            {"tau_m": 3e-3},
            1e4,
            r"Neuron tau_m \(neuron 0\) must be between 0.005 and 0.6 s .* at acceleration 10000, not 0.003",
        ),
        ({"tau_syn": 0.2e-3}, 1e3, r"Neuron tau_syn \(neuron 0\) must be between 0.0003 and 0.03 s"),
        ({"t_ref": 40e-3}, 1e3, r"Neuron t_ref \(neuron 0\) must be between 4e-05 and 0.032 s"),
    ],
)
def test_a_target_out_of_range_is_refused_with_the_limit(
    change: dict[str, float], acceleration: float, message: str
) -> None:
    parameters = {
        "tau_m": 15e-3,
        "R": 1e8,
        "E_L": -65e-3,
        "V_th": -50e-3,
        "V_reset": -68e-3,
        "t_ref": 2e-3,
        "tau_syn": 5e-3,
    }
    network = Network(LIFNeuron.from_dict({**parameters, **change}), 1)
    with pytest.raises(SpecError, match=message):
        effective(network, AnalogSettings(acceleration=acceleration, chip="brainscales2"))
    effective(Network(LIFNeuron.from_dict(parameters), 1), AnalogSettings(acceleration=1e3, chip="brainscales2"))


def test_an_unknown_chip_is_refused() -> None:
    with pytest.raises(SpecError, match="Analog chip must be one of none, brainscales2, not 'spikey'"):
        AnalogSettings(chip="spikey")
    assert set(CHIPS) == {"brainscales2"}


@pytest.mark.integration
def test_the_same_network_at_two_speeds() -> None:
    network, drive = Network(NEURON, 2), stimuli.constant(2, 0.1, [200e-12, 350e-12])
    setup = toolchain.ngspice_setup()
    found = {}
    for acceleration in (1e3, 1e4):
        settings = AnalogSettings(acceleration=acceleration, chip="brainscales2")
        trace = simulate(network, drive, settings, setup=setup)
        wanted = reference(network, drive, settings, trace, setup)
        assert compare_spikes(wanted.trace, trace, wanted.bounds).agrees
        found[acceleration] = [trace.spike_times(index) for index in range(2)]
        # 8 bits of 1.8 V.
        seen = settings.v_min + (settings.v_max - settings.v_min) * (trace.states["v"] - NEURON.V_reset) / (
            NEURON.V_th - NEURON.V_reset
        )
        codes = seen / (1.8 / 255)
        assert codes == pytest.approx(np.rint(codes), abs=1e-3)
    asked = exact.simulate(network, drive)
    for index in range(2):
        slow, fast = found[1e3][index], found[1e4][index]
        assert slow.size == fast.size == asked.spike_times(index).size >= 4
        # The same but for the rounding of times and potentials: parts in a thousand.
        assert slow == pytest.approx(fast, rel=5e-3)
        assert fast == pytest.approx(asked.spike_times(index), rel=1e-2)
        assert not np.allclose(fast, asked.spike_times(index), rtol=1e-6)
