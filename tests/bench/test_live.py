"""What processes say of themselves is read right: overlaps, native memory tracking, glibc's structures."""

import io
import os
import sys
from pathlib import Path

from bench.live import agreement, capture, glibc_heaps, kept, loaded_objects, native_memory, traced
from bench.live.ranges import Range, Truth
from bench.live.roots import HERE, Root
from procmaps.tables import Evidence

TRACKED = """
[0x00000000d0000000 - 0x0000000100000000] reserved 786432KB for Java Heap from
    [0x00007f0000000000] ReservedHeapSpace
\t[0x00000000d0000000 - 0x00000000e0000000] committed 262144KB from
[0x00007f6a4a112000 - 0x00007f6a4a212000] reserved and committed 1024KB for Thread Stack from
[0x00007f6a50000000 - 0x00007f6a50001000] reserved 4KB for Unknown from
"""
SYSTEM_MAP = (
    "0x00000000d0000000-0x00000000e0000000 268435456 rw-p 73936896 0 4K   com   JAVAHEAP\n"
    "0x00007f6a4a112000-0x00007f6a4a116000 16384 ---p 16384 0 4K   com   STACK-8-w\n"
    "0x00000000e0000000-0x00000000f0000000 268435456 rw-p 73936896 0 4K   com   META \n"
)


def test_what_came_first_stays_and_gaps_are_filled() -> None:
    truth = Truth()
    truth.add([Range(20, 30, "java_heap")])
    truth.add([Range(10, 40, "file"), Range(35, 50, "shm")])
    assert [(one.start, one.end, one.kind) for one in truth.ranges] == [
        (10, 20, "file"),
        (20, 30, "java_heap"),
        (30, 40, "file"),
        (40, 50, "shm"),
    ]
    assert list(truth.gaps(0, 60)) == [(0, 10), (50, 60)]


def test_regions_of_native_memory_tracking() -> None:
    found = [(one.start, one.end, one.kind) for one in native_memory.regions(TRACKED)]
    assert found == [
        (0xD0000000, 0x100000000, "java_heap"),
        (0x7F6A4A112000, 0x7F6A4A212000, "thread_stack"),
    ]


def test_system_map_that_says_otherwise_is_told() -> None:
    (only,) = native_memory.disagreements(SYSTEM_MAP, native_memory.regions(TRACKED))
    assert "META against NMT Java Heap" in only


def test_heaps_and_chunks_are_known_by_their_headers() -> None:
    base = glibc_heaps.HEAP_BYTES
    memory = io.BytesIO(b"\0" * (base + 2**20))
    memory.seek(base)
    memory.write(glibc_heaps.HEAP_INFO.pack(base + 48, 0, 0x21000, 0x21000))
    memory.seek(0x3000)
    memory.write(glibc_heaps.CHUNK.pack(0, 0x40000 | glibc_heaps.IS_MMAPPED))
    writable = [(0, 0x80000), (base, base + 0x21000)]
    truth = Truth()
    truth.add(glibc_heaps.heaps(memory, writable))
    truth.add(list(glibc_heaps.chunks(memory, writable, truth)))
    assert [(one.start, one.end, one.kind) for one in truth.ranges] == [
        (0x3000, 0x43000, "heap_mmap"),
        (base, 2 * base, "heap_arena"),
    ]


def test_tails_of_an_object_lie_behind_its_data() -> None:
    executable = Path(sys.executable).resolve()
    start = 2**32
    for tail in loaded_objects.bss(executable, start):
        assert tail.kind == "file_bss"
        assert start < tail.start < tail.end
    assert loaded_objects.bss(Path(os.devnull), start) == []


def test_a_child_is_read_and_agrees_in_what_its_names_say() -> None:
    with capture.started([sys.executable, "-c", "print('ready', flush=True); input()"], {}) as process:
        capture.stop(process)
        files = capture.files_of(process)
        truth = Truth()
        truth.add(capture.named(capture.lines_of(files["maps"])))
    found = agreement.compare(files, truth, Evidence.SMAPS)
    assert agreement.share(found.accessible, families=False) == 1.0
    assert found.accessible["file", "file"] > 0


def test_in_a_root_commands_and_paths_are_its_own() -> None:
    root = Root(Path("/srv/roots/sid"))
    assert root.command(["cc", "-v"], {"A": "1"}) == ["chroot", "/srv/roots/sid", "env", "A=1", "cc", "-v"]
    assert HERE.command(["cc"]) == ["env", "cc"]
    assert root.inside(root.outside("/tmp/load")) == "/tmp/load"
    assert (root.named("native"), HERE.named("native")) == ("sid native", "native")
    assert HERE.which("no-such-program", "sh")


def test_what_cannot_be_read_is_no_chunk() -> None:
    class Guarded(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() < 0x2000:
                raise OSError
            return super().read(size)

    memory = Guarded(bytes(0x80000))
    memory.seek(0x3000)
    size = 0x40000 - glibc_heaps.HEADER_LEFT_OUT_BYTES  # as glibc 2.43 counts
    memory.write(glibc_heaps.CHUNK.pack(0, size | glibc_heaps.IS_MMAPPED))
    (only,) = glibc_heaps.chunks(memory, [(0, 0x80000)], Truth())
    assert (only.start, only.end) == (0x3000, 0x43000)


def test_a_label_that_differs_is_counted_and_kept() -> None:
    maps = b"7f0000000000-7f0000100000 rw-p 00000000 00:00 0 \n"
    truth = Truth([Range(0x7F0000000000, 0x7F0000080000, "file", "for the test")])
    found = agreement.compare({"maps": maps}, truth, Evidence.MAPS)
    assert agreement.share(found.accessible, families=True) == 0.0
    assert found.wrong[0][:3] == (2**19, 0x7F0000000000, 0x7F0000080000)


TRACED = """\
7 execve("/usr/bin/ruby", ["ruby"], 0x7ffd) = 0
7 mmap(NULL, 65536, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000100000
 > /usr/lib/libc.so.6(__mmap+0x22) [0x10cd22]
 > /usr/lib/libruby-3.1.so.3.1(rb_gc_start+0x33) [0x1]
7 clone3({flags=CLONE_VM|CLONE_THREAD}, 88) = 8
8 mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0 <unfinished ...>
7 munmap(0x7f0000104000, 4096) = 0
8 <... mmap resumed>) = 0x7f0000200000
 > /usr/lib/libc.so.6(__mmap+0x22) [0x10cd22]
 > /usr/lib/libjemalloc.so.2(malloc_stats_print+0x22) [0x1]
9 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000300000
 > /usr/lib/libruby-3.1.so.3.1(rb_gc_start+0x33) [0x1]
"""


def test_what_is_mapped_at_the_end_is_known_by_its_callers(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(TRACED)
    found = [(one.start, one.end, one.kind) for one in traced.mapped(tmp_path / "log", 7, [])]
    assert found == [
        (0x7F0000100000, 0x7F0000104000, "anonymous"),
        (0x7F0000105000, 0x7F0000110000, "anonymous"),
        (0x7F0000200000, 0x7F0000202000, "heap_allocator"),
    ]


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    truth = Truth()
    truth.add([Range(0x1000, 0x2000, "heap_main", "told by the program")])
    opinion = kept.Opinion("sid native", "c-one", "threads=3", {"maps": b"\xff\n", "comm": b"load\n"}, truth)
    kept.write(tmp_path, opinion)
    (again,) = kept.read_all([tmp_path], "one")
    assert (again.group, again.name, again.settings, again.files) == (
        opinion.group,
        opinion.name,
        opinion.settings,
        opinion.files,
    )
    assert again.truth.ranges == truth.ranges
    assert kept.read_all([tmp_path], "two") == []
