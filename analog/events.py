"""Input spikes through synapse circuits: pulses on weight DACs that share a neuron's synaptic lines.

A neuron has a line for each sign.  Its time constant is the neuron's tau_syn, its biases those with which the
largest weight, code 63, brings the charge asked for; other weights are rounded to codes.  Spikes with the same code
take turns on one DAC, and another DAC where two pulses would meet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analog.blocks.pulse_input import PulseInput
from analog.synapses import probe
from analog.synapses.bss2 import Bss2Synapse
from analog.synapses.line import SharedLine
from analog.technology import Process
from golden.errors import SpecError
from golden.twins.samples import fit_samples

if TYPE_CHECKING:
    from analog.mapping import HardwareLIF
    from analog.netlist import Block
    from analog.ngspice import Pool
    from analog.settings import AnalogSettings
    from golden.neurons.lif import FloatArray
    from golden.stimulus import Stimulus
    from golden.twins.bss2_synapse import Bss2SynapseTwin

#: [s] of a pulse, of its edges, and from one pulse to the next on the same DAC.
WIDTH, EDGE, APART = 8e-9, 1e-9, 12e-9
#: [s] of a spike's time.
GRID = 0.25e-9
#: Highest weight code, least and largest bias [A] of the line, largest of the output, and the current [A] of a code.
HIGHEST = 63
BIAS = 1e-9, 1.5e-6
OUTPUT, LSB = 0.6e-6, (5e-9, 100e-9)


@dataclass(frozen=True)
class InputSynapse(Bss2Synapse):
    """The current-based synapse of a neuron, whose twin is fitted where that neuron's membrane moves.

    V_line is the middle of the membrane's way; swing [V] is the way from reset to threshold
    """

    swing: float = 0.2

    @property
    def probes(self) -> tuple[float, ...]:
        """The middle, and both ends."""
        return (self.rest, self.rest - self.swing / 2, self.rest + self.swing / 2)


@dataclass(frozen=True, eq=False)
class EventLine:
    """The spikes of one sign that reach a neuron.

    synapse   the line and its output
    times     (E,) spikes [s], ascending; ``codes`` (E,) of their weights; ``dacs`` (E,) which DAC takes each
    """

    synapse: InputSynapse
    times: FloatArray
    codes: FloatArray
    dacs: FloatArray

    def blocks(self) -> tuple[Block, ...]:
        """The line with its DACs, and their pulses."""
        used = np.unique(self.dacs)
        name, supply = self.synapse.name, self.synapse.process.vdd
        pulses = tuple(f"{name}_p{int(dac)}" for dac in used)
        weights = tuple(int(self.codes[self.dacs == dac][0]) for dac in used)
        sources = (
            PulseInput(node, self.times[self.dacs == dac], WIDTH, supply, EDGE)
            for node, dac in zip(pulses, used, strict=True)
        )
        return (*SharedLine(self.synapse, weights, pulses).blocks(), *sources)

    def current(self, twin: Bss2SynapseTwin, times: FloatArray, V: float) -> FloatArray:
        """What flows into a membrane at ``V`` [V] by the line's golden twin, at ``times`` [s]."""
        return twin.currents(self.times, self.times + WIDTH, self.codes, times, V)


def event_lines(hardware: HardwareLIF, stimulus: Stimulus, settings: AnalogSettings) -> tuple[EventLine, ...]:
    """The lines that a neuron's input spikes need; none without spikes.

    Raises SpecError when a bias is out of range: tau_syn or the largest weight is too large or too small.
    """
    assert hardware.tau_syn is not None
    spikes, who = stimulus.spikes_of(hardware.index), f"(neuron {hardware.index})"
    process = settings.process.within(f"neuron {hardware.index}")
    typical = Bss2Synapse(Process(process.technology))
    I_tau = typical.I_tau * typical.twin().tau / hardware.tau_syn
    a = hardware.acceleration
    if not BIAS[0] <= I_tau <= BIAS[1]:
        shortest, longest = (hardware.tau_syn * I_tau / bias * a for bias in reversed(BIAS))
        rule = f"between {shortest:.3g} and {longest:.3g} s for synapse circuits at acceleration {a:g}"
        raise SpecError.rule(f"Neuron tau_syn {who}", rule, f"{hardware.tau_syn * a:g} s")
    found = []
    for name, sign in (("se", 1.0), ("si", -1.0)):
        chosen = spikes[spikes[:, 1] * sign > 0]
        if not len(chosen):
            continue
        weights = np.abs(chosen[:, 1])
        largest = float(weights.max())
        charge = largest * hardware.amps_per_amp * hardware.tau_syn
        # The larger the output's bias, the less an event moves the line, which is linear for some 25 mV only.
        product = charge * I_tau / (HIGHEST * WIDTH)
        I_gm = min(OUTPUT, product / LSB[0])
        I_lsb = product / I_gm
        if not (I_gm >= BIAS[0] and I_lsb <= LSB[1]):
            low, high = (largest * bound / product for bound in (LSB[0] * BIAS[0], LSB[1] * OUTPUT))
            rule = f"between {low:.3g} and {high:.3g} A for synapse circuits"
            raise SpecError.rule(f"Largest weight {who}", rule, f"{largest:g} A")
        codes = np.rint(weights / largest * HIGHEST)
        heard = codes > 0
        # On a grid, so that no two corners of the deck's sources nearly coincide: ngspice finds no step between them.
        times, codes = np.rint(chosen[heard, 0] / a / GRID) * GRID, codes[heard]
        synapse = InputSynapse(
            process,
            I_lsb=I_lsb,
            I_tau=I_tau,
            I_gm=I_gm,
            V_line=(hardware.reset + hardware.threshold) / 2,
            name=name,
            excitatory=sign > 0,
            swing=hardware.threshold - hardware.reset,
        )
        found.append(EventLine(synapse, times, codes, _take_turns(times, codes)))
    return tuple(found)


def fitted_line(pool: Pool, synapse: InputSynapse) -> Bss2SynapseTwin:
    """The golden twin of a neuron's line, fitted where the line is in use: trains as dense as its time constant allows.

    Five runs: few and many events, of the full weight and a third of it, at the middle and both ends of the membrane's
    way.  On other trains the current is then within 0.6 % of its largest, the charge within 0.1 %.
    """
    nominal, half = synapse.twin(), synapse.swing / 2
    tau, rng = nominal.tau, np.random.default_rng(0)
    trains = []
    for V, events, weight in (
        (synapse.rest, 8, HIGHEST),
        (synapse.rest, 30, HIGHEST),
        (synapse.rest - half, 30, HIGHEST),
        (synapse.rest + half, 30, HIGHEST),
        (synapse.rest, 30, HIGHEST // 3),
    ):
        times = 0.1 * tau + np.sort(rng.uniform(0, 5 * tau, events))
        apart = np.append(True, np.diff(times) > WIDTH + APART)
        trains.append(probe.Train(times[apart], V, WIDTH, weight))
    end = 7 * tau
    at = [probe.clear_of(train.source(1.0), np.linspace(0.02 * tau, end, 250)) for train in trains]
    measured = probe.currents(pool, synapse, trains, at, [end] * len(trains))
    scale = np.concatenate([np.full(found.size, np.abs(found).max()) for found in measured])

    def predict(twin: Bss2SynapseTwin) -> FloatArray:
        both = zip(trains, at, strict=True)
        return np.concatenate([probe.predicted(twin, train, train.weight or 0, times) for train, times in both])

    return fit_samples(nominal, nominal.free, predict, np.concatenate(measured), scale, probe.UNCERTAINTY).twin


def _take_turns(times: FloatArray, codes: FloatArray) -> FloatArray:
    """A DAC for each spike: of its code, and free."""
    free: list[tuple[float, float]] = []  # code, and when the DAC is free again
    chosen = np.empty(times.size)
    for event, (time, code) in enumerate(zip(times.tolist(), codes.tolist(), strict=True)):
        dac = next((k for k, (own, until) in enumerate(free) if own == code and until <= time), len(free))
        if dac == len(free):
            free.append((code, 0.0))
        free[dac] = (code, time + WIDTH + APART)
        chosen[event] = dac
    return chosen
