# Hillock. `make` prints the targets; pass more arguments to a command with ARGS, e.g. make test ARGS="-k lif -x".
# Every target first runs sim_harness/setup.sh, which is instant when nothing is missing.

.DEFAULT_GOAL := help
.SUFFIXES:
.PHONY: help setup demo test check lint simulate-analog calibrate datasheets simulate-digital verify verify-machines \
        verify-truenorth mutation mutation-truenorth study studies verilog formal fpga-report bench docs clean distclean

ARGS ?=
SPEC ?= examples/lif.toml
STUDY ?= rheobase

# Resolved when a recipe runs: setup.sh may keep the environment elsewhere and leave a link (see there).
BIN = $$(cd .venv && pwd -P)/bin
RUN = @PATH="$(BIN):$$PATH";

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-18s %s\n", $$1, $$2 }' Makefile

setup: ## install what is missing: .venv, Python packages, Debian packages (root or sudo)
	@sh sim_harness/setup.sh

demo: setup ## a handwritten digit on 64 neurons through every machine; writes a report
	$(RUN) hillock demo $(ARGS)

test: setup ## every test (2 processes)
	$(RUN) pytest $(ARGS)

check: lint ## lint and unit tests
	$(RUN) pytest -m "not integration" $(ARGS)

lint: setup ## lint, types, import rules, generated files
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) mypy
	$(RUN) lint-imports
	$(RUN) hillock verilog --check

simulate-analog: setup ## the analog branch in small: tiers, circuits, network, calibration, noise (SPEC=file)
	$(RUN) hillock tour "$(SPEC)" $(ARGS)

calibrate: setup ## codes for 64 mismatched neurons, by binary search
	$(RUN) hillock calibrate $(ARGS)

datasheets: setup ## measure the analog circuits again: docs/datasheets, schematics in docs/circuits
	$(RUN) hillock datasheets $(ARGS)

simulate-digital: setup ## the example neuron as a Verilog core in Verilator (SPEC=file)
	$(RUN) hillock run "$(SPEC)" --on verilator $(ARGS)

verify: setup ## constrained-random comparison of all digital engines, bit for bit
	$(RUN) hillock verify $(ARGS)

verify-machines: setup ## TrueNorth, Loihi and SpiNNaker: plain ints, NumPy and compiled code, bit for bit
	$(RUN) hillock verify-machines $(ARGS)

verify-truenorth: setup ## the TrueNorth chip's Verilog against the golden chip: random chips, functional coverage
	$(RUN) hillock verify-truenorth $(ARGS)

mutation: setup ## change the golden steps in one place at a time and see that their tests notice
	$(RUN) hillock mutation $(ARGS)

mutation-truenorth: setup ## change the TrueNorth core's Verilog in one place at a time: does simulation notice?
	$(RUN) hillock mutation-truenorth $(ARGS)

study: setup ## one study of the LIF neuron, one page (STUDY=rheobase stability fokker-planck resonance mean-field)
	$(RUN) hillock study "$(STUDY)" $(ARGS)

studies: setup ## all studies in full: some 25 minutes on two cores; pages in build/studies
	$(RUN) for study in rheobase stability fokker-planck resonance mean-field; do hillock study $$study $(ARGS) || exit; done

verilog: setup ## regenerate the committed Verilog in rtl/verilog
	$(RUN) hillock verilog --all $(ARGS)

formal: setup ## prove the pipelined core equal to the golden step
	$(RUN) hillock formal $(ARGS)

fpga-report: setup ## place and route on iCE40 and ECP5: clock, LUTs, block RAM against the baselines
	$(RUN) hillock fpga-report $(ARGS)

bench: setup ## accuracy and speed measurements in benchmarks/
	$(RUN) for bench in benchmarks/*.py; do echo "== $$bench"; python "$$bench" $(ARGS) || exit; done

docs: setup ## generate the agreement table of README.md and its picture, docs/neuron.svg
	$(RUN) hillock docs $(ARGS)

clean: ## remove build outputs and caches
	@rm -rf build dist reports sim_build .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find golden analog digital mapping sim_harness studies tests examples benchmarks -name __pycache__ -prune -exec rm -rf {} + \
	  2>/dev/null || true

distclean: clean ## the same and the virtual environment
	@rm -rf "$$(cd .venv 2>/dev/null && pwd -P || echo .venv)" .venv
