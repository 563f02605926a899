"""Handwritten digits on a mismatched analog population: what calibration is good for.

    python examples/calibrated_digits.py                    20 neurons on SKY130 (about two minutes)
    python examples/calibrated_digits.py --classes 3        zeros, ones and twos only

Weights are trained offline (softmax regression, scikit-learn's 8 x 8 digits).  Each class has two neurons; an image
gives each a constant current, its class's score, and the class whose neurons fire most wins.  Three populations: ideal
neurons (all alike, the typical circuit's golden twin), a chip's mismatched neurons with the codes of typical ones, and
the same with calibrated codes.  Every neuron is the golden twin of its own transistor circuit, fitted on it; one image
is run on circuits themselves.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.progress import Progress
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from analog.bench import f_i_curve
from analog.calibration import Targets, calibrate
from analog.calibration.parameters import Chip
from analog.fitting import fitted
from analog.ngspice import pool
from analog.technology import Process
from sim_harness import toolchain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from analog.ngspice import Pool
    from golden.twins.ota_lif import OtaLifTwin

    FloatArray = NDArray[np.float64]

#: Neurons a class; time [s] for which an image is shown to twins, and to circuits.
COPIES, SHOWN, SPOT = 2, 4e-3, 4e-4
#: Lowest and highest current [A] that a score becomes: so near that two scores differ by what mismatch makes.
CURRENTS = 40e-9, 50e-9
#: A swing of 150 mV from reset to threshold, of which offsets are some per cent.
TARGETS = Targets(V_reset=0.6, V_leak=0.65, V_th=0.75)


@dataclass(frozen=True, eq=False)
class Task:
    """Test images as currents: (images, classes) [A], and their labels."""

    currents: FloatArray
    labels: NDArray[np.int64]


def task(classes: int, images: int | None) -> Task:
    """Train offline on half of the digits, and make currents of the other half's scores."""
    pixels, labels = load_digits(n_class=classes, return_X_y=True)
    train, test, train_labels, test_labels = train_test_split(pixels / 16, labels, test_size=0.5, random_state=0)
    model = LogisticRegression(max_iter=2000, C=0.1).fit(train, train_labels)
    scores = test @ model.coef_.T + model.intercept_
    low, high = np.percentile(scores, (1, 99.9))
    currents = CURRENTS[0] + (scores - low) / (high - low) * (CURRENTS[1] - CURRENTS[0])
    return Task(np.clip(currents, 0.0, CURRENTS[1])[:images], test_labels[:images])


def counts(twin: OtaLifTwin, currents: FloatArray, shown: float = SHOWN) -> FloatArray:
    """Spikes while an image is shown, from the reset potential."""
    latency, period = twin.latencies(currents, twin.V_0), twin.periods(currents)
    fires = latency < shown
    found = np.zeros(currents.shape)
    found[fires] = np.floor((shown - latency[fires]) / period[fires]) + 1
    return found


def accuracy(twins: Sequence[OtaLifTwin], given: Task) -> float:
    """Share of the images whose class fires most; ties go to nobody."""
    classes = given.currents.shape[1]
    spikes = np.array([counts(twin, given.currents[:, k % classes]) for k, twin in enumerate(twins)])
    score = spikes.reshape(-1, classes, len(given.labels)).sum(axis=0)
    best = score.max(axis=0)
    unique = (score == best).sum(axis=0) == 1
    return float(np.mean(unique & (score.argmax(axis=0) == given.labels)))


def population(workers: Pool, circuits: Sequence[Any], report: Callable[[], None]) -> list[OtaLifTwin]:
    """The twin of each circuit."""
    twins = []
    for circuit in circuits:
        twins.append(fitted(workers, circuit).twin)
        report()
    return twins


def study(classes: int = 10, images: int | None = None, spot: int = 1, seed: int = 1) -> dict[str, Any]:
    """Accuracies of the three populations, and how many spikes of the circuits differ from their twins'."""
    workers, given = pool(toolchain.ngspice_setup(), None), task(classes, images)
    size, process = COPIES * classes, Process("sky130", mismatch=seed)
    with Progress(transient=True) as progress:
        bar = progress.add_task("calibrate", total=1.0)
        found = calibrate(
            workers,
            process,
            TARGETS,
            size,
            method="predictive",
            progress=lambda part: progress.update(bar, completed=part),
        )
        chip, fits = found.chip, progress.add_task("fit twins", total=2 * size + 1)

        def step() -> None:
            progress.advance(fits)

        typical = Chip.of(Process("sky130"), TARGETS)
        ideal = population(workers, [typical.neuron(0, typical.nominal)], step) * size
        nominal = population(workers, [chip.neuron(k, chip.nominal) for k in range(size)], step)
        circuits = [chip.neuron(k, found.codes[k]) for k in range(size)]
        calibrated = population(workers, circuits, step)
    different = total = 0
    for image in range(spot):
        for k in range(0, size, max(1, size // 5)):
            current = float(given.currents[image, k % classes])
            (run,) = f_i_curve(workers, circuits[k], [current], [SPOT])
            total += run.spikes.size
            different += abs(run.spikes.size - int(counts(calibrated[k], np.array([current]), SPOT)[0]))
    return {
        "images": len(given.labels),
        "neurons": size,
        "offline": float(np.mean(given.currents.argmax(axis=1) == given.labels)),
        "ideal neurons": accuracy(ideal, given),
        "uncalibrated": accuracy(nominal, given),
        "calibrated": accuracy(calibrated, given),
        "circuit spikes": total,
        "different from twins": different,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classes", type=int, default=10, choices=range(3, 11), metavar="3..10")
    parser.add_argument("--images", type=int, default=None, help="test images (default: all)")
    parser.add_argument("--seed", type=int, default=1, help="the chip's mismatch")
    arguments = parser.parse_args()
    for name, value in study(arguments.classes, arguments.images, seed=arguments.seed).items():
        print(f"{name:22} {value:.1%}" if isinstance(value, float) else f"{name:22} {value}")


if __name__ == "__main__":
    main()
