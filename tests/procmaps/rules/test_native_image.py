"""The heap of a native image."""

import pytest

from tests.procmaps.rules.labelled import BRK_HEAP, MUSL, anon, kinds, read, sorted_maps

KIB = 2**10
MIB = 2**20
GIB = 2**30
AT = 0x7E0000000000
IMAGE = 30 * MIB


def native_image(size: int, *, path: str = "/srv/app") -> str:
    """A space of this size: the image's heap, closed and open chunks, and a vast reserve."""
    image = f"{AT:x}-{AT + IMAGE:x} rw-p 00400000 fe:00 5 {path}\n" if path else ""
    chunks = anon(AT + IMAGE, 512 * KIB, "---p") + anon(AT + IMAGE + 512 * KIB, 8 * MIB)
    chunks += anon(AT + IMAGE + 8704 * KIB, 6 * MIB, "---p") + anon(
        AT + IMAGE + 14848 * KIB, 5 * MIB + 512 * KIB
    )
    used = IMAGE + 20480 * KIB
    return image + chunks + anon(AT + used, size - used, "---p") + anon(AT + size, 16 * KIB)


@pytest.mark.parametrize("size", [32 * GIB, 32 * GIB - 4 * MIB])
def test_chunks_are_neither_stacks_nor_malloc_s(size: int) -> None:
    text = sorted_maps(BRK_HEAP, MUSL, native_image(size))
    found = kinds(read(text, threads=4, rss_anon_kb=60_000, stack_limit=8 * MIB), AT + IMAGE, AT + size)
    assert {kind for _, kind in found} == {"anonymous"}


@pytest.mark.parametrize("text", [native_image(40 * GIB), native_image(32 * GIB, path="")])
def test_another_size_or_no_image_is_something_else(text: str) -> None:
    found = kinds(
        read(sorted_maps(BRK_HEAP, MUSL, text), threads=4, stack_limit=8 * MIB), AT + IMAGE, AT + GIB
    )
    assert "thread_stack" in {kind for _, kind in found}
