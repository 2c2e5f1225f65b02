from hypothesis import given

from procmaps.read import read, read_process
from procmaps.smaps import VM_FLAGS
from procmaps.tables import UNKNOWN, Evidence
from tests.strategies import NONCE, Vma, Walked, closing, record, walked
from tests.truth.cases import cases, edges


@given(walked())
def test_fields_are_found_by_name_in_any_order(table: list[Walked]) -> None:
    maps = read_process({"smaps": b"".join(row.text() for row in table)}, 1).maps
    hugetlb = ("Private_Hugetlb", "Shared_Hugetlb")
    for column, names in (
        (maps.resident_bytes, ("Rss",)),
        (maps.pss_bytes, ("Pss",)),
        (maps.swap_bytes, ("Swap",)),
        (maps.anonymous_bytes, ("Anonymous",)),
        (maps.huge_bytes, ("AnonHugePages", *hugetlb)),
    ):
        assert column.tolist() == [sum(row.sizes[name] for name in names) * 1024 for row in table]
    flags = [sum(VM_FLAGS.get(code, 0) for code in set(row.flags)) for row in table]
    assert maps.vm_flags.tolist() == flags


def test_sums_agree_with_the_kernels_own() -> None:
    for case in cases():
        snapshot = read_process(case.sent(), 1)
        resident = sum(
            int(line.split()[1]) for line in case.files["smaps"].splitlines() if line.startswith(b"Rss:")
        )
        assert snapshot.maps.resident_bytes.sum() == resident * 1024
        assert snapshot.processes.evidence[0] == Evidence.SMAPS
        only_maps = read_process(case.sent(), 1, Evidence.MAPS)
        assert only_maps.processes.evidence[0] == Evidence.MAPS
        assert (only_maps.maps.resident_bytes == UNKNOWN).all()
        assert (only_maps.maps.start == snapshot.maps.start).all()


def test_hugetlb_is_told_apart() -> None:
    maps = read_process({"smaps": edges()["hugetlb.smaps"]}, 1).maps
    huge = [row for row in range(len(maps)) if b"hugepage" in maps.name(row)]
    assert huge
    assert all(int(maps.vm_flags[row]) & VM_FLAGS["ht"] for row in huge)


def test_a_field_that_does_not_come_is_unknown() -> None:
    text = Vma(0x1000, 0x9000).line() + b"Rss:                   8 kB\n" + Vma(0xA000, 0xB000).line()
    maps = read_process({"smaps": text}, 1).maps
    assert maps.resident_bytes.tolist() == [8192, UNKNOWN]
    assert maps.pss_bytes.tolist() == [UNKNOWN, UNKNOWN]


def test_fields_of_an_unreadable_mapping_go_to_no_other() -> None:
    bad = b"0000z000-0000b000 rw-p 00000000 00:00 0 \nRss:                  16 kB\n"
    maps = read_process({"smaps": Vma(0x1000, 0x9000).line() + bad}, 1).maps
    assert maps.resident_bytes.tolist() == [UNKNOWN]


def test_fields_stay_in_their_process() -> None:
    memory = (
        record("smaps", 1, Vma(0x1000, 0x9000).line())
        + record("smaps", 2, b"Rss:        16 kB\n")
        + closing(2)
    )
    assert read(memory, b"", NONCE).maps.resident_bytes.tolist() == [UNKNOWN]


def test_wide_and_absurd_sizes() -> None:
    huge = Vma(0x1000, 2**50)
    for kilobytes, known in (
        (b"  123456789012", 123456789012 * 1024),
        (b" 99999999999999999999", UNKNOWN),
        (b" -1", UNKNOWN),
    ):
        text = huge.line() + b"Rss:" + kilobytes + b" kB\n"
        assert read_process({"smaps": text}, 1).maps.resident_bytes.tolist() == [known]


def test_no_mapping_has_more_resident_than_its_size() -> None:
    text = Vma(0x1000, 0x3000).line() + b"Rss:                9999 kB\n"
    assert read_process({"smaps": text}, 1).maps.resident_bytes.tolist() == [0x2000]
