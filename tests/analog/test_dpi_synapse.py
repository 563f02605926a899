"""The DPI synapse in ngspice: its time constant, its mean, its twin on trains it has not seen, planted errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest

from analog.bench import gather
from analog.blocks.bias import Bias
from analog.blocks.pulse_input import PulseInput
from analog.netlist import Netlist
from analog.ngspice import pool
from analog.settings import TRANSISTOR_SOLVER, SolverOptions
from analog.synapses.dpi import DpiSynapse
from analog.technology import Mosfet, Process, with_models
from analog.worker import Answer, Job
from golden.errors import SpecError
from golden.twins.dpi_synapse import FREE, DpiSynapseTwin
from golden.twins.samples import fit_samples
from sim_harness import toolchain

WIDTH, EDGE = 1e-6, 1e-9
#: Levels of the output current [A] between which decay is measured.
HIGH, LOW = 6e-9, 1.5e-9


@dataclass(frozen=True, eq=False)
class At:
    """Measure: the output current at some times, linear between time steps."""

    times: np.ndarray

    def __call__(self, waves: Mapping[str, np.ndarray]) -> np.ndarray:
        return np.interp(self.times, waves["time"], waves["i(vmem)"])


@dataclass(frozen=True)
class Decay:
    """Measure: the time constant of the output current's last fall from HIGH to LOW."""

    def __call__(self, waves: Mapping[str, np.ndarray]) -> float:
        current, time = waves["i(vmem)"], waves["time"]
        last = np.flatnonzero(current > HIGH)[-1]
        log = np.log(current[last:])
        found = np.interp(-np.log([HIGH, LOW]), -log, time[last:])
        return float((found[1] - found[0]) / np.log(HIGH / LOW))


def deck(
    synapse: DpiSynapse,
    pulses: PulseInput,
    duration: float,
    solver: SolverOptions = TRANSISTOR_SOLVER,
) -> Netlist:
    """The synapse into a membrane held at a quarter of the supply."""
    process = synapse.process
    blocks = (*synapse.blocks(), Bias("vdd", process.vdd), Bias("mem", process.vdd / 4), pulses)
    return Netlist(
        title="DPI synapse",
        comments=(),
        blocks=with_models(process, blocks),
        options=solver.card(),
        duration=duration,
        max_step=None,
        saved=("mem", "pulse", "i(vmem)"),
        uic=False,
    )


def train(synapse: DpiSynapse, times: np.ndarray, width: float = WIDTH) -> PulseInput:
    return PulseInput("pulse", times, width, synapse.process.vdd, EDGE)


def time_constants(synapses: list[DpiSynapse]) -> list[float]:
    jobs = []
    for synapse in synapses:
        # One pulse, long enough for 20 nA and more: u_th / (I_w / C) to reach I_th, then 1 us per 25 nA.
        end = 4e-6 + 7 * synapse.twin().tau
        net = deck(synapse, train(synapse, np.array([1e-6]), 2.2e-6), end)
        jobs.append(Job(net.text(), net.saved, Decay()))
    found: list[float] = gather(pool(toolchain.ngspice_setup(), 1), jobs)
    return found


def gate_voltage(process: Process, currents: list[float]) -> np.ndarray:
    """-V_GS [V] at which the output transistor alone carries the currents [A]: a DC sweep of its own."""
    device = Mosfet(process, "out", "d", "g", "0", "0", "p", 2e-6, 1e-6)
    cards = [card for block in with_models(process, [device]) for card in block.cards()]
    sources = ["Vd d 0 -1", "Vg g 0 0", ".dc Vg 0 -1 -0.002", ".save i(vd)", ".options reltol=1e-6 gmin=1e-15"]
    found: dict[int, Answer] = {}
    jobs = [Job("\n".join(["* output transistor alone", *cards, *sources, ".end", ""]), ("i(vd)",))]
    pool(toolchain.ngspice_setup(), 1).run(jobs, found.__setitem__)
    assert not found[0].error
    waves = found[0].waves
    return np.interp(np.log(currents), np.log(np.abs(waves["i(vd)"]) + 1e-30), -waves["v-sweep"])


@pytest.mark.integration
@pytest.mark.parametrize("technology", ["macro", "sky130", "gf180"])
def test_the_time_constant_follows_the_bias_over_two_decades(technology: str) -> None:
    process = Process(technology)
    biases = np.geomspace(0.2e-9, 20e-9, 3 if technology == "macro" else 5)
    found = time_constants([DpiSynapse(process, I_tau=float(bias)) for bias in biases])
    slope = np.polyfit(np.log(biases), np.log(found), 1)[0]
    assert slope == pytest.approx(-1, abs=0.02)
    # tau = C dV / (I_tau ln(HIGH / LOW)), with dV = n U_T ln(HIGH / LOW) where n is constant, from the output
    # transistor alone.  On top come the capacitances at the node, 15 fF of 1 pF by the macro's densities, up to 30 fF
    # with the foundries', and the mirror's error by length modulation, 1 % (2 um long).
    volts = gate_voltage(process, [HIGH, LOW])
    expected = 1e-12 * (volts[0] - volts[1]) / (np.log(HIGH / LOW) * biases)
    assert (np.array(found) / expected > 0.985).all()
    assert (np.array(found) / expected < 1.05).all()


@pytest.mark.integration
def test_a_changed_capacitor_or_bias_is_another_time_constant() -> None:
    process = Process("sky130")
    usual = DpiSynapse(process)
    base, larger, faster = time_constants([usual, replace(usual, C_syn=1.1e-12), replace(usual, I_tau=1.1 * 4e-9)])
    # 15 to 30 fF of the node's own do not grow with the capacitor.
    assert larger / base == pytest.approx(1.1, abs=0.006)
    assert faster / base == pytest.approx(1 / 1.1, abs=0.006)


def trains(seed: int, duration: float) -> list[np.ndarray]:
    """Three trains of rising rate; no two pulses overlap."""
    rng = np.random.default_rng(seed)
    drawn = [np.sort(rng.uniform(1e-6, 0.8 * duration, number)) for number in (14, 28, 56)]
    return [times[np.append(True, np.diff(times) > 1.3 * WIDTH)] for times in drawn]


@pytest.mark.integration
@pytest.mark.parametrize("technology", ["sky130", "gf180"])
def test_the_twin_predicts_trains_it_has_not_seen(technology: str) -> None:
    """Fitted on the densest train; within 1.5 % of the peak at every sample of the others, 0.3 % of the charge."""
    duration, synapse = 200e-6, DpiSynapse(Process(technology))
    inputs = [train(synapse, times) for times in trains(3, duration)]
    samples, jobs = [], []
    changed = replace(synapse, C_syn=1.1e-12)
    for pulses in inputs:
        times = np.linspace(0, duration, 401)[1:-1]
        starts, ends = pulses.intervals()
        # Not while an edge couples into the output.
        clear = ((times[:, None] < starts - 0.05e-6) | (times[:, None] > ends + 0.2e-6)).all(axis=1)
        samples.append(times[clear])
    for circuit in (synapse, changed):
        for pulses, times in zip(inputs, samples, strict=True):
            net = deck(circuit, pulses, duration)
            jobs.append(Job(net.text(), net.saved, At(times)))
    currents = gather(pool(toolchain.ngspice_setup(), 1), jobs)

    def predict(twin: DpiSynapseTwin, which: int) -> np.ndarray:
        return twin.currents(*inputs[which].intervals(), samples[which])

    scale = np.maximum(currents[2], 0.01 * currents[2].max())
    found = fit_samples(synapse.twin(), FREE, lambda twin: predict(twin, 2), currents[2], scale)
    for which in (0, 1):
        error = predict(found.twin, which) - currents[which]
        assert abs(error).max() < 0.015 * currents[which].max()
        assert abs(error.sum()) < 0.003 * currents[which].sum()
        # 10 % more capacitance is seen.
        planted = predict(found.twin, which) - currents[3 + which]
        assert abs(planted).max() > 0.03 * currents[3 + which].max()
    assert found.twin.tau == pytest.approx(synapse.twin().tau, rel=0.2)


@pytest.mark.integration
def test_the_mean_is_linear_in_the_rate() -> None:
    """In a steady state the pair's mean share is I_tau / (I_w duty), so mean I_syn + I_th is proportional to the duty.

    Exact for no ripple and one slope.  Here: ripple below 10 % (its square is what counts), and slopes that differ
    between pair and output by 3 % over the factor 2.4 in current.
    """
    synapse = DpiSynapse(Process("macro"), I_w=50e-9)
    jobs = []
    for period in (1.2e-6, 0.6e-6):
        times = np.arange(1e-6, 90e-6, period)
        net = deck(synapse, train(synapse, times, 0.3e-6), 90e-6)
        jobs.append(Job(net.text(), net.saved, At(np.linspace(76e-6, 88e-6, 4000, endpoint=False))))
    slow, fast = (float(np.mean(found)) for found in gather(pool(toolchain.ngspice_setup(), 1), jobs))
    assert (fast + 1e-9) / (slow + 1e-9) == pytest.approx(2, rel=0.03)
    # I_syn = I_th (I_w duty / I_tau - 1): 50 nA x 1/2 / 4 nA - 1 = 5.25.
    assert fast == pytest.approx(5.25e-9, rel=0.1)


@pytest.mark.integration
@pytest.mark.parametrize("technology", ["macro", "sky130", "gf180"])
def test_without_pulses_there_is_no_current_and_with_one_it_excites(technology: str) -> None:
    synapse = DpiSynapse(Process(technology))
    jobs = []
    for times in (np.zeros(0), np.array([1e-6, 3e-6, 5e-6])):
        net = deck(synapse, train(synapse, times), 20e-6)
        jobs.append(Job(net.text(), net.saved, At(np.array([0.5e-6, 7e-6]))))
    silent, driven = gather(pool(toolchain.ngspice_setup(), 1), jobs)
    # ngspice's own gmin, 1 pS across each junction, is some pA.
    assert abs(silent).max() < 10e-12
    assert abs(driven[0]) < 10e-12
    assert driven[1] > 5e-9


@pytest.mark.integration
def test_currents_do_not_depend_on_the_solver() -> None:
    synapse = DpiSynapse()
    pulses = train(synapse, np.arange(1e-6, 40e-6, 4e-6))
    times = np.array([20.5e-6, 30.5e-6, 45e-6, 55e-6])
    strict = SolverOptions(chgtol=1e-18, reltol=1e-5)
    jobs = []
    for solver in (TRANSISTOR_SOLVER, strict):
        net = deck(synapse, pulses, 60e-6, solver)
        jobs.append(Job(net.text(), net.saved, At(times)))
    usual, finer = gather(pool(toolchain.ngspice_setup(), 1), jobs)
    np.testing.assert_allclose(usual, finer, rtol=1e-3)


def test_two_synapses_share_a_neuron_without_clashing() -> None:
    one, two = DpiSynapse(name="exc"), DpiSynapse(name="more", pulse="pulse2")
    cards = [card for synapse in (one, two) for block in synapse.blocks() for card in block.cards()]
    names = [card.split()[0] for card in cards]
    assert len(set(names)) == len(names)
    nodes = {node for card in cards if card[0] == "M" for node in card.split()[1:5]}
    assert {"mem", "vdd", "pulse", "pulse2", "exc_cap", "more_cap"} <= nodes


def test_rules() -> None:
    with pytest.raises(SpecError, match=r"^DPI synapse I_tau must be positive, not -1 A$"):
        DpiSynapse(I_tau=-1.0)
