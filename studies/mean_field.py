"""A network of noisy neurons: which rate model calls its oscillation right?

The inhibitory network at one working point, its loop gain G turned up; linear theory with the LIF neuron's own
response, with a static gain and with the membrane's time constant (Wilson and Cowan); the rate models in time;
simulated networks of N and 4 N neurons, whose fluctuations must shrink as 1 / sqrt(N) where the network is
asynchronous, and stay where it oscillates.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from golden.theory.loop import (
    RESPONSES,
    Synapse,
    covariance,
    critical,
    cutoff,
    population_spectrum,
    relative_response,
    static_range,
    unstable_modes,
)
from golden.theory.mean_field import WorkingPoint, balanced, inhibitory
from golden.theory.neuron import Neuron
from golden.theory.wilson_cowan import integrate
from studies import mean_field_runs as runs
from studies.mean_field_figures import GAINS, TITLES, draw
from studies.mean_field_runs import BIN, DELAY, T_REF, TAU, TAU_S, V_RESET, V_TH
from studies.study import Finding, Outcome, Run, Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from golden.theory.loop import Response

__all__ = ["ANSWER", "QUESTION", "compute", "draw"]

QUESTION = (
    "Inhibitory neurons that hear each other late oscillate when the loop's gain is high. Theory needs to know how "
    "fast a population answers: at once (static gain), with the membrane's time constant (Wilson-Cowan), or as LIF "
    "neurons do?"
)
ANSWER = (
    "Only the LIF neurons' own response calls all cases right. The static gain sees an oscillation at G = 5 where the "
    "network is asynchronous; the model with the membrane's time constant misses the one at G = 11. A static gain is "
    "good for what changes slower than some 2.4 Hz."
)

NEURON = Neuron(tau=TAU, V_th=V_TH, V_reset=V_RESET, t_ref=T_REF)
MU, SIGMA, DEGREE = 15e-3, 5e-3, 1000
SYNAPSE = Synapse(DELAY, TAU_S)
#: The excitatory and inhibitory network: gains and inputs of each, sizes at N; its loop's gain is 5.
MIXED, MIXED_DEGREES, MIXED_SIZES = (2.0, -7.0), (500, 500), (2000, 1000)
#: The rate models that are integrated in time.
MODELS: tuple[Literal["static", "wilson-cowan"], ...] = ("static", "wilson-cowan")
#: An activity whose CV sqrt(N) grows by more than this from N to 4 N oscillates by itself: asynchronous it does not
#: grow, oscillating it doubles.
_DOUBLES = 1.4


def compute(run: Run) -> Outcome:
    """All numbers."""
    theory = run.piece("theory", _theory)
    small = 1250 if run.quick else 2500
    seconds = (12.0, 6.0) if run.quick else (40.0, 40.0)
    networks: dict[str, Any] = {}
    for gain in GAINS:
        point = inhibitory(gain, NEURON, MU, SIGMA, DEGREE).solve()
        sizes = [small, 4 * small]
        networks[f"inhibitory, G = {gain:g}"] = {"gain": gain, "point": point, "sizes": [[n] for n in sizes]}
    mixed = balanced(MIXED, MIXED_DEGREES, NEURON, MU, SIGMA).solve()
    sizes_of_both = [[n * factor // (2 if run.quick else 1) for n in MIXED_SIZES] for factor in (1, 4)]
    networks["excitatory and inhibitory, G = 5"] = {"gain": -sum(MIXED), "point": mixed, "sizes": sizes_of_both}
    for name, network in networks.items():
        network |= _simulated(run, name, network, seconds)
    findings = _findings(theory, networks)
    data = {
        "theory": theory,
        "networks": {name: {k: v for k, v in network.items() if k != "point"} for name, network in networks.items()},
    }
    return Outcome(findings, (_critical_table(theory), _network_table(networks)), data)


def _theory(progress: Callable[[float], None]) -> dict[str, Any]:
    """Responses over frequency, critical gains, the static gain's range, rate models in time."""
    f = np.geomspace(0.3, 1000, 160)
    responses = {r: relative_response(NEURON, MU, SIGMA, f, r) for r in RESPONSES}
    found = {r: critical(NEURON, MU, SIGMA, SYNAPSE, r) for r in RESPONSES}
    progress(0.7)
    traces = {}
    for gain in GAINS:
        point = inhibitory(gain, NEURON, MU, SIGMA, DEGREE).solve()
        for response in MODELS:
            activity = integrate(point, SYNAPSE, 1.2, 1e-4, response=response)
            r = activity.rates[:, 0]
            tail = r[-6000:] - r[-6000:].mean()
            power = np.abs(np.fft.rfft(tail * np.hanning(tail.size), 60_000))
            traces[f"{response} {gain:g}"] = {
                "times": activity.times[:4000:4], "rate": r[:4000:4], "amplitude": float(np.ptp(tail)),
                "frequency": float(np.argmax(power) / 6.0),
            }  # fmt: skip
    return {
        "frequency": f, "responses": responses,
        "critical": {r: {"gain": c.gain, "frequency": c.frequency} for r, c in found.items()},
        "good_to": static_range(NEURON, MU, SIGMA), "cutoff": cutoff(NEURON, MU, SIGMA), "traces": traces,
    }  # fmt: skip


def _simulated(run: Run, name: str, network: dict[str, Any], seconds: tuple[float, float]) -> dict[str, Any]:
    """The network at N and 4 N, and what linear theory says of it."""
    point: WorkingPoint = network["point"]
    meaning = point.network
    found, verdicts = [], {r: unstable_modes(point, SYNAPSE, r) for r in RESPONSES}
    for k, (sizes, duration) in enumerate(zip(network["sizes"], seconds, strict=True)):
        result = run.piece(
            f"{name}, {sum(sizes):,} neurons", runs.simulated,
            sizes=list(sizes), degrees=np.asarray(meaning.degrees)[0].astype(int).tolist(),
            weights=np.asarray(meaning.weights)[0].tolist(), mu_ext=float(np.asarray(meaning.mu_ext)[0]),
            sigma_ext=float(np.asarray(meaning.sigma_ext)[0]), seconds=duration, seed=run.seed + k,
        )  # fmt: skip
        activity, size = np.asarray(result["activity"]), result["size"]
        f, power = runs.spectrum(activity, size, max(int(duration), 4))
        peak = int(np.argmax(np.where(f > 20, power, 0)))
        of_all = {"population": runs.population_cv(activity, size), "peak": float(f[peak]), "activity": activity[-500:]}
        own = {name: result[name] for name in ("size", "rate", "cv")}
        found.append(own | of_all | {"frequency": f, "power": power})
    theory: dict[str, Any] = {"unstable": verdicts, "runs": found, "population": None, "spectrum": None}
    if not verdicts["lif"]:
        sizes = np.asarray(network["sizes"][0])
        f = np.linspace(1, 400, 200)
        # The whole network's activity: populations weighted by their sizes.
        share = sizes / sizes.sum()
        matrix = np.real(np.einsum("i,fij,j->f", share, population_spectrum(point, sizes, SYNAPSE, f), share))
        theory["spectrum"] = {"frequency": f, "power": matrix}
        variance = float(share @ covariance(point, sizes, SYNAPSE, BIN) @ share)
        theory["population"] = math.sqrt(variance * sizes.sum()) / float(share @ point.rates)
    return theory


def _findings(theory: dict[str, Any], networks: dict[str, Any]) -> list[Finding]:
    wanted: dict[Response, tuple[float, float]] = {
        "static": (2.77, 206), "lif": (7.81, 135), "wilson-cowan": (16.48, 88),
    }  # fmt: skip
    findings = []
    for response, (gain, frequency) in wanted.items():
        found = theory["critical"][response]
        findings.append(
            Finding(
                f"Critical gain, {TITLES[response]}",
                f"{found['gain']:.2f} at {found['frequency']:.0f} Hz",
                f"{gain} at {frequency} Hz",
                abs(found["gain"] - gain) < 0.01 and abs(found["frequency"] - frequency) < 1,
            )
        )
    for name, network in networks.items():
        first, second = network["runs"]
        grows = second["population"] / first["population"]
        oscillates = grows > _DOUBLES
        called = [TITLES[r] for r, modes in network["unstable"].items() if (modes > 0) == oscillates]
        wrong = [TITLES[r] for r, modes in network["unstable"].items() if (modes > 0) != oscillates]
        what = f"oscillates at {second['peak']:.0f} Hz" if oscillates else "asynchronous"
        text = f"{what} (CV sqrt(N) {first['population']:.2f}, at 4 N {second['population']:.2f})"
        held = f"called right by {', '.join(called)}" + (f"; wrong by {', '.join(wrong)}" if wrong else "")
        findings.append(Finding(f"{name}: simulated", text, held, TITLES["lif"] in called))
        if network["population"] is not None:
            # The mixed network's fluctuations are so large at N that linear theory begins to fail.
            which = (first, second) if len(network["sizes"][0]) == 1 else (second,)
            gaps = [abs(r["population"] / network["population"] - 1) for r in which]
            findings.append(
                Finding(
                    f"{name}: CV sqrt(N) in bins of {1e3 * BIN:g} ms",
                    f"{first['population']:.2f} and {second['population']:.2f}",
                    f"finite-size theory {network['population']:.2f} within 5 %{'' if len(which) > 1 else ' at 4 N'}",
                    max(gaps) < 0.05,
                )
            )
        if network["gain"] == 11:
            findings.append(
                Finding(f"{name}: frequency", f"{second['peak']:.0f} Hz", "111 to 113 Hz", 108 <= second["peak"] <= 116)
            )
    static = theory["traces"]["static 5"]
    slow = theory["traces"]["wilson-cowan 11"]
    findings += [
        Finding(
            "Static rate model in time, G = 5",
            f"oscillates at {static['frequency']:.0f} Hz",
            "195 Hz",
            static["amplitude"] > 1 and abs(static["frequency"] - 195) < 3,
        ),
        Finding(
            "Wilson-Cowan with tau_m in time, G = 11",
            f"settles to {slow['amplitude']:.1g} Hz",
            "stable",
            slow["amplitude"] < 0.01,
        ),
        Finding(
            "Static gain within 10 %",
            f"up to {theory['good_to']:.2f} Hz",
            "2.5 Hz",
            abs(theory["good_to"] - 2.5) < 0.15,
        ),
        Finding("LIF response at -3 dB", f"{theory['cutoff']:.1f} Hz", "21 Hz", abs(theory["cutoff"] - 21) < 0.5),
    ]
    return findings


def _critical_table(theory: dict[str, Any]) -> Table:
    rows = [(TITLES[r], f"{c['gain']:.2f}", f"{c['frequency']:.0f} Hz") for r, c in theory["critical"].items()]
    return Table("Where the loop becomes unstable", ("response", "critical gain", "frequency"), tuple(rows))


def _network_table(networks: dict[str, Any]) -> Table:
    rows = []
    for name, network in networks.items():
        for result in network["runs"]:
            called = ", ".join("unstable" if network["unstable"][r] else "stable" for r in RESPONSES)
            shown = f"{result['size']:,}", f"{result['rate']:.2f} Hz", f"{result['cv']:.3f}"
            rows.append((name, *shown, f"{result['population']:.2f}", f"{result['peak']:.0f} Hz", called))
    titles = ", ".join(TITLES[r] for r in RESPONSES)
    columns = ("network", "neurons", "rate", "CV of intervals", "CV sqrt(N)", "peak of the spectrum", titles)
    return Table("Simulated networks", columns, tuple(rows))
