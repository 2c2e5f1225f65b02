"""Stacks of Mono's threads, which have closed memory inside."""

from procmaps.kinds import Kind
from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, anon, blocks, kinds, parts_of, read, sorted_maps

KIB = 2**10
MIB = 2**20
AT = 0x7E0000000000
MONO = "00400000-00500000 r-xp 00000000 fe:00 5 /usr/bin/mono-sgen\n"
OTHER = "00400000-00500000 r-xp 00000000 fe:00 5 /usr/bin/server\n"


def stacks(size: int, count: int, closed: int = 32 * KIB, guard: int = 4 * KIB) -> str:
    """So many stacks of this size, next to one another, each with a guard below."""
    lines = []
    for number in range(count):
        at = AT + number * (guard + size)
        lines += [anon(at, guard, "---p"), anon(at + guard, 4 * KIB)]
        lines += [anon(at + guard + 4 * KIB, closed, "---p")]
        lines += [anon(at + guard + 4 * KIB + closed, size - 4 * KIB - closed)]
    return "".join(lines)


def test_each_is_one_block_with_all_that_is_closed_in_it() -> None:
    for size, count in ((640 * KIB, 7), (3 * MIB, 1), (8 * MIB, 12)):
        snapshot = read(sorted_maps(MONO, LIBC, BRK_HEAP, stacks(size, count)), threads=count + 1)
        assert blocks(snapshot, Kind.THREAD_STACK) == [size + 4 * KIB] * count
        found = [rule for start, *_, rule in parts_of(snapshot) if start >= AT and rule.startswith("stack.")]
        assert set(found) == {"stack.mono_guards"}


def test_what_has_merged_above_is_not_of_the_stack() -> None:
    size, count, chunk = 640 * KIB, 4, 5 * MIB + 4 * KIB
    end = AT + count * (size + 4 * KIB)
    text = sorted_maps(MONO, LIBC, BRK_HEAP, stacks(size, count), anon(end, chunk))
    merged = text.replace(f"-{end:x} rw-p 00000000 00:00 0 \n{end:x}-", "-")
    assert merged != text
    assert blocks(read(merged, threads=count + 1), Kind.THREAD_STACK) == [size + 4 * KIB] * count


def test_without_mono_or_with_other_sizes_it_is_none() -> None:
    for program, closed in ((OTHER, 32 * KIB), (MONO, 28 * KIB), (MONO, 36 * KIB)):
        text = sorted_maps(program, LIBC, BRK_HEAP, stacks(640 * KIB, 7, closed))
        assert "stack.mono_guards" not in {rule for *_, rule in parts_of(read(text, threads=8))}
    alone = sorted_maps(MONO, LIBC, BRK_HEAP, anon(AT, 32 * KIB, "---p"), anon(AT + 32 * KIB, 608 * KIB))
    assert "stack.mono_guards" not in {rule for *_, rule in parts_of(read(alone, threads=2))}
    assert kinds(read(alone, threads=2), AT, AT + MIB) != []
