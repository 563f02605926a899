"""SpiNNaker's packet network: chips on a triangular torus, multicast trees, and the routing tables that carry them.

A packet holds the key of its sender. The router of a chip looks it up in a ternary table: the first entry with
key & mask == entry.key gives the route, 24 bits: bit x is link x (E, NE, N, W, SW, S), bit x + 6 is core x. A packet
that arrives over a link and has no entry goes straight through; entries that would say just that are left out. One
that starts on a chip without an entry for it is lost, which is an error here.

Trees: from the sender a shortest path to every target chip, longest dimension first, that joins the tree where it last
meets it. Tables that are too long are minimised exactly: two entries of one route and mask whose keys differ in one bit
become one, so that the same keys match and the order of entries does not matter.

Sources: Furber et al., Proc. IEEE 102 (2014); spinnaker_tools, spinnaker.h; Heathcote, PhD thesis (2016), ch. 4-5.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple, TypeAlias

from golden.errors import QuantisationError, SimulationError, SpecError

#: Steps of the links E, NE, N, W, SW, S.
LINKS = ((1, 0), (1, 1), (0, 1), (-1, 0), (-1, -1), (0, -1))
#: Cores of a chip; which of them run neurons: core 0 is the monitor, core 17 a spare.
CORES, APPLICATION = 18, range(1, 17)
#: Entries of a chip's table, and bits of a key.
TABLE_ENTRIES, KEY_BITS = 1024, 32
#: Most chips along a dimension of the torus: 8-bit coordinates.
LONGEST_SIDE = 256
_ALL = (1 << KEY_BITS) - 1

#: A chip by its coordinates.
Chip: TypeAlias = tuple[int, int]


class Entry(NamedTuple):
    """A line of a routing table."""

    key: int
    mask: int
    route: int

    def matches(self, key: int) -> bool:
        """Whether a packet's key is one of this entry's."""
        return key & self.mask == self.key


class Sender(NamedTuple):
    """Where packets with a block of keys start, and the (chip, core) pairs that they must reach."""

    key: int
    mask: int
    chip: Chip
    targets: frozenset[tuple[Chip, int]]


@dataclass(frozen=True)
class Torus:
    """``width`` x ``height`` chips, each with six neighbours. SpecError for a side outside 1 to 256."""

    width: int
    height: int

    def __post_init__(self) -> None:
        for side in (self.width, self.height):
            if not 1 <= side <= LONGEST_SIDE:
                raise SpecError.rule("Side of the torus of chips", f"1 to {LONGEST_SIDE}", side)

    @classmethod
    def of(cls, chips: int) -> Torus:
        """The smallest nearly square torus of at least so many chips."""
        width = math.isqrt(max(chips, 1) - 1) + 1
        return cls(width, -(-chips // width) or 1)

    def chip(self, number: int) -> Chip:
        """Chips in order of their numbers fill row after row."""
        return number % self.width, number // self.width

    def along(self, chip: Chip, link: int) -> Chip:
        """The neighbour over a link."""
        return (chip[0] + LINKS[link][0]) % self.width, (chip[1] + LINKS[link][1]) % self.height

    def path(self, start: Chip, end: Chip) -> list[int]:
        """The links of a shortest path, longest dimension first."""
        x, y = (end[0] - start[0]) % self.width, (end[1] - start[1]) % self.height
        ways = (_legs(dx, dy) for dx in (x, x - self.width) for dy in (y, y - self.height))
        legs = min(ways, key=lambda legs: sum(count for _, count in legs))
        return [link for link, count in sorted(legs, key=lambda leg: -leg[1]) for _ in range(count)]

    def hops(self, start: Chip, end: Chip) -> int:
        """Links between two chips."""
        return len(self.path(start, end))


def _legs(dx: int, dy: int) -> list[tuple[int, int]]:
    """A displacement as (link, how often): along the diagonal first as far as both parts have one sign."""
    diagonal = min(dx, dy) if dx > 0 and dy > 0 else max(dx, dy) if dx < 0 and dy < 0 else 0
    parts = ((1, 4, diagonal), (0, 3, dx - diagonal), (2, 5, dy - diagonal))
    return [(forth if steps > 0 else back, abs(steps)) for forth, back, steps in parts if steps]


def routing_tables(torus: Torus, senders: Iterable[Sender], limit: int = TABLE_ENTRIES) -> dict[Chip, list[Entry]]:
    """The table of every chip that needs one, minimised where it is longer than ``limit``.

    Keys of different senders must not overlap. QuantisationError for a table that stays too long.
    """
    tables: defaultdict[Chip, list[Entry]] = defaultdict(list)
    tree = cache(lambda source, chips: _tree(torus, source, chips))
    for sender in senders:
        cores: defaultdict[Chip, int] = defaultdict(int)
        for chip, core in sender.targets:
            cores[chip] |= 1 << (core + len(LINKS))
        if not cores:
            continue
        for chip, (links, arrival) in tree(sender.chip, frozenset(cores)).items():
            route = links | cores.get(chip, 0)
            if arrival is None or route != 1 << arrival:
                tables[chip].append(Entry(sender.key, sender.mask, route))
    for chip, table in tables.items():
        if len(table) > limit:
            tables[chip] = minimised(table)
            if len(tables[chip]) > limit:
                raise QuantisationError(
                    f"Routing entries of chip {chip} must be at most {limit} on SpiNNaker, not {len(tables[chip])} "
                    "after minimisation"
                )
    return dict(tables)


def _tree(torus: Torus, source: Chip, targets: frozenset[Chip]) -> dict[Chip, tuple[int, int | None]]:
    """Every chip of a multicast tree: the links that it sends over, and the one over which its packets arrive."""
    links: dict[Chip, int] = {source: 0}
    arrival: dict[Chip, int | None] = {source: None}
    for target in sorted(targets):
        path = torus.path(source, target)
        chips = [source]
        for link in path:
            chips.append(torus.along(chips[-1], link))
        joint = max(k for k, chip in enumerate(chips) if chip in links)
        for chip, link, following in zip(chips[joint:], path[joint:], chips[joint + 1 :], strict=False):
            links[chip] |= 1 << link
            links[following], arrival[following] = 0, link
    return {chip: (links[chip], arrival[chip]) for chip in links}


def minimised(table: Sequence[Entry]) -> list[Entry]:
    """Fewer entries with the same keys for every route; those of the given table must not overlap."""
    keys: defaultdict[tuple[int, int], set[int]] = defaultdict(set)  # by route and mask
    for key, mask, route in table:
        keys[route, mask].add(key)
    waiting = list(keys)
    while waiting:
        route, mask = group = waiting.pop()
        for bit in (1 << b for b in range(KEY_BITS) if mask >> b & 1):
            pairs = {key for key in keys[group] if not key & bit and key | bit in keys[group]}
            if pairs:
                keys[group] -= pairs | {key | bit for key in pairs}
                keys[route, mask & ~bit] |= pairs
                waiting.append((route, mask & ~bit))
    return sorted(Entry(key, mask, route) for (route, mask), ones in keys.items() for key in ones)


def deliver(torus: Torus, tables: Mapping[Chip, Sequence[Entry]], key: int, chip: Chip) -> set[tuple[Chip, int]]:
    """Send one packet from ``chip`` through the tables: every (chip, core) that it reaches.

    SimulationError for a packet that comes to a chip twice, or that starts without an entry.
    """
    reached: set[tuple[Chip, int]] = set()
    seen: set[Chip] = set()
    flying: list[tuple[Chip, int | None]] = [(chip, None)]
    while flying:
        here, arrival = flying.pop()
        if here in seen:
            raise SimulationError(f"packet {key:#010x} comes to chip {here} twice")
        seen.add(here)
        route = next((entry.route for entry in tables.get(here, ()) if entry.matches(key)), None)
        if route is None:
            if arrival is None:
                raise SimulationError(f"packet {key:#010x} has no route on chip {here}, where it starts")
            route = 1 << arrival
        flying += [(torus.along(here, link), link) for link in range(len(LINKS)) if route >> link & 1]
        reached |= {(here, core) for core in range(CORES) if route >> (core + len(LINKS)) & 1}
    return reached


def check_entries(entries: Iterable[Entry]) -> None:
    """SpecError for an entry that no table can hold."""
    for entry in entries:
        if not (0 <= entry.key <= _ALL and 0 <= entry.mask <= _ALL and 0 <= entry.route < 1 << (CORES + len(LINKS))):
            raise SpecError.rule("Routing entry", "32-bit key and mask and a 24-bit route", tuple(entry))
        if entry.key & ~entry.mask:
            raise SpecError.rule("Routing entry", "a key within its mask", f"{entry.key:#x} and {entry.mask:#x}")
