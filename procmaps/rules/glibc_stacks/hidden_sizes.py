"""Which sizes of stacks the sizes of mappings can be the sums of."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from procmaps.rules.glibc_stacks.guards import SAME_SIZE_MIN_COUNT
from procmaps.rules.glibc_stacks.threads import CACHE_BYTES
from procmaps.rules.process import KIB, PAGE_BYTES, STACK_MIN_BYTES

ROUND_BYTES: Final = 64 * KIB
ROUND_DECIMAL_BYTES: Final = 100 * KIB
LARGE_GUARDS_BYTES: Final = (8 * KIB, 16 * KIB, 32 * KIB)
SIZES_LIMIT_COUNT: Final = 64  # of sizes of mappings that are tried, the largest
ENDED_LIMIT_COUNT: Final = 32  # of stacks that glibc keeps for new threads
STACKS_LIMIT_COUNT: Final = 1024  # in one mapping


def sizes_of_stacks(sizes: Sequence[int], missing: int, resident_bytes: int) -> dict[int, int]:
    """By size of a mapping, the size of the stacks with their guards which it consists of.

    `missing` threads have no stack. `resident_bytes` are those of all anonymous memory; negative if unknown.
    """
    one = _common_size(sizes, missing, resident_bytes)
    if one:
        return {size: one for size in set(sizes) if not size % one}
    # else the one mapping that holds all stacks, if others are whole numbers of that size by chance
    every = [size for size in sizes if not size % missing and size // missing > ROUND_BYTES]
    whole = [size for size in every if _is_round(size // missing)]
    return {whole[0]: whole[0] // missing} if len(whole) == 1 else {}


def _common_size(sizes: Sequence[int], missing: int, resident_bytes: int) -> int:
    """The best size of which the mappings hold as many as threads lack a stack; 0 if none is sure."""
    times = Counter(sizes)
    tried = sorted(times)[-SIZES_LIMIT_COUNT:]
    # what is larger than all that is resident must be stacks as well
    unused = [size for size in tried if 0 <= resident_bytes < size]
    fit: list[int] = []
    ended: list[int] = []
    for one in _candidates(tried, min(missing + ENDED_LIMIT_COUNT, STACKS_LIMIT_COUNT)):
        if any(size % one for size in unused):
            continue
        whole = [size for size in tried if not size % one]
        mappings = sum(times[size] for size in whole)
        stacks = sum(times[size] * (size // one) for size in whole)
        if stacks == missing:
            # one mapping can be divided by any number: then the size must be one that is asked for
            several = mappings > 1 and missing >= SAME_SIZE_MIN_COUNT
            if several or _is_round(one) or _has_large_guard(one, unused):
                fit.append(one)
        elif missing < stacks <= missing + CACHE_BYTES // one and mappings > 1 and unused and _is_round(one):
            ended.append(one)
    fit = fit or ended
    if len(fit) == 1 or missing >= SAME_SIZE_MIN_COUNT:
        return max(fit, key=_roundness, default=0)
    return 0


def _candidates(sizes: Sequence[int], most: int) -> set[int]:
    """Sizes of which up to `most` stacks fill a mapping of one of these sizes."""
    least = (STACK_MIN_BYTES + PAGE_BYTES) // PAGE_BYTES
    return {
        pages // number * PAGE_BYTES
        for pages in (size // PAGE_BYTES for size in sizes if not size % PAGE_BYTES)
        for number in range(1, min(most, pages // least) + 1)
        if not pages % number
    }


def _is_round(one: int) -> bool:
    """Sizes of stacks that people ask for, with a page of guard: whole numbers of 64 KiB or of 100 KiB."""
    asked = one - PAGE_BYTES
    return not asked % ROUND_BYTES or not asked % ROUND_DECIMAL_BYTES


def _has_large_guard(one: int, unused: Sequence[int]) -> bool:
    """With a guard of several pages, where malloc cannot own it; what the program maps itself is round."""
    return one % ROUND_BYTES in LARGE_GUARDS_BYTES and any(size % ROUND_BYTES for size in unused)


def _roundness(one: int) -> tuple[bool, int, int]:
    """The order in which sizes are preferred: by the largest power of two in what was asked for."""
    asked = one - PAGE_BYTES
    return _is_round(one), asked & -asked, one
