"""Neuron models, one file each: parameters, update rule and closed forms."""
