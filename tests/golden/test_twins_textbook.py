"""Twins of the axon-hillock and of the low-power integrate-and-fire neuron against their textbooks and quadrature."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad

from golden.errors import SpecError
from golden.twins.axon_hillock import AxonHillockTwin
from golden.twins.indiveri import IndiveriTwin

MEAD = AxonHillockTwin(C_fb=3e-13, V_dd=1.8, I_r=4e-7)
INDIVERI = IndiveriTwin(C=1e-12, I_leak=2e-9, V_th=0.9, width=0.055, t_ref=2e-6, t_fold=7e-8, early=0.05)


def test_mead() -> None:
    # t_L = 0.54 pC / 20 nA, t_H = 0.54 pC / 380 nA.
    assert MEAD.periods([20e-9])[0] == pytest.approx(27e-6 + 0.54e-12 / 380e-9, rel=1e-12)
    assert MEAD.periods([0.0, 4e-7, 5e-7]).tolist() == [math.inf] * 3
    delayed = replace(MEAD, t_0=1e-9, t_1=2e-8)
    # At a quarter of 40 nA, I_1, and at 40 nA.
    added = delayed.periods([10e-9, 40e-9]) - MEAD.periods([10e-9, 40e-9])
    assert added == pytest.approx([21e-9, 11e-9], rel=1e-6)
    with pytest.raises(SpecError, match="Axon-hillock twin I_r must be positive, not 0"):
        replace(MEAD, I_r=0.0)


def test_indiveri_against_adaptive_quadrature() -> None:
    twin = INDIVERI
    for current in (4e-9, 2e-8, 1e-7):

        def slowness(V: float, current: float = current) -> float:
            return twin.C / (
                current - twin.I_leak * (1 + twin.early * V) + 1e-9 * math.exp((V - twin.V_th) / twin.width)
            )

        rise = quad(slowness, 0, twin.V_th + 2.5, points=[twin.V_th], limit=400, epsrel=1e-11)[0]
        expected = rise + twin.t_ref - twin.t_fold * math.log(current / 1e-9)
        assert twin.periods([current])[0] == pytest.approx(expected, rel=1e-6)


def test_a_sharp_feedback_is_a_threshold() -> None:
    sharp = replace(INDIVERI, width=1e-4, early=0.0, t_fold=0.0)
    currents = np.array([5e-9, 5e-8])
    assert sharp.periods(currents) == pytest.approx(1e-12 * 0.9 / (currents - 2e-9) + 2e-6, rel=2e-3)


def test_feedback_lowers_the_rheobase_of_a_leak_that_grows() -> None:
    # Between the membrane's least net current below and above it.
    V = np.linspace(0, 0.9, 20001)
    grows = replace(INDIVERI, early=0.5)
    need = (2e-9 * (1 + 0.5 * V) - 1e-9 * np.exp((V - 0.9) / 0.055)).max()
    assert grows.rheobase == pytest.approx(need, rel=1e-6)
    assert np.isfinite(grows.periods([1.01 * need]))[0]
    assert grows.periods([0.99 * need])[0] == math.inf
    with pytest.raises(SpecError, match="Indiveri twin width must be positive, not 0"):
        replace(INDIVERI, width=0.0)
