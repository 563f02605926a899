"""Calibrations on disk: JSON, with the chip and the targets they are for."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from analog.calibration.parameters import PARAMETERS, Chip, Targets
from analog.calibration.search import OBSERVABLES, Calibration
from analog.technology import Process
from golden.errors import SpecError
from golden.files import replacing

#: Of the file's format.
VERSION = 1


def save(calibration: Calibration, path: Path | str) -> None:
    """Write everything that `load` reads back."""
    chip = calibration.chip
    document = {
        "hillock_calibration": VERSION,
        "process": asdict(chip.process),
        "targets": asdict(chip.targets),
        "method": calibration.method,
        "seed": calibration.seed,
        "runs": calibration.runs,
        "codes": {name: [codes[name] for codes in calibration.codes] for name in PARAMETERS},
        "before": {name: calibration.before[name].tolist() for name in OBSERVABLES},
        "after": {name: calibration.after[name].tolist() for name in OBSERVABLES},
    }
    with replacing(path) as partial:
        partial.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def load(path: Path | str) -> Calibration:
    """Read a calibration; SpecError when the file is missing, something else, or damaged."""
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SpecError.rule("Calibration", "an existing file", path) from None
    except (OSError, ValueError) as error:
        raise SpecError.rule("Calibration", "a readable JSON file", f"{path} ({error})") from None
    if not isinstance(document, dict) or document.get("hillock_calibration") != VERSION:
        raise SpecError.rule("Calibration", f"a file of `hillock calibrate`, version {VERSION}", path)
    try:
        chip = Chip.of(Process(**document["process"]), Targets(**document["targets"]))
        columns = {name: _integers(document["codes"][name]) for name in PARAMETERS}
        before, after = (
            {name: np.array(document[key][name], dtype=np.float64) for name in OBSERVABLES}
            for key in ("before", "after")
        )
        method, seed, runs = str(document["method"]), int(document["seed"]), int(document["runs"])
    except (KeyError, TypeError, ValueError) as error:
        raise SpecError.rule("Calibration", "complete", f"{path} ({type(error).__name__}: {error})") from None
    sizes = {len(column) for column in columns.values()} | {v.size for v in (*before.values(), *after.values())}
    if len(sizes) != 1:
        raise SpecError.rule("Calibration", "of one number of neurons", f"{sorted(sizes)} in {path}")
    codes = tuple({name: columns[name][index] for name in PARAMETERS} for index in range(sizes.pop()))
    for each in codes:
        for name, code in each.items():
            chip.converters[name].value(code)
    return Calibration(chip, method, seed, codes, before, after, runs)


def _integers(values: Any) -> list[int]:
    if not isinstance(values, list) or not all(type(value) is int for value in values):
        raise ValueError("codes must be whole numbers")
    return values


def target_names() -> list[str]:
    """Names of the targets, in the order of `Targets`."""
    return [entry.name for entry in fields(Targets)]
