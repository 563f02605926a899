"""Pulses: corners by hand, merging, cutting, rules by message."""

from __future__ import annotations

import numpy as np
import pytest

from analog.blocks.pulse_input import PulseInput
from golden.errors import SpecError


def pulses(*times: float, width: float = 100e-9, edge: float = 10e-9, **levels: float) -> PulseInput:
    return PulseInput("pulse", np.array(times), width, **({"high": 1.8} | levels), edge=edge)


def test_a_pulse_passes_half_its_height_at_the_spike_and_a_width_later() -> None:
    times, volts = pulses(1e-6).points()
    np.testing.assert_allclose(times, [0, 0.995e-6, 1.005e-6, 1.095e-6, 1.105e-6], rtol=1e-12)
    np.testing.assert_allclose(volts, [0, 0, 1.8, 1.8, 0])
    assert np.trapezoid(volts, times) == pytest.approx(1.8 * 100e-9)
    assert pulses(1e-6).cards()[0].startswith("Vpulse pulse 0 pwl(")


def test_overlapping_pulses_merge_to_one_that_ends_with_the_last() -> None:
    starts, ends = pulses(1e-6, 1e-6, 1.05e-6, 1.1599e-6, 2e-6).intervals()
    np.testing.assert_allclose(starts, [1e-6, 2e-6])
    np.testing.assert_allclose(ends, [1.2599e-6, 2.1e-6])
    # A gap longer than an edge is a gap.
    starts, _ = pulses(1e-6, 1.1101e-6).intervals()
    assert starts.size == 2
    times, volts = pulses(1e-6, 1.1101e-6).points()
    assert (np.diff(times) > 0).all()
    assert np.interp(1.10505e-6, times, volts) < 0.02


def test_what_lies_before_time_0_is_cut_off() -> None:
    times, volts = pulses(-1e-6, -0.05e-6, 0.2e-6).points()
    np.testing.assert_allclose(times[:3], [0, 0.045e-6, 0.055e-6])
    np.testing.assert_allclose(volts[:3], [1.8, 1.8, 0])
    times, volts = pulses(0.0).points()
    np.testing.assert_allclose([times[0], volts[0]], [0, 0.9])
    np.testing.assert_allclose(pulses(0.0).intervals(), [[0.0], [100e-9]])


def test_no_spike_is_a_constant_and_low_may_be_above_high() -> None:
    assert pulses().cards() == ("Vpulse pulse 0 dc 0",)
    assert pulses(high=0.0, low=1.8).cards() == ("Vpulse pulse 0 dc 1.8",)
    _, volts = pulses(1e-6, high=0.0, low=1.8).points()
    np.testing.assert_allclose(volts, [1.8, 1.8, 0, 0, 1.8])


@pytest.mark.parametrize("seed", range(5))
def test_random_trains_have_the_area_of_their_union(seed: int) -> None:
    rng = np.random.default_rng(seed)
    spikes = np.sort(rng.uniform(1e-6, 5e-6, 40))
    block = pulses(*spikes)
    times, volts = block.points()
    # One spike after the other: each adds what it reaches beyond the last end; gaps up to an edge are filled.
    area, end = 0.0, -np.inf
    for spike in spikes:
        area += 100e-9 if spike - end > 10e-9 else spike + 100e-9 - end
        end = spike + 100e-9
    assert np.trapezoid(volts, times) / 1.8 == pytest.approx(area, rel=1e-9)
    assert (np.diff(times) > 0).all()


def test_rules() -> None:
    with pytest.raises(
        SpecError, match=r"^Pulse input pulse width must be longer than its edge \(1e-08 s\), not 1e-08"
    ):
        pulses(width=10e-9)
    with pytest.raises(SpecError, match=r"^Pulse input pulse edge must be positive, not 0 s$"):
        pulses(edge=0.0)
    with pytest.raises(SpecError, match=r"^Pulse input pulse high must be different from low, not 1 V$"):
        pulses(high=1.0, low=1.0)
    with pytest.raises(SpecError, match=r"^Pulse input pulse low must be zero or positive, not -1 V$"):
        pulses(low=-1.0)
    with pytest.raises(
        SpecError, match=r"^Pulse input pulse times must be finite and ascending, not \[2\.e-06 1\.e-06\]"
    ):
        pulses(2e-6, 1e-6)
    with pytest.raises(SpecError, match=r"^Pulse input pulse times must be finite and ascending, not \[nan\]$"):
        pulses(float("nan"))
