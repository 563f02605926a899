"""Fitting a twin: a neuron of known parameters is found again from its own closed-form periods."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from golden.errors import SpecError
from golden.twins import fit
from golden.twins.fit import errors


@dataclass(frozen=True)
class Integrator:
    """T = charge / (I - leak) + dead: a perfect integrator with a constant leak and a dead time."""

    charge: float
    leak: float
    dead: float

    def periods(self, currents: np.ndarray) -> np.ndarray:
        drive = np.asarray(currents) - self.leak
        return np.where(drive > 0, self.charge / np.where(drive > 0, drive, 1.0) + self.dead, np.inf)


STEPS = {"charge": 1e-13, "leak": 1e-10, "dead": 1e-7}


def test_the_parameters_behind_the_periods_are_found() -> None:
    currents = np.geomspace(2e-9, 4e-8, 5)
    # The closed form of charge 1.2 pC, leak 0.3 nA and 0.5 us, written out.
    periods = 1.2e-12 / (currents - 3e-10) + 5e-7
    found = fit(Integrator(1e-12, 0.0, 0.0), STEPS, currents, periods)
    assert found.largest < 1e-9
    assert found.twin.charge == pytest.approx(1.2e-12, rel=1e-6)
    assert found.twin.leak == pytest.approx(3e-10, rel=1e-6)
    assert found.twin.dead == pytest.approx(5e-7, rel=1e-6)
    # Without the leak the best fit is off by percents: the check can fail.
    poor = fit(Integrator(1e-12, 0.0, 0.0), {"charge": 1e-13, "dead": 1e-7}, currents, periods)
    assert poor.largest > 0.01
    assert errors(found.twin, [2e-9], [2 * periods[0]])[0] == pytest.approx(-0.5, abs=1e-6)


def test_points_that_cannot_be_fitted_are_refused() -> None:
    with pytest.raises(SpecError, match=r"^Points to fit must be at least 3, a period for each current, not 2$"):
        fit(Integrator(1e-12, 0.0, 0.0), STEPS, [1e-9, 2e-9], [1e-3, 5e-4])
    with pytest.raises(SpecError, match=r"^Periods to fit must be positive and finite"):
        fit(Integrator(1e-12, 0.0, 0.0), STEPS, [1e-9, 2e-9, 3e-9], [1e-3, 5e-4, np.inf])
