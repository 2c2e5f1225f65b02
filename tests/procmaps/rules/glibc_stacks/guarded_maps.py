"""Maps of a process with guards and stacks."""

from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, anon, sorted_maps

KIB = 2**10
MIB = 2**20
GIB = 2**30
AT = 0x7E0000100000
STACK = 8 * MIB


def pairs(at: int, guard: int, body: int, count: int) -> str:
    """So many stacks, each right above its guard and all in one run."""
    return "".join(
        anon(at + number * (guard + body), guard, "---p") + anon(at + number * (guard + body) + guard, body)
        for number in range(count)
    )


def process(*lines: str) -> str:
    """A process with these lines beside what each process has."""
    return sorted_maps(BRK_HEAP, LIBC, *lines)
