"""The f-I curve: exact rates equal the closed form, and the sweep is laid out as asked."""

from __future__ import annotations

import numpy as np
import pytest

from golden.errors import SpecError
from golden.trace import Header, Trace
from sim_harness.experiment import Experiment
from sim_harness.fi import fi_curve, measured_rates

EXPERIMENT = Experiment.load("examples/lif.toml")


def test_exact_rates_equal_the_closed_form() -> None:
    curve = fi_curve(EXPERIMENT, "exact", points=7, lowest=0.5, highest=3.5)
    tau, t_ref, swing = 20e-3, 2e-3, 15e-3
    drive = np.linspace(0.5, 3.5, 7) * swing
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = np.where(drive > swing, 1 / (t_ref + tau * np.log(drive / (drive - swing))), 0.0)
    np.testing.assert_allclose(curve.closed_form, expected, rtol=1e-12)
    np.testing.assert_allclose(curve.rates["exact"], expected, rtol=1e-12)
    assert curve.rheobase == pytest.approx(150e-12, rel=1e-12)


def test_stepped_rates_are_low_by_less_than_a_tick() -> None:
    curve = fi_curve(EXPERIMENT, "stepped", points=6, lowest=1.2, highest=3.0)
    excess = 1 / curve.rates["stepped"] - 1 / curve.closed_form
    assert (excess >= -1e-12).all()
    assert (excess <= EXPERIMENT.dt).all()
    assert excess.max() > 0  # the tick is seen


def test_rate_is_that_of_whole_intervals() -> None:
    header = Header(engine="exact", network="", stimulus="", size=3, duration=1.0)
    trace = Trace(header, np.array([[0.3, 0], [0.5, 0], [0.7, 0], [0.4, 1]]))
    np.testing.assert_allclose(measured_rates(trace), [5.0, 0.0, 0.0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"points": 1}, r"^Points of the f-I curve must be at least 2, not 1$"),
        ({"lowest": 2.0, "highest": 1.5}, r"^Range of the f-I curve must be ascending and beyond rheobase"),
        ({"highest": 0.9}, r"^Range of the f-I curve must be ascending and beyond rheobase"),
    ],
)
def test_bad_sweep(options: dict[str, float], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        fi_curve(EXPERIMENT, "exact", **options)  # type: ignore[arg-type]  # wrong values on purpose
