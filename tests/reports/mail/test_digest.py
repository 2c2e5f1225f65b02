"""The digest: what stands, what is new, what is resolved and muted, which nights did not run."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from reports.columns.change_columns import HISTORY, HISTORY_RUNS
from reports.findings.rows import Standing
from reports.mail import digest as digests
from reports.mail.digest import SHOWN_MAX, Digest, Missed, Night, Span
from reports.report import FailureGroup, Report
from tests.changes_made import group
from tests.mapsweep.reports_made import MIB, fleet, host

UNTIL = datetime(2026, 11, 30, 7, tzinfo=UTC)
SPAN = Span("nightly", UNTIL, zone="Europe/Berlin")
DAY = timedelta(days=1)
NIGHTS = tuple(Night(UNTIL - n * DAY, 500, 486, is_good=n != 3) for n in range(7))
LONG_AGO, LATELY = "2026-11-02T02:00:00+00:00", "2026-11-27T02:00:00+00:00"
FOUND = (
    group(Standing.SAME, title="checkout.service has 40 arenas", since_at=LONG_AGO),
    group(Standing.NEW, title="search grew", since_at=LATELY, owner="search"),
    group(Standing.SAME, title="search swaps", since_at=LATELY),
    group(Standing.RESOLVED, title="redis was swapped", since_at=LONG_AGO, resolved_at=LATELY),
    group(Standing.RESOLVED, title="long over", since_at=LONG_AGO, resolved_at=LONG_AGO),
    group(
        Standing.SAME, title="known", since_at=LONG_AGO, mute_reason="fixed in 4.2", muted_until="2027-06-30"
    ),
)


class Tables:
    """The tables of a closed run that a digest reads."""

    def __init__(
        self, rows: list[tuple[str, str, list[int | None]]], first: dict[str, str] | None = None
    ) -> None:
        runs = [(f"run-{n}", (UNTIL - (9 - n) * DAY).isoformat()) for n in range(10)]
        self._tables = {
            "history_runs": pl.DataFrame(runs, schema=HISTORY_RUNS, orient="row"),
            "history": pl.DataFrame(
                [(kind, name, sizes, sizes) for kind, name, sizes in rows], schema=HISTORY, orient="row"
            ),
            "finding_groups": pl.DataFrame(
                list((first or {}).items()), schema=("fingerprint", "first_standing"), orient="row"
            ).cast(pl.String),
        }

    def table(self, name: str, wanted: tuple[str, ...] | None = None) -> pl.DataFrame:
        return self._tables[name].select(wanted or pl.all())


def report(*rows: tuple[str, str, list[int | None]]) -> Report:
    made = replace(fleet([host("a", 900 * MIB, rank=1)]), findings=FOUND)
    return replace(made, tables=Tables(list(rows)))  # type: ignore[arg-type]


def sizes(first: int | None, last: int | None) -> list[int | None]:
    """Sizes of ten runs, the last seven of which are in the span."""
    return [*([5000 * MIB] * 3), first, *([200 * MIB] * 5), last]


def made(nights: tuple[Night, ...] = NIGHTS, missed: tuple[Missed, ...] = (), **of: object) -> Digest:
    return digests.digest(SPAN, nights, missed, report(*of.get("rows", ())))  # type: ignore[misc]


def test_each_finding_is_told_in_one_place() -> None:
    text = digests.text(made())
    titles = [line for line in text.splitlines() if set(line) == {"-"}]
    assert len(titles) == 5
    parts = [part.partition("\n---")[0] for part in text.split("\n\n")]
    for title, told in (
        ("Stands for 7 days or more", "checkout.service has 40 arenas; since Mon 2026-11-02 03:00 CET"),
        ("New in these days", "search grew"),
        ("Resolved in these days", "redis was swapped"),
        ("Muted", "known; muted until 2027-06-30: fixed in 4.2"),
    ):
        (part,) = [each for each in text.split("\n\n") if each.startswith(f"{title}\n")]
        assert told in " ".join(part.split()), part
    assert "long over" not in text
    assert parts[0].startswith("nightly: 7 runs in 7 days, 1 finding stands for 7 days or more, 2 new, 1")
    assert max(map(len, text.splitlines())) <= digests.WIDTH


def test_a_missed_night_is_the_first_news() -> None:
    missed = (Missed(UNTIL - DAY / 2, "the inventory is broken"),)
    told = made(NIGHTS[:3], missed)
    assert told.subject.startswith("7 days: 1 due time missed, 1 finding stands")
    assert "DID NOT RUN: the inventory is broken" in digests.text(told)


def test_growth_is_between_the_first_and_the_last_run_of_the_span() -> None:
    told = made(
        rows=(
            ("service", "checkout.service", sizes(76 * MIB, 796 * MIB)),
            ("host", "app-03", sizes(100 * MIB, 163 * MIB)),
            ("host", "unknown", sizes(None, 9000 * MIB)),
            ("host", "shrank", sizes(9000 * MIB, 100 * MIB)),
        )
    )
    text = digests.text(told)
    assert "service checkout.service: +720 MiB (76.0 MiB to 796 MiB)" in text
    for name in ("app-03", "unknown", "shrank"):
        assert name not in text


@pytest.mark.parametrize("evil", ["<script>alert(1)</script>", "a\x1b[31mb\nc", "\u202eabc"])
def test_names_do_no_harm(evil: str) -> None:
    groups = tuple(replace(each, title=evil, advice=evil, owner=evil, mute_reason=evil) for each in FOUND)
    run = replace(report(("host", evil, sizes(MIB, 900 * MIB))), findings=groups)
    told = digests.digest(replace(SPAN, scope=evil), NIGHTS, (Missed(UNTIL, evil),), run)
    for text in (digests.text(told), digests.html(told)):
        assert all(each.isprintable() for each in text.splitlines())
        assert "<script>alert" not in digests.html(told)
    assert all(each.isprintable() for each in told.subject.splitlines())


def test_a_long_list_is_cut_and_counted() -> None:
    groups = tuple(group(Standing.SAME, title=f"f{n}", since_at=LONG_AGO) for n in range(SHOWN_MAX + 3))
    told = digests.digest(SPAN, NIGHTS, (), replace(report(), findings=groups))
    assert "and 3 more" in digests.text(told)
    assert "and 3 more" in digests.html(told)


def test_a_last_run_without_an_answer_is_the_first_news_in_whatever_order() -> None:
    dead = Night(UNTIL - DAY / 2, 2, 0)
    for nights in ((dead, *NIGHTS[1:]), (*NIGHTS[1:], dead)):
        told = made(nights)
        assert told.subject.startswith("7 days: NO HOST ANSWERED in the last run, 1 finding stands")
        assert "NO HOST ANSWERED" in told.sentence
    assert "NO HOST" not in made((*NIGHTS, replace(dead, at=UNTIL - 6.5 * DAY))).subject


def test_hosts_that_failed_are_named_with_their_reason() -> None:
    refused = FailureGroup("failed", "auth", "auth_rejected", "check the user", "refused", ("db-01",), 1)
    told = digests.digest(SPAN, NIGHTS, (), replace(report(), failures=(refused,)))
    assert "1 failed: auth auth_rejected (db-01): check the user" in digests.text(told)
    assert "db-01" in digests.html(told)


def test_findings_of_the_first_run_that_is_kept_are_not_called_new() -> None:
    groups = (group(Standing.SAME, title="old?", since_at=LATELY, since_run="run-0"),)
    text = digests.text(digests.digest(SPAN, NIGHTS, (), replace(report(), findings=groups)))
    assert "1 there since the first run" in " ".join(text.split())
    assert "There since the first run that is kept" in text
    assert "New in these days" not in text


def test_what_was_no_news_when_it_was_told_first_is_not_called_new() -> None:
    """Such as what a release looked for first: since_at is that night, though it may be older."""
    groups = tuple(
        group(Standing.SAME, title=f"told as {first!r}", since_at=LATELY, fingerprint=first or "older")
        for first in ("new", "same", "")
    )
    run = replace(report(), findings=groups)
    tables = Tables([], {each.fingerprint: each.fingerprint.replace("older", "") for each in groups})
    told = digests.digest(SPAN, NIGHTS, (), replace(run, tables=tables))  # type: ignore[arg-type]
    assert "2 new, 1 first told, but perhaps older" in told.sentence
    sections = {each.title: each for each in told.sections}
    (line,) = sections["First told in these days, but perhaps older"].lines
    assert line.startswith("told as 'same'")


def test_growth_of_a_service_is_said_to_include_members_that_were_added() -> None:
    assert "of a service includes members that were added" in " ".join(digests.text(made()).split())


def test_a_scope_without_a_run_says_so() -> None:
    told = digests.digest(SPAN, (), (), None)
    assert told.subject == "NO RUN in 7 days"
    assert "nothing is known of its hosts" in " ".join(digests.text(told).split())
