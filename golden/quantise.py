"""From SI units to integers: the fixed-point machine of a LIF neuron, with a report of every rounding.

A potential V becomes (V - E_L) / lsb with lsb = unit * 2**-frac; a current I becomes the potential it adds in
one tick, gain * I / lsb, so that hardware needs no second multiplier.  What the format cannot hold or cannot
reach is an error here, never a silent dead network.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from golden.errors import QuantisationError, SpecError
from golden.fixed import IntArray, Rounding, round_to_int, snap
from golden.grid import on_grid
from golden.integer import TickInputs
from golden.neurons.lif import FloatArray, LIFNeuron
from golden.neurons.lif_fixed import FixedLIF, LIFFormat, leak
from golden.propagator import Propagator, Scheme

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

    from golden.grid import GridStimulus
    from golden.network import Network
    from golden.stimulus import Stimulus


@dataclass(frozen=True, eq=False)
class Rounded:
    """One line of the report: what was asked for and what the integers give, one value per neuron (or input)."""

    name: str
    unit: str
    wanted: FloatArray
    got: FloatArray
    integers: IntArray | None = None

    @property
    def relative_errors(self) -> FloatArray:
        """Errors relative to the wanted values; inf where 0 was wanted and missed."""
        error = np.abs(self.got - self.wanted)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(error == 0, 0.0, error / np.abs(self.wanted))

    @property
    def worst(self) -> int:
        """Index of the value with the largest relative error, of several the one with the largest error."""
        relative = self.relative_errors
        return int(np.argmax(np.where(relative == relative.max(), np.abs(self.got - self.wanted), -1.0)))

    @property
    def relative_error(self) -> float:
        """The relative error of the ``worst`` value."""
        return float(self.relative_errors[self.worst])

    def to_dict(self) -> dict[str, Any]:
        """Plain values: the worst one as wanted and got, its relative error (None: infinite), all integers' range."""
        k, error = self.worst, self.relative_error
        row: dict[str, Any] = {"name": self.name, "unit": self.unit, "index": k}
        row |= {"wanted": float(self.wanted[k]), "got": float(self.got[k])}
        row["relative_error"] = error if np.isfinite(error) else None
        if self.integers is not None:
            row |= {"integer": int(self.integers[k]), "integers": [int(self.integers.min()), int(self.integers.max())]}
        return row


@dataclass(frozen=True, eq=False)
class QuantisedLIF:
    """A network as integers.

    lif       structure and integer parameters, ``dt`` the tick [s], ``unit`` [V] of the potential's integer
              part
    ideal     the float step that the integers approximate
    report    parameters as wanted and as got (golden.quantise.Rounded)
    rheobase_drive  (N,): smallest constant input integer that makes each neuron fire
    dead_band       (N, 2): potentials [V above E_L] between which the leak does nothing
    """

    network: Network
    lif: FixedLIF
    dt: float
    unit: float
    rounding: Rounding
    scheme: Scheme
    ideal: Propagator
    report: tuple[Rounded, ...]
    rheobase_drive: IntArray
    dead_band: FloatArray
    seed: int | None = None
    settings: Mapping[str, object] = field(default_factory=dict)

    @property
    def lsb(self) -> float:
        """Volts of the last bit."""
        return self.unit * self.lif.format.v.lsb

    @property
    def reach(self) -> tuple[float, float]:
        """Potentials [V above E_L] between the rails."""
        limits = self.lif.format.v
        return limits.min * self.lsb, limits.max * self.lsb

    @property
    def current_lsb(self) -> FloatArray:
        """(N,): amperes of one integer of input current."""
        return self.lsb / self.ideal.gain

    def volts(self, v: IntArray, neurons: ArrayLike) -> FloatArray:
        """Integer potentials (..., M) of the M ``neurons`` as membrane potentials [V]."""
        rest = np.broadcast_to(self.network.neuron.E_L, self.network.size)[np.asarray(neurons)]
        volts: FloatArray = v * self.lsb + rest
        return volts

    def effective(self) -> LIFNeuron | None:
        """The LIF neuron that the integer parameters implement under a current; rounding of the update aside.

        None if they implement none: a decay of 0 has no time constant, and a reset may be rounded to threshold.
        """
        got = {row.name: row.got for row in self.report}
        rest = np.asarray(self.network.neurons.E_L)
        try:
            return LIFNeuron(
                C_m=got["C_m"],
                g_L=got["g_L"],
                E_L=rest,
                V_th=rest + got["V_th - E_L"],
                V_reset=rest + got.get("V_reset - E_L", 0.0),
                t_ref=got.get("t_ref", 0.0 * rest),
                tau_syn=got.get("tau_syn"),
            )
        except SpecError:
            return None

    def to_dict(self, stimulus: Stimulus | None = None) -> dict[str, Any]:
        """Plain values: settings, every rounding (with ``stimulus`` of the inputs too), and what results."""
        effective = self.effective()
        band = self.dead_band
        return {
            **self.settings,
            "last_bit": self.lsb,
            "reach": list(self.reach),
            "dead_band": [float(band[:, 0].min()), float(band[:, 1].max())],
            "parameters": [row.to_dict() for row in self.report],
            "inputs": [] if stimulus is None else [row.to_dict() for row in self.input_report(stimulus)],
            "effective": None if effective is None else _shortened(effective.to_dict()),
        }

    def inputs(self, stimulus: Stimulus) -> TickInputs:
        """The stimulus in integers per tick.

        Raises QuantisationError when a current or weight leaves the input format or is not an integer
        (rounding ``error``), when every non-zero input of the network rounds to nothing, and when the
        stimulus would make neurons fire but the integers can make none: never a silent dead network.
        """
        grid, currents, weights = self._integers(stimulus)
        targets = grid.spikes[:, 1].astype(np.int64)
        for thing, real, integer in (
            ("Input current", grid.currents, currents),
            ("Input weight", grid.spikes[:, 2], weights),
        ):
            if real.any() and not integer.any():
                raise QuantisationError.rule(
                    thing,
                    f"at least half a last bit of format {self.lif.format.v} a tick",
                    f"rounded to 0 everywhere (dt {self.dt:g} s)",
                )
        if not targets.size:
            self._refuse_dead(grid.currents.max(axis=0), currents.max(axis=0))
        changed = np.vstack((currents[:1] != 0, np.diff(currents, axis=0) != 0))
        rows, neurons = np.nonzero(changed)
        return TickInputs(
            ticks=grid.steps,
            size=self.network.size,
            currents=np.column_stack((grid.ticks[rows], neurons, currents[rows, neurons])),
            events=np.column_stack((grid.spikes[:, 0].astype(np.int64), targets, weights)),
        )

    def input_report(self, stimulus: Stimulus) -> tuple[Rounded, ...]:
        """The stimulus' currents (of every tick at which one changes) and weights as ``inputs`` rounds them."""
        grid, currents, weights = self._integers(stimulus)
        wanted = grid.currents.ravel()
        got = (currents * self.current_lsb).ravel()
        rows = [Rounded("input current", "A", wanted, got, currents.ravel())] if wanted.any() else []
        if weights.size:
            unit = "C" if self.network.neuron.tau_syn is None else "A"
            volts = self.ideal.gain_syn[grid.spikes[:, 1].astype(np.int64)]
            rows.append(Rounded("input weight", unit, grid.spikes[:, 2], weights * self.lsb / volts, weights))
        return tuple(rows)

    def _integers(self, stimulus: Stimulus) -> tuple[GridStimulus, IntArray, IntArray]:
        """The stimulus on the grid, its currents and its weights in last bits a tick."""
        if stimulus.size != self.network.size:
            raise SpecError.rule("Stimulus", f"for {self.network.size} neurons", f"for {stimulus.size}")
        grid = on_grid(stimulus, self.dt)
        limits, rng = self.lif.format.input, np.random.default_rng(self.seed)
        currents = _fit("Input current", grid.currents * self.ideal.gain / self.lsb, limits.max, limits.min, self, rng)
        targets = grid.spikes[:, 1].astype(np.int64)
        if targets.size and self.lif.format.synapse == "none":
            raise SpecError.rule("Synapse", "delta or exponential for input spikes", repr(self.lif.format.synapse))
        wanted = grid.spikes[:, 2] * self.ideal.gain_syn[targets] / self.lsb
        return grid, currents, _fit("Input weight", wanted, limits.max, limits.min, self, rng)

    def _refuse_dead(self, strongest: FloatArray, drive: IntArray) -> None:
        """Refuse a network with currents above rheobase, none of which the integers can turn into spikes."""
        above = strongest > np.broadcast_to(self.network.neuron.rheobase, strongest.shape)
        if above.any() and not (drive >= self.rheobase_drive)[above].any():
            neuron = int(np.argmax(np.where(above, strongest, -np.inf)))
            needed = self.rheobase_drive[neuron] * self.current_lsb[neuron]
            raise QuantisationError.rule(
                f"Input current in format {self.lif.format.v} at dt {self.dt:g} s",
                f"at least {needed:.4g} A to fire",
                f"{strongest[neuron]:.4g} A (the network would be silent)",
            )


def quantise(
    network: Network,
    dt: float,
    fmt: LIFFormat,
    *,
    unit: float = 1e-3,
    rounding: Rounding = "error",
    scheme: Scheme = "exponential",
    seed: int | None = None,
) -> QuantisedLIF:
    """Integer parameters for ``network`` at tick ``dt`` [s] in the structure ``fmt``.

    ``unit`` [V] is the potential of the integer part's one (1 mV: format 16.8 reaches +-128 mV around E_L).
    Parameters that are equal for all neurons become shared ones.  Raises QuantisationError for a value that
    is out of range, inexact under rounding ``error``, or for a threshold that no input of the format can
    reach.
    """
    if not (np.isfinite(unit) and unit > 0):
        raise SpecError.rule("Unit of the potential", "positive", f"{unit:g} V")
    neurons = network.neurons
    ideal = Propagator.of(neurons, dt, scheme)
    lsb = unit * fmt.v.lsb
    if rounding == "stochastic" and seed is None:
        raise SpecError.rule("Stochastic rounding", "given a seed", "none")
    if seed is not None and seed < 0:
        raise SpecError.rule("Seed", "at least 0", seed)
    rng = np.random.default_rng(seed)
    e_l = np.asarray(neurons.E_L)
    if fmt.synapse == "exponential" and neurons.tau_syn is None:
        raise SpecError.rule("Neuron tau_syn", "given for an exponential synapse", "missing")
    if fmt.synapse == "delta" and neurons.tau_syn is not None:
        raise SpecError.rule("Synapse", "exponential for a neuron with tau_syn", "'delta'")
    if (ideal.leak <= 0).any():
        if scheme == "euler":
            raise SpecError.rule("Forward Euler's dt", "below tau_m for a fixed-point leak", f"{dt:g} s")
        tau = np.min(neurons.tau_m)
        raise SpecError.rule("Time step dt", f"short enough for exp(-dt/tau_m) > 0 at tau_m {tau:g} s", f"{dt:g} s")
    wanted: dict[str, FloatArray] = {
        "decay": -np.log2(1 - ideal.leak) if fmt.leak == "shift" else ideal.leak * 2.0**fmt.decay_bits,
        "syn_decay": ideal.leak_syn * 2.0**fmt.decay_bits,
        "v_th": (np.asarray(neurons.V_th) - e_l) / lsb,
        "v_reset": (np.asarray(neurons.V_reset) - e_l) / lsb,
        "t_ref": np.asarray(neurons.t_ref) / dt,
    }
    if fmt.refractory_bits == 0 and np.any(np.asarray(neurons.t_ref) > 0):
        raise QuantisationError.rule("Refractory bits", "at least 1 for a refractory time", 0)
    integers = {}
    for name in fmt.parameters:
        limits = fmt.parameter_format(name)
        value = snap(wanted[name])
        label = f"{_SI[name][0]} at dt {dt:g} s" if name in ("decay", "syn_decay", "t_ref") else _SI[name][0]
        integers[name] = round_to_int(value, rounding, thing=f"{label} as integer {name}", rng=rng)
        wrong = (integers[name] < limits.min) | (integers[name] > limits.max)
        if wrong.any():
            raise QuantisationError.rule(
                f"{label} as integer {name}",
                f"within {limits.min} to {limits.max} (format {fmt.v}, unit {unit:g} V)",
                f"{value[wrong][0]:.9g}",
            )
    if fmt.comparison == ">" and (integers["v_th"] == fmt.v.max).any():
        raise QuantisationError.rule(
            f"V_th - E_L in format {fmt.v} for comparison >",
            f"below the rail ({fmt.v.max * lsb:g} V)",
            "on it",
        )
    if (integers["v_th"] == 0).any():
        raise QuantisationError.rule(f"V_th - E_L in format {fmt.v}", f"at least {lsb:g} V", "rounded to 0")
    shared = {name: array[0] if (array == array[0]).all() else array for name, array in integers.items()}
    lif = FixedLIF(fmt, network.size, {name: np.asarray(array) for name, array in shared.items()})
    drive = _rheobase_drive(fmt, integers)
    if (drive > fmt.input.max).any():
        neuron = int(np.argmax(drive))
        raise QuantisationError.rule(
            "V_th",
            f"within reach of the largest input of {fmt.input_width} bits ({fmt.input.max} a tick)",
            f"{float(np.asarray(neurons.V_th)[neuron]):g} V, which needs {drive[neuron]}",
        )
    report = _report(network, fmt, dt, lsb, scheme, integers, drive, ideal)
    stuck = np.stack([_dead_band(fmt, integers["decay"], sign) for sign in (-1, 1)], axis=-1)
    band = lsb * stuck.astype(np.float64)
    settings = {"format": fmt.to_dict(), "dt": dt, "unit": unit, "rounding": rounding, "scheme": scheme}
    return QuantisedLIF(network, lif, dt, unit, rounding, scheme, ideal, report, drive, band, seed, settings)


_SI = {
    "decay": ("tau_m", "s"),
    "syn_decay": ("tau_syn", "s"),
    "v_th": ("V_th - E_L", "V"),
    "v_reset": ("V_reset - E_L", "V"),
    "t_ref": ("t_ref", "s"),
}


def _report(
    network: Network,
    fmt: LIFFormat,
    dt: float,
    lsb: float,
    scheme: Scheme,
    integers: Mapping[str, IntArray],
    drive: IntArray,
    ideal: Propagator,
) -> tuple[Rounded, ...]:
    """Every parameter back in SI units, wanted and got, and the rheobase that results."""

    def tau(factor: FloatArray) -> FloatArray:
        with np.errstate(divide="ignore"):
            return -dt / np.log(factor) if scheme == "exponential" else dt / (1 - factor)

    neurons, rest = network.neurons, np.asarray(network.neurons.E_L)
    rows = []
    for name in fmt.parameters:
        label, unit = _SI[name]
        values = integers[name].astype(np.float64)
        match name:
            case "decay":
                factor = 1 - 2.0**-values if fmt.leak == "shift" else values * 2.0**-fmt.decay_bits
                wanted, got = np.asarray(neurons.tau_m), tau(factor)
                # Inputs are scaled by the ideal gain: the factor that was got makes another conductance of it.
                g_l = (1 - factor) / ideal.gain
                membrane = [("C_m", "F", np.asarray(neurons.C_m), g_l * got)]
                membrane.append(("g_L", "S", np.asarray(neurons.g_L), g_l))
            case "syn_decay":
                wanted, got = np.asarray(neurons.tau_syn), tau(values * 2.0**-fmt.decay_bits)
            case "t_ref":
                wanted, got = np.asarray(neurons.t_ref), values * dt
            case _:
                wanted = np.asarray(neurons.V_th if name == "v_th" else neurons.V_reset) - rest
                got = values * lsb
        rows.append(Rounded(label, unit, wanted, got, integers[name]))
    rows += [Rounded(*row) for row in membrane]
    rows.append(Rounded("rheobase", "A", np.asarray(neurons.rheobase), drive * lsb / ideal.gain, drive))
    return tuple(rows)


def _shortened(table: dict[str, Any]) -> dict[str, Any]:
    """Lists of equal values as that value."""
    return {key: value[0] if len(set(value)) == 1 else value for key, value in table.items()}


def _rheobase_drive(fmt: LIFFormat, integers: Mapping[str, IntArray]) -> IntArray:
    """Smallest constant drive that brings v from 0 past the threshold.

    The update v' = leak(v) + d is monotone in v, so it passes the threshold exactly if it has no fixed point
    below it; the loss v - leak(v) does not decrease with v >= 0, so the highest potential below threshold
    decides.
    """
    top = integers["v_th"] - (1 if fmt.comparison == ">=" else 0)
    return np.asarray(top - leak(fmt, top, integers["decay"]) + 1, dtype=np.int64)


def _dead_band(fmt: LIFFormat, decay: IntArray, sign: int) -> IntArray:
    """The v of given sign and largest magnitude that the leak does not change (its loss is monotone)."""
    low = np.zeros(decay.shape, dtype=np.int64)
    high = np.full(decay.shape, (fmt.v.max if sign > 0 else -fmt.v.min) + 1, dtype=np.int64)
    while (high - low > 1).any():
        middle = (low + high) // 2
        stuck = leak(fmt, sign * middle, decay) == sign * middle
        low, high = np.where(stuck, middle, low), np.where(stuck, high, middle)
    return sign * low


def _fit(
    thing: str, values: FloatArray, high: int, low: int, machine: QuantisedLIF, rng: np.random.Generator
) -> IntArray:
    """Round inputs, given in last bits a tick, and refuse those outside the input format."""
    integers = round_to_int(snap(values), machine.rounding, thing=f"{thing} in last bits a tick", rng=rng)
    wrong = (integers < low) | (integers > high)
    if wrong.any():
        raise QuantisationError.rule(
            f"{thing} in last bits of format {machine.lif.format.v} a tick",
            f"within {low} to {high}",
            f"{values[wrong].flat[0]:.6g}",
        )
    return integers
