"""The leaky integrate-and-fire neuron in SI units: parameters, validation and closed forms.

    C_m dV/dt = -g_L (V - E_L) + I(t) + I_syn(t)
    tau_syn dI_syn/dt = -I_syn + tau_syn sum_k w_k delta(t - t_k)

When V reaches V_th from below the neuron fires; V is then held at V_reset for t_ref. I_syn goes on during
the refractory time. Without tau_syn an input spike of weight w [C] is a charge: V jumps by w / C_m.

Source: Gerstner, Kistler, Naud & Paninski, "Neuronal Dynamics" (2014), eqs. 1.5-1.9 and 1.22.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import tomli_w
from numpy.typing import ArrayLike, NDArray

from golden.errors import SpecError
from golden.files import replacing

if TYPE_CHECKING:
    from collections.abc import Mapping

FloatArray: TypeAlias = NDArray[np.float64]
Value: TypeAlias = float | FloatArray

_UNITS = {
    "C_m": "F", "g_L": "S", "E_L": "V", "V_th": "V", "V_reset": "V", "t_ref": "s", "tau_syn": "s",
}  # fmt: skip


@dataclass(frozen=True, eq=False, kw_only=True)
class LIFNeuron:
    """One LIF neuron, or a population with one value per neuron in any field.

    Fields are SI floats, or 1-D arrays of one common length N (then ``size`` is N).

    C_m      membrane capacitance [F], > 0
    g_L      leak conductance [S], > 0
    E_L      leak (resting) potential [V]
    V_th     threshold [V], > E_L and > V_reset
    V_reset  reset potential [V]
    t_ref    absolute refractory time [s], >= 0
    tau_syn  time constant of the exponential synaptic current [s], > 0; None: input spikes are charges

    Raises SpecError when a rule is broken.
    """

    C_m: Value
    g_L: Value
    E_L: Value
    V_th: Value
    V_reset: Value
    t_ref: Value = 0.0
    tau_syn: Value | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None:
                continue
            object.__setattr__(self, field.name, _as_value(f"Neuron {field.name}", value))
        _require_one_length(self._values())
        for name in ("C_m", "g_L"):
            _require(name, getattr(self, name), getattr(self, name) > 0, "positive")
        _require("t_ref", self.t_ref, np.asarray(self.t_ref) >= 0, "zero or positive")
        if self.tau_syn is not None:
            _require("tau_syn", self.tau_syn, np.asarray(self.tau_syn) > 0, "positive")
        for name in ("V_reset", "E_L"):
            low = getattr(self, name)
            _require("V_th", self.V_th, self.V_th > low, f"above {name} ({_show(low)} V)")

    @classmethod
    def from_tau(cls, *, tau_m: ArrayLike, R: ArrayLike, **others: Any) -> LIFNeuron:
        """The same neuron given by its membrane time constant [s] and input resistance [ohm]."""
        tau, resistance = _as_value("Neuron tau_m", tau_m), _as_value("Neuron R", R)
        _require_one_length({"tau_m": tau, "R": resistance})
        _require("tau_m", tau, np.asarray(tau) > 0, "positive")
        _require("R", resistance, np.asarray(resistance) > 0, "positive")
        return cls(C_m=tau / resistance, g_L=1.0 / resistance, **others)

    @property
    def size(self) -> int | None:
        """Number of neurons the arrays describe; None when every field is shared."""
        return next((v.size for v in self._values().values() if isinstance(v, np.ndarray)), None)

    @property
    def tau_m(self) -> Value:
        """Membrane time constant C_m / g_L [s]."""
        return self.C_m / self.g_L

    @property
    def R(self) -> Value:  # noqa: N802  the field's name
        """Input resistance 1 / g_L [ohm]."""
        return 1.0 / self.g_L

    @property
    def rheobase(self) -> Value:
        """Largest constant current that is not enough to fire: g_L (V_th - E_L) [A]."""
        return self.g_L * (self.V_th - self.E_L)

    def v_inf(self, current: ArrayLike) -> Value:
        """Membrane potential [V] that a constant current [A] tends to without threshold."""
        return self.E_L + np.asarray(current, dtype=np.float64) / self.g_L

    def time_to_threshold(self, current: ArrayLike, v0: ArrayLike | None = None) -> FloatArray:
        """Time [s] from v0 (default V_reset) to V_th under constant current [A]; inf when never reached."""
        start = self.V_reset if v0 is None else np.asarray(v0, dtype=np.float64)
        # Not v_inf - V_th, whose rounding can be above 0 at rheobase.
        drive = (np.asarray(current, dtype=np.float64) - self.rheobase) / self.g_L
        with np.errstate(divide="ignore", invalid="ignore"):
            time = self.tau_m * np.log1p((self.V_th - start) / drive)
        return np.where(np.asarray(start) >= self.V_th, 0.0, np.where(drive > 0, time, np.inf))

    def period(self, current: ArrayLike) -> FloatArray:
        """Inter-spike interval [s] under constant current [A]; inf at and below rheobase."""
        return self.t_ref + self.time_to_threshold(current)

    def rate(self, current: ArrayLike) -> FloatArray:
        """The f-I curve: firing rate [Hz] under constant current [A]; 0 at and below rheobase."""
        return 1.0 / self.period(current)

    def broadcast(self, size: int) -> LIFNeuron:
        """The population of ``size`` neurons with every field an array of that length."""
        if size < 1:
            raise SpecError.rule("Population size", "at least 1", size)
        if self.size not in (None, size):
            raise SpecError.rule("Population size", f"the length of the neuron's arrays ({self.size})", size)
        return LIFNeuron(**{name: np.full(size, value) for name, value in self._values().items()})

    def __getitem__(self, index: int) -> LIFNeuron:
        """The neuron at ``index`` of a population, as plain numbers; IndexError beyond it."""
        if self.size is None and index != 0:
            raise IndexError(f"shared values describe one neuron, not a neuron {index}")
        return LIFNeuron(
            **{
                name: float(value[index]) if isinstance(value, np.ndarray) else value
                for name, value in self._values().items()
            }
        )

    def _values(self) -> dict[str, Value]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    def to_dict(self) -> dict[str, float | list[float]]:
        """Field names to plain numbers or lists; ``from_dict`` is the inverse."""
        return {
            name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in self._values().items()
        }

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> LIFNeuron:
        """Build from a table that gives C_m with g_L, tau_m or R; or tau_m with R or g_L.

        Exactly two of C_m, g_L, tau_m, R fix the membrane (g_L and R are the same thing). Raises SpecError on
        an unknown or missing key.
        """
        known = {field.name for field in fields(cls)} | {"tau_m", "R"}
        for key in table:
            if key not in known:
                raise SpecError.rule("Neuron key", f"one of {', '.join(sorted(known))}", repr(key))
        for key in ("E_L", "V_th", "V_reset"):
            if key not in table:
                raise SpecError.rule("Neuron table", f"given with {key}", f"only {', '.join(table) or 'empty'}")
        given = {key: _as_value(f"Neuron {key}", table[key]) for key in table}
        _require_one_length(given)
        membrane = {key: given.pop(key) for key in ("C_m", "g_L", "tau_m", "R") if key in given}
        for key, value in membrane.items():
            _require(key, value, np.asarray(value) > 0, "positive")
        match set(membrane):
            case s if s == {"C_m", "g_L"}:
                c, g = membrane["C_m"], membrane["g_L"]
            case s if s == {"C_m", "R"}:
                c, g = membrane["C_m"], 1.0 / membrane["R"]
            case s if s == {"C_m", "tau_m"}:
                c, g = membrane["C_m"], membrane["C_m"] / membrane["tau_m"]
            case s if s == {"tau_m", "R"}:
                c, g = membrane["tau_m"] / membrane["R"], 1.0 / membrane["R"]
            case s if s == {"tau_m", "g_L"}:
                c, g = membrane["tau_m"] * membrane["g_L"], membrane["g_L"]
            case s:
                raise SpecError.rule(
                    "Neuron membrane",
                    "given by two of C_m, tau_m and (g_L or R)",
                    ", ".join(sorted(s)) or "none",
                )
        return cls(C_m=c, g_L=g, **given)

    def hash(self) -> str:
        """SHA-256 of the canonical JSON: equal for equal parameters on every machine and version."""
        text = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def save(self, path: Path | str) -> None:
        """Write the parameters as TOML (floats round-trip exactly)."""
        text = tomli_w.dumps({"neuron": self.to_dict()})
        with replacing(path) as partial:
            partial.write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, path: Path | str) -> LIFNeuron:
        """Read the ``[neuron]`` table of a TOML file."""
        table = read_toml(path)
        if not isinstance(table.get("neuron"), dict):
            raise SpecError.rule(f"File {path}", "a TOML file with a [neuron] table", "without one")
        return cls.from_dict(table["neuron"])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LIFNeuron) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash(self.hash())


def read_toml(path: Path | str) -> dict[str, Any]:
    """Parse a TOML file; a missing or broken file is a SpecError that names it."""
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise SpecError.rule(f"File {path}", "readable", (error.strerror or str(error)).lower()) from None
    except UnicodeDecodeError:
        raise SpecError.rule(f"File {path}", "UTF-8 text", "something else") from None
    except tomllib.TOMLDecodeError as error:
        raise SpecError.rule(f"File {path}", "valid TOML", f"broken ({error})") from None


def unit_of(name: str) -> str:
    """SI unit of a LIFNeuron field."""
    return _UNITS[name]


def _as_value(thing: str, value: ArrayLike) -> Value:
    try:
        array = np.array(value)
    except ValueError:  # rows of different lengths
        array = np.array(None)
    if array.dtype.kind not in "iuf":
        raise SpecError.rule(thing, "a number or a list of numbers", repr(value))
    array = array.astype(np.float64) + 0.0  # -0 becomes 0: equal neurons have equal hashes
    if array.ndim > 1 or array.size == 0:
        raise SpecError.rule(thing, "a number or a flat list of numbers", f"of shape {array.shape}")
    if not np.isfinite(array).all():
        raise SpecError.rule(thing, "finite", _show(array))
    if array.ndim == 0:
        return float(array)
    array.flags.writeable = False
    return array


def _require_one_length(values: Mapping[str, Value]) -> None:
    sizes = {value.size for value in values.values() if isinstance(value, np.ndarray)}
    if len(sizes) > 1:
        raise SpecError.rule("Neuron arrays", "of one common length", sorted(sizes))


def _require(name: str, value: Value, holds: ArrayLike, rule: str) -> None:
    good = np.atleast_1d(np.asarray(holds))
    if good.all():
        return
    first = int(np.argmin(good))
    shown = np.broadcast_to(np.asarray(value), good.shape)[first]
    where = "" if good.size == 1 else f" (neuron {first})"
    raise SpecError.rule(
        f"Neuron {name}{where}", rule, f"{shown:g} {_UNITS.get(name, 's' if name == 'tau_m' else 'ohm')}"
    )


def _show(value: ArrayLike) -> str:
    array = np.atleast_1d(np.asarray(value, dtype=np.float64))
    return f"{array[0]:g}" if array.size == 1 else f"{array.min():g} to {array.max():g}"
