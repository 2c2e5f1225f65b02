from dataclasses import replace
from pathlib import Path

import pytest

from reports.findings.bloated import OWN_EXCESS_MIN_BYTES
from reports.findings.standing import BY_BASELINE
from reports.tables.measures import BLOAT_EXCESS_MIN_BYTES
from tests.reports.findings.nights import Nights, one
from tests.reports.fleet import BOOT_S, GIB, MIB, Answered, Process, heap, peers


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    return Nights(tmp_path)


def test_a_process_far_above_its_peers_is_bloated(nights: Nights) -> None:
    group = one(nights.report(*peers((100 * MIB,) * 5 + (820 * MIB,))), "bloated")
    assert (group.members, group.bytes, group.kind) == (1, 720 * MIB, "")
    assert group.title == (
        "api.service on web6: native heap at most 820 MiB; the median of its service is 100 MiB"
    )
    assert [(each.host, each.bytes) for each in group.first] == [("web6", 720 * MIB)]


@pytest.mark.parametrize(
    "sizes",
    [
        (100, 100, 100, 100, 100, 163),  # less than 64 MiB above the median
        (800, 800, 800, 800, 800, 1599),  # less than twice the median
        (100, 100, 100, 820),  # too few for a median
    ],
)
def test_what_is_a_little_larger_is_not(nights: Nights, sizes: tuple[int, ...]) -> None:
    assert "bloated" not in nights.tell(*peers(tuple(size * MIB for size in sizes)))


@pytest.mark.parametrize(("excess", "severity"), [(255, "info"), (256, "warning")])
def test_little_bloat_is_a_remark(nights: Nights, excess: int, severity: str) -> None:
    group = one(nights.report(*peers((100 * MIB,) * 5 + ((100 + excess) * MIB,))), "bloated")
    assert group.severity == severity


def test_smaps_give_no_bound(nights: Nights) -> None:
    hosts = [
        replace(
            each,
            processes=(replace(each.processes[0], evidence="smaps", blocks=(heap(size, resident=True),)),),
        )
        for each, size in zip(peers((GIB,) * 6), (GIB,) * 5 + (3 * GIB,), strict=True)
    ]
    assert one(nights.report(*hosts), "bloated").title == (
        "api.service on web6: native heap 3.0 GiB; the median of its service is 1.0 GiB"
    )


def test_a_baseline_that_came_into_being_is_no_news(nights: Nights) -> None:
    fleet = peers((100 * MIB,) * 4 + (820 * MIB,))
    assert nights.tell(*fleet[1:]) == {}  # four members have no median
    group = one(nights.report(*fleet), "bloated")
    assert (group.standing, group.rests_on) == ("same", BY_BASELINE)
    assert not group.is_news
    assert nights.tell(*fleet) == {"bloated": "same"}


def test_peers_that_shrank_are_no_news_of_the_one_that_did_not(nights: Nights) -> None:
    nights.run(*peers((820 * MIB,) * 6))
    assert nights.tell(*peers((100 * MIB,) * 5 + (820 * MIB,))) == {"bloated": "same"}


def test_a_smaller_median_makes_nothing_worse(nights: Nights) -> None:
    nights.run(*peers((400 * MIB,) * 6 + (900 * MIB, 790 * MIB)))
    group = one(nights.report(*peers((100 * MIB,) * 6 + (900 * MIB, 790 * MIB))), "bloated")
    assert (group.standing, group.members, group.bytes) == ("same", 2, 1490 * MIB)
    assert nights.tell(*peers((100 * MIB,) * 6 + (900 * MIB, 800 * MIB))) == {"bloated": "same"}
    worse = peers((100 * MIB,) * 6 + (1300 * MIB, 800 * MIB))
    assert nights.tell(*worse) == {"bloated": "worse"}


def test_a_member_that_grew_is_news_though_the_baseline_is_too(nights: Nights) -> None:
    fleet = peers((100 * MIB,) * 4 + (150 * MIB,))
    nights.run(*fleet[1:])
    larger = (*fleet[:4], *peers((820 * MIB,) * 5)[4:])
    assert nights.tell(*larger)["bloated"] == "new"


def test_a_member_that_started_large_is_news(nights: Nights) -> None:
    fleet = peers((100 * MIB,) * 4 + (820 * MIB,))
    nights.run(*fleet[1:])
    (process,) = fleet[4].processes
    anew = replace(process, start_ticks=9000, started_at_s=BOOT_S + 90)
    assert nights.tell(*fleet[:4], replace(fleet[4], processes=(anew,))) == {"bloated": "new"}


FLEET = peers((100 * MIB,) * 5 + (820 * MIB,))


def unreadable(host: Answered) -> Answered:
    (process,) = host.processes
    return replace(host, processes=(replace(process, evidence="denied", blocks=()),), denied=1)


@pytest.mark.parametrize(
    "without_peers",
    [FLEET[4:], (*map(unreadable, FLEET[:4]), *FLEET[4:]), (*FLEET[:5], unreadable(FLEET[5]))],
    ids=["gone", "unreadable", "unreadable itself"],
)
def test_without_a_baseline_it_is_unseen_and_not_resolved(
    nights: Nights, without_peers: tuple[Answered, ...]
) -> None:
    nights.run(*FLEET)
    group = one(nights.report(*without_peers), "bloated")
    assert (group.standing, group.members, group.bytes) == ("unseen", 1, 720 * MIB)
    assert nights.tell(*without_peers)["bloated"] == "unseen"
    assert nights.tell(*FLEET)["bloated"] == "same"
    nights.run(*without_peers)
    assert nights.tell(*peers((100 * MIB,) * 6))["bloated"] == "resolved"


def test_without_peers_what_is_small_or_gone_is_resolved(nights: Nights) -> None:
    small = peers((100 * MIB,) * 5 + (BLOAT_EXCESS_MIN_BYTES - 1,))
    for now in ((*FLEET[3:5], small[5]), (*FLEET[3:5], replace(FLEET[5], processes=()))):
        nights.run(*FLEET)
        assert nights.tell(*now)["bloated"] == "resolved"
        nights = Nights(Path(nights.folder) / "next")


def test_without_a_past_of_its_own_it_is_unseen(nights: Nights) -> None:
    """A second member on the host has no past to compare with, and other rules have no native heaps."""
    nights.run(lonely(100 * MIB))
    nights.run(lonely(800 * MIB))
    (process,) = lonely(800 * MIB).processes
    second = replace(process, pid=101, blocks=(heap(MIB),))
    assert nights.tell(Answered("db1", (process, second)))["bloated"] == "unseen"
    assert nights.tell(lonely(110 * MIB))["bloated"] == "resolved"
    nights = Nights(Path(nights.folder) / "rules")
    nights.run(lonely(100 * MIB))
    nights.run(lonely(800 * MIB))
    assert nights.tell(lonely(800 * MIB), rules="2027.01")["bloated"] == "unseen"


def lonely(size: int, start: int = 42) -> Answered:
    """A service with one member, which was started anew if `start` differs."""
    process = Process(100, blocks=(heap(size),), start_ticks=start, started_at_s=BOOT_S + start)
    return Answered("db1", (process,))


def test_a_service_far_above_its_own_past_is_bloated_though_it_was_restarted(nights: Nights) -> None:
    nights.run(lonely(100 * MIB))
    group = one(nights.report(lonely(800 * MIB, start=9000)), "bloated")
    assert (group.standing, group.bytes) == ("new", 700 * MIB)
    assert "the least of the last runs was 100 MiB" in group.title
    assert nights.tell(lonely(800 * MIB, start=9000)) == {"bloated": "same"}


def test_a_heap_that_breathes_is_not(nights: Nights) -> None:
    for size in (100 * MIB, 100 * MIB + OWN_EXCESS_MIN_BYTES - 1):
        assert "bloated" not in nights.tell(lonely(size, start=size))
    nights = Nights(Path(nights.folder) / "larger")
    for size in (GIB, 4 * GIB - MIB):
        assert "bloated" not in nights.tell(lonely(size, start=size))


def test_many_bloated_members_are_one_finding(nights: Nights) -> None:
    group = one(nights.report(*peers((100 * MIB,) * 9 + (820 * MIB, 500 * MIB)), hosts_a_part=3), "bloated")
    assert (group.members, group.hosts, group.bytes) == (2, 2, (720 + 400) * MIB)
    assert group.title == (
        "2 of 11 members of api.service hold far more than their baseline, 1.1 GiB above it in all, "
        "the most on web10"
    )
