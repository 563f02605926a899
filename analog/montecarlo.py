"""Monte Carlo over mismatch: the same circuit on one chip after the other.

    values = monte_carlo(pool, OtaNeuron, work, Process("sky130"), 100)      # work: a circuit's `analog.worker.Job`
    print(spread(values, nominal).sigma)

Chip k is the process with the mismatch seed k, and a device's deviation is a function of chip, scope and name alone
(`analog.technology.mismatch`).  So sample k is the same number whatever the number of processes, however many samples
are drawn with it, and wherever the numbering starts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from analog.bench import gather
from golden.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

    from analog.ngspice import Pool
    from analog.results import Results
    from analog.technology import Process
    from analog.worker import Job

T = TypeVar("T")

#: Part of the samples that a trimmed spread leaves out, half of it at either end.
TRIM = 0.05


def chips(process: Process, samples: int, first: int = 1) -> tuple[Process, ...]:
    """``process`` on the chips ``first``, ``first`` + 1, ...; raises SpecError for fewer than one."""
    if type(samples) is not int or samples < 1:
        raise SpecError.rule("Monte Carlo samples", "a whole number, at least 1", repr(samples))
    return tuple(replace(process, mismatch=chip) for chip in range(first, first + samples))


def monte_carlo(
    pool: Pool,
    make: Callable[[Process], T],
    work: Callable[[T], Job],
    process: Process,
    samples: int,
    *,
    first: int = 1,
    store: Results | None = None,
    progress: Callable[[float], None] | None = None,
) -> list[Any]:
    """What ``work`` measures on the circuit that ``make`` builds, for ``samples`` chips, in their order.

    ``store``  keeps what is done, as in `analog.bench.gather`

    Raises SpecError for fewer than one sample, SimulationError of the first that failed, after all have run.
    """
    jobs = [work(make(chip)) for chip in chips(process, samples, first)]
    return gather(pool, jobs, progress, store=store)


@dataclass(frozen=True)
class Spread:
    """Relative deviations of samples from ``nominal``.

    size      samples that gave a finite number; ``silent`` did not (a neuron that never fires)
    mean      of the deviations
    sigma     their standard deviation (of a sample: size - 1);  ``uncertainty`` of it, one standard error
    trimmed   the same without the outer 5 %
    low, high smallest and largest deviation
    """

    nominal: float
    size: int
    silent: int
    mean: float
    sigma: float
    uncertainty: float
    trimmed: float
    low: float
    high: float


def spread(values: ArrayLike, nominal: float) -> Spread:
    """The spread of ``values`` about ``nominal``; raises SpecError when fewer than two of them are finite."""
    every = np.asarray(values, dtype=np.float64)
    relative = np.sort(every[np.isfinite(every)] / nominal - 1)
    if relative.size < 2:
        raise SpecError.rule("Samples of a spread", "two finite ones at least", f"{relative.size} of {every.size}")
    cut = round(TRIM / 2 * relative.size)
    inner = relative[cut : relative.size - cut]
    sigma = float(relative.std(ddof=1))
    return Spread(
        nominal=nominal,
        size=relative.size,
        silent=int(every.size - relative.size),
        mean=float(relative.mean()),
        sigma=sigma,
        # Of a normal distribution's standard deviation.
        uncertainty=sigma / float(np.sqrt(2 * (relative.size - 1))),
        trimmed=float(inner.std(ddof=1)),
        low=float(relative[0]),
        high=float(relative[-1]),
    )
