"""V8: pages of its heap at random addresses, and the range of its compiled code near the libraries."""

import pytest

from procmaps.kinds import Kind
from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, anon, blocks, kinds, parts_of, read, sorted_maps

KIB = 2**10
MIB = 2**20
GIB = 2**30
AT = 0x7E0000000000
APART = 0x203F380000
NODE = "00400000-00500000 r-xp 00000000 fe:00 5 /usr/bin/node\n"


def node(*lines: str) -> str:
    return sorted_maps(NODE, LIBC, BRK_HEAP, *lines)


def flagged(text: str, *flagged_dc: int) -> str:
    """As smaps, with dc on what starts at these addresses."""
    return "".join(
        line + f"VmFlags: rd wr mr mw me ac{' dc' if int(line.split('-')[0], 16) in flagged_dc else ''}\n"
        for line in text.splitlines(keepends=True)
    )


def test_pages_and_code() -> None:
    text = node(
        anon(APART, 256 * KIB),
        anon(AT, 8 * KIB),
        anon(AT + 8 * KIB, 4 * KIB, "---p"),
        anon(AT + 12 * KIB, 240 * KIB, "rwxp"),
        anon(AT + 252 * KIB, 500 * MIB, "---p"),
        anon(AT + 1024 * MIB, 3 * MIB + 4096),
    )
    snapshot = read(text)
    assert kinds(snapshot, APART, APART + 1) == [(256 * KIB, "v8_heap")]
    assert {kind for _, kind in kinds(snapshot, AT, AT + 512 * MIB)} == {"v8_code"}
    assert kinds(snapshot, AT + 1024 * MIB, AT + 1025 * MIB) == [(3 * MIB + 4096, "heap_mmap")]


def test_code_is_a_page_of_the_heap_at_a_random_address() -> None:
    assert kinds(read(node(anon(APART, 256 * KIB, "r-xp"))), APART, APART + 1) == [(256 * KIB, "v8_heap")]


def test_arenas_beside_the_code_range_are_none_of_it() -> None:
    code = AT - 256 * KIB
    text = node(
        anon(code, 252 * KIB, "rwxp"),
        anon(code + 252 * KIB, 4 * KIB, "---p"),
        anon(AT, 132 * KIB),
        anon(AT + 132 * KIB, 64 * MIB - 132 * KIB, "---p"),
    )
    snapshot = read(text)
    assert {kind for _, kind in kinds(snapshot, code, AT)} == {"v8_code"}
    assert blocks(snapshot, Kind.HEAP_ARENA) == [64 * MIB]


def test_a_large_writable_region_beside_the_code_range_is_none_of_it() -> None:
    for size, kind in ((256 * KIB, "v8_code"), (260 * KIB, "heap_mmap")):
        snapshot = read(node(anon(AT, 256 * KIB, "rwxp"), anon(AT + 256 * KIB, size)))
        assert kinds(snapshot, AT, AT + MIB) == [(256 * KIB, "v8_code"), (size, kind)]


def test_smaps_tells_what_in_the_code_range_is_of_v8() -> None:
    text = node(
        *(anon(AT, 256 * KIB, "rwxp"), anon(AT + 256 * KIB, 8 * KIB)),
        *(anon(AT + 264 * KIB, 8 * KIB, "---p"), anon(AT + 272 * KIB, 132 * KIB)),
    )
    known = read(smaps=flagged(text, AT, AT + 256 * KIB))
    # nothing that V8 maps has no flag
    assert [rule for _, _, _, rule in parts_of(known) if rule.startswith("v8.")] == ["v8.code", "v8.code"]
    unknown = read(text)
    assert {kind for _, kind in kinds(unknown, AT, AT + MIB)} == {"v8_code"}


def test_a_flagged_page_among_the_libraries_is_of_the_heap() -> None:
    text = node(anon(AT, 512 * KIB), anon(AT + MIB + 4 * KIB, 512 * KIB), anon(AT + 2 * MIB, 512 * KIB))
    snapshot = read(smaps=flagged(text, AT, AT + MIB + 4 * KIB))
    found = [kind for _, kind in kinds(snapshot, AT, AT + 4 * MIB)]
    assert found[0] == "v8_heap"
    assert "v8_heap" not in found[1:]


def test_addresses_of_pages_are_between_4_gib_and_those_of_executables() -> None:
    end = 0x5000_0000_0000
    for at, own in (
        (2**32 - 256 * KIB, False),
        (2**32, True),
        (end - 256 * KIB, True),
        (end, False),
    ):
        found = {rule for start, _, _, rule in parts_of(read(node(anon(at, 256 * KIB)))) if start == at}
        assert (found == {"v8.heap"}) == own


@pytest.mark.parametrize("pages", [1, 37, 1025])
def test_memories_of_webassembly(pages: int) -> None:
    """Also where one begins as a heap of an arena does, and where the next one follows."""
    for base in (AT, AT + 64 * KIB):
        size = pages * 64 * KIB
        text = node(
            anon(base - 2 * GIB, 2 * GIB, "---p"),
            anon(base, size),
            anon(base + size, 10 * GIB - size, "---p"),
            anon(base + 10 * GIB, size),
            anon(base + 10 * GIB + size, 8 * GIB - size, "---p"),
        )
        found = [part for part in parts_of(read(text)) if part[3] == "v8.wasm"]
        assert [part[:2] for part in found] == [(base, size), (base + 10 * GIB, size)]
        assert {kind for _, _, kind, _ in found} == {"v8_heap"}


def test_a_reserve_that_is_too_small_for_webassembly_is_none() -> None:
    for start, size, above in ((AT, MIB, 8 * GIB - 64 * KIB), (AT + 4 * KIB, MIB, 8 * GIB)):
        text = node(anon(start, size), anon(start + size, above - size, "---p"))
        assert "v8.wasm" not in {rule for *_, rule in parts_of(read(text))}
    odd = node(anon(AT, MIB + 4 * KIB), anon(AT + MIB + 4 * KIB, 8 * GIB, "---p"))
    assert "v8.wasm" not in {rule for *_, rule in parts_of(read(odd))}
    other = sorted_maps(LIBC, BRK_HEAP, anon(AT, MIB), anon(AT + MIB, 8 * GIB, "---p"))
    assert "v8.wasm" not in {rule for *_, rule in parts_of(read(other))}
