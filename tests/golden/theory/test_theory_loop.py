"""Loops: Lambert's roots, eigenvalues of delay equations, mpmath's response, networks whose spectra are known."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import lambertw

from golden.errors import SpecError
from golden.theory import loop
from golden.theory.loop import (
    Synapse,
    coefficient_of_variation,
    covariance,
    critical,
    critical_factor,
    cutoff,
    population_spectrum,
    relative_response,
    static_range,
    unstable_modes,
)
from golden.theory.mean_field import MeanField, WorkingPoint, balanced, inhibitory
from golden.theory.neuron import Neuron

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEURON = Neuron(tau=20e-3, V_th=20e-3, V_reset=10e-3, t_ref=2e-3)
FAST = Neuron(tau=10e-3, V_th=20e-3, V_reset=10e-3, t_ref=2e-3)
MU, SIGMA, K = 15e-3, 5e-3, 1_000_000
SYNAPSE = Synapse(delay=1.5e-3, tau_s=2e-3)
#: Contract: rate [Hz] of the working point.
RATE = 9.46079980576


def inhibited(gain: float) -> WorkingPoint:
    return inhibitory(gain, NEURON, MU, SIGMA, K).solve([RATE])


def growing_roots(gain: float, synapse: Synapse) -> int:
    """Of lambda tau_s + 1 + G exp(-lambda d) = 0, by Lambert's W, more branches than can grow."""
    d, tau_s = synapse.delay, synapse.tau_s
    z = -gain * d / tau_s * math.exp(d / tau_s)
    branches = int(gain * d / tau_s) + 10
    return sum(1 for k in range(-branches, branches + 1) if (lambertw(z, k) / d - 1 / tau_s).real > 0)


@pytest.mark.parametrize(
    ("delay", "tau_s", "gain"),
    [(1.5e-3, 2e-3, 50.0), (1.5e-3, 0.5e-3, 20.0), (0.2e-3, 0.2e-3, 100.0), (20e-3, 1e-3, 20.0), (1.5e-3, 0.1e-3, 5.0)],
)
def test_modes_far_above_3_khz_are_counted(delay: float, tau_s: float, gain: float) -> None:
    synapse = Synapse(delay, tau_s)
    wanted = growing_roots(gain, synapse)
    assert wanted >= 10
    assert unstable_modes(inhibited(gain), synapse, "static") == wanted


def test_a_loop_that_is_cut_off_while_it_is_large_is_miscounted(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the bound on H at the last frequency is for."""
    synapse = Synapse(1.5e-3, 0.5e-3)
    monkeypatch.setattr(loop, "_SMALL", 10.0)
    monkeypatch.setattr(loop._followed, "__defaults__", (10.0,))
    assert unstable_modes(inhibited(20.0), synapse, "static") != growing_roots(20.0, synapse)


def slope(neuron: Neuron) -> float:
    """d rate / d mu [Hz/V] by mpmath's derivative of Siegert's integral."""

    def rate(mu: Any) -> Any:
        low, high = ((mpmath.mpf(v) - mu) / SIGMA for v in (neuron.V_reset, neuron.V_th))
        integral = mpmath.quad(lambda s: mpmath.exp(s * s) * mpmath.erfc(-s), [low, high])
        return 1 / (neuron.t_ref + neuron.tau * mpmath.sqrt(mpmath.pi) * integral)

    return float(mpmath.diff(rate, mpmath.mpf(MU)))


def delay_eigenvalues(gains: NDArray[np.float64], synapse: Synapse) -> NDArray[Any]:
    """Eigenvalues [1/s] of tau_i r_i' = -r_i + sum_j gains_ij u_j, tau_s u_j' = -u_j + r_j(t - d).

    The generator on a Chebyshev grid over the delay (Breda, Maset and Vermiglio, SIAM J. Sci. Comput. 27, 2005).
    """
    n, taus = 40, np.array([NEURON.tau, FAST.tau])
    x = np.cos(np.pi * np.arange(n + 1) / n)
    c = np.array([2.0, *np.ones(n - 1), 2.0]) * (-1.0) ** np.arange(n + 1)
    differentiate = np.outer(c, 1 / c) / (x[:, None] - x[None, :] + np.eye(n + 1))
    differentiate -= np.diag(differentiate.sum(axis=1))
    differentiate *= 2 / synapse.delay  # nodes from 0 down to -d
    now, late = np.zeros((4, 4)), np.zeros((4, 4))
    now[:2, :2], now[:2, 2:] = -np.diag(1 / taus), gains / taus[:, None]
    now[2:, 2:], late[2:, :2] = -np.eye(2) / synapse.tau_s, np.eye(2) / synapse.tau_s
    matrix = np.kron(differentiate, np.eye(4))
    matrix[:4] = 0
    matrix[:4, :4], matrix[:4, -4:] = now, late
    return np.linalg.eigvals(matrix)


def excited_and_inhibited(scale: float) -> tuple[WorkingPoint, NDArray[np.float64]]:
    """Two kinds of neurons that hear different things, at mu 15 and sigma 5 mV; and d r_i / d u_j."""
    gains = scale * np.array([[1.5, -4.0], [6.0, -2.0]])
    drive = gains / np.array([slope(NEURON), slope(FAST)])[:, None]
    degrees = np.full((2, 2), 1e6)
    weights = drive / (np.array([[NEURON.tau], [FAST.tau]]) * degrees)
    network = MeanField([NEURON, FAST], degrees, weights, [0.0, 0.0], [SIGMA, SIGMA])
    rates = np.array([RATE, RATE])  # of no consequence to its stability
    return WorkingPoint(network, rates, np.array([MU, MU]), np.array([SIGMA, SIGMA])), gains


def test_two_populations_have_the_eigenvalues_of_their_delay_equation() -> None:
    seen = set()
    for scale in (0.3, 0.8, 1.5, 3.0, 8.0, 30.0):
        point, gains = excited_and_inhibited(scale)
        growing = int((delay_eigenvalues(gains, SYNAPSE).real > 0).sum())
        assert unstable_modes(point, SYNAPSE, "wilson-cowan") == growing
        seen.add(growing)
    assert len(seen) >= 3  # stable and unstable, with one pair and more


def test_the_critical_factor_puts_an_eigenvalue_on_the_axis() -> None:
    point, gains = excited_and_inhibited(1.0)
    border = critical_factor(point, SYNAPSE, "wilson-cowan")
    first = max(delay_eigenvalues(gains * border.gain, SYNAPSE), key=lambda root: root.real)
    assert abs(first.real) < 1e-4  # [1/s], where tau_s makes 500
    assert abs(first.imag) / 2 / math.pi == pytest.approx(border.frequency, rel=1e-6)
    # A thousandth either side it has passed.
    for factor, grows in ((0.999, False), (1.001, True)):
        assert (delay_eigenvalues(gains * border.gain * factor, SYNAPSE).real.max() > 0) == grows


@pytest.mark.parametrize(
    ("response", "gain", "frequency"), [("static", 2.77, 206), ("lif", 7.81, 135), ("wilson-cowan", 16.48, 88)]
)
def test_one_population_is_as_far_from_its_border_as_its_gain(response: Any, gain: float, frequency: float) -> None:
    """The contract's critical gains."""
    for own in (5.0, 11.0):
        border = critical_factor(inhibited(own), SYNAPSE, response)
        assert border.gain * own == pytest.approx(gain, abs=0.006)
        assert border.frequency == pytest.approx(frequency, abs=0.5)


def test_of_several_borders_the_first_counts() -> None:
    """Static, d 20 ms, tau_s 1 ms: tan(w d) = -w tau_s in every 50 Hz, G = sqrt(1 + w^2 tau_s^2) grows from one on."""
    synapse = Synapse(20e-3, 1e-3)
    w = brentq(lambda x: math.sin(x * 20e-3) + x * 1e-3 * math.cos(x * 20e-3), 90.0, 156.0)
    border = critical_factor(inhibited(3.0), synapse, "static")
    assert border.frequency == pytest.approx(w / 2 / math.pi, rel=1e-9)
    assert border.gain == pytest.approx(math.hypot(1, w * 1e-3) / 3, rel=1e-9)


@pytest.mark.parametrize("gain", [0.4, 5.0, 50.0])
def test_loops_apart_from_each_other_add_up(gain: float) -> None:
    """Twelve of them: what each still turns at the last frequency adds up to more than half a turn."""
    one = inhibited(gain)
    weights = np.eye(12) * np.asarray(one.network.weights)
    network = MeanField([NEURON] * 12, np.full((12, 12), K), weights, [0.0] * 12, [SIGMA] * 12)
    twelve = WorkingPoint(network, np.full(12, RATE), np.full(12, MU), np.full(12, SIGMA))
    assert unstable_modes(twelve, SYNAPSE, "static") == 12 * growing_roots(gain, SYNAPSE)


def test_the_order_in_which_eigenvalues_come_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the library's: shuffled at every frequency, each mode is still followed by itself."""
    gains, size = np.array([4.0, 9.0, 20.0]), 3
    mixed = np.random.default_rng(1).normal(size=(size, size))
    weights = mixed @ np.diag(-gains) @ np.linalg.inv(mixed) / (K * 20e-3 * slope(NEURON))
    network = MeanField([NEURON] * size, np.full((size, size), K), weights, [0.0] * size, [SIGMA] * size)
    point = WorkingPoint(network, np.full(size, RATE), np.full(size, MU), np.full(size, SIGMA))
    eigvals, rng = np.linalg.eigvals, np.random.default_rng(2)

    def shuffled(matrices: Any) -> Any:
        return rng.permuted(eigvals(matrices), axis=-1)

    monkeypatch.setattr(np.linalg, "eigvals", shuffled)
    assert unstable_modes(point, SYNAPSE, "static") == sum(growing_roots(float(g), SYNAPSE) for g in gains)
    border = critical_factor(point, SYNAPSE, "static")
    assert border.gain == pytest.approx(critical(NEURON, MU, SIGMA, SYNAPSE, "static").gain / 20, rel=1e-6)


def test_excitation_runs_away_at_0_hertz() -> None:
    border = critical_factor(balanced((0.5,), (K,), NEURON, MU, SIGMA).solve([RATE]), SYNAPSE)
    assert border.gain == pytest.approx(2, rel=1e-9)
    assert border.frequency == 0


def arguments(frequency: float) -> tuple[Any, Any, Any, Any]:
    """z, xt, xr and exp(-i w t_ref) of the contract."""
    w = 2 * mpmath.pi * frequency
    top, bottom = (mpmath.sqrt(2) * (mpmath.mpf(v) - MU) / SIGMA for v in (NEURON.V_th, NEURON.V_reset))
    return mpmath.mpc(-0.5, w * NEURON.tau), top, bottom, mpmath.exp(-1j * w * NEURON.t_ref)


def psi(z: Any, x: Any) -> Any:
    return mpmath.exp(x * x / 4) * mpmath.pcfu(z, -x)


def reference_response(frequency: float, *, refractory: bool = True) -> complex:
    """The contract's closed form of chi, relative to the slope."""
    z, top, bottom, late = arguments(frequency)
    change = (z + 0.5) * (psi(z + 1, top) - psi(z + 1, bottom))
    front = mpmath.sqrt(2) * RATE / SIGMA / (z + 1.5)
    return complex(front * change / (psi(z, top) - (late if refractory else 1) * psi(z, bottom)) / slope(NEURON))


def test_the_loops_border_is_mpmaths() -> None:
    border = critical(NEURON, MU, SIGMA, SYNAPSE)
    w = 2 * math.pi * border.frequency
    kernel = np.exp(-1j * w * 1.5e-3) / (1 + 1j * w * 2e-3)
    assert abs(1 + border.gain * reference_response(border.frequency) * kernel) < 1e-8
    # Without the factor of the refractory time it is somewhere else, by little: spikes forget their reset by 135 Hz.
    assert abs(1 + border.gain * reference_response(border.frequency, refractory=False) * kernel) > 1e-4
    for f in (2.0, 10.0, 40.0):
        assert complex(relative_response(NEURON, MU, SIGMA, f)) == pytest.approx(reference_response(f), rel=1e-11)
    assert abs(reference_response(2.0, refractory=False) / reference_response(2.0) - 1) > 0.015


def test_spectra_of_populations_that_hear_the_same() -> None:
    """r_i = n_i + a y, y = sum_j g_j r_j = sum_j g_j n_j / (1 - a sum g): cross-spectra by hand."""
    gains, sizes, f = np.array([2.0, -5.0]), np.array([4000.0, 1000.0]), 70.0
    point = balanced((2.0, -5.0), (K, K), NEURON, MU, SIGMA).solve([RATE, RATE])
    w = 2 * math.pi * f
    a = np.exp(-1j * w * 1.5e-3) / (1 + 1j * w * 2e-3) / (1 + 1j * w * 20e-3)
    z, top, bottom, late = arguments(f)
    g = late * psi(z, bottom) / psi(z, top)
    own = RATE * float((1 - abs(g) ** 2) / abs(1 - g) ** 2) / sizes
    mixing = np.eye(2) + np.outer(np.ones(2), gains) * a / (1 - a * gains.sum())
    wanted = mixing @ np.diag(own) @ mixing.conj().T
    found = population_spectrum(point, sizes, SYNAPSE, f, "wilson-cowan")
    assert found.shape == (1, 2, 2)
    assert np.abs(found[0] / wanted - 1).max() < 1e-6
    # Conjugated, or without the loop, it is not that.
    assert np.abs(found[0].conj() / wanted - 1).max() > 0.1
    assert abs(found[0, 0, 0] / own[0] - 1) > 0.1


def test_a_loop_that_does_not_fall_off_is_refused() -> None:
    """r = Phi(r) at once has no meaning in time; weak enough it is stable, and with an own response it falls."""
    instant = Synapse(delay=1.5e-3, tau_s=0.0)
    with pytest.raises(SpecError, match=r"^Network must be one whose loop falls off with frequency, below 0\.5 at"):
        unstable_modes(inhibited(2.0), instant, "static")
    assert unstable_modes(inhibited(0.4), instant, "static") == 0
    # 1 + G exp(-i w d) / (1 + i w tau) = 0: tan(w d) = -w tau, G = sqrt(1 + w^2 tau^2).
    border = critical(NEURON, MU, SIGMA, instant, "wilson-cowan")
    w = 2 * math.pi * border.frequency
    assert math.tan(w * 1.5e-3) == pytest.approx(-w * 20e-3, rel=1e-6)
    assert border.gain == pytest.approx(math.hypot(1, w * 20e-3), rel=1e-9)
    counts = [unstable_modes(inhibited(border.gain * x), instant, "wilson-cowan") for x in (0.99, 1.01)]
    assert counts == [0, 2]


def unconnected() -> WorkingPoint:
    network = MeanField([NEURON], [[0.0]], [[0.0]], [MU], [SIGMA])
    return WorkingPoint(network, np.array([RATE]), np.array([MU]), np.array([SIGMA]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: population_spectrum(inhibited(11.0), [10], SYNAPSE, 5.0), "Network must be stable, not one that"),
        (lambda: population_spectrum(inhibited(2.0), [10, 20], SYNAPSE, 5.0), "Sizes must be 1 numbers of neurons"),
        (lambda: population_spectrum(inhibited(2.0), [0], SYNAPSE, 5.0), "Sizes must be 1 numbers of neurons"),
        (lambda: covariance(inhibited(2.0), [10], SYNAPSE, math.inf), "Bin must be positive, not inf s"),
        (lambda: Synapse("late", 0.0), "Input synapse delay must be a number"),  # type: ignore[arg-type]
        (lambda: Synapse(math.nan, 0.0), "Input synapse delay must be finite, not nan s"),
        (lambda: critical_factor(unconnected(), SYNAPSE), "Network must be one that larger weights make unstable"),
    ],
)
def test_mistakes_of_loops(call: Any, message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}"):
        call()


@pytest.mark.parametrize(
    ("response", "gain", "frequency"), [("static", 2.77, 206), ("lif", 7.81, 135), ("wilson-cowan", 16.48, 88)]
)
def test_critical_gains_of_the_contract(response: Any, gain: float, frequency: float) -> None:
    found = critical(NEURON, MU, SIGMA, SYNAPSE, response)
    assert found.gain == pytest.approx(gain, abs=0.006)
    assert found.frequency == pytest.approx(frequency, abs=0.5)
    below, above = (
        unstable_modes(inhibitory(g, NEURON, MU, SIGMA, K).solve([RATE]), SYNAPSE, response)
        for g in (found.gain * 0.99, found.gain * 1.01)
    )
    assert (below, above) == (0, 2)


def test_a_loop_with_a_delay_alone_has_lambert_s_roots() -> None:
    """Static response, tau_s only: lambda tau_s + 1 + G exp(-lambda d) = 0, roots by Lambert's W."""
    synapse = Synapse(delay=3e-3, tau_s=5e-3)
    for gain in (1.5, 2.5, 4.0, 9.0, 20.0):
        z = -gain * synapse.delay / synapse.tau_s * math.exp(synapse.delay / synapse.tau_s)
        roots = [lambertw(z, k) / synapse.delay - 1 / synapse.tau_s for k in range(-40, 41)]
        growing = sum(1 for root in roots if root.real > 0)
        point = inhibitory(gain, NEURON, MU, SIGMA, 20_000).solve([RATE])
        assert unstable_modes(point, synapse, "static") == growing
    # tan(w d) = -w tau_s at the border.
    w = brentq(lambda w: math.sin(w * 3e-3) + w * 5e-3 * math.cos(w * 3e-3), math.pi / 6e-3 + 1, math.pi / 3e-3)
    found = critical(NEURON, MU, SIGMA, synapse, "static")
    assert found.frequency == pytest.approx(w / 2 / math.pi, rel=1e-9)
    assert found.gain == pytest.approx(math.hypot(1, w * 5e-3), rel=1e-9)


def test_excitation_and_inhibition_count_by_their_sum_where_all_hear_the_same() -> None:
    point = balanced((6.0, -11.0), (500, 500), NEURON, MU, SIGMA).solve([RATE, RATE])
    assert [unstable_modes(point, SYNAPSE, r) for r in loop.RESPONSES] == [0, 2, 0]
    runaway = balanced((3.0, -1.0), (500, 500), NEURON, MU, SIGMA).solve([RATE, RATE])
    assert unstable_modes(runaway, SYNAPSE, "static") == 1  # positive feedback of 2: one real root


def test_where_a_static_gain_is_good() -> None:
    """Contract: 10 % deviation at 2.5 Hz, -3 dB at 21 Hz."""
    assert static_range(NEURON, MU, SIGMA) == pytest.approx(2.5, abs=0.1)
    assert cutoff(NEURON, MU, SIGMA) == pytest.approx(21, abs=0.5)


def test_finite_size_fluctuations() -> None:
    """Contract: CV sqrt(N) = 17.07 at G = 5 (bins of half a millisecond); without a loop that of renewal processes."""
    point = inhibitory(5.0, NEURON, MU, SIGMA, K).solve([RATE])
    cvs = [coefficient_of_variation(point, [n], SYNAPSE, 0.5e-3)[0] * math.sqrt(n) for n in (2500, 10_000)]
    assert cvs[0] == pytest.approx(17.07, rel=5e-3)
    assert cvs[1] == pytest.approx(cvs[0], rel=1e-9)
    free = inhibitory(1e-6, NEURON, MU, SIGMA, K).solve([RATE])
    # Fewer than a spike in a bin: nearly independent, 1 / sqrt(r bin).
    bin_width = 0.5e-3
    assert coefficient_of_variation(free, [1], SYNAPSE, bin_width)[0] == pytest.approx(
        1 / math.sqrt(RATE * bin_width), rel=0.01
    )
    # Long bins see CV^2 of the intervals, 0.81475721^2, in place of 1.
    assert coefficient_of_variation(free, [1], SYNAPSE, 20.0)[0] == pytest.approx(
        0.81475721 / math.sqrt(RATE * 20.0), rel=0.01
    )
