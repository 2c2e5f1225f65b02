"""What of changes, findings and the last runs is in a page, how exact, and what is said of the rest."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from archive.run import Run
from archive.runs import Runs
from reports import report as reporting
from reports.columns.change_columns import CHANGES, HISTORY, HISTORY_RUNS
from reports.columns.column import schema_of
from reports.findings.rows import MuteRow
from reports.page import fields, first_news, news, news_part, page
from reports.page.container import pack, put_together
from reports.page.news import CHANGES_MAX, GONE_MAX, GROUPS_MAX, News
from reports.page.room import Room
from reports.report import Report
from reports.sentence import change_words
from reports.sentence.headline import headline
from reports.tables import settled
from tests.reports.page.decoder import Decoded, decode, of_page
from tests.synthetic.closed_run import Fleet, closed_run
from tests.synthetic.news import RUNS, tell

MIB = 2**20
NOTHING = {name: None if kind is pl.Int64 else "" for name, kind in schema_of(CHANGES).items()}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return tell(closed_run(Runs(str(tmp_path_factory.mktemp("runs"))), Fleet(40, failed=0.1)))


@pytest.fixture(scope="module")
def report(run: Run) -> Report:
    return reporting.report(run)


@pytest.fixture(scope="module")
def shown(report: Report) -> Decoded:
    return of_page(page.render(report))


def made(values: list[list[int | None]], names: list[str] | None = None) -> News:
    """News of hosts with these last runs."""
    runs = max(len(row) for row in values)
    rows = {
        "subject": ["host"] * len(values),
        "name": names or [f"web{place}" for place in range(len(values))],
        "native_heap_bytes": values,
        "anon_bytes": values,
    }
    told = [(f"run-{at}", f"2026-11-{at + 1:02}T04:00:00Z") for at in range(runs)]
    return News(
        changes=pl.DataFrame(schema={name: schema_of(CHANGES)[name] for name in fields.OF_CHANGES}),
        changes_of=0,
        groups=pl.DataFrame(schema=fields.GROUPS_SCHEMA),
        groups_of=0,
        members=pl.DataFrame(schema=fields.MEMBERS_SCHEMA),
        runs=pl.DataFrame(told, schema=HISTORY_RUNS, orient="row"),
        history=pl.DataFrame(rows, schema=HISTORY),
    )


def decoded(table: pl.DataFrame, runs: int) -> list[list[int | None]]:
    """The sizes as the script reads them."""
    packed = put_together({}, {}, {"history": pack(table, fields.history_bases(runs))})
    columns = decode(packed).tables["history"]
    powers = columns["anon_power"]
    return [
        [
            None if (count := columns[f"anon_{at}"][row]) is None else int(count) * 2 ** int(powers[row] or 0)
            for at in range(runs)
        ]
        for row in range(table.height)
    ]


ODD_RUNS: list[list[int | None]] = [
    [0, 0, 0],
    [None, None, None],
    [1, 2, 4095],
    [None, 5 * 2**40 + 4096, None],
    [3 * 2**30, None, 1],
    [2**62, 2**62 - 1, 7],
    [700 * MIB, 720 * MIB, 719 * MIB + 4096],
]


@pytest.mark.parametrize("bits", [14, 9])
def test_the_last_runs_are_as_exact_as_is_said_and_unknown_stays_unknown(bits: int) -> None:
    told = made(ODD_RUNS)
    hosts, nothing = told.history["name"], pl.Series("service", [], pl.String)
    for values, row in zip(ODD_RUNS, decoded(news.history(told, hosts, nothing, bits), 3), strict=True):
        largest = max((value for value in values if value is not None), default=0)
        assert [value is None for value in row] == [value is None for value in values]
        for value, kept in zip(values, row, strict=True):
            if value is not None and kept is not None:
                assert abs(value - kept) <= largest / 2**bits / 2


def test_hosts_stand_in_the_order_of_the_page_then_services_then_what_is_gone() -> None:
    told = made([[MIB, 2 * MIB], [3 * MIB, 4 * MIB], [5 * MIB, None]], ["b", "a", "gone"])
    table = news.history(told, pl.Series(["a", "new", "b"]), pl.Series(["none.service"]), 14)
    assert table["name"].to_list() == ["", "", "", "", "gone"]
    assert table["subject"].to_list() == ["", "", "", "", "host"]
    assert decoded(table, 2) == [
        [3 * MIB, 4 * MIB],
        [None, None],
        [MIB, 2 * MIB],
        [None, None],
        [5 * MIB, None],
    ]


@pytest.mark.parametrize("more", [0, 1])
def test_so_many_that_are_gone_are_kept(more: int) -> None:
    told = made([[MIB, None]] * (GONE_MAX + more))
    table = news.history(told, pl.Series([], dtype=pl.String), pl.Series([], dtype=pl.String), 14)
    assert table.height == GONE_MAX


def test_the_last_runs_become_coarser_then_fewer_where_there_is_no_room() -> None:
    drawn: list[list[int | None]] = np.random.default_rng(1).integers(2**32, 2**33, (400, 15)).tolist()
    told = made(drawn)
    hosts, nothing = told.history["name"], pl.Series("service", [], pl.String)
    fine, coarse = (
        pack(news.history(told, hosts, nothing, bits), fields.history_bases(15)).bytes for bits in (14, 9)
    )
    sizes = []
    for free in (fine, coarse, coarse // 2):
        room = Room(int(free / news_part.HISTORY_SHARE) + 2_000)
        part = news_part.fill(told, hosts, nothing, room)
        sizes.append((part.parts["history"].shown, part.tables["history"].bytes))
        assert part.history_hosts == part.parts["history"].shown
    assert sizes[0][0] == sizes[1][0] == 400
    assert sizes[0][1] > sizes[1][1] > sizes[2][1]
    assert sizes[0][1] == fine
    assert sizes[1][1] == coarse
    assert 0 < sizes[2][0] < 400


@pytest.mark.parametrize("more", [0, 1])
def test_so_many_changes_and_findings_are_considered(report: Report, more: int) -> None:
    rows = [{**NOTHING, "place": place, "host": "a"} for place in range(CHANGES_MAX + more)]
    changes = replace(
        report.changes, rows=report.changes.rows.of(pl.DataFrame(rows, schema=schema_of(CHANGES)))
    )
    group = report.findings[0]
    many = replace(report, changes=changes, findings=(group,) * (GROUPS_MAX + more))
    told = news.read(many)
    assert (told.changes.height, told.groups.height) == (CHANGES_MAX, GROUPS_MAX)
    assert told.groups_of == GROUPS_MAX + more


def test_the_page_has_the_news_of_the_run(report: Report, shown: Decoded) -> None:
    changes = report.tables.table(settled.CHANGES).sort("place")
    for name in ("change", "host", "service", "pid", "now_bytes", "kind_now_bytes", "peers", "owner"):
        assert shown.tables["changes"][name] == changes[name].to_list()
    assert shown.tables["groups"]["fingerprint"] == [
        group.fingerprint for group in first_news.by_standing(report.findings)
    ]
    groups = first_news.by_standing(report.findings)
    assert shown.tables["groups"]["named"] == [len(group.first) for group in groups]
    assert shown.tables["members"]["pid"] == [one.pid for group in groups for one in group.first]
    assert len(shown.facts["history"]["runs"]) == RUNS
    assert shown.facts["history"]["hosts"] == len(report.hosts)
    assert [said for said in shown.facts["left_out"] if "change" in said or "last runs" in said] == []


def test_what_does_not_fit_is_said(report: Report) -> None:
    whole = len(page.render(report))
    fixed = len(page.render(report, page_bytes_max=1))
    small = of_page(page.render(report, page_bytes_max=fixed + (whole - fixed) // 6))
    part = small.facts["detail"]
    assert part["changes"]["shown"] < part["changes"]["of"]
    assert any("changes" in said and "--table changes" in said for said in small.facts["left_out"])


def test_the_page_of_a_host_has_what_concerns_it(report: Report) -> None:
    told = news.read(report)
    change = told.changes.row(0, named=True)
    own = news.of_host(told, change["host"])
    assert set(own.changes["host"]) == {change["host"]}
    assert set(own.members["host"]) <= {change["host"]}
    assert own.history.height == 1
    named = {
        group.fingerprint
        for group in report.findings
        if any(one.host == change["host"] for one in group.first)
    }
    assert set(own.groups["fingerprint"]) == named
    assert own.members["_group"].to_list() == sorted(own.members["_group"].to_list())


def test_resolved_and_muted_findings_are_counted_beside_those_that_stand(report: Report) -> None:
    told = first_news.first_news(report)
    counts = {some.name: some.count for some in told.folded}
    assert sum(counts.values()) + told.findings_count == len(report.findings)
    assert counts["muted"] == sum(group.is_muted for group in report.findings)
    assert counts["only worth knowing"] > 0
    assert counts.get("resolved", 0) == sum(
        group.standing == "resolved" and not group.is_muted and group.severity != "info"
        for group in report.findings
    )
    assert all(not group.is_muted for group in told.findings)


def test_mutes_that_mute_nothing_are_told(report: Report) -> None:
    mute = MuteRow("many_arenas", "<b>", "*", "", "known & kept", "2026-11-01", "expired", 0)
    idle = replace(mute, state="unmatched")
    told = page.render(replace(report, mutes=(mute, idle, replace(mute, state="in force")))).decode()
    assert "2 mutes mute nothing" in told
    assert told.count("known &amp; kept") == 2
    assert "<bdi>&lt;b&gt;</bdi>" in told
    assert "it ended on 2026-11-01" in told
    assert "mute nothing" not in page.render(report).decode()


def test_what_to_do_is_about_what_the_headline_names(report: Report) -> None:
    head = headline(report, plain=False)
    assert head.lead is not None
    assert "".join(first_news.split(head)) == head.sentence
    member = replace(report.findings[0].first[0], host=head.lead.host, pid=head.lead.pid or 0)
    fresh = replace(
        report.findings[0],
        code="bloated",
        standing="new",
        severity="warning",
        mute_reason="",
        advice="the advice",
        hosts=1,
    )
    other = replace(fresh, first=(), service="other.service", advice="something else")
    own = replace(fresh, first=(member,), service="own.service")
    told = first_news.to_do(replace(report, findings=(other, own)))
    assert told is not None
    on = f"on {head.lead.host}"
    assert (told.where, told.advice) == (f"own.service {on}", "the advice")
    by_kind = first_news.to_do(replace(report, findings=(other,)))
    assert by_kind is not None
    assert by_kind.where == f"{change_words.on(head.lead)}, {change_words.kind_name(head.lead.kind)}"
    growth = replace(own, code="grew", service="growth.service")
    of_growth = first_news.to_do(replace(report, findings=(other, own, growth)))
    assert of_growth is not None
    assert of_growth.where == f"growth.service {on}"
    arenas = replace(own, code="few_arenas", kind=head.lead.kind, service="arenas.service")
    of_kind = first_news.to_do(replace(report, findings=(other, own, growth, arenas)))
    assert of_kind is not None
    assert of_kind.where == f"arenas.service {on}"


def test_without_growth_the_first_thing_to_do_is_about_a_host_that_newly_fails(report: Report) -> None:
    rows = report.changes.rows.table.filter(~pl.col("change").is_in(["grew", "shrank"]))
    calm = replace(report, changes=replace(report.changes, rows=report.changes.rows.of(rows)))
    told = first_news.to_do(calm)
    failed = rows.filter(pl.col("change") == "failed")["host"][0]
    (remedy,) = {group.remedy for group in report.failures if failed in group.hosts}
    assert told is not None
    assert told.where == failed
    assert told.advice.lower() == f"{remedy.lower()}."
    quiet = replace(report, changes=replace(report.changes, rows=report.changes.rows[:0]), findings=())
    assert first_news.to_do(quiet) is None


def test_one_piece_of_news_is_one_row_of_the_first_screen(report: Report) -> None:
    told = first_news.first_news(report)
    assert len(told.changes) == first_news.CHANGES_MAX
    assert told.is_cut
    lead = headline(report, plain=False).lead
    assert lead is not None
    assert told.changes[0].place == lead.place
    changes = news.read(report).changes
    for row, at in zip(told.changes, told.places, strict=True):
        assert changes.row(at, named=True)["host"] == row.host
        assert changes.row(at, named=True)["change"] == row.change
    groups = first_news.by_standing(report.findings)
    assert [groups[at] for at in told.finding_places] == list(told.findings)


def test_the_changes_of_the_page_begin_with_what_the_headline_names(report: Report) -> None:
    rows = report.changes.rows.table
    first = rows.filter(pl.col("place") == 1)
    behind = pl.concat(
        [first.with_columns(pl.lit("failed").alias("change"), pl.lit(0, pl.Int64).alias("place")), rows]
    )
    later = replace(report, changes=replace(report.changes, rows=report.changes.rows.of(behind)))
    lead = headline(later, plain=False).lead
    assert lead is not None
    assert lead.change == "grew"
    assert news.read(later).changes["change"].to_list()[:2] == ["grew", "failed"]


def test_the_heading_ends_without_what_joins_it_to_the_rest(report: Report) -> None:
    head = first_news.split(headline(report, plain=False))
    assert head[0].endswith("; ")
    heading = page.render(report).decode().partition("<h1>")[2].partition("<span")[0]
    assert heading
    assert not heading.rstrip().endswith((";", ","))


def test_a_run_without_news_has_a_page_that_says_so(tmp_path: Path) -> None:
    run = closed_run(Runs(str(tmp_path)), Fleet(5, earlier=0))
    html = page.render(reporting.report(run))
    assert b"Nothing to compare with" in html
    assert b'id="changes"' not in html
    assert of_page(html).rows["changes"] == 0
