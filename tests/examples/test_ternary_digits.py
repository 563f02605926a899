"""Ternary digits on TrueNorth: the chip answers as the ternary network does, hidden neuron by hidden neuron."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))

import ternary_digits as example

from golden.machines.truenorth import TrueNorthMachine
from mapping import image as images

IMAGES = 40


@pytest.fixture(scope="module")
def data() -> example.Task:
    return example.task()


@pytest.fixture(scope="module")
def weights(data: example.Task) -> example.Weights:
    return example.train(data, epochs=40)


def by_hand(weights: example.Weights, bits: np.ndarray) -> tuple[list[list[int]], list[list[int]]]:
    """Hidden neurons and votes of images, sum by sum in plain ints."""
    hidden, votes = [], []
    for image in bits.tolist():
        on = [i for i, bit in enumerate(image) if bit]
        sums = [sum(int(weights.first[i, j]) for i in on) for j in range(example.HIDDEN)]
        hidden.append([int(s >= t) for s, t in zip(sums, weights.thresholds.tolist(), strict=True)])
        scores = [
            sum(int(weights.second[j, c]) for j, fires in enumerate(hidden[-1]) if fires)
            for c in range(example.CLASSES)
        ]
        votes.append([sum(score >= level for level in weights.levels.tolist()) for score in scores])
    return hidden, votes


def test_weights_are_ternary_and_classify(data: example.Task, weights: example.Weights) -> None:
    for table in (weights.first, weights.second):
        assert set(np.unique(table)) == {-1, 0, 1}
    answers = weights.votes(data.test).argmax(axis=1)
    assert np.mean(answers == data.test_labels) > 0.9  # by chance: 0.1


def test_training_is_reproducible(data: example.Task) -> None:
    one, two = (example.train(data, epochs=2) for _ in range(2))
    assert all(np.array_equal(getattr(one, name), getattr(two, name)) for name in vars(one))


@pytest.mark.parametrize("way", ["run", "run_scalar"])
def test_the_chip_is_the_network(way: str, data: example.Task, weights: example.Weights) -> None:
    machine, bits = example.chip(weights), data.test[:IMAGES]
    hidden, votes = example.counted(getattr(machine, way)(example.shown(bits, machine)), IMAGES)
    expected = by_hand(weights, bits)
    assert hidden.tolist() == expected[0]
    assert votes.tolist() == expected[1]


def test_images_do_not_disturb_each_other(data: example.Task, weights: example.Weights) -> None:
    machine, bits = example.chip(weights), data.test[:IMAGES]
    alone = np.concatenate([example.classify(TrueNorthMachine.run, machine, bits[k : k + 1]) for k in range(IMAGES)])
    assert np.array_equal(example.classify(TrueNorthMachine.run, machine, bits), alone)


def test_a_wrong_synapse_is_noticed(data: example.Task, weights: example.Weights) -> None:
    machine, bits = example.chip(weights), data.test[:IMAGES]
    _, right = example.counted(machine.run(example.shown(bits, machine)), IMAGES)
    machine.crossbar[1, :, 0] = ~machine.crossbar[1, :, 0]
    _, wrong = example.counted(machine.run(example.shown(bits, machine)), IMAGES)
    assert not np.array_equal(right, wrong)


@pytest.mark.integration
@pytest.mark.xdist_group("yosys")
def test_the_verilog_gives_the_same_answers(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    saved = tmp_path / "digits.npz"
    assert example.main(["--on", "cxxrtl", "--images", "30", "--save", str(saved)]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = {line.split("  ")[0].strip(): line.split() for line in lines}
    assert rows["cxxrtl"][-1] == rows["golden chip"][-1] == "0"
    assert rows["cxxrtl"][-2] == rows["golden chip"][-2]
    assert images.load(saved).machine.cores == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--images", "0"], "ternary_digits: error: Option --images must be 1 to 899, not 0"),
        (["--on", "loihi"], "ternary_digits: error: RTL engine of a TrueNorth chip must be one of icarus, verilator, "),
    ],
)
def test_mistakes_are_one_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert example.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(message)
    assert error.count("\n") == 1
