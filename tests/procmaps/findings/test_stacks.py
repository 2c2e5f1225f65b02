from dataclasses import replace

import numpy as np
import pytest

from procmaps.findings import Finding, Severity, find
from procmaps.findings.stacks import FILLED_LEAST_COUNT
from procmaps.footprint import footprints
from procmaps.kinds import Kind
from procmaps.tables import Evidence, Snapshot
from tests.procmaps.findings.made import (
    MIB,
    OLDER_KERNEL,
    blocks,
    codes,
    found,
    known,
    process,
    recorded,
    status,
)
from tests.procmaps.test_footprint import parts_of

MODE = {"thp": b"always [madvise] never\n"}


def of_smaps(snapshot: Snapshot, resident: list[int], huge: int = 0) -> list[Finding]:
    """What smaps shows of stacks with so many bytes resident each."""
    walked = replace(
        snapshot, processes=replace(snapshot.processes, evidence=np.array([Evidence.SMAPS], np.uint8))
    )
    known_ = np.array(resident, np.int64)
    parts = replace(
        parts_of(walked, [Kind.THREAD_STACK] * len(resident)),
        resident_bytes=known_,
        pss_bytes=known_,
        swap_bytes=known_ * 0,
        huge_bytes=np.full(len(resident), huge, np.int64),
    )
    return find(walked, parts, footprints(walked, parts))


def test_idle_stacks_are_harmless() -> None:
    stacks, used = blocks(100, 8 * MIB), status(10 * 1024)
    assert codes(found(process(stacks, used), Kind.THREAD_STACK)) == [("stack_reservation", Severity.INFO)]
    assert found(process(stacks, status(300 * 1024)), Kind.THREAD_STACK) == []
    assert found(process(blocks(31, 8 * MIB), used), Kind.THREAD_STACK) == []


@pytest.mark.parametrize(
    ("meminfo", "code"),
    [
        (b"", "stack_commitment"),
        (b"CommitLimit: 1000 kB\nCommitted_AS: 800 kB\n", "stack_commitment"),
        (b"CommitLimit: 1000 kB\nCommitted_AS: 799 kB\n", "stack_reservation"),
    ],
)
def test_reservations_count_where_the_host_is_strict_and_near_its_limit(meminfo: bytes, code: str) -> None:
    files = {"overcommit": b"2\n", "meminfo": meminfo}
    (finding,) = found(process(blocks(100, 8 * MIB), status(10 * 1024), files=files), Kind.THREAD_STACK)
    assert finding.code == code
    assert finding.concerns_bytes == (800 * MIB if code == "stack_commitment" else 10 * MIB)


def test_huge_pages_in_stacks() -> None:
    snapshot = process(blocks(20, 2 * MIB), files=MODE)
    (finding,) = of_smaps(snapshot, [2 * MIB] * 20, huge=2 * MIB)
    assert finding.code == "huge_stacks"
    assert finding.evidence == "40.0 MiB of thread stacks are transparent huge pages (mode madvise)."
    assert of_smaps(process(blocks(15, 2 * MIB), files=MODE), [MIB // 8] * 15, huge=2 * MIB) == []


def test_stacks_that_huge_pages_filled_and_left() -> None:
    older = process(blocks(FILLED_LEAST_COUNT * 2, 2 * MIB), files=OLDER_KERNEL)
    full, idle = 2 * MIB - 4096, MIB // 8
    assert [finding.code for finding in of_smaps(older, [full] * 17 + [idle] * 15)] == ["huge_stacks"]
    assert "huge_stacks" not in [finding.code for finding in of_smaps(older, [full] * 16 + [idle] * 16)]
    newer = process(blocks(32, 2 * MIB), files={**OLDER_KERNEL, "osrelease": b"6.7.0\n"})
    assert of_smaps(newer, [full] * 32) == []
    assert of_smaps(process(blocks(32, 2 * MIB), files={**OLDER_KERNEL, **MODE}), [full] * 32) == []
    assert of_smaps(process(blocks(32, 2 * MIB), files={"thp": OLDER_KERNEL["thp"]}), [full] * 32) == []


def test_what_fills_stacks_on_purpose_is_no_huge_page() -> None:
    argv = b"java\0-XX:+AlwaysPreTouchStacks\0-jar\0shop.jar\0"
    files = recorded()["filled-stacks"]
    assert "huge_stacks" in [f.code for f in known("recorded/filled-stacks", changed=OLDER_KERNEL)]
    pretouched = known("recorded/filled-stacks", changed={**OLDER_KERNEL, "cmdline": argv})
    assert "huge_stacks" not in [finding.code for finding in pretouched]
    locked = {"status": files["status"].replace(b"VmLck:\t       0 kB", b"VmLck:\t   66000 kB")}
    assert locked["status"] != files["status"]
    assert "huge_stacks" not in [
        f.code for f in known("recorded/filled-stacks", changed=OLDER_KERNEL | locked)
    ]


def test_deep_stacks() -> None:
    one = process(blocks(40, 32 * MIB))
    deep = [16 * MIB] + [4096] * 39
    assert [finding.code for finding in of_smaps(one, deep)] == ["deep_stacks", "stack_reservation"]
    assert [finding.code for finding in of_smaps(one, [16 * MIB - 4096, *deep[1:]])] == ["stack_reservation"]
    (worst, *_) = of_smaps(one, [16 * MIB] * 16 + [4096] * 24)
    assert (worst.code, worst.severity, worst.concerns_bytes) == ("deep_stacks", Severity.WARNING, 256 * MIB)
    assert worst.evidence == "16 of 40 thread stacks have 1 MiB or more resident, 256 MiB together."
    assert "deep_stacks" not in [finding.code for finding in of_smaps(one, [16 * MIB] * 20 + [4096] * 20)]
