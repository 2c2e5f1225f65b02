"""The code cache."""

from procmaps.kinds import Kind
from tests.procmaps.rules.labelled import anon, blocks, jvm, kinds, read

KIB = 2**10
MIB = 2**20
AT = 0x7E0000000000


def test_a_code_cache_ends_where_its_size_says() -> None:
    # the closed rest merged with a reserve of somebody else above it
    text = jvm("", anon(AT, 2496 * KIB, "rwxp"), anon(AT + 2496 * KIB, 260 * MIB - 2496 * KIB, "---p"))
    snapshot = read(text)
    assert blocks(snapshot, Kind.JAVA_CODE) == [240 * MIB]
    assert kinds(snapshot, AT + 240 * MIB, AT + 241 * MIB) == [(20 * MIB, "reserved")]


def test_pages_that_a_translator_has_made_read_only_are_of_the_cache() -> None:
    cache, at = "", AT
    for size, perms in (
        (64 * KIB, "r-xp"),
        (3 * MIB, "rwxp"),
        (4 * KIB, "r-xp"),
        (5 * MIB, "rwxp"),
        (100 * KIB, "r-xp"),
    ):
        cache += anon(at, size, perms)
        at += size
    cache += anon(at, AT + 240 * MIB - at, "---p")
    assert {kind for _, kind in kinds(read(jvm("", cache)), AT, AT + 240 * MIB)} == {"java_code"}


def test_executable_memory_that_was_never_writable_is_no_cache() -> None:
    text = jvm("", anon(AT, 64 * KIB, "r-xp"), anon(AT + 64 * KIB, 200 * MIB, "---p"))
    assert "java_code" not in {kind for _, kind in kinds(read(text), AT, AT + 240 * MIB)}
