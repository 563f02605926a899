"""Cross-check: one experiment on every machine, each compared with the model it must equal.

The error budget is split so that nothing hides in another's tolerance:

    exact    -> stepped   discretisation   reported
    stepped  -> integer   quantisation     reported
    integer  -> RTL       must be zero     every spike and every state, bit for bit
    exact    -> ngspice   circuit          equal spike counts, spike times within a derived tolerance
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

import analog
from golden.integer import IntegerRecord
from golden.neurons.lif_fixed import State
from sim_harness.compare import IntegerComparison, SpikeComparison, compare_integers, compare_spikes
from sim_harness.engines import INFOS, EngineInfo, Verilog, build, parse_names
from sim_harness.rtl.divergence import Divergence, first_divergence

if TYPE_CHECKING:
    from golden.trace import Trace
    from sim_harness.experiment import Experiment

Verdict = Literal["agrees", "DISAGREES", "reported"]
#: Called with (engine name, fraction of its run that is done).
EngineProgress = Callable[[str, float], None]

#: The models that the comparisons of each kind of machine need beside it.
_NEEDS = {
    "exact": ("exact",),
    "stepped": ("exact", "stepped"),
    "integer": ("exact", "stepped", "integer"),
    "analog": ("exact",),
    "rtl": ("exact", "stepped", "integer"),
}
_BUDGET = {"stepped": ("exact", "discretisation"), "integer": ("stepped", "quantisation")}


@dataclass(frozen=True, eq=False)
class Run:
    """One machine's trace and the wall time [s] it took, builds included."""

    info: EngineInfo
    trace: Trace
    seconds: float


@dataclass(frozen=True, eq=False)
class Row:
    """One line of the verdict table: ``budget`` is the part of the error budget this comparison measures."""

    machine: str
    against: str
    budget: Literal["discretisation", "quantisation", "rtl", "circuit"]
    verdict: Verdict
    comparison: IntegerComparison | SpikeComparison
    divergence: Divergence | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "machine": self.machine,
            "against": self.against,
            "budget": self.budget,
            "verdict": self.verdict,
            "comparison": self.comparison.to_dict(),
            "first_divergence": None if self.divergence is None else str(self.divergence),
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
        if digital := [row.machine for row in self.rows if row.budget == "rtl"]:
            equal = "equals" if len(digital) == 1 else "equal"
            claims.append(f"{', '.join(digital)} {equal} the golden integers bit for bit")
        if any(row.budget == "circuit" for row in self.rows):
            claims.append("the circuit fires when the exact model does, within the derived tolerance")
        return f"All machines agree: {'; '.join(claims)}." if claims else "Models compared; no machine to judge."

    def to_dict(self) -> dict[str, Any]:
        """Plain values: verdict, machines, comparisons."""
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
    Amaranth's simulator, which runs no Verilog, is then left out of ``all``.
    """
    asked = parse_names(engines)
    if verilog is not None and engines == "all":
        asked.remove("amaranth")
    needed = {model for name in asked for model in _NEEDS[INFOS[name].kind]}
    names = [name for name in INFOS if name in needed | set(asked)]
    if any(INFOS[name].kind in ("integer", "rtl") for name in names):
        experiment.tick_inputs  # noqa: B018  # refuses an unreachable format before anything runs
    prepared = {name: build(name, experiment, verilog=verilog) for name in names}

    def run(name: str) -> Run:
        start = time.perf_counter()
        report = None if progress is None else lambda fraction: progress(name, fraction)
        trace = prepared[name](experiment.network, experiment.stimulus, report)
        if progress is not None:
            progress(name, 1.0)
        return Run(INFOS[name], trace, time.perf_counter() - start)

    golden = [name for name in names if INFOS[name].kind in ("exact", "stepped", "integer")]
    runs = {name: run(name) for name in golden}
    # The other machines are processes of their own: threads only wait for them.
    with ThreadPoolExecutor(max_workers=2) as pool:
        external = [name for name in names if name not in runs]
        runs |= dict(zip(external, pool.map(run, external), strict=True))
    rows = tuple(_compare(experiment, name, runs) for name in names if name != "exact")
    return Crosscheck(experiment, {name: runs[name] for name in names}, rows, verilog)


def _compare(experiment: Experiment, name: str, runs: dict[str, Run]) -> Row:
    trace, kind = runs[name].trace, runs[name].info.kind
    if kind == "analog":
        exact = runs["exact"].trace
        tolerance = analog.timing_tolerance(experiment.network, experiment.stimulus, experiment.analog).spikes
        spikes = compare_spikes(exact, trace, tolerance)
        return Row(name, "exact", "circuit", "agrees" if spikes.agrees else "DISAGREES", spikes)
    if kind == "rtl":
        reference = runs["integer"].trace
        bits = compare_integers(reference, trace)
        if bits.agrees:
            return Row(name, "integer", "rtl", "agrees", bits)
        return Row(name, "integer", "rtl", "DISAGREES", bits, _explain(experiment, reference, trace))
    against, budget = _BUDGET[kind]
    return Row(name, against, budget, "reported", compare_spikes(runs[against].trace, trace))  # type: ignore[arg-type]  # the table holds only budget names


def _explain(experiment: Experiment, reference: Trace, other: Trace) -> Divergence | None:
    return first_divergence(to_record(reference), to_record(other), experiment.quantised.lif, experiment.tick_inputs)


def to_record(trace: Trace) -> IntegerRecord:
    """The integers of a trace, as the golden integer machine records them."""
    states = State(*(np.asarray(trace.states[name], dtype=np.int64) for name in ("v_int", "i_int", "r_int")))
    assert trace.header.dt is not None
    ticks = np.rint(trace.spikes[:, 0] / trace.header.dt).astype(np.int64) - 1
    spikes = np.column_stack((ticks, trace.spikes[:, 1].astype(np.int64)))
    return IntegerRecord(*states, recorded=trace.recorded, spikes=spikes)
