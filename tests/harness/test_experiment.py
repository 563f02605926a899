"""Experiment files: what they mean, and one clear line for each way to get them wrong."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from golden.errors import HillockError, SpecError
from sim_harness.experiment import Experiment

if TYPE_CHECKING:
    from pathlib import Path

TABLES: dict[str, Any] = {
    "neuron": {"C_m": 200e-12, "tau_m": 20e-3, "E_L": -65e-3, "V_th": -50e-3, "V_reset": -65e-3, "t_ref": 2e-3},
    "population": {"size": 4},
    "run": {"duration": 0.05, "dt": 1e-4},
    "stimulus": {"kind": "constant", "amplitude": {"from": 100e-12, "to": 400e-12}},
    "fixed": {"format": "24.16", "rounding": "nearest"},
}


def changed(path: str, value: Any) -> dict[str, Any]:
    tables = deepcopy(TABLES)
    *folders, last = path.split(".")
    target = tables
    for folder in folders:
        target = target.setdefault(folder, {})
    if value is None:
        del target[last]
    else:
        target[last] = value
    return tables


def test_tables_become_network_and_stimulus() -> None:
    experiment = Experiment.from_tables(TABLES)
    assert experiment.network.size == 4
    np.testing.assert_allclose(experiment.stimulus.currents, [[100e-12, 200e-12, 300e-12, 400e-12]])
    assert experiment.fixed.format.synapse == "none"
    assert str(experiment.fixed.format.v) == "24.16"


def test_overrides_replace_size_and_duration() -> None:
    experiment = Experiment.from_tables(TABLES, neurons=2, duration=0.02)
    assert (experiment.network.size, experiment.stimulus.size, experiment.stimulus.duration) == (2, 2, 0.02)


@pytest.mark.parametrize(
    ("record", "neurons", "kept"),
    [([1, 3], 2, (1,)), ([3], 2, (1,)), ([3], 8, (3,)), ([6], 8, (6,)), ([3], None, (3,))],
)
def test_record_of_another_size(record: list[int], neurons: int | None, kept: tuple[int, ...]) -> None:
    """A population that an option makes smaller loses some of the file's neurons; no other is out of range."""
    assert Experiment.from_tables(changed("run.record", record), neurons=neurons).record == kept


def test_record_beyond_the_file_is_refused_in_a_smaller_population_too() -> None:
    with pytest.raises(SpecError, match=r"^Key run\.record must be indices below 4, not \[4\]$"):
        Experiment.from_tables(changed("run.record", [4]), neurons=2)


def test_stimuli_add_up() -> None:
    step = {"kind": "step", "amplitude": 50e-12, "start": 0.01}
    experiment = Experiment.from_tables(changed("stimulus", [TABLES["stimulus"], step]))
    np.testing.assert_allclose(experiment.stimulus.times, [0, 0.01])
    np.testing.assert_allclose(experiment.stimulus.currents[:, 0], [100e-12, 150e-12])


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("neuron.C_m", -1e-12, r"^Neuron C_m must be positive, not -1e-12 F$"),
        ("neuron.V_th", -70e-3, r"^Neuron V_th must be above V_reset \(-0\.065 V\), not -0\.07 V$"),
        ("neuron.colour", 1, r"^Neuron key must be one of .*, not 'colour'$"),
        ("run.duration", 0, r"^Duration must be positive, not 0 s$"),
        ("run.duration", None, r"^Duration must be a number, not missing$"),
        ("population.size", 0, r"^Population size must be at least 1, not 0$"),
        ("population.size", 2.5, r"^Population size must be a whole number, not 2\.5$"),
        ("run.speed", 1, r"^Key in \[run\] must be one of dt, duration, record, seed, not 'speed'$"),
        ("nueron", {}, r"^Table or key of an experiment must be one of .*, not 'nueron'$"),
        ("stimulus.kind", "sine", r"^Stimulus kind must be one of .*, not 'sine'$"),
        ("stimulus.start", 1.0, r"^Stimulus key for constant must be one of amplitude, not 'start'$"),
        ("fixed.format", "sixteen", r"^Format must be WIDTH\.FRACTION, such as 16\.8 or u16\.16, not 'sixteen'$"),
        ("run.dt", 0.0, r"^Key run\.dt must be positive, not 0 s$"),
        ("run.dt", -1e-4, r"^Key run\.dt must be positive, not -0\.0001 s$"),
        ("run.seed", -1, r"^Key run\.seed must be at least 0, not -1$"),
        ("run.seed", 1.0, r"^Key run\.seed must be a whole number, not 1\.0$"),
        ("run.record", [99], r"^Key run\.record must be indices below 4, not \[99\]$"),
        ("run.record", [0, 4], r"^Key run\.record must be indices below 4, not \[0, 4\]$"),
        ("fixed.format", 24.1, r'^Key fixed\.format must be a string such as "24\.16", not 24\.1$'),
        ("fixed.leak", "drip", r"^Leak must be one of multiply, shift, not 'drip'$"),
        ("stimulus", None, r"^Experiment must be given with a \[stimulus\] table, not without$"),
    ],
)
def test_mistake_gives_one_line(path: str, value: Any, message: str) -> None:
    with pytest.raises(HillockError, match=message):
        Experiment.from_tables(changed(path, value))


def test_unreachable_format_is_refused_before_running() -> None:
    experiment = Experiment.from_tables(changed("fixed.format", "12.10"))
    with pytest.raises(
        SpecError, match=r"^V_th - E_L as integer v_th must be within 0 to 2047 \(format 12\.10, unit 0\.001 V\)"
    ):
        _ = experiment.quantised


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"must be readable, not no such file or directory$"):
        Experiment.load(tmp_path / "none.toml")
