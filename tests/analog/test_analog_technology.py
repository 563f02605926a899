"""Technologies: model bins, mismatch by name, behavioural transistors.  Expected: EKV limits, Pelgrom's law."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analog.ngspice import pool
from analog.technology import Capacitor, Mosfet, Process, with_models
from analog.technology.library import Library, read_bins
from analog.technology.mismatch import deviate, pelgrom
from analog.worker import Answer, Job
from golden.errors import SpecError
from sim_harness import toolchain

FILE = """* a model file
.model fab__nfet.0 nmos
* comment
+ lmin = 1.5e-07 lmax = 1.0e-06 wmin = 4.2e-07 wmax = 1.0e-06
+ level = 54.0
+ vth0 = 0.5
.model fab__nfet.1 nmos
+ lmin = 1.0e-06 lmax = 1.0e-04 wmin = 4.2e-07 wmax = 1.0e-06
+ level = 54.0
+ vth0 = 0.4
.model fab__pfet.0 pmos
+ lmin = 1.5e-07 lmax = 1.0e-04 wmin = 4.2e-07 wmax = 1.0e-06
+ level = 54.0
"""


def test_a_library_finds_the_bin_of_a_size_and_keeps_nothing_else() -> None:
    library = Library("Fab", {"n": read_bins(FILE, "fab__nfet", "nfet"), "p": read_bins(FILE, "fab__pfet", "pfet")})
    short, long = library.find("n", 0.5e-6, 0.5e-6), library.find("n", 0.5e-6, 1e-6)
    assert (short.name, long.name) == ("nfet_0", "nfet_1")
    assert library.cards([long.name, long.name]) == (".model nfet_1 nmos\n+ level = 54.0\n+ vth0 = 0.4",)
    # 0.42 um as a product of floats lies below the limit by its rounding; it is the same transistor.
    assert library.find("n", 0.42 * 1e-6 * (1 - 1e-12), 0.15e-6).name == "nfet_0"
    with pytest.raises(SpecError, match=r"^Transistor n of Fab must be W of 0\.42 to 1 um and L of 0\.15 to 100 um"):
        library.find("n", 2e-6, 1e-6)


def test_deviates_are_standard_normal_and_belong_to_names() -> None:
    values = np.array([deviate(1, "neuron 0", f"m{k}", "V_th") for k in range(4000)])
    # Standard errors of mean and deviation over 4000 draws are 0.016 and 0.011; four of them.
    assert abs(values.mean()) < 0.064
    assert abs(values.std() - 1) < 0.045
    assert deviate(1, "neuron 0", "m7", "V_th") == values[7]
    names = {deviate(1, "a", "b", "c"), deviate(2, "a", "b", "c"), deviate(1, "b", "b", "c"), deviate(1, "a", "c", "c")}
    assert len(names) == 4


def test_mismatch_follows_pelgrom() -> None:
    assert pelgrom(3e-9, 1e-6, 4e-6) == pytest.approx(1.5e-3)
    chip = Process("macro", mismatch=5)
    small = [Capacitor(chip, f"c{k}", "a", "0", 20e-15).value / 20e-15 for k in range(2000)]
    large = [Capacitor(chip, f"c{k}", "a", "0", 80e-15).value / 80e-15 for k in range(2000)]
    assert np.std(small) / np.std(large) == pytest.approx(2, rel=1e-6)
    assert Capacitor(Process("macro"), "c", "a", "0", 20e-15).value == 20e-15


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"technology": "sky131"}, "Technology must be one of macro, sky130, gf180, not 'sky131'"),
        ({"corner": "tf"}, "Process corner must be one of tt, ff, ss, sf, fs, not 'tf'"),
        ({"celsius": 200.0}, "Temperature must be between -40 and 125 degrees Celsius for macro, not 200"),
        ({"supply": 3.3}, "Supply must be between 1.2 and 2 V for macro, not 3.3 V"),
        ({"mismatch": 1.5}, "Mismatch seed must be a whole number or none, not 1.5"),
    ],
)
def test_a_process_refuses_what_it_is_not(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError) as caught:
        Process(**{"technology": "macro", **wrong})  # type: ignore[arg-type]
    assert str(caught.value) == message


def test_a_transistor_is_not_smaller_than_the_process_makes() -> None:
    with pytest.raises(SpecError, match=r"^Transistor a L must be at least 0\.15 um in macro, not 0\.1 um$"):
        Mosfet(Process("macro"), "a", "d", "g", "0", "0", "n", 1e-6, 0.1e-6)


def currents(process: Process, kind: str, gates: list[float]) -> list[float]:
    """Drain current [A] of a long transistor at half the supply from source to drain, for gate overdrives [V]."""
    jobs = []
    for gate in gates:
        sign = 1 if kind == "n" else -1
        base = 0.0 if kind == "n" else process.vdd
        device = Mosfet(process, "x", "d", "g", "b", "b", "n" if kind == "n" else "p", 1e-6, 10e-6)
        cards = [card for block in with_models(process, [device]) for card in block.cards()]
        sources = [f"Vb b 0 {base}", f"Vg g 0 {base + sign * gate}", f"Vd d 0 {base + sign * process.vdd / 2}"]
        jobs.append(Job("\n".join(["* one transistor", *cards, *sources, ".op", ".end", ""]), ("i(vd)",)))
    found: dict[int, float] = {}

    def consume(index: int, answer: Answer) -> None:
        assert not answer.error
        found[index] = abs(float(answer.waves["i(vd)"][-1]))

    pool(toolchain.ngspice_setup(), 1).run(jobs, consume)
    return [found[k] for k in range(len(gates))]


@pytest.mark.integration
@pytest.mark.parametrize("kind", ["n", "p"])
def test_behavioural_transistors_are_exponential_below_and_square_above_threshold(kind: str) -> None:
    process = Process("macro")
    weak = currents(process, kind, [0.20, 0.25])
    # Enz, Krummenacher and Vittoz 1995: I ~ exp(V_G / (n U_T)) in weak inversion, n = 1.4.
    assert math.log(weak[1] / weak[0]) == pytest.approx(0.05 / (1.4 * process.thermal_voltage), rel=0.02)
    threshold = {"n": 0.5, "p": 0.55}[kind]
    strong = currents(process, kind, [threshold + 0.6, threshold + 1.2])
    # Saturated (V_DS = 0.9 V above V_P = 0.86 V): I ~ (V_G - V_T0)^2.
    assert strong[1] / strong[0] == pytest.approx(4, rel=0.03)
    fast = currents(Process("macro", corner="ff"), kind, [0.25])
    assert fast[0] > 1.5 * weak[1]
