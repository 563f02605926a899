"""The simulators themselves: right cores, back-pressure, and what a bad core or a bad file looks like.

Bad cores are the generated one inside a wrapper that spoils a port, or with its text changed.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from digital.lif_core import LIFCoreConfig
from golden import integer
from golden.errors import SimulationError, SpecError
from golden.fixed import Format
from golden.integer import IntegerRecord, TickInputs
from golden.neurons.lif_fixed import FixedLIF, LIFFormat
from sim_harness.rtl import RtlDesign, back_end, first_divergence
from sim_harness.rtl.campaign import cases
from sim_harness.verify import GOLDEN, compare

if TYPE_CHECKING:
    from amaranth.hdl import Shape

pytestmark = pytest.mark.integration

VERILOG_ENGINES = ("icarus", "cxxrtl", "verilator")
ALL_ENGINES = (*VERILOG_ENGINES, "amaranth")
SIZE, TICKS = 5, 60
FORMAT = LIFFormat(v=Format(10, 2), decay_bits=6, synapse="delta", refractory_bits=2)
LIF = FixedLIF(FORMAT, SIZE, {k: np.array(v) for k, v in {"decay": 58, "v_th": 90, "v_reset": -7, "t_ref": 1}.items()})


def _inputs() -> TickInputs:
    rng = np.random.default_rng(11)

    def table(count: int, low: int, high: int) -> Any:
        rows = np.column_stack([rng.integers(0, n, count) for n in (TICKS, SIZE)] + [rng.integers(low, high, count)])
        return rows[np.argsort(rows[:, 0], kind="stable")]

    return TickInputs(TICKS, SIZE, table(60, -40, 110), table(90, -90, 200))


INPUTS = _inputs()
GOLD = integer.run(LIF, INPUTS)


def _same(a: IntegerRecord, b: IntegerRecord) -> bool:
    return all(np.array_equal(getattr(a, k), getattr(b, k)) for k in ("v", "i", "r", "recorded", "spikes"))


def _core(fmt: LIFFormat = FORMAT, *, retire: bool = True) -> str:
    values = {name: LIF.values[name] for name in fmt.parameters}
    return LIFCoreConfig(FixedLIF(fmt, SIZE, values), retire=retire).verilog()


def _wrapped(spoilt: str = "", *, hidden: tuple[str, ...] = (), **outputs: str) -> str:
    """The core as ``right`` inside lif_core, with outputs replaced: port name -> expression over ``right_PORT``."""
    ports = {name: port for name, port in LIFCoreConfig(LIF, retire=True).ports.items() if name not in hidden}
    declared, inner, assigned = ["input clk", "input rst"], [".clk(clk)", ".rst(rst)"], []
    for name, port in ports.items():
        width = f"[{_width(port.shape) - 1}:0]"
        if port.flow.name == "In":
            declared.append(f"input {width} {name}")
            inner.append(f".{name}({name})")
        else:
            declared.append(f"output {width} {name}")
            inner.append(f".{name}(right_{name})")
            assigned.append(f"  wire {width} right_{name};\n  assign {name} = {outputs.get(name, f'right_{name}')};\n")
    head = f"module lif_core({', '.join(declared)});\n"
    body = "".join(assigned) + f"  right right({', '.join(inner)});\n{spoilt}endmodule\n"
    return head + body + re.sub(r"\blif_core\b(?=\()", "right", _core())


def _width(shape: Shape | int) -> int:
    return shape if isinstance(shape, int) else shape.width


@pytest.mark.parametrize("engine", ALL_ENGINES)
def test_a_right_core_equals_golden(engine: str) -> None:
    fractions: list[float] = []
    record = back_end(engine).run(RtlDesign(LIF), INPUTS, progress=fractions.append)
    assert _same(GOLD, record)
    assert record.fault is None
    assert len(record.spikes) > 30
    assert fractions[-1] == 1
    assert fractions == sorted(fractions)


@pytest.mark.parametrize("engine", ALL_ENGINES)
def test_back_pressure_loses_nothing(engine: str) -> None:
    assert _same(GOLD, back_end(engine, stall=230, seed=3).run(RtlDesign(LIF), INPUTS))


def test_the_first_content_is_the_given_one() -> None:
    # A core that ignores host writes of parameters, so that only its own first values can be right.
    text = _wrapped("").replace(".host_valid(host_valid)", ".host_valid(host_valid & host_field == 0)")
    assert _same(GOLD, back_end("icarus").run(RtlDesign(LIF, text), INPUTS))


@pytest.mark.parametrize("engine", ["icarus", "cxxrtl"])
def test_a_core_without_retire_port_is_compared_by_its_spikes(engine: str) -> None:
    record = back_end(engine).run(RtlDesign(LIF, _core(retire=False)), INPUTS)
    assert record.recorded.size == record.updates == 0
    assert np.array_equal(record.spikes, GOLD.spikes)


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"comparison": ">"}, "comparison: > instead of >= (potential equal to the threshold)"),
        ({"leak_rounding": "nearest"}, "rounding: nearest instead of floor"),
        ({"leak_rounding": "toward_zero"}, "rounding: toward_zero instead of floor"),
    ],
)
def test_a_core_of_another_structure_is_recognised(change: dict[str, Any], cause: str) -> None:
    # The first crossing is exact: 5 ticks of 90 with decay 0 would be too easy, so aim once and then go on at random.
    currents = np.concatenate([np.array([[0, 0, 90]]), INPUTS.currents])
    inputs = TickInputs(TICKS, SIZE, currents[np.argsort(currents[:, 0], kind="stable")], INPUTS.events[40:])
    record = back_end("icarus").run(RtlDesign(LIF, _core(replace(FORMAT, **change))), inputs)
    divergence = first_divergence(integer.run(LIF, inputs), record, LIF, inputs)
    assert divergence is not None
    assert divergence.cause == cause


def test_changed_text_is_noticed() -> None:
    text, changes = re.subn(r"(?<=\) )\*(?= \$signed)", "+", _core(), count=1)
    assert changes == 1
    record = back_end("icarus").run(RtlDesign(LIF, text), INPUTS)
    assert first_divergence(GOLD, record, LIF, INPUTS) is not None


def test_a_spike_lost_on_its_way_is_noticed() -> None:
    count = "  reg [7:0] sent = 0;\n  always @(posedge clk) if (right_spike_valid & spike_ready) sent <= sent + 1;\n"
    text = _wrapped(count, spike_valid="right_spike_valid & sent != 7")
    record = back_end("icarus").run(RtlDesign(LIF, text), INPUTS)
    divergence = first_divergence(GOLD, record, LIF, INPUTS)
    assert divergence is not None
    assert [divergence.tick, divergence.neuron] == GOLD.spikes[7].tolist()
    assert divergence.cause == "spike lost on its way out"


def test_a_lying_retire_port_is_noticed() -> None:
    record = back_end("icarus").run(RtlDesign(LIF, _wrapped(retire_v0="right_retire_v0 ^ 1'b1")), INPUTS)
    divergence = first_divergence(GOLD, record, LIF, INPUTS)
    assert divergence is not None
    assert (divergence.tick, divergence.neuron) == (0, 0)
    assert divergence.cause == "retire_v0 is 1, but the v retired the tick before is 0"


def test_retires_out_of_order_are_refused() -> None:
    text = _wrapped(retire_neuron="right_retire_neuron ^ 1'b1")
    with pytest.raises(
        SimulationError,
        match=r"^Retired updates of icarus must be neurons 0 to 4 in order in every tick, not 5 updates in tick 0$",
    ):
        back_end("icarus").run(RtlDesign(LIF, text), INPUTS)


@pytest.mark.parametrize("engine", VERILOG_ENGINES)
def test_a_core_that_hangs_is_an_error(engine: str) -> None:
    title = {"icarus": "Icarus", "cxxrtl": "CXXRTL", "verilator": "Verilator"}[engine]
    text = _wrapped(busy="1'b1", host_ready="1'b0")
    with pytest.raises(SimulationError, match=rf"^Core in {title} must get on within \d+ clocks, not hang$"):
        back_end(engine).run(RtlDesign(LIF, text), INPUTS)


@pytest.mark.parametrize(
    ("port", "message"),
    [
        ("busy", r"^Ready, valid and busy of the core in Icarus must be 0 or 1, not X$"),
        ("retire_v", r"^Records and spikes of the core in Icarus must be made of 0 and 1, not of X$"),
        ("spike_neuron", r"^Records and spikes of the core in Icarus must be made of 0 and 1, not of X$"),
    ],
)
def test_icarus_sees_x(port: str, message: str) -> None:
    text = _wrapped(**{port: "1'bx"})
    with pytest.raises(SimulationError, match=message):
        back_end("icarus").run(RtlDesign(LIF, text), INPUTS)


@pytest.mark.parametrize("engine", VERILOG_ENGINES)
def test_a_file_that_does_not_compile_is_one_line(engine: str) -> None:
    title = {"icarus": "Icarus", "cxxrtl": "Yosys", "verilator": "Verilator"}[engine]
    text = _core().replace("endmodule", "this is not Verilog\nendmodule", 1)
    line = text[: text.index("this is not")].count("\n") + 1
    with pytest.raises(SpecError) as caught:
        back_end(engine).run(RtlDesign(LIF, text, "my.v"), INPUTS)
    message = str(caught.value)
    assert message.startswith(f"Verilog of my.v must be accepted by {title}, not rejected: ")
    assert re.search(rf"my\.v:{line}\b", message)
    assert "\n" not in message


@pytest.mark.parametrize("engine", VERILOG_ENGINES)
def test_a_missing_port_is_one_line(engine: str) -> None:
    # The name is in the text, so that only the simulator can tell that it is no port.
    text = _core().replace("retire_spike", "retire_fired") + "// \nmodule other(input retire_spike); endmodule\n"
    with pytest.raises(SpecError, match=r"my\.v|retire_spike") as caught:
        back_end(engine).run(RtlDesign(LIF, text, "my.v"), INPUTS)
    assert "retire_spike" in str(caught.value)


def test_a_port_of_another_width_is_one_line() -> None:
    text = _wrapped().replace("[9:0] retire_v0", "[8:0] retire_v0", 1)
    with pytest.raises(SpecError, match=r"^Port retire_v0 of lif_core in my\.v must be 10 bits wide, not 9 bits$"):
        back_end("cxxrtl").run(RtlDesign(LIF, text, "my.v"), INPUTS)


def test_verify_notices_a_wrong_core() -> None:
    """The campaign's negative control: one case, right and with the comparison changed."""
    case = next(c for c in cases(9_000, seed=4) if c.lif.format.comparison == ">=" and c.lif.size > 60)
    values = {name: np.array(0) for name in case.lif.format.parameters}
    wrong = FixedLIF(replace(case.lif.format, comparison=">"), case.lif.size, values)
    text = LIFCoreConfig(wrong, per_neuron=not case.lif.shared, retire=True).verilog()
    good = compare([case], ["cxxrtl"], seed=4)
    bad = compare([case], ["cxxrtl", "icarus"], seed=4, verilog=text)
    assert good.pairs[GOLDEN, "cxxrtl"].agrees
    assert good.divergences == []
    assert bad.pairs["cxxrtl", "icarus"].agrees
    assert not bad.agrees
    for engine in ("cxxrtl", "icarus"):
        assert bad.pairs[GOLDEN, engine].wrong_spikes > 0
        assert bad.pairs[GOLDEN, engine].wrong_states > 0
    assert {engine for engine, _, _ in bad.divergences} == {"cxxrtl", "icarus"}
    assert all("comparison: > instead of >=" in text for _, _, text in bad.divergences)
