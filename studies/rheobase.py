"""Rheobase and f-I curve under a constant current, as light through an opsin gives it, on every machine.

Each machine is held against its own budget: the closed form of the neuron that its integers implement, on its grid of
time, with bounds for the rounding of inputs and updates; a circuit against its derived tolerance, or its golden twin.
So a deviation from the textbook's curve is either explained or a mistake.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from golden.neurons.lif import LIFNeuron
from sim_harness.engines import build
from sim_harness.engines.machine import place
from sim_harness.experiment import Experiment
from sim_harness.fi import measured_rates
from sim_harness.units import engineering
from studies.figures import COLOURS, INK, sheet
from studies.study import Finding, Outcome, Panel, Run, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from golden.neurons.lif import FloatArray
    from golden.trace import Trace

QUESTION = (
    "How strong must a constant current be to make the neuron fire (within twelve time constants), and how fast does "
    "it fire then? A constant light on an opsin does this to a neuron; here it is done to the closed form and to every "
    "machine."
)
ANSWER = (
    "What a machine deviates from the closed form is in its budget: rounded time constants, a grid of time, a constant "
    "leak that fires late, an amplifier of transistors that saturates and leaks too little near threshold. The Verilog "
    "does exactly what the fixed-point model does."
)

DT = 1e-4
NEURON = LIFNeuron.from_tau(tau_m=20e-3, R=1e8, E_L=-65e-3, V_th=-50e-3, V_reset=-65e-3, t_ref=2e-3)
#: Whole intervals at the lowest current that fires; time in which a current just above rheobase must fire [tau_m].
_PERIODS, _PATIENCE = 6, 12
#: Currents between which a rheobase is looked for, over the textbook's.
_SPAN = (0.3, 1.2)
#: Circuits: largest relative error of a period, as in docs/analog.md.
_CIRCUIT = 3e-3


@dataclass(frozen=True)
class Machine:
    """How one machine takes part: its engine, tables of its experiment, what its budget is, whether only in full."""

    engine: str
    title: str
    budget: str
    tables: Mapping[str, Any]
    neuron: LIFNeuron = NEURON
    full: bool = False


_NEAREST = {"rounding": "nearest"}
_FIXED = {"fixed": {"format": "24.16", **_NEAREST}}
_SAME = "none against fixed point"
MACHINES = {
    "exact": Machine("exact", "golden, exact events", "none", {}),
    "stepped": Machine("stepped", "golden, float steps", "grid of time", {}),
    "integer": Machine("integer", "golden, fixed point 24.16", "rounded parameters and inputs, grid", _FIXED),
    "cxxrtl": Machine("cxxrtl", "Verilog in CXXRTL", _SAME, _FIXED),
    "icarus": Machine("icarus", "Verilog in Icarus", _SAME, _FIXED, full=True),
    "truenorth": Machine(
        "truenorth", "TrueNorth", "constant leak; no t_ref", {"truenorth": _NEAREST}, replace(NEURON, t_ref=0.0)
    ),
    "loihi": Machine("loihi", "Loihi", "12-bit decay and bias, grid", {"loihi": _NEAREST}),
    "spinnaker": Machine("spinnaker", "SpiNNaker, s16.15", "s16.15 rounded down, grid", {"spinnaker": _NEAREST}),
    "ngspice": Machine("ngspice", "ideal circuit in ngspice", "periods within 0.3 %", {"analog": {}}),
    "sky130": Machine(
        "ngspice", "SKY130 transistors in ngspice", "its golden twin within 0.3 %", {"analog": {"tier": "sky130"}}
    ),
}


def compute(run: Run) -> Outcome:
    """All numbers."""
    wanted = [name for name in MACHINES if _takes_part(name, run)]
    factors = np.linspace(0.85, 3.0, 8 if run.quick else 24)
    factors = factors[np.abs(factors - 1) > 0.03]
    found = {name: run.piece(MACHINES[name].title, _measure, name=name, factors=factors.tolist()) for name in wanted}
    rows, findings = [], []
    for name, curve in found.items():
        findings.extend(_judge(name, curve, found))
        rows.append(_row(name, curve))
    columns = (
        "machine", "rheobase, over the closed form", "predicted by the budget", "rate above 1.1 rheobase, deviation",
        "of it not in the budget", "budget",
    )  # fmt: skip
    data = {"factors": factors, "rheobase": float(NEURON.rheobase), "machines": found}
    return Outcome(findings, (Table("Deviations and budgets", columns, tuple(rows)),), data)


def _takes_part(name: str, run: Run) -> bool:
    machine = MACHINES[name]
    if run.machines is not None:
        return machine.engine in run.machines
    return not (run.quick and machine.full)


def _measure(name: str, factors: list[float], progress: Callable[[float], None]) -> dict[str, Any]:
    """Rates and rheobase of one machine, and the bounds of both that its budget gives."""
    machine = MACHINES[name]
    neuron = machine.neuron
    currents = float(neuron.rheobase) * np.asarray(factors)
    exact = neuron.rate(currents)
    expected = exact
    if name == "truenorth":  # fires later than the textbook's neuron, near rheobase much later
        expected = _budget(name, currents, 0.1)["slowest"]
    slowest = float(1 / expected[expected > 0].min())
    duration = float(np.ceil(_PERIODS * slowest / DT) * DT)
    trace = _run(machine, currents, duration, lambda part: progress(part / 2))
    rheobase, resolution = _rheobase(machine, lambda part: progress(0.5 + part / 2))
    result = {
        "currents": currents, "exact": exact, "rates": measured_rates(trace),
        "rheobase": rheobase, "resolution": resolution,
        "spikes": trace.spikes if machine.engine in ("integer", "cxxrtl", "icarus") else np.zeros((0, 2)),
    }  # fmt: skip
    return result | _budget(name, currents, duration)


def _rheobase(machine: Machine, progress: Callable[[float], None]) -> tuple[float, float]:
    """The smallest of a grid of currents that fires within _PATIENCE, over the textbook's, and the grid's spacing."""
    scale = float(machine.neuron.rheobase)
    points, rounds = (9, 3) if machine.engine in ("ngspice", "twins") else (17, 3)
    low, high = _SPAN
    for k in range(rounds):
        asked = np.linspace(low, high, points)
        fires = np.isfinite(_run(machine, scale * asked, _PATIENCE * float(machine.neuron.tau_m), None).first_spikes())
        progress((k + 1) / rounds)
        first = max(int(np.argmax(fires)), 1) if fires.any() else points - 1
        low, high = float(asked[first - 1]), float(asked[first])
    return high, high - low


def _run(machine: Machine, currents: FloatArray, duration: float, progress: Callable[[float], None] | None) -> Trace:
    experiment = _experiment(machine, currents, duration)
    return build(machine.engine, experiment)(experiment.network, experiment.stimulus, progress)


def _experiment(machine: Machine, currents: FloatArray, duration: float) -> Experiment:
    tables = {
        "neuron": machine.neuron.to_dict(),
        "population": {"size": currents.size},
        "run": {"duration": duration, "dt": DT},
        "stimulus": {"kind": "constant", "amplitude": currents.tolist()},
        **machine.tables,
    }
    return replace(Experiment.from_tables(tables), record=())


def _budget(name: str, currents: FloatArray, duration: float) -> dict[str, Any]:
    """Bounds of rates, ``fastest`` and ``slowest`` [Hz], and of the rheobase, over the textbook's."""
    machine, rheobase = MACHINES[name], float(MACHINES[name].neuron.rheobase)
    if name == "sky130":
        twin = replace(machine, engine="twins")
        rates = measured_rates(_run(twin, currents, duration, None))
        lowest, resolution = _rheobase(twin, lambda part: None)
        return {
            "fastest": rates * (1 + _CIRCUIT), "slowest": rates * (1 - _CIRCUIT),
            "rheobase_low": lowest * (1 - _CIRCUIT) - resolution, "rheobase_high": lowest * (1 + _CIRCUIT),
        }  # fmt: skip
    if name in ("exact", "ngspice"):
        slack = 1e-9 if name == "exact" else _CIRCUIT
        rates = machine.neuron.rate(currents)
        return {
            "fastest": rates * (1 + slack), "slowest": rates * (1 - slack),
            "rheobase_low": 1 - slack, "rheobase_high": 1 + slack,
        }  # fmt: skip
    effective, doubt = _effective(machine, currents)
    if name == "truenorth":
        # A constant leak, that of the neuron at threshold: a charge C (V_th - V_reset) at the current above rheobase.
        charge = np.asarray(effective.C_m) * (np.asarray(effective.V_th) - np.asarray(effective.V_reset))
        above = currents - _rheobases(effective, currents)
        with np.errstate(divide="ignore"):
            early, late = (charge / np.maximum(above + sign * doubt, 0) for sign in (1, -1))
        wait = float(charge.max()) / (_PATIENCE * float(machine.neuron.tau_m)) / rheobase
    else:
        early, late = (_periods(effective, currents + sign * doubt) for sign in (1, -1))
        wait = 0.0
    own = _rheobases(effective, currents) / rheobase
    spread = doubt / rheobase
    return {
        "fastest": 1 / early, "slowest": 1 / (late + DT),
        "rheobase_low": float((own - spread).min()) + wait, "rheobase_high": float((own + spread).max()) + wait,
    }  # fmt: skip


def _rheobases(effective: LIFNeuron, currents: FloatArray) -> FloatArray:
    return np.broadcast_to(np.asarray(effective.rheobase, dtype=np.float64), currents.shape)


def _periods(effective: LIFNeuron, currents: FloatArray) -> FloatArray:
    return np.asarray(effective.period(currents), dtype=np.float64)


def _effective(machine: Machine, currents: FloatArray) -> tuple[LIFNeuron, FloatArray]:
    """The neurons that a machine's numbers implement, and by how much its roundings can shift an input current [A].

    That is half of an input's last bit, and what a last bit of potential in every update adds up to, 1 / (1 - leak).
    """
    experiment = _experiment(machine, currents, 0.1)
    g_l, tau = float(machine.neuron.g_L), float(machine.neuron.tau_m)
    if machine.engine == "stepped":
        return machine.neuron, np.zeros(currents.shape)
    if machine.engine in ("integer", "cxxrtl", "icarus"):
        made = experiment.quantised
        effective = made.effective()
        lsb, step = np.asarray(made.lsb), np.asarray(made.current_lsb)
    else:
        placed = place(machine.engine, experiment.network, experiment.stimulus, DT, experiment.machines[machine.engine])
        effective = placed.effective
        lsb, step = np.asarray(placed.image.lsb), np.asarray(placed.image.current_lsb)
        if machine.engine == "loihi":  # a bias has twelve bits and an exponent
            step = np.maximum(step, currents / 4096)
    assert effective is not None  # they are near enough to the neuron
    constant_leak = machine.engine == "truenorth"
    adds_up = 0.0 if constant_leak else np.asarray(lsb) * g_l / -np.expm1(-DT / tau)
    return effective, step / (1 if constant_leak else 2) + adds_up


def _judge(name: str, curve: dict[str, Any], found: dict[str, Any]) -> list[Finding]:
    """Whether rates and rheobase are within the bounds of the budget; the Verilog's spikes against the integers'."""
    machine = MACHINES[name]
    rates, fastest, slowest = (np.asarray(curve[key]) for key in ("rates", "fastest", "slowest"))
    inside = (rates >= slowest * (1 - 1e-9)) & (rates <= fastest * (1 + 1e-9))
    findings = [
        Finding(
            f"{machine.title}: rates",
            f"{int(inside.sum())} of {inside.size} inside the budget",
            f"all ({machine.budget})",
            bool(inside.all()),
        )
    ]
    low, high = curve["rheobase_low"], curve["rheobase_high"] + curve["resolution"] * 1.001
    text = f"{low:.5f} to {high:.5f} of {engineering(float(machine.neuron.rheobase), 'A')}"
    holds = bool(low <= curve["rheobase"] <= high)
    findings.append(Finding(f"{machine.title}: rheobase", f"{curve['rheobase']:.5f}", text, holds))
    if name in ("cxxrtl", "icarus") and "integer" in found:
        ours, theirs = (np.asarray(curve_["spikes"]) for curve_ in (found["integer"], curve))
        same = ours.shape == theirs.shape and bool((ours == theirs).all())
        count = f"{len(theirs)} spikes, {'all' if same else 'not all'} as the integers'"
        findings.append(Finding(f"{machine.title}: spikes", count, "every spike equal", same))
    return findings


def _row(name: str, curve: dict[str, Any]) -> tuple[str, ...]:
    firing = np.asarray(curve["currents"]) > 1.1 * float(MACHINES[name].neuron.rheobase)
    rates, exact = np.asarray(curve["rates"])[firing], np.asarray(curve["exact"])[firing]
    fastest, slowest = np.asarray(curve["fastest"])[firing], np.asarray(curve["slowest"])[firing]
    rest = np.maximum(np.maximum(rates - fastest, slowest - rates), 0) / exact
    worst = int(np.argmax(np.abs(rates / exact - 1)))
    low, high = curve["rheobase_low"], curve["rheobase_high"]
    return (
        MACHINES[name].title,
        f"{100 * (curve['rheobase'] - 1):+.3f} % (grid {100 * curve['resolution']:.2f} %)",
        f"{100 * (low - 1):+.3f} to {100 * (high - 1):+.3f} %",
        f"{100 * (rates[worst] / exact[worst] - 1):+.2f} %",
        f"{100 * rest.max():.2g} %",
        MACHINES[name].budget,
    )


def draw(outcome: Outcome) -> list[Panel]:
    """The f-I curves, and their deviations."""
    data = outcome.data
    factors = np.asarray(data["factors"])
    fine = np.linspace(factors.min(), factors.max(), 600)
    markers = dict(zip(MACHINES, "os^v<D>PXp", strict=False))
    with sheet(
        "Rate against current",
        "Line: closed form, dashed: without refractory time (TrueNorth has none). Below, the deviation of each machine "
        "from its own closed form; bars: what its budget allows.",
        2, 1, 6.4, sharex=True, height_ratios=(2.2, 1.6),
    ) as page:  # fmt: skip
        top, bottom = page.axes
        top.plot(fine, NEURON.rate(fine * float(NEURON.rheobase)), color=INK, linewidth=1.3, label="closed form")
        free = MACHINES["truenorth"].neuron
        top.plot(
            fine,
            free.rate(fine * float(free.rheobase)),
            color=INK,
            linewidth=0.9,
            linestyle="--",
            label="without t_ref",
        )
        shifts = np.linspace(-0.016, 0.016, len(data["machines"]))
        for shift, (name, curve) in zip(shifts, data["machines"].items(), strict=True):
            colour = "#b5651d" if name == "sky130" else COLOURS[MACHINES[name].engine]
            style = {"color": colour, "marker": markers[name], "fillstyle": "none", "markersize": 5, "linestyle": ""}
            top.plot(factors, curve["rates"], label=MACHINES[name].title, **style)
            exact = np.asarray(curve["exact"])
            firing = exact > 0
            shown = (np.asarray(curve[key])[firing] for key in ("rates", "slowest", "fastest"))
            error, late, early = (100 * (rates / exact[firing] - 1) for rates in shown)
            x = factors[firing] + shift
            bottom.plot(x, error, **style)
            bottom.vlines(x, late, early, color=colour, linewidth=1.2, alpha=0.6)
        bottom.axhline(0, color=INK, linewidth=0.7)
        bottom.set_yscale("symlog", linthresh=0.1)
        bottom.set_ylim(-100, 100)
        top.set_ylabel("rate [Hz]")
        bottom.set_ylabel("deviation [%]")
        bottom.set_xlabel(f"current [rheobase, {engineering(data['rheobase'], 'A')}]")
        page.legend(columns=3)
    return [page.panel]
