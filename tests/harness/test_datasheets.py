"""Data sheets: measured on real circuits, written where asked; a twin that is off is called so."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from analog.fitting import fitted
from analog.ngspice import Pool, pool
from analog.technology import Process
from golden.errors import SpecError
from sim_harness import toolchain
from sim_harness.cli.app import run
from sim_harness.datasheets import generate
from sim_harness.datasheets.measure import (
    CURVE,
    NEURONS,
    QUICK_CURVE,
    Fall,
    Rest,
    membrane_times,
    monte_carlo,
    neuron_sheet,
    unseen,
)
from sim_harness.datasheets.page import neuron_page, synapse_page
from sim_harness.datasheets.published import ENERGIES
from sim_harness.datasheets.synapses import CODES, SYNAPSES, steps, synapse_sheet

if TYPE_CHECKING:
    from analog.worker import Answer, Job


def workers(processes: int = 2):  # type: ignore[no-untyped-def]
    return pool(toolchain.ngspice_setup(), processes)


@pytest.mark.integration
def test_a_sheet_says_what_was_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "docs").mkdir()
    assert run(["datasheets", "--only", "ota_neuron", "--quick", "--root", str(tmp_path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["twins"]["ota_neuron"]["within"]
    text = (tmp_path / "docs/datasheets/ota_neuron.md").read_text()
    for part in (
        "## Firing",
        "| I_leak | at V_leak = 600 mV | times bias | at V_leak = 800 mV | times bias | specified |",
        "on the 5 currents that it was not fitted on",
        "within the bound",
        "Static power",
        "## Refractory period",
        "sigma",
        "Davies et al. 2018",
    ):
        assert part in text
    assert (tmp_path / "docs/datasheets/ota_neuron.svg").read_text().startswith("<svg")
    assert (tmp_path / "docs/circuits/dpi_synapse.svg").read_text().startswith("<svg")


@pytest.mark.integration
def test_a_twin_that_is_off_is_said_to_be() -> None:
    sheet = neuron_sheet(workers(), NEURONS["axon_hillock"], quick=True)
    assert sheet.within
    assert "\nwithin the bound" in neuron_page(sheet)
    wrong = replace(sheet, twin_errors=sheet.twin_errors + 0.004)
    assert not wrong.within
    assert "\nBEYOND the bound" in neuron_page(wrong)
    # Static energy is power times interval; a spike's dynamic energy is at least what charges C_fb: C V^2.
    dynamic = sheet.energies - sheet.static * sheet.periods
    assert (dynamic > 300e-15 * 1.8**2).all()
    # Length of a spike: C_fb V_dd / (I_r - I), within what the mirror and gate capacitances make.
    middle = np.sqrt(np.prod(NEURONS["axon_hillock"].make(Process()).drives))
    for bias, seconds in sheet.refractory:
        assert seconds == pytest.approx(300e-15 * 1.8 / (bias - middle * bias / 400e-9), rel=0.08)


class Recording(Pool):
    """A pool that notes the input current of every deck it runs."""

    def __init__(self, used: Pool) -> None:
        self.currents: list[float] = []
        self._used = used

    def run(
        self,
        jobs: Sequence[Job],
        consume: Callable[[int, Answer], None],
        progress: Callable[[float], None] | None = None,
    ) -> None:
        for each in jobs:
            self.currents += [float(found) for found in re.findall(r"^Iin 0 mem dc (\S+)$", each.deck, re.MULTILINE)]
        self._used.run(jobs, consume, progress)


@pytest.mark.integration
@pytest.mark.parametrize("name", NEURONS)
def test_held_out_currents_are_those_that_the_fit_did_not_run(name: str) -> None:
    """By what ngspice was given: the decks of a fit, read back."""
    circuit = NEURONS[name].make(Process("sky130"))
    recording = Recording(workers())
    fitted(recording, circuit)
    ran = np.array(recording.currents)
    assert ran.size >= 8

    def not_run(currents: np.ndarray) -> np.ndarray:
        return np.abs(currents[:, None] / ran - 1).min(axis=1) > 1e-6

    low, high = circuit.drives
    for points in (CURVE, QUICK_CURVE, 15):
        curve = np.geomspace(low, high, points)
        assert (unseen(circuit, curve) == not_run(curve)).all()
    # Fifteen points would look like thirteen new ones between the ends, and are seven, where a fit spans the drives.
    spans = (np.abs(ran / low - 1) < 1e-6).any()
    assert unseen(circuit, np.geomspace(low, high, 15)).sum() == (7 if spans else 15)
    assert unseen(circuit, np.geomspace(low, high, CURVE)).sum() == (CURVE - 2 if spans else CURVE)


def test_power_at_rest_leaves_out_how_the_circuit_got_there() -> None:
    time = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 10.0])
    waves = {"time": time, "i(vvdd)": -np.array([9.0, 5.0, 3.0, 2.0, 2.0, 2.0])}
    assert Rest(1.8)(waves) == pytest.approx(3.6)
    # The mean over the whole run is a third too high.
    assert np.trapezoid(-waves["i(vvdd)"], time) / 10 > 1.3 * 2
    # The middle may fall between two time steps: from 2.5 to 1.5 W over the second half.
    falling = {"time": np.array([0.0, 10.0]), "i(vvdd)": np.array([-3.0, -1.0])}
    assert Rest(1.0)(falling) == pytest.approx(1.5)


@pytest.mark.integration
def test_monte_carlo_is_the_same_for_any_number_of_processes() -> None:
    entry, process = NEURONS["axon_hillock"], Process("sky130")
    one, seconds = monte_carlo(workers(1), entry, process, 50e-9, 4)
    two, _ = monte_carlo(workers(2), entry, process, 50e-9, 4)
    assert (one == two).all()
    assert np.unique(one).size == 4
    assert seconds > 0
    # The capacitor's 0.5 %, and the mirror's offset on a tenth of the interval: some per cent, not some ten.
    assert 1e-3 < one.std() / one.mean() < 0.05


def test_a_fall_is_measured_by_three_samples() -> None:
    time = np.linspace(0, 1e-5, 2001)
    waves = {"time": time, "mem": 0.6 + 0.02 * np.exp(-time / 3e-6), "cap": 0.2 - 0.036 * time / 5e-6}
    assert Fall("mem", 2e-6)(waves) == pytest.approx(3e-6, rel=1e-3)
    # A current that decays with 5 us, whose gate falls by n U_T = 36 mV in that time.
    assert Fall("cap", 4e-6, 0.036)(waves) == pytest.approx(5e-6, rel=1e-6)


def test_published_energies_have_their_sources() -> None:
    assert all(each.energy > 0 and any(year in each.source for year in ("2014", "2017", "2018")) for each in ENERGIES)


def test_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="Folder must be a checkout of Hillock with a folder docs"):
        generate(tmp_path, workers(1))
    (tmp_path / "docs").mkdir()
    with pytest.raises(
        SpecError, match=r"Data sheet must be one of ota_neuron, axon_hillock, .*, pulsed_mirror, not 'x'"
    ):
        generate(tmp_path, workers(1), ["x"])


@pytest.mark.integration
@pytest.mark.parametrize("name", ["bss2_synapse", "pulsed_mirror"])
def test_a_synapses_charge_is_its_weight_and_its_twins(name: str) -> None:
    sheet = synapse_sheet(workers(), SYNAPSES[name], quick=True)
    assert sheet.within
    assert "\nwithin the bound" in synapse_page(sheet)
    codes = sheet.weights / sheet.weights[-1]
    assert sheet.charges / sheet.charges[-1] == pytest.approx(codes, abs=0.01)
    if name == "pulsed_mirror":
        # weight I_lsb t_p, and up to 3 fC a finger of the legs' drains (docs/circuits/pulsed_mirror.md).
        ideal = sheet.weights[-1] * 8e-9 * 1e-6
        assert ideal < sheet.charges[-1] < ideal + sheet.weights[-1] * 3e-15
    else:
        # weight I_lsb t_p I_gm / I_tau, from rest to rest: both biases are 100 nA.
        assert sheet.charges[-1] == pytest.approx(sheet.weights[-1] * 80e-9 * 8e-9, rel=0.1)
    wrong = replace(sheet, predicted=sheet.predicted * 1.03)
    assert not wrong.within
    assert "\nBEYOND the bound" in synapse_page(wrong)


@pytest.mark.integration
def test_a_synapses_errors_count_where_there_is_charge_and_the_twin_was_not_fitted() -> None:
    """The DPI synapse gives next to nothing below 0.3 uA: errors there are small parts of the largest charge."""
    sheet = synapse_sheet(workers(), SYNAPSES["dpi_synapse"], quick=True)
    assert not (sheet.held > 0)[np.isin(sheet.weights, SYNAPSES["dpi_synapse"].fitted_on)].any()
    size = np.abs(sheet.charges) / sheet.charges.max()
    assert size[0] < 1e-3
    # More than one held-out point has charge, or the bound would say nothing.
    telling = (sheet.held > 0) & (size > 0.1)
    assert telling.sum() >= 1
    assert sheet.relative < 0.005
    assert "less than 1 % of the largest charge arrives" in synapse_page(sheet)
    # Twice as much at the smallest weight is nothing of the largest charge; at a telling one it is seen.
    off = sheet.predicted.copy()
    off[0] *= 2
    assert replace(sheet, predicted=off).within
    off = np.where(telling, 1.02 * sheet.predicted, sheet.predicted)
    assert replace(sheet, predicted=off).relative == pytest.approx(0.02, abs=0.005)


@pytest.mark.integration
def test_nonlinearity_is_that_of_all_codes() -> None:
    sheet = synapse_sheet(workers(), SYNAPSES["pulsed_mirror"], quick=True)
    assert np.isnan(steps(sheet)[1])
    # A leg of 16 that is half a code too large: known without simulation.
    codes = np.array(CODES, dtype=np.float64)
    bent = 9e-15 * (codes + 0.5 * (np.array(CODES) >> 4 & 1))
    full = replace(sheet, weights=codes, charges=bent, predicted=bent, held=np.ones(64), inl=np.zeros(64))
    integral, differential, lsb = steps(full)
    assert lsb == pytest.approx(9e-15 * 63.5 / 63)
    # Steps into and out of the leg: 1.5 and 0.5 of what was a code, on the line through the ends.
    assert differential == pytest.approx(1 - 0.5 * 63 / 63.5)
    # Largest where the leg comes in, at 16: half a code, less what the line has by then.
    assert integral == pytest.approx(0.5 * 63 / 63.5 - 16 * (1 - 63 / 63.5))


@pytest.mark.integration
def test_time_constants_with_the_leak_raised_follow_the_bias() -> None:
    """tau I = 2 n U_T C: the same for every bias in weak inversion; a fall from 5 mV is linear."""
    entry, process = replace(NEURONS["ota_neuron"], time_bias=("I_leak", (1e-9, 10e-9))), Process("macro")
    for raised in (False, True):
        (one, first), (ten, second) = membrane_times(workers(), entry, process, raised=raised)
        # macro: n = 1.4; the pair is 8 squares, so that 10 nA is weak inversion within some per cent.
        assert one * first == pytest.approx(2 * 1.4 * 0.025865 * 2e-12, rel=0.06)
        assert ten * second == pytest.approx(one * first, rel=0.06)
    # Twice the capacitor is twice the time: nothing else decides.
    larger = replace(entry, make=lambda each: replace(NEURONS["ota_neuron"].make(each), C_m=4e-12))
    assert membrane_times(workers(), larger, process)[0][1] / first == pytest.approx(2, rel=0.06)
