from dataclasses import replace
from pathlib import Path

import pytest

from domain.records import Mute
from tests.reports.findings.nights import Nights, host, one
from tests.reports.fleet import GIB, MIB

MUTE = Mute("many_arenas", reason="rolled out in June", until="2026-11-30")


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    return Nights(tmp_path)


def test_what_is_muted_is_counted_and_last(nights: Nights) -> None:
    told = nights.report(host("web1", "many_arenas", "swapped", size=GIB), mutes=(MUTE,))
    assert [each.code for each in told.findings] == ["swapped", "many_arenas"]
    group = one(told, "many_arenas")
    assert (group.mute_reason, group.muted_until) == (MUTE.reason, MUTE.until)
    assert group.is_muted
    assert not group.is_news
    assert one(told, "swapped").is_news
    (row,) = told.mutes
    assert (row.state, row.groups, row.reason) == ("in force", 1, MUTE.reason)


@pytest.mark.parametrize(
    ("mute", "matches"),
    [
        (replace(MUTE, code="*", service="api.*"), True),
        (replace(MUTE, service="api.service"), True),
        (replace(MUTE, service="web.service, api.service"), True),
        (replace(MUTE, service="API.service"), False),
        (replace(MUTE, service="api"), False),
        (replace(MUTE, code="swapped"), False),
        (replace(MUTE, kind="heap_arena"), True),
        (replace(MUTE, kind="java_*"), False),
        (replace(MUTE, hosts="web*"), True),
        (replace(MUTE, hosts="all"), True),
        (replace(MUTE, hosts="web1,web2"), True),
        (replace(MUTE, hosts="web1"), False),  # web2 has it too
        (replace(MUTE, hosts="db*"), False),
    ],
)
def test_a_mute_matches_by_patterns(nights: Nights, mute: Mute, *, matches: bool) -> None:
    told = nights.report(host("web1", "many_arenas"), host("web2", "many_arenas"), mutes=(mute,))
    assert one(told, "many_arenas").is_muted is matches
    assert told.mutes[0].state == ("in force" if matches else "unmatched")


def test_another_version_of_a_service_stays_muted(nights: Nights) -> None:
    mute = replace(MUTE, service="php8.2-fpm.service")
    told = nights.report(host("web1", "many_arenas", service="php8.3-fpm.service"), mutes=(mute,))
    assert one(told, "many_arenas").is_muted


def test_a_mute_holds_on_its_last_day_and_not_after_it(nights: Nights) -> None:
    ill = host("web1", "many_arenas")
    mute = replace(MUTE, until="2026-11-02")
    nights.run(ill)
    assert one(nights.report(ill, mutes=(mute,)), "many_arenas").is_muted
    expired = nights.report(ill, mutes=(mute,))
    assert not one(expired, "many_arenas").is_muted
    assert expired.mutes[0].state == "expired"


def test_the_first_mute_that_matches_counts(nights: Nights) -> None:
    told = nights.report(
        host("web1", "many_arenas"),
        mutes=(MUTE, replace(MUTE, code="*", service="*.service", reason="other")),
    )
    assert one(told, "many_arenas").mute_reason == MUTE.reason
    assert [row.groups for row in told.mutes] == [1, 0]


def test_what_has_doubled_since_it_was_muted_is_told_again(nights: Nights) -> None:
    def of(size: int) -> tuple[bool, str]:
        group = one(nights.report(host("web1", "many_arenas", size=size), mutes=(MUTE,)), "many_arenas")
        return group.is_news, group.standing

    assert of(200 * MIB) == (False, "new")
    assert of(399 * MIB) == (False, "worse")
    assert of(400 * MIB) == (False, "same")  # doubled, and told as worse last night
    group = one(nights.report(host("web1", "many_arenas", size=600 * MIB), mutes=(MUTE,)), "many_arenas")
    assert group.is_news
    assert (
        group.rests_on == f"muted until {MUTE.until} ({MUTE.reason}), and told because it has doubled since"
    )


def test_a_small_one_that_doubles_stays_muted(nights: Nights) -> None:
    nights.run(host("web1", "many_arenas", size=MIB), mutes=(MUTE,))
    told = nights.report(host("web1", "many_arenas", size=10 * MIB), mutes=(MUTE,))
    assert one(told, "many_arenas").is_muted


def test_what_ends_while_it_is_muted_ends_in_silence(nights: Nights) -> None:
    nights.run(host("web1", "many_arenas"), mutes=(MUTE,))
    told = nights.report(host("web1"), mutes=(MUTE,))
    group = one(told, "many_arenas")
    assert (group.standing, group.is_muted) == ("resolved", True)
