"""Mallocs inside programs and extension modules."""

import pytest

from tests.procmaps.rules.labelled import BRK_HEAP, anon, kinds, parts_of, read, sorted_maps, with_object

KIB = 2**10
MIB = 2**20
GIB = 2**30
TIB = 2**40
AT = 0x7E0000000000
PYTHON = "00400000-00500000 r-xp 00000000 fe:00 5 /usr/bin/python3.13\n"
SMAPS = "Size: {kb} kB\nRss: {rss} kB\nVmFlags: {flags}\n"


def line(start: int, size: int, flags: str, share: int = 100) -> str:
    """One mapping of smaps, of which a share in percent is resident."""
    kb = size // KIB
    return anon(start, size) + SMAPS.format(kb=kb, rss=kb * share // 100, flags=flags)


def with_flags(text: str) -> str:
    """The lines of files and of the heap as smaps prints them."""
    return "".join(
        each + SMAPS.format(kb=64, rss=64, flags="rd wr mr mw me") for each in text.splitlines(True)
    )


@pytest.mark.parametrize("start", [5 * TIB + 96 * MIB, 29 * TIB, 0x3C00 << 32])
def test_memory_far_from_all_files_is_of_an_allocator_that_chose_its_address(start: int) -> None:
    text = with_object("/usr/lib/libarrow.so.2400", BRK_HEAP, anon(start, 640 * MIB))
    closed = anon(start + 640 * MIB, 384 * MIB, "---p")
    snapshot = read(sorted_maps(text, closed), rss_anon_kb=2**19)
    assert {kind for _, kind in kinds(snapshot, start, start + GIB)} == {"heap_allocator"}


@pytest.mark.parametrize(("size", "kind"), [(GIB, "heap_allocator"), (GIB + 2 * MIB, "anonymous")])
def test_an_arena_of_mimalloc_need_not_be_in_use(size: int, kind: str) -> None:
    start = 9 * TIB + 64 * MIB
    snapshot = read(with_object("/usr/lib/libarrow.so.1700", BRK_HEAP, anon(start, size)), rss_anon_kb=9000)
    assert kinds(snapshot, start, start + size) == [(size, kind)]


@pytest.mark.parametrize(
    ("start", "size", "perms"),
    [
        (64 * GIB, 640 * MIB, "rw-p"),  # of SBCL, of Go, of a JVM
        (0x5A00 << 32, 640 * MIB, "rw-p"),  # right below a position-independent executable
        (2 * TIB, 12 * TIB, "rw-p"),  # shadow memory
        (6 * TIB, 640 * MIB, "---p"),
    ],
)
def test_other_memory_far_from_files(start: int, size: int, perms: str) -> None:
    snapshot = read(with_object("/usr/bin/x", BRK_HEAP, anon(start, size, perms)), rss_anon_kb=2**19)
    assert "heap_allocator" not in {kind for _, kind in kinds(snapshot, start, start + size)}


def test_a_file_nearby_means_that_the_kernel_chose_the_address() -> None:
    legacy = 0x2AAA << 32
    near = f"{legacy:x}-{legacy + MIB:x} r-xp 00000000 fe:00 81 /usr/lib/ld-2.31.so\n"
    text = sorted_maps(with_object("/usr/bin/x", BRK_HEAP, anon(legacy + 2 * GIB, 40 * MIB)), near)
    assert kinds(read(text), legacy + MIB, legacy + 4 * GIB) == [(40 * MIB, "anonymous")]


def test_runtimes_that_choose_addresses_themselves() -> None:
    at = 7 * TIB
    for program in ("/usr/bin/node", "/usr/lib/firefox-esr/firefox-esr"):
        text = with_object(program, BRK_HEAP, anon(at, 3 * MIB))
        assert "heap_allocator" not in {kind for _, kind in kinds(read(text), at, at + GIB)}


@pytest.mark.parametrize(
    "module",
    [
        "_duckdb.cpython-312-x86_64-linux-gnu.so",
        "_polars_runtime.abi3.so",
        "_chdb.abi3.so",
        "_granian.cpython-311-x86_64-linux-gnu.so",
        "libduckdb.so",
    ],
)
def test_jemalloc_inside_an_extension_module(module: str) -> None:
    text = with_object(f"/opt/{module}", PYTHON, BRK_HEAP, anon(AT, 45 * MIB), anon(AT + GIB, 3 * MIB))
    assert kinds(read(text), AT, AT + 2 * GIB) == [(45 * MIB, "heap_allocator"), (3 * MIB, "py_arena")]
    files = with_flags(with_object(f"/opt/{module}", PYTHON, BRK_HEAP))
    smaps = sorted_lines(
        files, line(AT, 2560 * KIB, "rd wr mr mw me nr", 1), line(AT + GIB, 5 * MIB, "rd wr mr mw me ac")
    )
    assert kinds(read(smaps=smaps), AT, AT + 2 * GIB) == [
        (2560 * KIB, "heap_allocator"),
        (5 * MIB, "py_arena"),
    ]


def sorted_lines(files: str, *lines: str) -> str:
    """Mappings of smaps; those of AT and above lie below the libraries and above the rest."""
    low: list[str] = []
    high: list[str] = []
    for part in files.split("VmFlags: rd wr mr mw me\n")[:-1]:
        (high if part.startswith("7f") else low).append(part + "VmFlags: rd wr mr mw me\n")
    return "".join([*low, *lines, *high])


def test_memory_with_jemalloc_s_flag_and_sizes_may_be_its() -> None:
    files = with_flags(with_object("/usr/bin/x", BRK_HEAP))
    own = "rd wr mr mw me nr"
    text = sorted_lines(files, line(AT, 3584 * KIB, own, 30), line(AT + GIB, 14 * MIB, own))
    assert {kind for _, kind in kinds(read(smaps=text), AT, AT + 2 * GIB)} == {"heap_allocator"}


@pytest.mark.parametrize(
    ("sizes", "share", "flags"),
    [
        ((6 * MIB, 6 * MIB, 6 * MIB), 100, "rd wr mr mw me nr"),  # slabs, all of one size
        ((6 * MIB, 14 * MIB), 3, "rd wr mr mw me nr"),  # a table that is hardly used
        ((6 * MIB + 4096, 14 * MIB + 8192), 100, "rd wr mr mw me nr"),
        ((6 * MIB, 14 * MIB), 100, "rd wr mr mw me nr dd"),
        ((1536 * KIB, 512 * KIB), 100, "rd wr mr mw me nr"),
    ],
)
def test_memory_without_reserve_that_is_a_program_s_own(
    sizes: tuple[int, ...], share: int, flags: str
) -> None:
    files = with_flags(with_object("/usr/bin/x", BRK_HEAP))
    lines = [line(AT + number * GIB, size, flags, share) for number, size in enumerate(sizes)]
    found = kinds(read(smaps=sorted_lines(files, *lines)), AT, AT + 4 * GIB)
    assert "heap_allocator" not in {kind for _, kind in found}


def test_clickhouse_has_jemalloc_linked_in() -> None:
    text = sorted_maps(
        "00400000-0c016000 r-xp 00000000 fe:00 5 /usr/bin/clickhouse\n",
        anon(AT, 5 * GIB),
        anon(AT + TIB // 4, MIB),
    )
    assert {kind for _, kind in kinds(read(text), AT, AT + TIB)} == {"heap_allocator"}


@pytest.mark.parametrize(
    ("program", "start", "kind"),
    [
        ("/usr/bin/tarantool", 0x40000000, "heap_allocator"),
        ("/usr/lib/libluajit-5.1.so.2.1.0", 0x7F000000, "heap_allocator"),
        ("/usr/bin/tarantool", 0x3FFFF000, "anonymous"),
        ("/usr/bin/x", 0x40000000, "anonymous"),
    ],
)
def test_luajit_asks_for_addresses_of_31_bits(program: str, start: int, kind: str) -> None:
    text = with_object(program, BRK_HEAP, anon(start, 900 * KIB))
    assert kinds(read(text), start, start + 1) == [(900 * KIB, kind)]


def opened_from_the_top(start: int, size: int, closed: int) -> str:
    return anon(start, closed, "---p") + anon(start + closed, size - closed)


@pytest.mark.parametrize("program", ["/usr/bin/x", "/usr/bin/workerd"])
@pytest.mark.parametrize("start", [0x10F7_4000_0000, 0x4137_4000_0000, 0x6D57_C000_0000])
def test_tcmalloc_opens_regions_of_1_gib_from_the_top(program: str, start: int) -> None:
    text = with_object(program, BRK_HEAP, opened_from_the_top(start, GIB, 900 * MIB))
    snapshot = read(text, rss_anon_kb=2**17)
    assert {kind for _, kind in kinds(snapshot, start, start + GIB)} == {"heap_allocator"}


def test_regions_of_tcmalloc_that_are_all_in_use() -> None:
    start = 0x6D57_C000_0000
    for program, kind in (("/usr/bin/x", "heap_allocator"), ("/usr/bin/node", "anonymous")):
        text = with_object(program, BRK_HEAP, anon(start, 3 * GIB))
        assert kinds(read(text, rss_anon_kb=2**20), start, start + 1) == [(3 * GIB, kind)]


def test_what_is_opened_from_the_bottom_is_v8_s() -> None:
    start = 0x2840_0000_0000
    text = with_object(
        "/usr/bin/workerd", BRK_HEAP, anon(start, 60 * MIB), anon(start + 60 * MIB, 964 * MIB, "---p")
    )
    assert {kind for _, kind in kinds(read(text), start, start + GIB)} == {"v8_heap"}


def test_such_memory_within_1_tib_of_a_file_was_placed_by_the_kernel() -> None:
    start = 0x7EFF_C000_0000
    text = with_object("/usr/bin/x", BRK_HEAP, opened_from_the_top(start, GIB, 900 * MIB))
    assert "heap_allocator" not in {kind for _, kind in kinds(read(text), start, start + GIB)}


def test_servers_with_an_allocator_linked_in() -> None:
    for program, size in (
        ("/usr/bin/mongod", 3 * MIB),
        ("/opt/redis-server", 2560 * KIB),
        ("/opt/qdrant", 9 * MIB),
    ):
        text = with_object(program, BRK_HEAP, anon(AT, size))
        assert kinds(read(text), AT, AT + 1) == [(size, "heap_allocator")]
    text = with_object("/opt/redis-server", BRK_HEAP, anon(AT, 1536 * KIB), anon(AT + GIB, 9 * MIB + 4096))
    assert kinds(read(text), AT, AT + 2 * GIB) == [(1536 * KIB, "heap_mmap"), (9 * MIB + 4096, "heap_mmap")]


def test_a_loaded_library_replaces_malloc_in_a_program_with_jemalloc_inside() -> None:
    library = "7f0000a00000-7f0000b00000 r-xp 00000000 fe:00 81 /usr/lib/libjemalloc.so.2\n"
    text = with_object("/opt/redis-server", library, anon(AT, 9 * MIB))
    assert [name for start, *_, name in parts_of(read(text)) if start == AT] == ["allocator.mapped"]


def test_mimalloc_inside_arrow_maps_with_the_same_flag() -> None:
    files = with_flags(with_object("/opt/libarrow.so.2400", PYTHON, BRK_HEAP))
    for size, flags, kind in (
        (320 * KIB, "rd wr mr mw me nr", "heap_allocator"),
        (3 * MIB, "rd wr mr mw me nr", "heap_allocator"),
        (3 * MIB, "rd wr mr mw me ac", "py_arena"),
        (324 * KIB, "rd wr mr mw me nr", "anonymous"),
    ):
        found = kinds(read(smaps=sorted_lines(files, line(AT, size, flags, 2))), AT, AT + 1)
        assert found == [(size, kind)]


def test_arrow_without_mimalloc_s_addresses_has_jemalloc() -> None:
    hinted = 13 * TIB
    lines = (BRK_HEAP, anon(AT, 6 * MIB), anon(AT + 32 * MIB + 512 * KIB, 6 * MIB))
    text = sorted_maps(PYTHON, with_object("/x/pyarrow/libarrow.so.1200", *lines))
    found = {start: rule for start, *_, rule in parts_of(read(text, rss_anon_kb=2**19))}
    assert (found[AT], found[AT + 32 * MIB + 512 * KIB]) == ("allocator.extension", "python.arena")
    asked = sorted_maps(text, anon(hinted, 64 * MIB))
    assert (AT, 6 * MIB, "anonymous", "rest.anonymous") in parts_of(read(asked, rss_anon_kb=2**19))


def test_half_a_mib_is_no_arena_of_python() -> None:
    module = "7f0000a00000-7f0000b00000 r-xp 00000000 fe:00 10 /x/_polars_runtime.abi3.so\n"
    first, second = AT + 12 * KIB, AT + 64 * MIB + 12 * KIB
    lines = (BRK_HEAP, anon(first, 3584 * KIB), anon(second, 3 * MIB))
    text = sorted_maps(PYTHON, module, with_object("/usr/lib/x.so", *lines))
    found = {start: rule for start, *_, rule in parts_of(read(text, rss_anon_kb=2**19))}
    assert (found[first], found[second]) == ("allocator.extension", "python.arena")


def test_the_first_2_mib_of_jemalloc_are_aligned_and_alone() -> None:
    module = "7f0000a00000-7f0000b00000 r-xp 00000000 fe:00 10 /x/_duckdb.cpython-313-x86_64-linux-gnu.so\n"
    closed = anon(AT + 66 * MIB, MIB, "---p")
    lines = (BRK_HEAP, anon(AT, 2 * MIB), anon(AT + 64 * MIB, 2 * MIB), closed)
    text = sorted_maps(PYTHON, module, with_object("/usr/lib/x.so", *lines))
    found = {start: rule for start, *_, rule in parts_of(read(text, rss_anon_kb=2**19))}
    assert (found[AT], found[AT + 64 * MIB]) == ("allocator.extension", "python.arena_aligned")
