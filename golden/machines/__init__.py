"""The digital machines whole: cores of neurons, their synapse memories, and what carries spikes between cores.

A machine holds parameter memories only, in integers; ``mapping`` makes them from a network in SI units.
"""
