"""A population of noisy neurons as a probability cloud: the Fokker-Planck equation against simulated neurons.

The cloud starts at the reset, spreads, loses what reaches the threshold and gets it back at the reset; then the mean
input steps up.  Stationary rates over mean and noise are held against Siegert's formula.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from golden.network import Network
from golden.neurons.lif import LIFNeuron
from golden.noise import WhiteNoise
from golden.stepped import simulate
from golden.stimulus import constant, from_array
from golden.theory.density import stationary_density
from golden.theory.fokker_planck import Grid, evolve
from golden.theory.neuron import Neuron
from golden.theory.rate import noise_free_rate, rate
from studies.figures import INK, SERIES, sheet
from studies.study import Finding, Outcome, Panel, Run, Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from golden.neurons.lif import FloatArray

QUESTION = (
    "Many neurons with the same input and each its own noise: where are their potentials, how often do they fire, and "
    "how fast does the population follow a step of the input? The Fokker-Planck equation says it without simulating "
    "any; here it is held against a hundred thousand simulated neurons."
)
ANSWER = (
    "The equation gives the cloud, the stationary rate and the transient of the simulated neurons to within their "
    "statistical error; the stationary rate is Siegert's. The population follows a step within milliseconds, faster "
    "than any of its neurons."
)

NEURON = Neuron(tau=20e-3, V_th=20e-3, V_reset=10e-3, t_ref=2e-3)
#: Mean input before and after the step, noise [V]; times of the step and of the end [s].
BEFORE, AFTER, SIGMA, STEP, END = 15e-3, 20e-3, 5e-3, 0.15, 0.3
#: Steps of the simulation and of the equation; bins of the rates; times whose densities are compared [s].
DT, FINE, BIN = 1e-4, 5e-5, 2e-3
SHOWN = (0.004, 0.02, 0.148, 0.156, 0.298)
#: Neurons simulated at once, whose potentials are all kept; cells of a histogram.
BATCH, CELLS = 2000, 60


def compute(run: Run) -> Outcome:
    """All numbers."""
    theory = run.piece("Fokker-Planck equation", _theory)
    batches = 10 if run.quick else 50  # 20,000 or 100,000 neurons
    clouds = [
        run.piece(f"simulated neurons, part {k + 1} of {batches}", _simulated, seed=1000 * run.seed + k)
        for k in range(batches)
    ]
    cloud = {name: sum(np.asarray(part[name]) for part in clouds) for name in ("counts", "spikes", "held")}
    neurons = batches * BATCH
    grid = run.piece(
        "stationary rates",
        _stationary,
        seed=run.seed,
        neurons=300 if run.quick else 3000,
        seconds=2.0 if run.quick else 4.0,
    )
    findings, compared = _findings(theory, cloud, neurons, grid)
    table = Table(
        "Stationary rate, simulated over Siegert's",
        ("sigma [mV]", *(f"mu = {1e3 * mu:g} mV" for mu in grid["mu"])),
        tuple(
            (f"{1e3 * sigma:g}", *(f"{r:.2f} / {w:.2f} Hz" for r, w in zip(row, wanted, strict=True)))
            for sigma, row, wanted in zip(grid["sigma"], grid["rates"], grid["siegert"], strict=True)
        ),
    )
    data = {"theory": theory, "cloud": cloud, "neurons": neurons, "stationary": grid, "compared": compared}
    return Outcome(findings, (table,), data)


def _theory(progress: Callable[[float], None]) -> dict[str, Any]:
    """The equation's rate, and densities for the picture and at SHOWN."""
    grid = Grid.of(NEURON, [BEFORE, AFTER], SIGMA)
    times = np.arange(0, END + 1e-9, 1e-3)
    evolution = evolve(
        NEURON, lambda t: np.where(t < STEP, BEFORE, AFTER), SIGMA, END, FINE,
        grid=grid, initial=NEURON.V_reset, jumps=[STEP], record=times, progress=progress,
    )  # fmt: skip
    keep = grid.centres >= -10e-3
    return {
        "times": evolution.times, "rate": evolution.rate, "recorded": evolution.recorded,
        "v": grid.centres[keep], "density": evolution.density[:, keep], "mass": evolution.mass,
    }  # fmt: skip


def _simulated(seed: int, progress: Callable[[float], None]) -> dict[str, Any]:
    """BATCH golden neurons: histograms of the potentials at SHOWN of those that are free, number of others, spikes."""
    neuron = LIFNeuron.from_tau(
        tau_m=NEURON.tau, R=1.0, E_L=NEURON.V_reset, V_th=NEURON.V_th, V_reset=NEURON.V_reset, t_ref=NEURON.t_ref
    )  # rests where it is reset: all start there
    drive = np.repeat(np.array([[BEFORE], [AFTER]]) - NEURON.V_reset, BATCH, axis=1)
    stimulus = from_array(END, np.array([0.0, STEP]), drive)
    trace = simulate(
        Network(neuron, BATCH), stimulus, DT,
        noise=WhiteNoise(SIGMA, seed), threshold_shift=True, record=np.arange(BATCH), progress=progress,
    )  # fmt: skip
    v = trace.states["v"][[round(t / DT) - 1 for t in SHOWN]]
    free = v != NEURON.V_reset
    counts = np.stack([np.histogram(row[k], edges())[0] for row, k in zip(v, free, strict=True)])
    bins = np.linspace(0, END, round(END / BIN) + 1)
    return {"counts": counts, "held": (~free).sum(axis=1), "spikes": np.histogram(trace.spikes[:, 0] - DT / 2, bins)[0]}


def edges() -> FloatArray:
    """(CELLS + 1,) [V]: cells of the simulated histograms, from far below the reset to the threshold."""
    return np.linspace(-10e-3, NEURON.V_th, CELLS + 1)


def _stationary(neurons: int, seconds: float, seed: int, progress: Callable[[float], None]) -> dict[str, Any]:
    """Rates of simulated neurons over means and noises, and Siegert's."""
    mus, sigmas = np.array([8e-3, 12e-3, 16e-3, 20e-3, 24e-3]), np.array([2e-3, 4e-3, 6e-3])
    m, s = (np.repeat(x.ravel(), neurons) for x in np.meshgrid(mus, sigmas))
    neuron = LIFNeuron.from_tau(
        tau_m=NEURON.tau, R=1.0, E_L=0.0, V_th=NEURON.V_th, V_reset=NEURON.V_reset, t_ref=NEURON.t_ref
    )
    warm = 0.2
    trace = simulate(
        Network(neuron, m.size), constant(m.size, warm + seconds, m), DT,
        noise=WhiteNoise(s, seed), threshold_shift=True, progress=progress,
    )  # fmt: skip
    late = trace.spikes[trace.spikes[:, 0] > warm, 1].astype(np.int64)
    counts = np.bincount(late, minlength=m.size).reshape(sigmas.size, mus.size, neurons)
    fine = np.linspace(5e-3, 26e-3, 120)
    return {
        "mu": mus, "sigma": sigmas, "rates": counts.mean(axis=2) / seconds,
        "errors": counts.std(axis=2, ddof=1) / np.sqrt(neurons) / seconds + 1 / neurons / seconds,
        "siegert": rate(NEURON, mus[None, :], sigmas[:, None]),
        "fine": fine, "curves": rate(NEURON, fine[None, :], sigmas[:, None]),
        "noise_free": noise_free_rate(NEURON, fine),
    }  # fmt: skip


def _findings(
    theory: dict[str, Any], cloud: dict[str, Any], neurons: int, grid: dict[str, Any]
) -> tuple[list[Finding], dict[str, Any]]:
    """Rates by chi squared, clouds by Kolmogorov and Smirnov's distance, stationary rates by their standard errors."""
    mass = float(np.abs(np.asarray(theory["mass"]) - 1).max())
    per_bin = round(BIN / FINE)
    expected = np.asarray(theory["rate"]).reshape(-1, per_bin).mean(axis=1) * BIN * neurons
    enough = expected > 20
    chi2 = float((((cloud["spikes"] - expected) ** 2 / expected)[enough]).sum())
    likely = float(stats.chi2.sf(chi2, int(enough.sum())))
    distances, limits = [], []
    v, recorded = np.asarray(theory["v"]), np.asarray(theory["recorded"])
    width = v[1] - v[0]
    for k, time in enumerate(SHOWN):
        density = np.asarray(theory["density"])[int(np.argmin(np.abs(recorded - time)))]
        below = np.concatenate(([0.0], np.cumsum(density) * width))
        cdf = np.interp(edges(), np.concatenate(([v[0] - width / 2], v + width / 2)), below / below[-1])
        counted = np.concatenate(([0.0], np.cumsum(cloud["counts"][k])))
        distances.append(float(np.abs(counted / counted[-1] - cdf).max()))
        limits.append(float(stats.kstwobign.isf(1e-3) / np.sqrt(counted[-1])))
    inside = all(d < limit for d, limit in zip(distances, limits, strict=True))
    off = (grid["rates"] - grid["siegert"]) / np.hypot(grid["errors"], 0.006 * grid["siegert"])
    rising = _rise(np.asarray(theory["times"]), np.asarray(theory["rate"]))
    centres = BIN * (np.arange(expected.size) + 0.5)
    measured = _rise(centres, cloud["spikes"] / BIN / neurons)
    end = float(np.asarray(theory["rate"])[-1])
    siegert = float(rate(NEURON, AFTER, SIGMA))
    before = np.asarray(theory["density"])[int(np.argmin(np.abs(recorded - 0.148)))]
    shape = float(np.abs(before - stationary_density(NEURON, BEFORE, SIGMA, v)).max() / before.max())
    findings = [
        Finding("Probability is kept", f"off by {mass:.1e} at most", "1e-12", mass < 1e-12),
        Finding(
            f"Rate in time of {neurons:,} neurons",
            f"chi squared {chi2:.0f} of {int(enough.sum())} bins (p = {likely:.2g})",
            "p above 0.001",
            likely > 1e-3,
        ),
        Finding(
            "Potentials at five times, Kolmogorov-Smirnov distance",
            ", ".join(f"{d:.4f}" for d in distances),
            f"below {limits[-1]:.4f} (0.1 %)",
            inside,
        ),
        Finding(
            "Stationary rates over mean and noise",
            f"largest deviation {np.abs(off).max():.1f} errors",
            "below 4 (errors of counting, and 0.6 % for the step)",
            bool(np.abs(off).max() < 4),
        ),
        Finding(
            "Rate long after the step",
            f"{end:.4f} Hz",
            f"Siegert {siegert:.4f} Hz within 0.1 %",
            abs(end / siegert - 1) < 1e-3,
        ),
        Finding(
            "Density before the step", f"off by {100 * shape:.2g} %", "Brunel's closed form within 0.5 %", shape < 5e-3
        ),
        Finding(
            "63 % of the step after",
            f"{1e3 * rising:.1f} ms (simulated {1e3 * measured:.1f} ms)",
            f"less than tau = {1e3 * NEURON.tau:g} ms",
            rising < NEURON.tau,
        ),
    ]
    return findings, {"distances": distances, "limits": limits, "chi2": chi2, "expected": expected}


def _rise(times: FloatArray, rates: FloatArray) -> float:
    """Time [s] from the step to 63 % of the change."""
    before = rates[(times > STEP - 0.03) & (times < STEP)].mean()
    after = rates[times > END - 0.05].mean()
    late = times > STEP
    first = int(np.argmax(rates[late] > before + (1 - np.exp(-1)) * (after - before)))
    return float(times[late][first] - STEP)


def draw(outcome: Outcome) -> list[Panel]:
    """The cloud, the rate, densities at five times, stationary rates."""
    data = outcome.data
    return [_draw_cloud(data), _draw_densities(data), _draw_stationary(data["stationary"])]


def _draw_cloud(data: Any) -> Panel:
    theory, cloud = data["theory"], data["cloud"]
    with sheet(
        "The cloud and what it fires",
        "Top: probability density of the potential in time; all neurons start at the reset, the mean input steps up "
        f"at {1e3 * STEP:g} ms. Bottom: rate of the population, from the equation and from {data['neurons']:,} "
        "simulated neurons.",
        2, 1, 6.6, sharex=True, height_ratios=(2, 1.3),
    ) as page:  # fmt: skip
        top, bottom = page.axes
        times, v = np.asarray(theory["recorded"]) * 1e3, np.asarray(theory["v"]) * 1e3
        every = max(v.size // 140, 1)
        density = np.asarray(theory["density"])[:, ::every] * 1e-3
        shown = np.minimum(density, np.percentile(density[5:], 99.9))
        drawn = top.pcolormesh(times[::2], v[::every], shown[::2].T, cmap="viridis", shading="nearest", rasterized=True)
        top.axhline(1e3 * NEURON.V_th, color=INK, linewidth=1, linestyle=":")
        top.axhline(1e3 * NEURON.V_reset, color="#ffffff", linewidth=0.8, linestyle=":")
        top.set_ylim(-4, 21)
        top.set_ylabel("potential [mV]")
        page.figure.colorbar(drawn, ax=top, label="density [1/mV]", pad=0.01)
        centres = BIN * (np.arange(len(cloud["spikes"])) + 0.5) * 1e3
        bottom.plot(
            centres,
            np.asarray(cloud["spikes"]) / BIN / data["neurons"],
            ".",
            color=SERIES[1],
            markersize=4,
            label="simulated neurons",
        )
        bottom.plot(
            np.asarray(theory["times"]) * 1e3, theory["rate"], color=SERIES[0], linewidth=1.3, label="Fokker-Planck"
        )
        for mu, (start, stop) in ((BEFORE, (0, STEP)), (AFTER, (STEP, END))):
            label = "Siegert" if start == 0 else None
            siegert = float(rate(NEURON, mu, SIGMA))
            bottom.plot([1e3 * start, 1e3 * stop], [siegert] * 2, color=INK, linestyle="--", linewidth=0.9, label=label)
        bottom.set(xlabel="time [ms]", ylabel="rate [Hz]", xlim=(0, 1e3 * END))
        page.legend()
    return page.panel


def _draw_densities(data: Any) -> Panel:
    theory, cloud = data["theory"], data["cloud"]
    with sheet(
        "Snapshots of the cloud",
        "Bars: potentials of the simulated neurons that are not refractory. Line: the equation.",
        1, len(SHOWN), 3.0, sharey=False,
    ) as page:  # fmt: skip
        v, recorded = np.asarray(theory["v"]), np.asarray(theory["recorded"])
        places = edges()
        for k, (axes, time) in enumerate(zip(page.axes, SHOWN, strict=True)):
            density = np.asarray(theory["density"])[int(np.argmin(np.abs(recorded - time)))]
            heights = np.asarray(cloud["counts"][k]) / data["neurons"] / np.diff(places) * 1e-3
            axes.bar(
                places[:-1] * 1e3,
                heights,
                np.diff(places) * 1e3,
                align="edge",
                color=SERIES[1],
                alpha=0.45,
                linewidth=0,
            )
            axes.plot(v * 1e3, density * 1e-3, color=SERIES[0], linewidth=1.2)
            axes.set_title(f"{1e3 * time:g} ms", fontsize=10)
            axes.set_xlim(-4, 21)
            axes.set_xlabel("V [mV]")
        page.axes[0].set_ylabel("density [1/mV]")
    return page.panel


def _draw_stationary(grid: Any) -> Panel:
    with sheet(
        "Stationary rate over mean and noise",
        "Lines: Siegert's formula; marks: simulated neurons; dashed: without noise. Noise smooths the threshold, and "
        "below it is what makes the neuron fire.",
    ) as page:
        for colour, sigma, curve, rates, errors in zip(
            SERIES, grid["sigma"], grid["curves"], grid["rates"], grid["errors"], strict=False
        ):
            page.axes.plot(np.asarray(grid["fine"]) * 1e3, curve, color=colour, label=f"sigma = {1e3 * sigma:g} mV")
            page.axes.errorbar(
                np.asarray(grid["mu"]) * 1e3, rates, 2 * np.asarray(errors), fmt="o", color=colour, markersize=4
            )
        page.axes.plot(
            np.asarray(grid["fine"]) * 1e3, grid["noise_free"], color=INK, linestyle="--", linewidth=1, label="no noise"
        )
        page.axes.set(xlabel="mean input mu [mV]", ylabel="rate [Hz]")
        page.legend()
    return page.panel
