"""Finding codes: by binary search, or by prediction from two measurements; for all neurons and parameters at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analog.bench import gather
from analog.calibration.observables import Readout, jobs, read
from analog.calibration.parameters import LIMITS, PARAMETERS, Chip, Targets
from golden.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from analog.ngspice import Pool
    from analog.results import Results
    from analog.technology import Process
    from golden.neurons.lif import FloatArray

METHODS = ("binary", "predictive")
#: Part of the neurons that are left out of a trimmed spread: those farthest from the median.
TRIMMED = 0.05

#: Measurements that a rate takes, the first of them in the order of all, and codes to a second point.
SECANTS, FIRST_SECANT, STEP = 4, 20, 16
#: What is measured on every neuron: the targets, and the interval between spikes.
OBSERVABLES = (*PARAMETERS, "period")

Codes = dict[str, int]


@dataclass(frozen=True, eq=False)
class Calibration:
    """Codes of every neuron, and what they were good for.

    codes     name of a target to its code, one mapping a neuron
    before    (N,) observables by target, judged with the nominal codes; ``after`` with the codes found
    runs      simulations, those that judge left out
    """

    chip: Chip
    method: str
    seed: int
    codes: tuple[Codes, ...]
    before: Mapping[str, FloatArray]
    after: Mapping[str, FloatArray]
    runs: int

    @property
    def size(self) -> int:
        """Number of neurons."""
        return len(self.codes)

    def ratio(self, target: str, *, trimmed: bool = False) -> float:
        """Spread after calibration over that before."""
        spread = trimmed_sigma if trimmed else sigma
        return spread(self.after[target]) / spread(self.before[target])

    @property
    def accepted(self) -> bool:
        """Whether every spread has shrunk to calix's limits; with a rate as target, V_th is what makes it."""
        return all(self.ratio(name) <= limit for name, limit in self.limits.items())

    @property
    def limits(self) -> dict[str, float]:
        """Largest ratio of spreads, by observable."""
        if self.chip.targets.rate is None:
            return dict(LIMITS)
        return {("period" if name == "V_th" else name): limit for name, limit in LIMITS.items()}


def sigma(values: FloatArray) -> float:
    """Standard deviation."""
    return float(np.std(values))


def trimmed_sigma(values: FloatArray) -> float:
    """Standard deviation without the 5 % farthest from the median."""
    kept = np.argsort(np.abs(values - np.median(values)))[: values.size - int(TRIMMED * values.size)]
    return float(np.std(values[kept]))


def calibrate(
    pool: Pool,
    process: Process,
    targets: Targets,
    size: int,
    *,
    method: str = "binary",
    readout: Readout | None = None,
    seed: int = 0,
    store: Results | None = None,
    progress: Callable[[float], None] | None = None,
) -> Calibration:
    """Calibrate ``size`` neurons of the chip ``process`` (with its mismatch) to ``targets``.

    ``method``   "binary": each code by successive approximation, nine measurements of each neuron; "predictive": two
                 measurements and the law between code and observable (a straight line; 1 / code for times)
    ``seed``     of the readout's noise; what judges has another

    Raises SpecError for targets out of reach or an unknown method, SimulationError when a neuron cannot be measured.
    """
    if method not in METHODS:
        raise SpecError.rule("Calibration method", f"one of {', '.join(METHODS)}", repr(method))
    if size < 2:
        raise SpecError.rule("Calibrated neurons", "at least 2, to have a spread", size)
    chip, reading = Chip.of(process, targets), Readout() if readout is None else readout
    rounds = {"binary": 9, "predictive": 2}[method] + (2 if targets.rate is None else 2 + SECANTS)
    counted = [0]

    def measured(codes: Sequence[Codes], judged: bool, number: int) -> list[dict[str, float]]:
        decks = [job for index in range(size) for job in jobs(chip, index, codes[index], judged)]
        report = None if progress is None else lambda part: progress((number + part) / rounds)
        found = gather(pool, decks, report, store=store)
        counted[0] += 0 if judged else len(decks)
        rngs = [np.random.default_rng((seed, judged, number, index)) for index in range(size)]
        return [
            read(chip, (found[3 * k], found[3 * k + 1], found[3 * k + 2]), reading, rngs[k], judged)
            for k in range(size)
        ]

    nominal: list[Codes] = [dict(chip.nominal) for _ in range(size)]
    before = measured(nominal, judged=True, number=0)
    find = _binary if method == "binary" else _predictive
    codes = find(chip, nominal, measured)
    if targets.rate is not None:
        # When everything else is as it will be: an interval depends on all of it.
        codes = _rate(chip, codes, measured, 1 / targets.rate)
    after = measured(codes, judged=True, number=rounds - 1)
    return Calibration(chip, method, seed, tuple(codes), _columns(before), _columns(after), counted[0])


def _binary(chip: Chip, nominal: Sequence[Codes], measured: Callable[..., list[dict[str, float]]]) -> list[Codes]:
    """Successive approximation of every code within its window; the larger windows go on when the others are done."""
    codes = [dict(each) for each in nominal]
    bounds = [{name: _window(chip, name, parameter.window) for name, parameter in PARAMETERS.items()} for _ in nominal]
    for number in range(1, 10):
        for index, each in enumerate(bounds):
            codes[index] = {name: (low + high + 1) // 2 for name, (low, high) in each.items()}
        seen = measured(codes, judged=False, number=number)
        for index, each in enumerate(bounds):
            for name, (low, high) in each.items():
                if low >= high:
                    continue
                value, wanted = seen[index][name], getattr(chip.targets, name)
                rises = PARAMETERS[name].kind == "voltage"
                middle = codes[index][name]
                if (value > wanted) is rises:
                    each[name] = (low, middle - 1)
                else:
                    each[name] = (middle, high)
    return [{name: low for name, (low, _) in each.items()} for each in bounds]


def _predictive(chip: Chip, nominal: Sequence[Codes], measured: Callable[..., list[dict[str, float]]]) -> list[Codes]:
    """Two measurements, and the law between them."""
    other: list[Codes] = []
    for each in nominal:
        moved = dict(each)
        for name, parameter in PARAMETERS.items():
            low, high = _window(
                chip, name, parameter.window // 4 if parameter.kind == "voltage" else parameter.window // 3
            )
            moved[name] = high if each[name] < high else low
        other.append(moved)
    one, two = measured(nominal, judged=False, number=1), measured(other, judged=False, number=2)
    found: list[Codes] = []
    for index, each in enumerate(nominal):
        codes: Codes = {}
        for name, parameter in PARAMETERS.items():
            low, high = _window(chip, name, parameter.window)
            law = (lambda code: 1 / code) if parameter.kind == "current" else float
            a, b = law(each[name]), law(other[index][name])
            slope = (two[index][name] - one[index][name]) / (b - a)
            wanted = a + (getattr(chip.targets, name) - one[index][name]) / slope
            code = 1 / wanted if parameter.kind == "current" else wanted
            codes[name] = min(max(round(code), low), high)
        found.append(codes)
    return found


def _rate(
    chip: Chip, start: Sequence[Codes], measured: Callable[..., list[dict[str, float]]], period: float
) -> list[Codes]:
    """Threshold codes for an interval of ``period`` [s], by secants: the interval is nearly straight in V_th."""
    highest = chip.converters["V_th"].highest
    before = [dict(each) for each in start]
    seen = measured(before, judged=False, number=FIRST_SECANT)
    codes = [each | {"V_th": min(each["V_th"] + STEP, highest)} for each in before]
    for number in range(1, SECANTS):
        found = measured(codes, judged=False, number=FIRST_SECANT + number)
        for index, each in enumerate(codes):
            a, b = before[index]["V_th"], each["V_th"]
            slope = (found[index]["period"] - seen[index]["period"]) / (b - a) if b != a else 0.0
            if slope <= 0:  # as near as a code and the noise allow
                continue
            wanted = b + (period - found[index]["period"]) / slope
            before[index], seen[index] = each, found[index]
            codes[index] = each | {"V_th": min(max(round(wanted), 1), highest)}
    return codes


def _window(chip: Chip, name: str, window: int) -> tuple[int, int]:
    middle, highest = chip.nominal[name], chip.converters[name].highest
    return max(middle - window, 1), min(middle + window - 1, highest)


def _columns(rows: Sequence[Mapping[str, float]]) -> dict[str, FloatArray]:
    return {name: np.array([row[name] for row in rows]) for name in OBSERVABLES}
