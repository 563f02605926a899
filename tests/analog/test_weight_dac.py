"""The weight DAC in ngspice: weight times I_lsb times the pulse's width, nothing else; mismatch by device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from analog.bench import gather
from analog.blocks.bias import Bias
from analog.blocks.gates import Inverter
from analog.blocks.pulse_input import PulseInput
from analog.blocks.weight_dac import BITS, FINGER, GMIN, WeightBias, WeightDac
from analog.netlist import Block, Netlist
from analog.ngspice import pool
from analog.settings import TRANSISTOR_SOLVER, SolverOptions
from analog.technology import Mosfet, Process, with_models
from analog.technology.ekv import ekv
from analog.technology.mismatch import pelgrom
from analog.worker import Job
from golden.errors import SpecError
from golden.twins.pulsed_mirror import nonlinearity
from sim_harness import toolchain

I_LSB, START, END = 80e-9, 50e-9, 150e-9
#: The usual options cost a charge 0.2 %, which is a tenth of an LSB of 63.
STRICT = SolverOptions(chgtol=1e-18, reltol=1e-5)
#: Every carry from leg to leg.
CARRIES = [1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 47, 48, 63]


@dataclass(frozen=True)
class Drawn:
    """Measure: charge [C] drawn from the line, and its mean current [A] in the last quarter, long after the pulse."""

    def __call__(self, waves: Mapping[str, np.ndarray]) -> tuple[float, float]:
        time, current = waves["time"], -waves["i(vline)"]
        late = time > 0.75 * END
        mean = np.trapezoid(current[late], time[late]) / (time[-1] - time[late][0])
        return float(np.trapezoid(current, time)), float(mean)


def job(
    weight: int,
    process: Process,
    width: float = 8e-9,
    *,
    volts: float | None = None,
    solver: SolverOptions = TRANSISTOR_SOLVER,
    blocks: Sequence[Block] | None = None,
) -> Job:
    """One pulse with the line held where it rests, or at ``volts``; ``blocks`` in place of the DAC's."""
    low, high = process.made.window
    line = low + 0.4 * (high - low) if volts is None else volts
    devices = (
        Bias("vdd", process.vdd),
        Bias("line", line),
        WeightBias(process, "wb", I_LSB),
        *(blocks or WeightDac(process, "d", "line", "pulse", "wb", weight).blocks()),
        PulseInput("pulse", np.array([START]), width, process.vdd, 1e-9),
    )
    deck = Netlist(
        title="weight DAC",
        comments=(),
        blocks=with_models(process, devices),
        options=solver.card(),
        duration=END,
        max_step=END / 50,
        saved=("line", "pulse", "i(vline)"),
        uic=False,
    )
    return Job(deck.text(), deck.saved, Drawn())


def run(jobs: list[Job]) -> np.ndarray:
    """(N, 2): charge and late current."""
    return np.array(gather(pool(toolchain.ngspice_setup(), 1), jobs))


@pytest.mark.integration
@pytest.mark.parametrize("technology", ["macro", "sky130", "gf180"])
def test_a_pulse_draws_weight_times_current_times_width_and_nothing_else(technology: str) -> None:
    """The mirror's error is its length modulation: 0.2 to 0.9 V more at the legs than at the bias, of 2 um."""
    process = Process(technology)
    codes = CARRIES if technology != "macro" else [1, 32, 63]
    short, long = (run([job(code, process, width, solver=STRICT) for code in codes])[:, 0] for width in (8e-9, 16e-9))
    expected = np.array(codes) * I_LSB * 8e-9
    np.testing.assert_allclose(long - short, expected, rtol=0.04)
    # What both widths have in common is injected, or a pulse longer than its input: 0.2 ns, and no constant charge.
    injected = 2 * short - long
    assert (abs(injected) < np.array(codes) * I_LSB * 0.2e-9).all()
    if technology != "macro":
        # Legs of 63 fingers end at the same point as those of one: 1 % less by the foot's rise at the most.
        assert short[-1] / 63 == pytest.approx(short[0], rel=0.012)
        steps = np.interp(np.arange(64), np.append(0, codes), np.append(0, short))
        dnl, inl = nonlinearity(steps)
        assert abs(inl).max() < 0.25
        assert abs(dnl).max() < 0.1


@pytest.mark.integration
def test_without_a_pulse_or_a_weight_nothing_flows() -> None:
    process = Process("sky130")
    (silent, _), (charge, late) = run([job(0, process), job(63, process)])
    assert abs(silent) < 0.01 * I_LSB * 8e-9
    # Junctions and gmin: below a pA, which is less than 1e-4 of the smallest bias of a line.
    assert abs(late) < 1e-12
    assert charge > 60 * I_LSB * 8e-9


@pytest.mark.integration
def test_the_foot_must_be_pulled_up() -> None:
    """Let go instead of pulled up, it rises by what the legs leak into it, and their currents die as 1/t."""
    process = Process("sky130")
    dac = WeightDac(process, "d", "line", "pulse", "wb", 63)
    left = tuple(
        Mosfet(process, "dn", block.output, block.input, "0", "0", "n", block.W_n, process.made.minimum_length)
        if isinstance(block, Inverter)
        else block
        for block in dac.blocks()
    )
    (_, good), (_, tail) = run([job(63, process), job(63, process, blocks=left)])
    assert tail > 50e-9 > 5e4 * abs(good)


@pytest.mark.integration
def test_gmin_of_ngspice_would_load_the_line() -> None:
    """Its own 1 pS on 63 fingers at 0.72 V is 45 pA; the deck has a thousandth."""
    process = Process("sky130")
    good = job(63, process)
    planted = replace(good, deck=good.deck.replace(GMIN + "\n", ""))
    assert planted.deck != good.deck
    late = run([good, planted])[:, 1]
    assert late[1] == pytest.approx(63 * 1e-12 * 0.72, rel=0.2)
    assert abs(late[0]) < 1e-12


@pytest.mark.integration
def test_a_leg_of_the_wrong_size_is_seen() -> None:
    process = Process("sky130")
    planted = tuple(
        replace(block, multiple=9) if isinstance(block, Mosfet) and block.name == "dm3" else block
        for block in WeightDac(process, "d", "line", "pulse", "wb", 8).blocks()
    )
    right, wrong = run([job(8, process), job(8, process, blocks=planted)])[:, 0]
    assert wrong / right == pytest.approx(9 / 8, rel=0.01)


@pytest.mark.integration
def test_the_line_may_move() -> None:
    """A leg is a current source from 0.2 V on: 1 % for 100 mV."""
    process = Process("sky130")
    low, rest, middle = run([job(32, process, volts=volts) for volts in (0.3, 0.72, 0.62)])[:, 0]
    assert middle == pytest.approx(rest, rel=0.01)
    assert low == pytest.approx(rest, rel=0.05)


@pytest.mark.integration
def test_charges_depend_on_the_solver_by_little() -> None:
    process = Process("sky130")
    usual, finer = run([job(21, process), job(21, process, solver=STRICT)])[:, 0]
    assert usual == pytest.approx(finer, rel=3e-3)


@pytest.mark.integration
def test_mismatch_makes_the_nonlinearity_that_its_devices_predict() -> None:
    """Each leg's current by EKV with its own threshold, and the bias's.  SKY130's slope is not EKV's by 10 %."""
    chip = Process("sky130", mismatch=7)
    nominal = replace(chip, mismatch=None)
    weights = [1 << bit for bit in range(BITS)]
    ideal, real = (run([job(code, process) for code in weights])[:, 0] for process in (nominal, chip))
    n, squares, U_T = ekv(nominal, "n"), FINGER[0] / FINGER[1], nominal.thermal_voltage
    gate = n.voltage(I_LSB, squares, U_T)

    def shift(name: str, fingers: int) -> float:
        return pelgrom(3.356e-9, FINGER[0], fingers * FINGER[1]) * chip.deviate(name, "V_th")

    reference = shift("wbr", 1)
    expected = [
        n.current(gate - shift(f"dm{bit}", k) + reference, squares, U_T) / I_LSB for bit, k in enumerate(weights)
    ]
    np.testing.assert_allclose(real / ideal, expected, rtol=0.1 * abs(np.array(expected) - 1).max())
    assert abs(real / ideal - 1).max() > 0.03
    codes = np.arange(2**BITS)
    sums = (codes[:, None] >> np.arange(BITS) & 1) @ real
    dnl, _ = nonlinearity(sums)
    assert 0.05 < abs(dnl).max() < 3


def test_the_legs_are_binary_and_the_weight_sets_their_bits() -> None:
    process = Process("macro")
    blocks = WeightDac(process, "d", "line", "pulse", "wb", 0b101001).blocks()
    legs = [block for block in blocks if isinstance(block, Mosfet) and block.name.startswith("dm")]
    assert [leg.multiple for leg in legs] == [1, 2, 4, 8, 16, 32]
    bits = {block.node: block.voltage for block in blocks if isinstance(block, Bias)}
    assert bits == {"dw0": 1.8, "dw1": 0, "dw2": 0, "dw3": 1.8, "dw4": 0, "dw5": 1.8}
    assert len(legs) + sum(isinstance(block, Mosfet) for block in blocks if block not in legs) + 2 == 14


@pytest.mark.parametrize("weight", [-1, 64, 1.0, True])
def test_rules(weight: object) -> None:
    with pytest.raises(SpecError, match=r"^DAC weight must be a whole number from 0 to 63, not (-1|64|1\.0|True)$"):
        WeightDac(Process("macro"), "d", "line", "pulse", "wb", weight)  # type: ignore[arg-type]


def test_rules_of_the_bias() -> None:
    with pytest.raises(SpecError, match=r"^Weight bias I_lsb must be positive, not 0 A$"):
        WeightBias(Process("macro"), "wb", 0.0)
