"""The leaky integrate-and-fire neuron as a circuit: the tier's blocks and the inputs, put together."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from analog.blocks.current_input import ChargeInput, CurrentInput
from analog.blocks.synapse import ExponentialSynapse
from analog.drive import charge_drive, step_current, synaptic_drive
from analog.events import EventLine, event_lines
from analog.mapping import HardwareLIF, check_input
from analog.netlist import Block, Netlist
from analog.technology import with_models
from analog.tiers import TIERS
from analog.waveforms import Spikes, read_pulses, read_spikes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analog.settings import AnalogSettings
    from analog.tiers import Built
    from golden.neurons.lif import FloatArray, LIFNeuron
    from golden.stimulus import Stimulus


@dataclass(frozen=True)
class LIFCircuit:
    """One neuron with its input as a circuit: what was asked for, what it is in hardware, how it is made, netlist."""

    neuron: LIFNeuron
    hardware: HardwareLIF
    built: Built
    netlist: Netlist
    lines: tuple[EventLine, ...] = ()

    @classmethod
    def build(cls, neuron: LIFNeuron, stimulus: Stimulus, settings: AnalogSettings, index: int) -> LIFCircuit:
        """The circuit of a single neuron (plain numbers) that gets input ``index`` of the stimulus.

        Raises SpecError when the neuron or its input does not fit the hardware.
        """
        hardware = HardwareLIF.of(neuron, settings, index)
        check_input(neuron, hardware, stimulus, settings.supply)
        lines: tuple[EventLine, ...] = ()
        if settings.synapse != "ideal" and hardware.tau_syn is not None:
            lines = event_lines(hardware, stimulus, settings)
        inputs = _inputs(neuron, hardware, stimulus, settings, lines)
        coupled = sum(block.capacitance for block in inputs if isinstance(block, ChargeInput))
        built = TIERS[settings.tier](hardware, settings, hardware.C - coupled)
        blocks, solver, max_step = (*built.blocks, *inputs), settings.solver, None
        duration = stimulus.duration / hardware.acceleration
        if built.neuron is not None:
            blocks = with_models(built.neuron.process, blocks)
            solver = None if solver is None else built.neuron.solver
        if solver is not None:
            own = math.inf if built.neuron is None else duration / 1000  # what ngspice takes by itself
            max_step = min(hardware.shortest_tau / solver.steps_per_tau, own)
        variant = "" if built.neuron is not None else f", variant {settings.variant}"
        netlist = Netlist(
            title=f"LIF neuron {index}, tier {settings.tier}{variant}",
            comments=_comments(neuron, hardware),
            blocks=blocks,
            options="" if solver is None else solver.card(),
            duration=duration,
            max_step=max_step,
            # The membrane, what a spike is read from, and the gate of the reset switch.
            saved=tuple(dict.fromkeys(("mem", built.detector, "rst"))),
            initial=built.initial,
            uic=built.uic,
        )
        return cls(neuron, hardware, built, netlist, lines)

    def read(self, waves: Mapping[str, FloatArray], supply: float) -> Spikes:
        """Spikes and reset pulses of a run."""
        if self.built.detector == "rst":
            return read_pulses(waves, supply)
        return read_spikes(waves, self.hardware.threshold, supply)

    def with_max_step(self, fraction: float) -> LIFCircuit:
        """The same circuit, its longest time step cut to ``fraction``; unchanged where ngspice chooses the step."""
        step = self.netlist.max_step
        return self if step is None else replace(self, netlist=replace(self.netlist, max_step=fraction * step))


def _inputs(
    neuron: LIFNeuron,
    hardware: HardwareLIF,
    stimulus: Stimulus,
    settings: AnalogSettings,
    lines: tuple[EventLine, ...],
) -> tuple[Block, ...]:
    current = step_current(hardware, stimulus)
    inputs: list[Block] = [CurrentInput(current.times, current.values)]
    if settings.synapse != "ideal" and hardware.tau_syn is not None:
        return (*inputs, *(block for line in lines for block in line.blocks()))
    if hardware.tau_syn is None:
        kicks = charge_drive(hardware, stimulus, float(neuron.C_m))
        if kicks is not None:
            # Half of the capacitance couples, so twice the jump is applied; the other half keeps the solver's
            # tolerance on the membrane itself, however high the staircase climbs.
            inputs.append(ChargeInput(kicks.times, 2 * kicks.values, hardware.C / 2, hardware.rest))
        return tuple(inputs)
    drive = synaptic_drive(hardware, stimulus, settings.supply / 4)
    if drive is not None:
        inputs.append(
            ExponentialSynapse(
                tau=hardware.tau_syn,
                transconductance=drive.transconductance,
                initial=drive.initial,
                times=drive.points.times,
                jumps=drive.points.values,
                middle=settings.supply / 2,
            )
        )
    return tuple(inputs)


def _comments(neuron: LIFNeuron, hardware: HardwareLIF) -> tuple[str, ...]:
    biological = ", ".join(f"{name} = {value:g}" for name, value in neuron.to_dict().items())
    return (
        f"biological (SI units): {biological}",
        f"acceleration {hardware.acceleration:g}: hardware tau_m = {hardware.tau_m:g} s, t_ref = {hardware.t_ref:g} s",
        (
            f"V_hw = {hardware.v_min:g} V + {hardware.volts_per_volt:g} (V - {hardware.low:g} V), "
            f"I_hw = {hardware.amps_per_amp:g} I"
        ),
    )
