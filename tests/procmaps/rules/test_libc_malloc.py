"""Flags by which smaps shows that no libc's malloc has mapped memory, and flags that show nothing."""

import pytest

from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, anon, kinds, parts_of, read

KIB = 2**10
MIB = 2**20
AT = 0x7E0000000000
RUNS = BRK_HEAP + LIBC


def line(start: int, size: int, flags: str) -> str:
    return anon(start, size) + f"Rss: {size // KIB} kB\nVmFlags: rd wr mr mw me {flags}\n"


def kinds_of(*lines: str) -> list[str]:

    return [kind for _, kind in kinds(read(smaps="".join(lines) + RUNS), AT, AT + 2**30)]


@pytest.mark.parametrize("flag", ["dd", "dc", "wf", "lo", "nr", "gd", "io", "pf"])
def test_what_a_program_asked_for_a_whole_mapping_is_its_own(flag: str) -> None:
    chunks = line(AT + 64 * MIB, 9 * MIB + 4096, "ac")
    assert kinds_of(line(AT, 3 * MIB + 4096, f"ac {flag}"), chunks) == ["anonymous", "heap_mmap"]


@pytest.mark.parametrize("flag", ["dd", "dc", "wf", "lo"])
def test_a_part_of_a_chunk_that_was_locked_or_advised_is_the_chunk_s(flag: str) -> None:
    """MADV_DONTFORK for RDMA, MADV_DONTDUMP for secrets: the kernel divides the mapping."""
    pieces = (132 * KIB, 600 * KIB, 140 * KIB)
    chunk = line(AT, pieces[0], "ac") + line(AT + pieces[0], pieces[1], f"{flag} ac")
    chunk += line(AT + sum(pieces[:2]), pieces[2], "ac")
    others = line(AT + 64 * MIB, 9 * MIB + 4096, "ac")
    assert kinds_of(chunk, others) == ["heap_mmap"] * 4
    # less than a chunk can be, and nothing says more of it
    few = chunk.replace(f"{AT + sum(pieces[:2]):x}", f"{AT + pieces[0] + 12 * KIB:x}")
    rules = {start: rule for start, _, _, rule in parts_of(read(smaps=few + others + RUNS))}
    assert rules[AT + pieces[0]] == "rest.anonymous"
    # MAP_NORESERVE is of a whole mapping
    assert kinds_of(chunk.replace(f"{flag} ac", "nr"), others)[1] == "anonymous"


@pytest.mark.parametrize(("locked", "kind"), [(5, "heap_mmap"), (4, "anonymous")])
def test_mlockall_says_nothing_of_whose_memory_it_is(locked: int, kind: str) -> None:
    """More than half of what is writable is locked, all that there was then: what is mapped later is not."""
    size = 2 * MIB + 4096
    lines = [line(AT + n * 4 * MIB, size, "lo ac" if n < locked else "ac") for n in range(8)]
    assert kinds_of(*lines) == [kind] * locked + ["heap_mmap"] * (8 - locked)
