"""Java heaps in files."""

import pytest

from tests.procmaps.rules.labelled import anon, jvm, kinds, parts_of, read

KIB, MIB, GIB, TIB = 2**10, 2**20, 2**30, 2**40
SIZE = 700 * MIB
LOW = 4 * GIB - SIZE
HIGH = 0x7E0000000000
NAMED = "/mnt/pmem/jvmheap.a1B2c3 (deleted)"
UNNAMED = "/srv/data/#4711 (deleted)"
ASKED = ("java", "-Xmx700m", "-XX:AllocateHeapAt=/srv/data", "Main")


def shared(start: int, size: int, path: str, perms: str = "rw-s") -> str:
    return f"{start:08x}-{start + size:08x} {perms} 00000000 fe:00 4711 {path}\n"


@pytest.mark.parametrize("path", [NAMED, UNNAMED, "/dev/shm/#4711 (deleted)"])
@pytest.mark.parametrize("argv", [ASKED, ()])
def test_a_heap_of_any_collector_in_a_deleted_file(path: str, argv: tuple[str, ...]) -> None:
    found = parts_of(read(jvm(shared(LOW, SIZE, path)), argv=argv))
    assert (LOW, SIZE, "java_heap", "java.heap_file") in found


def test_an_archive_inside_is_of_the_heap() -> None:
    low, top = SIZE - 3 * MIB, 2 * MIB
    archive = (
        f"{LOW + low:08x}-{LOW + low + MIB:08x} rw-p 00000000 fe:00 9 /opt/jdk-17/lib/server/classes.jsa\n"
    )
    heap = shared(LOW, low, UNNAMED) + archive + shared(LOW + low + MIB, top, UNNAMED)
    assert {kind for _, kind in kinds(read(jvm(heap), argv=ASKED), LOW, 4 * GIB)} == {"java_heap"}


def test_an_old_generation_in_a_file_has_the_young_one_above_it() -> None:
    heap = shared(LOW, 500 * MIB, NAMED) + anon(LOW + 500 * MIB, 200 * MIB)
    argv = ("java", "-Xmx700m", "-XX:AllocateOldGenAt=/mnt/pmem", "Main")
    assert {kind for _, kind in kinds(read(jvm(heap), argv=argv), LOW, 4 * GIB)} == {"java_heap"}


def test_a_file_without_a_name_where_mmap_puts_files_must_have_been_asked_for() -> None:
    text = jvm("", shared(HIGH, SIZE, UNNAMED))
    assert kinds(read(text, argv=ASKED), HIGH, HIGH + GIB) == [(SIZE, "java_heap")]
    assert kinds(read(text, argv=("java", "Main")), HIGH, HIGH + GIB) == [(SIZE, "file_data")]


@pytest.mark.parametrize("path", ["/dev/shm/java_heap.17 (deleted)", "/dev/shm/#4711 (deleted)"])
def test_views_of_zgc_in_a_file(path: str) -> None:
    views = [shared(base * TIB, 128 * MIB, path) for base in (4, 8, 16)]
    closed = anon(4 * TIB + 128 * MIB, GIB, "---p")
    found = parts_of(read(jvm("", *views, closed)))
    assert [(size, rule) for _, size, kind, rule in found if kind == "java_heap"] == [
        (128 * MIB, "java.heap_zgc"),
        (GIB, "java.heap_zgc"),
        (128 * MIB, "java.heap_zgc"),
        (128 * MIB, "java.heap_zgc"),
    ]


@pytest.mark.parametrize(
    "line",
    [
        shared(LOW, SIZE, "/srv/jvmheap.a1B2c3"),
        shared(LOW, SIZE, "/srv/my-jvmheap.a1B2c3 (deleted)"),
        shared(LOW, SIZE, NAMED, "r--s"),
    ],
)
def test_other_files_are_no_heap(line: str) -> None:
    assert {kind for _, kind in kinds(read(jvm(line)), LOW, 4 * GIB)} <= {"file_data", "file_rodata"}


def test_without_a_jvm_it_is_a_file() -> None:
    assert kinds(read(shared(LOW, SIZE, NAMED)), LOW, 4 * GIB) == [(SIZE, "file_data")]
