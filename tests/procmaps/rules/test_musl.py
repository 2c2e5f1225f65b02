"""musl's malloc."""

from tests.procmaps.rules.labelled import MUSL, anon, kinds, read, sorted_maps

KIB = 2**10
MIB = 2**20
AT = 0x7E0000000000


def test_musl() -> None:
    assert kinds(read(sorted_maps(MUSL, anon(AT, 300 * KIB))), AT, AT + 1) == [(300 * KIB, "heap_allocator")]


def test_musl_that_is_linked_into_the_program_is_known_by_its_closed_page() -> None:
    """src/malloc/mallocng/malloc.c: the lowest page of what it takes by brk may not be touched."""
    program = "00400000-0040a000 r-xp 00000000 fe:00 5 /srv/program\n"
    page, brk = (
        "01000000-01001000 ---p 00000000 00:00 0 [heap]\n",
        "01001000-01008000 rw-p 00000000 00:00 0 [heap]\n",
    )
    chunk = anon(AT, 300 * KIB)
    static = read(sorted_maps(program, page, brk, chunk), rss_anon_kb=900)
    assert (300 * KIB, "heap_allocator") in kinds(static)
    assert (300 * KIB, "heap_mmap") in kinds(read(sorted_maps(program, brk, chunk), rss_anon_kb=900))


def test_musl_maps_no_whole_mib_and_no_more_than_is_resident() -> None:
    for size, kind in ((2 * MIB, "anonymous"), (2 * MIB + 4 * KIB, "heap_allocator")):
        assert kinds(read(sorted_maps(MUSL, anon(AT, size))), AT, AT + 1) == [(size, kind)]
    large = sorted_maps(MUSL, anon(AT, 50 * MIB + 4 * KIB))
    for resident, kind in ((41 * 1024, "heap_allocator"), (39 * 1024, "anonymous")):
        assert kinds(read(large, rss_anon_kb=resident), AT, AT + 1) == [(50 * MIB + 4 * KIB, kind)]


def test_musl_sets_no_flags() -> None:
    line = anon(AT, 300 * KIB)
    smaps = sorted_maps(MUSL, line).replace(line, line + "VmFlags: rd wr mr mw me dd\n")
    assert kinds(read(smaps=smaps), AT, AT + 1) == [(300 * KIB, "anonymous")]
