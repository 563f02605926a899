"""Run the tests of a machine against the mutants of its golden step, and say which nobody noticed."""

from __future__ import annotations

import hashlib
import json
import queue
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from golden.errors import SpecError
from golden.files import replacing
from sim_harness.jobs import run_all
from sim_harness.mutation.mutants import Mutant, mutants
from sim_harness.mutation.operators import KINDS, Kind
from sim_harness.mutation.trees import Tree, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sim_harness.mutation.machines import Machine


@dataclass(frozen=True)
class Result:
    """The verdicts on the mutants of a machine, in the order of the list; ``whole`` if none was left out."""

    machine: Machine
    verdicts: Mapping[Mutant, Verdict]
    whole: bool

    @property
    def survivors(self) -> list[Mutant]:
        """Mutants that no test noticed."""
        return [mutant for mutant, verdict in self.verdicts.items() if verdict.killed_by is None]

    @property
    def unexplained(self) -> list[Mutant]:
        """Survivors without a reason."""
        return [mutant for mutant in self.survivors if mutant.id not in self.machine.explained]

    @property
    def stale(self) -> list[str]:
        """Explained mutants that a test noticed, or that do not exist."""
        noticed = {mutant.id: verdict.killed_by is not None for mutant, verdict in self.verdicts.items()}
        return [name for name in self.machine.explained if noticed.get(name, self.whole)]

    @property
    def right(self) -> bool:
        """Whether every survivor is explained, and every explanation needed."""
        return not self.unexplained and not self.stale

    @property
    def score(self) -> float:
        """Share of the mistakes that was noticed; what is explained is none."""
        mistakes = len(self.verdicts) - len(self.survivors) + len(self.unexplained)
        return 1 - len(self.unexplained) / mistakes if mistakes else 1.0

    @property
    def killed(self) -> dict[Kind, tuple[int, int]]:
        """How many mutants of each class were noticed, and of how many."""
        every = Counter(mutant.kind for mutant in self.verdicts)
        alive = Counter(mutant.kind for mutant in self.survivors)
        return {kind: (every[kind] - alive[kind], every[kind]) for kind in KINDS}

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        reasons = self.machine.explained
        rows = [
            {name: value for name, value in asdict(mutant).items() if name != "source"}
            | asdict(verdict)
            | {"reason": reasons.get(mutant.id)}
            for mutant, verdict in self.verdicts.items()
        ]
        return {
            "machine": self.machine.name,
            "right": self.right,
            "mutants": len(rows),
            "killed": len(rows) - len(self.survivors),
            "equivalent": len(self.survivors) - len(self.unexplained),
            "score": self.score,
            "classes": {kind: {"killed": killed, "mutants": count} for kind, (killed, count) in self.killed.items()},
            "unexplained": [mutant.id for mutant in self.unexplained],
            "stale": self.stale,
            "verdicts": rows,
        }


def listed(machine: Machine, read: Callable[[str], str]) -> list[Mutant]:
    """All mutants of a machine; ``read`` gives the text of a source."""
    return [one for file, left_alone in machine.sources.items() for one in mutants(file, read(file), left_alone)]


def run(
    machine: Machine,
    root: Path = Path(),
    *,
    only: str = "",
    sample: int = 1,
    jobs: int = 1,
    kept: Path | None = None,
    progress: Callable[[float], None] | None = None,
) -> Result:
    """Try every ``sample``-th mutant of a machine that has ``only`` in its class or id.

    ``root`` is a checkout; it is copied once per job. ``kept`` is a file of verdicts, each added at once, so that an
    interrupted campaign goes on where it was: what is in it for the same mutated source and the same tests (up to the
    file that killed it) is not tried again. SpecError where no mutant is left, SimulationError where a control fails
    (``Tree.check``).
    """
    if sample < 1:
        raise SpecError.rule("Sample", "at least 1", sample)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hillock-mutation-")))
        trees = [stack.enter_context(closing(Tree(root, folder / str(k), machine))) for k in range(jobs)]
        every = listed(machine, trees[0].read)
        chosen = [mutant for mutant in every if only in mutant.kind or only in mutant.id][::sample]
        if not chosen:
            raise SpecError.rule("Mutants", "at least one", f"none with {only!r} in class or id")
        memory = _Memory(kept, machine, trees[0].read)
        if any(memory.get(mutant) is None for mutant in chosen):
            trees[0].check()
        free: queue.Queue[Tree] = queue.Queue()
        for tree in trees:
            tree.limits = trees[0].limits
            free.put(tree)

        def verdict(mutant: Mutant) -> Verdict:
            if (known := memory.get(mutant)) is not None:
                return known
            with _taken(free) as tree:
                return memory.put(mutant, tree.verdict(mutant.file, mutant.source))

        verdicts = run_all(verdict, chosen, jobs, progress)
    return Result(machine, dict(zip(chosen, verdicts, strict=True)), len(chosen) == len(every))


@contextmanager
def _taken(free: queue.Queue[Tree]) -> Iterator[Tree]:
    """A tree for as long as it is needed."""
    tree = free.get()
    try:
        yield tree
    finally:
        free.put(tree)


class _Memory:
    """Verdicts in a JSON file, by a digest of the mutated source and of the tests up to those that noticed it."""

    def __init__(self, path: Path | None, machine: Machine, read: Callable[[str], str]) -> None:
        self.path, self.files, self.lock = path, machine.test_files, threading.Lock()
        self.texts = [read(file) for file in self.files]
        self.verdicts: dict[str, Verdict] = {}
        if path is not None and path.exists():
            try:
                document = json.loads(path.read_text(encoding="utf-8"))
                self.verdicts = {key: Verdict(**value) for key, value in document.items()}
            except (OSError, ValueError, TypeError, AttributeError):
                raise SpecError.rule(f"File {path}", "the verdicts of a campaign", "something else") from None

    def _key(self, mutant: Mutant, last: int) -> str:
        return hashlib.sha256("\0".join([mutant.source, *self.texts[: last + 1]]).encode()).hexdigest()[:32]

    def _last(self, verdict: Verdict) -> int:
        """Number of the last file of tests that a verdict depends on: of the one that noticed, else of all."""
        file = (verdict.killed_by or "").partition("::")[0]
        return self.files.index(file) if file in self.files else len(self.files) - 1

    def get(self, mutant: Mutant) -> Verdict | None:
        """What is known of a mutant."""
        for last in range(len(self.files)):
            verdict = self.verdicts.get(self._key(mutant, last))
            if verdict is not None and self._last(verdict) == last:
                return verdict
        return None

    def put(self, mutant: Mutant, verdict: Verdict) -> Verdict:
        """Keep a verdict, in the file at once."""
        with self.lock:
            self.verdicts[self._key(mutant, self._last(verdict))] = verdict
            if self.path is not None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                text = json.dumps({key: asdict(value) for key, value in self.verdicts.items()}, indent=1)
                with replacing(self.path) as partial:
                    partial.write_text(text, encoding="utf-8")
        return verdict
