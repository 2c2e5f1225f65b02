"""Stacks with guards that maps cannot show."""

import pytest

from procmaps.kinds import Kind
from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, LIBJVM, anon, blocks, read, sorted_maps

MIB = 2**20
AT = 0x7E0000100000
STACK = 8 * MIB
ONE = STACK + 4096
GAP = 256 * MIB


def process(size: int) -> str:
    return sorted_maps(BRK_HEAP, LIBC, anon(AT, size))


def test_whole_numbers_of_stacks_where_threads_have_none() -> None:
    assert blocks(read(process(6 * ONE), threads=7, stack_limit=STACK), Kind.THREAD_STACK) == [ONE] * 6


def test_no_more_than_twice_the_threads_that_lack_one() -> None:
    assert blocks(read(process(30 * ONE), threads=7, stack_limit=STACK), Kind.THREAD_STACK) == []


def test_a_process_with_one_thread_has_none() -> None:
    assert blocks(read(process(6 * ONE), threads=1, stack_limit=STACK), Kind.THREAD_STACK) == []


def test_unknown_threads_prove_nothing() -> None:
    assert blocks(read(process(6 * ONE), stack_limit=STACK), Kind.THREAD_STACK) == []


def test_what_touches_a_stack_and_did_not_merge_is_none() -> None:
    own = MIB + 4096
    zones = anon(AT - MIB, 16 * 1024, "---p") + anon(AT - MIB + 16 * 1024, MIB - 16 * 1024)
    text = sorted_maps(BRK_HEAP, LIBC, LIBJVM, zones, anon(AT, 2 * own), anon(AT + 2 * own, own))
    # Java's stack, two queues, a stack of the JVM's own
    assert sorted(blocks(read(text, threads=3, stack_limit=STACK), Kind.THREAD_STACK)) == [MIB, own]


def test_the_jvm_s_own_threads_have_the_size_that_was_asked_for() -> None:
    text = sorted_maps(BRK_HEAP, LIBC, LIBJVM, anon(AT, 3 * (4 * MIB + 4096)))
    snapshot = read(text, threads=4, argv=("java", "-XX:VMThreadStackSize=4096", "Main"))
    assert blocks(snapshot, Kind.THREAD_STACK) == [4 * MIB + 4096] * 3


@pytest.mark.parametrize(("program", "size"), [("/usr/bin/ruby3.3", MIB), ("/usr/bin/node", 4 * MIB)])
def test_stacks_of_the_size_that_a_runtime_gives_its_threads(program: str, size: int) -> None:
    code = f"555500000000-555500001000 r-xp 00000000 fe:00 9 {program}\n"
    heap = "555600000000-555600100000 rw-p 00000000 00:00 0 [heap]\n"
    text = sorted_maps(code, heap, LIBC, anon(AT, 3 * (size + 4096)), anon(AT + GAP, size + 8192))
    snapshot = read(text, threads=4, rss_anon_kb=900_000, stack_limit=STACK)
    assert blocks(snapshot, Kind.THREAD_STACK) == [size + 4096] * 3
    assert blocks(read(text, threads=1, rss_anon_kb=900_000, stack_limit=STACK), Kind.THREAD_STACK) == []
