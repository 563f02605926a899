"""Calibration: converters, readout, searches on known laws, real circuits within calix's limits, files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analog import AnalogSettings
from analog.calibration import LIMITS, Calibration, Readout, Targets, calibrate, load, save
from analog.calibration.observables import LENGTH, SAMPLES, decay
from analog.calibration.parameters import PARAMETERS, Chip
from analog.calibration.search import _binary, _predictive, _rate, trimmed_sigma
from analog.ngspice import pool
from analog.simulation import build
from analog.technology import Process
from golden import stimulus as stimuli
from golden.errors import SpecError
from golden.network import Network
from golden.neurons.lif import LIFNeuron
from sim_harness import toolchain

PROCESS = Process("macro", mismatch=1)
TARGETS = Targets()


def test_codes_of_typical_devices_are_in_the_middle_of_their_ranges() -> None:
    chip = Chip.of(PROCESS, Targets())
    for name, parameter in PARAMETERS.items():
        code, converter = chip.nominal[name], chip.converters[name]
        if parameter.kind == "voltage":
            assert converter.value(code) == pytest.approx(getattr(chip.targets, name), abs=0.5 * 1.8 / 1023)
        else:
            assert 1023 / 3 - 1 <= code <= 2 * 1023 / 3 + 1
    # tau = 2 n U_T C / I: 2 x 1.4 x 25.86 mV x 2 pF / 10 us = 14.5 nA.
    assert chip.neuron(0, chip.nominal).I_leak == pytest.approx(14.5e-9, rel=5e-3)


def test_the_readout_averages_its_noise_and_counts_a_clock() -> None:
    readout, rng = Readout(bits=10, noise=2e-3, reads=64, clock=8e-9), np.random.default_rng(1)
    found = readout.volts(np.full(4000, 0.7003), 1.8, rng)
    # Rounding is noise of step / sqrt(12) beside 2 mV, both divided by 8.
    step = 1.8 / 1023
    assert found.std() == pytest.approx(np.sqrt(4e-6 + step**2 / 12) / 8, rel=0.05)
    assert found.mean() == pytest.approx(0.7003, abs=2e-5)
    times = readout.seconds(np.full(4000, 1.003e-6), rng)
    assert set(np.rint(times / 8e-9)) == {125, 126}
    assert times.mean() == pytest.approx(1.003e-6, rel=1e-3)
    with pytest.raises(SpecError, match="Readout must be of 1 to 16 bits"):
        Readout(bits=0)


def test_the_area_of_a_saturating_decay_gives_its_time_constant() -> None:
    times = LENGTH * (np.arange(SAMPLES) + 0.5) / SAMPLES
    # u' = -w tanh(u / w) / tau has the closed form sinh(u / w) = sinh(u_0 / w) e^(-t / tau).
    w = 73e-3
    for start in (40e-3, -40e-3):
        u = w * np.arcsinh(np.sinh(start / w) * np.exp(-times))
        tau, end = decay(0.7 + u, 1.0, w)
        assert tau == pytest.approx(1.0, rel=0.02)
        assert end == pytest.approx(0.7, abs=1e-4)
    # Taken for linear, it would seem slower by (u_0 / w)^2 / 9 = 3.3 %.
    assert decay(0.7 + u, 1.0, np.inf)[0] / tau == pytest.approx(1.033, abs=5e-3)


def law(chip: Chip, index: int, codes: Mapping[str, int]) -> dict[str, float]:
    """A neuron of known laws: offsets of potentials, factors of times, its own."""
    rng = np.random.default_rng(index)
    found = {}
    for name, parameter in PARAMETERS.items():
        value = chip.converters[name].value(codes[name])
        if parameter.kind == "voltage":
            found[name] = value + rng.normal(0, 10e-3)
        else:
            nominal = chip.converters[name].value(chip.nominal[name])
            found[name] = getattr(chip.targets, name) * nominal / value * (1 + rng.normal(0, 0.1))
    return found


@pytest.mark.parametrize("search", [_binary, _predictive])
def test_both_searches_find_the_nearest_codes_of_known_laws(search) -> None:  # type: ignore[no-untyped-def]
    chip = Chip.of(PROCESS, Targets())
    rounds = []

    def measured(codes: Sequence[Mapping[str, int]], judged: bool, number: int) -> list[dict[str, float]]:
        assert not judged
        rounds.append(number)
        return [law(chip, index, each) for index, each in enumerate(codes)]

    found = search(chip, [dict(chip.nominal) for _ in range(20)], measured)
    assert len(rounds) == (9 if search is _binary else 2)
    for index, codes in enumerate(found):
        reached = law(chip, index, codes)
        for name, parameter in PARAMETERS.items():
            wanted = getattr(chip.targets, name)
            # One code: 1.8 mV, or a part in 341 of a time.
            step = 1.8 / 1023 if parameter.kind == "voltage" else wanted / 300
            assert abs(reached[name] - wanted) <= 1.01 * step


def made_up(ratio: float) -> Calibration:
    chip, rng = Chip.of(PROCESS, Targets()), np.random.default_rng(0)
    spread = {name: rng.normal(0, 1, 64) for name in PARAMETERS}
    before = {name: getattr(chip.targets, name) * (1 + 0.05 * spread[name]) for name in PARAMETERS}
    after = {name: getattr(chip.targets, name) * (1 + 0.05 * ratio * spread[name]) for name in PARAMETERS}
    before["period"], after["period"] = before["t_ref"], after["t_ref"]
    codes = tuple({name: chip.nominal[name] + k % 3 for name in PARAMETERS} for k in range(64))
    return Calibration(chip, "binary", 3, codes, before, after, 640)


def test_acceptance_is_calixs() -> None:
    assert LIMITS == {"V_reset": 0.2, "tau_syn": 0.2, "V_leak": 0.3, "V_th": 0.35, "tau_mem": 0.45}
    assert made_up(0.19).accepted
    assert not made_up(0.21).accepted
    assert made_up(0.21).ratio("V_th") == pytest.approx(0.21)
    # 64 normal values without the three farthest from the median spread less.
    values = np.append(np.linspace(-1, 1, 61), [50.0, -50.0, 60.0])
    assert trimmed_sigma(values) == pytest.approx(np.std(np.linspace(-1, 1, 61)), rel=1e-9)


def test_files_come_back_as_they_were_and_bad_ones_are_refused(tmp_path: Path) -> None:
    path, made = tmp_path / "codes.json", made_up(0.1)
    save(made, path)
    found = load(path)
    assert found.codes == made.codes
    assert found.chip == made.chip
    for name in PARAMETERS:
        assert (found.before[name] == made.before[name]).all()
        assert (found.after[name] == made.after[name]).all()
    document = json.loads(path.read_text())
    for change, message in (
        ({"hillock_calibration": 9}, "Calibration must be a file of `hillock calibrate`, version 1"),
        ({"codes": {**document["codes"], "V_th": [1]}}, "Calibration must be of one number of neurons"),
        ({"codes": {**document["codes"], "V_th": [2000] * 64}}, "Parameter code must be from 0 to 1023, not 2000"),
        ({"targets": {"tau_mem": 1.0}}, "Target tau_mem must be between"),
        ({"codes": {}}, "Calibration must be complete"),
    ):
        path.write_text(json.dumps({**document, **change}))
        with pytest.raises(SpecError, match=message):
            load(path)
    path.write_text("{")
    with pytest.raises(SpecError, match="Calibration must be a readable JSON file"):
        load(path)
    with pytest.raises(SpecError, match="Calibration must be an existing file"):
        load(tmp_path / "none.json")


@pytest.mark.integration
def test_mismatched_circuits_are_calibrated_within_the_limits() -> None:
    workers = pool(toolchain.ngspice_setup(), 2)
    process = Process("sky130", mismatch=1)
    found = calibrate(workers, process, Targets(), 8, method="predictive", seed=1)
    assert found.runs == 2 * 3 * 8
    assert found.accepted
    for name in PARAMETERS:
        # Typical devices are near the target, and calibrated ones are nearer in the mean: 3 % of times, 5 mV.
        allowed = 5e-3 if PARAMETERS[name].kind == "voltage" else 0.03 * getattr(found.chip.targets, name)
        assert abs(found.after[name].mean() - getattr(found.chip.targets, name)) < allowed
    # Codes that belong to other neurons calibrate nothing.
    swapped = replace(found, after={name: found.before[name][::-1] for name in PARAMETERS})
    assert not swapped.accepted


def test_a_rate_is_made_by_the_threshold() -> None:
    chip = Chip.of(PROCESS, Targets(rate=50e3))

    def measured(codes: Sequence[Mapping[str, int]], judged: bool, number: int) -> list[dict[str, float]]:
        # An interval of C (V_th - V_reset) / I, with an offset of each neuron's own.
        rows = [law(chip, index, each) for index, each in enumerate(codes)]
        return [row | {"period": 2e-12 * (row["V_th"] - 0.5) / 43e-9 + 2e-6} for row in rows]

    found = _rate(chip, [dict(chip.nominal) for _ in range(8)], measured, 20e-6)
    for index, codes in enumerate(found):
        assert {name: code for name, code in codes.items() if name != "V_th"} == {
            name: code for name, code in chip.nominal.items() if name != "V_th"
        }
        period = 2e-12 * (law(chip, index, codes)["V_th"] - 0.5) / 43e-9 + 2e-6
        # A code is 1.8 mV: 82 ns.
        assert period == pytest.approx(20e-6, abs=83e-9)
    assert replace(made_up(0.3), chip=chip).limits["period"] == LIMITS["V_th"]
    assert "V_th" not in replace(made_up(0.3), chip=chip).limits
    with pytest.raises(SpecError, match="Target rate must be positive and finite, not -1"):
        Targets(rate=-1.0)


def test_refused() -> None:
    workers = pool(toolchain.ngspice_setup(), 1)
    with pytest.raises(SpecError, match=r"Target potentials must be V_reset < V_leak < V_th, not 0.5, 0.95, 0.9 V"):
        Targets(V_leak=0.95)
    with pytest.raises(SpecError, match="Target tau_syn must be positive and finite, not 0"):
        Targets(tau_syn=0.0)
    with pytest.raises(SpecError, match=r"Target V_th must be between 0.4 and 1.2 V in macro, not 1.5 V"):
        Chip.of(PROCESS, Targets(V_th=1.5))
    with pytest.raises(SpecError, match="Calibration method must be one of binary, predictive, not 'guess'"):
        calibrate(workers, PROCESS, Targets(), 4, method="guess")
    with pytest.raises(SpecError, match="Calibrated neurons must be at least 2"):
        calibrate(workers, PROCESS, Targets(), 1)


def test_a_calibrated_network_has_the_codes_of_its_file(tmp_path: Path) -> None:
    """In the circuits of a tier: this chip, these targets, these neurons, or it is refused."""
    path = str(tmp_path / "codes.json")
    made = replace(made_up(0.1), chip=Chip.of(Process("sky130", mismatch=1), TARGETS))
    save(made, path)
    neuron = LIFNeuron.from_tau(tau_m=10e-3, R=1e8, E_L=-60e-3, V_th=-50e-3, V_reset=-70e-3, t_ref=2e-3)
    table = {"tier": "sky130", "mismatch": 1, "acceleration": 1e3, "v_min": 0.5, "v_max": 0.9, "calibration": path}
    network, drive = Network(neuron, 2), stimuli.constant(2, 0.05, 2e-10)
    circuits = build(network, drive, AnalogSettings.from_table(table))
    for index, circuit in enumerate(circuits):
        found, codes = circuit.built.neuron, made.codes[index]
        assert found is not None
        assert found.I_leak == made.chip.converters["tau_mem"].value(codes["tau_mem"])
        assert found.I_ref == made.chip.converters["t_ref"].value(codes["t_ref"])
        # The buffers' offsets are the chip's.
        assert found.V_th == made.chip.neuron(index, codes).V_th != made.chip.converters["V_th"].value(codes["V_th"])
    for change, message in (
        ({"mismatch": 2}, "Analog process must be made on sky130 tt, 27 C, mismatch 1"),
        ({"acceleration": 2e3}, r"Neuron tau_m \(neuron 0\) must be 1e-05 s in hardware"),
        ({"v_max": 0.95}, r"Neuron E_L \(neuron 0\) must be 0.7 V in hardware"),
        ({"tier": "ideal"}, "Analog calibration must be given for tier sky130 or gf180, not for ideal"),
        ({"calibration": "none.json"}, "Calibration must be an existing file, not none.json"),
    ):
        with pytest.raises(SpecError, match=message):
            build(network, drive, AnalogSettings.from_table({**table, **change}))
    with pytest.raises(SpecError, match=r"Calibrated neurons must be below 64 in .*, not 64"):
        build(Network(neuron, 65), stimuli.constant(65, 0.05, 2e-10), AnalogSettings.from_table(table))
