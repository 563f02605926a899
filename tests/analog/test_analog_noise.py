"""Noise: Johnson's and shot noise on the membrane, injected noise against the exact filter, a noisy neuron's rate."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.signal import lfilter
from scipy.special import erfcx

from analog import AnalogSettings
from analog.bench import gather
from analog.blocks.bias import Bias
from analog.blocks.leak import Leak
from analog.blocks.membrane import MembraneCapacitor
from analog.blocks.noise_current import NoiseCurrent
from analog.fitting import Samples
from analog.neurons.ota import OtaNeuron
from analog.ngspice import pool
from analog.noise import membrane_noise, noise_deck, ota_variance, resistor_variance, with_noise
from analog.simulation import Run, build, run_circuits
from analog.technology import Process
from analog.worker import Answer, Job
from golden import stimulus as stimuli
from golden.errors import SpecError
from golden.network import Network
from golden.neurons.lif import LIFNeuron
from sim_harness import toolchain

POOL = pool(toolchain.ngspice_setup(), 2)
BOLTZMANN, CHARGE = 1.380649e-23, 1.602176634e-19


@pytest.mark.integration
def test_a_resistive_leak_has_k_t_over_c() -> None:
    blocks = (Bias("rest", 0.6), MembraneCapacitor(2e-12, 0.6), Leak(1e-7))
    cards = "\n".join(card for block in blocks for card in block.cards())
    corner = 1e-7 / (2 * np.pi * 2e-12)
    deck = f"* RC\n{cards}\nIin 0 mem dc 0 ac 1\n.noise v(mem) Iin dec 20 {corner / 1e3} {corner * 1e5}\n.end\n"
    for celsius in (27, 77):
        run = Job(deck.replace("Iin", f".options temp={celsius}\nIin", 1), ("noise1.onoise_spectrum",), variance)
        (found,) = gather(POOL, [run])
        # 45.5 uV rms on 2 pF at 27 degrees Celsius.
        assert found == pytest.approx(BOLTZMANN * (celsius + 273.15) / 2e-12, rel=5e-3)
    assert resistor_variance(2e-12) == pytest.approx(45.5e-6**2, rel=2e-3)


def variance(waves: Mapping[str, np.ndarray]) -> float:
    return float(np.trapezoid(waves["noise1.onoise_spectrum"] ** 2, waves["frequency"]))


@pytest.mark.integration
@pytest.mark.parametrize(("technology", "bias"), [("sky130", 1e-8), ("sky130", 1e-7), ("gf180", 1e-7)])
def test_the_ota_has_the_shot_noise_of_four_transistors(technology: str, bias: float) -> None:
    neuron = OtaNeuron(Process(technology), I_leak=bias)
    noise = membrane_noise(POOL, neuron, flicker=False)
    n = bias / (2 * neuron.process.thermal_voltage * noise.conductance)
    assert 1.25 < n < 1.7
    # One pole from the low-frequency density: <v^2> = S_v(0) g / (4 C), C being all that hangs on the membrane.
    assert noise.variance == pytest.approx(noise.density[0] ** 2 * noise.conductance / (4 * 2e-12), rel=0.05)
    # 2 n k T / C, within what these models' single transistors are off 2 q I.
    assert noise.variance / ota_variance(2e-12, n) == pytest.approx(1.04, abs=0.08)
    # A resistor of the same conductance has much less; flicker noise is more.
    assert noise.variance > 2.5 * resistor_variance(2e-12)
    assert membrane_noise(POOL, neuron).variance > 1.1 * noise.variance


def test_the_analysis_can_leave_flicker_noise_out() -> None:
    deck = noise_deck(OtaNeuron(), (1e-2, 1e2))
    assert "noia" in deck
    assert ".noise v(mem) Iin dec 20" in deck


def test_a_noise_current_has_its_density_and_is_reproducible() -> None:
    source = NoiseCurrent(1e-24, 1e-7, 0.1, 3)
    times, currents = source.points()
    # Variance S / (2 step): 5e-18, of a million values known to 0.14 %.
    assert currents.var() == pytest.approx(5e-18, rel=7e-3)
    assert times[1] == 1e-7
    assert (NoiseCurrent(1e-24, 1e-7, 0.1, 3).points()[1] == currents).all()
    assert not (NoiseCurrent(1e-24, 1e-7, 0.1, 4).points()[1] == currents).all()
    # On a leaky membrane, tau = 20 steps: S R^2 / (4 tau).  10^6 steps are 50,000 tau: sd of the estimate 0.63 %.
    volts = filtered(currents, tau=2e-6, R=1e6, step=1e-7)
    assert volts[1000:].var() == pytest.approx(1e-24 * 1e12 / (4 * 2e-6), rel=0.03)
    with pytest.raises(SpecError, match="Noise current noise seed must be a whole number from 0, not -1"):
        NoiseCurrent(1e-24, 1e-7, 0.1, -1)
    with pytest.raises(SpecError, match="Noise current noise step must be positive, not 0 s"):
        NoiseCurrent(1e-24, 0.0, 0.1, 1)


def filtered(currents: np.ndarray, tau: float, R: float, step: float) -> np.ndarray:
    """Exact response of R parallel C from 0 to straight lines between ``currents``: the first-order hold's filter."""
    a = np.exp(-step / tau)
    slope = 1 - (1 - a) * tau / step
    drive = R * (slope * currents[1:] + (1 - a - slope) * currents[:-1])
    return np.append(0.0, lfilter([1.0], [1.0, -a], drive))


@pytest.mark.integration
def test_the_membrane_follows_injected_noise_as_the_exact_filter_does() -> None:
    C, g, S = 2e-12, 1e-7, 4e-24
    tau = C / g
    source = NoiseCurrent(S, tau / 20, 60 * tau, 5)
    cards = [
        card for block in (Bias("rest", 0.6), MembraneCapacitor(C, 0.6), Leak(g), source) for card in block.cards()
    ]
    deck = "\n".join(
        ("* noise", *cards, AnalogSettings().solver.card(), f".tran {tau / 20} {60 * tau} 0 {tau / 40} uic", ".end", "")  # type: ignore[union-attr]
    )
    times, currents = source.points()
    (volts,) = gather(POOL, [Job(deck, ("mem",), Samples(times[1:]))])
    expected = 0.6 + filtered(currents, tau, 1 / g, source.step)[1:]
    rms = np.sqrt(S / (4 * g * C))
    assert np.sqrt(np.mean((volts - expected) ** 2)) < 0.01 * rms
    assert (volts - 0.6).std() > 0.5 * rms
    # Another seed is another path.
    other = filtered(NoiseCurrent(S, tau / 20, 60 * tau, 6).points()[1], tau, 1 / g, source.step)[1:]
    assert np.sqrt(np.mean((volts - 0.6 - other) ** 2)) > 0.5 * rms


def siegert(mu: float, sigma: float, tau: float, t_ref: float, threshold: float, reset: float) -> float:
    """Rate [1/s] of the LIF neuron in white noise (Siegert 1951; Brunel 2000, equation 21), by quadrature.

    ``sigma`` [V]: sqrt(2) times the standard deviation of the membrane without a threshold.
    """
    low, high = (reset - mu) / sigma, (threshold - mu) / sigma
    return float(1 / (t_ref + tau * np.sqrt(np.pi) * quad(lambda u: erfcx(-u), low, high)[0]))


def fired(volts: np.ndarray, tau: float, threshold: float, reset: float, mu: float, dead: int, step: float) -> int:
    """Spikes of the LIF neuron whose free membrane, from rest, is ``volts`` on a grid of ``step``: superposition.

    Each reset adds an exponential that brings the membrane to ``reset`` when the refractory period is over.
    """
    count, k, added = 0, 0, 0.0
    decay = np.exp(-step / tau)
    while k < volts.size:
        if volts[k] + added >= threshold:
            count += 1
            k += dead
            if k < volts.size:
                added = reset - volts[k]
            continue
        added *= decay
        k += 1
    return count


@pytest.mark.integration
def test_a_noisy_neuron_on_the_ideal_circuit_fires_as_the_noisy_neuron_does() -> None:
    neuron = LIFNeuron.from_tau(tau_m=20e-3, R=1e8, E_L=-65e-3, V_th=-50e-3, V_reset=-65e-3, t_ref=2e-3)
    settings = AnalogSettings(variant="xspice_free")
    duration, runs = 2.0, 3
    network, drive = Network(neuron, 1), stimuli.constant(1, duration, 130e-12)
    (circuit,) = build(network, drive, settings)
    hardware = circuit.hardware
    deviation = 0.25 * (hardware.threshold - hardware.rest)
    density = 4 * hardware.g * hardware.C * deviation**2
    step, tau = hardware.tau_m / 40, hardware.tau_m
    jobs = [Job(with_noise(circuit.netlist, density, step, seed).text(), circuit.netlist.saved) for seed in range(runs)]
    counts = dict.fromkeys(range(runs), 0)

    def count(run: int, answer: Answer) -> None:
        counts[run] = circuit.read(answer.waves, settings.supply).times.size

    POOL.run(jobs, count)
    mu = 130e-12 * hardware.amps_per_amp / hardware.g
    expected = []
    for seed in range(runs):
        # The same noise through the exact filter, on a grid ten times as fine.
        times, currents = NoiseCurrent(density, step, circuit.netlist.duration, seed).points()
        fine = np.linspace(0, times[-1], 10 * (times.size - 1) + 1)
        free = filtered(np.interp(fine, times, currents), tau, 1 / hardware.g, step / 10)
        free += hardware.rest + mu * -np.expm1(-fine / tau)
        dead = round(hardware.t_ref / (step / 10))
        inside = fine <= circuit.netlist.duration
        expected.append(fired(free[inside], tau, hardware.threshold, hardware.reset, mu, dead, step / 10))
    for seed in range(runs):
        assert abs(counts[seed] - expected[seed]) <= 1
    # White noise would make it fire more, at Siegert's rate; a value every tau / 40 takes some 10 % of that.
    rate = siegert(hardware.rest + mu, np.sqrt(2) * deviation, tau, hardware.t_ref, hardware.threshold, hardware.reset)
    assert 0.7 < sum(counts.values()) / runs / (rate * circuit.netlist.duration) < 1.05
    # Without noise it would fire never: 130 pA is below rheobase, 150 pA.
    (quiet,) = run_circuits([circuit], settings, POOL, lambda run: run)[0].values()
    assert isinstance(quiet, Run)
    assert quiet.spikes.times.size == 0
