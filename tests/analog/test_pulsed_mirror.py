"""The pulsed mirror in ngspice: dV = weight I t_p / C, linear and monotone codes, mismatch as predicted by device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from analog.bench import gather
from analog.blocks.bias import Bias
from analog.blocks.pulse_input import PulseInput
from analog.netlist import Block, Netlist
from analog.ngspice import pool
from analog.settings import TRANSISTOR_SOLVER, SolverOptions
from analog.synapses.pulsed_mirror import PulsedMirror
from analog.technology import Capacitor, Mosfet, Process, with_models
from analog.technology.ekv import ekv
from analog.technology.mismatch import pelgrom
from analog.worker import Job
from golden.errors import SpecError
from golden.twins.pulsed_mirror import BITS, FREE, nonlinearity
from golden.twins.samples import fit_samples
from sim_harness import toolchain

START, SETTLED = 0.2e-6, 0.5e-6


@dataclass(frozen=True)
class Charge:
    """Measure: charge [C] of one pulse into ``capacitance``, less what leaks without one."""

    capacitance: float
    width: float

    def __call__(self, waves: Mapping[str, np.ndarray]) -> float:
        end = START + self.width
        at = [0.9 * START, end + SETTLED, end + 2 * SETTLED]
        before, after, later = np.interp(at, waves["time"], waves["mem"])
        leak = (later - after) / SETTLED
        return float(self.capacitance * (after - before - leak * (at[1] - at[0])))


def job(
    synapse: PulsedMirror,
    width: float = 1e-6,
    *,
    capacitance: float = 50e-12,
    volts: float | None = None,
    solver: SolverOptions = TRANSISTOR_SOLVER,
    blocks: Sequence[Block] | None = None,
) -> Job:
    """One pulse into a capacitor [F] that starts at ``volts`` (a quarter of the supply); ``blocks`` in its place."""
    process = synapse.process
    devices = (
        *(blocks or synapse.blocks()),
        Bias("vdd", process.vdd),
        # Without mismatch of its own: it measures.
        Capacitor(replace(process, mismatch=None), "mem", "mem", "0", capacitance),
        PulseInput("pulse", np.array([START]), width, process.vdd, 1e-9),
    )
    deck = Netlist(
        title="pulsed mirror",
        comments=(),
        blocks=with_models(process, devices),
        options=solver.card(),
        duration=START + width + 2 * SETTLED + 10e-9,
        max_step=None,
        saved=("mem", "pulse"),
        initial=(("mem", process.vdd / 4 if volts is None else volts),),
        uic=False,
    )
    return Job(deck.text(), deck.saved, Charge(capacitance, width))


def charges(jobs: list[Job]) -> np.ndarray:
    return np.array(gather(pool(toolchain.ngspice_setup(), 1), jobs))


@pytest.mark.integration
@pytest.mark.parametrize("technology", ["macro", "sky130", "gf180"])
def test_a_pulse_moves_the_membrane_by_weight_current_and_width(technology: str) -> None:
    """dV = weight I_lsb t_p / C.  A width's difference leaves out what the switches inject.

    The mirror's error is V_DS times the length modulation: some 1 V of 6 um, 0.5 % in macro (0.03 um / V); a tenth to a
    fiftieth a volt in foundries' transistors.
    """
    synapse = PulsedMirror(Process(technology), weight=21)
    single, double = charges([job(synapse, width, capacitance=2e-12) for width in (1e-6, 2e-6)])
    expected = 21 * 8e-9 * 1e-6
    tolerance = {"macro": 0.01, "sky130": 0.03, "gf180": 0.05}[technology]
    assert double - single == pytest.approx(expected, rel=tolerance)
    # A membrane of 2 pF moves by 84 mV; one of 4 pF by half.
    (half,) = charges([job(synapse, 1e-6, capacitance=4e-12)])
    assert (half / 4e-12) / (single / 2e-12) == pytest.approx(0.5, rel=0.01)
    # Another width or weight is another charge.
    (wrong,) = charges([job(replace(synapse, weight=22), 1e-6, capacitance=2e-12)])
    assert wrong / single == pytest.approx(22 / 21, abs=0.005)


@pytest.mark.integration
@pytest.mark.parametrize("technology", ["sky130", "gf180"])
def test_codes_are_linear_and_the_twin_predicts_those_it_has_not_seen(technology: str) -> None:
    process = Process(technology)
    seen = [(1, 0.3e-6), (1, 1e-6), (20, 0.5e-6), (63, 0.3e-6), (63, 1e-6)]
    # Every carry from leg to leg, and some widths.
    unseen = [(code, 1e-6) for code in (2, 3, 4, 7, 8, 15, 16, 31, 32, 47, 48)] + [(40, 0.4e-6), (5, 2e-6)]
    measured = charges([job(PulsedMirror(process, weight=code), width) for code, width in seen + unseen])
    fitted, others = measured[: len(seen)], measured[len(seen) :]
    start = PulsedMirror(process).twin()
    found = fit_samples(start, FREE, lambda twin: twin.charge(*np.transpose(seen)), fitted, fitted).twin
    predicted = found.charge(*np.transpose(unseen))
    # A tenth of an LSB, and 0.5 %.
    lsb = found.I_lsb * 1e-6
    assert abs(predicted - others).max() < 0.1 * lsb
    assert abs(predicted / others - 1).max() < 0.005
    assert found.I_lsb == pytest.approx(8e-9, rel=0.05)
    assert found.q_leg > 0
    # Monotone at each carry, and no step off by a tenth of an LSB.
    by_code = dict(zip([code for code, _ in unseen[:11]], others, strict=False))
    for low, high in ((2, 3), (3, 4), (7, 8), (15, 16), (31, 32), (47, 48)):
        assert (by_code[high] - by_code[low]) / (others[8] - others[7]) == pytest.approx(1, abs=0.1)


@pytest.mark.integration
def test_a_leg_of_the_wrong_size_is_seen() -> None:
    """A half more fingers in the fourth leg: codes with it are 4 LSB high."""
    synapse = PulsedMirror(weight=8)
    planted = tuple(
        replace(block, multiple=12) if isinstance(block, Mosfet) and block.name == "syn_m3" else block
        for block in synapse.blocks()
    )
    right, wrong = charges([job(synapse), job(synapse, blocks=planted)])
    assert wrong / right == pytest.approx(1.5, abs=0.05)


@pytest.mark.integration
def test_without_weight_there_is_no_charge() -> None:
    (nothing, least) = charges([job(PulsedMirror(weight=code)) for code in (0, 1)])
    assert abs(nothing) < 0.01 * least


@pytest.mark.integration
def test_the_membrane_may_move() -> None:
    """The switch's gate at ground keeps the leg's drain a gate voltage up: V(mem) is not seen below 0.35 vdd."""
    synapse = PulsedMirror(Process("sky130"), weight=32)
    low, middle, high = charges([job(synapse, volts=part * 1.8) for part in (0.05, 0.35, 0.6)])
    assert middle / low == pytest.approx(1, abs=0.01)
    assert high / low < 0.99


@pytest.mark.integration
def test_mismatch_makes_the_nonlinearity_that_its_devices_predict() -> None:
    """Each leg's charge changes by e^(-dV_T / (n U_T)) in weak inversion, ref's the other way; here by EKV.

    The threshold shifts are those of the named devices, through Pelgrom's law.  SKY130's slope is not EKV's by 10 %.
    """
    chip = Process("sky130", mismatch=4)
    nominal = replace(chip, mismatch=None)
    weights = [1 << bit for bit in range(BITS)]
    jobs = [job(PulsedMirror(process, weight=code)) for process in (nominal, chip) for code in weights]
    ideal, real = np.split(charges(jobs), 2)
    p, squares, U_T = ekv(nominal, "p"), 0.42 / 6, nominal.thermal_voltage
    gate = p.voltage(8e-9, squares, U_T)

    def shift(name: str, fingers: int) -> float:
        return pelgrom(5.856e-9, 0.42e-6, fingers * 6e-6) * chip.deviate(name, "V_th")

    # delvto adds to a p-channel's negative threshold: a positive shift makes it conduct more.
    reference = shift("syn_ref", 1)
    expected = []
    for bit, fingers in enumerate(weights):
        change = shift(f"syn_m{bit}", fingers) - reference
        expected.append(p.current(gate + change, squares, U_T) / 8e-9)
    # Injection, a tenth of the charge, does not change with the threshold.
    relative = np.array(expected)
    part = 8e-9 * 1e-6 / (ideal / weights)
    np.testing.assert_allclose(real / ideal - 1, (relative - 1) * part, rtol=0.2, atol=0.004)
    assert abs(real / ideal - 1).max() > 0.02
    # All codes by adding the legs, and what a designer reads.
    codes = np.arange(2**BITS)
    sums = (codes[:, None] >> np.arange(BITS) & 1) @ real
    dnl, inl = nonlinearity(sums)
    assert 0.05 < abs(dnl).max() < 3
    assert 0.05 < abs(inl).max() < 3
    smooth = nonlinearity((codes[:, None] >> np.arange(BITS) & 1) @ ideal)
    assert abs(smooth[0]).max() < 0.2


@pytest.mark.integration
def test_charges_do_not_depend_on_the_solver() -> None:
    strict = SolverOptions(chgtol=1e-18, reltol=1e-5)
    usual, finer = charges([job(PulsedMirror(), solver=solver) for solver in (TRANSISTOR_SOLVER, strict)])
    assert usual == pytest.approx(finer, rel=1e-4)


def test_the_legs_are_binary_and_the_weight_sets_their_bits() -> None:
    synapse = PulsedMirror(weight=0b101001)
    legs = [block for block in synapse.blocks() if isinstance(block, Mosfet) and block.name.startswith("syn_m")]
    assert [leg.multiple for leg in legs] == [1, 2, 4, 8, 16, 32]
    bits = {block.node: block.voltage for block in synapse.blocks() if isinstance(block, Bias)}
    assert [bits[f"syn_w{bit}"] > 0 for bit in range(6)] == [True, False, False, True, False, True]


def test_rules() -> None:
    for weight in (-1, 64, 1.0, True):
        with pytest.raises(SpecError, match=r"^Pulsed mirror weight must be a whole number from 0 to 63, not "):
            PulsedMirror(weight=weight)  # type: ignore[arg-type]
    with pytest.raises(SpecError, match=r"^Pulsed mirror I_lsb must be positive, not 0 A$"):
        PulsedMirror(I_lsb=0.0)
