"""Files that are not what their names say at first sight."""

import pytest

from procmaps.tables import Evidence
from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, anon, kinds, parts_of, read, sorted_maps

KIB = 2**10
MIB = 2**20
AT = 0x7E0000000000


def mapped(path: str, size: int, perms: str = "rw-s", at: int = AT, device: str = "00:2e") -> str:
    return anon(at, size, perms).replace("00:00 0 ", f"{device} 4711 {path}")


def kind_of(line: str, rss_anon_kb: int = 0) -> str:
    text = sorted_maps(LIBC, BRK_HEAP, line)
    at = int(line.split("-", maxsplit=1)[0], 16)
    return kinds(read(text, rss_anon_kb=rss_anon_kb), at, at + 1)[0][1]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (mapped("/srv/hugepages-1G/vm/ram0 (deleted)", 2048 * MIB), "shm"),
        (mapped("/mnt/huge/dpdk/rtemap_12", 6 * MIB), "shm"),
        (mapped("/var/tmp/rtemap_3", 2 * MIB), "shm"),
        (mapped("/mnt/huge/x", 2 * MIB, at=AT + 4096), "file_data"),  # not aligned
        (mapped("/mnt/huge/x", 2 * MIB, device="fd:01"), "file_data"),  # on a disk
        (mapped("/mnt/huge/x", 2 * MIB, "r--s"), "file_rodata"),
        (mapped("/srv/data/x", 2 * MIB), "file_data"),
    ],
)
def test_huge_pages_are_known_by_name_and_alignment(line: str, kind: str) -> None:
    assert kind_of(line) == kind


def test_with_smaps_a_flag_tells_huge_pages() -> None:
    for flags, kind in (("rd wr sh mr mw me ms de ht sd", "shm"), ("rd wr sh mr mw me ms sd", "file_data")):
        text = mapped("/mnt/huge/x", 4 * MIB) + f"Rss: 0 kB\nVmFlags: {flags}\n"
        assert kinds(read(smaps=text)) == [(4 * MIB, kind)]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/SYSV00c0ffee (deleted)", "shm"),
        ("/SYSVINIT", "file_data"),
        ("/dmabuf:gpu", "device"),
        ("/dmabuf_test", "file_data"),
        ("/i915 (deleted)", "device"),
        ("/i915.firmware", "file_data"),
        ("/anon_hugepage (deleted)", "shm"),
        ("/anon_hundred", "file_data"),
    ],
)
def test_a_name_counts_as_a_whole(path: str, kind: str) -> None:
    assert kind_of(mapped(path, 3 * MIB)) == kind


def memfd(size: int, perms: str, anonymous: int, resident: int) -> str:
    line = mapped("/memfd:ram (deleted)", size, perms, device="00:01")
    return line + f"Rss: {resident >> 10} kB\nAnonymous: {anonymous >> 10} kB\nVmFlags: rd wr mr mw me ac\n"


@pytest.mark.parametrize(
    ("perms", "written", "resident", "kind"),
    [
        ("rw-p", 60, 60, "anonymous"),
        ("rw-s", 0, 60, "shm"),
        ("rw-p", 20, 60, "shm"),  # most of it is the memfd's own pages
        ("rw-p", 5, 5, "shm"),
    ],
)
def test_what_is_written_to_a_private_memfd_is_anonymous(
    perms: str, written: int, resident: int, kind: str
) -> None:
    size = 800 * MIB
    text = memfd(size, perms, size * written // 100, size * resident // 100)
    assert kinds(read(smaps=text)) == [(size, kind)]


def test_without_smaps_shared_memory_that_is_not_resident_tells_it() -> None:
    line = mapped("/memfd:ram (deleted)", 80 * MIB, "rw-p", device="00:01")
    assert kind_of(line, rss_anon_kb=70 * 1024) == "shm"  # RssShmem was not sent
    for shared_kb, kind in ((39 * 1024, "anonymous"), (40 * 1024, "shm")):
        snapshot = read(line, rss_anon_kb=70 * 1024)
        snapshot.processes.rss_shmem_bytes[:] = shared_kb * KIB
        assert [each[2] for each in parts_of(snapshot, Evidence.MAPS)] == [kind]


def test_a_loaded_object_in_a_memfd_is_no_anonymous_memory() -> None:
    code = mapped("/memfd:lib (deleted)", 4 * MIB, "r-xp", AT - 4 * MIB, "00:01")
    assert kind_of(code) == "shm"
    text = sorted_maps(code, mapped("/memfd:lib (deleted)", 4 * MIB, "rw-p", device="00:01"))
    snapshot = read(text, rss_anon_kb=2**20)
    snapshot.processes.rss_shmem_bytes[:] = 0
    assert {each[2] for each in parts_of(snapshot)} == {"shm"}
