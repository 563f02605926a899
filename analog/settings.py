"""What decides an analog run besides the neuron and its input: scale factors, supply, circuit variant, solver."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from analog.chip import CHIPS, NONE, on_grid
from analog.technology import Process
from golden.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIANTS = ("xspice", "xspice_free")
SYNAPSES = ("ideal", "bss2")

#: Largest and smallest ratio of biological to hardware time.
ACCELERATION = (1.0, 1e5)


@dataclass(frozen=True)
class SolverOptions:
    """ngspice's options for spiking circuits; its own defaults lose or displace spikes silently.

    reltol, chgtol [C], abstol [A], trtol   tolerances of the step control
    method                                  integration method; Gear damps the switching edges, trapezoidal rings
    steps_per_tau                           a time step is at most this fraction of the shortest time constant

    Gear's second-order formula changes a decay rate by at most (step/tau)^2 / 3 in relative terms, which is where
    ``steps_per_tau`` comes from: 50 make 0.013 %.
    """

    method: str = "gear"
    chgtol: float = 1e-18
    trtol: float = 1.0
    reltol: float = 1e-4
    abstol: float = 1e-15
    steps_per_tau: float = 50.0

    def __post_init__(self) -> None:
        if self.method not in ("gear", "trap"):
            raise SpecError.rule("Solver method", "gear or trap", repr(self.method))
        for name in ("chgtol", "trtol", "reltol", "abstol", "steps_per_tau"):
            if not getattr(self, name) > 0:
                raise SpecError.rule(f"Solver {name}", "positive", f"{getattr(self, name):g}")

    def card(self) -> str:
        """The ``.options`` line."""
        return (
            f".options method={self.method} chgtol={self.chgtol:g} trtol={self.trtol:g} "
            f"reltol={self.reltol:g} abstol={self.abstol:g}"
        )


#: Options for transistor decks, whose charges are a thousand times those of an ideal comparator's pole.  Between spikes
#: the longest step decides: a hundred times stricter options change an OTA neuron's intervals by 2e-5 at three times
#: the cost, and leave their error, 2.2e-4 at most in runs of 3.6 intervals (a thousandth of the run).  Longer runs of a
#: tier get a hundredth of the time constant; without it 40 intervals at the lowest drive are 1 % too short in GF180.
TRANSISTOR_SOLVER = SolverOptions(chgtol=1e-16, reltol=1e-3, steps_per_tau=100)


#: For circuits whose spike is a positive feedback from the membrane: its run-up amplifies the error of every step, and
#: Gear's is three times the trapezoidal rule's.  In runs of 3.6 intervals these are too short, by at most 7.2e-5
#: (axon-hillock), 5.8e-4 (Indiveri) and 6.4e-4 (DPI); the lowest drive is worst but for the first.  Longer runs have
#: longer steps here too (not the axon-hillock, whose edges decide): up to 0.36 % in runs of 40 intervals.
REGENERATIVE_SOLVER = SolverOptions(method="trap", chgtol=1e-17, reltol=1e-4)

#: As TRANSISTOR_SOLVER, for behavioural transistors, whose gates hold less charge.
MACRO_SOLVER = SolverOptions(chgtol=1e-17, reltol=1e-3)


def solver_for(process: Process) -> SolverOptions:
    """ngspice's options for a transistor circuit in ``process``."""
    return MACRO_SOLVER if process.technology == "macro" else TRANSISTOR_SOLVER


@dataclass(frozen=True)
class TierDefaults:
    """What a tier's circuits are made of, and the supply and window [V] they have when the user gives none.

    Where the leak is a transistor pair, linear within 70 mV, the window is a fifth of a volt: the least that mismatch
    of a few millivolts allows.
    """

    technology: str
    supply: float
    v_min: float
    v_max: float


#: By name: ideal elements, behavioural blocks with finite gain, bandwidth and offset, and two foundries' transistors.
TIERS = {
    "ideal": TierDefaults("macro", 1.8, 0.4, 1.2),
    "macro": TierDefaults("macro", 1.8, 0.6, 0.8),
    "sky130": TierDefaults("sky130", 1.8, 0.6, 0.8),
    "gf180": TierDefaults("gf180", 3.3, 1.1, 1.3),
}

#: For a number that the tier decides.
BY_TIER = math.nan


@dataclass(frozen=True)
class AnalogSettings:
    """How biological neurons become circuits.

    acceleration   biological time / hardware time, 1 to 1e5 (BrainScaleS-1: 1e4, BrainScaleS-2: 1e3)
    capacitance    membrane capacitor of the circuit [F]
    supply         supply voltage [V], by default the tier's
    v_min, v_max   window [V] for the potentials that the neuron aims at (E_L, V_reset, V_th), by default the tier's
    bio_min, bio_max   biological potentials [V] at v_min and v_max; None: each neuron's own lowest and highest
    tier           level of the circuits' realism: "ideal", "macro", "sky130" or "gf180"
    variant        "xspice" or "xspice_free", of the ideal and macro tiers
    corner         process corner of the transistors: "tt", "ff", "ss", "sf", "fs"
    celsius        temperature [degree Celsius] of the macro tier and the transistors
    mismatch       seed of the chip's devices (each neuron has its own); None: all are alike
    calibration    file of `hillock calibrate` whose codes the neurons get (sky130 and gf180); None: nominal biases
    synapse        "ideal", or "bss2": input spikes of neurons with tau_syn through synapse circuits (sky130, gf180)
    chip           "none" or "brainscales2": ranges, and bits of parameters, weights and readout
    solver         ngspice's options; None leaves ngspice its own defaults (wrong: see docs/analog.md)

    Raises SpecError when a rule is broken.
    """

    acceleration: float = 1e4
    capacitance: float = 2e-12
    supply: float = BY_TIER
    v_min: float = BY_TIER
    v_max: float = BY_TIER
    bio_min: float | None = None
    bio_max: float | None = None
    tier: str = "ideal"
    variant: str = "xspice"
    corner: str = "tt"
    celsius: float = 27.0
    mismatch: int | None = None
    calibration: str | None = None
    synapse: str = "ideal"
    chip: str = "none"
    solver: SolverOptions | None = field(default_factory=SolverOptions)

    def __post_init__(self) -> None:
        if self.tier not in TIERS:
            raise SpecError.rule("Analog tier", f"one of {', '.join(TIERS)}", repr(self.tier))
        for name in ("supply", "v_min", "v_max"):
            given = getattr(self, name)
            if isinstance(given, float) and math.isnan(given):
                object.__setattr__(self, name, getattr(TIERS[self.tier], name))
        for name in ("acceleration", "capacitance", "supply", "v_min", "v_max", "bio_min", "bio_max", "celsius"):
            value = getattr(self, name)
            if value is None and name.startswith("bio"):
                continue
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise SpecError.rule(f"Analog {name}", "a number", repr(value))
        low, high = ACCELERATION
        if not low <= self.acceleration <= high:
            raise SpecError.rule("Analog acceleration", f"between {low:g} and {high:g}", f"{self.acceleration:g}")
        if not 1e-15 <= self.capacitance <= 1e-6:
            raise SpecError.rule("Analog capacitance", "between 1e-15 and 1e-06 F", f"{self.capacitance:g} F")
        if not 0.5 <= self.supply <= 5:
            raise SpecError.rule("Analog supply", "between 0.5 and 5 V", f"{self.supply:g} V")
        if not 0 <= self.v_min < self.v_max <= self.supply:
            rule = f"0 <= v_min < v_max <= supply ({self.supply:g} V)"
            raise SpecError.rule("Analog window", rule, f"{self.v_min:g} to {self.v_max:g} V")
        if (self.bio_min is None) != (self.bio_max is None):
            raise SpecError.rule("Analog bio_min and bio_max", "given together", "one alone")
        if self.bio_min is not None and self.bio_max is not None and not self.bio_min < self.bio_max:
            raise SpecError.rule("Analog bio_max", f"above bio_min ({self.bio_min:g} V)", f"{self.bio_max:g} V")
        if self.variant not in VARIANTS:
            raise SpecError.rule("Analog variant", f"one of {', '.join(VARIANTS)}", repr(self.variant))
        if self.chip not in (NONE, *CHIPS):
            raise SpecError.rule("Analog chip", f"one of {NONE}, {', '.join(CHIPS)}", repr(self.chip))
        for name in ("v_min", "v_max"):
            object.__setattr__(self, name, on_grid(getattr(self, name), self.chip, self.supply))
        if self.synapse not in SYNAPSES:
            raise SpecError.rule("Analog synapse", f"one of {', '.join(SYNAPSES)}", repr(self.synapse))
        if self.synapse != "ideal" and TIERS[self.tier].technology == "macro":
            raise SpecError.rule("Analog synapse", f"ideal for tier {self.tier}", repr(self.synapse))
        if self.calibration is not None and TIERS[self.tier].technology == "macro":
            raise SpecError.rule("Analog calibration", "given for tier sky130 or gf180", f"for {self.tier}")
        self.process  # noqa: B018  # corner, temperature, supply and mismatch have the process's rules

    @property
    def process(self) -> Process:
        """What the circuits are made of; the ideal tier has none of its own, and any supply."""
        if self.tier == "ideal":
            return Process("macro", self.corner, self.celsius, mismatch=self.mismatch)
        return Process(TIERS[self.tier].technology, self.corner, self.celsius, self.supply, self.mismatch)

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> AnalogSettings:
        """Build from the ``[analog]`` table of an experiment file; every key is optional, an unknown one an error."""
        known = [entry.name for entry in fields(cls) if entry.name != "solver"]
        for key in table:
            if key not in known:
                raise SpecError.rule("Analog key", f"one of {', '.join(known)}", repr(key))
        return cls(**table)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a trace header, solver options included."""
        return asdict(self)
