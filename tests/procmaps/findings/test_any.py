"""Whatever a host says of its processes, findings are made of it, and their figures are not negative."""

from hypothesis import given, settings
from hypothesis import strategies as st

from procmaps.findings import BY_STATUS, CODES, find
from procmaps.footprint import footprints
from procmaps.kinds import Kind
from procmaps.read import read_process
from procmaps.tables import Evidence
from tests.procmaps.test_footprint import parts_of
from tests.strategies import Vma, vmas

CODE_NAMES = {code.name for code in CODES}
sizes = st.one_of(st.integers(0, 2**63), st.sampled_from((0, 1, 2**47, 2**54, 2**57 - 1)))
limits = st.one_of(sizes.map(str), st.just("unlimited"))


@settings(max_examples=150)
@given(
    table=vmas(most=8),
    kinds=st.lists(st.sampled_from(Kind), min_size=8, max_size=8),
    said=st.fixed_dictionaries(
        dict.fromkeys(
            ("VmRSS", "RssAnon", "RssShmem", "VmSwap", "VmPTE", "VmLck", "VmSize", "Threads", "Uid"), sizes
        )
    ),
    soft=st.tuples(limits, limits),
    heap=sizes,
    ram=sizes,
    most=sizes,
    cores=st.integers(0, 3),
)
def test_any_figures(
    *,
    table: list[Vma],
    kinds: list[Kind],
    said: dict[str, int],
    soft: tuple[str, str],
    heap: int,
    ram: int,
    most: int,
    cores: int,
) -> None:
    snapshot = read_process(
        {
            "maps": b"".join(vma.line() for vma in table),
            "status": "".join(f"{name}:\t{value} kB\n" for name, value in said.items()).encode(),
            "limits": "".join(
                f"{name:<26}{value:<21}unlimited\n"
                for name, value in zip(("Max processes", "Max address space"), soft, strict=True)
            ).encode(),
            "cmdline": b"java\0-Xmx%d\0-XX:MaxMetaspaceSize=%dg\0-XX:ReservedCodeCacheSize=%d\0"
            % ((heap,) * 3),
            "cgroup": b"0::/a/b\n",
            "cgroup-memory": b"/a\t%d\t0\n" % most,
            "meminfo": b"MemTotal: %d kB\nCommitLimit: %d kB\nCommitted_AS: %d kB\n" % (ram, most, heap),
            "overcommit": b"2\n",
            "max_map_count": b"%d\n" % most,
            "procstat": b"cpu1\n" * cores,
            "page": b"%d\n" % most,
            "osrelease": b"5.4\n",
            "thp": b"[always]\n",
        },
        1,
    )
    parts = parts_of(snapshot, kinds[: len(snapshot.maps)])
    for finding in find(snapshot, parts, footprints(snapshot, parts)):
        assert finding.code in CODE_NAMES
        assert finding.concerns_bytes is None or 0 <= finding.concerns_bytes < 2**63
        assert "-" not in finding.evidence.replace("-XX:", "")


def test_of_a_process_whose_mappings_may_not_be_read_what_status_tells_is_found() -> None:
    """With figures that meet all conditions: BY_STATUS are these codes, no fewer and no more."""
    status = {
        "VmRSS": 2**21,
        "RssAnon": 2**21,
        "VmSwap": 2**22,
        "VmPTE": 2**21,
        "VmLck": 2**20,
        "HugetlbPages": 2**12,
    }
    snapshot = read_process(
        {
            "status": "".join(f"{name}:\t{size} kB\n" for name, size in status.items()).encode()
            + b"VmSize:\t9000000 kB\nThreads:\t9000\nUid:\t33\t33\t33\t33\n",
            "limits": f"{'Max processes':<26}{9000:<21}9000\n{'Max address space':<26}{2**33:<21}\n".encode(),
            "cmdline": b"java\0-Xmx64g\0",
            "cgroup": b"0::/a/b\n",
            "cgroup-memory": b"/a/b\t%d\t0\n" % 2**30,
            "meminfo": b"MemTotal: 9000000 kB\nHugePages_Total: 1024\nHugePages_Free: 1024\n"
            b"HugePages_Rsvd: 0\nHugepagesize: 2048 kB\n",
            "max_map_count": b"10\n",
        },
        4711,
        Evidence.DENIED,
    )
    parts = parts_of(snapshot, [])
    assert {each.code for each in find(snapshot, parts, footprints(snapshot, parts))} == BY_STATUS
