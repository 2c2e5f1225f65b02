"""Processes that grew, over nights: told once, followed while they hold it, forecast where a line fits."""

from dataclasses import replace
from pathlib import Path

import pytest

from procmaps.kind_words import KIND_WORDS
from procmaps.kinds import Kind
from reports.findings import growth, titles
from tests.reports.findings.nights import Nights, found, one
from tests.reports.fleet import BOOT_S, GIB, MEMINFO, MIB, Answered, Block, Process

SMALL = 80 * MIB


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    return Nights(tmp_path)


def member(name: str, size: int = SMALL, start: int = 42, kind: str = "heap_arena") -> Answered:
    process = Process(
        100, "java", "checkout.service", (Block(kind, size),), size, start, BOOT_S + start, "java -jar c.jar"
    )
    return Answered(name, (process,), meminfo_bytes=MEMINFO)


def fleet(size: int, start: int = 42) -> tuple[Answered, ...]:
    """Six members, of which app-3 has this size."""
    return tuple(
        member(f"app-{place}", size, start) if place == 3 else member(f"app-{place}") for place in range(1, 7)
    )


def test_the_night_on_which_one_of_six_grows(nights: Nights) -> None:
    nights.run(*fleet(SMALL))
    group = one(nights.report(*fleet(SMALL + 720 * MIB)), "grew")
    assert (group.standing, group.severity, group.bytes) == ("new", "warning", 720 * MIB)
    assert group.title == (
        "checkout.service on app-3 grew 720 MiB in a day, mostly in arenas; 5 peers did not grow"
    )
    assert group.not_shown == ("Cannot tell when it fills the host: needs 2 more runs without a restart.")
    assert [(each.host, each.pid) for each in group.first] == [("app-3", 100)]


def test_it_stands_while_it_is_held_and_grows_worse(nights: Nights) -> None:
    nights.run(*fleet(SMALL))
    first = one(nights.report(*fleet(SMALL + 720 * MIB)), "grew")
    held = one(nights.report(*fleet(SMALL + 720 * MIB)), "grew")
    assert (held.standing, held.fingerprint, held.bytes) == ("same", first.fingerprint, 720 * MIB)
    assert "since 2026-11-01" in held.title
    worse = one(nights.report(*fleet(SMALL + 1440 * MIB)), "grew")
    assert (worse.standing, worse.bytes, worse.before_bytes) == ("worse", 1440 * MIB, 720 * MIB)
    assert worse.since_at == first.since_at


@pytest.mark.parametrize(
    "after", [fleet(SMALL), fleet(SMALL + 720 * MIB, start=9000)], ids=["given back", "restarted"]
)
def test_it_is_resolved_when_the_memory_is_given_back(nights: Nights, after: tuple[Answered, ...]) -> None:
    nights.run(*fleet(SMALL))
    nights.run(*fleet(SMALL + 720 * MIB))
    assert nights.tell(*after)["grew"] == "resolved"


def test_a_host_that_is_silent_keeps_what_it_held(nights: Nights) -> None:
    nights.run(*fleet(SMALL))
    nights.run(*fleet(SMALL + 720 * MIB))
    others = [each for each in fleet(SMALL) if each.name != "app-3"]
    assert nights.tell(*others, failed=("app-3",))["grew"] == "unseen"
    assert nights.tell(*fleet(SMALL + 720 * MIB))["grew"] == "same"


def test_what_grew_above_its_peers_is_told_once(nights: Nights) -> None:
    assert nights.tell(*fleet(SMALL)) == {}
    assert nights.tell(*fleet(SMALL + 720 * MIB)) == {"grew": "new"}
    assert nights.tell(*fleet(SMALL + 720 * MIB)) == {"grew": "same"}
    restarted = nights.tell(*fleet(SMALL + 720 * MIB, start=9000))
    assert restarted == {"grew": "resolved", "bloated": "new"}


def test_a_bloated_process_that_rises_a_little_stays_bloated(nights: Nights) -> None:
    assert nights.tell(*fleet(8 * GIB)) == {"bloated": "new"}
    assert nights.tell(*fleet(8 * GIB + 100 * MIB)) == {"bloated": "same"}  # less than 2 %


def test_what_grew_is_not_told_as_bloated_by_its_own_past_too(nights: Nights) -> None:
    nights.run(member("db-1"))
    assert nights.tell(member("db-1", SMALL + 720 * MIB)) == {"grew": "new"}
    assert nights.tell(member("db-1", SMALL + 720 * MIB)) == {"grew": "same"}


def test_a_reused_pid_is_not_the_process_that_grew(nights: Nights) -> None:
    nights.run(member("db-1"))
    nights.run(member("db-1", SMALL + 720 * MIB))
    other = member("db-1", SMALL + 720 * MIB)
    rebooted = replace(other, processes=(replace(other.processes[0], started_at_s=BOOT_S + 90_000),))
    assert nights.tell(rebooted)["grew"] == "resolved"


def test_a_straight_line_says_when_the_host_is_full(nights: Nights) -> None:
    group = None
    for night in range(4):
        told = nights.report(member("db-1", SMALL + night * 3 * GIB))
        group = one(told, "grew") if night else None
    assert group is not None
    assert group.not_shown == "At this rate the memory that the host has available is full in about 6 days."
    assert group.title.endswith("; at this rate its host is full in about 6 days")
    assert group.severity == "alarm"


@pytest.mark.parametrize(
    ("least", "most", "full"),
    [
        (9 * GIB, 9 * GIB, "the limit of its cgroup (24.0 GiB) is full in about 3 days"),
        (3 * GIB, 9 * GIB, "the limit of its cgroup (24.0 GiB) is full in about 1 to 3 days"),
        (
            None,
            9 * GIB,
            "the limit of its cgroup (24.0 GiB) is full in about 3 days",
        ),  # memory.current: unknown
        (3 * GIB, 30 * GIB, "its host is full in about 6 days"),  # 18 GiB are available there
        (None, None, "its host is full in about 6 days"),
    ],
)
def test_a_limit_counts_if_it_is_full_before_the_host(
    nights: Nights, least: int | None, most: int | None, full: str
) -> None:
    report = None
    for night in range(4):
        host = member("db-1", SMALL + night * 3 * GIB)
        process = replace(host.processes[0], limit=(most and 24 * GIB, least, most))
        report = nights.report(replace(host, processes=(process,)))
    assert report is not None
    group = one(report, "grew")
    assert group.title.endswith(f"; at this rate {full}")
    if "its host" not in full:
        assert group.not_shown == f"At this rate {full}."


def test_a_sawtooth_says_that_it_cannot_be_told(nights: Nights) -> None:
    group = None
    for night in range(5):
        told = nights.report(member("db-1", SMALL + (GIB if night % 2 else 3 * GIB) + night * 128 * MIB))
        group = next((each for each in told.findings if each.code == "grew"), None)
    if group is not None and group.standing != "resolved":
        assert "cannot tell" in group.not_shown.lower()


def test_growth_is_told_whatever_rules_labelled_the_runs(nights: Nights) -> None:
    nights.run(member("db-1"), rules="1")
    group = one(nights.report(member("db-1", SMALL + 720 * MIB), rules="2"), "grew")
    assert (group.standing, group.bytes) == ("new", 720 * MIB)


def test_more_growth_in_another_kind_is_another_finding(nights: Nights) -> None:
    def sized(arenas: int, java: int) -> Answered:
        small = member("db-1", SMALL + arenas + java)
        blocks = (Block("heap_arena", SMALL + arenas), Block("java_heap", java or MIB))
        return replace(small, processes=(replace(small.processes[0], blocks=blocks),))

    nights.run(sized(0, 0))
    java = one(nights.report(sized(0, 300 * MIB)), "grew")
    assert java.kind == "java_heap"
    less = one(nights.report(sized(200 * MIB, 300 * MIB)), "grew")
    assert (less.fingerprint, less.bytes) == (java.fingerprint, 500 * MIB)
    told = {each.kind: each for each in nights.report(sized(900 * MIB, 300 * MIB)).findings}
    assert (told["heap_arena"].standing, told["heap_arena"].bytes) == ("new", 700 * MIB)
    assert told["java_heap"].standing == "resolved"


def test_little_growth_is_a_remark_until_it_has_added_up(nights: Nights) -> None:
    nights.run(*fleet(SMALL))
    little = one(nights.report(*fleet(SMALL + 100 * MIB)), "grew")
    assert (little.standing, little.severity, little.is_news) == ("new", "info", False)
    assert one(nights.report(*fleet(SMALL + 255 * MIB)), "grew").severity == "info"
    much = one(nights.report(*fleet(SMALL + 256 * MIB)), "grew")
    assert (much.severity, much.is_news) == ("warning", True)


def test_little_growth_is_much_on_a_small_host(nights: Nights) -> None:
    small = {**MEMINFO, "MemTotal": 2 * GIB}
    nights.run(replace(member("db-1"), meminfo_bytes=small))
    told = nights.report(replace(member("db-1", SMALL + 128 * MIB), meminfo_bytes=small))
    assert one(told, "grew").severity == "warning"


def test_members_that_grew_on_different_nights_are_told_since_the_first_of_them(nights: Nights) -> None:
    nights.run(*fleet(SMALL))
    nights.run(*fleet(SMALL + 400 * MIB))
    hosts = [*fleet(SMALL + 400 * MIB)]
    hosts[0] = member("app-1", SMALL + 720 * MIB)
    group = one(nights.report(*hosts), "grew")
    assert group.title == (
        "2 of 6 members of checkout.service grew 1.1 GiB since 2026-11-01, mostly in arenas, "
        "app-1 the most (720 MiB)"
    )


def test_two_members_are_one_finding(nights: Nights) -> None:
    nights.run(*fleet(SMALL))
    grown = [replace(each) for each in fleet(SMALL + 720 * MIB)]
    grown[0] = member("app-1", SMALL + 400 * MIB)
    group = one(nights.report(*grown), "grew")
    assert group.title == (
        "2 of 6 members of checkout.service grew 1.1 GiB in a day, mostly in arenas, app-3 the most (720 MiB)"
    )


ARENAS_DO_NOT_HELP = "MALLOC_ARENA_MAX does not help."


def with_found(host: Answered, kind: str) -> Answered:
    known = replace(found("full_arenas", pid=100), advice=ARENAS_DO_NOT_HELP, kind=kind, start_ticks=42)
    return replace(host, findings=(known,))


@pytest.mark.parametrize(("kind", "wins"), [("heap_arena", True), ("thread_stack", False)])
def test_a_finding_about_the_memory_that_grew_says_what_to_do(nights: Nights, kind: str, wins: bool) -> None:
    nights.run(*fleet(SMALL))
    now = [with_found(each, kind) if each.name == "app-3" else each for each in fleet(SMALL + 720 * MIB)]
    for _ in range(2):  # while it is followed as well
        advice = one(nights.report(*now), "grew").advice
        assert (ARENAS_DO_NOT_HELP in advice) is wins
        assert (KIND_WORDS[Kind.HEAP_ARENA].when_large in advice) is not wins


def test_a_finding_of_another_process_does_not_say_what_to_do(nights: Nights) -> None:
    nights.run(*fleet(SMALL))
    now = [
        with_found(each, "heap_arena") if each.name != "app-3" else each for each in fleet(SMALL + 720 * MIB)
    ]
    assert KIND_WORDS[Kind.HEAP_ARENA].when_large in one(nights.report(*now), "grew").advice


@pytest.mark.parametrize(
    ("kind", "said"),
    [("go_heap", "the Go heap"), ("heap_arena", "arenas"), ("shm", "shared memory"), ("of_2099", "of_2099")],
)
def test_kinds_are_told_by_their_words(kind: str, said: str) -> None:
    assert growth.inside(kind) == said


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ("05:01", "in 1 min"),
        ("05:59", "in 59 min"),
        ("06:00", "in an hour"),
        ("11:00", "in 6 hours"),
        ("05:00", "since 2026-11-01"),
    ],
)
def test_the_time_between_two_runs(now: str, said: str) -> None:
    then = "2026-11-01T05:00:00Z"
    assert titles.since(then, f"2026-11-01T{now}:00Z", then) == said
