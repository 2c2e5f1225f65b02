"""Large chunks beside memory that malloc cannot have mapped."""

import pytest

from procmaps.rules.process import MIB
from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, anon, parts_of, read, sorted_maps

AT = 0x7E0000000000
FAR = AT + 4096 * MIB
CHUNK = 7 * MIB + 12 * 1024
SURE, DOUBTFUL = "glibc.mmapped", "glibc.mmapped_beside_own"


def rule_of_chunks(*own: str, chunks: int = 3, rss_anon_kb: int = 200 * 1024) -> set[str]:
    apart = "".join(anon(AT + number * 16 * MIB, CHUNK) for number in range(chunks))
    parts = parts_of(read(sorted_maps(BRK_HEAP, LIBC, apart, *own), threads=1, rss_anon_kb=rss_anon_kb))
    return {rule for start, size, _, rule in parts if size == CHUNK and AT <= start < FAR}


@pytest.mark.parametrize(("own", "rule"), [(22, DOUBTFUL), (21, SURE), (0, SURE)])
def test_as_much_of_whole_mib_makes_chunks_doubtful(own: int, rule: str) -> None:
    assert rule_of_chunks(*([anon(FAR, own * MIB)] if own else [])) == {rule}
    assert rule_of_chunks(*(anon(FAR + number * 2 * MIB, MIB) for number in range(own))) == {rule}


@pytest.mark.parametrize(("perms", "rule"), [("rwxp", DOUBTFUL), ("r-xp", DOUBTFUL), ("---p", SURE)])
def test_code_that_the_program_makes_is_its_own_and_a_reserve_is_nothing(perms: str, rule: str) -> None:
    assert rule_of_chunks(anon(FAR, 24 * MIB, perms)) == {rule}


def test_memory_of_odd_sizes_that_is_more_than_resident_can_be_chunks_too() -> None:
    table = anon(FAR, 300 * MIB + 8192)
    assert rule_of_chunks(table, rss_anon_kb=40 * 1024) == {SURE}
    for program, rule in (("mariadbd", DOUBTFUL), ("tarantool", DOUBTFUL), ("other", SURE)):
        path = f"7f0000800000-7f0000900000 r-xp 00000000 fe:00 80 /usr/sbin/{program}\n"
        assert rule_of_chunks(table, path, rss_anon_kb=40 * 1024) == {rule}
        assert rule_of_chunks(table, path, rss_anon_kb=400 * 1024) == {SURE}


def test_less_than_a_mib_says_nothing_of_how_a_program_maps() -> None:
    small = "".join(anon(FAR + number * MIB, 512 * 1024) for number in range(60))
    assert rule_of_chunks(small) == {SURE}
