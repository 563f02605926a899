"""Is a result worth believing?  Every run is judged before anybody sees its spikes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from analog.neurons.lif import LIFCircuit
from analog.settings import AnalogSettings
from analog.tolerance import ErrorModel
from analog.waveforms import Spikes
from golden.errors import SimulationError
from golden.neurons.lif import FloatArray
from golden.stimulus import Stimulus

#: Poles of the comparator within which the reset must have stopped a rising membrane.
_OVERSHOOT_POLES = 10


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
    * every spike has one reset pulse, which ends t_ref after it within the bound of `analog.tolerance`; no reset is stuck;
    * the number of spikes is within the band of the exact model.
    """
    if settings.solver is None:
        _check_end(circuit, waves)
        return
    model = ErrorModel.of(circuit.neuron, stimulus, settings, circuit.hardware.index)
    _check_end(circuit, waves)
    _check_rails(circuit, waves, spikes, settings)
    _check_pulses(circuit, spikes, model)
    low, high = model.count_band()
    if not low <= spikes.times.size <= high:
        rule = f"{low}" if low == high else f"between {low} and {high}"
        raise _failed(circuit, "spike count", f"{rule} as in the exact model", str(spikes.times.size))


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
    allowed = model.pulse(spikes.slopes)
    if not isinstance(allowed, np.ndarray):
        allowed = np.full(spikes.times.size, allowed)
    latest = spikes.times + hardware.t_ref + allowed
    finished = int((latest < end).sum())
    if spikes.ends.size < finished:
        first = float(latest[spikes.ends.size])
        raise _failed(circuit, "reset", f"released by {first:.4g} s", "stuck")
    started = int((spikes.times + allowed + hardware.pulse_overhead < end).sum())
    if not started <= spikes.starts.size <= spikes.times.size or spikes.ends.size > spikes.starts.size:
        raise _failed(circuit, "reset pulses", f"one for each of {spikes.times.size} spikes", f"{spikes.starts.size}")
    widths = spikes.ends - spikes.times[: spikes.ends.size]
    wrong = np.abs(widths - hardware.t_ref) > allowed[: spikes.ends.size]
    if wrong.any():
        k = int(np.argmax(wrong))
        rule = f"t_ref = {hardware.t_ref:.6g} s within {allowed[k]:.2g} s"
        raise _failed(circuit, f"refractory pulse {k}", rule, f"{widths[k]:.6g} s")
