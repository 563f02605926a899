"""Proofs: the obligations of ``digital.formal`` put to an SMT solver.

A claim is proved by k-induction: the solver finds no violation in the first k clocks from power-up (the base), and none
after k clocks without one from any state at all (the step). Multipliers are not searched through: Yosys makes one of
two products that have the same operands, which is why the specification takes them where the core does.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amaranth.back import rtlil

from digital.formal import obligations as lif
from digital.formal import truenorth_blocks, truenorth_core, truenorth_mesh
from golden.errors import SimulationError, SpecError
from sim_harness import toolchain
from sim_harness.jobs import run_all, run_tool

if TYPE_CHECKING:
    from digital.formal.question import Kind, Question

#: Every question.
OBLIGATIONS: tuple[Question, ...] = (
    *lif.OBLIGATIONS,
    *truenorth_core.OBLIGATIONS,
    *truenorth_blocks.OBLIGATIONS,
    *truenorth_mesh.OBLIGATIONS,
)

#: The answer that a question of each kind must have.
EXPECTED: dict[Kind, str] = {"proof": "proved", "cover": "reached", "control": "refuted"}
#: Verdict where the solver agrees with the claim.
GOOD: dict[Kind, str] = {"proof": "proved", "cover": "reached", "control": "not refuted"}
#: Seconds after which the solver gives up on one question.
TIMEOUT = 300

_TO_SMT = (
    "read_rtlil top.il; prep -flatten -top top; memory_nordff; opt -full; opt_merge -share_all; opt -full; "
    "async2sync; chformal -lower; opt -full; dffunmap; write_smt2 -wires top.smt2"
)


@dataclass(frozen=True)
class Answer:
    """What the solver found: verdict, labels of the assertions violated or corners not reached, run time [s]."""

    obligation: Question
    verdict: str
    labels: tuple[str, ...]
    seconds: float

    @property
    def right(self) -> bool:
        """Whether this is the answer that the obligation must have."""
        return self.verdict == EXPECTED[self.obligation.kind]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        question = self.obligation
        return {
            "kind": question.kind,
            "name": question.name,
            "claim": question.claim,
            **question.describe(),
            "clocks": [question.clocks.start, question.clocks.stop],
            "verdict": self.verdict,
            "expected": EXPECTED[question.kind],
            "right": self.right,
            "labels": list(self.labels),
            "seconds": round(self.seconds, 2),
        }


def select(text: str) -> tuple[Question, ...]:
    """The obligations whose kind, name or claim contains ``text``; SpecError when there is none."""
    found = tuple(obligation for obligation in OBLIGATIONS if text in str(obligation))
    if not found:
        raise SpecError.rule("Proof", "in the list of `hillock formal`", repr(text))
    return found


def prove(
    obligations: Sequence[Question] = OBLIGATIONS,
    *,
    jobs: int = 2,
    traces: Path | None = None,
    progress: Callable[[float], None] | None = None,
) -> list[Answer]:
    """Put the questions to the solver; counterexamples go to the folder ``traces`` as waveforms (VCD)."""
    toolchain.smtbmc_command()  # a missing tool is an error now
    if traces is not None:
        traces.mkdir(parents=True, exist_ok=True)
    # The most work first, so that processes finish together.
    return run_all(lambda obligation: answer(obligation, traces), obligations, jobs, progress)


def answer(obligation: Question, traces: Path | None = None) -> Answer:
    """Put one question to the solver."""
    began, clocks = time.perf_counter(), obligation.clocks
    with tempfile.TemporaryDirectory(prefix="hillock-proof-") as folder:
        work = Path(folder)
        text = rtlil.convert(obligation.spec(), name="top", emit_src=False)
        (work / "top.il").write_text(text, encoding="utf-8")
        run_tool([*toolchain.yosys_command(), "-q", "-p", _TO_SMT], work)
        names = dict(re.findall(r'cell \$check (\S+)\n\s*parameter \\FORMAT "(.*)"', text))
        window = f"{clocks.start}:{clocks.stop}"
        questions = {
            # The base of the induction, then its step.
            "proof": (("refuted", "-t", window), ("not inductive", "-i", "-t", f"{clocks.stop}:{clocks.stop}")),
            "cover": (("not reached", "-c", "-t", window),),
            "control": (("refuted", "-t", window),),
        }
        verdict, labels = GOOD[obligation.kind], tuple[str, ...]()
        for bad, *arguments in questions[obligation.kind]:
            passed, labels = _solve(work, names, *arguments)
            if not passed:
                verdict = bad if labels else "no answer"
                break
        trace = work / "trace.vcd"
        if traces is not None and trace.is_file():
            shutil.copy(trace, traces / f"{re.sub(r'[^a-z0-9_]+', '-', str(obligation))}.vcd")
    return Answer(obligation, verdict, labels, time.perf_counter() - began)


def _solve(work: Path, names: dict[str, str], *arguments: str) -> tuple[bool, tuple[str, ...]]:
    """Whether the solver agrees; if not, labels of the assertions it can break or covers it cannot reach.

    No labels: it gave up. Neither answer nor surrender is a SimulationError.
    """
    command = [*toolchain.smtbmc_command(), "--noprogress", "--timeout", str(TIMEOUT), "--dump-vcd", "trace.vcd"]
    output = run_tool([*command, *arguments, "top.smt2"], work, accepted=(0, 1))
    cells = re.findall(r"(?:Assert failed in|Unreached cover statement at) top: (\S+)", output)
    passed, failed, unknown = "Status: PASSED" in output, bool(cells), "from solver: unknown" in output
    if passed + failed + unknown != 1:
        raise SimulationError(f"Solver must answer, not stop: {(output.splitlines() or ['no message'])[-1].strip()}")
    return passed, tuple(sorted({names.get(cell, cell) for cell in cells}))
