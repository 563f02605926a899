"""The conductance-based synapse in ngspice: where it pulls to, its tanh, weights, its twin, and on a capacitor."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analog.bench import transient
from analog.blocks.bias import Bias
from analog.blocks.pulse_input import PulseInput
from analog.netlist import Block, Netlist
from analog.neurons.ota import OtaNeuron
from analog.ngspice import pool
from analog.settings import TRANSISTOR_SOLVER, SolverOptions
from analog.synapses.conductance import ConductanceSynapse
from analog.synapses.line import SharedLine
from analog.synapses.probe import EDGE, WIDTH, Train, clear_of, currents, fitted, held, predicted
from analog.technology import Capacitor, Mosfet, Process, with_models
from analog.worker import Answer, Job
from golden.errors import SpecError
from sim_harness import toolchain


def waves(netlist: Netlist, nodes: tuple[str, ...] = ()) -> dict[str, np.ndarray]:
    found: dict[int, Answer] = {}
    pool(toolchain.ngspice_setup(), 1).run([Job(netlist.text(), nodes or netlist.saved)], found.__setitem__)
    assert not found[0].error
    return found[0].waves


def driven(synapse: ConductanceSynapse, volts: np.ndarray) -> np.ndarray:
    """Synaptic current [A] a time constant after a pulse, less the current at rest, for each potential [V]."""
    tau = synapse.twin().tau
    times = tau * np.array([0.1, 1.2])
    trains = [Train(np.array([0.2 * tau]), float(V)) for V in volts]
    found = currents(
        pool(toolchain.ngspice_setup(), 1), synapse, trains, [times] * volts.size, [1.3 * tau] * volts.size
    )
    return np.array([after - before for before, after in found])


@pytest.mark.integration
@pytest.mark.parametrize("technology", ["macro", "sky130", "gf180"])
def test_the_current_is_a_tanh_of_the_distance_to_the_reversal_potential(technology: str) -> None:
    """Of width w_out = 2 n U_T / (1 - i / 2 ...), by EKV, and nothing at E_rev, whatever E_rev is."""
    process = Process(technology)
    low, high = process.made.window
    parts = (0.75,) if technology == "macro" else (0.5, 1.0)
    for part in parts:
        synapse = ConductanceSynapse(process, E_rev=low + part * (high - low))
        steps = np.array([-0.2, -0.06, -0.03, 0.0, 0.03, 0.06, 0.2])
        found = driven(synapse, synapse.reversal - steps)
        w_out = synapse.twin().w_out
        full = (found[-1] - found[0]) / 2
        shape = np.tanh(steps / w_out) / np.tanh(0.2 / w_out)
        np.testing.assert_allclose(found / full, shape, atol=0.05)
        assert full > 0.05 * synapse.I_gm
        # Linear near E_rev: the slopes within 30 mV are 5 % below the one at E_rev, those up to 60 mV 17 %.
        slopes = found[4:6] / steps[4:6]
        assert slopes[1] / slopes[0] == pytest.approx(np.tanh(0.06 / w_out) / np.tanh(0.03 / w_out) / 2, abs=0.03)


@pytest.mark.integration
def test_it_excites_below_and_inhibits_above_its_reversal_potential() -> None:
    process = Process("sky130")
    exciting, inhibiting = ConductanceSynapse(process), ConductanceSynapse(process, E_rev=0.5)
    volts = np.array([0.7])
    (up,), (down,) = driven(exciting, volts), driven(inhibiting, volts)
    assert up > 5e-9
    # The pairs' sources follow the higher of V(mem) and E_rev: 0.5 V less at the tails, which are 1 um long, is 11 %.
    assert down == pytest.approx(-up, rel=0.15)


@pytest.mark.integration
@pytest.mark.parametrize("technology", ["sky130", "gf180"])
def test_the_conductance_is_linear_in_the_weight_and_in_the_bias(technology: str) -> None:
    """Within tanh(u / w_in), u up to 20 mV of 100 mV: 1.3 % at the full weight."""
    synapse = ConductanceSynapse(Process(technology))
    volts = np.array([synapse.rest])
    codes = np.array([8, 16, 32, 63])
    found = np.array([driven(replace(synapse, weight=int(code)), volts)[0] for code in codes])
    np.testing.assert_allclose(found / codes / (found[2] / 32), 1, atol=0.03)
    # Off the bias's own nonlinearity (moderate inversion) by some percent: twice the bias is twice the current.
    (double,) = driven(replace(synapse, I_gm=200e-9), volts)
    assert double / found[3] == pytest.approx(2, rel=0.1)


@pytest.mark.integration
@pytest.mark.parametrize(("technology", "I_tau"), [("sky130", 100e-9), ("sky130", 5e-9), ("gf180", 100e-9)])
def test_the_twin_predicts_trains_it_has_not_seen(technology: str, I_tau: float) -> None:
    """Fitted on seven runs; within 0.8 % rms of the full weight's peak on random trains, at other potentials."""
    synapse = ConductanceSynapse(Process(technology), I_tau=I_tau)
    workers = pool(toolchain.ngspice_setup(), 1)
    found = fitted(workers, synapse)
    assert found.rms < 0.006
    tau, rng = synapse.twin().tau, np.random.default_rng(1)
    trains = [
        Train(np.sort(rng.uniform(0.1 * tau, 8 * tau, number)), volts, weight=weight)
        for weight, number, volts in (
            (63, 8, synapse.rest),
            (20, 20, synapse.rest + 0.05),
            (40, 12, synapse.reversal - 0.07),
        )
    ]
    times = [clear_of(train.source(1.0), np.linspace(0, 10 * tau, 301)[1:]) for train in trains]
    measured = currents(workers, synapse, trains, times, [10 * tau] * 3)
    planted = currents(workers, replace(synapse, C_line=2.2e-12), trains, times, [10 * tau] * 3)
    largest = abs(measured[0]).max()
    for train, at, seen, changed in zip(trains, times, measured, planted, strict=True):
        expected = predicted(found.twin, train, train.weight or 0, at)
        rms = [float(np.sqrt(np.mean((expected - got) ** 2))) / largest for got in (seen, changed)]
        assert rms[0] < 0.008
        if train.weight == 63:
            # 10 % more capacitance is seen.
            assert rms[1] > 0.012


@pytest.mark.integration
@pytest.mark.parametrize("technology", ["sky130", "gf180"])
def test_a_membrane_without_a_leak_ends_at_the_reversal_potential(technology: str) -> None:
    """And approaches it with the time constant C / g of the closed form, from both sides."""
    process = Process(technology)
    synapse = ConductanceSynapse(process, E_rev=None if technology == "sky130" else 1.8, I_gm=300e-9)
    tau = synapse.twin().tau
    times = tau * (0.2 + 0.25 * np.arange(48))
    ends = []
    for start in (0.15, -0.15):
        blocks = (
            *synapse.blocks(),
            Bias("vdd", process.vdd),
            Capacitor(process, "m", "mem", "0", 1e-12),
            PulseInput("pulse", times, WIDTH, process.vdd, EDGE),
        )
        deck = Netlist(
            title="conductance on a capacitor",
            comments=(),
            blocks=with_models(process, blocks),
            options=TRANSISTOR_SOLVER.card(),
            duration=12 * tau,
            max_step=tau / 10,
            saved=("mem", "pulse"),
            initial=(("mem", synapse.reversal + start),),
            uic=False,
        )
        found = waves(deck)
        V = np.interp(tau * np.array([8.0, 11.9]), found["time"], found["mem"])
        # Static currents of mirrors and pairs, I_0 / g, are what is left: some millivolts.
        ends.append(V[1])
        assert abs(V[1] - synapse.reversal) < 0.02
    assert ends[0] == pytest.approx(ends[1], abs=2e-3)


@pytest.mark.integration
def test_swapped_shares_push_away() -> None:
    """The line at the other transistor of the first pair: the planted error changes the sign of g."""
    synapse = ConductanceSynapse(Process("sky130"))
    swapped = {"syn_c1": "syn_line", "syn_c2": "syn_ref"}
    planted = tuple(
        replace(block, gate=swapped.get(block.name, block.gate)) if isinstance(block, Mosfet) else block
        for block in synapse.blocks()
    )

    class Planted(ConductanceSynapse):
        def blocks(self) -> tuple[Block, ...]:
            return planted

    volts = np.array([synapse.rest])
    (right,), (wrong,) = driven(synapse, volts), driven(Planted(synapse.process), volts)
    assert wrong == pytest.approx(-right, rel=0.1)


@pytest.mark.integration
def test_two_synapses_of_opposite_sign_share_a_neuron() -> None:
    """Shunting: where both pull, the potential goes to between their reversal potentials."""
    process = Process("sky130")
    neuron = OtaNeuron(process, I_leak=5e-9)
    neuron = replace(neuron, V_start=neuron.leak, V_th=1.1)
    exciting = ConductanceSynapse(process, name="exc", pulse="in")
    inhibiting = ConductanceSynapse(process, name="inh", pulse="other", E_rev=0.5)
    times = 2e-6 + 1e-6 * np.arange(12)
    quiet = np.zeros(0)
    found = []
    for first, second in ((times, quiet), (quiet, times), (times, times)):
        inputs = [PulseInput("in", first, WIDTH, 1.8, EDGE), PulseInput("other", second, WIDTH, 1.8, EDGE)]
        deck = transient(neuron, [*exciting.blocks(), *inhibiting.blocks(), *inputs], 13e-6, max_step=0.2e-6)
        got = waves(deck)
        found.append(float(np.interp(12.9e-6, got["time"], got["mem"])))
    up, down, both = found
    assert up > neuron.leak + 0.05
    assert down < neuron.leak - 0.03
    assert down < both < up


@pytest.mark.integration
def test_currents_do_not_depend_on_the_solver() -> None:
    synapse = ConductanceSynapse(Process("sky130"))
    tau = synapse.twin().tau
    inputs = PulseInput("pulse", tau * np.array([0.2, 0.7]), WIDTH, 1.8, EDGE)
    times, found = tau * np.array([0.6, 1.0, 2.0]), []
    for solver in (TRANSISTOR_SOLVER, SolverOptions(chgtol=1e-18, reltol=1e-4)):
        deck = held(synapse, [inputs], synapse.rest, 2.1 * tau, solver=solver, max_step=tau / 100)
        got = waves(deck)
        found.append(np.interp(times, got["time"], got["i(vmem)"]))
    np.testing.assert_allclose(found[0], found[1], rtol=3e-3)


def test_devices_have_names_of_their_own() -> None:
    process = Process("macro")
    one, two = ConductanceSynapse(process, name="exc"), ConductanceSynapse(process, name="inh", pulse="other")
    many = SharedLine(ConductanceSynapse(process), (1, 2), ("a", "b"))
    for blocks in ((*one.blocks(), *two.blocks()), many.blocks()):
        names = [card.split()[0].lower() for block in blocks for card in block.cards() if card[0] != "."]
        assert len(set(names)) == len(names)
    # 35 transistors, 14 of them the weight's.
    assert sum(card[0] == "B" for block in one.blocks() for card in block.cards()) == 35


def test_rules() -> None:
    with pytest.raises(SpecError, match=r"^Synapse E_rev must be between 0 and 1\.8 V, not 2 V$"):
        ConductanceSynapse(Process("macro"), E_rev=2.0)
    with pytest.raises(SpecError, match=r"^Synapse I_gm must be positive, not 0 A$"):
        ConductanceSynapse(Process("macro"), I_gm=0.0)
