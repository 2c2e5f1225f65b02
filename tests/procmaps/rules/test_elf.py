""".bss and the dynamic loader's memory."""

import pytest

from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, anon, kinds, read, sorted_maps

KIB = 2**10
MIB = 2**20
GIB = 2**30
AT = 0x7F1000000000
EXECUTABLE = 0x555400000000


def library(at: int, path: str = "/usr/lib/libx.so") -> str:
    return (
        f"{at:x}-{at + 0x1000:x} r-xp 00000000 fe:00 50 {path}\n"
        f"{at + 0x1000:x}-{at + 0x2000:x} rw-p 00001000 fe:00 50 {path}\n"
    )


def test_zeroed_data_above_data() -> None:
    for size in (12 * KIB, 3 * MIB + 8 * KIB):
        above = f"{AT + 0x2000 + size:x}-{AT + 0x3000 + size:x} r--p 00000000 fe:00 51 /usr/lib/liby.so\n"
        text = sorted_maps(LIBC, BRK_HEAP, library(AT), anon(AT + 0x2000, size), above)
        assert kinds(read(text), AT + 0x2000)[0] == (size, "file_bss")


def test_large_memory_below_a_gap_was_mapped_before_the_object_below_it() -> None:
    size = 9 * MIB + 4096
    text = sorted_maps(LIBC, BRK_HEAP, library(AT), anon(AT + 0x2000, size))
    assert kinds(read(text), AT + 0x2000) == [(size, "heap_mmap")]
    program = sorted_maps(LIBC, BRK_HEAP, library(EXECUTABLE, "/usr/bin/x"), anon(EXECUTABLE + 0x2000, size))
    assert kinds(read(program), EXECUTABLE + 0x2000)[0] == (size, "file_bss")


def test_above_shared_data_of_a_file_is_no_zeroed_data() -> None:
    shared = f"{AT:x}-{AT + 0x1000:x} rw-s 00000000 fe:00 50 /var/lib/x/lock.mdb\n"
    text = sorted_maps(LIBC, BRK_HEAP, shared, anon(AT + 0x1000, 300 * KIB))
    assert kinds(read(text), AT + 0x1000) == [(300 * KIB, "heap_mmap")]


def test_zeroed_data_above_a_part_that_was_closed_to_writing() -> None:
    at = EXECUTABLE
    closed = f"{at + 0x2000:x}-{at + 0x4000:x} r--p 00002000 fe:00 50 /usr/bin/x\n"
    text = sorted_maps(LIBC, BRK_HEAP, library(at, "/usr/bin/x"), closed, anon(at + 0x4000, 9 * MIB))
    assert kinds(read(text), at + 0x4000)[0] == (9 * MIB, "file_bss")
    apart = sorted_maps(LIBC, BRK_HEAP, closed, anon(at + 0x4000, 9 * MIB + 4096))
    assert kinds(read(apart), at + 0x4000)[0] == (9 * MIB + 4096, "heap_mmap")


def test_large_memory_that_goes_on_is_none() -> None:
    text = sorted_maps(
        LIBC,
        BRK_HEAP,
        library(AT),
        anon(AT + 0x2000, MIB + 4096),
        anon(AT + 0x2000 + MIB + 4096, 4096, "---p"),
    )
    assert kinds(read(text), AT + 0x2000)[0] == (MIB + 4096, "heap_mmap")


def test_python_loads_late() -> None:
    python = "00400000-00500000 r-xp 00000000 fe:00 5 /usr/bin/python3.12\n"
    text = sorted_maps(LIBC, BRK_HEAP, python, library(AT), anon(AT + 0x2000, 2 * MIB))
    assert kinds(read(text), AT + 0x2000) == [(2 * MIB, "py_arena")]


def test_small_memory_below_an_object_is_the_loader_s() -> None:
    text = sorted_maps(LIBC, BRK_HEAP, library(AT), anon(AT - 8 * KIB, 8 * KIB))
    assert kinds(read(text), AT - 8 * KIB, AT) == [(8 * KIB, "loader")]
    far = sorted_maps(LIBC, BRK_HEAP, library(AT), anon(AT - 80 * KIB, 8 * KIB))
    assert kinds(read(far), AT - 80 * KIB, AT) == [(8 * KIB, "anonymous")]


def covered(at: int, size: int) -> str:
    """A library, memory above its data, and a library right above that."""
    above = at + 0x2000 + size
    return (
        library(at) + anon(at + 0x2000, size) + library(above, "/usr/lib/liby.so").replace(":00 50", ":00 51")
    )


@pytest.mark.parametrize(
    ("program", "allocator", "largest"),
    [
        ("/usr/bin/x", "", 4 * MIB),
        ("/usr/bin/x", "libtsan.so.2", 64 * MIB),
        ("/usr/bin/python3.12", "", 640 * KIB),
        ("/usr/bin/python3.12", "libjemalloc.so.2", 3 * MIB),
        ("/usr/bin/python3.12", "libtcmalloc.so.4", 3 * MIB),
        ("/usr/bin/python3.12", "libmimalloc.so.2", 640 * KIB),
        ("/usr/bin/ruby3.1", "", 128 * KIB),
        ("/usr/bin/ruby3.1", "libjemalloc.so.2", 128 * KIB),
    ],
)
def test_how_large_zeroed_data_can_be(program: str, allocator: str, largest: int) -> None:
    executable = f"00400000-00500000 r-xp 00000000 fe:00 5 {program}\n"
    malloc = f"7e0000000000-7e0000100000 r-xp 00000000 fe:00 6 /usr/lib/{allocator}\n" if allocator else ""
    for size in (largest, largest + 8 * KIB):
        text = sorted_maps(LIBC, BRK_HEAP, executable, malloc, covered(AT, size))
        assert (kinds(read(text), AT + 0x2000)[0] == (size, "file_bss")) is (size == largest)


def test_the_loader_s_memory_is_64_kib_at_most() -> None:
    for size, kind in ((64 * KIB, "loader"), (68 * KIB, "anonymous")):
        text = sorted_maps(LIBC, BRK_HEAP, library(AT), anon(AT - size, size))
        assert kinds(read(text), AT - size, AT) == [(size, kind)]


def _data(path: str, end: int) -> str:
    return f"{end - 4096:x}-{end:x} rw-p 00000000 fe:00 9 {path}\n"


@pytest.mark.parametrize("size", [90 * MIB, 3 * GIB])
def test_zeroed_data_below_the_heap_are_of_any_size(size: int) -> None:
    at = 0x555000000000
    heap = anon(at + size + 9 * MIB, MIB, name="[heap]")
    text = sorted_maps(LIBC, _data("/usr/bin/x", at), anon(at, size), heap)
    assert kinds(read(text, rss_anon_kb=900), at, at + 1) == [(size, "file_bss")]
    between = sorted_maps(text, anon(at + size + MIB, 4096))
    assert kinds(read(between, rss_anon_kb=900), at, at + 1) == [(size, "anonymous")]


@pytest.mark.parametrize(
    ("path", "size", "kind"),
    [
        ("/opt/_duckdb.cpython-312-x86_64-linux-gnu.so", 2300 * KIB, "file_bss"),
        ("/opt/libarrow.so.2400", 2300 * KIB, "file_bss"),
        ("/opt/libarrow.so.2400", 3 * MIB + 100 * KIB, "heap_mmap"),
        ("/opt/_other.cpython-312-x86_64-linux-gnu.so", 2300 * KIB, "py_arena"),
    ],
)
def test_an_allocator_inside_a_module_has_tables(path: str, size: int, kind: str) -> None:
    at = 0x7E0000000000
    python = "00400000-00500000 r-xp 00000000 fe:00 5 /usr/bin/python3.13\n"
    library = f"7f0000800000-7f0000900000 r-xp 00000000 fe:00 80 {path}\n"
    text = sorted_maps(
        python, LIBC, library, anon(0x1000000, MIB, name="[heap]"), _data(path, at), anon(at, size)
    )
    assert kinds(read(text), at, at + 1) == [(size, kind)]


@pytest.mark.parametrize(("share", "kind"), [(20, "file_bss"), (30, "heap_mmap")])
def test_zeroed_data_of_a_late_object_are_hardly_written(share: int, kind: str) -> None:
    at, size = 0x7E0000000000, 30 * MIB + 20 * KIB
    text = ""
    for line in (anon(0x1000000, MIB, name="[heap]"), _data("/opt/x.so", at), anon(at, size), LIBC):
        start, end = (int(each, 16) for each in line.split()[0].split("-"))
        kb = (end - start) // KIB
        text += line + f"Size: {kb} kB\nRss: {kb * share // 100} kB\nSwap: 0 kB\nVmFlags: rd wr mr mw me ac\n"
    assert kinds(read(smaps=text, rss_anon_kb=2**16), at, at + 1) == [(size, kind)]


@pytest.mark.parametrize("program", ["/usr/lib/libR.so", "/usr/bin/perl5.40", "/usr/sbin/php-fpm8.4"])
def test_runtimes_load_objects_below_chunks_that_were_mapped_before(program: str) -> None:
    size = 3 * MIB + 300 * KIB
    above = f"{AT + 0x2000 + size:x}-{AT + 0x3000 + size:x} r--p 00000000 fe:00 51 /usr/lib/liby.so\n"
    for runtime, kind in ((program, "heap_mmap"), ("/usr/bin/x", "file_bss")):
        text = sorted_maps(LIBC, BRK_HEAP, library(AT), anon(AT + 0x2000, size), above)
        text += f"7f7000000000-7f7000001000 r-xp 00000000 fe:00 52 {runtime}\n"
        assert kinds(read(text), AT + 0x2000)[0] == (size, kind)


@pytest.mark.parametrize(
    ("name", "pages", "kind"),
    [
        ("libnio.so", 34, "heap_mmap"),
        ("libmanagement_ext.so", 98, "heap_mmap"),
        ("libnio.so", 32, "file_bss"),
        ("server/libjvm.so", 98, "file_bss"),
        ("", 34, "file_bss"),
    ],
)
def test_no_library_of_a_jdk_but_libjvm_has_a_large_bss(name: str, pages: int, kind: str) -> None:
    home = "/usr/lib/jvm/java-17-openjdk-amd64/lib/"
    path = home + name if name else "/usr/lib/x86_64-linux-gnu/libx.so"
    size = pages * 4 * KIB
    text = sorted_maps(LIBC, BRK_HEAP, library(0x7F0000000000, home + "server/libjvm.so"), library(AT, path))
    found = kinds(read(text + anon(AT + 0x2000, size)), AT + 0x2000)
    assert found[0] == (size, kind)
