"""The Fokker-Planck solver: mass, order, closed forms (contract rates, Ornstein and Uhlenbeck, first passage, chi)."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np
import pytest
from scipy.integrate import quad

from golden.errors import SpecError
from golden.theory import fokker_planck
from golden.theory.fokker_planck import Grid, evolve, stationary
from golden.theory.neuron import Neuron
from golden.theory.threshold_integration import response_sigma

if TYPE_CHECKING:
    from golden.neurons.lif import FloatArray

NEURON = Neuron(tau=20e-3, V_th=20e-3, V_reset=10e-3, t_ref=2e-3)
#: No threshold within reach.
FAR = Neuron(tau=20e-3, V_th=80e-3, V_reset=0.0)
#: Contract [Hz]; the last neuron and input are those of NEST's own test.
RATES = [
    (NEURON, 15e-3, 5e-3, 9.46079980576),
    (NEURON, 20e-3, 4e-3, 24.5800107325),
    (NEURON, 25e-3, 0.5e-3, 41.7917535359),
    (Neuron(tau=10e-3, V_th=15e-3, V_reset=0.0, t_ref=2e-3), 15e-3, math.sqrt(1.5) * 1e-3, 27.1095934379),
]


def ratios(errors: list[float]) -> list[float]:
    """4 for second order, 2 for first, when every error is of half the step of the one before."""
    return [coarse / finer for coarse, finer in itertools.pairwise(errors)]


def steady_errors(neuron: Neuron, mu: float, sigma: float, wanted: float) -> list[float]:
    return [
        abs(stationary(neuron, mu, sigma, Grid.of(neuron, mu, sigma, fine))[2] / wanted - 1)
        for fine in (10, 20, 40, 80)
    ]


@pytest.mark.parametrize(("neuron", "mu", "sigma", "wanted"), RATES)
def test_the_steady_rate_is_siegerts_to_second_order(neuron: Neuron, mu: float, sigma: float, wanted: float) -> None:
    errors = steady_errors(neuron, mu, sigma, wanted)
    assert errors[-1] < 5e-5
    assert all(3.8 < ratio < 4.2 for ratio in ratios(errors))
    grid, p, rate = stationary(neuron, mu, sigma)
    assert p.sum() * grid.width == pytest.approx(1 - rate * neuron.t_ref, abs=1e-13)


def test_a_threshold_a_whole_cell_away_is_of_first_order(monkeypatch: pytest.MonkeyPatch) -> None:
    def centred(mu: float, d: float, tau: float, width: float, top: float) -> float:
        return d / width**2 * fokker_planck.bernoulli(-(mu - top) / tau * width / d)

    monkeypatch.setattr(fokker_planck, "absorption", centred)
    errors = steady_errors(*RATES[0])
    assert errors[-1] > 2e-3
    assert all(1.8 < ratio < 2.3 for ratio in ratios(errors))


def test_the_steady_density_is_the_contracts() -> None:
    """P0 = (2 r0 tau / sigma) exp(-y^2) Int_max(y, yr)^yt exp(x^2) dx, y = (v - mu) / sigma."""
    mu, sigma, r_0 = 15e-3, 5e-3, 9.46079980576
    grid, p, _ = stationary(NEURON, mu, sigma, Grid.of(NEURON, mu, sigma, 80))
    for k in (200, 300, 400, grid.reset, grid.reset + 60, grid.cells - 10):
        y = (grid.centres[k] - mu) / sigma
        area = quad(lambda x: math.exp(x * x), max(y, -1.0), 1.0, epsabs=0, epsrel=1e-12)[0]
        assert p[k] == pytest.approx(2 * r_0 * 20e-3 / sigma * math.exp(-y * y) * area, rel=3e-4)


def test_a_silent_neuron_rests_in_a_gaussian() -> None:
    """Mean 60 sigmas below the threshold: no rate in float64, density exp(-(v - mu)^2 / sigma^2) / (sqrt(pi) sigma)."""
    grid, p, rate = stationary(NEURON, -100e-3, 2e-3)
    assert rate == 0
    free = np.exp(-(((grid.centres + 100e-3) / 2e-3) ** 2)) / (math.sqrt(math.pi) * 2e-3)
    assert np.abs(p - free).max() < 1e-4 * free.max()
    assert evolve(NEURON, -100e-3, 2e-3, 5e-3, 1e-4).rate.max() < 1e-100


def wave(t: FloatArray) -> FloatArray:
    return 15e-3 + 6e-3 * np.sin(300 * t)


@pytest.mark.parametrize("initial", ["stationary", 12e-3])
@pytest.mark.parametrize(("t_ref", "dt"), [(0.0, 1e-4), (0.0, 5e-3), (2e-3, 1e-4), (2.137e-3, 1e-4), (1e-4, 1e-4)])
def test_mass_is_kept_to_rounding(t_ref: float, dt: float, initial: str | float) -> None:
    """Also in steps in which what enters at the reset gets to the threshold."""
    evolution = evolve(
        replace(NEURON, t_ref=t_ref), wave, lambda t: 5e-3 + 2e-3 * np.cos(170 * t),
        duration=1.0, dt=dt, initial=initial, jumps=[0.3], record=np.linspace(0, 1, 41),
    )  # fmt: skip
    assert np.abs(evolution.mass - 1).max() < 1e-12
    assert dt > 1e-3 or evolution.density.min() > -1e-12 * evolution.density.max()
    assert evolution.recorded.tolist() == pytest.approx(np.linspace(0, 1, 41).tolist(), abs=1e-12)


def test_the_queue_holds_the_spikes_of_a_refractory_time() -> None:
    """What the density lacks is the integral of the rate over the last t_ref, a part of a step included."""
    neuron, dt = replace(NEURON, t_ref=2.137e-3), 1e-4
    evolution = evolve(neuron, wave, 5e-3, 0.2, dt, record=[0.2])
    within = (evolution.rate[-21:].sum() + 0.37 * evolution.rate[-22]) * dt
    assert 1 - evolution.density[0].sum() * evolution.grid.width == pytest.approx(within, rel=1e-10)


@pytest.mark.parametrize("kept", [0.0, 0.5])
def test_mass_that_is_lost_in_the_queue_is_seen(monkeypatch: pytest.MonkeyPatch, kept: float) -> None:
    """A queue that forgets all that left so far, or a half of the part of a step."""
    advance = fokker_planck.advance

    def forgetful(*arguments: Any) -> None:
        if kept == 0:
            arguments[1][: arguments[2] + 1] = 0.0
        advance(*arguments[:-1], kept * arguments[-1])

    monkeypatch.setattr(fokker_planck, "advance", forgetful)
    evolution = evolve(replace(NEURON, t_ref=2.137e-3), wave, 5e-3, 0.2, 1e-4, record=np.linspace(0, 0.2, 11))
    assert abs(evolution.mass[-1] - 1) > 1e-6


@pytest.mark.parametrize("initial", ["stationary", (12e-3, 3e-3), 12e-3])
@pytest.mark.parametrize("t_ref", [0.0, 2e-3, 2.1333333333e-3])
def test_time_steps_are_of_second_order(t_ref: float, initial: Any) -> None:
    neuron = replace(NEURON, t_ref=t_ref)
    grid = Grid.of(neuron, [10e-3, 20e-3], [3e-3, 6e-3], 20)
    changes = _changes(
        lambda dt: evolve(
            neuron, lambda t: 15e-3 + 4e-3 * np.sin(300 * t), lambda t: 5e-3 + 1e-3 * np.cos(200 * t), 0.1, dt,
            grid=grid, initial=initial,
        ).rate, 250,
    )  # fmt: skip
    assert all(3.9 < ratio < 4.1 for ratio in ratios(changes)[1:])  # the longest step is longer than the transient


def test_a_queue_of_a_third_of_a_step_is_of_second_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Volleys of neurons that fire together tell when they come back; rounding t_ref to steps is seen."""
    neuron = replace(NEURON, t_ref=4e-4 * 16 / 3)  # a third of a step over, and two thirds after every other halving
    grid = Grid.of(neuron, 30e-3, 2e-3, 30)

    def volleys(dt: float) -> FloatArray:
        return evolve(neuron, 30e-3, 2e-3, 0.06, dt, grid=grid, initial=10e-3).rate

    assert all(3.8 < ratio < 4.1 for ratio in ratios(_changes(volleys, 150, 60)))
    advance = fokker_planck.advance
    monkeypatch.setattr(fokker_planck, "advance", lambda *arguments: advance(*arguments[:-1], 0.0))
    assert not all(3 < ratio < 5 for ratio in ratios(_changes(volleys, 150, 60)))


def _changes(rates: Callable[[float], FloatArray], bins: int, skip: int = 0) -> list[float]:
    """Largest changes of the rate, as means over ``bins``, from each halving of the step to the next."""
    means = [rates(4e-4 / 2**halvings).reshape(bins, -1).mean(axis=1)[skip:] for halvings in range(5)]
    return [float(np.abs(finer - coarse).max()) for coarse, finer in itertools.pairwise(means)]


@pytest.mark.parametrize("at_once", [False, True])
def test_a_step_of_the_input_leads_to_the_contracts_rate(at_once: bool) -> None:
    grid = Grid.of(NEURON, [15e-3, 20e-3], [5e-3, 4e-3], 60)
    late = evolve(
        NEURON, lambda t: np.where(t < 0.05, 15e-3, 20e-3), lambda t: np.where(t < 0.05, 5e-3, 4e-3), 0.4, 1e-4,
        jumps=[0.05], grid=grid,
    )  # fmt: skip
    assert late.rate[:499] == pytest.approx(9.46079980576, rel=3e-4)
    assert late.rate[-100:] == pytest.approx(24.5800107325, rel=3e-4)
    if at_once:  # the same jump at time 0, told in two ways
        start = evolve(NEURON, 20e-3, 4e-3, 0.35, 1e-4, initial=(15e-3, 5e-3), grid=grid)
        told = evolve(
            NEURON, lambda t: np.where(t > 0, 20e-3, 15e-3), lambda t: np.where(t > 0, 4e-3, 5e-3), 0.35, 1e-4,
            jumps=[0.0], grid=grid,
        )  # fmt: skip
        assert start.rate == pytest.approx(late.rate[500:], rel=1e-9)
        assert told.rate == pytest.approx(late.rate[500:], rel=1e-9)


def test_damped_steps_are_taken_where_the_input_jumps() -> None:
    """Without them the first steps after a jump differ."""

    def mu(t: Any) -> Any:
        return np.where(t > 0, 30e-3, 15e-3)

    damped, plain = (evolve(NEURON, mu, 5e-3, 2e-3, 1e-4, jumps=jumps).rate for jumps in ([0.0], []))
    assert abs(damped[0] / plain[0] - 1) > 0.01
    assert np.array_equal(damped, evolve(NEURON, mu, 5e-3, 2e-3, 1e-4, jumps=[0.0, 1.0, -1.0]).rate)


def test_a_density_that_stays_where_it_is() -> None:
    """The discrete steady state does not move, whether or not there is a queue."""
    for t_ref in (0.0, 2e-3):
        evolution = evolve(replace(NEURON, t_ref=t_ref), 15e-3, 5e-3, 0.2, 1e-4, record=[0, 0.2])
        assert np.abs(evolution.density[1] - evolution.density[0]).max() < 1e-9 * evolution.density.max()
        assert np.ptp(evolution.rate) < 1e-9


def _moments(fine: int, sigma: Any) -> FloatArray:
    """(3, 2): mean and variance after 10, 30 and 60 ms, from -20 mV, far from the threshold."""
    grid = Grid.of(FAR, [-20e-3, 10e-3], [4e-3, 6e-3], fine)
    evolution = evolve(FAR, 10e-3, sigma, 0.06, 8e-3 / fine, initial=-20e-3, record=[0.01, 0.03, 0.06], grid=grid)
    mean = evolution.density @ grid.centres * grid.width
    spread = (evolution.density * (grid.centres - mean[:, None]) ** 2).sum(axis=1) * grid.width
    return np.stack([mean, spread], axis=1)


@pytest.mark.parametrize("depth", [0.0, 0.3])
def test_far_from_threshold_it_is_ornstein_and_uhlenbecks_process(depth: float) -> None:
    """Mean mu + (v0 - mu) exp(-t/tau); d var/dt = (sigma(t)^2 - 2 var) / tau, here with sigma^2 = a (1 + depth sin)."""
    a, w, tau = 25e-6, 2 * math.pi * 40, 20e-3
    t = np.array([0.01, 0.03, 0.06])
    mean = 10e-3 - 30e-3 * np.exp(-t / tau)
    q = 2 / tau
    driven = (q * np.sin(w * t) - w * np.cos(w * t) + w * np.exp(-q * t)) / (q**2 + w**2)
    closed = np.stack([mean, a / tau * ((1 - np.exp(-q * t)) / q + depth * driven)], axis=1)
    coarse, fine = (_moments(n, lambda t: np.sqrt(a * (1 + depth * np.sin(w * t)))) for n in (40, 80))
    assert np.abs(fine / closed - 1).max() < 2e-3
    # Second order, so that two grids together are a hundred times as good as one.
    assert (coarse - closed) / (fine - closed) == pytest.approx(4, rel=0.05)
    assert np.abs((4 * fine - coarse) / 3 / closed - 1).max() < 2e-5


def _excess(mu: float, sigma: float) -> FloatArray:
    """Mean and variance 3 ms after the reset, no threshold near, over Ornstein and Uhlenbeck's, less 1; for dt to 0."""
    neuron, t, found = replace(FAR, V_th=25e-3), 3e-3, []
    for dt in (1e-5, 5e-6):
        evolution = evolve(neuron, mu, sigma, t, dt, initial=0.0, record=[t])
        p, v, width = evolution.density[0], evolution.grid.centres, evolution.grid.width
        mean = (p * v).sum() * width
        spread = 2 * (p * (v - mean) ** 2).sum() * width / sigma**2
        found.append([mean / mu / (1 - math.exp(-t / 20e-3)) - 1, spread / (1 - math.exp(-2 * t / 20e-3)) - 1])
    limit: FloatArray = (4 * np.array(found[1]) - np.array(found[0])) / 3
    return limit


@pytest.mark.parametrize("mu", [35e-3, 25e-3])
def test_a_strong_drive_widens_the_density_by_the_fluxs_own_noise_only(mu: float) -> None:
    """The flux makes sigma^2 larger by z / 2 coth(z / 2); z = 1/2 at the start and falls with mu - V."""

    def widened(t: float) -> float:
        z = 0.5 * math.exp(-t / 20e-3)
        return math.exp(-(3e-3 - t) / 10e-3) * (z / 2 / math.tanh(z / 2) - 1) / 20e-3

    wanted = 2 * quad(widened, 0, 3e-3)[0] / (1 - math.exp(-0.3))
    assert 0.015 < wanted < 0.02
    mean, spread = _excess(mu, 0.5e-3)
    assert abs(mean) < 2e-5
    assert spread == pytest.approx(wanted, abs=1e-3)


def test_cells_that_only_sigma_makes_fine_are_too_wide_for_a_strong_drive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fokker_planck, "_FAR", math.inf)
    assert _excess(25e-3, 0.5e-3)[1] > 0.3


def _first_passages(fine: int) -> float:
    """Largest difference, over the largest density."""
    dt = 2e-3 / fine
    grid = Grid.of(NEURON, 20e-3, 4e-3, fine)
    evolution = evolve(NEURON, 20e-3, 4e-3, 11e-3, dt, initial=10e-3, grid=grid)  # too early for a second spike
    x, u = 10 / 4, evolution.times / 20e-3
    spread = 1 - np.exp(-2 * u)
    closed = 2 / math.sqrt(math.pi) * x * np.exp(-u) / spread**1.5 * np.exp(-(x**2) * np.exp(-2 * u) / spread) / 20e-3
    return float(np.abs(evolution.rate - closed).max() / closed.max())


def test_early_spikes_after_a_reset_are_first_passages() -> None:
    """To its own mean, V_th = mu, the process has a first-passage density in closed form."""
    errors = [_first_passages(fine) for fine in (40, 80, 160)]
    assert errors[-1] < 1e-4
    assert all(3.8 < ratio < 4.2 for ratio in ratios(errors))


@pytest.mark.parametrize("frequency", [5.0, 50.0, 200.0])
def test_a_weak_periodic_mean_gives_the_closed_forms_response(frequency: float) -> None:
    coarse, fine = (_response(frequency, n, 1e-5, 0.0) for n in (40, 80))
    wanted = chi(frequency, NEURON.t_ref)
    assert abs(fine / wanted - 1) < 1e-4
    assert abs((4 * fine - coarse) / 3 / wanted - 1) < 3e-6
    # Without the factor exp(-i w t_ref) it is 2 %, 0.5 % and 0.009 % off.
    assert abs((4 * fine - coarse) / 3 / chi(frequency, 0.0) - 1) > 5e-5


@pytest.mark.parametrize("frequency", [5.0, 200.0])
def test_a_weak_periodic_noise_gives_the_response_of_the_threshold_integration(frequency: float) -> None:
    coarse, fine = (_response(frequency, n, 0.0, 1e-5) for n in (40, 80))
    wanted = response_sigma(NEURON, 15e-3, 5e-3, np.array([frequency]))[0]
    assert abs(fine / wanted - 1) < 5e-4
    assert abs((4 * fine - coarse) / 3 / wanted - 1) < 5e-5


def _response(frequency: float, fine: int, mu: float, sigma: float) -> complex:
    """[Hz/V] from the solver, at mu 15, sigma 5 mV with a small cosine on one of them."""
    dt = 1 / frequency / round(1 / frequency / (4e-3 / fine))
    grid = Grid.of(NEURON, 15e-3, 5e-3, fine)

    def cosine(t: FloatArray) -> FloatArray:
        swing: FloatArray = np.cos(2 * np.pi * frequency * t)
        return swing

    evolution = evolve(
        NEURON, lambda t: 15e-3 + mu * cosine(t), lambda t: 5e-3 + sigma * cosine(t), 0.4, dt,
        initial=(15e-3, 5e-3), grid=grid,
    )  # fmt: skip
    last = evolution.times > 0.2
    wave = np.exp(-2j * np.pi * frequency * evolution.times[last])
    swing = 2 * np.mean(evolution.rate[last] * wave) / (mu + sigma)
    return complex(swing / np.sinc(frequency * dt))  # rates are means over steps


def chi(frequency: float, delay: float) -> complex:
    """Contract, Linear response: at mu 15, sigma 5 mV; ``delay`` in place of t_ref in the denominator's factor."""
    tau, sigma, w = 20e-3, 5e-3, 2 * math.pi * frequency
    z = mpmath.mpc(-0.5, w * tau)
    top, bottom = math.sqrt(2) * (20 - 15) / 5, math.sqrt(2) * (10 - 15) / 5

    def psi(order: Any, x: float) -> Any:
        return mpmath.exp(x * x / 4) * mpmath.pcfu(order, -x)

    change = (z + 0.5) * (psi(z + 1, top) - psi(z + 1, bottom))
    through = psi(z, top) - mpmath.exp(mpmath.mpc(0, -w * delay)) * psi(z, bottom)
    return complex(math.sqrt(2) * 9.46079980576 / sigma / mpmath.mpc(1, w * tau) * change / through)


def test_densities_are_recorded_in_order_and_once() -> None:
    told: list[float] = []
    evolution = evolve(NEURON, 15e-3, 5e-3, 0.5, 1e-4, record=[0.5, 0.0, 0.1, 0.10003], progress=told.append)
    assert evolution.recorded.tolist() == pytest.approx([0.0, 0.1, 0.5])
    assert evolution.density.shape == (3, evolution.grid.cells)
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_a_start_far_below_is_on_the_grid() -> None:
    evolution = evolve(NEURON, 15e-3, 5e-3, 1e-3, 1e-4, initial=-60e-3, record=[1e-3])
    mean = (evolution.density[0] * evolution.grid.centres).sum() * evolution.grid.width
    assert mean == pytest.approx(15e-3 - 75e-3 * math.exp(-0.05), rel=1e-4)


GRID = Grid.of(NEURON, 15e-3, 5e-3)


def run(mu: Any = 15e-3, sigma: Any = 5e-3, duration: Any = 0.1, dt: Any = 1e-4, **more: Any) -> object:
    return evolve(more.pop("neuron", NEURON), mu, sigma, duration, dt, **more)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: run(dt=0.0), "Time step dt must be positive, not 0 s"),
        (lambda: run(dt="a"), "Input dt must be a number or an array of numbers, not 'a'"),
        (lambda: run(duration=math.inf), "Input duration must be finite, not inf s"),
        (lambda: run(duration=np.ones(2)), "Input duration must be one number, not an array of shape (2,)"),
        (lambda: run(duration=1e-5), "Duration must be at least one step (0.0001 s), not 1e-05 s"),
        (lambda: run(dt=5e-3), "Time step dt must be at most t_ref (0.002 s), unless that is 0, not 0.005 s"),
        (lambda: run(sigma=0.0), "Input sigma must be positive, not 0 V"),
        (lambda: run(sigma=0.0, grid=GRID), "Input sigma must be positive, not 0 V"),
        (lambda: stationary(NEURON, 15e-3, 0.0, GRID), "Input sigma must be positive, not 0 V"),
        (lambda: run(mu=np.zeros(3)), "Input mu must be one value or 1000, one a step, not of shape (3,)"),
        (lambda: run(mu=math.nan), "Input mu must be finite, not nan V"),
        (
            lambda: run(initial="empty"),
            "Initial density must be \"stationary\", a tuple (mu, sigma), a potential or an array, not 'empty'",
        ),
        (lambda: run(initial=(1.0, 2.0, 3.0)), "Initial tuple must be (mu, sigma), not (1.0, 2.0, 3.0)"),
        (lambda: run(initial=1.0), "Initial potential must be within -0.0250932 to 0.02 V, not 1 V"),
        (lambda: run(initial=np.ones(3)), f"Initial density must be of shape ({GRID.cells},), not of shape (3,)"),
        (
            lambda: run(initial=np.ones(GRID.cells)),
            "Initial density must be not negative, of integral 1, not of integral 0.0450",
        ),
        (lambda: run(record=[0.05, 0.2]), "Times to record must be within 0 to 0.1 s, not 0.2 s"),
        (lambda: run(record=[-1e-3]), "Times to record must be within 0 to 0.1 s, not -0.001 s"),
        (lambda: run(jumps=[math.nan]), "Input jumps must be finite, not nan s"),
        (
            lambda: run(neuron=replace(NEURON, V_th=25e-3), grid=GRID),
            "Grid must be that of the neuron (V_th 0.025, V_reset 0.01 V), not one of V_th 0.02, V_reset 0.01 V",
        ),
        (
            lambda: stationary(replace(NEURON, V_reset=5e-3), 15e-3, 5e-3, GRID),
            "Grid must be that of the neuron (V_th 0.02, V_reset 0.005 V), not one of V_th 0.02, V_reset 0.01 V",
        ),
        (lambda: run(sigma=1e-4, grid=GRID), "Width of the grid's cells must be at most 1e-05 V here, not 0.000124 V"),
        (
            lambda: run(mu=-50e-3, grid=GRID, initial=10e-3),
            "Lower end of the grid must be at most -0.07 V here, not -0.0251 V",
        ),
        (
            lambda: Grid.of(NEURON, 15e-3, 1e-7),
            "Grid must be of at most 100000 cells (less input range, or more noise), not ",
        ),
        (lambda: Grid.of(NEURON, 15e-3, 1e-320), "Grid must be of at most 100000 cells"),
        (lambda: Grid.of(NEURON, [], 5e-3), "Input mu must be of at least one value, not empty"),
        (lambda: Grid.of(NEURON, 15e-3, 5e-3, 1), "Cells of a sigma must be at least 2, not 1"),
        (lambda: Grid.of(NEURON, 15e-3, 5e-3, math.nan), "Cells of a sigma must be at least 2, not nan"),
    ],
)
def test_mistakes(call: Any, message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}"):
        call()
