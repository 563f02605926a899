"""Where everything of a SpiNNaker network sits: cores of neurons, of sources and of delays, their keys and targets.

Axons are what sends packets: neurons, then sources, then relays in ascending order of (stage, origin). A relay belongs
to a delay core: it sends its origin's packets again after ``stage`` times as many ticks as a ring buffer has slots.
Axons are cut into blocks of at most 256, each on one core, in this order; block b has the keys b 256 to b 256 + 255.
So ascending keys are ascending axons.

A core that has no row for a packet drops it. Where the routing tables would be too long, packets are ``widened``: they
go to all cores that any sender of their chip must reach, so that a chip needs an entry or two for all its senders.

Cores fill the chips in the order of the neurons, then of the sources; a delay core follows the core that it serves.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from golden.errors import QuantisationError
from golden.machines.multicast import APPLICATION, KEY_BITS, LONGEST_SIDE, Chip, Entry, Sender, Torus, minimised

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from golden.fixed import IntArray

#: Most neurons, sources or relays of a core; bits of a key that name one of them.
BLOCK, BLOCK_BITS = 256, 8
#: Most stages of a delay core.
STAGES = 8


class Block(NamedTuple):
    """Axons ``first`` to ``first + size - 1``, that send from one core."""

    first: int
    size: int
    core: int


@dataclass(frozen=True, eq=False)
class Layout:
    """Blocks and cores of a network.

    first    (C + 1,): first neuron of each core of neurons, and the number of neurons
    sources  number of sources
    relays   (K, 2): rows (stage, origin axon), ascending
    """

    first: IntArray
    sources: int
    relays: IntArray

    @cached_property
    def _cut(self) -> tuple[tuple[Block, ...], dict[int, int], int]:
        """Blocks, the delay core (if any) of the blocks that have one, and the number of cores."""
        size = int(self.first[-1])
        edges = [*self.first.tolist()[:-1], *range(size, size + self.sources, BLOCK)]
        begins = np.array(edges, dtype=np.int64)
        stages, origins = self.relays.T
        served = np.searchsorted(begins, origins, side="right") - 1
        cores, delays, used = [], {}, 0
        with_delay = set(served.tolist())
        for block in range(len(edges)):
            cores.append(used)
            used += 1
            if block in with_delay:
                delays[block] = used
                used += 1
        ends = [*edges[1:], size + self.sources]
        blocks = [Block(a, b - a, core) for a, b, core in zip(edges, ends, cores, strict=True)]
        changes = np.flatnonzero(np.diff(stages, prepend=-1) | np.diff(served, prepend=-1))
        for a, b in itertools.pairwise([*changes.tolist(), len(self.relays)]):
            blocks.append(Block(size + self.sources + a, b - a, delays[int(served[a])]))
        return tuple(blocks), delays, used

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Of neurons, of sources, of relays."""
        return self._cut[0]

    @property
    def cores(self) -> int:
        """Cores in use: of neurons, sources and delays."""
        return self._cut[2]

    @property
    def delay_cores(self) -> int:
        """How many of them are delay cores."""
        return len(self._cut[1])

    @cached_property
    def torus(self) -> Torus:
        """The chips; QuantisationError for more cores than the largest machine has."""
        limit = LONGEST_SIDE**2 * len(APPLICATION)
        if self.cores > limit:
            raise QuantisationError(f"Cores must be at most {limit} on SpiNNaker, not {self.cores}")
        if len(self.blocks) > (blocks := 1 << (KEY_BITS - BLOCK_BITS)):
            raise QuantisationError(f"Blocks of keys must be at most {blocks} on SpiNNaker, not {len(self.blocks)}")
        return Torus.of(-(-self.cores // len(APPLICATION)))

    def place(self, core: int) -> tuple[Chip, int]:
        """Chip and number on it of a core."""
        chip, rest = divmod(core, len(APPLICATION))
        return self.torus.chip(chip), APPLICATION[rest]

    def key(self, axon: int) -> int:
        """The key of an axon's packets."""
        begins = [block.first for block in self.blocks]
        block = int(np.searchsorted(begins, axon, side="right")) - 1
        return (block << BLOCK_BITS) + axon - begins[block]

    def senders(self, fan: IntArray, row_core: NDArray[np.uint16], row_length: NDArray[np.uint8]) -> list[Sender]:
        """Every block with the cores that its packets must reach.

        ``fan`` (A + 1,) bounds the rows of each axon, ``row_core`` is the core of each row. Rows without words do not
        count.
        """
        delays = self._cut[1]
        mask = (1 << KEY_BITS) - BLOCK
        places = [self.place(block.core) for block in self.blocks[: self.first.size - 1]]
        found = []
        for number, (first, size, core) in enumerate(self.blocks):
            rows = slice(fan[first], fan[first + size])
            cores = np.flatnonzero(np.bincount(row_core[rows], row_length[rows])).tolist()
            targets = {places[target] for target in cores}
            if number in delays:
                targets.add(self.place(delays[number]))
            found.append(Sender(number << BLOCK_BITS, mask, self.place(core)[0], frozenset(targets)))
        return found

    def hops(self, senders: list[Sender]) -> IntArray:
        """Hops of every connection from a block to a core, counted once per pair of chips and multiplied."""
        pairs: defaultdict[tuple[Chip, Chip], int] = defaultdict(int)
        for sender in senders:
            for chip, _ in sender.targets:
                pairs[sender.chip, chip] += 1
        if not pairs:
            return np.empty(0, dtype=np.int64)
        return np.repeat([self.torus.hops(*pair) for pair in pairs], list(pairs.values())).astype(np.int64)


def widened(senders: list[Sender]) -> list[Sender]:
    """The senders of each chip as few, all of which reach the cores of all of them."""
    of_chip: defaultdict[Chip, list[Sender]] = defaultdict(list)
    for sender in senders:
        of_chip[sender.chip].append(sender)
    result = []
    for chip, ones in of_chip.items():
        targets = frozenset[tuple[Chip, int]]().union(*(one.targets for one in ones))
        keys = minimised([Entry(one.key, one.mask, 0) for one in ones])
        result += [Sender(entry.key, entry.mask, chip, targets) for entry in keys]
    return result


def relays_of(stages: IntArray, origins: IntArray) -> IntArray:
    """The distinct rows (stage, origin), ascending, of synapses with a stage of at least 1."""
    return np.unique(np.column_stack((stages, origins)).astype(np.int64).reshape(-1, 2), axis=0)
