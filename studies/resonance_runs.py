"""Noisy neurons with a weak sinusoidal input on three machines; what is kept of a run are sums over its spikes.

Everything is in units of the neuron: time in tau, potential in V_th - V_reset, V_reset = 0, t_ref = 0.  A run gives,
for each of ``GROUPS`` independent groups of neurons, the mean of X = sum over spikes of exp(-i w t), the mean of |X|^2,
and the number of spikes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from analog.neurons.lif import LIFCircuit
from analog.ngspice import pool
from analog.noise import with_noise
from analog.settings import AnalogSettings
from analog.worker import Job
from golden import lfsr
from golden.compiled import compilable, kernel
from golden.fixed import Format
from golden.network import Network
from golden.neurons.lif import LIFNeuron
from golden.neurons.lif_fixed import LIFFormat, Parameters, State, step
from golden.noise import WhiteNoise
from golden.stepped import simulate
from golden.stimulus import from_array
from sim_harness import toolchain

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from golden.fixed import IntArray
    from golden.neurons.lif import FloatArray

#: Independent groups, from whose spread errors are estimated.
GROUPS = 16
#: Transient that is left out [tau]: a whole number of the signal's periods.
WARM = 20.0
#: Pieces of constant current a period of the signal.
PIECES = 80
#: Neurons of a fixed-point core, which share its LFSR; ticks a tau; bits of the random number that is added.
CORE, TICKS, RANDOM_BITS = 256, 40, 8
#: The core's potential: 16 bits behind the point of V_th - V_reset.
FORMAT = LIFFormat(v=Format(24, 16), decay_bits=16, leak_rounding="nearest", refractory_bits=0)


@dataclass(frozen=True)
class Signal:
    """mu + eps cos(2 pi f t), in units of the neuron."""

    mu: float
    eps: float
    frequency: float

    def pieces(self, duration: float) -> tuple[FloatArray, FloatArray]:
        """Starts of PIECES pieces a period and the mean of the input over each."""
        length = 1 / self.frequency / PIECES
        starts = length * np.arange(round(duration / length), dtype=np.float64)
        phase = 2 * np.pi * self.frequency
        mean = (np.sin(phase * (starts + length)) - np.sin(phase * starts)) / (phase * length)
        return starts, np.asarray(self.mu + self.eps * mean)


def golden(
    signal: Signal, noise: float, neurons: int, duration: float, dt: float, seed: int, progress: Callable[[float], None]
) -> dict[str, Any]:
    """The stepped golden engine with its bias-free threshold, D = ``noise``."""
    neuron = LIFNeuron.from_tau(tau_m=1.0, R=1.0, E_L=0.0, V_th=1.0, V_reset=0.0)
    starts, values = signal.pieces(WARM + duration)
    stimulus = from_array(WARM + duration, starts, np.repeat(values[:, None], neurons, axis=1))
    white = WhiteNoise(float(np.sqrt(2 * noise)), seed)
    trace = simulate(
        Network(neuron, neurons), stimulus, dt, noise=white, threshold_shift=True, progress=progress
    )  # fmt: skip
    # A spike within a step is written down at its end.
    return sums(trace.spikes[:, 0] - dt / 2, trace.spikes[:, 1].astype(np.int64), neurons, signal, duration)


def core(
    signal: Signal, noise: float, cores: int, duration: float, seed: int, progress: Callable[[float], None]
) -> dict[str, Any]:
    """Fixed-point cores of CORE neurons by the golden step, each with the noise of its own LFSR.

    As on TrueNorth a core has one LFSR, which steps once for every neuron; its low bits, centred, times a gain, are
    added to that neuron's input.  So neighbours' numbers share bits, which white noise does not.
    """
    scale, dt = 1 << FORMAT.v.frac, 1 / TICKS
    decay = np.exp(-dt)
    span = 2 * ((1 << RANDOM_BITS) - 1)  # of 2 rho - (2^bits - 1), whose variance is (4^bits - 1) / 3
    gain = round(np.sqrt(noise * (1 - decay**2) / (((1 << 2 * RANDOM_BITS) - 1) / 3)) * scale)
    p = Parameters(decay=round(decay * (1 << FORMAT.decay_bits)), v_th=scale)
    size, ticks = cores * CORE, round((WARM + duration) * TICKS)
    _, values = signal.pieces(WARM + duration)
    each = ticks // values.size
    drive = np.rint(np.repeat(values, each) * (1 - decay) * scale).astype(np.int64)
    states = np.random.default_rng(seed).integers(1, 1 << 32, cores)
    zero = np.zeros(size, dtype=np.int64)
    state, words = State(zero, zero, zero), np.empty(size, dtype=np.int64)
    times, who = [], []
    for tick in range(ticks):
        if tick % 1024 == 0:
            progress(tick / ticks)
        draw(states, CORE, words)
        number = 2 * (words & ((1 << RANDOM_BITS) - 1)) - span // 2
        state, spike = step(FORMAT, p, state, drive[tick] + gain * number)
        if spike.any():
            fired = np.flatnonzero(spike)
            who.append(fired)
            times.append(np.full(fired.size, (tick + 0.5) * dt))
    found = sums(np.concatenate(times), np.concatenate(who), size, signal, duration)
    found["noise"] = float((gain / scale) ** 2 * ((1 << 2 * RANDOM_BITS) - 1) / 3 / (1 - decay**2))
    return found


def circuit(
    signal: Signal, noise: float, runs: int, duration: float, seed: int, progress: Callable[[float], None]
) -> dict[str, Any]:
    """The ideal tier's circuit in ngspice, with a noise current of the density that D asks for: S1 = 4 g C D."""
    neuron = LIFNeuron.from_tau(tau_m=20e-3, R=1e8, E_L=0.0, V_th=20e-3, V_reset=0.0, t_ref=1e-4)
    settings = AnalogSettings(variant="xspice_free", v_min=0.4)
    tau, swing = float(neuron.tau_m), float(neuron.V_th - neuron.V_reset)
    starts, values = signal.pieces(WARM + duration)
    currents = values * swing / float(neuron.R)
    stimulus = from_array((WARM + duration) * tau, starts * tau, currents[:, None])
    made = LIFCircuit.build(neuron, stimulus, settings, 0)
    hardware = made.hardware
    volts = float(hardware.threshold - hardware.reset)
    density = 4 * hardware.g * hardware.C * noise * volts**2
    jobs = [
        Job(with_noise(made.netlist, density, hardware.tau_m / 40, seed * 1_000_003 + k).text(), made.netlist.saved)
        for k in range(runs)
    ]
    times, who = [], []

    def read(k: int, answer: Any) -> None:
        spikes = made.read(answer.waves, settings.supply).times / hardware.tau_m
        times.append(spikes)
        who.append(np.full(spikes.size, k))

    pool(toolchain.ngspice_setup(), None).run(jobs, read, progress)
    order = np.argsort(np.concatenate(who), kind="stable")
    return sums(np.concatenate(times)[order], np.concatenate(who)[order], runs, signal, duration)


def sums(times: FloatArray, who: IntArray, neurons: int, signal: Signal, duration: float) -> dict[str, Any]:
    """What is kept of a run: per group, mean X, mean |X|^2, spikes, and what they belong to."""
    inside = (times >= WARM) & (times < WARM + duration)
    wave = np.exp(-2j * np.pi * signal.frequency * times[inside])
    each = np.bincount(who[inside], wave.real, neurons) + 1j * np.bincount(who[inside], wave.imag, neurons)
    counts = np.bincount(who[inside], minlength=neurons)
    groups = neurons // GROUPS
    x = each[: groups * GROUPS].reshape(GROUPS, groups)
    return {
        "mean": x.mean(axis=1),
        "square": (np.abs(x) ** 2).mean(axis=1),
        "spikes": counts[: groups * GROUPS].reshape(GROUPS, groups).sum(axis=1),
        "size": groups,
        "duration": duration,
    }


@kernel
def draw(states: NDArray[np.int64], each: int, words: NDArray[np.int64]) -> None:
    """A number for every neuron: ``each`` steps of every core's LFSR, whose states go on from tick to tick."""
    for k in range(states.size):
        state = states[k]
        for n in range(each):
            state = lfsr.step(state)
            words[k * each + n] = state
        states[k] = state


compilable(lfsr.step)
