"""Numbers as they are read: rounded to significant digits, never with an exponent."""

import math
from typing import SupportsFloat

__all__ = ["plain"]


def plain(value: SupportsFloat, digits: int = 3) -> str:
    """Write a number with so many significant digits; thousands are set apart by commas.

    Example:
        >>> plain(16071.2, 4), plain(99.7, 2), plain(0.09034), plain(2.5)
        ('16,070', '100', '0.0903', '2.5')
    """
    rounded = float(f"{float(value):.{digits}g}")
    if not rounded or not math.isfinite(rounded):
        return f"{rounded:g}"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
    text = f"{rounded:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if decimals else text
