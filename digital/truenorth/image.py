"""What the host writes to load a placed network: the memories of a golden chip as rows for the host port."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from amaranth.hdl import Shape

from digital.truenorth.config import NOWHERE, CoreConfig
from golden.errors import SpecError
from golden.machines.truenorth import FIELDS
from golden.neurons.truenorth import AXON_TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amaranth.lib import data
    from numpy.typing import NDArray

    from golden.fixed import IntArray
    from golden.machines.truenorth import TrueNorthMachine


def config_of(machine: TrueNorthMachine, *, lanes: int = 1, word: int = 32, retire: bool = True) -> CoreConfig:
    """The cores that the machine asks for."""
    return CoreConfig(axons=machine.axons, neurons=machine.neurons, lanes=lanes, word=word, retire=retire)


def host_writes(machine: TrueNorthMachine, config: CoreConfig) -> IntArray:
    """(W, 3): rows (core, address, data) that load every memory and seed of the machine into cores as after reset."""
    if (machine.axons, machine.neurons) != (config.axons, config.neurons):
        raise SpecError.rule(
            "Cores of the machine",
            f"of {config.axons} axons and {config.neurons} neurons",
            f"of {machine.axons} and {machine.neurons}",
        )
    cores, neurons = machine.cores, machine.neurons
    values: dict[str, IntArray] = {k: v for k, v in machine.values.items() if v.ndim == 2}
    for g in range(AXON_TYPES):
        values[f"weight_{g}"] = machine.values["weights"][..., g]
        values[f"stochastic_{g}"] = machine.values["stochastic_weights"][..., g]

    tables: dict[str, IntArray] = {name: packed(layout, values) for name, layout in config.parameters.items()}
    words = np.zeros((cores, neurons, 1 << config.word_bits), dtype=np.int64)
    words[..., : config.words] = _words(machine.crossbar.transpose(0, 2, 1), config)
    tables["crossbar"] = words.reshape(cores, -1)
    destinations = np.zeros((cores, neurons), dtype=np.int64)
    for column, (limits, bit) in enumerate(FIELDS.values()):
        destinations |= (machine.destinations[..., column] & ((1 << limits.width) - 1)) << bit
    nowhere = machine.destinations[..., 3] < 0
    tables["destination"] = np.where(nowhere, NOWHERE, destinations)
    tables["types_low"] = _words((machine.axon_types & 1) > 0, config)
    tables["types_high"] = _words((machine.axon_types & 2) > 0, config)
    tables["random"] = machine.seeds[:, None]

    parts = []
    for name, table in tables.items():
        core, row = np.indices(table.shape).reshape(2, -1)
        parts.append(np.column_stack((core, config.address(name) + row, table.ravel())))
    return np.concatenate(parts)


def packed(layout: data.StructLayout, values: Mapping[str, IntArray]) -> IntArray:
    """Fields as bits of one word."""
    word = np.int64(0)
    for name, field in layout:
        word = word | (values[name] & ((1 << Shape.cast(field.shape).width) - 1)) << field.offset
    return np.asarray(word, dtype=np.int64)


def _words(bits: NDArray[np.bool_], config: CoreConfig) -> IntArray:
    """The last axis, axons, as words: axon k is bit k % word of word k // word."""
    padding = [(0, 0)] * (bits.ndim - 1) + [(0, config.words * config.word - config.axons)]
    grouped = np.pad(bits, padding).reshape(*bits.shape[:-1], config.words, config.word)
    return np.asarray(grouped @ (1 << np.arange(config.word, dtype=np.int64)), dtype=np.int64)
