"""Lets golden steps run on Amaranth values: importing this module teaches ``golden.polymorphic.select`` the Mux."""

from __future__ import annotations

from amaranth.hdl import Mux, Value

from golden.polymorphic import Int, select


@select.register(Value)
def _select_value(condition: Value, if_true: Int, if_false: Int) -> Value:
    return Mux(condition, if_true, if_false)
