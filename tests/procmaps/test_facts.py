from hypothesis import given
from hypothesis import strategies as st

from procmaps.facts import facts_of
from procmaps.tables import UNKNOWN, UNLIMITED

RECORDS = {
    b"meminfo": b"MemTotal:       24689356 kB\nMemFree:  1 kB\nHugePages_Total:       7\nBad line\n"
    b"Huge: 99999999999999999999 kB\n",
    b"thp": b"always [madvise] never\n",
    b"overcommit": b"2\n",
    b"max_map_count": b"65530\n",
    b"osrelease": b"6.18.44\n",
    b"boot_id": b"0b6e3c1a-0000-4000-8000-000000000000\n",
    b"uptime": b"100.50 380.11\n",
    b"procstat": b"cpu0\ncpu1\nbtime 1700000000\n",
    b"page": b"KernelPageSize:        4 kB",
    b"arch": b"x86_64\n",
    b"os-release": b'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n',
    b"cgroup-memory": b"/a b\tmax\t4096\n/c\t9223372036854771712\t1\n/d\t1048576\t\n/e\n",
}


def test_all_that_a_host_says() -> None:
    facts = facts_of(RECORDS)
    assert (facts.kernel, facts.os_name) == ("6.18.44", "Debian GNU/Linux 13 (trixie)")
    assert (facts.cores, facts.page_bytes, facts.clock_ticks) == (2, 4096, 100)
    assert (facts.boot_time_s, facts.clock_s) == (1700000000, 1700000100.5)
    assert facts.mem_total_bytes == 24689356 * 1024
    assert facts.meminfo_bytes == {"MemTotal": 24689356 * 1024, "MemFree": 1024, "HugePages_Total": 7}
    assert (facts.overcommit_memory, facts.max_map_count, facts.thp_mode) == (2, 65530, "madvise")
    assert facts.cgroup_memory_max_bytes == {"/a b": UNLIMITED, "/c": UNLIMITED, "/d": 1048576}
    assert facts.cgroup_memory_bytes == {"/a b": 4096, "/c": 1}


def test_what_was_not_sent_is_unknown() -> None:
    facts = facts_of({})
    assert (facts.kernel, facts.os_name, facts.thp_mode, facts.boot_time_s, facts.clock_s) == (
        "",
        "",
        "",
        0.0,
        0.0,
    )
    assert {facts.cores, facts.page_bytes, facts.mem_total_bytes, facts.overcommit_memory} == {UNKNOWN}


@given(st.dictionaries(st.sampled_from(sorted(RECORDS)), st.binary(max_size=60)))
def test_any_bytes_give_facts(records: dict[bytes, bytes]) -> None:
    facts = facts_of(records)
    assert facts.cores == UNKNOWN or facts.cores > 0
    assert all(size >= 0 for size in facts.meminfo_bytes.values())


def test_text_that_is_not_utf8_is_shown_in_hex() -> None:
    assert facts_of({b"osrelease": b"6.1-\xff"}).kernel == "6.1-\\xff"
