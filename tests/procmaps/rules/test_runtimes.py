"""V8 and CPython."""

from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, anon, kinds, read, sorted_maps

KIB = 2**10
MIB = 2**20
AT = 0x7E0000000000


def process(path: str, *lines: str) -> str:
    return sorted_maps(f"00400000-00500000 r-xp 00000000 fe:00 5 {path}\n", LIBC, BRK_HEAP, *lines)


def test_v8_pages_and_code() -> None:
    text = process(
        "/usr/bin/node",
        anon(0x203F380000, 256 * KIB),
        anon(AT, 8 * KIB),
        anon(AT + 8 * KIB, 4 * KIB, "---p"),
        anon(AT + 12 * KIB, 240 * KIB, "rwxp"),
        anon(AT + 252 * KIB, 500 * MIB, "---p"),
        anon(AT + 1024 * MIB, 3 * MIB + 4096),
    )
    snapshot = read(text)
    assert kinds(snapshot, 0x203F380000, 0x203F380001) == [(256 * KIB, "v8_heap")]
    assert {kind for _, kind in kinds(snapshot, AT, AT + 512 * MIB)} == {"v8_code"}
    assert kinds(snapshot, AT + 1024 * MIB, AT + 1025 * MIB) == [(3 * MIB + 4096, "heap_mmap")]


def test_python_arenas_and_chunks_of_malloc() -> None:
    text = process("/usr/bin/python3.11", anon(AT, 3 * MIB), anon(AT + 16 * MIB, 3 * MIB + 4096))
    assert kinds(read(text), AT, AT + 32 * MIB) == [(3 * MIB, "py_arena"), (3 * MIB + 4096, "heap_mmap")]


def test_the_same_sizes_elsewhere_are_no_arenas() -> None:
    assert kinds(read(process("/usr/bin/x", anon(AT, 4 * MIB))), AT, AT + MIB) == [(4 * MIB, "anonymous")]


def test_what_the_kernel_has_aligned_is_no_arena() -> None:
    aligned = read(process("/usr/bin/python3.13", anon(AT, 8 * MIB)), rss_anon_kb=2**20)
    assert kinds(aligned, AT, AT + MIB) == [(8 * MIB, "anonymous")]
    anywhere = read(process("/usr/bin/python3.13", anon(AT + MIB, 8 * MIB)), rss_anon_kb=2**20)
    assert kinds(anywhere, AT, AT + 2 * MIB) == [(8 * MIB, "py_arena")]


def test_first_arenas_of_python_and_the_chunks_that_merge_with_them() -> None:
    library = anon(AT - 4096, 4096).replace("00:00 0 ", "fe:00 9 /usr/lib/python3.13/x.so")
    beside = read(process("/usr/bin/python3.13", library, anon(AT, 3464 * KIB)))
    assert kinds(beside, AT, AT + 1) == [(3464 * KIB, "py_arena")]
    apart = read(process("/usr/bin/python3.13", anon(AT, 3464 * KIB)))
    assert kinds(apart, AT, AT + 1) == [(3464 * KIB, "heap_mmap")]


def test_arenas_beside_the_code_range_are_none_of_it() -> None:
    code = AT - 256 * KIB
    text = process(
        "/usr/bin/node",
        anon(code, 252 * KIB, "rwxp"),
        anon(code + 252 * KIB, 4 * KIB, "---p"),
        anon(AT, 132 * KIB),
        anon(AT + 132 * KIB, 64 * MIB - 132 * KIB, "---p"),
    )
    snapshot = read(text)
    assert {kind for _, kind in kinds(snapshot, code, AT)} == {"v8_code"}
    assert {kind for _, kind in kinds(snapshot, AT, AT + 64 * MIB)} == {"heap_arena"}


def test_buffers_of_openblas_are_no_python_arenas() -> None:
    blas = "7f0000800000-7f0000900000 r-xp 00000000 fe:00 9 /x/numpy.libs/libscipy_openblas64_-32a4.so\n"
    lines = (anon(AT, 64 * MIB), anon(AT + 128 * MIB, 3 * MIB))
    with_blas = read(process("/usr/bin/python3.11", blas, *lines), rss_anon_kb=2**20)
    assert kinds(with_blas, AT, AT + 256 * MIB) == [(64 * MIB, "anonymous"), (3 * MIB, "py_arena")]
