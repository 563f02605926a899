"""Data sheets of the analog circuits: measured in ngspice, written as documentation.

measure    what is simulated for a neuron;  synapses: for a synapse
figures    the pictures
page       the text;  tables: parts of it
published  figures from the literature to hold it against
"""

from sim_harness.datasheets.page import generate

__all__ = ["generate"]
