"""Stepped float dynamics: closed forms on the grid, order of convergence, stability as seen, refractory count."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from golden.errors import SpecError
from golden.network import Network
from golden.neurons.lif import LIFNeuron
from golden.stepped import simulate
from golden.stimulus import Stimulus, constant, from_array, poisson, step

if TYPE_CHECKING:
    from golden.trace import Trace

BASE: dict[str, Any] = {
    "C_m": 200e-12, "g_L": 10e-9, "E_L": -0.070, "V_th": -0.050, "V_reset": -0.065, "t_ref": 2e-3,
}  # fmt: skip
TAU, RHEOBASE = 20e-3, 200e-12


def neuron(**changes: Any) -> LIFNeuron:
    return LIFNeuron(**(BASE | changes))


def run(n: LIFNeuron, stimulus: Stimulus, dt: float, **options: Any) -> Trace:
    return simulate(Network(n), stimulus, dt, **options)


def reference(n: LIFNeuron, stimulus: Stimulus, dt: float, scheme: str, hold: int) -> tuple[list[int], list[float]]:
    """The update written out for one neuron, one constant current and on-grid spikes: steps that fire, and v."""
    e, th, reset, tau, r = (float(x) for x in (n.E_L, n.V_th, n.V_reset, n.tau_m, n.R))
    tau_syn = float(n.tau_syn)
    exponential = scheme == "exponential"
    a, b = (math.exp(-dt / tau), math.exp(-dt / tau_syn)) if exponential else (1 - dt / tau, 1 - dt / tau_syn)
    direct = r * (1 - a)
    through = r / tau * (b - a) / (1 / tau - 1 / tau_syn) if exponential else r * dt / tau
    arrivals: dict[int, float] = {}
    for time, weight in stimulus.spikes_of(0).tolist():
        arrivals[round(time / dt)] = arrivals.get(round(time / dt), 0.0) + weight
    v, i, left, fired, trace = e, 0.0, 0, [], []
    for k in range(round(stimulus.duration / dt)):
        i += arrivals.get(k, 0.0)
        if left:
            left -= 1
        else:
            v = e + a * (v - e) + direct * float(stimulus.currents[0, 0]) + through * i
            if v >= th:
                fired.append(k)
                v, left = reset, hold
        i *= b
        trace.append(v)
    return fired, trace


# -- exponential Euler under constant current is exact on the grid


@pytest.mark.parametrize("dt", [1e-5, 1e-4, 1e-3, 7e-4])
@pytest.mark.parametrize("drive", [1.1, 1.7, 4.0])
def test_exponential_euler_counts_the_steps_of_the_closed_form(dt: float, drive: float) -> None:
    """ceil(T_0/dt) steps to the first spike, ceil(T/dt) + t_ref/dt to each later one: exactly."""
    n = neuron(t_ref=3 * dt)
    mu = -0.070 + drive * 20e-3
    first = math.ceil(TAU * math.log((mu + 0.070) / (mu + 0.050)) / dt)
    later = math.ceil(TAU * math.log((mu + 0.065) / (mu + 0.050)) / dt) + 3
    times = run(n, constant(1, 0.3, drive * RHEOBASE), dt).spike_times(0)
    steps = np.rint(times / dt).astype(int).tolist()
    assert steps == list(range(first, round(0.3 / dt + 0.49) + 1, later))
    assert len(steps) >= 3
    np.testing.assert_allclose(times, dt * np.array(steps), rtol=1e-15)


def test_free_membrane_is_exact_at_every_step() -> None:
    n = neuron()
    stimulus = step(1, 0.1, 0.9 * RHEOBASE, start=0.02, stop=0.06)
    trace = run(n, stimulus, 1e-3, record=[0])
    t = trace.times
    np.testing.assert_allclose(t, np.arange(1, 101) * 1e-3, rtol=1e-15)
    top = 18e-3 * (1 - np.exp(-np.clip(t - 0.02, 0, 0.04) / TAU))
    np.testing.assert_allclose(
        trace.state("v", 0), -0.070 + top * np.exp(-np.clip(t - 0.06, 0, None) / TAU), atol=1e-16, rtol=1e-13
    )


@pytest.mark.parametrize("scheme", ["exponential", "euler"])
def test_synaptic_input_against_the_update_written_out(scheme: str) -> None:
    dt, n = 1e-4, neuron(tau_syn=5e-3)
    rng = np.random.default_rng(3)
    ticks = np.sort(rng.integers(0, 2000, 150))
    rows = [(k * dt, 0, w * RHEOBASE) for k, w in zip(ticks, rng.normal(1.5, 2, 150), strict=True)]
    stimulus = from_array(0.2, [0.0], [[0.8 * RHEOBASE]], rows)
    trace = run(n, stimulus, dt, scheme=scheme, record=[0])
    fired, v = reference(n, stimulus, dt, scheme, hold=20)
    assert len(fired) >= 5
    assert np.rint(trace.spike_times(0) / dt - 1).astype(int).tolist() == fired
    np.testing.assert_allclose(trace.state("v", 0), v, rtol=1e-12)
    assert trace.state("i_syn", 0)[ticks[0]] == pytest.approx(
        rows[0][2] * (math.exp(-dt / 5e-3) if scheme == "exponential" else 1 - dt / 5e-3), rel=1e-12
    )


def test_a_charge_jumps_and_leaks_for_one_step() -> None:
    trace = run(neuron(), from_array(0.01, [0.0], [[0.0]], [(2e-3, 0, 2e-12)]), 1e-3, record=[0])
    expected = [0.0, 0.0, *(10e-3 * math.exp(-k / 20) for k in range(1, 9))]
    np.testing.assert_allclose(trace.state("v", 0) + 0.070, expected, atol=1e-16, rtol=1e-12)
    assert set(trace.states) == {"v"}


# -- forward Euler


def test_forward_euler_converges_with_order_one() -> None:
    """Free response at 40 ms: the error halves with dt."""
    errors = []
    exact = 0.9 * 20e-3 * (1 - math.exp(-2))
    for dt in (8e-4, 4e-4, 2e-4, 1e-4):
        trace = run(neuron(), constant(1, 0.04, 0.9 * RHEOBASE), dt, scheme="euler", record=[0])
        errors.append(abs(trace.state("v", 0)[-1] + 0.070 - exact))
    orders = np.log2(np.array(errors[:-1]) / np.array(errors[1:]))
    np.testing.assert_allclose(orders, 1.0, atol=0.03)
    same = run(neuron(), constant(1, 0.04, 0.9 * RHEOBASE), 8e-4, record=[0]).state("v", 0)[-1]
    assert abs(same + 0.070 - exact) < 1e-15


@pytest.mark.parametrize(("q", "verdict"), [(0.5, "monotone"), (1.5, "ringing"), (2.0, "neutral"), (2.5, "divergent")])
def test_forward_euler_does_what_its_verdict_says(q: float, verdict: str) -> None:
    """The perturbation (1 - q)^k around V_inf, with the threshold out of the way."""
    n = neuron(V_th=1e9)
    dt = q * TAU
    trace = run(n, constant(1, 40 * dt, 0.5 * RHEOBASE), dt, scheme="euler", record=[0], allow_unstable=True)
    distance = trace.state("v", 0) - (-0.070 + 10e-3)
    np.testing.assert_allclose(distance, -10e-3 * (1 - q) ** np.arange(1, 41), rtol=1e-6, atol=1e-15)
    assert trace.header.settings["stability"] == f"euler: dt/tau = {q:g}, {verdict}"
    crossings = np.count_nonzero(np.diff(np.sign(distance)))
    assert crossings == (0 if verdict == "monotone" else 39)
    size = np.abs(distance)
    assert (size[-1] < size[0]) == (verdict in ("monotone", "ringing"))


def test_forward_euler_at_tau_takes_one_step() -> None:
    trace = run(neuron(V_th=0.0), constant(1, 0.2, RHEOBASE / 2), TAU, scheme="euler", record=[0])
    np.testing.assert_allclose(trace.state("v", 0), -0.060, rtol=1e-14)


def test_a_divergent_step_is_refused() -> None:
    message = "Forward Euler's dt must be at most twice the shortest time constant, not 2.5 times"
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        run(neuron(), constant(1, 1.0, RHEOBASE), 2.5 * TAU, scheme="euler")
    assert run(neuron(), constant(1, 1.0, RHEOBASE), 2.0 * TAU, scheme="euler").header.dt == 2 * TAU
    assert run(neuron(), constant(1, 1.0, RHEOBASE), 2.5 * TAU).header.engine == "stepped-exponential"


def test_an_overflowing_run_ends_quietly() -> None:
    n = neuron(tau_syn=1e-3)
    stimulus = from_array(1.0, [0.0], [[0.0]], [(0.0, 0, -RHEOBASE)])
    trace = run(n, stimulus, 3.5e-3, scheme="euler", allow_unstable=True, record=[0])
    assert np.abs(trace.state("i_syn", 0)[-1]) > 1e50


# -- threshold, reset, refractory time


@pytest.mark.parametrize(("comparison", "fires"), [(">=", True), (">", False)])
def test_equality_with_the_threshold(comparison: str, fires: bool) -> None:
    """E_L = 0, C_m = 1 F, one charge of 1 C under forward Euler with dt = tau/2: v = 0.5 V to the bit."""
    n = LIFNeuron(C_m=1.0, g_L=1.0, E_L=0.0, V_th=0.5, V_reset=0.0)
    stimulus = from_array(2.0, [0.0], [[0.0]], [(0.0, 0, 1.0)])
    trace = run(n, stimulus, 0.5, scheme="euler", comparison=comparison)
    assert trace.spike_times(0).tolist() == ([0.5] if fires else [])


def test_reset_by_subtraction_keeps_the_overshoot() -> None:
    n = LIFNeuron(C_m=1.0, g_L=1.0, E_L=-2.0, V_th=-1.5, V_reset=-3.0)
    stimulus = from_array(2.0, [0.0], [[0.0]], [(0.0, 0, 2.5)])
    trace = run(n, stimulus, 0.5, scheme="euler", reset="subtract", record=[0])
    # 1.25 above rest, three times 0.5 above threshold: 1.25 - 0.5, halved; 0.375 never fires again.
    assert trace.spike_times(0).tolist() == [0.5]
    assert (trace.state("v", 0) + 2.0).tolist() == [0.75, 0.375, 0.1875, 0.09375]


@pytest.mark.parametrize(
    ("t_ref", "dt", "rounding", "steps"),
    [
        (0.0, 1e-4, "error", 0),
        (2e-3, 1e-4, "error", 20),
        (3e-4, 1e-4, "error", 3),
        (3e-4, 1e-4, "floor", 3),
        (2.55e-3, 1e-4, "nearest", 26),
        (2.55e-3, 1e-4, "floor", 25),
        (4e-5, 1e-4, "nearest", 0),
    ],
)
def test_the_membrane_is_held_for_exactly_the_refractory_steps(
    t_ref: float, dt: float, rounding: str, steps: int
) -> None:
    """Decimal times are no binary fractions: 0.3 ms is 3 steps of 0.1 ms whatever 0.0003/0.0001 is."""
    trace = run(neuron(t_ref=t_ref), constant(1, 0.05, 1.0), dt, record=[0], refractory_rounding=rounding)
    # 1 A crosses in a single step, so the period is the held steps and the one that fires.
    fired = np.rint(trace.spike_times(0) / dt).astype(int)
    assert fired[0] == 1
    assert set(np.diff(fired)) == {steps + 1}
    assert (trace.state("v", 0) == -0.065).all()
    assert trace.header.settings["t_ref"] == [pytest.approx(steps * dt)]


def test_a_refractory_time_off_the_grid_is_an_error_on_request() -> None:
    message = "t_ref must be a multiple of 0.0001 (nearest 0.0025; allow it with a rounding), not 0.00252"
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        run(neuron(t_ref=2.52e-3), constant(1, 0.05, 0.0), 1e-4, refractory_rounding="error")


# -- populations, header, errors


def test_a_population_equals_its_neurons() -> None:
    n = neuron(V_th=[-0.05, -0.06, -0.055], tau_syn=[2e-3, 5e-3, 9e-3], t_ref=[0.0, 1e-3, 2e-3])
    stimulus = poisson(3, 0.2, 400.0, [300e-12, 200e-12, 100e-12], seed=4, bias=50e-12)
    trace = simulate(Network(n, 3), stimulus, 1e-4, record=[1, 0])
    assert trace.recorded.tolist() == [1, 0]
    for k in range(3):
        rows = [(t, 0, w) for t, w in stimulus.spikes_of(k)]
        alone = run(n[k], from_array(0.2, [0.0], [[50e-12]], rows), 1e-4, record=[0])
        assert alone.spikes.size
        assert trace.spike_times(k).tolist() == alone.spike_times(0).tolist()
        if k < 2:
            np.testing.assert_array_equal(trace.state("v", k), alone.state("v", 0))
            np.testing.assert_array_equal(trace.state("i_syn", k), alone.state("i_syn", 0))


def test_header_and_progress() -> None:
    network, stimulus, seen = Network(neuron(), 2), constant(2, 0.3, 0.0), []
    header = simulate(network, stimulus, 1e-4, scheme="euler", progress=seen.append).header
    assert (header.engine, header.size, header.duration, header.dt) == ("stepped-euler", 2, 0.3, 1e-4)
    assert (header.network, header.stimulus) == (network.hash(), stimulus.hash())
    assert header.settings == {
        "scheme": "euler",
        "comparison": ">=",
        "reset": "value",
        "stability": "euler: dt/tau = 0.005, monotone",
        "t_ref": [2e-3],
    }
    assert seen == [0.0, 1024 / 3000, 2048 / 3000]


@pytest.mark.parametrize(
    ("dt", "options", "message"),
    [
        (math.nan, {}, "Time step dt must be positive, not nan s"),
        (0.0, {"scheme": "euler"}, "Time step dt must be positive, not 0 s"),
        (math.nan, {"scheme": "euler"}, "Time step dt must be positive, not nan s"),
        (1.0, {"scheme": "heun"}, "Scheme must be one of exponential, euler, not 'heun'"),
        (0.2, {}, "Time step dt must be at most the duration (0.1 s), not 0.2 s"),
        (1e-3, {"record": [1]}, "Recorded neurons must be distinct and within 0 to 0, not [1]"),
        (1e-3, {"refractory_rounding": "up"}, "Rounding must be one of error, nearest, floor, toward_zero, "),
    ],
)
def test_bad_settings_are_one_sentence(dt: float, options: dict[str, Any], message: str) -> None:
    end = "$" if not message.endswith(" ") else ""
    with pytest.raises(SpecError, match=f"^{re.escape(message)}{end}"):
        run(neuron(), constant(1, 0.1, 0.0), dt, **options)


def test_stimulus_of_another_size() -> None:
    with pytest.raises(SpecError, match=r"^Stimulus must be for 1 neurons, not for 2$"):
        run(neuron(), constant(2, 0.1, 0.0), 1e-3)
