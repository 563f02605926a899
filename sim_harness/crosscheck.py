"""Cross-check: one experiment on every machine, each compared with the model it must equal.

The error budget is split so that nothing hides in another's tolerance:

    exact    -> stepped   discretisation   reported
    stepped  -> integer   quantisation     reported
    integer  -> RTL       must be zero     every spike and every state, bit for bit
    truenorth -> RTL      must be zero     the same, of a network with synapses on the chip that it is placed on
    exact    -> ngspice   circuit          equal spike counts, spike times within a derived tolerance
    twins    -> ngspice   circuit          the same within the twins' bound, where the circuit's tier has twins

A circuit in a network is compared with its own model, given the spikes that reached the circuit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

import analog
from golden.errors import SimulationError
from golden.integer import IntegerRecord
from golden.neurons.lif_fixed import State
from sim_harness import toolchain
from sim_harness.compare import IntegerComparison, SpikeComparison, compare_integers, compare_spikes
from sim_harness.engines import INFOS, EngineInfo, Verilog, build, check_verilog, kind_of, parse_names
from sim_harness.rtl import processes
from sim_harness.rtl.divergence import Divergence, first_divergence

if TYPE_CHECKING:
    from golden.trace import Trace
    from sim_harness.experiment import Experiment

Verdict = Literal["agrees", "DISAGREES", "reported"]
Budget = Literal["discretisation", "quantisation", "rtl", "circuit"]
#: Called with (engine name, fraction of its run that is done).
EngineProgress = Callable[[str, float], None]

#: The models that the comparisons of each kind of machine need beside it.
_NEEDS = {
    "exact": ("exact",),
    "stepped": ("exact", "stepped"),
    "integer": ("exact", "stepped", "integer"),
    "analog": ("exact",),
    "twin": ("exact",),
    "rtl": ("exact", "stepped", "integer"),
    "machine": ("exact", "stepped"),
    "chip": ("exact", "stepped", "truenorth"),
}
#: Kind of machine -> what it must agree with, and which part of the error budget that is.
_MUST_HOLD: dict[str, tuple[str, Budget]] = {
    "analog": ("exact", "circuit"),
    "rtl": ("integer", "rtl"),
    "chip": ("truenorth", "rtl"),
}
#: Model -> what it is compared with, and which part that is.
_REPORTED: dict[str, tuple[str, Budget]] = {
    "stepped": ("exact", "discretisation"),
    "integer": ("stepped", "quantisation"),
    "machine": ("stepped", "quantisation"),
    "twin": ("exact", "circuit"),
}


@dataclass(frozen=True, eq=False)
class Run:
    """One machine's trace and the wall time [s] it took, builds included."""

    info: EngineInfo
    trace: Trace
    seconds: float


@dataclass(frozen=True)
class Failure:
    """Why a machine came to no result (a core that hangs, a circuit that fails its own checks), after how long [s]."""

    info: EngineInfo
    cause: str
    seconds: float


@dataclass(frozen=True, eq=False)
class Row:
    """One line of the verdict table: ``budget`` is the part of the error budget this comparison measures.

    seconds     wall time of the machine, builds included
    failure     why the machine has no result (then ``comparison`` is None)
    """

    machine: str
    against: str
    budget: Budget
    verdict: Verdict
    comparison: IntegerComparison | SpikeComparison | None
    seconds: float
    divergence: Divergence | None = None
    failure: str | None = None

    @property
    def explanation(self) -> str | None:
        """Where and how a machine that disagrees first goes wrong."""
        if self.divergence is not None:
            return str(self.divergence)
        match self.comparison:
            case IntegerComparison() as bits:
                first = "tick {}, neuron {}".format(*bits.first) if bits.first is not None else None
                return bits.contradiction or first
            case SpikeComparison() as times:
                return times.first if self.verdict == "DISAGREES" else None
        return self.failure

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "machine": self.machine,
            "against": self.against,
            "budget": self.budget,
            "verdict": self.verdict,
            "comparison": None if self.comparison is None else self.comparison.to_dict(),
            "first_divergence": self.explanation,
        }


@dataclass(frozen=True, eq=False)
class Crosscheck:
    """Result of a cross-check: every run, every comparison."""

    experiment: Experiment
    runs: dict[str, Run]
    rows: tuple[Row, ...]
    verilog: Verilog | None = None

    @property
    def agrees(self) -> bool:
        """Whether no comparison that must hold fails."""
        return all(row.verdict != "DISAGREES" for row in self.rows)

    @property
    def verdict(self) -> str:
        """The verdict in one sentence; it claims no more than was compared."""
        wrong = [row.machine for row in self.rows if row.verdict == "DISAGREES"]
        if wrong:
            return f"The machines disagree: {', '.join(wrong)}."
        claims = []
        digital: dict[tuple[str, str], list[str]] = {}
        for row in self.rows:
            match row.comparison:
                case IntegerComparison(updates=0):
                    digital.setdefault((row.against, "in every spike (no states shown)"), []).append(row.machine)
                case IntegerComparison():
                    digital.setdefault((row.against, "bit for bit"), []).append(row.machine)
                case SpikeComparison() as times if row.budget == "circuit" and row.verdict != "reported":
                    claim = "the circuit fires when the exact model does, within the derived tolerance"
                    if row.against == "twins":
                        claim = "the circuit fires when its golden twin does, within the twin's bound"
                    no_bound = f" ({times.unbounded} of {times.spikes} spikes have none)" if times.unbounded else ""
                    claims.append(claim + no_bound)
        for (against, how), names in digital.items():
            model = "the golden chip" if against == "truenorth" else "the golden integers"
            claims.insert(0, f"{', '.join(names)} {'equals' if len(names) == 1 else 'equal'} {model} {how}")
        return f"All machines agree: {'; '.join(claims)}." if claims else "Models compared; no machine to judge."

    def to_dict(self) -> dict[str, Any]:
        """Plain values: verdict, machines, comparisons, and what became of the parameters in fixed point."""
        fixed_point = "integer" in self.runs
        quantised = self.experiment.quantised.to_dict(self.experiment.stimulus) if fixed_point else None
        return {
            "experiment": self.experiment.name,
            "agrees": self.agrees,
            "verdict": self.verdict,
            "neurons": self.experiment.network.size,
            "duration": self.experiment.stimulus.duration,
            "dt": self.experiment.dt,
            "machines": {
                name: {"spikes": len(run.trace.spikes), "seconds": round(run.seconds, 3)}
                for name, run in self.runs.items()
            },
            "rows": [row.to_dict() for row in self.rows],
            "quantised": quantised,
            "verilog": None if self.verilog is None else self.verilog.name,
        }


def crosscheck(
    experiment: Experiment,
    engines: str | Sequence[str] = "all",
    *,
    verilog: Verilog | None = None,
    progress: EngineProgress | None = None,
) -> Crosscheck:
    """Run ``experiment`` on the named engines and on the models they are compared with.

    ``verilog`` is a user's own core (same ports), which then stands in for the generated one in every RTL engine;
    Amaranth's simulator, which runs no Verilog, is then left out of ``all``. On a network with synapses ``all`` is what
    can simulate them, of the machines those that the file describes.
    """
    asked = _asked(engines, experiment)
    check_verilog(verilog, asked)
    if verilog is not None and engines == "all":
        asked.remove("amaranth")
    needed = {model for name in asked for model in _NEEDS[kind_of(name, experiment)]}
    names = [name for name in INFOS if name in needed | set(asked)]
    if any(kind_of(name, experiment) in ("integer", "rtl") for name in names):
        experiment.tick_inputs  # noqa: B018  # refuses an unreachable format before anything runs
    prepared = {name: build(name, experiment, verilog=verilog) for name in names}

    def run(name: str) -> Run:
        start = time.perf_counter()

        def report(fraction: float) -> None:
            processes.check_interrupt()
            if progress is not None:
                progress(name, fraction)

        report(0.0)
        trace = prepared[name](experiment.network, experiment.stimulus, report)
        report(1.0)
        return Run(INFOS[name], trace, time.perf_counter() - start)

    def run_or_fail(name: str) -> Run | Failure:
        """A machine that does not come to a result disagrees; what the others found is still worth knowing."""
        start = time.perf_counter()
        try:
            return run(name)
        except SimulationError as error:
            return Failure(INFOS[name], str(error), time.perf_counter() - start)

    golden = [name for name in names if INFOS[name].kind in ("exact", "stepped", "integer", "machine", "twin")]
    runs = {name: run(name) for name in golden}
    # The other machines are processes of their own: threads only wait for them.
    external = [name for name in names if name not in runs]
    with processes.threads(2) as pool:
        outcomes = dict(zip(external, pool.map(run_or_fail, external), strict=True))
    runs |= {name: outcome for name, outcome in outcomes.items() if isinstance(outcome, Run)}
    rows = []
    for name in names:
        outcome = outcomes.get(name)
        if isinstance(outcome, Failure):
            rows.append(_failed(name, outcome, kind_of(name, experiment)))
        elif name != "exact":
            rows.append(_compare(experiment, name, runs))
    return Crosscheck(experiment, {name: runs[name] for name in names if name in runs}, tuple(rows), verilog)


def _asked(engines: str | Sequence[str], experiment: Experiment) -> list[str]:
    if engines == "all" and len(experiment.network.synapses):
        floats = [name for name, info in INFOS.items() if info.kind in ("exact", "stepped") and not info.special]
        circuits = ["ngspice"] if experiment.has_circuit else []
        machines = [name for name in INFOS if name in experiment.machines]
        chips = ["cxxrtl"] if "truenorth" in machines else []
        return [*floats, *circuits, *chips, *machines]
    return parse_names(engines)


def _failed(name: str, failure: Failure, kind: str) -> Row:
    against, budget = _MUST_HOLD[kind]
    return Row(name, against, budget, "DISAGREES", None, failure.seconds, failure=failure.cause)


def _compare(experiment: Experiment, name: str, runs: dict[str, Run]) -> Row:
    trace, kind, seconds = runs[name].trace, kind_of(name, experiment), runs[name].seconds
    if kind == "analog":
        setup = toolchain.ngspice_setup()
        wanted = analog.reference(experiment.network, experiment.stimulus, experiment.analog, trace, setup)
        spikes = compare_spikes(wanted.trace, trace, wanted.bounds)
        if wanted.bounds is None:
            return Row(name, wanted.model, "circuit", "reported", spikes, seconds)
        return Row(name, wanted.model, "circuit", "agrees" if spikes.agrees else "DISAGREES", spikes, seconds)
    if kind == "rtl":
        reference = runs["integer"].trace
        bits = compare_integers(reference, trace)
        if bits.agrees:
            return Row(name, "integer", "rtl", "agrees", bits, seconds)
        return Row(name, "integer", "rtl", "DISAGREES", bits, seconds, _explain(experiment, reference, trace))
    if kind == "chip":
        bits = compare_integers(runs["truenorth"].trace, trace)
        return Row(name, "truenorth", "rtl", "agrees" if bits.agrees else "DISAGREES", bits, seconds)
    against, budget = _REPORTED[kind]
    spikes = compare_spikes(runs[against].trace, trace)
    return Row(name, against, budget, "reported", spikes, seconds)


def _explain(experiment: Experiment, reference: Trace, other: Trace) -> Divergence | None:
    return first_divergence(to_record(reference), to_record(other), experiment.quantised.lif, experiment.tick_inputs)


def to_record(trace: Trace) -> IntegerRecord:
    """The integers of a trace, as the golden integer machine records them."""
    states = State(*(np.asarray(trace.states[name], dtype=np.int64) for name in ("v_int", "i_int", "r_int")))
    assert trace.header.dt is not None
    ticks = np.rint(trace.spikes[:, 0] / trace.header.dt).astype(np.int64) - 1
    spikes = np.column_stack((ticks, trace.spikes[:, 1].astype(np.int64)))
    return IntegerRecord(*states, recorded=trace.recorded, spikes=spikes)
