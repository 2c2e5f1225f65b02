"""Segment maps of the code cache."""

from procmaps.kinds import Kind
from procmaps.rules.hotspot.arguments import JvmArguments
from procmaps.rules.hotspot.jvm import Jvm
from procmaps.rules.hotspot.segment_maps import SEGMENTS_LIMIT_COUNT, segment_maps
from tests.procmaps.rules.labelled import anon, blocks, jvm, kinds, process, read

KIB = 2**10
MIB = 2**20
AT = 0x7E0000000000
TABLE = AT + 512 * MIB


def segments(*sizes: tuple[int, int]) -> str:
    """A code cache whose segments have these committed and closed bytes."""
    lines, at = "", AT
    for committed, rest in sizes:
        lines += anon(at, committed, "rwxp") + anon(at + committed, rest, "---p")
        at += committed + rest
    return lines


def test_three_segments_and_their_maps() -> None:
    sizes = (2496 * KIB, 117536 * KIB), (2496 * KIB, 3196 * KIB), (2496 * KIB, 117540 * KIB)
    table = anon(TABLE, 20 * KIB) + anon(TABLE + 20 * KIB, 920 * KIB, "---p")
    snapshot = read(jvm("", segments(*sizes), table))
    assert kinds(snapshot, TABLE, TABLE + MIB) == [(20 * KIB, "java_code"), (920 * KIB, "java_code")]
    assert sum(blocks(snapshot, Kind.JAVA_CODE)) == sum(map(sum, sizes)) + 940 * KIB


def jvm_with(*code_segments: tuple[int, int]) -> Jvm:
    """A JVM whose code cache has segments with these reserved and committed bytes."""
    return Jvm(17, JvmArguments(), code_segments=list(code_segments))


def found(jvm: Jvm, *lines: str) -> list[tuple[int, int]]:
    """The address ranges that are claimed."""
    return [(claim.start, claim.end) for claim in segment_maps(jvm, process(*lines))]


def test_what_merged_below_a_segment_map_is_not_claimed() -> None:
    jvm = jvm_with((120032 * KIB, 2496 * KIB))
    lines = anon(TABLE, 300 * KIB), anon(TABLE + 300 * KIB, 920 * KIB, "---p")
    assert found(jvm, *lines) == [(TABLE + 280 * KIB, TABLE + 1220 * KIB)]


def test_a_map_is_committed_as_far_as_its_segment_is() -> None:
    lines = anon(TABLE, 16 * KIB), anon(TABLE + 16 * KIB, 920 * KIB, "---p")
    assert found(jvm_with((120032 * KIB, 2496 * KIB)), *lines) == []


def test_its_rest_may_differ_by_a_page_and_must_not_be_as_small_as_a_guard() -> None:
    for reserved, rest, fits in (
        (MIB, 8, False),
        (2 * MIB, 12, True),
        (2 * MIB, 16, True),
        (2 * MIB, 20, False),
    ):
        lines = anon(TABLE, 4 * KIB), anon(TABLE + 4 * KIB, rest * KIB, "---p")
        assert bool(found(jvm_with((reserved, 512 * KIB)), *lines)) is fits


def test_if_the_maps_of_two_segments_fit_the_smaller_is_a_block_of_its_own() -> None:
    jvm = jvm_with((120032 * KIB, 2496 * KIB), (120032 * KIB, 3008 * KIB))
    lines = anon(TABLE, 300 * KIB), anon(TABLE + 300 * KIB, 916 * KIB, "---p")
    end = TABLE + 1216 * KIB
    assert found(jvm, *lines) == [(TABLE + 280 * KIB, end), (TABLE + 276 * KIB, end)]


def test_only_the_first_segments_are_looked_at() -> None:
    """A process can map code in thousands of pieces."""
    small, large = (192 * KIB, 64 * KIB), (120032 * KIB, 2496 * KIB)
    lines = anon(TABLE, 20 * KIB), anon(TABLE + 20 * KIB, 920 * KIB, "---p")
    assert found(jvm_with(*[small] * (SEGMENTS_LIMIT_COUNT - 1), large), *lines)
    assert not found(jvm_with(*[small] * SEGMENTS_LIMIT_COUNT, large), *lines)
