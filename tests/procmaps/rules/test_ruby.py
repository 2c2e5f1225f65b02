"""Ruby: heap pages and fibers are neither malloc's nor threads'."""

from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, anon, kinds, parts_of, read, sorted_maps

KIB = 2**10
MIB = 2**20
AT = 0x7E0000000000
RUBY = "00400000-00500000 r-xp 00000000 fe:00 5 /usr/bin/ruby3.1\n"


def fibers(count: int, size: int = 644 * KIB) -> str:
    return "".join(
        anon(AT + number * (size + 4 * KIB), 4 * KIB, "---p")
        + anon(AT + number * (size + 4 * KIB) + 4 * KIB, size)
        for number in range(count)
    )


def test_fibers_are_no_threads() -> None:
    snapshot = read(sorted_maps(RUBY, LIBC, BRK_HEAP, fibers(8)), threads=12, stack_limit=8 * MIB)
    assert {rule for start, _, _, rule in parts_of(snapshot) if start >= AT and rule != "file.code"} == {
        "ruby.fiber"
    }


def test_fibers_are_none_where_smaps_flags_them_as_stacks() -> None:
    text = sorted_maps(RUBY, LIBC, BRK_HEAP, fibers(8))
    smaps = "".join(
        line + ("VmFlags: rd wr mr mw me ac nh\n" if "rw-p" in line and line.startswith("7e") else "")
        for line in text.splitlines(keepends=True)
    )
    snapshot = read(smaps=smaps, threads=12, stack_limit=8 * MIB)
    assert {kind for _, kind in kinds(snapshot, AT, AT + 6 * MIB)} == {"anonymous"}


def test_threads_of_ruby_are_threads() -> None:
    text = sorted_maps(RUBY, LIBC, BRK_HEAP, fibers(8, 2 * MIB))
    assert "thread_stack" in {kind for _, kind in kinds(read(text, threads=9), AT, AT + 8 * MIB)}


def test_heap_pages() -> None:
    text = sorted_maps(RUBY, LIBC, BRK_HEAP, anon(AT, 464 * KIB), anon(AT + MIB, 468 * KIB))
    assert kinds(read(text), AT, AT + 2 * MIB) == [(464 * KIB, "anonymous"), (468 * KIB, "heap_mmap")]


def test_the_same_elsewhere_is_a_chunk() -> None:
    text = sorted_maps(LIBC, BRK_HEAP, anon(AT, 464 * KIB))
    assert kinds(read(text), AT, AT + 1) == [(464 * KIB, "heap_mmap")]


def test_a_chunk_above_a_late_library_of_ruby_is_no_bss() -> None:
    library = anon(AT, 4 * KIB).replace("00:00 0 ", "fe:00 9 /usr/lib/ruby/x.so")
    text = sorted_maps(RUBY, LIBC, BRK_HEAP, library, anon(AT + 4 * KIB, 388 * KIB))
    assert kinds(read(text), AT + 4 * KIB, AT + 5 * KIB) == [(388 * KIB, "heap_mmap")]


def test_fewer_than_four_of_a_size_are_no_fibers() -> None:
    for count in (3, 4):
        snapshot = read(sorted_maps(RUBY, LIBC, BRK_HEAP, fibers(count)), threads=12, stack_limit=8 * MIB)
        rules = {rule for _, _, _, rule in parts_of(snapshot)}
        assert ("ruby.fiber" in rules) == (count == 4)


def test_pages_have_16_kib_and_at_least_four_are_together() -> None:
    for size, own in ((48 * KIB, False), (64 * KIB, True), (72 * KIB, False), (80 * KIB, True)):
        rules = {rule for _, _, _, rule in parts_of(read(sorted_maps(RUBY, LIBC, BRK_HEAP, anon(AT, size))))}
        assert ("ruby.heap" in rules) == own


def test_a_fiber_s_stacks_are_whole_16_kib_and_a_page() -> None:
    for size, own in ((4 * KIB, False), (20 * KIB, True), (652 * KIB, False), (660 * KIB, True)):
        text = sorted_maps(RUBY, LIBC, BRK_HEAP, fibers(8, size))
        rules = {rule for _, _, _, rule in parts_of(read(text, threads=12, stack_limit=8 * MIB))}
        assert ("ruby.fiber" in rules) == own
