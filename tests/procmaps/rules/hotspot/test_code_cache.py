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
