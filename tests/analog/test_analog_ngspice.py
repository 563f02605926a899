"""Circuits in ngspice: against the exact model within the derived tolerance; planted errors must be caught."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import analog
from analog import AnalogSettings, NgspiceSetup, TimingTolerance, timing_tolerance
from analog.blocks.bias import Bias
from analog.blocks.membrane import MembraneCapacitor
from analog.blocks.one_shot import DigitalOneShot
from analog.checks import check_result
from analog.ngspice import Pool
from analog.simulation import Run, build, run_circuits
from analog.waveforms import read_spikes
from analog.worker import Answer, Job
from golden import exact, stimulus
from golden.errors import SimulationError, SpecError
from golden.network import Network
from golden.neurons.lif import FloatArray, LIFNeuron
from sim_harness import toolchain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from analog.neurons.lif import LIFCircuit
    from golden.stimulus import Stimulus
    from golden.trace import Trace

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("ngspice")]

VARIANTS = ("xspice", "xspice_free")
NEURON = LIFNeuron.from_tau(tau_m=15e-3, R=1e8, E_L=-65e-3, V_th=-50e-3, V_reset=-70e-3, t_ref=2e-3)
SYNAPTIC = LIFNeuron.from_dict({**NEURON.to_dict(), "tau_syn": 5e-3})
RHEOBASE = float(NEURON.rheobase)

TINY = "* one pole\nV1 in 0 1\nR1 in out 1k\nC1 out 0 1n ic=0\n.tran 1u {end} uic\n.end\n"


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    made = Pool(toolchain.ngspice_setup(), 1)
    yield made
    made.close()


def simulate(network: Network, drive: Stimulus, settings: AnalogSettings, **options: Any) -> Trace:
    return analog.simulate(network, drive, settings, setup=toolchain.ngspice_setup(), **options)


def answers(pool: Pool, *decks: str) -> list[Answer]:
    found: dict[int, Answer] = {}
    pool.run([Job(deck, ("out",)) for deck in decks], found.__setitem__)
    return [found[index] for index in range(len(decks))]


def used(fired: FloatArray, neuron: int, tolerance: TimingTolerance) -> float:
    """Largest share of the tolerance that a neuron's spikes and intervals use; inf where their number differs."""
    wanted = tolerance.times[neuron]
    if fired.size != wanted.size:
        return float("inf")
    late = np.abs(fired - wanted) / tolerance.spikes[neuron]
    stretched = np.abs(np.diff(fired, prepend=0.0) - np.diff(wanted, prepend=0.0)) / tolerance.intervals[neuron]
    return float(max(late.max(initial=0.0), stretched.max(initial=0.0)))


def stimuli() -> dict[str, tuple[LIFNeuron, Stimulus]]:
    n = 3
    inhibited = stimulus.poisson(n, 0.15, 100.0, -0.3 * RHEOBASE, 3, bias=1.5 * RHEOBASE)
    return {
        "constant": (NEURON, stimulus.constant(n, 0.15, np.array([0.9, 1.1, 4.0]) * RHEOBASE)),
        "step": (NEURON, stimulus.step(n, 0.15, np.array([1.5, 2.0, 4.0]) * RHEOBASE, 0.02, 0.11)),
        "ramp": (NEURON, stimulus.ramp(n, 0.15, 0.0, np.array([1.5, 3.0, 5.0]) * RHEOBASE, 0.01)),
        "synapse": (SYNAPTIC, stimulus.poisson(n, 0.15, 400.0, np.array([0.3, 0.6, 1.0]) * RHEOBASE, 1)),
        "inhibition": (SYNAPTIC, stimulus.poisson(n, 0.15, 200.0, 0.6 * RHEOBASE, 2) + inhibited),
    }


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("kind", list(stimuli()))
def test_agrees_with_the_exact_model(kind: str, variant: str) -> None:
    neuron, drive = stimuli()[kind]
    network, settings = Network(neuron, drive.size), AnalogSettings(variant=variant)
    trace = simulate(network, drive, settings, record=[0, 2], samples=np.linspace(0, 0.15, 400), processes=1)
    tolerance = timing_tolerance(network, drive, settings)
    assert trace.spike_counts().sum() > 5
    for index in range(network.size):
        assert used(trace.spike_times(index), index, tolerance) <= 1
    # The derived tolerance is one worth having.
    relative = np.concatenate([tolerance.relative(index) for index in range(network.size)])
    assert np.median(relative) < (1e-3 if neuron is NEURON else 1e-2)
    golden = exact.simulate(network, drive, record=[0, 2], samples=trace.times)
    for index in (0, 2):
        fired = golden.spike_times(index)
        clear = (np.abs(trace.times[:, None] - fired) > 1e-4).all(axis=1)
        # No potential here moves faster than 6 V/s, so a late spike shifts the curve by that much; 20 uV are the
        # samples' interpolation.
        shift = 6.0 * tolerance.spikes[index].max(initial=0.0)
        obtained, wanted = trace.state("v", index)[clear], golden.state("v", index)[clear]
        assert obtained == pytest.approx(wanted, abs=2e-5 + shift)


def test_charges_agree_with_the_exact_model() -> None:
    network, settings = Network(NEURON, 3), AnalogSettings(variant="xspice_free")
    jump = 15e-3 * float(NEURON.C_m)
    drive = stimulus.poisson(3, 0.15, 300.0, np.array([0.2, 0.3, 0.4]) * jump, 7)
    trace = simulate(network, drive, settings, processes=1)
    tolerance = timing_tolerance(network, drive, settings)
    assert trace.spike_counts().sum() > 10
    for index in range(3):
        assert used(trace.spike_times(index), index, tolerance) <= 1


@pytest.mark.parametrize("acceleration", [1.0, 1e2, 1e5])
@pytest.mark.parametrize("variant", VARIANTS)
def test_agrees_at_every_acceleration(variant: str, acceleration: float) -> None:
    network, drive = Network(NEURON), stimulus.constant(1, 0.1, 2 * RHEOBASE)
    settings = AnalogSettings(variant=variant, acceleration=acceleration)
    trace = simulate(network, drive, settings, processes=1)
    assert used(trace.spike_times(0), 0, timing_tolerance(network, drive, settings)) <= 1


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("planted", ["capacitance", "threshold", "nothing"])
def test_planted_errors_are_outside_the_tolerance(planted: str, variant: str, pool: Pool) -> None:
    """1 % of C, or 1 % of the swing on the threshold, is seen in every interval; so the tolerance says something."""
    network, settings = Network(NEURON), AnalogSettings(variant=variant)
    drive = stimulus.constant(1, 0.15, 2 * RHEOBASE)

    def plant(block: object) -> object:
        if planted == "capacitance" and isinstance(block, MembraneCapacitor):
            return replace(block, capacitance=1.01 * block.capacitance)
        if planted == "threshold" and isinstance(block, Bias) and block.node == "thr":
            return replace(block, voltage=block.voltage + 0.01 * 0.8)
        return block

    (circuit,) = build(network, drive, settings)
    broken = replace(circuit.netlist, blocks=tuple(plant(block) for block in circuit.netlist.blocks))
    found, _ = run_circuits([replace(circuit, netlist=broken)], settings, pool, lambda run: run.spikes.times)
    fired, tolerance = found[0] * settings.acceleration, timing_tolerance(network, drive, settings)
    count = min(fired.size, tolerance.times[0].size)
    wrong = np.abs(np.diff(fired[:count]) - np.diff(tolerance.times[0][:count])) > tolerance.intervals[0][1:count]
    assert count > 5
    assert wrong.all() == (planted != "nothing")
    assert wrong.any() == (planted != "nothing")


def benchmark() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "analog_period.py"
    spec = importlib.util.spec_from_file_location("analog_period", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up by name.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("variant", VARIANTS)
def test_periods_of_random_neurons(variant: str, pool: Pool) -> None:
    """20 neurons of the benchmark: strict options keep the promise, ngspice's own have intervals more than 1 % off."""
    measure = benchmark().measure
    strict, default = (measure(variant, options, 20, 2, pool) for options in (True, False))
    assert strict.rms <= 0.05
    assert strict.largest <= 0.2
    assert strict.wrong == 0
    # The limits above are not kept by themselves; ngspice 39 is far off, 44 by a factor of three.
    assert default.wrong > 0 or (default.rms > 0.05 and default.largest > 0.2)


def test_does_not_depend_on_the_number_of_processes() -> None:
    network, settings = Network(SYNAPTIC, 5), AnalogSettings()
    drive = stimulus.poisson(5, 0.05, 300.0, 0.8 * RHEOBASE, 11)
    progress: list[float] = []
    one = simulate(network, drive, settings, record=range(5), processes=1)
    two = simulate(network, drive, settings, record=range(5), processes=2, progress=progress.append)
    assert one.spikes.tobytes() == two.spikes.tobytes()
    assert one.states["v"].tobytes() == two.states["v"].tobytes()
    assert progress == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert one.header == two.header
    assert (one.header.engine, one.header.network) == ("ngspice", network.hash())
    assert one.header.settings["solver"]["reltol"] == 1e-4
    assert int(one.header.versions["ngspice"]) > 0


def test_the_deck_runs_in_plain_ngspice(tmp_path: Path) -> None:
    network, settings = Network(NEURON, 2), AnalogSettings()
    drive = stimulus.constant(2, 0.05, [2 * RHEOBASE, 3 * RHEOBASE])
    (tmp_path / "lif.cir").write_text(analog.deck(network, drive, settings, 1), encoding="ascii")
    command = [str(toolchain.locate("ngspice")), "-b", "lif.cir"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    printed = np.array(re.findall(r"^spike = (\S+)", done.stdout, re.MULTILINE), dtype=np.float64)
    wanted = exact.simulate(network, drive).spike_times(1) / settings.acceleration
    # Printed to seven digits, of the comparator's own crossing.
    assert printed == pytest.approx(wanted, rel=3e-4)
    time, mem = np.loadtxt(tmp_path / "lif_neuron1.data", usecols=(0, 1)).T
    assert time[-1] == pytest.approx(5e-6)
    assert 0.399 < mem.min() < mem.max() < 1.21


def test_a_crash_costs_no_other_result(pool: Pool) -> None:
    """The deck makes its worker end itself, as ngspice's own faults do."""
    good = TINY.format(end="10u")
    (first,) = answers(pool, good)
    worker = pool._workers[0]._process.pid
    crash = good.replace(".end\n", f".control\nshell kill -SEGV {worker}\n.endc\n.end\n")
    second, third = answers(pool, crash, good)
    assert second.error.startswith("ngspice worker died (exit code -")
    assert first.error == third.error == ""
    assert first.waves["out"].tobytes() == third.waves["out"].tobytes()
    assert first.waves["out"][-1] == pytest.approx(1 - np.exp(-10), rel=1e-2)


@pytest.mark.parametrize(
    ("card", "complaint"),
    [
        ("R2 out 0 {nothing}", "Undefined parameter"),
        ("X1 out nothing", "unknown subckt"),
        ("B1 out 0 V=sqrt(", "."),
    ],
)
def test_broken_decks_are_errors_and_the_next_one_runs(card: str, complaint: str, pool: Pool) -> None:
    good = TINY.format(end="10u")
    broken, after = answers(pool, good.replace("C1", f"{card}\nC1"), good)
    assert re.search(complaint, broken.error, re.IGNORECASE)
    assert "\n" not in broken.error
    assert after.error == ""


def test_a_hanging_deck_is_given_up() -> None:
    short = Pool(replace(toolchain.ngspice_setup(), timeout=3.0), 1)
    endless, after = answers(short, TINY.format(end="1000").replace(".tran 1u", ".tran 1n"), TINY.format(end="10u"))
    short.close()
    assert endless.error == "ngspice must finish within 3 s, not run on"
    assert after.error == ""


def test_names_a_library_that_does_not_load() -> None:
    broken = Pool(NgspiceSetup("/nowhere/libngspice.so"), 1)
    with pytest.raises(SimulationError, match=r"^ngspice must start from /nowhere/libngspice\.so, not fail: "):
        answers(broken, TINY.format(end="10u"))


@pytest.fixture(scope="module")
def good_run(pool: Pool) -> tuple[LIFCircuit, Stimulus, Run]:
    drive = stimulus.constant(1, 0.06, 2 * RHEOBASE)
    (circuit,) = build(Network(NEURON), drive, AnalogSettings())
    found, _ = run_circuits([circuit], AnalogSettings(), pool, lambda run: run)
    return circuit, drive, found[0]


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        ("none", ""),
        ("short", "end time (neuron 0) must be 6e-06 s"),
        ("nan", "waveforms (neuron 0) must be finite"),
        ("rail", "membrane (neuron 0) must be between 0 and 1.8 V"),
        ("overshoot", "membrane (neuron 0) must be at most"),
        ("stuck", "reset pulse 1 (neuron 0) must be released after"),
        ("no reset", "reset pulses (neuron 0) must be one for each of"),
        ("long pulse", "reset pulse 1 (neuron 0) must be 1.99"),
        ("spike lost", "spike count (neuron 0) must be"),
    ],
)
def test_damaged_results_are_refused(damage: str, complaint: str, good_run: tuple[LIFCircuit, Stimulus, Run]) -> None:
    circuit, drive, run = good_run
    waves = {name: wave.copy() for name, wave in run.waves.items()}
    time, start, end = waves["time"], run.spikes.starts, run.spikes.ends
    match damage:
        case "short":
            waves = {name: wave[:-9] for name, wave in waves.items()}
        case "nan":
            waves["mem"][40] = np.nan
        case "rail":
            waves["mem"][40] = -0.1
        case "overshoot":
            waves["mem"][np.argmax(waves["mem"])] += 0.05
        case "stuck":
            waves["rst"][time > start[1]] = 1.8
        case "no reset":
            waves["rst"][:] = 0.0
        case "long pulse":
            waves["rst"][(time > end[1]) & (time < end[1] + 5e-9)] = 1.8
        case "spike lost":
            for name in ("cmp", "rst"):
                waves[name][time > end[-1] + 1e-9] = 0.0
                waves[name][(time > end[-2] + 1e-9) & (time < end[-1] + 1e-9)] = 0.0
    spikes = read_spikes(waves, circuit.hardware.threshold, 1.8)
    if damage == "none":
        check_result(circuit, waves, spikes, drive, AnalogSettings())
        return
    with pytest.raises(SimulationError, match=f"^ngspice {re.escape(complaint)}"):
        check_result(circuit, waves, spikes, drive, AnalogSettings())


def test_a_wrong_circuit_does_not_pass_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A one-shot that is 2 % too long is refused by ``simulate`` itself, after its reruns."""
    overhead = DigitalOneShot.overhead
    monkeypatch.setattr(DigitalOneShot, "overhead", classmethod(lambda cls, pole: overhead(pole) - 4e-9))
    with pytest.raises(SimulationError, match=r"^ngspice reset pulse 0 \(neuron 0\) must be "):
        simulate(Network(NEURON), stimulus.constant(1, 0.05, 2 * RHEOBASE), AnalogSettings(), processes=1)


def test_refuses_bad_requests() -> None:
    network, drive = Network(NEURON, 2), stimulus.constant(2, 0.05, RHEOBASE)
    with pytest.raises(SpecError, match=r"^Recorded neurons must be indices below 2, not 2$"):
        simulate(network, drive, AnalogSettings(), record=[2])
    with pytest.raises(SpecError, match=r"^Sample times must be within 0 to 0\.05 s, not up to 0\.1 s$"):
        simulate(network, drive, AnalogSettings(), samples=np.array([0.0, 0.1]))
    with pytest.raises(SpecError, match=r"^Analog processes must be at least 1, not 0$"):
        simulate(network, drive, AnalogSettings(), processes=0)
    with pytest.raises(SpecError, match=r"^Timing tolerance must be asked for with solver options"):
        timing_tolerance(network, drive, AnalogSettings(solver=None))
