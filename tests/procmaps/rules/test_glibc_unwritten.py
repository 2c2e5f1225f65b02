"""Large chunks of which most was not written yet."""

import pytest

from tests.procmaps.rules.labelled import anon, parts_of, read, with_object

KIB = 2**10
MIB = 2**20
AT = 0x7E0000000000
BRK_HEAP = "555500000000-555500100000 rw-p 00000000 00:00 0 [heap]\n"


def label_of(
    size: int, *, program: str = "/usr/bin/any", perms: str = "rw-p", rss_anon_kb: int = 60_000
) -> str:
    parts = parts_of(read(with_object(program, BRK_HEAP, anon(AT, size, perms)), rss_anon_kb=rss_anon_kb))
    return next(f"{kind} {rule}" for start, _, kind, rule in parts if start == AT)


@pytest.mark.parametrize("size", [90 * MIB + 80 * KIB, 211 * MIB + 700 * KIB, 700 * MIB - 4 * KIB])
def test_what_is_no_whole_number_of_mib_is_rather_malloc_s(size: int) -> None:
    assert label_of(size) == "heap_mmap glibc.mmapped_unwritten"
    assert label_of(size, rss_anon_kb=size // KIB) == "heap_mmap glibc.mmapped"
    assert label_of(size // MIB * MIB) == "anonymous rest.unpaid"
    assert label_of(size, perms="rwxp") == "anonymous rest.unpaid"


def test_whole_mib_with_a_header_are_known_before() -> None:
    assert label_of(300 * MIB + 4 * KIB) == "heap_mmap glibc.mmapped_untouched"


def test_what_is_many_times_more_than_resident_is_the_program_s() -> None:
    assert label_of(1100 * MIB + 80 * KIB, rss_anon_kb=70_000) == "anonymous rest.vast"


@pytest.mark.parametrize(
    "program", ["/usr/sbin/mariadbd", "/usr/sbin/mysqld", "/usr/bin/tarantool", "/usr/lib/libjemalloc.so.2"]
)
def test_programs_and_mallocs_that_map_pools_of_odd_sizes(program: str) -> None:
    assert label_of(90 * MIB + 80 * KIB, program=program).split()[1] != "glibc.mmapped_unwritten"
