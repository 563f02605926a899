"""From a network in SI units to a machine's memories: quantise, place on cores, route; and what that cost."""
