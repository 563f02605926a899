"""Neuron updates as circuits; one module per golden neuron of the same name."""
