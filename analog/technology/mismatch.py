"""Device mismatch: normal deviates that belong to a device's name, not to the order in which devices are drawn.

Every deviate is a function of (seed, scope, device, quantity) alone.  So a chip keeps its devices whatever is simulated
beside them, in whatever order, by however many processes.
"""

from __future__ import annotations

import hashlib
import math
from statistics import NormalDist

_UNIT = NormalDist()


def deviate(seed: int, scope: str, device: str, quantity: str) -> float:
    """A standard normal number: 53 bits of the SHA-256 of its name, through the inverse normal distribution."""
    digest = hashlib.sha256(f"{seed}\0{scope}\0{device}\0{quantity}".encode()).digest()
    uniform = (int.from_bytes(digest[:8]) >> 11) + 0.5
    return _UNIT.inv_cdf(uniform * 2.0**-53)


def pelgrom(slope: float, W: float, L: float) -> float:
    """Standard deviation of a device parameter, slope / sqrt(W L).

    ``slope`` in (unit of the parameter) x m, W and L in m.  Pelgrom, Duinmaijer and Welbers 1989, equation 5.
    """
    return slope / math.sqrt(W * L)
