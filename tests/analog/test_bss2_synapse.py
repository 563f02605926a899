"""The current-based synapse in ngspice: time constant, charge, weights, superposition, its twin, and on a neuron."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest

from analog.bench import gather, transient
from analog.blocks.bias import Bias
from analog.blocks.ota import Ota, TailBias
from analog.blocks.pulse_input import PulseInput
from analog.neurons.ota import OtaNeuron
from analog.ngspice import pool
from analog.settings import TRANSISTOR_SOLVER, SolverOptions
from analog.synapses.bss2 import Bss2Synapse
from analog.synapses.line import SharedLine
from analog.synapses.probe import EDGE, WIDTH, Train, clear_of, currents, fitted, held, predicted
from analog.technology import Process, with_models
from analog.worker import Answer, Job
from golden.errors import SpecError
from golden.twins.pulsed_mirror import nonlinearity
from golden.twins.synaptic_line import width
from sim_harness import toolchain

#: With reltol=1e-5, ngspice gives up at some edges.
STRICT = SolverOptions(chgtol=1e-18, reltol=1e-4)


@dataclass(frozen=True)
class Event:
    """Measure: charge [C] of all events above the current at rest, and tau [s] of the line by its sinh."""

    w: float

    def __call__(self, waves: Mapping[str, np.ndarray]) -> tuple[float, float]:
        time, current, line = waves["time"], waves["i(vmem)"], waves["syn_line"]
        charge = np.trapezoid(current - current[0], time)
        s = np.sinh((line[0] - line) / self.w)
        after = int(s.argmax())
        log = -np.log(np.maximum(s[after:] / s[after], 1e-6))
        at = np.interp(-np.log([0.8, 0.2]), log, time[after:])
        return float(charge), float((at[1] - at[0]) / np.log(4))


def event(synapse: Bss2Synapse, times: np.ndarray | None = None, solver: SolverOptions = TRANSISTOR_SOLVER) -> Job:
    """Pulses (one by default) and eight time constants."""
    twin = synapse.twin()
    starts = np.array([0.1 * twin.tau]) if times is None else times
    pulses = PulseInput("pulse", starts, WIDTH, synapse.process.vdd, EDGE)
    end = float(starts[-1]) + 8 * twin.tau
    deck = held(synapse, [pulses], synapse.rest, end, solver=solver, max_step=end / 300, saved=("syn_line",))
    return Job(deck.text(), deck.saved, Event(twin.w))


def run(jobs: list[Job]) -> np.ndarray:
    return np.array(gather(pool(toolchain.ngspice_setup(), 1), jobs))


def transconductances(process: Process, volts: float, biases: list[float]) -> np.ndarray:
    """Slope [S] of an OTA alone at equal inputs, by a DC sweep of +-5 mV: what the circuits' lines are made with."""
    decks = []
    for bias in biases:
        blocks = (
            Bias("vdd", process.vdd),
            Bias("plus", volts),
            Bias("out", volts),
            TailBias(process, "b", bias),
            Ota(process, "a", "plus", "minus", "out", "b"),
        )
        cards = [card for block in with_models(process, blocks) for card in block.cards()]
        sweep = [f"Vminus minus 0 {volts}", f".dc Vminus {volts - 5e-3} {volts + 5e-3} 1e-3", ".save i(vout)"]
        decks.append(Job("\n".join(["* OTA", *cards, *sweep, ".options reltol=1e-6", ".end", ""]), ("i(vout)",)))
    found: dict[int, Answer] = {}
    pool(toolchain.ngspice_setup(), 1).run(decks, found.__setitem__)
    assert not any(answer.error for answer in found.values())
    return np.array(
        [-np.polyfit(found[k].waves["v-sweep"], found[k].waves["i(vout)"], 1)[0] for k in range(len(biases))]
    )


@pytest.mark.integration
@pytest.mark.parametrize("technology", ["macro", "sky130", "gf180"])
def test_tau_syn_follows_the_bias_over_two_decades(technology: str) -> None:
    """tau = C_line / g_m of the line's OTA, from 0.3 to 30 us; on top come up to 3 % of capacitances at the line."""
    process = Process(technology)
    biases = [5e-9, 50e-9, 550e-9] if technology == "macro" else [5e-9, 15e-9, 50e-9, 160e-9, 550e-9]
    synapses = [Bss2Synapse(process, weight=20, I_tau=bias) for bias in biases]
    found = run([event(synapse) for synapse in synapses])[:, 1]
    expected = 2e-12 / transconductances(process, synapses[0].rest, biases)
    assert found[0] > 27e-6
    assert found[-1] < 0.34e-6
    np.testing.assert_allclose(found / expected, 1.015, atol=0.02)
    # The EKV pair leaves weak inversion: tau I_tau grows by a sixth, which the closed form has to 10 %.
    nominal = np.array([synapse.twin().tau for synapse in synapses])
    np.testing.assert_allclose(found / nominal, 1, atol=0.1)
    assert nominal[-1] * biases[-1] / (nominal[0] * biases[0]) > 1.1


@pytest.mark.integration
def test_a_changed_capacitor_or_bias_is_another_time_constant() -> None:
    usual = Bss2Synapse(Process("sky130"))
    base, larger, faster = run(
        [event(s) for s in (usual, replace(usual, C_line=2.2e-12), replace(usual, I_tau=110e-9))]
    )[:, 1]
    assert larger / base == pytest.approx(1.1, abs=0.005)
    assert faster / base == pytest.approx(1 / 1.1, abs=0.01)


@pytest.mark.integration
@pytest.mark.parametrize("technology", ["macro", "sky130", "gf180"])
def test_the_charge_of_an_event_is_that_of_the_closed_form(technology: str) -> None:
    """weight I_lsb t_p g_gm / g_tau.  The pulse's charge is the DAC's, within 4 % (test_weight_dac)."""
    process = Process(technology)
    biases = [100e-9, 40e-9]
    gain = np.divide(*transconductances(process, Bss2Synapse(process).rest, biases))
    synapse = Bss2Synapse(process, weight=40, I_tau=biases[1], I_gm=biases[0])
    inhibits, tripled = replace(synapse, excitatory=False), replace(synapse, I_lsb=240e-9, weight=20)
    charge, other, triple = run([event(s) for s in (synapse, inhibits, tripled)])[:, 0]
    assert charge == pytest.approx(40 * 80e-9 * WIDTH * gain, rel=0.06)
    # Nominal: I_gm / I_tau, but for what of weak inversion is lost between both biases.
    assert gain == pytest.approx(2.5 * width(40e-9, 1e-6, 1, 1) / width(100e-9, 1e-6, 1, 1), rel=0.1)
    assert other == pytest.approx(-charge, rel=0.02)
    assert triple / charge == pytest.approx(1.5, rel=0.04)


@pytest.mark.integration
@pytest.mark.parametrize("technology", ["sky130", "gf180"])
def test_charges_are_linear_in_the_weight_and_add(technology: str) -> None:
    process, codes = Process(technology), [1, 2, 4, 8, 16, 31, 32, 63]
    synapse = Bss2Synapse(process)
    jobs = [event(replace(synapse, weight=code), solver=STRICT) for code in codes]
    tau = synapse.twin().tau
    burst = 0.1 * tau + 0.2 * tau * np.arange(5)
    *single, together = run([*jobs, event(synapse, burst, STRICT)])[:, 0]
    steps = np.interp(np.arange(64), np.append(0, codes), np.append(0, single))
    _, inl = nonlinearity(steps)
    assert abs(inl).max() < 0.3
    # Five full weights within one time constant: 100 mV on the line, far beyond its linear range.
    assert together / (5 * single[-1]) == pytest.approx(1, abs=0.03)
    # The peaks do saturate: of the nominal twin, by a third.
    twin = synapse.twin()
    assert twin.output(0.1, synapse.rest) < 0.75 * 5 * twin.output(0.02, synapse.rest)


@pytest.mark.integration
@pytest.mark.parametrize(("technology", "I_tau"), [("sky130", 100e-9), ("sky130", 5e-9), ("gf180", 100e-9)])
def test_the_twin_predicts_trains_it_has_not_seen(technology: str, I_tau: float) -> None:
    """Fitted on five runs of single events and a burst; within 0.5 % rms of the peak on random trains."""
    synapse = Bss2Synapse(Process(technology), I_tau=I_tau)
    workers = pool(toolchain.ngspice_setup(), 1)
    found = fitted(workers, synapse)
    assert found.rms < 0.004
    tau, rng = synapse.twin().tau, np.random.default_rng(1)
    trains = [
        Train(np.sort(rng.uniform(0.1 * tau, 8 * tau, number)), synapse.rest + volts, weight=weight)
        for weight, number, volts in ((63, 8, 0.0), (20, 20, 0.05), (40, 12, 0.1))
    ]
    times = [clear_of(train.source(1.0), np.linspace(0, 10 * tau, 301)[1:]) for train in trains]
    measured = currents(workers, synapse, trains, times, [10 * tau] * 3)
    planted = currents(workers, replace(synapse, C_line=2.2e-12), trains, times, [10 * tau] * 3)
    for train, at, seen, changed in zip(trains, times, measured, planted, strict=True):
        expected = predicted(found.twin, train, train.weight or 0, at)
        rms = [float(np.sqrt(np.mean((expected - got) ** 2))) / abs(seen).max() for got in (seen, changed)]
        assert rms[0] < 0.005
        assert expected.sum() == pytest.approx(seen.sum(), rel=0.005)
        # 10 % more capacitance is seen.
        assert rms[1] > 0.01


@pytest.mark.integration
def test_the_output_is_linear_at_rest_and_its_conductance_is_in_the_twin() -> None:
    """At rest I_syn is I_0 + g_out (V_0 - V), here with V from 0.5 to 1 V."""
    synapse = Bss2Synapse(Process("sky130"))
    workers = pool(toolchain.ngspice_setup(), 1)
    volts = np.linspace(0.5, 1.0, 5)
    trains = [Train(np.zeros(0), float(V)) for V in volts]
    measured = np.ravel(currents(workers, synapse, trains, [np.array([0.5e-6])] * 5, [1e-6] * 5))
    twin = fitted(workers, synapse).twin
    assert twin.g_out == pytest.approx(-np.polyfit(volts, measured, 1)[0], rel=0.1)
    np.testing.assert_allclose(twin.output(0.0, volts), measured, atol=0.01 * synapse.I_gm)
    # V_shift takes the current at rest away.
    shift = -measured[1] / (synapse.I_gm / synapse.twin().w_gm)
    calibrated = replace(synapse, V_shift=float(shift))
    (left,) = currents(workers, calibrated, trains[1:2], [np.array([0.5e-6])], [1e-6])
    assert abs(left[0]) < 0.15 * abs(measured[1])


@pytest.mark.integration
def test_synapses_on_one_line_add() -> None:
    """Two DACs at the same time and apart, against the twin of one synapse with both trains."""
    synapse = Bss2Synapse(Process("sky130"))
    workers = pool(toolchain.ngspice_setup(), 1)
    shared = SharedLine(synapse, (40, 11, 63), ("a", "b", "c"))
    tau = synapse.twin().tau
    starts = tau * np.array([0.2, 0.2, 0.9])
    inputs = [PulseInput(node, np.array([at]), WIDTH, 1.8, EDGE) for node, at in zip("abc", starts, strict=True)]
    times = tau * np.array([0.1, 0.4, 0.8, 1.1, 2.0, 3.0, 5.0])
    deck = held(shared, inputs, synapse.rest, 6 * tau, saved=("syn_line",))
    found: dict[int, Answer] = {}
    workers.run([Job(deck.text(), deck.saved)], found.__setitem__)
    waves = found[0].waves
    measured = np.interp(times, waves["time"], waves["i(vmem)"])
    # Two further DACs load the line with the junctions of their legs, some 20 fF each.
    alone = fitted(workers, synapse).twin
    twin = replace(alone, C=alone.C + 40e-15)
    expected = twin.currents(starts, starts + WIDTH, [40, 11, 63], times, synapse.rest)
    np.testing.assert_allclose(measured, expected, atol=0.01 * expected.max())
    # Not without one of them.
    without = twin.currents(starts[1:], starts[1:] + WIDTH, [11, 63], times, synapse.rest)
    assert abs(measured - without).max() > 0.2 * expected.max()


@pytest.mark.integration
@pytest.mark.parametrize("technology", ["macro", "sky130", "gf180"])
def test_a_neuron_takes_synapses_by_name(technology: str) -> None:
    """An event's charge on the membrane: below threshold, against the leak's and the synapse's closed forms."""
    process = Process(technology)
    neuron = OtaNeuron(process, I_leak=20e-9)
    neuron = replace(neuron, V_start=neuron.leak, V_th=neuron.leak + 0.3)
    exciting = Bss2Synapse(process, name="exc", weight=50, pulse="in", V_line=neuron.leak + 0.1)
    inhibiting = replace(exciting, name="inh", pulse="other", excitatory=False, weight=25)
    at = {"in": 2e-6, "other": 12e-6}
    inputs = [PulseInput(node, np.array([time]), WIDTH, process.vdd, EDGE) for node, time in at.items()]
    silent = [replace(pulse, times=np.zeros(0)) for pulse in inputs]
    times = np.array([3.5e-6, 5e-6, 13.5e-6, 15e-6])
    potentials = []
    for pulses in (inputs, silent):
        deck = transient(neuron, [*exciting.blocks(), *inhibiting.blocks(), *pulses], 20e-6, max_step=0.1e-6)
        found: dict[int, Answer] = {}
        pool(toolchain.ngspice_setup(), 1).run([Job(deck.text(), deck.saved)], found.__setitem__)
        assert not found[0].error
        potentials.append(np.interp(times, found[0].waves["time"], found[0].waves["mem"]))
    rises = np.subtract(*potentials)
    # Two exponentials: q tau_syn^-1 / C (e^(-t / tau_m) - e^(-t / tau_syn)) / (1 / tau_syn - 1 / tau_m).
    twin, leak = exciting.twin(), neuron.twin()
    rates = 1 / twin.tau, 1 / leak.tau_m
    t = times - np.repeat([at["in"], at["other"]], 2)
    peak = 80e-9 * WIDTH * twin.gain * rates[0] / 2e-12 * np.array([50, 50, -25, -25])
    expected = peak * (np.exp(-t * rates[1]) - np.exp(-t * rates[0])) / (rates[0] - rates[1])
    # What is left of the first event at the second one's samples.
    late = times[2:] - at["in"]
    expected[2:] += peak[0] * (np.exp(-late * rates[1]) - np.exp(-late * rates[0])) / (rates[0] - rates[1])
    np.testing.assert_allclose(rises, expected, atol=0.05 * expected.max())


@pytest.mark.integration
def test_charges_do_not_depend_on_the_solver() -> None:
    synapse = Bss2Synapse(Process("sky130"))
    usual, finer = run([event(synapse), event(synapse, solver=STRICT)])
    np.testing.assert_allclose(usual, finer, rtol=2e-3)


def test_devices_have_names_of_their_own() -> None:
    process = Process("macro")
    one, two = Bss2Synapse(process, name="exc"), Bss2Synapse(process, name="inh", pulse="other")
    many = SharedLine(Bss2Synapse(process), (1, 2, 3), ("a", "b", "c"))
    for blocks in ((*one.blocks(), *two.blocks()), many.blocks()):
        names = [card.split()[0].lower() for block in blocks for card in block.cards() if card[0] != "."]
        assert len(set(names)) == len(names)
    # 27 transistors, and 14 more for each further synapse on a line.
    count = [
        sum(card[0] == "B" for block in blocks for card in block.cards()) for blocks in (one.blocks(), many.blocks())
    ]
    assert count == [27, 27 + 28]


def test_rules() -> None:
    process = Process("macro")
    with pytest.raises(SpecError, match=r"^Synapse I_tau must be positive, not -1 A$"):
        Bss2Synapse(process, I_tau=-1.0)
    with pytest.raises(SpecError, match=r"^Synapse V_line must be between 0 and 1\.8 V, not 2 V$"):
        Bss2Synapse(process, V_line=2.0)
    with pytest.raises(
        SpecError, match=r"^Synapse V_shift must be between 0 and 1\.8 V with V_line \(1 V\), not 0\.9 V$"
    ):
        Bss2Synapse(process, V_line=1.0, V_shift=0.9)
    with pytest.raises(SpecError, match=r"^DAC weight must be a whole number from 0 to 63, not 64$"):
        Bss2Synapse(process, weight=64)
    with pytest.raises(
        SpecError, match=r"^Shared line weights must be one or more, with a pulse each, not 2 and 1 pulses$"
    ):
        SharedLine(Bss2Synapse(process), (1, 2), ("a",))
