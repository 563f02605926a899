"""The Fokker-Planck solver: mass, order, closed forms (contract rates, Ornstein and Uhlenbeck, first passage, chi)."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import replace
from typing import Any

import mpmath
import numpy as np
import pytest

from golden.errors import SpecError
from golden.theory import fokker_planck
from golden.theory.fokker_planck import Grid, evolve, stationary
from golden.theory.neuron import Neuron

NEURON = Neuron(tau=20e-3, V_th=20e-3, V_reset=10e-3, t_ref=2e-3)
#: Contract, Hz: mu 15 and sigma 5 mV; mu 20 and sigma 4 mV.
RATES = {(15e-3, 5e-3): 9.46079980576, (20e-3, 4e-3): 24.5800107325}


@pytest.mark.parametrize(("mu", "sigma"), RATES)
def test_the_steady_rate_is_siegerts_to_second_order(mu: float, sigma: float) -> None:
    errors = []
    for fine in (10, 20, 40, 80):
        grid, p, rate = stationary(NEURON, mu, sigma, Grid.of(NEURON, mu, sigma, fine))
        errors.append(abs(rate / RATES[mu, sigma] - 1))
        assert p.sum() * grid.width == pytest.approx(1 - rate * NEURON.t_ref, abs=1e-13)
    assert errors[-1] < 1e-4
    for coarse, finer in itertools.pairwise(errors):
        assert 3.5 < coarse / finer < 4.5


@pytest.mark.parametrize("t_ref", [0.0, 2e-3, 2.137e-3, 1e-4])
def test_mass_is_kept_to_rounding(t_ref: float) -> None:
    evolution = evolve(
        replace(NEURON, t_ref=t_ref),
        lambda t: 15e-3 + 6e-3 * np.sin(300 * t),
        lambda t: 5e-3 + 2e-3 * np.cos(170 * t),
        duration=1.0, dt=1e-4, initial=12e-3, record=np.linspace(0, 1, 41),
    )  # fmt: skip
    assert np.abs(evolution.mass - 1).max() < 1e-12
    assert evolution.density.min() > -1e-12 * evolution.density.max()
    assert evolution.recorded.tolist() == pytest.approx(np.linspace(0, 1, 41).tolist(), abs=1e-12)


def test_mass_that_is_lost_in_the_queue_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A queue that forgets the part of a step loses mass."""
    advance = fokker_planck.advance

    def forgetful(*arguments: Any) -> None:
        advance(*arguments[:-1], 0.5 * arguments[-1])

    neuron = replace(NEURON, t_ref=2.137e-3)
    monkeypatch.setattr(fokker_planck, "advance", forgetful)
    evolution = evolve(neuron, lambda t: 15e-3 + 6e-3 * np.sin(300 * t), 5e-3, 0.2, 1e-4, record=[0.2])
    assert abs(evolution.mass[0] - 1) > 1e-6


def test_time_steps_are_of_second_order() -> None:
    grid = Grid.of(NEURON, 15e-3, 5e-3)
    rates = []
    for halvings in range(5):
        dt = 4e-4 / 2**halvings
        evolution = evolve(NEURON, lambda t: 15e-3 + 4e-3 * np.sin(300 * t), 5e-3, 0.1, dt, grid=grid)
        rates.append(evolution.rate.reshape(250, -1).mean(axis=1))
    changes = [np.abs(finer - coarse).max() for coarse, finer in itertools.pairwise(rates)]
    ratios = [coarse / finer for coarse, finer in itertools.pairwise(changes)]
    assert all(3.3 < ratio < 5.5 for ratio in ratios)


def test_a_step_of_the_input_leads_to_the_contracts_rate() -> None:
    evolution = evolve(
        NEURON, lambda t: np.where(t < 0.05, 15e-3, 20e-3), lambda t: np.where(t < 0.05, 5e-3, 4e-3), 0.4, 1e-4,
        jumps=[0.05], grid=Grid.of(NEURON, [15e-3, 20e-3], [5e-3, 4e-3], 60),
    )  # fmt: skip
    assert evolution.rate[:499] == pytest.approx(9.46079980576, rel=3e-4)
    assert evolution.rate[-100:] == pytest.approx(24.5800107325, rel=3e-4)


def test_a_density_that_stays_where_it_is() -> None:
    """The discrete steady state does not move, whether or not there is a queue."""
    for t_ref in (0.0, 2e-3):
        neuron = replace(NEURON, t_ref=t_ref)
        evolution = evolve(neuron, 15e-3, 5e-3, 0.2, 1e-4, record=[0, 0.2])
        assert np.abs(evolution.density[1] - evolution.density[0]).max() < 1e-9 * evolution.density.max()
        assert np.ptp(evolution.rate) < 1e-9


def test_far_from_threshold_it_is_ornstein_and_uhlenbecks_process() -> None:
    """Mean mu + (v0 - mu) exp(-t/tau), variance sigma^2/2 (1 - exp(-2 t/tau))."""
    far = Neuron(tau=20e-3, V_th=0.12, V_reset=0.0)
    mu, sigma, v_0 = 10e-3, 5e-3, -20e-3
    evolution = evolve(far, mu, sigma, 0.06, 1e-4, initial=v_0, record=[0.01, 0.03, 0.06])
    v, width = evolution.grid.centres, evolution.grid.width
    for t, p in zip(evolution.recorded, evolution.density, strict=True):
        mean = (p * v).sum() * width
        variance = (p * (v - mean) ** 2).sum() * width
        assert mean == pytest.approx(mu + (v_0 - mu) * math.exp(-t / 20e-3), abs=2e-5)
        assert variance == pytest.approx(sigma**2 / 2 * (1 - math.exp(-2 * t / 20e-3)), rel=5e-3)


def test_early_spikes_after_a_reset_are_first_passages() -> None:
    """To its own mean, V_th = mu, the process has a first-passage density in closed form."""
    evolution = evolve(NEURON, 20e-3, 4e-3, 11.9e-3, 2.5e-5, initial=10e-3)  # too early for a second spike
    x, u = 10 / 4, evolution.times / 20e-3
    spread = 1 - np.exp(-2 * u)
    closed = 2 / math.sqrt(math.pi) * x * np.exp(-u) / spread**1.5 * np.exp(-(x**2) * np.exp(-2 * u) / spread) / 20e-3
    assert np.abs(evolution.rate - closed).max() < 2e-3 * closed.max()


@pytest.mark.parametrize("frequency", [5.0, 50.0, 200.0])
def test_a_weak_periodic_input_gives_the_closed_forms_response(frequency: float) -> None:
    dt = 1 / frequency / round(1 / frequency / 5e-5)
    grid, weak = Grid.of(NEURON, 15e-3, 5e-3, 80), 1e-5
    evolution = evolve(NEURON, lambda t: 15e-3 + weak * np.cos(2 * np.pi * frequency * t), 5e-3, 0.4, dt, grid=grid)
    last = evolution.times > 0.2
    found = 2 * np.mean(evolution.rate[last] * np.exp(-2j * np.pi * frequency * evolution.times[last])) / weak
    found /= np.sinc(frequency * dt)  # rates are means over steps
    assert abs(found / chi(frequency, NEURON.t_ref) - 1) < 2e-3
    # The factor exp(-i w t_ref) matters by more than the solver's error.
    if frequency == 50:
        assert abs(found / chi(frequency, 0.0) - 1) > 4e-3


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


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: evolve(NEURON, 15e-3, 5e-3, 0.1, 0.0), "Time step dt must be positive, not 0 s"),
        (lambda: evolve(NEURON, 15e-3, 5e-3, 1e-5, 1e-4), "Duration must be at least one step (0.0001 s), not 1e-05 s"),
        (
            lambda: evolve(NEURON, 15e-3, 5e-3, 0.1, 5e-3),
            "Time step dt must be at most t_ref (0.002 s), unless that is 0, not 0.005 s",
        ),
        (lambda: evolve(NEURON, 15e-3, 0.0, 0.1, 1e-4), "Input sigma must be positive, not 0 V"),
        (
            lambda: evolve(NEURON, np.zeros(3), 5e-3, 0.1, 1e-4),
            "Input mu must be one value or 1000, one a step, not of shape (3,)",
        ),
        (lambda: evolve(NEURON, math.nan, 5e-3, 0.1, 1e-4), "Input mu must be finite, not nan V"),
        (
            lambda: evolve(NEURON, 15e-3, 5e-3, 0.1, 1e-4, initial="empty"),
            "Initial density must be \"stationary\", a potential or an array, not 'empty'",
        ),
        (lambda: evolve(NEURON, 15e-3, 5e-3, 0.1, 1e-4, initial=1.0), "Initial potential must be within"),
        (lambda: evolve(NEURON, 15e-3, 5e-3, 0.1, 1e-4, initial=np.ones(3)), "Initial density must be of shape"),
        (lambda: Grid.of(NEURON, 15e-3, 1e-7), "Grid must be of at most 100000 cells"),
        (lambda: Grid.of(NEURON, 15e-3, 5e-3, 1), "Cells of a sigma must be at least 2, not 1"),
        (
            lambda: stationary(NEURON, -0.3, 5e-3),
            "Input must be one at which the neuron fires now and then, not mu = -0.3 V",
        ),
    ],
)  # fmt: skip
def test_mistakes(call: Any, message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}"):
        call()


def test_a_density_must_be_one() -> None:
    cells = Grid.of(NEURON, 15e-3, 5e-3).cells
    with pytest.raises(SpecError, match=r"^Initial density must be not negative, of integral 1, not of integral"):
        evolve(NEURON, 15e-3, 5e-3, 0.1, 1e-4, initial=np.ones(cells))
