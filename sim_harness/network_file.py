"""Networks in experiment files: ``[[population]]``, ``[[projection]]``, and stimuli that name a population.

[[population]]
name = "in"                        # without a neuron: sources, whose spikes are input
size = 64

[[population]]
name = "out"
size = 10
neuron = { tau_m = 20e-3, R = 100e6, E_L = -65e-3, V_th = -50e-3, V_reset = -65e-3 }

[[projection]]
source = "in"
target = "out"
connect = "random"                 # dense, sparse, one_to_one, fixed_in_degree, convolution
probability = 0.1
weight = 1e-12
delay = 1e-3
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import reduce
from operator import add
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from golden import stimulus as stimuli
from golden import synapses
from golden.errors import SpecError
from golden.files import read_npz
from golden.network import Network, Population, Projection
from golden.neurons.lif import LIFNeuron

if TYPE_CHECKING:
    from golden.stimulus import Stimulus
    from golden.synapses import Synapses

_SHARED = {"source", "target", "connect", "weight", "delay"}
#: Keys of each kind of connectivity beside those shared by all.
CONNECT: Mapping[str, set[str]] = {
    "dense": {"file"},
    "sparse": {"file"},
    "one_to_one": set(),
    "random": {"probability", "seed"},
    "fixed_in_degree": {"degree", "seed"},
    "convolution": {"file", "height", "width", "stride", "padding"},
}


def network_from(tables: Mapping[str, Any], folder: Path, seed: int) -> Network:
    """The network of an experiment file; files are looked up in ``folder``, ``seed`` is of random connectivity."""
    populations = [_population(table) for table in _tables("population", tables["population"])]
    sizes = {population.name: population.size for population in populations}
    projections = []
    for index, table in enumerate(_tables("projection", tables.get("projection", []))):
        ends = []
        for key in ("source", "target"):
            if table.get(key) not in sizes:
                raise SpecError.rule(f"Projection's {key}", f"one of {', '.join(sizes)}", repr(table.get(key)))
            ends.append(sizes[table[key]])
        made = _synapses(table, ends[0], ends[1], folder, seed + index)
        projections.append(Projection(table["source"], table["target"], made))
    return Network.of(populations, projections)


def stimulus_from(
    tables: list[Mapping[str, Any]], network: Network, duration: float, seed: int, folder: Path
) -> Stimulus:
    """The sum of the stimuli, each of the population that it names; none at all is silence."""
    parts = [stimuli.constant(network.size, duration, 0.0)]
    for index, table in enumerate(tables):
        name = table.get("population")
        if not isinstance(name, str) or name not in network.names:
            raise SpecError.rule("Stimulus population", f"one of {', '.join(network.names)}", repr(name))
        begin, size = network.names[name]
        rest = {key: value for key, value in table.items() if key != "population"}
        is_source = begin >= network.size
        if is_source:
            if rest.get("kind") != "poisson" or set(rest) != {"kind", "rate"}:
                raise SpecError.rule(
                    f"Stimulus of source {name}", "kind poisson with a rate, or spikes given as input", rest
                )
            rest["weight"] = 1.0
        part = stimuli.from_table(rest, size=size, duration=duration, seed=seed + index, folder=folder)
        parts.append(_embedded(part, begin, network, is_source))
    return reduce(add, parts)


def read_input(path: Path | str, size: int, duration: float | None) -> Stimulus:
    """The input file of a run: an npz of which every array is optional.

    spikes           (E, 2): rows (time [s], source), or (E, 3): rows (time [s], neuron, weight)
    times, currents  (K,) [s] and (K, N) [A]: as in golden.stimulus.Stimulus
    duration         [s]; else that of the experiment, or just beyond the last spike or change
    """
    arrays = read_npz(path, "Input")
    if unknown := arrays.keys() - {"spikes", "times", "currents", "duration"}:
        raise SpecError.rule(f"Array in input {path}", "one of spikes, times, currents, duration", repr(min(unknown)))
    if ("times" in arrays) != ("currents" in arrays):
        raise SpecError.rule(f"Input {path}", "given with both times and currents", "with one of them")
    for name, array in arrays.items():
        if array.dtype.kind not in "iuf":
            raise SpecError.rule(f"Array {name} in input {path}", "of numbers", f"of {array.dtype}")
    spikes = np.asarray(arrays.get("spikes", np.empty((0, 2))), dtype=np.float64)
    if spikes.ndim != 2 or spikes.shape[1] not in (2, 3):
        raise SpecError.rule(f"Spikes in input {path}", "of shape (E, 2) or (E, 3)", f"of shape {spikes.shape}")
    spikes = spikes[np.argsort(spikes[:, 0], kind="stable")]
    times = np.asarray(arrays.get("times", np.zeros(1)), dtype=np.float64)
    currents = np.asarray(arrays.get("currents", np.zeros((1, size))), dtype=np.float64)
    if "duration" in arrays:
        if arrays["duration"].shape != ():
            raise SpecError.rule(f"Duration in input {path}", "one number", f"of shape {arrays['duration'].shape}")
        duration = float(arrays["duration"])
    if duration is None:
        latest = max([0.0, *spikes[-1:, 0], *times[-1:]])
        duration = float(np.nextafter(latest + 1e-3, np.inf))
    from_sources = spikes if spikes.shape[1] == 2 else np.empty((0, 2))
    direct = spikes if spikes.shape[1] == 3 else None
    made = replace(stimuli.from_array(duration, times, currents, direct), source_spikes=from_sources)
    if made.size != size:
        raise SpecError.rule(f"Currents in input {path}", f"of {size} neurons", f"of {made.size}")
    return made


def _tables(name: str, value: Any) -> list[Mapping[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(table, Mapping) for table in value):
        raise SpecError.rule(f"Experiment {name}", f"a list of tables ([[{name}]])", repr(value))
    return value


def _population(table: Mapping[str, Any]) -> Population:
    for key in table:
        if key not in ("name", "size", "neuron"):
            raise SpecError.rule("Key in [[population]]", "one of name, neuron, size", repr(key))
    name, size, neuron = table.get("name"), table.get("size", 1), table.get("neuron")
    if not isinstance(name, str) or not name:
        raise SpecError.rule("Population name", "text", repr(name))
    if isinstance(size, bool) or not isinstance(size, int):
        raise SpecError.rule(f"Size of population {name}", "a whole number", repr(size))
    if neuron is not None and not isinstance(neuron, Mapping):
        raise SpecError.rule(f"Neuron of population {name}", "a table", repr(neuron))
    return Population(name, size, None if neuron is None else LIFNeuron.from_dict(neuron))


def _synapses(table: Mapping[str, Any], sources: int, targets: int, folder: Path, seed: int) -> Synapses:
    kind = table.get("connect")
    if not isinstance(kind, str) or kind not in CONNECT:
        raise SpecError.rule("Key connect of a projection", f"one of {', '.join(CONNECT)}", repr(kind))
    known = _SHARED | CONNECT[kind]
    for key in table:
        if key not in known:
            raise SpecError.rule(f"Key of a {kind} projection", f"one of {', '.join(sorted(known))}", repr(key))
    needed = "file" in known and (kind != "dense" or "weight" not in table)
    arrays = read_npz(folder / _text(table, "file"), "Weight file") if needed or "file" in table else {}
    delay = _value(table, arrays, "delay")
    table = {"seed": seed, "stride": 1, "padding": 0, **table}

    def weight() -> Any:
        return _value(table, arrays, "weight")

    build: Mapping[str, Callable[[], Synapses]] = {
        "dense": lambda: _dense(weight(), delay, sources, targets),
        "sparse": lambda: synapses.sparse(_value({}, arrays, "pre"), _value({}, arrays, "post"), weight(), delay),
        "one_to_one": lambda: synapses.one_to_one(min(sources, targets), weight(), delay),
        "random": lambda: synapses.random(
            sources, targets, _number(table, "probability"), weight(), delay, _whole(table, "seed")
        ),
        "fixed_in_degree": lambda: synapses.fixed_in_degree(
            sources, targets, _whole(table, "degree"), weight(), delay, _whole(table, "seed")
        ),
        "convolution": lambda: synapses.convolution(
            weight(),
            (_whole(table, "height"), _whole(table, "width")),
            delay,
            stride=_whole(table, "stride"),
            padding=_whole(table, "padding"),
        ),
    }
    return build[kind]()


def _dense(weights: Any, delay: Any, sources: int, targets: int) -> Synapses:
    """A matrix, or one weight between all pairs."""
    matrix = np.broadcast_to(weights, (sources, targets)) if np.ndim(weights) == 0 else np.asarray(weights)
    if matrix.shape != (sources, targets):
        raise SpecError.rule("Weight matrix", f"of shape {(sources, targets)}", f"of shape {matrix.shape}")
    return synapses.dense(matrix, delay)


def _value(table: Mapping[str, Any], arrays: Mapping[str, Any], key: str) -> Any:
    """A number of the table, or an array of the projection's file."""
    if key in table:
        return _number(table, key)
    if key not in arrays:
        raise SpecError.rule("Projection", f"given with {key}, in the table or in its file", "without")
    return arrays[key]


def _number(table: Mapping[str, Any], key: str) -> float:
    value = table.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise SpecError.rule(f"Key {key} of a projection", "a number", "missing" if value is None else repr(value))
    return float(value)


def _whole(table: Mapping[str, Any], key: str) -> int:
    value = table.get(key)
    if isinstance(value, bool) or not isinstance(value, int):
        raise SpecError.rule(
            f"Key {key} of a projection", "a whole number", "missing" if value is None else repr(value)
        )
    return value


def _text(table: Mapping[str, Any], key: str) -> str:
    value = table.get(key)
    if not isinstance(value, str):
        raise SpecError.rule(f"Key {key} of a projection", "text", "missing" if value is None else repr(value))
    return value


def _embedded(part: Stimulus, begin: int, network: Network, is_source: bool) -> Stimulus:
    """A population's stimulus as one of the whole network."""
    if is_source:
        spikes = part.spikes[:, :2] + np.array([0, begin - network.size])
        return stimuli.source_spikes(network.size, part.duration, spikes, part.seed)
    currents = np.zeros((part.times.size, network.size))
    currents[:, begin : begin + part.size] = part.currents
    return replace(part, currents=currents, spikes=part.spikes + np.array([0, begin, 0]))
