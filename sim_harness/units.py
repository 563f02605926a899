"""Numbers as people write them: 15.2 mV, 300 ps."""

from __future__ import annotations

from matplotlib.ticker import EngFormatter


def engineering(value: float, unit: str, digits: int = 4) -> str:
    """``value`` with an SI prefix and about ``digits`` significant digits."""
    if value == 0:
        return f"0 {unit}"
    mantissa, _, suffix = EngFormatter(unit=unit, places=9).format_data(value).partition(" ")
    return f"{float(mantissa):.{digits}g} {suffix}".strip()
