"""A network on a machine, whichever machine: the image that is loaded, and the report of what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from golden.errors import QuantisationError, SpecError
from golden.fixed import IntArray, Rounding, round_to_int, snap
from golden.grid import on_grid
from golden.machines.run import MachineInputs, MachineRecord, Progress

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from golden.network import Network
    from golden.neurons.lif import FloatArray, LIFNeuron
    from golden.quantise import Rounded
    from golden.stimulus import Stimulus


class Machine(Protocol):
    """A digital machine: parameter memories that can be run and written to a file."""

    #: Its name on the command line and in files.
    name: ClassVar[str]

    def run(self, inputs: MachineInputs, *, record: ArrayLike = (), progress: Progress | None = None) -> MachineRecord:
        """Run from rest; ``record`` picks the neurons whose states are kept, of which one is ``v``.

        SpecError for currents that the machine cannot take.
        """
        ...

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Every memory by name: what an image file holds."""
        ...

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Machine:
        """Inverse of ``arrays``; SpecError for memories that are missing or out of range."""
        ...


@dataclass(frozen=True, eq=False)
class Image:
    """What a machine is loaded with, and how to talk to it in SI units.

    machine      the parameter memories
    network      hash of the network; ``names`` name to first index and size of its populations
    size         neurons N, ``sources`` of input spikes
    dt           [s] of one tick
    rest         (N,) [V]: membrane potential that the integer 0 stands for
    lsb          (N,) [V] of one integer of potential
    current_lsb  (N,) [A] of one integer of input current
    """

    machine: Machine
    network: str
    names: Mapping[str, tuple[int, int]]
    size: int
    sources: int
    dt: float
    rest: FloatArray
    lsb: FloatArray
    current_lsb: FloatArray

    def inputs(self, stimulus: Stimulus, rounding: Rounding = "nearest", seed: int | None = None) -> MachineInputs:
        """The stimulus in ticks and integers, as its sources' spikes and currents.

        SpecError for another number of neurons, a source that the network does not have, and spikes that reach neurons
        past its synapses (see golden.network.with_sources).
        """
        if stimulus.size != self.size:
            raise SpecError.rule("Stimulus", f"for {self.size} neurons", f"for {stimulus.size}")
        if stimulus.spikes.size:
            raise SpecError.rule("Input spikes of a machine", "spikes of sources", "weighted spikes of neurons")
        grid = on_grid(stimulus, self.dt)
        rng = None if seed is None else np.random.default_rng(seed)
        wanted = snap(grid.currents / self.current_lsb)
        currents = round_to_int(wanted, rounding, thing="Input current in the machine's integers", rng=rng)
        rows, neurons = np.nonzero(np.vstack((currents[:1] != 0, np.diff(currents, axis=0) != 0)))
        return MachineInputs(
            ticks=grid.steps,
            size=self.size,
            sources=self.sources,
            spikes=grid.source_spikes,
            currents=np.column_stack((grid.ticks[rows], neurons, currents[rows, neurons])),
        )

    def volts(self, v: NDArray[Any], neurons: IntArray) -> FloatArray:
        """Integer potentials (ticks, M) of the M ``neurons`` as membrane potentials [V]."""
        volts: FloatArray = self.rest[neurons] + v * self.lsb[neurons]
        return volts


@dataclass(frozen=True, eq=False)
class Usage:
    """How full every core is of one thing: ``used`` (cores,) of ``limit``."""

    thing: str
    used: IntArray
    limit: int

    def to_dict(self) -> dict[str, Any]:
        """Mean and largest use, and the limit."""
        return {
            "thing": self.thing,
            "mean": float(self.used.mean()),
            "largest": int(self.used.max()),
            "limit": self.limit,
        }


@dataclass(frozen=True, eq=False)
class Placement:
    """Where a network went and what it costs there.

    cores     used, and ``grid``: how they lie, such as ``4 x 3``
    synapses  stored, and ``synapse_bytes`` of the machine's memory for them
    usage     occupancy of the cores
    hops      (C,): router hops of every connection between two cores; empty on a single core
    notes     what a user should know, one sentence each
    """

    cores: int
    grid: str
    synapses: int
    synapse_bytes: int
    usage: tuple[Usage, ...]
    hops: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        hops = self.hops
        return {
            "cores": self.cores,
            "grid": self.grid,
            "synapses": self.synapses,
            "synapse_bytes": self.synapse_bytes,
            "usage": [usage.to_dict() for usage in self.usage],
            "hops": {"mean": float(hops.mean()), "largest": int(hops.max())} if hops.size else None,
            "notes": list(self.notes),
        }


@dataclass(frozen=True, eq=False)
class Placed:
    """A network in the integers of one machine, on its cores.

    image      what the machine is loaded with
    network    what was asked for
    rounding   every parameter, weight and delay, wanted and got
    placement  cores, occupancy, memory
    effective  the LIF neurons that the integers implement, one value per neuron; None if they implement none
    """

    image: Image
    network: Network
    rounding: tuple[Rounded, ...]
    placement: Placement
    effective: LIFNeuron | None


def too_many(machine: str, thing: str, limit: int, wanted: int) -> QuantisationError:
    """The error for what does not fit: names the machine, its limit and what was asked for."""
    return QuantisationError(f"{thing} must be at most {limit} on {machine}, not {wanted}")
