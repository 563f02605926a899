"""Neurons as circuits, one file each: golden parameters in, netlist out."""
