"""What changed, what was found and what the last runs were, in a real browser: figures, order and words."""

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import Browser

from archive.run import Run
from archive.runs import Runs
from reports import report as reporting
from reports.page import addresses, first_screen, page
from reports.sentence import finding_words
from reports.tables.settled import Settled
from reports.text import sizes
from tests.browser import chromium
from tests.reports.changes.nights import folder
from tests.reports.changes.test_pools import pool, two
from tests.reports.page.conftest import written
from tests.reports.page.lab import Lab, opened
from tests.synthetic.closed_run import Fleet, closed_run
from tests.synthetic.news import tell

pytestmark = pytest.mark.journey

HOSTS = 60
EXACT = 2.0**-8  # the last runs are rounded to this part of a row's largest value, or finer
_IN_SIGHT = """(height) => [...document.querySelectorAll("#top *, #changes tr")]
  .filter((at) => at.getBoundingClientRect().bottom <= height).map((at) => at.innerText)"""
CELLS = "(rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent.trim()))"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return tell(closed_run(Runs(str(tmp_path_factory.mktemp("runs"))), Fleet(HOSTS, failed=0.1)))


@pytest.fixture(scope="module")
def tables(run: Run) -> Settled:
    return Settled(run)


@pytest.fixture(scope="module")
def file(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(run, tmp_path_factory.mktemp("page") / "page.html")


@pytest.fixture(scope="module")
def lab(browser: Browser, file: Path) -> Iterator[Lab]:
    with opened(browser, file) as seen:
        yield seen
        assert seen.broken() == []


def cells(lab: Lab, grid: str) -> list[list[str]]:
    """The texts of the rows that are drawn."""
    found: list[list[str]] = lab.page.locator(f"{grid} tbody tr").evaluate_all(CELLS)
    return found


def heads(lab: Lab, grid: str) -> list[str]:
    return [text.strip() for text in lab.page.locator(f"{grid} thead th").all_inner_texts()]


def column(lab: Lab, grid: str, title: str) -> list[str]:
    place = heads(lab, grid).index(title)
    return [row[place] for row in cells(lab, grid)]


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
@pytest.mark.parametrize("scripts", [True, False])
def test_the_first_screen_says_what_changed_where_why_and_what_to_do(
    browser: Browser, file: Path, tables: Settled, width: int, height: int, *, scripts: bool
) -> None:
    change = tables.table("changes").row(0, named=True)
    with opened(browser, file, width=width, scripts=scripts) as lab:
        lab.page.set_viewport_size({"width": width, "height": height})
        text = "\n".join(lab.page.evaluate(_IN_SIGHT, height))
        assert sizes.growth(change["change_bytes"]) in text
        assert change["host"] in text
        assert change["service"] in text
        assert "arenas" in text
        assert "What to do" in text
        assert "PARTIAL, CHANGED" in text
        assert lab.page.locator("h1:visible").count() == 1
        assert lab.too_wide() == []


def test_changes_stand_in_their_order_with_all_figures(lab: Lab, tables: Settled) -> None:
    lab.go("#/changes")
    changes = tables.table("changes").sort("place")
    count = len(cells(lab, "#changes-table"))
    assert count > 10
    assert column(lab, "#changes-table", "Before") == [
        sizes.size(value) for value in changes["before_bytes"][:count]
    ]
    shown = heads(lab, "#changes-table")
    assert [row[shown.index("By")] for row in cells(lab, "#changes-table")] == [
        sizes.growth(value) for value in changes["change_bytes"][:count]
    ]
    first = changes.row(0, named=True)
    assert column(lab, "#changes-table", "Kind that changed most")[0] == (
        f"{first['kind']}{sizes.size(first['kind_before_bytes'], bound=True)} to "
        f"{sizes.size(first['kind_now_bytes'], bound=True)}"
    )
    assert first["kind_exact"] == "no"
    words = [row[1] for row in cells(lab, "#changes-table")[1:8]]
    assert words == ["newly fails", "gone", "recovered", "new", "rebooted", "restarted", "gone"]


def test_findings_are_counted_alike_on_the_first_screen_and_in_their_view(lab: Lab, run: Run) -> None:
    sorts = finding_words.sorts(reporting.report(run))
    lab.go("#/")
    head = lab.page.locator("#findings-head").inner_text()
    folded = lab.page.locator("#findings summary").all_inner_texts()
    first = dict(each.split(" ", 1)[::-1] for each in [*head.removeprefix("Findings: ").split(", "), *folded])
    lab.go("#/findings")
    every, *chips = lab.page.locator("#view .chips button").all_inner_texts()
    view = dict(each.rsplit(" ", 1) for each in chips)
    assert first == view == {said: sizes.number(count) for said, count in sorts.items()}
    assert len(sorts) > 5
    assert lab.page.locator("#view .count").inner_text().split()[0] == every.split()[-1]
    for said, count in view.items():
        lab.page.get_by_role("button", name=f"{said} {count}", exact=True).click()
        assert lab.page.locator("#view .count").inner_text().split()[0] == count


def test_a_table_that_the_filter_does_not_act_on_says_so(lab: Lab) -> None:
    said = "The filter does not act on this table."
    lab.go("#/kinds?find=java")
    assert lab.page.locator("#view").get_by_text(said).is_visible()
    for filtered in ("#/kinds", "#/hosts?find=java"):
        lab.go(filtered)
        assert not lab.page.locator("#view").get_by_text(said).is_visible()


_SHOWN_WHOLE = """(rows) => rows.map((row) => {
  const range = document.createRange();
  range.selectNodeContents(row.querySelector("th"));
  const cell = row.querySelector("th").getBoundingClientRect();
  const inside = ({ right, bottom }) => right <= cell.right + 1 && bottom <= cell.bottom + 1;
  return [row.querySelector("th").textContent, [...range.getClientRects()].every(inside)];
})"""


@pytest.mark.parametrize("view", ["hosts", "services", "stacks"])
def test_on_a_narrow_screen_names_are_whole(browser: Browser, file: Path, view: str) -> None:
    with opened(browser, file, width=390, address=f"#/{view}") as narrow:
        rows = narrow.page.locator("#view tbody tr").evaluate_all(_SHOWN_WHOLE)
        assert len(rows) > 5
        assert [name for name, is_whole in rows if not is_whole] == []


def test_the_filter_finds_changes_and_findings(lab: Lab, tables: Settled) -> None:
    lab.go("#/changes?find=is%3Arestarted")
    assert {row[1] for row in cells(lab, "#changes-table")} == {"rebooted", "restarted"}
    lab.go("#/changes?find=growth%3E300M")
    told = tables.table("changes").filter(pl.col("change_bytes") > 300 * 2**20)
    assert lab.page.locator("#view .count").inner_text().startswith(f"{told.height} of ")
    lab.go("#/changes?find=gone-01")
    assert [row[0] for row in cells(lab, "#changes-table")] == ["gone-01"]
    groups = tables.table("finding_groups").filter(
        (pl.col("code") == "many_arenas") & (pl.col("mute_reason") == "") & (pl.col("standing") != "resolved")
    )
    assert groups.height
    lab.go("#/findings?find=many_arenas")
    assert lab.page.locator("#view .count").inner_text().startswith(f"{groups.height} of ")


def test_findings_that_are_resolved_or_muted_are_counted_and_shown_on_demand(
    lab: Lab, tables: Settled
) -> None:
    groups = tables.table("finding_groups")
    is_muted = pl.col("mute_reason") != ""
    muted = groups.filter(is_muted)
    is_remark = pl.col("severity") == "info"
    resolved = groups.filter(~is_muted & ~is_remark & (pl.col("standing") == "resolved"))
    assert muted.height
    assert resolved.height
    lab.go("#/findings")
    chips = lab.page.locator("#view .chips button").all_inner_texts()
    assert f"muted {muted.height}" in chips
    assert f"resolved {resolved.height}" in chips
    stands = groups.filter(~is_muted & (pl.col("standing") != "resolved")).height
    assert lab.page.locator("#findings-table").get_attribute("aria-rowcount") == str(stands + 1)
    lab.page.get_by_role("button", name=f"resolved {resolved.height}").press("Enter")
    lab.drawn()
    assert column(lab, "#findings-table", "Finding") == resolved["title"].to_list()
    lab.page.wait_for_url("**standing=resolved*")


def test_a_finding_has_a_view_with_advice_and_members(lab: Lab, tables: Settled) -> None:
    stands = (pl.col("members") > 1) & (pl.col("standing") != "resolved") & (pl.col("mute_reason") == "")
    group = tables.table("finding_groups").filter(stands).row(0, named=True)
    lab.go(f"#/finding/{group['fingerprint']}")
    text = lab.page.locator("#view").inner_text()
    for said in (group["title"], group["advice"], group["confirm"], sizes.when(group["since_at"])):
        assert said in text
    hosts = sorted(column(lab, "#members-table", "Host"))
    assert hosts == sorted(one["host"] for one in group["first"])
    link = lab.page.locator("#members-table tbody th a").first
    pid = link.inner_text().rsplit("(", 1)[1].rstrip(")")
    link.press("Enter")
    lab.drawn()
    assert f"({pid})" in lab.page.locator("#view h1").inner_text()
    assert group["title"] in lab.page.locator("#view .findings").first.inner_text()


def test_a_host_and_a_process_say_first_what_changed(lab: Lab, tables: Settled) -> None:
    change = tables.table("changes").row(0, named=True)
    for address in (
        addresses.host(change["host"]),
        addresses.process(change["host"], change["pid"]),
        addresses.service(change["service"]),
    ):
        lab.go(address)
        assert lab.page.locator("#view h2").first.inner_text() == "What changed"
        assert sizes.growth(change["change_bytes"]) in lab.page.locator("#changes-table").inner_text()
    lab.go("#/host/gone-01")
    assert lab.page.locator("#view h1").inner_text() == "Nothing has this address"


def test_the_filter_reaches_what_the_first_screen_says(lab: Lab, tables: Settled) -> None:
    lab.go("#/")
    all_changes = lab.page.locator("#changes tr[data-row]:visible").count()
    all_findings = lab.page.locator("#findings li[data-row]:visible").count()
    assert all_changes > 1
    assert all_findings > 1
    name = tables.table("changes").sort("place")["host"][0]
    lab.page.locator("#filter").fill(name)
    lab.drawn()
    rows = lab.page.locator("#changes tr[data-row]:visible").all_inner_texts()
    assert 0 < len(rows) < all_changes
    assert all(name in row for row in rows)
    assert (
        f"{len(rows)} of the {all_changes} here match" in lab.page.locator("#changes .filtered").inner_text()
    )
    findings = lab.page.locator("#findings li[data-row]:visible")
    assert findings.count() < all_findings
    lab.page.locator("#filter").fill("gone-01")
    lab.drawn()
    said = lab.page.locator("#shown").inner_text()
    assert said.startswith("0 of ")
    assert f"1 of {tables.table('changes').height} changes" in said
    assert findings.count() == 0
    lab.page.locator("#filter").fill("")
    lab.drawn()
    assert lab.page.locator("#changes tr[data-row]:visible").count() == all_changes
    assert lab.page.locator(".filtered").count() == 0


def test_on_a_narrow_screen_a_change_says_where_and_why(
    browser: Browser, file: Path, tables: Settled
) -> None:
    changes = tables.table("changes").sort("place")
    failed = changes.filter(pl.col("change") == "failed").row(0, named=True)
    grown = changes.filter(pl.col("subject") == "process").row(0, named=True)
    with opened(browser, file, width=390) as lab:
        lab.go("#/changes")
        shown = column(lab, "#changes-table", "Where")
        assert any(failed["host"] in text and failed["reason"] in text for text in shown)
        assert any(f"({grown['pid']})" in text and grown["host"] in text for text in shown)
        assert lab.too_wide() == []


def test_the_kind_of_a_service_is_said_to_be_that_of_one_process(
    browser: Browser, run: Run, tmp_path: Path
) -> None:
    report = reporting.report(run)
    grown = report.changes.rows.table.filter(pl.col("change") == "grew").with_columns(
        pl.lit("heap_arena").alias("kind"),
        pl.lit(2**20, pl.Int64).alias("kind_before_bytes"),
        pl.lit(2**30, pl.Int64).alias("kind_now_bytes"),
    )
    process = grown.filter(pl.col("subject") == "process").head(1)
    rows = pl.concat([process, process.with_columns(pl.lit("service").alias("subject"))])
    told = replace(report, changes=replace(report.changes, rows=report.changes.rows.of(rows)))
    file = tmp_path / "page.html"
    file.write_bytes(page.render(told))
    with opened(browser, file) as lab:
        lab.go("#/changes")
        kinds = column(lab, "#changes-table", "Kind that changed most")
        where = column(lab, "#changes-table", "Where")
        assert len(kinds) == 2
        for text, place in zip(kinds, where, strict=True):
            assert ("in one process" in text) is ("(" not in place)


def test_a_host_whose_processes_were_only_restarted_shows_no_growth_of_0(
    browser: Browser, run: Run, tmp_path: Path
) -> None:
    report = reporting.report(run)
    table = report.hosts.table.with_columns(
        pl.lit(1, pl.Int64).alias("restarted"), pl.lit(0, pl.Int64).alias("growth_bytes")
    )
    file = tmp_path / "page.html"
    file.write_bytes(page.render(replace(report, hosts=report.hosts.of(table))))
    with opened(browser, file, scripts=False) as lab:
        assert "restarted" in lab.page.locator("#hosts tbody").inner_text()


def history(tables: Settled, subject: str, name: str, measure: str) -> list[int | None]:
    """The values of the last runs."""
    row = tables.table("history").filter((pl.col("subject") == subject) & (pl.col("name") == name))
    values: list[int | None] = row[measure].item().to_list()
    return values


def close(shown: float | None, value: int | None, largest: int) -> bool:
    """Whether a value is what it was rounded to."""
    if value is None or shown is None:
        return value is shown
    return abs(shown - value) <= max(EXACT * largest, 1)


def test_no_two_columns_of_a_table_have_one_name(lab: Lab, tables: Settled) -> None:
    name = tables.table("history").filter(pl.col("subject") == "host")["name"][0]
    for address, grids in (
        ("#/changes", ["#changes-table"]),
        ("#/findings", ["#findings-table"]),
        (addresses.host(name), ["#runs-table", "#processes-table"]),
    ):
        lab.go(address)
        for grid in grids:
            titles = [title for title in heads(lab, grid) if title]
            assert len(titles) > 4
            assert len(set(titles)) == len(titles), titles


def test_a_service_that_has_more_processes_says_how_many_then_and_now(
    browser: Browser, tmp_path: Path
) -> None:
    file = written(two(folder(tmp_path), pool(9), pool(499)), tmp_path / "page.html")
    with opened(browser, file, address="#/changes") as lab:
        place = column(lab, "#changes-table", "Change").index("grew")
        assert column(lab, "#changes-table", "Kind that changed most")[place] == "10 to 500 processes"
        assert column(lab, "#changes-table", "Count")[place] == "10 to 500"


def test_titles_of_findings_are_told_on_a_narrow_screen(browser: Browser, file: Path) -> None:
    with opened(browser, file, width=390, address="#/findings") as lab:
        links = lab.page.locator("#findings-table tbody th a")
        lines = links.evaluate_all("(all) => all.map((a) => a.getBoundingClientRect().height)")
        rows = lab.page.locator("#findings-table tbody tr")
        heights = rows.evaluate_all("(all) => all.map((row) => row.getBoundingClientRect().height)")
        assert max(lines) > 30  # of pixels: more than a line
        assert len({round(height) for height in heights}) == 1  # which a table of any length needs
        assert lab.too_wide() == []


def test_the_last_runs_are_a_table_too_and_unknown_ones_are_gaps(lab: Lab, tables: Settled) -> None:
    runs = tables.table("history_runs")
    with_gap = tables.table("history").filter(
        (pl.col("subject") == "host")
        & pl.col("anon_bytes").list.slice(1, 13).list.eval(pl.element().is_null()).list.any()
        & pl.col("anon_bytes").list.last().is_not_null()
    )
    for name in (with_gap["name"][0], with_gap["name"][-1]):
        lab.go(addresses.host(name))
        values = history(tables, "host", name, "anon_bytes")
        assert column(lab, "#runs-table", "Run")[0].startswith("Sun 22 Nov")
        assert len(cells(lab, "#runs-table")) == runs.height
        shown = column(lab, "#runs-table", "Anonymous memory")
        assert [text == sizes.DASH for text in shown] == [value is None for value in reversed(values)]
        picture = lab.page.locator("#view .pictures svg").first
        label = picture.get_attribute("aria-label") or ""
        gaps = values.count(None)
        assert f"not known in {gaps} run" in label
        path = picture.locator("path").get_attribute("d") or ""
        assert path.count("M") > 1
        assert path.count("M") + path.count("L") == len(values) - gaps
        with lab.page.expect_download() as begun:
            lab.page.get_by_role("button", name="Download runs as JSON").press("Enter")
        rows = json.loads(begun.value.path().read_text("utf-8"))["rows"]
        assert [row["started_at"] for row in rows] == runs["started_at"].to_list()[::-1]
        largest = max(value for value in values if value is not None)
        assert all(
            close(row["anon_bytes"], value, largest)
            for row, value in zip(rows, reversed(values), strict=True)
        )


def test_lines_in_the_tables_say_what_they_draw(lab: Lab, tables: Settled) -> None:
    lab.go("#/hosts?sort=-runs")
    labels = lab.page.locator("#hosts-table svg.spark").evaluate_all(
        "(lines) => lines.map((line) => line.getAttribute('aria-label'))"
    )
    assert labels[0].startswith("Anonymous memory: ")
    assert " on Sun 22 Nov 04:00" in labels[0]
    name = lab.page.locator("#hosts-table tbody th bdi").first.inner_text()
    known = {
        row["name"]: [value for value in row["anon_bytes"] if value is not None]
        for row in tables.table("history").filter(pl.col("subject") == "host").iter_rows(named=True)
    }
    most = max(values[-1] - values[0] for host, values in known.items() if host != "gone-01" and values)
    assert known[name][-1] - known[name][0] >= most - 2 * EXACT * max(known[name])


def test_any_two_runs_can_be_compared_and_the_sums_are_those_of_the_rows(lab: Lab, tables: Settled) -> None:
    runs = tables.table("history_runs")["run_id"].to_list()
    a, b = 3, 11
    lab.go(f"#/compare?a={runs[a]}&b={runs[b]}")
    for subject, grid in (("host", "#compare-hosts"), ("service", "#compare-services")):
        rows = tables.table("history").filter(pl.col("subject") == subject)
        pairs = [(values[a], values[b]) for values in rows["anon_bytes"].to_list()]
        both = [pair for pair in pairs if None not in pair]
        with lab.page.expect_download() as begun:
            name = f"Download {subject}s as CSV"
            lab.page.get_by_role("button", name=name).press("Enter")
        told = list(csv.DictReader(StringIO(begun.value.path().read_text("utf-8"))))
        assert len(told) == rows.height
        shown = {row["name"]: row for row in told}
        for row in rows.iter_rows(named=True):
            largest = max((value for value in row["anon_bytes"] if value is not None), default=0)
            for at, side in ((a, "a"), (b, "b")):
                text = shown[row["name"]][f"anon_bytes_{side}"]
                assert close(float(text) if text else None, row["anon_bytes"][at], largest)
        sums = lab.page.locator(f"{grid} tfoot td").all_inner_texts()
        total = sum(float(row["anon_bytes_a"]) for row in told if row["anon_bytes_a"] and row["anon_bytes_b"])
        assert sums[1] == sizes.size(int(total))
        assert abs(total - sum(pair[0] for pair in both)) <= EXACT * sum(pair[0] for pair in both)
    said = lab.page.locator("#view [role=status]").inner_text()
    hosts = tables.table("history").filter(pl.col("subject") == "host")["anon_bytes"].to_list()
    assert f"{sum(row[a] is not None and row[b] is None for row in hosts)} only in A" in said
    assert "gone-01" in lab.page.locator("#compare-hosts").inner_text()
    assert "only processes that are in both runs" in lab.page.locator("#view").inner_text()


def test_another_run_is_chosen_by_its_date_and_the_address_keeps_it(lab: Lab, tables: Settled) -> None:
    runs = tables.table("history_runs")
    lab.go("#/compare")
    before = cells(lab, "#compare-hosts")
    chooser = lab.page.get_by_label("A", exact=True)
    assert chooser.locator("option").all_inner_texts()[0] == "Sun 8 Nov 04:00"
    chooser.select_option(label="Mon 9 Nov 04:00")
    lab.drawn()
    assert cells(lab, "#compare-hosts") != before
    lab.page.wait_for_url(f"**a={runs['run_id'][1]}*")
    after = cells(lab, "#compare-hosts")
    lab.page.reload()
    lab.page.wait_for_function("performance.getEntriesByName('mapsweep-ready').length")
    lab.drawn()
    assert cells(lab, "#compare-hosts") == after
    lab.page.locator("#filter").fill("gone")
    lab.drawn()
    assert [row[0] for row in cells(lab, "#compare-hosts")] == ["gone-01not in this run"]
    lab.page.locator("#filter").fill("")


def test_a_run_without_news_offers_none(browser: Browser, tmp_path: Path) -> None:
    run = closed_run(Runs(str(tmp_path / "runs")), Fleet(12, earlier=0))
    with opened(browser, written(run, tmp_path / "page.html")) as lab:
        offered = lab.page.locator("#bar nav a").all_inner_texts()
        assert "Compare" not in offered
        assert "Changes" not in offered
        assert lab.page.locator("#changes").count() == 0
        assert "Nothing to compare with" in lab.page.locator("h1:visible").inner_text()
        lab.go("#/compare")
        assert lab.page.locator("#view h1").inner_text() == "Nothing has this address"
        assert lab.broken() == []


def test_a_service_that_changed_has_a_link_though_its_row_is_not_among_the_first(
    browser: Browser, run: Run, tables: Settled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_screen, "TOP_MAX", 1)
    _largest, *others = (row.service for row in reporting.report(run).services)
    changed = tables.table("changes").sort("place")["service"].head(5)
    name = next(each for each in changed if each in others)
    with opened(browser, written(run, tmp_path / "page.html"), scripts=False) as lab:
        static = lab.page.locator("#changes").get_by_role("link")
        assert name not in static.all_inner_texts()
    with opened(browser, tmp_path / "page.html") as lab:
        lab.page.locator("#changes").get_by_role("link", name=name, exact=True).first.click()
        lab.drawn()
        assert lab.page.locator("#view h1").inner_text().startswith(name)
        assert lab.broken() == []


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("address", ["#/", "#/hosts", "#/changes"])
def test_what_the_filter_says_covers_nothing(browser: Browser, file: Path, width: int, address: str) -> None:
    with opened(browser, file, width=width, address=f"{address}?find=app") as lab:
        above = lab.page.locator("#bar .told").evaluate("(told) => told.getBoundingClientRect().bottom")
        texts = lab.page.locator("main *:visible, header *:visible")
        assert min(texts.evaluate_all("(all) => all.map((at) => at.getBoundingClientRect().top)")) >= above
        assert lab.too_wide() == []


def test_a_run_that_the_page_does_not_have_is_not_compared_in_silence(lab: Lab, tables: Settled) -> None:
    runs = tables.table("history_runs")["run_id"].to_list()
    lab.go(f"#/compare?a=20200101T000000Z-nightly-beef&b={runs[11]}")
    said = lab.page.locator("#view [role=status]").first
    assert (
        "The address names 20200101T000000Z-nightly-beef, which this page does not have" in said.inner_text()
    )
    lab.page.get_by_label("A", exact=True).select_option(index=3)
    lab.drawn()
    assert "does not have" not in said.inner_text()
