"""Circuit blocks, one file each: equation, ports, parameters, limits, and the SPICE cards they become."""
