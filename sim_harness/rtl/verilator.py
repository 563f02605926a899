"""Verilator through cocotb: compiled, two states, what is not initialised is random."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from sim_harness import toolchain
from sim_harness.rtl import builds
from sim_harness.rtl.cocotb_engine import CocotbEngine

#: Objects of Verilator's run-time library: the same for every design, and most of the compile time.
_RUNTIME = ("verilated.o", "verilated_dpi.o", "verilated_threads.o", "verilated_vpi.o")


@dataclass(frozen=True)
class Verilator(CocotbEngine):
    """The Verilator back end."""

    name: ClassVar[str] = "verilator"
    title: ClassVar[str] = "Verilator"
    products: ClassVar[tuple[str, ...]] = ("bench",)
    tools: ClassVar[tuple[str, ...]] = ("verilator", "cocotb", "g++", "make", "perl", "libpython")
    build_args: ClassVar[tuple[str, ...]] = (
        # cocotb's runner makes every signal public, which a large design takes minutes to compile for.
        "--no-public-flat-rw",
        *("-Wno-fatal", "-Wno-lint", "-Wno-style", "-O3", "-CFLAGS", "-O1"),
        *("--x-assign", "unique", "--x-initial", "unique"),
    )
    plusargs: ClassVar[tuple[str, ...]] = ("+verilator+rand+reset+2", "+verilator+seed+1")

    def environment(self) -> Mapping[str, str]:
        """Verilator's root and programs; and how the compiler takes a precompiled header, which the wheel omits."""
        return {**toolchain.verilator_env(), "MAKEFLAGS": "CFG_CXXFLAGS_PCH_I=-include"}

    def prepare(self, work: Path) -> None:
        """Objects dated later than the makefile, on which they depend for no reason, are not compiled again."""
        if (runtime := self._runtime()).is_dir():
            for name in _RUNTIME:
                shutil.copy(runtime / name, work / name)
                os.utime(work / name, (time.time() + 3600,) * 2)

    def keep(self, work: Path) -> None:
        """The first build leaves its objects to all others."""
        if not self._runtime().is_dir():
            builds.cached(self._runtime().name, _RUNTIME, lambda target: _copy_all(work, target))

    def _runtime(self) -> Path:
        parts = ("runtime", *self.build_args, builds.versions(*self.tools))
        return builds.home() / f"verilated-{builds.key(parts)}"


def _copy_all(source: Path, target: Path) -> None:
    for name in _RUNTIME:
        shutil.copy(source / name, target / name)
