"""What the simulators are told to do: ports, commands, limits."""

from __future__ import annotations

import numpy as np
import pytest

from golden.errors import SpecError
from golden.fixed import Format
from golden.integer import TickInputs
from golden.neurons.lif_fixed import FixedLIF, LIFFormat
from sim_harness.engines import INFOS
from sim_harness.rtl import BACK_ENDS, RtlDesign, back_end

VALUES = {"decay": np.array(60000), "v_th": np.array(500), "v_reset": np.array(-3), "t_ref": np.array(2)}
NOTHING = np.empty((0, 3), dtype=np.int64)
PORTS = "clk rst host_valid host_ready host_field host_neuron host_data tick busy spike_valid spike_ready spike_neuron"


def _lif(size: int = 3, *, per_neuron: bool = False, **structure: object) -> FixedLIF:
    fmt = LIFFormat(v=Format(16, 8), **structure)  # type: ignore[arg-type]  # keywords of the caller
    values = {name: VALUES.get(name, np.array(1)) for name in fmt.parameters}
    return FixedLIF(fmt, size, {k: np.full(size, v) if per_neuron else v for k, v in values.items()})


def _text(ports: str) -> str:
    return f"module lif_core({', '.join(ports.split())});\nendmodule\n"


def test_commands_come_in_the_order_of_the_protocol() -> None:
    # ports.md: field 0 is the current, 1.. are decay, syn_decay, v_th, v_reset, t_ref; data two's complement.
    lif = _lif(synapse="delta")
    inputs = TickInputs(2, 3, np.array([[0, 2, -1], [1, 0, 7]]), np.array([[0, 1, 5], [0, 1, -6]]))
    host, event, tick = 0, 1, 2
    assert RtlDesign(lif).commands(inputs).tolist() == [
        [host, 1, 0, 60000],
        [host, 3, 0, 500],
        [host, 4, 0, 0xFFFD],
        [host, 5, 0, 2],
        [host, 0, 2, 0xFFFF],
        [event, 0, 1, 5],
        [event, 0, 1, 0xFFFA],
        [tick, 0, 0, 0],
        [host, 0, 0, 7],
        [tick, 0, 0, 0],
    ]


def test_every_neuron_gets_its_own_parameters() -> None:
    rows = RtlDesign(_lif(per_neuron=True)).commands(TickInputs(1, 3, NOTHING, NOTHING))
    assert rows[:, 2].tolist() == [0, 1, 2] * 4 + [0]


def test_a_users_core_gets_shared_parameters_for_each_neuron() -> None:
    rows = RtlDesign(_lif(), _text(PORTS)).commands(TickInputs(1, 3, NOTHING, NOTHING))
    assert len(rows) == 3 * 4 + 1


def test_one_build_serves_all_parameters() -> None:
    one, other = _lif(), FixedLIF(_lif().format, 3, VALUES | {"v_th": np.array(77)})
    assert RtlDesign(one).text == RtlDesign(other).text
    assert RtlDesign(one).text != RtlDesign(_lif(per_neuron=True)).text


@pytest.mark.parametrize(
    ("currents", "events", "message"),
    [
        ([[0, 0, 1 << 15]], NOTHING, "Current must be within -32768 to 32767, not 32768"),
        (NOTHING, [[0, 0, -(1 << 15) - 1]], "Weight must be within -32768 to 32767, not -32769"),
    ],
)
def test_inputs_out_of_range_are_refused(currents: object, events: object, message: str) -> None:
    inputs = TickInputs(1, 3, np.array(currents), np.array(events))
    with pytest.raises(SpecError, match=f"^{message}$"):
        RtlDesign(_lif(synapse="delta")).commands(inputs)


def test_inputs_for_another_size_are_refused() -> None:
    with pytest.raises(SpecError, match=r"^Inputs must be for 3 neurons, not for 4$"):
        RtlDesign(_lif()).commands(TickInputs(1, 4, NOTHING, NOTHING))


def test_a_users_verilog_needs_the_module() -> None:
    with pytest.raises(SpecError, match=r"^Verilog of my\.v must be a module named lif_core, not one without it$"):
        RtlDesign(_lif(), "module lif(input clk); endmodule // module lif_core", "my.v")


@pytest.mark.parametrize("port", PORTS.split())
def test_a_users_verilog_needs_every_port(port: str) -> None:
    text = _text(" ".join(name for name in PORTS.split() if name != port))
    with pytest.raises(SpecError, match=rf"^Module lif_core of my\.v must be given a port {port}, not one without it$"):
        RtlDesign(_lif(), text, "my.v")


def test_a_commented_port_does_not_count() -> None:
    with pytest.raises(SpecError, match="given a port busy"):
        RtlDesign(_lif(), _text(PORTS.replace("busy", "")) + "// busy\n/* busy\n busy */", "my.v")


def test_the_retire_port_is_optional_but_then_whole() -> None:
    assert RtlDesign(_lif(), _text(PORTS)).retired == []
    with pytest.raises(SpecError, match="given a port retire_neuron"):
        RtlDesign(_lif(), _text(PORTS + " retire_valid"))


def test_back_ends_by_name() -> None:
    assert set(BACK_ENDS) == {name for name, info in INFOS.items() if info.kind == "rtl"}
    with pytest.raises(
        SpecError, match=r"^RTL engine must be one of amaranth, icarus, verilator, cxxrtl, not 'modelsim'$"
    ):
        back_end("modelsim")
    with pytest.raises(SpecError, match=r"^Stall must be 0 to 240 of 256 clocks, not 256$"):
        back_end("amaranth", stall=256)


def test_amaranth_runs_no_verilog() -> None:
    design = RtlDesign(_lif(), _text(PORTS), "my.v")
    with pytest.raises(
        SpecError, match=r"^Design for Amaranth's simulator must be the generated core, not Verilog of my\.v$"
    ):
        back_end("amaranth").run(design, TickInputs(1, 3, NOTHING, NOTHING))
