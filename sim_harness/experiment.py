"""An experiment file: one network, one stimulus, and how each machine is to be set up for it.

TOML tables: ``[neuron]`` (golden.neurons.lif), ``[population] size``, ``[run] duration dt seed record``,
``[stimulus]`` or several ``[[stimulus]]`` that add up (golden.stimulus), ``[fixed]`` (the digital machine),
``[analog]`` (the circuit), ``[truenorth]``, ``[loihi]``, ``[spinnaker]`` (options of their placement). In place of
``[neuron]`` and ``[population]``, ``[[population]]`` and ``[[projection]]`` describe a network
(sim_harness.network_file).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, reduce
from operator import add
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from analog import AnalogSettings
from golden.errors import SpecError
from golden.fixed import ROUNDINGS, Format, Rounding
from golden.network import Network
from golden.neurons.lif import LIFNeuron, read_toml
from golden.neurons.lif_fixed import LIFFormat
from golden.propagator import SCHEMES, Scheme
from golden.quantise import QuantisedLIF, quantise
from golden.stimulus import Stimulus, from_table
from sim_harness.network_file import network_from, stimulus_from

if TYPE_CHECKING:
    from golden.integer import TickInputs

#: Options of each machine's placement that a file may set.
MACHINE_KEYS: Mapping[str, set[str]] = {
    "truenorth": {"rounding", "threshold", "axons", "neurons"},
    "loihi": {"rounding", "compat", "num_weight_bits", "scale"},
    "spinnaker": {"rounding", "arithmetic", "solver", "neurons_per_core"},
}
_TABLES = {"name", "neuron", "population", "projection", "run", "stimulus", "fixed", "analog", *MACHINE_KEYS}
_RUN_KEYS = {"duration", "dt", "seed", "record"}
_FIXED_KEYS = {
    "format", "input_width", "leak", "decay_bits", "leak_rounding", "comparison", "reset", "synapse",
    "refractory_bits", "unit", "rounding", "scheme",
}  # fmt: skip


@dataclass(frozen=True)
class FixedSettings:
    """The digital machine asked for: structure, volts of the potential's one, how parameters are rounded."""

    format: LIFFormat
    unit: float = 1e-3
    rounding: Rounding = "error"
    scheme: Scheme = "exponential"

    @classmethod
    def from_table(cls, table: Mapping[str, Any], neuron: LIFNeuron, has_input_spikes: bool) -> FixedSettings:
        """Read ``[fixed]``; the synapse defaults to what the neuron and the stimulus need."""
        check_keys("fixed", table, _FIXED_KEYS)
        structure = {key: value for key, value in table.items() if key not in ("format", "unit", "rounding", "scheme")}
        structure.setdefault(
            "synapse", "exponential" if neuron.tau_syn is not None else "delta" if has_input_spikes else "none"
        )
        for key in ("input_width", "decay_bits", "refractory_bits"):
            if key in structure:
                whole_number(f"Key fixed.{key}", structure[key])
        if table.get("rounding", "error") not in ROUNDINGS:
            raise SpecError.rule("Key fixed.rounding", f"one of {', '.join(ROUNDINGS)}", repr(table["rounding"]))
        if table.get("scheme", "exponential") not in SCHEMES:
            raise SpecError.rule("Key fixed.scheme", f"one of {', '.join(SCHEMES)}", repr(table["scheme"]))
        text = table.get("format", "24.16")
        if not isinstance(text, str):  # as a float 24.10 would be 24.1
            raise SpecError.rule("Key fixed.format", 'a string such as "24.16"', repr(text))
        return cls(
            format=LIFFormat(v=Format.parse(text), **structure),
            unit=number("Key fixed.unit", table.get("unit", 1e-3)),
            rounding=table.get("rounding", "error"),
            scheme=table.get("scheme", "exponential"),
        )


@dataclass(frozen=True, eq=False)
class Experiment:
    """Everything a run needs; ``record`` are the neurons whose membrane potential is drawn."""

    name: str
    network: Network
    stimulus: Stimulus
    dt: float
    fixed: FixedSettings
    analog: AnalogSettings
    seed: int = 0
    record: tuple[int, ...] = (0,)
    machines: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    #: Whether a network's file describes its circuit: then it is cross-checked as well.
    has_circuit: bool = False

    @classmethod
    def load(cls, path: Path | str, *, neurons: int | None = None, duration: float | None = None) -> Experiment:
        """Read an experiment file; ``neurons`` and ``duration`` [s] override its size and duration."""
        tables = read_toml(path)
        return cls.from_tables(tables, neurons=neurons, duration=duration, folder=Path(path).parent)

    @classmethod
    def from_tables(
        cls,
        tables: Mapping[str, Any],
        *,
        neurons: int | None = None,
        duration: float | None = None,
        folder: Path | None = None,
    ) -> Experiment:
        """Build from the parsed tables of an experiment file."""
        check_keys("", tables, _TABLES)
        machines = {name: _machine_options(name, tables[name]) for name in MACHINE_KEYS if name in tables}
        if isinstance(tables.get("population"), list):
            return cls._of_network(tables, machines, neurons, duration, folder or Path())
        for key in ("neuron", "run", "stimulus"):
            if key not in tables:
                raise SpecError.rule("Experiment", f"given with a [{key}] table", "without")
        if "projection" in tables:
            raise SpecError.rule("Experiment with a [[projection]]", "given with [[population]]", "without")
        for key in _TABLES - {"name", "stimulus", "projection"}:
            if not isinstance(tables.get(key, {}), Mapping):
                raise SpecError.rule(f"Experiment {key}", "a table", repr(tables[key]))
        run, population = tables["run"], tables.get("population", {})
        check_keys("run", run, _RUN_KEYS)
        check_keys("population", population, {"size"})
        neuron = LIFNeuron.from_dict(tables["neuron"])
        declared = whole_number("Population size", population.get("size", neuron.size or 1))
        network = Network(neuron, declared if neurons is None else whole_number("Population size", neurons))
        length = number("Duration", run.get("duration") if duration is None else duration)
        dt = number("Key run.dt", run.get("dt", 1e-4))
        _positive("Key run.dt", dt)
        seed = whole_number("Key run.seed", run.get("seed", 0))
        if seed < 0:
            raise SpecError.rule("Key run.seed", "at least 0", seed)
        sources = tables["stimulus"] if isinstance(tables["stimulus"], list) else [tables["stimulus"]]
        if not sources or not all(isinstance(source, Mapping) for source in sources):
            raise SpecError.rule("Experiment stimulus", "a table or a list of tables", repr(tables["stimulus"]))
        parts = [
            from_table(source, size=network.size, duration=length, seed=seed + index, folder=folder)
            for index, source in enumerate(sources)
        ]
        stimulus = reduce(add, parts)
        record = run.get("record", [network.size // 2])
        if not isinstance(record, list) or not all(isinstance(n, int) and n >= 0 for n in record) or not record:
            raise SpecError.rule("Key run.record", "a list of neuron indices", repr(record))
        if max(record) >= max(declared, network.size):
            raise SpecError.rule("Key run.record", f"indices below {max(declared, network.size)}", repr(record))
        return cls(
            name=str(tables.get("name", "experiment")),
            network=network,
            stimulus=stimulus,
            dt=dt,
            fixed=FixedSettings.from_table(tables.get("fixed", {}), neuron, bool(stimulus.spikes.size)),
            analog=_analog(tables.get("analog", {}), folder),
            seed=seed,
            # A population made smaller than the file's keeps what is left of the record.
            record=tuple(n for n in record if n < network.size) or (network.size - 1,),
            machines=machines,
        )

    @classmethod
    def _of_network(
        cls,
        tables: Mapping[str, Any],
        machines: Mapping[str, Mapping[str, Any]],
        neurons: int | None,
        duration: float | None,
        folder: Path,
    ) -> Experiment:
        """Build from a file with ``[[population]]`` tables; without a stimulus the input comes with the run."""
        if neurons is not None:
            raise SpecError.rule("Option --neurons", "used with a single population", "with [[population]] tables")
        if "neuron" in tables:
            raise SpecError.rule("Neuron", "given in each [[population]]", "in a table of its own")
        run = tables.get("run", {})
        for key in ("run", "fixed", "analog"):
            if not isinstance(tables.get(key, {}), Mapping):
                raise SpecError.rule(f"Experiment {key}", "a table", repr(tables[key]))
        check_keys("run", run, _RUN_KEYS)
        seed = whole_number("Key run.seed", run.get("seed", 0))
        network = network_from(tables, folder, seed)
        sources = tables.get("stimulus", [])
        sources = sources if isinstance(sources, list) else [sources]
        if not all(isinstance(source, Mapping) for source in sources):
            raise SpecError.rule("Experiment stimulus", "a table or a list of tables", repr(tables["stimulus"]))
        length = number("Duration", run.get("duration", 1.0) if duration is None else duration)
        stimulus = stimulus_from(sources, network, length, seed, folder)
        record = run.get("record", [0])
        if not isinstance(record, list) or not all(isinstance(n, int) and 0 <= n < network.size for n in record):
            raise SpecError.rule("Key run.record", f"a list of indices below {network.size}", repr(record))
        return cls.of_network(
            network,
            stimulus,
            name=str(tables.get("name", "network")),
            dt=_positive("Key run.dt", number("Key run.dt", run.get("dt", 1e-3))),
            fixed=FixedSettings.from_table(tables.get("fixed", {}), network.neuron, has_input_spikes=True),
            analog=_analog(tables.get("analog", {}), folder),
            seed=seed,
            record=tuple(record),
            machines=machines,
            has_circuit="analog" in tables,
        )

    @classmethod
    def of_network(cls, network: Network, stimulus: Stimulus, *, dt: float = 1e-3, **settings: Any) -> Experiment:
        """An experiment on a network made in Python or read from an .npz; every other field has its default."""
        defaults: dict[str, Any] = {
            "name": "network",
            "fixed": FixedSettings.from_table({}, network.neuron, has_input_spikes=True),
            "analog": AnalogSettings.from_table({}),
        }
        return cls(network=network, stimulus=stimulus, dt=dt, **(defaults | settings))

    @cached_property
    def quantised(self) -> QuantisedLIF:
        """The network as integers; QuantisationError when the format cannot hold it."""
        fixed = self.fixed
        return quantise(
            self.network,
            self.dt,
            fixed.format,
            unit=fixed.unit,
            rounding=fixed.rounding,
            scheme=fixed.scheme,
            seed=self.seed,
        )

    @cached_property
    def tick_inputs(self) -> TickInputs:
        """The stimulus as integers."""
        return self.quantised.inputs(self.stimulus)


def _analog(table: Mapping[str, Any], folder: Path | None) -> AnalogSettings:
    """The circuit's settings; a calibration's file is beside the experiment's, unless its path says otherwise."""
    path = table.get("calibration")
    if isinstance(path, str) and folder is not None:
        table = {**table, "calibration": str(folder / path)}
    return AnalogSettings.from_table(table)


def _machine_options(name: str, table: Any) -> Mapping[str, Any]:
    """The options of a machine's placement, as it takes them."""
    if not isinstance(table, Mapping):
        raise SpecError.rule(f"Experiment {name}", "a table", repr(table))
    check_keys(name, table, MACHINE_KEYS[name])
    for key, value in table.items():
        if key in ("rounding", "compat", "arithmetic", "solver"):
            if not isinstance(value, str):
                raise SpecError.rule(f"Key {name}.{key}", "text", repr(value))
        elif key == "scale":
            _positive(f"Key {name}.scale", number(f"Key {name}.scale", value))
        else:
            whole_number(f"Key {name}.{key}", value)
    if table.get("rounding", "error") not in ROUNDINGS:
        raise SpecError.rule(f"Key {name}.rounding", f"one of {', '.join(ROUNDINGS)}", repr(table["rounding"]))
    return table


def _positive(thing: str, value: float) -> float:
    if not value > 0:
        raise SpecError.rule(thing, "positive", f"{value:g}" + (" s" if thing.endswith("dt") else ""))
    return value


def check_keys(table: str, given: Mapping[str, Any], known: set[str]) -> None:
    """Refuse unknown keys, naming the known ones."""
    for key in given:
        if key not in known:
            where = f"Key in [{table}]" if table else "Table or key of an experiment"
            raise SpecError.rule(where, f"one of {', '.join(sorted(known))}", repr(key))


def number(thing: str, value: Any) -> float:
    """A finite float, or a SpecError that names the thing."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise SpecError.rule(thing, "a number", "missing" if value is None else repr(value))
    return float(value)


def whole_number(thing: str, value: Any) -> int:
    """An int, or a SpecError that names the thing."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise SpecError.rule(thing, "a whole number", repr(value))
    return value
