"""Data sheets: measured on real circuits, written where asked; a twin that is off is called so."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analog.ngspice import pool
from analog.technology import Process
from golden.errors import SpecError
from sim_harness import toolchain
from sim_harness.cli.app import run
from sim_harness.datasheets import generate
from sim_harness.datasheets.measure import NEURONS, Fall, monte_carlo, neuron_sheet
from sim_harness.datasheets.page import neuron_page, synapse_page
from sim_harness.datasheets.published import ENERGIES
from sim_harness.datasheets.synapses import SYNAPSES, synapse_sheet


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
