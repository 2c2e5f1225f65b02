"""Code cache and what belongs to it."""

from procmaps.kinds import Kind
from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, LIBJVM, anon, blocks, kinds, read, sorted_maps

KIB = 2**10
MIB = 2**20
AT = 0x7E0000000000


def jvm(*lines: str) -> str:
    return sorted_maps(BRK_HEAP, LIBC, LIBJVM, *lines)


def test_a_code_cache_ends_where_its_size_says() -> None:
    # the closed rest merged with a reserve of somebody else above it
    text = jvm(anon(AT, 2496 * KIB, "rwxp"), anon(AT + 2496 * KIB, 260 * MIB - 2496 * KIB, "---p"))
    snapshot = read(text)
    assert blocks(snapshot, Kind.JAVA_CODE) == [240 * MIB]
    assert kinds(snapshot, AT + 240 * MIB, AT + 241 * MIB) == [(20 * MIB, "reserved")]


def test_three_segments_and_their_maps() -> None:
    segments = (2496 * KIB, 117536 * KIB), (2496 * KIB, 3196 * KIB), (2496 * KIB, 117540 * KIB)
    lines, at = [], AT
    for committed, rest in segments:
        lines += [anon(at, committed, "rwxp"), anon(at + committed, rest, "---p")]
        at += committed + rest
    table = AT + 512 * MIB
    lines += [anon(table, 20 * KIB), anon(table + 20 * KIB, 920 * KIB, "---p")]
    snapshot = read(jvm(*lines))
    assert kinds(snapshot, table, table + MIB) == [(20 * KIB, "java_code"), (920 * KIB, "java_code")]
    assert sum(blocks(snapshot, Kind.JAVA_CODE)) == at - AT + 940 * KIB


def test_polling_pages() -> None:
    text = jvm(anon(AT, 4096, "---p"), anon(AT + 4096, 4096, "r--p"), anon(AT + 8192, 4096, "---p"))
    assert kinds(read(text), AT, AT + 12288) == [(4096, "java_other")] * 3
