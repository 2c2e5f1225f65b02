"""Large chunks in runtimes with native code of others."""

import pytest

from procmaps.rules.process import GIB, KIB, MIB
from tests.procmaps.rules.labelled import (
    BRK_HEAP,
    LIBC,
    anon,
    jvm,
    parts_of,
    read,
    sorted_maps,
    whole,
    with_object,
)

AT = 0x7E0000000000
SURE, DOUBTFUL = "glibc.mmapped", "glibc.mmapped_beside_code"
ODD = 104 * KIB
OTHER = "/opt/app/libpool.so"
HARMLESS = (
    "/usr/lib/x86_64-linux-gnu/libz.so.1.2.13",
    "/usr/lib/x86_64-linux-gnu/libnuma.so.1.0.0",
    "/tmp/libnetty_transport_native_epoll_x86_64123.so (deleted)",
    "/usr/lib/jvm/java-17-openjdk-amd64/lib/libnio.so",
)


def code(path: str) -> str:
    return f"7f0000800000-7f0000900000 r-xp 00000000 fe:00 80 {path}\n"


def by_smaps(path: str, size: int, resident: int, swap: int = 0) -> str:
    """The rule that claims memory of a JVM of which smaps shows so much resident or swapped."""
    walked = f"Rss: {resident // KIB} kB\nSwap: {swap // KIB} kB\nVmFlags: rd wr mr mw me ac\n"
    lines = jvm(whole(GIB), code(path)).splitlines(keepends=True)
    above = [line for line in lines if int(line.split("-")[0], 16) > AT]
    smaps = "".join(lines[: -len(above)]) + anon(AT, size) + walked + "".join(above)
    return rule_at(parts_of(read(smaps=smaps, rss_anon_kb=900 * KIB)))


def by_maps(*lines: str, rss_anon: int, argv: tuple[str, ...] = (), heap: int = GIB) -> str:
    """The rule that claims memory of a JVM of which maps and status alone are known."""
    return rule_at(parts_of(read(jvm(whole(heap), *lines), rss_anon_kb=rss_anon // KIB, argv=argv)))


def rule_at(parts: list[tuple[int, int, str, str]]) -> str:
    return next(rule for start, _, _, rule in parts if start == AT)


@pytest.mark.parametrize("size", [4 * MIB + ODD, 90 * MIB + ODD, 333 * MIB - 4 * KIB])
def test_a_part_of_it_resident_is_a_chunk_that_is_not_full_or_memory_of_other_code(size: int) -> None:
    quarter = size // 4 // KIB * KIB + KIB
    for resident, rule in ((quarter, DOUBTFUL), (3 * quarter - 4 * KIB, DOUBTFUL)):
        assert by_smaps(OTHER, size, resident) == rule
    assert by_smaps(OTHER, size, size) == SURE
    assert by_smaps(OTHER, size, quarter - 8 * KIB) == SURE
    assert by_smaps(OTHER, size, quarter, swap=size - quarter) == SURE


@pytest.mark.parametrize("path", HARMLESS)
def test_without_code_of_others_only_malloc_maps_it(path: str) -> None:
    assert by_smaps(path, 70 * MIB + ODD, 35 * MIB) == SURE


def test_small_memory_and_whole_mib_with_headers() -> None:
    assert by_smaps(OTHER, 4 * MIB - 4 * KIB, 2 * MIB) == SURE
    assert by_smaps(OTHER, 16 * MIB + 64 * KIB, 8 * MIB) == SURE
    assert by_smaps(OTHER, 16 * MIB + 68 * KIB, 8 * MIB) == DOUBTFUL


def test_maps_alone_tells_it_where_malloc_would_have_more_than_is_resident() -> None:
    size = 150 * MIB + ODD
    own, more = code(OTHER), anon(AT + GIB, 49 * MIB + 72 * KIB)
    assert by_maps(anon(AT, size), own, rss_anon=152 * MIB) == SURE
    assert by_maps(anon(AT, size), more, own, rss_anon=152 * MIB) == DOUBTFUL
    assert by_maps(anon(AT, size), more, rss_anon=152 * MIB) == SURE
    assert by_maps(anon(AT, size), more, own, rss_anon=220 * MIB) == SURE


def test_a_heap_that_is_written_at_the_start_is_resident_too() -> None:
    asked = ("java", "-Xmx1g", "-Xms1g", "-XX:+AlwaysPreTouch", "Main")
    memory = (anon(AT, 150 * MIB + ODD), code(OTHER))
    assert by_maps(*memory, rss_anon=1100 * MIB, argv=asked) == DOUBTFUL
    assert by_maps(*memory, rss_anon=1100 * MIB, argv=asked[:3]) == SURE
    assert by_maps(*memory, rss_anon=1300 * MIB, argv=asked) == SURE


@pytest.mark.parametrize(
    ("addon", "rule"),
    [
        ("/srv/app/sharp.node", DOUBTFUL),
        ("/srv/app/pool.so", DOUBTFUL),
        ("/usr/lib/x86_64-linux-gnu/libuv.so.1.0.0", SURE),
        ("/usr/lib/x86_64-linux-gnu/libicui18n.so.72.1", SURE),
    ],
)
def test_addons_of_node(addon: str, rule: str) -> None:
    more = "".join(anon(AT + n * 64 * MIB, 20 * MIB + ODD) for n in range(4))
    node = "555400000000-555400100000 r-xp 00000000 fe:00 81 /usr/bin/node\n"
    lines = with_object(addon, node, more)
    assert rule_at(parts_of(read(lines, rss_anon_kb=70 * KIB))) == rule
    assert rule_at(parts_of(read(lines, rss_anon_kb=90 * KIB))) == SURE


def test_a_program_of_its_own_may_map_what_it_likes() -> None:
    more = "".join(anon(AT + n * 64 * MIB, 20 * MIB + ODD) for n in range(4))
    assert (
        rule_at(parts_of(read(sorted_maps(BRK_HEAP, LIBC, code(OTHER), more), rss_anon_kb=70 * KIB))) == SURE
    )


def test_what_is_more_than_resident_counts_as_malloc_s_too() -> None:
    table, own = anon(AT + GIB, 300 * MIB + ODD), code(OTHER)
    node = "555400000000-555400100000 r-xp 00000000 fe:00 81 /usr/bin/node\n"
    lines = sorted_maps(BRK_HEAP, LIBC, own, node, anon(AT, 30 * MIB + ODD), table)
    assert rule_at(parts_of(read(lines, rss_anon_kb=200 * KIB))) == DOUBTFUL
    assert rule_at(parts_of(read(lines, rss_anon_kb=400 * KIB))) == SURE
