"""Blocks and decks as text: cards by hand, rules by message, sources by integration."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import analog
from analog import AnalogSettings, pyspice
from analog.blocks.bias import Bias
from analog.blocks.comparator import SwitchComparator, TanhComparator
from analog.blocks.current_input import ChargeInput, CurrentInput
from analog.blocks.leak import Leak
from analog.blocks.membrane import MembraneCapacitor
from analog.blocks.one_shot import AnalogOneShot, DigitalOneShot
from analog.blocks.pole import Pole
from analog.blocks.reset_switch import ResetSwitch
from analog.blocks.synapse import ExponentialSynapse
from analog.drive import staircase, step_current, synaptic_drive
from analog.mapping import HardwareLIF
from analog.simulation import build
from golden import stimulus
from golden.errors import SpecError
from golden.network import Network
from golden.neurons.lif import LIFNeuron

if TYPE_CHECKING:
    from collections.abc import Callable

NEURON = LIFNeuron(C_m=200e-12, g_L=10e-9, E_L=-70e-3, V_th=-50e-3, V_reset=-75e-3, t_ref=2e-3)
ZERO, ONE = np.zeros(1), np.ones(1)


def test_writes_cards() -> None:
    assert MembraneCapacitor(2e-12, 0.5).cards() == ("Cmem mem 0 2e-12 ic=0.5",)
    assert Leak(1e-6).cards() == ("Rleak rest mem 1000000",)
    assert Bias("thr", 1.2).cards() == ("Vthr thr 0 1.2",)
    assert CurrentInput(ZERO, ONE * 1e-9).cards() == ("Iin 0 mem dc 1e-09",)
    ramp = CurrentInput(np.array([0.0, 1e-6]), np.array([0.0, 2e-9]))
    assert ramp.cards() == ("Iin 0 mem pwl(", "+ 0 0 1e-06 2e-09", "+ )")
    assert ResetSwitch(5.0, 1e12, 0.9).cards() == (
        "Sreset mem res rst 0 reset",
        ".model reset SW(vt=0.9 vh=0 ron=5 roff=1000000000000)",
    )
    assert TanhComparator(1.8, pole=Pole(1e3, 1e-13)).cards() == (
        "Bcmp cmp 0 V=0.9*(1+tanh(5000*(V(mem)-V(thr))))",
        "Rdet cmp det 1000",
        "Cdet det 0 1e-13 ic=0",
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MembraneCapacitor(0.0, 0.5), "Membrane capacitance must be positive, not 0 F"),
        (lambda: MembraneCapacitor(1e-12, -0.1), "Initial membrane potential must be zero or positive, not -0.1 V"),
        (lambda: Leak(-1e-6), "Leak conductance must be positive, not -1e-06 S"),
        (lambda: Leak(math.nan), "Leak conductance must be positive, not nan S"),
        (lambda: Bias("rest", -0.2), "Bias rest must be zero or positive, not -0.2 V"),
        (lambda: Pole(0.0), "Pole resistance must be positive, not 0 ohm"),
        (lambda: Pole(1.0, 0.0), "Pole capacitance must be positive, not 0 F"),
        (lambda: TanhComparator(0.0), "Comparator supply must be positive, not 0 V"),
        (lambda: TanhComparator(1.8, gain=0.0), "Comparator gain must be positive, not 0 1/V"),
        (lambda: SwitchComparator(gain=-1.0), "Comparator gain must be positive, not -1 V/V"),
        (lambda: DigitalOneShot(0.0, 1.8), "One-shot delay must be positive, not 0 s"),
        (lambda: AnalogOneShot(-1e-9, 1.8), "One-shot delay must be positive, not -1e-09 s"),
        (lambda: AnalogOneShot(1e-9, 1.8, 0.0), "One-shot capacitance must be positive, not 0 F"),
        (lambda: ResetSwitch(0.0, 1e9, 0.9), "Reset on-resistance must be positive, not 0 ohm"),
        (
            lambda: ResetSwitch(10.0, 5.0, 0.9),
            "Reset off-resistance must be above the on-resistance (10 ohm), not 5 ohm",
        ),
        (lambda: CurrentInput(ZERO, np.ones(2)), "Input current must be one value per time, not 2 for 1"),
        (lambda: CurrentInput(ONE, ONE), "Input current times must be ascending from 0, not [1.]"),
        (lambda: ChargeInput(ZERO, ONE, 0.0, 0.5), "Coupling capacitance must be positive, not 0 F"),
        (
            lambda: ExponentialSynapse(0.0, 1e-6, 0.0, ZERO, ZERO, 0.9),
            "Synaptic time constant must be positive, not 0 s",
        ),
        (
            lambda: ExponentialSynapse(1e-6, 0.0, 0.0, ZERO, ZERO, 0.9),
            "Synaptic transconductance must be positive, not 0 S",
        ),
    ],
)
def test_refuses_bad_parameters(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        make()


def test_one_shots_account_for_their_delays() -> None:
    """The parts of the pulse that are not the delay, in comparator poles: by hand."""
    pole = Pole(1e3, 100e-15)
    assert DigitalOneShot.overhead(pole) == pytest.approx(100e-12 + 6e-12)
    # 2 poles ln 2, filling 10 % -> 50 % of 90 % at 20 times the speed, falling from x, ln 2 again.
    fill = math.log(1.8) / 20
    x = 1 - math.exp(-2 * math.log(2) - fill)
    expected = 3 * math.log(2) + fill + math.log(2 * x)
    assert AnalogOneShot.overhead(pole) == pytest.approx(100e-12 * expected)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(-3, 3)), min_size=1, max_size=40),
    st.floats(1e-3, 0.1),
)
def test_a_staircase_adds_its_steps(steps: list[tuple[float, float]], edge: float) -> None:
    starts, heights = np.array([s for s, _ in steps]), np.array([h for _, h in steps])
    points = staircase(starts, heights, edge)
    assert points.times[0] == 0
    assert (np.diff(points.times) > 0).all()
    at = np.linspace(0, 1.2, 101)
    ramps = np.clip((at[:, None] - starts) / edge, 0, 1) @ heights
    # Starts are rounded to a thousandth of the edge.
    assert np.interp(at, points.times, points.values) == pytest.approx(ramps, abs=1e-3 * np.abs(heights).sum() + 1e-12)


def test_current_steps_keep_their_charge() -> None:
    hardware = HardwareLIF.of(NEURON, AnalogSettings())
    drive = stimulus.pulses(1, 0.1, 300e-12, 3e-3, 7e-3, 2e-3)
    points = step_current(hardware, drive)
    ends = np.append(drive.times[1:], 0.1)
    charge = float(((ends - drive.times) * drive.currents[:, 0]).sum()) / 1e4 * hardware.amps_per_amp
    times, currents = np.append(points.times, 0.1 / 1e4), np.append(points.values, points.values[-1])
    assert np.trapezoid(currents, times) == pytest.approx(charge, rel=1e-9)


def test_synapses_swing_as_told() -> None:
    """The staircase filtered by its high-pass is the exponential sum, at most ``swing`` high."""
    neuron = LIFNeuron.from_dict({**NEURON.to_dict(), "tau_syn": 5e-3})
    hardware = HardwareLIF.of(neuron, AnalogSettings())
    drive = stimulus.poisson(1, 0.1, 500.0, 50e-12, 3) + stimulus.poisson(1, 0.1, 200.0, -80e-12, 4)
    made = synaptic_drive(hardware, drive, 0.45)
    assert made is not None
    spikes = drive.spikes_of(0)
    at = np.linspace(0, 0.1, 3001) / 1e4
    since = at[:, None] - spikes[:, 0] / 1e4
    wanted = np.where(since >= 0, np.exp(-since.clip(0) / 5e-7), 0) @ spikes[:, 1] * hardware.amps_per_amp
    # The high-pass of every ramp by its closed form.
    rise, start = np.diff(made.points.values), made.points.times[:-1]
    length = np.diff(made.points.times)
    into = np.clip(at[:, None] - start, 0, length)
    after = (at[:, None] - start - length).clip(0)
    node = (rise / length * 5e-7 * -np.expm1(-into / 5e-7) * np.exp(-after / 5e-7)).sum(axis=1)
    node += made.initial * np.exp(-at / 5e-7)
    outside = (np.abs(since) > 5e-10).all(axis=1)
    assert np.abs(node).max() <= 0.45 * 1.001
    assert made.transconductance * node[outside] == pytest.approx(wanted[outside], abs=1e-5 * np.abs(wanted).max())


@pytest.mark.parametrize("variant", ["xspice", "xspice_free"])
def test_decks_are_plain_and_complete(variant: str) -> None:
    network, drive = Network(NEURON, 2), stimulus.constant(2, 0.1, [3e-10, 4e-10])
    settings = AnalogSettings(variant=variant)
    text = analog.deck(network, drive, settings, 1)
    assert text.startswith(f"* LIF neuron 1, tier ideal, variant {variant}\n")
    assert ".options method=gear chgtol=1e-18 trtol=1 reltol=0.0001 abstol=1e-15\n" in text
    assert ".tran 4e-08 1e-05 0 4e-08 uic\n" in text
    assert ("adc_bridge" in text) == (variant == "xspice")
    assert text == analog.deck(network, drive, settings, 1)
    assert text.isascii()
    assert text.endswith("quit\n.endc\n.end\n")
    with pytest.raises(SpecError, match=r"^Neuron must be an index below 2, not 2$"):
        analog.deck(network, drive, settings, 2)
    with pytest.raises(SpecError, match=r"^Stimulus must be for 2 neurons, not for 3$"):
        analog.deck(network, stimulus.constant(3, 0.1, 1e-10), settings, 0)


def test_pyspice_gets_the_same_circuit() -> None:
    (made,) = build(Network(NEURON), stimulus.constant(1, 0.1, 3e-10), AnalogSettings())
    lines = str(pyspice.circuit(made.netlist)).splitlines()
    assert lines[0] == ".title LIF neuron 0, tier ideal, variant xspice"
    assert [line for line in lines[1:] if line] == list(made.netlist.elements())
