"""brian2-loihi 0.5.2 (Michaelis et al. 2022), bit for bit: recorded runs always, live ones where it can be imported.

The recorded runs are in brian2_loihi.npz beside this file, which was written, with Brian2 2.9.0 and NumPy 1.26 (Brian2
2.9 cannot be imported with NumPy from 2.4 on), by ``python tests/golden/machines/test_loihi_peer.py``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from golden.machines.loihi import LoihiMachine
from golden.machines.run import MachineInputs
from golden.neurons.loihi import LoihiCompartments
from golden.neurons.loihi_weights import WeightFormat

#: On one worker: the kernels are compiled once.
pytestmark = pytest.mark.xdist_group("loihi")
VECTORS = Path(__file__).with_name("brian2_loihi.npz")
#: Seeds of recorded cases, chosen among 0 to 79 because they fire, and of those that are run where the peer is there.
RECORDED, LIVE = (0, 2, 6, 17, 21, 22, 41, 46, 48, 54, 67, 79), range(100, 120)
SIGNS: dict[int, Any] = {1: "mixed", 2: "excitatory", 3: "inhibitory"}
SIZE, SOURCES, TICKS = 6, 5, 120


class Synapses(NamedTuple):
    """All to all, in the peer's parameters: mantissas (sources, targets), and what they share."""

    mantissas: Any
    delay: int
    exponent: int
    sign: int
    bits: int


class Case(NamedTuple):
    """Compartments with one set of parameters, input to them and among them."""

    decay_v: int
    decay_i: int
    threshold: int
    refractory: int
    inward: Synapses
    among: Synapses
    spikes: Any


def random_case(seed: int) -> Case:
    """Edges often: decays and delays at their ends, all weight formats."""
    rng = np.random.default_rng(seed)

    def synapses(count: int) -> Synapses:
        sign = int(rng.integers(1, 4))
        low, end = {1: (-256, 255), 2: (0, 256), 3: (-256, 1)}[sign]
        mantissas = rng.integers(low, end, (count, SIZE))
        delay, exponent = int(rng.choice([0, 1, 3, 62])), int(rng.integers(-8, 8))
        return Synapses(mantissas, delay, exponent, sign, int(rng.integers(1, 9)))

    table = np.column_stack((rng.integers(0, TICKS, 150), rng.integers(0, SOURCES, 150)))
    parameters = (
        rng.choice([0, 1, 100, 1000, 4095]),
        rng.choice([1, 2, 500, 2000, 4096]),
        rng.choice([0, 5, 100, 3000]),
    )
    decay_v, decay_i, threshold = (int(x) for x in parameters)
    refractory = int(rng.choice([1, 2, 5, 63]))
    inward, among = synapses(SOURCES), synapses(SIZE)
    return Case(decay_v, decay_i, threshold, refractory, inward, among, np.unique(table, axis=0))


def ours(case: Case) -> tuple[Any, Any, Any]:
    """Spikes (tick, neuron), I and v (ticks, neurons)."""
    compat, columns = "brian2-loihi-0.5", []
    for synapses, first in ((case.inward, SIZE), (case.among, 0)):
        fmt = WeightFormat(synapses.bits, SIGNS[synapses.sign], synapses.exponent, compat)
        pre, post = np.indices(synapses.mantissas.shape).reshape(2, -1)
        stored = fmt.stored(synapses.mantissas).ravel()
        columns.append((pre + first, post, np.full(pre.size, synapses.delay), stored))
    pre, post, delay, weight = (np.concatenate(column) for column in zip(*columns, strict=True))
    shared = {"du": case.decay_i - 1, "dv": case.decay_v, "vth": case.threshold, "refractory": case.refractory}
    compartments = LoihiCompartments(SIZE, {name: np.asarray(value) for name, value in shared.items()}, compat)
    machine = LoihiMachine.connected(compartments, SOURCES, [0, SIZE], (pre, post, delay, weight))
    record = machine.run(MachineInputs(TICKS, SIZE, SOURCES, case.spikes), record=np.arange(SIZE))
    return record.spikes, record.states["u"], record.states["v"]


def peer(case: Case) -> tuple[Any, Any, Any]:
    """The same from brian2-loihi."""
    import brian2
    import brian2_loihi as peer

    brian2.prefs.codegen.target = "numpy"
    group = peer.LoihiNeuronGroup(
        SIZE,
        refractory=case.refractory,
        threshold_v_mant=case.threshold,
        decay_v=case.decay_v,
        decay_I=case.decay_i,
    )
    source = peer.LoihiSpikeGeneratorGroup(SOURCES, case.spikes[:, 1], case.spikes[:, 0])
    wires = []
    for pre, synapses in ((source, case.inward), (group, case.among)):
        wire = peer.LoihiSynapses(
            pre,
            group,
            delay=synapses.delay,
            w_exp=synapses.exponent,
            sign_mode=synapses.sign,
            num_weight_bits=synapses.bits,
        )
        wire.connect()
        wire.w = synapses.mantissas.ravel()
        wires.append(wire)
    current, voltage = peer.LoihiStateMonitor(group, "I"), peer.LoihiStateMonitor(group, "v")
    fired = peer.LoihiSpikeMonitor(group)
    peer.LoihiNetwork(group, source, *wires, current, voltage, fired).run(TICKS)
    spikes = np.column_stack((np.rint(np.asarray(fired.t)).astype(int), np.asarray(fired.i)))
    ordered = spikes[np.lexsort((spikes[:, 1], spikes[:, 0]))]
    return ordered, *(np.rint(np.asarray(states)).astype(np.int64).T for states in (current.I, voltage.v))


@pytest.mark.parametrize("seed", RECORDED)
def test_recorded_runs(seed: int) -> None:
    with np.load(VECTORS) as vectors:
        expected = [vectors[f"{name}{seed}"] for name in ("spikes", "current", "voltage")]
    assert all(np.array_equal(mine, theirs) for mine, theirs in zip(ours(random_case(seed)), expected, strict=True))


def test_the_recorded_runs_fire_and_tell_models_apart() -> None:
    with np.load(VECTORS) as vectors:
        assert sum(len(vectors[f"spikes{seed}"]) for seed in RECORDED) > 1500
        case = random_case(0)
        wrong = case._replace(inward=case.inward._replace(delay=(case.inward.delay + 1) % 63))
        assert not np.array_equal(ours(wrong)[1], vectors["current0"])


@pytest.mark.filterwarnings("default")  # the peer's own
def test_live_runs() -> None:
    """Optional: brian2-loihi is no dependency."""
    try:
        import brian2_loihi  # noqa: F401
    except (ImportError, AttributeError):
        pytest.skip("brian2-loihi cannot be imported: it is optional, and needs NumPy before 2.4")
    for seed in LIVE:
        case = random_case(seed)
        assert all(np.array_equal(mine, theirs) for mine, theirs in zip(ours(case), peer(case), strict=True)), seed


if __name__ == "__main__":
    recorded = {}
    for number in RECORDED:
        runs = peer(random_case(number))
        recorded |= {f"{name}{number}": run for name, run in zip(("spikes", "current", "voltage"), runs, strict=True)}
    np.savez_compressed(VECTORS, **recorded)
