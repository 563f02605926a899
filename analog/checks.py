"""Is a result worth believing?  Every run is judged before anybody sees its spikes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from analog.drive import drive_of
from analog.tolerance import STALL, ErrorModel
from golden.errors import SimulationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analog.neurons.lif import LIFCircuit
    from analog.settings import AnalogSettings
    from analog.waveforms import Spikes
    from golden.neurons.lif import FloatArray
    from golden.stimulus import Stimulus
    from golden.twins.ota_lif import OtaLifTwin

#: Poles of the comparator within which the reset must have stopped a rising membrane.
_OVERSHOOT_POLES = 10

#: By how much a transistor circuit may be off its nominal twin, corners and mismatch together: relative, V_th in volts.
SPREAD = {"I_leak": 0.4, "V_th": 0.03, "t_ref": 0.4}
#: By how much one reset pulse may differ from the others.
PULSES = 0.05


def check_result(
    circuit: LIFCircuit,
    waves: Mapping[str, FloatArray],
    spikes: Spikes,
    stimulus: Stimulus,
    settings: AnalogSettings,
) -> None:
    """Raise SimulationError, one line that names neuron and rule, unless the result passes all of these.

    * the run reached its end time, and every number is finite;
    * the membrane stayed between ground and supply, and above the threshold by no more than its input can lift it
      within ten comparator poles;
    * every spike has one reset pulse, soon after it and as long as t_ref asks for, within the bounds of
      `analog.tolerance`; none is stuck;
    * the number of spikes is within the band of the exact model.

    Circuits whose golden model is a twin have pulses that are alike within PULSES and near t_ref, and a number of
    spikes within that of twins whose leak, threshold and refractory period are off by what devices spread (SPREAD).
    """
    if settings.solver is None:
        _check_end(circuit, waves)
        return
    if circuit.built.twin is not None:
        _check_twin(circuit, circuit.built.twin, waves, spikes, stimulus, settings)
        return
    model = ErrorModel.of(circuit.neuron, stimulus, settings, circuit.hardware.index)
    _check_end(circuit, waves)
    _check_rails(circuit, waves, spikes, settings)
    _check_pulses(circuit, spikes, model)
    low, high = model.count_band()
    if not low <= spikes.times.size <= high:
        rule = f"{low}" if low == high else f"between {low} and {high}"
        raise _failed(circuit, "spike count", f"{rule} as in the exact model", str(spikes.times.size))


def _check_twin(
    circuit: LIFCircuit,
    twin: OtaLifTwin,
    waves: Mapping[str, FloatArray],
    spikes: Spikes,
    stimulus: Stimulus,
    settings: AnalogSettings,
) -> None:
    _check_end(circuit, waves)
    mem = waves["mem"]
    margin = 0.02 * settings.supply  # what a switching edge couples into a node that is pulled up
    if float(mem.min()) < -margin or float(mem.max()) > settings.supply + margin:
        value = f"{float(mem.min()):.4g} to {float(mem.max()):.4g} V"
        raise _failed(circuit, "membrane", f"between 0 and {settings.supply:g} V", value)
    end = circuit.netlist.duration
    widths = spikes.ends - spikes.starts[: spikes.ends.size]
    longest = (1 + SPREAD["t_ref"]) * twin.t_ref
    due = int((spikes.starts + longest < end).sum())
    if spikes.ends.size < due:
        raise _failed(circuit, f"reset pulse {spikes.ends.size}", f"released after {longest:.4g} s", "stuck")
    if widths.size:
        middle = float(np.median(widths))
        wrong = np.abs(widths - middle) > PULSES * middle
        if wrong.any():
            k = int(np.argmax(wrong))
            raise _failed(circuit, f"reset pulse {k}", f"{middle:.6g} s, as the others, to 5 %", f"{widths[k]:.6g} s")
        if not (1 - SPREAD["t_ref"]) * twin.t_ref <= middle <= longest:
            raise _failed(circuit, "reset pulses", f"{twin.t_ref:.4g} s within 40 %", f"{middle:.4g} s")
    low, high = twin_band(circuit, twin, stimulus)
    if not low <= spikes.times.size <= high:
        raise _failed(circuit, "spike count", f"between {low} and {high} as of its twins", str(spikes.times.size))


def twin_band(circuit: LIFCircuit, twin: OtaLifTwin, stimulus: Stimulus) -> tuple[int, int]:
    """Least and largest number of spikes of twins that are off by SPREAD, and one more for the run's end."""
    lines = [(line, line.synapse.twin()) for line in circuit.lines] if circuit.lines else None
    drive, swing = drive_of(circuit.neuron, circuit.hardware, stimulus, lines), twin.V_th - twin.V_0
    counts = []
    for sign in (1, -1):
        off = replace(
            twin,
            I_leak=twin.I_leak * (1 + sign * SPREAD["I_leak"]),
            V_th=twin.V_th + sign * min(SPREAD["V_th"], 0.5 * swing),
            t_ref=twin.t_ref * (1 + sign * SPREAD["t_ref"]),
        )
        spikes, _ = off.simulate(drive, circuit.netlist.duration, start=circuit.hardware.rest)
        counts.append(spikes.size)
    return max(counts[0] - 1, 0), counts[1] + 1


def _failed(circuit: LIFCircuit, thing: str, rule: str, value: str) -> SimulationError:
    return SimulationError(f"ngspice {thing} (neuron {circuit.hardware.index}) must be {rule}, not {value}")


def _check_end(circuit: LIFCircuit, waves: Mapping[str, FloatArray]) -> None:
    end, time = circuit.netlist.duration, float(waves["time"][-1])
    if time < end * (1 - 1e-9):
        raise _failed(circuit, "end time", f"{end:g} s", f"{time:g} s")
    if not all(np.isfinite(wave).all() for wave in waves.values()):
        raise _failed(circuit, "waveforms", "finite", "nan or inf")


def _check_rails(
    circuit: LIFCircuit, waves: Mapping[str, FloatArray], spikes: Spikes, settings: AnalogSettings
) -> None:
    mem, hardware = waves["mem"], circuit.hardware
    low, high = float(mem.min()), float(mem.max())
    # Numerical noise of the solver's voltage tolerance is no excursion.
    margin = 1e-3 * settings.supply
    if low < -margin or high > settings.supply + margin:
        raise _failed(circuit, "membrane", f"between 0 and {settings.supply:g} V", f"{low:.4g} to {high:.4g} V")
    steepest = float(spikes.slopes.max(initial=0.0))
    highest = hardware.threshold + steepest * _OVERSHOOT_POLES * hardware.pole.tau + margin
    if high > highest:
        raise _failed(circuit, "membrane", f"at most {highest:.4g} V (threshold and overshoot)", f"{high:.4g} V")


def _check_pulses(circuit: LIFCircuit, spikes: Spikes, model: ErrorModel) -> None:
    hardware, end = circuit.hardware, circuit.netlist.duration
    width, margin = hardware.t_ref - hardware.reaction, float(model.pulse(np.array([np.inf]))[0])
    margin += model.event_slack if model.spikes.size else 0.0
    due = int((spikes.starts + width + margin < end).sum())
    if spikes.ends.size < due:
        raise _failed(circuit, f"reset pulse {spikes.ends.size}", f"released after {width:.4g} s", "stuck")
    widths = spikes.ends - spikes.starts[: spikes.ends.size]
    wrong = np.abs(widths - width) > margin
    if wrong.any():
        k = int(np.argmax(wrong))
        rule = f"{width:.6g} s (t_ref less the comparator's delay) within {margin:.2g} s"
        raise _failed(circuit, f"reset pulse {k}", rule, f"{widths[k]:.6g} s")
    delay = hardware.reaction + model.pulse(spikes.slopes) + STALL * hardware.pole.tau
    due = int((spikes.times + delay < end).sum())
    if not due <= spikes.starts.size <= spikes.times.size:
        raise _failed(circuit, "reset pulses", f"one for each of {spikes.times.size} spikes", f"{spikes.starts.size}")
    late = spikes.starts - spikes.times[: spikes.starts.size]
    wrong = (late < 0) | (late > delay[: late.size])
    if wrong.any():
        k = int(np.argmax(wrong))
        raise _failed(circuit, f"reset pulse {k}", f"within {delay[k]:.3g} s of its spike", f"{late[k]:.3g} s after it")
