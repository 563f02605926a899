"""Comparing traces: bit for bit where the hardware is digital, within a derived tolerance where it is analog.

Reads traces only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from golden.errors import SpecError

if TYPE_CHECKING:
    from golden.neurons.lif import FloatArray
    from golden.trace import Trace

#: Integer states that must be equal, in the order in which a divergence is looked for.
STATES = ("v_int", "i_int", "r_int")
#: Setting of a trace: the first place where outputs of the machine contradict each other, in words.
CONTRADICTION = "contradiction"


@dataclass(frozen=True)
class IntegerComparison:
    """Two traces of integer machines, compared on every spike and every recorded state.

    updates          neuron updates whose states were compared (0 if the machine shows no states)
    spikes           spikes of the reference
    spike_mismatches spikes that only one of the two has, or has more often
    state_mismatches updates after which any state differs
    first            (tick, neuron) of the first difference of either kind; None if there is none
    contradiction    where the machine's outputs contradict each other; None if they do not
    """

    reference: str
    other: str
    updates: int
    spikes: int
    spike_mismatches: int
    state_mismatches: int
    first: tuple[int, int] | None
    contradiction: str | None = None

    @property
    def agrees(self) -> bool:
        """Whether nothing differs, and the machine does not contradict itself."""
        return self.spike_mismatches == self.state_mismatches == 0 and self.contradiction is None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, with the verdict."""
        return asdict(self) | {"agrees": self.agrees}


def compare_integers(reference: Trace, other: Trace) -> IntegerComparison:
    """Compare two integer traces of one network, stimulus and tick."""
    _same_run(reference, other)
    dt = reference.header.dt
    if dt is None or other.header.dt != dt:
        raise SpecError.rule("Integer traces", "of one tick", f"{dt} and {other.header.dt} s")
    ours, theirs = (
        Counter((round(time / dt) - 1, int(neuron)) for time, neuron in t.spikes.tolist()) for t in (reference, other)
    )
    wrong = (ours - theirs) + (theirs - ours)
    firsts = [min(wrong)] if wrong else []
    common = [name for name in STATES if name in reference.states and name in other.states]
    updates = mismatches = 0
    if common and other.recorded.size:
        columns = np.searchsorted(reference.recorded, other.recorded)
        differs = np.zeros((other.times.size, other.recorded.size), dtype=bool)
        for name in common:
            differs |= reference.states[name][:, columns] != other.states[name]
        updates, mismatches = differs.size, int(differs.sum())
        if mismatches:
            tick, column = np.argwhere(differs)[0]
            firsts.append((int(tick), int(other.recorded[column])))
    return IntegerComparison(
        reference.header.engine,
        other.header.engine,
        updates,
        len(reference.spikes),
        wrong.total(),
        mismatches,
        min(firsts, default=None),
        other.header.settings.get(CONTRADICTION),
    )


@dataclass(frozen=True, eq=False)
class SpikeComparison:
    """Spike times of two traces, the k-th spike of a neuron against the k-th.

    count_mismatches  neurons whose numbers of spikes differ
    compared          pairs of spikes, up to the shorter train of each neuron
    median, largest   of the absolute time differences [s]; nan without pairs
    worst             (neuron, index of the spike, time in the reference, time in the other); None without pairs
    within            whether every difference is inside the tolerance given; None if none was given
    margin            largest ratio of a difference to its tolerance
    unbounded         spikes for which no tolerance can be derived, such as one that grazes the threshold
    first             the first difference that must not be, in words; None if there is none
    """

    reference: str
    other: str
    neurons: int
    spikes: int
    count_mismatches: int
    compared: int
    median: float
    largest: float
    worst: tuple[int, int, float, float] | None
    within: bool | None = None
    margin: float | None = None
    unbounded: int = 0
    first: str | None = None

    @property
    def agrees(self) -> bool:
        """Equal counts, and every spike within the tolerance if there is one; some spike, if any, has one."""
        judged = self.unbounded == 0 or self.unbounded < self.compared
        return self.count_mismatches == 0 and self.within is not False and judged

    def to_dict(self) -> dict[str, Any]:
        """Plain values, with the verdict; nan becomes None."""
        plain = {name: None if isinstance(x, float) and np.isnan(x) else x for name, x in asdict(self).items()}
        return plain | {"agrees": self.agrees}


def compare_spikes(reference: Trace, other: Trace, tolerance: Sequence[FloatArray] | None = None) -> SpikeComparison:
    """Compare spike trains; ``tolerance`` gives, per neuron, the allowed difference of its k-th spike [s].

    An infinite tolerance judges nothing; such spikes, missing ones included, are counted, not hidden.

    A spike within its tolerance of the end of the run may be missing in one of the two trains.
    """
    _same_run(reference, other)
    end = reference.header.duration
    unequal, unbounded, worst, margin, within = 0, 0, None, 0.0, True
    differences: list[FloatArray] = []
    broken: list[tuple[float, str]] = []
    for neuron in range(reference.header.size):
        a, b = reference.spike_times(neuron), other.spike_times(neuron)
        pairs = min(a.size, b.size)
        allowed = None if tolerance is None else tolerance[neuron]
        surplus = (a if a.size > b.size else b)[pairs:]
        if surplus.size:
            slack = 0.0 if allowed is None or allowed.size == 0 else float(allowed[min(pairs, allowed.size - 1)])
            if np.isinf(slack):
                unbounded += surplus.size
            elif surplus.size > 1 or surplus[0] <= end - slack:
                unequal += 1
                where = f"neuron {neuron} fires at {surplus[0] * 1e3:.6g} ms"
                broken.append(
                    (surplus[0], f"{where} in {(reference if a.size > b.size else other).header.engine} only")
                )
        difference = np.abs(b[:pairs] - a[:pairs])
        differences.append(difference)
        if pairs and (worst is None or difference.max() > abs(worst[3] - worst[2])):
            k = int(np.argmax(difference))
            worst = (neuron, k, float(a[k]), float(b[k]))
        if allowed is not None and pairs:
            ratios = difference / allowed[:pairs]
            margin, within = max(margin, float(ratios.max())), within and bool((ratios <= 1).all())
            if (ratios > 1).any():
                k = int(np.argmax(ratios > 1))
                times = f"at {b[k] * 1e3:.6g} ms, not {a[k] * 1e3:.6g} ms within {allowed[k] * 1e6:.3g} µs"
                broken.append((a[k], f"neuron {neuron}, spike {k}: {times}"))
            unbounded += int(np.isinf(allowed[:pairs]).sum())
    all_differences = np.concatenate(differences)
    some = all_differences.size > 0
    return SpikeComparison(
        reference.header.engine,
        other.header.engine,
        reference.header.size,
        len(reference.spikes),
        unequal,
        all_differences.size,
        float(np.median(all_differences)) if some else float("nan"),
        float(all_differences.max()) if some else float("nan"),
        worst,
        None if tolerance is None else within,
        None if tolerance is None else margin,
        unbounded,
        min(broken)[1] if broken else None,
    )


def _same_run(a: Trace, b: Trace) -> None:
    for thing in ("network", "stimulus", "size", "duration"):
        if getattr(a.header, thing) != getattr(b.header, thing):
            raise SpecError.rule(
                f"Traces {a.header.engine} and {b.header.engine}", f"of one {thing}", "of different ones"
            )
