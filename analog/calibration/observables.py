"""Observables of a neuron's circuit: short decks, what is read off them in the worker, and the noise of the readout.

Two sets, so that a calibration on one can be judged on the other:

    calibrated on                                        judged on
    ---------------------------------------------------  -----------------------------------------------------------
    V_leak   where the membrane settles from above       where it settles from below
    tau_mem  its decay from 20 mV above V_leak           its rise from 20 mV below
    V_th     the membrane at a spike, under 4 I_leak     under 8 I_leak
    V_reset  the membrane in the refractory period       the same, under the other drive
    t_ref    length of the spike                         the same, under the other drive
    rate     interval between spikes, under 4 I_leak     under 8 I_leak
    tau_syn  decay of the synaptic line                  decay of the current into a held membrane
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from analog.bench import constant, transient
from analog.blocks.bias import Bias
from analog.blocks.pulse_input import PulseInput
from analog.calibration.parameters import silent
from analog.netlist import Netlist
from analog.settings import TRANSISTOR_SOLVER
from analog.technology import with_models
from analog.worker import Job
from golden.errors import SimulationError, SpecError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analog.calibration.parameters import Chip
    from golden.neurons.lif import FloatArray

#: [V] from V_leak at which a decay starts: farther up, mismatch makes the OTA's saturation another one on both sides.
DEFLECTION = 20e-3
#: Time constants of a decay's run, and samples of it.
LENGTH, SAMPLES = 7.0, 64
#: Drive of the two firing runs, in nominal leak currents; intervals of a run.
DRIVES = (4.0, 8.0)
SPIKES = 2.4


@dataclass(frozen=True)
class Readout:
    """How potentials and times are read.

    bits    of the converter, over the supply (BrainScaleS-2's membrane converter has 10)
    noise   [V] rms of one reading;  ``reads`` readings are averaged
    clock   [s] resolution of spike times
    """

    bits: int = 10
    noise: float = 1e-3
    reads: int = 256
    clock: float = 8e-9

    def __post_init__(self) -> None:
        if not (1 <= self.bits <= 16 and self.reads >= 1 and self.noise >= 0 and self.clock >= 0):
            raise SpecError.rule("Readout", "of 1 to 16 bits, 1 read or more, noise and clock not negative", repr(self))

    def volts(self, true: FloatArray, supply: float, rng: np.random.Generator) -> FloatArray:
        """Potentials [V] as they are read."""
        step = supply / (2**self.bits - 1)
        seen = true[..., None] + rng.normal(0.0, self.noise, (*true.shape, self.reads))
        return np.asarray((np.rint(seen / step) * step).mean(axis=-1))

    def seconds(self, true: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Durations [s] as a clock that runs on by itself counts them."""
        if not self.clock:
            return true
        phase = rng.uniform(0.0, 1.0, true.shape)
        return np.asarray(np.floor(true / self.clock + phase) * self.clock)


@dataclass(frozen=True, eq=False)
class Wave:
    """A measure: ``node`` at ``times`` [s]."""

    node: str
    times: FloatArray

    def __call__(self, waves: Mapping[str, FloatArray]) -> FloatArray:
        """Read the waveforms of one run."""
        return np.interp(self.times, waves["time"], waves[self.node])


@dataclass(frozen=True)
class Fired:
    """A measure: rows (membrane at a spike [V], in its midst [V], its length [s], the first interval [s])."""

    supply: float

    def __call__(self, waves: Mapping[str, FloatArray]) -> FloatArray:
        """Read the waveforms of one run; SimulationError when no spike has ended."""
        time, level, mem = waves["time"], waves["rst"] - self.supply / 2, waves["mem"]
        starts = time[np.flatnonzero((level[:-1] < 0) & (level[1:] >= 0)) + 1]
        ends = time[np.flatnonzero((level[:-1] >= 0) & (level[1:] < 0)) + 1]
        whole = min(starts.size, ends.size)
        if not whole or starts.size < 2:
            raise SimulationError("Neuron must fire twice to be calibrated, not stay silent")
        interval = np.full(whole, starts[1] - starts[0])
        starts, ends = starts[:whole], ends[:whole]
        # A little before the reset's gate moves.
        peaks = [float(mem[(time > start - 2e-8) & (time <= start)].max()) for start in starts]
        return np.column_stack((peaks, np.interp((starts + ends) / 2, time, mem), ends - starts, interval))


def jobs(chip: Chip, index: int, codes: Mapping[str, int], judged: bool) -> tuple[Job, Job, Job]:
    """Decks of one neuron for all its observables: membrane, firing, synapse; ``judged``: the second set."""
    targets, neuron = chip.targets, chip.neuron(index, codes)
    sign = -1 if judged else 1
    start = replace(silent(neuron), V_start=neuron.leak + sign * DEFLECTION)
    settle = transient(start, (), LENGTH * targets.tau_mem)
    nominal = chip.converters["tau_mem"].value(chip.nominal["tau_mem"])
    drive = DRIVES[judged] * nominal
    interval = neuron.C_m * (targets.V_th - targets.V_reset) / (drive - nominal) + targets.t_ref
    firing = transient(neuron, (constant(drive),), SPIKES * interval + targets.t_ref)
    line = _synapse_deck(chip, index, codes, WEIGHTS[judged])
    times = _times(targets.tau_syn)
    node = "i(vhold)" if judged else "syn_line"
    return (
        Job(settle.text(), settle.saved, Wave("mem", _times(targets.tau_mem))),
        Job(firing.text(), firing.saved, Fired(chip.process.vdd)),
        Job(line.text(), line.saved, Wave(node, PULSE + times)),
    )


#: [s] after which the synapse's pulse is over, and its length.
PULSE, WIDTH = 40e-9, 16e-9
#: Weight of the pulse: on the line as high as it goes, as a current so low that the output OTA is linear.
WEIGHTS = (63, 20)


def _synapse_deck(chip: Chip, index: int, codes: Mapping[str, int], weight: int) -> Netlist:
    synapse = replace(chip.synapse(index, codes), weight=weight)
    process = synapse.process
    blocks = (
        Bias("vdd", process.vdd),
        Bias("hold", synapse.rest),
        *replace(synapse, mem="hold").blocks(),
        PulseInput("pulse", np.array([10e-9]), WIDTH, process.vdd, 1e-9),
    )
    return Netlist(
        title=f"synaptic input of {process.scope}",
        comments=(),
        blocks=with_models(process, blocks),
        options=TRANSISTOR_SOLVER.card(),
        duration=PULSE + LENGTH * chip.targets.tau_syn,
        max_step=None,
        saved=("syn_line", "i(vhold)"),
        uic=False,
    )


def _times(tau: float) -> FloatArray:
    return np.asarray(LENGTH * tau * (np.arange(SAMPLES) + 0.5) / SAMPLES)


def read(
    chip: Chip,
    answers: tuple[FloatArray, FloatArray, FloatArray],
    readout: Readout,
    rng: np.random.Generator,
    judged: bool,
) -> dict[str, float]:
    """The observables of one neuron from its answers, as a noisy readout has them."""
    settled, fired, line = answers
    supply, targets = chip.process.vdd, chip.targets
    mem = readout.volts(settled, supply, rng)
    width = 2 * 1.42 * chip.process.thermal_voltage
    tau_mem, V_leak = decay(mem, targets.tau_mem, width)
    peaks, resets = (readout.volts(fired[:, k], supply, rng) for k in (0, 1))
    lengths, intervals = (readout.seconds(fired[:, k], rng) for k in (2, 3))
    if judged:
        # A current: noise in proportion to its largest value, as a current-to-voltage converter of full scale has it.
        scale = float(np.abs(line).max())
        seen = readout.volts(line / scale * supply / 2 + supply / 2, supply, rng)
        tau_syn, _ = decay(seen, targets.tau_syn, np.inf)
    else:
        tau_syn, _ = decay(readout.volts(line, supply, rng), targets.tau_syn, width)
    return {
        "V_leak": V_leak,
        "V_th": float(peaks.mean()),
        "V_reset": float(resets.mean()),
        "tau_mem": tau_mem,
        "t_ref": float(lengths.mean()),
        "tau_syn": tau_syn,
        "period": float(intervals.mean()),
    }


def decay(values: FloatArray, tau: float, width: float) -> tuple[float, float]:
    """Time constant [s] and end of a decay sampled at `_times` of ``tau``, by its area.

    The area of u' = -(w / tau) tanh(u / w) from u_0 is tau u_0 (1 + (u_0 / w)^2 / 9) to the next order, w = ``width``.
    What is left after LENGTH time constants, e^-7, is neglected; the first sample is half a step after the start.
    """
    step = LENGTH * tau / SAMPLES
    end = float(values[-8:].mean())
    u = values - end
    # The start from two fits of a straight line to the logarithm would be noisy: extrapolate the first samples.
    first = float(1.5 * u[0] - 0.5 * u[1])
    area = float(u.sum() * step)
    return area / (first * (1 + (first / width) ** 2 / 9)), end
