"""Which golden steps are mutated, which tests must notice, and why some mutants cannot be noticed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from golden.errors import SpecError

_STEPS = "tests/digital/test_golden_steps.py"


@dataclass(frozen=True)
class Machine:
    """The golden step of one machine.

    sources    modules that are mutated, and of each the definitions left alone: they say what a parameter may be, or
               put parameters into arrays
    tests      arguments of pytest, a run each; what one run does not notice is given to the next. The quick ones first
    explained  mutants that are no mistakes, by id, and why
    imports    what the tests import from elsewhere and takes long, imported once for all runs
    """

    name: str
    sources: Mapping[str, frozenset[str]]
    tests: tuple[tuple[str, ...], ...]
    explained: Mapping[str, str] = field(default_factory=dict)
    imports: tuple[str, ...] = ("hypothesis", "numpy", "numba", "amaranth.sim", "mpmath")

    @property
    def test_files(self) -> list[str]:
        """The files that the tests are in."""
        return [argument for arguments in self.tests for argument in arguments if argument.endswith(".py")]


_LABEL = "where the point of a format is says nothing to integers"
_NOT_DRAWN = "a number that is not drawn does not count (receive, leak, fire)"
_MODULO = "modulo the width, adding and subtracting a half are the same"
_NEGATIVE_ZERO = "-0 is 0"
_DIGITS = "more than enough to round 32 bits"
_ALPHA = "mulk(current, p.R, rounding.R) + p.V_rest"
_FIRST_RULE = "a model that wraps is not asked whether it corrects, one that clips not whether it saturates"

TRUENORTH = Machine(
    "truenorth",
    {
        "golden/lfsr.py": frozenset(),
        "golden/neurons/truenorth.py": frozenset({"PARAMETERS", "AXON_TYPES", "TrueNorthNeurons"}),
    },
    (
        ("tests/golden/test_lfsr.py", "tests/golden/test_truenorth.py"),
        (_STEPS, "-k", "truenorth"),
        ("tests/golden/machines/test_truenorth_machine.py",),
    ),
    {
        "lfsr.step: state >> 1 -> toward zero": "a state is never negative",
        "truenorth.POTENTIAL: Format(20, 0) -> Format(20, 1)": _LABEL,
        "truenorth.POTENTIAL: Format(20, 0) -> Format(20, -1)": _LABEL,
        "truenorth.chance: x < 0 -> x <= 0": _NEGATIVE_ZERO,
        "truenorth.leak: sign(moved) * sign(v) < 0 -> sign(moved) * sign(v) <= 0": (
            "it differs where V was 0 and so stays 0, and where V has become 0; both then become 0"
        ),
        "truenorth.fire: v < -p.floor -> v <= -p.floor": "V at the floor is set to the floor",
        **{
            f"truenorth.tick: {draw} else 0 -> {draw} else {other}": _NOT_DRAWN
            for draw in (
                "random.draw(RHO_BITS) if stochastic",
                "random.draw(RHO_BITS) if p.stochastic_leak",
                "random.draw(ETA_BITS) if p.random_bits",
            )
            for other in (1, -1)
        },
    },
)
LOIHI = Machine(
    "loihi",
    {"golden/neurons/loihi.py": frozenset({"PARAMETERS", "LoihiCompartments"})},
    (
        ("tests/golden/test_loihi.py",),
        (_STEPS, "-k", "loihi"),
        ("tests/golden/machines/test_loihi_machine.py",),
    ),
    {
        "loihi.STATE: Format(24, 0) -> Format(24, 1)": _LABEL,
        "loihi.STATE: Format(24, 0) -> Format(24, -1)": _LABEL,
        **{
            f"loihi.RULES: Rules({rules}) -> Rules({rules.replace(f'{name}=False', f'{name}=True')})": _FIRST_RULE
            for rules, name in (
                ("wraps=True, corrects=False, clips=False, saturates=True", "corrects"),
                ("wraps=True, corrects=False, clips=True, saturates=False", "corrects"),
                ("wraps=True, corrects=False, clips=True, saturates=False", "saturates"),
            )
        },
        "loihi.wrap: x + half -> x - half": _MODULO,
        "loihi.decay: select(x < 0, -x, x) * ((1 << UNITY_BITS) - d) >> UNITY_BITS -> toward zero": (
            "a magnitude is never negative"
        ),
        "loihi.decay: x < 0 -> x <= 0": _NEGATIVE_ZERO,
        "loihi.decay: x < 0 -> x <= 0 (2)": _NEGATIVE_ZERO,
        "loihi.sums: rules.corrects -> rules.saturates": "where nothing wraps: Lava does both, brian2-loihi neither",
        "loihi.sums: whole_v > p.vmax -> whole_v >= p.vmax": "v at its upper end is set to its upper end",
        "loihi.sums: whole_v < p.vmin -> whole_v <= p.vmin": "v at its lower end is set to its lower end",
        "loihi.update: r > 0 -> r > 1 (2)": "after the last step none is left: 1 - 1 is 0",
    },
)
SPINNAKER = Machine(
    "spinnaker",
    {
        "golden/stdfix.py": frozenset(),
        "golden/neurons/spinnaker.py": frozenset(
            {
                *("Arithmetic", "ARITHMETICS", "Solver", "SOLVERS", "VERSION", "TYPES", "Values", "_ACCUM"),
                *("PARAMETERS", "SpiNNakerNeurons", "_checked_floats"),
            }
        ),
    },
    (
        ("tests/golden/test_stdfix.py", "tests/golden/test_spinnaker_edges.py"),
        ("tests/golden/test_spinnaker.py", "-k", "not page"),
        (_STEPS, "-k", "spinnaker"),
        ("tests/golden/machines/test_spinnaker_machine.py",),
    ),
    {
        "stdfix.wrap: x + 2**31 -> x - 2 ** 31": _MODULO,
        "stdfix._tables: 50 -> 51": _DIGITS,
        "stdfix._tables: 50 -> 49": _DIGITS,
        "stdfix._exp: z - _LOWEST -> z + _LOWEST": "the table has 26 entries: 13 from its end is 13 from its start",
        f"spinnaker.update: wrap({_ALPHA}) -> {_ALPHA}": "alpha occurs only in sums that are wrapped",
    },
)
MACHINES: Mapping[str, Machine] = {machine.name: machine for machine in (TRUENORTH, LOIHI, SPINNAKER)}


def parse(names: str) -> list[Machine]:
    """Machines by their names, separated by commas; SpecError for another."""
    chosen = [name.strip() for name in names.split(",")]
    if unknown := [name for name in chosen if name not in MACHINES]:
        raise SpecError.rule("Machine", f"one of {', '.join(MACHINES)}", repr(unknown[0]))
    return [MACHINES[name] for name in dict.fromkeys(chosen)]
