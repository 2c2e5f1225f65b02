"""Sizes as an operator types them, and exact sizes; `reports.sizes` has the rounded ones."""

import re

_UNITS = "BKMGTPE"
_TYPED = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMGTPE]?)(?:i?B)?\s*", re.IGNORECASE | re.ASCII)


def exact(size_bytes: int) -> str:
    """An exact size: "1G 408M 716K"; zero is "0", below a KiB "12B"."""
    words = []
    for power in range(len(_UNITS) - 1, -1, -1):
        amount = size_bytes >> 10 * power if power == len(_UNITS) - 1 else size_bytes >> 10 * power & 1023
        if amount:
            words.append(f"{amount}{_UNITS[power]}")
    return " ".join(words) or "0"


def parse(text: str) -> int:
    """Bytes of "500M", "1.5 GiB", "4096"; ValueError for anything else."""
    if not (match := _TYPED.fullmatch(text)):
        raise ValueError(f"{text!r} is not a size; write it as 500M, 1.5G or 4096")
    unit_bytes = 1024 ** _UNITS.index(match[2].upper() or "B")
    # a whole number stays exact: a float has 53 bits
    return int(float(match[1]) * unit_bytes) if "." in match[1] else int(match[1]) * unit_bytes
