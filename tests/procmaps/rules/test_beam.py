"""The Erlang VM: its literals, its carriers, and the first carriers, which are malloc's."""

from procmaps.kinds import Kind
from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, anon, blocks, kinds, read, sorted_maps

KIB = 2**10
MIB = 2**20
AT = 0x7E0000000000
GIB = 2**30
BEAM = "00400000-00500000 r-xp 00000000 fe:00 5 /usr/lib/erlang/erts-13.1.5/bin/beam.smp\n"


def vm(*lines: str) -> str:
    return sorted_maps(BEAM, LIBC, BRK_HEAP, *lines)


def literals(head: int, below: int = 0) -> str:
    """The range at AT, `head` of it in use, and what merged with it from below."""
    return anon(AT - below, below + head) + anon(AT + head, GIB - head, "---p")


def test_carriers_are_of_whole_pages() -> None:
    for size in (984 * KIB, 4024 * KIB, 8 * MIB):
        assert kinds(read(vm(anon(AT, size))), AT, AT + 1) == [(size, "beam_heap")]


def test_what_is_smaller_is_malloc_s() -> None:
    assert kinds(read(vm(anon(AT + 4096, 320 * KIB))), AT, AT + MIB) == [(320 * KIB, "heap_mmap")]


def test_literals() -> None:
    snapshot = read(vm(literals(2112 * KIB)))
    assert kinds(snapshot, AT, AT + GIB) == [(2112 * KIB, "beam_heap"), (GIB - 2112 * KIB, "beam_heap")]
    assert blocks(snapshot, Kind.BEAM_HEAP) == [GIB]


def test_first_carriers_below_the_literals_are_malloc_s() -> None:
    first = 3 * 276 * KIB + 3 * 1044 * KIB + 3 * 148 * KIB
    snapshot = read(vm(literals(2112 * KIB, first)))
    assert kinds(snapshot, AT - first, AT + 1) == [(first, "heap_mmap"), (2112 * KIB, "beam_heap")]


def test_some_first_carriers_of_one_size() -> None:
    assert kinds(read(vm(anon(AT, 2 * 1044 * KIB))), AT, AT + 1) == [(2 * 1044 * KIB, "heap_mmap")]


def test_a_stack_on_a_boundary_of_carriers_is_a_stack() -> None:
    text = vm(anon(AT - 4096, 4096, "---p"), anon(AT, 8 * MIB))
    assert kinds(read(text, threads=3, stack_limit=8 * MIB), AT, AT + 1) == [(8 * MIB, "thread_stack")]


def test_code_that_is_mapped_once() -> None:
    assert kinds(read(vm(anon(AT, 64 * KIB, "rwxp"))), AT, AT + 1) == [(64 * KIB, "beam_heap")]
