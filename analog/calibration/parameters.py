"""What is calibrated: targets, the code that moves each, and the circuits that codes make."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from analog.chip import Dac
from analog.neurons.ota import OtaNeuron
from analog.synapses.bss2 import Bss2Synapse
from analog.technology import Process
from analog.technology.ekv import ekv
from golden.errors import SpecError

if TYPE_CHECKING:
    from typing import Self

#: Full scale [A] of the current converters, before a division by a power of two.
FULL = 2.5e-6
BITS = 10
#: Standard deviation [V] of a parameter buffer's offset: a pair of 2 um^2 each, by Pelgrom with SKY130's slope.
OFFSET = 3.356e-3

#: By calix's own acceptance tests: largest ratio of the spread after calibration to that before.
LIMITS = {"V_reset": 0.2, "tau_syn": 0.2, "V_leak": 0.3, "V_th": 0.35, "tau_mem": 0.45}


@dataclass(frozen=True)
class Targets:
    """What every neuron shall have, in hardware time and volts.

    tau_mem, tau_syn, t_ref   [s]
    V_leak, V_th, V_reset     [V]
    rate                      [Hz] under four times the leak's current; then V_th is what makes it (and its target only
                              a start), None: V_th itself
    """

    tau_mem: float = 10e-6
    tau_syn: float = 5e-6
    t_ref: float = 2e-6
    V_leak: float = 0.7
    V_th: float = 0.9
    V_reset: float = 0.5
    rate: float | None = None

    def __post_init__(self) -> None:
        for entry in fields(self):
            if entry.name == "rate" and self.rate is None:
                continue
            if not 0 < getattr(self, entry.name) < math.inf:
                raise SpecError.rule(f"Target {entry.name}", "positive and finite", f"{getattr(self, entry.name):g}")
        if not self.V_reset < self.V_leak < self.V_th:
            rule = "V_reset < V_leak < V_th"
            raise SpecError.rule("Target potentials", rule, f"{self.V_reset:g}, {self.V_leak:g}, {self.V_th:g} V")


@dataclass(frozen=True)
class Parameter:
    """One code of a neuron, and the target that it moves.

    kind    "voltage": the target follows the code; "current": the target, a time, goes with 1 / code
    window  codes to both sides of the nominal one among which the right one is looked for
    """

    target: str
    kind: str
    window: int


PARAMETERS: Mapping[str, Parameter] = {
    parameter.target: parameter
    for parameter in (
        Parameter("V_leak", "voltage", 64),
        Parameter("V_th", "voltage", 64),
        Parameter("V_reset", "voltage", 64),
        Parameter("tau_mem", "current", 256),
        Parameter("t_ref", "current", 256),
        Parameter("tau_syn", "current", 256),
    )
}


@dataclass(frozen=True)
class Chip:
    """The converters of a chip whose neurons aim at ``targets``: one for the potentials, one a bias current."""

    process: Process
    targets: Targets
    converters: Mapping[str, Dac]
    nominal: Mapping[str, int]

    @classmethod
    def of(cls, process: Process, targets: Targets) -> Self:
        """Converters, and the codes that typical devices want.

        A current's full scale is divided by the power of two that puts its nominal code in the middle third.  Raises
        SpecError for a target that no code makes.
        """
        typical = Process(process.technology)
        width = 2 * ekv(typical, "n").n * typical.thermal_voltage
        synapse = Bss2Synapse(typical)
        wanted = {
            "V_leak": targets.V_leak,
            "V_th": targets.V_th,
            "V_reset": targets.V_reset,
            "tau_mem": width * OtaNeuron.C_m / targets.tau_mem,
            "t_ref": OtaNeuron.C_ref * process.vdd / 2 / targets.t_ref,
            # The line's time constant goes with 1 / I_tau.
            "tau_syn": synapse.I_tau * synapse.twin().tau / targets.tau_syn,
        }
        low, high = process.made.window
        converters, nominal = {}, {}
        for name, value in wanted.items():
            if PARAMETERS[name].kind == "voltage":
                if not low <= value <= high:
                    rule = f"between {low:g} and {high:g} V in {process.technology}"
                    raise SpecError.rule(f"Target {name}", rule, f"{value:g} V")
                converter = Dac(process.vdd, BITS)
            else:
                if not 20e-12 <= value <= FULL:
                    times = {"tau_mem": targets.tau_mem, "t_ref": targets.t_ref, "tau_syn": targets.tau_syn}
                    shortest, longest = (times[name] * value / current for current in (FULL, 20e-12))
                    rule = f"between {shortest:.3g} and {longest:.3g} s"
                    raise SpecError.rule(f"Target {name}", rule, f"{times[name]:g} s")
                converter = Dac(FULL / 2 ** max(math.floor(math.log2(FULL / (1.5 * value))), 0), BITS)
            converters[name], nominal[name] = converter, converter.code(value)
        return cls(process, targets, converters, nominal)

    def neuron(self, index: int, codes: Mapping[str, int]) -> OtaNeuron:
        """The neuron circuit number ``index`` of the chip with ``codes``.

        Each potential comes through a buffer, a follower whose pair has an offset as any other.
        """
        process = self.process.within(f"neuron {index}")
        value = {name: self.converters[name].value(code) for name, code in codes.items()}
        for name in ("V_leak", "V_th", "V_reset"):
            value[name] = max(value[name] + OFFSET * process.deviate(f"buffer {name}", "offset"), 0.0)
        return OtaNeuron(
            process,
            I_leak=value["tau_mem"],
            V_leak=value["V_leak"],
            V_th=value["V_th"],
            V_reset=value["V_reset"],
            I_ref=value["t_ref"],
        )

    def synapse(self, index: int, codes: Mapping[str, int]) -> Bss2Synapse:
        """The synaptic input of neuron ``index``."""
        current = self.converters["tau_syn"].value(codes["tau_syn"])
        return Bss2Synapse(self.process.within(f"neuron {index}"), I_tau=current)


def silent(neuron: OtaNeuron) -> OtaNeuron:
    """The same neuron with its threshold at the supply, so that it never fires."""
    return replace(neuron, V_th=neuron.process.vdd)
