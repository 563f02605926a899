"""NEST beside ours: the same neurons in another interpreter, one thread, processor time of the simulation alone.

The benchmarks call ``run_nest``; it starts this file under the interpreter in which NEST is installed.
"""

from __future__ import annotations

import itertools
import json
import math
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

#: Time step [ms].
DT = 0.1


def run_nest(python: str, case: dict[str, Any]) -> dict[str, Any] | None:
    """What NEST measured for ``case`` (see ``main``); None where it is not installed."""
    command = [python, str(Path(__file__).resolve())]
    done = subprocess.run(command, input=json.dumps(case), capture_output=True, text=True, check=False)
    if "No module named 'nest'" in done.stderr:
        return None
    if done.returncode:
        raise RuntimeError(done.stderr)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def agreement(rates: tuple[float, float], errors: tuple[float, float]) -> float:
    """How many standard errors two rates are apart."""
    return abs(rates[0] - rates[1]) / math.hypot(*errors)


class Stopwatch:
    """A progress callback that notes the processor time: the loop alone, from chunk to chunk of steps."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def __call__(self, done: float) -> None:
        """Note the time at the start of a chunk."""
        self.times.append(time.process_time())

    @property
    def seconds(self) -> float:
        """From the start of the second chunk to that of the last."""
        return self.times[-1] - self.times[1]


def verdict(ours: dict[str, Any], peer: dict[str, Any] | None, speed: str) -> dict[str, Any]:
    """The comparison: a ratio of speeds only where the rates agree within four standard errors."""
    if peer is None:
        return {"NEST": "not installed: pip install axonhillock[peers], or give --nest-python"}
    apart = agreement((ours["rate [Hz]"], peer["rate [Hz]"]), (ours["error [Hz]"], peer["error [Hz]"]))
    found = {f"NEST {name}": value for name, value in peer.items()} | {"rates apart [errors]": apart}
    if apart > 4:
        return found | {"ratio": "none: the rates differ"}
    return found | {"ratio": ours[speed] / peer[speed]}


def noisy(nest: Any, case: dict[str, Any]) -> dict[str, Any]:
    """``neurons`` with white noise, as a current of its own for each that is constant over a step."""
    neurons = nest.Create("iaf_psc_delta", case["neurons"], params=case["parameters"])
    generator = nest.Create("noise_generator", params={"mean": 0.0, "std": case["std"], "dt": DT})
    nest.Connect(generator, neurons, syn_spec={"delay": DT})
    seconds, count, spread = _measured(nest, neurons, case)
    steps = round(case["duration"] / DT)
    return {
        "updates/s": case["neurons"] * steps / seconds,
        "rate [Hz]": count / case["neurons"] / case["duration"] * 1e3,
        "error [Hz]": spread,
    }


def brunel(nest: Any, case: dict[str, Any]) -> dict[str, Any]:
    """Two populations, connected at random with fixed in-degrees, driven by Poisson spikes."""
    excitatory, inhibitory = (
        nest.Create("iaf_psc_delta", size, params=case["parameters"])
        for size in (case["excitatory"], case["inhibitory"])
    )
    everyone = excitatory + inhibitory
    generator = nest.Create("poisson_generator", params={"rate": case["drive"]})
    nest.Connect(generator, everyone, syn_spec={"weight": case["jump"], "delay": DT})
    for source, degree, jump in (
        (excitatory, case["in_degrees"][0], case["jump"]),
        (inhibitory, case["in_degrees"][1], -case["g"] * case["jump"]),
    ):
        rule = {"rule": "fixed_indegree", "indegree": degree}
        nest.Connect(source, everyone, rule, {"weight": jump, "delay": case["delay"]})
    seconds, count, spread = _measured(nest, everyone, case)
    return {
        "synaptic events/s": count * sum(case["in_degrees"]) / seconds,
        "rate [Hz]": count / len(everyone) / case["duration"] * 1e3,
        "error [Hz]": spread,
    }


def _measured(nest: Any, neurons: Any, case: dict[str, Any]) -> tuple[float, int, float]:
    """Processor time, spikes and standard error of the rate [Hz] over ``duration`` [ms], after ``warm`` [ms].

    The error is from the rates of ten parts of the time, at least that of independent spikes.
    """
    recorder = nest.Create("spike_recorder")
    nest.Connect(neurons, recorder)
    nest.Simulate(case["warm"])
    before = len(recorder.events["times"])
    start = time.process_time()
    nest.Simulate(case["duration"])
    seconds = time.process_time() - start
    times = recorder.events["times"][before:]
    edges = [case["warm"] + case["duration"] * k / 10 for k in range(11)]
    parts = [int(((times > a) & (times <= b)).sum()) for a, b in itertools.pairwise(edges)]
    return seconds, len(times), rate_error(parts, len(neurons), case["duration"] * 1e-3)


def rate_error(parts: list[int], neurons: int, duration: float) -> float:
    """Standard error [Hz] of a mean rate from the spikes in equal parts of ``duration`` [s]."""
    mean = sum(parts) / len(parts)
    variance = sum((part - mean) ** 2 for part in parts) / (len(parts) - 1)
    return math.sqrt(len(parts) * max(variance, mean)) / neurons / duration


def main() -> None:
    """Read a case from standard input: ``kind``, ``seed``, ``warm``, ``duration`` [ms], and what the kind needs."""
    import nest

    case = json.load(sys.stdin)
    nest.set_verbosity("M_ERROR")
    nest.ResetKernel()
    nest.resolution = DT
    nest.local_num_threads = 1
    nest.rng_seed = case["seed"]
    print(json.dumps({"noisy": noisy, "brunel": brunel}[case["kind"]](nest, case)))


if __name__ == "__main__":
    main()
