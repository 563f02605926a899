"""Studies: what is known of the LIF neuron, on paper and on every emulated machine.  One command, one page each."""
