"""Tables of ZGC and Shenandoah."""

import pytest

from procmaps.rules.hotspot.concurrent import MERGED_MAX_BYTES
from tests.procmaps.rules.labelled import anon, jvm, kinds, read, whole

KIB = 2**10
MIB = 2**20
GIB = 2**30
AT = 0x7E0000000000


def test_zgc_s_mark_stack_space_and_granule_maps() -> None:
    base = 0x40000000000
    view = f"{base:x}-{base + 64 * MIB:x} rw-s 00000000 00:01 77 /memfd:java_heap (deleted)\n"
    text = jvm(
        view,
        anon(AT, 32 * MIB),
        anon(AT + 32 * MIB, 8 * GIB - 32 * MIB, "---p"),
        anon(AT + 16 * GIB, 48 * MIB),
    )
    assert {kind for _, kind in kinds(read(text), AT, AT + 17 * GIB)} == {"java_gc"}


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("chunks", [132 * KIB, 2 * MIB + 136 * KIB, 31 * MIB + 4096])
def test_chunks_that_merged_with_zgc_s_mark_stacks_lie_below(steps: int, chunks: int) -> None:
    """The mark stacks grow by 32 MiB from the bottom of their range."""
    view = f"{2**42:x}-{2**42 + 64 * MIB:x} rw-s 00000000 00:01 77 /memfd:java_heap (deleted)\n"
    used = steps * 32 * MIB
    text = jvm(view, anon(AT - chunks, chunks + used), anon(AT + used, 8 * GIB - used, "---p"))
    snapshot = read(text, rss_anon_kb=900_000)
    assert kinds(snapshot, AT - chunks, AT) == [(chunks, "heap_mmap")]
    assert kinds(snapshot, AT, AT + 8 * GIB) == [(used, "java_gc"), (8 * GIB - used, "java_gc")]


def test_shenandoah_s_collection_set_lies_at_the_bottom() -> None:
    text = jvm(whole(256 * MIB), anon(0x1000, 4096), anon(0x2000, 64 * KIB, "---p"))
    snapshot = read(text, argv=("java", "-XX:+UseShenandoahGC", "-Xmx256m", "Main"))
    assert {kind for _, kind in kinds(snapshot, 0, 2**20)} == {"java_gc"}


def test_granule_maps_of_zgc() -> None:
    view = f"{2**42:x}-{2**42 + 32 * MIB:x} rw-s 00000000 00:01 9 /memfd:java_heap (deleted)\n"
    sizes = [34 * GIB * 16 // (2 * MIB) * 8, 4 * MIB, 34 * GIB * 16 // (2 * MIB) * 8 + 4 * MIB]
    lines = [anon(AT + n * 64 * MIB, size) for n, size in enumerate(sizes)]
    argv = ("java", "-XX:+UseZGC", "-Xmx34g", "Main")
    assert {kind for _, kind in kinds(read(jvm(view, *lines), argv=argv), AT, AT + GIB)} == {"java_gc"}


def test_granule_maps_of_zgc_with_a_chunk_right_above() -> None:
    view = f"{2**42:x}-{2**42 + 32 * MIB:x} rw-s 00000000 00:01 9 /memfd:java_heap (deleted)\n"
    text = jvm(view, anon(AT, 32 * MIB + 68 * KIB))
    assert kinds(read(text, rss_anon_kb=90_000), AT, AT + GIB) == [
        (32 * MIB, "java_gc"),
        (68 * KIB, "anonymous"),
    ]


def test_more_than_a_little_above_a_granule_map_is_something_else() -> None:
    view = f"{2**42:x}-{2**42 + 32 * MIB:x} rw-s 00000000 00:01 9 /memfd:java_heap (deleted)\n"
    for more, found in ((MERGED_MAX_BYTES, True), (MERGED_MAX_BYTES + 4096, False)):
        text = jvm(view, anon(AT, 32 * MIB + more))
        assert ((32 * MIB, "java_gc") in kinds(read(text, rss_anon_kb=90_000), AT, AT + GIB)) is found


def test_without_zgc_s_heap_a_large_reserve_is_not_its() -> None:
    text = jvm(whole(256 * MIB), anon(AT, 48 * MIB + 4096), anon(AT + GIB, 8 * GIB, "---p"))
    assert "java_gc" not in {kind for _, kind in kinds(read(text, rss_anon_kb=900_000), AT, AT + 16 * GIB)}


def test_a_full_heap_of_an_arena_is_no_granule_map() -> None:
    view = f"{2**42:x}-{2**42 + 32 * MIB:x} rw-s 00000000 00:01 9 /memfd:java_heap (deleted)\n"
    arena = anon(AT, 5 * MIB + 4096) + anon(AT + 5 * MIB + 4096, 59 * MIB - 4096, "---p")
    text = jvm(view, arena, anon(AT + 128 * MIB, 128 * MIB), anon(AT + GIB + 2 * MIB, 64 * MIB))
    assert [kind for _, kind in kinds(read(text, rss_anon_kb=900_000), AT + 64 * MIB, AT + 2 * GIB)] == [
        "heap_arena",
        "heap_arena",
        "java_gc",
    ]


def test_maps_of_jdk_25_are_as_large_as_the_heap_asks_for() -> None:
    view = f"{2**42:x}-{2**42 + 32 * MIB:x} rw-s 00000000 00:01 9 /memfd:java_heap (deleted)\n"
    text = jvm(view, anon(AT + 4 * KIB, 48 * MIB), anon(AT + 128 * MIB, 192 * KIB))
    argv = ("java", "-XX:+UseZGC", "-Xmx3g", "Main")  # 8 bytes for each 2 MiB of 48 GiB
    for version, kinds_found in ((25, ["java_gc"]), (21, ["java_gc", "java_gc"])):
        snapshot = read(text.replace("java-17", f"java-{version}"), argv=argv, rss_anon_kb=90_000)
        found = kinds(snapshot, AT, AT + GIB)
        assert [kind for _, kind in found if kind == "java_gc"] == kinds_found
        assert found[-1] == (192 * KIB, "java_gc")
