"""OpenBLAS: its buffers are no arenas of CPython and no chunks of malloc."""

from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, anon, parts_of, read, sorted_maps

MIB = 2**20
AT = 0x7E0000000000
PYTHON = "00400000-00500000 r-xp 00000000 fe:00 5 /usr/bin/python3.11\n"
BLAS = "7f0000800000-7f0000900000 r-xp 00000000 fe:00 9 /x/numpy.libs/libscipy_openblas64_-32a4.so\n"


def rules(*lines: str) -> list[tuple[int, str]]:
    """Size and rule of what lies in the mmap area below the libraries."""
    snapshot = read(sorted_maps(PYTHON, LIBC, BRK_HEAP, *lines), rss_anon_kb=2**20)
    return [(size, rule) for start, size, _, rule in parts_of(snapshot) if AT <= start < AT + 2**32]


def test_buffers_are_no_python_arenas() -> None:
    lines = (anon(AT, 64 * MIB), anon(AT + 128 * MIB, 3 * MIB))
    assert rules(BLAS, *lines) == [(64 * MIB, "openblas.buffer"), (3 * MIB, "python.arena")]


def test_buffers_lie_where_the_kernel_aligns_them() -> None:
    assert rules(BLAS, anon(AT + MIB, 64 * MIB)) == [(64 * MIB, "python.arena")]


def test_the_same_without_openblas_is_no_buffer() -> None:
    assert "openblas.buffer" not in {rule for _, rule in rules(anon(AT, 64 * MIB))}


def test_a_buffer_has_32_mib() -> None:
    for at, size, own in (
        (AT, 16 * MIB, False),
        (AT, 32 * MIB, True),
        (AT, 48 * MIB, False),
        (AT + 2 * MIB, 32 * MIB, True),
    ):
        assert (rules(BLAS, anon(at, size)) == [(size, "openblas.buffer")]) == own


def test_whole_steps_of_jemalloc_can_be_buffers_too() -> None:
    extension = "7f0000a00000-7f0000b00000 r-xp 00000000 fe:00 10 /x/_polars_runtime.abi3.so\n"
    lines = (anon(AT + 2 * MIB, 160 * MIB), anon(AT + 256 * MIB, 96 * MIB), anon(AT + 512 * MIB, 40 * MIB))
    found = [rule for _, rule in rules(BLAS, extension, *lines)]
    assert found == ["allocator.extension", "openblas.buffer", "allocator.extension"]


def test_what_the_kernel_need_not_reserve_is_no_buffer() -> None:
    text = sorted_maps(PYTHON, LIBC, BRK_HEAP, BLAS, anon(AT, 32 * MIB))
    smaps = "".join(line + "Rss: 64 kB\nVmFlags: rd wr mr mw me nr\n" for line in text.splitlines(True))
    parts = parts_of(read(smaps=smaps, rss_anon_kb=2**20))
    assert "openblas.buffer" not in {rule for start, _, _, rule in parts if start == AT}


def test_the_highest_of_what_can_be_buffers_is_no_full_heap_of_an_arena() -> None:
    size = 64 * MIB
    arena = anon(AT, 9 * MIB + 4096) + anon(AT + 9 * MIB + 4096, size - 9 * MIB - 4096, "---p")
    full, buffer = AT + 4 * size, AT + 8 * size
    text = sorted_maps(PYTHON, LIBC, BRK_HEAP, BLAS, arena, anon(full, size), anon(buffer, size))
    found = {start: rule for start, _, _, rule in parts_of(read(text, rss_anon_kb=2**20))}
    assert (found[full], found[buffer]) == ("glibc.arena_full", "openblas.buffer")


def test_below_the_highest_what_touches_other_memory_is_arenas() -> None:
    closed = anon(AT + 64 * MIB, MIB, "---p")
    found = dict(rules(BLAS, anon(AT, 64 * MIB), closed, anon(AT + 256 * MIB, 96 * MIB)))
    assert (found[64 * MIB], found[96 * MIB]) == ("python.arena_aligned", "openblas.buffer")


def test_large_buffers_may_touch_what_is_above_them() -> None:
    """As built by default a buffer has 128 MiB, and arenas hardly ever add up to whole ones."""
    top = anon(AT + 1024 * MIB, 32 * MIB)
    for size, rule in (
        (128 * MIB, "openblas.buffer"),
        (384 * MIB, "openblas.buffer"),
        (160 * MIB, "python.arena_aligned"),
    ):
        at = AT + 2 * MIB
        assert rules(BLAS, anon(at, size), anon(at + size, MIB, "---p"), top)[0] == (size, rule)
