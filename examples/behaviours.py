"""Izhikevich's twenty behaviours of cortical neurons, each on one or two TrueNorth neurons.

    python examples/behaviours.py                        # the table, and a picture: behaviours.png
    python examples/behaviours.py --output figure.svg --json

Each behaviour is declared with its neurons, its input and a criterion that decides whether the spikes and potentials
are that behaviour; whether it is reached is computed, never claimed. The input is presented twice in a row without a
reset in between, and the criterion must hold both times: a neuron that does it once in its life does not count.

All neurons of a behaviour share one core. Each sends its spikes to at most one axon, as on the chip, and every neuron
of the core hears that axon with its own weight for the axon's type, 0 where it is deaf to it. Nothing is random.

Sources: Izhikevich, IEEE Trans. Neural Networks 15 (2004), fig. 1 (behaviours and stimuli); Cassidy et al., IJCNN 2013
(the twenty on TrueNorth neurons). The parameters are this project's own.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from golden.errors import HillockError, SpecError
from golden.files import replacing
from golden.neurons.truenorth import AXON_TYPES, Neuron, Random, TrueNorthNeurons, tick

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Types of axons: those of the input, and those that the first and the second neuron send to.
EXCITE, INHIBIT, FIRST, SECOND = range(AXON_TYPES)
#: Ticks that the scheduler can hold a spike back.
MAX_DELAY = 15
#: How often the input is presented.
PRESENTATIONS = 2
#: Longest interval within a burst [ticks]; between bursts it is at least three times as long.
BURST = 3
#: What a picture is written as, and what keeps dates and versions out of it.
FORMATS: Mapping[str, dict[str, None]] = {
    ".pdf": {"CreationDate": None, "Producer": None},
    ".png": {"Software": None},
    ".svg": {"Date": None, "Creator": None},
}


# --- what a behaviour is ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cell:
    """A neuron: its parameters, the delay of its own axon (None: its spikes only leave the core), its first potential.

    A spike sent in tick k is received in tick k + ``delay``, 1 to 15.
    """

    parameters: Mapping[str, int | tuple[int, ...]]
    delay: int | None = None
    start: int = 0

    def __post_init__(self) -> None:
        if self.delay is not None and not 1 <= self.delay <= MAX_DELAY:
            raise SpecError.rule("Delay of an axon", f"1 to {MAX_DELAY} ticks", self.delay)

    @property
    def neuron(self) -> Neuron:
        """The parameters as the machine takes them; SpecError for those that it cannot hold."""
        return TrueNorthNeurons(1, {name: np.asarray(value) for name, value in self.parameters.items()}).neuron(0)


def cell(*weights: int, delay: int | None = None, start: int = 0, **parameters: int) -> Cell:
    """A cell with weights for excitation, inhibition, the first and the second neuron; those left out are 0."""
    padded = (*weights, *(0,) * (AXON_TYPES - len(weights)))
    return Cell({"weights": padded, **parameters}, delay, start)


@dataclass(frozen=True)
class Pulse:
    """Input spikes on axons of one type in the ticks [start, stop): ``first`` a tick, or a ramp from it to ``last``."""

    type: int
    start: int
    stop: int
    first: int = 1
    last: int | None = None

    def count(self, at: int) -> int:
        """Spikes in that tick."""
        if not self.start <= at < self.stop:
            return 0
        climb = 0 if self.last is None else self.last - self.first
        return self.first + climb * (at - self.start) // max(1, self.stop - 1 - self.start)


@dataclass(frozen=True)
class Stimulus:
    """What all neurons of a behaviour receive, and how long a presentation takes."""

    ticks: int
    pulses: Sequence[Pulse]

    def types(self, at: int) -> list[int]:
        """Axon types of the input spikes of that tick."""
        return [pulse.type for pulse in self.pulses for _ in range(pulse.count(at))]


@dataclass(frozen=True)
class Record:
    """One presentation: the input, the ticks in which the first neuron fired, the potentials of all after each tick."""

    pulses: Sequence[Pulse]
    spikes: Sequence[int]
    potentials: Sequence[Sequence[int]]

    @property
    def intervals(self) -> list[int]:
        """Ticks from each spike to the next."""
        return [b - a for a, b in pairwise(self.spikes)]

    @property
    def bursts(self) -> list[list[int]]:
        """The spikes, those with short intervals together."""
        groups: list[list[int]] = []
        for spike in self.spikes:
            if groups and spike - groups[-1][-1] <= BURST:
                groups[-1].append(spike)
            else:
                groups.append([spike])
        return groups

    def only(self, start: int, stop: int) -> bool:
        """It fires, and in the ticks [start, stop) only."""
        return bool(self.spikes) and start <= self.spikes[0] and self.spikes[-1] < stop


@dataclass(frozen=True)
class Behaviour:
    """A behaviour, the neurons that are to show it, of which the first is observed, and what drives them.

    ``criterion`` tells whether a record is the behaviour, and its docstring says it in words; ``how`` is why the
    parameters meet it.
    """

    letter: str
    name: str
    criterion: Callable[[Record], bool]
    cells: Sequence[Cell]
    stimulus: Stimulus
    how: str

    @property
    def rule(self) -> str:
        """The criterion in words."""
        return str(self.criterion.__doc__)

    @property
    def reached(self) -> bool:
        """Whether every presentation meets the criterion."""
        return all(self.criterion(record) for record in simulate(self))


def simulate(behaviour: Behaviour) -> list[Record]:
    """Run the core from its first potentials; one record a presentation, with ticks counted from its beginning."""
    neurons = [cell.neuron for cell in behaviour.cells]
    potentials = [cell.start for cell in behaviour.cells]
    random, waiting, records = Random(1), dict[int, list[int]](), []
    stimulus = behaviour.stimulus
    for presentation in range(PRESENTATIONS):
        began, spikes, traces = presentation * stimulus.ticks, [], [list[int]() for _ in neurons]
        for at in range(stimulus.ticks):
            types = sorted(stimulus.types(at) + waiting.pop(began + at, []))
            for index, neuron in enumerate(neurons):
                potentials[index], fired = tick(neuron, potentials[index], types, random)
                traces[index].append(potentials[index])
                if fired and index == 0:
                    spikes.append(at)
                if fired and (delay := behaviour.cells[index].delay):
                    waiting.setdefault(began + at + delay, []).append(FIRST + index)
        records.append(Record(stimulus.pulses, spikes, traces))
    return records


# --- what counts as it: each docstring is the rule that the table prints ----------------------------------------------


def tonic_spiking(record: Record) -> bool:
    """5 or more spikes at equal intervals, all within the step"""
    (step,) = record.pulses
    return record.only(step.start, step.stop) and len(record.spikes) >= 5 and len(set(record.intervals)) == 1


def phasic_spiking(record: Record) -> bool:
    """1 spike, in the first tenth of the step"""
    (step,) = record.pulses
    return record.only(step.start, step.start + (step.stop - step.start) // 10) and len(record.spikes) == 1


def tonic_bursting(record: Record) -> bool:
    """3 or more bursts of 2 or more spikes, 9 ticks or more apart, all within the step"""
    (step,), bursts = record.pulses, record.bursts
    apart = all(b[0] - a[-1] >= 3 * BURST for a, b in pairwise(bursts))
    return record.only(step.start, step.stop) and len(bursts) >= 3 and all(len(b) >= 2 for b in bursts) and apart


def phasic_bursting(record: Record) -> bool:
    """1 burst of 3 or more spikes, in the first quarter of the step"""
    (step,), bursts = record.pulses, record.bursts
    within = record.only(step.start, step.start + (step.stop - step.start) // 4)
    return within and len(bursts) == 1 and len(bursts[0]) >= 3


def mixed_mode(record: Record) -> bool:
    """a burst of 3 or more spikes, then 4 or more at equal intervals of 9 ticks or more, all within the step"""
    (step,), (first, *rest) = record.pulses, record.bursts or [[]]
    tonic = record.intervals[len(first) :]
    regular = len(set(tonic)) == 1 and tonic[0] >= 3 * BURST
    return record.only(step.start, step.stop) and len(first) >= 3 and len(rest) >= 4 and regular


def adaptation(record: Record) -> bool:
    """all in the step; no interval shorter than the one before, 4 different or more, growing twofold or more"""
    (step,), intervals = record.pulses, record.intervals
    gradual = intervals == sorted(intervals) and len(set(intervals)) >= 4
    return record.only(step.start, step.stop) and gradual and intervals[-1] >= 2 * intervals[0]


def class_1(record: Record) -> bool:
    """8 or more spikes in the ramp, no interval longer than the one before, the first at least 3 times the last"""
    (ramp,), intervals = record.pulses, record.intervals
    faster = intervals == sorted(intervals, reverse=True)
    return record.only(ramp.start, ramp.stop) and len(intervals) >= 7 and faster and intervals[0] >= 3 * intervals[-1]


def class_2(record: Record) -> bool:
    """silent for half the ramp, then 8 or more spikes at intervals of 3 ticks or more that differ by half at most"""
    (ramp,) = record.pulses
    inside = [spike for spike in record.spikes if spike < ramp.stop]
    if len(inside) < 8 or inside[0] < (ramp.start + ramp.stop) // 2:
        return False
    intervals = [b - a for a, b in pairwise(inside)]
    return min(intervals) >= 3 and 2 * max(intervals) <= 3 * min(intervals)


def latency(record: Record) -> bool:
    """1 spike, 20 ticks or more after the pulse"""
    (pulse,) = record.pulses
    return record.only(pulse.stop + 20, len(record.potentials[0])) and len(record.spikes) == 1


def oscillation(record: Record) -> bool:
    """1 spike, in the pulse; before and after it V crosses 0 upward 3 or more times, at equal intervals"""
    (pulse,), v = record.pulses, record.potentials[0]
    crossings = [at for at, (a, b) in enumerate(pairwise(v), 1) if a < 0 <= b]
    quiet = [c for c in crossings if c < pulse.start], [c for c in crossings if c >= pulse.stop]
    periods = {b - a for part in quiet for a, b in pairwise(part)}
    regular = len(periods) == 1 and all(len(part) >= 3 for part in quiet)
    return record.only(pulse.start, pulse.stop) and len(record.spikes) == 1 and regular


def resonator(record: Record) -> bool:
    """of pairs of pulses 6, 12 and 24 ticks apart only that of 12 fires: 1 spike, at its second pulse"""
    pulse = record.pulses[3]
    return record.only(pulse.start, pulse.stop + 2) and len(record.spikes) == 1


def integrator(record: Record) -> bool:
    """of pairs of pulses 5 and 10 ticks apart only that of 5 fires: 1 spike, at its second pulse"""
    pulse = record.pulses[1]
    return record.only(pulse.start, pulse.stop + 2) and len(record.spikes) == 1


def rebound_spike(record: Record) -> bool:
    """1 spike, after the inhibition; nothing excites"""
    (inhibition,) = record.pulses
    return record.only(inhibition.stop, len(record.potentials[0])) and len(record.spikes) == 1


def rebound_burst(record: Record) -> bool:
    """1 burst of 3 or more spikes, after the inhibition; nothing excites"""
    (inhibition,), bursts = record.pulses, record.bursts
    return record.only(inhibition.stop, len(record.potentials[0])) and len(bursts) == 1 and len(bursts[0]) >= 3


def variable_threshold(record: Record) -> bool:
    """of two equal pulses only the one after an inhibition fires: 1 spike"""
    pulse = record.pulses[2]
    return record.only(pulse.start, pulse.stop) and len(record.spikes) == 1


def bistability(record: Record) -> bool:
    """silent; from a pulse on 5 or more spikes at equal intervals; silent again an interval after an equal pulse"""
    (on, off), intervals = record.pulses, record.intervals
    if len(intervals) < 4:
        return False
    until = [b - a for a, b in pairwise(record.spikes) if b < off.start]
    return len(set(until)) == 1 and record.only(on.start, off.stop + until[0])


def after_potential(record: Record) -> bool:
    """1 spike, in the pulse; then V is above its rest for 10 ticks or more, falling, and returns to it"""
    (pulse,) = record.pulses
    after = record.potentials[0][pulse.stop :]
    falling = list(after) == sorted(after, reverse=True) and after[9] > 0 == after[-1]
    return record.only(pulse.start, pulse.stop) and len(record.spikes) == 1 and falling


def accommodation(record: Record) -> bool:
    """silent in a slow ramp, 1 spike in a sharp one to the same height"""
    _, sharp = record.pulses
    return record.only(sharp.start, sharp.stop) and len(record.spikes) == 1


# --- the twenty -------------------------------------------------------------------------------------------------------


def _relay(*weights: int, delay: int) -> Cell:
    """Repeats every spike that it hears, ``delay`` ticks later."""
    return cell(*weights, delay=delay, threshold=1)


def _pulses(length: int, *starts: int) -> tuple[Pulse, ...]:
    """Excitatory pulses."""
    return tuple(Pulse(EXCITE, start, start + length) for start in starts)


_STEP = (Pulse(EXCITE, 20, 120),)
_INHIBITION = (Pulse(INHIBIT, 30, 230),)

BEHAVIOURS: tuple[Behaviour, ...] = (
    Behaviour(
        *("A", "tonic spiking", tonic_spiking),
        cells=[cell(5, threshold=40, leak=-1, leak_reversal=1)],
        stimulus=Stimulus(140, _STEP),
        how="It integrates to the threshold, is reset to 0, and starts again.",
    ),
    Behaviour(
        *("B", "phasic spiking", phasic_spiking),
        cells=[cell(4, 0, -40, delay=1, threshold=24, floor=44, leak=4, leak_reversal=1)],
        stimulus=Stimulus(140, _STEP),
        how="Its spike, sent to itself, throws it below 0, where the leak away from 0 cancels the step exactly; "
        "when the step ends the leak takes it to the floor, which resets it to 0.",
    ),
    Behaviour(
        *("C", "tonic bursting", tonic_bursting),
        cells=[cell(10, 0, -40, delay=8, threshold=20, floor=60, saturating=1, leak=-3, leak_reversal=1)],
        stimulus=Stimulus(240, (Pulse(EXCITE, 20, 190),)),
        how="Its spikes inhibit itself 8 ticks later: until then it fires fast, afterwards it has to climb back.",
    ),
    Behaviour(
        *("D", "phasic bursting", phasic_bursting),
        cells=[cell(2, 0, -14, delay=9, threshold=12, floor=60, leak=2, leak_reversal=1)],
        stimulus=Stimulus(160, _STEP),
        how="As (B), but its spikes reach itself 9 ticks later, and until then it fires.",
    ),
    Behaviour(
        *("E", "mixed mode", mixed_mode),
        cells=[cell(10, 0, 0, -8, threshold=18, floor=15, saturating=1, leak=-1, leak_reversal=1), _relay(1, delay=10)],
        stimulus=Stimulus(170, (Pulse(EXCITE, 20, 140),)),
        how="The second neuron repeats the step 10 ticks later as inhibition: full drive at first, then a tenth of it.",
    ),
    Behaviour(
        *("F", "spike frequency adaptation", adaptation),
        cells=[
            cell(20, 0, 0, -40, delay=1, threshold=80, floor=20, saturating=1, leak=-1, leak_reversal=1),
            cell(0, 0, 100, 75, delay=13, threshold=100, reset_mode=1),
        ],
        stimulus=Stimulus(280, (Pulse(EXCITE, 20, 160),)),
        how="Each spike fires the second neuron, which 13 ticks later inhibits the first and excites itself to "
        "three quarters of its threshold: a memory of past spikes that fades.",
    ),
    Behaviour(
        *("G", "class 1 excitable", class_1),
        cells=[cell(1, threshold=100, leak=-2, leak_reversal=1)],
        stimulus=Stimulus(280, (Pulse(EXCITE, 20, 260, 0, 20),)),
        how="The rate of an integrator is its drive less the leak, over the threshold: it starts from 0.",
    ),
    Behaviour(
        *("H", "class 2 excitable", class_2),
        cells=[cell(2, threshold=240, floor=100, saturating=1, reset=-20, leak=20, leak_reversal=1, start=-100)],
        stimulus=Stimulus(300, (Pulse(EXCITE, 20, 260, 0, 20),)),
        how="The leak away from 0 holds it at the floor until the drive exceeds the leak; above 0 the same leak "
        "adds to the drive, so it fires fast at once.",
    ),
    Behaviour(
        *("I", "spike latency", latency),
        cells=[cell(6, threshold=60, leak=1, leak_reversal=1)],
        stimulus=Stimulus(80, _pulses(3, 10)),
        how="The pulse lifts it off 0, and the leak away from 0 carries it on to the threshold.",
    ),
    Behaviour(
        *("J", "subthreshold oscillations", oscillation),
        cells=[cell(12, threshold=40, floor=15, reset=-15, leak=-1)],
        stimulus=Stimulus(240, _pulses(5, 110)),
        how="The leak takes it through 0 to the floor, which resets it as far above 0: a sawtooth below the threshold.",
    ),
    Behaviour(
        *("K", "resonator", resonator),
        cells=[cell(10, 0, 0, 10, threshold=33, leak=-3, leak_reversal=1), _relay(1, delay=12)],
        stimulus=Stimulus(200, _pulses(2, 15, 21, 70, 82, 135, 159)),
        how="The second neuron repeats each pulse 12 ticks later, and only with that echo does a pulse reach the "
        "threshold.",
    ),
    Behaviour(
        *("L", "integrator", integrator),
        cells=[cell(10, threshold=30, leak=-1, leak_reversal=1)],
        stimulus=Stimulus(110, _pulses(2, 10, 15, 70, 80)),
        how="The leak toward 0 leaves enough of a pulse for 5 ticks, not for 10.",
    ),
    Behaviour(
        *("M", "rebound spike", rebound_spike),
        cells=[cell(0, -6, 61, delay=1, threshold=60, floor=70, reset=-61, leak=4, leak_reversal=1)],
        stimulus=Stimulus(80, (Pulse(INHIBIT, 20, 25),)),
        how="Once below 0, the leak away from 0 takes it to the floor, which resets it above the threshold; its "
        "spike, sent to itself, brings it back to 0.",
    ),
    Behaviour(
        *("N", "rebound burst", rebound_burst),
        cells=[
            cell(0, -10, 0, 10, threshold=10, floor=60, saturating=1, leak=-4, leak_reversal=1),
            _relay(0, 1, delay=15),
        ],
        stimulus=Stimulus(80, (Pulse(INHIBIT, 20, 28),)),
        how="The second neuron repeats the inhibition 15 ticks later as excitation, which cancels what is left of "
        "the inhibition and fires when nothing is.",
    ),
    Behaviour(
        *("O", "threshold variability", variable_threshold),
        cells=[cell(10, -50, threshold=40, floor=25, reset=-20, leak=-1, leak_reversal=1)],
        stimulus=Stimulus(120, (Pulse(EXCITE, 10, 13), Pulse(INHIBIT, 60, 63), Pulse(EXCITE, 70, 73))),
        how="Inhibition passes the floor, which resets it half way up to the threshold, where the pulse suffices.",
    ),
    Behaviour(
        *("P", "bistability", bistability),
        cells=[cell(7, threshold=30, reset_mode=1, leak=2, leak_reversal=1)],
        stimulus=Stimulus(220, _pulses(1, 20, 158)),
        how="The leak adds 2 a tick except at 0 and a spike subtracts 30: an odd potential never meets 0 again, "
        "an even one does at a spike, and each pulse adds 7.",
    ),
    Behaviour(
        *("Q", "depolarising after-potential", after_potential),
        cells=[cell(15, threshold=25, reset=18, leak=-1, leak_reversal=1)],
        stimulus=Stimulus(60, _pulses(2, 10)),
        how="The reset is above the rest, and the leak toward 0 takes its time.",
    ),
    Behaviour(
        *("R", "accommodation", accommodation),
        cells=[
            cell(10, 0, 0, -80, threshold=250, floor=80, saturating=1, leak=-10, leak_reversal=1),
            cell(10, delay=10, threshold=80, reset_mode=1),
        ],
        stimulus=Stimulus(260, (Pulse(EXCITE, 20, 140, 0, 8), Pulse(EXCITE, 200, 212, 0, 8))),
        how="The second neuron takes the drive away again 10 ticks later, so only what it grew by in 10 ticks "
        "counts, and the leak swallows slow growth.",
    ),
    Behaviour(
        *("S", "inhibition-induced spiking", tonic_spiking),
        cells=[cell(0, -5, threshold=40, floor=100, reset=-50, leak=-1, leak_reversal=1)],
        stimulus=Stimulus(290, _INHIBITION),
        how="Inhibition drives it to the floor, which resets it above the threshold.",
    ),
    Behaviour(
        *("T", "inhibition-induced bursting", tonic_bursting),
        cells=[cell(0, -8, 30, delay=8, threshold=25, floor=60, reset=-50, leak=-2, leak_reversal=1)],
        stimulus=Stimulus(290, _INHIBITION),
        how="As (S), but fast, and its spikes excite itself 8 ticks later, away from the floor.",
    ),
)


# --- table, picture, command line -------------------------------------------------------------------------------------


def table() -> str:
    """Markdown: each behaviour, its neurons, what counts as it and how the parameters make it."""
    lines = ["| | behaviour | neurons | counts as it | how |", "|---|---|---|---|---|"]
    for item in BEHAVIOURS:
        neurons = f"{len(item.cells)}" if item.reached else "not reached"
        lines.append(f"| {item.letter} | {item.name} | {neurons} | {item.rule} | {item.how} |")
    return "\n".join(lines) + "\n"


def summary() -> list[dict[str, Any]]:
    """The same for programs, with the parameters that differ from their defaults and the spikes."""
    return [
        {
            "letter": item.letter,
            "name": item.name,
            "reached": item.reached,
            "neurons": [{**cell.parameters, "delay": cell.delay, "start": cell.start} for cell in item.cells],
            "rule": item.rule,
            "how": item.how,
            "spikes": [record.spikes for record in simulate(item)],
        }
        for item in BEHAVIOURS
    ]


#: Okabe & Ito's colours, which differ for every eye; what is not reached is grey.
COLOURS = {"potential": "#0072B2", "spike": "#D55E00", "excitation": "#009E73", "inhibition": "#CC79A7"}
GREY = "#B0B0B0"
_MARGINS = {"left": 0.01, "right": 0.99, "top": 0.975, "bottom": 0.04, "wspace": 0.09, "hspace": 0.2}


def draw(output: Path) -> None:
    """Write the picture: potential and spikes of the observed neuron above the input, for the first presentation.

    Raises SpecError when the suffix is none of ``FORMATS`` or the place cannot be written.
    """
    if (suffix := output.suffix.lower()) not in FORMATS:
        raise SpecError.rule("Output", f"a file ending in {', '.join(FORMATS)}", output)
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"font.size": 8, "svg.fonttype": "none", "svg.hashsalt": "hillock"}), replacing(output) as partial:
        figure = Figure(figsize=(12.4, 11.2))
        axes = figure.subplots(5, 4, gridspec_kw=_MARGINS)
        for each, item in zip(axes.flat, BEHAVIOURS, strict=True):
            _panel(each, item)
        figure.legend(handles=_legend(), loc="lower center", ncols=6, frameon=False, fontsize=9, handlelength=1.6)
        figure.savefig(partial, format=suffix[1:], dpi=120, metadata=FORMATS[suffix])


def _panel(axes: Axes, item: Behaviour) -> None:
    """One behaviour: potential in [0.45, 1.3], spikes up to 1.6, input around 0.1, a bar for the time below."""
    record, ticks, reached = simulate(item)[0], item.stimulus.ticks, item.reached
    colours = COLOURS if reached else dict.fromkeys(COLOURS, GREY)
    v, threshold = record.potentials[0], int(item.cells[0].neuron.threshold)
    low, high = min(*v, 0), max(*v, threshold)

    def height(potential: int) -> float:
        return 0.45 + 0.85 * (potential - low) / (high - low)

    # The potential of a tick with a spike is already the reset; the curve goes up to the threshold first.
    curve = [(at, x) for at, after in enumerate(v) for x in ([threshold, after] if at in record.spikes else [after])]
    axes.axhline(height(threshold), color="0.6", lw=0.6, ls=(0, (5, 3)))
    axes.axhline(height(0), color="0.8", lw=0.6)
    axes.plot([at for at, _ in curve], [height(x) for _, x in curve], color=colours["potential"], lw=1)
    axes.vlines(record.spikes, height(threshold), 1.6, color=colours["spike"], lw=1.2)
    for kind, name, size in ((EXCITE, "excitation", 0.22), (INHIBIT, "inhibition", -0.22)):
        counts = [item.stimulus.types(at).count(kind) for at in range(ticks)]
        if any(counts):
            tops = [0.1 + size * count / max(counts) for count in counts]
            axes.fill_between(range(ticks), 0.1, tops, step="mid", color=colours[name], lw=0.5)
    axes.axhline(0.1, color="0.6", lw=0.6)
    bar = 20 if ticks <= 120 else 50
    axes.plot([ticks - bar, ticks], [-0.2, -0.2], color="0.2", lw=1.4, solid_capstyle="butt")
    axes.text(ticks - bar / 2, -0.24, f"{bar} ticks", ha="center", va="top", fontsize=7, color="0.2")
    if not reached:
        axes.text(0.5, 0.5, "not reached", transform=axes.transAxes, ha="center", color="0.3", fontsize=11)
    neurons = f"{len(item.cells)} neuron{'s' if len(item.cells) > 1 else ''}"
    axes.set_title(f"({item.letter}) {item.name} \N{EN DASH} {neurons}", fontsize=9.5, color="0.1" if reached else GREY)
    axes.set(xlim=(0, ticks), ylim=(-0.42, 1.65))
    axes.axis("off")


def _legend() -> list[Any]:
    """What the lines and areas are."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    return [
        Line2D([], [], color=COLOURS["potential"], label="potential"),
        Line2D([], [], color=COLOURS["spike"], label="spike"),
        Line2D([], [], color="0.6", lw=0.8, ls=(0, (5, 3)), label="threshold"),
        Line2D([], [], color="0.8", lw=0.8, label="zero"),
        Patch(color=COLOURS["excitation"], label="excitatory input"),
        Patch(color=COLOURS["inhibition"], label="inhibitory input"),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw the picture and print the table; exit code 1 when a behaviour is not reached, 2 for a bad output."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("behaviours.png"), help="picture (default behaviours.png)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args(arguments)
    try:
        draw(options.output)
    except HillockError as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(summary(), indent=2) + "\n" if options.json else table(), end="")
    return int(not all(item.reached for item in BEHAVIOURS))


if __name__ == "__main__":
    sys.exit(main())
