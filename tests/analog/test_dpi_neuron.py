"""The DPI neuron in ngspice: its twin on operating points it has not seen, its equation's parts, planted errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from analog.bench import Observed, constant, gather, job, transient
from analog.neurons.dpi import DpiNeuron
from analog.ngspice import pool
from analog.settings import TRANSISTOR_SOLVER, SolverOptions
from analog.technology import Process
from analog.worker import Job
from golden.errors import SpecError
from golden.twins.dpi import FREE, DpiTwin
from golden.twins.fit import errors, fit
from sim_harness import toolchain

#: Where the twin is fitted and where it is tried: inputs [A] that make periods more than 20 times apart.
FITTED = np.array([9e-9, 13e-9, 25e-9, 60e-9, 140e-9, 250e-9])
HELD_OUT = np.array([10.5e-9, 38e-9, 190e-9])
#: The rule of the project for golden twins.
BOUND = 3e-3


@dataclass(frozen=True)
class Final:
    """Measure: the last value of each node, and how often the spike node rose."""

    nodes: tuple[str, ...]

    def __call__(self, waves: Any) -> tuple[list[float], int]:
        high = waves["spike"] > 0.5
        return [float(waves[node][-1]) for node in self.nodes], int((high[1:] & ~high[:-1]).sum())


def run(circuit: DpiNeuron, currents: Sequence[float], intervals: float, solver: SolverOptions | None = None) -> Any:
    """One `Observed` for each current, some ``intervals`` of the nominal twin long."""
    options = (solver or circuit.solver).card()
    durations = intervals * circuit.twin().periods(np.asarray(currents))
    decks = [transient(circuit, (constant(i),), t) for i, t in zip(currents, durations, strict=True)]
    jobs = [job(circuit, replace(deck, options=options)) for deck in decks]
    return gather(pool(toolchain.ngspice_setup(), 1), jobs)


def periods(circuit: DpiNeuron, currents: Sequence[float], intervals: float = 3.6) -> np.ndarray:
    observed: list[Observed] = run(circuit, currents, intervals)
    return np.array([one.period for one in observed])


@pytest.mark.integration
@pytest.mark.parametrize("technology", ["sky130", "gf180"])
def test_the_twin_predicts_periods_it_has_not_seen(technology: str) -> None:
    circuit = DpiNeuron(Process(technology))
    seen, unseen = periods(circuit, FITTED), periods(circuit, HELD_OUT)
    assert seen[0] / seen[-1] > 20
    found = fit(circuit.twin(), FREE, FITTED, seen)
    assert found.largest < BOUND
    assert abs(errors(found.twin, HELD_OUT, unseen)).max() < BOUND
    # What the fit found is what was built: capacitors and currents within 25 % (SKY130's slopes are no constants).
    assert found.twin.C_m == pytest.approx(circuit.C_m, rel=0.25)
    assert found.twin.I_tau == pytest.approx(circuit.I_tau, rel=0.25)
    # 3 % of the capacitor or of the leak, and the twin no longer fits the circuit.
    for changed in (replace(circuit, C_m=1.03 * circuit.C_m), replace(circuit, I_tau=1.03 * circuit.I_tau)):
        assert abs(errors(found.twin, HELD_OUT, periods(changed, HELD_OUT))).max() > 3 * BOUND


@pytest.mark.integration
def test_the_nominal_twin_is_the_circuit_of_ideal_transistors() -> None:
    """In macro every transistor is the twin's EKV transistor; nothing is fitted.

    What the twin leaves out: gate and junction capacitances on C_m, 25 fF of 2 pF by the macro's own densities (a third
    of 6 um^2 of gate at 8 fF/um^2 in A1, A5 and L2, plus edges and junctions), so 1.2 %; length modulation of the
    mirrors, 0.03 um / L a volt: 0.5 % in L3 and 2 % in A3; delays of the spike, 0.2 us at most.
    """
    circuit = DpiNeuron(Process("macro"))
    currents = [20e-9, 90e-9]
    assert abs(errors(circuit.twin(), currents, periods(circuit, currents, 3.2))).max() < 0.03


@pytest.mark.integration
def test_below_the_rheobase_it_settles_where_the_currents_balance() -> None:
    circuit = DpiNeuron(Process("macro"))
    twin = circuit.twin()
    assert twin.rheobase == pytest.approx((7.5e-9) ** 2 / 10e-9)
    setup = pool(toolchain.ngspice_setup(), 1)
    jobs = []
    drives = twin.rheobase * np.array([0.5, 0.9, 0.97, 1.1])
    for current in drives:
        deck = transient(circuit, (constant(current),), 1.2e-3, saved=("cap",))
        jobs.append(Job(deck.text(), deck.saved, Final(("cap",))))
    found = gather(setup, jobs)
    assert [count > 0 for _, count in found] == [False, False, False, True]
    volts = np.array([final[0] for final, _ in found[:3]])
    # 0.5: below I_tau, V falls to where the leak's transistor (EKV, 0.5 squares) leaves saturation.  Length modulation,
    # 0.6 % less leak, is 0.2 mV.
    leak, square = 5e-9, 0.5 * twin.I_spec / 2
    forward, backward = (np.log(np.expm1(np.sqrt(i / square))) for i in (leak, leak - drives[0]))
    assert volts[0] == pytest.approx(2 * twin.U_T * (forward - backward), abs=4e-4)
    # 0.9 and 0.97: I_in I_th / (I_th + m) + m = I_tau, written out in weak inversion, within what length modulation and
    # the first steps out of weak inversion (sqrt(i) / 2 of each exponent, 2 % here) make: 3 % of I_tau.
    m = twin.membrane_current(volts[1:])
    balance = drives[1:3] * 2.5e-9 / (2.5e-9 + m) + m - leak
    assert abs(balance).max() < 0.03 * leak
    # A leak 6 % larger is no balance.
    assert abs(balance - 0.06 * leak).min() > 0.03 * leak


@pytest.mark.integration
@pytest.mark.parametrize("technology", ["macro", "sky130", "gf180"])
def test_the_refractory_period_is_that_of_its_capacitor_and_current(technology: str) -> None:
    """Half the current is twice the time; a strong input shows it as what remains of the interval."""
    fast = DpiNeuron(Process(technology), I_ref=100e-9)
    slow = replace(fast, I_ref=50e-9)
    (one,), (two,) = run(fast, [150e-9], 2.6), run(slow, [150e-9], 2.6)
    added = two.spikes[1] - two.spikes[0] - (one.spikes[1] - one.spikes[0])
    # C_ref V_sw / I_ref once more; V_sw by the EKV balance is within a tenth of the supply, and node ref adds to C_ref
    # what R1, R2, R4 and R5 load it with, up to 6 fF.
    nominal = fast.twin().t_ref
    margin = fast.C_ref * 0.1 * fast.process.vdd / fast.I_ref + 0.06 * nominal
    assert added == pytest.approx(nominal, abs=margin)
    assert margin < 0.35 * nominal


@pytest.mark.integration
def test_periods_do_not_depend_on_the_solver() -> None:
    circuit = DpiNeuron()
    strict = SolverOptions(method="trap", chgtol=1e-19, reltol=1e-6)
    (usual,), (finer,) = run(circuit, [12e-9], 3.6), run(circuit, [12e-9], 3.6, strict)
    assert usual.period == pytest.approx(finer.period, rel=2e-4)
    # Gear with the usual options for transistors is visibly too early: that is why the circuit has its own.
    (gear,) = run(circuit, [12e-9], 3.6, TRANSISTOR_SOLVER)
    assert gear.period < finer.period * (1 - 4e-4)


@pytest.mark.integration
def test_what_is_seen_at_the_ports() -> None:
    circuit = DpiNeuron()
    (observed,) = run(circuit, [60e-9], 3.6)
    assert observed.spikes.size >= 3
    width = observed.ends[: observed.spikes.size] - observed.spikes
    assert ((width > 0.5e-9) & (width < 100e-9)).all()
    # The input node is a gate voltage above the membrane: it needs head room, and has it up to 0.75 vdd.
    assert 0.3 < observed.mem[0] < observed.mem[1] < 0.75 * circuit.process.vdd
    # Supply power at least what the biases take (I_tau, I_gth and I_ref are drawn from it).
    assert observed.power > circuit.process.vdd * (circuit.I_tau + circuit.I_gth + circuit.I_ref)
    assert observed.energy_per_spike < 50e-12


def test_mismatch_belongs_to_the_chip() -> None:
    one, again, other = (
        [card for block in DpiNeuron(Process(mismatch=seed)).blocks() for card in block.cards()] for seed in (1, 1, 2)
    )
    assert one == again
    assert one != other


def test_rules() -> None:
    with pytest.raises(SpecError, match=r"^DPI neuron I_tau must be positive, not 0 A$"):
        DpiNeuron(I_tau=0.0)
    with pytest.raises(SpecError, match=r"^DPI neuron feedback must be at least 1, not 0$"):
        DpiNeuron(feedback=0)


def test_the_nominal_twin_is_made_of_the_circuit() -> None:
    twin = DpiNeuron(Process("macro"), C_m=1e-12, feedback=2).twin()
    assert isinstance(twin, DpiTwin)
    assert (twin.C_m, twin.I_tau, twin.feedback, twin.skew) == (1e-12, 5e-9, 2.0, 1.0)
    assert twin.gain_current == pytest.approx(2.5e-9, rel=1e-9)
    # EKV: I_spec = 2 n k' U_T^2 W/L of the macro's n-channel transistor, A1 of 2 um by 1 um.
    assert twin.I_spec == pytest.approx(2 * 1.4 * 240e-6 * twin.U_T**2 * 2, rel=1e-4)
    assert twin.tau == pytest.approx(1e-12 * 1.4 * 0.025865 / 5e-9, rel=1e-4)
