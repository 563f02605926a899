"""All digital engines are the golden integer model, bit for bit: `make verify` in small."""

from __future__ import annotations

from itertools import combinations

import pytest

from sim_harness.rtl.campaign import cases
from sim_harness.verify import ENGINES, GOLDEN, Verification, compare

pytestmark = pytest.mark.integration

UPDATES = 20_000
#: A few of the 24 structures; the seed, and so the builds, are those of `make verify`.
STRUCTURES = 3


@pytest.fixture(scope="module")
def result() -> Verification:
    return compare(list(cases(UPDATES, seed=1, crossed=STRUCTURES)), ENGINES, seed=1, jobs=2)


@pytest.mark.xdist_group("digital agreement")
@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_equals_golden(engine: str, result: Verification) -> None:
    tally = result.pairs[GOLDEN, engine]
    assert [text for name, _, text in result.divergences if name == engine] == []
    assert (tally.wrong_states, tally.wrong_spikes) == (0, 0)
    assert tally.updates >= UPDATES
    assert tally.spikes > UPDATES // 50


@pytest.mark.xdist_group("digital agreement")
@pytest.mark.parametrize("pair", list(combinations(ENGINES, 2)), ids="-".join)
def test_engines_equal_each_other(pair: tuple[str, str], result: Verification) -> None:
    tally = result.pairs[pair]
    assert tally.agrees
    assert tally.updates >= UPDATES
