"""What specifications that watch a circuit have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amaranth.hdl import Value

if TYPE_CHECKING:
    from amaranth.hdl import Module
    from amaranth.lib import memory


def total(bits: list[Value]) -> Value:
    """How many of the bits are set."""
    return sum(bits[1:], bits[0])


def implies(condition: Value, claim: Value) -> Value:
    """``claim`` wherever ``condition`` holds."""
    return ~Value.cast(condition).any() | claim


def look_up(m: Module, store: memory.Memory, address: Value) -> Value:
    """The content of a memory, through a read port that only the proof has."""
    port = store.read_port(domain="comb")
    m.d.comb += port.addr.eq(address)
    data: Value = port.data
    return data
