"""Measuring in the ngspice workers: spikes, energy, and errors that come back as one line."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from analog.bench import Observe, Observed, gather
from analog.ngspice import pool
from analog.worker import Job
from golden.errors import SimulationError
from sim_harness import toolchain

#: A square wave of 1 us period behind 1 kOhm from a supply of 1 V that feeds 1 kOhm.
DECK = """* pulses
Vvdd vdd 0 1
R1 vdd 0 1k
Vmem mem 0 pulse(0 1 0.25u 1n 1n 0.499u 1u)
R2 mem 0 1k
.tran 1n 4.1u
.save v(mem) i(vvdd)
.end
"""


def refuse(waves: Mapping[str, np.ndarray]) -> None:
    raise SimulationError("Membrane must be alive, not dead")


@pytest.mark.integration
def test_spikes_and_energy_are_measured_where_ngspice_runs() -> None:
    job = Job(DECK, ("mem", "i(vvdd)"), Observe("mem", 1.0))
    (found,) = gather(pool(toolchain.ngspice_setup(), 1), [job])
    assert isinstance(found, Observed)
    # Rises through half at 0.2505 us and every 1 us after; 1 V over 1 kOhm are 1 mW.
    assert found.spikes == pytest.approx(np.arange(4) * 1e-6 + 0.2505e-6, abs=1e-9)
    assert found.ends == pytest.approx(np.arange(4) * 1e-6 + 0.7505e-6, abs=1e-9)
    assert found.period == pytest.approx(1e-6, rel=1e-3)
    assert found.power == pytest.approx(1e-3, rel=1e-6)
    assert found.energy_per_spike == pytest.approx(1e-9, rel=1e-3)
    assert (found.mem == [0.0, 1.0]).all()


@pytest.mark.integration
def test_a_measure_that_refuses_is_an_error_of_its_job() -> None:
    good, bad = Job(DECK, ("mem", "i(vvdd)"), Observe("mem", 1.0)), Job(DECK, ("mem",), refuse)
    with pytest.raises(SimulationError, match=r"^Circuit 1: Membrane must be alive, not dead$"):
        gather(pool(toolchain.ngspice_setup(), 1), [good, bad])
