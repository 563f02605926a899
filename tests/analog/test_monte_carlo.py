"""Monte Carlo: the same samples however they are run, with the spread that Pelgrom's law gives a differential pair."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from analog.montecarlo import chips, monte_carlo, spread
from analog.ngspice import pool
from analog.results import Results
from analog.technology import Mosfet, Process, with_models
from analog.worker import Job
from golden.errors import SpecError
from sim_harness import toolchain

SAMPLES = 120


@dataclass(frozen=True)
class Pair:
    """Two diode-connected n-channel transistors with the same current: their gates differ by their thresholds."""

    process: Process = field(default_factory=Process)
    W: float = 2e-6
    L: float = 0.5e-6
    current: float = 20e-9

    def job(self) -> Job:
        devices = [Mosfet(self.process, n, n, n, "0", "0", "n", self.W, self.L) for n in ("a", "b")]
        cards = [card for block in with_models(self.process, devices) for card in block.cards()]
        sources = [f"I{n} 0 {n} {self.current:g}" for n in ("a", "b")]
        text = "\n".join(["* pair", *cards, *sources, ".op", ".options reltol=1e-6 gmin=1e-15", ".end", ""])
        return Job(text, ("a", "b"), Offset())


@dataclass(frozen=True)
class Offset:
    """A measure: V(a) - V(b) [V]."""

    def __call__(self, waves: Mapping[str, np.ndarray]) -> float:
        return float(waves["a"][0] - waves["b"][0])


def offsets(pair: Pair = Pair(), samples: int = SAMPLES, processes: int = 1, first: int = 1) -> np.ndarray:
    workers = pool(toolchain.ngspice_setup(), processes)
    made = monte_carlo(workers, lambda each: replace(pair, process=each), Pair.job, pair.process, samples, first=first)
    return np.array(made)


@pytest.mark.integration
@pytest.mark.parametrize(("technology", "slope"), [("sky130", 3.356e-9), ("macro", 3.5e-9)])
def test_a_pairs_offset_spreads_by_pelgroms_law(technology: str, slope: float) -> None:
    """sigma = sqrt(2) A_VT / sqrt(W L): 4.75 mV for 2 um by 0.5 um of SKY130.

    Within three standard errors of 120 samples, 19 %; macro's mobility adds sqrt(2) 1 % n U_T, half a per cent of it.
    """
    process = Process(technology)
    found = offsets(Pair(process))
    expected = np.sqrt(2) * slope / np.sqrt(2e-6 * 0.5e-6)
    error = 1 / np.sqrt(2 * (SAMPLES - 1))
    assert found.std(ddof=1) == pytest.approx(expected, rel=3 * error)
    assert abs(found.mean()) < 3 * expected / np.sqrt(SAMPLES)
    # Four times the area is half the spread: the same law, and no longer the first one's.
    larger = offsets(Pair(process, W=4e-6, L=1e-6))
    assert larger.std(ddof=1) == pytest.approx(expected / 2, rel=3 * error)
    assert larger.std(ddof=1) < (1 - 3 * error) * expected


@pytest.mark.integration
def test_samples_are_the_same_for_any_number_of_processes_and_wherever_they_begin() -> None:
    one, two = offsets(samples=12), offsets(samples=12, processes=2)
    assert one.tobytes() == two.tobytes()
    assert (offsets(samples=4, first=6) == one[5:9]).all()
    assert np.unique(one).size == 12
    # Another circuit on the same chips has devices of its own; a chip without mismatch has no offset.
    elsewhere = offsets(Pair(Process("sky130").within("second")), samples=12)
    assert not np.isclose(elsewhere, one, rtol=1e-3).any()
    (job,) = [Pair(Process("sky130")).job()]
    values: list[float] = []
    pool(toolchain.ngspice_setup(), 1).run([job], lambda _, answer: values.append(answer.value))
    assert abs(values[0]) < 1e-9 < np.abs(one).min()


@pytest.mark.integration
def test_what_is_done_is_kept(tmp_path: Path) -> None:
    workers = pool(toolchain.ngspice_setup(), 1)
    seen: list[float] = []
    with Results(tmp_path / "kept") as store:
        few = monte_carlo(workers, Pair, Pair.job, Process(), 3, store=store)
        more = monte_carlo(workers, Pair, Pair.job, Process(), 5, store=store, progress=seen.append)
    assert more[:3] == few
    # Three of five were there before anything ran.
    assert seen[0] == pytest.approx(0.6)


def test_chips_are_numbered() -> None:
    process = Process("macro", celsius=50.0)
    assert [each.mismatch for each in chips(process, 3, first=7)] == [7, 8, 9]
    assert all(replace(each, mismatch=None) == process for each in chips(process, 2))
    for wrong in (0, -1, 1.0, True):
        with pytest.raises(SpecError, match=r"^Monte Carlo samples must be a whole number, at least 1, not "):
            chips(process, wrong)  # type: ignore[arg-type]


def test_a_spread_is_of_what_is_finite_and_trimmed_at_both_ends() -> None:
    # 40 values: trimmed of one at either end, of which one is an outlier.
    values = np.append(np.linspace(0.9, 1.1, 39), 3.0)
    found = spread(np.append(values, [np.inf, np.nan]) * 2e-6, 2e-6)
    assert (found.size, found.silent) == (40, 2)
    assert found.low == pytest.approx(-0.1)
    assert found.high == pytest.approx(2.0)
    assert found.mean == pytest.approx(values.mean() - 1)
    # The variance of n equally spaced values d apart is d^2 n (n + 1) / 12, of a sample.
    step = 0.2 / 38
    assert found.trimmed == pytest.approx(step * np.sqrt(38 * 39 / 12), rel=1e-9)
    assert found.sigma > 5 * found.trimmed
    assert found.uncertainty == pytest.approx(found.sigma / np.sqrt(78))
    with pytest.raises(SpecError, match=r"^Samples of a spread must be two finite ones at least, not 1 of 2$"):
        spread([1.0, np.inf], 1.0)
