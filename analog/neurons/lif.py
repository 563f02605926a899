"""The leaky integrate-and-fire neuron as a circuit: the tier's blocks and the inputs, put together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from analog.blocks.current_input import ChargeInput, CurrentInput
from analog.blocks.synapse import ExponentialSynapse
from analog.drive import charge_drive, step_current, synaptic_drive
from analog.mapping import HardwareLIF, check_input
from analog.netlist import Block, Netlist
from analog.tiers import TIERS

if TYPE_CHECKING:
    from analog.settings import AnalogSettings
    from golden.neurons.lif import LIFNeuron
    from golden.stimulus import Stimulus

#: Nodes every tier has: the membrane, the comparator before its pole, the gate of the reset switch.
SAVED = ("mem", "cmp", "rst")


@dataclass(frozen=True)
class LIFCircuit:
    """One neuron with its input as a circuit: what was asked for, what it is in hardware, and the netlist."""

    neuron: LIFNeuron
    hardware: HardwareLIF
    netlist: Netlist

    @classmethod
    def build(cls, neuron: LIFNeuron, stimulus: Stimulus, settings: AnalogSettings, index: int) -> LIFCircuit:
        """The circuit of a single neuron (plain numbers) that gets input ``index`` of the stimulus.

        Raises SpecError when the neuron or its input does not fit the hardware.
        """
        hardware = HardwareLIF.of(neuron, settings, index)
        check_input(neuron, hardware, stimulus, settings.supply)
        solver = settings.solver
        inputs = _inputs(neuron, hardware, stimulus, settings)
        coupled = sum(block.capacitance for block in inputs if isinstance(block, ChargeInput))
        netlist = Netlist(
            title=f"LIF neuron {index}, tier {settings.tier}, variant {settings.variant}",
            comments=_comments(neuron, hardware),
            blocks=(*TIERS[settings.tier](hardware, settings, hardware.C - coupled), *inputs),
            options="" if solver is None else solver.card(),
            duration=stimulus.duration / hardware.acceleration,
            max_step=None if solver is None else hardware.shortest_tau / solver.steps_per_tau,
            saved=SAVED,
        )
        return cls(neuron, hardware, netlist)

    def with_max_step(self, fraction: float) -> LIFCircuit:
        """The same circuit, its longest time step cut to ``fraction``; unchanged where ngspice chooses the step."""
        step = self.netlist.max_step
        return self if step is None else replace(self, netlist=replace(self.netlist, max_step=fraction * step))


def _inputs(
    neuron: LIFNeuron, hardware: HardwareLIF, stimulus: Stimulus, settings: AnalogSettings
) -> tuple[Block, ...]:
    current = step_current(hardware, stimulus)
    inputs: list[Block] = [CurrentInput(current.times, current.values)]
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
