"""V8, CPython, .NET, Erlang."""

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
    text = process("/usr/bin/python3.11", anon(AT, 4 * MIB), anon(AT + 16 * MIB, 3 * MIB + 4096))
    assert kinds(read(text), AT, AT + 32 * MIB) == [(4 * MIB, "py_arena"), (3 * MIB + 4096, "heap_mmap")]


def test_the_same_sizes_elsewhere_are_no_arenas() -> None:
    assert kinds(read(process("/usr/bin/x", anon(AT, 4 * MIB))), AT, AT + MIB) == [(4 * MIB, "anonymous")]


def test_dotnet_range() -> None:
    text = process(
        "/usr/share/dotnet/shared/Microsoft.NETCore.App/8.0.1/libcoreclr.so",
        anon(AT, 16 * MIB),
        anon(AT + 16 * MIB, 200 * 2**30, "---p"),
        anon(AT - 64 * MIB, MIB, "rwxp"),
    )
    snapshot = read(text)
    assert {kind for _, kind in kinds(snapshot, AT, AT + 2**40)} >= {"dotnet_heap"}
    assert kinds(snapshot, AT - 64 * MIB, AT - 63 * MIB) == [(MIB, "dotnet_code")]


def test_erlang_carriers() -> None:
    text = process(
        "/usr/lib/erlang/erts-14.2/bin/beam.smp", anon(AT, 8 * MIB), anon(AT + 2**30, 2**30, "---p")
    )
    snapshot = read(text)
    assert kinds(snapshot, AT, AT + MIB) == [(8 * MIB, "beam_heap")]
    assert kinds(snapshot, AT + 2**30, AT + 2**31) == [(2**30, "beam_heap")]


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
    without = read(process("/usr/bin/python3.11", *lines), rss_anon_kb=2**20)
    assert kinds(without, AT, AT + 64 * MIB) == [(64 * MIB, "py_arena")]
