"""The golden model: what must happen, exact in time and bit-exact in integers.

Everything else in Hillock is compared with this package; it imports nothing of the other packages.
"""
