"""What is simulated: a population of neurons. The stimulus comes separately (golden.stimulus)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from golden.errors import SpecError

if TYPE_CHECKING:
    from golden.neurons.lif import LIFNeuron


@dataclass(frozen=True)
class Network:
    """``size`` LIF neurons; ``neuron`` holds shared values or one value per neuron."""

    neuron: LIFNeuron
    size: int = 1

    def __post_init__(self) -> None:
        if self.size < 1:
            raise SpecError.rule("Population size", "at least 1", self.size)
        if self.neuron.size not in (None, self.size):
            raise SpecError.rule(
                "Population size", f"the length of the neuron's arrays ({self.neuron.size})", self.size
            )

    @property
    def neurons(self) -> LIFNeuron:
        """The population with every field an array of length ``size``."""
        return self.neuron.broadcast(self.size)

    def hash(self) -> str:
        """SHA-256 that names this network; goes into every trace header."""
        return hashlib.sha256(f"{self.neuron.hash()}x{self.size}".encode()).hexdigest()
