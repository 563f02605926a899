"""Verilog text of components: deterministic, without paths, under a header of comments."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from unittest import mock

from amaranth.back import verilog

if TYPE_CHECKING:
    from collections.abc import Iterable

    from amaranth.lib import wiring

LICENCE = "SPDX-License-Identifier: Apache-2.0"


def convert(component: wiring.Component, name: str, header: Iterable[str] = ()) -> str:
    """Verilog of ``component`` as top module ``name``; ``header`` lines become comments under the licence.

    Always by the Yosys that Amaranth brings along, whatever else is installed: the same bytes everywhere.
    """
    with mock.patch.dict(os.environ, {"AMARANTH_USE_YOSYS": "builtin"}):
        text = verilog.convert(component, name=name, emit_src=False, strip_internal_attrs=True)
    comments = "".join(f"// {line}".rstrip() + "\n" for line in (LICENCE, *header))
    return f"{comments}\n{text}"
