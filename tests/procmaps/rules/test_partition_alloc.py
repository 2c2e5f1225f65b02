"""PartitionAlloc: pools of super pages, and metadata outside of them."""

import pytest

from tests.procmaps.rules.labelled import LIBC, anon, kinds, parts_of, read, sorted_maps

KIB = 2**10
MIB = 2**20
GIB = 2**30
POOL = 0x1D8000000000  # a boundary of 32 GiB among the addresses of V8's pages
APART = 0xDD35CCFC000
CHROME = "555500000000-555510000000 r-xp 00000000 fe:00 5 /opt/google/chrome/chrome\n"
METADATA = (4 * KIB, 8 * KIB)
SLOTS = (16 * KIB, 2 * MIB - 16 * KIB)
LARGE = (2 * MIB + 16 * KIB, 5 * MIB)


def reserve(at: int, size: int, *accessible: tuple[int, int]) -> str:
    """Closed memory, accessible in these ranges, which are counted from its start."""
    lines, done = "", 0
    for low, high in accessible:
        lines += anon(at + done, low - done, "---p") if low > done else ""
        lines += anon(at + low, high - low)
        done = high
    return lines + (anon(at + done, size - done, "---p") if size > done else "")


def rules(text: str, *others: str) -> set[str]:
    """The rules that label what the text says, in a process of Chrome."""
    own = {int(line.split("-")[0], 16) for line in text.splitlines()}
    snapshot = read(sorted_maps(CHROME, LIBC, text, *others))
    return {rule for start, _, _, rule in parts_of(snapshot) if start in own}


def test_super_pages_and_large_blocks_of_a_pool() -> None:
    text = reserve(POOL, 16 * GIB, METADATA, SLOTS, LARGE)
    found = kinds(read(sorted_maps(CHROME, LIBC, text)), POOL, POOL + 16 * GIB)
    assert {kind for _, kind in found} == {"heap_allocator"}
    assert sum(size for size, _ in found) == 16 * GIB
    assert rules(text) == {"partition_alloc.pool"}


def test_a_pool_is_known_without_the_name_of_the_program_and_at_any_address() -> None:
    for at in (POOL, 0x7E0000000000):
        found = parts_of(read(sorted_maps(LIBC, reserve(at, 16 * GIB, METADATA, SLOTS))))
        assert {rule for start, _, _, rule in found if at <= start < at + 16 * GIB} == {
            "partition_alloc.pool"
        }


def test_pools_that_are_reserved_together_are_cut_at_their_boundary() -> None:
    text = reserve(POOL, 32 * GIB, SLOTS, (16 * GIB + 4 * KIB, 16 * GIB + 12 * KIB))
    found = parts_of(read(sorted_maps(CHROME, LIBC, text)))
    own = [(start, rule) for start, _, _, rule in found if POOL <= start < POOL + 32 * GIB]
    assert {rule for _, rule in own} == {"partition_alloc.pool"}
    assert POOL + 16 * GIB in {start for start, _ in own}


def test_a_pool_inside_a_larger_reserve_is_cut_out_of_it() -> None:
    text = reserve(POOL - 8 * GIB, 32 * GIB, (8 * GIB + 16 * KIB, 8 * GIB + 3 * MIB))
    found = parts_of(read(sorted_maps(CHROME, LIBC, text)))
    own = [(start, size) for start, size, _, rule in found if rule == "partition_alloc.pool"]
    assert own[0][0] == POOL
    assert sum(size for _, size in own) == 16 * GIB


@pytest.mark.parametrize(
    "accessible",
    [
        ((2 * MIB, 4 * MIB - 64 * KIB),),  # from the start of a super page on, as a cage of V8's heap is
        (METADATA, (16 * KIB, 2 * MIB)),  # up to its end
        (METADATA, (16 * KIB, 2 * MIB - 12 * KIB)),
        (METADATA, (20 * KIB, 64 * KIB)),
        ((4 * KIB, 20 * KIB),),
        (METADATA, (12 * KIB, 20 * KIB)),
        ((32 * KIB, 64 * KIB),),  # no super page is opened
        (METADATA, (16 * GIB - MIB, 16 * GIB + MIB)),
        (),
    ],
)
def test_what_is_not_laid_out_as_super_pages_is_no_pool(accessible: tuple[tuple[int, int], ...]) -> None:
    text = reserve(POOL, 32 * GIB, *accessible)
    assert rules(text) == {"v8.heap"}


def test_a_pool_is_whole_and_on_its_boundary() -> None:
    for at, size in ((POOL, 16 * GIB - 4 * KIB), (POOL + 2 * MIB, 16 * GIB)):
        assert rules(reserve(at, size, METADATA, SLOTS)) == {"v8.heap"}


def test_a_pool_has_a_vast_rest() -> None:
    last = 16 * KIB  # closed in each super page
    for rest, rule in ((GIB + last, "partition_alloc.pool"), (GIB - 2 * MIB + last, "v8.heap")):
        assert rules(reserve(POOL, 16 * GIB, (16 * KIB, 16 * GIB - rest))) == {rule}


def test_metadata_outside_of_the_pools() -> None:
    pool = reserve(POOL, 16 * GIB, SLOTS)
    place = 2 * MIB
    for pages, rule in (
        ([4 * KIB, 12 * KIB, place + 4 * KIB], "partition_alloc.metadata"),
        ([place + 28 * KIB], "partition_alloc.metadata"),
        ([place + 32 * KIB], "v8.heap"),
        ([place], "v8.heap"),
        ([], "v8.heap"),
    ):
        assert rules(reserve(APART, 64 * GIB, *((at, at + 4 * KIB) for at in pages)), pool) == {rule}
    assert rules(reserve(APART, 64 * GIB, (4 * KIB, 12 * KIB)), pool) == {"v8.heap"}
    assert rules(reserve(APART, 16 * GIB - 4 * KIB, METADATA), pool) == {"v8.heap"}


def test_without_a_pool_there_is_no_metadata() -> None:
    assert rules(reserve(APART, 64 * GIB, METADATA)) == {"v8.heap"}


def test_what_chromium_maps_outside_of_its_pools_is_not_malloc_s() -> None:
    chunk = anon(0x7E0000000000, 3 * MIB + 4 * KIB)
    assert rules(chunk) == {"rest.anonymous"}
    assert rules(chunk.replace("rw-p", "---p")) == {"rest.reserved"}
