"""Exact dynamics against an independent event-driven solution with 50 digits."""

from __future__ import annotations

import itertools
import math
import re
from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mpf

from golden.errors import SpecError
from golden.exact import simulate
from golden.network import Network
from golden.neurons.lif import LIFNeuron
from golden.stimulus import Stimulus, constant, from_array, poisson, step

if TYPE_CHECKING:
    from golden.trace import Trace

TAU = 20e-3
BASE: dict[str, Any] = {
    "C_m": 200e-12, "g_L": 10e-9, "E_L": -0.070, "V_th": -0.050, "V_reset": -0.065, "t_ref": 2e-3,
}  # fmt: skip
RHEOBASE = 200e-12
SWING = 20e-3


def neuron(**changes: Any) -> LIFNeuron:
    return LIFNeuron(**(BASE | changes))


class Reference:
    """One neuron in 50-digit arithmetic: closed forms between events, roots by bracketing on monotone stretches."""

    def __init__(self, n: LIFNeuron) -> None:
        self.C, self.g, self.E, self.V_th, self.V_reset, self.t_ref = (mpf(getattr(n, name)) for name in BASE)
        self.tau = self.C / self.g
        self.tau_syn = None if n.tau_syn is None else mpf(n.tau_syn)
        self.t, self.v, self.i, self.current, self.free_at = mpf(0), self.E, mpf(0), mpf(0), mpf(0)
        self.spikes: list[mpf] = []

    def i_at(self, t: mpf) -> mpf:
        return mpf(0) if self.tau_syn is None else self.i * mpmath.exp(-t / self.tau_syn)

    def v_at(self, t: mpf) -> mpf:
        v_inf, decay = self.E + self.current / self.g, mpmath.exp(-t / self.tau)
        if self.tau_syn is None:
            response = mpf(0)
        elif self.tau_syn == self.tau:
            response = t * decay / self.C
        else:
            response = (mpmath.exp(-t / self.tau_syn) - decay) / self.C / (1 / self.tau - 1 / self.tau_syn)
        return v_inf + (self.v - v_inf) * decay + self.i * response

    def slope_at(self, t: mpf) -> mpf:
        return (self.current + self.i_at(t) - self.g * (self.v_at(t) - self.E)) / self.C

    def crossing(self, length: mpf) -> mpf | None:
        marks = [mpf(0), length]
        if self.slope_at(mpf(0)) * self.slope_at(length) < 0:
            marks.insert(1, mpmath.findroot(self.slope_at, (0, length), solver="anderson", verify=False))
        for a, b in itertools.pairwise(marks):
            if self.v_at(a) < self.V_th <= self.v_at(b):
                root: mpf = mpmath.findroot(lambda t: self.v_at(t) - self.V_th, (a, b), solver="anderson", verify=False)
                return root
        return None

    def fire(self) -> None:
        self.spikes.append(self.t)
        self.v, self.free_at = self.V_reset, self.t + self.t_ref

    def advance(self, until: mpf) -> None:
        while self.t < until:
            if self.t < self.free_at:
                stop, crossed = min(self.free_at, until), False
            else:
                time = self.crossing(until - self.t)
                crossed = time is not None
                stop = until if time is None else self.t + time
                self.v = self.v_at(stop - self.t)
            self.i, self.t = self.i_at(stop - self.t), stop
            if crossed:
                self.fire()

    def arrive(self, weight: mpf) -> None:
        if self.tau_syn is not None:
            self.i += weight
        elif self.t >= self.free_at:
            self.v += weight / self.C
            if self.v >= self.V_th:
                self.fire()


def reference(n: LIFNeuron, stimulus: Stimulus, samples: Any = ()) -> tuple[list[mpf], list[mpf], list[mpf]]:
    """Spike times, and v and i_syn at the sample times (after what happens then)."""
    with mpmath.workdps(50):
        r = Reference(n)
        things = [(float(t), 0, float(c)) for t, c in zip(stimulus.times, stimulus.currents[:, 0], strict=True)]
        things += [(float(t), 1, float(w)) for t, w in stimulus.spikes_of(0)]
        things += [(float(t), 2, 0.0) for t in samples]
        v, i = [], []
        for time, kind, value in sorted(things, key=lambda thing: thing[:2]):
            r.advance(mpf(time))
            if kind == 0:
                r.current = mpf(value)
            elif kind == 1:
                r.arrive(mpf(value))
            else:
                v.append(r.v)
                i.append(r.i)
        r.advance(mpf(stimulus.duration))
        return r.spikes, v, i


def run(n: LIFNeuron, stimulus: Stimulus, **options: Any) -> Trace:
    return simulate(Network(n), stimulus, **options)


def assert_exact(n: LIFNeuron, stimulus: Stimulus, *, samples: Any = (), tolerance: float = 1e-12) -> int:
    """Compare spikes (to 1e-12 tau_m) and states (to 1e-12 of the swing) with 50 digits; the number of spikes."""
    trace = run(n, stimulus, record=[0], samples=samples)
    spikes, v, i = reference(n, stimulus, samples)
    times = trace.spike_times(0)
    assert len(times) == len(spikes)
    assert all(abs(mpf(t) - s) <= tolerance * float(n.tau_m) for t, s in zip(times, spikes, strict=True))
    for got, wanted in zip(trace.state("v", 0), v, strict=True):
        assert abs(mpf(got) - wanted) <= 1e-12 * SWING
    if n.tau_syn is not None:
        for got, wanted in zip(trace.state("i_syn", 0), i, strict=True):
            assert abs(mpf(got) - wanted) <= 1e-13 * abs(wanted) + 1e-40
    return len(spikes)


def spiking(*rows: tuple[float, float], duration: float, bias: float = 0.0) -> Stimulus:
    """Input spikes (time, weight) to one neuron on a constant current."""
    return from_array(duration, [0.0], [[bias]], [(time, 0, weight) for time, weight in rows])


# -- currents


@pytest.mark.parametrize("drive", [1.0001, 1.1, 1.5, 3.0, 50.0])
def test_constant_current_is_the_closed_form(drive: float) -> None:
    """The k-th spike is at T_0 + (k - 1) (t_ref + T): no reference simulation, only two logarithms."""
    trace = run(neuron(), constant(1, 1.0, drive * RHEOBASE))
    with mpmath.workdps(50):
        n = Reference(neuron())
        mu = n.E + mpf(drive * RHEOBASE) / n.g
        first = n.tau * mpmath.log((mu - n.E) / (mu - n.V_th))
        period = n.t_ref + n.tau * mpmath.log((mu - n.V_reset) / (mu - n.V_th))
        expected = [first + k * period for k in range(int((1 - first) / period) + 1)]
    times = trace.spike_times(0)
    assert len(times) == len(expected)
    # Near rheobase the rounding of the drive itself, 2**-53 of it, is amplified in every period.
    tolerance = (1e-12 + len(times) * 4e-16 / (drive - 1)) * TAU
    assert max(abs(mpf(t) - e) for t, e in zip(times, expected, strict=True)) <= tolerance


@given(E_L=st.floats(-0.1, 0.0), above=st.floats(1e-3, 0.1), g_L=st.floats(1e-9, 1e-7))
@settings(max_examples=50, deadline=None)
def test_v_inf_at_threshold_never_fires(E_L: float, above: float, g_L: float) -> None:
    n = LIFNeuron(C_m=1e-10, g_L=g_L, E_L=E_L, V_th=E_L + above, V_reset=E_L)
    assert not run(n, constant(1, 1000 * float(n.tau_m), n.rheobase)).spikes.size
    assert run(n, constant(1, 1000 * float(n.tau_m), float(n.rheobase) * (1 + 1e-9))).spikes.size


def test_steps_of_the_current() -> None:
    times = [0.0, 0.0101, 0.0301, 0.0302, 0.07, 0.11, 0.1101, 0.25]
    currents = np.array([[2.0, 0.0, -3.0, 4.0, 0.99, 1.01, 10.0, 1.7]]).T * RHEOBASE
    stimulus = from_array(0.4, times, currents)
    assert assert_exact(neuron(), stimulus, samples=np.linspace(0, 0.4, 41)) > 10


def test_spike_exactly_at_a_breakpoint() -> None:
    """The current changes in the double in which the membrane reaches threshold: one spike, neither 0 nor 2."""
    n = neuron(t_ref=0.0)
    drive = 2 * RHEOBASE
    with mpmath.workdps(50):
        crossing = float(mpf(TAU) * mpmath.log(2))
    for after, late in itertools.product((0.0, -RHEOBASE, drive, 10 * drive), (0.0, 1e-15)):
        if late or after > 0:  # exactly there, rounding may put the crossing just after the breakpoint
            stimulus = from_array(crossing + 1e-4, [0.0, crossing + late], [[drive], [after]])
            times = run(n, stimulus).spike_times(0)
            assert len(times) == 1
            assert abs(times[0] - crossing) <= 1e-12 * TAU
    off = from_array(0.1, [0.0, crossing - 1e-15], [[drive], [0.0]])
    assert not run(n, off).spikes.size


def test_step_stimulus_starts_late() -> None:
    n = neuron()
    times = run(n, step(1, 0.1, 2 * RHEOBASE, start=0.05)).spike_times(0)
    assert times[0] == pytest.approx(0.05 + TAU * math.log(2), abs=1e-12 * TAU)


# -- exponential synapses

RATIOS = [0.1, 0.5, 1 - 1e-9, 1.0, 1 + 1e-9, 1.0 + 1e-6, 2.0, 10.0]


@pytest.mark.parametrize("ratio", RATIOS)
def test_exponential_synapse(ratio: float) -> None:
    n = neuron(tau_syn=ratio * float(neuron().tau_m))
    rows = [(0.001, 3.0), (0.004, 30.0), (0.0041, -8.0), (0.03, 20.0), (0.03, 5.0), (0.05, -40.0), (0.09, 70.0)]
    stimulus = spiking(*((t, w * RHEOBASE) for t, w in rows), duration=0.2, bias=0.6 * RHEOBASE)
    assert assert_exact(n, stimulus, samples=np.linspace(0, 0.2, 201)) >= 3


@pytest.mark.parametrize("ratio", [0.25, 1.0, 3.0])
@pytest.mark.parametrize("sign", [1, -1])
def test_poisson_input(ratio: float, sign: int) -> None:
    """Some hundred input spikes; -1 adds strong inhibition."""
    n = neuron(tau_syn=ratio * TAU)
    stimulus = poisson(1, 0.5, 800.0, 0.4 * RHEOBASE, seed=11)
    if sign < 0:
        stimulus = stimulus + poisson(1, 0.5, 200.0, -0.9 * RHEOBASE, seed=12, bias=0.7 * RHEOBASE)
    assert stimulus.spikes.shape[0] > 350
    assert assert_exact(n, stimulus, samples=np.linspace(0, 0.5, 17)) >= 5


@pytest.mark.parametrize("ratio", [0.3, 1.0, 4.0])
@pytest.mark.parametrize(("margin", "tolerance"), [(1e-7, 1e-12), (1e-10, 5e-11), (-1e-10, 0.0)])
def test_a_nearly_tangential_crossing(ratio: float, margin: float, tolerance: float) -> None:
    """One input spike whose peak exceeds threshold by ``margin``: the excursion lasts sqrt(margin) of tau_m.

    The time of so flat a crossing amplifies rounding by 1/sqrt(2 margin).
    """
    tau_syn = ratio * float(neuron().tau_m)
    n = neuron(tau_syn=tau_syn)
    with mpmath.workdps(50):
        s = mpf(tau_syn)
        tau = mpf(n.C_m) / mpf(n.g_L)
        if abs(s / tau - 1) < mpf("1e-12"):
            peak = tau / mpf(n.C_m) / mpmath.e
        else:
            t = mpmath.log(s / tau) / (1 / tau - 1 / s)
            peak = (mpmath.exp(-t / s) - mpmath.exp(-t / tau)) / mpf(n.C_m) / (1 / tau - 1 / s)
        weight = float((mpf(n.V_th) - mpf(n.E_L)) / peak * (1 + mpf(margin)))
    stimulus = spiking((0.0, weight), duration=0.2)
    spikes = assert_exact(n, stimulus, tolerance=tolerance)
    assert spikes == (1 if margin > 0 else 0)


ulp = math.nextafter


@pytest.mark.parametrize("ratio", [0.25, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("start", [0.0, 0.25])
@pytest.mark.parametrize("rest", [-0.07, 0.0])
def test_a_synaptic_current_that_cancels_the_drive(ratio: float, start: float, rest: float) -> None:
    """Drive and inhibition of round numbers that add up to 0, or to the last bit more or less: du/dt = 0 at first.

    That instant is the minimum; afterwards the membrane rises through threshold as the inhibition decays.
    """
    n = neuron(E_L=rest, V_th=rest + SWING, V_reset=rest, tau_syn=ratio * TAU)
    for current in (250e-12, 300e-12, 450e-12, 700e-12, 1e-9):
        for weight in (-current, -ulp(current, 0), -ulp(current, 1)):
            stimulus = from_array(start + 0.15, *_switched(start, current), [(start, 0, weight)])
            assert assert_exact(n, stimulus, tolerance=1e-11) >= 1


@pytest.mark.parametrize("ratio", [0.25, 1.0, 2.0])
def test_a_synaptic_current_that_cancels_inhibition(ratio: float) -> None:
    """The other sign: that instant is the maximum, the membrane only falls."""
    n = neuron(tau_syn=ratio * TAU)
    for current in (100e-12, 300e-12, 1e-9):
        for weight in (current, ulp(current, 0), ulp(current, 1)):
            assert assert_exact(n, spiking((0.0, weight), duration=0.1, bias=-current)) == 0


def _switched(start: float, current: float) -> tuple[list[float], list[list[float]]]:
    return ([0.0, start], [[0.0], [current]]) if start else ([0.0], [[current]])


def test_synaptic_current_goes_on_while_the_membrane_is_held() -> None:
    n = neuron(tau_syn=5e-3, t_ref=10e-3)
    weight = 100 * RHEOBASE
    stimulus = spiking((0.0, weight), (6e-3, weight), duration=0.05)
    samples = np.linspace(0, 0.05, 101)
    assert assert_exact(n, stimulus, samples=samples) >= 2
    trace = run(n, stimulus, record=[0], samples=samples)
    first = trace.spike_times(0)[0]
    held = (samples > first) & (samples < first + 10e-3)
    assert held.sum() >= 18
    assert (trace.state("v", 0)[held] == -0.065).all()
    expected = weight * np.exp(-samples / 5e-3) + np.where(
        samples >= 6e-3, weight * np.exp(-(samples - 6e-3) / 5e-3), 0.0
    )
    np.testing.assert_allclose(trace.state("i_syn", 0), expected, rtol=1e-12)


def test_a_synapse_that_has_decayed_to_nothing() -> None:
    """After 10^5 time constants i_syn is subnormal or 0: no overflow, no division by it."""
    n = neuron(tau_syn=1e-4)
    stimulus = spiking((0.0, RHEOBASE), (0.07, 1e-300), (0.0744, 0.0), (10.0, 0.0), duration=10.5, bias=0.9 * RHEOBASE)
    assert assert_exact(n, stimulus) == 0
    tiny = LIFNeuron(C_m=1e9, g_L=1e9, E_L=0.0, V_th=1.0, V_reset=0.0, tau_syn=1.0)
    assert not run(tiny, spiking((0.0, 1e-318), duration=5.0)).spikes.size


random_events = st.lists(
    st.tuples(st.floats(0.0, 0.0999), st.floats(-20, 20, allow_subnormal=False)), min_size=1, max_size=12
)


@given(
    rows=random_events,
    bias=st.floats(-1, 3),
    ratio=st.floats(0.02, 50),
    t_ref=st.sampled_from([0.0, 1e-4, 5e-3]),
    v_reset=st.floats(-0.12, -0.055),
)
@settings(max_examples=25, deadline=None)
def test_random_synaptic_input(
    rows: list[tuple[float, float]], bias: float, ratio: float, t_ref: float, v_reset: float
) -> None:
    n = neuron(tau_syn=ratio * TAU, t_ref=t_ref, V_reset=v_reset)
    stimulus = spiking(*sorted((t, w * RHEOBASE) for t, w in rows), duration=0.1, bias=bias * RHEOBASE)
    trace = run(n, stimulus)
    spikes, _, _ = reference(n, stimulus)
    times = trace.spike_times(0)
    assert len(times) == len(spikes)
    # Flat crossings amplify rounding; what hypothesis finds stays within 1e-9 tau_m, steep ones are tested above.
    assert all(abs(mpf(t) - s) <= 1e-9 * TAU for t, s in zip(times, spikes, strict=True))


# -- charges


def test_a_charge_that_jumps_over_threshold_fires_at_once() -> None:
    n = neuron(t_ref=2**-8)
    jump = 2 * SWING * float(n.C_m)
    at = 2**-6
    trace = run(n, spiking((at, jump), (at + 2**-9, jump), (at + 2**-8, jump), duration=0.125))
    # The second is lost in the refractory time, the third arrives at the very end of it.
    assert trace.spike_times(0).tolist() == [at, at + 2**-8]


@pytest.mark.parametrize(("charge", "fires"), [(0.999999, False), (1.0, True), (1.000001, True)])
def test_the_edge_of_a_jump(charge: float, fires: bool) -> None:
    """C_m = 1 F, threshold 1 V above rest: a charge of 1 C reaches it to the bit, and reaching is firing."""
    n = LIFNeuron(C_m=1.0, g_L=1.0, E_L=0.0, V_th=1.0, V_reset=0.0)
    assert run(n, spiking((0.25, charge), duration=1.0)).spike_times(0).tolist() == ([0.25] if fires else [])


def test_simultaneous_charges_add_up_in_order() -> None:
    n = neuron(t_ref=0.0)
    half = 0.6 * SWING * float(n.C_m)
    assert run(n, spiking((0.01, half), (0.01, half), duration=0.1)).spike_times(0).tolist() == [0.01]
    assert not run(n, spiking((0.01, half), (0.01, -half), (0.01, half), duration=0.1)).spikes.size
    two = run(n, spiking(*[(0.01, 3 * half)] * 2, duration=0.1)).spike_times(0)
    assert two.tolist() == [0.01, 0.01]


def test_charges_between_currents() -> None:
    n = neuron()
    charge = SWING * float(n.C_m)
    rows = [(0.002, 0.4), (0.0021, -0.9), (0.01, 0.5), (0.011, 0.9), (0.0115, 5.0), (0.03, 0.7), (0.06, 0.7)]
    stimulus = spiking(*((t, w * charge) for t, w in rows), duration=0.1, bias=0.8 * RHEOBASE)
    stimulus = stimulus + step(1, 0.1, RHEOBASE, start=0.04, stop=0.05)
    assert assert_exact(n, stimulus, samples=np.linspace(0, 0.1, 101)) >= 3


def test_without_synapse_there_is_no_synaptic_state() -> None:
    trace = run(neuron(), constant(1, 0.1, 0.0), record=[0], samples=[0.0, 0.1])
    assert set(trace.states) == {"v"}
    np.testing.assert_allclose(trace.state("v", 0), -0.07, rtol=1e-15)


# -- recording


def test_a_sample_at_a_spike_shows_the_state_after_it() -> None:
    n = neuron(t_ref=0.0)
    stimulus = constant(1, 0.05, 2 * RHEOBASE)
    spike = float(run(n, stimulus).spike_times(0)[0])
    samples = [math.nextafter(spike, 0), spike, math.nextafter(spike, 1)]
    v = run(n, stimulus, record=[0], samples=samples).state("v", 0)
    assert v == pytest.approx([-0.05, -0.065, -0.065], abs=1e-14)


def test_a_spike_at_the_very_end() -> None:
    """The run ends in the double in which the neuron fires: the sample there is the reset, not what memory held."""
    n = neuron()
    duration = float(run(n, constant(1, 1.0, 2 * RHEOBASE)).spike_times(0)[0])
    for end in (duration, math.nextafter(duration, 1)):
        trace = run(n, constant(1, end, 2 * RHEOBASE), record=[0], samples=[0.0, end])
        assert trace.spike_times(0) == pytest.approx([duration], rel=1e-15)
        assert trace.spike_times(0)[0] <= end
        assert trace.state("v", 0)[1] == pytest.approx(-0.065, rel=1e-15)


def test_neurons_are_independent_and_in_order() -> None:
    n = neuron(V_th=[-0.05, -0.06, -0.04], t_ref=[0.0, 1e-3, 0.0])
    currents = [2 * RHEOBASE, 1.5 * RHEOBASE, 5 * RHEOBASE]
    trace = simulate(Network(n, 3), constant(3, 0.2, currents), record=[2, 0], samples=[0.0, 0.1])
    for k in range(3):
        alone = run(n[k], constant(1, 0.2, currents[k]), record=[0], samples=[0.0, 0.1])
        assert trace.spike_times(k).tolist() == alone.spike_times(0).tolist()
        if k != 1:
            assert trace.state("v", k).tolist() == alone.state("v", 0).tolist()
    assert (np.diff(trace.spikes[:, 0]) >= 0).all()
    assert trace.recorded.tolist() == [2, 0]


def test_header_and_progress() -> None:
    network, stimulus = Network(neuron(), 2), poisson(2, 0.1, 10.0, 0.0, seed=5)
    seen: list[float] = []
    header = simulate(network, stimulus, progress=seen.append).header
    assert (header.engine, header.size, header.duration, header.dt, header.seed) == ("exact", 2, 0.1, None, 5)
    assert (header.network, header.stimulus) == (network.hash(), stimulus.hash())
    assert {"axonhillock", "numpy"} <= set(header.versions)
    assert seen == [0.5, 1.0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"samples": [0.05, 0.01]}, "Sample times must be ascending within 0 to 0.1 s, not [0.05 0.01]"),
        ({"samples": [0.05, 0.2]}, "Sample times must be ascending within 0 to 0.1 s, not [0.05 0.2 ]"),
        ({"samples": [-0.1]}, "Sample times must be ascending within 0 to 0.1 s, not [-0.1]"),
        ({"samples": [math.nan]}, "Sample times must be ascending within 0 to 0.1 s, not [nan]"),
        ({"record": [2]}, "Recorded neurons must be distinct and within 0 to 1, not [2]"),
        ({"record": [-1]}, "Recorded neurons must be distinct and within 0 to 1, not [-1]"),
        ({"record": [0, 0]}, "Recorded neurons must be distinct and within 0 to 1, not [0 0]"),
    ],
)
def test_what_cannot_be_recorded(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        simulate(Network(neuron(), 2), constant(2, 0.1, 0.0), **options)


TOO_MUCH = "^Input of neuron 1 must be weak enough for at most 1e\\+07 spikes, not one that makes more"


@pytest.mark.parametrize("amplitude", [300.0, 300e-6, 1e305])
def test_a_current_of_the_wrong_unit_is_refused_at_once(amplitude: float) -> None:
    """300 A instead of 300 pA: 10^12 spikes and more."""
    with pytest.raises(SpecError, match=TOO_MUCH):
        simulate(Network(neuron(t_ref=0.0), 2), constant(2, 0.5, [0.0, amplitude]))
    with pytest.raises(SpecError, match=TOO_MUCH):
        simulate(
            Network(neuron(t_ref=0.0, tau_syn=5e-3), 2), from_array(0.5, [0.0], [[0, 0]], [(0.1, 1, 99 * amplitude)])
        )
    assert len(run(neuron(), constant(1, 0.05, amplitude)).spikes) == pytest.approx(25, abs=1)  # t_ref is the limit


def test_the_bound_on_spikes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exactly as many as allowed pass; inhibition, which no forecast counts on, is stopped by the count itself."""
    n = neuron(t_ref=0.0, tau_syn=5e-3)
    for stimulus in (constant(1, 0.5, 2 * RHEOBASE), spiking((0, -9e-9), duration=0.5, bias=3 * RHEOBASE)):
        monkeypatch.undo()
        count = len(run(n, stimulus).spikes)
        assert count > 20
        monkeypatch.setattr("golden.exact.MOST_SPIKES", count)
        assert len(run(n, stimulus).spikes) == count
        monkeypatch.setattr("golden.exact.MOST_SPIKES", count - 1)
        with pytest.raises(SpecError, match=f"^Input of neuron 0 must be weak enough for at most {count - 1} spikes"):
            run(n, stimulus)


def test_stimulus_of_another_size() -> None:
    with pytest.raises(SpecError, match=r"^Stimulus must be for 1 neurons, not for 2$"):
        simulate(Network(neuron()), constant(2, 0.1, 0.0))
