"""The LIF neuron in SI units: rules, messages, files, hash and closed forms."""

from __future__ import annotations

import hashlib
import json
import math
import re
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden.errors import HillockError, SpecError
from golden.neurons.lif import LIFNeuron, read_toml, unit_of

BASE: dict[str, Any] = {
    "C_m": 200e-12, "g_L": 10e-9, "E_L": -0.070, "V_th": -0.050, "V_reset": -0.065, "t_ref": 2e-3,
}  # fmt: skip


def neuron(**changes: Any) -> LIFNeuron:
    return LIFNeuron(**(BASE | changes))


BROKEN = [
    ({"C_m": 0.0}, "Neuron C_m must be positive, not 0 F"),
    ({"C_m": -2e-10}, "Neuron C_m must be positive, not -2e-10 F"),
    ({"g_L": -1e-8}, "Neuron g_L must be positive, not -1e-08 S"),
    ({"t_ref": -1e-3}, "Neuron t_ref must be zero or positive, not -0.001 s"),
    ({"tau_syn": 0.0}, "Neuron tau_syn must be positive, not 0 s"),
    ({"V_th": -0.065}, "Neuron V_th must be above V_reset (-0.065 V), not -0.065 V"),
    ({"V_th": -0.068}, "Neuron V_th must be above V_reset (-0.065 V), not -0.068 V"),
    ({"V_reset": -0.08, "V_th": -0.07}, "Neuron V_th must be above E_L (-0.07 V), not -0.07 V"),
    ({"C_m": math.nan}, "Neuron C_m must be finite, not nan"),
    ({"E_L": math.inf}, "Neuron E_L must be finite, not inf"),
    ({"C_m": "200 pF"}, "Neuron C_m must be a number or a list of numbers, not '200 pF'"),
    ({"C_m": "2e-10"}, "Neuron C_m must be a number or a list of numbers, not '2e-10'"),
    ({"C_m": True}, "Neuron C_m must be a number or a list of numbers, not True"),
    ({"V_th": [[-0.05]]}, "Neuron V_th must be a number or a flat list of numbers, not of shape (1, 1)"),
    ({"V_th": []}, "Neuron V_th must be a number or a flat list of numbers, not of shape (0,)"),
    ({"V_th": [[1], [1, 2]]}, "Neuron V_th must be a number or a list of numbers, not [[1], [1, 2]]"),
    ({"C_m": [1e-10, -1e-10, 0]}, "Neuron C_m (neuron 1) must be positive, not -1e-10 F"),
    ({"V_th": [-0.05, -0.066]}, "Neuron V_th (neuron 1) must be above V_reset (-0.065 V), not -0.066 V"),
    (
        {"V_reset": [-0.06, -0.05]},
        "Neuron V_th (neuron 1) must be above V_reset (-0.06 to -0.05 V), not -0.05 V",
    ),
    ({"C_m": [1e-10] * 2, "t_ref": [0.0] * 3}, "Neuron arrays must be of one common length, not [2, 3]"),
]


@pytest.mark.parametrize(("changes", "message"), BROKEN)
def test_a_broken_rule_is_one_sentence(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        neuron(**changes)


def test_errors_are_the_users_mistakes() -> None:
    assert issubclass(SpecError, HillockError)


def test_rules_allow_what_touches_them() -> None:
    assert neuron(t_ref=0.0).t_ref == 0.0
    assert neuron(V_reset=-0.080).V_reset < neuron().E_L


MEMBRANES = [
    {"C_m": 200e-12, "g_L": 10e-9},
    {"C_m": 200e-12, "R": 100e6},
    {"C_m": 200e-12, "tau_m": 20e-3},
    {"tau_m": 20e-3, "R": 100e6},
    {"tau_m": 20e-3, "g_L": 10e-9},
]
REST = {"E_L": -0.070, "V_th": -0.050, "V_reset": -0.065}


@pytest.mark.parametrize("membrane", MEMBRANES, ids=lambda m: "+".join(m))
def test_two_membrane_values_fix_it(membrane: dict[str, float]) -> None:
    made = LIFNeuron.from_dict(membrane | REST)
    assert (made.C_m, made.g_L) == pytest.approx((200e-12, 10e-9), rel=1e-15)
    assert (made.tau_m, made.R) == pytest.approx((20e-3, 100e6), rel=1e-15)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            REST | {"C_m": 1e-10},
            "Neuron membrane must be given by two of C_m, tau_m and (g_L or R), not C_m",
        ),
        (REST, "Neuron membrane must be given by two of C_m, tau_m and (g_L or R), not none"),
        (
            REST | {"g_L": 1e-8, "R": 1e8},
            "Neuron membrane must be given by two of C_m, tau_m and (g_L or R), not R, g_L",
        ),
        (
            REST | {"C_m": 1e-10, "g_L": 1e-8, "tau_m": 0.01},
            "Neuron membrane must be given by two of C_m, tau_m and (g_L or R), not C_m, g_L, tau_m",
        ),
        (
            REST | {"Cm": 1e-10},
            "Neuron key must be one of C_m, E_L, R, V_reset, V_th, g_L, t_ref, tau_m, tau_syn, not 'Cm'",
        ),
        ({"E_L": 0.0, "V_th": 1.0}, "Neuron table must be given with V_reset, not only E_L, V_th"),
        ({}, "Neuron table must be given with E_L, not only empty"),
        (REST | {"tau_m": 0.0, "R": 1e8}, "Neuron tau_m must be positive, not 0 s"),
        (REST | {"tau_m": 0.02, "R": -1.0}, "Neuron R must be positive, not -1 ohm"),
        (REST | {"tau_m": [0.02] * 2, "R": [1e8] * 3}, "Neuron arrays must be of one common length, not [2, 3]"),
    ],
)
def test_a_broken_table_is_one_sentence(table: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        LIFNeuron.from_dict(table)


def test_from_tau() -> None:
    made = LIFNeuron.from_tau(tau_m=[10e-3, 20e-3], R=50e6, **REST)
    np.testing.assert_allclose(made.C_m, [200e-12, 400e-12], rtol=1e-15)
    with pytest.raises(SpecError, match=r"^Neuron tau_m must be positive, not -1 s$"):
        LIFNeuron.from_tau(tau_m=-1, R=1, **REST)
    with pytest.raises(SpecError, match=r"^Neuron arrays must be of one common length, not \[2, 3\]$"):
        LIFNeuron.from_tau(tau_m=[1, 1], R=[1, 1, 1], **REST)


# -- populations


def test_a_population_has_a_value_per_neuron() -> None:
    population = neuron(V_th=[-0.05, -0.04, -0.03], tau_syn=5e-3)
    assert population.size == 3
    assert population[1] == neuron(V_th=-0.04, tau_syn=5e-3)
    assert population[1].size is None
    wide = population.broadcast(3)
    assert wide[2] == population[2]
    assert np.shape(wide.C_m) == np.shape(wide.tau_syn) == (3,)


def test_a_single_neuron_broadcasts_to_any_size() -> None:
    wide = neuron().broadcast(4)
    assert wide.size == 4
    assert wide.tau_syn is None
    assert all(wide[k] == neuron() for k in range(4))


@pytest.mark.parametrize(
    ("source", "size", "message"),
    [
        (neuron(), 0, "Population size must be at least 1, not 0"),
        (neuron(V_th=[0.0, 0.1]), 3, "Population size must be the length of the neuron's arrays (2), not 3"),
    ],
)
def test_a_population_of_the_wrong_size(source: LIFNeuron, size: int, message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        source.broadcast(size)


def test_arrays_are_copied_and_read_only() -> None:
    mine = np.array([-0.05, -0.04])
    population = neuron(V_th=mine)
    mine[0] = 7.0
    assert population.V_th[0] == -0.05
    with pytest.raises(ValueError, match="read-only"):
        population.V_th[0] = 0.0


# -- files and hash


@pytest.mark.parametrize(
    "saved",
    [neuron(), neuron(tau_syn=1 / 3e3), neuron(V_th=np.linspace(-0.05, -0.01, 7), C_m=1e-10 / 3)],
    ids=["plain", "synapse", "population"],
)
def test_toml_round_trip_is_exact(saved: LIFNeuron, tmp_path: Path) -> None:
    path = tmp_path / "neuron.toml"
    saved.save(path)
    loaded = LIFNeuron.load(path)
    assert loaded == saved
    assert loaded.hash() == saved.hash()
    assert hash(loaded) == hash(saved)
    assert [p.name for p in tmp_path.iterdir()] == ["neuron.toml"]


def test_save_to_a_missing_folder_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "absent" / "neuron.toml"
    with pytest.raises(
        SpecError, match=f"^File {re.escape(str(path))} must be writable, not refused \\(no such file or dir"
    ):
        neuron().save(path)


def test_files_that_are_no_neuron(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    name = re.escape(str(path))
    with pytest.raises(SpecError, match=f"^File {name} must be readable, not no such file or directory$"):
        LIFNeuron.load(path)
    path.write_text("name = 1\n", encoding="utf-8")
    with pytest.raises(SpecError, match=rf"^File {name} must be a TOML file with a \[neuron\] table, not without"):
        LIFNeuron.load(path)
    path.write_text("[neuron\n", encoding="utf-8")
    with pytest.raises(SpecError, match=f"^File {name} must be valid TOML, not broken "):
        read_toml(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(SpecError, match=f"^File {name} must be UTF-8 text, not something else$"):
        read_toml(path)


def test_hash_is_sha256_of_canonical_json() -> None:
    table = dict(BASE)
    text = json.dumps(table, sort_keys=True, separators=(",", ":"))
    assert neuron().hash() == hashlib.sha256(text.encode()).hexdigest()
    # The same text written out: float repr is part of the promise.
    literal = '{"C_m":2e-10,"E_L":-0.07,"V_reset":-0.065,"V_th":-0.05,"g_L":1e-08,"t_ref":0.002}'
    assert neuron().hash() == hashlib.sha256(literal.encode()).hexdigest()


def test_hash_and_equality_agree() -> None:
    assert neuron(E_L=-0.0, V_th=0.1) == neuron(E_L=0.0, V_th=0.1)
    assert neuron(E_L=-0.0, V_th=0.1).hash() == neuron(E_L=0.0, V_th=0.1).hash()
    assert neuron(t_ref=0).hash() == neuron(t_ref=0.0).hash()
    assert neuron() != "neuron"
    for name in BASE:
        assert neuron(**{name: BASE[name] * 1.0000000001}).hash() != neuron().hash()
    assert neuron(tau_syn=1e-3).hash() != neuron().hash()


def test_units() -> None:
    assert {name: unit_of(name) for name in ("C_m", "g_L", "V_th", "t_ref", "tau_syn")} == {
        "C_m": "F", "g_L": "S", "V_th": "V", "t_ref": "s", "tau_syn": "s",
    }  # fmt: skip


# -- closed forms


def test_rheobase_and_v_inf() -> None:
    assert neuron().rheobase == pytest.approx(10e-9 * 20e-3, rel=1e-14)
    assert neuron().v_inf(100e-12) == pytest.approx(-0.060, rel=1e-14)


@pytest.mark.parametrize("times_rheobase", [1.000001, 1.1, 2.0, 100.0])
def test_fi_curve_is_the_contract(times_rheobase: float) -> None:
    """f = 1/(t_ref + tau log1p((Vth - Vr)/(mu - Vth))), evaluated with 50 digits."""
    n = neuron()
    current = times_rheobase * float(n.rheobase)
    with mpmath.workdps(50):
        c, g, e, th, r, ref = (mpmath.mpf(BASE[k]) for k in ("C_m", "g_L", "E_L", "V_th", "V_reset", "t_ref"))
        mu = e + mpmath.mpf(current) / g
        time = c / g * mpmath.log(1 + (th - r) / (mu - th))
        # Near rheobase the distance from threshold has lost log10(1/1e-6) digits by the input's own rounding.
        tolerance = 1e-13 + 4e-16 / (times_rheobase - 1)
        assert float(n.time_to_threshold(current)) == pytest.approx(float(time), rel=tolerance)
        assert float(n.period(current)) == pytest.approx(float(ref + time), rel=tolerance)
        assert float(n.rate(current)) == pytest.approx(float(1 / (ref + time)), rel=tolerance)


def test_rate_saturates_at_the_refractory_time() -> None:
    assert neuron().rate(1.0) == pytest.approx(500.0, rel=1e-6)


def test_silence_at_and_below_rheobase() -> None:
    n = neuron()
    currents = [-1e-9, 0.0, 0.5 * float(n.rheobase), float(n.rheobase)]
    assert np.isinf(n.time_to_threshold(currents)).all()
    assert np.isinf(n.period(currents)).all()
    assert (n.rate(currents) == 0.0).all()


@given(E_L=st.floats(-0.1, 0.0), above=st.floats(1e-4, 0.1), g_L=st.floats(1e-10, 1e-5), C_m=st.floats(1e-13, 1e-9))
def test_rheobase_itself_never_fires(E_L: float, above: float, g_L: float, C_m: float) -> None:
    """For all parameters: rounding of V_inf - V_th must not turn the edge into a spike."""
    n = LIFNeuron(C_m=C_m, g_L=g_L, E_L=E_L, V_th=E_L + above, V_reset=E_L)
    assert n.time_to_threshold(n.rheobase) == np.inf
    assert n.time_to_threshold(float(n.rheobase) * (1 + 1e-12)) < np.inf


def test_time_to_threshold_from_elsewhere() -> None:
    n = neuron()
    drive = 400e-12  # V_inf = -30 mV, 20 mV above threshold
    assert n.time_to_threshold(drive, -0.070) == pytest.approx(20e-3 * math.log(2), rel=1e-13)
    assert n.time_to_threshold(drive, -0.050) == 0.0
    assert n.time_to_threshold(0.0, -0.040) == 0.0


def test_closed_forms_per_neuron() -> None:
    population = neuron(V_th=[-0.05, -0.04], g_L=[10e-9, 20e-9])
    np.testing.assert_allclose(population.rheobase, [200e-12, 600e-12], rtol=1e-13)
    rates = population.rate(500e-12)
    assert rates.shape == (2,)
    assert rates[0] == pytest.approx(float(population[0].rate(500e-12)), rel=1e-15)
    assert rates[1] == 0.0
