"""A service with more processes under one that lives on, and beside each what looks alike and is none."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from archive.run import Run
from archive.runs import Runs
from reports.changes import pools
from reports.formats import render_text
from reports.report import report
from reports.sentence import change_list, headline
from reports.tables import settled
from reports.tables.settled import Settled
from tests.reports.changes.nights import app, folder, host, night, restarted, story
from tests.reports.fleet import MIB, Answered, Process

CALM = host("web2", app())
Members = list[Process]


def workers(count: int, first: int = 200, mib: int = 13, **changes: Any) -> Members:
    """So many workers beside the master of `app()`, started later than it."""
    return [restarted(app(anon_mib=mib, **changes), first + place) for place in range(count)]


def pool(count: int, first: int = 200, mib: int = 13) -> Answered:
    return host("web1", app(anon_mib=100), *workers(count, first, mib))


def grew(run: Run) -> list[tuple[object, ...]]:
    rows = Settled(run).table(settled.CHANGES).filter(change="grew", subject="service")
    return rows.select("host", "service", "count_before", "count", "change_bytes").rows()


def two(runs: Runs, then: Answered, now: Answered) -> Run:
    night(runs, 20, then, CALM)
    return night(runs, 21, now, CALM)


def test_a_fork_storm_is_told_with_its_numbers_in_every_output(tmp_path: Path) -> None:
    run = two(folder(tmp_path), pool(9), pool(499))
    assert grew(run) == [("web1", "api.service", 10, 500, 490 * 13 * MIB)]
    whole = report(run)
    said = "10 to 500 processes, +6.2 GiB"
    assert headline.headline(whole).sentence.startswith(f"web1, api.service: {said} in a day")
    assert said in headline.headline(whole).short
    assert f"web1, api.service: {said} in a day" in b"".join(render_text.render(whole)).decode()
    (row, *_) = change_list.short_list(whole, 5).rows
    assert (row.count_before, row.count) == (10, 500)


def test_a_larger_growth_of_a_process_does_not_hide_more_processes(tmp_path: Path) -> None:
    runs = folder(tmp_path)
    other = app(9, 500, service="cache.service")
    night(runs, 20, pool(9), host("web2", other))
    run = night(runs, 21, pool(109), host("web2", replace(other, rss_anon_bytes=6000 * MIB)))
    sentence = headline.headline(report(run)).sentence
    assert sentence.startswith("web2, cache.service: ")
    assert "api.service on web1: 10 to 110 processes, +1.3 GiB" in sentence


def test_a_pool_that_was_made_smaller_is_told(tmp_path: Path) -> None:
    assert "shrank service web1 api.service -637" in story(two(folder(tmp_path), pool(99), pool(50)))


def test_a_pool_that_was_enlarged_everywhere_names_no_host(tmp_path: Path) -> None:
    runs = folder(tmp_path)
    for number, count in ((20, 4), (21, 8)):
        hosts = [host(f"web{at}", app(), *workers(count, mib=40)) for at in range(6)]
        run = night(runs, number, *hosts)
    assert grew(run) == [("", "api.service", 30, 54, 24 * 40 * MIB)]


def _recycled() -> tuple[Members, Members]:
    return [app(), *workers(20)], [app(), *workers(20, 900, 100)]


def _redeployed() -> tuple[Members, Members]:
    return workers(20, mib=30), workers(60, 900, 30)


def _side_by_side() -> tuple[Members, Members]:
    old = workers(20, mib=30, unit="api@old.service")
    return old, [*old, *workers(20, 900, 30, unit="api@new.service")]


def _of_cron() -> tuple[Members, Members]:
    cron = app(anon_mib=2, comm="cron", service="cron.service")
    return [cron], [cron, *workers(40, comm="backup", service="cron.service")]


def _logins() -> tuple[Members, Members]:
    old = workers(4, unit="session-3.scope")
    return old, [*old, *workers(60, 900, unit="session-3.scope")]


def _small() -> tuple[Members, Members]:
    return [app(), *workers(9, mib=1)], [app(), *workers(60, mib=1)]


def _one_more() -> tuple[Members, Members]:
    return [app(), *workers(2)], [app(), *workers(3, mib=13), *workers(0)]


def _grown_members() -> tuple[Members, Members]:
    return [app(), *workers(8, mib=40)], [app(), *workers(8, mib=400), *workers(3, 900, 40)]


@pytest.mark.parametrize(
    "alike",
    [
        _recycled,
        _redeployed,
        _side_by_side,
        _of_cron,
        _logins,
        _small,
        _one_more,
        _grown_members,
    ],
)
def test_what_looks_like_more_processes(tmp_path: Path, alike: Callable[[], tuple[Members, Members]]) -> None:
    then, now = alike()
    run = two(folder(tmp_path), host("web1", *then), host("web1", *now))
    counts = Settled(run).table(settled.CHANGES)["count_before"]
    assert counts.null_count() == counts.len()


def test_a_pool_that_breathes_each_night_is_no_news_and_a_storm_still_is(tmp_path: Path) -> None:
    runs = folder(tmp_path)
    night(runs, 1, pool(20), CALM)
    sizes = [40, 20, 40, 20, 40]
    told = [bool(grew(night(runs, 2 + at, pool(count), CALM))) for at, count in enumerate(sizes)]
    assert told == [True, False, True, False, False]
    assert grew(night(runs, 8, pool(400), CALM))


def test_a_pool_that_is_as_large_as_it_was_before_is_no_news(tmp_path: Path) -> None:
    runs = folder(tmp_path)
    for at, count in enumerate((20, 60, 35, 50, 40, 25)):
        night(runs, 1 + at, pool(count), CALM)
    assert not grew(night(runs, 7, pool(66), CALM))  # a rise as no other but the first, near where it was
    assert grew(night(runs, 8, pool(120), CALM))


def test_a_pool_that_only_grows_has_no_range_in_which_it_may(tmp_path: Path) -> None:
    runs = folder(tmp_path)
    for at, count in enumerate((20, 30, 41, 54, 70)):
        night(runs, 1 + at, pool(count), CALM)
    assert grew(night(runs, 6, pool(90), CALM))


def test_pools_that_breathe_among_peers_are_not_told(tmp_path: Path) -> None:
    runs = folder(tmp_path)
    for number, counts in ((20, (20, 20, 20, 20)), (21, (35, 5, 33, 8))):
        run = night(runs, number, *(host(f"web{at}", app(), *workers(n)) for at, n in enumerate(counts)))
    assert grew(run) == []


@pytest.mark.parametrize(("then", "more", "is_told"), [(7, 2, True), (8, 2, False), (3, 1, False)])
def test_the_least_number_of_processes(tmp_path: Path, then: int, more: int, is_told: bool) -> None:
    assert (pools.MEMBERS_MIN, pools.MEMBERS_SHARE) == (2, 0.25)
    run = two(folder(tmp_path), pool(then, mib=90), pool(then + more, mib=90))
    assert bool(grew(run)) is is_told
