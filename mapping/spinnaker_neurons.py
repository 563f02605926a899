"""LIF neurons as SpiNNaker's IF_curr_exp: what the library makes of their values, and the way back.

Without tau_syn an input spike is a charge, and becomes a current of one tick: init is 1 and decay 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from golden.errors import QuantisationError, SpecError
from golden.fixed import IntArray, snap
from golden.neurons.lif import LIFNeuron
from golden.neurons.spinnaker import UNITY, Arithmetic, SpiNNakerNeurons, Values, is_float
from golden.propagator import Propagator
from golden.quantise import Rounded
from golden.stdfix import ACCUM, FRACT, LARGEST, expk, expulr, kdivk

if TYPE_CHECKING:
    from golden.neurons.lif import FloatArray
    from golden.neurons.spinnaker import Solver

_ONE = 1 << ACCUM
#: Factor from SI to the library's units, of every field.
UNITS = {"C_m": 1e9, "E_L": 1e3, "V_th": 1e3, "V_reset": 1e3, "tau_m": 1e3, "tau_syn": 1e3, "dt": 1e3}
_NAMES = {"C_m": "nF", "E_L": "mV", "V_th": "mV", "V_reset": "mV", "tau_m": "ms", "tau_syn": "ms", "dt": "ms"}


def quantised_neurons(
    neurons: LIFNeuron, dt: float, arithmetic: Arithmetic, solver: Solver
) -> tuple[SpiNNakerNeurons, tuple[Rounded, ...], LIFNeuron | None]:
    """A population (every field an array) as parameters, the report of their rounding, and the LIF neurons they are.

    QuantisationError for values outside s16.15, time constants that the arithmetic cannot tell from no decay, and a
    threshold that is rounded to the resting potential.
    """
    ideal = Propagator.of(neurons, dt, "exponential" if solver == "closed" else "euler")
    if (wrong := np.abs(ideal.leak) > 1).any():
        tau = np.asarray(neurons.tau_m)[wrong][0]
        raise SpecError.rule("Forward Euler's dt", f"at most twice tau_m ({tau:g} s)", f"{dt:g} s")
    if (wrong := ideal.leak_syn < 0).any():
        tau = np.asarray(neurons.tau_syn)[wrong][0]
        raise QuantisationError(
            f"Forward Euler's dt must be at most tau_syn ({tau:g} s) on SpiNNaker (no negative decay), not {dt:g} s"
        )
    share = np.ones_like(ideal.leak)
    if neurons.tau_syn is not None and solver == "closed":
        tau_syn = np.asarray(neurons.tau_syn)
        share = tau_syn / dt * -np.expm1(-dt / tau_syn)
    hold = np.ceil(snap(np.asarray(neurons.t_ref) / dt))
    if (wrong := hold > LARGEST).any():
        raise QuantisationError(f"t_ref must be at most {LARGEST} ticks on SpiNNaker, not {hold[wrong][0]:g}")
    values: dict[str, Values] = {"T_refract": hold.astype(np.int64)}
    if is_float(arithmetic):
        values |= {name: _si(neurons, field) for name, field in _POTENTIALS.items()}
        values |= {"R": np.asarray(neurons.R) * 1e-6, "exp_TC": ideal.leak}
        values |= {"init_exc": share, "init_inh": share, "decay_exc": ideal.leak_syn, "decay_inh": ideal.leak_syn}
    else:
        values |= {name: accums(field, _si(neurons, field)) for name, field in _POTENTIALS.items()}
        if (wrong := values["V_thresh"] <= values["V_rest"]).any():
            volts = (np.asarray(neurons.V_th) - np.asarray(neurons.E_L))[wrong][0]
            raise QuantisationError(f"V_th - E_L must be at least 2^-15 mV on SpiNNaker, not {volts:g} V")
        values |= _constants(neurons, dt, solver)
    made = SpiNNakerNeurons(neurons.size or 1, values, arithmetic, solver)
    report = _report(neurons, dt, made, share)
    got = {row.name: row.got for row in report}
    try:
        effective = LIFNeuron(**{name: got[name] for name in _FIELDS if name in got})
    except SpecError:
        effective = None
    return made, report, effective


_POTENTIALS = {"V_rest": "E_L", "V_reset": "V_reset", "V_thresh": "V_th"}
_FIELDS = ("C_m", "g_L", "E_L", "V_th", "V_reset", "t_ref", "tau_syn")


def accums(name: str, values: FloatArray) -> IntArray:
    """Values in the library's units as s16.15, what does not fit dropped (golden.stdfix.to_accum, for arrays)."""
    integers = np.trunc(snap(values * _ONE))
    if (wrong := (integers < -LARGEST - 1) | (integers > LARGEST)).any():
        unit = _NAMES[name]
        raise QuantisationError(
            f"Neuron {name} must be at least -65536 {unit} and below 65536 {unit} on SpiNNaker (s16.15), "
            f"not {values[wrong][0]:g} {unit}"
        )
    return integers.astype(np.int64)


def _si(neurons: LIFNeuron, field: str) -> FloatArray:
    """A field in the library's unit."""
    scaled: FloatArray = np.asarray(getattr(neurons, field)) * UNITS[field]
    return scaled


def _constants(neurons: LIFNeuron, dt: float, solver: Solver) -> dict[str, Values]:
    """R, exp_TC, init and decay as the library computes them."""
    tick = int(_positive("dt", accums("dt", np.array([dt * UNITS["dt"]])))[0])
    tau_m, c_m = (_positive(field, accums(field, _si(neurons, field))) for field in ("tau_m", "C_m"))
    tau_syn = None if neurons.tau_syn is None else _positive("tau_syn", accums("tau_syn", _si(neurons, "tau_syn")))
    if (wrong := (tau_m << ACCUM) // c_m > LARGEST).any():
        ohm = np.asarray(neurons.R)[wrong][0]
        raise QuantisationError(f"Neuron R must be below 65536 MOhm on SpiNNaker, not {ohm * 1e-6:g} MOhm")
    for field, taus in (("tau_m", tau_m), ("tau_syn", tau_syn)):
        if taus is None:
            continue
        if (wrong := (tick << ACCUM) // taus == 0).any():
            longest = getattr(neurons, field)[wrong][0]
            raise QuantisationError(f"Neuron {field} must be at most {_ONE} ticks on SpiNNaker, not {longest / dt:g}")
    exp_tc = (
        _each(lambda tau: expk(-kdivk(tick, tau)), tau_m)
        if solver == "closed"
        else _ONE - _each(lambda tau: kdivk(tick, tau), tau_m)
    )
    if tau_syn is None:
        decay, init = np.zeros_like(tau_m), np.full_like(tau_m, UNITY)
    elif solver == "closed":
        decay = _each(lambda tau: expulr(-kdivk(tick, tau)), tau_syn)
        # 1 as a fraction is the largest one.
        init = _each(lambda tau, d: (kdivk(tau, tick) * (UNITY - d) >> ACCUM) & UNITY, tau_syn, decay)
    else:
        decay = _each(lambda tau: max(0, (tau - tick << FRACT) // tau), tau_syn)
        init = np.full_like(decay, UNITY)
    both = {f"{name}_{kind}": value for name, value in (("init", init), ("decay", decay)) for kind in ("exc", "inh")}
    return {"R": _each(kdivk, tau_m, c_m), "exp_TC": exp_tc, **both}


def _positive(name: str, integers: IntArray) -> IntArray:
    if (integers < 1).any():
        raise QuantisationError(f"Neuron {name} must be at least 2^-15 {_NAMES[name]} on SpiNNaker, not rounded to 0")
    return integers


def _each(function: Callable[..., int], *arguments: IntArray) -> IntArray:
    """A function of plain ints for every neuron, called once for equal ones."""
    rows, where = np.unique(np.column_stack(arguments), axis=0, return_inverse=True)
    return np.array([function(*row) for row in rows.tolist()], dtype=np.int64)[where.ravel()]


def _report(neurons: LIFNeuron, dt: float, made: SpiNNakerNeurons, share: FloatArray) -> tuple[Rounded, ...]:
    """Every parameter in SI units as wanted and as got."""
    floating, p = is_float(made.arithmetic), made.neurons
    unit, fraction = (1.0, 1.0) if floating else (2.0**-ACCUM, 2.0**-FRACT)

    def integers(values: Values) -> IntArray | None:
        return None if floating else np.asarray(values, dtype=np.int64)

    def tau(factor: FloatArray) -> FloatArray:
        with np.errstate(divide="ignore", invalid="ignore"):
            found: FloatArray = -dt / np.log(factor) if made.solver == "closed" else dt / (1 - factor)
        return found

    tau_m, resistance = tau(np.asarray(p.exp_TC * unit, dtype=np.float64)), np.asarray(p.R * unit, np.float64) * 1e6
    with np.errstate(divide="ignore"):
        leak = 1 / resistance
    rows = [
        Rounded("tau_m", "s", np.asarray(neurons.tau_m), tau_m, integers(p.exp_TC)),
        Rounded("R", "ohm", np.asarray(neurons.R), resistance, integers(p.R)),
        Rounded("g_L", "S", np.asarray(neurons.g_L), leak),
        Rounded("C_m", "F", np.asarray(neurons.C_m), tau_m * leak),
        Rounded("share of a weight in its first tick", "", share, p.init_exc * fraction, integers(p.init_exc)),
        Rounded("t_ref", "s", np.asarray(neurons.t_ref), p.T_refract * dt, np.asarray(p.T_refract)),
    ]
    if neurons.tau_syn is not None:
        tau_syn = tau(np.asarray(p.decay_exc * fraction, dtype=np.float64))
        rows.insert(4, Rounded("tau_syn", "s", np.asarray(neurons.tau_syn), tau_syn, integers(p.decay_exc)))
    for name, field in _POTENTIALS.items():
        value = getattr(p, name)
        rows.append(Rounded(field, "V", np.asarray(getattr(neurons, field)), value * unit * 1e-3, integers(value)))
    return tuple(rows)
