"""Mallocs that replace the libc's."""

import pytest

from tests.procmaps.rules.labelled import BRK_HEAP, anon, jvm, kinds, parts_of, read, whole, with_object

KIB = 2**10
MIB = 2**20
GIB = 2**30
AT = 0x7E0000000000


@pytest.mark.parametrize("name", ["libjemalloc.so.2", "libtcmalloc_minimal.so.4.5.10", "libmimalloc.so.2.1"])
def test_a_loaded_allocator_owns_what_is_writable(name: str) -> None:
    assert kinds(read(with_object(f"/usr/lib/{name}", anon(AT, 8 * MIB))), AT, AT + 1) == [
        (8 * MIB, "heap_allocator")
    ]


def test_an_allocator_that_is_linked_in_is_known_by_the_missing_heap() -> None:
    assert kinds(read(with_object("/usr/bin/x", anon(AT, 8 * MIB))), AT, AT + 1) == [
        (8 * MIB, "heap_allocator")
    ]
    text = with_object("/usr/bin/x", BRK_HEAP, anon(AT, 8 * MIB + 4096))
    assert kinds(read(text), AT, AT + 1) == [(8 * MIB + 4096, "heap_mmap")]


def test_what_lies_below_a_vast_closed_range_is_no_jemalloc_s() -> None:
    text = with_object(
        "/usr/lib/libjemalloc.so.2", anon(AT, 800 * MIB), anon(AT + 800 * MIB, 32 * GIB, "---p")
    )
    assert {kind for _, kind in kinds(read(text), AT, AT + 33 * GIB)} == {"anonymous", "reserved"}


def test_what_jemalloc_has_not_flagged_is_the_program_s() -> None:
    text = with_object("/usr/lib/libjemalloc.so.2", anon(AT, 8 * MIB), anon(AT + 32 * MIB, 6 * MIB))
    smaps = text.replace(anon(AT, 8 * MIB), anon(AT, 8 * MIB) + "VmFlags: rd wr mr mw me nr\n")
    snapshot = read(smaps=smaps)
    assert kinds(snapshot, AT, AT + 64 * MIB) == [(8 * MIB, "heap_allocator"), (6 * MIB, "anonymous")]


def test_sizes_that_jemalloc_does_not_map() -> None:
    text = with_object("/usr/lib/libjemalloc.so.2", anon(AT, 3584 * KIB), anon(AT + 32 * MIB, 1944 * KIB))
    snapshot = read(text)
    assert kinds(snapshot, AT, AT + 64 * MIB) == [(3584 * KIB, "heap_allocator"), (1944 * KIB, "anonymous")]


def test_mimalloc_opens_vast_closed_ranges_bit_by_bit() -> None:
    text = with_object(
        "/usr/lib/libmimalloc.so.2.1", anon(AT, 800 * MIB), anon(AT + 800 * MIB, 32 * GIB, "---p")
    )
    assert {kind for _, kind in kinds(read(text), AT, AT + 33 * GIB)} == {"heap_allocator"}


def test_glibc_s_malloc_maps_no_chunks_where_it_is_replaced() -> None:
    for library in ("libjemalloc.so.2", "libtcmalloc.so.4"):
        text = with_object(
            f"/usr/lib/{library}",
            BRK_HEAP,
            anon(AT, 8 * MIB + 4096),
            anon(AT + 8 * MIB + 4096, 32 * GIB, "---p"),
        )
        assert kinds(read(text, rss_anon_kb=900_000), AT, AT + 1) == [(8 * MIB + 4096, "anonymous")]


@pytest.mark.parametrize(("size", "kind"), [(2**30, "anonymous"), (2**30 - MIB, "heap_allocator")])
def test_a_closed_range_is_vast_from_1_gib_on(size: int, kind: str) -> None:
    text = with_object("/usr/lib/libtcmalloc.so.4", anon(AT, 8 * MIB), anon(AT + 8 * MIB, size, "---p"))
    assert kinds(read(text), AT, AT + 1) == [(8 * MIB, kind)]


def test_a_small_closed_region_belongs_to_the_extent_below_it() -> None:
    text = with_object("/usr/lib/libtcmalloc.so.4", anon(AT, 8 * MIB), anon(AT + 8 * MIB, 4 * KIB, "---p"))
    assert kinds(read(text), AT, AT + 9 * MIB) == [(8 * MIB, "heap_allocator"), (4 * KIB, "heap_allocator")]


def test_with_smaps_an_allocator_that_is_linked_in_is_known_by_its_flag() -> None:
    text = with_object("/usr/bin/x", anon(AT, 8 * MIB), anon(AT + 32 * MIB, 6 * MIB))
    smaps = text.replace(anon(AT, 8 * MIB), anon(AT, 8 * MIB) + "VmFlags: rd wr mr mw me nr\n")
    assert kinds(read(smaps=smaps), AT, AT + 64 * MIB) == [
        (8 * MIB, "heap_allocator"),
        (6 * MIB, "anonymous"),
    ]


def test_what_is_linked_in_maps_128_kib_and_more() -> None:
    for size, kind in ((128 * KIB, "heap_allocator"), (124 * KIB, "anonymous")):
        assert kinds(read(with_object("/usr/bin/x", anon(AT, size))), AT, AT + 1) == [(size, kind)]


def test_a_runtime_with_a_heap_of_its_own_need_not_call_malloc() -> None:
    text = with_object("/usr/bin/node", anon(AT, 8 * MIB + 4 * KIB))
    assert kinds(read(text), AT, AT + 1) == [(8 * MIB + 4 * KIB, "heap_mmap")]


@pytest.mark.parametrize("flag", ["", " nr"])
def test_in_a_jvm_only_a_flag_makes_it_certain(flag: str) -> None:
    library = "7f0000800000-7f0000900000 r-xp 00000000 fe:00 80 /usr/lib/libjemalloc.so.2\n"
    own = anon(AT, 6 * MIB)
    text = jvm(whole(64 * MIB), library, own)
    rules = {name for start, *_, name in parts_of(read(text)) if start == AT}
    assert rules == {"allocator.in_jvm"}
    smaps = text.replace(own, f"{own}Rss: 6144 kB\nVmFlags: rd wr mr mw me{flag}\n")
    rules = {name for start, *_, name in parts_of(read(smaps=smaps)) if start == AT}
    assert rules == {"allocator.loaded" if flag else "allocator.in_jvm"}


def test_a_malloc_that_sets_no_flag_is_known_by_the_missing_heap_with_smaps_too() -> None:
    lines = [anon(AT + number * 64 * MIB, 11 * MIB + number * 64 * KIB) for number in range(3)]
    plain = "Rss: 9000 kB\nVmFlags: rd wr mr mw me\n"
    text = with_object("/usr/bin/x", *lines)
    smaps = "".join(line + plain for line in text.splitlines(keepends=True))
    found = {kind for _, kind in kinds(read(smaps=smaps, rss_anon_kb=27_000), AT, AT + GIB)}
    assert found == {"heap_allocator"}


def test_mimalloc_s_addresses_are_low_for_a_jvm() -> None:
    library = "7f0000800000-7f0000900000 r-xp 00000000 fe:00 80 /usr/lib/libmimalloc.so.3.1\n"
    hinted = 5 * 2**40
    text = jvm(whole(64 * MIB), library, anon(hinted, 224 * MIB))
    assert rules_at(text, hinted) == ["allocator.in_jvm"]
    zgc = read(text, argv=("java", "-XX:+UseZGC"))
    assert "allocator.in_jvm" not in {rule for start, *_, rule in parts_of(zgc) if start == hinted}
    without = jvm(whole(64 * MIB), anon(hinted, 224 * MIB))
    assert rules_at(without, hinted) == ["java.low_rest"]


def rules_at(text: str, *addresses: int, rss_anon_kb: int = 900_000) -> list[str]:
    """The rule of what begins at each of these addresses."""
    found = {start: rule for start, *_, rule in parts_of(read(text, rss_anon_kb=rss_anon_kb))}
    return [found[address] for address in addresses]


@pytest.mark.parametrize(("heap", "rule"), [(MIB, "allocator.mapped"), (MIB + 4 * KIB, "rest.anonymous")])
def test_tcmalloc_that_grows_the_heap_maps_nothing(heap: int, rule: str) -> None:
    own = anon(0x555500000000, heap, name="[heap]")
    text = with_object("/usr/lib/libtcmalloc_minimal.so.4", own, anon(AT, 17 * MIB + 4 * KIB))
    assert rules_at(text, AT) == [rule]


def test_mimalloc_has_its_memory_where_it_asks_for_it() -> None:
    hinted, near = 17 * 2**40, AT + 64 * MIB
    lines = (
        anon(hinted, 96 * MIB),
        anon(AT, 5 * MIB),
        anon(near, 2240 * KIB),
        anon(near + 16 * MIB, 4 * MIB),
    )
    text = with_object("/usr/lib/libmimalloc.so.2.2", *lines)
    assert rules_at(text, hinted, near) == ["allocator.loaded", "allocator.mapped"]
    assert rules_at(text, AT, near + 16 * MIB) == ["rest.anonymous"] * 2
    unasked = with_object("/usr/lib/libmimalloc.so.2.2", *lines[1:])
    assert rules_at(unasked, AT) == ["allocator.mapped"]


def test_small_size_classes_of_scudo_in_vast_reserves_are_not_go_s() -> None:
    classes = "".join(
        anon(AT + number * 512 * MIB, 64 * KIB)
        + anon(AT + number * 512 * MIB + 64 * KIB, 512 * MIB - 64 * KIB, "---p")
        for number in range(5)
    )
    text = with_object("/opt/libscudo.so", classes)
    assert rules_at(text, AT + 512 * MIB, AT + 1024 * MIB) == ["allocator.mapped"] * 2


@pytest.mark.parametrize("flag", ["", " nr"])
def test_only_its_flag_makes_memory_of_jemalloc_certain(flag: str) -> None:
    own = anon(AT, 19 * MIB)
    text = with_object("/usr/lib/libjemalloc.so.2", own)
    assert rules_at(text, AT) == ["allocator.mapped"]
    smaps = text.replace(own, f"{own}Rss: 19456 kB\nVmFlags: rd wr mr mw me{flag}\n")
    found = {start: rule for start, *_, rule in parts_of(read(smaps=smaps, rss_anon_kb=900_000))}
    assert found[AT] == ("allocator.loaded" if flag else "allocator.mapped")
