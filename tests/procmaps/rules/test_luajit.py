"""The memory of LuaJIT's malloc."""

import pytest

from tests.procmaps.rules.labelled import BRK_HEAP, anon, kinds, read, with_object

KIB = 2**10
MIB = 2**20
AT = 0x7E0000000000


@pytest.mark.parametrize(
    ("path", "size", "kind"),
    [
        ("/usr/bin/luajit-2.1.0-beta3", 24 * MIB, "heap_allocator"),
        ("/usr/bin/luajit", 5 * MIB + 384 * KIB, "heap_allocator"),
        ("/usr/bin/luajit", 5 * MIB + 388 * KIB, "heap_allocator"),
        ("/usr/lib/libluajit-5.1.so.2.1.0", 24 * MIB, "heap_allocator"),
        ("/usr/lib/libluajit-5.1.so.2.1.0", 5 * MIB + 384 * KIB, "heap_allocator"),
        ("/usr/lib/libluajit-5.1.so.2.1.0", 5 * MIB + 388 * KIB, "heap_mmap"),
        ("/usr/lib/liblua5.4.so.0", 5 * MIB + 384 * KIB, "heap_mmap"),
    ],
)
def test_segments_are_whole_steps(path: str, size: int, kind: str) -> None:
    text = with_object(path, BRK_HEAP, anon(AT, size))
    assert kinds(read(text, rss_anon_kb=2**18), AT, AT + 1) == [(size, kind)]


def test_what_can_have_such_sizes_besides_is_left_alone() -> None:
    for other in ("/usr/bin/tarantool", "/usr/lib/libpython3.11.so.1.0"):
        library = "7f0000a00000-7f0000b00000 r-xp 00000000 fe:00 81 /usr/lib/libluajit-5.1.so.2\n"
        text = with_object(other, BRK_HEAP, library, anon(AT, 24 * MIB))
        assert "heap_allocator" not in dict(kinds(read(text, rss_anon_kb=2**18), AT, AT + 1)).values()


def test_a_stack_has_such_a_size_too() -> None:
    library = "/usr/lib/libluajit-5.1.so.2.1.0"
    for size in (8 * MIB, MIB):
        guard = anon(AT - 4 * KIB, 4 * KIB, "---p")
        text = with_object(library, BRK_HEAP, guard, anon(AT, size), anon(AT + 32 * MIB, 6 * MIB))
        found = read(text, rss_anon_kb=2**18, threads=2, stack_limit=size)
        assert kinds(found, AT, AT + 2**30) == [(size, "thread_stack"), (6 * MIB, "heap_allocator")]
