"""Multicast routing: shortest paths on the torus, tables that reach exactly the wanted cores, minimised or not."""

from __future__ import annotations

import random
import re

import pytest

from golden.errors import QuantisationError, SimulationError, SpecError
from golden.machines.multicast import (
    LINKS,
    Chip,
    Entry,
    Sender,
    Torus,
    check_entries,
    deliver,
    minimised,
    routing_tables,
)

EAST, NORTH_EAST, NORTH, WEST, SOUTH_WEST, SOUTH = range(6)
MASK = 0xFFFFFF00


def distances(torus: Torus, start: Chip) -> dict[Chip, int]:
    """Links from a chip to every other, by flooding."""
    found, edge = {start: 0}, [start]
    while edge:
        reached = [torus.along(chip, link) for chip in edge for link in range(6)]
        edge = list(dict.fromkeys(chip for chip in reached if chip not in found))
        found |= {chip: found[reached_from(torus, chip, found)] + 1 for chip in edge}
    return found


def reached_from(torus: Torus, chip: Chip, found: dict[Chip, int]) -> Chip:
    return min((n for n in (torus.along(chip, link) for link in range(6)) if n in found), key=lambda n: found[n])


@pytest.mark.parametrize("sides", [(1, 1), (2, 1), (1, 3), (2, 2), (5, 4), (8, 8), (7, 3)])
def test_paths_are_shortest_and_arrive(sides: tuple[int, int]) -> None:
    torus = Torus(*sides)
    for start in ((0, 0), (sides[0] - 1, sides[1] // 2)):
        expected = distances(torus, start)
        assert len(expected) == sides[0] * sides[1]
        for end, hops in expected.items():
            here = start
            for link in torus.path(start, end):
                here = torus.along(here, link)
            assert here == end
            assert torus.hops(start, end) == hops


def test_the_longest_dimension_goes_first() -> None:
    assert Torus(12, 12).path((0, 0), (5, 2)) == [EAST] * 3 + [NORTH_EAST] * 2
    assert Torus(12, 12).path((0, 0), (-2, 1)) == [WEST] * 2 + [NORTH]
    assert Torus(12, 12).path((3, 3), (2, 1)) == [SOUTH_WEST, SOUTH]
    assert Torus(12, 12).path((11, 0), (0, 0)) == [EAST]  # around


def test_opposite_links_are_opposite() -> None:
    for (x, y), (back_x, back_y) in zip(LINKS[:3], LINKS[3:], strict=True):
        assert (x + back_x, y + back_y) == (0, 0)


def test_chips_make_a_nearly_square() -> None:
    assert [(t.width, t.height) for t in map(Torus.of, (0, 1, 2, 4, 5, 48))] == [
        *[(1, 1), (1, 1), (2, 1), (2, 2), (3, 2), (7, 7)]
    ]


# --- tables -----------------------------------------------------------------------------------------------------------


def random_senders(rng: random.Random, torus: Torus, count: int, most: int) -> list[Sender]:
    """Blocks of keys on random chips to random cores; half of them on the chip and to the targets of the one before."""
    senders: list[Sender] = []
    for number in range(count):
        chips = [(rng.randrange(torus.width), rng.randrange(torus.height)) for _ in range(rng.randint(1, most))]
        chip, targets = chips[0], frozenset((chip, rng.randint(1, 16)) for chip in chips[1:] or chips)
        if senders and rng.random() < 0.5:
            chip, targets = senders[-1].chip, senders[-1].targets
        senders.append(Sender(number << 8, MASK, chip, targets))
    return senders


@pytest.mark.parametrize("limit", [1024, 0])
@pytest.mark.parametrize("seed", range(6))
def test_packets_reach_exactly_their_cores(seed: int, limit: int) -> None:
    """For every key of a block: the first, the last and one between; also with every table minimised."""
    rng = random.Random(seed)
    torus = Torus(rng.randint(1, 7), rng.randint(1, 7))
    senders = random_senders(rng, torus, 60, 12)
    tables = routing_tables(torus, senders)
    if limit == 0:
        before = sum(map(len, tables.values()))
        tables = {chip: minimised(table) for chip, table in tables.items()}
        assert sum(map(len, tables.values())) < before
    for key, _, chip, targets in senders:
        for packet in (key, key + 255, key + rng.randrange(256)):
            assert deliver(torus, tables, packet, chip) == targets


def test_a_wrong_entry_is_seen() -> None:
    """Each of the bits that matter, changed in one entry, sends some packet elsewhere, or nowhere."""
    rng, torus = random.Random(1), Torus(4, 3)
    senders = random_senders(rng, torus, 20, 6)
    tables = routing_tables(torus, senders)
    for chip, table in tables.items():
        for k, entry in enumerate(table):
            for wrong in (
                entry._replace(route=entry.route ^ 1 << rng.randrange(24)),
                entry._replace(key=entry.key ^ 1 << 31),
                entry._replace(route=0),
            ):
                corrupt = tables | {chip: [*table[:k], wrong, *table[k + 1 :]]}
                try:
                    reached = [deliver(torus, corrupt, s.key, s.chip) for s in senders]
                except SimulationError:
                    continue
                assert reached != [s.targets for s in senders]


def test_straight_ways_need_no_entries() -> None:
    """Along a row: only the chips where the packet starts, and where it ends, have an entry."""
    torus = Torus(9, 1)
    tables = routing_tables(torus, [Sender(0, MASK, (0, 0), frozenset({((4, 0), 3)}))])
    assert tables == {(0, 0): [Entry(0, MASK, 1 << EAST)], (4, 0): [Entry(0, MASK, 1 << (3 + 6))]}
    assert deliver(torus, tables, 5, (0, 0)) == {((4, 0), 3)}


def test_the_first_match_wins() -> None:
    torus = Torus(1, 1)
    tables = {(0, 0): [Entry(0x10, 0xF0, 1 << 7), Entry(0, 0, 1 << 8)]}
    assert deliver(torus, tables, 0x1F, (0, 0)) == {((0, 0), 1)}
    assert deliver(torus, tables, 0x2F, (0, 0)) == {((0, 0), 2)}


def test_packets_that_go_round_or_are_lost_are_errors() -> None:
    torus = Torus(3, 1)
    with pytest.raises(SimulationError, match=re.escape("packet 0x00000000 comes to chip (0, 0) twice")):
        deliver(torus, {(0, 0): [Entry(0, 0, 1 << EAST)]}, 0, (0, 0))
    with pytest.raises(SimulationError, match=re.escape("packet 0x00000007 has no route on chip (1, 0), where it")):
        deliver(torus, {(0, 0): [Entry(0, 0, 1 << EAST)]}, 7, (1, 0))


def test_senders_without_targets_take_no_entries() -> None:
    assert routing_tables(Torus(2, 2), [Sender(0, MASK, (0, 0), frozenset())]) == {}


# --- minimisation -------------------------------------------------------------------------------------------------


def test_entries_of_one_route_become_one() -> None:
    table = [Entry(key << 8, MASK, 64) for key in range(16)]
    assert minimised(table) == [Entry(0, 0xFFFFF000, 64)]
    assert minimised(table[:15]) == sorted([Entry(k, m, 64) for k, m in (
        (0x000, 0xFFFFF800), (0x800, 0xFFFFFC00), (0xC00, 0xFFFFFE00), (0xE00, 0xFFFFFF00)
    )])  # fmt: skip
    assert minimised([table[0], table[1]._replace(route=128)]) == [table[0], table[1]._replace(route=128)]


@pytest.mark.parametrize("seed", range(5))
def test_minimised_tables_match_the_same_keys(seed: int) -> None:
    """Every key of a small space, before and after; keys that had no entry have none."""
    rng = random.Random(seed)
    table = [Entry(key, 0x3FF, rng.choice([1, 2, 64])) for key in rng.sample(range(1024), 500)]
    shorter = minimised(table)
    assert len(shorter) < len(table)
    for key in range(1024):
        assert [e.route for e in shorter if e.matches(key)] == [e.route for e in table if e.matches(key)]


def test_a_table_that_stays_too_long_is_refused() -> None:
    """2000 blocks to alternating cores of one chip: nothing can be merged, and only 1024 entries fit."""
    senders = [Sender(k << 8, MASK, (0, 0), frozenset({((0, 0), 1 + k.bit_count() % 2)})) for k in range(2000)]
    message = "Routing entries of chip (0, 0) must be at most 1024 on SpiNNaker, not 2000 after minimisation"
    with pytest.raises(QuantisationError, match=f"^{re.escape(message)}$"):
        routing_tables(Torus(1, 1), senders)
    tables = routing_tables(Torus(1, 1), [s._replace(targets=frozenset({((0, 0), 1)})) for s in senders])
    assert len(tables[0, 0]) == 6  # 2000 = 1024 + 512 + 256 + 128 + 64 + 16


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (Entry(0, 0, 1 << 24), "Routing entry must be 32-bit key and mask and a 24-bit route, not (0, 0, 16777216)"),
        (Entry(3, 1, 1), "Routing entry must be a key within its mask, not 0x3 and 0x1"),
    ],
)
def test_entries_that_no_table_holds(entry: Entry, message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        check_entries([entry])


def test_the_torus_has_coordinates_of_eight_bits() -> None:
    with pytest.raises(SpecError, match=r"^Side of the torus of chips must be 1 to 256, not 257$"):
        Torus(257, 1)
