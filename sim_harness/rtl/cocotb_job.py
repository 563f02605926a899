"""One step of a cocotb simulation, in a process of its own.

Called as ``python -m sim_harness.rtl.cocotb_job build|test JOB.json``: cocotb's runner changes the
environment and blocks; a process can be limited in time and killed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from cocotb_tools.check_results import get_results
from cocotb_tools.runner import get_runner


def main(stage: str, job_file: str) -> int:
    """Build the simulation or run its bench; 0 when all went well. Paths in the job are absolute."""
    job: dict[str, Any] = json.loads(Path(job_file).read_text())
    runner = get_runner(job["simulator"])
    common = {"hdl_toplevel": "bench", "build_dir": job["build_dir"], "timescale": ("1ns", "1ps")}
    if stage == "build":
        runner.build(sources=job["sources"], build_args=job["build_args"], always=True, **common)
        return 0
    results = runner.test(
        test_module="sim_harness.benches.lif_bench",
        hdl_toplevel_lang="verilog",
        test_dir=job["test_dir"],
        plusargs=job["plusargs"],
        results_xml=job["results"],
        **common,
    )
    # Outside pytest a failed test does not raise: only the file says so.
    tests, failures = get_results(Path(results))
    return 0 if tests == 1 and failures == 0 else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
