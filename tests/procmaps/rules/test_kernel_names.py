"""Names: files, and what only looks like one."""

import pytest

from tests.procmaps.rules.labelled import kinds, read

LINES = [
    ("r-xp 00000000 fe:00 11 /usr/bin/x", "file_code"),
    ("r--p 00000000 fe:00 11 /usr/bin/x", "file_rodata"),
    ("rw-p 00000000 fe:00 11 /usr/bin/x (deleted)", "file_data"),
    ("---p 00000000 fe:00 11 /usr/bin/x", "file_rodata"),
    ("rw-s 00000000 fe:00 12 /var/lib/data", "file_data"),
    ("rw-s 00000000 00:01 5 /memfd:zoo cache (deleted)", "shm"),
    ("rw-p 00000000 00:01 5 /memfd: (deleted)", "shm"),
    ("rw-s 00000000 00:01 0 /SYSV00000000 (deleted)", "shm"),
    ("rw-s 00000000 00:01 32769 /SYSV6f3b9c9e (deleted)", "shm"),
    ("rw-s 00000000 00:01 9 /dev/zero (deleted)", "shm"),
    ("rw-p 00000000 00:06 7 /dev/zero", "anonymous"),
    ("rw-s 00000000 00:1a 4 /dev/shm/PostgreSQL.1", "shm"),
    ("rw-s 00000000 00:10 4 /anon_hugepage (deleted)", "shm"),
    ("rw-s 00000000 00:2f 4 /dev/hugepages/pool", "shm"),
    ("rw-s 00000000 00:06 99 /dev/dri/card0", "device"),
    ("rw-s 00000000 00:10 3 anon_inode:[io_uring]", "device"),
    ("rw-s 00000000 00:08 3 socket:[123]", "device"),
    ("rw-p 00000000 00:00 0 [heap]", "heap_main"),
    ("rw-p 00000000 00:00 0 [stack]", "main_stack"),
    ("rw-p 00000000 00:00 0 [stack:4711]", "thread_stack"),
    ("r--p 00000000 00:00 0 [vvar_vclock]", "system"),
    ("--xp 00000000 00:00 0 [vsyscall]", "system"),
    ("r-xp 00000000 00:00 0 [uprobes]", "system"),
    ("rw-s 00000000 00:01 6 [anon_shmem:pool]", "shm"),
    ("rw-p 00000000 00:00 0 [anon: glibc: malloc arena]", "heap_arena"),
    ("rw-p 00000000 00:00 0 [anon: glibc: malloc]", "heap_mmap"),
    ("rw-p 00000000 00:00 0 [anon: glibc: pthread stack: 77]", "thread_stack"),
    ("rw-p 00000000 00:00 0 [anon: glibc: loader malloc]", "loader"),
    ("rw-p 00000000 00:00 0 [anon: Go: heap]", "go_heap"),
    ("---p 00000000 00:00 0 [anon: Go: heap reservation]", "go_heap"),
    ("rw-p 00000000 00:00 0 [anon: Go: heap index]", "go_runtime"),
    ("rw-p 00000000 00:00 0 [anon: Go: page summary]", "go_runtime"),
    ("rw-p 00000000 00:00 0 [anon:tcmalloc_region_NORMAL]", "heap_allocator"),
    ("rw-p 00000000 00:00 0 [anon:mimalloc]", "heap_allocator"),
    ("rw-p 00000000 00:00 0 [anon:scudo:primary]", "heap_allocator"),
    ("rw-p 00000000 00:00 0 [anon:zend_alloc]", "heap_allocator"),
    ("r-xs 00000000 00:01 8 /memfd:doublemapper (deleted)", "dotnet_code"),
    ("r-xs 00000000 00:01 8 /memfd:vmem (deleted)", "beam_heap"),
    ("rw-s 00000000 fe:00 8 /tmp/[heap]", "file_data"),
    ("rw-s 00000000 fe:00 8 /tmp/\xff\xfe\\012 x", "file_data"),
]


@pytest.mark.parametrize(("line", "kind"), LINES)
def test_each_name_has_its_kind(line: str, kind: str) -> None:
    assert kinds(read(f"7f1000000000-7f1000010000 {line}\n")) == [(0x10000, kind)]


def test_all_at_once_as_one_by_one() -> None:
    text = "".join(
        f"{0x7F1000000000 + row * 0x20000:x}-{0x7F1000000000 + row * 0x20000 + 0x10000:x} {line}\n"
        for row, (line, _) in enumerate(LINES)
    )
    assert [kind for _, kind in kinds(read(text))] == [kind for _, kind in LINES]


def test_several_lines_of_the_brk_heap_are_all_heap() -> None:
    text = (
        "555500000000-555500100000 rw-p 00000000 00:00 0 [heap]\n"
        "555500100000-555500200000 rw-p 00000000 00:00 0 [heap]\n"
    )
    assert kinds(read(text)) == [(0x100000, "heap_main")] * 2


def test_segments_that_share_an_inode_with_a_memfd_keep_their_own_names() -> None:
    # SysV and memfd number their inodes apart on one device
    text = (
        "7f1000000000-7f1000010000 r-xs 00000000 00:01 5 /memfd:doublemapper (deleted)\n"
        "7f1000010000-7f1000020000 rw-s 00000000 00:01 5 /SYSV00000000 (deleted)\n"
    )
    assert kinds(read(text)) == [(0x10000, "dotnet_code"), (0x10000, "shm")]
