"""TrueNorth chips in RTL simulators: a golden chip's memories loaded, its spikes and potentials recorded."""
