"""The cocotb bench of the LIF core, for every simulator: batches of commands in, records and spikes out.

Runs inside the simulator. The Verilog shell (``sim_harness.rtl.shell``) plays a batch on its own; this side packs and
unpacks bits. Job and results are files in the directory HILLOCK_JOB: commands.npy and job.json go in; out come
records.bin and spikes.bin, one row of packed bits each, most significant bit first, and batches.bin, int64 rows (ticks
done, records, spikes).
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, ValueChange


def batches(commands: Any, most: int, most_ticks: int) -> list[Any]:
    """Cut the commands so that each batch fits the shell: few enough commands, and ticks."""
    ticks = np.cumsum(commands[:, 0] == 2)
    cuts, start = [], 0
    while start < len(commands):
        before = ticks[start - 1] if start else 0
        stop = min(start + most, int(np.searchsorted(ticks, before + most_ticks + 0.5)))
        cuts.append(commands[start:stop])
        start = stop
    return cuts


def rows(value: Any, width: int, filled: int) -> Any:
    """The lowest ``filled`` words of a vector as packed bits, one row per word, in order."""
    text = str(value)[-filled * width :] if filled else ""
    bits = np.frombuffer(text.encode(), dtype=np.uint8) - ord("0")
    if (bits > 1).any():
        raise AssertionError("Records and spikes of the core in ENGINE must be made of 0 and 1, not of X")
    return np.packbits(bits.reshape(filled, width)[::-1], axis=1)


@cocotb.test()
async def play(dut: Any) -> None:
    """Play the job; an output that is X, a core that hangs or too many records fail the test."""
    job = Path(os.environ["HILLOCK_JOB"])
    sizes = json.loads((job / "job.json").read_text())
    commands = np.load(job / "commands.npy").astype(np.uint64)
    words = commands[:, 0] << 62 | commands[:, 1] << 59 | commands[:, 2] << 32 | commands[:, 3]

    go, played, ticks = 0, 0, 0

    async def reset() -> None:
        nonlocal go
        go = 0
        dut.rst.value, dut.go.value, dut.count.value = 1, 0, 0
        await ClockCycles(dut.clk, 2)
        dut.rst.value = 0

    async def play_batch(batch: Any) -> None:
        nonlocal go
        dut.batch.value = int.from_bytes(batch.astype("<u8").tobytes(), "little")
        dut.count.value = len(batch)
        go ^= 1
        dut.go.value = go
        await ValueChange(dut.done)

    dut.rst.value, dut.stall.value, dut.seed.value = 0, sizes["stall"], sizes["seed"]
    Clock(dut.clk, 2, "ns", impl="gpi").start(start_high=False)
    await ClockCycles(dut.clk, 2)
    # Twice, and the first time after time 0: Icarus evaluates an always @* only when one of its inputs changes, and
    # some change for the first time when the core has cleared its memories. Only the second clearing counts.
    await reset()
    await play_batch(words[:0])
    await reset()

    with (
        (job / "records.bin").open("wb") as records,
        (job / "spikes.bin").open("wb") as spikes,
        (job / "batches.bin").open("wb", buffering=0) as log,
    ):
        for batch in batches(commands, sizes["batch"], sizes["ticks"]):
            await play_batch(words[played : played + len(batch)])
            played += len(batch)
            ticks += int((batch[:, 0] == 2).sum())
            if str(dut.unknown.value) != "0":
                raise AssertionError("Ready, valid and busy of the core in ENGINE must be 0 or 1, not X")
            if int(dut.hung.value):
                raise AssertionError(f"Core in ENGINE must get on within {sizes['patience']} clocks, not hang")
            filled, fired = int(dut.filled.value), int(dut.fired.value)
            if max(filled, fired) > sizes["capacity"]:
                most = sizes["capacity"]
                raise AssertionError(
                    f"Core in ENGINE must make at most {most} updates and spikes, not {filled} and {fired}"
                )
            if filled:
                records.write(rows(dut.records.value, sizes["record_bits"], filled).tobytes())
            if fired:
                spikes.write(rows(dut.spikes.value, sizes["spike_bits"], fired).tobytes())
            log.write(np.array([ticks, filled, fired]).tobytes())
