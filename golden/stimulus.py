"""What drives the neurons: piecewise-constant currents and weighted input spikes, the same for every engine.

Every stimulus is reduced to two tables in SI units, so that an exact solver, a time stepper, a circuit and a
digital core read the same thing.  Random ones are drawn from a seed, per neuron, independent of the number of
processes.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from golden.errors import SpecError
from golden.files import read_npz

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from golden.neurons.lif import FloatArray


@dataclass(frozen=True, eq=False)
class Stimulus:
    """Input of ``size`` neurons from time 0 to ``duration``.

    duration   [s], > 0
    times      (K,) [s]: start of each constant piece; the first is 0, ascending, all below duration
    currents   (K, size) [A]: current during each piece
    spikes     (S, 3): rows (time [s], neuron, weight), times ascending within [0, duration); weight is the
               peak of an exponential current [A] for neurons with tau_syn, else a charge [C]
    source_spikes  (E, 2): rows (time [s], source), times ascending within [0, duration): spikes of the network's
               sources, which reach neurons through its synapses
    seed       seed of random stimuli, for the record; None if nothing was drawn
    """

    duration: float
    times: FloatArray
    currents: FloatArray
    spikes: FloatArray
    seed: int | None = None
    source_spikes: FloatArray = field(default_factory=lambda: np.empty((0, 2)))

    def __post_init__(self) -> None:
        _positive("Duration", self.duration)
        times = np.asarray(self.times, dtype=np.float64)
        currents = np.atleast_2d(np.asarray(self.currents, dtype=np.float64))
        spikes = np.asarray(self.spikes, dtype=np.float64).reshape(-1, 3)
        source_spikes = np.asarray(self.source_spikes, dtype=np.float64).reshape(-1, 2)
        if times.ndim != 1 or times.size == 0 or times[0] != 0 or not (np.diff(times) > 0).all():
            raise SpecError.rule("Stimulus times", "ascending from 0", np.array2string(times, threshold=5))
        if times[-1] >= self.duration:
            raise SpecError.rule("Stimulus times", f"below the duration ({self.duration:g} s)", f"{times[-1]:g} s")
        if currents.ndim != 2 or currents.shape[0] != times.size:
            raise SpecError.rule("Stimulus currents", f"of shape ({times.size}, neurons)", f"of shape {currents.shape}")
        if not (np.isfinite(currents).all() and np.isfinite(spikes).all()):
            raise SpecError.rule("Stimulus", "finite", "nan or inf")
        if spikes.size:
            if (np.diff(spikes[:, 0]) < 0).any() or spikes[0, 0] < 0 or spikes[-1, 0] >= self.duration:
                raise SpecError.rule("Input spike times", f"ascending within 0 to {self.duration:g} s", "others")
            if not np.isin(spikes[:, 1], np.arange(currents.shape[1])).all():
                raise SpecError.rule("Input spike neurons", f"indices below {currents.shape[1]}", "others")
        if source_spikes.size:
            moments, sources = source_spikes.T
            if (wrong := ~((moments >= 0) & (moments < self.duration))).any():
                raise SpecError.rule(
                    "Source spike times", f"within 0 to {self.duration:g} s", f"{moments[wrong][0]:g} s"
                )
            if (np.diff(moments) < 0).any():
                raise SpecError.rule("Source spike times", "ascending", "out of order")
            if (wrong := (sources < 0) | (sources != np.rint(sources))).any():
                raise SpecError.rule("Source of a spike", "a whole number from 0 on", f"{sources[wrong][0]:g}")
        for name, value in (
            ("times", times), ("currents", currents), ("spikes", spikes), ("source_spikes", source_spikes)
        ):  # fmt: skip
            object.__setattr__(self, name, value)

    @property
    def size(self) -> int:
        """Number of neurons driven."""
        return int(self.currents.shape[1])

    def spikes_of(self, neuron: int) -> FloatArray:
        """(S, 2): rows (time [s], weight) of one neuron's input spikes."""
        rows: FloatArray = self.spikes[self.spikes[:, 1] == neuron]
        return rows[:, [0, 2]]

    def hash(self) -> str:
        """SHA-256 over duration and both tables."""
        arrays = [self.times, self.currents, self.spikes, *([self.source_spikes] if self.source_spikes.size else [])]
        digest = hashlib.sha256(repr((float(self.duration), *(array.shape for array in arrays))).encode())
        for array in arrays:
            digest.update(np.ascontiguousarray(array, dtype="<f8").tobytes())
        return digest.hexdigest()

    def __add__(self, other: Stimulus) -> Stimulus:
        """Both inputs together; durations and sizes must be equal."""
        if (self.duration, self.size) != (other.duration, other.size):
            raise SpecError.rule("Added stimuli", "of equal duration and size", "different")
        times = np.union1d(self.times, other.times)
        currents = sum(s.currents[np.searchsorted(s.times, times, side="right") - 1] for s in (self, other))
        spikes, from_sources = (
            table[np.argsort(table[:, 0], kind="stable")]
            for table in (
                np.concatenate((self.spikes, other.spikes)),
                np.concatenate((self.source_spikes, other.source_spikes)),
            )
        )
        seed = self.seed if self.seed is not None else other.seed
        return Stimulus(self.duration, times, np.asarray(currents), spikes, seed, from_sources)


_NO_SPIKES = np.empty((0, 3))


def constant(size: int, duration: float, amplitude: ArrayLike) -> Stimulus:
    """The same current [A] all the time; ``amplitude`` is shared or one value per neuron."""
    return Stimulus(duration, np.zeros(1), _row(size, amplitude)[None, :], _NO_SPIKES)


def step(size: int, duration: float, amplitude: ArrayLike, start: float = 0.0, stop: float | None = None) -> Stimulus:
    """``amplitude`` [A] from ``start`` to ``stop`` [s] (default: the end), 0 elsewhere."""
    _positive("Duration", duration)
    end = duration if stop is None else stop
    if not 0 <= start < end <= duration:
        raise SpecError.rule("Step", f"0 <= start < stop <= duration ({duration:g} s)", f"{start:g} to {end:g} s")
    row = _row(size, amplitude)
    silence = np.zeros(size)
    pieces = {0.0: silence, start: row} | ({end: silence} if end < duration else {})
    return Stimulus(duration, np.array(list(pieces)), np.array(list(pieces.values())), _NO_SPIKES)


def ramp(size: int, duration: float, first: ArrayLike, last: ArrayLike, interval: float) -> Stimulus:
    """A staircase from ``first`` to ``last`` [A]; every ``interval`` [s] a stair at the ramp's mean."""
    _positive("Duration", duration)
    _positive("Ramp interval", interval)
    count = max(1, int(np.ceil(duration / interval - 1e-9)))
    times: FloatArray = interval * np.arange(count, dtype=np.float64)
    middle = (times + np.minimum(times + interval, duration))[:, None] / (2 * duration)
    start, end = _row(size, first), _row(size, last)
    return Stimulus(duration, times, start + (end - start) * middle, _NO_SPIKES)


def pulses(
    size: int, duration: float, amplitude: ArrayLike, width: float, period: float, start: float = 0.0
) -> Stimulus:
    """Rectangular pulses of ``amplitude`` [A], ``width`` [s] long, one every ``period`` [s]."""
    _positive("Duration", duration)
    _positive("Pulse width", width)
    if not width < period < np.inf:
        raise SpecError.rule("Pulse period", f"longer than the width ({width:g} s)", f"{period:g} s")
    if not 0 <= start < duration:
        raise SpecError.rule("Pulse start", f"within the duration ({duration:g} s)", f"{start:g} s")
    row = _row(size, amplitude)
    silence = np.zeros(size)
    pieces = {0.0: silence}
    for begin in (start + period * np.arange(int(np.ceil((duration - start) / period)))).tolist():
        pieces |= {begin: row, begin + width: silence}
    kept = sorted(time for time in pieces if time < duration)
    return Stimulus(duration, np.array(kept), np.array([pieces[time] for time in kept]), _NO_SPIKES)


def poisson(
    size: int, duration: float, rate: ArrayLike, weight: ArrayLike, seed: int, bias: ArrayLike = 0.0
) -> Stimulus:
    """Poisson input spikes of ``rate`` [Hz] and ``weight`` to every neuron, on a constant ``bias`` [A].

    Each neuron draws from a stream of its own: its spikes do not depend on how many others there are.
    """
    _positive("Duration", duration)
    rates, weights = _row(size, rate), _row(size, weight)
    wrong = rates[~((rates >= 0) & (rates < np.inf))]
    if wrong.size:
        raise SpecError.rule("Poisson rate", "finite and not negative", f"{wrong[0]:g} Hz")
    if seed < 0:
        raise SpecError.rule("Seed", "zero or positive", seed)
    rows = []
    for neuron, child in enumerate(np.random.SeedSequence(seed).spawn(size)):
        rng = np.random.default_rng(child)
        times = np.sort(rng.uniform(0.0, duration, rng.poisson(rates[neuron] * duration)))
        rows.append(np.column_stack((times, np.full(times.size, neuron), np.full(times.size, weights[neuron]))))
    spikes = np.concatenate(rows)
    order = np.lexsort((spikes[:, 1], spikes[:, 0]))
    return Stimulus(duration, np.zeros(1), _row(size, bias)[None, :], spikes[order], seed)


def source_spikes(size: int, duration: float, spikes: ArrayLike, seed: int | None = None) -> Stimulus:
    """Spikes of a network's sources, rows (time [s], source) in any order, for a network of ``size`` neurons."""
    table = np.asarray(spikes, dtype=np.float64).reshape(-1, 2)
    ordered = table[np.lexsort((table[:, 1], table[:, 0]))]
    return Stimulus(duration, np.zeros(1), np.zeros((1, size)), _NO_SPIKES, seed, ordered)


def from_array(duration: float, times: ArrayLike, currents: ArrayLike, spikes: ArrayLike | None = None) -> Stimulus:
    """A stimulus from tables; see ``Stimulus`` for their shapes."""
    table = _NO_SPIKES if spikes is None else np.asarray(spikes, dtype=np.float64)
    return Stimulus(duration, np.asarray(times, dtype=np.float64), np.asarray(currents, dtype=np.float64), table)


def from_file(path: Path | str, duration: float) -> Stimulus:
    """Currents from a CSV file (time, current of neuron 0, 1, ...; a header line is skipped) or an .npz file.

    The .npz file holds ``times`` (K,), ``currents`` (K, N) and optionally ``spikes`` (S, 3).
    """
    path = Path(path)
    try:
        if path.suffix == ".npz":
            data = read_npz(path)
            return from_array(duration, data["times"], data["currents"], data.get("spikes"))
        with path.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.reader(file) if row]
        if rows and not _is_number(rows[0][0]):
            rows = rows[1:]
        table = np.array(rows, dtype=np.float64)
    except OSError as error:
        raise SpecError.rule(f"File {path}", "readable", (error.strerror or "unreadable").lower()) from None
    except KeyError as error:
        raise SpecError.rule(f"File {path}", "an npz with arrays times and currents", f"without {error}") from None
    except (ValueError, csv.Error) as error:
        raise SpecError.rule(f"File {path}", "a table of numbers with equally long rows", f"broken ({error})") from None
    if table.ndim != 2 or table.shape[1] < 2:
        raise SpecError.rule(f"File {path}", "a table with a time and at least one current", f"of shape {table.shape}")
    return from_array(duration, table[:, 0], table[:, 1:])


_KINDS = {
    "constant": ({"amplitude"}, set()),
    "step": ({"amplitude"}, {"start", "stop"}),
    "ramp": ({"first", "last", "interval"}, set()),
    "pulses": ({"amplitude", "width", "period"}, {"start"}),
    "poisson": ({"rate", "weight"}, {"bias"}),
    "file": ({"path"}, set()),
}


def from_table(
    table: Mapping[str, Any], *, size: int, duration: float, seed: int, folder: Path | None = None
) -> Stimulus:
    """Build from a ``[stimulus]`` table of an experiment file: ``kind`` and that function's arguments.

    Any amplitude may be a number, a list with one value per neuron, or ``{from = a, to = b}`` spread evenly.
    A relative ``path`` is looked up in ``folder``.
    """
    arguments = dict(table)
    kind = arguments.pop("kind", None)
    if not isinstance(kind, str) or kind not in _KINDS:
        raise SpecError.rule("Stimulus kind", f"one of {', '.join(_KINDS)}", repr(kind))
    needed, optional = _KINDS[kind]
    for key in arguments:
        if key not in needed | optional:
            raise SpecError.rule(
                f"Stimulus key for {kind}", f"one of {', '.join(sorted(needed | optional))}", repr(key)
            )
    missing = sorted(needed - set(arguments))
    if missing:
        raise SpecError.rule(f"Stimulus {kind}", f"given with {', '.join(sorted(needed))}", f"without {missing[0]}")
    if kind == "file":
        if not isinstance(arguments["path"], str):
            raise SpecError.rule("Stimulus path", "text", repr(arguments["path"]))
        stimulus = from_file((folder or Path()) / arguments["path"], duration)
        if stimulus.size != size:
            raise SpecError.rule(f"File {arguments['path']}", f"a stimulus for {size} neurons", f"for {stimulus.size}")
        return stimulus
    values: dict[str, Any] = {key: _spread(key, value, size) for key, value in arguments.items()}
    for key in ("start", "stop", "width", "period", "interval"):
        if key in values and np.ndim(values[key]):
            raise SpecError.rule(f"Stimulus {key}", "one number", "a list")
    if kind == "poisson":
        values["seed"] = seed
    builders: dict[str, Callable[..., Stimulus]] = {
        "constant": constant, "step": step, "ramp": ramp, "pulses": pulses, "poisson": poisson,
    }  # fmt: skip
    return builders[kind](size, duration, **values)


def _spread(key: str, value: Any, size: int) -> float | FloatArray:
    thing = f"Stimulus {key}"
    if isinstance(value, Mapping):
        if set(value) != {"from", "to"}:
            raise SpecError.rule(thing, "a number, a list, or {from, to}", dict(value))
        return np.linspace(_number(thing, value["from"]), _number(thing, value["to"]), size)
    if isinstance(value, list):
        return _row(size, [_number(thing, item) for item in value], thing)
    return _number(thing, value)


def _number(thing: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise SpecError.rule(thing, "a finite number", repr(value))
    return float(value)


def _row(size: int, value: ArrayLike, thing: str = "Stimulus value") -> FloatArray:
    array = np.asarray(value, dtype=np.float64)
    if size < 1:
        raise SpecError.rule("Population size", "at least 1", size)
    if array.shape not in ((), (1,), (size,)):
        raise SpecError.rule(thing, f"one number or one for each of {size} neurons", f"of shape {array.shape}")
    return np.array(np.broadcast_to(array, (size,)))


def _positive(thing: str, value: float) -> None:
    if not (np.isfinite(value) and value > 0):
        raise SpecError.rule(thing, "positive", f"{value:g} s")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
