"""The part of docs/second-opinion.md about ill processes, which the rest of the page leaves as it is."""

import re
from collections.abc import Iterable
from typing import Final

FIRST, LATER = "first", "later"
SIGHTS: Final = (FIRST, LATER)
_TITLES: Final = {FIRST: "### At first sight of the ill processes", LATER: "### With the rules of today"}
_HEADING: Final = "## Ill processes"
_INTRODUCTION: Final = f"""{_HEADING}

`make ill` starts processes that leak outside of any managed heap: JVMs (direct buffers, `Unsafe`,
deflaters, class loaders, parked threads, C code called by JNI), C programs, CPython, Node and Go with C
code, each with blocks of one size, of random sizes, above the mmap threshold, grown by `realloc`, never
touched, freed in part, mapped by the program itself, or in the arenas of many threads; threads that are
parked, and threads that ended and were never joined; and healthy servers beside them. What leaks, how
much, and all settings are drawn by a seeded chance. What the memory is comes from the sources above; it
covers 99.6% of the accessible bytes. Precision (P) and recall (R) are of all bytes. The last columns
give the share of the bytes of each confidence whose kind is right, and how many bytes have it.
`swapped` is `maps` with 90% of the anonymous memory in swap.

"""
_SECTION: Final = re.compile(rf"^{_HEADING}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_NEXT: Final = re.compile(r"^## All\n", re.MULTILINE)


def section(page: str) -> str:
    """The section of a page, with its heading; empty if the page has none."""
    found = _SECTION.search(page)
    return found[0] if found else ""


def written(page: str, sight: str, lines: Iterable[str]) -> str:
    """The page with these lines under the heading of this sight; the other sight's stay."""
    kept = {one: _under(section(page), _TITLES[one]) for one in SIGHTS}
    kept[sight] = "\n".join(lines).strip()
    parts = [f"{_TITLES[one]}\n\n{text}\n\n" for one, text in kept.items() if text]
    new = _INTRODUCTION + "".join(parts)
    if section(page):
        return _SECTION.sub(lambda _: new, page)
    place = _NEXT.search(page)
    at = place.start() if place else len(page)
    return page[:at] + new + page[at:]


def _under(text: str, title: str) -> str:
    """What stands under a heading, up to the next."""
    _, _, after = text.partition(f"{title}\n")
    return after.split("\n### ")[0].strip()
