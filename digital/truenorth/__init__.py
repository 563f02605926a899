"""A TrueNorth chip in Amaranth: neurosynaptic core, routers, mesh; the golden chip is ``golden.machines.truenorth``."""
