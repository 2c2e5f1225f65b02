"""Mono: blocks of its heap are not malloc's."""

from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, anon, kinds, parts_of, read, sorted_maps

KIB = 2**10
MIB = 2**20
AT = 0x7E0000000000
MONO = "00400000-00500000 r-xp 00000000 fe:00 5 /usr/bin/mono-sgen\n"


def test_heap_blocks() -> None:
    text = sorted_maps(MONO, LIBC, BRK_HEAP, anon(AT, 464 * KIB), anon(AT + MIB, 468 * KIB))
    assert kinds(read(text), AT, AT + 2 * MIB) == [(464 * KIB, "anonymous"), (468 * KIB, "heap_mmap")]


def test_blocks_lie_on_boundaries_and_are_at_least_four_together() -> None:
    for at, size, mono in (
        (AT, 64 * KIB, True),
        (AT, 48 * KIB, False),
        (AT, 72 * KIB, False),
        (AT + 4 * KIB, 64 * KIB, False),
    ):
        rules = {rule for _, _, _, rule in parts_of(read(sorted_maps(MONO, LIBC, BRK_HEAP, anon(at, size))))}
        assert ("mono.heap" in rules) == mono
