"""Bytes for people, as every output prints them."""

from typing import Final

KIB: Final = 2**10
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def scaled(amount_bytes: int) -> str:
    """About three digits in the largest unit in which the rounded value is at least 1.0: `5.2 GiB`, `0`."""
    if amount_bytes < KIB:
        return f"{amount_bytes} B" if amount_bytes else "0"
    value = float(amount_bytes)
    power = 0
    while round(value, 1) >= KIB and power < len(_UNITS) - 1:
        value /= KIB
        power += 1
    return f"{value:,.0f} {_UNITS[power]}" if round(value, 1) >= 100 else f"{value:.1f} {_UNITS[power]}"
