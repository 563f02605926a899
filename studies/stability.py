"""The time step: forward Euler from stable through ringing to blow-up, and s16.15 arithmetic near rheobase.

Forward Euler multiplies a distance from rest by 1 - q in every step, q = dt / tau: monotone for q <= 1, ringing to 2,
divergent beyond.  A fixed-point machine multiplies by a rounded factor and rounds each product, which moves the time
constant and the rheobase (Hopkins et al., Phil. Trans. R. Soc. A 378, 2020).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from golden.network import Network
from golden.neurons.lif import LIFNeuron
from golden.neurons.spinnaker import DOWN, NEAREST, Neuron, Rounding, State, update
from golden.propagator import stability
from golden.stdfix import ACCUM
from golden.stepped import simulate
from golden.stimulus import constant
from studies.figures import INK, SERIES, sheet
from studies.study import Finding, Outcome, Panel, Run, Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from golden.neurons.lif import FloatArray

QUESTION = (
    "How large may a time step be? Forward Euler is compared with its closed form and with the exact neuron, for steps "
    "from a fifth of the membrane time constant to more than twice of it; then the rounding of a 32-bit fixed-point "
    "machine (s16.15), whose errors grow as the step shrinks."
)
ANSWER = (
    "Euler rings beyond dt = tau and diverges beyond 2 tau; a ringing neuron fires below rheobase. In s16.15 a small "
    "step makes the time constant wrong; rounding down fires too fast, and at rheobase itself, rounding to nearest is "
    "silent even above it, stochastic rounding is right on average."
)

TAU, THRESHOLD = 20e-3, 20e-3
#: dt / tau of the six relaxations, one for each verdict and its border.
STEPS = (0.2, 1.0, 1.5, 1.9, 2.0, 2.1)
#: dt of the fixed-point part, where tau_eff is 2.4 % off.
FINE = 1e-5
MODES = ("down", "nearest", "stochastic")
_COLOUR = dict(zip(MODES, SERIES, strict=False))


def compute(run: Run) -> Outcome:
    """All numbers."""
    relaxation = run.piece("relaxation", _relaxation)
    firing = run.piece("rate against step", _firing, points=24 if run.quick else 96)
    fixed = run.piece(
        "s16.15", _fixed, points=13 if run.quick else 41, seconds=0.6 if run.quick else 4.0, seed=run.seed
    )
    rows = tuple(
        (f"{q:g}", verdict, f"{1 - q:+.2f}", f"{gap:.1e}")
        for q, verdict, gap in zip(STEPS, relaxation["verdict"], relaxation["gap"], strict=True)
    )
    tables = (
        Table("Forward Euler, one step size at a time", ("dt / tau", "verdict", "factor", "off the closed form"), rows),
        Table(
            f"s16.15 at dt = {FINE * 1e3:g} ms, tau = {TAU * 1e3:g} ms",
            ("rounding", "lowest input that fires, over V_th", "predicted", "rate at 1.004 V_th, over exact"),
            tuple(
                (mode, f"{fixed['lowest'][mode]:.5f}", f"{fixed['predicted'][mode]:.5f}", f"{fixed['ratio'][mode]:.4f}")
                for mode in MODES
            ),
        ),
    )
    data = {"relaxation": relaxation, "firing": firing, "fixed": fixed}
    return Outcome(_findings(relaxation, firing, fixed), tables, data)


def _findings(relaxation: dict[str, Any], firing: dict[str, Any], fixed: dict[str, Any]) -> list[Finding]:
    wanted = ("monotone", "monotone", "ringing", "ringing", "neutral", "divergent")
    observed = tuple(_observed(np.asarray(v)) for v in relaxation["v"])
    gap = max(relaxation["gap"])
    rheobase = firing["ringing rheobase"]
    tau_error = fixed["tau_eff"] / TAU - 1
    band, predicted, lowest = fixed["dead_band"], fixed["predicted dead band"], fixed["lowest"]
    bias, error = fixed["bias"], fixed["standard error"]
    return [
        Finding(
            "Six step sizes behave as their verdicts say", ", ".join(observed), ", ".join(wanted), observed == wanted
        ),
        Finding("Simulation against (1 - q)^n", f"{gap:.1e} of the start", "at most 1e-12", gap < 1e-12),
        Finding(
            "Intervals of the Euler neuron, in steps",
            f"{firing['wrong']} of {firing['compared']} differ",
            "ceil(ln((mu - V_th) / (mu - V_reset)) / ln(1 - q)): none",
            firing["wrong"] == 0,
        ),
        Finding(
            "Rheobase of a ringing neuron (q = 1.5)",
            f"{rheobase:.4f} V_th",
            "V_th / q: 0.6667",
            abs(rheobase * 1.5 - 1) < 2e-3,
        ),
        Finding(
            "tau_eff of s16.15 at dt = 0.01 ms", f"{100 * tau_error:+.2f} %", "+2.4 %", abs(tau_error - 0.024) < 5e-4
        ),
        Finding(
            "Dead band of rounding to nearest",
            f"{band:.0f} last bits",
            f"1 / (2 (1 - alpha)): {predicted:.0f}",
            abs(band / predicted - 1) < 2e-3,
        ),
        Finding(
            "Rounding down fires too fast",
            f"{fixed['ratio']['down']:.4f} of the exact rate at 1.004 V_th",
            f"closed form, tau_eff and input shifted by half a bit a step: {fixed['shifted']:.4f}",
            abs(fixed["ratio"]["down"] / fixed["shifted"] - 1) < 5e-3,
        ),
        Finding(
            "Rounded down and to nearest, the lowest input that fires",
            f"{lowest['down']:.5f} and {lowest['nearest']:.5f} V_th",
            f"1 and 1 + dead band: {fixed['predicted']['nearest']:.5f} V_th, to the input's grid",
            all(0 <= lowest[m] - fixed["predicted"][m] <= fixed["spacing"] for m in ("down", "nearest")),
        ),
        Finding(
            "Stochastic rounding is right on average",
            f"{100 * bias:+.4f} % off the exact rate with tau_eff",
            f"within 3 standard errors and a step an interval, {100 * (3 * error + fixed['grid']):.4f} %",
            abs(bias) < 3 * error + fixed["grid"],
        ),
    ]


def draw(outcome: Outcome) -> list[Panel]:
    """Relaxation, rates against the step, and s16.15 near rheobase."""
    data = outcome.data
    with sheet(
        "A membrane that relaxes, step by step",
        "Dots: golden simulation by forward Euler. Dashed: the closed form V = V_inf (1 - (1 - q)^n). Grey: exact.",
        2, 3, 5.2,
    ) as first:  # fmt: skip
        for axes, q, v in zip(first.axes.ravel(), STEPS, data["relaxation"]["v"], strict=True):
            n = np.arange(len(v))
            fine = np.linspace(0, n[-1], 400)
            axes.plot(fine * q, 1 - np.exp(-fine * q), color="#8a8a8a", linewidth=2.5, label="exact")
            axes.plot(n * q, 1 - (1 - q) ** n, color=SERIES[0], linewidth=1, linestyle="--", label="closed form")
            axes.plot(n * q, v, "o", color=SERIES[1], markersize=4, label="simulated")
            axes.set_title(f"dt = {q:g} tau: {_observed(np.asarray(v))}", fontsize=10)
        for axes in first.axes[1]:
            axes.set_xlabel("time [tau]")
        for axes in first.axes[:, 0]:
            axes.set_ylabel("V / V_inf")
        first.legend()
    with sheet(
        "The rate of the Euler neuron against the step",
        "Constant input. Below dt = tau an interval is a whole number of steps, hence the saw teeth; beyond, the first "
        "step overshoots, and even an input below rheobase fires.",
    ) as second:
        firing = data["firing"]
        for colour, drive, rates, exact in zip(
            SERIES, firing["drives"], firing["rates"], firing["exact"], strict=False
        ):
            second.axes.plot(firing["q"], rates, ".-", color=colour, linewidth=0.8, label=f"input {drive:g} V_th")
            second.axes.axhline(exact, color=colour, linestyle=":", linewidth=1)
        second.axes.axvline(1, color=INK, linewidth=0.6)
        second.axes.set(xlabel="dt / tau", ylabel="rate [1 / tau]; dotted: exact")
        second.legend()
    with sheet(
        "s16.15 near rheobase",
        f"Rate of the golden SpiNNaker step at dt = {FINE * 1e3:g} ms. Lines: closed form with the effective time "
        "constant, and with the input shifted by the dead band (rounding down). Rounding to nearest is silent in the "
        "dead band (shaded).",
    ) as third:
        fixed = data["fixed"]
        x = 100 * (np.asarray(fixed["input"]) - 1)
        fine = np.linspace(min(fixed["input"]), max(fixed["input"]), 1000)
        tau, shift = fixed["tau"], np.where(fine >= 1, fixed["predicted"]["nearest"] - 1, 0)
        third.axes.plot(100 * (fine - 1), _closed(fine, TAU), color="#8a8a8a", linewidth=2.5, label="exact")
        third.axes.plot(100 * (fine - 1), _closed(fine, tau), color=INK, linewidth=0.9, label="with tau_eff")
        third.axes.plot(
            100 * (fine - 1), _closed(fine + shift, tau), color=INK, linewidth=0.9, linestyle="--", label="and shifted"
        )
        for mode in MODES:
            third.axes.plot(x, fixed["rates"][mode], "o", color=_COLOUR[mode], markersize=4, label=f"rounded {mode}")
        third.axes.axvspan(
            0, 100 * (fixed["predicted"]["nearest"] - 1), color=_COLOUR["nearest"], alpha=0.12, linewidth=0
        )
        third.axes.set(xlabel="input above threshold [%]", ylabel="rate [Hz]")
        third.legend(columns=3)
    return [first.panel, second.panel, third.panel]


def _observed(v: FloatArray) -> str:
    """What a relaxation to 1 does, from its samples alone."""
    distance = 1 - v
    steps = distance[1:] * distance[:-1]
    size = np.abs(distance)
    if (steps >= 0).all():
        return "monotone"
    if size[-1] > 1.5 * size[0]:
        return "divergent"
    return "neutral" if size[-1] > 0.999 * size[0] else "ringing"


def _relaxation(progress: Callable[[float], None]) -> dict[str, Any]:
    """V / V_inf from 0 at each of STEPS, by the golden engine, and its largest distance from the closed form."""
    neuron = _neuron(v_th=1e3)
    traces, gaps, verdicts = [], [], []
    for k, q in enumerate(STEPS):
        progress(k / len(STEPS))
        dt, steps = q * TAU, 24 if q < 1 else 12
        stimulus = constant(1, steps * dt, 1.0)  # R = 1: v_inf = 1 V
        trace = simulate(Network(neuron, 1), stimulus, dt, scheme="euler", allow_unstable=True, record=[0])
        v = np.concatenate(([0.0], trace.states["v"][:, 0]))
        closed = 1 - (1 - q) ** np.arange(v.size)
        traces.append(v.tolist())
        gaps.append(float(np.abs(v - closed).max()))
        verdicts.append(stability(neuron.broadcast(1), dt, "euler").verdict)
    return {"v": traces, "gap": gaps, "verdict": verdicts}


def _firing(points: int, progress: Callable[[float], None]) -> dict[str, Any]:
    """Intervals by the golden Euler engine against the closed form; the lowest input that fires at q = 1.5."""
    drives = np.array([0.8, 1.05, 1.2, 2.0])
    qs = np.concatenate((np.geomspace(0.01, 1, points), np.linspace(1.02, 1.95, points // 2)))
    rates, wrong, compared = np.zeros((drives.size, qs.size)), 0, 0
    for k, q in enumerate(qs):
        progress(k / qs.size)
        intervals = _intervals(drives, float(q))
        if q < 1:
            firing = drives > 1
            # V_reset = 0: V after n steps is mu (1 - (1 - q)^n).
            wanted = np.ceil(np.log1p(-1 / drives[firing]) / math.log1p(-q) - 1e-9)
            wrong += int((intervals[firing] != wanted).sum()) + int(np.isfinite(intervals[~firing]).sum())
            compared += drives.size
        rates[:, k] = 1 / (intervals * q)
    fine = np.linspace(0.6, 0.75, 1501)
    fires = np.isfinite(_intervals(fine, 1.5))
    return {
        "drives": drives.tolist(), "q": qs.tolist(), "rates": rates.tolist(),
        "exact": [0.0 if d <= 1 else float(-1 / math.log1p(-1 / d)) for d in drives],
        "wrong": wrong, "compared": compared, "ringing rheobase": float(fine[fires].min()) if fires.any() else np.inf,
    }  # fmt: skip


def _intervals(drives: FloatArray, q: float) -> FloatArray:
    """Interval in steps of each input (in V_th), inf for those that do not fire, by the golden Euler engine."""
    steps = int(12 / min(q, 1)) + 8
    neuron = _neuron(v_th=1.0)
    stimulus = constant(drives.size, steps * q * TAU, drives)
    trace = simulate(Network(neuron, drives.size), stimulus, q * TAU, scheme="euler")
    first = trace.first_spikes()
    return np.where(np.isfinite(first), np.rint(first / (q * TAU)), np.inf)


def _neuron(v_th: float) -> LIFNeuron:
    return LIFNeuron.from_tau(tau_m=TAU, R=1.0, E_L=0.0, V_th=v_th, V_reset=0.0)


def _fixed(points: int, seconds: float, seed: int, progress: Callable[[float], None]) -> dict[str, Any]:
    """Rates near rheobase by the golden SpiNNaker step in each rounding mode, dead band and tau_eff.

    The measured tau_eff is that of a large distance, whose halving time does not see single bits.
    """
    bit = 2.0**-ACCUM  # mV
    exp_tc = round(math.exp(-FINE / TAU) / bit)
    alpha = exp_tc * bit
    threshold = round(THRESHOLD * 1e3 / bit)
    band = 1 / (2 * (1 - alpha))  # last bits
    inputs = np.rint(threshold * (1 + np.linspace(-3e-3, 6e-3, points))).astype(np.int64)
    steps = int(seconds / FINE)
    runs = {}
    for k, mode in enumerate(MODES):
        report = _part(progress, k / len(MODES), 1 / len(MODES))
        repeats = 16 if mode == "stochastic" else 1
        runs[mode] = _counted(np.repeat(inputs, repeats), threshold, exp_tc, mode, steps, seed, report).reshape(
            points, -1
        )
    tau_eff = -FINE / math.log(alpha)
    drive = inputs / threshold
    exact = _closed(drive, TAU)
    theory = {mode: _closed(drive + (band / threshold if mode == "down" else 0.0), tau_eff) for mode in MODES}
    rates = {mode: np.nan_to_num(runs[mode]).mean(axis=1) for mode in MODES}
    at = int(np.argmin(np.abs(drive - 1.004)))
    sample = runs["stochastic"][drive > 1.002] / theory["stochastic"][drive > 1.002][:, None] - 1
    fires = {mode: float(drive[rates[mode] > 0].min()) for mode in MODES}
    return {
        "input": drive.tolist(), "exact": exact.tolist(),
        "rates": {mode: rates[mode].tolist() for mode in MODES},
        "theory": {mode: theory[mode].tolist() for mode in MODES},
        "lowest": fires,
        "predicted": {"down": 1.0, "nearest": 1 + band / threshold, "stochastic": 1.0},
        "spacing": float(drive[1] - drive[0]), "tau": tau_eff,
        "shifted": float(theory["down"][at] / exact[at]),
        "ratio": {mode: float(rates[mode][at] / exact[at]) for mode in MODES},
        "tau_eff": _measured_tau(exp_tc), "dead_band": _stuck(exp_tc), "predicted dead band": band,
        "grid": FINE * float(exact.max()),
        "bias": float(sample.mean()), "standard error": float(sample.std(ddof=1) / math.sqrt(sample.size)),
    }  # fmt: skip


def _part(progress: Callable[[float], None], start: float, share: float) -> Callable[[float], None]:
    return lambda fraction: progress(start + share * fraction)


def _closed(drive: FloatArray, tau: float) -> FloatArray:
    """Rate [Hz] of inputs in V_th, V_reset = 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(drive > 1, -1 / (tau * np.log1p(-1 / np.maximum(drive, 1))), 0.0)


def _counted(
    inputs: Any, threshold: int, exp_tc: int, mode: str, steps: int, seed: int, progress: Callable[[float], None]
) -> FloatArray:
    """Rate of every neuron [Hz] from its first to its last spike; nan with fewer than two."""
    p = _integers(threshold, exp_tc)._replace(I_offset=inputs)
    zero = np.zeros_like(inputs)
    state, rng = State(zero, zero, zero, zero), np.random.default_rng(seed)
    first, last, count = np.full(inputs.size, -1), np.zeros(inputs.size, dtype=np.int64), zero.copy()
    chunk = 4096
    for begin in range(0, steps, chunk):
        progress(begin / steps)
        words = rng.integers(0, 1 << ACCUM, (chunk, inputs.size)) if mode == "stochastic" else None
        for k in range(begin, min(begin + chunk, steps)):
            rounding = NEAREST if mode == "nearest" else DOWN
            if words is not None:
                rounding = Rounding(0, 0, 0, words[k - begin], 0, 0)
            state, spike = update(p, state, 0, 0, rounding)
            if spike.any():
                first = np.where(spike & (first < 0), k, first)
                last = np.where(spike, k, last)
                count += spike
    return np.where(count > 1, (count - 1) / np.maximum((last - first) * FINE, FINE), np.nan)


def _measured_tau(exp_tc: int) -> float:
    """tau [s] from the steps in which a distance of 2000 mV falls to a hundredth."""
    start = 2000 << ACCUM
    p, v, n = _integers((1 << 31) - 1, exp_tc), start, 0
    state = State(start, 0, 0, 0)
    while v > start // 100:
        state, _ = update(p, state, 0, 0, NEAREST)
        v, n = int(state.V), n + 1
    return n * FINE / math.log(start / v)


def _stuck(exp_tc: int) -> float:
    """Distance from its target, in last bits, at which V rounded to nearest stops."""
    p, state, before = _integers((1 << 31) - 1, exp_tc), State(1 << ACCUM, 0, 0, 0), -1
    while before != state.V:
        before = state.V
        state, _ = update(p, state, 0, 0, NEAREST)
    return float(state.V)


def _integers(threshold: int, exp_tc: int) -> Neuron:
    """R = 1 MOhm, so that a current of a last bit is a potential of one; resting and reset at 0."""
    return Neuron(1 << ACCUM, exp_tc, 0, 0, threshold, 0, 0, 0, 0, 0, 0)
