"""Each finding is made of a recorded process that has it, and not of one that looks alike."""

from collections.abc import Callable

import pytest

from procmaps.findings import CODES, Code, Finding, Severity
from tests.procmaps.findings.made import OLDER_KERNEL, known, of_files, recorded
from tests.truth.cases import SETS, cases

Found = Callable[[], list[Finding]]

_LIMITED = {
    "cgroup": b"0::/shop.slice/app.scope\n",
    "cgroup-memory": b"/shop.slice/app.scope\t%d\t0\n/shop.slice\tmax\t0\n",
}
_CORES_32 = {"procstat": b"".join(b"cpu%d\n" % number for number in range(32))}
_TIGHT = {"overcommit": b"2\n", "meminfo": b"CommitLimit:   8000000 kB\nCommitted_AS:  7000000 kB\n"}
_AMPLE = {"overcommit": b"2\n", "meminfo": b"CommitLimit:   8000000 kB\nCommitted_AS:  6000000 kB\n"}


def limited(limit_mib: int) -> dict[str, bytes]:
    """Files of a process in a cgroup with this limit."""
    return _LIMITED | {"cgroup-memory": _LIMITED["cgroup-memory"] % (limit_mib << 20)}


def filled_by_fault() -> list[Finding]:
    """Huge pages as a kernel before 6.7 makes them in stacks by itself; a program asked for these."""
    files = recorded()["huge-stacks"]
    return of_files(
        {**files, **OLDER_KERNEL, "smaps": files["smaps"].replace(b" hg", b"").replace(b" nh", b"")}
    )


# for each code: what has it, and what looks alike and has it not
PAIRS: tuple[tuple[str, Found, Found], ...] = (
    (
        "many_arenas",
        lambda: known("cases/jvm17-arenas-80"),
        lambda: known("cases/c-arenamax2-236"),  # MALLOC_ARENA_MAX=2: one arena in twelve heaps
    ),
    (
        "many_arenas",
        lambda: known("cases/c-arenas-236", "maps"),
        lambda: known("cases/c-arenas-236", "maps", changed=_CORES_32),
    ),
    (
        "full_arenas",
        lambda: known("field/25-live-unsafe-leak-G1-xms2g"),  # 21 heaps, most of it in three chains
        lambda: known("cases/jvm17-arenas-80"),
    ),
    (
        "arena_reservation",
        lambda: known("cases/c-stacks-8m-300"),
        lambda: known("cases/c-arenas-236"),
    ),
    (
        "huge_stacks",
        filled_by_fault,
        lambda: known("recorded/deep-stacks", changed=OLDER_KERNEL),
    ),
    (
        "huge_stacks",  # split again: AnonHugePages is 0
        lambda: known("recorded/filled-stacks", changed=OLDER_KERNEL),
        lambda: known("recorded/filled-stacks"),  # where the kernel does not do it, the program did
    ),
    (
        "huge_stacks",
        lambda: known("recorded/filled-stacks", "maps", changed=OLDER_KERNEL),
        lambda: known("recorded/idle-stacks", "maps", changed=OLDER_KERNEL),
    ),
    (
        "huge_stacks",
        lambda: known("recorded/filled-stacks", changed=OLDER_KERNEL),
        lambda: known("fresh/c-mlocked", changed=OLDER_KERNEL),
    ),
    (
        "deep_stacks",
        lambda: known("recorded/deep-stacks"),
        lambda: known("recorded/filled-stacks", changed=OLDER_KERNEL),
    ),
    (
        "stack_reservation",
        lambda: known("cases/c-stacks-8m-300"),
        lambda: known("recorded/filled-stacks"),
    ),
    (
        "stack_commitment",
        lambda: known("cases/c-stacks-8m-300", changed=_TIGHT),
        lambda: known("cases/c-stacks-8m-300", changed=_AMPLE),
    ),
    (
        "many_threads",
        lambda: known("recorded/many-threads", "maps"),
        lambda: known("cases/c-stacks-8m-300"),
    ),
    (
        "thread_limit",
        lambda: known("recorded/thread-limit", "maps"),
        lambda: known(  # root has no limit
            "recorded/many-threads", "maps", changed={"limits": recorded()["thread-limit"]["limits"]}
        ),
    ),
    (
        "map_count",
        lambda: known("recorded/many-threads", "maps", changed={"max_map_count": b"2400\n"}),
        lambda: known("recorded/many-threads", "maps"),
    ),
    (
        "address_limit",
        lambda: known("recorded/address-limit", "maps"),
        lambda: known("recorded/idle-stacks", "maps"),
    ),
    (
        "page_tables",
        lambda: known("recorded/page-tables"),
        lambda: known("recorded/direct-buffers"),
    ),
    (
        "unidentified",
        lambda: known("field/69-guile-vectors"),
        lambda: known("cases/mariadb-trixie-default"),  # 515 MiB of it, of which hardly any was touched
    ),
    (
        "swapped",
        lambda: known("cases/jvm17-arenas-80", "swapped"),
        lambda: known("cases/jvm17-arenas-80"),
    ),
    (
        "lazily_freed",
        lambda: known("recorded/given-back"),
        lambda: known("recorded/kept"),
    ),
    (
        "heap_above_limit",
        lambda: known("recorded/jvm-small", changed=limited(610)),  # -Xmx600m, and what it holds beside
        lambda: known("recorded/jvm-small", changed=limited(700)),
    ),
    (
        "heap_above_limit",
        lambda: known("cases/jvm21-zgc-generational", changed=limited(1100)),
        lambda: known("cases/jvm21-zgc-generational", changed=limited(4096)),
    ),
    (
        "heap_default",
        lambda: known("recorded/jvm-default", changed=limited(2048)),
        lambda: known("recorded/jvm-small", changed=limited(2400)),  # a quarter too, but asked for
    ),
    (
        "metaspace",
        lambda: known("fresh/j-classes-25-zgc"),
        lambda: known("fresh/j-spark-17-parallel"),
    ),
    (
        "code_cache",
        lambda: known("recorded/code-full"),
        lambda: known("recorded/code-committed"),  # -XX:InitialCodeCacheSize: all of it, never written
    ),
    (
        "code_cache",
        lambda: known("recorded/code-full", "maps"),
        lambda: known("recorded/code-committed", "maps"),
    ),
    (
        "direct_buffers",
        lambda: known("recorded/direct-buffers"),
        lambda: known("recorded/direct-few"),  # as much, in blocks of 3 MiB
    ),
    (
        "native_beside_v8",
        lambda: known("recorded/node-buffers"),
        lambda: known("recorded/node-heap"),
    ),
    (
        "python_objects",  # with jemalloc loaded
        lambda: known("recorded/python-objects"),
        lambda: known("recorded/python-malloc"),  # the same objects with PYTHONMALLOC=malloc
    ),
    (
        "huge_pages_idle",
        lambda: known("recorded/huge-pages-idle", "maps"),
        lambda: known("recorded/huge-pages-promised", "maps"),  # 608 MiB are free, and 528 of them promised
    ),
)
# of all known processes, those with a finding above info, with either grade of evidence
ILL = {
    "cases c-arenas-236": {"many_arenas"},
    "cases jvm11-parallel-arenas": {"many_arenas"},
    "cases jvm17-arenas-80": {"many_arenas"},
    "cases jvm21-serial-arenas-60": {"many_arenas"},
    "field 02-jdk11-g1-pytorch-in-jvm": {"many_arenas"},
    "field 24-full-arenas-xmx2048": {"full_arenas"},
    "live bullseye-jdk-17-g1-many-arenas": {"many_arenas"},
}


@pytest.mark.parametrize(("code", "has", "alike"), PAIRS, ids=[code for code, _, _ in PAIRS])
def test_a_process_that_has_it_and_one_that_looks_alike(code: str, has: Found, alike: Found) -> None:
    assert code in [finding.code for finding in has()]
    assert code not in [finding.code for finding in alike()]


def test_each_code_has_a_pair_and_a_place_in_the_table() -> None:
    assert {code for code, _, _ in PAIRS} == {code.name for code in CODES}
    assert len({code.name for code in CODES}) == len(CODES)


@pytest.mark.parametrize("code", CODES, ids=lambda code: code.name)
def test_a_code_says_when_and_what_to_do_without_figures_of_a_process(code: Code) -> None:
    for text in (code.when, code.advice, code.confirm, code.not_shown):
        assert text.endswith((".", ")"))
        assert "  " not in text
    assert code.severities == tuple(sorted(set(code.severities)))


def test_findings_are_as_their_code_says() -> None:
    by_name = {code.name: code for code in CODES}
    for _, has, _ in PAIRS:
        for finding in has():
            code = by_name[finding.code]
            assert finding.severity in code.severities
            assert (finding.advice, finding.confirm) == (code.advice, code.confirm)
            assert finding.concerns_bytes is None or finding.concerns_bytes >= 0
            assert finding.evidence.endswith(".")


def test_healthy_processes_have_none_above_info() -> None:
    ill: dict[str, set[str]] = {}
    for set_name in SETS:
        for case in cases(set_name):
            for evidence in ("maps", "smaps"):
                sent = case.shown_by(evidence)
                if sent is not None:
                    above = {finding.code for finding in of_files(sent) if finding.severity > Severity.INFO}
                    if above:
                        ill.setdefault(f"{set_name} {case.name}", set()).update(above)
    assert ill == ILL
